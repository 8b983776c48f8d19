//! A replay as it is kept: what was asked for, how far it is, and what became of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::filter::Filter;

/// One replay, version 1. `schemas/formats/dead-letters.md` describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Format version.
    pub v: u32,
    /// Its name; records that it sent carry it.
    pub id: String,
    /// Source topic.
    pub source: String,
    /// Its dead letters.
    pub dead_letters: String,
    /// Where they go.
    pub target: String,
    /// Where those go that were sent back too often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked: Option<String>,
    /// Sent back this often, a dead letter is parked instead.
    pub attempts_max: u32,
    /// Consumer group that keeps its positions.
    pub group: String,
    /// Which dead letters.
    pub filter: Filter,
    /// The repair, as text, so that whoever goes on needs no file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<RepairText>,
    /// Stretches of the dead-letter topic to look at, fixed when it began: what comes later is not part of it.
    pub stretches: Vec<Stretch>,
    /// Kafka's ids of dead-letter, retry and parked topic when it began, where the brokers have any: a topic that was made anew is another one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub topic_ids: BTreeMap<String, String>,
    /// Takes dead letters that failed first although they went back before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// Sends only what would be valid.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_valid: bool,
    /// Commit of the contracts that were there when it began.
    pub snapshot: String,
    /// Who asked for it.
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it began, microseconds since the epoch.
    pub begun: i64,
    /// When this was written.
    pub at: i64,
    /// Nothing is left to do.
    pub finished: bool,
    /// What became of the dead letters so far.
    pub counts: Counts,
}

/// A repair file as it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RepairText {
    /// Name of the file.
    pub file: String,
    /// SHA-256 of the text.
    pub sha256: String,
    /// The text.
    pub text: String,
}

/// Offsets of one partition, the end not counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// Partition.
    pub partition: i32,
    /// First offset.
    pub from: i64,
    /// Behind the last one.
    pub until: i64,
}

/// What became of dead letters. Also the text beside a committed position, where it is about one partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Looked at.
    pub seen: u64,
    /// Meant by the filter.
    pub meant: u64,
    /// Sent back.
    pub sent: u64,
    /// Of those, with other bytes than before.
    pub repaired: u64,
    /// Parked.
    pub parked: u64,
    /// Had been sent back or parked by an earlier replay.
    pub before: u64,
    /// Stay where they are, for example because the repair cannot read them, their value is gone, or they are too large.
    pub stayed: u64,
    /// Offsets that retention removed before they were looked at.
    #[serde(skip_serializing_if = "is_zero")]
    pub expired: u64,
    /// Records of the dead-letter topic without our stamp, or with one that this version cannot read: they stay.
    #[serde(skip_serializing_if = "is_zero")]
    pub unreadable: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

// === impl Stretch ===

impl Stretch {
    /// Whether an offset lies in it.
    pub fn holds(&self, partition: i32, offset: i64) -> bool {
        self.partition == partition && (self.from..self.until).contains(&offset)
    }
}

// === impl Counts ===

impl Counts {
    /// Adds others.
    pub fn add(&mut self, other: &Counts) {
        self.seen += other.seen;
        self.meant += other.meant;
        self.sent += other.sent;
        self.repaired += other.repaired;
        self.parked += other.parked;
        self.before += other.before;
        self.stayed += other.stayed;
        self.expired += other.expired;
        self.unreadable += other.unreadable;
    }

    /// Reads the text beside a position; nothing for text of others.
    pub fn read(text: &str) -> Counts {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// The text beside a position.
    pub fn write(&self) -> String {
        serde_json::to_string(self).expect("plain fields always serialise")
    }
}
