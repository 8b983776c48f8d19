//! Which dead letters were sent back or parked before, by whatever replay: read off what they became. By identity and content, so that a
//! dead letter that was written twice (`at_least_once`) goes back once, and one that has the place of an older one, because its source was
//! made anew, is another one.

use std::collections::{BTreeMap, HashSet};

use tidegate_flow::ports::{Cluster, Scan};
use tidegate_flow::record::header_text;
use tidegate_flow::{NextOffset, Origin, Record, TopicPartition, WorldError, stamp};

use crate::forward::RETRY_SUM;
use crate::letter::{Letter, sum_of};
use crate::ports::Watch;

/// Records that are held at once: a record may be large.
const BATCH: usize = 64;
/// Replays that are told apart by what they sent.
const REPLAYS_MAX: usize = 100_000;

/// Identities of dead letters' records; sixteen bytes and a little for each.
#[derive(Debug, Default)]
pub struct Done {
    sent: Identities,
    parked: Identities,
    /// Only what this replay sent counts.
    only: Option<String>,
    /// How far the topics were read.
    read: BTreeMap<TopicPartition, NextOffset>,
    /// Topics whose first records are gone already: what they said is not known.
    pub gone: Vec<String>,
    /// Replays whose records are there.
    pub replays: HashSet<String>,
}

/// Offsets by partition, each with the content that it had.
#[derive(Debug, Default)]
struct Identities(BTreeMap<TopicPartition, HashSet<(i64, u64)>>);

/// Where the content is not known: any.
const ANY: u64 = 0;

// === impl Done ===

impl Done {
    /// With `only`, records of other replays do not count as sent.
    pub fn of(only: Option<String>) -> Done {
        Done { only, ..Done::default() }
    }

    /// Whether a letter went back before.
    pub fn was_sent(&self, letter: &Letter<'_>) -> bool {
        self.sent.hold(letter)
    }

    /// Whether it was parked before.
    pub fn was_parked(&self, letter: &Letter<'_>) -> bool {
        self.parked.hold(letter)
    }

    /// It goes back.
    pub fn sends(&mut self, origin: &Origin, sum: u64) {
        self.sent.add(origin, sum);
    }

    /// It is parked.
    pub fn parks(&mut self, origin: &Origin, sum: u64) {
        self.parked.add(origin, sum);
    }

    /// Reads what came to the topics that replays of these dead letters write to. It is complete only when no other replay of them can be at
    /// work any more: its transactional id must have been taken over before. False when the watch asks to stop.
    pub fn read_on(
        &mut self,
        cluster: &mut dyn Cluster,
        scan: &mut dyn Scan,
        (target, parked): (&str, Option<&str>),
        watch: &mut dyn Watch,
    ) -> Result<bool, WorldError> {
        let topics = [(target, false)].into_iter().chain(parked.map(|topic| (topic, true)));
        for (topic, is_parked) in topics {
            let mut stretches = Vec::new();
            for (partition, (low, end)) in (0..).zip(cluster.offsets(topic)?) {
                let at = TopicPartition::new(topic, partition);
                let mut next = *self.read.get(&at).unwrap_or(&NextOffset(0));
                if low > next {
                    next = low;
                    self.misses(topic);
                }
                stretches.push((at, next, end));
            }
            scan.announce(&stretches);
            for (at, mut next, end) in stretches {
                loop {
                    let records = scan.scan(&at, next, end, BATCH)?;
                    let Some(last) = records.last() else { break };
                    next = last.origin.offset.next();
                    records.iter().for_each(|record| self.take(record, is_parked));
                    if !watch.read(&at, next, end, records.len()) {
                        return Ok(false);
                    }
                }
                self.read.insert(at, next.max(end));
            }
        }
        Ok(true)
    }

    /// Not all of a topic is there any more.
    pub fn misses(&mut self, topic: &str) {
        if !self.gone.iter().any(|gone| gone == topic) {
            self.gone.push(topic.to_owned());
        }
    }

    fn take(&mut self, record: &Record, is_parked: bool) {
        let Some(of) = header_text(&record.headers, stamp::RETRY_OF).and_then(stamp::parse_origin) else {
            return;
        };
        let by = header_text(&record.headers, stamp::REPLAY);
        if let Some(by) = by
            && self.replays.len() < REPLAYS_MAX
            && !self.replays.contains(by)
        {
            self.replays.insert(by.to_owned());
        }
        if is_parked {
            self.parked.add(&of, sum_sent(record));
        } else if self.only.is_none() || self.only.as_deref() == by {
            self.sent.add(&of, sum_sent(record));
        }
    }
}

/// The content that the letter of a sent or parked record had.
fn sum_sent(record: &Record) -> u64 {
    match header_text(&record.headers, RETRY_SUM) {
        Some(text) => u64::from_str_radix(text, 16).unwrap_or(ANY),
        // Written before there was such a header: what no repair changed tells it itself.
        None if header_text(&record.headers, stamp::REPAIR).is_none() => sum_of(record),
        None => ANY,
    }
}

// === impl Identities ===

impl Identities {
    fn hold(&self, letter: &Letter<'_>) -> bool {
        let (origin, sum) = (&letter.stamp.origin, letter.sum());
        self.0.get(&origin.at).is_some_and(|known| {
            let offset = origin.offset.0;
            known.contains(&(offset, sum)) || known.contains(&(offset, ANY))
        })
    }

    fn add(&mut self, origin: &Origin, sum: u64) {
        let one = (origin.offset.0, sum);
        match self.0.get_mut(&origin.at) {
            Some(known) => drop(known.insert(one)),
            None => drop(self.0.insert(origin.at.clone(), HashSet::from([one]))),
        }
    }
}
