//! Which records of the open batch one attempt takes in hand, and the notes around a record that is alone in it ([`crate::quarantine`]).

use std::collections::HashMap;

use tidegate_flow::{Position, Record, Remedy, TopicPartition, WorldError};

use crate::judging::Blocked;
use crate::ledger::Note;
use crate::outcome::Decided;
use crate::ownership::Start;
use crate::publish::{Cause, Published};
use crate::quarantine::{Crashes, Facing};
use crate::run::Worker;
use crate::settings::Mode;

/// The record that is alone in hand.
#[derive(Debug, Clone)]
pub(crate) struct Alone {
    pub(crate) at: TopicPartition,
    pub(crate) offset: i64,
    /// It becomes a dead letter without being judged.
    pub(crate) is_given_up: bool,
}

// === impl Worker ===

impl Worker<'_> {
    /// Leaves in the batch what goes now, and lays the rest aside: a partition that was begun in vain gives fewer records, one in quarantine
    /// a single record that goes alone. Whole batches and records alone take turns; records that others died with come last, so that what is
    /// only beside them gets its turn.
    pub(crate) fn take_in_hand(&mut self) -> Option<(TopicPartition, i64)> {
        if self
            .partitions
            .values()
            .all(|owned| owned.watch.attempt() <= 1 && !owned.watch.is_quarantined())
        {
            return None;
        }
        let mut taken: HashMap<TopicPartition, usize> = HashMap::new();
        let (mut now, mut later, mut first): (Vec<Record>, Vec<Record>, Option<(u32, usize)>) = (Vec::new(), Vec::new(), None);
        for record in std::mem::take(&mut self.batch) {
            let Some(owned) = self.partitions.get(&record.origin.at) else {
                continue;
            };
            if owned.watch.is_quarantined() {
                let deaths = owned.watch.deaths_alone();
                if first.is_none_or(|(fewest, _)| deaths < fewest) {
                    first = Some((deaths, later.len()));
                }
                later.push(record);
                continue;
            }
            let count = taken.entry(record.origin.at.clone()).or_default();
            *count += 1;
            if *count <= owned.watch.hand_now() {
                now.push(record);
            } else {
                later.push(record);
            }
        }
        let alone = first
            .filter(|_| now.is_empty() || self.alone_next)
            .map(|(_, index)| later.remove(index));
        self.alone_next = alone.is_none();
        let Some(record) = alone else {
            self.batch = now;
            self.aside = later;
            return None;
        };
        let place = (record.origin.at.clone(), record.origin.offset.0);
        now.append(&mut later);
        self.aside = now;
        self.batch = vec![record];
        Some(place)
    }

    /// Puts back what was laid aside; what the attempt has left comes first.
    pub(crate) fn take_up_again(&mut self) {
        let mut aside = std::mem::take(&mut self.aside);
        self.batch.append(&mut aside);
        self.forget_batch_of(&[]);
    }

    /// Notes that a record is in hand alone, before anything is done with it. None: its partition waits.
    pub(crate) fn face(&mut self, (at, offset): (TopicPartition, i64)) -> Result<Option<Alone>, WorldError> {
        let Some(owned) = self.partitions.get(&at) else { return Ok(None) };
        let facing = owned.watch.facing(offset);
        if let Facing::Halt(why) = facing {
            let what = format!(
                "{at}: processes died with record {offset} alone in hand, {why}; see docs/operate.md, \"A record that kills the process\""
            );
            self.hold(&at, &WorldError::new(Remedy::Operator, what))?;
            return Ok(None);
        }
        let positions = [self.position_alone(&at, offset, false)];
        if let Err(error) = self.commit_notes(&positions) {
            self.failed(&positions, &error.what, error.remedy == Remedy::Operator)?;
            return Ok(None);
        }
        let is_given_up = facing == Facing::GiveUp;
        if is_given_up {
            tracing::error!(partition = %at, offset, "processes died with this record alone in hand: it becomes a dead letter, crash_suspect");
        }
        Ok(Some(Alone { at, offset, is_given_up }))
    }

    /// In at_least_once: notes that the record has been judged, before its outcome can leave. Who dies now does not die of judging it.
    pub(crate) fn note_leaving(&mut self, alone: Option<&Alone>) -> Result<(), WorldError> {
        match alone.filter(|_| self.settings.mode == Mode::AtLeastOnce) {
            Some(alone) => {
                let position = self.position_alone(&alone.at, alone.offset, true);
                self.commit_notes(&[position])?;
                if let Some(owned) = self.partitions.get_mut(&alone.at) {
                    owned.watch.leaving(alone.offset);
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The record went back, and the process lives: while it waits, nobody may take it for the one that kills. Nothing is learned of one that
    /// was not judged, because it is given up.
    pub(crate) fn lay_down(&mut self, alone: &Alone) {
        let Some(owned) = self.partitions.get_mut(&alone.at) else { return };
        if !alone.is_given_up {
            owned.watch.survived(alone.offset);
        }
        let position = self.position_with(&alone.at, self.crashes(&alone.at));
        if let Err(error) = self.commit_notes(&[position]) {
            tracing::debug!(partition = %alone.at, %error, "the note of a record in hand stays");
        }
    }

    /// Leaving, in good order or for an operator: this start was not in vain.
    pub(crate) fn leave_no_count(&mut self) {
        let all: Vec<TopicPartition> = self.partitions.keys().cloned().collect();
        self.take_count_back(all);
    }

    /// Who is killed or loses the partition while it waits did not die of it. Tried once for each wait: where the group refuses the note for
    /// good, this start stays counted.
    pub(crate) fn uncount_held(&mut self) {
        let mut held = Vec::new();
        for (at, owned) in &mut self.partitions {
            if owned.start == Start::Waiting {
                owned.start = Start::Counted;
                if owned.held_until.is_some() {
                    held.push(at.clone());
                }
            }
        }
        self.take_count_back(held);
    }

    fn take_count_back(&mut self, mut partitions: Vec<TopicPartition>) {
        partitions.retain(|at| {
            let owned = self.partitions.get(at);
            owned.is_some_and(|owned| owned.watch.is_counting() && owned.start != Start::Uncounted)
        });
        let positions: Vec<Position> = partitions.iter().map(|at| self.position_uncounted(at)).collect();
        if let Err(error) = self.commit_notes(&positions) {
            tracing::debug!(%error, "the starts of these partitions stay counted");
            return;
        }
        for at in partitions {
            if let Some(owned) = self.partitions.get_mut(&at) {
                owned.start = Start::Uncounted;
            }
        }
    }

    /// Before these are read on: notes their starts again, where they were taken back.
    pub(crate) fn count_again(&mut self, partitions: &[TopicPartition]) -> Result<(), WorldError> {
        let mut positions = Vec::new();
        for at in partitions {
            if self.partitions.get(at).is_some_and(|owned| owned.start == Start::Uncounted) {
                positions.push(self.position_with(at, self.crashes(at)));
            }
        }
        self.commit_notes(&positions)?;
        for position in positions {
            if let Some(owned) = self.partitions.get_mut(&position.at) {
                owned.start = Start::Counted;
            }
        }
        Ok(())
    }

    fn position_uncounted(&self, at: &TopicPartition) -> Position {
        let note = self.partitions.get(at).and_then(|owned| owned.watch.note_left());
        self.position_with(at, note.filter(|note| note.n > 0 || note.a > 0))
    }

    /// What a record becomes that is given up. `Err`: a contract of its topic halts in front of a dead letter.
    pub(crate) fn give_up(&mut self, record: Record) -> Result<Decided, Box<Blocked>> {
        let pinned = self.partitions.get(&record.origin.at).and_then(|owned| owned.pinned.clone());
        let now = self.parts.clock.now_micros();
        match pinned.filter(|pinned| record.origin.offset.0 < pinned.before.0) {
            Some(pinned) => self.bench.crash_suspect(record, &pinned.snapshot, pinned.now.unwrap_or(now)),
            None => self.bench.crash_suspect(record, &self.snapshot, now),
        }
    }

    /// What notes of a partition say about its starts, until something of it is in hand.
    pub(crate) fn crashes(&self, at: &TopicPartition) -> Option<Crashes> {
        self.partitions.get(at).and_then(|owned| owned.watch.note())
    }

    fn position_alone(&self, at: &TopicPartition, offset: i64, leaving: bool) -> Position {
        let crashes = self.partitions.get(at).map(|owned| owned.watch.note_alone(offset, leaving));
        self.position_with(at, crashes)
    }

    /// The committed position once more, with another note.
    fn position_with(&self, at: &TopicPartition, crashes: Option<Crashes>) -> Position {
        let owned = self.partitions.get(at);
        let noted = owned.map_or_else(|| self.snapshot.commit().clone(), |owned| owned.noted.clone());
        Position {
            at: at.clone(),
            next: owned.map_or(tidegate_flow::NextOffset(0), |owned| owned.committed),
            metadata: self.note_with(at, &noted, crashes),
        }
    }

    /// What is committed beside a position.
    pub(crate) fn note_with(&self, at: &TopicPartition, commit: &str, crashes: Option<Crashes>) -> String {
        let mut note = Note::new(commit, self.settings.topic_ids.get(&at.topic).map(|id| &**id));
        note.c = crashes;
        note.write()
    }

    /// Commits positions without records. In a transaction, as any position in `exactly_once`: who was away since it asked, and is back in
    /// the group, must not put back what the next owner has committed by now.
    pub(crate) fn commit_notes(&mut self, positions: &[Position]) -> Result<(), WorldError> {
        if positions.is_empty() {
            return Ok(());
        }
        let (remedy, what) = match self.publish(Vec::new(), positions) {
            Published::Committed => return Ok(()),
            Published::Aborted(Cause::Refused { what, operator: true }) => (Remedy::Operator, what),
            Published::Aborted(Cause::Refused { what, operator: false }) => (Remedy::Retry, what),
            Published::Aborted(_) => (Remedy::Retry, "partitions were lost before their position was noted".to_owned()),
            Published::Unknown | Published::Abandoned => (Remedy::Retry, "no answer to positions; asking the group again".to_owned()),
        };
        Err(WorldError::new(remedy, what))
    }

    /// Says which partitions were begun in vain before.
    pub(crate) fn tell_watched(&self, partitions: &[TopicPartition]) {
        for at in partitions {
            let Some(owned) = self.partitions.get(at).filter(|owned| owned.watch.attempt() > 1) else {
                continue;
            };
            let is_quarantined = owned.watch.is_quarantined();
            self.parts.meter.quarantined(at, is_quarantined);
            tracing::warn!(
                partition = %at, next = owned.committed.0, former_starts = owned.watch.attempt() - 1, is_quarantined,
                "former owners ended here without getting on; its records go in smaller batches, in quarantine one by one"
            );
        }
    }
}
