//! The broker's state and everything that is not about one member.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use tidegate_flow::ports::{Cluster, NewTopic, Scan, TopicFacts};
use tidegate_flow::record::Outgoing;
use tidegate_flow::{NextOffset, Offset, Origin, Position, Record, Remedy, TopicPartition, WorldError};

use crate::group::Group;
use crate::log::{Entry, Fate, Isolation, Log};
use crate::marker::Markers;

/// A Kafka in memory. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Broker {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    topics: BTreeMap<Arc<str>, Topic>,
    pub(crate) groups: HashMap<String, Group>,
    producers: HashMap<String, Producer>,
    next_id: u64,
    incarnation: u64,
    lenient: bool,
    pub(crate) markers: Markers,
}

#[derive(Debug)]
struct Topic {
    id: Arc<str>,
    cleanup_policy: String,
    partitions: Vec<Log>,
}

/// A transactional id's coordinator state.
#[derive(Debug, Default)]
struct Producer {
    epoch: u64,
    /// Opened by the first record or position that is added, as AddPartitionsToTxn does; beginning is the client's own affair.
    open: Option<Transaction>,
    /// How the last one ended: true for a commit.
    ended: Option<bool>,
}

#[derive(Debug, Default)]
struct Transaction {
    number: u64,
    written: BTreeMap<TopicPartition, Vec<i64>>,
    offsets: Vec<(String, Position)>,
}

/// A transactional call that the coordinator refused: another producer with the same id took over, or no transaction is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejected {
    Fenced,
    NotOpen,
    UnknownMember,
}

/// Reads facts and offsets.
#[derive(Debug, Clone)]
pub struct BrokerCluster(Broker);

/// Reads partitions outside of any group.
#[derive(Debug, Clone)]
pub struct BrokerScan(Broker);

/// Writes outside of transactions: producers of raw topics.
#[derive(Debug, Clone)]
pub struct Writer(Broker);

/// Writes in transactions: producers of raw topics that abort now and then.
#[derive(Debug, Clone)]
pub struct TransactionalWriter {
    broker: Broker,
    id: String,
    epoch: u64,
}

// === impl Broker ===

impl Broker {
    /// An empty broker.
    pub fn new() -> Broker {
        Broker::default()
    }

    /// An empty broker whose topic ids differ from those of other incarnations, as a real cluster's do. A lake outlives a broker.
    pub fn incarnation(number: u64) -> Broker {
        let broker = Broker::default();
        broker.lock().incarnation = number;
        broker
    }

    /// Facts and topic creation.
    pub fn cluster(&self) -> BrokerCluster {
        BrokerCluster(self.clone())
    }

    /// Scans.
    pub fn scan(&self) -> BrokerScan {
        BrokerScan(self.clone())
    }

    /// Plain writes.
    pub fn writer(&self) -> Writer {
        Writer(self.clone())
    }

    /// What a group has committed for a partition.
    pub fn committed(&self, group: &str, at: &TopicPartition) -> Option<NextOffset> {
        self.lock()
            .groups
            .get(group)
            .and_then(|group| group.committed.get(at))
            .map(|(next, _)| *next)
    }

    /// The number of the transaction that is open under a transactional id.
    pub fn open_transaction(&self, id: &str) -> Option<u64> {
        Some(self.lock().producers.get(id)?.open.as_ref()?.number)
    }

    /// What the coordinator does after `transaction.timeout.ms`: aborts the transaction, if it is still that one, and fences its producer.
    pub fn expire_transaction(&self, id: &str, number: u64) -> bool {
        let is_due = self.open_transaction(id) == Some(number);
        if is_due {
            self.lock().init_producer(id);
            self.tell_of_markers();
            self.notify();
        }
        is_due
    }

    /// A repeated EndTxn that arrives now, whenever it was sent; whether it ended a transaction.
    pub fn end_transaction_late(&self, id: &str, epoch: u64, commit: bool) -> bool {
        let was_open = self.open_transaction(id).is_some();
        let ended = was_open && self.lock().finish(id, epoch, commit).is_ok();
        self.tell_of_markers();
        self.notify();
        ended
    }

