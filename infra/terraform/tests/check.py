#!/usr/bin/env python3
"""Checks of infra/terraform that need no cloud account.

    check.py                    all but `apply`, `azure` and `contracts`
    check.py format aws         those
    check.py documents --write  writes the tables of the READMEs, and RIGHTS.md

A missing tool is reported as SKIPPED; under CI (CI is set) it is a failure, except for `azure`, whose provider takes long to build:
there the recorded schema (`azure-schema`) stands in, and the line says so. Exit codes: 0 all right or skipped, 1 something is wrong.
"""

import argparse
import importlib.machinery
import importlib.util
import json
import os
import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from checks import azure_schema, azurerm, contracts, documents, hcl, moto, needs, rights, tools
from checks.tools import Failed, Missing

TESTS = Path(__file__).resolve().parent
AWS = r"5\.\d{3}\.\d+$"
AZURERM = r"5\.[2-9]\d*\.\d+$"
AWS_ROOTS = [
    "modules/msk",
    "modules/lake-s3",
    "modules/identity-aws",
    "modules/alerts/aws",
    "examples/aws-minimal",
    "examples/aws-complete",
]
AZURE_ROOTS = [
    "modules/eventhubs",
    "modules/lake-blob",
    "modules/identity-azure",
    "modules/alerts/azure",
    "examples/azure-minimal",
    "examples/azure-complete",
]
PLAIN_ROOTS = ["modules/topics", "modules/alerts"]


def format_(_) -> str:
    answer = tools.run("fmt", "-check", "-recursive", "-diff", "-no-color", cwd=tools.ROOT, ok=(0, 3))
    if answer.returncode:
        raise Failed(f"run `terraform fmt -recursive infra/terraform`:\n{answer.stdout}")
    return "formatted"


def documents_(options) -> str:
    if options.write:
        changed = documents.write(tools.ROOT)
        return f"{len(changed)} pages written"
    _none(documents.check(tools.ROOT))
    return f"{len(documents.modules(tools.ROOT))} pages are true"


def overlays_(_) -> str:
    """The examples have the outputs that the Kubernetes overlays ask for."""
    script = tools.ROOT.parent / "k8s" / "site"
    if not script.exists():
        return "nobody asks: infra/k8s/site is not in this tree"
    loader = importlib.machinery.SourceFileLoader("site_values", str(script))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    wanted = module.OUTPUTS
    found = []
    for root in [root for root in AWS_ROOTS + AZURE_ROOTS if root.startswith("examples/")]:
        outputs = {block.labels[0] for block in hcl.read_folder(tools.ROOT / root).children("output")}
        cloud = root.split("/")[1].split("-")[0]
        found += [f"{root} has no output {name}, which infra/k8s/site asks for" for name in wanted[cloud] if name not in outputs]
    _none(found)
    return f"{sum(map(len, wanted.values()))} outputs"


def azure_schema_(_) -> str:
    schema = azure_schema.load(azurerm.SCHEMA)
    folders = [tools.ROOT / root for root in AZURE_ROOTS]
    _none([problem for folder in folders for problem in azure_schema.problems(folder, schema)])
    return f"{sum(map(azure_schema.count, folders))} resources fit azurerm {azurerm.VERSION}"


def self_(_) -> str:
    suite = unittest.defaultTestLoader.discover(str(TESTS), pattern="test_*.py")
    result = unittest.TextTestRunner(stream=sys.stderr, verbosity=1).run(suite)
    if not result.wasSuccessful():
        raise Failed("the checks themselves are wrong")
    return f"{result.testsRun} tests of the checks"


def plain_(_) -> str:
    return _test_roots(PLAIN_ROOTS)


def aws_(_) -> str:
    tools.terraform()
    tools.require_provider("aws", AWS)
    return _test_roots(AWS_ROOTS)


def azure_(_) -> str:
    tools.terraform()
    tools.require_provider("azurerm", AZURERM)
    told = _test_roots(AZURE_ROOTS)
    with tools.copy() as tree:
        root = tree / "modules" / "identity-azure"
        tools.init(root)
        events = [json.loads(line) for line in tools.run("test", "-json", "-verbose", cwd=root).stdout.splitlines()]
        states = [rights.of_state({"values": event["test_state"]}) for event in events if "test_state" in event]
    if not any(states):
        raise Failed("no state was shown, so no right was judged")
    _none([problem for rows in states for problem in rights.problems(rows)])
    return f"{told}, {sum(map(len, states))} resources without a wildcard"


