//! What was found of a source partition.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidegate_flow::{NextOffset, TopicPartition};

use super::{Examples, Row};
use crate::losses::{AcceptedLoss, Booked};

/// One source partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceLedger {
    /// Source topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// First audited offset.
    pub from: i64,
    /// Audited up to here.
    pub until: i64,
    /// Source offsets that a read_committed reader sees.
    pub visible: u64,
    /// Of them, validated.
    pub validated: u64,
    /// Dead-lettered.
    pub dead_lettered: u64,
    /// Without an outcome, by the policy that explains it.
    pub skipped: BTreeMap<String, u64>,
    /// Without an outcome so far, at or past the committed position.
    pub pending: u64,
    /// Offsets from the group's position on that retention removed before they were judged. Nothing is proved about these.
    pub removed_before_judging: u64,
    /// Offsets before the first one that there is, which were removed before they were judged and which somebody has accepted
    /// (`tidegate resume`).
    #[serde(default)]
    pub accepted_loss: u64,
    /// These losses, with their reasons.
    #[serde(default)]
    pub accepted_losses: Vec<AcceptedLoss>,
    /// Documents of losses that never took effect.
    #[serde(default)]
    pub idle_losses: Vec<String>,
    /// Without an outcome now, by what may hide it: `retention` or `compaction` of an outcome topic, an `open_transaction`, or
    /// `start_at_latest` (it may have come before the group began). Nothing is proved about these.
    pub unseen: BTreeMap<String, u64>,
    /// Without an outcome, and what the record says of itself cannot be told now, by the reason. Nothing is proved about these.
    pub untold: BTreeMap<String, u64>,
    /// The first offset that is `unseen` or `untold`.
    pub unproved_from: Option<i64>,
    /// Offsets of the range without a visible record: `aborted`, `control` (ends of transactions), `compaction` (or a control record, on a
    /// compacted topic), `control_or_aborted` where uncommitted records are not read, `retention` (removed while the audit ran). With
    /// `visible` they are all offsets of the range.
    pub gaps: BTreeMap<String, u64>,
    /// Offsets with an outcome whose record compaction of the source has removed: their bytes cannot be compared.
    pub compacted: u64,
    /// Offsets with more than one outcome of the same class; only counted in `at_least_once`, where it is no breach.
    pub repeated: u64,
    /// Breach: no outcome, and nothing explains it.
    pub missing: Examples,
    /// Breach: more than one outcome of the same class in `exactly_once`.
    pub doubled: Examples,
    /// Breach: validated and dead-lettered.
    pub two_classes: Examples,
    /// Breach: an outcome with other bytes than its source, or repeats that differ.
    pub changed: Examples,
    /// Breach: an outcome of an offset that no reader sees in the source.
    pub invented: Examples,
    /// Breach: a lower source offset after a higher one in an outcome topic, in `exactly_once`.
    pub out_of_order: Examples,
    /// Breach: records of the outcome topics (their own offsets) that carry no readable identity.
    pub unstamped: Examples,
    /// Breach: records of the outcome topics (their own offsets) whose source has no business in their partition.
    pub misplaced: Examples,
    /// Breach: accepted losses (their first offsets) of offsets that have outcomes, in `exactly_once`; the count is in offsets.
    #[serde(default)]
    pub unfounded_losses: Examples,
}

// === impl SourceLedger ===

impl SourceLedger {
    pub(crate) fn new(at: &TopicPartition, from: NextOffset, until: NextOffset) -> Self {
        SourceLedger {
            topic: at.topic.to_string(),
            partition: at.partition,
            from: from.0,
            until: until.0,
            visible: 0,
            validated: 0,
            dead_lettered: 0,
            skipped: BTreeMap::new(),
            pending: 0,
            removed_before_judging: 0,
            accepted_loss: 0,
            accepted_losses: Vec::new(),
            idle_losses: Vec::new(),
            unseen: BTreeMap::new(),
            untold: BTreeMap::new(),
            unproved_from: None,
            gaps: BTreeMap::new(),
            compacted: 0,
            repeated: 0,
            missing: Examples::default(),
            doubled: Examples::default(),
            two_classes: Examples::default(),
            changed: Examples::default(),
            invented: Examples::default(),
            out_of_order: Examples::default(),
            unstamped: Examples::default(),
            misplaced: Examples::default(),
            unfounded_losses: Examples::default(),
        }
    }

