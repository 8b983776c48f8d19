//! One of the two topics that hold the outcomes of a source partition, and what is known of it so far.
//!
//! Outcomes follow the order of their sources, so a window of source offsets lies in one stretch of the outlet, mostly. It is read in
//! pieces, and of each piece is remembered which source offsets it holds. A piece that turns out to hold outcomes of an earlier window
//! makes that window be audited again: nothing rests on the order, but with it each piece is read about once.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tidegate_flow::{NextOffset, TopicPartition, stamp};

use crate::bits::Bits;
use crate::likeness::Likeness;
use crate::plan::Mode;
use crate::report::Examples;
use crate::stream::{Halt, Reading};
use crate::window::{Class, Window};

/// Records that are read at once.
const BATCH: usize = 5_000;
/// How far before the first outcome of a range a reader begins, in at_least_once: repeats may lie before it.
const REPEATS: i64 = 50_000;

/// Where outcomes of one class are.
#[derive(Debug, Clone)]
pub(crate) struct Outlet {
    pub(crate) at: TopicPartition,
    /// First offset that there is.
    pub(crate) low: NextOffset,
    pub(crate) until: NextOffset,
    pub(crate) class: Class,
    pub(crate) likeness: Likeness,
    /// Records vanish from it by compaction.
    pub(crate) compacted: bool,
    /// Records of a piece.
    pub(crate) piece: usize,
    /// An audit before has read everything below; `i64::MAX` where there was none.
    pub(crate) settled: i64,
    /// Whoever else's outcomes lie in it.
    pub(crate) feeders: Feeders,
}

/// Source topics whose outcomes lie in an outlet.
#[derive(Debug, Clone)]
pub(crate) struct Feeders {
    /// Those that are audited.
    pub(crate) topics: Vec<Arc<str>>,
    /// There are others.
    pub(crate) others: bool,
    /// Of all partitions that share the outlet this one answers for what belongs to none.
    pub(crate) answers: bool,
}

/// What has been read of an outlet.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Track {
    /// Where reading began; none before it has.
    start: Option<i64>,
    /// Read up to here.
    read: i64,
    pieces: Vec<Piece>,
    /// Source offset of the first outcome.
    first: Option<i64>,
    /// The highest one.
    highest: Option<i64>,
    /// There is an outcome of a source offset before the range.
    earlier: bool,
    /// The lowest source offset before the range that got an outcome after an earlier audit.
    rewound: Option<i64>,
    /// Own offsets of the outcomes of the audited range: the first, and after the last.
    pub(crate) hull: Option<(i64, i64)>,
    /// What was found on the way.
    pub(crate) odd: Oddities,
}

/// A stretch of an outlet.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Piece {
    from: i64,
    until: i64,
    /// Lowest and highest source offset in it; none where it holds nothing of this source.
    span: Option<(i64, i64)>,
}

/// Records that are wrong by themselves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Oddities {
    /// Without a readable stamp.
    pub(crate) unstamped: Examples,
    /// Source offsets that come after a higher one.
    pub(crate) out_of_order: Examples,
    /// Of a source that has no business in this partition.
    pub(crate) misplaced: Examples,
}

// === impl Feeders ===

impl Feeders {
    /// Whether an outcome of `origin` has no business in this partition of the outlet, and that is to be told here.
    pub(crate) fn is_misplaced(&self, origin: &TopicPartition, partition: i32) -> bool {
        let is_known = self.topics.contains(&origin.topic);
        self.answers && if is_known { origin.partition != partition } else { !self.others }
    }
}

// === impl Piece ===

impl Piece {
    /// Whether it holds source offsets of `[from, until)`.
    pub(crate) fn meets(&self, from: i64, until: i64) -> bool {
        self.span.is_some_and(|(lowest, highest)| lowest < until && highest >= from)
    }

    /// Lowest and highest source offset.
    pub(crate) fn span(&self) -> Option<(i64, i64)> {
        self.span
    }
}

// === impl Track ===

