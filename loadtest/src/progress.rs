//! How far a group has come on the source topic.

use std::collections::HashMap;

use anyhow::Context as _;
use tidegate_flow::ports::Cluster as _;
use tidegate_kafka::{ClusterClient, Settings};

/// Partitions whose end is not committed yet.
#[derive(Debug)]
pub(crate) struct Progress {
    records: u64,
    /// Partition to the position that must be committed.
    open: HashMap<i32, i64>,
}

// === impl Progress ===

impl Progress {
    /// The way from the front of the topic to where it ends now.
    pub(crate) fn over(settings: &Settings, topic: &str) -> anyhow::Result<Progress> {
        let offsets = ClusterClient::connect(settings)?.offsets(topic)?;
        let ends: Vec<(i64, i64)> = offsets.iter().map(|(low, end)| (low.0, end.0)).collect();
        Progress::between(&ends).with_context(|| format!("topic {topic} holds no records: fill it first"))
    }

    fn between(partitions: &[(i64, i64)]) -> Option<Progress> {
        let mut progress = Progress {
            records: 0,
            open: HashMap::new(),
        };
        for (partition, (low, end)) in (0..).zip(partitions) {
            if low < end {
                progress.records += (end - low).unsigned_abs();
                progress.open.insert(partition, *end);
            }
        }
        (progress.records > 0).then_some(progress)
    }

    /// Records on the way.
    pub(crate) fn records(&self) -> u64 {
        self.records
    }

    /// A position was committed.
    pub(crate) fn committed(&mut self, partition: i32, next: i64) {
        if self.open.get(&partition).is_some_and(|end| next >= *end) {
            self.open.remove(&partition);
        }
    }

    /// Whether every end is committed.
    pub(crate) fn is_done(&self) -> bool {
        self.open.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_done_when_every_partition_with_records_is_committed_to_its_end() {
        assert!(Progress::between(&[(5, 5)]).is_none());
        let mut progress = Progress::between(&[(0, 10), (3, 3), (2, 4)]).unwrap();
        assert_eq!(progress.records(), 12);
        progress.committed(0, 9);
        progress.committed(2, 4);
        assert!(!progress.is_done());
        progress.committed(0, 10);
        assert!(progress.is_done());
    }
}
