//! The loop. All state between two polls is here.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidegate_contract::{ContractRef, Location};
use tidegate_flow::ports::Polled;
use tidegate_flow::record::Outgoing;
use tidegate_flow::{NextOffset, Position, Record, Remedy, TopicPartition, WorldError};

use crate::judging::{Bench, Blocked};
use crate::ledger::Note;
use crate::outcome::{Class, Decided, Outcome};
use crate::parts::{JudgingSnapshot, Parts};
use crate::publish::{Cause, Published, publish};
use crate::settings::{Mode, Settings, StartAt};

/// A poll never waits longer than this, so that stop requests and healed partitions are noticed.
const POLL_WAIT_MAX: Duration = Duration::from_millis(100);

/// Runs until `stop` is set, then drains: the open batch is published, the group is left. Returns `Err` only for what an operator
/// must mend before any partition can move; everything else is waited out, loudly.
pub fn run<'a>(settings: &'a Settings, parts: Parts<'a>, stop: &AtomicBool) -> Result<(), WorldError> {
    let mut worker = Worker {
        settings,
        snapshot: parts.contracts.latest(),
        parts,
        bench: Bench::new(),
        partitions: HashMap::new(),
        batch: Vec::new(),
        batch_bytes: 0,
        batch_since: 0,
        records_max: settings.batch_records_max,
        failures: 0,
        judged_at: 0,
        judging_micros: 0,
        waiting: Vec::new(),
    };
    worker.parts.meter.snapshot(worker.snapshot.commit());
    while !stop.load(Ordering::Acquire) {
        worker.turn()?;
    }
    tracing::info!(
        open_records = worker.batch.len(),
        "stopping: publishing what is open, then leaving the group"
    );
    worker.flush()?;
    worker.parts.exchange.close();
    Ok(())
}

/// One partition that we own.
#[derive(Debug)]
struct Owned {
    /// Everything before it has a committed outcome.
    committed: NextOffset,
    /// In at_least_once, records before an offset may already have left: they are judged the same way again.
    judged_before: Option<Pinned>,
    /// Waiting for a bad world to heal: not fetched until then (microseconds since the epoch).
    held_until: Option<i64>,
}

/// How records that may already have left were judged.
#[derive(Debug)]
struct Pinned {
    /// Records before this offset.
    before: NextOffset,
    /// By this snapshot.
    snapshot: Arc<JudgingSnapshot>,
    /// At this time (microseconds since the epoch), where it is known: after a restart it is not.
    now: Option<i64>,
}

struct Worker<'a> {
    settings: &'a Settings,
    parts: Parts<'a>,
    snapshot: Arc<JudgingSnapshot>,
    bench: Bench,
    partitions: HashMap<TopicPartition, Owned>,
    batch: Vec<Record>,
    /// Bytes of keys and values in the batch.
    batch_bytes: usize,
    /// When the first record of the batch came, microseconds since the epoch.
    batch_since: i64,
    /// Shrinks when a batch fails, so that one bad partition or record ends up alone; grows back with success.
    records_max: usize,
    /// Batches that failed in a row.
    failures: u32,
    /// When the last batch was judged.
    judged_at: i64,
    /// What judging the open batch took.
    judging_micros: i64,
    /// Given to us by the group, not started yet: where they begin could not be found out.
    waiting: Vec<TopicPartition>,
}

// === impl Worker ===

