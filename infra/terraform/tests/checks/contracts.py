"""The topics that the modules make for the example contracts, held against those that `tidegate topics render` makes of the same.

Two ways lead from contracts to topics: `render --to tfvars` for the modules, which derive outcome topics by their own rules, and
`render --to terraform`, which names every topic. Both are planned, and must come to the same: names, partitions, retention, cleanup policy,
and record size where the platform knows any. What no module says (`message.timestamp.type`; MSK's topics are made by
`tidegate topics apply`, since the AWS provider at hand has no topic) must not be there.
"""

import json
import re
import subprocess
from pathlib import Path

from . import tools

#: Partitions and times that differ from source to source and from kind to kind, so that nothing is equal by being a default.
CONFIG = """\
validator: {{mode: {mode}, retry_topic: "{{topic}}.retry"{templates}}}
dead_letters: {{state_topic: tidegate.states{parked}}}
topics:
  partitions: 4
  retention: 3d
  validated_retention: 5d
  dead_letter_retention: 6d
  max_record_bytes: 900000
  sources:
    orders: {{partitions: 12, retention: 2d, dead_letter_retention: 7d}}
    payments: {{partitions: 6}}
"""
#: Delivery mode, further keys of `validator`, of `dead_letters`, and the modules' variables for the same.
CASES = {
    "exactly once": ("exactly_once", "", "", {}),
    "at least once": ("at_least_once", "", "", {}),
    "names of a house": (
        "at_least_once",
        ', validated_topic: "ok.{topic}", dead_letter_topic: all.dead',
        ", parked_topic: all.parked",
        {"validated_topic": "ok.{topic}", "dead_letter_topic": "all.dead", "parked_topic": "all.parked"},
    ),
}


def check(binary: Path, contracts: Path, with_azure: bool) -> str:
    compared = 0
    with tools.copy() as tree:
        for name, (mode, templates, parked, more) in CASES.items():
            folder = tree / "contracts" / name.replace(" ", "-")
            folder.mkdir(parents=True)
            config = folder / "tidegate.yaml"
            config.write_text(CONFIG.format(mode=mode, templates=templates, parked=parked))
            variables = {
                "retry_topic": "{topic}.retry",
                "group_state_topic": "tidegate.states",
                "probe_topic": "tidegate.probe" if mode == "exactly_once" else None,
                **more,
            }
            kafka = _rendered(binary, contracts, config, "terraform", "kafka")
            tfvars = _rendered(binary, contracts, config, "tfvars", "kafka")
            compared += _same(name, _of_hcl(kafka), _of_module(folder, tfvars, variables))
            _types(name, kafka)
            if with_azure:
                hubs = _rendered(binary, contracts, config, "terraform", "eventhubs-premium")
                tfvars = _rendered(binary, contracts, config, "tfvars", "eventhubs-premium")
                compared += _same(f"{name}, Event Hubs", _planned(folder / "rendered", hubs), _hubs(folder, tfvars, mode, variables))
    return f"{compared} topics of {len(CASES)} configs are the same{'' if with_azure else '; without hubs, whose provider was not built'}"


def _rendered(binary: Path, contracts: Path, config: Path, form: str, profile: str) -> str:
    argv = [binary, "topics", "render", "--to", form, "--profile", profile, "--config", config, "--contracts", contracts]
    answer = subprocess.run(argv, capture_output=True, text=True, env=tools.environment(TIDEGATE_LOG_LEVEL="error"))
    if answer.returncode:
        raise tools.Failed(f"topics render --to {form} --profile {profile}: {answer.stderr}")
    return answer.stdout


def _same(name: str, rendered: dict, made: dict) -> int:
    found = [f"{name}: {topic} is {rendered.get(topic)} by `topics render`, and {made.get(topic)} by the module"
             for topic in sorted(rendered.keys() | made.keys()) if rendered.get(topic) != made.get(topic)]
    if not rendered:
        found.append(f"{name}: no topic was rendered")
    if found:
        raise tools.Failed("\n  " + "\n  ".join(found))
    return len(rendered)


def _blocks(text: str) -> dict:
    """`"name" = { … }` of the map `tidegate_topics`."""
    body = text.split("tidegate_topics = {", 1)[1].split("\n  }\n", 1)[0]
    return dict(re.findall(r'^    "([^"]+)" = \{\n(.*?)^    \}', body, re.M | re.S))


