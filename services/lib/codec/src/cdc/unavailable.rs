//! Columns whose value the source did not send (PostgreSQL's unchanged TOAST). Debezium writes its placeholder in the form of the column.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem::Finder;

use super::Image;
use crate::json::number;
use crate::token::{Reader, Token};

/// `unavailable.value.placeholder` of a connector, in all of its forms.
#[derive(Debug, Clone)]
pub struct Placeholder {
    text: Box<str>,
    base64: Box<str>,
    /// The text, its base64, its first character codes.
    finders: [Finder<'static>; 3],
}

// === impl Placeholder ===

impl Placeholder {
    /// Prepares a placeholder, which is not empty.
    pub fn new(text: &str) -> Placeholder {
        let base64 = STANDARD.encode(text);
        let mut codes = String::from("[");
        for character in text.chars() {
            let _ = write!(codes, "{},", u32::from(character));
        }
        codes.pop();
        let finder = |text: &str| Finder::new(text.as_bytes()).into_owned();
        Placeholder {
            finders: [finder(text), finder(&base64), finder(&codes)],
            text: text.into(),
            base64: base64.into(),
        }
    }

    /// The texts that stand for it: itself, and its base64.
    pub fn texts(&self) -> [&str; 2] {
        [&self.text, &self.base64]
    }

    /// Whether any value of the row can be the placeholder: false is certain. In JSON this looks for the bytes that Debezium writes; a
    /// placeholder spelled with escapes is a text like any other.
    pub fn may_be_in(&self, image: &Image<'_>) -> bool {
        match image.json_bytes() {
            Some(bytes) => self.finders.iter().any(|finder| finder.find(bytes).is_some()),
            None => true,
        }
    }

    /// Whether a single value is the placeholder: the text itself (text, json, bytea as hex), its bytes (bytea with a schema), or its
    /// base64 (bytea without one). Nulls that stand for it cannot be told from nulls.
    #[inline]
    pub fn is(&self, token: &Token<'_>) -> bool {
        match token {
            Token::Str(text) => **text == *self.text || **text == *self.base64,
            Token::Bytes(bytes) => **bytes == *self.text.as_bytes(),
            _ => false,
        }
    }

    /// Whether a list or object whose first token was just read stands for the placeholder: a list of just it (text[]), of its character
    /// codes (int[]), or an object with it as the one field and value (hstore). Reads on as far as that takes; use a clone of the reader.
    /// What cannot be read is not it.
    pub fn is_composite<'b>(&self, opened: &Token<'b>, reader: &mut impl Reader<'b>) -> bool {
        match opened {
            Token::BeginArray => match reader.next() {
                Ok(Token::Str(text)) => *text == *self.text && reader.next() == Ok(Token::EndArray),
                Ok(first) => self.is_codes(first, reader),
                Err(_) => false,
            },
            Token::BeginObject => {
                matches!(reader.next(), Ok(Token::Key(key)) if *key == *self.text)
                    && matches!(reader.next(), Ok(Token::Str(text)) if *text == *self.text)
                    && reader.next() == Ok(Token::EndObject)
            }
            _ => false,
        }
    }

    fn is_codes<'b>(&self, first: Token<'b>, reader: &mut impl Reader<'b>) -> bool {
        let mut token = first;
        for character in self.text.chars() {
            let code = match token {
                Token::Number(text) => number::to_i64(text),
                Token::Int(value) => Some(value),
                _ => None,
            };
            if code != Some(i64::from(u32::from(character))) {
                return false;
            }
            let Ok(next) = reader.next() else { return false };
            token = next;
        }
        token == Token::EndArray
    }
}
