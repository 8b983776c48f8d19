//! The replay itself: look at a stretch of dead letters, send back what is meant, and commit how far it is in the same transaction.
//!
//! Whatever goes wrong with a transaction has one answer: open the producer anew (which ends what is open, one way or the other), ask the
//! group how far it is, and go on from there. So a process that is killed between any two calls leaves nothing that another one would do
//! twice. Two replays of the same dead letters share a transactional id: the later one takes over, and the earlier one ends.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tidegate_flow::ports::{Clock, Cluster, FaultClass, Refusal, Relay, Scan, TransactionFault};
use tidegate_flow::record::Outgoing;
use tidegate_flow::{NextOffset, Origin, Position, Remedy, TopicPartition, WorldError, stamp};
use tidegate_repair::Repair;

use crate::board::job_record;
use crate::decide::{Decider, Fate, Why, consumed};
use crate::done::Done;
use crate::earlier::Earlier;
use crate::forward;
use crate::job::{Counts, Job, Stretch};
use crate::letter::{Letter, hex};
use crate::ports::{Contracts, Ruling, Watch};

/// Records that are read at once: a record may be large.
const CHUNK: usize = 64;
/// Records of one transaction. What one costs beside its records, a tenth of a second and a record of its own, falls on so many.
const BATCH_RECORDS: usize = 5_000;
/// Bytes of keys and values of one transaction.
const BATCH_BYTES: usize = 8 << 20;
/// Dead letters that are looked at before the position is committed, if none of them is sent.
const LOOKED_MAX: usize = 20_000;
/// Transactions that fail in a row before it ends.
const FAILURES_MAX: u32 = 5;

/// The outside.
#[expect(missing_debug_implementations, reason = "ports have none")]
pub struct Ports<'a> {
    /// Facts of topics.
    pub cluster: &'a mut dyn Cluster,
    /// Dead letters, read_committed.
    pub scan: &'a mut dyn Scan,
    /// Opened under [`transactional_id`] of the dead-letter topic and the group of the job.
    pub relay: &'a mut dyn Relay,
    /// For conditions of the repair.
    pub contracts: &'a mut dyn Contracts,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Is told about progress.
    pub watch: &'a mut dyn Watch,
}

/// How it is gone about.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Records sent a second; none is as fast as it goes.
    pub rate: Option<u64>,
    /// Go on although it is not known any more what earlier replays have sent ([`Done::gone`]).
    pub accept_gone: bool,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything is done.
    Finished,
    /// It was asked to stop; it goes on where it is.
    Stopped,
    /// The brokers have shut its producer out: another replay of the same dead letters has begun, or a transaction took too long. To go on
    /// with this one would end the other one.
    TakenOver,
}

/// Shared by all replays of these dead letters, so that one at a time is at work.
pub fn transactional_id(dead_letters: &str) -> String {
    format!("tidegate-replay-{dead_letters}")
}

/// Consumer group of a replay.
pub fn group(id: &str) -> String {
    format!("tidegate-replay-{id}")
}

/// Runs until everything is done or `stop` is set. An error leaves everything as it was committed last; run it again to go on.
pub fn replay(
    job: &mut Job,
    repair: Option<&Repair>,
    state_topic: &str,
    pace: Pace,
    earlier: &Earlier,
    ports: Ports<'_>,
    stop: &AtomicBool,
) -> Result<Ended, WorldError> {
    let decider = Decider::new(job, repair);
    let done = Done::of(job.again.then(|| job.id.clone()));
    let mut run = Run {
        had_begun: job.counts.seen > 0,
        is_kept: false,
        earlier,
        job,
        repair,
        state_topic,
        ports,
        stop,
        decider,
        done,
        counts: BTreeMap::new(),
        too_large: HashSet::new(),
        failures: 0,
        renewed: false,
        records_max: BATCH_RECORDS,
        records_limit: BATCH_RECORDS,
        regrows: false,
        rate: pace.rate,
        next_send: 0,
    };
    run.limit_to_rate();
    run.all(pace.accept_gone)
}

