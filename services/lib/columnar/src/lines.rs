//! Rows of a file as JSON again, for tools that judge what has landed by other contracts. The text is not the one that came: an offset of a
//! timestamp, the order of fields and zeros behind a decimal are gone. Never used on the way of a record.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{Array, AsArray, MapArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type, Time64MicrosecondType, TimeUnit,
    TimestampMicrosecondType,
};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use crate::schema::fixed;

/// What a file says of itself.
#[derive(Debug, Clone)]
pub struct FileFacts {
    /// Id of the contract.
    pub contract: String,
    /// Object of it.
    pub object: String,
    /// Rows.
    pub rows: i64,
    /// The contract's columns.
    pub columns: Vec<(Arc<str>, Form)>,
}

/// How far the value of a column tells what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As JSON had it: truth values, integers, floats, text.
    Plain,
    /// The value, in whatever form it was written: decimals, dates, times, timestamps.
    Value,
    /// Parts of these.
    Nested,
    /// Bytes, or parts with bytes.
    Bytes,
}

/// One row.
#[derive(Debug, Clone)]
pub struct Line {
    /// Topic, partition and offset at which the validator consumed it.
    pub source: (Arc<str>, i32, i64),
    /// Version of the contract that judged it.
    pub version: Arc<str>,
    /// `_op`; none for plain events.
    pub op: Option<Arc<str>>,
    /// A JSON object of the contract's columns; null columns are left out.
    pub json: Vec<u8>,
}

/// Rows of a file, a thousand or so at a time.
pub struct Lines {
    reader: ParquetRecordBatchReader,
    columns: Vec<(Arc<str>, Form)>,
    /// Columns whose text is JSON itself.
    raw: Vec<Arc<str>>,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").field("columns", &self.columns).finish_non_exhaustive()
    }
}

/// What a file is; the error says why it is none of the lake.
pub fn facts(bytes: &Bytes) -> Result<FileFacts, String> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).map_err(|error| format!("not a parquet file: {error}"))?;
    let metadata = builder.metadata().file_metadata();
    let entry = |name: &str| {
        let entries = metadata.key_value_metadata()?;
        entries.iter().find(|entry| entry.key == format!("tidegate.{name}"))?.value.clone()
    };
    let (Some(contract), Some(object)) = (entry("contract"), entry("object")) else {
        return Err(String::from(
            "a parquet file, but none of Tidegate's lake: its footer names no contract",
        ));
    };
    let ours = [fixed::OP, fixed::SOURCE_TIME, fixed::SOURCE_POSITION, fixed::UNAVAILABLE];
    let columns = builder
        .schema()
        .fields()
        .iter()
        .filter(|field| !field.name().starts_with(fixed::PREFIX) && !ours.contains(&field.name().as_str()))
        .map(|field| (Arc::from(field.name().as_str()), form(field.data_type())))
        .collect();
    Ok(FileFacts {
        contract,
        object,
        rows: metadata.num_rows(),
        columns,
    })
}

/// The rows of a file; only columns of `wanted` are written. `raw` are those whose text is JSON itself.
pub fn lines(bytes: Bytes, wanted: &[Arc<str>], raw: &[Arc<str>]) -> Result<Lines, String> {
    let columns = facts(&bytes)?
        .columns
        .into_iter()
        .filter(|(name, _)| wanted.contains(name))
        .collect();
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|error| format!("not a parquet file: {error}"))?;
    Ok(Lines {
        reader: builder.build().map_err(|error| format!("parquet file cannot be read: {error}"))?,
        columns,
        raw: raw.to_vec(),
    })
}

impl Iterator for Lines {
    type Item = Result<Vec<Line>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?.map_err(|error| format!("parquet file is damaged: {error}"));
        Some(batch.and_then(|batch| self.rows(&batch)))
    }
}

impl Lines {
    fn rows(&self, batch: &RecordBatch) -> Result<Vec<Line>, String> {
        let column = |name: &str| batch.column_by_name(name).ok_or_else(|| format!("there is no column {name}"));
        let texts = |name: &str| {
            column(name)?
                .as_string_opt::<i32>()
                .ok_or_else(|| format!("column {name} is no text"))
        };
        let (topics, versions, ops) = (texts(fixed::SOURCE_TOPIC)?, texts(fixed::CONTRACT_VERSION)?, texts(fixed::OP)?);
        let wrong = |name: &str| format!("column {name} has another type");
        let partitions = column(fixed::SOURCE_PARTITION)?
            .as_primitive_opt::<Int32Type>()
            .ok_or_else(|| wrong(fixed::SOURCE_PARTITION))?;
        let offsets = column(fixed::SOURCE_OFFSET)?
            .as_primitive_opt::<Int64Type>()
            .ok_or_else(|| wrong(fixed::SOURCE_OFFSET))?;
        let mut rows = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            let mut json = String::from("{");
            for (name, _) in &self.columns {
                let values = column(name)?;
                if values.is_null(row) {
                    continue;
                }
                if json.len() > 1 {
                    json.push(',');
                }
                text(&mut json, name);
                json.push(':');
                match values.as_string_opt::<i32>().filter(|_| self.raw.contains(name)) {
                    Some(texts) => json.push_str(texts.value(row)),
                    None => value(&mut json, values, row)?,
                }
            }
            json.push('}');
            rows.push(Line {
                source: (topics.value(row).into(), partitions.value(row), offsets.value(row)),
                version: versions.value(row).into(),
                op: (!ops.is_null(row)).then(|| ops.value(row).into()),
                json: json.into_bytes(),
            });
        }
        Ok(rows)
    }
}

