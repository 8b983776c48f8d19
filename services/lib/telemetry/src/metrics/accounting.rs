//! What became of the records of source topics, as the scheduled check of completeness finds it.

use prometheus::{IntCounterVec, IntGaugeVec};

use super::Metrics;
use super::meter::Meter;

/// One look at one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accounting<'a> {
    /// Contract id.
    pub contract: &'a str,
    /// `v<major>/<object>#<rule>`.
    pub objective: &'a str,
    /// Source topic.
    pub topic: &'a str,
    /// Partition.
    pub partition: i32,
    /// Records by what became of them; the same words at every look.
    pub records: &'a [(&'static str, u64)],
    /// Records that are missing, and other breaches, by the audit's words. One that may not be there for want of a number is 0, so that its
    /// first increase is seen.
    pub breaches: &'a [(&'static str, u64)],
}

#[derive(Debug, Clone)]
pub(super) struct Accounts {
    records: IntGaugeVec,
    breaches: IntCounterVec,
}

// === impl Metrics ===

impl Metrics {
    /// A partition was looked at.
    pub fn accounted(&self, of: Accounting<'_>) {
        let partition = of.partition.to_string();
        for (fate, count) in of.records {
            self.accounts
                .records
                .with_label_values(&[of.contract, of.objective, of.topic, partition.as_str(), fate])
                .set(i64::try_from(*count).unwrap_or(i64::MAX));
        }
        for (breach, count) in of.breaches {
            self.accounts
                .breaches
                .with_label_values(&[of.contract, of.objective, of.topic, partition.as_str(), breach])
                .inc_by(*count);
        }
    }

    /// A partition could not be looked at, or is promised no more: old numbers would look like new ones. What was counted as a breach stays.
    pub fn accounted_gone(&self, contract: &str, objective: &str, topic: &str, partition: i32, fates: &[&'static str]) {
        let partition = partition.to_string();
        for fate in fates {
            // An error only says that there was no such series.
            let _ = self
                .accounts
                .records
                .remove_label_values(&[contract, objective, topic, partition.as_str(), fate]);
        }
    }
}

// === impl Accounts ===

impl Accounts {
    pub(super) fn new(meter: &mut Meter) -> Self {
        Accounts {
            records: meter.gauge_vec(
                "completeness_records",
                "Records of a source partition in the stretch that was looked at last, by what became of them (raw, validated, dead_lettered, skipped, pending, missing)",
                &["contract", "objective", "topic", "partition", "fate"],
            ),
            breaches: meter.counter_vec(
                "completeness_breaches_total",
                "Records that were judged and have no outcome (missing), or another breach by the audit's words (doubled, two_classes, changed, …)",
                &["contract", "objective", "topic", "partition", "breach"],
            ),
        }
    }
}
