//! The walk over a datum.

use std::borrow::Cow;

use super::layout::Part;
use super::schema::{Node, NodeId, Plain, Schema};
use crate::DEPTH_MAX;
use crate::failure::{DecodeFailure, Detail};
use crate::keys::{self, Keys, Name};
use crate::semantic::{Semantic, WrongForm};
use crate::token::{Reader, Token};

mod frames;
mod primitive;

use frames::{Frame, Frames};
use primitive::{duration, uuid};

/// Tokens that a datum may have beyond a few for each of its bytes. Types without bytes (null, empty records) are only bounded by this.
pub(super) const TOKENS_FREE: u64 = 1 << 14;
/// Tokens that one byte can stand for: a record's frame, names and nulls around one small value, with some room.
pub(super) const TOKENS_PER_BYTE: u64 = 16;

/// Reads one datum with the schema it was written with. Names and symbols are borrowed from the schema, text and bytes from the datum.
#[derive(Debug, Clone)]
pub struct AvroReader<'b> {
    schema: &'b Schema,
    datum: &'b [u8],
    /// Offset of the datum in the value.
    base: usize,
    at: usize,
    pending: Pending,
    frames: Frames,
    depth: usize,
    /// Tokens that may still come.
    budget: u64,
    raw: Raw<'b>,
    /// Keys of open maps; made when the first map with entries comes.
    keys: Option<Box<Keys>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pending {
    Value(NodeId),
    /// The next part of the innermost open record, array or map.
    Part,
    End,
    Spent(DecodeFailure),
}

