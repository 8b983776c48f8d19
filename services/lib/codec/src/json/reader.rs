//! The walk over JSON text.

use std::borrow::Cow;

use super::{ahead, number, skim, text};
use crate::DEPTH_MAX;
use crate::failure::{DecodeFailure, Detail};
use crate::keys::{self, Keys, Name};
use crate::token::{Reader, Token};

mod stand;

/// Reads one JSON document, token by token, without building it. Texts and names without escapes are borrowed.
#[derive(Debug, Clone)]
pub struct JsonReader<'b> {
    /// Proven UTF-8.
    text: &'b str,
    /// Offset of `text` in the bytes that were given.
    base: usize,
    at: usize,
    state: State,
    /// Why the reader is spent.
    failure: DecodeFailure,
    depth: usize,
    /// Levels allowed; less than the limit where outer levels were already opened.
    depth_max: usize,
    /// Bit n: level n is an object.
    objects: u64,
    /// The text was read before without a fault, so names need no second look.
    proven: bool,
    /// Where the quote of the last name stands.
    last_key: usize,
    /// Made when the first name has to be kept.
    keys: Option<Box<Keys>>,
    /// Room for `keys` that another reader left.
    spare: Option<Box<Keys>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A value must follow.
    Value,
    /// Behind `{`.
    FirstKey,
    /// Behind `[`.
    FirstItem,
    /// Behind a value.
    After,
    /// Nothing follows any more; `failure` says why.
    Spent,
}

// === impl JsonReader ===

