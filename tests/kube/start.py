"""The executable, started as the manifests start it: same arguments, same variables, same files at other places.

First every role of every overlay reads its config and then misses its contracts, which shows that arguments and config are taken. Then a
validator and a sink start without brokers: they must answer the probes of the manifests and stop when asked.
"""

import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import policy
from core.errors import MissingTool
from core.report import say
from overlays import K8S, PLAIN, Build, Pod

#: What a site keeps in Secrets, by variable.
SECRETS = {"TIDEGATE_KAFKA_PASSWORD": "Endpoint=sb://example.servicebus.windows.net/;SharedAccessKeyName=x;SharedAccessKey=eA=="}
#: A role's own credentials, as EKS would give them; signing needs nobody.
ROLE_KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI"}
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
            elif volume.get("secret", {}).get("secretName") == "tidegate-kafka-client":
                _certificate(at)
            elif mount["name"] == "contracts" and contracts:
                as_git_sync_leaves_it(at, contracts)
        self.variables = {}
        for variable in container.get("env", []):
            at = variable.get("valueFrom", {}).get("configMapKeyRef")
            if "secretKeyRef" in variable.get("valueFrom", {}):
                # The program says what it misses.
                if variable["name"] in SECRETS:
                    self.variables[variable["name"]] = SECRETS[variable["name"]]
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

    def name_groups(self, prefix: str) -> None:
        """Other groups than the manifests': the stand serves other stories at the same time."""
        for file in self.folder.glob("config/..2*/tidegate.yaml"):
            text = file.read_text()
            assert text.count("group: tidegate-") == 2, text
            file.write_text(text.replace("group: tidegate-", f"group: {prefix}-"))

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
    identity = _identity_service()
    # A role that waits for its brokers takes 10 s to stop, so all of them do it at once.
    with ThreadPoolExecutor() as threads:
        for build, pod in _probed(builds):
            folder = folder_in(scratch, f"{build.name}-{policy.component(pod)}-running")
            running.append(threads.submit(_answers_probes_and_stops, build, pod, binary, folder, contracts, identity))
    if len(running) != 2 * len(PLAIN) + 1:
        found.append(f"{len(running)} roles were started")
    found += [text for each in running for text in each.result()]
    say("kube", f"{len(builds)} overlays started with {binary.name}")
    return found


def _probed(builds):
    """Pods that answer probes, of each place; the checks that keep running are the same everywhere but for what the sink has."""
    for build in builds:
        roles = ("validator", "sink") if build.name in PLAIN else ("sla",) if build.name == "aws+sla-serve" else ()
        yield from ((build, pod) for pod in policy.ours(build) if policy.component(pod) in roles)


def _takes_arguments_and_config(build, pod, binary, scratch) -> list[str]:
    name = f"{build.name}: {pod.name}"
    place = Place(build, pod, folder_in(scratch, f"{build.name}-{pod.owner['metadata']['name']}"), None)
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


def _identity_service() -> str:
    """Answers as Azure's metadata service does; it lives as long as this process."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps({"access_token": "x.y.z", "expires_in": "3600", "token_type": "Bearer"}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


def _answers_probes_and_stops(build, pod, binary, folder, contracts, identity) -> list[str]:
    name = f"{build.name}: {pod.name}"
    container = policy.tidegate(pod)
    place = Place(build, pod, folder, contracts)
    place.move_config()
    port = free_port()
    variables = {"TIDEGATE_HTTP": f"127.0.0.1:{port}", "TIDEGATE_BROKERS": "127.0.0.1:1", "AZURE_POD_IDENTITY_AUTHORITY_HOST": identity} | ROLE_KEYS
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