def rights_(options) -> str:
    tools.terraform()
    tools.require_provider("aws", AWS)
    with tools.copy() as tree:
        root = tree / "tests" / "roots" / "aws-rights"
        tools.init(root)
        tools.run("plan", "-no-color", "-input=false", "-out=this.tfplan", cwd=root)
        plan = json.loads(tools.run("show", "-json", "this.tfplan", cwd=root).stdout)
    rows = rights.of_plan(plan)
    _none(rights.problems(rows) + needs.problems(rows))
    page = tools.ROOT / "RIGHTS.md"
    text = _rights_page(rights.table([row for row in rows if ".by_pod_identity." in f".{row[0]}"]))
    if options.write:
        page.write_text(text)
    elif not page.exists() or page.read_text() != text:
        raise Failed("RIGHTS.md does not say what the plan gives; look at the difference, then `check.py rights --write`")
    asked = sum(map(len, [*needs.NEEDS.values(), *needs.REFUSED.values()]))
    return f"{sum(kind in rights.POLICIES for _, kind, _, _ in rows)} policies without a wildcard, {asked} calls decided as they should be"


def configs_(options) -> str:
    """The config file that each example would give Tidegate; its own test feeds them to the executable."""
    tools.terraform()
    tools.require_provider("aws", AWS)
    written, untold = [], ""
    roots = ["examples/aws-minimal"]
    try:
        tools.require_provider("azurerm", AZURERM)
        roots += ["examples/azure-minimal", "examples/azure-complete"]
    except Missing:
        untold = "; without those of Azure, whose provider was not built"
    with tools.copy() as tree:
        for root in map(tree.__truediv__, roots):
            tools.init(root)
            events = [json.loads(line) for line in tools.run("test", "-json", "-verbose", cwd=root).stdout.splitlines()]
            plans = [event["test_plan"] for event in events if "test_plan" in event]
            config = plans[0]["output_changes"]["config"]["after"]
            written.append(root.name)
            if options.out:
                (options.out / f"{root.name}.yaml").write_text(config)
    return f"{', '.join(written)}{untold}"


def contracts_(options) -> str:
    """What the modules make of the example contracts is what `tidegate topics render` makes of them."""
    tools.terraform()
    if not options.binary:
        raise Missing("--binary says which tidegate renders topics: cargo build -p tidegate")
    try:
        tools.require_provider("azurerm", AZURERM)
        with_azure = True
    except Missing:
        with_azure = False
    return contracts.check(options.binary.absolute(), tools.ROOT.parents[1] / "contracts", with_azure)


def apply_(_) -> str:
    tools.terraform()
    tools.require_provider("aws", AWS)
    with tools.copy() as tree, moto.server(tree) as address:
        root = tree / "tests" / "roots" / "aws-apply"
        server = {"AWS_ENDPOINT_URL": address}
        tools.init(root)
        tools.run("apply", "-no-color", "-input=false", "-auto-approve", cwd=root, **server)
        second = tools.run("plan", "-no-color", "-input=false", "-detailed-exitcode", cwd=root, ok=(0, 2), **server)
        if second.returncode:
            raise Failed(f"the second plan is not clean:\n{second.stdout}")
        rows = rights.of_state(json.loads(tools.run("show", "-json", cwd=root).stdout))
        _none(rights.problems(rows))
        _none(_seen_by_the_server(address, json.loads(tools.run("output", "-json", cwd=root).stdout)))
        tools.run("destroy", "-no-color", "-input=false", "-auto-approve", cwd=root, **server)
    return f"{len(rows)} resources made, the second plan is clean, all gone"


CHECKS = {
    "format": format_,
    "documents": documents_,
    "overlays": overlays_,
    "azure-schema": azure_schema_,
    "self": self_,
    "plain": plain_,
    "aws": aws_,
    "rights": rights_,
    "configs": configs_,
    "contracts": contracts_,
    "apply": apply_,
    "azure": azure_,
}
#: `contracts` needs an executable, which only the test suite has.
SLOW = ("apply", "azure", "contracts")
#: A build of tens of minutes is not asked of every machine; the recorded schema stands in.
MAY_BE_MISSING = ("azure",)


