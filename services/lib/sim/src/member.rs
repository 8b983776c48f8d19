//! A group member on the in-memory broker, alone or with a producer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_flow::ports::{Committed, Consumer, Delivery, Exchange, FaultClass, Polled, Refusal, TransactionFault};
use tidegate_flow::record::Outgoing;
use tidegate_flow::{NextOffset, Position, Remedy, TopicPartition, WorldError};

use crate::broker::{Broker, Rejected};
use crate::log::{Fate, Isolation};

/// A consumer of a group.
#[derive(Debug)]
pub struct BrokerConsumer {
    broker: Broker,
    group: String,
    topics: Vec<Arc<str>>,
    id: u64,
    /// What the member was told that it owns, whatever the coordinator thinks by now.
    held: BTreeSet<TopicPartition>,
    /// Lost, and not told of it yet.
    lost: Vec<TopicPartition>,
    positions: BTreeMap<TopicPartition, NextOffset>,
    paused: BTreeSet<TopicPartition>,
    /// Where the next poll begins to look, so that no partition starves.
    turn: usize,
    isolation: Isolation,
    leaves: bool,
}

/// A consumer with a producer.
#[derive(Debug)]
pub struct BrokerExchange {
    consumer: BrokerConsumer,
    /// Transactional id and epoch; none in at_least_once.
    producer: Option<(String, u64)>,
    /// Something was added to the transaction: without that its end is the client's own affair.
    added: bool,
}

// === impl BrokerConsumer ===

impl BrokerConsumer {
    /// Joins a group.
    pub fn join(broker: &Broker, group: &str, topics: &[Arc<str>]) -> BrokerConsumer {
        let mut consumer = BrokerConsumer {
            broker: broker.clone(),
            group: group.to_owned(),
            topics: topics.to_vec(),
            id: 0,
            held: BTreeSet::new(),
            lost: Vec::new(),
            positions: BTreeMap::new(),
            paused: BTreeSet::new(),
            turn: 0,
            isolation: Isolation::Committed,
            leaves: true,
        };
        consumer.enter();
        consumer
    }

    fn enter(&mut self) {
        let mut state = self.broker.lock();
        self.id = state.fresh_id();
        let mut wanted = state.group_partitions(&self.group);
        wanted.extend(state.partitions_of(&self.topics));
        wanted.sort();
        wanted.dedup();
        let group = state.groups.entry(self.group.clone()).or_default();
        group.join(self.id, self.topics.clone(), &wanted);
        drop(state);
        self.broker.notify();
    }

    /// The id that the coordinator gave this member; a new one after it was removed and came back.
    pub fn member(&self) -> u64 {
        self.id
    }

    /// Whether the coordinator still counts this member in.
    pub fn is_member(&self) -> bool {
        self.broker.lock().groups.get(&self.group).is_some_and(|group| group.knows(self.id))
    }

    /// From now on dropping it leaves the group in the dark, as a process does that is killed.
    pub fn die_silently(&mut self) {
        self.leaves = false;
    }

    /// From now on reads what is not committed, too. For showing what becomes of that.
    pub fn read_uncommitted(&mut self) {
        self.isolation = Isolation::Uncommitted;
    }

    /// Joins again after having been removed, as a client does in the background: its generation is good again, and it owns nothing. The
    /// next poll tells of the loss.
    pub fn come_back(&mut self) {
        if !self.is_member() {
            self.positions.clear();
            self.paused.clear();
            self.lost.extend(std::mem::take(&mut self.held));
            self.enter();
        }
    }

    /// What there is without waiting; none when there is nothing. A member that was removed hears of its loss and comes back.
    pub fn take(&mut self, records_max: usize) -> Option<Polled> {
        self.come_back();
        if !self.lost.is_empty() {
            return Some(Polled::Lost(std::mem::take(&mut self.lost)));
        }
        let broker = self.broker.clone();
        let mut state = broker.lock();
        let group = state.groups.entry(self.group.clone()).or_default();
        let revoked = group.take_revoked(self.id);
        if !revoked.is_empty() {
            self.positions.retain(|at, _| !revoked.contains(at));
            self.held.retain(|at| !revoked.contains(at));
            self.paused.retain(|at| !revoked.contains(at));
            broker.notify();
            return Some(Polled::Revoked(revoked));
        }
        let assigned = group.take_assigned(self.id);
        if !assigned.is_empty() {
            self.held.extend(assigned.iter().cloned());
            return Some(Polled::Assigned(assigned));
        }
        let mut records = Vec::new();
        let partitions: Vec<TopicPartition> = self.positions.keys().filter(|at| !self.paused.contains(*at)).cloned().collect();
        self.turn += 1;
        for index in 0..partitions.len() {
            let at = &partitions[(index + self.turn) % partitions.len()];
            let position = self.positions.get_mut(at).expect("listed above");
            *position = state.read(at, *position, records_max - records.len(), self.isolation, &mut records);
        }
        (!records.is_empty()).then_some(Polled::Records(records))
    }

