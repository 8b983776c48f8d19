//! Alerts on the way of a topic: dead letters that cannot be written, lag, partitions that stand. Told to whoever runs Tidegate, with the
//! contract as a label.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::alert::{Alert, Group, Severity};
use crate::contract::Subject;
use crate::platform::link;
use crate::promql::{counted, quoted, shortest, template_text};
use crate::{Options, landing};

/// Fewer records behind are no lag.
pub(crate) const LAG_MIN: u32 = 100;

pub(crate) fn groups(subjects: &[Subject<'_>], options: &Options) -> Vec<Group> {
    let mut contracts: BTreeMap<&Arc<str>, Vec<&str>> = BTreeMap::new();
    for subject in subjects {
        for topic in &subject.topics {
            let ids = contracts.entry(topic).or_default();
            if !ids.contains(&&*subject.contract.id) {
                ids.push(&subject.contract.id);
            }
        }
    }
    let group = |(topic, ids): (&Arc<str>, Vec<&str>)| {
        let ids = ids.join(",");
        let alerts = [alerts(topic, &ids, options), landing::alerts(topic, &ids, options)].concat();
        Group::new(options, format!("topic-{topic}"), alerts)
    };
    contracts.into_iter().map(group).collect()
}

fn alerts(topic: &str, contracts: &str, options: &Options) -> Vec<Alert> {
    let times = options.times;
    let alert = |name, severity, expr, hold, summary: String| {
        let alert = Alert::new(options, name, severity, expr, hold, summary)
            .label("team", &options.platform_team)
            .label("contract", contracts)
            .label("topic", topic)
            .label("slo", "pipeline");
        link(alert, options)
    };
    let (shown, name) = (template_text(topic), quoted(topic));
    let quarter = times.text(900);
    let dead_letters = options.dead_letter_topic.replace("{topic}", topic);
    let refused = format!(
        "tidegate_sends_refused_total{{topic={},refusal!=\"too_large_together\"}}",
        quoted(&dead_letters)
    );
    let lag = format!("tidegate_partition_lag_records{{topic={name}}}");
    // Whoever takes a partition over has its time begin anew: a process that dies again and again never looks stuck by that alone.
    let (ten, limit) = (times.text(600), shortest(times.seconds(600.0)));
    let consumed = counted(&format!("tidegate_records_consumed_total{{topic={name}}}"), &ten);
    vec![
        alert(
            "DeadLetterWriteFailing",
            Severity::Page,
            format!(
                "sum({}) > 0\n  and on () max(tidegate_partition_halted{{topic={name}}} or tidegate_partition_paused{{topic={name}}}) == 1",
                counted(&refused, &quarter)
            ),
            60,
            format!("Dead letters of {shown} cannot be written: {{{{ $value | printf \"%.0f\" }}}} were refused in 15 minutes. Its partitions wait; nothing is lost."),
        )
        .note("command", format!("kafka-configs.sh --describe --topic {}", template_text(&dead_letters))),
        alert(
            "ValidatorLagGrowing",
            Severity::Ticket,
            format!(
                "sum({lag}) >= {LAG_MIN}\n  and sum({lag}) > {} * sum(rate(tidegate_outcomes_total{{topic={name}}}[{quarter}]))\n  and deriv(sum({lag})[{quarter}:{}]) > 0",
                shortest(times.seconds(60.0)),
                times.text(60)
            ),
            300,
            format!("{shown} is {{{{ $value | printf \"%.0f\" }}}} records behind, and the distance has been growing for 15 minutes"),
        ),
        alert(
            "ValidatorStuck",
            Severity::Page,
            format!(
                "max by (partition) (time() - tidegate_partition_committed_timestamp_seconds{{topic={name}}}) > {limit}\n  and on (partition) max by (partition) ({lag}) > 0\n  or on (partition) {limit} + 0 * (min by (partition) (min_over_time({lag}[{ten}])) > 0)\n  unless on () sum({consumed}) > 0",
            ),
            120,
            format!("Partition {shown}-{{{{ $labels.partition }}}} has records waiting and has not moved for {{{{ $value | humanizeDuration }}}}"),
        ),
    ]
}
