//! Counts records and proves that they are the ones that were sent.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::AddAssign;

use anyhow::ensure;
use tidegate_flow::ports::{Cluster as _, Scan as _};
use tidegate_flow::{NextOffset, TopicPartition};
use tidegate_kafka::{ClusterClient, PartitionScan, Settings};

/// Records that a scan holds in memory at once.
const SCAN_RECORDS: usize = 10_000;

/// A set of records: how many, and a sum over partition, time, key and value of each that does not depend on their order.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) records: u64,
    digest: u64,
}

// === impl Tally ===

impl Tally {
    /// Adds one record.
    pub(crate) fn add(&mut self, partition: i32, timestamp: Option<i64>, key: Option<&[u8]>, value: Option<&[u8]>) {
        let mut hasher = DefaultHasher::new();
        (partition, timestamp, key, value).hash(&mut hasher);
        self.records += 1;
        self.digest = self.digest.wrapping_add(hasher.finish());
    }

    /// Reads the committed records of a whole topic.
    pub(crate) fn of_topic(settings: &Settings, topic: &str) -> anyhow::Result<Tally> {
        let mut tally = Tally::default();
        let mut scan = PartitionScan::connect(settings)?;
        for (partition, (low, end)) in (0..).zip(ClusterClient::connect(settings)?.offsets(topic)?) {
            let at = TopicPartition::new(topic, partition);
            let mut from = low;
            loop {
                let records = scan.scan(&at, from, end, SCAN_RECORDS)?;
                let Some(last) = records.last() else { break };
                from = last.origin.offset.next();
                for record in &records {
                    tally.add(partition, record.timestamp, record.key.as_deref(), record.value.as_deref());
                }
            }
            ensure!(from <= NextOffset(end.0), "{at}: records after the end that the broker told");
        }
        Ok(tally)
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.records += other.records;
        self.digest = self.digest.wrapping_add(other.digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_matter_and_everything_else_does() {
        type Parts<'a> = (i32, Option<&'a [u8]>, Option<&'a [u8]>);
        let tally = |records: &[Parts<'_>]| {
            let mut tally = Tally::default();
            records
                .iter()
                .for_each(|(partition, key, value)| tally.add(*partition, Some(1), *key, *value));
            tally
        };
        let (a, b): (&[u8], &[u8]) = (b"a", b"b");
        let both = tally(&[(0, None, Some(a)), (1, Some(a), Some(b))]);
        assert_eq!(both, tally(&[(1, Some(a), Some(b)), (0, None, Some(a))]));
        let mut parts = tally(&[(0, None, Some(a))]);
        parts += tally(&[(1, Some(a), Some(b))]);
        assert_eq!(both, parts);
        for other in [
            tally(&[(0, None, Some(a)), (1, Some(a), Some(a))]),
            tally(&[(1, None, Some(a)), (1, Some(a), Some(b))]),
            tally(&[(0, None, None), (1, Some(a), Some(b))]),
            tally(&[(0, None, Some(a)), (0, None, Some(a))]),
        ] {
            assert_ne!(both, other);
        }
    }
}
