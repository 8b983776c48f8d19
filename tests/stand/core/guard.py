"""A stand that must not outlive its command, even when that is killed outright.

The guard is a process that waits on a pipe. Only the command holds the other
end, so its death by any cause closes the pipe, and the guard takes the stand
down. After an orderly end there is nothing left for it to do.
"""

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

COMMAND = "_guard"


@contextmanager
def guarded(program: Path, folder: Path):
    """Keep a guard over the stand in `folder` while the block runs."""
    guard = subprocess.Popen(
        [sys.executable, program, COMMAND, "--dir", folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        guard.stdin.close()
        guard.wait()


def wait_for_end() -> None:
    """Return once the guarded command is gone."""
    sys.stdin.buffer.read()