    /// Records of a produce request that arrives now, whenever it was sent. Brokers check that their transaction is open (since 3.6);
    /// how many were taken.
    pub fn write_late(&self, id: &str, epoch: u64, batch: &[Outgoing]) -> usize {
        if self.open_transaction(id).is_none() {
            return 0;
        }
        let mut state = self.lock();
        batch
            .iter()
            .take_while(|outgoing| state.write(id, epoch, outgoing) == Ok(true))
            .count()
    }

    /// Removes a silent member from its group, as the coordinator does after `session.timeout.ms`.
    pub fn evict(&self, group: &str, member: u64) -> bool {
        let mut state = self.lock();
        let all = state.group_partitions(group);
        let Some(of) = state.groups.get_mut(group) else { return false };
        let was_there = of.knows(member);
        of.leave(member, &all);
        drop(state);
        self.notify();
        was_there
    }

    /// From now on takes positions from anybody, member or not. For showing what becomes of that.
    pub fn ignore_generations(&self) {
        self.lock().lenient = true;
    }

    /// Whether a group counts a member in.
    pub fn is_member(&self, group: &str, member: u64) -> bool {
        self.lock().groups.get(group).is_some_and(|group| group.knows(member))
    }

    /// How many members a group has.
    pub fn members(&self, group: &str) -> usize {
        self.lock().groups.get(group).map_or(0, |group| group.members.len())
    }

    /// Forgets what a group has committed, as `offsets.retention.minutes` or an operator does.
    pub fn forget_positions(&self, group: &str) {
        if let Some(group) = self.lock().groups.get_mut(group) {
            group.committed.clear();
        }
    }

    /// Deletes a topic and makes it anew, empty and under another id; what groups have committed for it goes along.
    pub fn remake(&self, topic: &str) {
        let mut state = self.lock();
        let number = state.fresh_id();
        let id: Arc<str> = format!("mem{:016x}{number:03}", state.incarnation).into();
        if let Some(topic) = state.topics.get_mut(topic) {
            topic.id = id;
            topic.partitions.iter_mut().for_each(|log| *log = Log::default());
        }
        for group in state.groups.values_mut() {
            group.committed.retain(|at, _| *at.topic != *topic);
        }
        drop(state);
        self.notify();
    }

    /// A producer of raw topics that writes in transactions; fences an earlier one of that id.
    pub fn transactional_writer(&self, id: &str) -> TransactionalWriter {
        let epoch = self.lock().init_producer(id);
        self.tell_of_markers();
        TransactionalWriter {
            broker: self.clone(),
            id: id.to_owned(),
            epoch,
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().expect("no panic happens while the broker is locked")
    }

    pub(crate) fn notify(&self) {
        self.shared.changed.notify_all();
    }

    /// Waits until something changes, at most `wait`.
    pub(crate) fn wait<'a>(&self, state: MutexGuard<'a, State>, wait: Duration) -> MutexGuard<'a, State> {
        self.shared
            .changed
            .wait_timeout(state, wait)
            .expect("no panic happens while the broker is locked")
            .0
    }
}

// === impl State ===

impl State {
    pub(crate) fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(crate) fn topic_id(&self, topic: &str) -> Option<Arc<str>> {
        self.topics.get(topic).map(|topic| topic.id.clone())
    }

    pub(crate) fn partitions_of(&self, topics: &[Arc<str>]) -> Vec<TopicPartition> {
        topics
            .iter()
            .filter_map(|name| self.topics.get(name).map(|topic| (name, topic)))
            .flat_map(|(name, topic)| {
                (0..topic.partitions.len()).map(move |p| TopicPartition {
                    topic: name.clone(),
                    partition: p as i32,
                })
            })
            .collect()
    }

    /// Partitions of every topic that some member of the group subscribes to.
    pub(crate) fn group_partitions(&self, group: &str) -> Vec<TopicPartition> {
        let mut topics: Vec<Arc<str>> = self
            .groups
            .get(group)
            .into_iter()
            .flat_map(|group| group.members.values())
            .flat_map(|member| member.topics.clone())
            .collect();
        topics.sort();
        topics.dedup();
        self.partitions_of(&topics)
    }

    fn log(&self, at: &TopicPartition) -> Option<&Log> {
        self.topics.get(&at.topic)?.partitions.get(usize::try_from(at.partition).ok()?)
    }

    pub(crate) fn log_mut(&mut self, at: &TopicPartition) -> Option<&mut Log> {
        self.topics
            .get_mut(&at.topic)?
            .partitions
            .get_mut(usize::try_from(at.partition).ok()?)
    }