def main(arguments: list) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checks", nargs="*", metavar="CHECK", help=", ".join(CHECKS))
    parser.add_argument("--write", action="store_true", help="write pages instead of comparing them")
    parser.add_argument("--out", type=Path, help="folder that `configs` writes to")
    parser.add_argument("--binary", type=Path, help="the tidegate that `contracts` asks")
    parser.add_argument("--azurerm-provider", action="store_true", help="build the azurerm provider into the cache and end")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.checks if name not in CHECKS]
    if unknown:
        parser.error(f"no check {', '.join(unknown)}; there are {', '.join(CHECKS)}")
    if options.azurerm_provider:
        began = time.monotonic()
        print(f"{azurerm.build()} ({time.monotonic() - began:.0f} s)")
        return 0
    names = options.checks or [name for name in CHECKS if name not in SLOW]
    return max(_one(name, options) for name in names)


def _one(name: str, options) -> int:
    began = time.monotonic()
    try:
        word, told, code = "ok", CHECKS[name](options), 0
    except Missing as missing:
        fatal = bool(os.environ.get("CI")) and name not in MAY_BE_MISSING
        word, told, code = ("FAILED", f"under CI this must be there: {missing}", 1) if fatal else ("SKIPPED", str(missing), 0)
    except Failed as failed:
        word, told, code = "FAILED", str(failed), 1
    print(f"terraform {name}: {word} ({time.monotonic() - began:.1f} s): {told}", flush=True)
    return code


def _test_roots(roots: list) -> str:
    """`init`, `validate` and `test` of each; two at a time, since a provider takes half a gigabyte.

    A test validates its own root; what `validate` adds is seen by the examples, which take in every module.
    """
    with tools.copy() as tree:

        def one(root):
            folder = tree / root
            tools.init(folder)
            if not root.startswith("modules/"):
                tools.run("validate", "-no-color", cwd=folder)
            answer = tools.run("test", "-no-color", cwd=folder)
            last = [line for line in answer.stdout.splitlines() if line.startswith("Success!")]
            passed = int(last[0].split()[1]) if last else 0
            if not passed:
                raise Failed(f"{root} holds no test")
            return passed

        with ThreadPoolExecutor(2) as pool:
            counts = list(pool.map(one, roots))
    return f"{len(roots)} roots valid, {sum(counts)} runs passed"


def _seen_by_the_server(address: str, outputs: dict) -> list:
    """The buckets as the server itself describes them, not as Terraform remembers them."""
    found = []
    for name in ("lake", "dead_letters"):
        made = outputs[name]["value"]
        bucket = f"{address}/{made['bucket_arn'].rsplit(':', 1)[1]}"
        expected = {
            "versioning": ["<Status>Enabled</Status>"],
            "encryption": ["aws:kms", made["kms_key_arn"]],
            "publicAccessBlock": [
                f"<{word}>true<" for word in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
            ],
            "policy": ['"Deny"', "aws:SecureTransport", made["kms_key_arn"]],
            "lifecycle": ["NoncurrentVersionExpiration"] + (["<Days>90</Days>"] if name == "dead_letters" else ["prod/lake/"]),
        }
        for question, words in expected.items():
            answer = moto.get(f"{bucket}?{question}")
            found += [f"{name}?{question} lacks {word}: {answer}" for word in words if word not in answer]
        if name == "lake" and "<Expiration>" in moto.get(f"{bucket}?lifecycle"):
            found.append("the lifecycle of the lake ends current objects")
    return found


def _rights_page(table: list) -> str:
    roles: dict = {}
    for address, action, resource in table:
        role = address.split('["', 1)[1].split('"', 1)[0]
        roles.setdefault(role, {}).setdefault(resource, []).append(action)
    lines = [
        "# Rights of each role on AWS",
        "",
        "Written by `just terraform-docs` from the plan of `tests/roots/aws-rights`, and compared with it by the tests: every switch on,",
        "two sources, one shared dead-letter topic. Names of topics, buckets and keys are those of that plan. `CLUSTER` stands for the ARN",
        "of the MSK cluster, with `topic`, `group` and `transactional-id` in the place of `cluster`.",
        "",
    ]
    for role, resources in sorted(roles.items()):
        lines += [f"## {role}", "", "| Resource | Actions |", "|---|---|"]
        for resource, actions in sorted(resources.items()):
            short = resource.replace("arn:aws:kafka:eu-north-1:123456789012:", "").replace(
                "tide/0d7a3c1e-1111-2222-3333-444455556666-1", "CLUSTER"
            )
            lines.append(f"| `{short}` | {', '.join(f'`{action}`' for action in sorted(actions))} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _none(problems: list) -> None:
    if problems:
        raise Failed("\n  " + "\n  ".join(problems))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
