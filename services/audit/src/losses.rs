//! Losses that somebody has accepted: offsets of a validated topic that were deleted before they landed, offsets of a source that were deleted
//! before they were judged. `schemas/formats/loss.schema.json` describes the documents; this reader takes nothing from the code that writes
//! them.
//!
//! A document is believed only where everything else agrees with it: the chain, by a hash; the group's position; the topic, which must not
//! hold the offsets any more; rows and outcomes, of which there must be none. One that is not believed excuses nothing.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tidegate_flow::ports::Store;
use tidegate_flow::{TopicPartition, WorldError};

use crate::manifest::Manifest;
use crate::report::Examples;
use crate::rows::Rows;

/// Documents of losses of judging; those of landing lie beside their slots. No topic has this folder: a leading `_` is encoded.
pub(crate) const FOLDER: &str = "chain/_losses/";
pub(crate) const LOSS: &str = ".loss.json";
/// Under this name a slot counts the offsets that were given up.
const SKIP: &str = "accepted_loss";
/// The newest format that is understood.
const VERSION: u32 = 1;

/// A document.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Document {
    version: u32,
    lost: String,
    pub(crate) topic: String,
    pub(crate) topic_id: String,
    pub(crate) partition: i32,
    pub(crate) from: i64,
    pub(crate) to: i64,
    seq: Option<u64>,
    reason: String,
    accepted_by: String,
    accepted_at_micros: i64,
    /// Of the bytes.
    #[serde(skip)]
    sha256: String,
    #[serde(skip)]
    path: String,
}

/// A loss that is believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedLoss {
    /// First offset that was given up.
    pub from: i64,
    /// Offset after the last one.
    pub to: i64,
    /// Offsets of them that have no outcome, or no row. How many of them were records nobody can tell.
    pub offsets: u64,
    /// Why, in the words of whoever accepted it.
    pub reason: String,
    /// Who that was, as they call themselves.
    pub accepted_by: String,
    /// When, microseconds since the epoch.
    pub accepted_at_micros: i64,
}

/// What the documents of a partition explain, and what they do not.
#[derive(Debug, Default)]
pub(crate) struct Booked {
    pub(crate) accepted: Vec<AcceptedLoss>,
    pub(crate) unfounded: Examples,
    /// Documents of losses that never took effect.
    pub(crate) idle: Vec<String>,
}

// === impl Document ===

impl Document {
    /// None when it cannot be read, or contradicts itself.
    pub(crate) fn read(path: &str, bytes: &Bytes) -> Option<Document> {
        let document: Document = serde_json::from_slice(bytes).ok()?;
        let is_whole = 0 <= document.from && document.from < document.to && !document.reason.trim().is_empty();
        (document.version <= VERSION && is_whole).then(|| Document {
            sha256: Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect(),
            path: path.to_owned(),
            ..document
        })
    }

    fn accepted(&self, offsets: u64) -> AcceptedLoss {
        AcceptedLoss {
            from: self.from,
            to: self.to,
            offsets,
            reason: self.reason.clone(),
            accepted_by: self.accepted_by.clone(),
            accepted_at_micros: self.accepted_at_micros,
        }
    }

    fn is_landing_of(&self, slot: &Manifest) -> bool {
        let claim = &slot.claim;
        let all = BTreeMap::from([(SKIP.to_owned(), claim.records)]);
        self.lost == "landing"
            && self.seq == Some(claim.seq)
            && (&self.topic, &self.topic_id, self.partition) == (&claim.topic, &claim.topic_id, claim.partition)
            && (self.from, self.to) == (claim.start, claim.end)
            && u64::try_from(self.to - self.from) == Ok(claim.records)
            && claim.rows == 0
            && claim.skips == all
            && claim.rows_sha256 == self.sha256
    }

    /// About what is judged of this partition.
    pub(crate) fn is_judging_of(&self, at: &TopicPartition, id: Option<&str>) -> bool {
        self.lost == "judging" && *self.topic == *at.topic && self.partition == at.partition && id.is_none_or(|id| *id == *self.topic_id)
    }

