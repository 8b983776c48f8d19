//! Debezium's envelope of the MongoDB connector: documents are texts of Extended JSON, an update may hold nothing but what it changed, and
//! a delete nothing but its key.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;

use super::envelope::{Source, bad, fields, integer, object, text, transaction};
use super::rows::{Quoted, Rows};
use super::{ControlKind, Image, ImageReader, Op, Texts, Unwrapped};
use crate::failure::{DecodeFailure, Detail};
use crate::json::{unescape_into, unescaped_step};
use crate::token::{Reader as _, Token};

/// A document inside of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Document<'b> {
    /// The document.
    pub(super) text: &'b str,
    /// As it stands in the value, with escapes where it differs.
    raw: &'b str,
    /// Where `raw` lies in the value.
    base: usize,
}

/// The key of a MongoDB event: `{"id": "…"}`, whose text is the `_id` in Extended JSON.
#[derive(Debug, Clone, Copy)]
pub struct MongoKey<'b>(Document<'b>);

/// What was found in the envelope; texts are still as they stand there.
#[derive(Default)]
pub(super) struct Found<'b> {
    op: Option<Op>,
    source: Option<Source<'b>>,
    transaction: Option<Cow<'b, str>>,
    before: Option<Text<'b>>,
    after: Option<Text<'b>>,
    updated: Option<Text<'b>>,
    described: bool,
    control: Option<ControlKind>,
}

/// A text and, where it has escapes, where its plain form lies.
struct Text<'b> {
    quoted: Quoted<'b>,
    plain: Option<Range<usize>>,
}

/// Reads a whole envelope. What has to be unescaped, and the names of removed fields, go to `texts`.
pub(super) fn walk<'b>(rows: &mut impl Rows<'b>, texts: &mut Texts) -> Result<Found<'b>, DecodeFailure> {
    texts.clear();
    let start = rows.position();
    let mut found = Found::default();
    let (mut letter, mut ts_ms, mut others) = (None, false, false);
    let (mut status, mut id) = (false, false);
    let there = fields(rows, |rows, key| {
        match key {
            "before" => found.before = rows.quoted()?.map(|quoted| Text::new(quoted, texts)),
            "after" => found.after = rows.quoted()?.map(|quoted| Text::new(quoted, texts)),
            "updateDescription" => found.description(rows, texts)?,
            "op" => letter = text(rows)?,
            "source" => found.source = Source::read(rows)?,
            "transaction" => found.transaction = transaction(rows)?,
            "ts_ms" => {
                ts_ms = true;
                rows.skip()?;
            }
            "ts_us" | "ts_ns" => rows.skip()?,
            key => {
                status |= key == "status";
                id |= key == "id";
                others = true;
                rows.skip()?;
            }
        }
        Ok(())
    })?;
    if !there {
        return Ok(found);
    }
    let Some(letter) = letter else {
        let rows = found.before.is_some() || found.after.is_some() || found.described || found.source.is_some();
        found.control = match (rows, status && id, ts_ms && !others) {
            (false, true, _) => Some(ControlKind::Transaction),
            (false, false, true) => Some(ControlKind::Heartbeat),
            _ => return bad(start),
        };
        return Ok(found);
    };
    let op = Op::from_letter(&letter).ok_or(DecodeFailure {
        detail: Detail::UnknownOperation,
        offset: start,
    })?;
    let complete = match op {
        Op::Create | Op::Read => found.after.is_some(),
        Op::Update => found.after.is_some() || found.described,
        Op::Delete => true,
        Op::Truncate | Op::Message => false,
    };
    if !complete || found.source.is_none() || !texts.sort_names() || texts.has_name("_id") {
        return bad(start);
    }
    found.op = Some(op);
    Ok(found)
}

// === impl Found ===

impl<'b> Found<'b> {
    fn description(&mut self, rows: &mut impl Rows<'b>, texts: &mut Texts) -> Result<(), DecodeFailure> {
        self.described = object(rows, |rows, key| {
            match key {
                "updatedFields" => self.updated = rows.quoted()?.map(|quoted| Text::new(quoted, texts)),
                "removedFields" => removed(rows, texts)?,
                // What is left of a list is not said, so its column is one that was not sent.
                "truncatedArrays" => truncated(rows)?,
                _ => rows.skip()?,
            }
            Ok(())
        })?;
        Ok(())
    }