struct Run<'a, 'p, 'r> {
    job: &'a mut Job,
    earlier: &'a Earlier,
    /// What was kept of it says that it had committed something.
    had_begun: bool,
    /// The state topic has it.
    is_kept: bool,
    repair: Option<&'r Repair>,
    state_topic: &'a str,
    ports: Ports<'p>,
    stop: &'a AtomicBool,
    decider: Decider<'r>,
    done: Done,
    counts: BTreeMap<i32, Counts>,
    /// Dead letters that the target does not take.
    too_large: HashSet<(i32, i64)>,
    failures: u32,
    /// The producer is a new one since what was done before was read.
    renewed: bool,
    records_max: usize,
    /// What `records_max` grows back to.
    records_limit: usize,
    /// What made it smaller was one record, which has been found.
    regrows: bool,
    rate: Option<u64>,
    /// Nothing is sent before this time, microseconds since the epoch.
    next_send: i64,
}

/// What goes in one transaction.
struct Batch {
    outgoing: Vec<Outgoing>,
    /// The dead letters they come from.
    of: Vec<From>,
    next: i64,
    counts: Counts,
}

/// A dead letter that is sent or parked.
struct From {
    /// Offset of the letter.
    offset: i64,
    /// The record that failed.
    origin: Origin,
    /// See [`Letter::sum`].
    sum: u64,
    is_parked: bool,
}

/// What became of a transaction.
enum Flushed {
    Committed,
    /// The group tells how far it is.
    Again,
    TakenOver,
}

// === impl Batch ===

impl Batch {
    fn empty() -> Batch {
        Batch {
            outgoing: Vec::new(),
            of: Vec::new(),
            next: -1,
            counts: Counts::default(),
        }
    }
}

// === impl Run ===

