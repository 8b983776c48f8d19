//! Records of a topic, partition after partition.

use std::collections::VecDeque;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tidegate_flow::ports::{Cluster as _, Scan};
use tidegate_flow::{NextOffset, TopicPartition, WorldError};
use tidegate_kafka::{ClusterClient, PartitionScan, offsets_at};
use tidegate_preview::{Chunk, Feed};

use super::args::duration;
use super::input::Range;
use crate::config::Config;

/// Records that are asked for at once, and how many bytes they should be.
const RECORDS: u64 = 256;
const BYTES: usize = 4 << 20;

/// Which records of a topic, where the input names no offsets.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    /// The newest so many offsets, shared out over the partitions.
    pub(crate) last: Option<u64>,
    /// A time, or so long ago.
    pub(crate) since: Option<String>,
    /// The same where nothing is said.
    pub(crate) events_max: u64,
    /// Microseconds since the epoch; what rules see, too.
    pub(crate) now: i64,
}

/// Reads ranges of partitions.
pub(crate) struct TopicFeed {
    scan: Box<dyn Scan>,
    left: VecDeque<(TopicPartition, NextOffset, NextOffset)>,
    now: i64,
    dead_letters: bool,
    /// Bytes of a record, as the last ones were.
    size: usize,
}

// === impl TopicFeed ===

impl TopicFeed {
    pub(crate) fn open(config: &Config, range: &Range, window: &Window, dead_letters: bool) -> anyhow::Result<TopicFeed> {
        config.require_brokers()?;
        let mut cluster = ClusterClient::connect(&config.kafka)?;
        let topic: Arc<str> = range.topic.as_str().into();
        if cluster.topics(std::slice::from_ref(&topic))?.is_empty() {
            bail!("{}: there is no topic {topic}", range.text);
        }
        let bounds = cluster.offsets(&topic)?;
        let partitions: Vec<TopicPartition> = (0..i32::try_from(bounds.len())?)
            .map(|partition| TopicPartition::new(topic.clone(), partition))
            .collect();
        if let Some(partition) = range
            .partition
            .filter(|partition| usize::try_from(*partition).is_ok_and(|at| at >= bounds.len()))
        {
            bail!(
                "{}: topic {topic} has {} partitions, there is no {partition}",
                range.text,
                bounds.len()
            );
        }
        let starts = match since(window)?.filter(|_| !range.names_offsets()) {
            Some(millis) => Some(offsets_at(&config.kafka, &partitions, millis)?),
            None => None,
        };
        let asked = partitions.len().min(range.partition.map_or(usize::MAX, |_| 1)).max(1) as u64;
        let last = match window.last {
            Some(last) => last.div_ceil(asked),
            // Never more than will be read, or what nobody asked for would count as cut.
            None => (window.events_max / asked).max(1),
        };
        let mut left = VecDeque::new();
        for (at, (low, high)) in partitions.into_iter().zip(bounds) {
            if range.partition.is_some_and(|wanted| wanted != at.partition) {
                continue;
            }
            let (from, until) = if range.names_offsets() {
                let (from, until) = (range.from.unwrap_or(low.0), range.until.unwrap_or(high.0));
                (from.clamp(low.0, high.0), until.clamp(low.0, high.0))
            } else if let Some(starts) = &starts {
                let start = starts.iter().find(|(place, _)| *place == at).and_then(|(_, start)| *start);
                // Nothing of that time or later: nothing to read.
                (start.unwrap_or(high).0, high.0)
            } else {
                (high.0.saturating_sub_unsigned(last).max(low.0), high.0)
            };
            left.push_back((at, NextOffset(from), NextOffset(until)));
        }
        Ok(TopicFeed {
            scan: Box::new(PartitionScan::connect(&config.kafka)?),
            left,
            now: window.now,
            dead_letters,
            size: BYTES / 16,
        })
    }
}

impl Feed for TopicFeed {
    fn next(&mut self, events_max: u64) -> Result<Option<Chunk>, WorldError> {
        while let Some((at, from, until)) = self.left.front_mut() {
            let room = (BYTES / self.size.max(1)) as u64;
            let count = events_max.min(RECORDS).min(room).max(1);
            let records = self.scan.scan(at, *from, *until, usize::try_from(count).unwrap_or(1))?;
            let Some(last) = records.last() else {
                self.left.pop_front();
                continue;
            };
            *from = last.origin.offset.next();
            let bytes: usize = records
                .iter()
                .map(|record| record.value.as_ref().map_or(0, |value| value.len()))
                .sum();
            self.size = bytes / records.len() + 100;
            let now = self.now;
            return Ok(Some(match self.dead_letters {
                true => Chunk::DeadLetters { records, now },
                false => Chunk::Records { records, now },
            }));
        }
        Ok(None)
    }
}

/// Milliseconds since the epoch.
fn since(window: &Window) -> anyhow::Result<Option<i64>> {
    let Some(text) = &window.since else { return Ok(None) };
    if let Ok(ago) = duration(text) {
        let now = window.now / 1_000;
        return Ok(Some(now - i64::try_from(ago.as_millis())?));
    }
    let at: jiff::Timestamp = text
        .parse()
        .with_context(|| format!("--since: `{text}` is neither an RFC 3339 time nor a duration such as 24h"))?;
    Ok(Some(at.as_millisecond()))
}
