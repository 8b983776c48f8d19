//! The rows of one partition of a validated topic: a set of offsets, and sums of hashes that tie rows to origins.

use std::collections::BTreeMap;

use tidegate_columnar::Identity;
use tidegate_flow::{Offset, Origin, Record, TopicPartition, stamp};

use crate::bits::Bits;
use crate::likeness::origin_hash;
use crate::report::Examples;

/// Offsets that share one sum of hashes.
const STRETCH: i64 = 1024;

/// What the files say. Two bits a row, and two words a [`STRETCH`].
#[derive(Debug, Default)]
pub(crate) struct Rows {
    offsets: Bits,
    origins: BTreeMap<TopicPartition, Bits>,
    stretches: BTreeMap<i64, Stretch>,
    pub(crate) doubled: Examples,
    pub(crate) doubled_origin: Examples,
    matched: u64,
}

/// Rows whose record was not met yet: how many, and the sum of their hashes.
#[derive(Debug, Default)]
struct Stretch {
    open: u64,
    sum: u64,
}

/// Why a validated record has no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rowless {
    /// Only a proposed contract judged it, or it is a tombstone.
    ByItself,
    /// Its source record has a row already.
    Again,
    Unexplained,
}

// === impl Rows ===

impl Rows {
    /// Adds a row of this partition.
    pub(crate) fn take(&mut self, identity: &Identity) {
        let origin = Origin {
            at: TopicPartition::new(identity.source_topic.clone(), identity.source_partition),
            offset: Offset(identity.source_offset),
        };
        if self.offsets.insert(identity.offset) {
            let stretch = self.stretches.entry(identity.offset / STRETCH).or_default();
            stretch.open += 1;
            stretch.sum = stretch.sum.wrapping_add(origin_hash(identity.offset, &origin));
        } else {
            self.doubled.add(identity.offset);
        }
        if !self.origins.entry(origin.at).or_default().insert(identity.source_offset) {
            self.doubled_origin.add(identity.source_offset);
        }
    }

    /// Meets a validated record; whether it has a row.
    pub(crate) fn meet(&mut self, record: &Record) -> bool {
        let offset = record.origin.offset.0;
        let is_there = self.offsets.contains(offset);
        if is_there {
            self.matched += 1;
            let stretch = self.stretches.entry(offset / STRETCH).or_default();
            stretch.open -= 1;
            // Without a stamp the sum cannot come out even, which is right: the row claims an origin.
            let origin = stamp::read(&record.headers).map(|stamp| stamp.origin);
            stretch.sum = stretch.sum.wrapping_sub(origin.map_or(0, |origin| origin_hash(offset, &origin)));
        }
        is_there
    }

    /// Why a record has no row, as far as it shows that itself and by rows of its source record. What the manifests count is held against
    /// this, not believed.
    pub(crate) fn explain(&self, record: &Record) -> Rowless {
        let Some(stamp) = stamp::read(&record.headers) else {
            return Rowless::Unexplained;
        };
        let origins = self.origins.get(&stamp.origin.at);
        match () {
            () if !stamp.enforced || record.value.is_none() => Rowless::ByItself,
            () if origins.is_some_and(|seen| seen.contains(stamp.origin.offset.0)) => Rowless::Again,
            () => Rowless::Unexplained,
        }
    }

    /// Rows of `[from, until)` whose record was not met; every record that was met must lie in there.
    pub(crate) fn unmet(&self, from: i64, until: i64) -> u64 {
        let inside = self.offsets.count_below(until).saturating_sub(self.offsets.count_below(from));
        inside.saturating_sub(self.matched)
    }

    /// Rows of `[from, until)`.
    pub(crate) fn within(&self, from: i64, until: i64) -> u64 {
        self.offsets.count_below(until).saturating_sub(self.offsets.count_below(from))
    }

    /// Starts of stretches whose rows name other origins than the records that were met. Rows without a record are not told here.
    pub(crate) fn wrong_origins(&self) -> impl Iterator<Item = i64> {
        let is_wrong = |stretch: &Stretch| stretch.open == 0 && stretch.sum != 0;
        self.stretches
            .iter()
            .filter(move |(_, stretch)| is_wrong(stretch))
            .map(|(at, _)| at * STRETCH)
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> u64 {
        self.offsets.len()
    }
}