    /// Adds what another part of the partition holds.
    pub(crate) fn merge(&mut self, part: &SourceLedger) {
        self.visible += part.visible;
        self.validated += part.validated;
        self.dead_lettered += part.dead_lettered;
        self.pending += part.pending;
        self.compacted += part.compacted;
        self.removed_before_judging += part.removed_before_judging;
        if let Some(offset) = part.unproved_from {
            self.unproved(offset);
        }
        self.repeated += part.repeated;
        add(&mut self.skipped, &part.skipped);
        add(&mut self.unseen, &part.unseen);
        add(&mut self.untold, &part.untold);
        add(&mut self.gaps, &part.gaps);
        self.missing.merge(&part.missing);
        self.doubled.merge(&part.doubled);
        self.two_classes.merge(&part.two_classes);
        self.changed.merge(&part.changed);
        self.invented.merge(&part.invented);
        self.out_of_order.merge(&part.out_of_order);
        self.unstamped.merge(&part.unstamped);
        self.misplaced.merge(&part.misplaced);
    }

    pub(crate) fn book(&mut self, booked: Booked) {
        self.accepted_loss = booked.accepted.iter().map(|loss| loss.offsets).sum();
        (self.accepted_losses, self.unfounded_losses, self.idle_losses) = (booked.accepted, booked.unfounded, booked.idle);
    }

    /// Nothing is proved about this offset.
    pub(crate) fn unproved(&mut self, offset: i64) {
        self.unproved_from = Some(self.unproved_from.map_or(offset, |first| first.min(offset)));
    }

    /// No breach.
    pub fn clean(&self) -> bool {
        self.breaches().iter().all(|(_, count)| *count == 0)
    }

    pub(crate) fn breaches(&self) -> Vec<(&'static str, u64)> {
        self.examples().iter().map(|(name, examples)| (*name, examples.count)).collect()
    }

    pub(crate) fn gap(&self, what: &str) -> u64 {
        self.gaps.get(what).copied().unwrap_or(0)
    }

    pub(super) fn examples(&self) -> [(&'static str, &Examples); 9] {
        [
            ("missing", &self.missing),
            ("doubled", &self.doubled),
            ("two_classes", &self.two_classes),
            ("changed", &self.changed),
            ("invented", &self.invented),
            ("out_of_order", &self.out_of_order),
            ("unstamped", &self.unstamped),
            ("misplaced", &self.misplaced),
            ("unfounded_losses", &self.unfounded_losses),
        ]
    }

    pub(super) fn row(&self) -> Row {
        let mut cells = vec![
            ("visible", self.visible),
            ("validated", self.validated),
            ("dead_lettered", self.dead_lettered),
            ("skipped", self.skipped.values().sum()),
            ("pending", self.pending),
            ("removed_before_judging", self.removed_before_judging),
            ("accepted_loss", self.accepted_loss),
            ("unseen", self.unseen.values().sum()),
            ("untold", self.untold.values().sum()),
            ("control", self.gap("control")),
            ("aborted", self.gap("aborted")),
            ("control_or_aborted", self.gap("control_or_aborted")),
            ("compaction", self.gap("compaction")),
            ("removed_meanwhile", self.gap("retention")),
            ("compacted", self.compacted),
            ("repeated", self.repeated),
        ];
        cells.extend(self.breaches());
        Row {
            at: format!("{}-{}", self.topic, self.partition),
            what: "source",
            cells,
            clean: self.clean(),
        }
    }
}

fn add(counts: &mut BTreeMap<String, u64>, more: &BTreeMap<String, u64>) {
    for (name, count) in more {
        *counts.entry(name.clone()).or_default() += count;
    }
}
