"""Bringing a list of parts up in a folder, and taking them down again.

The folder is the whole state of a stand: which processes run, where they
listen, what they wrote. Every command finds a stand by its folder alone.
"""

import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from core import cancel, tools
from core.cache import Cache
from core.errors import PartFailed, StandError
from core.files import locked, read_json, write_json
from core.ports import Ports
from core.process import RECORDS, Process, end_all
from core.report import say, tail

ADDRESSES = "stand.json"
MARKER = "folder.json"


def install(cache: Cache, parts: list) -> None:
    """Make every part present in the cache."""
    tools.require({part.name: _tools_of(part, cache) for part in parts})
    _each(parts, lambda part: part.install(cache))


def make_folder(wanted: Path | None) -> Path:
    """The folder a stand will live in: the wanted one, or a temporary one of its own."""
    folder = wanted.absolute() if wanted else Path(tempfile.mkdtemp(prefix="tidegate-stand-"))
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / MARKER).exists():
        return folder
    if any(folder.iterdir()):
        raise StandError(f"{folder} is not empty and no stand made it; choose another folder")
    write_json(folder / MARKER, {"temporary": wanted is None})
    return folder


def up(cache: Cache, parts: list, folder: Path, patience: float) -> dict:
    """Start every part and wait until all serve; on any failure nothing is left running."""
    began = time.monotonic()
    with locked(folder):
        _refuse_running(folder)
        ports = Ports(cache)
        try:
            _clear(folder, parts)
            found = _each(parts, lambda part: _bring_up(part, folder, ports, patience))
        except BaseException:
            _stop(parts)
            _remove_temporary(folder)
            raise
        finally:
            ports.release()
        stand = {"dir": str(folder), **found}
        write_json(folder / ADDRESSES, stand)
    say("stand", f"up in {time.monotonic() - began:.1f} s")
    return stand


def down(parts: list, folder: Path) -> None:
    """End what was started in the folder; remove the folder when it was temporary."""
    if not (folder / MARKER).exists():
        say("stand", f"nothing to stop in {folder}")
        return
    with locked(folder, wait=time.sleep):
        for part in parts:
            part.recall(folder)
        _stop(parts)
        # A stand of another checkout may hold parts that this one does not know.
        left = end_all(Process.recorded(folder, "*"))
        if left:
            raise StandError(f"could not end: pid {', '.join(str(p.pid) for p in left)}")
        (folder / ADDRESSES).unlink(missing_ok=True)
        _remove_temporary(folder)
    say("stand", f"down: {folder}")


def _bring_up(part, folder: Path, ports: Ports, patience: float) -> dict:
    began = time.monotonic()
    addresses = part.start(folder, ports.take(part.port_names))
    until = time.monotonic() + patience
    while True:
        for process in part.processes:
            if not process.alive():
                raise PartFailed(f"{part.name} ended while starting; the end of {process.log}:\n{tail(process.log)}")
        if part.ready():
            break
        if time.monotonic() > until:
            logs = "\n".join(f"{p.log}:\n{tail(p.log)}" for p in part.processes)
            raise PartFailed(f"{part.name} not ready after {patience:.0f} s; the end of {logs}")
        cancel.pause(0.1)
    say(part.name, f"ready in {time.monotonic() - began:.1f} s")
    return addresses


def _each(parts: list, work) -> dict:
    """Do the work for all parts at once; the first failure cancels the others."""
    with ThreadPoolExecutor(max_workers=max(1, len(parts))) as pool:
        try:
            running = {pool.submit(work, part): part for part in parts}
            for future in as_completed(running):
                future.result()
        except BaseException:
            cancel.raise_flag()
            raise
    return {part.name: future.result() for future, part in running.items()}


def _stop(parts: list) -> None:
    """Stop all at once: a JVM takes its time, and they need not queue for it."""
    with ThreadPoolExecutor(max_workers=max(1, len(parts))) as pool:
        list(pool.map(lambda part: part.stop(), parts))


def _refuse_running(folder: Path) -> None:
    if any(process.alive() for process in Process.recorded(folder, "*")):
        raise StandError(f"a stand is running in {folder}; end it first")


def _remove_temporary(folder: Path) -> None:
    if (read_json(folder / MARKER) or {}).get("temporary"):
        shutil.rmtree(folder)


def _clear(folder: Path, parts: list) -> None:
    """A stand starts empty, but only what an earlier one made is removed."""
    shutil.rmtree(folder / RECORDS, ignore_errors=True)
    for part in parts:
        shutil.rmtree(folder / part.name, ignore_errors=True)
        for log in folder.glob(f"{part.name}*.log"):
            log.unlink()


def _tools_of(part, cache: Cache) -> tuple:
    installed = cache.has(part.name, part.version)
    return part.run_tools if installed else part.build_tools + part.run_tools
