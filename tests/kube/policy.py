"""What must hold of every object, beyond its schema. A rule is a function from a build to complaints; `mutations.py` breaks each once."""

import re
from collections.abc import Callable, Iterator

import network
from network import DNS, HOME, METADATA, STRANGER, Peer
from overlays import OPERATOR_KINDS, PLAIN, ROOT, Build, Pod

RULES: list[Callable[[Build], Iterator[str]]] = []
DOCS = ROOT / "services" / "tidegate" / "docs"


def rule(function):
    RULES.append(function)
    return function


def complaints(build: Build) -> list[str]:
    return [f"{function.__name__}: {text}" for function in RULES for text in function(build)]


def component(pod: Pod) -> str:
    return pod.labels.get("app.kubernetes.io/component", "")


def ours(build: Build) -> list[Pod]:
    return [pod for pod in build.pods() if pod.labels.get("app.kubernetes.io/name") == "tidegate"]


def long_running(build: Build) -> list[Pod]:
    return [pod for pod in build.pods() if pod.owner["kind"] in ("Deployment", "StatefulSet")]


def tidegate(pod: Pod) -> dict:
    return next(c for c in pod.spec["containers"] if c["name"] == "tidegate")


@rule
def the_roles_are_there(build):
    found = {component(pod) for pod in ours(build)}
    for role in ("validator", "sink", "sla"):
        if role not in found:
            yield f"no pod of the role {role}"


#: Roles whose commands people run.
BY_HAND = ("operator", "topics", "audit", "resume")
#: What starts by itself under the account of one of them.
COUNTS = "tidegate-dlq-count"


@rule
def people_have_what_they_run(build):
    """A template for each role, with the pod of the SLA check, that never starts by itself."""
    wanted = [role for role in BY_HAND if role != "topics" or build.name.split("-")[0].split("+")[0] != "azure"]
    pods = {component(pod): pod for pod in ours(build) if component(pod) in BY_HAND and pod.owner["metadata"]["name"] != COUNTS}
    if sorted(pods) != sorted(wanted):
        yield f"people may run {sorted(pods)}, not {sorted(wanted)}"
    for role, pod in pods.items():
        spec = pod.owner["spec"]
        if pod.owner["kind"] != "CronJob" or spec.get("suspend") is not True:
            yield f"{pod.name}: starts by itself"
        inner = spec.get("jobTemplate", {}).get("spec", {})
        if inner.get("backoffLimit") != 0 or inner.get("podFailurePolicy"):
            yield f"{pod.name}: a command that ended is run again"
        words = tidegate(pod)["args"]
        if words[0] != {"operator": "dlq"}.get(role, role) or any(word in ("--execute", "mark", "apply") for word in words):
            yield f"{pod.name}: runs {words} where nobody says what to run"
        yield from _has_what_the_check_has(build, pod)


def _has_what_the_check_has(build, pod):
    for sla in (pod for pod in ours(build) if component(pod) == "sla" and pod.owner["kind"] == "CronJob"):
        theirs = {v["name"] for v in tidegate(sla)["env"]}, {v["name"] for v in sla.spec["volumes"]}
        own = {v["name"] for v in tidegate(pod)["env"]}, {v["name"] for v in pod.spec["volumes"]}
        if own != theirs:
            yield f"{pod.name}: has not what the SLA check has of brokers, lake and contracts"


