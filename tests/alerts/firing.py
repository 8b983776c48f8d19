"""Each alert by promtool: series at which it fires, with its sentence, and series at which it keeps quiet."""

import json

#: Labels of the records of orders v1 as a validator tells them.
OF = 'contract="orders",topic="orders",version="1.2.0"'
VALID, DEAD = (f'tidegate_outcomes_total{{{OF},outcome="{outcome}"}}' for outcome in ("valid", "dead"))
UNCLAIMED = 'tidegate_outcomes_total{contract="",topic="orders",version="",outcome="dead"}'
TYPES, ENUM = (f'tidegate_dead_letters_total{{{OF},reason="{reason}"}}' for reason in ("type_mismatch", "enum_violation"))
BUDGET = {role: f'tidegate_buffer_budget_bytes{{role="{role}"}}' for role in ("validator", "sink")}
PARTITION = 'topic="orders",partition="3"'
HALTED, PAUSED, LAG, COMMITTED = (
    f"tidegate_partition_{name}{{{PARTITION}}}" for name in ("halted", "paused", "lag_records", "committed_timestamp_seconds"))
REFUSED_SENDS = 'tidegate_sends_refused_total{topic="orders.dlq",refusal="forbidden"}'
ABORTED, DONE = (f'tidegate_batches_total{{outcome="{outcome}"}}' for outcome in ("aborted", "committed"))
REFUSED, LOOKED = (f'tidegate_snapshot_refreshes_total{{outcome="{outcome}"}}' for outcome in ("refused", "unchanged"))
WORLD = 'tidegate_world_errors_total{{port="{}",remedy="retry"}}'
INFO = 'tidegate_snapshot_info{{commit="{}",pod="{}"}}'
FETCH_FAILED, FETCHED = (f'git_sync_count_total{{pod="v-1",status="{status}"}}' for status in ("error", "noop"))
JOB = 'kube_job_status_failed{namespace="tidegate",job_name="tidegate-sla-29"}'
LAST = 'kube_cronjob_status_last_schedule_time{namespace="tidegate",cronjob="tidegate-sla"}'
COMPLETE = 'objective="v1/orders#tidegate-completeness"'
MISSING = f'tidegate_completeness_breaches_total{{contract="orders",{COMPLETE},topic="orders",partition="3",breach="missing"}}'
FRESH, LATE, RULE = 'objective="v1/orders.at#orders-fresh"', 'objective="v1/orders.at#orders-late"', 'objective="v1/orders#few-nulls"'


def status(objective: str, name: str) -> str:
    return f'tidegate_objective_status{{contract="orders",{objective},status="{name}"}}'


def measured(objective: str) -> str:
    return f'tidegate_objective_measured{{contract="orders",{objective}}}'


EVALUATED = f'tidegate_objective_evaluated_timestamp_seconds{{contract="orders",{FRESH}}}'