/// A typed value as the writer wrote it.
#[derive(Debug, Clone, Copy)]
enum Raw<'b> {
    None,
    Int(i64),
    Str(&'b str),
    Bytes(&'b [u8]),
}

// === impl AvroReader ===

impl<'b> AvroReader<'b> {
    /// Reads the whole of `datum` (without its frame).
    pub fn new(schema: &'b Schema, datum: &'b [u8]) -> AvroReader<'b> {
        AvroReader::at_node(schema, schema.root, datum, 0)
    }

    /// Reads one value of a part of the schema, which begins at `start`; what follows it is not looked at.
    pub fn of_part(schema: &'b Schema, part: Part, datum: &'b [u8], start: usize) -> AvroReader<'b> {
        AvroReader::at_node(schema, part.0, datum, start)
    }

    /// Reads the rest of an array, whose next block begins at `start`: items, and `EndArray`.
    pub fn of_blocks(schema: &'b Schema, array: Part, datum: &'b [u8], start: usize) -> AvroReader<'b> {
        let mut reader = AvroReader::at_node(schema, array.0, datum, start);
        reader.frames.open(0, array.0);
        reader.depth = 1;
        reader.pending = Pending::Part;
        reader
    }

    /// What follows the last token.
    pub fn rest(&self) -> &'b [u8] {
        &self.datum[self.at..]
    }

    /// Counts offsets of failures and positions from `base`, for a datum that does not begin its value.
    pub fn with_base(mut self, base: usize) -> AvroReader<'b> {
        self.base = base;
        self
    }

    /// Reads a part of a datum that holds one value of that node; `datum` ends where the part ends.
    pub(crate) fn at_node(schema: &'b Schema, node: NodeId, datum: &'b [u8], start: usize) -> AvroReader<'b> {
        AvroReader {
            schema,
            datum,
            base: 0,
            at: start,
            pending: Pending::Value(node),
            frames: Frames::new(),
            depth: 0,
            budget: TOKENS_FREE + TOKENS_PER_BYTE * (datum.len() - start) as u64,
            raw: Raw::None,
            keys: None,
        }
    }

    /// The last token as the writer wrote it, when a logical type or Connect name made another token of it.
    pub fn raw(&self) -> Option<Token<'b>> {
        match self.raw {
            Raw::None => None,
            Raw::Int(value) => Some(Token::Int(value)),
            Raw::Str(text) => Some(Token::Str(Cow::Borrowed(text))),
            Raw::Bytes(bytes) => Some(Token::Bytes(Cow::Borrowed(bytes))),
        }
    }

    /// Looks through unions at the value that comes next: its node and where it begins in the datum. A null is read, and gives none.
    pub(crate) fn enter(&mut self) -> Result<Option<(NodeId, usize)>, DecodeFailure> {
        let Pending::Value(node) = self.pending else {
            return self.fail(Detail::BadEnvelope, self.at);
        };
        let node = self.resolve(node)?;
        if matches!(self.schema.node(node), Node::Null) {
            self.after_value();
            return Ok(None);
        }
        self.pending = Pending::Value(node);
        Ok(Some((node, self.at)))
    }

    /// Whether objects of that node are records.
    pub(crate) fn is_record(&self, node: NodeId) -> bool {
        matches!(self.schema.node(node), Node::Record(_))
    }

    pub(crate) fn schema(&self) -> &'b Schema {
        self.schema
    }

    /// The datum up to `end`.
    pub(crate) fn datum_until(&self, end: usize) -> &'b [u8] {
        &self.datum[..end]
    }

    /// Index in the datum.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn base(&self) -> usize {
        self.base
    }

    /// The position behind the count (and size) of a block that would be begun next.
    pub(crate) fn behind_block_count(&self) -> usize {
        let begins_block = matches!(self.pending, Pending::Part)
            && self.depth > 0
            && matches!(
                (*self.frames.last(self.depth), self.schema.node(self.frames.last(self.depth).node)),
                (Frame { count: 0, .. }, Node::Array { .. } | Node::Map { .. })
            );
        let mut ahead = self.clone();
        if begins_block
            && let Ok(count) = ahead.long()
            && (count >= 0 || ahead.long().is_ok())
            && count != 0
        {
            return self.base + ahead.at;
        }
        self.base + self.at
    }

    #[cold]
    fn fail<T>(&mut self, detail: Detail, at: usize) -> Result<T, DecodeFailure> {
        let failure = DecodeFailure {
            detail,
            offset: self.base + at,
        };
        self.pending = Pending::Spent(failure);
        Err(failure)
    }

    fn step<const KEEP: bool>(&mut self) -> Result<Token<'b>, DecodeFailure> {
        if self.budget == 0 {
            return self.fail(Detail::TooLarge, self.at);
        }
        self.budget -= 1;
        self.raw = Raw::None;
        match self.pending {
            Pending::Value(node) => self.value::<KEEP>(node),
            Pending::Part => self.part::<KEEP>(),
            Pending::End if self.at == self.datum.len() => {
                // The end may be asked for any number of times.
                self.budget += 1;
                Ok(Token::End)
            }
            Pending::End => self.fail(Detail::TrailingBytes, self.at),
            Pending::Spent(failure) => Err(failure),
        }
    }

    #[inline]
    fn after_value(&mut self) {
        self.pending = if self.depth == 0 { Pending::End } else { Pending::Part };
    }

    #[inline]
    fn value<const KEEP: bool>(&mut self, node: NodeId) -> Result<Token<'b>, DecodeFailure> {
        let node = self.resolve(node)?;
        let schema = self.schema;
        let start = self.at;
        let token = match schema.node(node) {
            Node::Null => Token::Null,
            Node::Boolean => match self.byte()? {
                0 => Token::Bool(false),
                1 => Token::Bool(true),
                _ => return self.fail(Detail::Syntax, start),
            },
            Node::Int => Token::Int(i64::from(self.int()?)),
            Node::Long => Token::Int(self.long()?),
            Node::Float => Token::Float(f64::from(f32::from_le_bytes(self.array()?))),
            Node::Double => Token::Float(f64::from_le_bytes(self.array()?)),
            Node::Bytes => Token::Bytes(Cow::Borrowed(self.bytes()?)),
            Node::String => Token::Str(Cow::Borrowed(self.string()?)),
            Node::Fixed(size) => Token::Bytes(Cow::Borrowed(self.cut(*size)?)),
            Node::Enum(symbols) => {
                let index = self.int()?;
                match usize::try_from(index).ok().and_then(|index| symbols.get(index)) {
                    Some(symbol) => Token::Str(Cow::Borrowed(symbol)),
                    None => return self.fail(Detail::BadIndex, start),
                }
            }
            Node::Typed(plain, semantic) => self.typed::<KEEP>(*plain, *semantic)?,
            Node::UuidBytes { fixed } => {
                let bytes = if *fixed { self.cut(16)? } else { self.bytes()? };
                let Ok(bytes) = <[u8; 16]>::try_from(bytes) else {
                    return self.fail(Detail::Syntax, start);
                };
                if KEEP { Token::Str(Cow::Owned(uuid(&bytes))) } else { Token::Null }
            }
            Node::Duration => {
                let parts: [u8; 12] = self.array()?;
                if KEEP {
                    Token::Str(Cow::Owned(duration(&parts)))
                } else {
                    Token::Null
                }
            }
            Node::BigDecimal => self.big_decimal()?,
            Node::VariableScaleDecimal => {
                let scale = self.int()?;
                let unscaled = self.bytes()?;
                if unscaled.is_empty() {
                    return self.fail(Detail::Syntax, start);
                }
                Token::Decimal {
                    unscaled: Cow::Borrowed(unscaled),
                    scale,
                }
            }
            Node::Record(_) => {
                self.open(node)?;
                return Ok(Token::BeginObject);
            }
            Node::Array { .. } => {
                self.open(node)?;
                return Ok(Token::BeginArray);
            }
            Node::Map { .. } => {
                let level = self.depth;
                self.open(node)?;
                if let Some(keys) = &mut self.keys {
                    keys.enter(level);
                }
                return Ok(Token::BeginObject);
            }
            Node::Union(_) => return self.fail(Detail::BadSchema, start),
        };
        self.after_value();
        Ok(token)
    }

    /// Reads the index of a union; a union has no union directly inside.
    #[inline]
    fn resolve(&mut self, node: NodeId) -> Result<NodeId, DecodeFailure> {
        let schema = self.schema;
        let mut node = node;
        // A name inside of a union may itself stand for a union only through a schema that refers to a document of one.
        for _ in 0..DEPTH_MAX {
            let Node::Union(branches) = schema.node(node) else {
                return Ok(node);
            };
            let start = self.at;
            let index = self.long()?;
            match usize::try_from(index).ok().and_then(|index| branches.get(index)) {
                Some(branch) => node = *branch,
                None => return self.fail(Detail::BadIndex, start),
            }
        }
        self.fail(Detail::TooDeep, self.at)
    }

    fn typed<const KEEP: bool>(&mut self, plain: Plain, semantic: Semantic) -> Result<Token<'b>, DecodeFailure> {
        let start = self.at;
        let (raw, token) = match plain {
            Plain::Int => {
                let value = i64::from(self.int()?);
                (Raw::Int(value), Token::Int(value))
            }
            Plain::Long => {
                let value = self.long()?;
                (Raw::Int(value), Token::Int(value))
            }
            Plain::Bytes => {
                let bytes = self.bytes()?;
                (Raw::Bytes(bytes), Token::Bytes(Cow::Borrowed(bytes)))
            }
            Plain::Fixed(size) => {
                let bytes = self.cut(size)?;
                (Raw::Bytes(bytes), Token::Bytes(Cow::Borrowed(bytes)))
            }
            Plain::String => {
                let text = self.string()?;
                (Raw::Str(text), Token::Str(Cow::Borrowed(text)))
            }
        };
        // A value that its own schema does not allow is bad even where nobody reads it.
        match semantic.apply(token) {
            Ok(token) => {
                if KEEP {
                    self.raw = raw;
                }
                Ok(token)
            }
            Err(WrongForm) => self.fail(Detail::Syntax, start),
        }
    }

    fn big_decimal(&mut self) -> Result<Token<'b>, DecodeFailure> {
        let start = self.at;
        let inside = self.bytes()?;
        let mut parts = AvroReader::at_node(self.schema, self.schema.root, inside, 0);
        let read = (|| Ok::<_, DecodeFailure>((parts.bytes()?, parts.long()?)))();
        match read {
            Ok((unscaled, scale)) if parts.at == inside.len() && !unscaled.is_empty() => match i32::try_from(scale) {
                Ok(scale) => Ok(Token::Decimal {
                    unscaled: Cow::Borrowed(unscaled),
                    scale,
                }),
                Err(_) => self.fail(Detail::NumberOutOfRange, start),
            },
            _ => self.fail(Detail::Syntax, start),
        }
    }

    #[inline]
    fn open(&mut self, node: NodeId) -> Result<(), DecodeFailure> {
        if !self.frames.has_room(self.depth) {
            return self.fail(Detail::TooDeep, self.at);
        }
        self.frames.open(self.depth, node);
        self.depth += 1;
        self.pending = Pending::Part;
        Ok(())
    }

    #[inline]
    fn close(&mut self, token: Token<'b>) -> Result<Token<'b>, DecodeFailure> {
        self.depth -= 1;
        self.after_value();
        Ok(token)
    }

    fn part<const KEEP: bool>(&mut self) -> Result<Token<'b>, DecodeFailure> {
        let schema = self.schema;
        let frame = *self.frames.last(self.depth);
        match schema.node(frame.node) {
            Node::Record(fields) => match fields.get(frame.count as usize) {
                Some(field) => {
                    self.frames.last_mut(self.depth).count += 1;
                    self.pending = Pending::Value(field.node);
                    Ok(Token::Key(Cow::Borrowed(&field.name)))
                }
                None => self.close(Token::EndObject),
            },
            Node::Array { item, least } => {
                if self.next_item(frame, *least)? {
                    self.value::<KEEP>(*item)
                } else {
                    self.close(Token::EndArray)
                }
            }
            Node::Map { value, least } => {
                if self.next_item(frame, *least)? {
                    let key = self.map_key()?;
                    self.pending = Pending::Value(*value);
                    Ok(Token::Key(Cow::Borrowed(key)))
                } else {
                    if let Some(keys) = &mut self.keys {
                        keys.leave(self.depth - 1);
                    }
                    self.close(Token::EndObject)
                }
            }
            _ => self.fail(Detail::BadSchema, self.at),
        }
    }

    /// Whether another item comes in the innermost array or map; begins its next block where one must begin.
    fn next_item(&mut self, frame: Frame, least: u64) -> Result<bool, DecodeFailure> {
        let mut frame = frame;
        if frame.count == 0 {
            let start = self.at;
            if frame.block_end != 0 && frame.block_end != start {
                return self.fail(Detail::Syntax, start);
            }
            let count = self.long()?;
            frame.block_end = 0;
            if count < 0 {
                let size = self.long()?;
                let Some(end) = usize::try_from(size).ok().and_then(|size| self.at.checked_add(size)) else {
                    return self.fail(Detail::Syntax, start);
                };
                if end > self.datum.len() {
                    return self.fail(Detail::TooLarge, start);
                }
                frame.block_end = end;
            }
            frame.count = count.unsigned_abs();
            if frame.count == 0 {
                return Ok(false);
            }
            let rest = (self.datum.len() - self.at) as u64;
            if least.max(1).checked_mul(frame.count).is_none_or(|bytes| bytes > rest) && (least > 0 || frame.count > self.budget) {
                return self.fail(Detail::TooLarge, start);
            }
        }
        frame.count -= 1;
        *self.frames.last_mut(self.depth) = frame;
        Ok(true)
    }

    fn map_key(&mut self) -> Result<&'b str, DecodeFailure> {
        let start = self.at;
        let key = self.string()?;
        let begin = self.at - key.len();
        if i32::try_from(self.at).is_err() {
            return self.fail(Detail::TooLarge, start);
        }
        let name = Name::new(begin, self.at, false);
        let level = self.depth - 1;
        let datum = self.datum;
        if self.keys.is_none() {
            let mut keys = Box::new(Keys::new());
            (0..self.depth).for_each(|level| keys.enter(level));
            self.keys = Some(keys);
        }
        let resolve = |name: Name| {
            let bytes = &datum[name.range()];
            // The bytes were proven when the key was noted.
            Cow::Borrowed(std::str::from_utf8(bytes).unwrap_or_default())
        };
        let fresh = self
            .keys
            .as_mut()
            .is_none_or(|open| open.insert(level, name, key, keys::tag(key.as_bytes()), resolve));
        if fresh { Ok(key) } else { self.fail(Detail::DuplicateKey, start) }
    }
}

impl<'b> Reader<'b> for AvroReader<'b> {
    #[inline]
    fn next(&mut self) -> Result<Token<'b>, DecodeFailure> {
        self.step::<true>()
    }

    fn skip(&mut self) -> Result<(), DecodeFailure> {
        let depth = self.depth;
        loop {
            // Matched in place: moving a token that was just written costs more than making it.
            match self.step::<false>() {
                Ok(Token::Key(_)) => {}
                Ok(_) if self.depth > depth => {}
                Ok(_) => {
                    debug_assert_eq!(self.depth, depth, "skip was called where no value can begin");
                    return Ok(());
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    #[inline]
    fn position(&self) -> usize {
        self.base + self.at
    }
}

#[cfg(test)]
mod tests;
