"""Whole-file writes and locks that hold across processes."""

import fcntl
import json
import os
from contextlib import contextmanager
from pathlib import Path

from core import cancel


def write_json(path: Path, value) -> None:
    """Readers see the old file or the new one, never half of one."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    draft.write_text(json.dumps(value, indent=2) + "\n")
    os.replace(draft, path)


def read_json(path: Path):
    """The file's value, or None where there is none."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None


@contextmanager
def locked(path: Path, on_wait=None, wait=cancel.pause):
    """Hold an exclusive lock on a file or folder; the kernel drops it when the holder dies."""
    if not path.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    handle = os.open(path, os.O_RDONLY)
    try:
        while not _try_lock(handle):
            if on_wait:
                on_wait()
                on_wait = None
            wait(0.1)
        yield
    finally:
        os.close(handle)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
