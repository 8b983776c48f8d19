//! Rows inside of documents: set aside where they lie, to be read later.

use std::borrow::Cow;

use super::Image;
use super::block::Payload;
use super::envelope::bad;
use crate::avro::{AvroReader, Schema};
use crate::failure::DecodeFailure;
use crate::json::JsonReader;
use crate::keys::Keys;
use crate::token::{Reader, Token};

/// A reader that can set rows aside.
pub(super) trait Rows<'b>: Reader<'b> {
    /// Notes the object that comes next and moves behind it; none for null, `BadEnvelope` for anything else. `field` names it, empty for
    /// the root. In JSON what is inside is not proven.
    fn row(&mut self, field: &str) -> Result<Option<Image<'b>>, DecodeFailure>;

    /// Notes the text that comes next; none for null, `BadEnvelope` for anything else.
    fn quoted(&mut self) -> Result<Option<Quoted<'b>>, DecodeFailure>;
}

/// A text inside of a document, as it stands there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quoted<'b> {
    /// Between the quotes, proven.
    pub(super) raw: &'b str,
    /// Where in the value.
    pub(super) base: usize,
    /// `raw` is not yet the text.
    pub(super) escaped: bool,
}

/// Rows in JSON.
pub(super) struct JsonRows<'b> {
    payload: Payload<'b>,
}

/// Rows in Avro.
pub(super) struct AvroRows<'b> {
    reader: AvroReader<'b>,
}

// === impl JsonRows ===

impl<'b> JsonRows<'b> {
    pub(super) fn new(payload: Payload<'b>) -> JsonRows<'b> {
        JsonRows { payload }
    }

    /// See [`JsonReader::lend`].
    pub(super) fn lend(&mut self, names: Option<Box<Keys>>) {
        self.payload.reader.lend(names);
    }

    /// See [`JsonReader::leave`].
    pub(super) fn leave(&mut self) -> Option<Box<Keys>> {
        self.payload.reader.leave()
    }

    /// A value without a block around it.
    pub(super) fn plain(value: &'b [u8]) -> JsonRows<'b> {
        JsonRows::new(Payload {
            reader: JsonReader::new(value),
            shapes: None,
            levels: 0,
            proven: false,
        })
    }
}

impl<'b> Reader<'b> for JsonRows<'b> {
    fn next(&mut self) -> Result<Token<'b>, DecodeFailure> {
        self.payload.reader.next()
    }

    fn skip(&mut self) -> Result<(), DecodeFailure> {
        self.payload.reader.skip()
    }

    fn position(&self) -> usize {
        self.payload.reader.position()
    }
}

impl<'b> Rows<'b> for JsonRows<'b> {
    fn row(&mut self, field: &str) -> Result<Option<Image<'b>>, DecodeFailure> {
        let first = self.payload.reader.peek();
        let start = self.payload.reader.position();
        match first {
            Some(b'{') => {
                let text = self.payload.reader.pass()?;
                Ok(Some(self.payload.image(text, start, field)))
            }
            Some(b'n') => self.payload.reader.skip().map(|()| None),
            _ => self.payload.reader.skip().and_then(|()| bad(start)),
        }
    }

    fn quoted(&mut self) -> Result<Option<Quoted<'b>>, DecodeFailure> {
        let first = self.payload.reader.peek();
        let start = self.payload.reader.position();
        self.payload.reader.skip()?;
        match first {
            Some(b'"') => {
                let raw = self.payload.reader.between(start + 1, self.payload.reader.position() - 1);
                Ok(Some(Quoted {
                    raw,
                    base: start + 1,
                    escaped: raw.contains('\\'),
                }))
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

    fn quoted(&mut self) -> Result<Option<Quoted<'b>>, DecodeFailure> {
        let at = self.reader.position();
        match self.reader.next()? {
            Token::Str(Cow::Borrowed(raw)) => Ok(Some(Quoted {
                raw,
                base: self.reader.position() - raw.len(),
                escaped: false,
            })),
            Token::Null => Ok(None),
            _ => bad(at),
        }
    }
}
