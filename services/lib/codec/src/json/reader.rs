//! The walk over JSON text.

use std::borrow::Cow;

use super::{number, text};
use crate::DEPTH_MAX;
use crate::failure::{DecodeFailure, Detail};
use crate::keys::{self, Keys, Name};
use crate::token::{Reader, Token};

/// Reads one JSON document, token by token, without building it. Texts and names without escapes are borrowed.
#[derive(Debug, Clone)]
pub struct JsonReader<'b> {
    /// Proven UTF-8.
    text: &'b str,
    /// Offset of `text` in the bytes that were given.
    base: usize,
    at: usize,
    state: State,
    depth: usize,
    /// Levels allowed; less than the limit where outer levels were already opened.
    depth_max: usize,
    /// Bit n: level n is an object.
    objects: u64,
    /// The text was read before without a fault, so names need no second look.
    proven: bool,
    keys: Keys<'b>,
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
    /// Nothing follows any more.
    Spent(DecodeFailure),
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
        match std::str::from_utf8(part) {
            Ok(text) if text.starts_with('\u{feff}') => JsonReader::failed(Detail::BadEncoding, start),
            Ok(text) => JsonReader::of_text(text, start),
            Err(error) => JsonReader::failed(Detail::BadEncoding, start + error.valid_up_to()),
        }
    }

    /// Reads text that lies at `base` of the value.
    #[inline]
    pub(crate) fn of_text(text: &'b str, base: usize) -> JsonReader<'b> {
        let state = if i32::try_from(text.len()).is_ok() {
            State::Value
        } else {
            State::Spent(DecodeFailure {
                detail: Detail::TooLarge,
                offset: base,
            })
        };
        JsonReader {
            text,
            base,
            at: 0,
            state,
            depth: 0,
            depth_max: DEPTH_MAX,
            objects: 0,
            proven: false,
            keys: Keys::new(),
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

    /// Counts `levels` that are open around this text.
    pub(crate) fn below(mut self, levels: usize) -> JsonReader<'b> {
        self.depth_max = DEPTH_MAX - levels;
        self
    }

    /// The text between two positions.
    pub(crate) fn between(&self, start: usize, end: usize) -> &'b str {
        &self.text[start - self.base..end - self.base]
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
            state: State::Spent(DecodeFailure { detail, offset }),
            ..JsonReader::of_text("", offset)
        }
    }

    #[cold]
    fn fail<T>(&mut self, detail: Detail, at: usize) -> Result<T, DecodeFailure> {
        let failure = DecodeFailure {
            detail,
            offset: self.base + at,
        };
        self.state = State::Spent(failure);
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
            State::Spent(failure) => Err(failure),
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
            if !self.proven {
                self.keys.enter(self.depth);
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
        if !self.proven {
            self.keys.leave(self.depth);
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
        if !self.proven {
            let tag = keys::tag_within(bytes, start, end);
            let name = Name::new(start, end, false);
            if !self.keys.insert(self.depth - 1, name, key, tag, |name| resolve(text, name)) {
                return self.fail(Detail::DuplicateKey, start - 1);
            }
        }
        self.at = end + 1;
        if bytes.get(self.at) != Some(&b':') && self.peek() != Some(b':') {
            return self.unexpected();
        }
        self.at += 1;
        self.state = State::Value;
        Ok(Token::Key(Cow::Borrowed(key)))
    }

    /// A name in which something other than its end stands at `first`. Its text is needed for the comparison even when its value is skipped.
    #[cold]
    fn key_escaped(&mut self, first: usize) -> Result<Token<'b>, DecodeFailure> {
        let text = self.text;
        let start = self.at + 1;
        let key = self.escaped::<true>(first)?;
        if !self.proven {
            let name = Name::new(start, self.at - 1, true);
            let tag = keys::tag(key.as_bytes());
            if !self.keys.insert(self.depth - 1, name, &key, tag, |name| resolve(text, name)) {
                return self.fail(Detail::DuplicateKey, start - 1);
            }
        }
        if self.peek() != Some(b':') {
            return self.unexpected();
        }
        self.at += 1;
        self.state = State::Value;
        Ok(Token::Key(Cow::Owned(key)))
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
