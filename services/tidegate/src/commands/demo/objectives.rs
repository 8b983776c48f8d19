//! The report of an SLA check as metrics, under the labels of `sla serve`.

use tidegate_sla::{Outcome, Report};
use tidegate_telemetry::Metrics;
use tidegate_telemetry::metrics::ObjectiveStatus;

pub(super) fn tell(metrics: &Metrics, report: &Report, now: i64) {
    for entry in &report.entries {
        let clause = &entry.clause;
        let place = match (&clause.object, &clause.element) {
            (Some(object), Some(element)) => format!("{object}.{element}"),
            (Some(object), None) => object.to_string(),
            (None, _) => String::new(),
        };
        let objective = format!("v{}/{place}#{}", clause.major, clause.rule);
        let status = match entry.outcome {
            Outcome::Pass => ObjectiveStatus::Met,
            Outcome::Warn | Outcome::Fail => ObjectiveStatus::Breached,
            Outcome::Error => ObjectiveStatus::Unknown,
        };
        let measured = entry.measured.as_ref().and_then(|measured| {
            let number: f64 = measured.value.parse().ok()?;
            Some(match measured.unit {
                "percent" => number / 100.0,
                _ => number,
            })
        });
        metrics.objective(&clause.contract.id, &objective, status, measured, now);
    }
}