impl Worker<'_> {
    fn turn(&mut self) -> Result<(), WorldError> {
        self.release_healed()?;
        if !self.waiting.is_empty() {
            self.start_waiting()?;
        }
        let room = self.records_max.saturating_sub(self.batch.len());
        match self.parts.exchange.poll(room.max(1), self.patience()) {
            Ok(Polled::Records(records)) => self.take(records),
            Ok(Polled::Assigned(partitions)) => self.waiting.extend(partitions),
            Ok(Polled::Revoked(partitions)) => self.gone(&partitions, false),
            Ok(Polled::Lost(partitions)) => self.gone(&partitions, true),
            Ok(Polled::Stuck(at, error)) => self.hold(&at, &error)?,
            Err(error) if error.remedy == Remedy::Retry => self.wait_out(&error),
            Err(error) => return Err(error),
        }
        if self.is_due() {
            self.flush()?;
        }
        self.report();
        Ok(())
    }

    /// How long the next poll may wait: until the batch is due at most.
    fn patience(&self) -> Duration {
        if self.batch.is_empty() {
            return POLL_WAIT_MAX;
        }
        let age = Duration::from_micros(u64::try_from(self.parts.clock.now_micros() - self.batch_since).unwrap_or(0));
        self.settings.batch_age_max.saturating_sub(age).min(POLL_WAIT_MAX)
    }

    fn is_due(&self) -> bool {
        let age_micros = self.parts.clock.now_micros() - self.batch_since;
        let full = self.batch.len() >= self.records_max || self.batch_bytes >= self.settings.batch_bytes_max;
        let old = u128::try_from(age_micros).is_ok_and(|age| age >= self.settings.batch_age_max.as_micros());
        !self.batch.is_empty() && (full || old)
    }

    fn take(&mut self, records: Vec<Record>) {
        if self.batch.is_empty() && !records.is_empty() {
            self.batch_since = self.parts.clock.now_micros();
        }
        self.batch_bytes += records.iter().map(bytes_of).sum::<usize>();
        let partitions = &self.partitions;
        // A held partition may still hand over what was fetched before it was paused; it is read again when it goes on.
        self.batch.extend(
            records
                .into_iter()
                .filter(|record| partitions.get(&record.origin.at).is_some_and(|owned| owned.held_until.is_none())),
        );
    }

    fn gone(&mut self, partitions: &[TopicPartition], lost: bool) {
        self.parts.meter.given_up(partitions.len(), lost);
        self.batch.retain(|record| !partitions.contains(&record.origin.at));
        self.waiting.retain(|at| !partitions.contains(at));
        for at in partitions {
            self.partitions.remove(at);
            self.parts.meter.released(at);
        }
        tracing::info!(partitions = %names(partitions), lost, "partitions given up");
    }

    /// Looks up where each waiting partition begins. In an outage they go on waiting: nothing is read from a partition before that.
    fn start_waiting(&mut self) -> Result<(), WorldError> {
        let waiting = std::mem::take(&mut self.waiting);
        let started = self.positions(&waiting).and_then(|positions| self.parts.exchange.start(&positions));
        match started {
            Ok(()) => {
                self.parts.meter.assigned(waiting.len());
                tracing::info!(partitions = %names(&waiting), "partitions assigned");
            }
            Err(error) if error.remedy == Remedy::Retry => {
                self.wait_out(&error);
                self.waiting = waiting;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn positions(&mut self, partitions: &[TopicPartition]) -> Result<Vec<(TopicPartition, NextOffset)>, WorldError> {
        let mut positions = Vec::with_capacity(partitions.len());
        for committed in self.parts.exchange.committed(partitions)? {
            let (low, end) = self.parts.exchange.watermarks(&committed.at)?;
            let next = committed.next.unwrap_or(match self.settings.start_at {
                StartAt::Earliest => low,
                StartAt::Latest => end,
            });
            let judged_before = self.open_range(&committed.metadata, next, end);
            self.partitions.insert(
                committed.at.clone(),
                Owned {
                    committed: next,
                    judged_before,
                    held_until: None,
                },
            );
            positions.push((committed.at, next));
        }
        Ok(positions)
    }

    /// In at_least_once the records between the committed position and the end may have left before a crash. No offset may get two
    /// classes, so they are judged by the snapshot that was in force then.
    fn open_range(&mut self, metadata: &str, next: NextOffset, end: NextOffset) -> Option<Pinned> {
        let note = Note::read(metadata)?;
        if self.settings.mode == Mode::ExactlyOnce || next >= end || note.s == **self.snapshot.commit() {
            return None;
        }
        match self.parts.contracts.at(&note.s) {
            Some(snapshot) => Some(Pinned {
                before: end,
                snapshot,
                now: None,
            }),
            None => {
                tracing::warn!(
                    commit = note.s,
                    "the contracts that judged the open records are no longer readable (a plain directory keeps no history); \
                     they are judged by the current ones, so a record sent before the restart may get a second class"
                );
                None
            }
        }
    }

    /// Publishes the open batch. Afterwards it is empty: committed, or rewound to be read again.
    fn flush(&mut self) -> Result<(), WorldError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.switch_snapshot()?;
        let (mut decided, blocked) = self.decide();
        for stop in &blocked {
            self.hold_at(&stop.at, stop.record.origin.offset.0, &stop.error)?;
        }
        loop {
            match self.attempt(&decided)? {
                Attempt::Committed => {
                    self.committed(&decided);
                    return Ok(());
                }
                Attempt::Rewound => return Ok(()),
                Attempt::TooLarge(indexes) => {
                    if !self.shrink(&mut decided, &indexes)? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// A newer snapshot comes into force between two batches. In at_least_once the switch is committed before any record that the new
    /// one judged is sent.
    fn switch_snapshot(&mut self) -> Result<(), WorldError> {
        let latest = self.parts.contracts.latest();
        if latest.commit() == self.snapshot.commit() {
            return Ok(());
        }
        if self.settings.mode == Mode::AtLeastOnce {
            let note = Note::new(latest.commit()).write();
            let positions: Vec<Position> = self
                .partitions
                .iter()
                .map(|(at, owned)| Position {
                    at: at.clone(),
                    next: owned.committed,
                    metadata: note.clone(),
                })
                .collect();
            if let Err(error) = self.parts.exchange.commit(&positions) {
                tracing::warn!(%error, "the switch to the new contracts could not be recorded yet; the old ones stay in force");
                return if error.remedy == Remedy::Operator { Err(error) } else { Ok(()) };
            }
        }
        tracing::info!(from = %self.snapshot.commit(), to = %latest.commit(), "new contracts in force");
        self.parts.meter.snapshot(latest.commit());
        self.snapshot = latest;
        Ok(())
    }

    /// Judges the batch in order. A record that cannot be judged now holds its partition from there on.
    fn decide(&mut self) -> (Vec<Decided>, Vec<Blocked>) {
        let now = self.parts.clock.now_micros();
        let mut decided = Vec::with_capacity(self.batch.len());
        let mut blocked: Vec<Blocked> = Vec::new();
        self.batch_bytes = 0;
        for record in std::mem::take(&mut self.batch) {
            if blocked.iter().any(|stop| stop.at == record.origin.at) {
                continue;
            }
            let Some(owned) = self.partitions.get(&record.origin.at) else {
                continue;
            };
            let (snapshot, now) = match &owned.judged_before {
                Some(pinned) if record.origin.offset.0 < pinned.before.0 => (&pinned.snapshot, pinned.now.unwrap_or(now)),
                _ => (&self.snapshot, now),
            };
            match self.bench.decide(record, snapshot, self.parts.schemas, now) {
                Ok(one) => decided.push(one),
                Err(stop) => blocked.push(*stop),
            }
        }
        self.judged_at = now;
        self.judging_micros = self.parts.clock.now_micros() - now;
        (decided, blocked)
    }

    fn attempt(&mut self, decided: &[Decided]) -> Result<Attempt, WorldError> {
        if decided.is_empty() {
            return Ok(Attempt::Committed);
        }
        let failed_at = rfc3339(self.parts.clock.now_micros());
        let outgoing: Vec<Outgoing> = decided.iter().filter_map(|one| one.outgoing(self.settings, &failed_at)).collect();
        let positions = self.positions_after(decided);
        match publish(self.parts.exchange, self.settings.mode, outgoing, &positions) {
            Ok(Published::Committed) => Ok(Attempt::Committed),
            Ok(Published::Unknown) => self.ask_group(&positions),
            Ok(Published::Aborted(Cause::TooLarge(indexes))) => Ok(Attempt::TooLarge(sent_indexes(decided, &indexes))),
            Ok(Published::Aborted(Cause::Lost)) => {
                tracing::warn!("a partition was lost while its batch was open; nothing of the batch was committed");
                self.rewind(&positions)?;
                Ok(Attempt::Rewound)
            }
            Ok(Published::Aborted(Cause::Refused { what, operator })) => {
                self.failed(&positions, &what, operator)?;
                Ok(Attempt::Rewound)
            }
            Err(error) if error.remedy == Remedy::Retry => {
                self.failed(&positions, &error.to_string(), false)?;
                Ok(Attempt::Rewound)
            }
            Err(error) => Err(error),
        }
    }

    /// The next position of each partition of the batch, with the snapshot that judges from there.
    fn positions_after(&self, decided: &[Decided]) -> Vec<Position> {
        let mut next: BTreeMap<&TopicPartition, NextOffset> = BTreeMap::new();
        for one in decided {
            next.insert(&one.record.origin.at, one.record.origin.offset.next());
        }
        next.into_iter()
            .map(|(at, next)| {
                let judged_by = match self.partitions.get(at).and_then(|owned| owned.judged_before.as_ref()) {
                    Some(pinned) if next < pinned.before => pinned.snapshot.commit(),
                    _ => self.snapshot.commit(),
                };
                Position {
                    at: at.clone(),
                    next,
                    metadata: Note::new(judged_by).write(),
                }
            })
            .collect()
    }

    fn committed(&mut self, decided: &[Decided]) {
        self.failures = 0;
        self.records_max = (self.records_max * 2).min(self.settings.batch_records_max);
        for position in self.positions_after(decided) {
            if let Some(owned) = self.partitions.get_mut(&position.at) {
                owned.committed = position.next;
                owned.judged_before.take_if(|pinned| position.next >= pinned.before);
            }
        }
        self.parts.meter.committed(decided.len(), self.judging_micros);
        count(self.parts.meter, decided);
    }

    /// A commit without a definite answer: the group knows.
    fn ask_group(&mut self, positions: &[Position]) -> Result<Attempt, WorldError> {
        let partitions: Vec<TopicPartition> = positions.iter().map(|position| position.at.clone()).collect();
        let committed = loop {
            match self.parts.exchange.committed(&partitions) {
                Ok(committed) => break committed,
                Err(error) if error.remedy == Remedy::Retry => self.wait_out(&error),
                Err(error) => return Err(error),
            }
        };
        let went_through = positions.iter().all(|position| {
            committed
                .iter()
                .any(|c| c.at == position.at && c.next.is_some_and(|next| next >= position.next))
        });
        tracing::info!(went_through, "the group has answered for the commit in doubt");
        if went_through {
            return Ok(Attempt::Committed);
        }
        self.rewind(positions)?;
        Ok(Attempt::Rewound)
    }

    /// Reads the batch's partitions again from their committed positions, which are our own: asking the group could race.
    fn rewind(&mut self, positions: &[Position]) -> Result<(), WorldError> {
        let owned_now = self.parts.exchange.assignment();
        let back: Vec<(TopicPartition, NextOffset)> = positions
            .iter()
            .filter(|position| owned_now.contains(&position.at))
            .filter_map(|position| {
                self.partitions
                    .get(&position.at)
                    .map(|owned| (position.at.clone(), owned.committed))
            })
            .collect();
        self.parts.meter.aborted();
        loop {
            match self.parts.exchange.seek(&back) {
                Ok(()) => return Ok(()),
                Err(error) if error.remedy == Remedy::Retry => self.wait_out(&error),
                Err(error) => return Err(error),
            }
        }
    }

    /// A batch failed for a reason outside of it. Smaller batches follow, until what fails stands alone and only its partition waits.
    fn failed(&mut self, positions: &[Position], what: &str, operator: bool) -> Result<(), WorldError> {
        self.failures += 1;
        if self.settings.mode == Mode::AtLeastOnce {
            self.pin(positions);
        }
        self.rewind(positions)?;
        let patience = self.settings.retry_after.mul_f64(f64::from(self.failures.min(6)) / 6.0);
        tracing::warn!(
            what,
            failures = self.failures,
            "a batch was aborted; nothing of it is visible, it is tried again"
        );
        if self.failures >= 3 {
            self.records_max = (self.records_max / 2).max(1);
            if let ([only], 1) = (positions, self.records_max) {
                let error = WorldError::new(if operator { Remedy::Operator } else { Remedy::Retry }, what.to_owned());
                return self.hold(&only.at.clone(), &error);
            }
        }
        self.parts.meter.turned(Err(what));
        self.parts.clock.sleep(patience);
        Ok(())
    }

    /// Some of a failed batch may have left all the same; whatever is in force when it is judged again, it gets the class it got.
    fn pin(&mut self, positions: &[Position]) {
        for position in positions {
            let Some(owned) = self.partitions.get_mut(&position.at) else {
                continue;
            };
            let snapshot = self.snapshot.clone();
            owned.judged_before.get_or_insert(Pinned {
                before: position.next,
                snapshot,
                now: Some(self.judged_at),
            });
        }
    }

    /// Replaces outcomes that the brokers called too large by smaller forms. False when one has no smaller form: its partition then
    /// waits for an operator and the rest is read again.
    fn shrink(&mut self, decided: &mut [Decided], indexes: &[usize]) -> Result<bool, WorldError> {
        for &index in indexes {
            let one = &mut decided[index];
            let location = Location::default();
            match one.smaller(&location) {
                Some(outcome) => one.outcome = outcome,
                None => {
                    let at = one.record.origin.at.clone();
                    let offset = one.record.origin.offset.0;
                    let what = format!(
                        "{at}: record {offset} is too large even as a dead letter; raise max.message.bytes of the dead-letter topic"
                    );
                    let positions = self.positions_after(decided);
                    self.rewind(&positions)?;
                    self.hold(&at, &WorldError::new(Remedy::Operator, what))?;
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Stops reading a partition until its trouble may be over. The others go on.
    fn hold(&mut self, at: &TopicPartition, error: &WorldError) -> Result<(), WorldError> {
        let Some(owned) = self.partitions.get(at) else { return Ok(()) };
        let next = owned.committed.0;
        self.hold_at(at, next, error)
    }

    fn hold_at(&mut self, at: &TopicPartition, next: i64, error: &WorldError) -> Result<(), WorldError> {
        self.parts.exchange.pause(std::slice::from_ref(at))?;
        self.batch.retain(|record| record.origin.at != *at);
        let for_operator = matches!(error.remedy, Remedy::Operator | Remedy::Bug);
        let patience = if for_operator {
            self.settings.operator_retry_after
        } else {
            self.settings.retry_after
        };
        let until = self.parts.clock.now_micros() + i64::try_from(patience.as_micros()).unwrap_or(i64::MAX / 2);
        if let Some(owned) = self.partitions.get_mut(at) {
            owned.held_until = Some(until);
        }
        self.parts.meter.held(at, for_operator, &error.what);
        tracing::error!(partition = %at, next, why = %error, for_operator, "partition paused; nothing is lost");
        Ok(())
    }

    /// Lets held partitions try again from their committed position.
    fn release_healed(&mut self) -> Result<(), WorldError> {
        let now = self.parts.clock.now_micros();
        let due: Vec<(TopicPartition, NextOffset)> = self
            .partitions
            .iter()
            .filter(|(_, owned)| owned.held_until.is_some_and(|until| until <= now))
            .map(|(at, owned)| (at.clone(), owned.committed))
            .collect();
        for (at, committed) in due {
            let one = std::slice::from_ref(&at);
            // Still in the batch: its committed position is about to move.
            if self.batch.iter().any(|record| record.origin.at == at) {
                continue;
            }
            let released = self
                .parts
                .exchange
                .seek(&[(at.clone(), committed)])
                .and_then(|()| self.parts.exchange.resume(one));
            match released {
                Ok(()) => {
                    if let Some(owned) = self.partitions.get_mut(&at) {
                        owned.held_until = None;
                    }
                    self.parts.meter.released(&at);
                }
                Err(error) => self.hold_at(&at, committed.0, &error)?,
            }
        }
        Ok(())
    }

    fn wait_out(&mut self, error: &WorldError) {
        tracing::warn!(%error, "waiting; nothing is lost, it goes on by itself");
        self.parts.meter.trouble(error);
        self.parts.meter.turned(Err(&error.what));
        self.parts.clock.sleep(self.settings.retry_after.min(Duration::from_secs(1)));
    }

    fn report(&self) {
        let held = self.partitions.values().filter(|owned| owned.held_until.is_some()).count();
        let all = !self.partitions.is_empty() && held == self.partitions.len();
        self.parts.meter.turned(if all { Err("every partition is paused") } else { Ok(()) });
    }
}

enum Attempt {
    Committed,
    Rewound,
    TooLarge(Vec<usize>),
}

/// Indexes of outgoing records back to indexes of decided ones: skipped records send nothing.
fn sent_indexes(decided: &[Decided], indexes: &[usize]) -> Vec<usize> {
    let sent: Vec<usize> = decided
        .iter()
        .enumerate()
        .filter(|(_, one)| !matches!(one.class(), Class::Skipped(_)))
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

fn bytes_of(record: &Record) -> usize {
    record.key.as_ref().map_or(0, |key| key.len()) + record.value.as_ref().map_or(0, |value| value.len())
}

fn names(partitions: &[TopicPartition]) -> String {
    partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn rfc3339(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |time| time.to_string())
}
