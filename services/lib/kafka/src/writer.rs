//! Sending records and waiting until each has its answer; with or without a group around it.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header as KafkaHeader, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};
use tidegate_flow::WorldError;
use tidegate_flow::ports::{Delivery, Refusal, TransactionFault};
use tidegate_flow::record::Outgoing;

use crate::callbacks::ProducerCallbacks;
use crate::exchange::Delivering;
use crate::fault::{needs_operator, transaction_fault, world_error};
use crate::held::Held;
use crate::settings::{DELIVERY_TIMEOUT, Settings, TRANSACTION_TIMEOUT};

/// One attempt of a transactional call; the caller resumes it when it is retriable.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// How often opening a producer looks whether the brokers refuse us.
const OPENING_STEP: Duration = Duration::from_secs(1);

/// A producer without a group: what fills raw topics in demo, tests and load.
pub struct RecordWriter {
    producer: Held<ThreadedProducer<ProducerCallbacks>>,
}

// === impl RecordWriter ===

impl RecordWriter {
    /// Makes the producer; idempotent, acks=all, no transactions.
    pub fn connect(settings: &Settings) -> Result<RecordWriter, WorldError> {
        Ok(RecordWriter {
            producer: make_producer(settings, &Delivering::Acknowledged)?,
        })
    }

    /// As [`RecordWriter::connect`] without idempotence: a record may arrive twice, and several in another order. For summaries of which the
    /// reader takes the best, and which must not keep anybody waiting.
    pub fn connect_repeating(settings: &Settings) -> Result<RecordWriter, WorldError> {
        let producer: ThreadedProducer<ProducerCallbacks> = settings
            .repeating_producer()
            .create_with_context(ProducerCallbacks::default())
            .map_err(|error| world_error("making a producer", error))?;
        Ok(RecordWriter {
            producer: Held::new(settings, producer)?,
        })
    }

    /// Sends all and waits until each has its answer.
    pub fn write(&mut self, batch: &[Outgoing]) -> Result<Delivery, TransactionFault> {
        deliver(&self.producer, batch)
    }
}

impl std::fmt::Debug for RecordWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordWriter").finish_non_exhaustive()
    }
}

/// Sends all and waits until each has its answer. A record that the client refuses by itself does not fail an open transaction, so the
/// answers are counted; what follows it is not sent.
pub(crate) fn deliver(producer: &ThreadedProducer<ProducerCallbacks>, batch: &[Outgoing]) -> Result<Delivery, TransactionFault> {
    let callbacks = producer.context().clone();
    callbacks.delivered.store(0, Ordering::Release);
    callbacks.refused.lock().expect("no panic happens while it is held").clear();
    let mut delivery = Delivery::default();
    for (index, outgoing) in batch.iter().enumerate() {
        if let Err(error) = enqueue(producer, outgoing, index) {
            let refusal = match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::MessageSizeTooLarge) => Refusal::TooLarge,
                // Known to the client before anything is sent: the topic is not there, or has fewer partitions.
                Some(code) if needs_operator(code) => Refusal::Forbidden,
                _ => Refusal::Other,
            };
            delivery.refused.push((index, refusal, format!("{}: {error}", outgoing.to)));
            // What follows would leave a hole where this one is missing.
            break;
        }
    }
    producer
        .flush(DELIVERY_TIMEOUT + CALL_TIMEOUT)
        .map_err(|error| transaction_fault("waiting for the brokers to acknowledge", &error))?;
    delivery.delivered = callbacks.delivered.load(Ordering::Acquire);
    for (index, code) in callbacks.refused.lock().expect("no panic happens while it is held").drain(..) {
        let refusal = match code {
            RDKafkaErrorCode::MessageSizeTooLarge => Refusal::TooLargeTogether,
            code if needs_operator(code) => Refusal::Forbidden,
            _ => Refusal::Other,
        };
        delivery.refused.push((index, refusal, code.to_string()));
    }
    Ok(delivery)
}

pub(crate) fn make_producer(settings: &Settings, delivering: &Delivering) -> Result<Held<ThreadedProducer<ProducerCallbacks>>, WorldError> {
    let id = match delivering {
        Delivering::Transactional(id) => Some(id.as_str()),
        Delivering::Acknowledged => None,
    };
    let producer: ThreadedProducer<ProducerCallbacks> = settings
        .producer(id)
        .create_with_context(ProducerCallbacks::default())
        .map_err(|error| world_error("making a producer", error))?;
    let producer = Held::new(settings, producer)?;
    if id.is_some() {
        let doing = "opening the transactional producer";
        open_transactions(&producer, doing).map_err(|unopened| match unopened {
            Unopened::KeptOut(error) => error,
            Unopened::Failed(error) => world_error(doing, error),
        })?;
        producer.context().transport_failed.store(false, Ordering::Release);
    }
    Ok(producer)
}

/// Why a transactional producer does not open.
pub(crate) enum Unopened {
    /// The brokers do not let us in; for somebody to mend.
    KeptOut(WorldError),
    Failed(KafkaError),
}

/// Opens a transactional producer. What timed out is resumed, unless the brokers refuse us: waiting on would only hide why.
pub(crate) fn open_transactions(producer: &ThreadedProducer<ProducerCallbacks>, doing: &str) -> Result<(), Unopened> {
    let deadline = Instant::now() + TRANSACTION_TIMEOUT;
    loop {
        let error = match producer.init_transactions(OPENING_STEP) {
            Ok(()) => {
                producer.context().refusal.clear();
                return Ok(());
            }
            Err(error) => error,
        };
        if let Some(refused) = producer.context().refusal.error(doing) {
            return Err(Unopened::KeptOut(refused));
        }
        let resumes = matches!(&error, KafkaError::Transaction(inner) if inner.is_retriable());
        if !resumes || Instant::now() > deadline {
            return Err(Unopened::Failed(error));
        }
    }
}

/// Hands one record to the client; waits while its queue is full, since delivery reports make room.
fn enqueue(producer: &ThreadedProducer<ProducerCallbacks>, outgoing: &Outgoing, index: usize) -> Result<(), KafkaError> {
    let mut headers = OwnedHeaders::new_with_capacity(outgoing.headers.len());
    for header in &outgoing.headers {
        headers = headers.insert(KafkaHeader {
            key: &header.name,
            value: header.value.as_deref(),
        });
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
