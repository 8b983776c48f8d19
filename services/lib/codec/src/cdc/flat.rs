//! Flattened rows (ExtractNewRecordState): the columns, and beside them, or in headers, what `add.fields` and `add.headers` were told to
//! keep.

use std::borrow::Cow;

use super::block::Payload;
use super::envelope::{bad, integer, position, source_time, text, transaction_of};
use super::rows::{AvroRows, Rows as _};
use super::{ChangeEvent, Image, Op, Unwrapped};
use crate::avro::Schema;
use crate::failure::{DecodeFailure, Detail};
use crate::token::{Reader, Token};

/// Prefixes of what flattening adds. `__deleted` has its name whatever they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlatNames<'p> {
    /// `add.fields.prefix`, not empty.
    pub fields: &'p str,
    /// `add.headers.prefix`, not empty.
    pub headers: &'p str,
}

impl Default for FlatNames<'_> {
    fn default() -> Self {
        FlatNames {
            fields: "__",
            headers: "__",
        }
    }
}

/// Unwraps a flattened Avro row with the default names; `base` is the offset of `datum` in the value.
pub fn unwrap_flat_avro<'b>(
    schema: &'b Schema,
    datum: &'b [u8],
    base: usize,
    headers: &[(&str, Option<&'b [u8]>)],
) -> Result<Unwrapped<'b>, DecodeFailure> {
    unwrap_avro(schema, datum, base, headers, FlatNames::default())
}

/// What headers say of a tombstone: with `delete.tombstone.handling.mode` at its default it is all that a deleted row leaves, beside its key.
/// The event holds no rows.
pub fn flat_headers<'b>(headers: &[(&str, Option<&'b [u8]>)], names: FlatNames<'_>) -> ChangeEvent<'b> {
    let mut markers = Markers::default();
    markers.headers(headers, names.headers);
    markers.event(None, None, None)
}

/// What a field that flattening added is called without prefix. A column of such a name would be taken for one, as Debezium's own
/// transform takes it.
#[inline]
pub(super) fn marker<'n>(name: &'n str, prefix: &str) -> Option<&'n str> {
    let bare = match name.strip_prefix(prefix) {
        None => return (name == "__deleted").then_some("deleted"),
        Some(bare) => bare,
    };
    let known = bare.starts_with("source_")
        || bare.starts_with("transaction_")
        || matches!(
            bare,
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
            bare,
            "sequence" | "txId" | "xmin" | "file" | "pos" | "row" | "gtid" | "server_id" | "thread" | "query" | "scn" | "change_lsn"
        );
    known.then_some(bare)
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
    snapshot: Option<Cow<'b, str>>,
    database: Option<Cow<'b, str>>,
    schema: Option<Cow<'b, str>>,
    table: Option<Cow<'b, str>>,
    transaction: Option<Cow<'b, str>>,
}

/// Reads a JSON row once for what was added; columns are passed over, and proven by whoever reads the image.
pub(super) fn unwrap_rows<'b>(
    payload: Payload<'b>,
    headers: &[(&str, Option<&'b [u8]>)],
    names: FlatNames<'b>,
) -> Result<Unwrapped<'b>, DecodeFailure> {
    let mut reader = payload.reader.with_names_unchecked();
    reader.peek();
    let start = reader.position();
    let mut markers = Markers::default();
    match reader.next()? {
        Token::BeginObject => {}
        Token::Null => {
            reader.next()?;
            return Ok(Unwrapped::Tombstone);
        }
        _ => return bad(start),
    }
    loop {
        match reader.next()? {
            Token::Key(key) => match marker(&key, names.fields) {
                Some(name) => markers.field(name, &mut reader)?,
                None => match reader.peek() {
                    Some(b'{' | b'[') => drop(reader.pass()?),
                    _ => reader.skip()?,
                },
            },
            Token::EndObject => break,
            _ => return bad(reader.position()),
        }
    }
    let text = reader.between(start, reader.position());
    reader.next()?;
    let root = payload.shapes.map(|shapes| {
        let root = shapes.root();
        (shapes, root)
    });
    let image = Image::json(text, start, payload.levels, payload.proven, root);
    markers.unwrap(image.flattened(names.fields), headers, names, start)
}

