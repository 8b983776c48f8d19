//! Whether newer events of the same keys were validated already: what goes back now would then come after them.

use std::collections::{HashMap, HashSet};

use sha2::{Digest as _, Sha256};
use tidegate_flow::ports::{Cluster, Scan};
use tidegate_flow::record::header_text;
use tidegate_flow::{NextOffset, Record, TopicPartition, WorldError, stamp};

use crate::letter::Letter;
use crate::ports::Watch;

/// Records that are held at once: a record may be large.
const BATCH: usize = 64;
/// Keys that are remembered.
pub const KEYS_MAX: usize = 1_000_000;

/// Keys of the dead letters that go back, each with the lowest source offset; of a key a hash, so that none holds on to what it was read
/// with.
#[derive(Debug, Default)]
pub struct Keys {
    of: HashMap<(i32, u128), i64>,
    /// Keys past [`KEYS_MAX`], about which nothing is said.
    pub beyond: u64,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Newer {
    /// Keys with a newer validated event.
    pub keys: usize,
    /// Of so many.
    pub of: usize,
    /// Places of such events in the validated topic, a few.
    pub examples: Vec<String>,
    /// Validated records that were not looked at, because there are too many.
    pub unseen: u64,
}

// === impl Keys ===

impl Keys {
    /// Remembers a letter that goes back.
    pub fn add(&mut self, letter: &Letter<'_>) {
        let Some(key) = &letter.record.key else { return };
        let Some(origin) = stamp::parse_origin(&letter.first_origin()) else {
            return;
        };
        let key = (letter.record.origin.at.partition, hashed(key));
        if self.of.len() >= KEYS_MAX && !self.of.contains_key(&key) {
            self.beyond += 1;
            return;
        }
        let lowest = self.of.entry(key).or_insert(origin.offset.0);
        *lowest = (*lowest).min(origin.offset.0);
    }

    /// Looks for newer events at the end of the validated topic, at most `look_max` offsets of each partition. None when the watch asks to
    /// stop.
    pub fn look(
        &self,
        cluster: &mut dyn Cluster,
        scan: &mut dyn Scan,
        (source, validated): (&str, &str),
        look_max: i64,
        watch: &mut dyn Watch,
    ) -> Result<Option<Newer>, WorldError> {
        let mut newer = Newer {
            of: self.of.len(),
            ..Newer::default()
        };
        let mut found: HashSet<(i32, u128)> = HashSet::new();
        let partitions: HashSet<i32> = self.of.keys().map(|(partition, _)| *partition).collect();
        let mut stretches = Vec::new();
        for (partition, (low, end)) in (0..).zip(cluster.offsets(validated)?) {
            if partitions.contains(&partition) {
                let next = NextOffset((end.0 - look_max).max(low.0));
                newer.unseen += u64::try_from(next.0 - low.0).unwrap_or(0);
                stretches.push((TopicPartition::new(validated, partition), next, end));
            }
        }
        scan.announce(&stretches);
        for (at, mut next, end) in stretches {
            let partition = at.partition;
            loop {
                let records = scan.scan(&at, next, end, BATCH)?;
                let Some(last) = records.last() else { break };
                next = last.origin.offset.next();
                for record in &records {
                    let Some(key) = &record.key else { continue };
                    let key = (partition, hashed(key));
                    let is_newer = self
                        .of
                        .get(&key)
                        .zip(source_offset(record, source))
                        .is_some_and(|(dead, valid)| valid > *dead);
                    if is_newer && found.insert(key) && newer.examples.len() < 5 {
                        newer.examples.push(stamp::origin_text(&record.origin));
                    }
                }
                if !watch.read(&at, next, end, records.len()) {
                    return Ok(None);
                }
            }
        }
        newer.keys = found.len();
        Ok(Some(newer))
    }
}

fn hashed(key: &[u8]) -> u128 {
    let mut first = [0; 16];
    first.copy_from_slice(&Sha256::digest(key)[..16]);
    u128::from_le_bytes(first)
}

/// Offset of the event in its source topic, whatever way it took.
fn source_offset(record: &Record, source: &str) -> Option<i64> {
    let first = header_text(&record.headers, stamp::FIRST_ORIGIN).or_else(|| header_text(&record.headers, stamp::ORIGIN))?;
    stamp::parse_origin(first)
        .filter(|origin| *origin.at.topic == *source)
        .map(|origin| origin.offset.0)
}
