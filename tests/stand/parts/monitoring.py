"""Prometheus and Alertmanager with their tools, from Debian's packages. No server: each test configures servers of its own.

Other registries have no built programs of theirs. The packages are pinned by version and hash; apt fetches them, nothing is installed.
"""

import hashlib
import shutil

from core import tools
from core.errors import InstallFailed
from parts.base import Part

#: Package, version, architecture to SHA-256, programs.
PACKAGES = (
    ("prometheus", "2.42.0+ds-5+deb12u1",
     {"amd64": "81d59a24fce84f7fbe97a45a4f2914b6a5881b5cd1db2a6a0e129e515e1a5f55"}, ("prometheus", "promtool")),
    ("prometheus-alertmanager", "0.25.0-1+b4",
     {"amd64": "4fb9aed15cfe8e0c32408e643ab32a1e41ee87d2cc26f18aeba928b1b0b98ae7"}, ("prometheus-alertmanager", "amtool")),
)
APT = tools.Tool("apt-get", ("apt-get", "--version"), r"apt (\d+)\.(\d+)", (2, 0), "Debian's apt 2.0")
DPKG = tools.Tool("dpkg-deb", ("dpkg-deb", "--version"), r"version (\d+)\.(\d+)", (1, 19), "Debian's dpkg 1.19")


class Monitoring(Part):
    name = "monitoring"
    version = "prometheus-2.42.0-alertmanager-0.25.0"
    build_tools = (APT, DPKG)
    port_names = ()

    def build(self, cache, folder):
        log = cache.log(self.name)
        for package, version, hashes, programs in PACKAGES:
            tools.run(["apt-get", "download", f"{package}={version}"], log=log, cwd=folder)
            file = next(folder.glob(f"{package}_*.deb"))
            architecture = file.stem.rsplit("_", 1)[-1]
            found = hashlib.sha256(file.read_bytes()).hexdigest()
            if found != hashes.get(architecture):
                raise InstallFailed(f"{file.name} has the hash {found}, not {hashes.get(architecture, 'one that is known')}")
            tools.run(["dpkg-deb", "--extract", file, folder / "unpacked"], log=log, cwd=folder)
            for program in programs:
                (folder / "unpacked" / "usr" / "bin" / program).rename(folder / program)
            file.unlink()
            shutil.rmtree(folder / "unpacked")

    def start(self, stand, ports):
        programs = ("prometheus", "promtool", "prometheus-alertmanager", "amtool")
        return {program.removeprefix("prometheus-"): str(self.home / program) for program in programs}

    def ready(self):
        return True
