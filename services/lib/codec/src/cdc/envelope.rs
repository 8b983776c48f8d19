//! The walk over an envelope: finds its parts, whatever their order, and reads the small ones.

use std::borrow::Cow;

use super::rows::{AvroRows, Rows};
use super::{ChangeEvent, ControlKind, Image, Op, Position, Unwrapped};
use crate::avro::Schema;
use crate::failure::{DecodeFailure, Detail};
use crate::semantic::as_i64;
use crate::token::{Reader, Token};

/// Unwraps an Avro datum; `base` is its offset in the value.
pub fn unwrap_avro<'b>(schema: &'b Schema, datum: &'b [u8], base: usize) -> Result<Unwrapped<'b>, DecodeFailure> {
    walk(&mut AvroRows::new(schema, datum, base))
}

/// What a field of the envelope is, for whoever reads or looks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Field {
    Before,
    After,
    Op,
    Source,
    Transaction,
    /// A logical message, or null.
    Message,
    /// `ts_ms`; the more exact ones say nothing else.
    Time,
    ExactTime,
    /// Of transaction records.
    Status,
    Id,
    /// Of schema changes.
    Schema,
    Other,
}

/// What a field of `source` is.
#[derive(Debug, Clone, Copy)]
pub(super) enum SourcePart {
    Millis,
    Micros,
    Nanos,
    Lsn,
    Pos,
    Ordinal,
    Snapshot,
    Database,
    Schema,
    Table,
    File,
    /// As text.
    Position,
    Other,
}

/// What was found at the top of the document.
#[derive(Default)]
pub(super) struct Found<'b> {
    pub(super) op: Option<Cow<'b, str>>,
    pub(super) before: Option<Image<'b>>,
    pub(super) after: Option<Image<'b>>,
    pub(super) source: Option<Source<'b>>,
    pub(super) transaction: Option<Cow<'b, str>>,
    /// A logical message with its prefix.
    message: bool,
    /// `status` and `id` of transaction records.
    status: bool,
    id: bool,
    /// `ddl` or `tableChanges` of schema changes.
    ddl: bool,
    ts_ms: bool,
    /// Anything else.
    others: usize,
}

/// The block `source`.
pub(super) struct Source<'b> {
    pub(super) time_micros: Option<i64>,
    position: Option<Position<'b>>,
    snapshot: Option<Cow<'b, str>>,
    database: Option<Cow<'b, str>>,
    schema: Option<Cow<'b, str>>,
    table: Option<Cow<'b, str>>,
}

/// What was found in the block `source`.
#[derive(Default)]
pub(super) struct SourceParts<'b> {
    pub(super) millis: Option<i64>,
    pub(super) micros: Option<i64>,
    pub(super) nanos: Option<i64>,
    pub(super) lsn: Option<i64>,
    pub(super) pos: Option<i64>,
    pub(super) ordinal: Option<i64>,
    pub(super) file: Option<Cow<'b, str>>,
    /// A position that is text.
    pub(super) other: Option<Cow<'b, str>>,
    pub(super) snapshot: Option<Cow<'b, str>>,
    pub(super) database: Option<Cow<'b, str>>,
    pub(super) schema: Option<Cow<'b, str>>,
    pub(super) table: Option<Cow<'b, str>>,
}

/// Reads a whole envelope of rows.
pub(super) fn walk<'b>(rows: &mut impl Rows<'b>) -> Result<Unwrapped<'b>, DecodeFailure> {
    let start = rows.position();
    let mut found = Found::default();
    match fields(rows, |rows, key| found.field(rows, key))? {
        true => found.judge(start),
        false => Ok(Unwrapped::Tombstone),
    }
}

/// A document that begins with `first`, which is no object, must be null, and ends.
fn nothing_but<'b>(rows: &mut impl Reader<'b>, first: Token<'b>, start: usize) -> Result<(), DecodeFailure> {
    match first {
        Token::Null => rows.next().map(|_| ()),
        // Broken bytes further on would say more than a document of the wrong kind.
        Token::BeginArray => drain(rows).and_then(|()| bad(start)),
        _ => rows.next().and_then(|_| bad(start)),
    }
}

