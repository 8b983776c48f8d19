//! Claims and manifests, version 1. `schemas/formats/claim.schema.json` and `manifest.schema.json` describe them for other readers.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tidegate_flow::{Remedy, WorldError};

/// The version that this build writes, and the newest that it reads.
pub const VERSION: u32 = 1;
/// How rows become names and columns. Grows when the same records would give other names.
pub const LAYOUT: u32 = 1;

/// Says that one slot of a partition's chain is `[start, end)`, and all that its names and rows depend on. Placed once and never changed;
/// whoever loses the race for a position follows the winner's claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Format version.
    pub version: u32,
    /// Validated topic.
    pub topic: String,
    /// Kafka's topic id, or `epoch=<n>` where the broker has none.
    pub topic_id: String,
    /// Partition.
    pub partition: i32,
    /// Position in the chain, from 0.
    pub seq: u64,
    /// Next offset of the slot before. For seq 0 the partition's first offset when it was claimed.
    pub start: i64,
    /// Next offset after the last record. Offsets in between without a record are control records and aborted ones.
    pub end: i64,
    /// Offset of the first record.
    pub first_offset: i64,
    /// Offset of the last record.
    pub last_offset: i64,
    /// Records in the range, at least one.
    pub records: u64,
    /// Rows they make; `records` minus the skips.
    pub rows: u64,
    /// Records without a row, by policy.
    pub skips: BTreeMap<String, u64>,
    /// SHA-256 in hex over what every record is and what was decided about it, in offset order ([`crate::batch`] says exactly what).
    pub rows_sha256: String,
    /// Snapshot commit of the sink that claimed.
    pub snapshot: String,
    /// Version of the Tidegate that claimed.
    pub engine: String,
    /// [`LAYOUT`] of the claimer.
    pub layout: u32,
    /// Settings of the Parquet writer.
    pub writer: Writer,
    /// The claimer's clock when it opened the slot, microseconds since the epoch.
    pub now_micros: i64,
    /// Event times later than `now_micros` by more than this go to `_unknown`.
    pub future_limit_seconds: u64,
    /// Files that the slot makes; empty when every record was skipped.
    pub files: Vec<ClaimedFile>,
}

/// Settings of the Parquet writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Writer {
    /// zstd level.
    pub zstd_level: i32,
    /// Most rows of a row group.
    pub row_group_rows: usize,
}

/// A file that a claim announces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimedFile {
    /// Path below the store's root.
    pub path: String,
    /// Contract id.
    pub contract: String,
    /// Object name.
    pub object: String,
    /// Major version.
    pub major: u64,
    /// Bucket, such as `date=2026-11-21`.
    pub bucket: String,
    /// Rows.
    pub rows: u64,
}

/// Says that a slot is in the lake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format version.
    pub version: u32,
    /// The claim that it fulfils.
    pub claim: Claim,
    /// The files in the order of the claim.
    pub files: Vec<WrittenFile>,
    /// Earliest believed event time in microseconds since the epoch.
    pub min_event_time_micros: Option<i64>,
    /// Latest believed event time.
    pub max_event_time_micros: Option<i64>,
    /// Contract versions of the rows, `<id>@<version>`, sorted.
    pub contract_versions: Vec<String>,
    /// Last offset seen of every source partition up to the end of this slot; what is not past it has been here before.
    pub sources: Vec<SourceMark>,
    /// When it was committed, RFC 3339 in UTC.
    pub committed_at: String,
}

/// A file as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenFile {
    /// Path below the store's root.
    pub path: String,
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 in hex of the bytes.
    pub sha256: String,
    /// Earliest believed event time in microseconds since the epoch.
    pub min_event_time_micros: Option<i64>,
    /// Latest believed event time.
    pub max_event_time_micros: Option<i64>,
    /// Version texts of the rows, sorted.
    pub contract_versions: Vec<String>,
}

/// How far one source partition has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceMark {
    /// Topic that the validator consumed.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Last offset.
    pub last_offset: i64,
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

// === impl Claim ===

impl Claim {
    /// The document's bytes; the same claim has the same bytes.
    pub fn to_bytes(&self) -> Bytes {
        to_bytes(self)
    }

    /// Reads a claim found at `path`.
    pub fn parse(path: &str, bytes: &[u8]) -> Result<Claim, WorldError> {
        let claim: Claim = parse(path, bytes)?;
        let sound = claim.records > 0 && claim.start <= claim.first_offset && claim.first_offset <= claim.last_offset;
        match sound && claim.last_offset < claim.end {
            true => Ok(claim),
            false => Err(WorldError::new(
                Remedy::Operator,
                format!("{path} holds a claim whose offsets contradict each other"),
            )),
        }
    }

