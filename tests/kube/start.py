"""The executable, started as the manifests start it: same arguments, same variables, same files at other places.

First every role of every overlay reads its config and then misses its contracts, which shows that arguments and config are taken. Then a
validator and a sink start without brokers: they must answer the probes of the manifests and stop when asked.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import policy
from core.errors import MissingTool
from core.report import say
from overlays import K8S, PLAIN, Build, Pod

CONNECTION_STRING = "Endpoint=sb://example.servicebus.windows.net/;SharedAccessKeyName=x;SharedAccessKey=eA=="
SECONDS = 30


class Place:
    """A pod's volumes as folders, and its variables and arguments with their paths."""

    def __init__(self, build: Build, pod: Pod, folder: Path, contracts: Path | None):
        self.folder = folder
        self.build = build
        container = policy.tidegate(pod)
        maps = {c["metadata"]["name"]: c["data"] for c in build.of_kind("ConfigMap")}
        volumes = {v["name"]: v for v in pod.spec.get("volumes", [])}
        self.mounts = {}
        for mount in container.get("volumeMounts", []):
            at = folder / mount["name"]
            at.mkdir()
            self.mounts[mount["mountPath"]] = at
            volume = volumes[mount["name"]]
            if "configMap" in volume:
                self._as_kubernetes_mounts(at, maps[volume["configMap"]["name"]])
            elif volume.get("secret", {}).get("secretName") == "tidegate-config":
                self._as_kubernetes_mounts(at, {"tidegate.yaml": _config_with_connection_string(folder)})
            elif volume.get("secret", {}).get("secretName") == "tidegate-kafka-client":
                _certificate(at)
            elif mount["name"] == "contracts" and contracts:
                as_git_sync_leaves_it(at, contracts)
        self.variables = {}
        for variable in container.get("env", []):
            at = variable.get("valueFrom", {}).get("configMapKeyRef")
            if "secretKeyRef" in variable.get("valueFrom", {}):
                # What a site keeps secret; the program says what it misses.
                continue
            value = maps[at["name"]][at["key"]] if at else variable["value"]
            value = re.sub(r"\$\((\w+)\)", lambda m: self.variables[m.group(1)], value)
            self.variables[variable["name"]] = self._moved(value)
        self.arguments = [self._moved(a) for a in container["args"]]

    def _as_kubernetes_mounts(self, at: Path, data: dict) -> None:
        """Files behind two links, as the kubelet lays them out to switch them at once."""
        hidden = at / "..2026_11_21_00_00_00.1"
        hidden.mkdir()
        for name, text in data.items():
            (hidden / name).write_text(text)
            (at / name).symlink_to(f"..data/{name}")
        (at / "..data").symlink_to(hidden.name)

    def _moved(self, text: str) -> str:
        for path, at in sorted(self.mounts.items(), reverse=True):
            text = re.sub(rf"(?<![\w/]){re.escape(path)}(?![\w-])", str(at), text)
        return text

    def move_config(self) -> None:
        """Paths inside of the config file lead to the folders too."""
        for file in self.folder.glob("config/..2*/tidegate.yaml"):
            file.write_text(self._moved(file.read_text()))

    def run(self, binary: Path, **variables) -> subprocess.Popen:
        environment = {"PATH": os.environ["PATH"], **self.variables, **variables}
        log = (self.folder / "log").open("wb")
        return subprocess.Popen([binary, *self.arguments], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


def complaints(builds: list[Build], binary: Path, scratch: Path) -> list[str]:
    found = []
    for build in builds:
        for pod in policy.ours(build):
            found += _takes_arguments_and_config(build, pod, binary, scratch)
    found += _refuses_what_is_wrong(builds, binary, scratch)
    contracts = scratch / "contracts-repository"
    repository(contracts)
    running = []
    # A role that waits for its brokers takes 10 s to stop, so all of them do it at once.
    with ThreadPoolExecutor() as threads:
        for build in (b for b in builds if b.name in PLAIN):
            for pod in (p for p in policy.ours(build) if policy.component(p) in ("validator", "sink")):
                folder = folder_in(scratch, f"{build.name}-{policy.component(pod)}-running")
                running.append(threads.submit(_answers_probes_and_stops, build, pod, binary, folder, contracts))
    if len(running) != 2 * len(PLAIN):
        found.append(f"{len(running)} roles were started")
    found += [text for each in running for text in each.result()]
    say("kube", f"{len(builds)} overlays started with {binary.name}")
    return found


def _takes_arguments_and_config(build, pod, binary, scratch) -> list[str]:
    name = f"{build.name}: {pod.name}"
    role = policy.component(pod)
    place = Place(build, pod, folder_in(scratch, f"{build.name}-{role}"), None)
    code, text = end(place.run(binary, TIDEGATE_CONTRACTS="/nowhere/contracts"), place)
    # 78 or, for a tool that runs once, 2; and of all that could be wrong only the contracts are.
    if code not in (78, 2) or "/nowhere/contracts" not in text or len(text.strip().splitlines()) != 1:
        return [f"{name}: does not take its arguments and config: exit {code}: {text.strip()}"]
    return []


def _refuses_what_is_wrong(builds, binary, scratch) -> list[str]:
    """The check above can fail: a flag and a key that do not exist are refused."""
    build = next(b for b in builds if b.name == "aws")
    pod = policy.ours(build)[0]
    found = []
    for what, change in (("argument", lambda p: p.arguments.append("--no-such-flag")), ("config", _misspell)):
        place = Place(build, pod, folder_in(scratch, f"wrong-{what}"), None)
        change(place)
        _, text = end(place.run(binary, TIDEGATE_CONTRACTS="/nowhere/contracts"), place)
        if "/nowhere/contracts" in text:
            found.append(f"a wrong {what} is taken: {text}")
    return found


def _misspell(place: Place) -> None:
    for file in place.folder.glob("config/..2*/tidegate.yaml"):
        file.write_text(file.read_text() + "\nno_such_key: 1\n")


def _answers_probes_and_stops(build, pod, binary, folder, contracts) -> list[str]:
    name = f"{build.name}: {pod.name}"
    container = policy.tidegate(pod)
    place = Place(build, pod, folder, contracts)
    place.move_config()
    port = free_port()
    variables = {"TIDEGATE_HTTP": f"127.0.0.1:{port}", "TIDEGATE_BROKERS": "127.0.0.1:1"}
    child = place.run(binary, **variables)
    found = []
    try:
        paths = {probe: container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
        if not comes(lambda: get(port, paths["startupProbe"])[0] == 200, child):
            return [f"{name}: startup probe {paths['startupProbe']} is never 200; exit {child.poll()}: {place.log()}"]
        if not comes(lambda: b"starting" in get(port, paths["readinessProbe"])[1], child):
            found.append(f"{name}: ready without brokers: {get(port, paths['readinessProbe'])}")
        status, body = get(port, paths["readinessProbe"])
        if status != 503:
            found.append(f"{name}: readiness says {status} without brokers: {body}")
        if get(port, paths["livenessProbe"])[0] != 200:
            found.append(f"{name}: brokers that are down would restart it")
        if get(port, "/metrics")[0] != 200:
            found.append(f"{name}: no metrics")
        began = time.monotonic()
        child.send_signal(signal.SIGTERM)
        code = child.wait(pod.spec["terminationGracePeriodSeconds"])
        if code not in (0, 69):
            found.append(f"{name}: SIGTERM ends it with {code}: {place.log()}")
        say("kube", f"{name}: stopped in {time.monotonic() - began:.1f} s")
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
    return found


def repository(folder: Path) -> None:
    source = folder / "contracts"
    source.mkdir(parents=True)
    shutil.copy(K8S / "overlays" / "local" / "contracts" / "visits.odcs.yaml", source)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "--quiet", "-m", "contracts")


def as_git_sync_leaves_it(root: Path, repository: Path) -> None:
    """git-sync 4: a repository in its root, a worktree named by the commit below `.worktrees`, and a link to that."""
    git(root, "init", "--quiet", "--initial-branch", "git-sync")
    git(root, "fetch", "--quiet", str(repository), "main")
    commit = git(root, "rev-parse", "FETCH_HEAD").strip()
    git(root, "worktree", "add", "--quiet", "--detach", f".worktrees/{commit}", commit)
    (root / "current").symlink_to(f".worktrees/{commit}")


def git(folder: Path, *arguments) -> str:
    try:
        return subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True, text=True).stdout
    except FileNotFoundError as error:
        raise MissingTool("git is missing") from error


