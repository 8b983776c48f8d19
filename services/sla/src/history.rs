//! The history of runs as a table in the lake: one create-only Parquet file a run, below `sla/history/`.
//!
//! The name of a file holds the time that its run is for, so that the last run of a schedule is found by listing, without reading. Nothing
//! of events is in it: what the report says, column by column (`schemas/formats/sla-history.md`).

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tidegate_columnar::parquet::{EncodeError, Footer, WriterSettings, encode};
use tidegate_contract::Severity;
use tidegate_flow::ports::{Created, Store};
use tidegate_flow::{Remedy, WorldError};
use tidegate_objectives::{TableSource, TableSpec};

use crate::report::{Entry, Report};

/// Below this lies the table.
pub const PREFIX: &str = "sla/history";
/// Version of the columns; grows when one changes its meaning.
pub const FORMAT: &str = "1";

/// Names the file of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunName {
    /// Folder of the contract version's major: a path part for the id, then `v<major>`.
    pub folder: String,
    /// The time that the run is for, in microseconds since the epoch.
    pub scheduled: i64,
    /// Tells schedules of one contract apart: a path part, see [`mark`].
    pub mark: String,
}

// === impl RunName ===

impl RunName {
    /// Path below the store's root.
    pub fn path(&self) -> String {
        let day = Timestamp::from_microsecond(self.scheduled).map_or_else(
            |_| "unknown".to_owned(),
            |instant| instant.to_zoned(TimeZone::UTC).date().to_string(),
        );
        format!("{PREFIX}/{}/date={day}/{:020}-{}.parquet", self.folder, self.scheduled, self.mark)
    }
}

/// More marks would make a name longer than file systems take. A schedule that is left out counts as not looked at after a restart.
const MARKS_MAX: usize = 20;

/// Schedules as a part of a file name: 32 bits of a hash of each (FNV-1a), joined.
pub fn mark<'a>(schedules: impl IntoIterator<Item = &'a str>) -> String {
    let marks: Vec<String> = schedules.into_iter().take(MARKS_MAX).map(one_mark).collect();
    match marks.is_empty() {
        true => "asked".to_owned(),
        false => marks.join("+"),
    }
}

fn one_mark(schedule: &str) -> String {
    let hash = schedule
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{hash:08x}")
}

/// When a schedule of a contract was looked at last; none when it never was.
pub fn last(store: &dyn Store, folder: &str, schedule: &str) -> Result<Option<i64>, WorldError> {
    let mark = one_mark(schedule);
    let files = store.list(&format!("{PREFIX}/{folder}"))?;
    let times = files.iter().filter_map(|file| {
        let name = file.path.rsplit('/').next()?.strip_suffix(".parquet")?;
        let (time, marks) = name.split_once('-')?;
        marks
            .split('+')
            .any(|known| known == mark)
            .then(|| time.parse::<i64>().ok())
            .flatten()
    });
    Ok(times.max())
}

/// Writes the file of a run. A run that is there already stays as it is: somebody else has run it, or we have, before an answer was lost.
pub fn write(store: &dyn Store, name: &RunName, report: &Report) -> Result<Created, WorldError> {
    let bytes =
        bytes(name, report).map_err(|error| WorldError::caused(Remedy::Bug, "the history of a run cannot be written as Parquet", error))?;
    store.create(&name.path(), bytes)
}

/// The table, for queries.
pub fn table() -> TableSpec {
    TableSpec {
        name: "history".to_owned(),
        source: TableSource::Files {
            prefix: PREFIX.to_owned(),
            columns: Vec::new(),
        },
    }
}

fn bytes(name: &RunName, report: &Report) -> Result<Bytes, EncodeError> {
    let rows = &report.entries;
    let instants = |micros: i64| -> ArrayRef { Arc::new(TimestampMicrosecondArray::from(vec![micros; rows.len()]).with_timezone("UTC")) };
    let texts = |of: &dyn Fn(&Entry) -> Option<String>| -> ArrayRef { Arc::new(rows.iter().map(of).collect::<StringArray>()) };
    let numbers = |of: &dyn Fn(&Entry) -> Option<f64>| -> ArrayRef { Arc::new(rows.iter().map(of).collect::<Float64Array>()) };
    let wholes = |of: &dyn Fn(&Entry) -> Option<i64>| -> ArrayRef { Arc::new(rows.iter().map(of).collect::<Int64Array>()) };
    let whole_budget = |entry: &Entry| {
        let budget = entry.measured.as_ref()?.budget.as_ref()?;
        Some((
            i64::try_from(budget.whole.0).ok()?,
            i64::try_from(budget.whole.1).ok()?,
            budget.remaining(),
        ))
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("observed_at", instants(report.observed_at)),
        ("scheduled_at", instants(name.scheduled)),
        ("contract", texts(&|entry| Some(entry.clause.contract.id.to_string()))),
        ("version", texts(&|entry| Some(entry.clause.contract.version.to_string()))),
        ("snapshot", texts(&|_| Some(report.commit.to_string()))),
        ("clause", texts(&|entry| Some(entry.clause.id.to_string()))),
        ("object", texts(&|entry| entry.clause.object.as_ref().map(ToString::to_string))),
        ("element", texts(&|entry| entry.clause.element.as_ref().map(ToString::to_string))),
        ("rule", texts(&|entry| Some(entry.clause.rule.to_string()))),
        ("metric", texts(&|entry| Some(entry.clause.metric.to_string()))),
        ("severity", texts(&|entry| Some(severity(entry.clause.severity).to_owned()))),
        ("driver", texts(&|entry| entry.clause.driver.as_ref().map(ToString::to_string))),
        ("status", texts(&|entry| Some(entry.outcome.as_str().to_owned()))),
        ("measured", numbers(&Entry::number)),
        (
            "threshold",
            texts(&|entry| entry.measured.as_ref().map(|measured| measured.limit.clone())),
        ),
        (
            "unit",
            texts(&|entry| entry.measured.as_ref().map(|measured| measured.unit.to_owned())),
        ),
        ("good", wholes(&|entry| whole_budget(entry).map(|budget| budget.0))),
        ("bad", wholes(&|entry| whole_budget(entry).map(|budget| budget.1))),
        ("budget_remaining", numbers(&|entry| whole_budget(entry).map(|budget| budget.2))),
        ("message", texts(&|entry| Some(entry.says.clone()))),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
        .expect("columns are as long as the report");
    let footer = Footer {
        entries: vec![("sla-history".to_owned(), FORMAT.to_owned())],
    };
    let settings = WriterSettings {
        zstd_level: 1,
        row_group_rows: 100_000,
    };
    encode(&batch, &footer, &settings).map(Bytes::from)
}

pub(crate) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}
