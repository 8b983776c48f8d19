"""Each alert of the PrometheusRule by promtool: series at which it fires, with its sentence, and series at which it keeps quiet."""

import subprocess
from pathlib import Path

import yaml

from overlays import Build

ROLE = 'app_kubernetes_io_component="{}"'
VALIDATOR, SINK = (f"tidegate_build_info{{{ROLE.format(role)}}}" for role in ("validator", "sink"))
HALTED = 'tidegate_partition_halted{topic="orders",partition="3"}'
PAUSED = 'tidegate_partition_paused{topic="orders",partition="3"}'
ABORTED, COMMITTED = (f'tidegate_batches_total{{outcome="{outcome}"}}' for outcome in ("aborted", "committed"))
REFUSED, LOADED = (f'tidegate_snapshot_refreshes_total{{outcome="{outcome}"}}' for outcome in ("refused", "unchanged"))
FETCH_FAILED, FETCHED = (f'git_sync_count_total{{pod="v-1",status="{status}"}}' for status in ("error", "noop"))
JOB = 'kube_job_status_failed{namespace="tidegate",job_name="tidegate-sla-29"}'
LAST = 'kube_cronjob_status_last_schedule_time{namespace="tidegate",cronjob="tidegate-sla"}'
INFO = 'tidegate_snapshot_info{{commit="{}",pod="{}"}}'
CONSUMED = 'tidegate_records_consumed_total{{pod="{}"}}'
LANDED = 'tidegate_lake_rows_total{{pod="{}"}}'
PARTITION = {"topic": "orders", "partition": "3"}

#: Alert; series that fire it, minute, labels, summary; series at which it stays quiet, minute. Values are one a minute.
CASES = (
    ("TidegateValidatorDown", {SINK: "1x10"}, 6, {"app_kubernetes_io_component": "validator"},
     "No validator has answered for 5 minutes. Nothing is judged; source topics keep what comes.",
     {VALIDATOR: "1x10"}, 9),
    ("TidegateSinkDown", {VALIDATOR: "1x10"}, 6, {"app_kubernetes_io_component": "sink"},
     "No sink has answered for 5 minutes. Nothing lands; validated topics keep what comes until their retention ends.",
     {SINK: "1x10"}, 9),
    ("TidegatePartitionHalted", {HALTED: "1x10"}, 6, PARTITION, "Partition orders-3 is halted and waits for somebody.",
     {HALTED: "1 1 1 0 1 1 1 1"}, 7),
    ("TidegatePartitionPaused", {PAUSED: "1x20"}, 16, PARTITION,
     "Partition orders-3 has been waiting for the outside world for 15 minutes.", {PAUSED: "1x20"}, 14),
    ("TidegateBatchesAborting", {ABORTED: "0+60x40", COMMITTED: "0+6x40"}, 30, {},
     "More batches are aborted than committed: 1 a second.", {ABORTED: "0+6x40", COMMITTED: "0+60x40"}, 30),
    ("TidegateContractsRefused", {REFUSED: "0+6x40", LOADED: "0x40"}, 30, {},
     "New contracts do not load. The last good ones stay in force.", {REFUSED: "0x40", LOADED: "0+6x40"}, 30),
    ("TidegateContractsStale", {'tidegate_snapshot_age_seconds{pod="1"}': "1200x20", CONSUMED.format(1): "0+9x20"}, 8, {},
     "A role has not seen its contract source for 20m 0s.",
     {'tidegate_snapshot_age_seconds{pod="1"}': "800x20", CONSUMED.format(1): "0+9x20",
      'tidegate_snapshot_age_seconds{pod="2"}': "9000x20", CONSUMED.format(2): "7x20"}, 15),
    ("TidegateContractsNotFetched", {FETCH_FAILED: "0+4x60", FETCHED: "5x60"}, 40, {"pod": "v-1"},
     "git-sync of v-1 has not reached the contract repository for 15 minutes.", {FETCH_FAILED: "0+1x60", FETCHED: "0+3x60"}, 40),
    ("TidegateContractsDiffer",
     {INFO.format("a", 1): "1x20", CONSUMED.format(1): "0+9x20", INFO.format("b", 2): "1x20", LANDED.format(2): "0+9x20"},
     17, {}, "Pods work by 2 different commits of the contracts.",
     {INFO.format("a", 1): "1x20", CONSUMED.format(1): "0+9x20", INFO.format("b", 2): "1x20", CONSUMED.format(2): "7x20"}, 18),
    ("TidegateSinkBacklog", {"tidegate_lake_oldest_open_seconds": "3600x10"}, 6, {},
     "The oldest record outside of the lake has been waiting for 1h 0m 0s; slots close after 5 minutes.",
     {"tidegate_lake_oldest_open_seconds": "310x10"}, 9),
    ("TidegateSlaCheckFailed", {JOB: "1x5"}, 2, {"job_name": "tidegate-sla-29"},
     "The SLA check tidegate-sla-29 failed: a promise is broken or could not be told.", {JOB: "0x5"}, 4),
    ("TidegateSlaCheckMissing", {LAST: "0x70"}, 60, {}, "The SLA check has not run for 1h 0m 0s; it should every 15 minutes.",
     {LAST: "0x30 1800x30"}, 58),
)


def complaints(build: Build, promtool: Path, scratch: Path) -> list[str]:
    rules = [group for rule in build.of_kind("PrometheusRule") for group in rule["spec"]["groups"]]
    alerts = {rule["alert"]: rule for group in rules for rule in group["rules"]}
    found = [f"{name}: no test shows it" for name in sorted(alerts.keys() - {case[0] for case in CASES})]
    (scratch / "rules.yaml").write_text(yaml.safe_dump({"groups": rules}))
    found += _promtool(promtool, scratch, "check", "rules", "rules.yaml")
    tests = []
    for name, firing, minute, labels, summary, quiet, calm in CASES:
        rule = alerts.get(name, {"labels": {}, "annotations": {}})
        expected = {"exp_labels": rule["labels"] | labels, "exp_annotations": rule["annotations"] | {"summary": summary}}
        tests.append(_test(name, firing, minute, [expected]))
        tests.append(_test(name, quiet, calm, []))
    (scratch / "tests.yaml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests}))
    return found + _promtool(promtool, scratch, "test", "rules", "tests.yaml")


def _test(name: str, series: dict, minute: int, expected: list) -> dict:
    return {
        "interval": "1m",
        "input_series": [{"series": key, "values": values} for key, values in series.items()],
        "alert_rule_test": [{"eval_time": f"{minute}m", "alertname": name, "exp_alerts": expected}],
    }


def _promtool(promtool: Path, folder: Path, *arguments) -> list[str]:
    answer = subprocess.run([promtool, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    return [] if answer.returncode == 0 else [f"promtool {' '.join(arguments)}: {answer.stdout}{answer.stderr}"]
