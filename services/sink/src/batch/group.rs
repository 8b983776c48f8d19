//! Rows of one contract object, and how they part into the files of a slot.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate_columnar::arrow::array::UInt32Array;
use tidegate_columnar::arrow::compute::take_record_batch;
use tidegate_columnar::arrow::record_batch::RecordBatch;
use tidegate_columnar::{Admitted, RowBuilder};
use tidegate_flow::{Remedy, WorldError};

use crate::path::UNKNOWN_BUCKET;
use crate::rulings::Bound;

/// Rows of one object and major share columns; they part into buckets when the slot closes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct GroupKey {
    pub(super) contract: Arc<str>,
    pub(super) object: Arc<str>,
    pub(super) major: u64,
}

/// Rows on their way into columns.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) builder: RowBuilder,
    admitted: Vec<(Arc<str>, Admitted)>,
    /// Bucket of each row, as an index into `buckets`.
    bucket_of: Vec<u32>,
    pub(super) buckets: Vec<BucketFacts>,
}

/// What becomes one file.
#[derive(Debug)]
pub(super) struct BucketFacts {
    pub(super) name: String,
    pub(super) rows: u64,
    times: Times,
    versions: BTreeSet<Arc<str>>,
}

/// Earliest and latest believed event time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// Microseconds since the epoch.
    pub min: Option<i64>,
    /// Microseconds since the epoch.
    pub max: Option<i64>,
}

/// Rows of one file.
#[derive(Debug)]
pub struct ClosedFile {
    batch: Arc<RecordBatch>,
    /// Which rows of the batch; none means all.
    rows: Option<UInt32Array>,
    /// Event times.
    pub times: Times,
    /// Version texts, sorted.
    pub versions: Vec<String>,
}

// === impl Group ===

impl Group {
    pub(super) fn new(cdc: bool) -> Self {
        Group {
            builder: RowBuilder::new(cdc),
            admitted: Vec::new(),
            bucket_of: Vec::new(),
            buckets: Vec::new(),
        }
    }

    /// The columns of a version; an error says why it has none.
    pub(super) fn admit(&mut self, bound: &Bound) -> Result<Admitted, WorldError> {
        if let Some((_, admitted)) = self.admitted.iter().find(|(version, _)| *version == bound.contract.version) {
            return Ok(*admitted);
        }
        let admitted = self
            .builder
            .admit(&bound.nodes)
            .map_err(|error| WorldError::caused(Remedy::Operator, format!("{} has no place in the lake", bound.contract), error))?;
        self.admitted.push((bound.contract.version.clone(), admitted));
        Ok(admitted)
    }

    /// Puts the row that was just committed into its bucket: an index into `buckets`, or a new one of that name.
    pub(super) fn count(&mut self, place: Option<usize>, name: &str, event_time: Option<i64>, version: &Arc<str>) {
        let index = place.unwrap_or_else(|| {
            let facts = BucketFacts {
                name: name.to_owned(),
                rows: 0,
                times: Times::default(),
                versions: BTreeSet::new(),
            };
            self.buckets.push(facts);
            self.buckets.len() - 1
        });
        let facts = &mut self.buckets[index];
        facts.rows += 1;
        if name != UNKNOWN_BUCKET {
            facts.times.add(event_time);
        }
        if !facts.versions.contains(version) {
            facts.versions.insert(version.clone());
        }
        self.bucket_of.push(u32::try_from(index).expect("fewer buckets than buckets_max"));
    }

    /// The rows of each bucket, by bucket name.
    pub(super) fn part(self) -> Vec<(BucketFacts, ClosedFile)> {
        let batch = Arc::new(self.builder.finish());
        let single = self.buckets.len() == 1;
        let mut rows_of: Vec<Vec<u32>> = vec![Vec::new(); self.buckets.len()];
        if !single {
            for (row, bucket) in (0_u32..).zip(&self.bucket_of) {
                rows_of[*bucket as usize].push(row);
            }
        }
        let mut parts: Vec<_> = self
            .buckets
            .into_iter()
            .zip(rows_of)
            .map(|(facts, rows)| {
                let rows = (!single).then(|| UInt32Array::from(rows));
                let versions = facts.versions.iter().map(|version| version.to_string()).collect();
                let file = ClosedFile {
                    batch: batch.clone(),
                    rows,
                    times: facts.times,
                    versions,
                };
                (facts, file)
            })
            .collect();
        parts.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        parts
    }
}

// === impl ClosedFile ===

impl ClosedFile {
    /// The rows, in offset order. Copies them when the slot has several buckets, so take one file at a time.
    pub fn batch(&self) -> RecordBatch {
        match &self.rows {
            None => (*self.batch).clone(),
            Some(rows) => take_record_batch(&self.batch, rows).expect("row numbers come from the same batch"),
        }
    }
}

// === impl Times ===

impl Times {
    pub(super) fn add(&mut self, time: Option<i64>) {
        self.min = self.min.into_iter().chain(time).min();
        self.max = self.max.into_iter().chain(time).max();
    }
}
