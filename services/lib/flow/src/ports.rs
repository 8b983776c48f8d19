//! The seams to the outside world. Shells implement them for real servers, `sim` in memory with the same semantics.
//!
//! Calls work on batches, so a trait call is paid per batch and not per record. All of them block.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::record::{NextOffset, Outgoing, Position, Record, TopicPartition};
use crate::world::WorldError;

/// What a poll brings.
#[derive(Debug)]
pub enum Polled {
    /// Records, in offset order per partition; may be empty when nothing came in time.
    Records(Vec<Record>),
    /// The group gave us these partitions. Nothing is read from them before [`Consumer::start`].
    Assigned(Vec<TopicPartition>),
    /// The group took these back in good order; already unassigned, nothing of them comes any more.
    Revoked(Vec<TopicPartition>),
    /// Somebody else may already own these: nothing of them may be committed.
    Lost(Vec<TopicPartition>),
    /// A partition cannot be read on; the others can. The position is out of range, the topic is gone, a batch is corrupt.
    Stuck(TopicPartition, WorldError),
}

/// What a group has committed for a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Partition.
    pub at: TopicPartition,
    /// Position; none when the group never committed it.
    pub next: Option<NextOffset>,
    /// The text beside it.
    pub metadata: String,
}

/// A member of a consumer group that reads committed records only (`isolation.level=read_committed`). One thread owns it.
pub trait Consumer {
    /// Waits up to `wait` for the first thing, then takes what is there, at most `records_max` records.
    /// A rebalance cannot complete while the owner is outside of `poll`, so whatever the owner does between two polls is settled
    /// before a partition changes hands.
    fn poll(&mut self, records_max: usize, wait: Duration) -> Result<Polled, WorldError>;
    /// Begins reading newly assigned partitions at these positions.
    fn start(&mut self, positions: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError>;
    /// Reads owned partitions again from these positions; what was fetched before is dropped.
    fn seek(&mut self, positions: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError>;
    /// Stops fetching from partitions without giving them up.
    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), WorldError>;
    /// Undoes `pause`.
    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), WorldError>;
    /// Partitions owned right now; empty when the assignment is lost.
    fn assignment(&self) -> Vec<TopicPartition>;
    /// What the group has committed (waits for pending transactions: require-stable, KIP-447).
    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Committed>, WorldError>;
    /// Commits positions outside of a transaction and waits for the answer.
    fn commit(&mut self, positions: &[Position]) -> Result<(), WorldError>;
    /// First offset and end offset (last stable) of a partition.
    fn watermarks(&mut self, partition: &TopicPartition) -> Result<(NextOffset, NextOffset), WorldError>;
    /// Kafka's id of a topic right now (KIP-516); none where the brokers have none or do not tell.
    fn topic_id(&mut self, _topic: &str) -> Option<Arc<str>> {
        None
    }
    /// Leaves the group.
    fn close(&mut self);
}

/// What a failed transactional call asks of the caller, in librdkafka's order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultClass {
    /// The producer is gone: make a new one.
    Fatal,
    /// Abort, rewind, begin again.
    Abortable,
    /// Call again to resume.
    Retriable,
    /// No flag at all: abort, and if that fails make a new producer.
    Unclassified,
}

/// A failed transactional call.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct TransactionFault {
    /// What it asks.
    pub class: FaultClass,
    /// What happened, with the client's error code.
    pub what: String,
    /// The fault is about permissions or configuration: retrying spins.
    pub operator: bool,
}

/// Why one record was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Larger than the client allows, by itself.
    TooLarge,
    /// Part of a client's batch that is larger than the broker allows: alone it might pass.
    TooLargeTogether,
    /// Its topic cannot be written to: permissions, a missing topic, a policy. Somebody must mend that.
    Forbidden,
    /// Anything else: abort the batch.
    Other,
}

/// What became of a batch of sends.
#[derive(Debug, Default)]
pub struct Delivery {
    /// How many the brokers acknowledged.
    pub delivered: usize,
    /// Which were refused (index into the batch), with the reason.
    pub refused: Vec<(usize, Refusal, String)>,
}

/// A worker's pair of consumer and producer. Transactions are explicit so that the protocol over them is ours and testable.
pub trait Exchange: Consumer {
    /// Opens a transaction. Only in `exactly_once`.
    fn begin(&mut self) -> Result<(), TransactionFault>;
    /// Sends all and waits until each has its answer. Inside a transaction in `exactly_once`; acks=all and idempotent in both modes.
    fn send(&mut self, batch: Vec<Outgoing>) -> Result<Delivery, TransactionFault>;
    /// Adds source positions to the open transaction.
    fn send_offsets(&mut self, positions: &[Position]) -> Result<(), TransactionFault>;
    /// Commits. `Ok(true)` means definite and quick; `Ok(false)` means it went through, but slowly or after transport errors,
    /// so that a late duplicate of the request may still be on its way and the producer must be renewed (KIP-890 is missing in librdkafka).
    fn commit_transaction(&mut self) -> Result<bool, TransactionFault>;
    /// Aborts; same meaning of the answer.
    fn abort_transaction(&mut self) -> Result<bool, TransactionFault>;
    /// Drops the producer and makes a new one, which fences the old one's late requests.
    fn renew(&mut self) -> Result<(), WorldError>;
}

