"""The pages of infra/k8s and infra/image against what is there: paths, links, overlays, components, Secrets."""

import re
from pathlib import Path

from overlays import K8S, ROOT, Build

PAGES = (K8S / "README.md", K8S / "runbook.md", ROOT / "infra" / "image" / "README.md", ROOT / "infra" / "README.md")


def complaints(builds: list[Build]) -> list[str]:
    found = []
    for page in PAGES:
        text = page.read_text()
        name = page.relative_to(ROOT)
        for path in sorted(set(re.findall(r"\binfra/(?:k8s|image)(?:/[\w.-]+)*\w", text))):
            if not (ROOT / path).exists():
                found.append(f"{name}: {path} is not there")
        for target in re.findall(r"\]\(([^)#]+)", text):
            if not target.startswith("http") and not (page.parent / target).exists():
                found.append(f"{name}: the link to {target} leads nowhere")
    readme = (K8S / "README.md").read_text()
    for folder in ("overlays", "components"):
        for each in sorted((K8S / folder).iterdir()):
            if f"`{each.name}`" not in readme:
                found.append(f"infra/k8s/README.md does not name {folder}/{each.name}")
    for build in builds:
        found += [f"infra/k8s/README.md does not say how the Secret {name} is made" for name in sorted(_secrets(build))
                  if not re.search(rf"create secret (?:tls|generic) {name}\b", readme)]
    return sorted(set(found))


def _secrets(build: Build) -> set[str]:
    names = set()
    for pod in build.pods():
        names |= {v["secret"]["secretName"] for v in pod.spec.get("volumes", []) if "secret" in v}
        for container in pod.containers():
            references = [e.get("valueFrom", {}).get("secretKeyRef") for e in container.get("env", [])]
            names |= {r["name"] for r in references if r}
    for trigger in build.of_kind("TriggerAuthentication"):
        names |= {r["name"] for r in trigger["spec"].get("secretTargetRef", [])}
    return names
