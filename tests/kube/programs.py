"""The pinned programs of these checks, installed once into the cache that the stand uses.

Go modules are held to a hash of their own here, Python wheels to theirs; what is built is built from those alone. A changed version means
a changed folder, so nothing stale is taken.
"""

import json
import subprocess
import sys
from pathlib import Path

from core import tools
from core.cache import Cache
from core.errors import InstallFailed

#: The Kubernetes whose schemas and server judge. A native sidecar and the sleep hook need 1.30.
KUBERNETES = "1.32.13"
#: The kustomize that `kubectl` 1.32 has inside.
KUSTOMIZE = ("sigs.k8s.io/kustomize/kustomize/v5", "v5.5.0", "h1:o1mtt6vpxsxDYaZKrw3BnEtc+pAjLz7UffnIvHNbvW0=")
SERVER = ("k8s.io/kubernetes", f"v{KUBERNETES}", "h1:5TGYdZ6YZqdp6h/Rp1vX/4TIoybMPdgv97LCZCtPuNQ=")
ETCD = ("go.etcd.io/etcd/server/v3", "v3.5.16", "h1:d0/SAdJ3vVsZvF8IFVb1k8zqMZ+heGcNfft71ul9GWE=")
#: CRDs of those operators that the components talk to: module, version, hash, folder, files.
CRDS = (
    ("github.com/kedacore/keda/v2", "v2.21.0", "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=",
     "config/crd/bases", ("keda.sh_scaledobjects.yaml", "keda.sh_triggerauthentications.yaml")),
    ("github.com/prometheus-operator/prometheus-operator", "v0.85.0", "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
     "example/prometheus-operator-crd", ("monitoring.coreos.com_podmonitors.yaml", "monitoring.coreos.com_prometheusrules.yaml")),
)
WHEELS = Path(__file__).with_name("requirements.txt")
WHEELS_VERSION = "kubernetes-validate-1.37.0"


def python_path(cache: Cache) -> Path:
    """A folder with kubernetes-validate and PyYAML, to be put in front of `sys.path`."""

    def build(folder):
        tools.require({"kube": [tools.PIP]})
        tools.run(
            [*tools.PIP.version_command[:3], "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes",
             "--target", folder / "python", "-r", WHEELS],
            log=cache.log("kube-python"), cwd=folder,
        )

    # Two of the wheels are made for one version of Python.
    version = f"{WHEELS_VERSION}-py{sys.version_info.major}.{sys.version_info.minor}"
    return cache.ensure("kube-python", version, build) / "python"


def kustomize(cache: Cache) -> Path:
    """The program that builds overlays."""
    return _go_program(cache, "kustomize", KUSTOMIZE, KUSTOMIZE[0])


def etcd(cache: Cache) -> Path:
    """The store of the API server."""
    return _go_program(cache, "etcd", ETCD, ETCD[0])


def api_server(cache: Cache) -> Path:
    """A real kube-apiserver. About eleven minutes on one core, once."""
    module, version, _ = SERVER
    base = "k8s.io/component-base/version"
    major, minor, _ = KUBERNETES.split(".")
    flags = f"-s -w -X {base}.gitVersion={version} -X {base}.gitMajor={major} -X {base}.gitMinor={minor}"
    return _go_program(cache, "kube-apiserver", SERVER, f"{module}/cmd/kube-apiserver", flags, staged=True)


def has_api_server(cache: Cache) -> bool:
    """Whether an earlier run has built it."""
    return cache.has("kube-apiserver", KUBERNETES)


#: What KEDA's CRD does not say: the keys of a trigger. They are read from the scaler's source.
KAFKA_SCALER = "pkg/scalers/kafka_scaler.go"


def crds(cache: Cache) -> Path:
    """A folder with the operators' own schemas (`*.yaml`) and the source of KEDA's Kafka scaler."""

    def build(folder):
        tools.require({"kube": [tools.GO]})
        for module, version, pinned, inside, names in CRDS:
            home = Path(_download(folder, module, version, pinned)["Dir"])
            for name in names:
                (folder / name).write_bytes((home / inside / name).read_bytes())
            if "keda" in module:
                (folder / "kafka_scaler.go").write_bytes((home / KAFKA_SCALER).read_bytes())

    version = "-".join(part[1] for part in CRDS) + "-scaler"
    return cache.ensure("kube-crds", version, build)


def _go_program(cache, name, pinned, package, flags="-s -w", *, staged=False) -> Path:
    module, version, hash_ = pinned

    def build(folder):
        tools.require({"kube": [tools.GO]})
        found = _download(folder, module, version, hash_)
        go_mod = Path(found["GoMod"]).read_text()
        lines = [line for line in go_mod.splitlines() if line.startswith(("go ", "godebug "))]
        text = "\n".join(["module tidegate.test/build", "", *lines, "", f"require {module} {version}", ""])
        if staged:
            # Kubernetes' own modules point at each other by path; outside of its tree each is published as v0 of the same release.
            names = [line.split()[0] for line in go_mod.splitlines() if "=> ./staging/" in line]
            text += "replace (\n" + "".join(f"\t{name} => {name} v0{version[2:]}\n" for name in names) + ")\n"
        (folder / "go.mod").write_text(text)
        (folder / "go.sum").write_bytes((Path(found["Dir"]) / "go.sum").read_bytes())
        tools.run(
            ["go", "build", "-mod=mod", "-trimpath", f"-ldflags={flags}", "-o", folder / name, package],
            log=cache.log(name), cwd=folder, env={"GOWORK": "off", "GOPRIVATE": ""},
        )

    return cache.ensure(name, version.lstrip("v"), build) / name


def _download(folder: Path, module: str, version: str, pinned: str) -> dict:
    """A module in Go's cache, refused when it is not the one that was pinned."""
    (folder / "go.mod").write_text("module tidegate.test/download\n\ngo 1.23\n")
    answer = subprocess.run(
        ["go", "mod", "download", "-json", f"{module}@{version}"], cwd=folder, capture_output=True, text=True, check=False)
    found = json.loads(answer.stdout or "{}")
    if answer.returncode != 0 or "Dir" not in found:
        raise InstallFailed(f"go mod download {module}@{version}: {found.get('Error') or answer.stderr.strip()}")
    if found["Sum"] != pinned:
        raise InstallFailed(f"{module}@{version} has the hash {found['Sum']}, not {pinned}")
    return found
