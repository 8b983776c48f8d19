//! The dead letters of one partition, summed up by group. A fold says which offsets it has seen, so that the next look adds only what came
//! since; it holds no values of events.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use tidegate_contract::ContractRef;
use tidegate_flow::record::header_text;
use tidegate_flow::{NextOffset, Record, TopicPartition};

use crate::letter::{Class, Letter};
use crate::mask;

/// Groups that one fold tells apart; what comes after them is counted together. Bounds memory and the record that keeps the fold.
pub const GROUPS_MAX: usize = 400;
/// Offsets kept as samples of a group: the newest.
pub const SAMPLES_MAX: usize = 5;
/// Hours that a group keeps a count for.
const HOURS_MAX: usize = 24;
/// Producers that a group tells apart.
const PRODUCERS_MAX: usize = 8;
/// Classes that are remembered by their headers.
const MEMO_MAX: usize = 10_000;
/// Headers that may name the producer, in this order.
const PRODUCER_HEADERS: [&str; 3] = ["producer", "ce_source", "x-producer"];
/// Microseconds of an hour.
const HOUR: i64 = 3_600_000_000;

/// One partition of a dead-letter topic, version 1. `schemas/formats/dead-letters.md` describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fold {
    /// Format version.
    pub v: u32,
    /// Dead-letter topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Kafka's id of the topic, where there is one: offsets of a topic that was made anew mean nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic_id: Option<String>,
    /// First offset that was seen.
    pub from: i64,
    /// Every offset below was seen.
    pub next: i64,
    /// Records without our stamp.
    #[serde(default)]
    pub unreadable: u64,
    /// Dead letters of groups past [`GROUPS_MAX`].
    #[serde(default)]
    pub others: u64,
    /// The highest offset of those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others_last: Option<i64>,
    /// Dead letters of groups that made room for others after retention had removed them all.
    #[serde(default)]
    pub gone: u64,
    /// Offsets that retention removed before they were seen.
    #[serde(default)]
    pub skipped: i64,
    /// First offset that was there at the last look.
    #[serde(skip)]
    pub low: i64,
    /// By fingerprint.
    pub groups: BTreeMap<String, Group>,
}

/// One group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// What its dead letters have in common.
    #[serde(flatten)]
    pub class: Class,
    /// How many.
    pub count: u64,
    /// How many of them had been sent back before.
    #[serde(default)]
    pub again: u64,
    /// When the first failed, microseconds since the epoch.
    pub first_at: i64,
    /// And the last.
    pub last_at: i64,
    /// The newest contract version that refused one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Newest places, `<dead-letter topic>:<partition>:<offset>`, by time.
    pub samples: Vec<String>,
    /// The highest offset in each partition, by `<dead-letter topic>:<partition>`.
    pub last: BTreeMap<String, i64>,
    /// Counts by hour since the epoch, the newest.
    pub hours: BTreeMap<i64, u64>,
    /// Counts by what the producer calls itself; `…` for those past the bound, `-` where no header says.
    pub producers: BTreeMap<String, u64>,
    /// The last one, without values.
    pub example: String,
}

/// Remembers the groups of letters that look alike, so that their lists of violations are read once.
#[derive(Debug, Default)]
pub struct Memo {
    known: HashMap<Vec<u8>, (String, Class)>,
    bytes: Vec<u8>,
}

/// Whether a contract has a field of that name: topic, contract, name.
pub type HasField<'a> = &'a dyn Fn(&str, Option<&ContractRef>, &str) -> bool;

// === impl Fold ===

impl Fold {
    /// Nothing seen, from `from` on.
    pub fn new(at: &TopicPartition, topic_id: Option<&str>, from: NextOffset) -> Fold {
        Fold {
            v: 1,
            topic: at.topic.to_string(),
            partition: at.partition,
            topic_id: topic_id.map(str::to_owned),
            from: from.0,
            next: from.0,
            unreadable: 0,
            others: 0,
            others_last: None,
            gone: 0,
            skipped: 0,
            low: from.0,
            groups: BTreeMap::new(),
        }
    }

