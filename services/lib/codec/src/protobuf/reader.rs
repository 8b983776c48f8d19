//! The walk over a message.

use std::borrow::Cow;
use std::ops::Range;

use super::index::{Entry, Mark, NONE, Scratch};
use super::schema::{Field, Kind, MessageId, Presence, Schema, Shape};
use super::wire::{self, zigzag};
use crate::DEPTH_MAX;
use crate::failure::{DecodeFailure, Detail};
use crate::token::{Reader, Token};

/// Tokens and fields of a datum beyond a few for each of its bytes: absent fields have tokens without bytes.
const BUDGET_FREE: u64 = 1 << 18;
/// Tokens and fields that one byte can stand for.
const BUDGET_PER_BYTE: u64 = 16;

/// Reads one message with the schema it was written with. Names are borrowed from the schema, text and bytes from the datum.
#[derive(Debug)]
pub struct ProtobufReader<'b, 's> {
    pub(super) schema: &'b Schema,
    pub(super) datum: &'b [u8],
    /// Offset of the datum in the value.
    base: usize,
    /// Where the last value began.
    pub(super) at: usize,
    /// Where the value lies that the last token begins.
    last: Place,
    pending: Pending,
    frames: [Frame; DEPTH_MAX],
    depth: usize,
    /// Levels that are open around the datum.
    around: usize,
    budget: u64,
    unknown: u64,
    alias: Option<&'b str>,
    raw: Option<i32>,
    pub(super) scratch: &'s mut Scratch,
}

#[derive(Debug, Clone, Copy)]
enum Pending {
    Root(MessageId),
    Value(Kind, Place),
    /// The list or map of that field, from that entry on.
    Many(MessageId, u32, u32),
    /// The next part of the innermost open message, list or map.
    Part,
    End,
    Spent(DecodeFailure),
}

/// Where a value lies.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// Nowhere: the default.
    Absent,
    /// In these bytes.
    Span(u32, u32),
    /// In the occurrences from this one on, to be joined.
    Chain(u32),
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    open: Open,
    /// What to go back to when it ends, and before each of its parts.
    outer: Mark,
    own: Mark,
}

#[derive(Debug, Clone, Copy)]
enum Open {
    Message {
        id: MessageId,
        heads: u32,
        /// Next field.
        field: u32,
    },
    List {
        kind: Kind,
        /// The next occurrence; values of a packed one from `at` on come before it.
        entry: u32,
        at: u32,
        end: u32,
    },
    Map {
        /// The message of an entry.
        id: MessageId,
        entry: u32,
    },
}

// === impl ProtobufReader ===

impl<'b, 's> ProtobufReader<'b, 's> {
    /// Reads the whole of `datum` (without its frame) as that message of the schema.
    pub fn new(schema: &'b Schema, message: MessageId, datum: &'b [u8], scratch: &'s mut Scratch) -> ProtobufReader<'b, 's> {
        scratch.clear();
        let frame = Frame {
            open: Open::Map { id: message, entry: NONE },
            outer: Mark::default(),
            own: Mark::default(),
        };
        ProtobufReader {
            schema,
            datum,
            base: 0,
            at: 0,
            last: Place::Absent,
            pending: Pending::Root(message),
            frames: [frame; DEPTH_MAX],
            depth: 0,
            around: 0,
            budget: BUDGET_FREE + BUDGET_PER_BYTE * datum.len() as u64,
            unknown: 0,
            alias: None,
            raw: None,
            scratch,
        }
    }

    /// Counts offsets of failures and positions from `base`, for a datum that does not begin its value.
    pub fn with_base(mut self, base: usize) -> ProtobufReader<'b, 's> {
        self.base = base;
        self
    }

