"""Free ports on loopback, given to no two stands at once.

A port found free may be taken before the server binds it. Two things make that
rare enough to ignore: ports come from below the range the kernel hands to
outgoing connections, and each is reserved by a file until its server is up.
"""

import random
import socket
import time
from pathlib import Path

from core.cache import Cache
from core.errors import StandError

RANGE = range(20000, 30000)
RESERVED_SECONDS = 600


class Ports:
    """Ports reserved for one stand while it starts."""

    def __init__(self, cache: Cache):
        self.cache = cache
        self.folder = cache.root / "ports"
        self.reserved: list[Path] = []

    def take(self, names) -> dict:
        """A free port for each name."""
        with self.cache.lock("ports"):
            self.folder.mkdir(exist_ok=True)
            return {name: self._one() for name in names}

    def release(self) -> None:
        """The servers hold their ports now, or never will."""
        for path in self.reserved:
            path.unlink(missing_ok=True)

    def _one(self) -> int:
        for port in random.sample(RANGE, 200):
            reservation = self.folder / str(port)
            if not _fresh(reservation) and _bindable(port):
                reservation.touch()
                self.reserved.append(reservation)
                return port
        raise StandError(f"no free port between {RANGE.start} and {RANGE.stop}")


def _fresh(reservation: Path) -> bool:
    try:
        return time.time() - reservation.stat().st_mtime < RESERVED_SECONDS
    except FileNotFoundError:
        return False


def _bindable(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False