def _config_with_connection_string(folder: Path) -> str:
    """The Secret of the Azure overlay, made by the command of the README."""
    command = re.search(r"( +sed '.+?tidegate\.yaml) \|", (K8S / "README.md").read_text(), re.S).group(1)
    (folder / "connection-string.txt").write_text(CONNECTION_STRING + "\n")
    command = command.replace("infra/k8s/", f"{K8S}/")
    text = subprocess.run(["bash", "-ec", command], cwd=folder, check=True, capture_output=True, text=True).stdout
    if f"sasl.password: {CONNECTION_STRING}\n" not in text or "sasl.username: $ConnectionString\n" not in text:
        raise ValueError(f"the README's command for the Secret makes no credentials: {text}")
    return text


def _certificate(at: Path) -> None:
    try:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=x",
             "-keyout", at / "tls.key", "-out", at / "tls.crt"], check=True, capture_output=True)
    except FileNotFoundError as error:
        raise MissingTool("openssl is missing; it makes a client certificate") from error


def end(child: subprocess.Popen, place: Place) -> tuple[int, str]:
    try:
        return child.wait(SECONDS), place.log()
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        return -1, f"still runs after {SECONDS} s: {place.log()}"


def comes(true, child) -> bool:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and child.poll() is None:
        if true():
            return True
        time.sleep(0.05)
    return False


def get(port: int, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def folder_in(scratch: Path, name: str) -> Path:
    folder = scratch / name
    folder.mkdir()
    return folder
