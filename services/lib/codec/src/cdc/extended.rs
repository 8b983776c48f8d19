//! MongoDB Extended JSON v2, canonical and relaxed, and the strict mode of v1 that Debezium's connector writes (`JsonMode.STRICT`).
//!
//! An object whose first name is one of the format's type names is a value of that type; its form is then checked in full. What no token
//! holds without loss (`$code` with a scope, `$dbPointer`, `$ref`) stays the object that it is.

use std::borrow::Cow;
use std::cell::Cell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::mongo::Document;
use crate::failure::{DecodeFailure, Detail};
use crate::json::{JsonReader, number};
use crate::semantic::{Semantic, WrongForm, as_i64};
use crate::token::{Reader, Special, Token};

/// Binary subtype of UUIDs in network byte order. Subtype 3 has an order that depends on the driver and stays bytes.
const UUID: u8 = 4;

/// Reads a document of Extended JSON with typed tokens. The document is checked strictly, as all JSON.
#[derive(Debug, Clone)]
pub(super) struct ExtendedReader<'b> {
    inner: JsonReader<'b>,
    document: Document<'b>,
    /// The first name of an object that turned out to be none of the format's.
    pending: Option<Cow<'b, str>>,
    /// The last token as a contract may declare it instead.
    raw: Raw<'b>,
    /// See [`Document::offset`].
    place: Cell<(usize, usize)>,
}

#[derive(Debug, Clone, Copy)]
enum Raw<'b> {
    None,
    /// The text of a date.
    Text(&'b str),
    /// The bytes of a UUID.
    Uuid([u8; 16]),
}

// === impl ExtendedReader ===

impl<'b> ExtendedReader<'b> {
    pub(super) fn new(document: Document<'b>) -> ExtendedReader<'b> {
        ExtendedReader {
            inner: JsonReader::of_document(document.text),
            document,
            pending: None,
            raw: Raw::None,
            place: Cell::new((0, 0)),
        }
    }

    pub(super) fn raw(&self) -> Option<Token<'b>> {
        match &self.raw {
            Raw::None => None,
            Raw::Text(text) => Some(Token::Str(Cow::Borrowed(text))),
            Raw::Uuid(bytes) => Some(Token::Bytes(Cow::Owned(bytes.to_vec()))),
        }
    }

