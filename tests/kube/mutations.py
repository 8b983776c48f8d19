"""Each rule broken once: a change to a good build, and the complaint that it must bring. A rule that nothing here breaks is a fault."""

import copy

import policy
import schemas
from overlays import Build, Pod


def _pod(build: Build, role: str) -> Pod:
    return next(p for p in policy.ours(build) if policy.component(p) == role)


def _main(build, role="validator") -> dict:
    return policy.tidegate(_pod(build, role))


def _policy(build, name) -> dict:
    return build.named("NetworkPolicy", name)["spec"]


def _starts(build, kind, prefix) -> dict:
    return next(o for o in build.of_kind(kind) if o["metadata"]["name"].startswith(prefix))


def _drop(build, kind, name) -> None:
    build.objects.remove(build.named(kind, name))


def _second_owner(b) -> None:
    b.objects.append({"kind": "HorizontalPodAutoscaler", "apiVersion": "autoscaling/v2",
                      "metadata": {"name": "x", "namespace": "tidegate"},
                      "spec": {"scaleTargetRef": {"name": "tidegate-validator"}}})


def _second_check(b) -> None:
    other = copy.deepcopy(b.named("Deployment", "tidegate-sla"))
    other["metadata"]["name"] = "tidegate-sla-2"
    b.objects.append(other)


def _counts(b) -> dict:
    return b.named("CronJob", policy.COUNTS)["spec"]


def _counting(b) -> dict:
    return _counts(b)["jobTemplate"]["spec"]["template"]["spec"]


def _rule(b) -> dict:
    return b.of_kind("PrometheusRule")[0]["spec"]["groups"][0]["rules"][0]


def _trigger(b) -> dict:
    return b.of_kind("ScaledObject")[0]["spec"]["triggers"][0]["metadata"]


def _set(key, value, where):
    """A mutation that puts a value under a key of what `where` finds; None removes it."""

    def mutate(build):
        place = where(build)
        if value is None:
            del place[key]
        else:
            place[key] = value

    return mutate


def _context(b):
    return _main(b)["securityContext"]


def _spec(b):
    return _pod(b, "validator").spec


