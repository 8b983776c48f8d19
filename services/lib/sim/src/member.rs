//! A group member on the in-memory broker, alone or with a producer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_flow::ports::{Committed, Consumer, Delivery, Exchange, FaultClass, Polled, Refusal, TransactionFault};
use tidegate_flow::record::Outgoing;
use tidegate_flow::{NextOffset, Position, Remedy, TopicPartition, WorldError};

use crate::broker::{Borrowed, Broker, Rejected};
use crate::log::Fate;

/// A consumer of a group.
#[derive(Debug)]
pub struct BrokerConsumer {
    broker: Broker,
    group: String,
    id: u64,
    positions: BTreeMap<TopicPartition, NextOffset>,
    paused: BTreeSet<TopicPartition>,
    /// Where the next poll begins to look, so that no partition starves.
    turn: usize,
}

/// A consumer with a producer.
#[derive(Debug)]
pub struct BrokerExchange {
    consumer: BrokerConsumer,
    /// Transactional id and epoch; none in at_least_once.
    producer: Option<(String, u64)>,
}

// === impl BrokerConsumer ===

impl BrokerConsumer {
    /// Joins a group.
    pub fn join(broker: &Broker, group: &str, topics: &[Arc<str>]) -> BrokerConsumer {
        let mut state = broker.lock();
        let id = state.fresh_id();
        let mut wanted = state.group_partitions(group);
        wanted.extend(state.partitions_of(topics));
        wanted.sort();
        wanted.dedup();
        state.groups.entry(group.to_owned()).or_default().join(id, topics.to_vec(), &wanted);
        drop(state);
        broker.notify();
        BrokerConsumer {
            broker: broker.clone(),
            group: group.to_owned(),
            id,
            positions: BTreeMap::new(),
            paused: BTreeSet::new(),
            turn: 0,
        }
    }
}

impl Consumer for BrokerConsumer {
    fn poll(&mut self, records_max: usize, wait: Duration) -> Result<Polled, WorldError> {
        let deadline = Instant::now() + wait;
        let broker = self.broker.clone();
        let mut state = broker.lock();
        loop {
            let group = state.groups.entry(self.group.clone()).or_default();
            let revoked = group.take_revoked(self.id);
            if !revoked.is_empty() {
                self.positions.retain(|at, _| !revoked.contains(at));
                broker.notify();
                return Ok(Polled::Revoked(revoked));
            }
            let assigned = group.take_assigned(self.id);
            if !assigned.is_empty() {
                return Ok(Polled::Assigned(assigned));
            }
            let mut records = Vec::new();
            let partitions: Vec<TopicPartition> = self.positions.keys().filter(|at| !self.paused.contains(*at)).cloned().collect();
            self.turn += 1;
            for index in 0..partitions.len() {
                let at = &partitions[(index + self.turn) % partitions.len()];
                let position = self.positions.get_mut(at).expect("listed above");
                *position = state.read(at, *position, records_max - records.len(), &mut records);
            }
            let now = Instant::now();
            if !records.is_empty() || now >= deadline {
                return Ok(Polled::Records(records));
            }
            state = broker.wait(state, deadline - now);
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
        let state = self.broker.lock();
        let member = state.groups.get(&self.group).and_then(|group| group.members.get(&self.id));
        member.map(|member| member.owned.iter().cloned().collect()).unwrap_or_default()
    }

    /// Require-stable: waits while a transaction may still move one of these positions.
    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Committed>, WorldError> {
        let broker = self.broker.clone();
        let mut state = broker.lock();
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let group = state.groups.entry(self.group.clone()).or_default();
            if partitions.iter().all(|at| !group.pending.contains_key(at)) {
                return Ok(partitions
                    .iter()
                    .map(|at| {
                        let committed = group.committed.get(at);
                        Committed {
                            at: at.clone(),
                            next: committed.map(|(next, _)| *next),
                            metadata: committed.map(|(_, metadata)| metadata.clone()).unwrap_or_default(),
                        }
                    })
                    .collect());
            }
            if Instant::now() >= deadline {
                return Err(WorldError::new(
                    Remedy::Retry,
                    "a transaction that holds these positions is still open",
                ));
            }
            state = broker.wait(state, Duration::from_millis(50));
        }
    }

    fn commit(&mut self, positions: &[Position]) -> Result<(), WorldError> {
        let mut state = self.broker.lock();
        let group = state.groups.entry(self.group.clone()).or_default();
        if !group.owns(self.id, positions.iter().map(|position| Borrowed(&position.at))) {
            return Err(WorldError::new(Remedy::Reread, "a partition of the commit is no longer owned"));
        }
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
        self.close();
    }
}

// === impl BrokerExchange ===

impl BrokerExchange {
    /// Joins a group; with a transactional id the producer is transactional and fences an earlier one of that id.
    pub fn join(broker: &Broker, group: &str, topics: &[Arc<str>], transactional_id: Option<&str>) -> BrokerExchange {
        let producer = transactional_id.map(|id| (id.to_owned(), broker.lock().init_producer(id)));
        BrokerExchange {
            consumer: BrokerConsumer::join(broker, group, topics),
            producer,
        }
    }

    fn broker(&self) -> &Broker {
        &self.consumer.broker
    }

    fn finish(&mut self, commit: bool) -> Result<bool, TransactionFault> {
        let (id, epoch) = self.transactional()?;
        self.broker().lock().finish(&id, epoch, commit).map_err(fault)?;
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
        let (id, epoch) = self.transactional()?;
        self.broker().lock().begin(&id, epoch).map_err(fault)
    }

    fn send(&mut self, batch: Vec<Outgoing>) -> Result<Delivery, TransactionFault> {
        let mut delivery = Delivery::default();
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

    fn close(&mut self) {
        self.consumer.close();
    }
}

fn fault(rejected: Rejected) -> TransactionFault {
    let (class, what) = match rejected {
        Rejected::Fenced => (FaultClass::Fatal, "a newer producer with this transactional id took over"),
        Rejected::NotOpen => (FaultClass::Fatal, "no transaction is open"),
        Rejected::NotOwned => (FaultClass::Abortable, "a partition is no longer owned by this member"),
    };
    TransactionFault {
        class,
        what: what.to_owned(),
        operator: false,
    }
}
