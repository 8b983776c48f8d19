//! What was found of a partition in the lake.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Examples, Row};
use crate::losses::{AcceptedLoss, Booked};

/// One partition of a validated topic in the lake.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LakeLedger {
    /// Validated topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// First audited offset.
    pub from: i64,
    /// Audited up to here.
    pub until: i64,
    /// End of the last committed slot; none without a chain.
    pub landed_until: Option<i64>,
    /// Validated records below that.
    pub records: u64,
    /// Of them, with a row.
    pub rows: u64,
    /// Of them, without a row, as the manifests count them by policy.
    pub skipped: BTreeMap<String, u64>,
    /// Validated records past the last committed slot.
    pub pending: u64,
    /// Offsets between the last committed slot and the first offset of the topic: removed before they landed. One may be the end of the
    /// last transaction; about more nothing is proved.
    pub removed_before_landing: u64,
    /// Offsets below `landed_until` that were removed before they landed, which somebody has accepted (`tidegate resume`).
    #[serde(default)]
    pub accepted_loss: u64,
    /// These losses, with their reasons.
    #[serde(default)]
    pub accepted_losses: Vec<AcceptedLoss>,
    /// Documents of losses that never took effect.
    #[serde(default)]
    pub idle_losses: Vec<String>,
    /// Breach: slots (their starts) with fewer rows than records less skips; the count is in records.
    pub missing: Examples,
    /// Breach: slots (their starts) whose rows and skips exceed their records; the count is in records.
    pub surplus: Examples,
    /// Breach: a second row of one validated record.
    pub doubled: Examples,
    /// Breach: a second row of one source offset (offsets of the source).
    pub doubled_origin: Examples,
    /// Breach: rows of offsets that no reader sees in the validated topic; only a count.
    pub invented: u64,
    /// Breach: stretches of offsets (their starts) in which rows name another origin than their record does.
    pub wrong_origin: Examples,
    /// Breach: slots (their starts) that do not begin where the one before ended, or whose numbers contradict each other.
    pub chain_breaks: Examples,
    /// Breach: slots (their starts) whose manifest names other last source offsets than the records have.
    pub wrong_marks: Examples,
    /// Breach: slots (their starts) that give offsets up without a document that everything else agrees with; the count is in offsets.
    #[serde(default)]
    pub unfounded_losses: Examples,
}

// === impl LakeLedger ===

impl LakeLedger {
    /// No breach.
    pub fn clean(&self) -> bool {
        self.breaches().iter().all(|(_, count)| *count == 0)
    }

    pub(crate) fn book(&mut self, booked: Booked) {
        self.accepted_loss = booked.accepted.iter().map(|loss| loss.offsets).sum();
        (self.accepted_losses, self.unfounded_losses, self.idle_losses) = (booked.accepted, booked.unfounded, booked.idle);
    }

    fn breaches(&self) -> Vec<(&'static str, u64)> {
        let mut breaches: Vec<_> = self.examples().iter().map(|(name, examples)| (*name, examples.count)).collect();
        breaches.push(("invented", self.invented));
        breaches
    }

    pub(super) fn examples(&self) -> [(&'static str, &Examples); 8] {
        [
            ("missing", &self.missing),
            ("surplus", &self.surplus),
            ("doubled", &self.doubled),
            ("doubled_origin", &self.doubled_origin),
            ("wrong_origin", &self.wrong_origin),
            ("chain_breaks", &self.chain_breaks),
            ("wrong_marks", &self.wrong_marks),
            ("unfounded_losses", &self.unfounded_losses),
        ]
    }

    pub(super) fn row(&self) -> Row {
        let mut cells = vec![
            ("records", self.records),
            ("rows", self.rows),
            ("skipped", self.skipped.values().sum()),
            ("pending", self.pending),
            ("removed_before_landing", self.removed_before_landing),
            ("accepted_loss", self.accepted_loss),
        ];
        cells.extend(self.breaches());
        Row {
            at: format!("{}-{}", self.topic, self.partition),
            what: "lake",
            cells,
            clean: self.clean(),
        }
    }
}
