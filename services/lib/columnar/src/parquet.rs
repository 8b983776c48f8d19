//! Batches to Parquet bytes. The same batch, footer and settings give the same bytes under one build of Tidegate.

use std::collections::HashSet;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Int64Type};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;

use crate::schema::fixed;

/// What a file's bytes depend on beside its rows; recorded in the claim of its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriterSettings {
    /// zstd level, 1..=22. Measured: past 1 the files shrink no further worth the time.
    pub zstd_level: i32,
    /// Most rows of a row group.
    pub row_group_rows: usize,
}

/// Key-values of the footer, written in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Footer {
    /// Names without the `tidegate.` that is put before them.
    pub entries: Vec<(String, String)>,
}

/// Rows that Parquet's writer refused: our mistake, or a setting out of range.
#[derive(Debug, thiserror::Error)]
#[error("parquet writer: {0}")]
pub struct EncodeError(#[from] parquet::errors::ParquetError);

/// Rows that are looked at to decide whether a column's values repeat.
const SAMPLE_ROWS: usize = 1_024;

/// Columns that only ever grow: small differences say it all.
const GROWING: [&str; 3] = [fixed::SOURCE_OFFSET, fixed::OFFSET, fixed::TIMESTAMP];

/// One file of one batch.
pub fn encode(batch: &RecordBatch, footer: &Footer, settings: &WriterSettings) -> Result<Vec<u8>, EncodeError> {
    let entries = footer
        .entries
        .iter()
        .map(|(name, value)| KeyValue::new(format!("tidegate.{name}"), value.clone()))
        .collect();
    let mut properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(settings.zstd_level)?))
        .set_max_row_group_row_count(Some(settings.row_group_rows.max(1)))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata(Some(entries));
    for (index, field) in batch.schema_ref().fields().iter().enumerate() {
        let path = ColumnPath::new(vec![field.name().clone()]);
        if GROWING.contains(&field.name().as_str()) {
            properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        } else if !field.data_type().is_nested() && !repeats(batch.column(index).as_ref()) {
            properties = properties.set_column_dictionary_enabled(path, false);
        }
    }
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties.build()))?;
    writer.write(batch)?;
    writer.close()?;
    Ok(bytes)
}

impl Default for WriterSettings {
    fn default() -> Self {
        WriterSettings {
            zstd_level: 1,
            row_group_rows: 1_000_000,
        }
    }
}

/// Whether a dictionary pays: fewer than half of the sampled values are distinct. A dictionary of unique values costs a fifth of the
/// time and gives nothing.
fn repeats(array: &dyn Array) -> bool {
    let rows = array.len().min(SAMPLE_ROWS);
    let distinct = match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().iter().take(rows).collect::<HashSet<_>>().len(),
        DataType::Int64 => array.as_primitive::<Int64Type>().iter().take(rows).collect::<HashSet<_>>().len(),
        DataType::Float32 | DataType::Float64 | DataType::Binary | DataType::Timestamp(..) | DataType::Boolean => return false,
        _ => return true,
    };
    distinct * 2 < rows.max(2)
}

#[cfg(test)]
mod tests;