impl Run<'_, '_, '_> {
    fn all(&mut self, accept_gone: bool) -> Result<Ended, WorldError> {
        loop {
            self.same_topics()?;
            if !self.read_done(accept_gone)? {
                return Ok(Ended::Stopped);
            }
            let positions = self.positions()?;
            if !self.is_kept {
                match self.flush(&self.nowhere(), Batch::empty())? {
                    Flushed::Again => continue,
                    Flushed::TakenOver => return Ok(Ended::TakenOver),
                    Flushed::Committed => {
                        self.is_kept = true;
                        self.ports.watch.kept(&self.job.id);
                        // Somebody else may have been at work before the producer was opened anew.
                        if std::mem::take(&mut self.renewed) {
                            continue;
                        }
                    }
                }
            }
            if let Some(ended) = self.stretches(&positions)? {
                return Ok(ended);
            }
        }
    }

    /// None: the producer is a new one, and the group must be asked again.
    fn stretches(&mut self, positions: &BTreeMap<i32, i64>) -> Result<Option<Ended>, WorldError> {
        let bounds = self.ports.cluster.offsets(&self.job.dead_letters)?;
        let next = |stretch: &Stretch| positions.get(&stretch.partition).copied().unwrap_or(stretch.from);
        let ahead = self.job.stretches.iter().map(|stretch| {
            let at = TopicPartition::new(self.job.dead_letters.as_str(), stretch.partition);
            let low = usize::try_from(stretch.partition).ok().and_then(|index| bounds.get(index));
            let next = low.map_or(next(stretch), |(low, _)| next(stretch).max(low.0));
            (at, NextOffset(next), NextOffset(stretch.until))
        });
        self.ports.scan.announce(&ahead.collect::<Vec<_>>());
        for stretch in self.job.stretches.clone() {
            let at = TopicPartition::new(self.job.dead_letters.as_str(), stretch.partition);
            let mut next = self.past_what_expired(stretch, next(&stretch), &bounds);
            while next < stretch.until {
                if self.stop.load(Ordering::Acquire) {
                    return Ok(Some(Ended::Stopped));
                }
                let batch = match self.gather(&at, next, stretch.until) {
                    Ok(batch) => batch,
                    Err(error) => {
                        // Retention may have come past while it was at it.
                        let bounds = self.ports.cluster.offsets(&self.job.dead_letters)?;
                        let on = self.past_what_expired(stretch, next, &bounds);
                        if on == next {
                            return Err(error);
                        }
                        next = on;
                        continue;
                    }
                };
                let (to, counts) = (batch.next, batch.counts);
                match self.flush(&at, batch)? {
                    Flushed::Again => return Ok(None),
                    Flushed::TakenOver => return Ok(Some(Ended::TakenOver)),
                    Flushed::Committed => {
                        next = to;
                        let before = self.counts.insert(stretch.partition, counts).unwrap_or_default();
                        let seen = usize::try_from(counts.seen - before.seen).unwrap_or(usize::MAX);
                        // Somebody else may have been at work before the producer was opened anew.
                        if std::mem::take(&mut self.renewed) {
                            return Ok(None);
                        }
                        if !self.ports.watch.read(&at, NextOffset(next), NextOffset(stretch.until), seen) {
                            return Ok(Some(Ended::Stopped));
                        }
                    }
                }
            }
        }
        self.finish()
    }

    /// Says that nothing is left to do.
    fn finish(&mut self) -> Result<Option<Ended>, WorldError> {
        self.job.finished = true;
        let flushed = self.flush(&self.nowhere(), Batch::empty());
        self.job.finished = matches!(flushed, Ok(Flushed::Committed));
        Ok(match flushed? {
            Flushed::Committed => Some(Ended::Finished),
            Flushed::Again => None,
            Flushed::TakenOver => Some(Ended::TakenOver),
        })
    }

    /// For transactions that move no position.
    fn nowhere(&self) -> TopicPartition {
        TopicPartition::new(self.job.dead_letters.as_str(), -1)
    }

    /// Positions and what was sent mean nothing in a topic that was made anew.
    fn same_topics(&mut self) -> Result<(), WorldError> {
        let names: Vec<Arc<str>> = self.job.topic_ids.keys().map(|topic| topic.as_str().into()).collect();
        for facts in self.ports.cluster.topics(&names)? {
            let then = self.job.topic_ids.get(&*facts.topic).map(String::as_str);
            if facts.id.is_some() && then != facts.id.as_deref() {
                let what = format!(
                    "topic {} was deleted and made anew since replay {} began, so it is not known what of it is done; begin a new replay",
                    facts.topic, self.job.id
                );
                return Err(WorldError::new(Remedy::Operator, what));
            }
        }
        Ok(())
    }

    /// Where a stretch goes on, if retention has removed what comes next; what it lost is counted.
    fn past_what_expired(&mut self, stretch: Stretch, next: i64, bounds: &[(NextOffset, NextOffset)]) -> i64 {
        let index = usize::try_from(stretch.partition).unwrap_or(usize::MAX);
        let low = bounds.get(index).map_or(next, |(low, _)| low.0.min(stretch.until));
        if low <= next {
            return next;
        }
        tracing::warn!(
            partition = stretch.partition,
            next,
            low,
            "retention has removed dead letters before they were looked at"
        );
        self.counts.entry(stretch.partition).or_default().expired += (low - next).unsigned_abs();
        low
    }

    fn read_done(&mut self, accept_gone: bool) -> Result<bool, WorldError> {
        let ports = &mut self.ports;
        let topics = (self.job.target.as_str(), self.job.parked.as_deref());
        let is_read = self.done.read_on(ports.cluster, ports.scan, topics, ports.watch)?;
        let unexplained = missing(&mut self.done, self.earlier, self.job, ports.cluster)?;
        if self.done.gone.is_empty() || accept_gone {
            return Ok(is_read);
        }
        if unexplained.is_empty() {
            self.decider.unsure = Some(self.earlier.clone());
            return Ok(is_read);
        }
        let what = format!(
            "the first records of {} are gone, and the state topic does not know the replays that sent them, so it is not known any more which dead \
             letters were sent back; keep retry topics as long as dead letters, or go on with --accept-unknown if nothing of what is meant was \
             replayed so long ago",
            unexplained.join(", ")
        );
        Err(WorldError::new(Remedy::Operator, what))
    }

    /// How far the group is; the counts come from beside the positions.
    fn positions(&mut self) -> Result<BTreeMap<i32, i64>, WorldError> {
        let at = |partition| TopicPartition::new(self.job.dead_letters.as_str(), partition);
        let partitions: Vec<TopicPartition> = self.job.stretches.iter().map(|stretch| at(stretch.partition)).collect();
        let committed = self.ports.relay.committed(&partitions)?;
        self.counts.clear();
        let mut positions = BTreeMap::new();
        for one in committed {
            if let Some(next) = one.next {
                positions.insert(one.at.partition, next.0);
                self.counts.insert(one.at.partition, Counts::read(&one.metadata));
            }
        }
        if positions.is_empty() && self.had_begun {
            let what = format!(
                "the positions of replay {} are gone (brokers keep those of an idle group for offsets.retention.minutes); begin a new replay, which \
                 passes over what this one has sent",
                self.job.id
            );
            return Err(WorldError::new(Remedy::Operator, what));
        }
        Ok(positions)
    }

    fn gather(&mut self, at: &TopicPartition, next: i64, until: i64) -> Result<Batch, WorldError> {
        let mut batch = Batch {
            outgoing: Vec::new(),
            of: Vec::new(),
            next,
            counts: self.counts.get(&at.partition).copied().unwrap_or_default(),
        };
        let (mut bytes, mut looked, mut going) = (0, 0, HashSet::new());
        while batch.next < until && batch.outgoing.len() < self.records_max && bytes < BATCH_BYTES && looked < LOOKED_MAX {
            let chunk = CHUNK.min(self.records_max);
            let records = self.ports.scan.scan(at, NextOffset(batch.next), NextOffset(until), chunk)?;
            let Some(last) = records.last() else {
                // Marks of transactions and what retention has removed.
                batch.next = until;
                break;
            };
            batch.next = last.origin.offset.next().0;
            looked += records.len();
            for record in &records {
                batch.counts.seen += 1;
                let Some(letter) = Letter::read(record) else {
                    batch.counts.unreadable += 1;
                    continue;
                };
                let fate = match self.fate(&letter)? {
                    Fate::Send(..) | Fate::Park if going.contains(&(letter.stamp.origin.clone(), letter.sum())) => Fate::Before,
                    fate => fate,
                };
                let is_parked = fate == Fate::Park;
                let (to, is_repaired) = match fate {
                    Fate::NotMeant => continue,
                    Fate::Before => {
                        batch.counts.meant += 1;
                        batch.counts.before += 1;
                        continue;
                    }
                    Fate::Stay(_) => {
                        batch.counts.meant += 1;
                        batch.counts.stayed += 1;
                        continue;
                    }
                    Fate::Park => {
                        let Some(parked) = &self.job.parked else {
                            batch.counts.meant += 1;
                            batch.counts.stayed += 1;
                            continue;
                        };
                        batch.counts.parked += 1;
                        (forward::parked(&letter, parked, &self.job.id), false)
                    }
                    Fate::Send(value, repaired) => {
                        let is_repaired = repaired.is_some_and(|repaired| repaired.value.is_some());
                        let by = self.repair.filter(|_| is_repaired).map(|repair| &*repair.sha256);
                        batch.counts.sent += 1;
                        (forward::sent(&letter, value, &self.job.target, &self.job.id, by), is_repaired)
                    }
                };
                batch.counts.meant += 1;
                batch.counts.repaired += u64::from(is_repaired);
                bytes += to.key.as_ref().map_or(0, Bytes::len) + to.value.as_ref().map_or(0, Bytes::len);
                batch.outgoing.push(to);
                let sum = letter.sum();
                batch.of.push(From {
                    offset: record.origin.offset.0,
                    origin: letter.stamp.origin.clone(),
                    sum,
                    is_parked,
                });
                going.insert((letter.stamp.origin.clone(), sum));
            }
        }
        Ok(batch)
    }

    fn fate(&mut self, letter: &Letter<'_>) -> Result<Fate, WorldError> {
        if let Some(fate) = self.decider.look(letter, &self.done) {
            return Ok(fate);
        }
        if self
            .too_large
            .contains(&(letter.record.origin.at.partition, letter.record.origin.offset.0))
        {
            return Ok(Fate::Stay(Why::TooLarge));
        }
        let value = match value_of(letter, self.ports.scan)? {
            Some(value) => value,
            None => return Ok(Fate::Stay(Why::ValueGone)),
        };
        let now = self.ports.clock.now_micros();
        let fate = self.decider.repaired(letter, value, self.ports.contracts, now)?;
        if self.job.only_valid
            && let Fate::Send(value, _) = &fate
        {
            let record = consumed(letter, &self.job.source, value.clone());
            if self.ports.contracts.judge(&self.job.source, &record)? != Ruling::Valid {
                return Ok(Fate::Stay(Why::NotValid));
            }
        }
        Ok(fate)
    }

    fn flush(&mut self, at: &TopicPartition, batch: Batch) -> Result<Flushed, WorldError> {
        let before = (self.job.at, self.job.counts);
        let flushed = self.transaction(at, batch);
        if !matches!(flushed, Ok(Flushed::Committed)) {
            (self.job.at, self.job.counts) = before;
        }
        flushed
    }

    fn transaction(&mut self, at: &TopicPartition, batch: Batch) -> Result<Flushed, WorldError> {
        let records = batch.outgoing.len();
        self.wait_for_turn(records);
        self.job.at = self.ports.clock.now_micros();
        self.job.counts = Counts::default();
        let others = self.counts.iter().filter(|(partition, _)| **partition != at.partition);
        others.for_each(|(_, counts)| self.job.counts.add(counts));
        self.job.counts.add(&batch.counts);
        let positions = match at.partition {
            -1 => Vec::new(),
            _ => vec![Position {
                at: at.clone(),
                next: NextOffset(batch.next),
                metadata: batch.counts.write(),
            }],
        };
        let mut outgoing = batch.outgoing;
        outgoing.push(job_record(self.state_topic, self.job));
        let relay = &mut *self.ports.relay;
        if let Err(fault) = relay.begin() {
            return self.troubled(&fault);
        }
        let expected = outgoing.len();
        let delivery = match relay.send(outgoing) {
            Ok(delivery) => delivery,
            Err(fault) => return self.troubled(&fault),
        };
        if let Some((index, refusal, what)) = delivery.refused.into_iter().next() {
            return self.refused(at.partition, batch.of.get(index).map(|of| of.offset), refusal, what);
        }
        if delivery.delivered != expected {
            let what = format!("{} of {expected} records were acknowledged", delivery.delivered);
            return self.anew(&what);
        }
        if !positions.is_empty()
            && let Err(fault) = relay.send_offsets(&positions)
        {
            return self.troubled(&fault);
        }
        match relay.commit_transaction() {
            Ok(is_quick) => {
                self.failures = 0;
                for of in &batch.of {
                    if of.is_parked {
                        self.done.parks(&of.origin, of.sum);
                    } else {
                        self.done.sends(&of.origin, of.sum);
                    }
                }
                if self.regrows {
                    self.records_max = (self.records_max * 2).min(self.records_limit);
                }
                if !is_quick {
                    // A late repetition of the request could end a later transaction.
                    relay.renew()?;
                    self.renewed = true;
                }
                Ok(Flushed::Committed)
            }
            Err(fault) => self.troubled(&fault),
        }
    }

    fn refused(&mut self, partition: i32, of: Option<i64>, refusal: Refusal, what: String) -> Result<Flushed, WorldError> {
        if self.ports.relay.was_taken_over() {
            return Ok(Flushed::TakenOver);
        }
        match (refusal, of) {
            (Refusal::Forbidden, _) => Err(WorldError::new(Remedy::Operator, what)),
            (Refusal::TooLargeTogether, _) if self.records_max > 1 => {
                self.records_max /= 2;
                self.regrows = false;
                self.ports.relay.renew()?;
                Ok(Flushed::Again)
            }
            (Refusal::TooLarge | Refusal::TooLargeTogether, Some(offset)) => {
                tracing::warn!(partition, offset, "a dead letter is too large for the target and stays where it is");
                self.too_large.insert((partition, offset));
                self.regrows = true;
                self.ports.relay.renew()?;
                Ok(Flushed::Again)
            }
            _ => self.anew(&what),
        }
    }

    fn troubled(&mut self, fault: &TransactionFault) -> Result<Flushed, WorldError> {
        if self.ports.relay.was_taken_over() {
            return Ok(Flushed::TakenOver);
        }
        if fault.operator {
            return Err(WorldError::new(Remedy::Operator, fault.what.clone()));
        }
        if fault.class == FaultClass::Fatal {
            return Err(WorldError::new(Remedy::Retry, format!("{}: this producer is gone", fault.what)));
        }
        self.anew(&fault.what)
    }

    fn anew(&mut self, what: &str) -> Result<Flushed, WorldError> {
        // To open the producer again would take the work from whoever has taken it from us.
        if self.ports.relay.was_taken_over() {
            return Ok(Flushed::TakenOver);
        }
        self.failures += 1;
        if self.failures > FAILURES_MAX {
            return Err(WorldError::new(Remedy::Retry, what.to_owned()));
        }
        tracing::warn!(
            what,
            failures = self.failures,
            "a transaction failed; going on from what was committed"
        );
        self.ports.clock.sleep(Duration::from_millis(u64::from(self.failures) * 500));
        self.ports.relay.renew()?;
        Ok(Flushed::Again)
    }

    /// A transaction holds what a quarter of a second may send.
    fn limit_to_rate(&mut self) {
        if let Some(rate) = self.rate {
            self.records_max = usize::try_from(rate / 4).unwrap_or(usize::MAX).clamp(1, BATCH_RECORDS);
            self.records_limit = self.records_max;
        }
    }

    fn wait_for_turn(&mut self, records: usize) {
        let Some(rate) = self.rate.filter(|_| records > 0) else { return };
        let now = self.ports.clock.now_micros();
        let takes = i64::try_from(records as u64 * 1_000_000 / rate.max(1)).unwrap_or(i64::MAX / 4);
        // A clock that was put back must not make it wait for hours.
        let wait = (self.next_send - now).clamp(0, 10_000_000);
        if wait > 0 {
            self.ports.clock.sleep(Duration::from_micros(wait.unsigned_abs()));
        }
        self.next_send = now + wait + takes;
    }
}

