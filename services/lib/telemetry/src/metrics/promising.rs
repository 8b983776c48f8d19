//! What the check of service levels shows.

use prometheus::{GaugeVec, IntGaugeVec};

use super::Metrics;
use super::meter::Meter;

/// How an objective stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObjectiveStatus {
    /// Kept.
    Met,
    /// Broken.
    Breached,
    /// Could not be told.
    Unknown,
}

#[derive(Debug, Clone)]
pub(super) struct Promising {
    status: IntGaugeVec,
    measured: GaugeVec,
    evaluated: GaugeVec,
}

// === impl Metrics ===

impl Metrics {
    /// An objective was evaluated at `now` (microseconds since the epoch). `measured` is in base units: seconds, rows or a ratio; an
    /// unknown one shows no number, because an old one would look like a new one.
    pub fn objective(&self, contract: &str, objective: &str, status: ObjectiveStatus, measured: Option<f64>, now: i64) {
        for each in ObjectiveStatus::ALL {
            self.promising
                .status
                .with_label_values(&[contract, objective, each.as_str()])
                .set(i64::from(each == status));
        }
        match measured {
            Some(number) => self.promising.measured.with_label_values(&[contract, objective]).set(number),
            // An error only says that there was no such series.
            None => drop(self.promising.measured.remove_label_values(&[contract, objective])),
        }
        self.promising
            .evaluated
            .with_label_values(&[contract, objective])
            .set(now as f64 / 1e6);
    }

    /// An objective is in no contract any more.
    pub fn objective_gone(&self, contract: &str, objective: &str) {
        // Errors only say that there was no such series.
        for each in ObjectiveStatus::ALL {
            let _ = self.promising.status.remove_label_values(&[contract, objective, each.as_str()]);
        }
        let _ = self.promising.measured.remove_label_values(&[contract, objective]);
        let _ = self.promising.evaluated.remove_label_values(&[contract, objective]);
        let _ = self.scheduling.limit.remove_label_values(&[contract, objective]);
    }
}

// === impl Promising ===

impl Promising {
    pub(super) fn new(meter: &mut Meter) -> Self {
        let objective = &["contract", "objective"];
        Promising {
            status: meter.gauge_vec(
                "objective_status",
                "1 for how an objective stands (met, breached, unknown), 0 for the others",
                &["contract", "objective", "status"],
            ),
            measured: meter.number_vec(
                "objective_measured",
                "What was measured last, in seconds, rows or as a ratio",
                objective,
            ),
            evaluated: meter.number_vec(
                "objective_evaluated_timestamp_seconds",
                "When an objective was evaluated last, as Unix time",
                objective,
            ),
        }
    }
}

// === impl ObjectiveStatus ===

impl ObjectiveStatus {
    const ALL: [ObjectiveStatus; 3] = [ObjectiveStatus::Met, ObjectiveStatus::Breached, ObjectiveStatus::Unknown];

    /// Label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            ObjectiveStatus::Met => "met",
            ObjectiveStatus::Breached => "breached",
            ObjectiveStatus::Unknown => "unknown",
        }
    }
}
