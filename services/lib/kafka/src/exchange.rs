//! A group member with a producer: what a validator owns.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::producer::{Producer as _, PurgeConfig, ThreadedProducer};
use tidegate_flow::ports::{Committed, Consumer, Delivery, Exchange, FaultClass, Polled, TransactionFault};
use tidegate_flow::record::Outgoing;
use tidegate_flow::{NextOffset, Position, TopicPartition, WorldError};

use crate::callbacks::ProducerCallbacks;
use crate::consumer::{GroupConsumer, commit_list};
use crate::fault::transaction_fault;
use crate::held::Held;
use crate::settings::Settings;
use crate::writer::{CALL_TIMEOUT, deliver, make_producer};

/// A call that took this long may have sent a request twice, of which one is still under way. Below the time that the client waits before
/// it sends anything again ([`crate::settings::RESENT_AFTER`], less a fifth): a connection that is broken by its other side is reported to nobody.
pub(crate) const QUICK: Duration = Duration::from_millis(300);

/// How outcomes are delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivering {
    /// In transactions under this id, which no other live worker may use.
    Transactional(String),
    /// Acknowledged by all in-sync replicas, idempotent, without transactions.
    Acknowledged,
}

/// [`GroupConsumer`] plus producer. The producer has its own polling thread, so delivery reports are served while this thread waits.
pub struct GroupExchange {
    consumer: GroupConsumer,
    producer: Held<ThreadedProducer<ProducerCallbacks>>,
    settings: Settings,
    delivering: Delivering,
    /// A call of the open transaction was not quick.
    in_doubt: bool,
}

// === impl GroupExchange ===

impl GroupExchange {
    /// Joins the group and makes the producer; with transactions this fences an earlier producer of the same id.
    pub fn join(
        settings: &Settings,
        role: &str,
        group: &str,
        topics: &[Arc<str>],
        delivering: Delivering,
    ) -> Result<GroupExchange, WorldError> {
        let producer = make_producer(settings, &delivering)?;
        let consumer = GroupConsumer::join(settings, role, group, topics)?;
        Ok(GroupExchange {
            consumer,
            producer,
            settings: settings.clone(),
            delivering,
            in_doubt: false,
        })
    }

    /// The definite-and-quick question of commit and abort.
    fn settle(&self, doing: &str, call: impl FnOnce() -> Result<(), KafkaError>) -> Result<bool, TransactionFault> {
        let begun = Instant::now();
        call().map_err(|error| transaction_fault(doing, &error))?;
        let transport_failed = self.producer.context().transport_failed.swap(false, Ordering::AcqRel);
        Ok(begun.elapsed() < QUICK && !transport_failed && !self.in_doubt)
    }
}

impl std::fmt::Debug for GroupExchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupExchange")
            .field("consumer", &self.consumer)
            .field("delivering", &self.delivering)
            .finish_non_exhaustive()
    }
}

impl Exchange for GroupExchange {
    fn begin(&mut self) -> Result<(), TransactionFault> {
        self.in_doubt = false;
        self.producer
            .begin_transaction()
            .map_err(|error| transaction_fault("beginning a transaction", &error))
    }

    fn send(&mut self, batch: Vec<Outgoing>) -> Result<Delivery, TransactionFault> {
        deliver(&self.producer, &batch)
    }

    fn send_offsets(&mut self, positions: &[Position]) -> Result<(), TransactionFault> {
        let list = commit_list(positions).map_err(|error| TransactionFault {
            class: FaultClass::Abortable,
            what: error.to_string(),
            operator: false,
        })?;
        let Some(group) = self.consumer.client.group_metadata() else {
            let what = "this consumer is in no group".to_owned();
            return Err(TransactionFault {
                class: FaultClass::Abortable,
                what,
                operator: true,
            });
        };
        let begun = Instant::now();
        let sent = self.producer.send_offsets_to_transaction(&list, &group, CALL_TIMEOUT);
        // A second request with these positions, arriving in the next transaction, would put them back.
        self.in_doubt |= begun.elapsed() >= QUICK;
        sent.map_err(|error| transaction_fault("adding source positions to the transaction", &error))
    }

    fn commit_transaction(&mut self) -> Result<bool, TransactionFault> {
        self.settle("committing", || self.producer.commit_transaction(CALL_TIMEOUT))
    }

    fn abort_transaction(&mut self) -> Result<bool, TransactionFault> {
        self.settle("aborting", || self.producer.abort_transaction(CALL_TIMEOUT))
    }

    fn renew(&mut self) -> Result<(), WorldError> {
        // Nothing of the old producer may leave any more.
        self.producer.purge(PurgeConfig::default().queue().inflight());
        self.producer = make_producer(&self.settings, &self.delivering)?;
        Ok(())
    }
}

impl Consumer for GroupExchange {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::RESENT_AFTER;

    #[test]
    fn what_was_sent_twice_is_never_quick() {
        assert!(QUICK < RESENT_AFTER * 4 / 5, "librdkafka waits a fifth less at the least");
    }
}
