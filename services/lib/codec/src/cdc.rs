//! Debezium: rows inside of change events.
//!
//! A change event arrives as an envelope (`before`, `after`, `source`, `op`, …) or flattened (ExtractNewRecordState: the row itself with
//! `__op`, `__deleted`, … beside the columns), in JSON with or without the `{schema, payload}` block, or in Avro. Whatever it was, an
//! [`Image`] hands out a [`Reader`](crate::Reader) over the row whose tokens are as typed as the event allows: with a schema block and in
//! Avro a decimal is a decimal; without, base64 stays text, and the contract must say what it stands for ([`crate::Semantic::apply`]).
//!
//! The parts may stand in any order. An event that lacks what its operation needs is `BadEnvelope`: `c`, `r` and `u` need `after`, `d`
//! needs `before` (under default replica identity only its key columns are true), every envelope needs `source`. A value that contradicts
//! the schema block it came with is `BadEnvelope` too.

mod block;
mod control;
mod envelope;
mod flat;
mod image;
mod typed;
mod unavailable;

use std::borrow::Cow;
use std::fmt;

pub use block::SchemaBlockCache;
pub use control::control_kind;
pub use envelope::{unwrap_avro, unwrap_json};
pub use flat::{flat_headers, unwrap_flat_avro, unwrap_flat_json};
pub use image::{Image, ImageReader, key_avro, key_json};
pub use unavailable::{is_unavailable, is_unavailable_composite};

/// What a value on a CDC topic is.
#[derive(Debug, Clone)]
pub enum Unwrapped<'b> {
    /// A change of a row, or a truncated table.
    Change(Envelope<'b>),
    /// Written by PostgreSQL's `pg_logical_emit_message` (op `m`); there is no row.
    LogicalMessage(Envelope<'b>),
    /// A document of Debezium's own, no change. [`control_kind`] weighs the topic as well.
    Control(ControlKind),
    /// The document is null (a schema block with a null payload, or the text `null`): it deletes its key like Kafka's null value.
    Tombstone,
}

/// Records of Debezium's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ControlKind {
    /// `{ts_ms}` on `__debezium-heartbeat.<prefix>`.
    Heartbeat,
    /// `{status, id, …}` on `<prefix>.transaction`.
    Transaction,
    /// `{source, databaseName, ddl, tableChanges, …}` on `<prefix>`.
    SchemaChange,
    /// A change of the signalling table.
    Signal,
}

/// A change event with its metadata.
#[derive(Debug, Clone)]
pub struct Envelope<'b> {
    /// What happened; none for a flattened row that does not say it and is not marked as deleted: create, update or snapshot.
    pub op: Option<Op>,
    /// The row before. For a flattened delete this is the row that came with it.
    pub before: Option<Image<'b>>,
    /// The row after.
    pub after: Option<Image<'b>>,
    /// Commit time at the source in microseconds since the epoch (`source.ts_us`, else `ts_ns`, else `ts_ms`).
    pub source_time_micros: Option<i64>,
    /// Where in the source's log.
    pub position: Option<Position<'b>>,
    /// Database.
    pub database: Option<Cow<'b, str>>,
    /// Schema in the database, where it has schemas.
    pub schema: Option<Cow<'b, str>>,
    /// Table.
    pub table: Option<Cow<'b, str>>,
    /// Transaction at the source. PostgreSQL's `txid:lsn` is cut at the colon, since the lsn differs from event to event.
    pub transaction: Option<Cow<'b, str>>,
}

/// Operation of a change event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// `c`
    Create,
    /// `u`
    Update,
    /// `d`
    Delete,
    /// `r`: read by a snapshot.
    Read,
    /// `t`
    Truncate,
    /// `m`: logical message.
    Message,
}

/// A position in a source's log. Positions order the changes of one key of one source; after a failover of the source they may go back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position<'b> {
    /// PostgreSQL's log sequence number.
    Lsn(i64),
    /// MySQL's and MariaDB's binary log.
    Binlog {
        /// File name.
        file: Cow<'b, str>,
        /// Byte position in it.
        pos: i64,
    },
    /// As the source writes it (Oracle's scn, SQL Server's change_lsn).
    Text(Cow<'b, str>),
}

// === impl Op ===

impl Op {
    /// The operation of Debezium's letter.
    pub fn from_letter(letter: &str) -> Option<Op> {
        Some(match letter {
            "c" => Op::Create,
            "u" => Op::Update,
            "d" => Op::Delete,
            "r" => Op::Read,
            "t" => Op::Truncate,
            "m" => Op::Message,
            _ => return None,
        })
    }
}

// === impl Position ===

impl fmt::Display for Position<'_> {
    /// `27411616`, `binlog.000001:7600`, or the source's own text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Position::Lsn(lsn) => write!(f, "{lsn}"),
            Position::Binlog { file, pos } => write!(f, "{file}:{pos}"),
            Position::Text(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests;
