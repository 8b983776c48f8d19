//! Positions of a group without members, on the in-memory broker.

use tidegate_flow::ports::{Committed, Delivery, FaultClass, Refusal, Relay, TransactionFault};
use tidegate_flow::record::Outgoing;
use tidegate_flow::{Position, TopicPartition, WorldError};

use crate::broker::Broker;
use crate::member::{fault, unstable};

/// Producer and group of one piece of work.
#[derive(Debug)]
pub struct BrokerRelay {
    broker: Broker,
    group: String,
    id: String,
    epoch: u64,
    added: bool,
}

// === impl BrokerRelay ===

impl BrokerRelay {
    /// Opens the producer, which fences an earlier one of that id and aborts what it left open.
    pub fn open(broker: &Broker, group: &str, transactional_id: &str) -> BrokerRelay {
        let epoch = broker.lock().init_producer(transactional_id);
        broker.notify();
        BrokerRelay {
            broker: broker.clone(),
            group: group.to_owned(),
            id: transactional_id.to_owned(),
            epoch,
            added: false,
        }
    }
}

impl Relay for BrokerRelay {
    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Committed>, WorldError> {
        let state = self.broker.lock();
        let group = state.groups.get(&self.group);
        if group.is_some_and(|group| partitions.iter().any(|at| group.pending.contains_key(at))) {
            return Err(unstable());
        }
        let of = |at: &TopicPartition| {
            let committed = group.and_then(|group| group.committed.get(at)).cloned();
            Committed {
                at: at.clone(),
                next: committed.as_ref().map(|(next, _)| *next),
                metadata: committed.map_or_else(String::new, |(_, metadata)| metadata),
            }
        };
        Ok(partitions.iter().map(of).collect())
    }

    fn begin(&mut self) -> Result<(), TransactionFault> {
        self.added = false;
        Ok(())
    }

    fn send(&mut self, batch: Vec<Outgoing>) -> Result<Delivery, TransactionFault> {
        let mut delivery = Delivery::default();
        self.added |= !batch.is_empty();
        let mut state = self.broker.lock();
        for (index, outgoing) in batch.iter().enumerate() {
            match state.write(&self.id, self.epoch, outgoing).map_err(fault)? {
                true => delivery.delivered += 1,
                false => delivery
                    .refused
                    .push((index, Refusal::Other, format!("partition {} does not exist", outgoing.to))),
            }
        }
        drop(state);
        self.broker.notify();
        Ok(delivery)
    }

    fn send_offsets(&mut self, positions: &[Position]) -> Result<(), TransactionFault> {
        self.added = true;
        let mut state = self.broker.lock();
        // Brokers take positions from somebody who is no member only while the group has none.
        if state.groups.get(&self.group).is_some_and(|group| !group.members.is_empty()) {
            return Err(TransactionFault {
                class: FaultClass::Abortable,
                what: "the group has members".to_owned(),
                operator: true,
            });
        }
        state
            .add_memberless_offsets(&self.id, self.epoch, &self.group, positions)
            .map_err(fault)
    }

    fn commit_transaction(&mut self) -> Result<bool, TransactionFault> {
        if self.added {
            self.broker.lock().finish(&self.id, self.epoch, true).map_err(fault)?;
            self.broker.notify();
        }
        Ok(true)
    }

    fn renew(&mut self) -> Result<(), WorldError> {
        self.epoch = self.broker.lock().init_producer(&self.id);
        self.broker.notify();
        Ok(())
    }

    fn was_taken_over(&self) -> bool {
        self.broker.lock().is_fenced(&self.id, self.epoch)
    }
}
