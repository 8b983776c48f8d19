//! A row (or key) of a change event, to be read any number of times.

use std::sync::Arc;

use super::SchemaBlockCache;
use super::block::{Payload, ShapeId, Shapes, with_payload};
use super::flat::is_marker;
use super::typed::TypedJson;
use crate::avro::{AvroReader, Schema};
use crate::failure::DecodeFailure;
use crate::json::JsonReader;
use crate::token::{Reader, Token};

/// A row of a change event: where it lies and what is known of its types.
#[derive(Debug, Clone)]
pub struct Image<'b> {
    source: Source<'b>,
    /// Leave out the fields that flattening added.
    flat: bool,
}

#[derive(Debug, Clone)]
enum Source<'b> {
    Json {
        text: &'b str,
        base: usize,
        shapes: Option<(Arc<Shapes>, ShapeId)>,
    },
    Avro {
        schema: &'b Schema,
        node: u32,
        /// Up to the end of the row.
        datum: &'b [u8],
        start: usize,
        base: usize,
    },
}

/// Reads a row or a key.
#[derive(Debug, Clone)]
pub struct ImageReader<'b> {
    inner: Inner<'b>,
    flat: bool,
    depth: usize,
}

#[derive(Debug, Clone)]
#[allow(
    clippy::large_enum_variant,
    reason = "lives on the stack of one call; boxing would allocate for each event"
)]
enum Inner<'b> {
    Json(JsonReader<'b>),
    Typed(TypedJson<'b>),
    Avro(AvroReader<'b>),
}

/// Reads a JSON key, with or without its schema block.
pub fn key_json<'b>(key: &'b [u8], cache: &mut SchemaBlockCache) -> Result<ImageReader<'b>, DecodeFailure> {
    // Read to the end once: a fault must not depend on whether the block was known.
    with_payload(key, cache, |Payload { reader, shapes }| {
        let mut probe = reader.clone();
        probe.skip()?;
        probe.next()?;
        let inner = match shapes {
            Some(shapes) => {
                let root = shapes.root();
                Inner::Typed(TypedJson::new(reader, shapes, root))
            }
            None => Inner::Json(reader),
        };
        Ok(ImageReader {
            inner,
            flat: false,
            depth: 0,
        })
    })
}

/// Reads an Avro key; `base` is the offset of `datum` in the key.
pub fn key_avro<'b>(schema: &'b Schema, datum: &'b [u8], base: usize) -> ImageReader<'b> {
    ImageReader {
        inner: Inner::Avro(AvroReader::new(schema, datum).with_base(base)),
        flat: false,
        depth: 0,
    }
}

// === impl Image ===

impl<'b> Image<'b> {
    pub(super) fn json(text: &'b str, base: usize, shapes: Option<(Arc<Shapes>, ShapeId)>) -> Image<'b> {
        Image {
            source: Source::Json { text, base, shapes },
            flat: false,
        }
    }

    pub(super) fn avro(schema: &'b Schema, node: u32, datum: &'b [u8], start: usize, base: usize) -> Image<'b> {
        Image {
            source: Source::Avro {
                schema,
                node,
                datum,
                start,
                base,
            },
            flat: false,
        }
    }

    pub(super) fn flattened(mut self) -> Image<'b> {
        self.flat = true;
        self
    }

    /// A reader of the row: `BeginObject`, the columns, `EndObject`, `End`. Offsets count in the whole value.
    pub fn reader(&self) -> ImageReader<'b> {
        let inner = match &self.source {
            Source::Json { text, base, shapes } => {
                let reader = JsonReader::of_proven(text, *base);
                match shapes {
                    Some((shapes, root)) => Inner::Typed(TypedJson::new(reader, shapes.clone(), *root)),
                    None => Inner::Json(reader),
                }
            }
            Source::Avro {
                schema,
                node,
                datum,
                start,
                base,
            } => Inner::Avro(AvroReader::at_node(schema, *node, datum, *start).with_base(*base)),
        };
        ImageReader {
            inner,
            flat: self.flat,
            depth: 0,
        }
    }

    /// Whether values come with their types, from Avro or a schema block. Where not, the contract must say what plain JSON stands for.
    pub fn is_typed(&self) -> bool {
        matches!(&self.source, Source::Avro { .. } | Source::Json { shapes: Some(_), .. })
    }
}

// === impl ImageReader ===

impl<'b> ImageReader<'b> {
    /// The last token as the writer wrote it, when the event's schema made a typed token of it: the number of days of a date, the text
    /// of a timestamp. For contracts that declare the plain form.
    pub fn raw(&self) -> Option<Token<'b>> {
        match &self.inner {
            Inner::Json(_) => None,
            Inner::Typed(reader) => reader.raw(),
            Inner::Avro(reader) => reader.raw(),
        }
    }

    /// Whether values come with their types, see [`Image::is_typed`].
    pub fn is_typed(&self) -> bool {
        !matches!(self.inner, Inner::Json(_))
    }

    #[inline]
    fn step(&mut self) -> Result<Token<'b>, DecodeFailure> {
        match &mut self.inner {
            Inner::Json(reader) => reader.next(),
            Inner::Typed(reader) => reader.next(),
            Inner::Avro(reader) => reader.next(),
        }
    }
}

impl<'b> Reader<'b> for ImageReader<'b> {
    #[inline]
    fn next(&mut self) -> Result<Token<'b>, DecodeFailure> {
        if !self.flat {
            return self.step();
        }
        loop {
            let token = self.step()?;
            match &token {
                Token::BeginObject | Token::BeginArray => self.depth += 1,
                Token::EndObject | Token::EndArray => self.depth -= 1,
                Token::Key(key) if self.depth == 1 && is_marker(key) => {
                    self.skip()?;
                    continue;
                }
                _ => {}
            }
            return Ok(token);
        }
    }

    fn skip(&mut self) -> Result<(), DecodeFailure> {
        match &mut self.inner {
            Inner::Json(reader) => reader.skip(),
            Inner::Typed(reader) => reader.skip(),
            Inner::Avro(reader) => reader.skip(),
        }
    }

    fn position(&self) -> usize {
        match &self.inner {
            Inner::Json(reader) => reader.position(),
            Inner::Typed(reader) => reader.position(),
            Inner::Avro(reader) => reader.position(),
        }
    }
}
