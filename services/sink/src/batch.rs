//! Records to rows: one open slot of one partition. Decides about every record and does no I/O of its own.
//!
//! `rows_sha256` of a claim is SHA-256 over, for each record in offset order: its offset (8 bytes, little-endian); its timestamp (likewise,
//! preceded by 1, or a single 0); then, each preceded by its length as 8 bytes little-endian: origin text, contract text, snapshot commit,
//! decision (the bucket, or `skip:<policy>`), key, value. Null keys and values are the length 2^64 - 1 and no bytes.
//! So a finisher that reads other bytes or decides otherwise finds out before it writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tidegate_check::verdict::Op;
use tidegate_check::{Input, Reason, SchemaNeed, Verdict};
use tidegate_columnar::RowMeta;
use tidegate_contract::ContractRef;
use tidegate_flow::record::header_text;
use tidegate_flow::stamp::{self, Stamp};
use tidegate_flow::{NextOffset, Record, WorldError};

use crate::chain::{ChainName, Sources};
use crate::document::{Claim, ClaimedFile, LAYOUT, SourceMark, VERSION, Writer};
use crate::path::{bucket, hex};
use crate::rulings::{Bound, Rulings};
use crate::slot::Fill;

mod group;

pub use group::{ClosedFile, Times};
use group::{Group, GroupKey};

/// Why a validated record makes no row. Counted in the manifest, so that lake rows = records minus skips.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SkipPolicy {
    /// Only a proposed contract judged it (`tidegate.enforced=false`).
    Shadow,
    /// Debezium's tombstone behind a delete; the delete is the row.
    TombstoneAfterDelete,
    /// The same source record again, as at_least_once delivers after a crash.
    Duplicate,
}

/// What became of a record that was offered to a slot.
#[derive(Debug, Clone, PartialEq)]
pub enum Taken {
    /// It is a row.
    Row,
    /// It is counted.
    Skipped(SkipPolicy),
    /// It would need one file too many: close the slot and offer it again.
    Full,
    /// Not taken; the slot is as it was.
    Held(Held),
}

/// Why a record cannot be taken now.
#[derive(Debug, Clone, PartialEq)]
pub enum Held {
    /// A schema must be fetched first.
    Schema(SchemaNeed),
    /// The registry does not know a schema that it must have known when the record was validated.
    SchemaGone,
    /// The snapshot does not hold the version that the stamp names.
    Version(ContractRef),
    /// Something that must never be: somebody else writes to the topic, or we are wrong. The sentence says what.
    Broken(String),
}

/// The records of a slot that is open.
#[derive(Debug)]
pub struct Gather {
    start: NextOffset,
    /// The clock when it opened; microseconds since the epoch.
    now: i64,
    future_limit_seconds: u64,
    first: Option<i64>,
    last: i64,
    records: u64,
    rows: u64,
    skips: BTreeMap<SkipPolicy, u64>,
    hash: Sha256,
    sources: Sources,
    groups: BTreeMap<GroupKey, Group>,
    files: usize,
}

/// A slot that takes no more records: its claim, and the rows of its files.
#[derive(Debug)]
pub struct Closed {
    /// The claim that it makes.
    pub claim: Claim,
    /// Files in the order of the claim.
    pub files: Vec<ClosedFile>,
    /// Source offsets after it.
    pub sources: Sources,
    /// Skips by policy.
    pub skips: BTreeMap<SkipPolicy, u64>,
}

/// What a closing slot is told.
#[derive(Debug, Clone, Copy)]
pub struct Closing<'a> {
    /// Chain.
    pub name: &'a ChainName,
    /// Position in it.
    pub seq: u64,
    /// Current snapshot commit.
    pub snapshot: &'a str,
    /// Parquet settings.
    pub writer: Writer,
}

// === impl SkipPolicy ===

