"""Where installed parts live, outside of the source tree, shared by all checkouts."""

import os
import shutil
import time
from pathlib import Path

from core.files import locked, read_json, write_json
from core.report import say

MARKER = "installed.json"


class Cache:
    def __init__(self, root: Path):
        self.root = root

    @classmethod
    def from_environment(cls) -> "Cache":
        root = os.environ.get("TIDEGATE_CACHE")
        if not root:
            base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
            root = Path(base) / "tidegate"
        return cls(Path(root).absolute())

    def folder(self, name: str, version: str) -> Path:
        return self.root / "parts" / f"{name}-{version}"

    def has(self, name: str, version: str) -> bool:
        return read_json(self.folder(name, version) / MARKER) is not None

    def ensure(self, name: str, version: str, build) -> Path:
        """Run `build(folder)` once; a build that did not finish is started anew.

        The marker is written last, so a folder without it is half an install,
        whatever it holds.
        """
        folder = self.folder(name, version)
        if self.has(name, version):
            return folder
        with self.lock(folder.name, name):
            if not self.has(name, version):
                began = time.monotonic()
                say(name, f"installing {version}")
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
                build(folder)
                seconds = round(time.monotonic() - began, 1)
                megabytes = round(_bytes_in(folder) / 1e6)
                write_json(folder / MARKER, {"seconds": seconds, "megabytes": megabytes})
                say(name, f"installed {version} in {seconds} s, {megabytes} MB")
        return folder

    def lock(self, what: str, who: str | None = None):
        """One process at a time does `what`, on the whole machine; `who` says that it waits."""
        notice = who and (lambda: say(who, f"waiting for another process ({what})"))
        return locked(self.root / "locks" / what, on_wait=notice)

    def log(self, name: str) -> Path:
        """A fresh log for an installer's output."""
        path = self.root / "logs" / f"{name}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        return path


def _bytes_in(folder: Path) -> int:
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file() and not f.is_symlink())
