"""What a part must say of itself. The stand is a list of these and knows no more.

A part's life: `install`, then `start`, then `ready` until it answers True, then
`stop`. Several stands run at once, so a part takes its folder and its ports as
arguments and keeps nothing outside of them.
"""

from abc import ABC, abstractmethod
from pathlib import Path

from core.cache import Cache
from core.process import Process, end_all
from core.tools import Tool


class Part(ABC):
    name: str
    #: Names the folder in the cache: change it whenever `build` changes.
    version: str
    #: Tools that `build` needs, and tools without which the part cannot run.
    build_tools: tuple[Tool, ...] = ()
    run_tools: tuple[Tool, ...] = ()
    port_names: tuple[str, ...] = ("port",)

    def __init__(self):
        self.home: Path | None = None
        self.processes: list[Process] = []

    def install(self, cache: Cache) -> None:
        """Make the part's programs present in the cache; quick when they are."""
        self.home = cache.ensure(self.name, self.version, lambda folder: self.build(cache, folder))

    @abstractmethod
    def build(self, cache: Cache, folder: Path) -> None:
        """Fill an empty folder with the part's programs."""

    @abstractmethod
    def start(self, stand: Path, ports: dict) -> dict:
        """Start the servers inside `stand`; the answer is what clients need."""

    @abstractmethod
    def ready(self) -> bool:
        """True once clients are served; also makes what every test expects to exist."""

    def stop(self) -> None:
        """End the part's servers."""
        end_all(self.processes)

    def recall(self, stand: Path) -> None:
        """Take over the servers that an earlier command started."""
        self.processes = Process.recorded(stand, self.name)

    def spawn(self, stand: Path, argv, name: str | None = None) -> Process:
        """Start a server in the part's own folder; a part with several names each."""
        process = Process.spawn(stand, self.name, name or self.name, argv, cwd=self.data(stand))
        self.processes.append(process)
        return process

    def data(self, stand: Path) -> Path:
        """The part's own folder in the stand."""
        folder = stand / self.name
        folder.mkdir(exist_ok=True)
        return folder