/// Reads a document that is one object, each field by `field`, and proves that it ends; false for null.
pub(super) fn fields<'b, R: Reader<'b>>(
    rows: &mut R,
    mut field: impl FnMut(&mut R, &str) -> Result<(), DecodeFailure>,
) -> Result<bool, DecodeFailure> {
    let start = rows.position();
    match rows.next()? {
        Token::BeginObject => {}
        other => return nothing_but(rows, other, start).map(|()| false),
    }
    loop {
        match rows.next()? {
            Token::Key(key) => field(rows, &key)?,
            Token::EndObject => break,
            _ => return bad(rows.position()),
        }
    }
    rows.next()?;
    Ok(true)
}

/// Reads the object that comes next, each field by `field`; false for null.
pub(super) fn object<'b, R: Reader<'b>>(
    reader: &mut R,
    mut field: impl FnMut(&mut R, &str) -> Result<(), DecodeFailure>,
) -> Result<bool, DecodeFailure> {
    let at = reader.position();
    match reader.next()? {
        Token::BeginObject => {}
        Token::Null => return Ok(false),
        _ => return bad(at),
    }
    loop {
        match reader.next()? {
            Token::Key(key) => field(reader, &key)?,
            Token::EndObject => return Ok(true),
            _ => return bad(reader.position()),
        }
    }
}

/// Reads a list whose start was read, and the end of the document.
fn drain<'b>(rows: &mut impl Reader<'b>) -> Result<(), DecodeFailure> {
    let mut depth = 1;
    while depth > 0 {
        match rows.next()? {
            Token::BeginArray | Token::BeginObject => depth += 1,
            Token::EndArray | Token::EndObject => depth -= 1,
            _ => {}
        }
    }
    rows.next().map(|_| ())
}

#[cold]
pub(super) fn bad<T>(offset: usize) -> Result<T, DecodeFailure> {
    Err(DecodeFailure {
        detail: Detail::BadEnvelope,
        offset,
    })
}

/// The text that comes next; none for null.
pub(super) fn text<'b>(reader: &mut impl Reader<'b>) -> Result<Option<Cow<'b, str>>, DecodeFailure> {
    let at = reader.position();
    match reader.next()? {
        Token::Str(text) => Ok(Some(text)),
        Token::Null => Ok(None),
        _ => bad(at),
    }
}

/// The 64-bit integer that comes next; none for null.
pub(super) fn integer<'b>(reader: &mut impl Reader<'b>) -> Result<Option<i64>, DecodeFailure> {
    let at = reader.position();
    match reader.next()? {
        Token::Null => Ok(None),
        Token::Number(text)
            if text.len() < 20
                && let Ok(value) = text.parse() =>
        {
            Ok(Some(value))
        }
        token => as_i64(&token).map_or_else(|| bad(at), |value| Ok(Some(value))),
    }
}

/// An image that its operation has use for; another one is proven, since nobody will read it.
pub(super) fn keep(image: Option<Image<'_>>, keep: bool) -> Result<Option<Image<'_>>, DecodeFailure> {
    match image {
        Some(mut image) if !keep => image.prove().map(|()| None),
        image => Ok(image),
    }
}

/// Whether there is a logical message: an object with the text `prefix`.
fn message<'b>(rows: &mut impl Rows<'b>) -> Result<bool, DecodeFailure> {
    let mut prefix = false;
    object(rows, |rows, key| {
        match key {
            "prefix" => prefix = text(rows)?.is_some(),
            _ => rows.skip()?,
        }
        Ok(())
    })?;
    Ok(prefix)
}

/// The text that comes next, or the digits of a number; none for null.
pub(super) fn number_or_text<'b>(reader: &mut impl Reader<'b>) -> Result<Option<Cow<'b, str>>, DecodeFailure> {
    let at = reader.position();
    match reader.next()? {
        Token::Number(text) => Ok(Some(Cow::Borrowed(text))),
        Token::Str(text) => Ok(Some(text)),
        Token::Null => Ok(None),
        _ => bad(at),
    }
}

