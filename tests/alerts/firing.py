"""Each alert by promtool: series at which it fires, with its sentence, and series at which it keeps quiet."""

import json

#: Labels of the records of orders v1 as a validator tells them.
OF = 'contract="orders",topic="orders",version="1.2.0"'
VALID, DEAD = (f'tidegate_outcomes_total{{{OF},outcome="{outcome}"}}' for outcome in ("valid", "dead"))
UNCLAIMED = 'tidegate_outcomes_total{contract="",topic="orders",version="",outcome="dead"}'
TYPES, ENUM = (f'tidegate_dead_letters_total{{{OF},reason="{reason}"}}' for reason in ("type_mismatch", "enum_violation"))
UNDECIDED = 'tidegate_partition_undecided_seconds{topic="orders.dlq",partition="3"}'
READY = {role: f'tidegate_ready{{role="{role}"}}' for role in ("validator", "sink")}
PARTITION = 'topic="orders",partition="3"'
HALTED, PAUSED, LAG, COMMITTED = (
    f"tidegate_partition_{name}{{{PARTITION}}}" for name in ("halted", "paused", "lag_records", "committed_timestamp_seconds"))
CONSUMED = 'tidegate_records_consumed_total{topic="orders"}'
IN_LAKE = 'topic="orders.validated",partition="3"'
WAITING, LANDED_AT = f"tidegate_partition_lag_records{{{IN_LAKE}}}", f"tidegate_partition_committed_timestamp_seconds{{{IN_LAKE}}}"
SLOTS = 'tidegate_lake_slots_total{topic="orders.validated",outcome="committed"}'
PASSED = f"tidegate_records_validated_total{{{OF}}}"
REFUSED_SENDS = 'tidegate_sends_refused_total{topic="orders.dlq",refusal="forbidden"}'
ABORTED, DONE = (f'tidegate_batches_total{{outcome="{outcome}"}}' for outcome in ("aborted", "committed"))
REFUSED, LOOKED = (f'tidegate_snapshot_refreshes_total{{outcome="{outcome}"}}' for outcome in ("refused", "unchanged"))
WORLD = 'tidegate_world_errors_total{{port="{}",remedy="retry"}}'
INFO = 'tidegate_snapshot_info{{commit="{}",pod="{}"}}'
FETCH_FAILED, FETCHED = (f'git_sync_count_total{{pod="v-1",status="{status}"}}' for status in ("error", "noop"))
JOB = {number: 'namespace="tidegate",job_name="tidegate-sla-%d"' % number for number in (29, 30)}
BEGAN = {number: f"kube_job_status_start_time{{{job}}}" for number, job in JOB.items()}
FAILED, WELL = ({number: f'kube_job_{condition}{{{job},condition="true"}}' for number, job in JOB.items()} for condition in ("failed", "complete"))
LAST = 'kube_cronjob_status_last_schedule_time{namespace="tidegate",cronjob="tidegate-sla"}'
COMPLETE = 'objective="v1/orders#tidegate-completeness"'
MISSING = f'tidegate_completeness_breaches_total{{contract="orders",{COMPLETE},topic="orders",partition="3",breach="missing"}}'
FRESH, LATE, RULE = 'objective="v1/orders.at#orders-fresh"', 'objective="v1/orders.at#orders-late"', 'objective="v1/orders#few-nulls"'


def status(objective: str, name: str) -> str:
    return f'tidegate_objective_status{{contract="orders",{objective},status="{name}"}}'


def measured(objective: str) -> str:
    return f'tidegate_objective_measured{{contract="orders",{objective}}}'