    /// Behind the begin of an object.
    fn object(&mut self) -> Result<Token<'b>, DecodeFailure> {
        let inside = self.inner.rest().trim_ascii_start();
        if !(inside.starts_with("\"$") || inside.starts_with("\"\\")) {
            return Ok(Token::BeginObject);
        }
        let Token::Key(key) = self.inner.next()? else {
            return Ok(Token::BeginObject);
        };
        let token = match &*key {
            "$oid" => self.oid(),
            "$numberInt" => self.whole(i64::from(i32::MIN), i64::from(i32::MAX)),
            "$numberLong" => self.whole(i64::MIN, i64::MAX),
            "$numberDouble" => self.double(),
            "$numberDecimal" => self.decimal(),
            "$date" => self.date(),
            "$timestamp" => self.timestamp(),
            "$binary" => self.binary(),
            "$uuid" => self.uuid(),
            "$regularExpression" => self.expression(),
            "$regex" => self.old_expression(),
            "$symbol" => self.text().map(Token::Str),
            "$undefined" => self.inner.skip().map(|()| Token::Null),
            "$minKey" => self.inner.skip().map(|()| Token::Special(Special::NegativeInfinity)),
            "$maxKey" => self.inner.skip().map(|()| Token::Special(Special::PositiveInfinity)),
            _ => {
                self.pending = Some(key);
                return Ok(Token::BeginObject);
            }
        }?;
        self.ends()?;
        Ok(token)
    }

    #[cold]
    fn wrong<T>(&self) -> Result<T, DecodeFailure> {
        Err(DecodeFailure {
            detail: Detail::BadEnvelope,
            offset: self.inner.position(),
        })
    }

    fn ends(&mut self) -> Result<(), DecodeFailure> {
        match self.inner.next()? {
            Token::EndObject => Ok(()),
            _ => self.wrong(),
        }
    }

    fn text(&mut self) -> Result<Cow<'b, str>, DecodeFailure> {
        match self.inner.next()? {
            Token::Str(text) => Ok(text),
            _ => self.wrong(),
        }
    }

    /// Text that is taken as it stands; no writer escapes what is in it.
    fn plain(&mut self) -> Result<&'b str, DecodeFailure> {
        match self.text()? {
            Cow::Borrowed(text) => Ok(text),
            Cow::Owned(_) => self.wrong(),
        }
    }

    fn typed(&self, semantic: Semantic, token: Token<'b>) -> Result<Token<'b>, DecodeFailure> {
        semantic.apply(token).or_else(|WrongForm| self.wrong())
    }

    fn oid(&mut self) -> Result<Token<'b>, DecodeFailure> {
        let text = self.plain()?;
        if text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Token::Str(Cow::Borrowed(text)))
        } else {
            self.wrong()
        }
    }

    fn whole(&mut self, low: i64, high: i64) -> Result<Token<'b>, DecodeFailure> {
        let text = self.plain()?;
        let digits = text.strip_prefix('-').unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit());
        if digits && number::is_number(text) && number::to_i64(text).is_some_and(|value| (low..=high).contains(&value)) {
            Ok(Token::Number(text))
        } else {
            self.wrong()
        }
    }

    fn double(&mut self) -> Result<Token<'b>, DecodeFailure> {
        let text = self.plain()?;
        match text {
            text if number::is_number(text) => Ok(Token::Number(text)),
            text => self.typed(Semantic::Float, Token::Str(Cow::Borrowed(text))),
        }
    }

    fn decimal(&mut self) -> Result<Token<'b>, DecodeFailure> {
        Ok(match self.plain()? {
            "NaN" => Token::Special(Special::NotANumber),
            "Infinity" => Token::Special(Special::PositiveInfinity),
            "-Infinity" => Token::Special(Special::NegativeInfinity),
            text if number::is_number(text) => Token::Number(text),
            _ => return self.wrong(),
        })
    }

    /// ISO text (relaxed), milliseconds as `$numberLong` (canonical) or as a number (v1).
    fn date(&mut self) -> Result<Token<'b>, DecodeFailure> {
        match self.inner.next()? {
            Token::Str(Cow::Borrowed(text)) => {
                let token = self.typed(Semantic::Timestamp, Token::Str(Cow::Borrowed(text)))?;
                self.raw = Raw::Text(text);
                Ok(token)
            }
            token @ Token::Number(_) => self.typed(Semantic::TimestampMillis, token),
            Token::BeginObject => {
                if self.inner.next()? != Token::Key(Cow::Borrowed("$numberLong")) {
                    return self.wrong();
                }
                let millis = self.whole(i64::MIN, i64::MAX)?;
                self.ends()?;
                self.typed(Semantic::TimestampMillis, millis)
            }
            _ => self.wrong(),
        }
    }

    /// Seconds and an ordinal, of which the seconds are the time.
    fn timestamp(&mut self) -> Result<Token<'b>, DecodeFailure> {
        let (mut seconds, mut ordinal) = (None, None);
        if self.inner.next()? != Token::BeginObject {
            return self.wrong();
        }
        loop {
            let part = match self.inner.next()? {
                Token::Key(key) if key == "t" => &mut seconds,
                Token::Key(key) if key == "i" => &mut ordinal,
                Token::EndObject => break,
                _ => return self.wrong(),
            };
            *part = as_i64(&self.inner.next()?).and_then(|value| u32::try_from(value).ok());
        }
        match (seconds, ordinal) {
            (Some(seconds), Some(_)) => Ok(Token::TimestampMicros(i64::from(seconds) * 1_000_000)),
            _ => self.wrong(),
        }
    }

    /// `{base64, subType}`, or the v1 pair `$binary` and `$type`.
    fn binary(&mut self) -> Result<Token<'b>, DecodeFailure> {
        let (mut base64, mut kind) = (None, None);
        match self.inner.next()? {
            Token::Str(text) => {
                base64 = Some(text);
                if self.inner.next()? != Token::Key(Cow::Borrowed("$type")) {
                    return self.wrong();
                }
                kind = Some(self.text()?);
            }
            Token::BeginObject => loop {
                match self.inner.next()? {
                    Token::Key(key) if key == "base64" => base64 = Some(self.text()?),
                    Token::Key(key) if key == "subType" => kind = Some(self.text()?),
                    Token::EndObject => break,
                    _ => return self.wrong(),
                }
            },
            _ => return self.wrong(),
        }
        let kind = kind.and_then(|kind| u8::from_str_radix(&kind, 16).ok());
        let bytes = base64.and_then(|base64| STANDARD.decode(base64.as_bytes()).ok());
        let (Some(bytes), Some(kind)) = (bytes, kind) else {
            return self.wrong();
        };
        Ok(match (<[u8; 16]>::try_from(bytes.as_slice()), kind) {
            (Ok(uuid), UUID) => {
                self.raw = Raw::Uuid(uuid);
                Token::Str(Cow::Owned(uuid_text(&uuid)))
            }
            _ => Token::Bytes(Cow::Owned(bytes)),
        })
    }

    fn uuid(&mut self) -> Result<Token<'b>, DecodeFailure> {
        let text = self.plain()?;
        let fits = text.len() == 36
            && text.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            });
        if fits { Ok(Token::Str(Cow::Borrowed(text))) } else { self.wrong() }
    }

    fn expression(&mut self) -> Result<Token<'b>, DecodeFailure> {
        let (mut pattern, mut options) = (None, None);
        if self.inner.next()? != Token::BeginObject {
            return self.wrong();
        }
        loop {
            match self.inner.next()? {
                Token::Key(key) if key == "pattern" => pattern = Some(self.text()?),
                Token::Key(key) if key == "options" => options = Some(self.text()?),
                Token::EndObject => break,
                _ => return self.wrong(),
            }
        }
        match (pattern, options) {
            (Some(pattern), Some(options)) => Ok(Token::Str(Cow::Owned(format!("/{pattern}/{options}")))),
            _ => self.wrong(),
        }
    }

    fn old_expression(&mut self) -> Result<Token<'b>, DecodeFailure> {
        let pattern = self.text()?;
        if self.inner.next()? != Token::Key(Cow::Borrowed("$options")) {
            return self.wrong();
        }
        let options = self.text()?;
        Ok(Token::Str(Cow::Owned(format!("/{pattern}/{options}"))))
    }

    /// Offsets of the document become offsets of the value.
    #[cold]
    fn placed(&self, failure: DecodeFailure) -> DecodeFailure {
        DecodeFailure {
            offset: self.document.offset(failure.offset, &self.place),
            ..failure
        }
    }
}

impl<'b> Reader<'b> for ExtendedReader<'b> {
    fn next(&mut self) -> Result<Token<'b>, DecodeFailure> {
        self.raw = Raw::None;
        if let Some(key) = self.pending.take() {
            return Ok(Token::Key(key));
        }
        let token = match self.inner.next() {
            Ok(Token::BeginObject) => self.object(),
            token => token,
        };
        token.map_err(|failure| self.placed(failure))
    }

    fn skip(&mut self) -> Result<(), DecodeFailure> {
        self.raw = Raw::None;
        self.inner.skip().map_err(|failure| self.placed(failure))
    }

    fn position(&self) -> usize {
        self.document.offset(self.inner.position(), &self.place)
    }
}

fn uuid_text(bytes: &[u8; 16]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests;