    /// What the group has committed; none while a transaction may still move one of these positions.
    pub fn stable(&self, partitions: &[TopicPartition]) -> Option<Vec<Committed>> {
        let state = self.broker.lock();
        let group = state.groups.get(&self.group);
        let is_open = |at| group.is_some_and(|group| group.pending.contains_key(at));
        if partitions.iter().any(is_open) {
            return None;
        }
        drop(state);
        Some(self.unstable(partitions))
    }

    /// What the group has committed, also while a transaction may still move it. For showing what becomes of that.
    pub fn unstable(&self, partitions: &[TopicPartition]) -> Vec<Committed> {
        let state = self.broker.lock();
        let group = state.groups.get(&self.group);
        let one = |at: &TopicPartition| {
            let committed = group.and_then(|group| group.committed.get(at));
            Committed {
                at: at.clone(),
                next: committed.map(|(next, _)| *next),
                metadata: committed.map(|(_, metadata)| metadata.clone()).unwrap_or_default(),
            }
        };
        partitions.iter().map(one).collect()
    }
}

impl Consumer for BrokerConsumer {
    fn poll(&mut self, records_max: usize, wait: Duration) -> Result<Polled, WorldError> {
        let deadline = Instant::now() + wait;
        let broker = self.broker.clone();
        loop {
            if let Some(polled) = self.take(records_max) {
                return Ok(polled);
            }
            let now = Instant::now();
            if now >= deadline {
                return Ok(Polled::Records(Vec::new()));
            }
            // What changes between the look and the wait is found a moment later.
            drop(broker.wait(broker.lock(), (deadline - now).min(Duration::from_millis(20))));
        }
    }

    fn start(&mut self, positions: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        self.positions.extend(positions.iter().cloned());
        Ok(())
    }

    fn seek(&mut self, positions: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        self.start(positions)
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), WorldError> {
        self.paused.extend(partitions.iter().cloned());
        Ok(())
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), WorldError> {
        self.paused.retain(|at| !partitions.contains(at));
        Ok(())
    }

    fn assignment(&self) -> Vec<TopicPartition> {
        self.held.iter().cloned().collect()
    }

    /// Require-stable: waits while a transaction may still move one of these positions.
    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Committed>, WorldError> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(committed) = self.stable(partitions) {
                return Ok(committed);
            }
            if Instant::now() >= deadline {
                return Err(unstable());
            }
            drop(self.broker.wait(self.broker.lock(), Duration::from_millis(20)));
        }
    }

    fn commit(&mut self, positions: &[Position]) -> Result<(), WorldError> {
        let mut state = self.broker.lock();
        if !state.takes_from(&self.group, self.id) {
            return Err(WorldError::new(Remedy::Retry, "committing positions: unknown member"));
        }
        let group = state.groups.entry(self.group.clone()).or_default();
        for position in positions {
            group
                .committed
                .insert(position.at.clone(), (position.next, position.metadata.clone()));
        }
        Ok(())
    }

    fn watermarks(&mut self, partition: &TopicPartition) -> Result<(NextOffset, NextOffset), WorldError> {
        Ok((NextOffset(0), self.broker.lock().end(partition)))
    }

    fn topic_id(&mut self, topic: &str) -> Option<Arc<str>> {
        self.broker.lock().topic_id(topic)
    }

    fn close(&mut self) {
        let mut state = self.broker.lock();
        let all = state.group_partitions(&self.group);
        if let Some(group) = state.groups.get_mut(&self.group) {
            group.leave(self.id, &all);
        }
        drop(state);
        self.broker.notify();
    }
}

/// A member that goes away without closing is what the coordinator sees after its session timed out.
impl Drop for BrokerConsumer {
    fn drop(&mut self) {
        if self.leaves {
            self.close();
        }
    }
}

/// What a member is told while a transaction holds a position that it asks for.
pub(crate) fn unstable() -> WorldError {
    WorldError::new(Remedy::Retry, "a transaction that holds these positions is still open")
}

// === impl BrokerExchange ===

impl BrokerExchange {
    /// Joins a group; with a transactional id the producer is transactional and fences an earlier one of that id.
    pub fn join(broker: &Broker, group: &str, topics: &[Arc<str>], transactional_id: Option<&str>) -> BrokerExchange {
        let producer = transactional_id.map(|id| (id.to_owned(), broker.lock().init_producer(id)));
        broker.tell_of_markers();
        BrokerExchange {
            consumer: BrokerConsumer::join(broker, group, topics),
            producer,
            added: false,
        }
    }