/// A transactional producer that commits positions of a group without being its member: one named piece of work, done by one process at a
/// time. Whoever opens the same name again fences it and makes the brokers end what it left open.
pub trait Relay {
    /// What the group has committed (waits for pending transactions, as [`Consumer::committed`]).
    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Committed>, WorldError>;
    /// Opens a transaction.
    fn begin(&mut self) -> Result<(), TransactionFault>;
    /// Sends all inside of the transaction and waits until each has its answer.
    fn send(&mut self, batch: Vec<Outgoing>) -> Result<Delivery, TransactionFault>;
    /// Adds positions of the group to the open transaction.
    fn send_offsets(&mut self, positions: &[Position]) -> Result<(), TransactionFault>;
    /// Commits; the answer means what that of [`Exchange::commit_transaction`] means.
    fn commit_transaction(&mut self) -> Result<bool, TransactionFault>;
    /// Drops the producer, with whatever is open, and makes a new one of the same name. Afterwards the group tells what was committed.
    fn renew(&mut self) -> Result<(), WorldError>;
    /// Whether somebody has opened the same name since: [`Relay::renew`] would take it back.
    fn was_taken_over(&self) -> bool {
        false
    }
}

/// What is known about a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicFacts {
    /// Name.
    pub topic: Arc<str>,
    /// Kafka's topic id (KIP-516) as 22 characters of URL-safe base64; none where the broker has none (Event Hubs).
    pub id: Option<Arc<str>>,
    /// Number of partitions.
    pub partitions: i32,
    /// `cleanup.policy`, where the broker tells.
    pub cleanup_policy: Option<String>,
}

/// A topic to create (demo, tests, probe).
#[derive(Debug, Clone)]
pub struct NewTopic {
    /// Name.
    pub topic: String,
    /// Partitions.
    pub partitions: i32,
    /// Configuration entries.
    pub config: Vec<(String, String)>,
}

/// Facts about the cluster.
pub trait Cluster: Send {
    /// Facts of topics; a topic that does not exist is left out.
    fn topics(&mut self, names: &[Arc<str>]) -> Result<Vec<TopicFacts>, WorldError>;
    /// First offset and end offset of every partition of a topic, at read_committed.
    fn offsets(&mut self, topic: &str) -> Result<Vec<(NextOffset, NextOffset)>, WorldError>;
    /// Creates topics; those that exist are left as they are.
    fn create(&mut self, topics: &[NewTopic]) -> Result<(), WorldError>;
}

/// Reads a topic from front to back outside of any group (audit, preview, probe).
pub trait Scan {
    /// The next records of one partition from `from`, in order; empty when `until` is reached. Control records and aborted records
    /// are passed over, as read_committed does.
    fn scan(
        &mut self,
        partition: &TopicPartition,
        from: NextOffset,
        until: NextOffset,
        records_max: usize,
    ) -> Result<Vec<Record>, WorldError>;
    /// What the next calls will ask for: partitions of one topic, each from its first offset to its bound. Changes no answer; where there
    /// is little in each, a reader may get all of it at once.
    fn announce(&mut self, _stretches: &[(TopicPartition, NextOffset, NextOffset)]) {}
}

/// What a create-only put found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Created {
    /// The object is ours.
    New,
    /// Somebody (perhaps we, before an answer was lost) put one there earlier: read it.
    Exists,
}

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectFacts {
    /// Path below the store's root.
    pub path: String,
    /// Bytes.
    pub size: u64,
}

/// The lake's object store. Paths use `/`, without a leading one. A put that fails with [`crate::Remedy::Retry`] may or may not have happened.
pub trait Store: Send + Sync {
    /// Puts only if nothing is there. A conflict without an object behind it is retried inside, never reported as `Exists`.
    fn create(&self, path: &str, bytes: Bytes) -> Result<Created, WorldError>;
    /// Puts, replacing. Readers see the old object or the new one, never a mixture.
    fn put(&self, path: &str, bytes: Bytes) -> Result<(), WorldError>;
    /// The object, if there.
    fn get(&self, path: &str) -> Result<Option<Bytes>, WorldError>;
    /// These bytes of the object, if there; cut off at its end. Stores that can read ranges should say so, for readers of single columns.
    fn get_range(&self, path: &str, range: std::ops::Range<u64>) -> Result<Option<Bytes>, WorldError> {
        Ok(self.get(path)?.map(|bytes| {
            let cut = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
            bytes.slice(cut(range.start)..cut(range.end).max(cut(range.start)))
        }))
    }
    /// Whether it is there.
    fn exists(&self, path: &str) -> Result<bool, WorldError>;
    /// Everything below a prefix (whole path segments), sorted by path.
    fn list(&self, prefix: &str) -> Result<Vec<ObjectFacts>, WorldError>;
}

/// The only clock of roles. Milliseconds and microseconds since the epoch come from the same instant.
pub trait Clock: Send + Sync {
    /// Microseconds since 1970-01-01T00:00:00Z.
    fn now_micros(&self) -> i64;
    /// Waits. A stop request may end the wait early.
    fn sleep(&self, duration: Duration);
}
