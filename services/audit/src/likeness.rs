//! Whether two records hold the same, by a hash.

use std::hash::{DefaultHasher, Hash, Hasher};

use tidegate_flow::{Header, Origin, Record, stamp};

/// What an outcome must have in common with its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Likeness {
    /// Key, value and the producer's headers.
    Whole,
    /// Key and value: dead letters have headers that other tools made common.
    Content,
    /// Nothing that could be compared.
    Nothing,
}

// === impl Likeness ===

impl Likeness {
    /// Of a source record, as it must arrive; on a retry topic without what we have written beside it.
    pub(crate) fn of_source(self, record: &Record, is_retry: bool) -> u64 {
        match self {
            Likeness::Whole if is_retry => hash(record, stamp::own_headers(&record.headers)),
            Likeness::Whole => hash(record, &stamp::sanitize(record.headers.clone())),
            Likeness::Content => hash(record, &[]),
            Likeness::Nothing => 0,
        }
    }

    /// Of an outcome, as it has arrived.
    pub(crate) fn of_outcome(self, record: &Record) -> u64 {
        match self {
            Likeness::Whole => hash(record, &record.headers),
            Likeness::Content => hash(record, &[]),
            Likeness::Nothing => 0,
        }
    }
}

/// Of an origin, so that sums over many tell whether two sets of pairs are equal.
pub(crate) fn origin_hash(offset: i64, origin: &Origin) -> u64 {
    let mut hasher = DefaultHasher::new();
    (offset, &*origin.at.topic, origin.at.partition, origin.offset.0).hash(&mut hasher);
    hasher.finish()
}

fn hash(record: &Record, headers: &[Header]) -> u64 {
    // `DefaultHasher::new` has fixed keys, so two hashes of one run are comparable.
    let mut hasher = DefaultHasher::new();
    (record.key.as_deref(), record.value.as_deref()).hash(&mut hasher);
    for header in headers.iter().filter(|header| !header.name.starts_with(stamp::PREFIX)) {
        (&*header.name, header.value.as_deref()).hash(&mut hasher);
    }
    hasher.finish()
}