@rule
def dead_letters_are_counted_by_schedule(build):
    """One thing under the operator's account that starts by itself, counts, and does not fail for what it finds; and nothing beside it."""
    templates = [f"tidegate-{role}" for role in BY_HAND]
    others = [pod for pod in ours(build) if component(pod) in BY_HAND and pod.owner["metadata"]["name"] not in templates]
    if [pod.name for pod in others] != [f"CronJob/{COUNTS}"]:
        yield f"{[pod.name for pod in others]} run under accounts of people, and not CronJob/{COUNTS} alone"
    for pod in others:
        spec = pod.owner["spec"]
        if component(pod) != "operator" or tidegate(pod)["args"][:2] != ["dlq", "count"]:
            yield f"{pod.name}: runs {tidegate(pod)['args']} as {component(pod)}; `dlq ls` would fail its Job for each open group"
        if spec.get("suspend") or not spec.get("successfulJobsHistoryLimit") or not spec.get("failedJobsHistoryLimit"):
            yield f"{pod.name}: never starts, or leaves nothing behind to look at"
        inner = spec.get("jobTemplate", {}).get("spec", {})
        if any("onExitCodes" in each for each in (inner.get("podFailurePolicy") or {}).get("rules", [])):
            yield f"{pod.name}: has exit codes of its own, which are those of another command"
        yield from _has_what_the_check_has(build, pod)


@rule
def one_thing_checks_promises(build):
    checks = [pod for pod in ours(build) if component(pod) == "sla"]
    if len(checks) > 1:
        yield f"{len(checks)} things check the same promises"
    for pod in checks:
        spec, command = pod.owner["spec"], tidegate(pod)["args"][:3]
        if pod.owner["kind"] == "CronJob":
            if command != ["sla", "run", "--once"]:
                yield f"{pod.name}: a Job must end, and runs {command}"
            continue
        if command[:2] != ["sla", "serve"]:
            yield f"{pod.name}: must keep running, and runs {command}"
        if spec.get("replicas") != 1 or spec["strategy"]["type"] != "Recreate":
            yield f"{pod.name}: two would do the same work at a time"
        volumes = sorted(v["name"] for v in pod.spec["volumes"])
        names = sorted({v["name"] for v in tidegate(pod).get("env", [])})
        for sink in (pod for pod in ours(build) if component(pod) == "sink"):
            if volumes != sorted(v["name"] for v in sink.spec["volumes"]) or names != sorted({v["name"] for v in tidegate(sink).get("env", [])}):
                yield f"{pod.name}: has not what the sink has of brokers, lake and contracts"
        for monitor in build.of_kind("PodMonitor"):
            chosen = monitor["spec"]["selector"]["matchExpressions"]
            if any(pod.labels.get(one["key"]) not in one["values"] for one in chosen):
                yield f"{pod.name}: PodMonitor/{monitor['metadata']['name']} does not choose it"
        for rules in build.of_kind("PrometheusRule"):
            names = [alert["alert"] for group in rules["spec"]["groups"] for alert in group["rules"]]
            if "TidegateRecordsMissing" not in names:
                yield f"{pod.name}: nobody is told of what it alone finds"


@rule
def one_namespace_under_the_restricted_profile(build):
    spaces = build.of_kind("Namespace")
    if [s["metadata"]["name"] for s in spaces] != ["tidegate"]:
        yield "exactly the namespace tidegate must be made"
    for space in spaces:
        if space["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce") != "restricted":
            yield "the namespace does not enforce the restricted profile"
    for thing in build.objects:
        if thing["kind"] != "Namespace" and thing["metadata"].get("namespace") != "tidegate":
            yield f"{thing['kind']}/{thing['metadata']['name']} is outside of the namespace"


@rule
def plain_clusters_need_no_operator(build):
    for thing in build.objects:
        if thing["kind"] in OPERATOR_KINDS and build.name.split("+")[0] in PLAIN:
            yield f"{thing['kind']}/{thing['metadata']['name']} needs an operator"