/// Without what differs between events of one transaction: PostgreSQL's `txid:lsn`, both numbers. A GTID with a colon is left alone.
pub(super) fn transaction_of(id: Cow<'_, str>) -> Cow<'_, str> {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let cut = id
        .split_once(':')
        .filter(|(txid, lsn)| number(txid) && number(lsn))
        .map(|(txid, _)| txid.len());
    match (cut, id) {
        (None, id) => id,
        (Some(at), Cow::Borrowed(id)) => Cow::Borrowed(&id[..at]),
        (Some(at), Cow::Owned(mut id)) => {
            id.truncate(at);
            Cow::Owned(id)
        }
    }
}

// === impl Field ===

impl Field {
    pub(super) fn of(name: &str) -> Field {
        // Patterns of bytes become a decision tree, those of text a chain of comparisons.
        match name.as_bytes() {
            b"before" => Field::Before,
            b"after" => Field::After,
            b"op" => Field::Op,
            b"source" => Field::Source,
            b"transaction" => Field::Transaction,
            b"message" => Field::Message,
            b"ts_ms" => Field::Time,
            b"ts_us" | b"ts_ns" => Field::ExactTime,
            b"status" => Field::Status,
            b"id" => Field::Id,
            b"ddl" | b"tableChanges" => Field::Schema,
            _ => Field::Other,
        }
    }
}

// === impl SourcePart ===

impl SourcePart {
    pub(super) fn of(name: &str) -> SourcePart {
        match name.as_bytes() {
            b"ts_ms" => SourcePart::Millis,
            b"ts_us" => SourcePart::Micros,
            b"ts_ns" => SourcePart::Nanos,
            b"lsn" => SourcePart::Lsn,
            b"pos" => SourcePart::Pos,
            b"ord" => SourcePart::Ordinal,
            b"snapshot" => SourcePart::Snapshot,
            b"db" => SourcePart::Database,
            b"schema" => SourcePart::Schema,
            b"table" | b"collection" => SourcePart::Table,
            b"file" => SourcePart::File,
            b"scn" | b"change_lsn" => SourcePart::Position,
            _ => SourcePart::Other,
        }
    }
}

// === impl Found ===

impl<'b> Found<'b> {
    fn field(&mut self, rows: &mut impl Rows<'b>, key: &str) -> Result<(), DecodeFailure> {
        match Field::of(key) {
            Field::Before => self.before = rows.row(key)?,
            Field::After => self.after = rows.row(key)?,
            Field::Message => self.message = message(rows)?,
            Field::Op => {
                let at = rows.position();
                self.op = Some(text(rows)?.map_or_else(|| bad(at), Ok)?);
            }
            Field::Source => self.source = Source::read(rows)?,
            Field::Transaction => self.transaction = transaction(rows)?,
            Field::ExactTime => rows.skip()?,
            other => {
                match other {
                    Field::Time => self.ts_ms = true,
                    Field::Status => self.status = true,
                    Field::Id => self.id = true,
                    Field::Schema => self.ddl = true,
                    _ => self.others += 1,
                }
                rows.skip()?;
            }
        }
        Ok(())
    }

    pub(super) fn judge(self, start: usize) -> Result<Unwrapped<'b>, DecodeFailure> {
        let Some(letter) = &self.op else { return self.control(start) };
        let Some(op) = Op::from_letter(letter) else {
            return Err(DecodeFailure {
                detail: Detail::UnknownOperation,
                offset: start,
            });
        };
        let complete = match op {
            Op::Create | Op::Read | Op::Update => self.after.is_some(),
            Op::Delete => self.before.is_some(),
            Op::Truncate => true,
            Op::Message => self.message,
        };
        let (true, Some(source)) = (complete, self.source) else {
            return bad(start);
        };
        let images = matches!(op, Op::Create | Op::Read | Op::Update | Op::Delete);
        let mut event = source.event(op, self.transaction);
        event.before = keep(self.before, images)?;
        event.after = keep(self.after, images && op != Op::Delete)?;
        Ok(if op == Op::Message {
            Unwrapped::LogicalMessage(event)
        } else {
            Unwrapped::Change(event)
        })
    }

    /// Records without `op`, by what they hold.
    fn control(self, start: usize) -> Result<Unwrapped<'b>, DecodeFailure> {
        let rows = self.before.is_some() || self.after.is_some();
        if rows {
            return bad(start);
        }
        if self.ddl && self.source.is_some() {
            return Ok(Unwrapped::Control(ControlKind::SchemaChange));
        }
        if self.status && self.id && self.source.is_none() {
            return Ok(Unwrapped::Control(ControlKind::Transaction));
        }
        if self.ts_ms && self.others == 0 && !self.status && !self.id && !self.message && self.source.is_none() {
            return Ok(Unwrapped::Control(ControlKind::Heartbeat));
        }
        bad(start)
    }
}

