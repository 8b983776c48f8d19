//! Flattened rows (ExtractNewRecordState): the columns, and beside them, or in headers, what `add.fields` and `add.headers` were told to
//! keep. Names have the default prefix `__`.

use std::borrow::Cow;

use super::block::with_payload;
use super::envelope::{AvroRows, JsonRows, Rows, bad, integer, position, source_time, text, transaction_of};
use super::{Envelope, Image, Op, SchemaBlockCache, Unwrapped};
use crate::avro::Schema;
use crate::failure::{DecodeFailure, Detail};
use crate::token::{Reader, Token};

/// Unwraps a flattened JSON row, with or without its schema block. Headers count where the value does not say the same thing.
pub fn unwrap_flat_json<'b>(
    value: &'b [u8],
    headers: &[(&str, Option<&'b [u8]>)],
    cache: &mut SchemaBlockCache,
) -> Result<Unwrapped<'b>, DecodeFailure> {
    with_payload(value, cache, |payload| unwrap(&mut JsonRows::new(payload), headers))
}

/// Unwraps a flattened Avro row; `base` is the offset of `datum` in the value.
pub fn unwrap_flat_avro<'b>(
    schema: &'b Schema,
    datum: &'b [u8],
    base: usize,
    headers: &[(&str, Option<&'b [u8]>)],
) -> Result<Unwrapped<'b>, DecodeFailure> {
    unwrap(&mut AvroRows::new(schema, datum, base), headers)
}

/// What headers say of a tombstone: with `delete.tombstone.handling.mode` at its default it is all that a deleted row leaves, beside its key.
/// The envelope holds no rows.
pub fn flat_headers<'b>(headers: &[(&str, Option<&'b [u8]>)]) -> Envelope<'b> {
    let mut markers = Markers::default();
    markers.headers(headers);
    markers.envelope(None, None, None)
}

/// Whether a field was added by flattening. A column of such a name would be taken for one, as Debezium's own transform takes it.
pub(super) fn is_marker(name: &str) -> bool {
    let Some(name) = name.strip_prefix("__") else { return false };
    name.starts_with("source_")
        || name.starts_with("transaction_")
        || matches!(
            name,
            "op" | "deleted"
                | "table"
                | "lsn"
                | "ts_ms"
                | "ts_us"
                | "ts_ns"
                | "db"
                | "schema"
                | "connector"
                | "name"
                | "version"
                | "snapshot"
        )
        || matches!(
            name,
            "sequence" | "txId" | "xmin" | "file" | "pos" | "row" | "gtid" | "server_id" | "thread" | "query" | "scn" | "change_lsn"
        )
}

#[derive(Default)]
struct Markers<'b> {
    op: Option<Cow<'b, str>>,
    deleted: Option<bool>,
    millis: Option<i64>,
    micros: Option<i64>,
    nanos: Option<i64>,
    lsn: Option<i64>,
    file: Option<Cow<'b, str>>,
    pos: Option<i64>,
    other: Option<Cow<'b, str>>,
    database: Option<Cow<'b, str>>,
    schema: Option<Cow<'b, str>>,
    table: Option<Cow<'b, str>>,
    transaction: Option<Cow<'b, str>>,
}