NEXT, INTERVAL = (f'tidegate_sla_{name}{{contract="orders"}}' for name in ("next_run_timestamp_seconds", "schedule_interval_seconds"))
FOLLOWED = 'tidegate_sla_runs_missed_total{contract="orders",cause="away"}'

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
    # Broken, and then nobody could tell; that goes on for an hour, not for ever.
    ("ContractFreshnessBreach", {status(FRESH, "breached"): "1x5 0x90", status(FRESH, "unknown"): "0x5 1x90", measured(FRESH): "1200x5 _x90"}, 40, {},
     {"summary": "orders v1: the newest row is older than 0s, 15 min is promised (orders-fresh)"},
     [({status(FRESH, "breached"): "1x5 0x90", status(FRESH, "unknown"): "0x5 1x90"}, 80),
      ({status(FRESH, "breached"): "1x5 0x90", status(FRESH, "unknown"): "0x90", status(FRESH, "met"): "0x5 1x90"}, 40)]),
    ("ContractObjectiveUnknown", {status(RULE, "unknown"): "1x60"}, 31, {"objective": "v1/orders#few-nulls"},
     {"summary": "orders v1: whether v1/orders#few-nulls holds has not been known for 30 min"},
     [({status(RULE, "unknown"): "1x20 0x5 1x60"}, 50), ({status(RULE, "breached"): "1x60"}, 50),
      ({status('objective="v2/orders#few-nulls"', "unknown"): "1x60"}, 50)]),
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
    # Its next look was due at minute 15, every 15 minutes.
    ("SlaCheckMissing", {NEXT: "900x99", INTERVAL: "900x99", FOLLOWED: "0x99"}, 60, {},
     {"summary": "orders v1: its promises should have been looked at 45m 0s ago"},
     [({NEXT: "900x99", INTERVAL: "900x99", FOLLOWED: "0x99"}, 29), ({NEXT: "900x20 2700x40", INTERVAL: "900x99", FOLLOWED: "0x99"}, 55),
      # Once a day, and that is not yet; its first look is not over.
      ({NEXT: "86400x400", INTERVAL: "86400x400", FOLLOWED: "0x400"}, 390), ({FOLLOWED: "0x99"}, 60)]),
    # An hour behind its time, nobody waits for another day.
    ("SlaCheckMissing", {NEXT: "900x99", INTERVAL: "86400x99", FOLLOWED: "0x99"}, 90, {},
     {"summary": "orders v1: its promises should have been looked at 1h 15m 0s ago"},
     [({NEXT: "900x99", INTERVAL: "86400x99", FOLLOWED: "0x99"}, 70)]),
    ("SlaCheckMissing", {VALID: "0x20"}, 10, {}, {"summary": "orders v1: nobody looks at its promises"}, []),
    ("DeadLetterWriteFailing", {REFUSED_SENDS: "_x5 4x30", HALTED: "0x5 1x30"}, 10, {},
     {"summary": "Dead letters of orders cannot be written: 4 were refused in 15 minutes. Its partitions wait; nothing is lost."},
     # Too large once and then shortened: nothing waits. Halted for another reason. Mended a while ago.
     [({REFUSED_SENDS: "_x5 4x30", HALTED: "0x35"}, 10), ({HALTED: "1x35"}, 10), ({REFUSED_SENDS: "4x60", HALTED: "1x60"}, 50)]),
    ("ValidatorLagGrowing", {LAG: "0+1000x60", VALID: "0+60x60", DEAD: "0x60"}, 40, {},
     {"summary": "orders is 40000 records behind, and the distance has been growing for 15 minutes"},
     [({LAG: "50000x60", VALID: "0+60x60"}, 40), ({LAG: "90000-1000x60", VALID: "0+60x60"}, 40), ({LAG: "0+2x60", VALID: "0+60x60"}, 40), ({LAG: "0+100x60", VALID: "0+60000x60"}, 40)]),
    # It goes on for hours, and is not over before it is.
    ("ValidatorLagGrowing", {LAG: "0+1000x490", VALID: "0+600x490", DEAD: "0x490"}, 480, {},
     {"summary": "orders is 480000 records behind, and the distance has been growing for 15 minutes"}, []),
    ("ValidatorStuck", {COMMITTED: "0x40", LAG: "5x40"}, 20, {"partition": "3"},
     {"summary": "Partition orders-3 has records waiting and has not moved for 20m 0s"},
     [({COMMITTED: "0x40", LAG: "0x40"}, 30), ({COMMITTED: "0+60x40", LAG: "5x40", CONSUMED: "0+5x40"}, 30), ({COMMITTED: "0x40"}, 30)]),
    # Validators begin again every five minutes and never get anywhere; what they had done once is long over.
    ("ValidatorStuck", {COMMITTED: "0x4 300x4 600x4 900x4 1200x4 1500x4 1800x4 2100x4 2400x4", LAG: "5000x4 _ 5000x3 _ 5000x40", CONSUMED: "7x4 _x40"},
     30, {"partition": "3"}, {"summary": "Partition orders-3 has records waiting and has not moved for 10m 0s"},
     # They do get somewhere; nothing waits for a while.
     [({COMMITTED: "0x4 300x4 600x4 900x4 1200x4 1500x4 1800x4", LAG: "5000x40", CONSUMED: "0+5x40"}, 30),
      ({COMMITTED: "0x4 300x4 600x4 900x4 1200x4 1500x4 1800x4", LAG: "5000x26 0 5000x20"}, 30)]),
    ("SinkStuck", {LANDED_AT: "0x60", WAITING: "5x60", SLOTS: "7x60"}, 40, {"partition": "3"},
     {"summary": "Partition orders.validated-3 has records waiting and none of them has landed for 40m 0s"},
     # Nothing waits; each slot lands; after a silence a record waits for its slot.
     [({LANDED_AT: "0x60", WAITING: "0x60", SLOTS: "7x60"}, 50), ({LANDED_AT: "0x4 300x4 600x4 900x4 1200x4 1500x4 1800x4 2100x4", WAITING: "5x60", SLOTS: "0+0.2x60"}, 39),
      ({LANDED_AT: "0x60", WAITING: "0x30 5x30", SLOTS: "7x60"}, 37)]),
    ("SinkStuck", {LANDED_AT: "0x4 300x4 600x4 900x4 1200x4 1500x4 1800x4 2100x4 2400x4", WAITING: "5000x4 _ 5000x3 _ 5000x40"}, 40, {"partition": "3"},
     {"summary": "Partition orders.validated-3 has records waiting and none of them has landed for 15m 0s"}, []),
    ("SinkLagGrowing", {WAITING: "0+1000x90", PASSED: "0+20x90"}, 80, {},
     {"summary": "orders.validated is 80000 records behind the lake, and the distance grows"},
     # Every record waits for its slot; as much comes as goes; it gets less.
     [({WAITING: "0+1000x90", PASSED: "0+60000x90"}, 20), ({WAITING: "90000x90", PASSED: "0+20x90"}, 80), ({WAITING: "90000-1000x80", PASSED: "0+20x90"}, 60)]),
    ("TidegateNotReady", {READY["sink"]: "0x20", READY["validator"]: "1x20"}, 12, {"role": "sink"},
     {"summary": "No sink has been ready for 10 minutes. It answers and does not work; /readyz says what is in its way."},
     # Ready a while ago; another one is; not for long; nobody's bread.
     [({READY["sink"]: "0 0 0 1 0 0 0 0 0 0 0 0 0 0"}, 12), ({READY["sink"]: "0x20", 'tidegate_ready{role="sink",pod="2"}': "1x20"}, 15),
      # It catches up with its memory full, or does the rest beside a partition that stands.
      ({READY["sink"]: "0x20", SLOTS: "0+1x20"}, 15), ({READY["validator"]: "0x20", CONSUMED: "0+9x20"}, 15),
      ({READY["sink"]: "0x20"}, 4), ({'tidegate_ready{role="registry"}': "0x20"}, 15)]),
    # What others do is nothing to it.
    ("TidegateNotReady", {READY["validator"]: "0x20", SLOTS: "0+1x20", CONSUMED: "9x20"}, 12, {"role": "validator"},
     {"summary": "No validator has been ready for 10 minutes. It answers and does not work; /readyz says what is in its way."}, []),
    # It begins again every three minutes, and is gone for one of them.
    ("TidegateNotReady", {READY["validator"]: "0 0 _ 0 0 _ 0 0 _ 0 0 _ 0 0 _ 0 0 _ 0 0 _ 0 0"}, 16, {"role": "validator"},
     {"summary": "No validator has been ready for 10 minutes. It answers and does not work; /readyz says what is in its way."}, []),
    ("TidegateValidatorDown", {READY["sink"]: "1x10"}, 6, {"role": "validator"},
     {"summary": "No validator has answered for 5 minutes. Nothing is judged; source topics keep what comes."}, [({READY["validator"]: "1x10"}, 9), ({READY["validator"]: "0x10"}, 9)]),
    ("TidegateSinkDown", {READY["validator"]: "1x10"}, 6, {"role": "sink"},
     {"summary": "No sink has answered for 5 minutes. Nothing lands; validated topics keep what comes until their retention ends."},
     [({READY["sink"]: "1x10"}, 9)]),
    ("TidegatePartitionHalted", {HALTED: "1x10"}, 6, {"topic": "orders", "partition": "3"},
     {"summary": "Partition orders-3 is halted and waits for somebody."}, [({HALTED: "1 1 1 0 1 1 1 1"}, 7)]),
    # What the sink says.
    ("TidegatePartitionHalted", {f"tidegate_partition_halted{{{IN_LAKE}}}": "1x10"}, 6, {"topic": "orders.validated", "partition": "3"},
     {"summary": "Partition orders.validated-3 is halted and waits for somebody."}, []),
    ("TidegatePartitionPaused", {PAUSED: "1x20"}, 16, {"topic": "orders", "partition": "3"},
     {"summary": "Partition orders-3 has been waiting for the outside world for 15 minutes."}, [({PAUSED: "1x20"}, 14)]),
    ("TidegateTransactionHangs", {UNDECIDED: "0+60x20"}, 18, {"topic": "orders.dlq", "partition": "3"},
     {"summary": "A transaction has been open in orders.dlq-3 for 18m 0s: nobody sees what was written since. Abort nothing before you have read the runbook."},
     # Not for long; one after the other.
     [({UNDECIDED: "0+60x20"}, 15), ({UNDECIDED: "0 60 120 0 60 120 0 60 120 0 60 120 0 60 120 0 60 120 0"}, 18)]),
    ("TidegateBatchesAborting", {ABORTED: "0+60x40", DONE: "0+6x40"}, 30, {},
     {"summary": "More batches are aborted than committed: 1 a second."}, [({ABORTED: "0+6x40", DONE: "0+60x40"}, 30)]),
    # None was ever committed.
    ("TidegateBatchesAborting", {ABORTED: "0+60x40"}, 30, {}, {"summary": "More batches are aborted than committed: 1 a second."}, []),
    ("TidegateWorldFailing", {WORLD.format("lake"): "0+6x40"}, 30, {"port": "lake"},
     {"summary": "lake has failed 60 calls of one process in 10 minutes. Nothing is lost; what needs it waits."},
     [({WORLD.format("lake"): "7x40"}, 30), ({WORLD.format("lake"): "_x20 1x1 _x40"}, 35), ({WORLD.format("kafka"): "0+6x40"}, 30),
      # Eight minutes apart; one each of many processes.
      ({WORLD.format("lake"): "0x10 1x7 2x40"}, 31),
      ({f'tidegate_world_errors_total{{port="lake",remedy="retry",pod="{pod}"}}': "0+0.12x40" for pod in "abcdef"}, 35)]),
    ("TidegateKafkaFailing", {WORLD.format("kafka"): "0+1x40"}, 30, {},
     {"summary": "Kafka has failed 10 calls of one process in 10 minutes. Nothing is lost; nothing moves."},
     [({WORLD.format("kafka"): "0x10 2x40"}, 16), ({WORLD.format("lake"): "0+6x40"}, 30),
      # A broker restarts.
      ({f'tidegate_world_errors_total{{port="kafka",remedy="retry",pod="{pod}"}}': "0x10 2x40" for pod in "abcdef"}, 17)]),
    ("TidegateContractsRefused", {REFUSED: "0+6x40", LOOKED: "0x40"}, 30, {},
     {"summary": "New contracts do not load. The last good ones stay in force."}, [({REFUSED: "0x40", LOOKED: "0+6x40"}, 30)]),
    ("TidegateContractsStale", {'tidegate_snapshot_age_seconds{pod="1"}': "1200x20"}, 8, {},
     {"summary": "A role has not seen its contract source for 20m 0s."}, [({'tidegate_snapshot_age_seconds{pod="1"}': "800x20"}, 15)]),
    ("TidegateContractsDiffer", {INFO.format("a", 1): "1x20", INFO.format("b", 2): "1x20"}, 17, {},
     {"summary": "Roles work by 2 different commits of the contracts."},
     [({INFO.format("a", 1): "1x20", INFO.format("a", 2): "1x20"}, 18), ({INFO.format("a", 1): "1x20", INFO.format("b", 2): "_x10 1x10"}, 18)]),
    # Two deployments, each by a commit of its own.
    ("TidegateContractsDiffer",
     {f'tidegate_snapshot_info{{commit="{commit}",namespace="{space}"}}': "1x20" for commit, space in (("a", "prod"), ("b", "test"), ("c", "test"))},
     17, {"namespace": "test"}, {"summary": "Roles work by 2 different commits of the contracts."},
     [({f'tidegate_snapshot_info{{commit="{commit}",namespace="{space}"}}': "1x20" for commit, space in (("a", "prod"), ("b", "test"))}, 18)]),
    # Half of 15 minutes is less than the least.
    ("TidegateSinkBacklog", {"tidegate_lake_oldest_open_seconds": "900x10"}, 6, {},
     {"summary": "The oldest record outside of the lake has been waiting for 15m 0s; slots close after 5 min."},
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
    ("TidegateSlaCheckFailed", {BEGAN[29]: "0x5", WELL[29]: "1x5", BEGAN[30]: "60x5", FAILED[30]: "1x5"}, 2, {},
     {"summary": "The last SLA check failed: a promise is broken or could not be told."},
     # A later one came out well; it is being tried again; it is somebody else's.
     [({BEGAN[29]: "0x5", FAILED[29]: "1x5", BEGAN[30]: "60x5", WELL[30]: "1x5"}, 4),
      ({BEGAN[29]: "0x5", FAILED[29]: "0x5", 'kube_job_status_failed{%s}' % JOB[29]: "1x5"}, 4),
      ({series.replace('"tidegate"', '"elsewhere"'): "1x5" for series in (BEGAN[29], FAILED[29])}, 4)]),
    # None ever came out well.
    ("TidegateSlaCheckFailed", {BEGAN[29]: "60x5", FAILED[29]: "1x5"}, 2, {},
     {"summary": "The last SLA check failed: a promise is broken or could not be told."}, []),
    ("TidegateSlaCheckMissing", {LAST: "0x70"}, 60, {},
     {"summary": "The SLA check has not run for 1h 0m 0s; it should every 15 minutes."}, [({LAST: "0x30 1800x30"}, 58)]),
    # The CronJob is not there, or never was its time.
    ("TidegateSlaCheckMissing", {'kube_cronjob_info{namespace="tidegate",cronjob="other"}': "1x70"}, 60, {"namespace": "tidegate", "cronjob": "tidegate-sla"},
     {"summary": "The SLA check has never run; it should every 15 minutes."}, [({LAST: "_x20 1200x30"}, 24)]),
)


