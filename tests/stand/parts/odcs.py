"""The reference tool of the Open Data Contract Standard, so that our contracts are held to somebody else's reading of it. No server."""

from pathlib import Path

from core import tools
from parts.base import Part

REQUIREMENTS = Path(__file__).resolve().parent.parent / "resources" / "odcs-requirements.txt"


class Odcs(Part):
    name = "odcs"
    version = "datacontract-cli-1.2.8"
    build_tools = (tools.PIP,)
    port_names = ()

    def build(self, cache, folder):
        tools.run(
            [*tools.PIP.version_command[:3], "install", "--quiet", "--no-deps", "--only-binary", ":all:",
             "--target", folder / "python", "-r", REQUIREMENTS],
            log=cache.log(self.name), cwd=folder,
        )

    def start(self, stand, ports):
        return {"pythonpath": str(self.home / "python")}

    def ready(self):
        return True