#: The rule, the overlay, the change, and a piece of the complaint.
POLICY = (
    ("the_roles_are_there", "aws", lambda b: _drop(b, "CronJob", "tidegate-sla"), "sla"),
    ("people_have_what_they_run", "aws", lambda b: _drop(b, "CronJob", "tidegate-resume"), "not ['audit'"),
    ("people_have_what_they_run", "azure", lambda b: b.named("CronJob", "tidegate-operator")["spec"].update(suspend=False), "by itself"),
    ("people_have_what_they_run", "aws",
     lambda b: b.named("CronJob", "tidegate-operator")["spec"]["jobTemplate"]["spec"].update(backoffLimit=2), "run again"),
    ("people_have_what_they_run", "aws", lambda b: b.named("CronJob", "tidegate-operator")["spec"]["jobTemplate"]["spec"]["template"]["spec"][
        "containers"][0].update(args=["replay", "--execute"]), "nobody says"),
    ("people_have_what_they_run", "aws+kafka-certificate", lambda b: _pod(b, "audit").spec["volumes"].pop(), "has not what"),
    ("dead_letters_are_counted_by_schedule", "aws", lambda b: _drop(b, "CronJob", policy.COUNTS), "not CronJob"),
    ("dead_letters_are_counted_by_schedule", "azure", lambda b: _counts(b).update(suspend=True), "never starts"),
    ("dead_letters_are_counted_by_schedule", "local",
     lambda b: _counting(b)["containers"][0].update(args=["dlq", "ls"]), "would fail its Job"),
    ("dead_letters_are_counted_by_schedule", "aws",
     lambda b: _counts(b)["jobTemplate"]["spec"]["podFailurePolicy"]["rules"].append({"action": "Ignore", "onExitCodes": {}}), "another command"),
    ("dead_letters_are_counted_by_schedule", "aws+kafka-certificate", lambda b: _counting(b)["volumes"].pop(), "has not what"),
    ("dead_letters_are_counted_by_schedule", "azure", lambda b: _counting(b)["containers"][0]["env"].pop(), "has not what"),
    ("one_thing_checks_promises", "aws+sla-serve", _second_check, "2 things"),
    ("one_thing_checks_promises", "aws", lambda b: _main(b, "sla").update(args=["sla", "serve"]), "a Job must end"),
    ("one_thing_checks_promises", "aws+sla-serve", lambda b: _main(b, "sla").update(args=["sla", "run", "--once"]), "keep running"),
    ("one_thing_checks_promises", "azure+sla-serve", lambda b: b.named("Deployment", "tidegate-sla")["spec"].update(replicas=2), "at a time"),
    ("one_thing_checks_promises", "azure+sla-serve", lambda b: _main(b, "sla")["env"].pop(), "has not what the sink has"),
    ("one_thing_checks_promises", "aws-operators+sla-serve",
     lambda b: b.of_kind("PodMonitor")[0]["spec"]["selector"]["matchExpressions"][1]["values"].remove("sla"), "does not choose"),
    ("one_thing_checks_promises", "aws-operators+sla-serve", lambda b: b.of_kind("PrometheusRule")[0]["spec"].update(groups=[]), "nobody is told"),
    ("one_namespace_under_the_restricted_profile", "aws",
     lambda b: b.of_kind("Namespace")[0]["metadata"]["labels"].pop("pod-security.kubernetes.io/enforce"), "does not enforce"),
    ("one_namespace_under_the_restricted_profile", "aws",
     lambda b: b.of_kind("Deployment")[0]["metadata"].update(namespace="default"), "outside"),
    ("plain_clusters_need_no_operator", "azure",
     lambda b: b.objects.append({"kind": "PodMonitor", "metadata": {"name": "x", "namespace": "tidegate"}}), "needs an operator"),
    ("containers_are_confined", "aws", _set("readOnlyRootFilesystem", None, _context), "writable"),
    ("containers_are_confined", "aws", _set("allowPrivilegeEscalation", None, _context), "gain privileges"),
    ("containers_are_confined", "aws", _set("capabilities", {"drop": ["ALL"], "add": ["NET_RAW"]}, _context), "keeps capabilities"),
    ("containers_are_confined", "aws", _set("runAsNonRoot", None, lambda b: _spec(b)["securityContext"]), "not root"),
    ("containers_are_confined", "aws", _set("seccompProfile", None, lambda b: _spec(b)["securityContext"]), "seccomp"),
    ("containers_are_confined", "aws", _set("hostNetwork", True, _spec), "node's network"),
    ("containers_are_confined", "aws", lambda b: _pod(b, "sink").spec["initContainers"][0].pop("securityContext"), "git-sync"),
    ("containers_are_confined", "aws", lambda b: _spec(b)["volumes"].append({"name": "x", "emptyDir": {}}), "not bounded"),
    ("no_token_of_the_cluster", "local", _set("automountServiceAccountToken", None, _spec), "token"),
    ("no_token_of_the_cluster", "local", _set("enableServiceLinks", None, _spec), "named after Services"),
    ("each_role_has_its_own_identity", "aws", _set("serviceAccountName", "tidegate-sink", _spec), "tidegate-validator"),
    ("each_role_has_its_own_identity", "azure",
     lambda b: b.named("ServiceAccount", "tidegate-sla")["metadata"].update(
         annotations=b.named("ServiceAccount", "tidegate-sink")["metadata"]["annotations"]), "share an identity"),
    ("each_role_has_its_own_identity", "azure",
     lambda b: b.named("ServiceAccount", "tidegate-sla")["metadata"].update(annotations={"x": "from-site-env"}), "not filled in"),
    ("each_role_has_its_own_identity", "aws+irsa",
     lambda b: b.named("ServiceAccount", "tidegate-resume")["metadata"].pop("annotations"), "no identity"),
    ("images_are_pinned", "aws", _set("image", "registry.example.com:5000/tidegate", _main), "no fixed tag"),
    ("images_are_pinned", "aws", _set("image", "registry.example.com/tidegate:latest", _main), "no fixed tag"),
    ("images_are_pinned", "aws", _set("image", "tidegate", _main), "no fixed tag"),
    ("resources_are_bounded", "aws", lambda b: _main(b)["resources"]["limits"].pop("memory"), "limits of memory"),
    ("memory_is_not_overbooked", "aws", lambda b: _main(b)["resources"]["limits"].update(memory="8Gi"), "differ"),
    ("probes_mean_different_things", "aws", lambda b: _main(b)["readinessProbe"]["httpGet"].update(path="/livez"), "probes ask"),
    ("probes_mean_different_things", "aws", lambda b: _main(b)["livenessProbe"]["httpGet"].update(port=8080), "listens on"),
    ("probes_mean_different_things", "aws", _set("startupProbe", None, _main), "no startupProbe"),
    ("grace_is_longer_than_the_drain", "aws", _set("terminationGracePeriodSeconds", 65, _spec), "do not hold"),
    ("grace_is_longer_than_the_drain", "aws", _set("lifecycle", None, _main), "no preStop"),
    ("disruptions_are_budgeted", "aws", lambda b: _drop(b, "PodDisruptionBudget", "tidegate-sink"), "0 budgets"),
    ("disruptions_are_budgeted", "aws",
     lambda b: b.named("PodDisruptionBudget", "tidegate-sink")["spec"].pop("unhealthyPodEvictionPolicy"), "block a node drain"),
    ("pods_are_spread", "aws", _set("topologySpreadConstraints", None, _spec), "zones"),
    ("selectors_fit", "aws", lambda b: _pod(b, "sink").labels.update({"app.kubernetes.io/component": "sunk"}), "selector"),
    ("one_autoscaler_owns_the_number", "aws-operators", _second_owner, "two autoscalers"),
    ("one_autoscaler_owns_the_number", "aws-operators",
     lambda b: b.named("Deployment", "tidegate-sink")["spec"].update(replicas=2), "undo"),
    ("one_autoscaler_owns_the_number", "aws", lambda b: b.named("Deployment", "tidegate-sink")["spec"].pop("replicas"), "how many"),
    ("lag_is_that_of_the_role", "aws-operators",
     lambda b: b.of_kind("ScaledObject")[0]["spec"]["triggers"][0]["metadata"].update(consumerGroup="other"), "lag of other"),
    ("lag_is_that_of_the_role", "aws-operators",
     lambda b: b.of_kind("ScaledObject")[0]["spec"].update(minReplicaCount=0), "never wake"),
    ("lag_is_that_of_the_role", "azure-operators",
     lambda b: b.of_kind("ScaledObject")[0]["spec"]["triggers"][0]["metadata"].update(bootstrapServers="from-site-env"), "other brokers"),
    ("lag_is_that_of_the_role", "azure-operators", lambda b: _drop(b, "TriggerAuthentication", "tidegate-kafka"), "signs in"),
    ("scheduled_checks_do_not_overlap", "aws",
     lambda b: b.named("CronJob", "tidegate-sla")["spec"].update(concurrencyPolicy="Allow"), "Forbid"),
    ("scheduled_checks_do_not_overlap", "aws", lambda b: b.named("CronJob", "tidegate-sla")["spec"].pop("timeZone"), "time zone"),
    ("secrets_are_named_only", "aws",
     lambda b: _main(b)["env"].append({"name": "TIDEGATE_REGISTRY_TOKEN", "value": "x"}), "holds a value"),
    ("secrets_are_named_only", "aws", lambda b: b.objects.append(
        {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "x", "namespace": "tidegate"}}), "a Secret lies"),
    ("secrets_are_named_only", "azure", lambda b: _starts(b, "ConfigMap", "tidegate-config")["data"].update(
        {"tidegate.yaml": "sasl.password: x"}), "holds a secret"),
    ("references_lead_somewhere", "aws", lambda b: _starts(b, "ConfigMap", "tidegate-site")["data"].pop("lake_url"), "no lake_url"),
    ("references_lead_somewhere", "aws", lambda b: _spec(b)["volumes"][-1].update(configMap={"name": "x"}), " and "),
    ("references_lead_somewhere", "local", lambda b: _drop(b, "PersistentVolumeClaim", "lake"), "claim lake"),
    ("every_pod_has_its_network", "aws", lambda b: _drop(b, "NetworkPolicy", "default-deny"), "denies everything"),
    ("every_pod_has_its_network", "aws", lambda b: _drop(b, "NetworkPolicy", "dns"), "names"),
    ("every_pod_has_its_network", "aws",
     lambda b: _policy(b, "lake")["egress"][0]["to"][0]["ipBlock"].pop("except"), "metadata"),
    ("every_pod_has_its_network", "azure", lambda b: _policy(b, "lake")["egress"].append({}), "may connect to strangers"),
    ("every_pod_has_its_network", "local", lambda b: _policy(b, "kafka")["ingress"][0].pop("from"), "strangers may connect"),
    ("every_pod_has_its_network", "local", lambda b: [_drop(b, "NetworkPolicy", n) for n in ("kafka-clients",)], "no policy speaks"),
    ("roles_reach_what_they_need_and_no_more", "aws",
     lambda b: _policy(b, "kafka")["egress"][0]["ports"][0].update(port=9094), "closed"),
    ("roles_reach_what_they_need_and_no_more", "azure",
     lambda b: _policy(b, "kafka")["podSelector"]["matchExpressions"][0]["values"].remove("sla"), "closed"),
    ("roles_reach_what_they_need_and_no_more", "aws+registry",
     lambda b: _policy(b, "kafka")["podSelector"]["matchExpressions"][0]["values"].append("registry"), "open"),
    ("roles_reach_what_they_need_and_no_more", "azure",
     lambda b: _policy(b, "lake")["podSelector"]["matchExpressions"][0]["values"].remove("validator"), "no token"),
    ("roles_reach_what_they_need_and_no_more", "aws", lambda b: _drop(b, "NetworkPolicy", "registry-answers-operators"), "for contracts"),
    ("roles_reach_what_they_need_and_no_more", "aws", lambda b: [_drop(b, "NetworkPolicy", n) for n in ("lake", "contracts-git")], "store"),
    ("roles_reach_what_they_need_and_no_more", "aws+sla-serve",
     lambda b: _policy(b, "kafka")["podSelector"]["matchExpressions"][0]["values"].remove("sla"), "closed"),
    ("roles_reach_what_they_need_and_no_more", "aws-operators+sla-serve",
     lambda b: _policy(b, "metrics")["podSelector"]["matchExpressions"][0]["values"].remove("sla"), "cannot ask"),
    ("roles_reach_what_they_need_and_no_more", "aws-operators", lambda b: _drop(b, "NetworkPolicy", "metrics"), "cannot ask"),
    ("the_registry_lets_in_its_clients_and_nobody_else", "aws+registry",
     lambda b: _drop(b, "NetworkPolicy", "registry-serializers"), "a producer cannot"),
    ("the_registry_lets_in_its_clients_and_nobody_else", "aws+registry",
     lambda b: _policy(b, "registry-serializers")["ingress"][0]["from"][0].pop("namespaceSelector"), "a producer cannot"),
    ("the_registry_lets_in_its_clients_and_nobody_else", "aws+registry",
     lambda b: _policy(b, "registry-serializers")["ingress"][0]["from"][0].pop("podSelector"), "beside a producer may"),
    ("the_registry_lets_in_its_clients_and_nobody_else", "aws+registry",
     lambda b: _policy(b, "registry-serializers")["ingress"][0]["from"][0].update(namespaceSelector={}), "calls itself a producer may"),
    ("the_registry_lets_in_its_clients_and_nobody_else", "aws+registry",
     lambda b: _policy(b, "registry-serializers")["ingress"][0].pop("ports"), "may ask for metrics"),
    ("the_registry_lets_in_its_clients_and_nobody_else", "aws+registry",
     lambda b: _drop(b, "NetworkPolicy", "registry-webhooks"), "the ingress cannot"),
    ("the_registry_lets_in_its_clients_and_nobody_else", "aws+registry",
     lambda b: _policy(b, "registry-webhooks")["ingress"][0]["from"].append({"ipBlock": {"cidr": "0.0.0.0/0"}}), "outside of the cluster"),
    ("the_registry_lets_in_its_clients_and_nobody_else", "aws+registry",
     lambda b: _drop(b, "NetworkPolicy", "registry-clients"), "cannot ask the registry"),
    ("alerts_can_fire", "aws-operators", lambda b: _rule(b).update(expr="tidegate_misspelt > 1"), "nothing feeds"),
    ("alerts_can_fire", "aws-operators", lambda b: _rule(b)["labels"].pop("severity"), "no severity"),
    ("alerts_can_fire", "aws-operators", lambda b: _rule(b)["annotations"].update(runbook_url="x"), "runbook"),
    ("alerts_can_fire", "aws-operators+sla-serve",
     lambda b: _rule(b)["annotations"].update(runbook_url="runbooks/TidegateValidatorDown.md"), "what site.env says"),
    ("alerts_can_fire", "azure-operators", lambda b: _starts(b, "ConfigMap", "tidegate-site")["data"].update(runbooks="infra/runbooks"), "site.env"),
    ("alerts_can_fire", "aws-operators",
     lambda b: b.of_kind("PodMonitor")[0]["spec"]["podMetricsEndpoints"][0].update(port="metrics"), "no port metrics"),
)