#: Alert; series that fire it, minute, labels that the expression brings, annotations that depend on numbers;
#: then pairs of series at which it stays quiet, and a minute. Values are one a minute.
CASES = (
    ("ContractErrorBudgetFastBurn",
     {VALID: "0+800x70", DEAD: "0+200x70", TYPES: "0+150x70", ENUM: "0+50x70"}, 65, {},
     {"summary": "orders v1: 20% of the events of 1h are dead letters, limit 1 %", "reasons": "type_mismatch 9000; enum_violation 3000; "},
     # 10 % are below 14.4 times 1 %; an hour that was bad and is good again; few events; a bad minute in a good hour.
     [({VALID: "0+900x70", DEAD: "0+100x70"}, 65), ({VALID: "0+800x60 48000+1000x20", DEAD: "0+200x60 12000x20"}, 75),
      ({VALID: "0x70", DEAD: "0+0.1x70"}, 65), ({VALID: "0+1000x66", DEAD: "0x64 1000x2"}, 66)]),
    # Before the contract's own version was seen, everything may be dead: what no contract claims counts as well.
    ("ContractErrorBudgetFastBurn", {VALID: "0x70", UNCLAIMED: "0+20x70"}, 65, {},
     {"summary": "orders v1: 100% of the events of 1h are dead letters, limit 1 %", "reasons": ""}, []),
    ("ContractErrorBudgetBurn",
     {VALID: "0+900x400", DEAD: "0+100x400", TYPES: "0+100x400"}, 390, {},
     {"summary": "orders v1: 10% of the events of 6h are dead letters, limit 1 %", "reasons": "type_mismatch 36000; "},
     [({VALID: "0+950x400", DEAD: "0+50x400"}, 390)]),
    ("ContractErrorBudgetSlowBurn",
     {VALID: "0+980x4700", DEAD: "0+20x4700", TYPES: "0+20x4700"}, 4650, {},
     {"summary": "orders v1: 2% of the events of 3d are dead letters, limit 1 %", "reasons": "type_mismatch 86400; "},
     [({VALID: "0+995x4700", DEAD: "0+5x4700"}, 4650), ({VALID: "0+980x4200 4116000+1000x500", DEAD: "0+20x4200 84000x500"}, 4680)]),
    # Its first records are there when Prometheus first sees the series.
    ("ContractNewFailureGroup", {TYPES: "_x100 5x20"}, 110, {"reason": "type_mismatch"},
     {"summary": "orders v1: 5 dead letters with reason type_mismatch in the last hour, none in the 14 days before"},
     [({TYPES: "_x100 2x20"}, 110), ({TYPES: "3x20 3+1x300"}, 200), ({TYPES: "_x10 5x2 _x200 7x20"}, 225)]),
    ("DeadLetterNearRetention", {DEAD: "0x29 0+1x1440 1440x10000"}, 10110, {},
     {"summary": "orders v1: 1440 dead letters are deleted by the retention of their topic within 24 hours"},
     [({DEAD: "0x29 0+1x1440 1440x10000"}, 7980), ({DEAD: "0x10000"}, 9000)]),
    ("ContractTrafficAbsent", {VALID: "0+9x60 540x200", DEAD: "0x260"}, 200, {},
     {"summary": "orders v1: no event for 90m; one is promised every 1 h"},
     [({VALID: "0+9x60 540x200", DEAD: "0x260"}, 120), ({VALID: "0x60", DEAD: "0x60"}, 59), ({VALID: "0x260", DEAD: "0+0.1x260"}, 200)]),
    ("ContractFreshnessBreach", {status(FRESH, "breached"): "1x9", measured(FRESH): "1200x9"}, 5, {},
     {"summary": "orders v1: the newest row is older than 20m 0s, 15 min is promised (orders-fresh)"},
     [({status(FRESH, "breached"): "0x9", status(FRESH, "unknown"): "1x9", measured(FRESH): "1200x9"}, 5),
      ({status('objective="v2/orders.at#orders-fresh"', "breached"): "1x9"}, 5), ({status(LATE, "breached"): "1x9"}, 5)]),
    # Broken, and nobody can say by how much.
    ("ContractFreshnessBreach", {status(FRESH, "breached"): "1x9"}, 5, {},
     {"summary": "orders v1: the newest row is older than 0s, 15 min is promised (orders-fresh)"}, []),
    ("ContractLatencyBreach", {status(LATE, "breached"): "1x9", measured(LATE): "90x9"}, 5, {},
     {"summary": "orders v1: events take 1m 30s, 30 s is promised (orders-late)"},
     [({status(LATE, "breached"): "0x9", measured(LATE): "10x9"}, 5)]),
    ("ContractObjectiveBreach", {status(RULE, "breached"): "1x9"}, 5, {"objective": "v1/orders#few-nulls"},
     {"summary": "orders v1: v1/orders#few-nulls does not hold"},
     [({status(FRESH, "breached"): "1x9", status(LATE, "breached"): "1x9", status(RULE, "unknown"): "1x9"}, 5),
      ({status(COMPLETE, "breached"): "1x9"}, 5)]),
    ("ContractBreachPredicted", {measured(FRESH): "0+20x60", status(FRESH, "met"): "1x60", status(FRESH, "breached"): "0x60"}, 30, {},
     {"summary": "orders v1: freshness of 15 min (orders-fresh) is broken in 15m 0s if it goes on like this"},
     [({measured(FRESH): "600x60"}, 40), ({measured(FRESH): "0+20x60", status(FRESH, "breached"): "1x60"}, 40),
      ({measured(FRESH): "800-10x60"}, 20), ({measured(FRESH): "0+2x60"}, 40)]),
    ("ContractBreachPredicted", {measured(LATE): "0+0.5x60", status(LATE, "met"): "1x60"}, 50, {},
     {"summary": "orders v1: latency of 30 s (orders-late) is broken in 10m 0s if it goes on like this"}, []),
    ("SlaCheckMissing", {EVALUATED: "0x99"}, 60, {}, {"summary": "orders v1: no check of its SLAs for 1h 0m 0s; one is due every 15 min"},
     [({EVALUATED: "0x30 1800x40"}, 55), ({EVALUATED: "0x60"}, 29)]),
    # Nobody ever checked.
    ("SlaCheckMissing", {VALID: "0x20"}, 10, {}, {"summary": "orders v1: no check of its SLAs for 30m 0s; one is due every 15 min"}, []),
    ("DeadLetterWriteFailing", {REFUSED_SENDS: "_x5 4x30", HALTED: "0x5 1x30"}, 10, {},
     {"summary": "Dead letters of orders cannot be written: 4 were refused in 15 minutes. Its partitions wait; nothing is lost."},
     # Too large once and then shortened: nothing waits. Halted for another reason. Mended a while ago.
     [({REFUSED_SENDS: "_x5 4x30", HALTED: "0x35"}, 10), ({HALTED: "1x35"}, 10), ({REFUSED_SENDS: "4x60", HALTED: "1x60"}, 50)]),
    ("ValidatorLagGrowing", {LAG: "0+1000x60", VALID: "0+60x60", DEAD: "0x60"}, 40, {},
     {"summary": "orders is 40000 records behind, and the distance has been growing for 15 minutes"},
     [({LAG: "50000x60", VALID: "0+60x60"}, 40), ({LAG: "0+2x60", VALID: "0+60x60"}, 40), ({LAG: "0+100x60", VALID: "0+60000x60"}, 40)]),
    ("ValidatorStuck", {COMMITTED: "0x40", LAG: "5x40"}, 20, {"partition": "3"},
     {"summary": "Partition orders-3 has records waiting and has not moved for 20m 0s"},
     [({COMMITTED: "0x40", LAG: "0x40"}, 30), ({COMMITTED: "0+60x40", LAG: "5x40"}, 30), ({COMMITTED: "0x40"}, 30)]),
    ("TidegateValidatorDown", {BUDGET["sink"]: "1x10"}, 6, {"role": "validator"},
     {"summary": "No validator has answered for 5 minutes. Nothing is judged; source topics keep what comes."}, [({BUDGET["validator"]: "1x10"}, 9)]),
    ("TidegateSinkDown", {BUDGET["validator"]: "1x10"}, 6, {"role": "sink"},
     {"summary": "No sink has answered for 5 minutes. Nothing lands; validated topics keep what comes until their retention ends."},
     [({BUDGET["sink"]: "1x10"}, 9)]),
    ("TidegatePartitionHalted", {HALTED: "1x10"}, 6, {"topic": "orders", "partition": "3"},
     {"summary": "Partition orders-3 is halted and waits for somebody."}, [({HALTED: "1 1 1 0 1 1 1 1"}, 7)]),
    ("TidegatePartitionPaused", {PAUSED: "1x20"}, 16, {"topic": "orders", "partition": "3"},
     {"summary": "Partition orders-3 has been waiting for the outside world for 15 minutes."}, [({PAUSED: "1x20"}, 14)]),
    ("TidegateBatchesAborting", {ABORTED: "0+60x40", DONE: "0+6x40"}, 30, {},
     {"summary": "More batches are aborted than committed: 1 a second."}, [({ABORTED: "0+6x40", DONE: "0+60x40"}, 30)]),
    # None was ever committed.
    ("TidegateBatchesAborting", {ABORTED: "0+60x40"}, 30, {}, {"summary": "More batches are aborted than committed: 1 a second."}, []),
    ("TidegateWorldFailing", {WORLD.format("lake"): "0+6x40"}, 30, {"port": "lake"},
     {"summary": "lake has failed 60 calls in 10 minutes. Nothing is lost; what needs it waits."},
     [({WORLD.format("lake"): "7x40"}, 30), ({WORLD.format("lake"): "_x20 1x1 _x40"}, 35), ({WORLD.format("kafka"): "0+6x40"}, 30)]),
    ("TidegateKafkaFailing", {WORLD.format("kafka"): "0+1x40"}, 30, {},
     {"summary": "Kafka has failed 10 calls in 10 minutes. Nothing is lost; nothing moves."},
     [({WORLD.format("kafka"): "0x10 2x40"}, 16), ({WORLD.format("lake"): "0+6x40"}, 30)]),
    ("TidegateContractsRefused", {REFUSED: "0+6x40", LOOKED: "0x40"}, 30, {},
     {"summary": "New contracts do not load. The last good ones stay in force."}, [({REFUSED: "0x40", LOOKED: "0+6x40"}, 30)]),
    ("TidegateContractsStale", {'tidegate_snapshot_age_seconds{pod="1"}': "1200x20"}, 8, {},
     {"summary": "A role has not seen its contract source for 20m 0s."}, [({'tidegate_snapshot_age_seconds{pod="1"}': "800x20"}, 15)]),
    ("TidegateContractsDiffer", {INFO.format("a", 1): "1x20", INFO.format("b", 2): "1x20"}, 17, {},
     {"summary": "Roles work by 2 different commits of the contracts."},
     [({INFO.format("a", 1): "1x20", INFO.format("a", 2): "1x20"}, 18), ({INFO.format("a", 1): "1x20", INFO.format("b", 2): "_x10 1x10"}, 18)]),
    # Half of 15 minutes is less than the least.
    ("TidegateSinkBacklog", {"tidegate_lake_oldest_open_seconds": "900x10"}, 6, {},
     {"summary": "The oldest record outside of the lake has been waiting for 15m 0s; slots close after 5 minutes."},
     [({"tidegate_lake_oldest_open_seconds": "310x10"}, 9)]),
    ("TidegateRecordsMissing", {MISSING: "_x50 2x60"}, 90, {"topic": "orders", "partition": "3", "breach": "missing"},
     {"summary": "Partition orders-3: 2 records of the last day are missing: not everything that came in has exactly one outcome."},
     # Nothing is missing; what was missing two days ago is not told of for ever.
     [({MISSING: "0x90"}, 60), ({MISSING: "_x5 2x2900"}, 2880)]),
    # Found by a later look, seen by the checks of two major versions, told once.
    ("TidegateRecordsMissing", {MISSING: "0x1500 3x90", MISSING.replace("v1/", "v2/"): "0x1500 3x90"}, 1530,
     {"topic": "orders", "partition": "3", "breach": "missing"},
     {"summary": "Partition orders-3: 3 records of the last day are missing: not everything that came in has exactly one outcome."}, []),
    ("TidegateCompletenessUnknown", {status(COMPLETE, "unknown"): "1x70"}, 65, {"contract": "orders", "objective": "v1/orders#tidegate-completeness"},
     {"summary": "orders: for an hour nobody could tell whether every record has an outcome (v1/orders#tidegate-completeness)."},
     [({status(COMPLETE, "unknown"): "1x70"}, 50), ({status(COMPLETE, "unknown"): "1x30 0x5 1x35"}, 65), ({status(RULE, "unknown"): "1x70"}, 65)]),
    ("TidegateContractsNotFetched", {FETCH_FAILED: "0+4x60", FETCHED: "5x60"}, 40, {"pod": "v-1"},
     {"summary": "git-sync of v-1 has not reached the contract repository for 15 minutes."}, [({FETCH_FAILED: "0+1x60", FETCHED: "0+3x60"}, 40)]),
    ("TidegateSlaCheckFailed", {JOB: "1x5"}, 2, {"job_name": "tidegate-sla-29"},
     {"summary": "The SLA check tidegate-sla-29 failed: a promise is broken or could not be told."}, [({JOB: "0x5"}, 4)]),
    ("TidegateSlaCheckMissing", {LAST: "0x70"}, 60, {},
     {"summary": "The SLA check has not run for 1h 0m 0s; it should every 15 minutes."}, [({LAST: "0x30 1800x30"}, 58)]),
)