    fn broker(&self) -> &Broker {
        &self.consumer.broker
    }

    /// The group member of the pair.
    pub fn consumer(&mut self) -> &mut BrokerConsumer {
        &mut self.consumer
    }

    /// The group member of the pair, to look at.
    pub fn member(&self) -> &BrokerConsumer {
        &self.consumer
    }

    /// Transactional id and epoch; none without transactions.
    pub fn producer(&self) -> Option<(String, u64)> {
        self.producer.clone()
    }

    fn finish(&mut self, commit: bool) -> Result<bool, TransactionFault> {
        let (id, epoch) = self.transactional()?;
        if !self.added {
            return Ok(true);
        }
        self.broker().lock().finish(&id, epoch, commit).map_err(fault)?;
        self.broker().tell_of_markers();
        self.broker().notify();
        Ok(true)
    }

    fn transactional(&self) -> Result<(String, u64), TransactionFault> {
        self.producer.clone().ok_or_else(|| TransactionFault {
            class: FaultClass::Fatal,
            what: "this producer has no transactional id".to_owned(),
            operator: true,
        })
    }
}

impl Exchange for BrokerExchange {
    fn begin(&mut self) -> Result<(), TransactionFault> {
        self.added = false;
        self.transactional().map(drop)
    }

    fn send(&mut self, batch: Vec<Outgoing>) -> Result<Delivery, TransactionFault> {
        let mut delivery = Delivery::default();
        self.added |= !batch.is_empty();
        let mut state = self.broker().lock();
        for (index, outgoing) in batch.iter().enumerate() {
            let taken = match &self.producer {
                Some((id, epoch)) => state.write(id, *epoch, outgoing).map_err(fault)?,
                None => state.append(outgoing, Fate::Committed).is_some(),
            };
            match taken {
                true => delivery.delivered += 1,
                false => delivery
                    .refused
                    .push((index, Refusal::Other, format!("partition {} does not exist", outgoing.to))),
            }
        }
        drop(state);
        self.broker().notify();
        Ok(delivery)
    }

    fn send_offsets(&mut self, positions: &[Position]) -> Result<(), TransactionFault> {
        let (id, epoch) = self.transactional()?;
        let (group, member) = (self.consumer.group.clone(), self.consumer.id);
        self.added = true;
        self.broker()
            .lock()
            .add_offsets(&id, epoch, &group, member, positions)
            .map_err(fault)
    }

    fn commit_transaction(&mut self) -> Result<bool, TransactionFault> {
        self.finish(true)
    }

    fn abort_transaction(&mut self) -> Result<bool, TransactionFault> {
        self.finish(false)
    }

    fn renew(&mut self) -> Result<(), WorldError> {
        if let Some((id, epoch)) = &mut self.producer {
            *epoch = self.consumer.broker.lock().init_producer(id);
            self.consumer.broker.tell_of_markers();
        }
        Ok(())
    }
}

impl Consumer for BrokerExchange {
    fn poll(&mut self, records_max: usize, wait: Duration) -> Result<Polled, WorldError> {
        self.consumer.poll(records_max, wait)
    }

    fn start(&mut self, positions: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        self.consumer.start(positions)
    }

    fn seek(&mut self, positions: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        self.consumer.seek(positions)
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), WorldError> {
        self.consumer.pause(partitions)
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), WorldError> {
        self.consumer.resume(partitions)
    }

    fn assignment(&self) -> Vec<TopicPartition> {
        self.consumer.assignment()
    }

    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Committed>, WorldError> {
        self.consumer.committed(partitions)
    }

    fn commit(&mut self, positions: &[Position]) -> Result<(), WorldError> {
        self.consumer.commit(positions)
    }

    fn watermarks(&mut self, partition: &TopicPartition) -> Result<(NextOffset, NextOffset), WorldError> {
        self.consumer.watermarks(partition)
    }

    fn topic_id(&mut self, topic: &str) -> Option<Arc<str>> {
        self.consumer.topic_id(topic)
    }

    fn close(&mut self) {
        self.consumer.close();
    }
}

pub(crate) fn fault(rejected: Rejected) -> TransactionFault {
    let (class, what) = match rejected {
        Rejected::Fenced => (FaultClass::Fatal, "a newer producer with this transactional id took over"),
        Rejected::NotOpen => (FaultClass::Fatal, "no transaction is open"),
        Rejected::UnknownMember => (FaultClass::Abortable, "the group does not know this member any more"),
    };
    TransactionFault {
        class,
        what: what.to_owned(),
        operator: false,
    }
}