    pub(crate) fn read(
        &self,
        at: &TopicPartition,
        from: NextOffset,
        max: usize,
        isolation: Isolation,
        into: &mut Vec<Record>,
    ) -> NextOffset {
        let Some(log) = self.log(at) else { return from };
        NextOffset(log.read(from.0, max, isolation, |offset, entry| {
            into.push(Record {
                origin: Origin {
                    at: at.clone(),
                    offset: Offset(offset),
                },
                timestamp: entry.timestamp,
                key: entry.key.clone(),
                value: entry.value.clone(),
                headers: entry.headers.clone(),
            });
        }))
    }

    pub(crate) fn end(&self, at: &TopicPartition) -> NextOffset {
        NextOffset(self.log(at).map_or(0, Log::stable_end))
    }

    /// Appends; false when the partition does not exist.
    pub(crate) fn append(&mut self, outgoing: &Outgoing, fate: Fate) -> Option<i64> {
        let entry = Entry {
            fate,
            timestamp: outgoing.timestamp,
            key: outgoing.key.clone(),
            value: outgoing.value.clone(),
            headers: outgoing.headers.clone(),
        };
        Some(self.log_mut(&outgoing.to)?.append(entry))
    }

    /// InitProducerId: bumps the epoch, which fences, and aborts what the former producer left open.
    pub(crate) fn init_producer(&mut self, id: &str) -> u64 {
        if let Some(left_open) = self.producers.entry(id.to_owned()).or_default().open.take() {
            self.mark(id, false, left_open.written, left_open.offsets);
        }
        let producer = self.producers.get_mut(id).expect("made above");
        producer.epoch += 1;
        producer.ended = None;
        producer.epoch
    }

    fn producer(&mut self, id: &str, epoch: u64) -> Result<&mut Producer, Rejected> {
        let producer = self.producers.get_mut(id).ok_or(Rejected::Fenced)?;
        if producer.epoch == epoch {
            Ok(producer)
        } else {
            Err(Rejected::Fenced)
        }
    }

    /// Whether a newer producer of that id was opened.
    pub(crate) fn is_fenced(&self, id: &str, epoch: u64) -> bool {
        self.producers.get(id).is_none_or(|producer| producer.epoch != epoch)
    }

    /// The generation check.
    pub(crate) fn takes_from(&self, group: &str, member: u64) -> bool {
        self.lenient || self.groups.get(group).is_some_and(|group| group.knows(member))
    }

    /// The open transaction of a producer; opens one when there is none.
    fn transaction(&mut self, id: &str, epoch: u64) -> Result<&mut Transaction, Rejected> {
        let number = self.fresh_id();
        let producer = self.producer(id, epoch)?;
        Ok(producer.open.get_or_insert_with(|| Transaction {
            number,
            ..Transaction::default()
        }))
    }

    pub(crate) fn write(&mut self, id: &str, epoch: u64, outgoing: &Outgoing) -> Result<bool, Rejected> {
        self.transaction(id, epoch)?;
        let Some(offset) = self.append(outgoing, Fate::Open) else {
            return Ok(false);
        };
        let transaction = self.transaction(id, epoch)?;
        transaction.written.entry(outgoing.to.clone()).or_default().push(offset);
        Ok(true)
    }

    pub(crate) fn add_offsets(&mut self, id: &str, epoch: u64, group: &str, member: u64, positions: &[Position]) -> Result<(), Rejected> {
        if !self.takes_from(group, member) {
            return Err(Rejected::UnknownMember);
        }
        self.add_memberless_offsets(id, epoch, group, positions)
    }

    /// As from a member, of a group that need not exist yet.
    pub(crate) fn add_memberless_offsets(&mut self, id: &str, epoch: u64, group: &str, positions: &[Position]) -> Result<(), Rejected> {
        let transaction = self.transaction(id, epoch)?;
        transaction
            .offsets
            .extend(positions.iter().map(|position| (group.to_owned(), position.clone())));
        let group = self.groups.entry(group.to_owned()).or_default();
        for position in positions {
            *group.pending.entry(position.at.clone()).or_default() += 1;
        }
        Ok(())
    }

