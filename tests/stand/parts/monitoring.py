"""Prometheus and Alertmanager with their tools, from Debian's packages. No server: each test configures servers of its own.

Other registries have no built programs of theirs. The packages are pinned by version and hash; apt fetches them, nothing is installed.
"""

import hashlib
import re
import shutil

from core import tools
from core.errors import InstallFailed, MissingTool
from parts.base import Part

#: Package, version, architecture to SHA-256, programs.
PACKAGES = (
    ("prometheus", "2.42.0+ds-5+deb12u1",
     {"amd64": "81d59a24fce84f7fbe97a45a4f2914b6a5881b5cd1db2a6a0e129e515e1a5f55"}, ("prometheus", "promtool")),
    ("prometheus-alertmanager", "0.25.0-1+b4",
     {"amd64": "4fb9aed15cfe8e0c32408e643ab32a1e41ee87d2cc26f18aeba928b1b0b98ae7"}, ("prometheus-alertmanager", "amtool")),
)
#: Debian's Alertmanager reads its templates from where the package would be installed. In the copy here that is a folder beside it, by a
#: path of the same length, which counts from the working directory: so a script goes there first.
TEMPLATES = b"/usr/share/prometheus/alertmanager"
BESIDE = b"./" * 11 + b".//templates"
START = '#!/bin/sh\ncd "$(dirname "$0")" && exec ./prometheus-alertmanager "$@"\n'
APT = tools.Tool("apt-get", ("apt-get", "--version"), r"apt (\d+)\.(\d+)", (2, 0), "Debian's apt 2.0")
DPKG = tools.Tool("dpkg-deb", ("dpkg-deb", "--version"), r"version (\d+)\.(\d+)", (1, 19), "Debian's dpkg 1.19")


class Monitoring(Part):
    name = "monitoring"
    version = "prometheus-2.42.0-alertmanager-0.25.0-2"
    build_tools = (APT, DPKG)
    port_names = ()

    def build(self, cache, folder):
        log = cache.log(self.name)
        for package, version, hashes, programs in PACKAGES:
            try:
                tools.run(["apt-get", "download", f"{package}={version}"], log=log, cwd=folder)
            except InstallFailed as error:
                # Another distribution, or another release of it: as good as a tool that is not there.
                raise MissingTool(f"apt has no {package} {version}, which is in Debian 12 (`apt-get update` first): {error}") from error
            file = next(folder.glob(f"{package}_*.deb"))
            architecture = file.stem.rsplit("_", 1)[-1]
            found = hashlib.sha256(file.read_bytes()).hexdigest()
            if found != hashes.get(architecture):
                raise InstallFailed(f"{file.name} has the hash {found}, not {hashes.get(architecture, 'one that is known')}")
            tools.run(["dpkg-deb", "--extract", file, folder / "unpacked"], log=log, cwd=folder)
            for program in programs:
                (folder / "unpacked" / "usr" / "bin" / program).rename(folder / program)
            templates = folder / "unpacked" / "usr" / "share" / "prometheus" / "alertmanager"
            if templates.exists():
                templates.rename(folder / "templates")
            file.unlink()
            shutil.rmtree(folder / "unpacked")
        _find_templates_beside(folder)

    def start(self, stand, ports):
        return {program: str(self.home / program) for program in ("prometheus", "promtool", "alertmanager", "amtool")}

    def ready(self):
        return True


def _find_templates_beside(folder):
    program = folder / "prometheus-alertmanager"
    code = program.read_bytes()
    # The strings of Go lie side by side without an end: that of the folder alone is the one that no slash follows.
    places = [found.start() for found in re.finditer(re.escape(TEMPLATES) + rb"(?!/)", code)]
    if len(BESIDE) != len(TEMPLATES) or not places:
        raise InstallFailed("Alertmanager does not name the folder of its templates as expected")
    for at in places:
        code = code[:at] + BESIDE + code[at + len(TEMPLATES):]
    program.write_bytes(code)
    start = folder / "alertmanager"
    start.write_text(START)
    start.chmod(0o755)
