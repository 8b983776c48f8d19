//! The document of a loss that somebody has accepted, version 1: which offsets of a partition will never be judged, or never land, why, and
//! who said so. `schemas/formats/loss.schema.json` describes it for other readers.
//!
//! It is create-only and lies beside what it is about before anything moves, so that no gap is without its reason.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::world::{Remedy, WorldError};

/// The version that this build writes, and the newest that it reads.
pub const VERSION: u32 = 1;
/// Under this name a slot without rows counts the offsets that were given up (`skips` of its claim).
pub const SKIP: &str = "accepted_loss";
/// Longest reason, in characters.
pub const REASON_MAX: usize = 500;

/// What is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lost {
    /// Offsets of a validated topic that were deleted before they were in the lake.
    Landing,
    /// Offsets of a source topic that were deleted before they were judged.
    Judging,
}

/// A loss that somebody has accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    /// Format version.
    pub version: u32,
    /// What is lost.
    pub lost: Lost,
    /// Validated topic or source topic.
    pub topic: String,
    /// Kafka's topic id, `epoch=<n>` where the broker has none, `unknown` where nobody counts epochs either.
    pub topic_id: String,
    /// Partition.
    pub partition: i32,
    /// First offset that is given up: the end of the lake, or the group's position.
    pub from: i64,
    /// Offset after the last one that is given up.
    pub to: i64,
    /// Of [`Lost::Landing`]: position in the chain of the slot that stands for the gap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Of [`Lost::Judging`]: the group whose position moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Why, in the words of whoever accepted it.
    pub reason: String,
    /// Who accepted it, as they call themselves.
    pub accepted_by: String,
    /// When, microseconds since the epoch.
    pub accepted_at_micros: i64,
    /// Version of the Tidegate that wrote this.
    pub engine: String,
}

// === impl Loss ===

impl Loss {
    /// How many offsets are given up.
    pub fn offsets(&self) -> u64 {
        u64::try_from(self.to - self.from).unwrap_or(0)
    }

    /// The same offsets of the same partition are given up, whoever says so and why.
    pub fn is_same_gap(&self, other: &Loss) -> bool {
        let of = |loss: &Loss| {
            (
                loss.lost,
                loss.topic.clone(),
                loss.topic_id.clone(),
                loss.partition,
                loss.from,
                loss.to,
            )
        };
        of(self) == of(other) && self.seq == other.seq && self.group == other.group
    }

    /// The document's bytes; the same loss has the same bytes.
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = serde_json::to_vec_pretty(self).expect("documents of strings and numbers always serialize");
        bytes.push(b'\n');
        bytes.into()
    }

    /// Reads a document found at `path`.
    pub fn parse(path: &str, bytes: &[u8]) -> Result<Loss, WorldError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let broken = |error: serde_json::Error| WorldError::caused(Remedy::Operator, format!("{path} cannot be read"), error);
        let Versioned { version } = serde_json::from_slice(bytes).map_err(broken)?;
        if version != VERSION {
            let what = format!("{path} has format version {version}, this Tidegate reads {VERSION}: run the newer one");
            return Err(WorldError::new(Remedy::Operator, what));
        }
        let loss: Loss = serde_json::from_slice(bytes).map_err(broken)?;
        let is_placed = match loss.lost {
            Lost::Landing => loss.seq.is_some() && loss.group.is_none(),
            Lost::Judging => loss.seq.is_none() && loss.group.is_some(),
        };
        match is_placed && 0 <= loss.from && loss.from < loss.to {
            true => Ok(loss),
            false => Err(WorldError::new(
                Remedy::Operator,
                format!("{path} holds an accepted loss that contradicts itself"),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANDING: &str = include_str!("../../../../schemas/formats/loss.v1.json");
    const SCHEMA: &str = include_str!("../../../../schemas/formats/loss.schema.json");

    fn judging() -> Loss {
        Loss {
            lost: Lost::Judging,
            seq: None,
            group: Some("tidegate-validator".to_owned()),
            ..Loss::parse("sample", LANDING.as_bytes()).unwrap()
        }
    }

    #[test]
    fn the_published_sample_round_trips_to_the_byte() {
        assert_eq!(Loss::parse("sample", LANDING.as_bytes()).unwrap().to_bytes(), LANDING.as_bytes());
        let judging = judging();
        assert_eq!(Loss::parse("sample", &judging.to_bytes()).unwrap(), judging);
    }

    #[test]
    fn the_schema_names_every_field_and_no_other() {
        let value = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
        let schema = value(SCHEMA.as_bytes());
        let mut fields: Vec<String> = [value(LANDING.as_bytes()), value(&judging().to_bytes())]
            .iter()
            .flat_map(|sample| sample.as_object().unwrap().keys().cloned().collect::<Vec<_>>())
            .collect();
        fields.sort();
        fields.dedup();
        let mut declared: Vec<String> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        declared.sort();
        assert_eq!(declared, fields);
        let required: Vec<&str> = schema["required"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|name| name.as_str())
            .collect();
        let mut optional: Vec<&String> = declared.iter().filter(|name| !required.contains(&name.as_str())).collect();
        optional.sort();
        assert_eq!(optional, ["group", "seq"]);
    }

    #[test]
    fn a_newer_broken_or_contradicting_document_asks_for_an_operator() {
        let changed = |from: &str, to: &str| {
            let text = LANDING.replacen(from, to, 1);
            assert_ne!(text, LANDING, "{from}");
            text
        };
        let newer = changed("\"version\": 1", "\"version\": 2");
        let error = Loss::parse("chain/x", newer.as_bytes()).unwrap_err();
        assert!(
            error.remedy == Remedy::Operator && error.what.contains("run the newer one"),
            "{error}"
        );
        for broken in [
            String::new(),
            "{}".to_owned(),
            changed("\"from\": 4200", "\"from\": 4300"),
            changed("\"from\": 4200", "\"from\": -1"),
            changed("\"landing\"", "\"judging\""),
            changed("\"reason\"", "\"because\""),
        ] {
            assert_eq!(
                Loss::parse("chain/x", broken.as_bytes()).unwrap_err().remedy,
                Remedy::Operator,
                "{broken}"
            );
        }
    }
}
