//! What an offset of a source is that no reader of committed records sees.
//!
//! Kafka never shows control records, so what they are is told by what they are not: an offset at which a reader of uncommitted records
//! sees a record holds an aborted one. Every other offset of a topic without compaction is a control record (the end of a transaction).
//! Of a compacted topic it may as well be a record that a later one of its key has replaced; nobody outside of the broker can tell which.

use std::collections::BTreeMap;

use tidegate_flow::{NextOffset, TopicPartition};

use crate::report::SourceLedger;
use crate::stream::{Halt, Reading};
use crate::window::{Standing, Window};

/// Gaps this near to each other are looked at in one go.
const NEAR: i64 = 5_000;

/// What can be known about the gaps of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sight {
    /// Records vanish by compaction.
    pub(crate) compacted: bool,
    /// Uncommitted records can be read, so that aborted ones are known.
    pub(crate) uncommitted: bool,
    /// First offset that there is: what lies below was removed while the audit ran.
    pub(crate) low: i64,
    /// From here on nothing had been judged when the audit began.
    pub(crate) position: i64,
}

/// Finds out which unseen offsets from `low` on hold aborted records.
pub(crate) fn find_aborted(at: &TopicPartition, low: i64, window: &mut Window, uncommitted: &mut Reading<'_>) -> Result<(), Halt> {
    let mut stretches: Vec<(i64, i64)> = Vec::new();
    for offset in window.unseen().filter(|&offset| offset >= low) {
        match stretches.last_mut() {
            Some((_, until)) if offset - *until < NEAR => *until = offset + 1,
            _ => stretches.push((offset, offset + 1)),
        }
    }
    for (from, until) in stretches {
        uncommitted.stream(at, NextOffset(from), NextOffset(until), |record| {
            window.aborted(record.origin.offset.0)
        })?;
    }
    Ok(())
}

/// Books every unseen offset of a window: as what it is, and as a breach where an outcome names it all the same.
pub(crate) fn book(sight: Sight, window: &Window, ledger: &mut SourceLedger) {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for offset in window.unseen() {
        let what = match (window.is_aborted(offset), sight) {
            _ if offset < sight.low => "retention",
            (true, _) => "aborted",
            (false, Sight { compacted: true, .. }) => "compaction",
            (false, Sight { uncommitted: true, .. }) => "control",
            (false, _) => "control_or_aborted",
        };
        *counts.entry(what).or_default() += 1;
        match (window.standing(offset), what) {
            (Standing::Nothing, "retention") if offset >= sight.position => ledger.removed_before_judging += 1,
            (Standing::Nothing, _) | (_, "retention") => {}
            (_, "compaction") => ledger.compacted += 1,
            _ => ledger.invented.add(offset),
        }
    }
    for (what, count) in counts {
        *ledger.gaps.entry(what.to_owned()).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tidegate_flow::NextOffset;

    use super::*;
    use crate::window::Class;

    fn ledger() -> SourceLedger {
        SourceLedger::new(&TopicPartition::new("t", 0), NextOffset(0), NextOffset(0))
    }

    proptest! {
        /// Seen offsets and gaps add up to the window, and an outcome is never lost from the books: each one at an unseen offset is
        /// either a breach or explained by compaction, and aborted records are never explained.
        #[test]
        fn gaps_add_up(
            offsets in prop::collection::vec((0_u8..3, prop::bool::ANY), 1..200),
            compacted in prop::bool::ANY,
            uncommitted in prop::bool::ANY,
            removed in 0_usize..20,
        ) {
            let removed = removed.min(offsets.len());
            let mut window = Window::new(100, 100 + offsets.len() as i64);
            let (mut seen, mut named, mut aborted_named) = (0, 0, 0);
            for (offset, &(kind, outcome)) in (100..).zip(&offsets).skip(removed) {
                match kind {
                    0 => { window.seen(offset); seen += 1; }
                    1 if uncommitted => window.aborted(offset),
                    _ => {}
                }
                if outcome {
                    window.outcome(offset, Class::Valid, 1);
                    named += u64::from(kind != 0);
                    aborted_named += u64::from(kind == 1 && uncommitted);
                }
            }
            let mut ledger = ledger();
            let low = 100 + removed as i64;
            // An outcome of what was removed is no invention.
            (100..low).for_each(|offset| window.outcome(offset, Class::Valid, 1));
            book(Sight { compacted, uncommitted, low, position: i64::MAX }, &window, &mut ledger);
            prop_assert_eq!(ledger.gap("retention"), removed as u64);
            prop_assert_eq!(seen + ledger.gaps.values().sum::<u64>(), offsets.len() as u64);
            prop_assert_eq!(ledger.invented.count + ledger.compacted, named);
            prop_assert!(ledger.invented.count >= aborted_named);
            prop_assert!(compacted || ledger.compacted == 0);
        }
    }
}
