"""Lines for a person. They go to stderr, so that stdout carries only results."""

import sys
from pathlib import Path

TAIL_LINES = 30


def say(who: str, text: str) -> None:
    # One write, so that lines of parts that start together do not mix.
    sys.stderr.write(f"{who:<9} {text}\n")
    sys.stderr.flush()


def tail(log: Path) -> str:
    """The end of a log, indented, for the message of a failure."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError as error:
        return f"    (no log: {error})"
    shown = lines[-TAIL_LINES:] or ["(the log is empty)"]
    return "\n".join(f"    {line}" for line in shown)
