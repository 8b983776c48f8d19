//! A row (or key) of a change event, to be read any number of times.

use std::sync::Arc;

use super::Texts;
use super::block::{ShapeId, Shapes};
use super::extended::ExtendedReader;
use super::flat::marker;
use super::mongo::{Document, MongoKey};
use super::overlay::OverlayReader;
use super::partial::PartialReader;
use super::typed::TypedJson;
use crate::avro::{AvroReader, Schema};
use crate::failure::DecodeFailure;
use crate::json::JsonReader;
use crate::keys::Keys;
use crate::token::{Reader, Token};

/// A row of a change event: where it lies and what is known of its types.
#[derive(Debug, Clone)]
pub struct Image<'b> {
    source: Source<'b>,
    /// Leave out the fields that flattening added, which begin with this.
    flat: Option<&'b str>,
}

#[derive(Debug, Clone)]
enum Source<'b> {
    Json {
        part: Part<'b>,
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
    /// A whole document of MongoDB.
    Extended(Document<'b>),
    /// What is known of a document of MongoDB.
    Partial {
        id: Option<Document<'b>>,
        updated: Option<Document<'b>>,
        removed: Option<&'b Texts>,
    },
    /// A row with some of its values replaced.
    Overlay { under: Part<'b>, over: Part<'b>, names: &'b Texts },
}

/// An object inside of JSON text.
#[derive(Debug, Clone, Copy)]
struct Part<'b> {
    text: &'b str,
    base: usize,
    /// Levels open around it.
    levels: usize,
    /// It was read strictly already.
    proven: bool,
    /// By whoever reads the row, see [`Image::is_taken`].
    taken: bool,
}

/// Reads a row or a key.
#[derive(Debug, Clone)]
pub struct ImageReader<'b> {
    inner: Inner<'b>,
    flat: Option<&'b str>,
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
    Extended(ExtendedReader<'b>),
    Partial(PartialReader<'b>),
    Overlay(OverlayReader<'b>),
}

// === impl Image ===

impl<'b> Image<'b> {
    pub(super) fn json(text: &'b str, base: usize, levels: usize, proven: bool, shapes: Option<(Arc<Shapes>, ShapeId)>) -> Image<'b> {
        let part = Part {
            text,
            base,
            levels,
            proven,
            taken: false,
        };
        Image::of(Source::Json { part, shapes })
    }

    pub(super) fn extended(document: Document<'b>) -> Image<'b> {
        Image::of(Source::Extended(document))
    }

    pub(super) fn partial(id: Option<Document<'b>>, updated: Option<Document<'b>>, removed: Option<&'b Texts>) -> Image<'b> {
        Image::of(Source::Partial { id, updated, removed })
    }

    /// This row with the values of `over` for what has other ones there; `names` are the names in `over`. Both must be JSON without a
    /// schema.
    pub(super) fn overlaid(&self, over: Image<'b>, names: &'b Texts) -> Image<'b> {
        match (&self.source, over.source) {
            (Source::Json { part: under, .. }, Source::Json { part: over, .. }) => Image::of(Source::Overlay {
                under: *under,
                over,
                names,
            }),
            _ => unreachable!("Maxwell writes JSON without a schema"),
        }
    }

    fn of(source: Source<'b>) -> Image<'b> {
        Image { source, flat: None }
    }

    pub(super) fn avro(schema: &'b Schema, node: u32, datum: &'b [u8], start: usize, base: usize) -> Image<'b> {
        Image::of(Source::Avro {
            schema,
            node,
            datum,
            start,
            base,
        })
    }

    pub(super) fn flattened(mut self, prefix: &'b str) -> Image<'b> {
        self.flat = Some(prefix);
        self
    }

    pub(super) fn set_proven(&mut self) {
        if let Source::Json { part, .. } = &mut self.source {
            part.proven = true;
        }
    }

    /// Reads the row strictly to its end, where nobody did so before. Documents of MongoDB are text to the event, which is proven; what
    /// they hold is the business of whoever reads them. An old row of Maxwell is proven with the new one.
    pub fn prove(&mut self) -> Result<(), DecodeFailure> {
        self.prove_in(&mut None)
    }

    /// The same with room for field names ([`JsonReader::lend`]), which it gives back.
    pub fn prove_in(&mut self, room: &mut Option<Box<Keys>>) -> Result<(), DecodeFailure> {
        let Source::Json { part, .. } = &mut self.source else {
            return Ok(());
        };
        if !part.proven {
            let mut reader = part.reader();
            reader.lend(room.take());
            let read = reader.skip().and_then(|()| reader.next().map(|_| ()));
            *room = reader.leave();
            read?;
            part.proven = true;
        }
        Ok(())
    }

    pub(super) fn taken(mut self) -> Image<'b> {
        if let Source::Json { part, .. } = &mut self.source {
            (part.proven, part.taken) = (true, true);
        }
        self
    }

    /// Whether the row was taken while the event was read, by the `see` of [`super::read_json_seeing`].
    pub fn is_taken(&self) -> bool {
        matches!(&self.source, Source::Json { part, .. } if part.taken)
    }

    /// Whether columns that the row does not hold were not sent, rather than absent.
    pub fn is_partial(&self) -> bool {
        matches!(self.source, Source::Partial { .. })
    }

    /// With the `_id` that only the key of the record has; other images have theirs.
    pub fn keyed(mut self, key: MongoKey<'b>) -> Image<'b> {
        if let Source::Partial { id, .. } = &mut self.source {
            *id = Some(key.document());
        }
        self
    }

    /// A reader of plain JSON, which is faster than one that could be anything; none where the row is something else.
    pub fn plain_reader(&self) -> Option<JsonReader<'b>> {
        match &self.source {
            Source::Json { part, shapes: None } if self.flat.is_none() => Some(part.reader()),
            _ => None,
        }
    }

    /// The bytes of the row where it is JSON.
    pub(super) fn json_bytes(&self) -> Option<&'b [u8]> {
        match &self.source {
            Source::Json { part, .. } => Some(part.text.as_bytes()),
            _ => None,
        }
    }

    /// A reader of the row: `BeginObject`, the columns, `EndObject`, `End`. Offsets count in the whole value.
    pub fn reader(&self) -> ImageReader<'b> {
        let inner = match &self.source {
            Source::Json { part, shapes } => {
                let reader = part.reader();
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
            Source::Extended(document) => Inner::Extended(ExtendedReader::new(*document)),
            Source::Partial { id, updated, removed } => Inner::Partial(PartialReader::new(*id, *updated, *removed)),
            Source::Overlay { under, over, names } => Inner::Overlay(OverlayReader::new(over.reader(), under.reader(), names)),
        };
        ImageReader {
            inner,
            flat: self.flat,
            depth: 0,
        }
    }

    /// Whether values come with their types, from Avro, a schema block or Extended JSON. Where not, the contract must say what plain JSON
    /// stands for.
    pub fn is_typed(&self) -> bool {
        !matches!(&self.source, Source::Json { shapes: None, .. } | Source::Overlay { .. })
    }
}

// === impl Part ===

impl<'b> Part<'b> {
    fn reader(&self) -> JsonReader<'b> {
        if self.proven {
            JsonReader::of_proven(self.text, self.base)
        } else {
            JsonReader::of_text(self.text, self.base).below(self.levels)
        }
    }
}

// === impl ImageReader ===

impl<'b> ImageReader<'b> {
    pub(super) fn json(reader: JsonReader<'b>) -> ImageReader<'b> {
        ImageReader::of(Inner::Json(reader))
    }

    pub(super) fn typed(reader: TypedJson<'b>) -> ImageReader<'b> {
        ImageReader::of(Inner::Typed(reader))
    }

    pub(super) fn avro(reader: AvroReader<'b>) -> ImageReader<'b> {
        ImageReader::of(Inner::Avro(reader))
    }

    fn of(inner: Inner<'b>) -> ImageReader<'b> {
        ImageReader {
            inner,
            flat: None,
            depth: 0,
        }
    }

    /// The last token as the writer wrote it, when the event's schema made a typed token of it: the number of days of a date, the text
    /// of a timestamp. For contracts that declare the plain form.
    pub fn raw(&self) -> Option<Token<'b>> {
        match &self.inner {
            Inner::Json(_) | Inner::Overlay(_) => None,
            Inner::Extended(reader) => reader.raw(),
            Inner::Partial(reader) => reader.raw(),
            Inner::Typed(reader) => reader.raw(),
            Inner::Avro(reader) => reader.raw(),
        }
    }

    /// Whether values come with their types, see [`Image::is_typed`].
    pub fn is_typed(&self) -> bool {
        !matches!(self.inner, Inner::Json(_) | Inner::Overlay(_))
    }

    #[inline]
    fn step(&mut self) -> Result<Token<'b>, DecodeFailure> {
        match &mut self.inner {
            Inner::Json(reader) => reader.next(),
            Inner::Typed(reader) => reader.next(),
            Inner::Avro(reader) => reader.next(),
            Inner::Extended(reader) => reader.next(),
            Inner::Partial(reader) => reader.next(),
            Inner::Overlay(reader) => reader.next(),
        }
    }
}

impl<'b> Reader<'b> for ImageReader<'b> {
    #[inline]
    fn next(&mut self) -> Result<Token<'b>, DecodeFailure> {
        let Some(prefix) = self.flat else {
            return self.step();
        };
        loop {
            let token = self.step()?;
            match &token {
                Token::BeginObject | Token::BeginArray => self.depth += 1,
                Token::EndObject | Token::EndArray => self.depth -= 1,
                Token::Key(key) if self.depth == 1 && marker(key, prefix).is_some() => {
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
            Inner::Extended(reader) => reader.skip(),
            Inner::Partial(reader) => reader.skip(),
            Inner::Overlay(reader) => reader.skip(),
        }
    }

    fn position(&self) -> usize {
        match &self.inner {
            Inner::Json(reader) => reader.position(),
            Inner::Typed(reader) => reader.position(),
            Inner::Avro(reader) => reader.position(),
            Inner::Extended(reader) => reader.position(),
            Inner::Partial(reader) => reader.position(),
            Inner::Overlay(reader) => reader.position(),
        }
    }
}