    /// EndTxn. Asked again for the end that the last transaction came to, it says yes again; so a repeated request that arrives late ends
    /// whatever transaction of that epoch is open by then (the hole that KIP-890 closes).
    pub(crate) fn finish(&mut self, id: &str, epoch: u64, commit: bool) -> Result<(), Rejected> {
        let producer = self.producer(id, epoch)?;
        match producer.open.take() {
            Some(transaction) => {
                producer.ended = Some(commit);
                self.mark(id, commit, transaction.written, transaction.offsets);
                Ok(())
            }
            None if producer.ended == Some(commit) => Ok(()),
            None => Err(Rejected::NotOpen),
        }
    }
}

// === impl BrokerCluster ===

impl Cluster for BrokerCluster {
    fn topics(&mut self, names: &[Arc<str>]) -> Result<Vec<TopicFacts>, WorldError> {
        let state = self.0.lock();
        Ok(names
            .iter()
            .filter_map(|name| state.topics.get(name).map(|topic| (name, topic)))
            .map(|(name, topic)| TopicFacts {
                topic: name.clone(),
                id: Some(topic.id.clone()),
                partitions: topic.partitions.len() as i32,
                cleanup_policy: Some(topic.cleanup_policy.clone()),
            })
            .collect())
    }

    fn offsets(&mut self, topic: &str) -> Result<Vec<(NextOffset, NextOffset)>, WorldError> {
        let state = self.0.lock();
        let Some(topic) = state.topics.get(topic) else {
            return Err(WorldError::new(Remedy::Operator, format!("topic {topic} does not exist")));
        };
        Ok(topic
            .partitions
            .iter()
            .map(|log| (NextOffset(log.first()), NextOffset(log.stable_end())))
            .collect())
    }

    fn create(&mut self, topics: &[NewTopic]) -> Result<(), WorldError> {
        let mut state = self.0.lock();
        for topic in topics {
            let number = state.fresh_id();
            let id: Arc<str> = format!("mem{:016x}{number:03}", state.incarnation).into();
            let policy = topic
                .config
                .iter()
                .find(|(key, _)| key == "cleanup.policy")
                .map_or("delete", |(_, value)| value)
                .to_owned();
            state.topics.entry(topic.topic.as_str().into()).or_insert_with(|| Topic {
                id,
                cleanup_policy: policy,
                partitions: (0..topic.partitions).map(|_| Log::default()).collect(),
            });
        }
        Ok(())
    }
}

// === impl BrokerScan ===

impl Scan for BrokerScan {
    fn scan(
        &mut self,
        partition: &TopicPartition,
        from: NextOffset,
        until: NextOffset,
        records_max: usize,
    ) -> Result<Vec<Record>, WorldError> {
        let mut records = Vec::new();
        self.0.lock().read(partition, from, records_max, Isolation::Committed, &mut records);
        records.retain(|record| record.origin.offset.0 < until.0);
        Ok(records)
    }
}

// === impl Writer ===

impl Writer {
    /// Appends records as a producer without transactions does.
    pub fn write(&self, batch: &[Outgoing]) -> Result<(), WorldError> {
        let mut state = self.0.lock();
        for outgoing in batch {
            if state.append(outgoing, Fate::Committed).is_none() {
                return Err(WorldError::new(
                    Remedy::Operator,
                    format!("partition {} does not exist", outgoing.to),
                ));
            }
        }
        drop(state);
        self.0.notify();
        Ok(())
    }

    /// Takes an offset of a partition without a record, as compaction does.
    pub fn gap(&self, at: &TopicPartition) {
        if let Some(log) = self.0.lock().log_mut(at) {
            log.gap();
        }
        self.0.notify();
    }
}

// === impl TransactionalWriter ===

impl TransactionalWriter {
    /// Writes into the open transaction; opens one when there is none.
    pub fn write(&self, batch: &[Outgoing]) -> Result<(), WorldError> {
        let mut state = self.broker.lock();
        for outgoing in batch {
            if state.write(&self.id, self.epoch, outgoing) != Ok(true) {
                return Err(WorldError::new(Remedy::Operator, format!("{} was not written", outgoing.to)));
            }
        }
        drop(state);
        self.broker.notify();
        Ok(())
    }

    /// Ends the open transaction, if there is one.
    pub fn end(&self, commit: bool) {
        // Nothing open, or fenced: either way there is nothing of ours left to end.
        let _ = self.broker.lock().finish(&self.id, self.epoch, commit);
        self.broker.tell_of_markers();
        self.broker.notify();
    }
}
