//! How the lake is asked, and what it answers.

use tidegate_flow::WorldError;

/// Runs one read-only query over Parquet files. Blocks.
pub trait QueryEngine {
    /// Runs `sql`, which may name any of `tables` and nothing else. An error says that nothing was found out: SQL that does not plan or
    /// is not a query comes as [`tidegate_flow::Remedy::Operator`], a store that does not answer as [`tidegate_flow::Remedy::Retry`].
    fn query(&self, tables: &[TableSpec], sql: &str) -> Result<Rows, WorldError>;
}

/// A table that a query may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSpec {
    /// Name, matched exactly.
    pub name: String,
    /// Where its rows come from.
    pub source: TableSource,
}

/// Where the rows of a table come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableSource {
    /// All `.parquet` objects below a prefix of the store (whole path segments).
    Files {
        /// Prefix, without a leading or trailing `/`.
        prefix: String,
        /// Columns that exist even if no file has them; then they are null in every row.
        columns: Vec<String>,
    },
    /// A query over other tables of the same list.
    View {
        /// Its text.
        sql: String,
    },
}

/// What a query found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rows {
    /// Column names.
    pub columns: Vec<String>,
    /// Rows, each as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
    /// Tables that the query needs and that have no file at all. If there is one, the query was not run and there are no rows:
    /// an empty folder says nothing about the data, perhaps it is the wrong folder.
    pub without_files: Vec<String>,
    /// There were more rows than the engine hands out.
    pub truncated: bool,
}

/// One value of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// SQL null.
    Null,
    /// Truth value.
    Bool(bool),
    /// A finite number as decimal text, exact where the column's type is.
    Number(String),
    /// Anything else as text; may hold event content and is never shown.
    Text(String),
}

/// What is known for one objective.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// The first row of the answer.
    Row(Vec<Cell>),
    /// The query gave no row.
    NoRow,
    /// These tables have no file.
    NoData(Vec<String>),
    /// It could not be measured, for this reason.
    Missing(String),
}

// === impl Observation ===

impl From<Result<Rows, WorldError>> for Observation {
    fn from(answer: Result<Rows, WorldError>) -> Self {
        match answer {
            Err(error) => Observation::Missing(error.what),
            Ok(rows) if !rows.without_files.is_empty() => Observation::NoData(rows.without_files),
            Ok(rows) => rows.rows.into_iter().next().map_or(Observation::NoRow, Observation::Row),
        }
    }
}

// === impl Cell ===

impl Cell {
    /// The whole number in it.
    pub fn whole(&self) -> Option<i64> {
        match self {
            Cell::Number(text) => text.parse().ok(),
            _ => None,
        }
    }
}
