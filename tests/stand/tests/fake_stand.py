"""The stand's program over parts that cost nothing, for tests of the stand itself."""

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import parts
import stand
from core.tools import Tool
from parts.base import Part


class Sleeper(Part):
    """Starts, is ready, and runs until it is ended."""

    name = "sleeper"
    version = "1"

    def build(self, cache, folder):
        with open(os.environ["BUILDS"], "a") as builds:
            builds.write("built\n")
        time.sleep(0.3)
        (folder / "whole").touch()

    def start(self, stand, ports):
        process = self.spawn(stand, ["sleep", "600"])
        return {"port": ports["port"], "pid": process.pid}

    def ready(self):
        return True


class Dying(Sleeper):
    """Says why and ends before it is ever ready."""

    name = "dying"

    def start(self, stand, ports):
        self.spawn(stand, ["sh", "-c", "seq 1 40; echo no luck; exit 1"])
        return {}

    def ready(self):
        return False


class Stubborn(Sleeper):
    """Starts, but never serves."""

    name = "stubborn"

    def ready(self):
        return False


class Needy(Sleeper):
    """Wants a tool that no machine has."""

    name = "needy"
    run_tools = (Tool("no-such-tool", ("no-such-tool",), "", (1,), "a miracle"),)


parts.ALL = [Sleeper, Dying, Stubborn, Needy]

if __name__ == "__main__":
    sys.exit(stand.main(sys.argv[1:]))
