//! The last net under a record that kills the process: how often a partition was begun in vain, and which record was in hand. Pure decisions.
//!
//! There is no disk to trust, and whoever takes a partition over may run on another machine; what it reads in any case is the group's note
//! beside the position ([`crate::ledger`]), fenced like the position itself. So the count lives there:
//!
//! - Whoever takes a partition over that has records waiting raises the count before it reads one: a single commit for each takeover. What a
//!   former owner may have had in hand is known: not more records than its hand held, from the position on, and none behind the end that the
//!   partition has now. Once these are through the count is gone from the notes of ordinary batches, which costs nothing.
//! - With each start in vain the hand of that partition shrinks tenfold; from [`Watch::is_quarantined`] on it holds one record, alone in its
//!   batch, and a note in front of it says which.
//! - A record is given up only if three processes died with it alone in hand. Whoever else died is innocent: it is judged again.
//! - What does not look like the fault of single records halts the partition instead: several suspects in a row with nothing passing in
//!   between, a process that dies of giving up, nobody ever coming to have a record in hand ([`crate::parking`]), or, where outcomes cannot be taken back, a record that may have left already.

use serde::{Deserialize, Serialize};
use tidegate_flow::NextOffset;

/// Processes that must die with a record alone in hand before it is given up: what kills at random kills two of them now and then, over very
/// many restarts.
const DEATHS_MAX: u32 = 3;
/// Starts in quarantine without a record in hand, after which a partition is not read at once any more.
const UNREADABLE_MIN: u32 = 3;
/// So many records go one by one at least, also where less may have been in hand: suspects tend to come together.
const LEFT_MIN: usize = 10;
/// Records given up in a row. Behind these it is not about single records any more.
const SUSPECTS_MAX: u32 = 3;

/// What a note says of starts that came to nothing. Absent in the notes of a partition that moves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crashes {
    /// Starts in a row, the one that wrote it included.
    pub n: u32,
    /// Offset of the record in hand alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub o: Option<i64>,
    /// How often it has been in hand alone.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub a: u32,
    /// It was judged, and its outcome may have left (`at_least_once` only).
    #[serde(default, skip_serializing_if = "is_false")]
    pub l: bool,
    /// Records given up in a row.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub d: u32,
    /// Version of the engine: another one may have mended what killed this one.
    pub e: String,
}

/// What one owner knows of the starts before its own, for one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Watch {
    /// Starts in a row, this one included; 0 when nothing is counted (any more).
    attempt: u32,
    /// Records until what a former owner may have had in hand is through.
    left: usize,
    /// Nobody has had anything in hand from here on.
    end: NextOffset,
    /// The record that was in hand alone when somebody died.
    alone: Option<Alone>,
    /// Given up in a row.
    suspects: u32,
    /// Batches of this size are whole ones.
    hand_max: usize,
    /// Starts in vain that a partition may have.
    restarts_max: u32,
    engine: &'static str,
}

/// A record and how many processes died with it alone in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Alone {
    offset: i64,
    deaths: u32,
    left: bool,
}

/// What to do with a record that is alone in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Facing {
    /// Judge it.
    Try,
    /// A dead letter, unjudged.
    GiveUp,
    /// Nothing, for this reason: somebody must look.
    Halt(&'static str),
}

// === impl Watch ===

impl Watch {
    /// A takeover at `next` of a partition that ends at `end` now. `own` is what this very process has noted there before, if it has: what it
    /// reads of itself is no death.
    pub(crate) fn begin(
        noted: Option<&Crashes>,
        own: Option<&Crashes>,
        (next, end): (NextOffset, NextOffset),
        (hand_max, restarts_max): (usize, u32),
        engine: &'static str,
    ) -> Watch {
        let mut watch = Watch {
            attempt: 0,
            left: 0,
            end,
            alone: None,
            suspects: 0,
            hand_max,
            restarts_max,
            engine,
        };
        if next >= end {
            return watch;
        }
        let noted = noted.filter(|noted| noted.e == engine);
        let (before, is_own) = (noted.map_or(0, |noted| noted.n), noted.is_some() && noted == own);
        watch.attempt = if is_own { before.max(1) } else { before.saturating_add(1) };
        watch.left = watch.hand((watch.attempt - 1).min(restarts_max)).max(LEFT_MIN);
        if let Some(noted) = noted {
            watch.suspects = noted.d;
            watch.alone = noted.o.map(|offset| Alone {
                offset,
                // What it notes of a record in hand counts itself among the dead.
                deaths: noted.a.saturating_sub(u32::from(is_own)),
                left: noted.l,
            });
        }
        watch
    }

    /// What stands in notes until the next record is in hand; none when nothing is counted.
    pub(crate) fn note(&self) -> Option<Crashes> {
        (self.attempt > 0).then(|| Crashes {
            n: self.attempt,
            o: self.alone.map(|alone| alone.offset),
            a: self.alone.map_or(0, |alone| alone.deaths),
            l: self.alone.is_some_and(|alone| alone.left),
            d: self.suspects,
            e: self.engine.to_owned(),
        })
    }