impl SkipPolicy {
    /// Every policy.
    pub const ALL: [SkipPolicy; 3] = [SkipPolicy::Shadow, SkipPolicy::TombstoneAfterDelete, SkipPolicy::Duplicate];

    /// Snake-case name, as manifests hold it.
    pub const fn as_str(self) -> &'static str {
        match self {
            SkipPolicy::Shadow => "shadow",
            SkipPolicy::TombstoneAfterDelete => "tombstone_after_delete",
            SkipPolicy::Duplicate => "duplicate",
        }
    }
}

// === impl Gather ===

impl Gather {
    /// An empty slot from `start`. `now` is the clock that decides which event times are believed.
    pub fn open(start: NextOffset, sources: Sources, now: i64, future_limit_seconds: u64) -> Self {
        Gather {
            start,
            now,
            future_limit_seconds,
            first: None,
            last: -1,
            records: 0,
            rows: 0,
            skips: BTreeMap::new(),
            hash: Sha256::new(),
            sources,
            groups: BTreeMap::new(),
            files: 0,
        }
    }

    /// An empty slot for the records of a claim, with the claimer's clock.
    pub fn following(claim: &Claim, sources: Sources) -> Self {
        Gather::open(NextOffset(claim.start), sources, claim.now_micros, claim.future_limit_seconds)
    }

    /// No records yet.
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// What it holds.
    pub fn fill(&self) -> Fill {
        let bytes = self.groups.values().map(|group| group.builder.bytes_estimate()).sum();
        Fill {
            records: self.records,
            bytes,
            opened_at: self.now,
        }
    }

    /// Offers the next record. An error is about the world (a contract that has no place in the lake); the slot is then as it was.
    pub fn take(&mut self, record: &Record, rulings: &mut dyn Rulings, buckets_max: usize) -> Result<Taken, WorldError> {
        let Some(stamp) = stamp::read(&record.headers) else {
            let what = format!(
                "{} offset {} carries no stamp of Tidegate: only the validator may write to this topic",
                record.origin.at, record.origin.offset.0
            );
            return Ok(Taken::Held(Held::Broken(what)));
        };
        let Some(contract) = stamp.contract.clone() else {
            let what = format!(
                "{} offset {} is stamped without a contract version",
                record.origin.at, record.origin.offset.0
            );
            return Ok(Taken::Held(Held::Broken(what)));
        };
        let source = (stamp.origin.at.topic.clone(), stamp.origin.at.partition);
        // Per source partition the validator writes in order, so whatever is not past the last one has been here.
        if self.sources.get(&source).is_some_and(|&last| stamp.origin.offset.0 <= last) {
            return Ok(self.skip(record, &stamp, &contract, SkipPolicy::Duplicate));
        }
        if !stamp.enforced {
            return Ok(self.skip(record, &stamp, &contract, SkipPolicy::Shadow));
        }
        let Some(bound) = rulings.bind(&source.0, &contract, stamp.object.as_deref())? else {
            return Ok(Taken::Held(Held::Version(contract)));
        };
        self.judge(record, &stamp, &bound, rulings, buckets_max)
    }