// === impl Source ===

impl<'b> Source<'b> {
    pub(super) fn read(rows: &mut impl Rows<'b>) -> Result<Option<Source<'b>>, DecodeFailure> {
        let mut parts = SourceParts::default();
        let there = object(rows, |reader, key| parts.field(reader, key))?;
        Ok(there.then(|| parts.source()))
    }

    /// The event without its rows.
    pub(super) fn event(self, op: Op, transaction: Option<Cow<'b, str>>) -> ChangeEvent<'b> {
        ChangeEvent {
            op: Some(op),
            before: None,
            after: None,
            source_time_micros: self.time_micros,
            position: self.position,
            snapshot: self.snapshot,
            database: self.database,
            schema: self.schema,
            table: self.table,
            transaction,
        }
    }
}

// === impl SourceParts ===

impl<'b> SourceParts<'b> {
    fn field(&mut self, reader: &mut impl Reader<'b>, key: &str) -> Result<(), DecodeFailure> {
        match SourcePart::of(key) {
            SourcePart::Millis => self.millis = integer(reader)?,
            SourcePart::Micros => self.micros = integer(reader)?,
            SourcePart::Nanos => self.nanos = integer(reader)?,
            SourcePart::Snapshot => self.snapshot = snapshot(reader)?,
            SourcePart::Database => self.database = text(reader)?,
            SourcePart::Schema => self.schema = text(reader)?,
            SourcePart::Table => self.table = text(reader)?,
            SourcePart::Lsn => self.lsn = integer(reader)?,
            SourcePart::File => self.file = text(reader)?,
            SourcePart::Pos => self.pos = integer(reader)?,
            SourcePart::Ordinal => self.ordinal = integer(reader)?,
            SourcePart::Position => self.other = text(reader)?,
            SourcePart::Other => reader.skip()?,
        }
        Ok(())
    }

    /// What they say together.
    pub(super) fn source(self) -> Source<'b> {
        let (millis, ordinal) = (self.millis, self.ordinal);
        Source {
            time_micros: source_time(self.micros, self.nanos, millis),
            position: position(self.lsn, self.file, self.pos, self.other).or_else(|| {
                let (millis, ordinal) = millis.zip(ordinal)?;
                Some(Position::Oplog {
                    seconds: millis.div_euclid(1000),
                    ordinal,
                })
            }),
            snapshot: self.snapshot,
            database: self.database,
            schema: self.schema,
            table: self.table,
        }
    }
}

/// Text in all connectors of today, a truth value in old ones.
fn snapshot<'b>(reader: &mut impl Reader<'b>) -> Result<Option<Cow<'b, str>>, DecodeFailure> {
    let at = reader.position();
    match reader.next()? {
        Token::Str(text) => Ok(Some(text)),
        Token::Bool(snapshot) => Ok(Some(Cow::Borrowed(if snapshot { "true" } else { "false" }))),
        Token::Null => Ok(None),
        _ => bad(at),
    }
}

/// The most exact of the times that the source gave.
pub(super) fn source_time(micros: Option<i64>, nanos: Option<i64>, millis: Option<i64>) -> Option<i64> {
    micros
        .or_else(|| nanos.map(|nanos| nanos.div_euclid(1000)))
        .or_else(|| millis.and_then(|millis| millis.checked_mul(1000)))
}

pub(super) fn position<'b>(
    lsn: Option<i64>,
    file: Option<Cow<'b, str>>,
    pos: Option<i64>,
    other: Option<Cow<'b, str>>,
) -> Option<Position<'b>> {
    lsn.map(Position::Lsn)
        .or_else(|| file.zip(pos).map(|(file, pos)| Position::Binlog { file, pos }))
        .or_else(|| other.map(Position::Text))
}

pub(super) fn transaction<'b>(rows: &mut impl Rows<'b>) -> Result<Option<Cow<'b, str>>, DecodeFailure> {
    let mut id = None;
    object(rows, |reader, key| {
        match key {
            "id" => id = text(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    Ok(id.map(transaction_of))
}