    /// Where the rows or names of two claims of one slot differ; none when finishing either gives the same lake. Who claimed, with which
    /// snapshot and engine, does not count.
    pub fn disagreement(&self, other: &Claim) -> Option<&'static str> {
        let checks = [
            (
                "topic",
                self.topic == other.topic && self.topic_id == other.topic_id && self.partition == other.partition,
            ),
            ("position", self.seq == other.seq),
            ("range", (self.start, self.end) == (other.start, other.end)),
            (
                "first and last record",
                (self.first_offset, self.last_offset) == (other.first_offset, other.last_offset),
            ),
            ("number of records", self.records == other.records),
            ("number of rows", self.rows == other.rows),
            ("skips", self.skips == other.skips),
            ("hash of the rows", self.rows_sha256 == other.rows_sha256),
            ("layout", self.layout == other.layout && self.writer == other.writer),
            (
                "clock",
                (self.now_micros, self.future_limit_seconds) == (other.now_micros, other.future_limit_seconds),
            ),
            ("files", self.files == other.files),
        ];
        checks.into_iter().find(|(_, equal)| !equal).map(|(what, _)| what)
    }
}

// === impl Manifest ===

impl Manifest {
    /// The document's bytes.
    pub fn to_bytes(&self) -> Bytes {
        to_bytes(self)
    }

    /// Reads a manifest found at `path`.
    pub fn parse(path: &str, bytes: &[u8]) -> Result<Manifest, WorldError> {
        parse(path, bytes)
    }

    /// Where two manifests of one slot differ in what is in the lake; the time of the commit does not count.
    pub fn disagreement(&self, other: &Manifest) -> Option<&'static str> {
        let checks = [
            ("files", self.files == other.files),
            ("source offsets", self.sources == other.sources),
            ("contract versions", self.contract_versions == other.contract_versions),
        ];
        self.claim
            .disagreement(&other.claim)
            .or_else(|| checks.into_iter().find(|(_, equal)| !equal).map(|(what, _)| what))
    }
}

fn to_bytes<T: Serialize>(document: &T) -> Bytes {
    let mut bytes = serde_json::to_vec_pretty(document).expect("documents of strings and numbers always serialize");
    bytes.push(b'\n');
    bytes.into()
}

fn parse<T: DeserializeOwned>(path: &str, bytes: &[u8]) -> Result<T, WorldError> {
    let broken = |error: serde_json::Error| WorldError::caused(Remedy::Operator, format!("{path} cannot be read"), error);
    let Versioned { version } = serde_json::from_slice(bytes).map_err(broken)?;
    if version != VERSION {
        let what = format!("{path} has format version {version}, this Tidegate reads {VERSION}: run the newer one");
        return Err(WorldError::new(Remedy::Operator, what));
    }
    serde_json::from_slice(bytes).map_err(broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIM: &str = include_str!("../../../schemas/formats/claim.v1.json");
    const MANIFEST: &str = include_str!("../../../schemas/formats/manifest.v1.json");

    #[test]
    fn the_published_samples_round_trip_to_the_byte() {
        assert_eq!(Claim::parse("sample", CLAIM.as_bytes()).unwrap().to_bytes(), CLAIM.as_bytes());
        assert_eq!(
            Manifest::parse("sample", MANIFEST.as_bytes()).unwrap().to_bytes(),
            MANIFEST.as_bytes()
        );
    }

    #[test]
    fn the_schemas_name_every_field_and_no_other() {
        let schema = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let claim = schema(include_str!("../../../schemas/formats/claim.schema.json"));
        let manifest = schema(include_str!("../../../schemas/formats/manifest.schema.json"));
        let (claim_sample, manifest_sample) = (schema(CLAIM), schema(MANIFEST));
        let pairs = [
            (&claim, &claim_sample),
            (&claim["$defs"]["file"], &claim_sample["files"][0]),
            (&manifest, &manifest_sample),
            (&manifest["$defs"]["file"], &manifest_sample["files"][0]),
            (&manifest["$defs"]["source"], &manifest_sample["sources"][0]),
        ];
        for (schema, sample) in pairs {
            let sample: Vec<_> = sample.as_object().unwrap().keys().cloned().collect();
            let declared: Vec<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
            let required: Vec<_> = schema["required"]
                .as_array()
                .unwrap()
                .iter()
                .map(|name| name.as_str().unwrap().to_owned())
                .collect();
            assert_eq!((&declared, &required), (&sample, &sample));
        }
    }

    #[test]
    fn a_newer_or_broken_document_asks_for_an_operator() {
        let newer = CLAIM.replacen("\"version\": 1", "\"version\": 2", 1);
        let error = Claim::parse("chain/x", newer.as_bytes()).unwrap_err();
        assert!(
            error.remedy == Remedy::Operator && error.what.contains("run the newer one"),
            "{error}"
        );
        for broken in ["", "{}", "{\"version\":1}", &CLAIM.replace("\"records\": 1000", "\"records\": 0")] {
            assert_eq!(
                Claim::parse("chain/x", broken.as_bytes()).unwrap_err().remedy,
                Remedy::Operator,
                "{broken}"
            );
        }
    }
}
