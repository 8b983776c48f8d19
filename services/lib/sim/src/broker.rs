//! The broker's state and everything that is not about one member.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use tidegate_flow::ports::{Cluster, NewTopic, Scan, TopicFacts};
use tidegate_flow::record::Outgoing;
use tidegate_flow::{NextOffset, Offset, Origin, Position, Record, Remedy, TopicPartition, WorldError};

use crate::group::Group;
use crate::log::{Entry, Fate, Log};

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
    open: Option<Transaction>,
}

#[derive(Debug, Default)]
struct Transaction {
    written: BTreeMap<TopicPartition, Vec<i64>>,
    offsets: Vec<(String, Position)>,
}

/// A transactional call that the coordinator refused: another producer with the same id took over, or no transaction is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejected {
    Fenced,
    NotOpen,
    NotOwned,
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

    fn log_mut(&mut self, at: &TopicPartition) -> Option<&mut Log> {
        self.topics
            .get_mut(&at.topic)?
            .partitions
            .get_mut(usize::try_from(at.partition).ok()?)
    }

    pub(crate) fn read(&self, at: &TopicPartition, from: NextOffset, max: usize, into: &mut Vec<Record>) -> NextOffset {
        let Some(log) = self.log(at) else { return from };
        NextOffset(log.read_committed(from.0, max, |offset, entry| {
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
            self.end_transaction(left_open, false);
        }
        let producer = self.producers.get_mut(id).expect("made above");
        producer.epoch += 1;
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

    pub(crate) fn begin(&mut self, id: &str, epoch: u64) -> Result<(), Rejected> {
        self.producer(id, epoch)?.open = Some(Transaction::default());
        Ok(())
    }

    pub(crate) fn write(&mut self, id: &str, epoch: u64, outgoing: &Outgoing) -> Result<bool, Rejected> {
        self.producer(id, epoch)?.open.as_ref().ok_or(Rejected::NotOpen)?;
        let Some(offset) = self.append(outgoing, Fate::Open) else {
            return Ok(false);
        };
        let transaction = self.producer(id, epoch)?.open.as_mut().ok_or(Rejected::NotOpen)?;
        transaction.written.entry(outgoing.to.clone()).or_default().push(offset);
        Ok(true)
    }

    pub(crate) fn add_offsets(&mut self, id: &str, epoch: u64, group: &str, member: u64, positions: &[Position]) -> Result<(), Rejected> {
        let owned = self
            .groups
            .get(group)
            .is_some_and(|group| group.owns(member, positions.iter().map(|p| Borrowed(&p.at))));
        if !owned {
            return Err(Rejected::NotOwned);
        }
        let transaction = self.producer(id, epoch)?.open.as_mut().ok_or(Rejected::NotOpen)?;
        transaction
            .offsets
            .extend(positions.iter().map(|position| (group.to_owned(), position.clone())));
        let group = self.groups.get_mut(group).expect("checked above");
        for position in positions {
            *group.pending.entry(position.at.clone()).or_default() += 1;
        }
        Ok(())
    }

    pub(crate) fn finish(&mut self, id: &str, epoch: u64, commit: bool) -> Result<(), Rejected> {
        let transaction = self.producer(id, epoch)?.open.take().ok_or(Rejected::NotOpen)?;
        self.end_transaction(transaction, commit);
        Ok(())
    }

    fn end_transaction(&mut self, transaction: Transaction, commit: bool) {
        let fate = if commit { Fate::Committed } else { Fate::Aborted };
        for (at, offsets) in transaction.written {
            self.log_mut(&at).expect("it was written to").finish(&offsets, fate);
        }
        for (group, position) in transaction.offsets {
            let Some(group) = self.groups.get_mut(&group) else { continue };
            if let Some(count) = group.pending.get_mut(&position.at) {
                *count -= 1;
                if *count == 0 {
                    group.pending.remove(&position.at);
                }
            }
            if commit {
                group.committed.insert(position.at, (position.next, position.metadata));
            }
        }
    }
}

/// Lends a partition where one is asked for by reference.
pub(crate) struct Borrowed<'a>(pub(crate) &'a TopicPartition);

impl AsRef<TopicPartition> for Borrowed<'_> {
    fn as_ref(&self) -> &TopicPartition {
        self.0
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
            .map(|log| (NextOffset(0), NextOffset(log.stable_end())))
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
        self.0.lock().read(partition, from, records_max, &mut records);
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
}
