"""Servers that outlive the command that started them, and are ended exactly.

A pid alone is not an identity: it is reused. A record therefore holds the pid
with the process's start time and the boot it belongs to, and nothing is ever
signalled whose record no longer matches.
"""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from core.files import read_json, write_json

RECORDS = "pids"
TERM_SECONDS = 15
KILL_SECONDS = 10


class Process:
    def __init__(self, record: Path, pid: int, identity: str | None, log: Path, child=None):
        self.record = record
        self.pid = pid
        self.identity = identity
        self.log = log
        self.child = child

    @classmethod
    def spawn(cls, stand: Path, part: str, name: str, argv, cwd: Path) -> "Process":
        """Start a server in a session of its own, logging to `<stand>/<name>.log`."""
        log = stand / f"{name}.log"
        with open(log, "ab") as out:
            child = subprocess.Popen(
                [str(a) for a in argv],
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        record = stand / RECORDS / part / f"{name}.json"
        process = cls(record, child.pid, _identity(child.pid), log, child)
        record.parent.mkdir(parents=True, exist_ok=True)
        write_json(record, {"pid": process.pid, "identity": process.identity, "log": str(log)})
        return process

    @classmethod
    def recorded(cls, stand: Path, part: str) -> list["Process"]:
        """The processes another command started for a part (`*`: any) of this stand."""
        found = []
        for record in sorted((stand / RECORDS).glob(f"{part}/*.json")):
            value = read_json(record)
            if value:
                found.append(cls(record, value["pid"], value["identity"], Path(value["log"])))
        return found

    def alive(self) -> bool:
        if self.child is not None:
            return self.child.poll() is None
        return self.identity is not None and _identity(self.pid) == self.identity

    def send(self, number: int) -> None:
        if self.alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def end_all(processes: list[Process]) -> list[Process]:
    """Ask all to end, insist with those that do not; returns any that survive."""
    left = processes
    for number, seconds in ((signal.SIGTERM, TERM_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        for process in left:
            process.send(number)
        left = _still_alive(left, seconds)
    for process in processes:
        if process not in left:
            process.record.unlink(missing_ok=True)
    return left


def _still_alive(processes: list[Process], seconds: float) -> list[Process]:
    until = time.monotonic() + seconds
    left = [p for p in processes if p.alive()]
    while left and time.monotonic() < until:
        time.sleep(0.05)
        left = [p for p in left if p.alive()]
    return left


def _identity(pid: int) -> str | None:
    """Boot and start time of a running process; None for one that is gone.

    A zombie is gone: it holds no port, and where nobody reaps it, it stays forever.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    # The command in parentheses may hold spaces, so count from its end.
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else f"{boot}/{fields[18]}"