fn form(data_type: &DataType) -> Form {
    let nested = |inner: &DataType| match form(inner) {
        Form::Bytes => Form::Bytes,
        _ => Form::Nested,
    };
    match data_type {
        DataType::Boolean | DataType::Int32 | DataType::Int64 | DataType::Float32 | DataType::Float64 | DataType::Utf8 => Form::Plain,
        DataType::Decimal128(..)
        | DataType::Date32
        | DataType::Time64(TimeUnit::Microsecond)
        | DataType::Timestamp(TimeUnit::Microsecond, _) => Form::Value,
        DataType::List(item) => nested(item.data_type()),
        DataType::Struct(fields) => match fields.iter().any(|field| form(field.data_type()) == Form::Bytes) {
            true => Form::Bytes,
            false => Form::Nested,
        },
        DataType::Map(entries, _) => nested(entries.data_type()),
        _ => Form::Bytes,
    }
}

/// A value that is not null, as JSON. Times are written in ISO 8601.
fn value(json: &mut String, values: &dyn Array, row: usize) -> Result<(), String> {
    let instant = |micros: i64| jiff::Timestamp::from_microsecond(micros).map_err(|_| String::from("a time out of reach"));
    match values.data_type() {
        DataType::Boolean => {
            let _ = write!(json, "{}", values.as_boolean().value(row));
        }
        DataType::Int32 => {
            let _ = write!(json, "{}", values.as_primitive::<Int32Type>().value(row));
        }
        DataType::Int64 => {
            let _ = write!(json, "{}", values.as_primitive::<Int64Type>().value(row));
        }
        DataType::Float32 => {
            let _ = write!(json, "{}", values.as_primitive::<Float32Type>().value(row));
        }
        DataType::Float64 => {
            let _ = write!(json, "{}", values.as_primitive::<Float64Type>().value(row));
        }
        DataType::Decimal128(..) => json.push_str(&values.as_primitive::<Decimal128Type>().value_as_string(row)),
        DataType::Utf8 => text(json, values.as_string::<i32>().value(row)),
        DataType::Date32 => {
            let days = i64::from(values.as_primitive::<Date32Type>().value(row));
            let at = instant(days.saturating_mul(86_400_000_000))?;
            text(json, at.to_string().trim_end_matches("T00:00:00Z"));
        }
        DataType::Time64(_) => {
            let at = instant(values.as_primitive::<Time64MicrosecondType>().value(row))?.to_string();
            text(json, at.trim_start_matches("1970-01-01T").trim_end_matches('Z'));
        }
        DataType::Timestamp(_, zone) => {
            let at = instant(values.as_primitive::<TimestampMicrosecondType>().value(row))?.to_string();
            text(json, if zone.is_some() { &at } else { at.trim_end_matches('Z') });
        }
        DataType::List(_) => {
            let items = values.as_list::<i32>().value(row);
            list(json, '[', ']', items.len(), |json, index| value_or_null(json, &items, index))?;
        }
        DataType::Struct(fields) => {
            let parts = values.as_struct();
            let present: Vec<usize> = (0..fields.len()).filter(|field| !parts.column(*field).is_null(row)).collect();
            list(json, '{', '}', present.len(), |json, index| {
                text(json, fields[present[index]].name());
                json.push(':');
                value(json, parts.column(present[index]), row)
            })?;
        }
        DataType::Map(..) => {
            let map: &MapArray = values.as_map();
            let entries = map.value(row);
            let (keys, inner) = (entries.column(0), entries.column(1));
            list(json, '{', '}', entries.len(), |json, index| {
                match keys.as_string_opt::<i32>() {
                    Some(names) => text(json, names.value(index)),
                    None => {
                        let mut name = String::new();
                        value(&mut name, keys, index)?;
                        text(json, name.trim_matches('"'));
                    }
                }
                json.push(':');
                value_or_null(json, inner, index)
            })?;
        }
        other => return Err(format!("a column of type {other} has no JSON form here")),
    }
    Ok(())
}

fn value_or_null(json: &mut String, values: &dyn Array, row: usize) -> Result<(), String> {
    if values.is_null(row) {
        json.push_str("null");
        return Ok(());
    }
    value(json, values, row)
}

fn list(
    json: &mut String,
    open: char,
    close: char,
    count: usize,
    mut each: impl FnMut(&mut String, usize) -> Result<(), String>,
) -> Result<(), String> {
    json.push(open);
    for index in 0..count {
        if index > 0 {
            json.push(',');
        }
        each(json, index)?;
    }
    json.push(close);
    Ok(())
}

fn text(json: &mut String, text: &str) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            c if u32::from(c) < 0x20 => {
                let _ = write!(json, "\\u{:04x}", u32::from(c));
            }
            c => json.push(c),
        }
    }
    json.push('"');
}
