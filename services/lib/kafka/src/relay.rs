//! A transactional producer with positions of a group that nobody is a member of: a replay.

use std::sync::atomic::Ordering;
use std::time::Instant;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{Producer as _, PurgeConfig, ThreadedProducer};
use tidegate_flow::ports::{Committed, Delivery, FaultClass, Relay, TransactionFault};
use tidegate_flow::record::Outgoing;
use tidegate_flow::{NextOffset, Position, TopicPartition, WorldError};

use crate::callbacks::{ProducerCallbacks, QuestionCallbacks};
use crate::cluster::{ask, settled};
use crate::consumer::commit_list;
use crate::exchange::{Delivering, QUICK};
use crate::fault::{transaction_fault, world_error};
use crate::held::Held;
use crate::settings::Settings;
use crate::writer::{CALL_TIMEOUT, deliver, make_producer};

/// Producer and group of one piece of work. The consumer never joins: brokers take positions of a group without members from anybody, so
/// what keeps a second process out is the transactional id.
pub struct GroupRelay {
    reader: Held<BaseConsumer<QuestionCallbacks>>,
    producer: Held<ThreadedProducer<ProducerCallbacks>>,
    settings: Settings,
    group: String,
    delivering: Delivering,
    in_doubt: bool,
}

// === impl GroupRelay ===

impl GroupRelay {
    /// Opens the producer, which fences an earlier one of the same id and ends what it left open.
    pub fn open(settings: &Settings, group: &str, transactional_id: &str) -> Result<GroupRelay, WorldError> {
        let delivering = Delivering::Transactional(transactional_id.to_owned());
        let producer = make_producer(settings, &delivering)?;
        let reader: BaseConsumer<QuestionCallbacks> = settings
            .member("relay", group)
            .create_with_context(QuestionCallbacks::default())
            .map_err(|error| world_error("making a client", error))?;
        Ok(GroupRelay {
            reader: Held::new(settings, reader)?,
            producer,
            settings: settings.clone(),
            group: group.to_owned(),
            delivering,
            in_doubt: false,
        })
    }
}

impl std::fmt::Debug for GroupRelay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupRelay")
            .field("group", &self.group)
            .field("delivering", &self.delivering)
            .finish_non_exhaustive()
    }
}

impl Relay for GroupRelay {
    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Committed>, WorldError> {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for at in partitions {
            list.add_partition(&at.topic, at.partition);
        }
        let doing = format!("asking what group {} has committed", self.group);
        let answer = ask(&self.reader, &doing, |reader, patience| {
            settled(|| reader.committed_offsets(list.clone(), patience))
        })?;
        let elements = answer.elements();
        elements
            .iter()
            .map(|element| {
                element.error().map_err(|error| world_error(doing.clone(), error))?;
                let next = match element.offset() {
                    rdkafka::Offset::Offset(offset) => Some(NextOffset(offset)),
                    _ => None,
                };
                Ok(Committed {
                    at: TopicPartition::new(element.topic(), element.partition()),
                    next,
                    metadata: element.metadata().to_owned(),
                })
            })
            .collect()
    }

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
        let fault = |what: String| TransactionFault {
            class: FaultClass::Abortable,
            what,
            operator: false,
        };
        let list = commit_list(positions).map_err(|error| fault(error.to_string()))?;
        let Some(group) = self.reader.group_metadata() else {
            return Err(fault("this client has no group".to_owned()));
        };
        let begun = Instant::now();
        let sent = self.producer.send_offsets_to_transaction(&list, &group, CALL_TIMEOUT);
        self.in_doubt |= begun.elapsed() >= QUICK;
        sent.map_err(|error| transaction_fault("adding positions to the transaction", &error))
    }

    fn commit_transaction(&mut self) -> Result<bool, TransactionFault> {
        let begun = Instant::now();
        self.producer
            .commit_transaction(CALL_TIMEOUT)
            .map_err(|error| transaction_fault("committing", &error))?;
        let transport_failed = self.producer.context().transport_failed.swap(false, Ordering::AcqRel);
        Ok(begun.elapsed() < QUICK && !transport_failed && !self.in_doubt)
    }

    fn renew(&mut self) -> Result<(), WorldError> {
        self.producer.purge(PurgeConfig::default().queue().inflight());
        self.producer = make_producer(&self.settings, &self.delivering)?;
        Ok(())
    }

    fn was_taken_over(&self) -> bool {
        // A fenced producer fails its deliveries with errors of many names; the client knows.
        let fatal = self.producer.client().fatal_error().map(|(code, _)| code);
        matches!(
            fatal,
            Some(RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced | RDKafkaErrorCode::InvalidProducerEpoch)
        )
    }
}
