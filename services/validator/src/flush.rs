//! From the open batch to committed outcomes, or back.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidegate_contract::{ContractRef, Location};
use tidegate_flow::ports::Clock;
use tidegate_flow::record::Outgoing;
use tidegate_flow::{Position, Remedy, TopicPartition, WorldError};

use crate::hands::Alone;
use crate::judging::Blocked;
use crate::ledger::Note;
use crate::outcome::{Class, Decided, Outcome};
use crate::ownership::names;
use crate::publish::{Cause, Published, owns_all, publish};
use crate::run::Worker;
use crate::settings::Mode;

/// What an attempt to publish came to.
enum Attempt {
    Committed,
    /// Its partitions are read again, or wait.
    Rewound,
    /// These (by index) need a smaller form.
    TooLarge(Vec<usize>),
}

// === impl Worker ===

impl Worker<'_> {
    /// Publishes the open batch. Afterwards it is empty (committed, or rewound to be read again), or holds what must wait for the next.
    pub(crate) fn flush(&mut self) -> Result<(), WorldError> {
        if self.is_abandoned {
            // What is open comes behind records whose end nobody here knows: with their positions it would pass them over.
            self.batch.clear();
        }
        if self.batch.is_empty() {
            return Ok(());
        }
        self.switch_snapshot();
        let answer = match self.take_in_hand() {
            None => self.go_through(None).map(drop),
            Some(place) => match self.face(place)? {
                None => Ok(()),
                Some(alone) => self.go_through(Some(&alone)).map(|is_through| {
                    if !is_through {
                        self.lay_down(&alone);
                    }
                }),
            },
        };
        self.take_up_again();
        // Only now, with nothing in hand: who is killed while it waits is not counted against a record.
        if let Some(rest) = self.rest.take() {
            self.parts.clock.sleep(rest);
        }
        answer
    }

    /// Judges and publishes what is in hand; whether all of it is committed.
    fn go_through(&mut self, alone: Option<&Alone>) -> Result<bool, WorldError> {
        let (mut decided, blocked) = self.decide(alone);
        for stop in &blocked {
            self.hold(&stop.at, &stop.error)?;
        }
        self.hold_recreated(&mut decided)?;
        if decided.is_empty() {
            return Ok(false);
        }
        loop {
            match self.attempt(&decided, alone)? {
                Attempt::Committed => {
                    self.committed(&decided);
                    return Ok(!decided.is_empty());
                }
                Attempt::Rewound => return Ok(false),
                Attempt::TooLarge(indexes) => self.shrink(&mut decided, &indexes)?,
            }
        }
    }

    /// A newer snapshot comes into force between two batches.
    pub(crate) fn switch_snapshot(&mut self) {
        let latest = self.parts.contracts.latest();
        if latest.commit() == self.snapshot.commit() {
            return;
        }
        tracing::info!(from = %self.snapshot.commit(), to = %latest.commit(), "new contracts in force");
        self.parts.meter.snapshot(latest.commit());
        self.snapshot = latest;
    }

    /// Judges the batch in order. A record that cannot be judged now holds its partition from there on. Of each partition one batch
    /// holds records of one snapshot only; what another one judges stays for the next batch.
    fn decide(&mut self, alone: Option<&Alone>) -> (Vec<Decided>, Vec<Blocked>) {
        let now = self.parts.clock.now_micros();
        self.bench.begin_batch();
        let mut decided: Vec<Decided> = Vec::with_capacity(self.batch.len());
        let mut blocked: Vec<Blocked> = Vec::new();
        let mut later = Vec::new();
        let mut used: HashMap<TopicPartition, Arc<str>> = HashMap::new();
        if alone.is_some_and(|alone| alone.is_given_up) {
            for record in std::mem::take(&mut self.batch) {
                match self.give_up(record) {
                    Ok(one) => decided.push(one),
                    Err(stop) => blocked.push(*stop),
                }
            }
        }
        for record in std::mem::take(&mut self.batch) {
            let at = &record.origin.at;
            if blocked.iter().any(|stop| stop.at == *at) {
                continue;
            }
            let Some(owned) = self.partitions.get_mut(at) else { continue };
            let pinned = owned
                .pinned
                .as_ref()
                .filter(|pinned| record.origin.offset.0 < pinned.before.0)
                .cloned();
            let (snapshot, now) = match &pinned {
                Some(pinned) => (pinned.snapshot.clone(), pinned.now.unwrap_or(now)),
                None => (self.snapshot.clone(), now),
            };
            match used.get(at) {
                Some(earlier) if earlier != snapshot.commit() => {
                    later.push(record);
                    continue;
                }
                Some(_) => {}
                None => drop(used.insert(at.clone(), snapshot.commit().clone())),
            }
            if pinned.is_none() {
                owned.pinned = None;
            }
            match self.bench.decide(record, &snapshot, self.parts.schemas, now) {
                Ok(one) => decided.push(one),
                Err(stop) => match *stop {
                    // Neither it nor what is behind it can have left while the earlier contracts were in force: they halted here, too.
                    Blocked {
                        at, refused: Some(record), ..
                    } if pinned.is_some() && snapshot.commit() != self.snapshot.commit() => {
                        if let Some(owned) = self.partitions.get_mut(&at) {
                            owned.pinned = None;
                        }
                        later.push(record);
                    }
                    stop => blocked.push(stop),
                },
            }
        }
        later.retain(|record: &tidegate_flow::Record| blocked.iter().all(|stop| stop.at != record.origin.at));
        self.batch = later;
        self.forget_batch_of(&[]);
        self.judged_at = now;
        self.judging_micros = self.parts.clock.now_micros() - now;
        (decided, blocked)
    }

    fn attempt(&mut self, decided: &[Decided], alone: Option<&Alone>) -> Result<Attempt, WorldError> {
        if decided.is_empty() {
            return Ok(Attempt::Committed);
        }
        let positions = self.positions_after(decided);
        if let Err(error) = self.note_snapshots(decided).and_then(|()| self.note_leaving(alone)) {
            return self
                .failed(&positions, &error.what, error.remedy == Remedy::Operator)
                .map(|()| Attempt::Rewound);
        }
        let failed_at = rfc3339(self.judged_at);
        let outgoing: Vec<Outgoing> = decided.iter().filter_map(|one| one.outgoing(self.settings, &failed_at)).collect();
        match self.publish(outgoing, &positions) {
            Published::Committed => Ok(Attempt::Committed),
            Published::Unknown => self.ask_group(&positions),
            Published::Abandoned => {
                tracing::warn!("stopping in the middle of a commit; the brokers finish or abort it, and the next owner asks the group");
                Ok(Attempt::Rewound)
            }
            Published::Aborted(cause) => {
                self.pin(&positions);
                self.aborted(decided, &positions, cause)
            }
        }
    }

    /// Publishes, and notes whether a call was left without an answer, or a new producer was not waited for, because the worker stops: a late
    /// request may then end whatever transaction comes next, so there is none.
    pub(crate) fn publish(&mut self, outgoing: Vec<Outgoing>, positions: &[Position]) -> Published {
        if self.is_abandoned {
            return Published::Abandoned;
        }
        let (meter, clock, stop) = (self.parts.meter, self.parts.clock, self.stop);
        let (is_left, is_ending) = (Cell::new(false), self.is_ending);
        let go_on = |what: &str| {
            let goes_on = !is_ending && waits_on(meter, clock, stop, what);
            is_left.set(!goes_on);
            goes_on
        };
        let published = publish(self.parts.exchange, self.settings.mode, outgoing, positions, &go_on);
        self.is_abandoned |= is_left.get();
        if matches!(published, Published::Committed) {
            let noted = positions
                .iter()
                .map(|position| (position.at.clone(), Note::read(&position.metadata).and_then(|note| note.c)));
            self.counted.extend(noted);
        }
        published
    }

    /// The next position of each partition of a batch, with the snapshot that judged it.
    fn positions_after(&self, decided: &[Decided]) -> Vec<Position> {
        self.last_of_each(decided)
            .map(|(at, (one, records))| {
                let next = one.record.origin.offset.next();
                let owned = self.partitions.get(at);
                let crashes = owned.and_then(|owned| owned.watch.note_behind(next, records, one.is_given_up()));
                Position {
                    at: at.clone(),
                    next,
                    metadata: self.note_with(at, &one.commit, crashes),
                }
            })
            .collect()
    }

    /// The last record of each partition, and how many there are of it.
    fn last_of_each<'d>(&self, decided: &'d [Decided]) -> impl Iterator<Item = (&'d TopicPartition, (&'d Decided, usize))> + use<'d> {
        let mut last: BTreeMap<&TopicPartition, (&Decided, usize)> = BTreeMap::new();
        for one in decided {
            let records = last.get(&one.record.origin.at).map_or(0, |(_, records)| *records);
            last.insert(&one.record.origin.at, (one, records + 1));
        }
        last.into_iter()
    }

    /// In at_least_once the snapshot that judges must be recorded in the group before anything judged by it leaves: after a crash it
    /// is what tells how the open records were judged.
    fn note_snapshots(&mut self, decided: &[Decided]) -> Result<(), WorldError> {
        if self.settings.mode == Mode::ExactlyOnce {
            return Ok(());
        }
        let mut missing: BTreeMap<&TopicPartition, &Arc<str>> = BTreeMap::new();
        for one in decided {
            let at = &one.record.origin.at;
            if self.partitions.get(at).is_some_and(|owned| owned.noted != one.commit) {
                missing.insert(at, &one.commit);
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let notes: Vec<Position> = missing
            .iter()
            .filter_map(|(at, commit)| {
                let next = self.partitions.get(*at)?.committed;
                Some(Position {
                    at: (*at).clone(),
                    next,
                    metadata: self.note_with(at, commit, self.crashes(at)),
                })
            })
            .collect();
        // A note put back over that of the next owner would have what it judged judged again by another snapshot.
        if !owns_all(self.parts.exchange, &notes) {
            return Err(WorldError::new(Remedy::Retry, "a partition was lost before its snapshot was noted"));
        }
        self.parts.exchange.commit(&notes)?;
        for (at, commit) in missing {
            if let Some(owned) = self.partitions.get_mut(at) {
                owned.noted = commit.clone();
            }
        }
        Ok(())
    }

    fn aborted(&mut self, decided: &[Decided], positions: &[Position], cause: Cause) -> Result<Attempt, WorldError> {
        match cause {
            Cause::TooLarge(indexes) => return Ok(Attempt::TooLarge(sent_indexes(decided, &indexes))),
            Cause::TooLargeTogether => {
                self.rewind(positions)?;
                self.records_max = (decided.len() / 2).max(1);
            }
            Cause::Lost => {
                tracing::warn!("a partition was lost while its batch was open; nothing of the batch was committed");
                self.rewind(positions)?;
            }
            // The brokers name the records: their partitions wait, the others go on at once.
            Cause::Forbidden(indexes, what) => {
                self.rewind(positions)?;
                let mut held: Vec<TopicPartition> = sent_indexes(decided, &indexes)
                    .into_iter()
                    .map(|index| decided[index].record.origin.at.clone())
                    .collect();
                held.sort();
                held.dedup();
                for at in held {
                    self.hold(&at, &WorldError::new(Remedy::Operator, what.clone()))?;
                }
            }
            Cause::Refused { what, operator } => self.failed(positions, &what, operator)?,
        }
        Ok(Attempt::Rewound)
    }

    fn committed(&mut self, decided: &[Decided]) {
        self.failures = 0;
        self.records_max = (self.records_max * 2).min(self.settings.batch_records_max);
        for (at, (one, records)) in self.last_of_each(decided) {
            if let Some(owned) = self.partitions.get_mut(at) {
                owned.committed = one.record.origin.offset.next();
                owned.noted = one.commit.clone();
                let was_quarantined = owned.watch.is_quarantined();
                owned.watch.passed(owned.committed, records, one.is_given_up());
                if was_quarantined && !owned.watch.is_quarantined() {
                    tracing::info!(partition = %at, next = owned.committed.0, "out of quarantine");
                    self.parts.meter.quarantined(at, false);
                }
            }
        }
        self.parts.meter.committed(decided.len(), self.judging_micros);
        count(self.parts.meter, decided);
        for (contract, rule, records) in self.bench.switched_off() {
            self.parts.meter.switched_off(contract, rule, records);
        }
    }

    /// A commit without a definite answer: the group knows.
    fn ask_group(&mut self, positions: &[Position]) -> Result<Attempt, WorldError> {
        let partitions: Vec<TopicPartition> = positions.iter().map(|position| position.at.clone()).collect();
        let committed = loop {
            match self.parts.exchange.committed(&partitions) {
                Ok(committed) => break committed,
                Err(error) if error.remedy == Remedy::Retry && !self.is_stopping() => self.wait_out(&error),
                Err(error) => {
                    // Where these partitions stand is not known here any more: whatever was committed now could put the group back.
                    self.is_abandoned = true;
                    return Err(error);
                }
            }
        };
        let went_through = positions.iter().all(|position| {
            committed
                .iter()
                .any(|c| c.at == position.at && c.next.is_some_and(|next| next >= position.next))
        });
        tracing::info!(went_through, partitions = %names(&partitions), "the group has answered for the commit in doubt");
        if went_through {
            return Ok(Attempt::Committed);
        }
        self.pin(positions);
        self.rewind(positions)?;
        Ok(Attempt::Rewound)
    }

    /// A batch failed for a reason outside of it that names no record. Smaller batches follow, until what fails stands alone and only
    /// its partition waits.
    pub(crate) fn failed(&mut self, positions: &[Position], what: &str, operator: bool) -> Result<(), WorldError> {
        self.failures += 1;
        self.rewind(positions)?;
        tracing::warn!(
            what,
            failures = self.failures,
            "a batch was aborted; nothing of it is committed, it is tried again"
        );
        if self.failures >= 3 {
            self.records_max = (self.records_max / 2).max(1);
            if let ([only], 1) = (positions, self.records_max) {
                let error = WorldError::new(if operator { Remedy::Operator } else { Remedy::Retry }, what.to_owned());
                return self.hold(&only.at.clone(), &error);
            }
        }
        self.trouble = Some(what.to_owned());
        self.rest = Some(self.settings.retry_after.mul_f64(f64::from(self.failures.min(6)) / 6.0));
        Ok(())
    }

    /// Replaces outcomes that the brokers called too large by smaller forms. One that has none holds its partition from there on; what
    /// comes before it goes.
    fn shrink(&mut self, decided: &mut Vec<Decided>, indexes: &[usize]) -> Result<(), WorldError> {
        let mut stuck: Vec<(TopicPartition, i64, &str)> = Vec::new();
        for &index in indexes {
            let one = &mut decided[index];
            let (at, offset) = (one.record.origin.at.clone(), one.record.origin.offset.0);
            match one.smaller(&Location::default()) {
                Some(Outcome::DeadLetter { .. }) if one.halts => {
                    let what = "is too large with its headers, and its contract's `onFailure` halts the partition in front of a dead letter; raise \
                                max.message.bytes of the validated topic";
                    stuck.push((at, offset, what));
                }
                Some(outcome) => one.outcome = outcome,
                None => {
                    let what = "is too large even as a dead letter without its value; raise max.message.bytes of the dead-letter topic";
                    stuck.push((at, offset, what));
                }
            }
        }
        for (at, offset, what) in stuck {
            decided.retain(|one| one.record.origin.at != at || one.record.origin.offset.0 < offset);
            let what = format!("{at}: record {offset} {what}");
            self.hold(&at, &WorldError::new(Remedy::Operator, what))?;
        }
        Ok(())
    }
}

/// Waits a moment for an answer that has not come; false when the worker is to stop.
fn waits_on(meter: &dyn crate::parts::Meter, clock: &dyn Clock, stop: &AtomicBool, what: &str) -> bool {
    meter.turned(Err(what));
    clock.sleep(Duration::from_millis(100));
    !stop.load(Ordering::Acquire)
}

/// Indexes of outgoing records back to indexes of decided ones: skipped records send nothing.
fn sent_indexes(decided: &[Decided], indexes: &[usize]) -> Vec<usize> {
    let is_sent = |one: &Decided| !matches!(one.class(), Class::Skipped(_));
    let sent: Vec<usize> = decided
        .iter()
        .enumerate()
        .filter(|(_, one)| is_sent(one))
        .map(|(index, _)| index)
        .collect();
    indexes.iter().map(|&index| sent[index]).collect()
}

/// Counts a committed batch: outcomes, notes, and what a proposed version would have said.
fn count(meter: &dyn crate::parts::Meter, decided: &[Decided]) {
    let mut counts: HashMap<(&str, Option<&ContractRef>, Class), u64> = HashMap::new();
    let mut shadows: HashMap<(&str, &ContractRef), (u64, u64)> = HashMap::new();
    for one in decided {
        let topic = &*one.record.origin.at.topic;
        *counts.entry((topic, one.contract.as_ref(), one.class())).or_default() += 1;
        if let Some((contract, is_valid)) = &one.shadow {
            let (valid, invalid) = shadows.entry((topic, contract)).or_default();
            *if *is_valid { valid } else { invalid } += 1;
        }
        if let (Outcome::Validated { notes, .. }, Some(contract)) = (&one.outcome, &one.contract) {
            notes.iter().for_each(|note| meter.noted(topic, contract, note.severity));
        }
    }
    for ((topic, contract), (valid, invalid)) in shadows {
        meter.shadowed(topic, contract, valid, invalid);
    }
    for ((topic, contract, class), records) in counts {
        match (class, contract) {
            (Class::Validated, Some(contract)) => meter.validated(topic, contract, records),
            (Class::Validated, None) => unreachable!("a record without a contract is never valid"),
            (Class::DeadLetter(reason), contract) => meter.dead_letters(topic, contract, reason, records),
            (Class::Skipped(policy), _) => meter.skipped(topic, policy, records),
        }
    }
}

fn rfc3339(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |time| time.to_string())
}