    /// The `json_name` of the last field, where it differs from the field's name.
    pub fn alias(&self) -> Option<&'b str> {
        self.alias
    }

    /// The number of the last enum value.
    pub fn raw(&self) -> Option<Token<'b>> {
        self.raw.map(|number| Token::Int(number.into()))
    }

    /// Bytes of the value that the last token is or begins, counted like positions and without tag and length; none for a default that is
    /// not on the wire. What comes in several parts reaches from the first to the last.
    pub fn extent(&self) -> Option<Range<usize>> {
        let (start, end) = match self.last {
            Place::Absent => return None,
            Place::Span(start, end) => (start, end),
            Place::Chain(first) => {
                let Entry {
                    start, mut end, mut next, ..
                } = self.scratch.entries[first as usize];
                while next != NONE {
                    let entry = self.scratch.entries[next as usize];
                    (end, next) = (end.max(entry.end), entry.next);
                }
                (start, end)
            }
        };
        Some(self.base + start as usize..self.base + end as usize)
    }

    /// Fields so far that the schema does not know; each time that one came counts.
    pub fn unknown_fields(&self) -> u64 {
        self.unknown
    }

    #[cold]
    pub(super) fn fail<T>(&mut self, detail: Detail, at: usize) -> Result<T, DecodeFailure> {
        let failure = DecodeFailure {
            detail,
            offset: self.base + at,
        };
        self.pending = Pending::Spent(failure);
        Err(failure)
    }

    fn spend(&mut self, cost: usize) -> Result<(), DecodeFailure> {
        match self.budget.checked_sub(cost as u64) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => self.fail(Detail::TooLarge, self.at),
        }
    }

    fn step(&mut self) -> Result<Token<'b>, DecodeFailure> {
        self.raw = None;
        let token = match self.pending {
            Pending::Root(id) => {
                if self.datum.len() > (u32::MAX / 2) as usize {
                    return self.fail(Detail::TooLarge, 0);
                }
                self.value(Kind::Message(id), Place::Span(0, self.datum.len() as u32))
            }
            Pending::Value(kind, place) => self.value(kind, place),
            Pending::Many(id, field, entry) => self.many(id, field, entry),
            Pending::Part => self.part(),
            // The whole datum was indexed before the first token, so nothing can be left over.
            Pending::End => return Ok(Token::End),
            Pending::Spent(failure) => return Err(failure),
        };
        self.spend(1)?;
        token
    }

    fn after_value(&mut self) {
        self.pending = if self.depth == 0 { Pending::End } else { Pending::Part };
    }

    fn value(&mut self, kind: Kind, place: Place) -> Result<Token<'b>, DecodeFailure> {
        self.last = place;
        if let Kind::Message(id) = kind {
            return self.message(id, place);
        }
        let token = self.scalar(kind, place)?;
        self.after_value();
        Ok(token)
    }

    fn message(&mut self, id: MessageId, place: Place) -> Result<Token<'b>, DecodeFailure> {
        let schema = self.schema;
        let outer = self.scratch.mark();
        let (mut id, mut place) = (id, place);
        // A `Value` that a schema declared to hold itself takes bytes for each turn.
        for _ in 0..DEPTH_MAX {
            let message = schema.message(id);
            let heads = self.index(id, place)?;
            match message.shape {
                Shape::Plain => {
                    self.push(Open::Message { id, heads, field: 0 }, outer)?;
                    return Ok(Token::BeginObject);
                }
                Shape::Struct => {
                    let entry = self.scratch.heads[heads as usize].first;
                    return self.open_map(&message.fields[0], entry, outer);
                }
                Shape::ListValue => {
                    let entry = self.scratch.heads[heads as usize].first;
                    return self.open_list(message.fields[0].kind, entry, outer);
                }
                Shape::Value => {
                    let set = (0..message.fields.len()).find(|index| self.scratch.heads[heads as usize + index].first != NONE);
                    let Some(index) = set else {
                        // A reader of JSON would refuse it; here it is a value that nobody chose.
                        self.scratch.reset(outer);
                        self.after_value();
                        return Ok(Token::Null);
                    };
                    let first = self.scratch.heads[heads as usize + index].first;
                    match message.fields[index].kind {
                        Kind::Message(inner) => (id, place) = (inner, Place::Chain(first)),
                        kind => {
                            let token = self.scalar(kind, Place::Chain(first))?;
                            self.scratch.reset(outer);
                            self.after_value();
                            return Ok(token);
                        }
                    }
                }
                shape => {
                    let token = self.well_known(shape, id, heads)?;
                    self.scratch.reset(outer);
                    self.after_value();
                    return Ok(token);
                }
            }
        }
        self.fail(Detail::TooDeep, self.at)
    }

    /// Indexes a message; where its heads are.
    fn index(&mut self, id: MessageId, place: Place) -> Result<u32, DecodeFailure> {
        let message = self.schema.message(id);
        self.spend(message.fields.len())?;
        let heads = self.scratch.open(message);
        let (mut span, mut next) = match place {
            Place::Absent => return Ok(heads),
            Place::Span(start, end) => ((start, end), NONE),
            Place::Chain(first) => {
                let Entry { start, end, next, .. } = self.scratch.entries[first as usize];
                ((start, end), next)
            }
        };
        loop {
            self.at = span.0 as usize;
            match self.scratch.note(message, heads, self.datum, span.0 as usize, span.1 as usize) {
                Ok(unknown) => self.unknown += unknown,
                Err((detail, at)) => return self.fail(detail, at),
            }
            if !self.scratch.replaced.is_empty() {
                self.prove_replaced()?;
            }
            if next == NONE {
                return Ok(heads);
            }
            let entry = self.scratch.entries[next as usize];
            (span, next) = ((entry.start, entry.end), entry.next);
        }
    }

    /// Proves that messages which others replaced can be read. Only odd writers and hostile ones make them.
    #[cold]
    fn prove_replaced(&mut self) -> Result<(), DecodeFailure> {
        while let Some((id, start, end)) = self.scratch.replaced.pop() {
            if self.around + self.depth + 1 >= DEPTH_MAX {
                return self.fail(Detail::TooDeep, start as usize);
            }
            let mut scratch = Scratch::default();
            let part = &self.datum[start as usize..end as usize];
            let mut reader = ProtobufReader::new(self.schema, id, part, &mut scratch).with_base(self.base + start as usize);
            reader.around = self.around + self.depth + 1;
            let skipped = reader.skip();
            self.unknown += reader.unknown;
            if let Err(failure) = skipped {
                self.pending = Pending::Spent(failure);
                return Err(failure);
            }
        }
        Ok(())
    }

    fn push(&mut self, open: Open, outer: Mark) -> Result<(), DecodeFailure> {
        if self.depth + self.around >= DEPTH_MAX {
            return self.fail(Detail::TooDeep, self.at);
        }
        self.frames[self.depth] = Frame {
            open,
            outer,
            own: self.scratch.mark(),
        };
        self.depth += 1;
        self.pending = Pending::Part;
        Ok(())
    }

    fn close(&mut self, token: Token<'b>) -> Result<Token<'b>, DecodeFailure> {
        self.depth -= 1;
        self.scratch.reset(self.frames[self.depth].outer);
        self.after_value();
        Ok(token)
    }

    fn many(&mut self, id: MessageId, field: u32, entry: u32) -> Result<Token<'b>, DecodeFailure> {
        let field = &self.schema.message(id).fields[field as usize];
        self.last = if entry == NONE { Place::Absent } else { Place::Chain(entry) };
        let outer = self.scratch.mark();
        if field.presence == Presence::Map {
            self.open_map(field, entry, outer)
        } else {
            self.open_list(field.kind, entry, outer)
        }
    }

    fn open_list(&mut self, kind: Kind, entry: u32, outer: Mark) -> Result<Token<'b>, DecodeFailure> {
        let open = Open::List {
            kind,
            entry,
            at: 0,
            end: 0,
        };
        self.push(open, outer)?;
        Ok(Token::BeginArray)
    }

    fn open_map(&mut self, field: &Field, entry: u32, outer: Mark) -> Result<Token<'b>, DecodeFailure> {
        let Kind::Message(id) = field.kind else {
            return self.fail(Detail::BadSchema, self.at);
        };
        self.unique_keys(id, entry)?;
        self.push(Open::Map { id, entry }, outer)?;
        Ok(Token::BeginObject)
    }

    fn part(&mut self) -> Result<Token<'b>, DecodeFailure> {
        let Frame { open, own, .. } = self.frames[self.depth - 1];
        self.scratch.reset(own);
        match open {
            Open::Message { id, heads, field } => self.field(id, heads, field),
            Open::List { kind, entry, at, end } => self.item(kind, entry, at, end),
            Open::Map { id, entry } => self.entry(id, entry),
        }
    }

    /// The next field that is there or has a default.
    fn field(&mut self, id: MessageId, heads: u32, next: u32) -> Result<Token<'b>, DecodeFailure> {
        let fields = &self.schema.message(id).fields;
        for (index, field) in fields.iter().enumerate().skip(next as usize) {
            let first = self.scratch.heads[heads as usize + index].first;
            let place = if first == NONE { Place::Absent } else { Place::Chain(first) };
            self.pending = match field.presence {
                Presence::Explicit if first == NONE => continue,
                Presence::Required if first == NONE => return self.fail(Detail::Missing, self.at),
                Presence::Explicit | Presence::Required | Presence::Implicit => Pending::Value(field.kind, place),
                Presence::List | Presence::Map => Pending::Many(id, index as u32, first),
            };
            self.frames[self.depth - 1].open = Open::Message {
                id,
                heads,
                field: index as u32 + 1,
            };
            self.alias = (field.json_name != field.name).then_some(&*field.json_name);
            return Ok(Token::Key(Cow::Borrowed(&field.name)));
        }
        self.close(Token::EndObject)
    }

    fn item(&mut self, kind: Kind, entry: u32, at: u32, end: u32) -> Result<Token<'b>, DecodeFailure> {
        let (mut entry, mut at, mut end) = (entry, at, end);
        loop {
            if at < end {
                let (from, to) = match wire::extent(&self.datum[..end as usize], at as usize, kind.wire_type()) {
                    Ok(extent) => extent,
                    Err(detail) => return self.fail(detail, at as usize),
                };
                let at = to as u32;
                self.frames[self.depth - 1].open = Open::List { kind, entry, at, end };
                return self.value(kind, Place::Span(from as u32, to as u32));
            }
            if entry == NONE {
                return self.close(Token::EndArray);
            }
            let found = self.scratch.entries[entry as usize];
            entry = found.next;
            if found.packed {
                (at, end) = (found.start, found.end);
                continue;
            }
            self.frames[self.depth - 1].open = Open::List { kind, entry, at, end };
            return self.value(kind, Place::Span(found.start, found.end));
        }
    }

    fn entry(&mut self, id: MessageId, entry: u32) -> Result<Token<'b>, DecodeFailure> {
        if entry == NONE {
            return self.close(Token::EndObject);
        }
        let Entry { start, end, next, .. } = self.scratch.entries[entry as usize];
        self.frames[self.depth - 1].open = Open::Map { id, entry: next };
        let (key, value) = self.key_and_value(id, Place::Span(start, end))?;
        let fields = &self.schema.message(id).fields;
        let key = match self.scalar(fields[0].kind, key)? {
            Token::Str(text) => text,
            Token::Int(number) => Cow::Owned(number.to_string()),
            Token::Bool(value) => Cow::Borrowed(if value { "true" } else { "false" }),
            // Only an unsigned number past i64 comes so.
            Token::Decimal { unscaled, .. } => {
                Cow::Owned(unscaled.iter().fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte)).to_string())
            }
            _ => return self.fail(Detail::BadSchema, start as usize),
        };
        self.raw = None;
        self.alias = None;
        self.pending = Pending::Value(fields[1].kind, value);
        Ok(Token::Key(key))
    }

    /// Indexes an entry of a map: key and value, both with a default.
    fn key_and_value(&mut self, id: MessageId, place: Place) -> Result<(Place, Place), DecodeFailure> {
        let fields = &self.schema.message(id).fields;
        let [key, value] = &fields[..] else {
            return self.fail(Detail::BadSchema, self.at);
        };
        if key.number != 1 || value.number != 2 {
            return self.fail(Detail::BadSchema, self.at);
        }
        let heads = self.index(id, place)? as usize;
        let place = |first| if first == NONE { Place::Absent } else { Place::Chain(first) };
        Ok((place(self.scratch.heads[heads].first), place(self.scratch.heads[heads + 1].first)))
    }

    /// Proves that no key of a map comes twice.
    fn unique_keys(&mut self, id: MessageId, first: u32) -> Result<(), DecodeFailure> {
        if first == NONE || self.scratch.entries[first as usize].next == NONE {
            return Ok(());
        }
        let Some(kind) = self.schema.message(id).fields.first().map(|field| field.kind) else {
            return self.fail(Detail::BadSchema, self.at);
        };
        let unknown = self.unknown;
        let mark = self.scratch.mark();
        let (mut texts, mut numbers) = (std::mem::take(&mut self.scratch.texts), std::mem::take(&mut self.scratch.numbers));
        texts.clear();
        numbers.clear();
        let mut entry = first;
        while entry != NONE {
            let Entry { start, end, next, .. } = self.scratch.entries[entry as usize];
            let (key, _) = self.key_and_value(id, Place::Span(start, end))?;
            let (from, to) = match key {
                Place::Chain(key) => (self.scratch.entries[key as usize].start, self.scratch.entries[key as usize].end),
                Place::Span(from, to) => (from, to),
                Place::Absent => (0, 0),
            };
            if kind == Kind::String {
                texts.push((from, to));
            } else {
                numbers.push(match self.scalar(kind, key)? {
                    Token::Int(number) => number as u64,
                    Token::Bool(value) => u64::from(value),
                    Token::Decimal { unscaled, .. } => unscaled.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
                    _ => 0,
                });
            }
            self.scratch.reset(mark);
            entry = next;
        }
        let text = |&(from, to): &(u32, u32)| &self.datum[from as usize..to as usize];
        texts.sort_unstable_by(|one, other| text(one).cmp(text(other)));
        numbers.sort_unstable();
        let twice = texts.windows(2).any(|pair| text(&pair[0]) == text(&pair[1])) || numbers.windows(2).any(|pair| pair[0] == pair[1]);
        let at = self.scratch.entries[first as usize].start as usize;
        (self.scratch.texts, self.scratch.numbers) = (texts, numbers);
        // The entries are indexed again while they are handed out.
        self.unknown = unknown;
        if twice { self.fail(Detail::DuplicateKey, at) } else { Ok(()) }
    }

    /// A value that is no message. Integers are cut to their width as the specification says (Encoding, "Compatibility" of types).
    pub(super) fn scalar(&mut self, kind: Kind, place: Place) -> Result<Token<'b>, DecodeFailure> {
        let (start, end) = match place {
            Place::Absent => return Ok(self.default(kind)),
            Place::Span(start, end) => (start as usize, end as usize),
            Place::Chain(first) => {
                let entry = self.scratch.entries[first as usize];
                (entry.start as usize, entry.end as usize)
            }
        };
        self.at = start;
        let bytes = &self.datum[start..end];
        let failed = |_| Detail::Syntax;
        let four = bytes.first_chunk::<4>().ok_or(()).map_err(failed);
        let eight = bytes.first_chunk::<8>().ok_or(()).map_err(failed);
        let number = || wire::varint(bytes, 0).map(|(value, _)| value);
        let token = match kind {
            Kind::Double => eight.map(|bytes| Token::Float(f64::from_le_bytes(*bytes))),
            Kind::Float => four.map(|bytes| Token::Float(f64::from(f32::from_le_bytes(*bytes)))),
            Kind::Int32 => number().map(|value| Token::Int(i64::from(value as i32))),
            Kind::Int64 => number().map(|value| Token::Int(value as i64)),
            Kind::Uint32 => number().map(|value| Token::Int(i64::from(value as u32))),
            Kind::Uint64 => number().map(unsigned),
            Kind::Sint32 => number().map(|value| Token::Int(zigzag(u64::from(value as u32)))),
            Kind::Sint64 => number().map(|value| Token::Int(zigzag(value))),
            Kind::Fixed32 => four.map(|bytes| Token::Int(i64::from(u32::from_le_bytes(*bytes)))),
            Kind::Fixed64 => eight.map(|bytes| unsigned(u64::from_le_bytes(*bytes))),
            Kind::Sfixed32 => four.map(|bytes| Token::Int(i64::from(i32::from_le_bytes(*bytes)))),
            Kind::Sfixed64 => eight.map(|bytes| Token::Int(i64::from_le_bytes(*bytes))),
            Kind::Bool => number().map(|value| Token::Bool(value != 0)),
            Kind::Bytes => Ok(Token::Bytes(Cow::Borrowed(bytes))),
            Kind::String => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Token::Str(Cow::Borrowed(text))),
                Err(error) => return self.fail(Detail::BadEncoding, start + error.valid_up_to()),
            },
            Kind::Enum(id) => number().map(|value| self.enum_value(id, value as i32)),
            Kind::Message(_) => Err(Detail::BadSchema),
        };
        token.or_else(|detail| self.fail(detail, start))
    }

    fn enum_value(&mut self, id: u32, number: i32) -> Token<'b> {
        let declared = &self.schema.enums[id as usize];
        if declared.is_null {
            return Token::Null;
        }
        match declared.name(number) {
            Some(name) => {
                self.raw = Some(number);
                Token::Str(Cow::Borrowed(name))
            }
            None => Token::Int(number.into()),
        }
    }

    fn default(&mut self, kind: Kind) -> Token<'b> {
        match kind {
            Kind::Double | Kind::Float => Token::Float(0.0),
            Kind::Bool => Token::Bool(false),
            Kind::String => Token::Str(Cow::Borrowed("")),
            Kind::Bytes => Token::Bytes(Cow::Borrowed(&[])),
            Kind::Enum(id) => {
                let number = self.schema.enums[id as usize].default;
                self.enum_value(id, number)
            }
            _ => Token::Int(0),
        }
    }
}

/// A number past `i64` is exact all the same.
fn unsigned<'b>(value: u64) -> Token<'b> {
    match i64::try_from(value) {
        Ok(value) => Token::Int(value),
        Err(_) => Token::Decimal {
            unscaled: Cow::Owned(u128::from(value).to_be_bytes()[7..].to_vec()),
            scale: 0,
        },
    }
}

impl<'b> Reader<'b> for ProtobufReader<'b, '_> {
    fn next(&mut self) -> Result<Token<'b>, DecodeFailure> {
        self.step()
    }

    fn skip(&mut self) -> Result<(), DecodeFailure> {
        let depth = self.depth;
        loop {
            match self.step()? {
                Token::Key(_) => {}
                _ if self.depth > depth => {}
                _ => return Ok(()),
            }
        }
    }

    fn position(&self) -> usize {
        self.base + self.at
    }
}

#[cfg(test)]
mod tests;
