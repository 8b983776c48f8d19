//! The state topic: one partition, compacted. Folds, what people say about groups, and replays, each under a key of its own.

use std::collections::BTreeMap;

use bytes::Bytes;
use tidegate_flow::ports::Scan;
use tidegate_flow::record::Outgoing;
use tidegate_flow::{NextOffset, Record, TopicPartition, WorldError};

use crate::fold::Fold;
use crate::job::Job;
use crate::mark::Mark;

/// Records that are read at once.
const BATCH: usize = 500;
/// A fold whose text is longer is not kept; the default limit of a record is 1 MiB.
pub const FOLD_BYTES_MAX: usize = 900_000;

/// What the state topic says.
#[derive(Debug, Default)]
pub struct Board {
    /// By dead-letter topic and partition: of each the one that has seen most.
    pub folds: BTreeMap<(String, i32), Fold>,
    /// By fingerprint: of each the newest.
    pub marks: BTreeMap<String, Mark>,
    /// By id: of each the newest.
    pub jobs: BTreeMap<String, Job>,
    /// Records that this version cannot read.
    pub unreadable: u64,
}

// === impl Board ===

impl Board {
    /// Reads the topic from `low` to `end`. It is compacted, so it holds a few records for each partition, group and replay, and what was not
    /// compacted yet.
    pub fn read(scan: &mut dyn Scan, topic: &str, (low, end): (NextOffset, NextOffset)) -> Result<Board, WorldError> {
        let at = TopicPartition::new(topic, 0);
        let (mut board, mut next) = (Board::default(), low);
        loop {
            let records = scan.scan(&at, next, end, BATCH)?;
            let Some(last) = records.last() else { return Ok(board) };
            next = last.origin.offset.next();
            records.iter().for_each(|record| board.take(record));
        }
    }

    /// Takes one record in.
    pub fn take(&mut self, record: &Record) {
        let key = record
            .key
            .as_deref()
            .and_then(|key| std::str::from_utf8(key).ok())
            .unwrap_or_default();
        let value = record.value.as_deref();
        let is_read = match key.split_once('/') {
            Some(("fold", _)) => value.and_then(parse::<Fold>).map(|fold| {
                let known = self
                    .folds
                    .entry((fold.topic.clone(), fold.partition))
                    .or_insert_with(|| fold.clone());
                // Whoever reads slowly may write late. A topic that was made anew starts over.
                if known.topic_id != fold.topic_id || fold.next >= known.next {
                    *known = fold;
                }
            }),
            Some(("group", fingerprint)) => match value {
                None => {
                    self.marks.remove(fingerprint);
                    Some(())
                }
                Some(value) => parse::<Mark>(value).map(|mark| drop(self.marks.insert(mark.fingerprint.clone(), mark))),
            },
            Some(("replay", _)) => value.and_then(parse::<Job>).map(|job| drop(self.jobs.insert(job.id.clone(), job))),
            _ => None,
        };
        self.unreadable += u64::from(is_read.is_none());
    }
}

fn parse<T: serde::de::DeserializeOwned>(value: &[u8]) -> Option<T> {
    #[derive(serde::Deserialize)]
    struct Version {
        v: u32,
    }
    let version: Version = serde_json::from_slice(value).ok()?;
    (version.v == 1).then(|| serde_json::from_slice(value).ok())?
}

/// The record that keeps a fold; none where it is too large to be kept.
pub fn fold_record(state_topic: &str, fold: &Fold) -> Option<Outgoing> {
    let text = serde_json::to_string(fold).expect("plain fields always serialise");
    (text.len() <= FOLD_BYTES_MAX).then(|| record(state_topic, format!("fold/{}/{}", fold.topic, fold.partition), text))
}

/// The record that keeps what was said.
pub fn mark_record(state_topic: &str, mark: &Mark) -> Outgoing {
    let text = serde_json::to_string(mark).expect("plain fields always serialise");
    record(state_topic, format!("group/{}", mark.fingerprint), text)
}

/// The record that keeps a replay.
pub fn job_record(state_topic: &str, job: &Job) -> Outgoing {
    let text = serde_json::to_string(job).expect("plain fields always serialise");
    record(state_topic, format!("replay/{}", job.id), text)
}

fn record(topic: &str, key: String, text: String) -> Outgoing {
    Outgoing {
        to: TopicPartition::new(topic, 0),
        timestamp: None,
        key: Some(Bytes::from(key)),
        value: Some(Bytes::from(text)),
        headers: Vec::new(),
    }
}
