//! What the sink tells about itself. Labels are bounded: topics, contract ids, objects and closed lists; never event content.

use std::time::Duration;

use tidegate_flow::TopicPartition;

use crate::batch::SkipPolicy;
use crate::slot::Close;

/// How a partition stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Progress {
    /// It goes on, or waits for memory that others hold.
    Going,
    /// It waits for the outside world or for a newer snapshot, and goes on by itself.
    Waiting,
    /// It waits for somebody.
    Halted,
}

/// Receives the sink's numbers. Called from the sink's thread; must not block.
pub trait Metrics {
    /// A slot is in the lake.
    fn slot(&self, at: &TopicPartition, why: Close);
    /// A file of this validated topic is in the lake.
    fn file(&self, topic: &str, contract: &str, rows: u64, bytes: u64);
    /// Records of a committed slot that made no row.
    fn skipped(&self, topic: &str, policy: SkipPolicy, records: u64);
    /// A call to broker, store or registry failed and will be tried again.
    fn retried(&self, at: &TopicPartition);
    /// How long the oldest record has been waiting in an open slot; zero when none is open.
    fn oldest_open(&self, age: Duration);
    /// Bytes in open slots.
    fn open_bytes(&self, bytes: usize);
    /// Partitions that wait for somebody: halted, or asking for an operator.
    fn halted(&self, partitions: usize);
    /// Partitions that wait for a snapshot with the version that their next record names.
    fn waiting_for_snapshot(&self, partitions: usize);
    /// How each partition that is owned stands, told after each poll; one that is missing was given up. Does nothing unless it is implemented.
    fn standing(&self, _partitions: &mut dyn Iterator<Item = (&TopicPartition, Progress)>) {}
    /// Whether everything that is owned makes progress.
    fn ready(&self, ready: bool);
}

impl Metrics for () {
    fn slot(&self, _: &TopicPartition, _: Close) {}
    fn file(&self, _: &str, _: &str, _: u64, _: u64) {}
    fn skipped(&self, _: &str, _: SkipPolicy, _: u64) {}
    fn retried(&self, _: &TopicPartition) {}
    fn oldest_open(&self, _: Duration) {}
    fn open_bytes(&self, _: usize) {}
    fn halted(&self, _: usize) {}
    fn waiting_for_snapshot(&self, _: usize) {}
    fn ready(&self, _: bool) {}
}