@rule
def containers_are_confined(build):
    for pod in build.pods():
        context = pod.spec.get("securityContext", {})
        if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
            yield f"{pod.name}: must run as a user that is not root"
        if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{pod.name}: seccomp profile is not RuntimeDefault"
        if any(pod.spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
            yield f"{pod.name}: shares the node's network or processes"
        for volume in pod.spec.get("volumes", []):
            if "hostPath" in volume:
                yield f"{pod.name}: volume {volume['name']} is a path of the node"
            if "emptyDir" in volume and not volume["emptyDir"].get("sizeLimit"):
                yield f"{pod.name}: volume {volume['name']} is not bounded"
        for container in pod.containers():
            own = container.get("securityContext", {})
            where = f"{pod.name} {container['name']}"
            if own.get("readOnlyRootFilesystem") is not True:
                yield f"{where}: the root file system is writable"
            if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
                yield f"{where}: may gain privileges"
            if own.get("capabilities", {}).get("drop") != ["ALL"] or own.get("capabilities", {}).get("add"):
                yield f"{where}: keeps capabilities"
            if own.get("runAsUser") == 0 or own.get("runAsNonRoot") is False:
                yield f"{where}: runs as root"


@rule
def no_token_of_the_cluster(build):
    for pod in build.pods():
        if pod.spec.get("automountServiceAccountToken") is not False:
            yield f"{pod.name}: mounts a token of Kubernetes"
        if pod.spec.get("enableServiceLinks") is not False:
            yield f"{pod.name}: takes variables named after Services"
    for account in build.of_kind("ServiceAccount"):
        if account.get("automountServiceAccountToken") is not False:
            yield f"ServiceAccount/{account['metadata']['name']}: mounts its token"


@rule
def each_role_has_its_own_identity(build):
    accounts = {a["metadata"]["name"] for a in build.of_kind("ServiceAccount")}
    for pod in ours(build):
        wanted = f"tidegate-{component(pod)}"
        if pod.spec.get("serviceAccountName") != wanted or wanted not in accounts:
            yield f"{pod.name}: must use the ServiceAccount {wanted}"
    identities = [str(a["metadata"]["annotations"]) for a in build.of_kind("ServiceAccount") if a["metadata"].get("annotations")]
    if len(set(identities)) != len(identities):
        yield "two ServiceAccounts share an identity of the cloud"
    for account in build.of_kind("ServiceAccount"):
        # The registry asks no cloud.
        named = account["metadata"].get("annotations") or account["metadata"]["name"] == "tidegate-registry"
        if (build.name.startswith("azure") or build.name == "aws+irsa") and not named:
            yield f"ServiceAccount/{account['metadata']['name']} has no identity of the cloud"
    if any("from-site-env" in text for text in identities):
        yield "an identity was not filled in from site.env"


@rule
def images_are_pinned(build):
    for pod in build.pods():
        for container in pod.containers():
            name, _, tag = container["image"].rpartition(":")
            if "@sha256:" not in container["image"] and (not name or "/" in tag or tag in ("", "latest")):
                yield f"{pod.name} {container['name']}: the image {container['image']} has no fixed tag"


@rule
def resources_are_bounded(build):
    for pod in build.pods():
        for container in pod.containers():
            resources = container.get("resources", {})
            for side in ("requests", "limits"):
                for what in ("cpu", "memory", "ephemeral-storage"):
                    if what not in resources.get(side, {}):
                        yield f"{pod.name} {container['name']}: no {side} of {what}"


@rule
def memory_is_not_overbooked(build):
    for pod in ours(build):
        resources = tidegate(pod).get("resources", {})
        limit, request = (resources.get(side, {}).get("memory") for side in ("limits", "requests"))
        if limit != request and build.name != "local":
            yield f"{pod.name}: memory request {request} and limit {limit} differ"


@rule
def probes_mean_different_things(build):
    for pod in long_running(build):
        for container in pod.spec["containers"]:
            missing = [p for p in ("startupProbe", "livenessProbe", "readinessProbe") if p not in container]
            if missing:
                yield f"{pod.name} {container['name']}: no {', '.join(missing)}"
    for pod in ours(build):
        if pod.owner["kind"] != "Deployment":
            continue
        container = tidegate(pod)
        paths = {p: container.get(p, {}).get("httpGet", {}).get("path") for p in ("startupProbe", "livenessProbe", "readinessProbe")}
        if paths != {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}:
            yield f"{pod.name}: probes ask {paths}"
        names = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
        listens = next((e.get("value", "") for e in container["env"] if e["name"] == "TIDEGATE_HTTP"), "")
        for probe in paths:
            port = container.get(probe, {}).get("httpGet", {}).get("port")
            if not listens.startswith("0.0.0.0:") or listens.rpartition(":")[2] != str(names.get(port, port)):
                yield f"{pod.name}: {probe} asks port {port}, the role listens on `{listens}`"


@rule
def grace_is_longer_than_the_drain(build):
    text = " ".join((DOCS / "operate.md").read_text().split())
    drain = int(re.search(r"Give them (\d+) s", text).group(1))
    for pod in ours(build):
        if pod.owner["kind"] != "Deployment":
            continue
        sleep = tidegate(pod).get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        grace = pod.spec.get("terminationGracePeriodSeconds", 30)
        needed = drain if component(pod) != "registry" else 20
        if not sleep:
            yield f"{pod.name}: no preStop"
        if grace <= sleep + needed:
            yield f"{pod.name}: {grace} s of grace do not hold {sleep} s before SIGTERM and {needed} s of draining"


@rule
def disruptions_are_budgeted(build):
    budgets = build.of_kind("PodDisruptionBudget")
    for pod in ours(build):
        if pod.owner["kind"] != "Deployment":
            continue
        fitting = [b for b in budgets if b["spec"]["selector"]["matchLabels"].items() <= pod.labels.items()]
        if len(fitting) != 1:
            yield f"{pod.name}: {len(fitting)} budgets instead of one"
        for budget in fitting:
            if budget["spec"].get("maxUnavailable") != 1 or budget["spec"].get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
                yield f"{pod.name}: its budget may block a node drain for ever"


@rule
def pods_are_spread(build):
    for pod in ours(build):
        if pod.owner["kind"] != "Deployment":
            continue
        keys = {c["topologyKey"] for c in pod.spec.get("topologySpreadConstraints", [])
                if c["labelSelector"]["matchLabels"].items() <= pod.labels.items()}
        if "topology.kubernetes.io/zone" not in keys:
            yield f"{pod.name}: not spread over zones"


@rule
def selectors_fit(build):
    for pod in long_running(build):
        if not pod.owner["spec"]["selector"]["matchLabels"].items() <= pod.labels.items():
            yield f"{pod.name}: its selector does not fit its pods"


@rule
def one_autoscaler_owns_the_number(build):
    for pod in ours(build):
        if pod.owner["kind"] != "Deployment":
            continue
        name = pod.owner["metadata"]["name"]
        owners = [s for s in build.of_kind("ScaledObject", "HorizontalPodAutoscaler") if s["spec"]["scaleTargetRef"]["name"] == name]
        if len(owners) > 1:
            yield f"{pod.name}: two autoscalers"
        if owners and "replicas" in pod.owner["spec"]:
            yield f"{pod.name}: each apply would undo the autoscaler"
        if not owners and "replicas" not in pod.owner["spec"]:
            yield f"{pod.name}: nobody says how many"
        if (build.name.endswith("-operators") or "autoscale" in build.name) and not owners and component(pod) in ("validator", "sink"):
            yield f"{pod.name}: no autoscaler"


@rule
def lag_is_that_of_the_role(build):
    groups = {}
    for config in build.of_kind("ConfigMap"):
        for text in config.get("data", {}).values():
            for role in ("validator", "sink"):
                found = re.search(rf"^{role}:\n(?:  .*\n)*?  group: (\S+)", text, re.M)
                if found:
                    groups[f"tidegate-{role}"] = found.group(1)
    site = next((c["data"] for c in build.of_kind("ConfigMap") if c["metadata"]["name"].startswith("tidegate-site")), {})
    for scaled in build.of_kind("ScaledObject"):
        name = scaled["metadata"]["name"]
        if scaled["spec"].get("minReplicaCount", 0) < 1:
            yield f"ScaledObject/{name}: may scale to nothing and never wake"
        for trigger in scaled["spec"]["triggers"]:
            asked = trigger["metadata"]
            if trigger["type"] != "kafka" or asked["consumerGroup"] != groups.get(scaled["spec"]["scaleTargetRef"]["name"]):
                yield f"ScaledObject/{name}: asks for the lag of {asked.get('consumerGroup')}"
            if asked["bootstrapServers"] != site.get("bootstrap_brokers"):
                yield f"ScaledObject/{name}: asks other brokers than site.env says"
            if trigger["authenticationRef"]["name"] not in [t["metadata"]["name"] for t in build.of_kind("TriggerAuthentication")]:
                yield f"ScaledObject/{name}: signs in with something that is not there"


@rule
def scheduled_checks_do_not_overlap(build):
    for job in build.of_kind("CronJob"):
        spec, name = job["spec"], job["metadata"]["name"]
        if spec.get("concurrencyPolicy") != "Forbid" or not spec.get("timeZone") or not spec.get("startingDeadlineSeconds"):
            yield f"CronJob/{name}: needs concurrencyPolicy Forbid, a time zone and a starting deadline"
        inner = spec["jobTemplate"]["spec"]
        if not inner.get("activeDeadlineSeconds") or not inner.get("ttlSecondsAfterFinished"):
            yield f"CronJob/{name}: jobs must end and be removed"


@rule
def secrets_are_named_only(build):
    if build.of_kind("Secret"):
        yield "a Secret lies in the overlay"
    secretish = re.compile(r"(password|secret|token|_key|connection_?string)", re.I)
    for pod in build.pods():
        for container in pod.containers():
            for variable in container.get("env", []):
                if secretish.search(variable["name"]) and "value" in variable and not variable["name"].endswith("_FILE"):
                    yield f"{pod.name} {container['name']}: {variable['name']} holds a value"
    for config in build.of_kind("ConfigMap"):
        for key, text in config.get("data", {}).items():
            if re.search(r"sasl\.password|SharedAccessKey=|BEGIN [A-Z ]*PRIVATE KEY|AKIA[0-9A-Z]{16}", text):
                yield f"ConfigMap/{config['metadata']['name']}: {key} holds a secret"


@rule
def references_lead_somewhere(build):
    maps = {c["metadata"]["name"]: c["data"] for c in build.of_kind("ConfigMap")}
    claims = {c["metadata"]["name"] for c in build.of_kind("PersistentVolumeClaim")}
    for pod in build.pods():
        names = {v["name"] for v in pod.spec.get("volumes", [])}
        templates = {t["metadata"]["name"] for t in pod.owner["spec"].get("volumeClaimTemplates", [])}
        for volume in pod.spec.get("volumes", []):
            kinds = [k for k in volume if k != "name"]
            if len(kinds) != 1:
                yield f"{pod.name}: volume {volume['name']} is {' and '.join(sorted(kinds)) or 'nothing'}"
            if "configMap" in volume and volume["configMap"]["name"] not in maps:
                yield f"{pod.name}: ConfigMap {volume['configMap']['name']} is not there"
            if "persistentVolumeClaim" in volume and volume["persistentVolumeClaim"]["claimName"] not in claims:
                yield f"{pod.name}: claim {volume['persistentVolumeClaim']['claimName']} is not there"
        for container in pod.containers():
            for mount in container.get("volumeMounts", []):
                if mount["name"] not in names | templates:
                    yield f"{pod.name} {container['name']}: volume {mount['name']} is not there"
            for variable in container.get("env", []):
                at = variable.get("valueFrom", {}).get("configMapKeyRef")
                if at and at["key"] not in maps.get(at["name"], {}):
                    yield f"{pod.name} {container['name']}: {at['name']} has no {at['key']}"


@rule
def every_pod_has_its_network(build):
    denies = [p for p in build.of_kind("NetworkPolicy")
              if p["spec"]["podSelector"] == {} and set(p["spec"]["policyTypes"]) == {"Ingress", "Egress"}
              and not p["spec"].get("ingress") and not p["spec"].get("egress")]
    if len(denies) != 1:
        yield "there is no policy that denies everything to every pod"
    for pod in build.pods():
        if not any(p["spec"]["podSelector"] for p in network.policies(build, pod)):
            yield f"{pod.name}: no policy speaks of it"
        if not network.allows(build, pod, "Egress", DNS, 53, "UDP"):
            yield f"{pod.name}: cannot ask for names"
        if network.allows(build, pod, "Egress", METADATA, 80) or network.allows(build, pod, "Egress", METADATA, 443):
            yield f"{pod.name}: can ask the node's metadata for its identity"
        for port in (22, 80, 443, 8080, 9092, 9464):
            if network.allows(build, pod, "Ingress", STRANGER, port):
                yield f"{pod.name}: strangers may connect to {port}"
            if network.allows(build, pod, "Egress", STRANGER, port):
                yield f"{pod.name}: may connect to strangers on {port}"


@rule
def roles_reach_what_they_need_and_no_more(build):
    site = next((c["data"] for c in build.of_kind("ConfigMap") if c["metadata"]["name"].startswith("tidegate-site")), {})
    port = int(site.get("bootstrap_brokers", ":0").split(",")[0].rpartition(":")[2])
    # `site --certificate` writes the brokers of another listener; the example's are those of IAM.
    port = 9094 if build.name.endswith("+kafka-certificate") else port
    local = build.name == "local"
    broker = Peer.pod(HOME, {"app.kubernetes.io/name": "kafka", "app.kubernetes.io/component": "kafka"}) if local else Peer("10.20.30.40")
    remote = not str(site.get("lake_url", "")).startswith("/")
    for pod in ours(build):
        role = component(pod)
        asks = role in ("validator", "sink", "sla", *BY_HAND)
        if network.allows(build, pod, "Egress", broker, port) != asks:
            yield f"{pod.name}: brokers on port {port}: {'closed' if asks else 'open'}"
        if remote and not network.allows(build, pod, "Egress", Peer("52.95.171.10"), 443):
            yield f"{pod.name}: cannot reach the store"
        # Whoever takes contracts from the registry leaves the component contracts-git out, and needs tokens and registries of schemas still.
        without = Build(build.name, [o for o in build.objects if o["kind"] != "NetworkPolicy" or o["metadata"]["name"] != "contracts-git"])
        if asks and remote and not network.allows(without, pod, "Egress", Peer("52.95.171.10"), 443):
            yield f"{pod.name}: gets no token where contracts come from the registry"
        if role in BY_HAND:
            registry = Pod({"kind": "Deployment", "metadata": {"name": "x"}}, {"labels": {"app.kubernetes.io/component": "registry"}}, {"containers": []})
            if not network.allows(build, pod, "Egress", Peer.pod(HOME, registry.labels), 8080) or not network.allows(
                    build, registry, "Ingress", Peer.pod(HOME, pod.labels), 8080):
                yield f"{pod.name}: cannot ask the registry for contracts"
        for other in (22, 25, 5432, 6443):
            if network.allows(build, pod, "Egress", Peer("10.20.30.40"), other):
                yield f"{pod.name}: may connect to port {other}"
        prometheus = Peer.pod({"kubernetes.io/metadata.name": "monitoring"}, {})
        monitored = bool(build.of_kind("PodMonitor")) and pod.owner["kind"] == "Deployment"
        if network.allows(build, pod, "Ingress", prometheus, 9464) != monitored:
            yield f"{pod.name}: Prometheus {'cannot ask' if monitored else 'may ask and nobody needs it'}"


@rule
def the_registry_lets_in_its_clients_and_nobody_else(build):
    for pod in (p for p in ours(build) if component(p) == "registry"):
        named = {"kubernetes.io/metadata.name": "shop"}
        let_in = {**named, "tidegate/registry-clients": "allowed"}
        ingress = {"kubernetes.io/metadata.name": "ingress", "tidegate/registry-webhooks": "allowed"}
        client = {"app": "checkout", "tidegate/registry-client": "true"}
        # What it is, namespace, labels, whether it may ask.
        for what, namespace, labels, expected in (
            ("a validator", HOME, {"app.kubernetes.io/component": "validator"}, True),
            ("a sink", HOME, {"app.kubernetes.io/component": "sink"}, True),
            ("the SLA check", HOME, {"app.kubernetes.io/component": "sla"}, True),
            ("another pod of the namespace", HOME, {"app": "x"}, False),
            ("a producer", let_in, client, True),
            ("a pod that calls itself a producer", named, client, False),
            ("another pod beside a producer", let_in, {"app": "checkout"}, False),
            ("the ingress", ingress, {"app": "proxy"}, True),
        ):
            peer = Peer.pod(namespace, labels)
            if network.allows(build, pod, "Ingress", peer, 8080) != expected:
                yield f"{pod.name}: {what} {'cannot' if expected else 'may'} ask"
            if network.allows(build, pod, "Ingress", peer, 9464):
                yield f"{pod.name}: {what} may ask for metrics"
        if network.allows(build, pod, "Ingress", Peer("203.0.113.7"), 8080):
            yield f"{pod.name}: an address outside of the cluster may ask"
        for role in (p for p in ours(build) if component(p) != "registry"):
            if not network.allows(build, role, "Egress", Peer.pod(HOME, pod.labels), 8080):
                yield f"{role.name}: cannot ask the registry"
        if not network.allows(build, pod, "Egress", Peer("203.0.113.7"), 443):
            yield f"{pod.name}: cannot reach the Git server"


@rule
def alerts_can_fire(build):
    metrics = (DOCS / "metrics.md").read_text()
    runbooks = ROOT / "infra" / "runbooks"
    site = next((c["data"] for c in build.of_kind("ConfigMap") if c["metadata"]["name"].startswith("tidegate-site")), {})
    fed = {line.split("`")[1] for line in metrics.splitlines()
           if line.startswith("| `tidegate_") and line.rstrip(" |").rpartition("|")[2].strip() not in ("-", "")}
    for rules in build.of_kind("PrometheusRule"):
        for group in rules["spec"]["groups"]:
            for alert in group["rules"]:
                name = alert["alert"]
                for metric in re.findall(r"\b(tidegate_\w+)\b", re.sub(r'"[^"]*"', "", alert["expr"])):
                    if metric not in fed:
                        yield f"{name}: nothing feeds {metric}"
                if alert.get("labels", {}).get("severity") not in ("page", "ticket"):
                    yield f"{name}: no severity"
                notes = alert.get("annotations", {})
                link = f"{site.get('runbooks')}/{name}.md"
                if not notes.get("summary") or notes.get("runbook_url") != link or not link.startswith("https://"):
                    yield f"{name}: needs a summary and the link to its runbook, below what site.env says"
                if not (runbooks / f"{name}.md").exists():
                    yield f"{name}: has no runbook"
    monitors = build.of_kind("PodMonitor")
    for monitor in monitors:
        for endpoint in monitor["spec"]["podMetricsEndpoints"]:
            for pod in ours(build):
                ports = [port["name"] for c in pod.containers() for port in c.get("ports", [])]
                if component(pod) in ("validator", "sink") and endpoint["port"] not in ports:
                    yield f"{pod.name}: has no port {endpoint['port']} to be monitored on"