    /// What stands in the note while the record is in hand alone; `leaving`: judged, and about to be sent.
    pub(crate) fn note_alone(&self, offset: i64, leaving: bool) -> Crashes {
        let known = self.alone.filter(|alone| alone.offset == offset);
        Crashes {
            n: self.attempt,
            o: Some(offset),
            a: self.deaths_of(offset).saturating_add(1),
            l: leaving || known.is_some_and(|alone| alone.left),
            d: self.suspects,
            e: self.engine.to_owned(),
        }
    }

    /// What stands in the note behind `records` more, the last of which was `given_up` or not: [`Watch::passed`], before it has happened.
    pub(crate) fn note_behind(&self, next: NextOffset, records: usize, given_up: bool) -> Option<Crashes> {
        let mut then = self.clone();
        then.passed(next, records, given_up);
        then.note()
    }

    /// What stands in the note of who leaves in good order: this start was not in vain.
    pub(crate) fn note_left(&self) -> Option<Crashes> {
        self.note().map(|mut note| {
            note.n -= 1;
            note
        })
    }

    /// These have a committed outcome.
    pub(crate) fn passed(&mut self, next: NextOffset, records: usize, given_up: bool) {
        if self.attempt == 0 {
            return;
        }
        self.alone = None;
        self.suspects = if given_up { self.suspects.saturating_add(1) } else { 0 };
        self.left = self.left.saturating_sub(records);
        // It can be read, whoever died of what.
        self.attempt = self.attempt.min(self.restarts_max.saturating_add(1));
        if self.left == 0 || next >= self.end {
            self.attempt = 0;
            self.suspects = 0;
        }
    }

    /// The process has lived through it: whatever killed others, this record alone did not. Its outcome may have left all the same.
    pub(crate) fn survived(&mut self, offset: i64) {
        self.alone = match self.alone {
            Some(alone) if alone.offset == offset => alone.left.then_some(Alone { deaths: 0, ..alone }),
            other => other,
        };
    }

    /// The record in hand alone was judged, and its outcome is about to leave (`at_least_once`).
    pub(crate) fn leaving(&mut self, offset: i64) {
        let deaths = self.deaths_of(offset);
        self.alone = Some(Alone {
            offset,
            deaths,
            left: true,
        });
    }

    /// How many processes died with one of its records alone in hand: so many deaths need no other explanation.
    pub(crate) fn deaths_alone(&self) -> u32 {
        self.alone.map_or(0, |alone| alone.deaths)
    }

    fn deaths_of(&self, offset: i64) -> u32 {
        self.alone.filter(|alone| alone.offset == offset).map_or(0, |alone| alone.deaths)
    }

    /// Whether former starts are counted here.
    pub(crate) fn is_counting(&self) -> bool {
        self.attempt > 0
    }

    /// Whether records go one by one, each alone in its batch.
    pub(crate) fn is_quarantined(&self) -> bool {
        self.attempt > self.restarts_max
    }

    /// Whether reading itself seems to kill: in quarantine, and process after process ended without having had a record alone in hand, of this
    /// partition or, so many times, of others.
    pub(crate) fn is_unreadable(&self, explained: u32) -> bool {
        let unexplained = self.attempt.saturating_sub(explained);
        unexplained > self.restarts_max + UNREADABLE_MIN && self.deaths_alone() == 0 && self.suspects == 0
    }

    /// Starts in a row.
    pub(crate) fn attempt(&self) -> u32 {
        self.attempt
    }

    /// How many records of the partition one batch may hold.
    pub(crate) fn hand_now(&self) -> usize {
        self.hand(self.attempt)
    }

    fn hand(&self, attempt: u32) -> usize {
        match attempt {
            0 | 1 => self.hand_max.max(1),
            attempt if attempt > self.restarts_max => 1,
            attempt => (self.hand_max / 10_usize.saturating_pow(attempt - 1)).max(1),
        }
    }

    /// What to do with the record when it comes up alone.
    pub(crate) fn facing(&self, offset: i64) -> Facing {
        let Some(alone) = self.alone.filter(|alone| alone.offset == offset && alone.deaths >= DEATHS_MAX) else {
            return Facing::Try;
        };
        if alone.left {
            return Facing::Halt("its outcome may have left before, so that another one would be a second");
        }
        // Nor is one death while giving up the record's doing for sure.
        if alone.deaths >= DEATHS_MAX + 2 {
            return Facing::Halt("and giving it up did, too");
        }
        if self.suspects >= SUSPECTS_MAX {
            return Facing::Halt("and so did the records in front of it, one after another, with none passing in between");
        }
        Facing::GiveUp
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

#[cfg(test)]
mod tests;
