//! Rows inside of change events.
//!
//! Whatever captured a change, it becomes one [`ChangeEvent`]: what happened ([`Op`]), the row before and after ([`Image`]), where in the
//! source. [`Format`] says who wrote the event; nothing is guessed among formats that a contract does not declare.
//!
//! | Format | Written as |
//! |---|---|
//! | Debezium | envelope `before after source op …`, JSON with or without the `{schema, payload}` block, Avro |
//! | Debezium, flattened | the row itself with `__op`, `__deleted`, … beside the columns or in headers |
//! | Debezium for MongoDB | the envelope with documents as text of Extended JSON; updates may hold nothing but what changed |
//! | AWS DMS | `{data, metadata}` |
//! | Maxwell | `{database, table, type, ts, data, old}` |
//!
//! An [`Image`] hands out a [`Reader`](crate::Reader) over the row whose tokens are as typed as the event allows: with a schema block and
//! in Avro a decimal is a decimal; without, base64 stays text, and the contract must say what it stands for ([`crate::Semantic::apply`]).
//!
//! The parts may stand in any order. An event that lacks what its operation needs is `BadEnvelope`: `c`, `r` and `u` need `after`, `d`
//! needs `before` (under default replica identity only its key columns are true), every envelope needs `source`. A value that contradicts
//! the schema block it came with is `BadEnvelope` too.
//!
//! **Each byte strictly once.** [`read_json`] looks for the ends of images without checking what is inside; a reader of an image checks
//! it, and [`Image::prove`] does for one that nobody reads. Who has not walked or proven every image has not read the event.
//! [`unwrap_json`] and [`unwrap_flat_json`] come with all images proven.

mod block;
mod control;
mod dms;
mod envelope;
mod event;
mod extended;
mod flat;
mod habit;
mod image;
mod key;
mod look;
mod maxwell;
mod mongo;
mod overlay;
mod partial;
mod read;
mod rows;
mod texts;
mod typed;
mod unavailable;

pub use block::SchemaBlockCache;
pub use control::control_kind;
pub use envelope::unwrap_avro;
pub use event::{ChangeEvent, KeyChange, Op, Position};
pub use flat::{FlatNames, flat_headers, unwrap_flat_avro};
pub use image::{Image, ImageReader};
pub use key::{key_avro, key_change, key_json};
pub use mongo::MongoKey;
pub use read::{Format, read_avro, read_json, read_json_seeing, strict_failure, unwrap_flat_json, unwrap_json};
pub use texts::Texts;
pub use unavailable::Placeholder;

/// What a value on a CDC topic is.
#[derive(Debug, Clone)]
pub enum Unwrapped<'b> {
    /// A change of a row, or a truncated table.
    Change(ChangeEvent<'b>),
    /// Written by PostgreSQL's `pg_logical_emit_message` (op `m`); there is no row.
    LogicalMessage(ChangeEvent<'b>),
    /// A document of the capturing system's own, no change. [`control_kind`] weighs the topic as well.
    Control(ControlKind),
    /// The document is null (a schema block with a null payload, or the text `null`): it deletes its key like Kafka's null value.
    Tombstone,
}

/// Records of the capturing system itself.
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
    /// A table was made, changed or dropped (control records of AWS DMS, DDL of Maxwell).
    Definition,
    /// Start or end of one of Maxwell's bootstraps.
    Bootstrap,
}

#[cfg(test)]
mod tests;
