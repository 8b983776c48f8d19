//! Which records were sent back or parked before, by whatever replay: read off what they became. By identity, so that a dead letter that was
//! written twice (`at_least_once`) goes back once.

use std::collections::{BTreeMap, HashSet};

use tidegate_flow::ports::{Cluster, Scan};
use tidegate_flow::record::header_text;
use tidegate_flow::{NextOffset, Origin, TopicPartition, WorldError, stamp};

use crate::ports::Watch;

/// Records that are held at once: a record may be large.
const BATCH: usize = 64;

/// Identities of dead letters' records; eight bytes and a little for each.
#[derive(Debug, Default)]
pub struct Done {
    of: BTreeMap<TopicPartition, HashSet<i64>>,
    /// How far the topics were read.
    read: BTreeMap<TopicPartition, NextOffset>,
    /// Topics whose first records are gone already: what they said is not known.
    pub gone: Vec<String>,
}

// === impl Done ===

impl Done {
    /// Whether a record went back before.
    pub fn holds(&self, origin: &Origin) -> bool {
        self.of.get(&origin.at).is_some_and(|offsets| offsets.contains(&origin.offset.0))
    }

    /// It goes back.
    pub fn add(&mut self, origin: &Origin) {
        match self.of.get_mut(&origin.at) {
            Some(offsets) => drop(offsets.insert(origin.offset.0)),
            None => drop(self.of.insert(origin.at.clone(), HashSet::from([origin.offset.0]))),
        }
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
                        of.iter().for_each(|of| self.add(of));
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