    fn judge(
        &mut self,
        record: &Record,
        stamp: &Stamp,
        bound: &Bound,
        rulings: &mut dyn Rulings,
        buckets_max: usize,
    ) -> Result<Taken, WorldError> {
        let key = GroupKey {
            contract: bound.contract.id.clone(),
            object: bound.object.clone(),
            major: bound.major,
        };
        let group = self.groups.entry(key).or_insert_with(|| Group::new(bound.cdc));
        let admitted = group.admit(bound)?;
        group.builder.begin_row(admitted);
        let headers: Vec<_> = record
            .headers
            .iter()
            .map(|header| (&*header.name, header.value.as_deref()))
            .collect();
        let timestamp = timestamp_millis(record);
        let now = timestamp.and_then(|millis| millis.checked_mul(1_000)).unwrap_or(self.now);
        let input = Input {
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &headers,
            now,
        };
        let verdict = rulings.judge(bound, &stamp.origin.at.topic, &input, &mut group.builder);
        let facts = match verdict {
            Verdict::Valid { facts, .. } => facts,
            other => {
                group.builder.discard_row();
                return Ok(Taken::Held(held(other, record, bound)));
            }
        };
        if bound.tombstones_repeat && facts.op == Some(Op::Tombstone) {
            group.builder.discard_row();
            return Ok(self.skip(record, stamp, &bound.contract, SkipPolicy::TombstoneAfterDelete));
        }
        // What a tombstone deletes has no event time of its own; that of the record would put it in a bucket that a reader of the row misses.
        let event_time = if bound.event_time {
            facts.event_time
        } else {
            timestamp.and_then(|millis| millis.checked_mul(1_000))
        };
        let latest = latest(self.now, self.future_limit_seconds);
        let name = bucket(event_time, latest, bound.bucket);
        let place = group.buckets.iter().position(|facts| facts.name == name);
        if place.is_none() && self.files >= buckets_max.max(1) {
            group.builder.discard_row();
            return Ok(Taken::Full);
        }
        let meta = row_meta(record, stamp, &bound.contract, timestamp);
        if let Err(fault) = group.builder.commit_row(&meta, &facts) {
            let what = format!(
                "{} offset {} by {}: {fault}",
                record.origin.at, record.origin.offset.0, bound.contract
            );
            return Ok(Taken::Held(Held::Broken(what)));
        }
        if place.is_none() {
            self.files += 1;
        }
        group.count(place, &name, event_time, &bound.contract.version);
        self.rows += 1;
        self.note(record, stamp, &bound.contract, &name);
        Ok(Taken::Row)
    }

    fn skip(&mut self, record: &Record, stamp: &Stamp, contract: &ContractRef, policy: SkipPolicy) -> Taken {
        *self.skips.entry(policy).or_default() += 1;
        self.note(record, stamp, contract, &format!("skip:{}", policy.as_str()));
        Taken::Skipped(policy)
    }

    /// Counts a record that is in, and adds it to the hash.
    fn note(&mut self, record: &Record, stamp: &Stamp, contract: &ContractRef, decision: &str) {
        let offset = record.origin.offset.0;
        self.records += 1;
        self.first.get_or_insert(offset);
        self.last = offset;
        let source = (stamp.origin.at.topic.clone(), stamp.origin.at.partition);
        let mark = self.sources.entry(source).or_insert(stamp.origin.offset.0);
        *mark = (*mark).max(stamp.origin.offset.0);
        self.hash.update(offset.to_le_bytes());
        match record.timestamp {
            Some(millis) => {
                self.hash.update([1]);
                self.hash.update(millis.to_le_bytes());
            }
            None => self.hash.update([0]),
        }
        let origin = stamp::origin_text(&stamp.origin);
        let contract = contract.to_string();
        for text in [&*origin, &*contract, &*stamp.commit, decision] {
            frame(&mut self.hash, Some(text.as_bytes()));
        }
        frame(&mut self.hash, record.key.as_deref());
        frame(&mut self.hash, record.value.as_deref());
    }

