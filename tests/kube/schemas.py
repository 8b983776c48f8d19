"""Objects against Kubernetes' own schemas, and operators' objects against their CRDs. An unknown field is a fault, an unknown kind too."""

import copy
import functools
import re
from pathlib import Path

import jsonschema
import kubernetes_validate
import kubernetes_validate.utils
import yaml

from overlays import OPERATOR_KINDS, Build
from programs import KUBERNETES

#: The oldest that the page promises, the one whose server judges, and the newest that is known here.
VERSIONS = ("1.30.0", KUBERNETES, "1.37.0")

# The library reads a megabyte of definitions anew for each object.
kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)


class Crds:
    def __init__(self, folder: Path):
        self.schemas = {}
        for path in sorted(folder.glob("*.yaml")):
            crd = yaml.safe_load(path.read_text())
            for version in crd["spec"]["versions"]:
                key = (f"{crd['spec']['group']}/{version['name']}", crd["spec"]["names"]["kind"])
                self.schemas[key] = _strict(copy.deepcopy(version["schema"]["openAPIV3Schema"]), top=True)
        missing = OPERATOR_KINDS - {kind for _, kind in self.schemas}
        if missing:
            raise ValueError(f"no CRD for {sorted(missing)}")


class KafkaScaler:
    """What KEDA makes of a trigger of type `kafka`: its CRD takes any key, its scaler does not."""

    def __init__(self, folder: Path):
        text = (folder / "kafka_scaler.go").read_text()
        self.keys = {}
        for tag in re.findall(r'keda:"([^"]+)"', text):
            parts = dict(part.partition("=")[::2] for part in re.split(r",(?=\w+(?:=|$))", tag))
            self.keys[parts["name"]] = (parts["order"].split(";"), parts.get("enum", "").split(";"))
        if len(self.keys) < 20 or "bootstrapServers" not in self.keys:
            raise ValueError(f"KEDA's Kafka scaler is written otherwise than expected: {sorted(self.keys)}")

    def complaints(self, build: Build) -> list[str]:
        found = []
        for scaled in build.of_kind("ScaledObject"):
            for trigger in scaled["spec"]["triggers"]:
                found += [f"ScaledObject/{scaled['metadata']['name']}: {text}" for text in self._trigger(trigger["metadata"])]
        for signs_in in build.of_kind("TriggerAuthentication"):
            for reference in signs_in["spec"].get("secretTargetRef", []):
                if "authParams" not in self.keys.get(reference["parameter"], ([], []))[0]:
                    found.append(f"TriggerAuthentication/{signs_in['metadata']['name']}: KEDA knows no {reference['parameter']}")
        return found

    def _trigger(self, metadata: dict):
        for key, value in metadata.items():
            order, values = self.keys.get(key, ([], []))
            if "triggerMetadata" not in order:
                yield f"KEDA knows no {key}"
            elif values != [""] and value not in values:
                yield f"{key} `{value}` is none of {', '.join(values)}"
        # The rules of its Validate.
        for key in ("limitToPartitionsWithLag", "ensureEvenDistributionOfPartitions"):
            if metadata.get(key) == "true" and "topic" not in metadata:
                yield f"{key} needs a topic"


def complaints(build: Build, crds: Crds) -> list[str]:
    found = []
    for thing in build.objects:
        name = f"{thing['kind']}/{thing['metadata']['name']}"
        schema = crds.schemas.get((thing["apiVersion"], thing["kind"]))
        try:
            if schema:
                jsonschema.Draft202012Validator(schema).validate(thing)
            else:
                for version in VERSIONS:
                    kubernetes_validate.validate(thing, version, strict=True)
        except kubernetes_validate.SchemaNotFoundError as error:
            found.append(f"{name}: {error.message}")
        except jsonschema.ValidationError as error:
            found.append(f"{name}: {'.'.join(map(str, error.path))}: {error.message}")
    return found


def _strict(schema: dict, top: bool = False) -> dict:
    """A CRD's schema as the API server reads it: fields that it does not name are refused."""
    if schema.pop("x-kubernetes-int-or-string", False):
        schema.pop("type", None)
        schema["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if schema.pop("nullable", False) and "type" in schema:
        schema["type"] = [schema["type"], "null"]
    properties = schema.get("properties", {})
    for inner in properties.values():
        _strict(inner)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            _strict(schema[key])
    if top:
        properties["metadata"] = {"type": "object"}
    if properties and "additionalProperties" not in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        schema["additionalProperties"] = False
    return schema