impl Track {
    /// Begins where the outcome of `from` must lie, by order; `None` begins at the front.
    pub(crate) fn begin(
        &mut self,
        outlet: &Outlet,
        source: &TopicPartition,
        from: Option<i64>,
        mode: Mode,
        reading: &mut Reading<'_>,
    ) -> Result<(), Halt> {
        if self.start.is_some() {
            return Ok(());
        }
        let start = match from {
            None => outlet.low.0,
            Some(from) => {
                let (found, earlier) = seek(outlet, source, from, reading)?;
                self.earlier = earlier;
                match mode {
                    Mode::ExactlyOnce => found,
                    Mode::AtLeastOnce => found.saturating_sub(REPEATS).max(outlet.low.0),
                }
            }
        };
        (self.start, self.read) = (Some(start), start);
        Ok(())
    }

    /// Marks the outcomes of a window in every piece that was read before.
    pub(crate) fn mark_known(
        &self,
        outlet: &Outlet,
        source: &TopicPartition,
        window: &mut Window,
        reading: &mut Reading<'_>,
    ) -> Result<(), Halt> {
        let (start, end) = (window.start(), window.end());
        for piece in self.pieces.iter().filter(|piece| piece.meets(start, end)) {
            let from = NextOffset(piece.from.max(outlet.low.0));
            reading.stream(&outlet.at, from, NextOffset(piece.until), |record| {
                if let Some(stamp) = stamp::read(&record.headers).filter(|stamp| stamp.origin.at == *source) {
                    window.outcome(stamp.origin.offset.0, outlet.class, outlet.likeness.of_outcome(record));
                }
            })?;
        }
        Ok(())
    }

    /// Reads the next piece and marks the window's outcomes in it; none at the end.
    pub(crate) fn read_on(
        &mut self,
        outlet: &Outlet,
        source: &TopicPartition,
        range: (i64, i64),
        window: &mut Window,
        reading: &mut Reading<'_>,
    ) -> Result<Option<Piece>, Halt> {
        let mut piece = Piece {
            from: self.read,
            until: self.read,
            span: None,
        };
        // What has been read counts once it is read to the end: a piece that breaks off is read again from its start.
        let (mut first, mut highest, mut hull, mut rewound) = (self.first, self.highest, self.hull, self.rewound);
        let mut odd = self.odd.clone();
        let mut read = 0;
        while read < outlet.piece {
            let from = NextOffset(piece.until.max(outlet.low.0));
            let room = BATCH.min(outlet.piece - read);
            let next = reading.some(&outlet.at, from, outlet.until, room, |record| {
                read += 1;
                let Some(stamp) = stamp::read(&record.headers) else {
                    odd.unstamped.add(record.origin.offset.0);
                    return;
                };
                if stamp.origin.at != *source {
                    if outlet.feeders.is_misplaced(&stamp.origin.at, outlet.at.partition) {
                        odd.misplaced.add(record.origin.offset.0);
                    }
                    return;
                }
                let (offset, own) = (stamp.origin.offset.0, record.origin.offset.0);
                if highest.is_some_and(|highest| offset < highest) {
                    odd.out_of_order.add(offset);
                }
                first = first.or(Some(offset));
                highest = highest.max(Some(offset));
                if offset < range.0 && own >= outlet.settled {
                    rewound = Some(rewound.map_or(offset, |lowest| lowest.min(offset)));
                }
                if (range.0..range.1).contains(&offset) {
                    hull = Some(hull.map_or((own, own + 1), |(from, _)| (from, own + 1)));
                }
                piece.span = Some(
                    piece
                        .span
                        .map_or((offset, offset), |(low, high)| (low.min(offset), high.max(offset))),
                );
                window.outcome(offset, outlet.class, outlet.likeness.of_outcome(record));
            })?;
            match next {
                Some(next) => piece.until = next.0,
                None => {
                    piece.until = outlet.until.0.max(piece.until);
                    break;
                }
            }
        }
        (self.first, self.highest, self.hull, self.rewound, self.odd) = (first, highest, hull, rewound, odd);
        self.read = piece.until;
        if piece.until == piece.from {
            return Ok(None);
        }
        self.pieces.push(piece);
        Ok(Some(piece))
    }

    /// Everything up to the outlet's end was read.
    pub(crate) fn is_at_end(&self, outlet: &Outlet) -> bool {
        self.start.is_some() && self.read >= outlet.until.0
    }