#: For the schemas: the overlay, the change, a piece of the complaint.
SCHEMA = (
    ("aws", lambda b: _spec(b).update(terminationGracePeriod=5), "terminationGracePeriod"),
    ("aws", lambda b: _main(b)["readinessProbe"].update(periodSeconds="10"), "periodSeconds"),
    ("aws", lambda b: b.named("CronJob", "tidegate-sla")["spec"].update(timezone="UTC"), "timezone"),
    ("aws", lambda b: _policy(b, "dns")["egress"][0].update(port=[]), "port"),
    ("aws-operators", lambda b: b.of_kind("ScaledObject")[0]["spec"].update(minReplicas=1), "minReplicas"),
    ("aws-operators", lambda b: b.of_kind("ScaledObject")[0]["spec"]["triggers"][0].pop("type"), "type"),
    ("aws-operators", lambda b: b.of_kind("PodMonitor")[0]["spec"]["podMetricsEndpoints"][0].update(intervall="30s"), "intervall"),
    ("aws-operators", lambda b: _rule(b).update({"for": "soon"}), "soon"),
    ("aws-operators", lambda b: b.of_kind("PrometheusRule")[0].update(apiVersion="monitoring.coreos.com/v2"), "find schema"),
)


#: For KEDA's scaler: the overlay, the change, a piece of the complaint.
SCALER = (
    ("aws-operators", lambda b: _trigger(b).update(limitToPartitionsWithLag="true"), "needs a topic"),
    ("aws-operators", lambda b: _trigger(b).update(lagTreshold="1"), "knows no lagTreshold"),
    ("azure-operators", lambda b: _trigger(b).update(sasl="plain"), "none of"),
    ("azure-operators", lambda b: b.of_kind("TriggerAuthentication")[0]["spec"]["secretTargetRef"][0].update(parameter="user"), "user"),
)


def complaints(builds: list[Build], crds: schemas.Crds, keda: schemas.KafkaScaler) -> list[str]:
    """What a broken build gets away with."""
    by_name = {b.name: b for b in builds}
    rules = {function.__name__: function for function in policy.RULES}
    found = []
    for name, overlay, change, piece in POLICY:
        broken = by_name[overlay].copy()
        change(broken)
        said = list(rules[name](broken))
        if not any(piece in text for text in said):
            found.append(f"{name}: a broken {overlay} passes: nothing says `{piece}` ({said})")
    for overlay, change, piece in SCHEMA:
        broken = by_name[overlay].copy()
        change(broken)
        said = schemas.complaints(broken, crds)
        if not any(piece in text for text in said):
            found.append(f"schemas: a broken {overlay} passes: nothing says `{piece}` ({said})")
    for overlay, change, piece in SCALER:
        broken = by_name[overlay].copy()
        change(broken)
        said = keda.complaints(broken)
        if not any(piece in text for text in said):
            found.append(f"KEDA: a broken {overlay} passes: nothing says `{piece}` ({said})")
    unbroken = rules.keys() - {name for name, *_ in POLICY}
    found += [f"{name}: no mutation breaks it" for name in sorted(unbroken)]
    return found
