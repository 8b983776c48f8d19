"""The official JSON Schema test suite, so that event schemas are held to the standard's own examples. No server.

The project publishes it as a repository only; the source distribution of the Python package `jsonschema` carries it whole.
"""

import shutil
import tarfile

from core import tools
from parts.base import Part

VERSION = "4.26.0"
SHA256 = "0c26707e2efad8aa1bfc5b7ce170f3fccc2e4918ff85989ba9ffa9facb2be326"


class Suite(Part):
    name = "suite"
    version = f"jsonschema-{VERSION}"
    build_tools = (tools.PIP,)
    port_names = ()

    def build(self, cache, folder):
        pinned = folder / "requirements.txt"
        pinned.write_text(f"jsonschema=={VERSION} --hash=sha256:{SHA256}\n")
        tools.run(
            [*tools.PIP.version_command[:3], "download", "--quiet", "--no-deps", "--no-binary", ":all:",
             "--require-hashes", "--dest", folder, "-r", pinned],
            log=cache.log(self.name), cwd=folder,
        )
        archive = next(folder.glob("*.tar.gz"))
        with tarfile.open(archive) as packed:
            inside = [member for member in packed if "/json/" in f"/{member.name}/"]
            packed.extractall(folder / "unpacked", members=inside, filter="data")
        archive.unlink()
        (folder / "unpacked" / f"jsonschema-{VERSION}" / "json").rename(folder / "json")
        shutil.rmtree(folder / "unpacked")

    def start(self, stand, ports):
        return {"path": str(self.home / "json")}

    def ready(self):
        return True