def complaints(tools) -> list[str]:
    groups = tools.render()["rules"]["groups"]
    known = {rule["alert"] for group in groups for rule in group["rules"]}
    # Checks that are Jobs are alerted on in their own words.
    for group in tools.render("--sla", "job")["rules"]["groups"]:
        group["rules"] = [rule for rule in group["rules"] if rule["alert"] not in known]
        groups += [group | {"name": f"{group['name']}-jobs"}] if group["rules"] else []
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
    files += _deployments(tools)
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


def _deployments(tools) -> list[str]:
    """Rules for one of two deployments that one Prometheus knows, and for one in a namespace of its own."""
    here, there = (f'tidegate_ready{{role="validator",namespace="{space}"}}' for space in ("prod", "test"))
    job = 'namespace="prod",job_name="tidegate-sla-29"'
    failed = {f"kube_job_status_start_time{{{job}}}": "60x20", f'kube_job_failed{{{job},condition="true"}}': "1x20"}
    known = {"namespace": "prod"}
    files = []
    for number, (options, name, series, labels) in enumerate((
            (["--match", "namespace=prod"], "TidegateValidatorDown", {here: "1 _x20", there: "1x20"}, known | {"role": "validator"}),
            (["--sla", "job", "--match", "namespace=prod"], "TidegateSlaCheckFailed", failed, {}),
            (["--sla", "job", "--namespace", "prod"], "TidegateSlaCheckFailed", failed, {}),
            # Without a matcher one deployment hides the other.
            ([], "TidegateValidatorDown", {here: "1 _x20", there: "1x20"}, None),
            (["--sla", "job"], "TidegateSlaCheckFailed", failed, None))):
        groups = tools.render(*options)["rules"]["groups"]
        (tools.scratch / f"deployment-{number}.json").write_text(json.dumps({"groups": groups}))
        rule = next(rule for group in groups for rule in group["rules"] if rule["alert"] == name)
        expected = [] if labels is None else [{"exp_labels": rule["labels"] | labels, "exp_annotations": rule["annotations"]}]
        files.append(f"deployment-{number}-test.json")
        (tools.scratch / files[-1]).write_text(json.dumps(
            {"rule_files": [f"deployment-{number}.json"], "evaluation_interval": "1m", "tests": [_test(name, series, 14, expected)]}))
    return files


def _test(name: str, series: dict, minute: int, expected: list) -> dict:
    return {
        "interval": "1m",
        "input_series": [{"series": key, "values": values} for key, values in series.items()],
        "alert_rule_test": [{"eval_time": f"{minute}m", "alertname": name, "exp_alerts": expected}],
    }
