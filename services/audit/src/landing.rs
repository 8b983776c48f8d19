//! One partition of a validated topic against its rows and its chain, slot by slot.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_flow::{NextOffset, Record, TopicPartition, stamp};

use crate::lake::Extent;
use crate::losses::{Document, book_landing, policies};
use crate::manifest::{DUPLICATE, Manifest};
use crate::report::LakeLedger;
use crate::rows::{Rowless, Rows};
use crate::stream::{Halt, Reading};

/// A partition and what the lake has of it.
pub(crate) struct Landing<'a> {
    pub(crate) at: &'a TopicPartition,
    /// First offset that the topic holds.
    pub(crate) low: NextOffset,
    /// And where it ends.
    pub(crate) end: NextOffset,
    pub(crate) extent: Extent,
    pub(crate) slots: &'a [Manifest],
    /// Documents of losses.
    pub(crate) losses: &'a [Document],
}

/// Records of one slot as the topic shows them.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    records: u64,
    rows: u64,
    /// Without a row, and nothing about the record says why.
    unexplained: u64,
    /// Without a row, since the source record has one.
    again: u64,
    /// The same, where that row would lie in slots that are not read: only the manifests say so.
    again_before: u64,
}

type Marks = BTreeMap<(Arc<str>, i32), i64>;

// === impl Landing ===

impl Landing<'_> {
    /// Reads the topic once.
    pub(crate) fn audit(&self, mut rows: Rows, reading: &mut Reading<'_>) -> Result<LakeLedger, Halt> {
        let from = self.extent.from.max(self.low.0);
        let until = self.extent.until.min(self.end.0).max(from);
        let mut ledger = LakeLedger {
            topic: self.at.topic.to_string(),
            partition: self.at.partition,
            from,
            until,
            ..LakeLedger::default()
        };
        check_chain(self.slots, &mut ledger);
        if let Some(landed) = ledger.landed_until {
            ledger.removed_before_landing = u64::try_from(self.low.0 - landed).unwrap_or(0);
        }
        ledger.book(book_landing(self.slots, self.losses, Some(&rows), Some(self.low.0)));
        let slots = self.slots;
        let mut counts = vec![Count::default(); slots.len()];
        let mut slot = slots.iter().take_while(|slot| slot.claim.end <= from).count();
        let mut marks = slot.checked_sub(1).map(|before| marks_of(&slots[before])).unwrap_or_default();
        let before = self.marks_before();
        reading.stream(self.at, NextOffset(from), NextOffset(until), |record| {
            let offset = record.origin.offset.0;
            let with_row = rows.meet(record);
            while slots.get(slot).is_some_and(|slot| slot.claim.end <= offset) {
                self.pass(&slots[slot], &mut marks, &mut ledger);
                slot += 1;
            }
            match slots.get(slot) {
                None => ledger.pending += 1,
                // Before the chain or in a hole of it.
                Some(next) if offset < next.claim.start => {
                    ledger.records += 1;
                    ledger.rows += u64::from(with_row);
                    ledger.missing.add_many(offset, u64::from(!with_row));
                }
                Some(_) => {
                    counts[slot].records += 1;
                    counts[slot].rows += u64::from(with_row);
                    if !with_row {
                        match rows.explain(record) {
                            Rowless::ByItself => {}
                            Rowless::Again => counts[slot].again += 1,
                            Rowless::Unexplained if is_marked(&before, record) => counts[slot].again_before += 1,
                            Rowless::Unexplained => {
                                counts[slot].unexplained += 1;
                                ledger.missing.add(offset);
                            }
                        }
                    }
                    mark(&mut marks, record);
                }
            }
        })?;
        for (slot, count) in slots.iter().zip(counts) {
            self.settle(slot, count, &mut ledger);
        }
        for slot in slots.iter().skip(slot).take_while(|slot| slot.claim.end <= until) {
            self.pass(slot, &mut marks, &mut ledger);
        }
        // Rows of records that retention has removed from the topic lie below its first offset; others are not asked about.
        ledger.invented = rows.unmet(from, self.extent.until);
        rows.wrong_origins().for_each(|offset| ledger.wrong_origin.add(offset));
        ledger.doubled = std::mem::take(&mut rows.doubled);
        ledger.doubled_origin = std::mem::take(&mut rows.doubled_origin);
        Ok(ledger)
    }

    /// Up to which source offsets the slots count whose rows are not read.
    fn marks_before(&self) -> Marks {
        let unread = self.slots.iter().take_while(|slot| slot.claim.end <= self.extent.from);
        unread.last().map(marks_of).unwrap_or_default()
    }

    /// All of its records are there to be held against it.
    fn is_whole(&self, slot: &Manifest) -> bool {
        slot.claim.start >= self.extent.from.max(self.low.0) && slot.claim.end <= self.extent.until
    }

    fn settle(&self, slot: &Manifest, count: Count, ledger: &mut LakeLedger) {
        let claim = &slot.claim;
        ledger.records += count.records;
        ledger.rows += count.rows;
        // Rows that are not read explain no more than the manifest counts.
        let duplicates = claim.skips.get(DUPLICATE).copied().unwrap_or(0);
        let unbacked = (count.again + count.again_before)
            .saturating_sub(duplicates)
            .min(count.again_before);
        ledger.missing.add_many(claim.start, unbacked);
        if !self.is_whole(slot) {
            return;
        }
        for (policy, count) in policies(&claim.skips) {
            *ledger.skipped.entry(policy.clone()).or_default() += count;
        }
        let accounted = count.rows + claim.skips.values().sum::<u64>();
        // Unexplained ones are told by offset above, whatever the manifest counts.
        let told = count.records - count.unexplained - unbacked;
        ledger.missing.add_many(claim.start, told.saturating_sub(accounted));
        ledger.surplus.add_many(claim.start, accounted.saturating_sub(count.records));
    }

    /// Goes past the end of a slot: what its manifest says of the sources must be what its records said. Where some of them are gone
    /// it is taken for granted.
    fn pass(&self, slot: &Manifest, marks: &mut Marks, ledger: &mut LakeLedger) {
        let said = marks_of(slot);
        if self.is_whole(slot) && said != *marks {
            ledger.wrong_marks.add(slot.claim.start);
        }
        *marks = said;
    }
}

