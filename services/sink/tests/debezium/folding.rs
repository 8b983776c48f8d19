//! Rows of the lake, and what is left of them when the changes are applied one after another.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_columnar::arrow::array::{Array, AsArray};
use tidegate_columnar::arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use tidegate_columnar::arrow::record_batch::RecordBatch;
use tidegate_columnar::fixed;

use crate::recording::Database;
use crate::rendering::text;
use crate::truth::{Row, Table};

/// A row of the lake.
#[derive(Debug, Clone)]
pub(crate) struct Landed {
    /// Topic, partition and offset that the validator consumed.
    pub(crate) source: (String, i32, i64),
    /// Partition and offset of the validated topic.
    at: (i32, i64),
    pub(crate) op: Option<String>,
    pub(crate) source_time: Option<i64>,
    pub(crate) source_position: Option<String>,
    /// Columns that the source did not send.
    unavailable: BTreeSet<String>,
    /// By the names of the table.
    values: Row,
}

/// A column by both its names.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) lake: String,
    pub(crate) table: String,
    /// The contract declares no type, so the lake holds JSON text.
    pub(crate) untyped: bool,
}

/// Reads all rows of a file.
pub(crate) fn rows(batch: &RecordBatch, database: Database, table: &Table, columns: &[Column]) -> Vec<Landed> {
    let table_name = |lake: &str| {
        columns
            .iter()
            .find(|column| column.lake == lake)
            .map(|column| column.table.clone())
            .unwrap()
    };
    let texts = |name: &str, row: usize| {
        let column = batch[name].as_string::<i32>();
        (!column.is_null(row)).then(|| column.value(row).to_owned())
    };
    let whole = |name: &str, row: usize| batch[name].as_primitive::<Int64Type>().value(row);
    let small = |name: &str, row: usize| batch[name].as_primitive::<Int32Type>().value(row);
    let read = |row: usize| {
        let values = columns.iter().filter_map(|column| {
            let (name, declared) = table.columns.iter().find(|(name, _)| *name == column.table)?;
            let text = text(database, declared, &*batch[column.lake.as_str()], row);
            Some((name.clone(), if column.untyped { text.map(|json| plain(&json)) } else { text }))
        });
        let times = batch[fixed::SOURCE_TIME].as_primitive::<TimestampMicrosecondType>();
        let lists = batch[fixed::UNAVAILABLE].as_list::<i32>();
        let unavailable = match lists.is_null(row) {
            true => BTreeSet::new(),
            false => lists
                .value(row)
                .as_string::<i32>()
                .iter()
                .map(|name| table_name(name.unwrap()))
                .collect(),
        };
        Landed {
            source: (
                texts(fixed::SOURCE_TOPIC, row).unwrap(),
                small(fixed::SOURCE_PARTITION, row),
                whole(fixed::SOURCE_OFFSET, row),
            ),
            at: (small(fixed::PARTITION, row), whole(fixed::OFFSET, row)),
            op: texts(fixed::OP, row),
            source_time: (!times.is_null(row)).then(|| times.value(row)),
            source_position: texts(fixed::SOURCE_POSITION, row),
            unavailable,
            values: values.collect(),
        }
    };
    (0..batch.num_rows()).map(read).collect()
}

/// JSON text as a database prints the value.
fn plain(json: &str) -> String {
    match serde_json::from_str(json).unwrap() {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}

/// The table that the changes lead to.
///
/// Changes of one key lie on one partition, in order. A truncate has no key: where there is one, the source's log orders the partitions.
pub(crate) fn fold(table: &Table, mut changes: Vec<Landed>) -> Vec<Row> {
    let is = |change: &Landed, op: &str| change.op.as_deref() == Some(op);
    let truncated = changes.iter().any(|change| is(change, "t"));
    changes.sort_by_key(|change| (truncated.then(|| position(change)), change.at));
    if table.key.is_empty() {
        return bag(table, changes);
    }
    let mut rows: BTreeMap<Row, Row> = BTreeMap::new();
    for change in changes {
        let key = table.identity(&change.values);
        match change.op.as_deref() {
            Some("t") => rows.clear(),
            Some("d" | "tombstone") => drop(rows.remove(&key)),
            Some("c" | "u" | "r") | None => {
                let mut row = change.values;
                for column in change.unavailable {
                    let before = rows.get(&key).and_then(|before| before[&column].clone());
                    row.insert(column, before);
                }
                rows.insert(key, row);
            }
            other => panic!("operation {other:?} on a row"),
        }
    }
    rows.into_values().collect()
}

/// Without a key a delete takes away one row that equals it. What an update replaced is not in the lake.
fn bag(table: &Table, changes: Vec<Landed>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for change in changes {
        match change.op.as_deref() {
            Some("t") => rows.clear(),
            Some("d") => {
                if let Some(at) = rows.iter().position(|row| table.identity(row) == table.identity(&change.values)) {
                    rows.remove(at);
                }
            }
            _ => rows.push(change.values),
        }
    }
    rows
}

/// `27411616`, or `binlog.000001:7600`.
fn position(change: &Landed) -> (String, i64) {
    let text = change.source_position.as_deref().unwrap();
    let (file, at) = text.rsplit_once(':').unwrap_or(("", text));
    (file.to_owned(), at.parse().unwrap())
}
