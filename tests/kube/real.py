"""A real API server judges: every object is applied to it, and every pod template is sent as a Pod, server-side and dry.

Nothing runs: there is no controller, scheduler or node. What the server refuses or warns of is a complaint. Before it is believed, it must
refuse what a Kubernetes under the restricted profile refuses.
"""

import copy
import json
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml

from core.errors import MissingTool, PartFailed
from core.report import say, tail
from overlays import Build

TOKEN = "loopback-only"
READY_SECONDS = 90
#: A controller makes it in every namespace; none runs here.
DEFAULT_ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "tidegate"}}


class Server:
    """A client of the API server on loopback, with the rights of an administrator."""

    def __init__(self, port: int, certificate: Path):
        self.base = f"https://127.0.0.1:{port}"
        context = ssl.create_default_context(cafile=str(certificate))
        self.open = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)).open
        self.kinds: dict = {}

    def call(self, method: str, path: str, body=None, content="application/json") -> tuple[int, dict | str, list[str]]:
        """Status, answer, and the warnings that came with it."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.base + path, data=data, method=method, headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": content})
        try:
            with self.open(request, timeout=30) as answer:
                text = answer.read().decode()
                status, warnings = answer.status, answer.headers.get_all("Warning") or []
        except urllib.error.HTTPError as error:
            text, status, warnings = error.read().decode(), error.code, error.headers.get_all("Warning") or []
        try:
            return status, json.loads(text), warnings
        except ValueError:
            return status, text, warnings

    def apply(self, thing: dict, dry: bool = True) -> list[str]:
        """Server-side apply; the complaints."""
        path = f"{self._path(thing)}/{thing['metadata']['name']}?fieldManager=kube-check&force=true&fieldValidation=Strict"
        return _said(*self.call("PATCH", path + ("&dryRun=All" if dry else ""), thing, "application/apply-patch+yaml"))

    def create(self, thing: dict) -> list[str]:
        return _said(*self.call("POST", self._path(thing) + "?dryRun=All&fieldValidation=Strict", thing))

    def _path(self, thing: dict) -> str:
        version = thing["apiVersion"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if version not in self.kinds:
            status, answer, _ = self.call("GET", root)
            if status != 200:
                return f"{root}/unknown"
            self.kinds[version] = {r["kind"]: r for r in answer["resources"] if "/" not in r["name"]}
        kind = self.kinds[version].get(thing["kind"])
        if not kind:
            return f"{root}/unknown"
        inside = f"/namespaces/{thing['metadata']['namespace']}" if kind["namespaced"] else ""
        return f"{root}{inside}/{kind['name']}"


def complaints(builds: list[Build], crds: list[Path], etcd: Path, api_server: Path, scratch: Path) -> list[str]:
    with _running(etcd, api_server, scratch) as server:
        _install(server, crds)
        found = _refusals(server, builds)
        for build in builds:
            # Pods need their namespace and accounts; these are made in earnest, the rest is dry.
            for thing in [*build.of_kind("Namespace", "ServiceAccount"), DEFAULT_ACCOUNT]:
                found += [f"{build.name}: {text}" for text in server.apply(thing, dry=False)]
            for thing in build.objects:
                name = f"{build.name}: {thing['kind']}/{thing['metadata']['name']}"
                found += [f"{name}: {text}" for text in server.apply(thing)]
            for pod in build.pods():
                found += [f"{build.name}: {pod.name} as a Pod: {text}" for text in server.create(_as_pod(pod))]
            say("kube", f"{build.name}: {len(build.objects)} objects and {len(build.pods())} pods sent")
        return found


def _as_pod(pod) -> dict:
    spec = copy.deepcopy(pod.spec)
    templates = pod.owner["spec"].get("volumeClaimTemplates", [])
    spec.setdefault("volumes", []).extend(
        {"name": t["metadata"]["name"], "persistentVolumeClaim": {"claimName": t["metadata"]["name"]}} for t in templates)
    metadata = {**pod.metadata, "name": pod.owner["metadata"]["name"], "namespace": "tidegate"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _refusals(server: Server, builds: list[Build]) -> list[str]:
    """Faults that a real server finds; one that it takes means that nothing here is proved."""
    build = next(b for b in builds if b.name == "aws-operators").copy()
    for thing in build.of_kind("Namespace", "ServiceAccount"):
        server.apply(thing, dry=False)
    role = next(p for p in build.pods() if p.owner["metadata"]["name"] == "tidegate-validator")

    def pod(change) -> list[str]:
        broken = _as_pod(role)
        change(broken["spec"])
        return server.create(broken)

    def thing(kind, change) -> list[str]:
        broken = copy.deepcopy(build.of_kind(kind)[0])
        change(broken["spec"])
        return server.apply(broken)

    main = "containers"
    expected = (
        ("a root file system of its own user", pod(lambda s: s.pop("securityContext")), "violates PodSecurity"),
        ("a container that keeps capabilities", pod(lambda s: s[main][0]["securityContext"].pop("capabilities")), "violates PodSecurity"),
        ("a sidecar that may gain privileges",
         pod(lambda s: s["initContainers"][0]["securityContext"].update(allowPrivilegeEscalation=True)), "violates PodSecurity"),
        ("a path of the node", pod(lambda s: s["volumes"].append({"name": "x", "hostPath": {"path": "/"}})), "violates PodSecurity"),
        ("a volume that is not there", pod(lambda s: s["volumes"].pop()), "Not found"),
        ("a request above its limit", pod(lambda s: s[main][0]["resources"]["requests"].update(memory="9Gi")), "must be less than"),
        ("another account", pod(lambda s: s.update(serviceAccountName="nobody")), "not found"),
        ("a misspelt field", thing("Deployment", lambda s: s.update(replica=2)), "replica"),
        ("a wrong time zone", thing("CronJob", lambda s: s.update(timeZone="Mars/Olympus")), "timeZone"),
        ("a wrong schedule", thing("CronJob", lambda s: s.update(schedule="0 30 * * *")), "schedule"),
        ("a misspelt field of KEDA", thing("ScaledObject", lambda s: s.update(minReplicas=1)), "minReplicas"),
        ("a wrong duration of a rule",
         thing("PrometheusRule", lambda s: s["groups"][0]["rules"][0].update({"for": "soon"})), "for"),
    )
    return [f"the server takes {what}: {said}" for what, said, piece in expected if not any(piece in text for text in said)]


def _said(status: int, answer, warnings: list[str]) -> list[str]:
    found = [f"warning: {text}" for text in warnings]
    if status not in (200, 201):
        found.append(f"{status}: {answer.get('message') if isinstance(answer, dict) else answer}")
    return found


def _install(server: Server, crds: list[Path]) -> None:
    for path in crds:
        crd = yaml.safe_load(path.read_text())
        status, answer, _ = server.call(
            "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd)
        if status != 201:
            raise PartFailed(f"{path.name}: {status}: {answer}")
        group, version = crd["spec"]["group"], crd["spec"]["versions"][0]["name"]
        _until(f"{path.name} is served", lambda: crd["spec"]["names"]["kind"] in _served(server, f"/apis/{group}/{version}"))


def _served(server: Server, path: str) -> set:
    status, answer, _ = server.call("GET", path)
    return {r["kind"] for r in answer["resources"]} if status == 200 else set()


@contextmanager
def _running(etcd: Path, api_server: Path, scratch: Path):
    store, peer, port = _free_ports(3)
    key, tokens = scratch / "accounts.key", scratch / "tokens.csv"
    try:
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    except FileNotFoundError as error:
        raise MissingTool("openssl is missing; it makes the API server's key for service accounts") from error
    tokens.write_text(f'{TOKEN},admin,admin,"system:masters"\n')
    with ExitStack() as stack:
        logs = [_spawn(stack, scratch, "etcd", [
            etcd, f"--data-dir={scratch / 'etcd'}", f"--listen-client-urls=http://127.0.0.1:{store}",
            f"--advertise-client-urls=http://127.0.0.1:{store}", f"--listen-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}", f"--initial-cluster=default=http://127.0.0.1:{peer}",
            "--unsafe-no-fsync", "--log-level=error"])]
        logs.append(_spawn(stack, scratch, "kube-apiserver", [
            api_server, f"--etcd-servers=http://127.0.0.1:{store}", "--bind-address=127.0.0.1", f"--secure-port={port}",
            f"--cert-dir={scratch / 'certs'}", "--authorization-mode=RBAC", f"--token-auth-file={tokens}",
            "--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}", "--service-cluster-ip-range=10.96.0.0/16",
            "--endpoint-reconciler-type=none"]))
        began = time.monotonic()
        certificate = scratch / "certs" / "apiserver.crt"
        _until("the API server has its certificate", certificate.exists, logs)
        server = Server(port, certificate)
        _until("the API server is ready", lambda: _ready(server), logs)
        say("kube", f"the API server is ready after {time.monotonic() - began:.1f} s")
        yield server


def _ready(server: Server) -> bool:
    try:
        return server.call("GET", "/readyz")[0] == 200
    except OSError:
        return False


def _spawn(stack: ExitStack, scratch: Path, name: str, argv: list) -> Path:
    log = scratch / f"{name}.log"
    child = subprocess.Popen(
        [str(a) for a in argv], cwd=scratch, stdin=subprocess.DEVNULL, stdout=log.open("wb"), stderr=subprocess.STDOUT)

    def end():
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    stack.callback(end)
    return log


def _until(what: str, true, logs: list[Path] = ()) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not true():
        if time.monotonic() > deadline:
            raise PartFailed(f"not within {READY_SECONDS} s: {what}\n" + "\n".join(f"{log.name}:\n{tail(log)}" for log in logs))
        time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
