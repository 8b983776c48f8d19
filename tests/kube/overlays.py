"""What kustomize makes of the overlays, and the pods inside."""

import copy
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "infra" / "k8s"
#: Kinds that only exist where an operator's CRDs are installed.
OPERATOR_KINDS = {"ScaledObject", "TriggerAuthentication", "PodMonitor", "PrometheusRule"}
#: Overlays that must work on a cluster without operators.
PLAIN = ("aws", "azure", "local")
#: Overlays with a component that no overlay includes: name, overlay, component.
COMBINED = (
    ("aws+autoscale-hpa", "aws", "autoscale-hpa"),
    ("azure+autoscale-hpa", "azure", "autoscale-hpa"),
    ("aws+irsa", "aws", "irsa"),
    ("aws+registry", "aws", "registry"),
    ("aws+kafka-certificate", "aws", "kafka-certificate"),
    ("azure+kafka-connection-string", "azure", "kafka-connection-string"),
    ("aws+sla-serve", "aws", "sla-serve"),
    ("azure+sla-serve", "azure", "sla-serve"),
    ("aws-operators+sla-serve", "aws-operators", "sla-serve"),
)


@dataclass
class Pod:
    """A pod template and the object that holds it."""

    owner: dict
    metadata: dict
    spec: dict

    @property
    def name(self) -> str:
        return f"{self.owner['kind']}/{self.owner['metadata']['name']}"

    @property
    def labels(self) -> dict:
        return self.metadata.get("labels", {})

    def containers(self) -> list[dict]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]


@dataclass
class Build:
    """Everything that one overlay applies."""

    name: str
    objects: list[dict]

    def of_kind(self, *kinds) -> list[dict]:
        return [o for o in self.objects if o["kind"] in kinds]

    def named(self, kind: str, name: str) -> dict:
        return next(o for o in self.of_kind(kind) if o["metadata"]["name"] == name)

    def pods(self) -> list[Pod]:
        found = []
        for owner in self.objects:
            holder = owner.get("spec", {})
            if owner["kind"] == "CronJob":
                holder = holder["jobTemplate"]["spec"]
            template = holder.get("template") if owner["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob") else None
            if template:
                found.append(Pod(owner, template["metadata"], template["spec"]))
        return found

    def copy(self) -> "Build":
        return Build(self.name, copy.deepcopy(self.objects))


def build(kustomize: Path, folder: Path, name: str) -> Build:
    """Runs kustomize; its complaint is the error's text."""
    answer = subprocess.run([kustomize, "build", folder], capture_output=True, text=True, check=False)
    if answer.returncode != 0 or answer.stderr.strip():
        raise ValueError(f"{name}: kustomize: {answer.stderr.strip()}")
    return Build(name, [o for o in yaml.safe_load_all(answer.stdout) if o])


def all_builds(kustomize: Path, scratch: Path) -> list[Build]:
    """Every overlay of the folder, and the components that none includes on top of one."""
    builds = [build(kustomize, folder, folder.name) for folder in sorted((K8S / "overlays").iterdir())]
    missing = {"aws", "azure", "local"} - {b.name for b in builds}
    if missing:
        raise ValueError(f"overlays are missing: {sorted(missing)}")
    for name, overlay, component in COMBINED:
        folder = scratch / name
        folder.mkdir()
        up = Path("../" * (len(folder.resolve().parts) - 1))
        text = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": "tidegate",
            "resources": [str(up / K8S.relative_to("/") / "overlays" / overlay)],
            "components": [str(up / K8S.relative_to("/") / "components" / component)],
            "images": [{"name": "tidegate", "newName": "registry.example.com/tidegate", "newTag": "0.1.0"}],
        }
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(text))
        builds.append(build(kustomize, folder, name))
    return builds
