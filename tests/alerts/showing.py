"""infra/grafana: every expression parses, every metric exists, and so does every label that is selected, grouped by or shown."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "infra" / "grafana"
EXPECTED = {"tidegate-overview", "tidegate-contract", "tidegate-pipeline"}
#: What Prometheus' own histograms add.
SUFFIXES = ("_bucket", "_sum", "_count")


def complaints(tools) -> list[str]:
    declared = _declared()
    boards = {path.name: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
    found = [] if {board["uid"] for board in boards.values()} == EXPECTED else [f"there should be {sorted(EXPECTED)}"]
    rules, used = [], set()
    for name, board in boards.items():
        variables = {variable["name"] for variable in board["templating"]["list"]}
        ids = [panel["id"] for panel in board["panels"]]
        if len(ids) != len(set(ids)):
            found.append(f"{name}: two panels have one id")
        for panel in board["panels"]:
            place = f"{name}, {panel['title']}"
            for target in panel["targets"]:
                expr, legend = target["expr"], target["legendFormat"]
                found += [f"{place}: no variable ${one}" for one in re.findall(r"\$(\w+)", expr) if one not in variables]
                found += [f"{place}: {text}" for text in unknown(expr, legend, declared)]
                used |= {_base(metric, declared) for metric in _metrics(expr)}
                rules.append({"record": f"panel:{len(rules)}", "expr": re.sub(r"\$\w+", ".*", expr)})
        for variable in board["templating"]["list"]:
            for metric, label in re.findall(r"label_values\((\w+), (\w+)\)", variable.get("query", "")):
                if label not in declared.get(metric, ()):
                    found.append(f"{name}: {metric} has no label {label}")
    (tools.scratch / "panels.json").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    found += tools.ask("promtool", "check", "rules", "panels.json")
    found += [f"{metric} is on no dashboard" for metric in sorted(set(declared) - used) if not _is_scheduled(metric)]
    # The check itself can fail.
    for wrong in ("tidegate_no_such_total", 'sum by (nope) (tidegate_build_info)', 'tidegate_build_info{nope="1"}', "rate(tidegate_batch_records_max[5m])"):
        if not unknown(wrong, "", declared):
            found.append(f"{wrong} passes")
    # The rules of contracts are held to the same.
    for group in tools.render()["rules"]["groups"]:
        for rule in group["rules"]:
            found += [f"{rule['alert']}: {text}" for text in unknown(rule["expr"], "", declared)]
    return found


def unknown(expr: str, legend: str, declared: dict) -> list[str]:
    """Metrics and labels that nothing declares."""
    found, labels = [], set()
    for metric in _metrics(expr):
        base = _base(metric, declared)
        if base is None:
            found.append(f"no metric {metric}")
        else:
            labels |= set(declared[base])
    if found or not _metrics(expr):
        return found
    named = set(re.findall(r"\{\{(\w+)\}\}", legend))
    for braces in re.findall(r"\{([^{}]*)\}", expr):
        named |= set(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', braces))
    for grouped in re.findall(r"\b(?:by|on|without)\s*\(([^()]*)\)", expr):
        named |= {label.strip() for label in grouped.split(",") if label.strip()}
    # `le` is the histograms'; the others come from the scrape.
    return found + [f"no label {label} in {expr}" for label in sorted(named - labels - {"le", "pod", "instance", "namespace"})]


def _metrics(expr: str) -> list[str]:
    return re.findall(r"\btidegate_\w+", re.sub(r'"[^"]*"', '""', expr))


def _base(metric: str, declared: dict) -> str | None:
    if metric in declared:
        return metric
    base = next((metric.removesuffix(suffix) for suffix in SUFFIXES if metric.endswith(suffix)), None)
    return base if base in declared else None


def _is_scheduled(metric: str) -> bool:
    """Metrics of `sla serve` beside the objectives have no panel yet."""
    return metric.startswith(("tidegate_sla_", "tidegate_error_budget_", "tidegate_objective_limit"))


def _declared() -> dict:
    """Metrics and their labels: docs/metrics.md, which a test holds equal to what is declared."""
    declared = {}
    for line in (ROOT / "services" / "tidegate" / "docs" / "metrics.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 4 and cells[1].startswith("`tidegate_"):
            declared[cells[1].strip("`")] = re.findall(r"`(\w+)`", cells[3])
    return declared