    /// Ends the slot after its last record. It must not be empty.
    pub fn close(self, closing: Closing<'_>) -> Closed {
        let first = self.first.expect("only slots with records are closed");
        let mut claimed = Vec::with_capacity(self.files);
        let mut files = Vec::with_capacity(self.files);
        for (key, group) in self.groups {
            for (bucket, file) in group.part() {
                claimed.push(ClaimedFile {
                    path: closing
                        .name
                        .file_path(&key.contract, &key.object, key.major, &bucket.name, self.start.0),
                    contract: key.contract.to_string(),
                    object: key.object.to_string(),
                    major: key.major,
                    bucket: bucket.name,
                    rows: bucket.rows,
                });
                files.push(file);
            }
        }
        let claim = Claim {
            version: VERSION,
            topic: closing.name.topic.to_string(),
            topic_id: closing.name.topic_id.to_string(),
            partition: closing.name.partition,
            seq: closing.seq,
            start: self.start.0,
            end: self.last + 1,
            first_offset: first,
            last_offset: self.last,
            records: self.records,
            rows: self.rows,
            skips: self
                .skips
                .iter()
                .map(|(policy, count)| (policy.as_str().to_owned(), *count))
                .collect(),
            rows_sha256: hex(&self.hash.finalize()),
            snapshot: closing.snapshot.to_owned(),
            engine: tidegate_check::ENGINE_VERSION.to_owned(),
            layout: LAYOUT,
            writer: closing.writer,
            now_micros: self.now,
            future_limit_seconds: self.future_limit_seconds,
            files: claimed,
        };
        Closed {
            claim,
            files,
            sources: self.sources,
            skips: self.skips,
        }
    }
}

// === impl Closed ===

impl Closed {
    /// Source offsets as a manifest holds them.
    pub fn source_marks(&self) -> Vec<SourceMark> {
        let mark = |((topic, partition), last): (&(Arc<str>, i32), &i64)| SourceMark {
            topic: topic.to_string(),
            partition: *partition,
            last_offset: *last,
        };
        self.sources.iter().map(mark).collect()
    }

    /// Event times of all files.
    pub fn times(&self) -> Times {
        let mut times = Times::default();
        for file in &self.files {
            times.add(file.times.min);
            times.add(file.times.max);
        }
        times
    }
}

/// Why a validated record did not judge valid again. Kinds of reasons and rule ids only.
fn held(verdict: Verdict, record: &Record, bound: &Bound) -> Held {
    let at = format!("{} offset {}", record.origin.at, record.origin.offset.0);
    match verdict {
        Verdict::Need(need) => Held::Schema(need),
        Verdict::Invalid { violations, .. } if violations.iter().any(|violation| violation.reason == Reason::RegistrySchemaUnknown) => {
            Held::SchemaGone
        }
        Verdict::Invalid { violations, .. } => {
            let clause = violations
                .first()
                .map_or_else(String::new, |first| format!(" ({}, rule {})", first.reason.as_str(), first.rule));
            Held::Broken(format!("{at} was validated by {} and breaks it now{clause}", bound.contract))
        }
        Verdict::Skipped(skip) => Held::Broken(format!(
            "{at} was validated by {} and is skipped now ({})",
            bound.contract,
            skip.as_str()
        )),
        Verdict::Valid { .. } => unreachable!("valid records are rows"),
    }
}

/// Kafka's clients replace a timestamp of 0 by now; the validator keeps it in a header.
fn timestamp_millis(record: &Record) -> Option<i64> {
    header_text(&record.headers, stamp::TIMESTAMP)
        .and_then(|text| text.parse().ok())
        .or(record.timestamp)
}

fn latest(now: i64, future_limit_seconds: u64) -> i64 {
    let limit = i64::try_from(future_limit_seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    now.saturating_add(limit)
}

fn row_meta<'a>(record: &'a Record, stamp: &'a Stamp, contract: &'a ContractRef, timestamp_millis: Option<i64>) -> RowMeta<'a> {
    RowMeta {
        source_topic: &stamp.origin.at.topic,
        source_partition: stamp.origin.at.partition,
        source_offset: stamp.origin.offset.0,
        topic: &record.origin.at.topic,
        partition: record.origin.at.partition,
        offset: record.origin.offset.0,
        timestamp_millis,
        contract_version: &contract.version,
        snapshot: &stamp.commit,
    }
}

fn frame(hash: &mut Sha256, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            hash.update(u64::try_from(bytes.len()).expect("a length fits 64 bits").to_le_bytes());
            hash.update(bytes);
        }
        None => hash.update(u64::MAX.to_le_bytes()),
    }
}