    pub(super) fn unwrap(self, texts: &'b Texts) -> Unwrapped<'b> {
        if let Some(kind) = self.control {
            return Unwrapped::Control(kind);
        }
        let (Some(op), Some(source)) = (self.op, self.source) else {
            return Unwrapped::Tombstone;
        };
        let document = |text: Text<'b>| text.document(texts);
        let mut event = source.event(op, self.transaction);
        event.before = self.before.map(document).map(Image::extended);
        event.after = match self.after.map(document) {
            _ if op == Op::Delete => None,
            Some(after) => Some(Image::extended(after)),
            None => Some(Image::partial(None, self.updated.map(document), Some(texts))),
        };
        Unwrapped::Change(event)
    }
}

/// Names of fields that an update removed.
fn removed<'b>(rows: &mut impl Rows<'b>, texts: &mut Texts) -> Result<(), DecodeFailure> {
    let at = rows.position();
    match rows.next()? {
        Token::Null => return Ok(()),
        Token::BeginArray => {}
        _ => return bad(at),
    }
    loop {
        match rows.next()? {
            Token::Str(name) => texts.push_name(&name),
            Token::EndArray => return Ok(()),
            _ => return bad(at),
        }
    }
}

/// `[{field, size}]`.
fn truncated<'b>(rows: &mut impl Rows<'b>) -> Result<(), DecodeFailure> {
    let at = rows.position();
    match rows.next()? {
        Token::Null => return Ok(()),
        Token::BeginArray => {}
        _ => return bad(at),
    }
    loop {
        match rows.next()? {
            Token::BeginObject => loop {
                match rows.next()? {
                    Token::Key(key) if key == "field" => drop(text(rows)?),
                    Token::Key(key) if key == "size" => drop(integer(rows)?),
                    Token::Key(_) => rows.skip()?,
                    Token::EndObject => break,
                    _ => return bad(at),
                }
            },
            Token::EndArray => return Ok(()),
            _ => return bad(at),
        }
    }
}

// === impl Text ===

impl<'b> Text<'b> {
    fn new(quoted: Quoted<'b>, texts: &mut Texts) -> Text<'b> {
        let plain = quoted.escaped.then(|| texts.push(|text| unescape_into(quoted.raw, text)));
        Text { quoted, plain }
    }

    fn document(self, texts: &'b Texts) -> Document<'b> {
        Document {
            text: self.plain.map_or(self.quoted.raw, |plain| texts.get(plain)),
            raw: self.quoted.raw,
            base: self.quoted.base,
        }
    }
}

// === impl Document ===

impl Document<'_> {
    /// Where a byte of the document stands in the value. `from` remembers a place that was asked for, so that asking again further on
    /// costs only the way between.
    pub(super) fn offset(&self, at: usize, from: &Cell<(usize, usize)>) -> usize {
        let (mut text, mut raw) = from.get();
        if at < text {
            (text, raw) = (0, 0);
        }
        let bytes = self.raw.as_bytes();
        while text < at && raw < bytes.len() {
            let (plain, written) = unescaped_step(bytes, raw);
            text += plain;
            raw += written;
        }
        from.set((text, raw));
        self.base + raw
    }
}

// === impl MongoKey ===

impl<'b> MongoKey<'b> {
    /// Reads a key; `BadEnvelope` where it is none. Offsets of failures inside of the `_id` count in its text.
    pub fn read(mut reader: ImageReader<'_>, texts: &'b mut Texts) -> Result<MongoKey<'b>, DecodeFailure> {
        texts.clear();
        let mut id = None;
        let there = fields(&mut reader, |reader, key| {
            match key {
                "id" => id = text(reader)?,
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        let (true, Some(id)) = (there, id) else { return bad(0) };
        let range = texts.push(|text| text.push_str(&id));
        let text = texts.get(range);
        Ok(MongoKey(Document { text, raw: text, base: 0 }))
    }

    /// The row of which nothing is known but its key.
    pub fn image(self) -> Image<'b> {
        Image::partial(Some(self.0), None, None)
    }

    pub(super) fn document(self) -> Document<'b> {
        self.0
    }
}
