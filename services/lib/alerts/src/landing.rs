//! Alerts on the way of a validated topic into the lake. What the sink has opened, [`crate::platform`] looks at; what it has not, these do.

use crate::Options;
use crate::alert::{Alert, Severity};
use crate::pipeline::LAG_MIN;
use crate::platform::link;
use crate::promql::{counted, quoted, shortest, template_text};

/// The position moves once in a slot: this many slots without a move are no accident, and so many seconds at least.
const SLOTS: u64 = 3;
const STILL_MIN: u64 = 900;
/// A record that comes after a silence waits for the end of its slot, and some more.
const GRACE: u64 = 300;

pub(crate) fn alerts(topic: &str, contracts: &str, options: &Options) -> Vec<Alert> {
    let times = options.times;
    let validated = options.validated_topic.replace("{topic}", topic);
    let alert = |name, severity, expr, hold, summary: String| {
        let alert = Alert::new(options, name, severity, expr, hold, summary)
            .label("team", &options.platform_team)
            .label("contract", contracts)
            .label("topic", &*validated)
            .label("slo", "pipeline");
        link(alert, options)
    };
    let (shown, name, source) = (template_text(&validated), quoted(&validated), quoted(topic));
    let still = STILL_MIN.max(SLOTS * options.slot_seconds);
    let (quarter, window, limit) = (times.text(900), times.text(still), shortest(times.seconds(still as f64)));
    let lag = format!("tidegate_partition_lag_records{{topic={name}}}");
    let landed = counted(&format!("tidegate_lake_slots_total{{topic={name}}}"), &window);
    vec![
        alert(
            "SinkStuck",
            Severity::Page,
            format!(
                "max by (partition) (time() - tidegate_partition_committed_timestamp_seconds{{topic={name}}}) > {limit}\n  and on (partition) max by (partition) ({lag}) > 0\n  or on (partition) {limit} + 0 * (min by (partition) (min_over_time({lag}[{window}])) > 0)\n  unless on () sum({landed}) > 0"
            ),
            options.slot_seconds + GRACE,
            format!(
                "Partition {shown}-{{{{ $labels.partition }}}} has records waiting and none of them has landed for {{{{ $value | humanizeDuration }}}}"
            ),
        ),
        // Every record waits for its slot, and marks of transactions count as well.
        alert(
            "SinkLagGrowing",
            Severity::Ticket,
            format!(
                "sum({lag}) >= {LAG_MIN}\n  and sum({lag}) > {} * sum(rate(tidegate_records_validated_total{{topic={source}}}[{quarter}]))\n  and deriv(sum({lag})[{}:{}]) > 0",
                shortest(times.seconds(2.0 * still as f64)),
                times.text(1800),
                times.text(60),
            ),
            300,
            format!("{shown} is {{{{ $value | printf \"%.0f\" }}}} records behind the lake, and the distance grows"),
        ),
    ]
}
