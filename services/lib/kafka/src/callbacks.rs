//! librdkafka's callbacks, turned into values that the owning loop takes.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::util::Timeout;
use rdkafka::{ClientContext, Statistics};
use rdkafka::{Message as _, TopicPartitionList};
use tidegate_flow::TopicPartition;

use crate::refusal::Refusal;
use crate::stall::{Stall, StallDetector};

/// A change of what a member owns.
#[derive(Debug)]
pub(crate) enum Change {
    Assigned(Vec<TopicPartition>),
    Revoked(Vec<TopicPartition>),
    Lost(Vec<TopicPartition>),
}

/// Context of a consumer: rebalances become [`Change`]s in order.
#[derive(Debug, Default)]
pub(crate) struct ConsumerCallbacks {
    changes: Mutex<VecDeque<Change>>,
    /// The client has said that no broker is reachable, and nothing has come since.
    pub(crate) brokers_down: AtomicBool,
    pub(crate) refusal: Refusal,
    stalls: Mutex<(StallDetector, Vec<(TopicPartition, Stall)>)>,
}

/// Context of a producer: delivery reports are counted, refusals kept.
#[derive(Debug, Default)]
pub(crate) struct ProducerCallbacks {
    pub(crate) delivered: AtomicUsize,
    pub(crate) refused: Mutex<Vec<(usize, RDKafkaErrorCode)>>,
    /// A transport error was seen since this was last cleared.
    pub(crate) transport_failed: AtomicBool,
    pub(crate) refusal: Refusal,
}

/// Context of a client that asks questions.
#[derive(Debug, Default)]
pub(crate) struct QuestionCallbacks {
    pub(crate) refusal: Refusal,
}

// === impl ConsumerCallbacks ===

impl ConsumerCallbacks {
    pub(crate) fn next_change(&self) -> Option<Change> {
        self.changes.lock().expect("no panic happens while it is held").pop_front()
    }

    fn push(&self, change: Change) {
        self.changes.lock().expect("no panic happens while it is held").push_back(change);
    }
}

impl ConsumerCallbacks {
    /// Partitions that were found standing still since this was last asked.
    pub(crate) fn take_stalled(&self) -> Vec<(TopicPartition, Stall)> {
        std::mem::take(&mut self.stalls.lock().expect("no panic happens while it is held").1)
    }

    /// A partition was set to a position.
    pub(crate) fn positioned(&self, at: &TopicPartition) {
        self.stalls.lock().expect("no panic happens while it is held").0.forget(at);
    }
}

impl ClientContext for ConsumerCallbacks {
    fn stats(&self, statistics: Statistics) {
        let mut stalls = self.stalls.lock().expect("no panic happens while it is held");
        let found = stalls.0.observe(&statistics, Instant::now());
        stalls.1.extend(found);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        report("consumer", &error, reason, &self.refusal);
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.brokers_down.store(true, Ordering::Release);
        }
    }
}

impl ConsumerContext for ConsumerCallbacks {
    /// Runs on the owner's thread, inside of its poll, so no transaction can be open here: revoking is safe at once.
    /// Assigned partitions are not started yet; the owner does that with positions that it has looked up.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, err: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let partitions = partitions_of(list);
        match err {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                if partitions.is_empty() {
                    // The group waits for an answer even when nothing is given.
                    log_failure("answering an empty assignment", consumer.incremental_assign(list));
                } else {
                    self.push(Change::Assigned(partitions));
                }
            }
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => {
                let lost = consumer.assignment_lost();
                // Partitions that were given and not yet started are not part of librdkafka's assignment.
                let started = consumer.assignment().unwrap_or_default();
                let mut unassign = TopicPartitionList::new();
                for element in list.elements() {
                    if started.find_partition(element.topic(), element.partition()).is_some() {
                        unassign.add_partition(element.topic(), element.partition());
                    }
                }
                log_failure("giving up partitions", consumer.incremental_unassign(&unassign));
                self.push(if lost {
                    Change::Lost(partitions)
                } else {
                    Change::Revoked(partitions)
                });
            }
            other => tracing::error!(code = ?other, "rebalance failed; the group will try again"),
        }
    }

    fn main_queue_min_poll_interval(&self) -> Timeout {
        Timeout::After(Duration::from_millis(100))
    }
}

// === impl ProducerCallbacks ===

impl ClientContext for ProducerCallbacks {
    fn error(&self, error: KafkaError, reason: &str) {
        report("producer", &error, reason, &self.refusal);
        self.transport_failed.store(true, Ordering::Release);
    }
}

impl ProducerContext for ProducerCallbacks {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, index: usize) {
        match result {
            Ok(_) => {
                self.delivered.fetch_add(1, Ordering::Release);
            }
            Err((error, record)) => {
                let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
                // Whoever sent the batch warns once; a batch is thousands of these.
                tracing::debug!(topic = record.topic(), partition = record.partition(), %code, "a record was not delivered");
                self.refused.lock().expect("no panic happens while it is held").push((index, code));
            }
        }
    }
}

// === impl QuestionCallbacks ===

impl ClientContext for QuestionCallbacks {
    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        // Whoever asks is told by the question's own error; each attempt to connect would be a line more.
        self.refusal.note(code, reason);
        tracing::debug!(?code, reason, "trouble while asking");
    }
}

impl ConsumerContext for QuestionCallbacks {}

fn report(client: &'static str, error: &KafkaError, reason: &str, refusal: &Refusal) {
    let code = error.rdkafka_error_code();
    if refusal.note(code, reason) {
        let text = refusal.text().unwrap_or_default();
        tracing::error!(client, "{text}");
        return;
    }
    match code {
        Some(RDKafkaErrorCode::AllBrokersDown) => {
            tracing::warn!(client, reason, "no broker reachable; trying again by itself, nothing is lost");
        }
        _ => tracing::warn!(client, ?code, reason, "connection trouble"),
    }
}

fn log_failure(doing: &'static str, result: Result<(), KafkaError>) {
    if let Err(error) = result {
        tracing::error!(%error, "{doing} failed");
    }
}

pub(crate) fn partitions_of(list: &TopicPartitionList) -> Vec<TopicPartition> {
    list.elements()
        .iter()
        .map(|element| TopicPartition::new(element.topic(), element.partition()))
        .collect()
}
