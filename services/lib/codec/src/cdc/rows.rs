//! Rows inside of documents: set aside where they lie, to be read later.

use std::borrow::Cow;
use std::sync::Arc;

use super::Image;
use super::block::{Payload, Shapes};
use super::envelope::bad;
use super::habit::Habits;
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

    /// The reader, where it reads JSON.
    fn json(&mut self) -> Option<&mut JsonReader<'b>> {
        None
    }

    /// What is known of an object from those before; goes back when the object was read.
    fn habits(&mut self) -> Option<&mut Habits> {
        None
    }
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
    reader: JsonReader<'b>,
    shapes: Option<Arc<Shapes>>,
    /// Levels open around the payload.
    levels: usize,
    proven: bool,
    habits: Option<Box<Habits>>,
}

/// Rows in Avro.
pub(super) struct AvroRows<'b> {
    reader: AvroReader<'b>,
}

// === impl JsonRows ===

impl<'b> JsonRows<'b> {
    pub(super) fn new(payload: Payload<'b>) -> JsonRows<'b> {
        JsonRows {
            reader: payload.reader,
            shapes: payload.shapes,
            levels: payload.levels,
            proven: payload.proven,
            habits: None,
        }
    }

    /// See [`JsonReader::lend`].
    pub(super) fn lend(&mut self, names: Option<Box<Keys>>, habits: Option<Box<Habits>>) {
        self.reader.lend(names);
        self.habits = Some(habits.unwrap_or_default());
    }

    /// See [`JsonReader::leave`].
    pub(super) fn leave(&mut self) -> (Option<Box<Keys>>, Option<Box<Habits>>) {
        (self.reader.leave(), self.habits.take())
    }

    /// A value without a block around it.
    pub(super) fn plain(value: &'b [u8]) -> JsonRows<'b> {
        JsonRows {
            reader: JsonReader::new(value),
            shapes: None,
            levels: 0,
            proven: false,
            habits: None,
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
    fn json(&mut self) -> Option<&mut JsonReader<'b>> {
        Some(&mut self.reader)
    }

    fn habits(&mut self) -> Option<&mut Habits> {
        self.habits.as_deref_mut()
    }

    fn row(&mut self, field: &str) -> Result<Option<Image<'b>>, DecodeFailure> {
        let first = self.reader.peek();
        let start = self.reader.position();
        match first {
            Some(b'{') => {
                let text = self.reader.pass()?;
                let shape = |shapes: &Arc<Shapes>| if field.is_empty() { shapes.root() } else { shapes.field(field) };
                let shapes = self.shapes.as_ref().map(|shapes| (shapes.clone(), shape(shapes)));
                let levels = self.levels + usize::from(!field.is_empty());
                Ok(Some(Image::json(text, start, levels, self.proven, shapes)))
            }
            Some(b'n') => self.reader.skip().map(|()| None),
            _ => self.reader.skip().and_then(|()| bad(start)),
        }
    }

    fn quoted(&mut self) -> Result<Option<Quoted<'b>>, DecodeFailure> {
        let first = self.reader.peek();
        let start = self.reader.position();
        self.reader.skip()?;
        match first {
            Some(b'"') => {
                let raw = self.reader.between(start + 1, self.reader.position() - 1);
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