    /// The lowest source offset with an outcome that was met.
    pub(crate) fn lowest(&self) -> Option<i64> {
        self.pieces.iter().filter_map(|piece| piece.span.map(|(lowest, _)| lowest)).min()
    }

    /// An outcome of a source offset before the range was met while looking for its start.
    pub(crate) fn has_earlier(&self) -> bool {
        self.earlier
    }

    /// Read from the very first record that there ever was.
    pub(crate) fn is_from_zero(&self) -> bool {
        self.start == Some(0)
    }

    /// The lowest source offset before the range that got an outcome since the audit before.
    pub(crate) fn rewound(&self) -> Option<i64> {
        self.rewound
    }

    /// Forgets what only those need who go on.
    pub(crate) fn close(&mut self) {
        self.pieces = Vec::new();
    }

    /// The highest source offset that has an outcome here.
    pub(crate) fn highest(&self) -> Option<i64> {
        self.highest
    }

    /// Source offsets below this may have had outcomes that retention has removed.
    pub(crate) fn gone_below(&self, outlet: &Outlet) -> i64 {
        let low = outlet.low.0;
        if low == 0 {
            return i64::MIN;
        }
        // Reading began somewhere in the middle: what is before it is not about this range.
        let at_front = match self.start {
            Some(start) if start > low => i64::MIN,
            _ => self.first.unwrap_or(i64::MAX),
        };
        // What was removed since it was read.
        let cut = self.pieces.iter().filter(|piece| piece.from < low);
        cut.filter_map(|piece| piece.span.map(|(_, highest)| highest + 1))
            .fold(at_front, i64::max)
    }
}

/// How many source offsets of `[from, to)` have an outcome here, looked for where they must lie by order.
pub(crate) fn outcomes_within(
    outlet: &Outlet,
    source: &TopicPartition,
    (from, to): (i64, i64),
    mode: Mode,
    reading: &mut Reading<'_>,
) -> Result<Bits, Halt> {
    let (start, _) = seek(outlet, source, from, reading)?;
    let beyond = match mode {
        Mode::ExactlyOnce => 0,
        Mode::AtLeastOnce => REPEATS,
    };
    let mut next = NextOffset(start.saturating_sub(beyond).max(outlet.low.0));
    let (mut found, mut past) = (Bits::default(), None);
    while past.is_none_or(|past| next.0 <= past + beyond) {
        let after = reading.some(&outlet.at, next, outlet.until, BATCH, |record| {
            let Some(stamp) = stamp::read(&record.headers).filter(|stamp| stamp.origin.at == *source) else {
                return;
            };
            let offset = stamp.origin.offset.0;
            if (from..to).contains(&offset) {
                found.insert(offset);
            } else if offset >= to {
                past = past.or(Some(record.origin.offset.0));
            }
        })?;
        match after {
            Some(after) => next = after,
            None => break,
        }
    }
    Ok(found)
}

/// The first own offset whose outcome is of `wanted` or later, by halving, and whether there is an outcome of an earlier source offset. Rests
/// on the order of outcomes up to where an audit before has read; what came after that is read anyway.
fn seek(outlet: &Outlet, source: &TopicPartition, wanted: i64, reading: &mut Reading<'_>) -> Result<(i64, bool), Halt> {
    let mut low = outlet.low.0;
    let mut high = outlet.until.0.min(outlet.settled).max(low);
    let mut earlier = false;
    // Everything below `low` is of an earlier source; from `high` on everything is of `wanted` or later.
    while low < high {
        let middle = low + (high - low) / 2;
        let (mut found, mut from) = (None, NextOffset(middle));
        while found.is_none() {
            let next = reading.some(&outlet.at, from, NextOffset(high), 100, |record| {
                let stamp = stamp::read(&record.headers).filter(|stamp| stamp.origin.at == *source);
                found = found.or(stamp.map(|stamp| (record.origin.offset.0, stamp.origin.offset.0)));
            })?;
            match next {
                Some(next) => from = next,
                None => break,
            }
        }
        match found {
            Some((own, of)) if of < wanted => {
                earlier = true;
                low = own + 1;
            }
            _ => high = middle,
        }
    }
    Ok((low, earlier))
}
