#!/usr/bin/env python3
"""Parses the examples and holds what they run against the command line. Usage: check.py [TIDEGATE], the executable for its own flags.

Airflow and Dagster are Python: parsed, and the constants that matter found in the tree. Argo: YAML, with the fields of its CronWorkflow. Argo and
Airflow start the CronJob of infra/k8s, which must be there, with the rights of access.yaml. Step Functions: JSON, with the structure of the states language. Prints what is wrong and exits 1.
"""
import ast
import json
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
WANTED = ["sla", "run", "--once"]
# Fields of CronWorkflowSpec and of a container template that the example may use (Argo's API, v1alpha1).
CRON_FIELDS = {"schedules", "timezone", "concurrencyPolicy", "startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit",
               "workflowSpec", "suspend"}
SPEC_FIELDS = {"entrypoint", "serviceAccountName", "activeDeadlineSeconds", "templates", "securityContext"}
TEMPLATE_FIELDS = {"name", "steps", "container", "resource"}
STATES = {"Task": {"Resource"}, "Choice": {"Choices", "Default"}, "Fail": {"Error"}, "Pass": {"Next"}, "Succeed": set(), "Wait": set()}


class Wrong(Exception):
    """What is wrong with an example."""


def must(holds: bool, what: str) -> None:
    if not holds:
        raise Wrong(what)


def command(words: list[str]) -> list[str]:
    words = words[1:] if words[:1] == ["tidegate"] else words
    must(words[:3] == WANTED, f"runs {words}, not {' '.join(WANTED)}")
    return [word.split("=")[0] for word in words if word.startswith("--")]


def python(path: pathlib.Path, name: str, imports: set[str]) -> list[str]:
    tree = ast.parse(path.read_text(), str(path))
    lists = [ast.literal_eval(node) for node in ast.walk(tree) if isinstance(node, ast.List) and node.elts
             and all(isinstance(one, ast.Constant) for one in node.elts)]
    found = [words for words in lists if "sla" in words]
    must(len(found) == 1, f"holds {len(found)} commands")
    strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    must("*/15 * * * *" in strings, "has no schedule")
    modules = {node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    must(imports <= modules, f"{name} does not import {imports - modules}")
    return command(found[0])


def deployed(namespace: str, name: str) -> list[str]:
    """The CronJob of infra/k8s that an example starts, and what that runs."""
    import yaml
    job = yaml.safe_load((HERE.parent / "k8s/base/sla.yaml").read_text())
    must((namespace, name) == ("tidegate", job["metadata"]["name"]), f"starts {namespace}/{name}, which infra/k8s does not deploy")
    access = list(yaml.safe_load_all((HERE / "access.yaml").read_text()))
    may = {(resource, verb) for rule in access[0]["rules"] for resource in rule["resources"] for verb in rule["verbs"]}
    must({("cronjobs", "get"), ("jobs", "create"), ("jobs", "get"), ("pods", "list")} <= may, "needs more than access.yaml gives")
    must(access[0]["metadata"]["namespace"] == access[1]["metadata"]["namespace"] == namespace, "access.yaml is for another namespace")
    return command(job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"])


def airflow() -> list[str]:
    tree = ast.parse((HERE / "airflow/tidegate_sla.py").read_text())
    named = {target.id: value.value for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple)
             for target, value in zip(node.targets[0].elts, node.value.elts)}
    strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    must("*/15 * * * *" in strings, "has no schedule")
    raised = {node.exc.func.id for node in ast.walk(tree) if isinstance(node, ast.Raise)}
    must(raised == {"AirflowException", "AirflowFailException"}, f"fails by {raised}: only one of them is tried again")
    return deployed(named["NAMESPACE"], named["CRON_JOB"])


def dagster() -> list[str]:
    return python(HERE / "dagster/tidegate_sla.py", "dagster", {"dagster"})


def argo() -> list[str]:
    import yaml
    document = yaml.safe_load((HERE / "argo/tidegate-sla.yaml").read_text())
    must((document["apiVersion"], document["kind"]) == ("argoproj.io/v1alpha1", "CronWorkflow"), "is no CronWorkflow")
    spec = document["spec"]
    must(set(spec) <= CRON_FIELDS, f"has unknown fields {set(spec) - CRON_FIELDS}")
    must(spec["concurrencyPolicy"] == "Forbid", "lets runs overlap")
    must(all(len(schedule.split()) == 5 for schedule in spec["schedules"]), "has a schedule that is not cron's")
    workflow = spec["workflowSpec"]
    must(set(workflow) <= SPEC_FIELDS, f"has unknown fields {set(workflow) - SPEC_FIELDS}")
    templates = {template["name"]: template for template in workflow["templates"]}
    must(workflow["entrypoint"] in templates, "enters a template that is not there")
    must(workflow["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault" and workflow["securityContext"]["runAsNonRoot"], "is not confined")
    for template in templates.values():
        must(set(template) <= TEMPLATE_FIELDS, f"has unknown fields {set(template) - TEMPLATE_FIELDS}")
    steps = [step["template"] for group in templates[workflow["entrypoint"]]["steps"] for step in group]
    must(steps == ["start", "wait"] and set(steps) < set(templates), f"does {steps}")
    container, waited = templates["start"]["container"], yaml.safe_load(templates["wait"]["resource"]["manifest"])
    must(container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, "keeps capabilities")
    must("tidegate-sla" not in container["image"] and ":" in container["image"], "has an image without a version")
    args = container["args"]
    must(args[1:3] == ["create", "job"] and args[-1] == waited["metadata"]["name"], "waits for another Job than it starts")
    must(waited["metadata"]["namespace"] == args[0].split("=")[1] != document["metadata"]["namespace"], "runs its own pods beside the roles")
    return deployed(waited["metadata"]["namespace"], args[3].split("/")[1])


def step_functions() -> list[str]:
    machine = json.loads((HERE / "step-functions/tidegate-sla.asl.json").read_text())
    states = machine["States"]
    must(machine["StartAt"] in states, "starts nowhere")
    reached, todo = set(), [machine["StartAt"]]
    while todo:
        name = todo.pop()
        if name in reached:
            continue
        reached.add(name)
        must(name in states, f"goes to {name}, which is not there")
        state = states[name]
        kind = state["Type"]
        must(kind in STATES and STATES[kind] <= set(state), f"{name} lacks {STATES.get(kind, set()) - set(state)}")
        follows = [one["Next"] for one in state.get("Choices", []) + state.get("Catch", [])]
        follows += [state[key] for key in ("Next", "Default") if key in state]
        must(bool(follows) or state.get("End") or kind in ("Fail", "Succeed"), f"{name} ends nowhere")
        todo += follows
    must(reached == set(states), f"never reaches {set(states) - reached}")
    override = states["Check"]["Parameters"]["Overrides"]["ContainerOverrides"][0]
    return command(override["Command"])


def main() -> int:
    known = None
    if len(sys.argv) > 1:
        text = subprocess.run([sys.argv[1], "sla", "run", "--help"], check=True, capture_output=True, text=True).stdout
        known = set(re.findall(r"--[a-z][a-z-]+", text))
    wrong = 0
    for example in (airflow, argo, dagster, step_functions):
        try:
            flags = example()
            unknown = [flag for flag in flags if known is not None and flag not in known]
            must(not unknown, f"uses flags that the command does not have: {unknown}")
            print(f"ok {example.__name__}")
        except (Wrong, KeyError, SyntaxError, ValueError) as error:
            wrong += 1
            print(f"{example.__name__}: {error!r}", file=sys.stderr)
    return 1 if wrong else 0


sys.exit(main())
