"""Somebody else's Parquet readers, so that the lake is not judged by the library that wrote it. No server."""

from core import tools
from parts.base import Part

DUCKDB_WHEEL = "duckdb==2.0.0"


class Readers(Part):
    name = "readers"
    version = "duckdb-2.0.0"
    build_tools = (tools.PIP,)
    port_names = ()

    def build(self, cache, folder):
        tools.run(
            [*tools.PIP.version_command[:3], "install", "--quiet", "--no-deps", "--only-binary", ":all:",
             "--target", folder / "python", DUCKDB_WHEEL],
            log=cache.log(self.name), cwd=folder,
        )

    def start(self, stand, ports):
        return {"pythonpath": str(self.home / "python")}

    def ready(self):
        return True