/// Reads an Avro row; `base` is the offset of `datum` in the value.
pub(super) fn unwrap_avro<'b>(
    schema: &'b Schema,
    datum: &'b [u8],
    base: usize,
    headers: &[(&str, Option<&'b [u8]>)],
    names: FlatNames<'b>,
) -> Result<Unwrapped<'b>, DecodeFailure> {
    let mut rows = AvroRows::new(schema, datum, base);
    let start = rows.position();
    let Some(image) = rows.row("")? else {
        rows.next()?;
        return Ok(Unwrapped::Tombstone);
    };
    rows.next()?;
    let mut markers = Markers::default();
    let mut columns = image.reader();
    columns.next()?;
    loop {
        match columns.next()? {
            Token::Key(key) => match marker(&key, names.fields) {
                Some(name) => markers.field(name, &mut columns)?,
                None => columns.skip()?,
            },
            Token::EndObject => break,
            _ => return bad(columns.position()),
        }
    }
    markers.unwrap(image.flattened(names.fields), headers, names, start)
}

// === impl Markers ===

impl<'b> Markers<'b> {
    fn unwrap(
        mut self,
        image: Image<'b>,
        headers: &[(&str, Option<&'b [u8]>)],
        names: FlatNames<'_>,
        start: usize,
    ) -> Result<Unwrapped<'b>, DecodeFailure> {
        self.headers(headers, names.headers);
        let op = self.op(start)?;
        let (before, after) = match op {
            Some(Op::Delete) => (Some(image), None),
            Some(Op::Truncate) => {
                let mut image = image;
                image.prove()?;
                (None, None)
            }
            _ => (None, Some(image)),
        };
        Ok(Unwrapped::Change(self.event(op, before, after)))
    }

    /// `name` is without its prefix.
    fn field(&mut self, name: &str, reader: &mut impl Reader<'b>) -> Result<(), DecodeFailure> {
        match plain(name) {
            "op" => self.op = text(reader)?,
            "deleted" => self.deleted = deleted(reader)?,
            "table" => self.table = text(reader)?,
            "db" => self.database = text(reader)?,
            "schema" => self.schema = text(reader)?,
            "snapshot" => self.snapshot = text(reader)?,
            "file" => self.file = text(reader)?,
            "lsn" => self.lsn = integer(reader)?,
            "pos" => self.pos = integer(reader)?,
            "scn" | "change_lsn" => self.other = text(reader)?,
            "transaction_id" => self.transaction = text(reader)?,
            "txId" => self.transaction = integer(reader)?.map(|id| Cow::Owned(id.to_string())),
            // Without `source_` it is the time at which the connector saw the event.
            "ts_ms" if name == "source_ts_ms" => self.millis = integer(reader)?,
            "ts_us" if name == "source_ts_us" => self.micros = integer(reader)?,
            "ts_ns" if name == "source_ts_ns" => self.nanos = integer(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    }

    fn headers(&mut self, headers: &[(&str, Option<&'b [u8]>)], prefix: &str) {
        for (name, value) in headers {
            if let Some(name) = marker(name, prefix) {
                self.header(name, *value);
            }
        }
    }

    fn event(self, op: Option<Op>, before: Option<Image<'b>>, after: Option<Image<'b>>) -> ChangeEvent<'b> {
        ChangeEvent {
            op,
            before,
            after,
            source_time_micros: source_time(self.micros, self.nanos, self.millis),
            position: position(self.lsn, self.file, self.pos, self.other),
            snapshot: self.snapshot,
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
            "snapshot" if self.snapshot.is_none() => self.snapshot = text(),
            "file" if self.file.is_none() => self.file = text(),
            "lsn" if self.lsn.is_none() => self.lsn = number(),
            "pos" if self.pos.is_none() => self.pos = number(),
            "scn" | "change_lsn" if self.other.is_none() => self.other = text(),
            "transaction_id" | "txId" if self.transaction.is_none() => self.transaction = text(),
            "ts_ms" if name == "source_ts_ms" && self.millis.is_none() => self.millis = number(),
            "ts_us" if name == "source_ts_us" && self.micros.is_none() => self.micros = number(),
            "ts_ns" if name == "source_ts_ns" && self.nanos.is_none() => self.nanos = number(),
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

/// `source_table` and `table` say the same.
fn plain(name: &str) -> &str {
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
