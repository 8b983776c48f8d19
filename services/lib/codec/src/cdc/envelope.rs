//! The walk over an envelope: finds its parts, whatever their order, and reads the small ones.

use std::borrow::Cow;
use std::sync::Arc;

use super::block::{Payload, Shapes, with_payload};
use super::{ControlKind, Envelope, Image, Op, Position, SchemaBlockCache, Unwrapped};
use crate::avro::{AvroReader, Schema};
use crate::failure::{DecodeFailure, Detail};
use crate::json::JsonReader;
use crate::semantic::as_i64;
use crate::token::{Reader, Token};

/// Unwraps a JSON value with or without its schema block. The whole value is proven to be strict JSON, so the images cannot fail on
/// grammar; they can on values that contradict the schema block.
pub fn unwrap_json<'b>(value: &'b [u8], cache: &mut SchemaBlockCache) -> Result<Unwrapped<'b>, DecodeFailure> {
    with_payload(value, cache, |payload| walk(&mut JsonRows::new(payload)))
}

/// Unwraps an Avro datum; `base` is its offset in the value.
pub fn unwrap_avro<'b>(schema: &'b Schema, datum: &'b [u8], base: usize) -> Result<Unwrapped<'b>, DecodeFailure> {
    walk(&mut AvroRows::new(schema, datum, base))
}

/// A reader that can set rows aside.
pub(super) trait Rows<'b>: Reader<'b> {
    /// Notes the object that comes next and moves behind it; none for null, `BadEnvelope` for anything else. `field` names it, empty for
    /// the root.
    fn row(&mut self, field: &str) -> Result<Option<Image<'b>>, DecodeFailure>;
}

/// Rows in JSON.
pub(super) struct JsonRows<'b> {
    reader: JsonReader<'b>,
    shapes: Option<Arc<Shapes>>,
}

/// Rows in Avro.
pub(super) struct AvroRows<'b> {
    reader: AvroReader<'b>,
}

/// What was found at the top of the document.
#[derive(Default)]
struct Found<'b> {
    op: Option<Cow<'b, str>>,
    before: Option<Image<'b>>,
    after: Option<Image<'b>>,
    source: Option<Source<'b>>,
    transaction: Option<Cow<'b, str>>,
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
#[derive(Default)]
struct Source<'b> {
    time_micros: Option<i64>,
    position: Option<Position<'b>>,
    database: Option<Cow<'b, str>>,
    schema: Option<Cow<'b, str>>,
    table: Option<Cow<'b, str>>,
}

fn walk<'b>(rows: &mut impl Rows<'b>) -> Result<Unwrapped<'b>, DecodeFailure> {
    let start = rows.position();
    match rows.next()? {
        Token::BeginObject => {}
        Token::Null => {
            rows.next()?;
            return Ok(Unwrapped::Tombstone);
        }
        // Broken bytes further on would say more than a document of the wrong kind.
        Token::BeginArray => return drain(rows).and_then(|()| bad(start)),
        _ => return rows.next().and_then(|_| bad(start)),
    }
    let mut found = Found::default();
    loop {
        match rows.next()? {
            Token::Key(key) => found.field(rows, &key)?,
            Token::EndObject => break,
            _ => return bad(rows.position()),
        }
    }
    rows.next()?;
    found.judge(start)
}

