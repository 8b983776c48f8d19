//! Which records a Parquet file of the lake holds: the columns that an audit needs, and no others.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int32Type, Int64Type};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::schema::fixed;

/// The identity of one row, as its `_tidegate_*` columns tell it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// Topic that the validator consumed.
    pub source_topic: Arc<str>,
    /// Its partition.
    pub source_partition: i32,
    /// Its offset.
    pub source_offset: i64,
    /// Validated topic.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Version text of the contract.
    pub contract_version: Arc<str>,
    /// Snapshot commit.
    pub snapshot: Arc<str>,
}

const COLUMNS: [&str; 8] = [
    fixed::SOURCE_TOPIC,
    fixed::SOURCE_PARTITION,
    fixed::SOURCE_OFFSET,
    fixed::TOPIC,
    fixed::PARTITION,
    fixed::OFFSET,
    fixed::CONTRACT_VERSION,
    fixed::SNAPSHOT,
];

/// The identities of a file's rows, in file order. An error says why the bytes are not a file of the lake.
pub fn read_identities(bytes: Bytes) -> Result<Vec<Identity>, String> {
    let mut identities = Vec::new();
    each_identity(bytes, &mut |identity| identities.push(identity.clone()))?;
    Ok(identities)
}

/// As [`read_identities`], a thousand or so at a time: a file's rows are never in memory together. How many there were; some may have been
/// handed out before an error.
pub fn each_identity(bytes: Bytes, each: &mut dyn FnMut(&Identity)) -> Result<u64, String> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|error| format!("not a parquet file: {error}"))?;
    let declared = builder.metadata().file_metadata().num_rows();
    let mask = ProjectionMask::columns(builder.parquet_schema(), COLUMNS);
    let reader = builder
        .with_projection(mask)
        .build()
        .map_err(|error| format!("parquet file cannot be read: {error}"))?;
    let (mut count, mut identities) = (0_u64, Vec::<Identity>::new());
    for batch in reader {
        // The last one of the batch before is still there: it shares its texts.
        let known = identities.len();
        take(
            &batch.map_err(|error| format!("parquet file is damaged: {error}"))?,
            &mut identities,
        )?;
        count += (identities.len() - known) as u64;
        identities[known..].iter().for_each(&mut *each);
        identities.drain(..identities.len().saturating_sub(1));
    }
    match u64::try_from(declared) == Ok(count) {
        true => Ok(count),
        false => Err(format!("the footer says {declared} rows, the file holds {count}")),
    }
}

/// How many rows the footer says.
pub fn row_count(bytes: Bytes) -> Result<u64, String> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|error| format!("not a parquet file: {error}"))?;
    let rows = builder.metadata().file_metadata().num_rows();
    u64::try_from(rows).map_err(|_| format!("the footer says {rows} rows"))
}

fn take(batch: &RecordBatch, into: &mut Vec<Identity>) -> Result<(), String> {
    let column = |name: &str| {
        let array = batch.column_by_name(name).ok_or_else(|| format!("column {name} is missing"))?;
        match array.null_count() {
            0 => Ok(array),
            _ => Err(format!("column {name} holds a null")),
        }
    };
    let text = |name: &str| {
        column(name)?
            .as_string_opt::<i32>()
            .ok_or_else(|| format!("column {name} is not text"))
    };
    let int = |name: &str| {
        column(name)?
            .as_primitive_opt::<Int32Type>()
            .ok_or_else(|| format!("column {name} is not INT32"))
    };
    let long = |name: &str| {
        column(name)?
            .as_primitive_opt::<Int64Type>()
            .ok_or_else(|| format!("column {name} is not INT64"))
    };
    let (source_topic, topic) = (text(fixed::SOURCE_TOPIC)?, text(fixed::TOPIC)?);
    let (source_partition, partition) = (int(fixed::SOURCE_PARTITION)?, int(fixed::PARTITION)?);
    let (source_offset, offset) = (long(fixed::SOURCE_OFFSET)?, long(fixed::OFFSET)?);
    let (version, snapshot) = (text(fixed::CONTRACT_VERSION)?, text(fixed::SNAPSHOT)?);
    for row in 0..batch.num_rows() {
        // The same few texts over and over: share them with the row before.
        let last = into.last();
        let share = |of: fn(&Identity) -> &Arc<str>, text: &str| match last.map(of) {
            Some(known) if **known == *text => known.clone(),
            _ => text.into(),
        };
        let identity = Identity {
            source_topic: share(|identity| &identity.source_topic, source_topic.value(row)),
            source_partition: source_partition.value(row),
            source_offset: source_offset.value(row),
            topic: share(|identity| &identity.topic, topic.value(row)),
            partition: partition.value(row),
            offset: offset.value(row),
            contract_version: share(|identity| &identity.contract_version, version.value(row)),
            snapshot: share(|identity| &identity.snapshot, snapshot.value(row)),
        };
        into.push(identity);
    }
    Ok(())
}
