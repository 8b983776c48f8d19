//! One of the two topics that hold the outcomes of a source partition, and what is known of it so far.
//!
//! Outcomes follow the order of their sources, so a window of source offsets lies in one stretch of the outlet, mostly. It is read in
//! pieces, and of each piece is remembered which source offsets it holds. A piece that turns out to hold outcomes of an earlier window
//! makes that window be audited again: nothing rests on the order, but with it each piece is read about once.

use serde::{Deserialize, Serialize};
use tidegate_flow::{NextOffset, TopicPartition, stamp};

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
    /// Of another partition of the same source topic.
    pub(crate) misplaced: Examples,
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
                let found = seek(outlet, source, from, reading)?;
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
        let (mut first, mut highest, mut hull) = (self.first, self.highest, self.hull);
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
                    if stamp.origin.at.topic == source.topic {
                        odd.misplaced.add(record.origin.offset.0);
                    }
                    return;
                }
                let offset = stamp.origin.offset.0;
                if highest.is_some_and(|highest| offset < highest) {
                    odd.out_of_order.add(offset);
                }
                first = first.or(Some(offset));
                highest = highest.max(Some(offset));
                if (range.0..range.1).contains(&offset) {
                    let own = record.origin.offset.0;
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
        (self.first, self.highest, self.hull, self.odd) = (first, highest, hull, odd);
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

    /// Source offset of the first outcome that was met.
    pub(crate) fn first(&self) -> Option<i64> {
        self.first
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

/// The first own offset whose outcome is of `wanted` or later, by halving. Rests on the order of outcomes.
fn seek(outlet: &Outlet, source: &TopicPartition, wanted: i64, reading: &mut Reading<'_>) -> Result<i64, Halt> {
    let (mut low, mut high) = (outlet.low.0, outlet.until.0);
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
            Some((own, of)) if of < wanted => low = own + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}
