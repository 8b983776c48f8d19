//! A group member with a producer: what a validator owns.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header as KafkaHeader, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};
use tidegate_flow::ports::{Committed, Consumer, Delivery, Exchange, FaultClass, Polled, Refusal, TransactionFault};
use tidegate_flow::record::Outgoing;
use tidegate_flow::{NextOffset, Position, TopicPartition, WorldError};

use crate::callbacks::ProducerCallbacks;
use crate::consumer::{GroupConsumer, commit_list};
use crate::fault::{transaction_fault, world_error};
use crate::settings::{DELIVERY_TIMEOUT, Settings, TRANSACTION_TIMEOUT};

/// One attempt of a transactional call; the caller resumes it when it is retriable.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// A commit or abort slower than this may leave a duplicate of its request under way.
const QUICK: Duration = Duration::from_secs(1);

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
    producer: ThreadedProducer<ProducerCallbacks>,
    settings: Settings,
    delivering: Delivering,
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
        Ok(GroupExchange { consumer, producer, settings: settings.clone(), delivering })
    }

    /// The definite-and-quick question of commit and abort.
    fn settle(&self, doing: &str, call: impl FnOnce() -> Result<(), KafkaError>) -> Result<bool, TransactionFault> {
        let begun = Instant::now();
        call().map_err(|error| transaction_fault(doing, &error))?;
        let transport_failed = self.producer.context().transport_failed.swap(false, Ordering::AcqRel);
        Ok(begun.elapsed() < QUICK && !transport_failed)
    }
}

impl std::fmt::Debug for GroupExchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupExchange").field("consumer", &self.consumer).field("delivering", &self.delivering).finish_non_exhaustive()
    }
}

impl Exchange for GroupExchange {
    fn begin(&mut self) -> Result<(), TransactionFault> {
        self.producer.begin_transaction().map_err(|error| transaction_fault("beginning a transaction", &error))
    }

    fn send(&mut self, batch: Vec<Outgoing>) -> Result<Delivery, TransactionFault> {
        let callbacks = self.producer.context().clone();
        callbacks.delivered.store(0, Ordering::Release);
        callbacks.refused.lock().expect("no panic happens while it is held").clear();
        let mut delivery = Delivery::default();
        for (index, outgoing) in batch.iter().enumerate() {
            if let Err(error) = enqueue(&self.producer, outgoing, index) {
                let refusal = match error.rdkafka_error_code() {
                    Some(RDKafkaErrorCode::MessageSizeTooLarge) => Refusal::TooLarge,
                    _ => Refusal::Other,
                };
                delivery.refused.push((index, refusal, error.to_string()));
            }
        }
        self.producer
            .flush(DELIVERY_TIMEOUT + CALL_TIMEOUT)
            .map_err(|error| transaction_fault("waiting for the brokers to acknowledge", &error))?;
        delivery.delivered = callbacks.delivered.load(Ordering::Acquire);
        for (index, code) in callbacks.refused.lock().expect("no panic happens while it is held").drain(..) {
            let refusal = if code == RDKafkaErrorCode::MessageSizeTooLarge { Refusal::TooLarge } else { Refusal::Other };
            delivery.refused.push((index, refusal, code.to_string()));
        }
        Ok(delivery)
    }

    fn send_offsets(&mut self, positions: &[Position]) -> Result<(), TransactionFault> {
        let list = commit_list(positions).map_err(|error| TransactionFault {
            class: FaultClass::Abortable,
            what: error.to_string(),
            operator: false,
        })?;
        let Some(group) = self.consumer.client.group_metadata() else {
            let what = "this consumer is in no group".to_owned();
            return Err(TransactionFault { class: FaultClass::Abortable, what, operator: true });
        };
        self.producer
            .send_offsets_to_transaction(&list, &group, CALL_TIMEOUT)
            .map_err(|error| transaction_fault("adding source positions to the transaction", &error))
    }

    fn commit_transaction(&mut self) -> Result<bool, TransactionFault> {
        self.settle("committing", || self.producer.commit_transaction(CALL_TIMEOUT))
    }

    fn abort_transaction(&mut self) -> Result<bool, TransactionFault> {
        self.settle("aborting", || self.producer.abort_transaction(CALL_TIMEOUT))
    }

    fn renew(&mut self) -> Result<(), WorldError> {
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

    fn close(&mut self) {
        self.consumer.close();
    }
}

fn make_producer(settings: &Settings, delivering: &Delivering) -> Result<ThreadedProducer<ProducerCallbacks>, WorldError> {
    let id = match delivering {
        Delivering::Transactional(id) => Some(id.as_str()),
        Delivering::Acknowledged => None,
    };
    let producer: ThreadedProducer<ProducerCallbacks> = settings
        .producer(id)
        .create_with_context(ProducerCallbacks::default())
        .map_err(|error| world_error("making a producer", error))?;
    if id.is_some() {
        producer.init_transactions(TRANSACTION_TIMEOUT).map_err(|error| world_error("opening the transactional producer", error))?;
        producer.context().transport_failed.store(false, Ordering::Release);
    }
    Ok(producer)
}

/// Hands one record to the client; waits while its queue is full, since delivery reports make room.
fn enqueue(producer: &ThreadedProducer<ProducerCallbacks>, outgoing: &Outgoing, index: usize) -> Result<(), KafkaError> {
    let mut headers = OwnedHeaders::new_with_capacity(outgoing.headers.len());
    for header in &outgoing.headers {
        headers = headers.insert(KafkaHeader { key: &header.name, value: header.value.as_deref() });
    }
    let mut record = BaseRecord::<[u8], [u8], usize>::with_opaque_to(&outgoing.to.topic, index).partition(outgoing.to.partition);
    record = record.headers(headers);
    if let Some(timestamp) = outgoing.timestamp {
        record = record.timestamp(timestamp);
    }
    if let Some(key) = outgoing.key.as_deref() {
        record = record.key(key);
    }
    if let Some(value) = outgoing.value.as_deref() {
        record = record.payload(value);
    }
    let deadline = Instant::now() + DELIVERY_TIMEOUT;
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((error, returned)) => {
                if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) || Instant::now() > deadline {
                    return Err(error);
                }
                producer.poll(Duration::from_millis(5));
                record = returned;
            }
        }
    }
}