    fn idle(&self) -> String {
        format!(
            "{}: this loss of the offsets {} to {} was accepted and never took effect; `tidegate resume` says how it stands",
            self.path, self.from, self.to
        )
    }
}

/// Offsets that a slot has given up.
pub(crate) fn given_up(skips: &BTreeMap<String, u64>) -> u64 {
    skips.get(SKIP).copied().unwrap_or(0)
}

/// Skips by policy: an accepted loss is none.
pub(crate) fn policies(skips: &BTreeMap<String, u64>) -> impl Iterator<Item = (&String, &u64)> {
    skips.iter().filter(|(policy, _)| **policy != SKIP)
}

/// Holds the slots that give offsets up against their documents, the rows that were read, and the first offset of the topic (none where
/// nobody looks).
pub(crate) fn book_landing(slots: &[Manifest], documents: &[Document], rows: Option<&Rows>, low: Option<i64>) -> Booked {
    let mut booked = Booked::default();
    for slot in slots.iter().filter(|slot| given_up(&slot.claim.skips) > 0) {
        let claim = &slot.claim;
        let is_gone = low.is_none_or(|low| claim.end <= low);
        let has_rows = rows.is_some_and(|rows| rows.within(claim.start, claim.end) > 0);
        match documents.iter().find(|document| document.is_landing_of(slot)) {
            Some(document) if is_gone && !has_rows => booked.accepted.push(document.accepted(claim.records)),
            _ => booked.unfounded.add_many(claim.start, given_up(&claim.skips)),
        }
    }
    let is_idle = |document: &&Document| !slots.iter().any(|slot| document.is_landing_of(slot));
    booked.idle = documents.iter().filter(is_idle).map(Document::idle).collect();
    booked
}

/// Holds documents of losses of judging against the group's position, the first offset of the source and its outcomes: `outcomes` says how
/// many of the offsets have one. `may_have` is true where outcomes may leave before the position is committed.
pub(crate) fn book_judging<E>(
    documents: &[&Document],
    position: Option<i64>,
    low: i64,
    may_have: bool,
    mut outcomes: impl FnMut(i64, i64) -> Result<u64, E>,
) -> Result<Booked, E> {
    let mut booked = Booked::default();
    let mut counted = 0;
    for document in documents {
        // No offset counts twice, whatever the documents say.
        let from = document.from.max(counted);
        if position.is_none_or(|position| position < document.to) || low < document.to || from >= document.to {
            booked.idle.push(document.idle());
            continue;
        }
        counted = document.to;
        let offsets = u64::try_from(document.to - from).unwrap_or(0);
        match outcomes(from, document.to)? {
            0 => booked.accepted.push(document.accepted(offsets)),
            judged if may_have => booked.accepted.push(document.accepted(offsets.saturating_sub(judged))),
            _ => booked.unfounded.add_many(document.from, offsets),
        }
    }
    Ok(booked)
}

/// Documents of losses of judging, from the first offset on, and paths of what cannot be read.
pub(crate) fn read_judging(store: &dyn Store) -> Result<(Vec<Document>, Vec<String>), WorldError> {
    let (mut documents, mut unreadable) = (Vec::new(), Vec::new());
    for object in store.list(FOLDER)?.into_iter().filter(|object| object.path.ends_with(LOSS)) {
        let document = store.get(&object.path)?.and_then(|bytes| Document::read(&object.path, &bytes));
        match document {
            Some(document) => documents.push(document),
            None => unreadable.push(object.path),
        }
    }
    documents.sort_by_key(|document| document.from);
    Ok((documents, unreadable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_sample_is_understood() {
        let bytes = Bytes::from_static(include_bytes!("../../../schemas/formats/loss.v1.json"));
        let document = Document::read("chain/x", &bytes).unwrap();
        assert_eq!((document.from, document.to, document.seq), (4200, 4300, Some(12)));
        assert_eq!((&*document.lost, document.sha256.len()), ("landing", 64));
        let newer = String::from_utf8(bytes.to_vec())
            .unwrap()
            .replace("\"version\": 1", "\"version\": 2");
        assert!(Document::read("chain/x", &Bytes::from(newer)).is_none());
    }
}