    /// Whether it is about this partition as it is now.
    pub fn is_of(&self, at: &TopicPartition, topic_id: Option<&str>, end: NextOffset) -> bool {
        self.v == 1
            && self.topic == *at.topic
            && self.partition == at.partition
            && self.topic_id.as_deref() == topic_id
            && self.next <= end.0
    }

    /// Counts one record of the partition. What was seen before is passed over.
    pub fn add(&mut self, record: &Record, memo: &mut Memo, has_field: HasField<'_>) {
        let offset = record.origin.offset.0;
        if offset < self.next {
            return;
        }
        self.next = offset + 1;
        let Some(letter) = Letter::read(record) else {
            self.unreadable += 1;
            return;
        };
        let (fingerprint, class) = memo.group(&letter);
        if !self.groups.contains_key(fingerprint) {
            if self.groups.len() >= GROUPS_MAX && !self.make_room() {
                self.others += 1;
                self.others_last = Some(offset);
                return;
            }
            self.groups.insert(fingerprint.clone(), Group::new(class.clone(), &letter));
        }
        let group = self.groups.get_mut(fingerprint).expect("it was put there");
        group.add(&letter, has_field);
    }
}

impl Fold {
    /// Whether dead letters of groups that are not told apart are still there.
    pub fn holds_others(&self) -> bool {
        // A fold of before this was noted does not say.
        self.others > 0 && self.others_last.is_none_or(|last| last >= self.low)
    }

    /// Drops the group that came last the longest ago, of those whose dead letters are all gone.
    fn make_room(&mut self) -> bool {
        let low = self.low;
        let is_gone = |(_, group): &(&String, &Group)| group.last.values().all(|last| *last < low);
        let oldest = self.groups.iter().filter(is_gone).min_by_key(|(_, group)| group.last_at);
        let Some(fingerprint) = oldest.map(|(fingerprint, _)| fingerprint.clone()) else {
            return false;
        };
        self.gone += self.groups.remove(&fingerprint).map_or(0, |group| group.count);
        true
    }
}

// === impl Memo ===

impl Memo {
    /// Fingerprint and class of a letter.
    pub fn group(&mut self, letter: &Letter<'_>) -> &(String, Class) {
        letter.class_bytes(&mut self.bytes);
        if !self.known.contains_key(&self.bytes) {
            if self.known.len() >= MEMO_MAX {
                self.known.clear();
            }
            let class = letter.class();
            self.known.insert(self.bytes.clone(), (class.fingerprint(), class));
        }
        &self.known[&self.bytes]
    }
}

// === impl Group ===

impl Group {
    fn new(class: Class, letter: &Letter<'_>) -> Group {
        Group {
            class,
            count: 0,
            again: 0,
            first_at: letter.failed_at,
            last_at: letter.failed_at,
            version: None,
            samples: Vec::new(),
            last: BTreeMap::new(),
            hours: BTreeMap::new(),
            producers: BTreeMap::new(),
            example: String::new(),
        }
    }

