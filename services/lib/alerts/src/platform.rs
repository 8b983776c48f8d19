//! Alerts on Tidegate itself, whatever the contracts say. Every metric is one that a role feeds.

use tidegate_contract::Snapshot;
use tidegate_objectives::completeness;

use crate::alert::{Alert, Group, Severity};
use crate::promql::{counted, literal, quoted, shortest, spoken};
use crate::{Options, Times, contract};

/// The oldest record outside of the lake may be this old where no contract promises freshness: slots close after five minutes.
const BACKLOG_SECONDS: f64 = 1800.0;
/// Half a promise is no limit below this, nor above what holds without one.
const BACKLOG_SECONDS_MIN: f64 = 600.0;
/// So many slots may close late before that is told.
const BACKLOG_SLOTS: f64 = 2.0;
/// A call or two fail now and then, and are repeated.
const FAILED_MIN: u32 = 3;

pub(crate) fn group(snapshot: Option<&Snapshot>, options: &Options) -> Group {
    let times = options.times;
    let (ten, quarter) = (times.text(600), times.text(900));
    // Half of the shortest freshness that is promised. What lies in validated topics is deleted some day, whatever is promised.
    let freshness = snapshot.and_then(contract::shortest_freshness);
    let slots = BACKLOG_SLOTS * options.slot_seconds as f64;
    let (least, most) = (BACKLOG_SECONDS_MIN.max(slots), BACKLOG_SECONDS.max(slots));
    let backlog = times.seconds(freshness.map_or(most, |seconds| (seconds / 2.0).clamp(least, most)));
    let failing = counted("tidegate_world_errors_total{port!=\"kafka\"}", &ten);
    let kafka = counted("tidegate_world_errors_total{port=\"kafka\"}", &ten);
    let alert = |name, severity, expr: String, hold, summary: &str| {
        let alert = Alert::new(options, name, severity, expr, hold, summary.to_owned()).label("team", &options.platform_team);
        link(alert, options)
    };
    let mut alerts = vec![
        alert(
            "TidegateValidatorDown",
            Severity::Page,
            "absent(tidegate_ready{role=\"validator\"})".to_owned(),
            300,
            "No validator has answered for 5 minutes. Nothing is judged; source topics keep what comes.",
        ),
        alert(
            "TidegateSinkDown",
            Severity::Page,
            "absent(tidegate_ready{role=\"sink\"})".to_owned(),
            300,
            "No sink has answered for 5 minutes. Nothing lands; validated topics keep what comes until their retention ends.",
        ),
        // Over a window, so that a process that begins again and again does not begin the wait again. A role that has work done beside a
        // partition that stands, or that catches up with its memory full, is not ready, and works: the partition has alerts of its own.
        alert(
            "TidegateNotReady",
            Severity::Page,
            format!(
                "{}\n  or {}",
                not_ready(times, "validator", "tidegate_records_consumed_total"),
                not_ready(times, "sink", "tidegate_lake_slots_total")
            ),
            300,
            "No {{ $labels.role }} has been ready for 10 minutes. It answers and does not work; /readyz says what is in its way.",
        ),
        alert(
            "TidegatePartitionHalted",
            Severity::Page,
            "max by (topic, partition) (tidegate_partition_halted) == 1".to_owned(),
            300,
            "Partition {{ $labels.topic }}-{{ $labels.partition }} is halted and waits for somebody.",
        ),
        alert(
            "TidegatePartitionPaused",
            Severity::Ticket,
            "max by (topic, partition) (tidegate_partition_paused) == 1".to_owned(),
            900,
            "Partition {{ $labels.topic }}-{{ $labels.partition }} has been waiting for the outside world for 15 minutes.",
        ),
        // No transaction may be open for longer than `transaction.max.timeout.ms` of the brokers, by default 15 minutes: one that is hangs.
        alert(
            "TidegateTransactionHangs",
            Severity::Page,
            format!(
                "max by (topic, partition) (tidegate_partition_undecided_seconds) > {}",
                shortest(times.seconds(900.0))
            ),
            60,
            "A transaction has been open in {{ $labels.topic }}-{{ $labels.partition }} for {{ $value | humanizeDuration }}: nobody sees what was written since. Abort nothing before you have read the runbook.",
        ),
        alert(
            "TidegateBatchesAborting",
            Severity::Page,
            format!(
                "sum(rate(tidegate_batches_total{{outcome=\"aborted\"}}[{ten}]))\n  > (sum(rate(tidegate_batches_total{{outcome=\"committed\"}}[{ten}])) or vector(0))"
            ),
            600,
            "More batches are aborted than committed: {{ $value | humanize }} a second.",
        ),
        alert(
            "TidegateWorldFailing",
            Severity::Ticket,
            format!("max by (port) (sum by (port, pod, instance) ({failing})) >= {FAILED_MIN}"),
            600,
            "{{ $labels.port }} has failed {{ $value | humanize }} calls of one process in 10 minutes. Nothing is lost; what needs it waits.",
        ),
        // A fault heals by itself, and a broker that restarts is one for each process; brokers that are away are told of again and again.
        alert(
            "TidegateKafkaFailing",
            Severity::Page,
            format!("max(sum by (pod, instance) ({kafka})) >= 5"),
            300,
            "Kafka has failed {{ $value | humanize }} calls of one process in 10 minutes. Nothing is lost; nothing moves.",
        ),
        alert(
            "TidegateContractsRefused",
            Severity::Ticket,
            format!("sum(increase(tidegate_snapshot_refreshes_total{{outcome=\"refused\"}}[{quarter}])) > 0"),
            900,
            "New contracts do not load. The last good ones stay in force.",
        ),
        alert(
            "TidegateContractsStale",
            Severity::Ticket,
            format!("max(tidegate_snapshot_age_seconds) > {}", shortest(times.seconds(900.0))),
            300,
            "A role has not seen its contract source for {{ $value | humanizeDuration }}.",
        ),
        alert(
            "TidegateContractsDiffer",
            Severity::Ticket,
            "count by (namespace) (count by (namespace, commit) (tidegate_snapshot_info)) > 1".to_owned(),
            900,
            "Roles work by {{ $value }} different commits of the contracts.",
        ),
        alert(
            "TidegateSinkBacklog",
            Severity::Page,
            format!("max(tidegate_lake_oldest_open_seconds) > {}", shortest(backlog)),
            300,
            &format!(
                "The oldest record outside of the lake has been waiting for {{{{ $value | humanizeDuration }}}}; slots close after {}.",
                spoken(options.slot_seconds as f64)
            ),
        ),
    ];
    // Only `sla serve` measures these.
    if options.sla_every.is_some() {
        let day = times.text(86_400);
        let breaches = counted("tidegate_completeness_breaches_total", &day);
        alerts.push(alert(
            "TidegateRecordsMissing",
            Severity::Page,
            format!("max by (topic, partition, breach) ({breaches}) > 0"),
            0,
            "Partition {{ $labels.topic }}-{{ $labels.partition }}: {{ $value | printf \"%.0f\" }} records of the last day are {{ $labels.breach }}: not everything that came in has exactly one outcome.",
        ));
        let objective = quoted(&format!(".*#{}", literal(completeness::RULE)));
        alerts.push(alert(
            "TidegateCompletenessUnknown",
            Severity::Ticket,
            format!("max by (contract, objective) (tidegate_objective_status{{objective=~{objective},status=\"unknown\"}}) == 1"),
            3600,
            "{{ $labels.contract }}: for an hour nobody could tell whether every record has an outcome ({{ $labels.objective }}).",
        ));
    }
    Group::new(options, "tidegate".to_owned(), alerts)
}

/// Nobody in this role is ready, and the counter of what is done by it stands still.
fn not_ready(times: Times, role: &str, done: &str) -> String {
    format!(
        "max by (namespace, role) (max_over_time(tidegate_ready{{role=\"{role}\"}}[{}])) == 0\n  unless on (namespace) sum by (namespace) (increase({done}[{}])) > 0",
        times.text(300),
        times.text(600)
    )
}

/// With the link to the dashboard of those who run Tidegate.
pub(crate) fn link(alert: Alert, options: &Options) -> Alert {
    match &options.dashboards {
        Some(base) => alert.note("dashboard_url", format!("{}/d/tidegate-pipeline", base.trim_end_matches('/'))),
        None => alert,
    }
}