impl<'b> JsonReader<'b> {
    /// Reads the whole of `bytes` as one document. Bytes that are not UTF-8 fail at the first token.
    #[inline]
    pub fn new(bytes: &'b [u8]) -> JsonReader<'b> {
        JsonReader::fragment(bytes, 0, bytes.len())
    }

    /// Reads one document that lies at `start..end` of `bytes`; offsets count from the start of `bytes`.
    /// A range outside of `bytes` is a mistake of the caller and reads as truncated.
    #[inline]
    pub fn fragment(bytes: &'b [u8], start: usize, end: usize) -> JsonReader<'b> {
        let Some(part) = bytes.get(start..end) else {
            return JsonReader::failed(Detail::Truncated, bytes.len());
        };
        if part.is_empty() {
            return JsonReader::failed(Detail::Empty, start);
        }
        match simdutf8::basic::from_utf8(part) {
            Ok(text) if text.starts_with('\u{feff}') => JsonReader::failed(Detail::BadEncoding, start),
            Ok(text) => JsonReader::of_text(text, start),
            Err(_) => {
                let valid = std::str::from_utf8(part).map_or_else(|error| error.valid_up_to(), str::len);
                JsonReader::failed(Detail::BadEncoding, start + valid)
            }
        }
    }

    /// Reads text that lies at `base` of the value.
    #[inline]
    pub(crate) fn of_text(text: &'b str, base: usize) -> JsonReader<'b> {
        let state = if i32::try_from(text.len()).is_ok() {
            State::Value
        } else {
            State::Spent
        };
        JsonReader {
            text,
            base,
            at: 0,
            state,
            failure: DecodeFailure {
                detail: Detail::TooLarge,
                offset: base,
            },
            depth: 0,
            depth_max: DEPTH_MAX,
            objects: 0,
            proven: false,
            last_key: 0,
            keys: None,
            spare: None,
        }
    }

    /// As [`JsonReader::of_text`], for text that a reader has already read or skipped without a fault.
    #[inline]
    pub(crate) fn of_proven(text: &'b str, base: usize) -> JsonReader<'b> {
        JsonReader {
            proven: true,
            ..JsonReader::of_text(text, base)
        }
    }

    /// Gives it room for field names that another reader left ([`JsonReader::leave`]), so that it allocates none.
    pub fn lend(&mut self, room: Option<Box<Keys>>) {
        self.spare = room;
    }

    /// Takes its room for field names out, for the next reader.
    pub fn leave(&mut self) -> Option<Box<Keys>> {
        self.keys.take().or_else(|| self.spare.take())
    }

    /// Names seen so far; those that were not kept are not there.
    #[inline]
    fn keys(&mut self) -> &mut Keys {
        if self.keys.is_none() {
            let mut keys = self.spare.take().unwrap_or_else(|| Box::new(Keys::new()));
            keys.restart(self.depth);
            self.keys = Some(keys);
        }
        self.keys.as_mut().expect("it was just made")
    }

    /// Counts `levels` that are open around this text.
    pub(crate) fn below(mut self, levels: usize) -> JsonReader<'b> {
        self.depth_max = DEPTH_MAX - levels;
        self
    }

    /// The text between two positions.
    pub(crate) fn between(&self, start: usize, end: usize) -> &'b str {
        &self.text[start - self.base..end - self.base]
    }

    /// Reads text that was inside of another document. No bytes at all, as everywhere, are `Empty`.
    pub(crate) fn of_document(text: &'b str) -> JsonReader<'b> {
        match text {
            "" => JsonReader::failed(Detail::Empty, 0),
            text => JsonReader::of_text(text, 0),
        }
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> &'b str {
        &self.text[self.at..]
    }

    /// Takes names without a look at whether they repeat: for a first reading of what somebody reads strictly later.
    pub(crate) fn with_names_unchecked(mut self) -> JsonReader<'b> {
        self.proven = true;
        self
    }

    /// Passes over the object or list that comes next and is read strictly by somebody else; answers where it lies. Its text need not be
    /// a value.
    #[inline]
    pub(crate) fn pass(&mut self) -> Result<&'b str, DecodeFailure> {
        let start = self.at;
        match skim::balanced_end(self.text.as_bytes(), start) {
            Some(end) if self.state == State::Value => {
                self.at = end;
                self.state = State::After;
                Ok(&self.text[start..end])
            }
            Some(_) => self.unexpected(),
            None => self.fail(Detail::Truncated, self.text.len()),
        }
    }

    /// Moves over white space; the first byte of what follows.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(byte) if *byte > b' ' => return Some(*byte),
                Some(b' ' | b'\n' | b'\t' | b'\r') => self.at += 1,
                byte => return byte.copied(),
            }
        }
    }

    /// The byte at an offset of the value.
    pub(crate) fn byte_at(&self, offset: usize) -> Option<u8> {
        self.text.as_bytes().get(offset.checked_sub(self.base)?).copied()
    }

    #[cold]
    fn failed(detail: Detail, offset: usize) -> JsonReader<'b> {
        JsonReader {
            state: State::Spent,
            failure: DecodeFailure { detail, offset },
            ..JsonReader::of_text("", offset)
        }
    }

    #[cold]
    fn fail<T>(&mut self, detail: Detail, at: usize) -> Result<T, DecodeFailure> {
        let failure = DecodeFailure {
            detail,
            offset: self.base + at,
        };
        self.state = State::Spent;
        self.failure = failure;
        Err(failure)
    }

    /// What stands at `at` is not what must stand there.
    #[cold]
    fn unexpected<T>(&mut self) -> Result<T, DecodeFailure> {
        let detail = if self.at >= self.text.len() {
            Detail::Truncated
        } else {
            Detail::Syntax
        };
        self.fail(detail, self.at)
    }

    #[inline]
    fn in_object(&self) -> bool {
        self.depth > 0 && self.objects >> (self.depth - 1) & 1 == 1
    }

    /// The next token; texts are empty unless `KEEP`.
    #[inline]
    fn step<const KEEP: bool>(&mut self) -> Result<Token<'b>, DecodeFailure> {
        let byte = self.peek();
        match self.state {
            State::Value => self.value::<KEEP>(byte),
            State::After if self.in_object() => match byte {
                Some(b',') => {
                    self.at += 1;
                    match self.peek() {
                        Some(b'"') => self.key::<KEEP>(),
                        _ => self.unexpected(),
                    }
                }
                Some(b'}') => self.close_object(),
                _ => self.unexpected(),
            },
            State::After if self.depth > 0 => match byte {
                Some(b',') => {
                    self.at += 1;
                    let byte = self.peek();
                    self.value::<KEEP>(byte)
                }
                Some(b']') => self.close_array(),
                _ => self.unexpected(),
            },
            State::After => match byte {
                None => Ok(Token::End),
                Some(_) => self.fail(Detail::TrailingBytes, self.at),
            },
            State::FirstKey => match byte {
                Some(b'"') => self.key::<KEEP>(),
                Some(b'}') => self.close_object(),
                _ => self.unexpected(),
            },
            State::FirstItem => match byte {
                Some(b']') => self.close_array(),
                _ => self.value::<KEEP>(byte),
            },
            State::Spent => Err(self.failure),
        }
    }

    #[inline]
    fn value<const KEEP: bool>(&mut self, byte: Option<u8>) -> Result<Token<'b>, DecodeFailure> {
        match byte {
            Some(b'"') => {
                let start = self.at + 1;
                let end = text::plain_end(self.text.as_bytes(), start);
                if self.text.as_bytes().get(end) != Some(&b'"') {
                    let text = self.escaped::<KEEP>(end)?;
                    self.state = State::After;
                    return Ok(Token::Str(Cow::Owned(text)));
                }
                self.at = end + 1;
                self.state = State::After;
                Ok(Token::Str(Cow::Borrowed(&self.text[start..end])))
            }
            Some(b'-' | b'0'..=b'9') => match number::scan(self.text.as_bytes(), self.at) {
                Ok(end) => {
                    let number = &self.text[self.at..end];
                    self.at = end;
                    self.state = State::After;
                    Ok(Token::Number(number))
                }
                Err((detail, at)) => self.fail(detail, at),
            },
            Some(b'{') => {
                self.open(true)?;
                self.state = State::FirstKey;
                Ok(Token::BeginObject)
            }
            Some(b'[') => {
                self.open(false)?;
                self.state = State::FirstItem;
                Ok(Token::BeginArray)
            }
            Some(b't') => self.literal(b"true", Token::Bool(true)),
            Some(b'f') => self.literal(b"false", Token::Bool(false)),
            Some(b'n') => self.literal(b"null", Token::Null),
            _ => self.unexpected(),
        }
    }

    #[inline]
    fn literal(&mut self, word: &[u8], token: Token<'b>) -> Result<Token<'b>, DecodeFailure> {
        let rest = &self.text.as_bytes()[self.at..];
        if rest.starts_with(word) {
            self.at += word.len();
            self.state = State::After;
            Ok(token)
        } else if word.starts_with(rest) {
            self.fail(Detail::Truncated, self.text.len())
        } else {
            self.fail(Detail::Syntax, self.at)
        }
    }

    #[inline]
    fn open(&mut self, object: bool) -> Result<(), DecodeFailure> {
        if self.depth == self.depth_max {
            return self.fail(Detail::TooDeep, self.at);
        }
        if object {
            self.objects |= 1 << self.depth;
            if let Some(keys) = &mut self.keys {
                keys.enter(self.depth);
            }
        } else {
            self.objects &= !(1 << self.depth);
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn close_object(&mut self) -> Result<Token<'b>, DecodeFailure> {
        self.at += 1;
        self.depth -= 1;
        if let Some(keys) = &mut self.keys {
            keys.leave(self.depth);
        }
        self.state = State::After;
        Ok(Token::EndObject)
    }

    #[inline]
    fn close_array(&mut self) -> Result<Token<'b>, DecodeFailure> {
        self.at += 1;
        self.depth -= 1;
        self.state = State::After;
        Ok(Token::EndArray)
    }

    #[inline]
    fn key<const KEEP: bool>(&mut self) -> Result<Token<'b>, DecodeFailure> {
        let text = self.text;
        let bytes = text.as_bytes();
        let start = self.at + 1;
        let end = text::plain_end(bytes, start);
        if bytes.get(end) != Some(&b'"') {
            return self.key_escaped(end);
        }
        let key = &text[start..end];
        self.at = end + 1;
        self.colon(start - 1)?;
        if !self.proven {
            let tag = keys::tag_within(bytes, start, end);
            self.keep(Name::new(start, end, false), key, tag)?;
        }
        Ok(Token::Key(Cow::Borrowed(key)))
    }

    /// A name in which something other than its end stands at `first`. Its text is needed for the comparison even when its value is skipped.
    #[cold]
    fn key_escaped(&mut self, first: usize) -> Result<Token<'b>, DecodeFailure> {
        let start = self.at + 1;
        let key = self.escaped::<true>(first)?;
        let name = Name::new(start, self.at - 1, true);
        self.colon(start - 1)?;
        if !self.proven {
            self.keep(name, &key, keys::tag(key.as_bytes()))?;
        }
        Ok(Token::Key(Cow::Owned(key)))
    }

    /// Behind the name whose quote stands at `quote`. Whether the object already had the name is asked after this, so that a name has the
    /// same failure whether or not it was taken ahead, which keeps none.
    #[inline]
    fn colon(&mut self, quote: usize) -> Result<(), DecodeFailure> {
        self.last_key = quote;
        if self.text.as_bytes().get(self.at) != Some(&b':') && self.peek() != Some(b':') {
            return self.unexpected();
        }
        self.at += 1;
        self.state = State::Value;
        Ok(())
    }

    /// Keeps a name of the innermost object, which must not have it yet.
    #[inline]
    fn keep(&mut self, name: Name, key: &str, tag: u32) -> Result<(), DecodeFailure> {
        let (text, level) = (self.text, self.depth - 1);
        if self.keys().insert(level, name, key, tag, |name| resolve(text, name)) {
            return Ok(());
        }
        self.fail(Detail::DuplicateKey, self.last_key)
    }

    /// The rest of a string whose opening quote is at the reader's place and in which something other than its end stands at `first`.
    #[cold]
    fn escaped<const KEEP: bool>(&mut self, first: usize) -> Result<String, DecodeFailure> {
        if self.text.as_bytes().get(first) != Some(&b'\\') {
            self.at = first;
            return self.unexpected();
        }
        let mut out = String::new();
        match text::escaped_end::<KEEP>(self.text, self.at + 1, first, &mut out) {
            Ok(quote) => {
                self.at = quote + 1;
                Ok(out)
            }
            Err((detail, at)) => self.fail(detail, at),
        }
    }
}

impl<'b> Reader<'b> for JsonReader<'b> {
    #[inline]
    fn next(&mut self) -> Result<Token<'b>, DecodeFailure> {
        self.step::<true>()
    }

    fn skip(&mut self) -> Result<(), DecodeFailure> {
        if self.state == State::Value {
            let rest = &self.text.as_bytes()[self.at..];
            let space = ahead::space(rest);
            if let len @ 1.. = ahead::leaf(&rest[space..]) {
                self.at += space + len;
                self.state = State::After;
                return Ok(());
            }
        }
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

    fn repeated(&self) -> DecodeFailure {
        DecodeFailure {
            detail: Detail::DuplicateKey,
            offset: self.base + self.last_key,
        }
    }
}

fn resolve(text: &str, name: Name) -> Cow<'_, str> {
    let raw = &text[name.range()];
    if name.escaped() {
        Cow::Owned(text::unescape(raw))
    } else {
        Cow::Borrowed(raw)
    }
}

#[cfg(test)]
mod tests;