def _of_hcl(text: str) -> dict:
    """Topics of Kafka as they are rendered: partitions, hours (none: compacted), policy, largest record."""
    topics = {}
    for name, block in _blocks(text).items():
        settings = dict(re.findall(r'"([a-z.]+)"\s+= "([^"]*)"', block))
        compacted = settings["cleanup.policy"] == "compact"
        topics[name] = {
            "partitions": int(re.search(r"partitions = (\d+)", block).group(1)),
            "hours": None if compacted else -(-int(settings["retention.ms"]) // 3_600_000),
            "policy": settings["cleanup.policy"],
            "bytes": int(settings.get("max.message.bytes", 1_048_588)),
        }
    return topics


def _types(name: str, text: str) -> None:
    """Outcomes keep the time of their source record; the modules say nothing of it, so this is all there is."""
    found = [f"{name}: {topic} has no message.timestamp.type" for topic, block in _blocks(text).items()
             if topic.count(".") and "tidegate." not in topic and not re.search(r'"message.timestamp.type"\s+= "CreateTime"', block)]
    if found:
        raise tools.Failed("\n  " + "\n  ".join(found))


def _of_module(folder: Path, tfvars: str, variables: dict) -> dict:
    """The module `topics`, which needs no provider: its own output."""
    root = folder / "module"
    root.mkdir()
    (root / "main.tf").write_text(_call("topics", variables) + 'output "all" {\n  value = module.this.all\n}\n')
    (root / "contracts.auto.tfvars").write_text(tfvars)
    tools.init(root)
    tools.run("plan", "-no-color", "-input=false", "-out=this.tfplan", cwd=root)
    plan = json.loads(tools.run("show", "-json", "this.tfplan", cwd=root).stdout)
    made = plan["output_changes"]["all"]["after"]
    return {
        name: {
            "partitions": topic["partitions"],
            "hours": topic["retention_hours"],
            "policy": topic["cleanup_policy"],
            "bytes": topic["max_message_bytes"],
        }
        for name, topic in made.items()
    }


def _call(module: str, variables: dict) -> str:
    """Modules are named by a relative path: by an absolute one Terraform takes them for packages of their own."""
    lines = [f"  {name} = {json.dumps(value)}" for name, value in variables.items()]
    return 'variable "topics" {\n  type = any\n}\nmodule "this" {\n' + f'  source = "../../../modules/{module}"\n  topics = var.topics\n' + "\n".join(lines) + "\n}\n"


def _hubs(folder: Path, tfvars: str, mode: str, variables: dict) -> dict:
    """The hubs of the module `eventhubs`, planned with a provider that asks nobody."""
    own = {
        "name": "tide-kafka",
        "resource_group_name": "tide",
        "location": "swedencentral",
        "sku": "Premium",
        "capacity": 1,
        "delivery_mode": mode,
        **{name: value for name, value in variables.items() if name != "probe_topic"},
    }
    root = folder / "hubs"
    root.mkdir()
    (root / "terraform.tfvars").write_text(tfvars)
    # Said in the root, else the mock stands in for no provider.
    source = 'terraform {\n  required_providers {\n    azurerm = {\n      source = "hashicorp/azurerm"\n    }\n  }\n}\n'
    return _planned(root, source + _call("eventhubs", own))


def _planned(root: Path, text: str) -> dict:
    root.mkdir(exist_ok=True)
    (root / "main.tf").write_text(text)
    # Hubs of the rendered file ask for the namespace that they lie in.
    asks = 'variables {\n  namespace_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.EventHub/namespaces/k"\n}\n'
    mock = 'mock_provider "azurerm" {}\n'
    run = 'run "all" {\n  command = plan\n}\n'
    (root / "all.tftest.hcl").write_text(mock + (asks if 'variable "namespace_id"' in text else "") + run)
    tools.init(root)
    answer = tools.run("test", "-json", "-verbose", "-no-color", cwd=root)
    plans = [event["test_plan"] for event in map(json.loads, answer.stdout.splitlines()) if "test_plan" in event]
    hubs = [change["change"]["after"] for change in plans[0]["resource_changes"] if change["type"] == "azurerm_eventhub"]
    return {
        hub["name"]: {
            "partitions": hub["partition_count"],
            "hours": hub["retention_description"][0]["retention_time_in_hours"],
            "policy": hub["retention_description"][0]["cleanup_policy"],
            "tombstones": hub["retention_description"][0]["tombstone_retention_time_in_hours"],
        }
        for hub in hubs
    }
