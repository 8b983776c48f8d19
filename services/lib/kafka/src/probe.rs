//! Proves what the brokers can do before anything depends on it.

use std::time::Duration;

use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};
use tidegate_flow::ports::{Cluster as _, NewTopic, Scan as _};
use tidegate_flow::{NextOffset, Remedy, TopicPartition, WorldError};

use crate::callbacks::ProducerCallbacks;
use crate::cluster::ClusterClient;
use crate::fault::{is_forbidden, world_error};
use crate::held::Held;
use crate::scan::PartitionScan;
use crate::settings::Settings;
use crate::writer::{Unopened, open_transactions};

/// Whether transactions do what `exactly_once` needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transactions {
    /// A committed record was read, an aborted one was not.
    Proved,
    /// They are not there, or they do not hold; why.
    Refuted(String),
}

/// Commits one record, aborts another, and reads the probe topic back at read_committed. An empty transaction would prove nothing,
/// since the client sends nothing for it. The topic is created when it does not exist and may be created.
pub fn probe_transactions(settings: &Settings, topic: &str, token: &str) -> Result<Transactions, WorldError> {
    let mut cluster = ClusterClient::connect(settings)?;
    let name: std::sync::Arc<str> = topic.into();
    if cluster.topics(std::slice::from_ref(&name))?.is_empty() {
        let config = vec![("retention.ms".to_owned(), "3600000".to_owned())];
        cluster.create(&[NewTopic {
            topic: topic.to_owned(),
            partitions: 1,
            config,
        }])?;
    }
    let committed = format!("committed-{token}");
    let aborted = format!("aborted-{token}");
    let from = cluster.offsets(topic)?.first().map_or(NextOffset(0), |(_, end)| *end);
    if let Err(fault) = commit_one_abort_one(settings, topic, token, &committed, &aborted) {
        return match fault.error.remedy {
            Remedy::Operator if !fault.about_us => Ok(Transactions::Refuted(fault.error.to_string())),
            _ => Err(fault.error),
        };
    }
    let (_, until) = cluster.offsets(topic)?.first().copied().unwrap_or((from, from));
    let seen = PartitionScan::connect(settings)?.scan(&TopicPartition::new(topic, 0), from, until, usize::MAX)?;
    let has = |text: &str| seen.iter().any(|record| record.value.as_deref() == Some(text.as_bytes()));
    Ok(match (has(&committed), has(&aborted)) {
        (true, false) => Transactions::Proved,
        (true, true) => Transactions::Refuted("a record of an aborted transaction was read at read_committed".to_owned()),
        (false, _) => Transactions::Refuted("a record of a committed transaction was not read back".to_owned()),
    })
}

/// Opens a transactional id and lets it go again: whether these credentials may. Nothing is written; the brokers forget the id after
/// `transactional.id.expiration.ms`. Whoever works under this very id is fenced, so it must be one that no worker has.
///
/// # Errors
///
/// [`Remedy::Operator`] when the right is missing or there are no transactions.
pub fn open_transactional_id(settings: &Settings, id: &str) -> Result<(), WorldError> {
    let producer: ThreadedProducer<ProducerCallbacks> = settings
        .producer(Some(id))
        .create_with_context(ProducerCallbacks::default())
        .map_err(|error| world_error("making a producer", error))?;
    let producer = Held::new(settings, producer)?;
    let doing = "opening a transactional id";
    open_transactions(&producer, doing).map_err(|unopened| match unopened {
        Unopened::KeptOut(error) => error,
        Unopened::Failed(error) => world_error(doing, error),
    })
}

/// What kept the probe from its end.
struct ProbeFault {
    error: WorldError,
    /// It says nothing about what the brokers can do: we are not let in, or may not.
    about_us: bool,
}

impl From<WorldError> for ProbeFault {
    fn from(error: WorldError) -> Self {
        ProbeFault { error, about_us: true }
    }
}

fn commit_one_abort_one(settings: &Settings, topic: &str, token: &str, committed: &str, aborted: &str) -> Result<(), ProbeFault> {
    let producer: ThreadedProducer<ProducerCallbacks> = settings
        .producer(Some(&format!("tidegate-probe-{token}")))
        .create_with_context(ProducerCallbacks::default())
        .map_err(|error| world_error("making the probe's producer", error))?;
    let producer = Held::new(settings, producer)?;
    let step = |doing: &'static str| {
        move |error: KafkaError| ProbeFault {
            about_us: error.rdkafka_error_code().is_some_and(is_forbidden),
            error: world_error(format!("probing transactions: {doing}"), error),
        }
    };
    let patience = Duration::from_secs(10);
    open_transactions(&producer, "probing transactions").map_err(|unopened| match unopened {
        Unopened::KeptOut(error) => ProbeFault::from(error),
        Unopened::Failed(error) => step("opening")(error),
    })?;
    for (text, commit) in [(committed, true), (aborted, false)] {
        producer.begin_transaction().map_err(step("beginning"))?;
        let record = BaseRecord::<[u8], str, usize>::with_opaque_to(topic, 0).partition(0).payload(text);
        producer.send(record).map_err(|(error, _)| step("sending")(error))?;
        producer.flush(patience).map_err(step("flushing"))?;
        match commit {
            true => producer.commit_transaction(patience).map_err(step("committing"))?,
            false => producer.abort_transaction(patience).map_err(step("aborting"))?,
        }
    }
    Ok(())
}
