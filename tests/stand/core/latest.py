"""The stands brought up without naming a folder, newest last, so `down` finds them."""

from pathlib import Path

from core.cache import Cache


class Latest:
    def __init__(self, cache: Cache):
        self.cache = cache
        self.path = cache.root / "stands"

    def add(self, folder: Path) -> None:
        with self.cache.lock("stands"):
            self._write([*self._read(), folder])

    def remove(self, folder: Path) -> None:
        with self.cache.lock("stands"):
            self._write([f for f in self._read() if f != folder])

    def folder(self) -> Path | None:
        """The newest stand whose folder still exists."""
        return next((f for f in reversed(self._read()) if f.is_dir()), None)

    def _read(self) -> list[Path]:
        if not self.path.exists():
            return []
        return [Path(line) for line in self.path.read_text().splitlines()]

    def _write(self, folders: list[Path]) -> None:
        self.path.write_text("".join(f"{f}\n" for f in folders if f.is_dir()))
