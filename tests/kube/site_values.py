"""infra/k8s/site: what it writes is what the overlays read, and what cannot work is refused."""

import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from importlib.machinery import SourceFileLoader
from pathlib import Path

from overlays import K8S, ROOT

SITE = K8S / "site"
EXAMPLES = ROOT / "infra" / "terraform" / "examples"


def complaints() -> list[str]:
    loader = SourceFileLoader("site_script", str(SITE))
    # Nothing is left behind beside the script.
    sys.dont_write_bytecode = True
    site = importlib.util.module_from_spec(importlib.util.spec_from_loader("site_script", loader))
    loader.exec_module(site)
    found = []
    for overlay, names in site.OUTPUTS.items():
        example = _read(K8S / "overlays" / overlay / "site.env")
        if names.keys() - example.keys():
            found.append(f"overlays/{overlay}/site.env lacks {sorted(names.keys() - example.keys())}")
            continue
        outputs = {name: {"value": example[name]} for name in names}
        code, said, written = _run(overlay, outputs)
        if code != 0 or set(written) != set(example):
            found.append(f"site {overlay}: {code}: writes {sorted(written)}, the overlay has {sorted(example)}: {said}")
        if any(written.get(name) != example[name] for name in (*names, "runbooks")):
            found.append(f"site {overlay}: changes values: {written}")
        for name in names:
            code, said, written = _run(overlay, {k: v for k, v in outputs.items() if k != name})
            if code != 1 or name not in said or written:
                found.append(f"site {overlay}: a missing {name} is taken: {code}: {said}")
        wrong = {"bootstrap_brokers": "no-port", "lake_url": "/tmp", "region": "Sweden", "sink_role_arn": "*", "sink_client_id": "me"}
        for name in wrong.keys() & names.keys():
            code, said, written = _run(overlay, outputs | {name: {"value": wrong[name]}})
            if code != 1 or name not in said or written:
                found.append(f"site {overlay}: {name} `{wrong[name]}` is taken: {code}: {said}")
        for folder in sorted(EXAMPLES.glob(f"{overlay}-*")):
            declared = set(re.findall(r'^output "(\w+)"', (folder / "outputs.tf").read_text(), re.M))
            found += [f"{folder.name} has no output {name}, which site {overlay} reads" for name in sorted(names.keys() - declared)]
    if found:
        return found
    example = _read(K8S / "overlays" / "aws" / "site.env")
    outputs = {name: {"value": example[name]} for name in site.OUTPUTS["aws"]}
    both = outputs | {"bootstrap_brokers_tls": {"value": "b-1.example.com:9094"}}
    code, said, written = _run("aws", both, "--certificate")
    if code != 0 or written.get("bootstrap_brokers") != "b-1.example.com:9094":
        found.append(f"site aws --certificate: does not take the listener for certificates: {code}: {said} {written}")
    code, said, _ = _run("aws", outputs, "--certificate")
    if code != 1 or "bootstrap_brokers_tls" not in said:
        found.append(f"site aws --certificate: takes a cluster without that listener: {code}: {said}")
    code, said, _ = _run("aws", outputs | {"bootstrap_brokers": {"value": "b-1.example.com:9094"}})
    if code != 1 or "IAM" not in said:
        found.append(f"site aws: brokers of the listener for certificates are taken: {code}: {said}")
    code, said, _ = _run("aws", outputs, repository="https://user:token@git.example.com/x.git")
    if code != 1 or "Secret" not in said:
        found.append(f"site aws: a token in the repository's address is taken: {code}: {said}")
    refused = ["infra/runbooks", "http://wiki.example.com", "https://", "https://user:token@git.example.com/x", "https://wiki.example.com/x?page=1"]
    for runbooks in refused:
        code, said, written = _run("aws", outputs, runbooks=runbooks)
        if code != 1 or "--runbooks" not in said or written:
            found.append(f"site aws: alerts may link to {runbooks}: {code}: {said}")
    return found


def _run(
    overlay: str, outputs: dict, *flags: str, repository: str = "https://git.example.com/data/contracts.git",
    runbooks: str = "https://git.example.com/tidegate/blob/v0.1.0/infra/runbooks/",
) -> tuple[int, str, dict]:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "site.env"
        answer = subprocess.run(
            [sys.executable, SITE, overlay, "--contracts-repo", repository, "--runbooks", runbooks, "--output", target, *flags],
            input=json.dumps(outputs), capture_output=True, text=True, check=False)
        return answer.returncode, answer.stderr, _read(target) if target.exists() else {}


def _read(path: Path) -> dict:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)
