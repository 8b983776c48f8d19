"""The image's files in a folder, without Docker: those that the last stage copies, over what its base has of a C library.

The base (distroless `cc`) cannot be had here, so its part is taken from this machine: of all libraries only those that it has. An
executable that needs any other is refused, as it would not start in the image.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from core.errors import MissingTool
from dockerfile import Copy

#: What distroless `cc` has of libraries that a Rust executable may link.
BASE_LIBRARIES = {"ld-linux-x86-64.so.2", "libc.so.6", "libm.so.6", "libgcc_s.so.1", "libpthread.so.0", "libdl.so.2", "librt.so.1"}
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
USER = 65532


def libraries(binary: Path) -> dict[str, Path]:
    """What the loader takes for it: name to file."""
    answer = subprocess.run(["ldd", binary], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise ValueError(f"ldd {binary}: {answer.stderr.strip() or answer.stdout.strip()}")
    found = {}
    for line in answer.stdout.splitlines():
        if "not found" in line:
            raise ValueError(f"ldd {binary}: {line.strip()}")
        at = re.search(r"(/\S+) \(0x", line)
        if at:
            found[Path(at.group(1)).name] = Path(at.group(1))
    return found


def missing_in_base(binary: Path) -> list[str]:
    return sorted(set(libraries(binary)) - BASE_LIBRARIES)


def assemble(root: Path, copies: list[Copy], sources: dict[str, Path], binary: Path) -> None:
    """Fills `root`. `sources` says for a path of the build stage which file it is here."""
    for name, path in libraries(binary).items():
        if name in BASE_LIBRARIES:
            _put(path.resolve(), root / str(path).lstrip("/"), 0o755)
    _put(CERTIFICATES.resolve(), root / str(CERTIFICATES).lstrip("/"), 0o444)
    (root / "etc" / "passwd").write_text(f"nonroot:x:{USER}:{USER}:nonroot:/home/nonroot:/sbin/nologin\n")
    for folder in ("proc", "dev", "tmp"):
        (root / folder).mkdir()
    (root / "dev" / "null").touch()
    for copy in copies:
        if copy.source not in sources:
            raise ValueError(f"COPY {copy.source}: no file here stands for it")
        _put(sources[copy.source], root / copy.target.lstrip("/"), copy.mode or 0o644)


def command(root: Path, entrypoint: list[str], writable: dict[str, Path] | None = None) -> list:
    """Runs an entry point in the root as the image's user: read-only but for folders mounted from outside, as Kubernetes mounts volumes."""
    mounts = "".join(
        f'mkdir -p "{root}{inside}"; mount --bind "{outside}" "{root}{inside}"; ' for inside, outside in (writable or {}).items())
    script = (
        f'set -e; mount --bind "{root}" "{root}"; mount --bind /dev/null "{root}/dev/null"; {mounts}'
        f'mount -o remount,bind,ro "{root}"; '
        f'exec unshare --user --map-user={USER} --map-group={USER} --root="{root}" --wd=/ "$@"'
    )
    return [*_apart(), "sh", "-c", script, "sh", *entrypoint]


def require_namespaces() -> None:
    """Some machines have no `unshare`, or let nobody but root use it."""
    try:
        answer = subprocess.run([*_apart(), "unshare", "--user", "true"], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise MissingTool("unshare is missing (util-linux)") from error
    if answer.returncode != 0:
        raise MissingTool(f"this machine allows no namespaces of its own: {answer.stderr.strip()}")


def _apart() -> list[str]:
    return ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), "--mount"]


def _put(source: Path, target: Path, mode: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)
