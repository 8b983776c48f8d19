//! Which dead letters were sent back or parked before, by whatever replay: read off the records that they became.

use std::collections::{BTreeMap, HashSet};

use tidegate_flow::ports::{Cluster, Scan};
use tidegate_flow::record::header_text;
use tidegate_flow::{NextOffset, TopicPartition, WorldError, stamp};

use crate::ports::Watch;

/// Records that are held at once: a record may be large.
const BATCH: usize = 64;

/// Offsets of a dead-letter topic, by partition; eight bytes and a little for each.
#[derive(Debug, Default)]
pub struct Done {
    of: BTreeMap<i32, HashSet<i64>>,
    /// How far the topics were read.
    read: BTreeMap<TopicPartition, NextOffset>,
    /// Topics whose first records are gone already: what they said is not known.
    pub gone: Vec<String>,
}

// === impl Done ===

impl Done {
    /// Whether a dead letter went back before.
    pub fn holds(&self, partition: i32, offset: i64) -> bool {
        self.of.get(&partition).is_some_and(|offsets| offsets.contains(&offset))
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.of.values().map(HashSet::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads what came to the topics that replays of these dead letters write to. It is complete only when no other replay of them can be at
    /// work any more: its transactional id must have been taken over before. False when the watch asks to stop.
    pub fn read_on(
        &mut self,
        cluster: &mut dyn Cluster,
        scan: &mut dyn Scan,
        dead_letters: &str,
        topics: &[&str],
        watch: &mut dyn Watch,
    ) -> Result<bool, WorldError> {
        for topic in topics {
            for (partition, (low, end)) in (0..).zip(cluster.offsets(topic)?) {
                let at = TopicPartition::new(*topic, partition);
                let mut next = *self.read.get(&at).unwrap_or(&NextOffset(0));
                if low > next {
                    next = low;
                    if !self.gone.iter().any(|gone| gone == topic) {
                        self.gone.push((*topic).to_owned());
                    }
                }
                loop {
                    let records = scan.scan(&at, next, end, BATCH)?;
                    let Some(last) = records.last() else { break };
                    next = last.origin.offset.next();
                    for record in &records {
                        let of = header_text(&record.headers, stamp::RETRY_OF).and_then(stamp::parse_origin);
                        if let Some(of) = of.filter(|of| *of.at.topic == *dead_letters) {
                            self.of.entry(of.at.partition).or_default().insert(of.offset.0);
                        }
                    }
                    if !watch.read(&at, next, end, records.len()) {
                        return Ok(false);
                    }
                }
                self.read.insert(at, next.max(end));
            }
        }
        Ok(true)
    }
}
