//! AWS Database Migration Service: `{data, metadata}` on a Kafka target with `MessageFormat` JSON or JSON_UNFORMATTED (user guide, "Using
//! Apache Kafka as a target"). Records of `record-type: control` tell of tables, not of rows.

use std::borrow::Cow;

use super::envelope::{bad, fields, keep, number_or_text, object, text};
use super::rows::{JsonRows, Rows as _};
use super::{ChangeEvent, ControlKind, Image, Op, Position, Unwrapped};
use crate::civil;
use crate::failure::{DecodeFailure, Detail};
use crate::token::Reader;

/// The block `metadata`.
#[derive(Default)]
struct Metadata<'b> {
    kind: Option<Cow<'b, str>>,
    operation: Option<Cow<'b, str>>,
    written: Option<i64>,
    committed: Option<i64>,
    schema: Option<Cow<'b, str>>,
    table: Option<Cow<'b, str>>,
    transaction: Option<Cow<'b, str>>,
    position: Option<Cow<'b, str>>,
}

/// Unwraps a record; `before` is the field that old rows are written to. Images are not proven.
pub(super) fn unwrap<'b>(value: &'b [u8], before: Option<&str>) -> Result<Unwrapped<'b>, DecodeFailure> {
    let mut rows = JsonRows::plain(value);
    let (mut data, mut old, mut metadata) = (None, None, None);
    let there = fields(&mut rows, |rows, key| {
        match key {
            "data" => data = rows.row(key)?,
            "metadata" => metadata = Metadata::read(rows)?,
            key if Some(key) == before => old = rows.row(key)?,
            _ => rows.skip()?,
        }
        Ok(())
    })?;
    if !there {
        return Ok(Unwrapped::Tombstone);
    }
    let Some(metadata) = metadata else { return bad(0) };
    metadata.unwrap(data, old)
}

// === impl Metadata ===

impl<'b> Metadata<'b> {
    fn read(reader: &mut impl Reader<'b>) -> Result<Option<Metadata<'b>>, DecodeFailure> {
        let mut metadata = Metadata::default();
        let there = object(reader, |reader, key| {
            match key {
                "record-type" => metadata.kind = text(reader)?,
                "operation" => metadata.operation = text(reader)?,
                "timestamp" => metadata.written = time(text(reader)?),
                "commit-timestamp" => metadata.committed = time(text(reader)?),
                "schema-name" => metadata.schema = text(reader)?,
                "table-name" => metadata.table = text(reader)?,
                "transaction-id" => metadata.transaction = number_or_text(reader)?,
                "stream-position" => metadata.position = text(reader)?,
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        Ok(there.then_some(metadata))
    }

    fn unwrap(self, data: Option<Image<'b>>, old: Option<Image<'b>>) -> Result<Unwrapped<'b>, DecodeFailure> {
        match self.kind.as_deref() {
            Some("data") => {}
            Some("control") => {
                keep(data, false)?;
                keep(old, false)?;
                return Ok(Unwrapped::Control(ControlKind::Definition));
            }
            _ => return bad(0),
        }
        let op = match self.operation.as_deref() {
            Some("load") => Op::Read,
            Some("insert") => Op::Create,
            Some("update") => Op::Update,
            Some("delete") => Op::Delete,
            _ => {
                return Err(DecodeFailure {
                    detail: Detail::UnknownOperation,
                    offset: 0,
                });
            }
        };
        let (before, after) = match (op, data, old) {
            (Op::Delete, Some(data), old) => {
                keep(old, false)?;
                (Some(data), None)
            }
            (Op::Delete, None, old @ Some(_)) => (old, None),
            (Op::Update, data @ Some(_), old) => (old, data),
            (_, data @ Some(_), old) => {
                keep(old, false)?;
                (None, data)
            }
            (_, None, _) => return bad(0),
        };
        Ok(Unwrapped::Change(ChangeEvent {
            op: Some(op),
            before,
            after,
            source_time_micros: self.committed.or(self.written),
            position: self.position.map(Position::Text),
            snapshot: None,
            database: None,
            schema: self.schema,
            table: self.table,
            transaction: self.transaction,
        }))
    }
}

/// Microseconds since the epoch; a time that cannot be read says nothing, since nothing depends on it but freshness.
fn time(text: Option<Cow<'_, str>>) -> Option<i64> {
    let instant = civil::parse_instant(&text?)?;
    instant.seconds.checked_mul(1_000_000)?.checked_add(i64::from(instant.nanos / 1000))
}
