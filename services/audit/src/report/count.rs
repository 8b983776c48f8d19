//! What was found of a source partition by count.

use serde::Serialize;

use super::Row;

/// One source partition by count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CountLedger {
    /// Source topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// First counted source offset.
    pub from: i64,
    /// Counted up to here: past the last source offset that the chain knows.
    pub until: i64,
    /// Source offsets between.
    pub offsets: u64,
    /// Validated records of them, by the manifests; repeats count once.
    pub landed: u64,
    /// Source offsets of them with a dead letter.
    pub dead_lettered: u64,
    /// Source offsets of them that somebody has given up (`tidegate resume`).
    pub accepted_loss: u64,
    /// Source offsets behind, which the chain does not know yet.
    pub uncounted: u64,
    /// Offsets that are neither. Nothing is proved about these.
    pub unaccounted: u64,
    /// Breach: more outcomes than offsets.
    pub surplus: u64,
    /// Breach: dead letters of an offset that has one, in `exactly_once`.
    pub doubled: u64,
}

// === impl CountLedger ===

impl CountLedger {
    /// No breach.
    pub fn clean(&self) -> bool {
        self.breaches().iter().all(|(_, count)| *count == 0)
    }

    pub(super) fn breaches(&self) -> [(&'static str, u64); 2] {
        [("surplus", self.surplus), ("doubled", self.doubled)]
    }

    pub(super) fn row(&self) -> Row {
        let mut cells = vec![
            ("offsets", self.offsets),
            ("landed", self.landed),
            ("dead_lettered", self.dead_lettered),
            ("accepted_loss", self.accepted_loss),
            ("uncounted", self.uncounted),
            ("unaccounted", self.unaccounted),
        ];
        cells.extend(self.breaches());
        Row {
            at: format!("{}-{}", self.topic, self.partition),
            what: "count",
            cells,
            clean: self.clean(),
        }
    }
}
