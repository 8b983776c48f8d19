//! The one form of a change.

use std::borrow::Cow;
use std::fmt;

use super::Image;

/// A change of one row, whoever captured it. Borrows from the bytes of the event.
#[derive(Debug, Clone)]
pub struct ChangeEvent<'b> {
    /// What happened; none for a flattened row that does not say it and is not marked as deleted: create, update or snapshot.
    pub op: Option<Op>,
    /// The row before. For deletes of flattened rows, DMS and Maxwell this is the row that came with it; for updates of Maxwell the new row
    /// with the old values of what changed. None for a MongoDB delete whose key is all that there is.
    pub before: Option<Image<'b>>,
    /// The row after. [`Image::is_partial`] when it holds nothing but what changed.
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
    /// `source.snapshot` as Debezium writes it: `true`, `first`, `first_in_data_collection`, `last_in_data_collection`, `last`,
    /// `incremental`, `false`; none where it is null or the format has no such thing.
    pub snapshot: Option<Cow<'b, str>>,
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
    /// MongoDB's operation time: seconds since the epoch and the ordinal within the second.
    Oplog {
        /// Seconds.
        seconds: i64,
        /// Ordinal.
        ordinal: i64,
    },
    /// As the source writes it (Oracle's scn, SQL Server's change_lsn, the stream position of DMS).
    Text(Cow<'b, str>),
}

/// Half of a changed primary key. Debezium writes it as a delete of the old key and a create of the new one, which may lie on different
/// partitions; headers tie the two together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyChange {
    /// Header `__debezium.newkey`: this record deletes the old key, and the row lives on under the new one.
    Left,
    /// Header `__debezium.oldkey`: this record creates the new key of a row that lived under the old one.
    Arrived,
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
            Position::Oplog { seconds, ordinal } => write!(f, "{seconds}:{ordinal}"),
            Position::Text(text) => f.write_str(text),
        }
    }
}