/// The source record is one of those up to a mark.
fn is_marked(marks: &Marks, record: &Record) -> bool {
    let Some(stamp) = stamp::read(&record.headers) else { return false };
    let last = marks.get(&(stamp.origin.at.topic, stamp.origin.at.partition));
    last.is_some_and(|&last| stamp.origin.offset.0 <= last)
}

fn marks_of(slot: &Manifest) -> Marks {
    let mark = |mark: &crate::manifest::Mark| ((Arc::from(mark.topic.as_str()), mark.partition), mark.last_offset);
    slot.sources.iter().map(mark).collect()
}

fn mark(marks: &mut Marks, record: &Record) {
    let Some(stamp) = stamp::read(&record.headers) else { return };
    let last = marks
        .entry((stamp.origin.at.topic, stamp.origin.at.partition))
        .or_insert(stamp.origin.offset.0);
    *last = (*last).max(stamp.origin.offset.0);
}

/// Slots must follow one another, and their own numbers must add up.
pub(crate) fn check_chain(slots: &[Manifest], ledger: &mut LakeLedger) {
    for (at, slot) in slots.iter().enumerate() {
        let claim = &slot.claim;
        let follows = match at.checked_sub(1).map(|before| &slots[before].claim) {
            Some(before) => claim.seq == before.seq + 1 && claim.start == before.end && claim.topic_id == before.topic_id,
            None => claim.seq == 0,
        };
        let skipped: u64 = claim.skips.values().sum();
        let written: u64 = slot.files.iter().map(|file| file.rows).sum();
        if !follows || claim.start >= claim.end || claim.rows != written || claim.records != claim.rows + skipped {
            ledger.chain_breaks.add(claim.start);
        }
    }
    ledger.landed_until = slots.last().map(|slot| slot.claim.end);
}
