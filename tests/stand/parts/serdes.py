"""Confluent's own Python client with its serializers, so that the registry is asked by somebody who knows nothing of us. No server."""

from pathlib import Path

from core import tools
from parts.base import Part

#: Every wheel by its hash. Some are made for one version of Python.
WHEELS = Path(__file__).with_name("serdes.txt")


class Serdes(Part):
    name = "serdes"
    version = "confluent-kafka-2.12.2-json-py311"
    build_tools = (tools.PIP,)
    port_names = ()

    def build(self, cache, folder):
        tools.run(
            [*tools.PIP.version_command[:3], "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes",
             "--target", folder / "python", "-r", WHEELS],
            log=cache.log(self.name), cwd=folder,
        )

    def start(self, stand, ports):
        return {"pythonpath": str(self.home / "python")}

    def ready(self):
        return True