def complaints(tools) -> list[str]:
    groups = tools.render()["rules"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    alerts: dict = {}
    for rule in rules:
        alerts.setdefault(rule["alert"], []).append(rule)
    found = []
    found += [f"{name}: no test shows it" for name in sorted(alerts.keys() - {case[0] for case in CASES})]
    found += [f"{name}: no test shows it quiet" for name in sorted(alerts.keys() - {case[0] for case in CASES if case[5]})]
    (tools.scratch / "rules.json").write_text(json.dumps({"groups": groups}))
    found += tools.ask("promtool", "check", "rules", "rules.json")
    files = []
    for name, same in alerts.items():
        files.append(_file(tools.scratch, name, same, [case for case in CASES if case[0] == name]))
    return found + tools.ask("promtool", "test", "rules", *files)


def _file(scratch, name: str, rules: list, cases: list) -> str:
    """The tests of one alert beside its rules alone: others would only take time."""
    (scratch / f"rules-{name}.json").write_text(json.dumps({"groups": [{"name": name, "rules": rules}]}))
    tests = []
    for _, firing, minute, labels, annotations, quiet in cases:
        # One rule for each objective: the case says which.
        rule = next(rule for rule in rules if "objective" not in rule["labels"] or rule["labels"]["objective"] in annotations["summary"])
        expected = {"exp_labels": rule["labels"] | labels, "exp_annotations": rule["annotations"] | annotations}
        tests.append(_test(name, firing, minute, [expected]))
        tests += [_test(name, series, calm, []) for series, calm in quiet]
    # Days are looked at in coarser steps.
    interval = "1m" if max([0, *(case[2] for case in cases)]) < 500 else "30m"
    (scratch / f"tests-{name}.json").write_text(
        json.dumps({"rule_files": [f"rules-{name}.json"], "evaluation_interval": interval, "tests": tests}))
    return f"tests-{name}.json"


def _test(name: str, series: dict, minute: int, expected: list) -> dict:
    return {
        "interval": "1m",
        "input_series": [{"series": key, "values": values} for key, values in series.items()],
        "alert_rule_test": [{"eval_time": f"{minute}m", "alertname": name, "exp_alerts": expected}],
    }