/// Tells `done` which topics are not the ones any more that earlier replays wrote to; those of all incomplete ones about which the state
/// topic knows too little.
pub(crate) fn missing(done: &mut Done, earlier: &Earlier, job: &Job, cluster: &mut dyn Cluster) -> Result<Vec<String>, WorldError> {
    let names: Vec<Arc<str>> = [Some(job.target.as_str()), job.parked.as_deref()]
        .into_iter()
        .flatten()
        .map(Arc::from)
        .collect();
    for facts in cluster.topics(&names)? {
        let end = cluster.offsets(&facts.topic)?.iter().map(|(_, end)| end.0).sum();
        if earlier.lost(&facts.topic, facts.id.as_deref(), end) {
            done.misses(&facts.topic);
        }
    }
    // What this replay itself has sent is known by its positions.
    let is_ours = job.counts.sent + job.counts.parked > 0;
    let is_known = |topic: &&String| is_ours || earlier.explain(topic, &done.replays);
    Ok(done.gone.iter().filter(|topic| !is_known(topic)).cloned().collect())
}

/// The value that goes back; the one at the origin where the dead letter came without. None: it is not there any more.
#[expect(clippy::option_option, reason = "a record may have no value")]
pub(crate) fn value_of(letter: &Letter<'_>, scan: &mut dyn Scan) -> Result<Option<Option<Bytes>>, WorldError> {
    let Some(sha256) = letter.text(stamp::VALUE_SHA256) else {
        return Ok(Some(letter.record.value.clone()));
    };
    let origin = &letter.stamp.origin;
    let from = NextOffset(origin.offset.0);
    let found = match scan.scan(&origin.at, from, origin.offset.next(), 1) {
        Ok(found) => found,
        // The topic, or its beginning, is gone.
        Err(error) if error.remedy == Remedy::Operator => Vec::new(),
        Err(error) => return Err(error),
    };
    let value = found
        .into_iter()
        .find(|record| record.origin.offset == origin.offset)
        .and_then(|record| record.value);
    Ok(value.filter(|value| hex(value) == sha256).map(Some))
}
