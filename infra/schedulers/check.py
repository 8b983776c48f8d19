#!/usr/bin/env python3
"""Parses the examples and holds what they run against the command line. Usage: check.py [TIDEGATE], the executable for its own flags.

Airflow and Dagster are Python: parsed, and the constants that matter found in the tree. Argo: YAML, with the fields of its CronWorkflow. Step
Functions: JSON, with the structure of the states language. Prints what is wrong and exits 1.
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
SPEC_FIELDS = {"entrypoint", "serviceAccountName", "activeDeadlineSeconds", "templates", "volumes"}
TEMPLATE_FIELDS = {"name", "retryStrategy", "container"}
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


def airflow() -> list[str]:
    return python(HERE / "airflow/tidegate_sla.py", "airflow", {"airflow"})


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
    template = templates[workflow["entrypoint"]]
    must(set(template) <= TEMPLATE_FIELDS, f"has unknown fields {set(template) - TEMPLATE_FIELDS}")
    mounted = {mount["name"] for mount in template["container"]["volumeMounts"]}
    must(mounted <= {volume["name"] for volume in workflow["volumes"]}, "mounts a volume that is not there")
    return command(template["container"]["args"])


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