/// Reads a list whose start was read, and the end of the document.
fn drain<'b>(rows: &mut impl Rows<'b>) -> Result<(), DecodeFailure> {
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
        token => as_i64(&token).map_or_else(|| bad(at), |value| Ok(Some(value))),
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

// === impl Found ===

impl<'b> Found<'b> {
    fn field(&mut self, rows: &mut impl Rows<'b>, key: &str) -> Result<(), DecodeFailure> {
        match key {
            "before" => self.before = rows.row(key)?,
            "after" => self.after = rows.row(key)?,
            "op" => {
                let at = rows.position();
                self.op = Some(text(rows)?.map_or_else(|| bad(at), Ok)?);
            }
            "source" => self.source = Source::read(rows)?,
            "transaction" => self.transaction = transaction(rows)?,
            key => {
                match key {
                    "ts_ms" => self.ts_ms = true,
                    "ts_us" | "ts_ns" => {}
                    "message" => self.message = true,
                    "status" => self.status = true,
                    "id" => self.id = true,
                    "ddl" | "tableChanges" => self.ddl = true,
                    _ => self.others += 1,
                }
                rows.skip()?;
            }
        }
        Ok(())
    }

    fn judge(self, start: usize) -> Result<Unwrapped<'b>, DecodeFailure> {
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
        let envelope = Envelope {
            op: Some(op),
            before: self.before.filter(|_| images),
            after: self.after.filter(|_| images && op != Op::Delete),
            source_time_micros: source.time_micros,
            position: source.position,
            database: source.database,
            schema: source.schema,
            table: source.table,
            transaction: self.transaction,
        };
        Ok(if op == Op::Message {
            Unwrapped::LogicalMessage(envelope)
        } else {
            Unwrapped::Change(envelope)
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
    fn read(reader: &mut impl Reader<'b>) -> Result<Option<Source<'b>>, DecodeFailure> {
        let at = reader.position();
        match reader.next()? {
            Token::BeginObject => {}
            Token::Null => return Ok(None),
            _ => return bad(at),
        }
        let mut source = Source::default();
        let (mut millis, mut micros, mut nanos) = (None, None, None);
        let (mut lsn, mut file, mut pos, mut other) = (None, None, None, None);
        loop {
            let key = match reader.next()? {
                Token::Key(key) => key,
                Token::EndObject => break,
                _ => return bad(reader.position()),
            };
            match &*key {
                "ts_ms" => millis = integer(reader)?,
                "ts_us" => micros = integer(reader)?,
                "ts_ns" => nanos = integer(reader)?,
                "db" => source.database = text(reader)?,
                "schema" => source.schema = text(reader)?,
                "table" | "collection" => source.table = text(reader)?,
                "lsn" => lsn = integer(reader)?,
                "file" => file = text(reader)?,
                "pos" => pos = integer(reader)?,
                "scn" | "change_lsn" => other = text(reader)?,
                _ => reader.skip()?,
            }
        }
        source.time_micros = source_time(micros, nanos, millis);
        source.position = position(lsn, file, pos, other);
        Ok(Some(source))
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

fn transaction<'b>(reader: &mut impl Reader<'b>) -> Result<Option<Cow<'b, str>>, DecodeFailure> {
    let at = reader.position();
    match reader.next()? {
        Token::BeginObject => {}
        Token::Null => return Ok(None),
        _ => return bad(at),
    }
    let mut id = None;
    loop {
        match reader.next()? {
            Token::Key(key) if key == "id" => id = text(reader)?,
            Token::Key(_) => reader.skip()?,
            Token::EndObject => return Ok(id.map(transaction_of)),
            _ => return bad(reader.position()),
        }
    }
}

// === impl JsonRows ===

impl<'b> JsonRows<'b> {
    pub(super) fn new(payload: Payload<'b>) -> JsonRows<'b> {
        JsonRows {
            reader: payload.reader,
            shapes: payload.shapes,
        }
    }
}

impl<'b> Reader<'b> for JsonRows<'b> {
    fn next(&mut self) -> Result<Token<'b>, DecodeFailure> {
        self.reader.next()
    }

    fn skip(&mut self) -> Result<(), DecodeFailure> {
        self.reader.skip()
    }

    fn position(&self) -> usize {
        self.reader.position()
    }
}

impl<'b> Rows<'b> for JsonRows<'b> {
    fn row(&mut self, field: &str) -> Result<Option<Image<'b>>, DecodeFailure> {
        let first = self.reader.peek();
        let start = self.reader.position();
        self.reader.skip()?;
        match first {
            Some(b'{') => {
                let text = self.reader.between(start, self.reader.position());
                let shape = |shapes: &Arc<Shapes>| if field.is_empty() { shapes.root() } else { shapes.field(field) };
                let shapes = self.shapes.as_ref().map(|shapes| (shapes.clone(), shape(shapes)));
                Ok(Some(Image::json(text, start, shapes)))
            }
            Some(b'n') => Ok(None),
            _ => bad(start),
        }
    }
}

// === impl AvroRows ===

impl<'b> AvroRows<'b> {
    pub(super) fn new(schema: &'b Schema, datum: &'b [u8], base: usize) -> AvroRows<'b> {
        AvroRows {
            reader: AvroReader::new(schema, datum).with_base(base),
        }
    }
}

impl<'b> Reader<'b> for AvroRows<'b> {
    fn next(&mut self) -> Result<Token<'b>, DecodeFailure> {
        self.reader.next()
    }

    fn skip(&mut self) -> Result<(), DecodeFailure> {
        self.reader.skip()
    }

    fn position(&self) -> usize {
        self.reader.position()
    }
}

impl<'b> Rows<'b> for AvroRows<'b> {
    fn row(&mut self, _: &str) -> Result<Option<Image<'b>>, DecodeFailure> {
        let at = self.reader.position();
        let Some((node, start)) = self.reader.enter()? else {
            return Ok(None);
        };
        if !self.reader.is_record(node) {
            return bad(at);
        }
        self.reader.skip()?;
        let datum = self.reader.datum_until(self.reader.at());
        Ok(Some(Image::avro(self.reader.schema(), node, datum, start, self.reader.base())))
    }
}
