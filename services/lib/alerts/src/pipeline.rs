//! Alerts on the way of a topic: dead letters that cannot be written, lag, partitions that stand. Told to whoever runs Tidegate, with the
//! contract as a label.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Options;
use crate::alert::{Alert, Group, Severity};
use crate::contract::Subject;
use crate::platform::link;
use crate::promql::{counted, quoted, shortest, template_text};

/// Fewer records behind are no lag.
const LAG_MIN: u32 = 100;

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
    let group =
        |(topic, ids): (&Arc<str>, Vec<&str>)| Group::new(options, format!("topic-{topic}"), alerts(topic, &ids.join(","), options));
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
                "sum({lag}) > 1.2 * sum({lag} offset {quarter})\n  and sum({lag}) >= {LAG_MIN}\n  and sum({lag}) > {} * sum(rate(tidegate_outcomes_total{{topic={name}}}[{quarter}]))",
                shortest(times.seconds(60.0))
            ),
            300,
            format!("{shown} is {{{{ $value | printf \"%.0f\" }}}} records behind, and the distance has been growing for 15 minutes"),
        ),
        alert(
            "ValidatorStuck",
            Severity::Page,
            format!(
                "max by (partition) (time() - tidegate_partition_committed_timestamp_seconds{{topic={name}}}) > {}\n  and on (partition) max by (partition) ({lag}) > 0",
                shortest(times.seconds(600.0))
            ),
            120,
            format!("Partition {shown}-{{{{ $labels.partition }}}} has records waiting and has not moved for {{{{ $value | humanizeDuration }}}}"),
        ),
    ]
}
