"""One flag that tells every thread to give up, and the signals that raise it.

Parts start in threads, signals arrive in the main thread: a shared flag is the
only way both learn that the stand is being taken down. After the flag is up,
further signals are ignored, so a second Ctrl-C cannot leave servers behind.
"""

import signal
import threading

from core.errors import Cancelled, Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_flag = threading.Event()


def listen() -> None:
    """Turn the first signal into `Interrupted`, raised in the main thread."""
    for number in SIGNALS:
        signal.signal(number, _on_signal)


def raise_flag() -> None:
    """Make every wait in every thread end; from here on signals are ignored."""
    _flag.set()


def check() -> None:
    if _flag.is_set():
        raise Cancelled("cancelled")


def pause(seconds: float) -> None:
    """Sleep in a loop that must end at once when the stand is cancelled."""
    _flag.wait(seconds)
    check()


def _on_signal(number, _frame) -> None:
    if not _flag.is_set():
        _flag.set()
        raise Interrupted(number)
