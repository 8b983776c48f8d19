"""`infra/k8s/run` without a cluster: a kubectl of our own holds the CronJobs of a build and plays the pod."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import policy
import schemas
from overlays import K8S, Build

RUN = K8S / "run"
#: Answers as kubectl would; what is created lands in a file, and the pod ends with 7 at the second look.
KUBECTL = """#!{python}
import json, pathlib, sys
here, words = pathlib.Path({here!r}), sys.argv[3:]
with (here / "asked").open("a") as asked:
    asked.write(" ".join(words) + "\\n")
if words[:2] == ["get", "cronjob"]:
    found = json.loads((here / "cronjobs.json").read_text()).get(words[2])
    if not found:
        sys.exit(f'Error from server (NotFound): cronjobs.batch "{{words[2]}}" not found')
    print(json.dumps(found))
elif words[0] == "create":
    (here / "created").write_text(sys.stdin.read())
elif words[:2] == ["get", "pods"]:
    looks = here / "looks"
    looks.write_text(looks.read_text() + "x" if looks.exists() else "x")
    ended = {{"name": "tidegate", "state": {{"terminated": {{"exitCode": 7}}}}}}
    status = {{"phase": "Running", "containerStatuses": [ended] if len(looks.read_text()) > 1 else []}}
    print(json.dumps({{"items": [{{"metadata": {{"name": "pod-1"}}, "status": status}}]}}))
elif words[0] == "logs":
    print("what the command says")
"""


def complaints(builds: list[Build], crds: schemas.Crds) -> list[str]:
    found = []
    for build in (b for b in builds if b.name in ("aws", "azure", "local", "azure+kafka-connection-string")):
        for role in policy.BY_HAND:
            if any(policy.component(pod) == role for pod in policy.ours(build)):
                found += [f"{build.name}: run {role}: {text}" for text in _makes(build, role, crds)]
    build = next(b for b in builds if b.name == "aws")
    with tempfile.TemporaryDirectory() as folder:
        here = _place(build, Path(folder))
        answer = _run(here, "operator", "dlq", "ls")
        if (answer.returncode, answer.stdout) != (7, "what the command says\n") or not (here / "created").exists():
            found.append(f"run: shows `{answer.stdout}` and ends with {answer.returncode}, not with the command's 7: {answer.stderr}")
    for words, piece in (
        (("nobody", "dlq", "ls"), "invalid choice"),
        (("operator",), "which command"),
        (("--file", "/nowhere/x.yaml", "operator", "dlq", "ls"), "/nowhere/x.yaml"),
    ):
        with tempfile.TemporaryDirectory() as folder:
            here = _place(build, Path(folder))
            answer = _run(here, *words)
            if answer.returncode == 0 or piece not in answer.stderr or (here / "created").exists():
                found.append(f"run {words}: nothing says `{piece}`: {answer.returncode} {answer.stderr}")
    with tempfile.TemporaryDirectory() as folder:
        here = _place(next(b for b in builds if b.name == "azure"), Path(folder))
        answer = _run(here, "topics", "topics", "check")
        if answer.returncode != 125 or "NotFound" not in answer.stderr:
            found.append(f"run: a role that is not there is not told: {answer.returncode} {answer.stderr}")
    return found


def _makes(build: Build, role: str, crds: schemas.Crds) -> list[str]:
    """What is printed fits its schemas, keeps the rules of all pods, and differs from the template in what was asked."""
    with tempfile.TemporaryDirectory() as folder:
        here = _place(build, Path(folder))
        file = here / "totals.repair.yaml"
        file.write_text("tidegate: repair/v1\n")
        answer = _run(here, "--print", "--file", str(file), role, "replay", "--repair", "totals.repair.yaml")
        if answer.returncode != 0 or (here / "created").exists():
            return [f"--print: {answer.returncode} {answer.stderr}"]
        things = json.loads(answer.stdout)["items"]
    for thing in things:
        thing["metadata"]["namespace"] = "tidegate"
    kept = ("Namespace", "ServiceAccount", "NetworkPolicy", "ConfigMap", "PersistentVolumeClaim")
    made = Build(build.name, [o for o in build.objects if o["kind"] in kept] + things)
    found = schemas.complaints(Build(build.name, things), crds)
    skipped = {"the_roles_are_there", "people_have_what_they_run", "dead_letters_are_counted_by_schedule"}
    found += [text for text in policy.complaints(made) if text.split(":")[0] not in skipped]
    (pod,) = made.pods()
    container = policy.tidegate(pod)
    if container["args"] != ["replay", "--repair", "totals.repair.yaml", "--config=/etc/tidegate/tidegate.yaml"]:
        found.append(f"runs {container['args']}")
    if container.get("workingDir") != "/files" or {"name": "files", "mountPath": "/files", "readOnly": True} not in container["volumeMounts"]:
        found.append("the file is not where the command runs")
    if not any(variable["name"] == "USER" and variable.get("value") for variable in container["env"]):
        found.append("nobody knows who asked")
    return found


def _place(build: Build, folder: Path) -> Path:
    jobs = {job["metadata"]["name"]: job for job in build.of_kind("CronJob")}
    (folder / "cronjobs.json").write_text(json.dumps(jobs))
    (folder / "bin").mkdir()
    kubectl = folder / "bin" / "kubectl"
    kubectl.write_text(KUBECTL.format(python=sys.executable, here=str(folder)))
    kubectl.chmod(0o755)
    return folder


def _run(here: Path, *words: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PATH": f"{here / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run([sys.executable, RUN, *words], capture_output=True, text=True, env=environment, check=False, timeout=60)