    fn add(&mut self, letter: &Letter<'_>, has_field: HasField<'_>) {
        let record = letter.record;
        // Exact examples cost a walk; the first ones and then every power of two keep it fresh enough.
        if self.count.is_power_of_two() || self.count == 0 {
            let topic = &letter.stamp.origin.at.topic;
            let contract = letter.stamp.contract.as_ref();
            self.example = match letter.is_reference() {
                true => "value left at its origin".to_owned(),
                false => mask::shape(record.value.as_deref(), &|name| has_field(topic, contract, name)),
            };
        }
        self.count += 1;
        self.again += u64::from(letter.attempts > 0);
        self.first_at = self.first_at.min(letter.failed_at);
        self.last_at = self.last_at.max(letter.failed_at);
        if let Some(contract) = &letter.stamp.contract
            && self.version.as_deref() != Some(&*contract.version)
        {
            self.version = Some(contract.version.to_string());
        }
        if self.samples.len() >= SAMPLES_MAX {
            self.samples.remove(0);
        }
        self.samples.push(letter.place());
        let at = &record.origin.at;
        match self.last.get_mut(&*partition_text(at)) {
            Some(last) => *last = record.origin.offset.0,
            None => drop(self.last.insert(partition_text(at), record.origin.offset.0)),
        }
        *self.hours.entry(letter.failed_at.div_euclid(HOUR)).or_default() += 1;
        while self.hours.len() > HOURS_MAX {
            self.hours.pop_first();
        }
        self.count_producer(letter);
    }

    fn count_producer(&mut self, letter: &Letter<'_>) {
        let named = PRODUCER_HEADERS.iter().find_map(|name| header_text(letter.own_headers(), name));
        let name = named.map_or("-", producer_name);
        match self.producers.get_mut(name) {
            Some(count) => *count += 1,
            None => {
                let name = if self.producers.len() < PRODUCERS_MAX { name } else { "…" };
                *self.producers.entry(name.to_owned()).or_default() += 1;
            }
        }
    }

    /// Adds the same group of another partition.
    pub fn merge(&mut self, other: &Group) {
        if other.last_at > self.last_at {
            self.example.clone_from(&other.example);
            self.version.clone_from(&other.version);
            self.samples = other.samples.iter().chain(&self.samples).take(SAMPLES_MAX).cloned().collect();
        } else {
            let room = SAMPLES_MAX.saturating_sub(self.samples.len());
            self.samples.extend(other.samples.iter().take(room).cloned());
        }
        self.count += other.count;
        self.again += other.again;
        self.first_at = self.first_at.min(other.first_at);
        self.last_at = self.last_at.max(other.last_at);
        self.last.extend(other.last.iter().map(|(at, offset)| (at.clone(), *offset)));
        for (hour, count) in &other.hours {
            *self.hours.entry(*hour).or_default() += count;
        }
        for (name, count) in &other.producers {
            *self.producers.entry(name.clone()).or_default() += count;
        }
    }

    /// Dead letters of the hour before `now` (microseconds since the epoch), by whole hours: what this hour has, and the share of the last
    /// one that lies in it.
    pub fn rate(&self, now: i64) -> f64 {
        let hour = now.div_euclid(HOUR);
        let share = 1.0 - now.rem_euclid(HOUR) as f64 / HOUR as f64;
        let of = |hour: i64| self.hours.get(&hour).copied().unwrap_or(0) as f64;
        of(hour) + of(hour - 1) * share
    }

    /// What most of them come from.
    pub fn producer(&self) -> Option<(&str, u64)> {
        self.producers
            .iter()
            .max_by_key(|(_, count)| **count)
            .map(|(name, count)| (name.as_str(), *count))
    }
}

/// `<topic>:<partition>`.
pub fn partition_text(at: &TopicPartition) -> String {
    format!("{}:{}", at.topic, at.partition)
}

/// Names of producers are names; what does not look like one is not shown.
fn producer_name(text: &str) -> &str {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    match text.len() <= 80 && !text.is_empty() && text.chars().all(is_name) {
        true => text,
        false => "(unnamed)",
    }
}

/// The groups of several partitions together.
pub fn merged<'f>(folds: impl IntoIterator<Item = &'f Fold>) -> BTreeMap<String, Group> {
    let mut all: BTreeMap<String, Group> = BTreeMap::new();
    for fold in folds {
        for (fingerprint, group) in &fold.groups {
            match all.get_mut(fingerprint) {
                Some(known) => known.merge(group),
                None => drop(all.insert(fingerprint.clone(), group.clone())),
            }
        }
    }
    all
}

#[cfg(test)]
mod tests;