fn unwrap<'b>(rows: &mut impl Rows<'b>, headers: &[(&str, Option<&'b [u8]>)]) -> Result<Unwrapped<'b>, DecodeFailure> {
    let start = rows.position();
    let Some(image) = rows.row("")? else {
        rows.next()?;
        return Ok(Unwrapped::Tombstone);
    };
    rows.next()?;
    let mut markers = Markers::default();
    let mut columns = image.reader();
    let image = image.flattened();
    columns.next()?;
    loop {
        match columns.next()? {
            Token::Key(key) if is_marker(&key) => markers.field(&key, &mut columns)?,
            Token::Key(_) => columns.skip()?,
            Token::EndObject => break,
            _ => return bad(columns.position()),
        }
    }
    markers.headers(headers);
    let op = markers.op(start)?;
    let (before, after) = match op {
        Some(Op::Delete) => (Some(image), None),
        Some(Op::Truncate) => (None, None),
        _ => (None, Some(image)),
    };
    Ok(Unwrapped::Change(markers.envelope(op, before, after)))
}

// === impl Markers ===

impl<'b> Markers<'b> {
    fn field(&mut self, name: &str, reader: &mut impl Reader<'b>) -> Result<(), DecodeFailure> {
        match plain(name) {
            "op" => self.op = text(reader)?,
            "deleted" => self.deleted = deleted(reader)?,
            "table" => self.table = text(reader)?,
            "db" => self.database = text(reader)?,
            "schema" => self.schema = text(reader)?,
            "file" => self.file = text(reader)?,
            "lsn" => self.lsn = integer(reader)?,
            "pos" => self.pos = integer(reader)?,
            "scn" | "change_lsn" => self.other = text(reader)?,
            "transaction_id" => self.transaction = text(reader)?,
            "txId" => self.transaction = integer(reader)?.map(|id| Cow::Owned(id.to_string())),
            // Without `source_` it is the time at which the connector saw the event.
            "ts_ms" if name == "__source_ts_ms" => self.millis = integer(reader)?,
            "ts_us" if name == "__source_ts_us" => self.micros = integer(reader)?,
            "ts_ns" if name == "__source_ts_ns" => self.nanos = integer(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    }

    fn headers(&mut self, headers: &[(&str, Option<&'b [u8]>)]) {
        for (name, value) in headers {
            if is_marker(name) {
                self.header(name, *value);
            }
        }
    }

    fn envelope(self, op: Option<Op>, before: Option<Image<'b>>, after: Option<Image<'b>>) -> Envelope<'b> {
        Envelope {
            op,
            before,
            after,
            source_time_micros: source_time(self.micros, self.nanos, self.millis),
            position: position(self.lsn, self.file, self.pos, self.other),
            database: self.database,
            schema: self.schema,
            table: self.table,
            transaction: self.transaction.map(transaction_of),
        }
    }

    /// Headers are plain text; one that cannot be read as what it should be says nothing.
    fn header(&mut self, name: &str, value: Option<&'b [u8]>) {
        let Some(value) = value.and_then(|value| std::str::from_utf8(value).ok()) else {
            return;
        };
        let text = || Some(Cow::Borrowed(value));
        let number = || value.parse().ok();
        match plain(name) {
            "op" if self.op.is_none() => self.op = text(),
            "deleted" if self.deleted.is_none() => self.deleted = value.parse().ok(),
            "table" if self.table.is_none() => self.table = text(),
            "db" if self.database.is_none() => self.database = text(),
            "schema" if self.schema.is_none() => self.schema = text(),
            "file" if self.file.is_none() => self.file = text(),
            "lsn" if self.lsn.is_none() => self.lsn = number(),
            "pos" if self.pos.is_none() => self.pos = number(),
            "scn" | "change_lsn" if self.other.is_none() => self.other = text(),
            "transaction_id" | "txId" if self.transaction.is_none() => self.transaction = text(),
            "ts_ms" if name == "__source_ts_ms" && self.millis.is_none() => self.millis = number(),
            "ts_us" if name == "__source_ts_us" && self.micros.is_none() => self.micros = number(),
            "ts_ns" if name == "__source_ts_ns" && self.nanos.is_none() => self.nanos = number(),
            _ => {}
        }
    }

    /// `__deleted` and `__op` must not contradict each other.
    fn op(&self, offset: usize) -> Result<Option<Op>, DecodeFailure> {
        let unknown = DecodeFailure {
            detail: Detail::UnknownOperation,
            offset,
        };
        let op = self
            .op
            .as_deref()
            .map(|letter| Op::from_letter(letter).filter(|op| *op != Op::Message).ok_or(unknown))
            .transpose()?;
        match (op, self.deleted) {
            (None, Some(true)) => Ok(Some(Op::Delete)),
            (Some(op), Some(deleted)) if (op == Op::Delete) != deleted => bad(offset),
            (op, _) => Ok(op),
        }
    }
}

/// `__source_table` and `__table` say the same.
fn plain(name: &str) -> &str {
    let name = name.strip_prefix("__").unwrap_or(name);
    name.strip_prefix("source_").unwrap_or(name)
}

/// The transform writes text; a converter may make it a truth value.
fn deleted<'b>(reader: &mut impl Reader<'b>) -> Result<Option<bool>, DecodeFailure> {
    let at = reader.position();
    match reader.next()? {
        Token::Null => Ok(None),
        Token::Bool(deleted) => Ok(Some(deleted)),
        Token::Str(text) => text.parse().map_or_else(|_| bad(at), |deleted| Ok(Some(deleted))),
        _ => bad(at),
    }
}
