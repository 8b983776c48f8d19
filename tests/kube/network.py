"""Who may talk to whom by the NetworkPolicies of a build: Kubernetes' rules, as far as these policies use them."""

import ipaddress
from dataclasses import dataclass

from overlays import Build, Pod


@dataclass(frozen=True)
class Peer:
    """An address, or a pod by the labels of its namespace and its own."""

    address: str | None = None
    namespace: tuple = ()
    labels: tuple = ()

    @classmethod
    def pod(cls, namespace: dict, labels: dict) -> "Peer":
        return cls(None, tuple(sorted(namespace.items())), tuple(sorted(labels.items())))


DNS = Peer.pod({"kubernetes.io/metadata.name": "kube-system"}, {"k8s-app": "kube-dns"})
STRANGER = Peer.pod({"kubernetes.io/metadata.name": "default"}, {"app": "stranger"})
METADATA = Peer("169.254.169.254")
HOME = {"kubernetes.io/metadata.name": "tidegate"}


def policies(build: Build, pod: Pod) -> list[dict]:
    return [p for p in build.of_kind("NetworkPolicy") if _selects(p["spec"]["podSelector"], pod.labels)]


def allows(build: Build, pod: Pod, direction: str, peer: Peer, port: int, protocol: str = "TCP") -> bool:
    """`direction` is Ingress or Egress. Without a policy for it everything is allowed."""
    relevant = [p["spec"] for p in policies(build, pod) if direction in p["spec"]["policyTypes"]]
    side = "to" if direction == "Egress" else "from"
    if not relevant:
        return True
    return any(
        _port(rule, port, protocol) and (side not in rule or any(_peer(p, peer) for p in rule[side]))
        for spec in relevant
        for rule in spec.get(direction.lower(), [])
    )


def _port(rule, port, protocol) -> bool:
    return "ports" not in rule or any(p["port"] == port and p.get("protocol", "TCP") == protocol for p in rule["ports"])


def _peer(rule: dict, peer: Peer) -> bool:
    if "ipBlock" in rule:
        if peer.address is None:
            return False
        address = ipaddress.ip_address(peer.address)
        block = rule["ipBlock"]
        return address in ipaddress.ip_network(block["cidr"]) and not any(
            address in ipaddress.ip_network(e) for e in block.get("except", []))
    if peer.address is not None:
        return False
    namespaces = rule.get("namespaceSelector")
    at_home = dict(peer.namespace) == HOME
    in_namespace = at_home if namespaces is None else _selects(namespaces, dict(peer.namespace))
    return in_namespace and _selects(rule.get("podSelector", {}), dict(peer.labels))


def _selects(selector: dict, labels: dict) -> bool:
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for expression in selector.get("matchExpressions", []):
        if expression["operator"] != "In":
            raise ValueError(f"operator {expression['operator']} is not judged here")
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return True
