//! The `{schema, payload}` block of Kafka Connect's JsonConverter.
//!
//! The schema is several times as long as the payload and the same for thousands of events, so it is read once and then recognised by
//! comparing its bytes.

use std::sync::Arc;

use super::Image;
use super::habit::Habit;
use crate::failure::{DecodeFailure, Detail};
use crate::json::JsonReader;
use crate::keys::Keys;
use crate::semantic::Semantic;
use crate::token::{Reader, Token};

/// Blocks kept; the one that was not used for longest goes.
const ENTRIES_MAX: usize = 256;
/// A larger block is compiled each time.
const BLOCK_BYTES_MAX: usize = 256 * 1024;
/// All kept blocks together.
const CACHE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Schema blocks that were seen, compiled. One for each thread; it changes speed, never answers.
#[derive(Debug, Default)]
pub struct SchemaBlockCache {
    /// The last used one first.
    entries: Vec<Entry>,
    bytes: usize,
    /// Room for field names, handed from reader to reader.
    pub(super) names: Option<Box<Keys>>,
    /// What envelopes usually look like.
    pub(super) habit: Option<Box<Habit>>,
}

#[derive(Debug)]
struct Entry {
    text: Box<[u8]>,
    shapes: Arc<Shapes>,
}

/// What the values of a payload stand for.
#[derive(Debug)]
pub(super) struct Shapes {
    nodes: Vec<Shape>,
    root: ShapeId,
}

/// Index into [`Shapes::nodes`].
pub(super) type ShapeId = u32;

/// Shape 0: nothing to say about the value and what is inside of it.
pub(super) const PLAIN: ShapeId = 0;

#[derive(Debug)]
pub(super) enum Shape {
    Plain,
    Leaf(Semantic),
    /// Fields in the order of the schema, which is that of the payload.
    Struct(Vec<(Box<str>, ShapeId)>),
    Array(ShapeId),
    Map(ShapeId),
    VariableScaleDecimal,
}

/// A payload to read.
#[derive(Debug)]
pub(super) struct Payload<'b> {
    pub(super) reader: JsonReader<'b>,
    pub(super) shapes: Option<Arc<Shapes>>,
    /// Levels open around it.
    pub(super) levels: usize,
    /// It was read strictly already.
    pub(super) proven: bool,
}

/// Finds the payload of `value` and reads it: the whole value where there is no block.
pub(super) fn with_payload<'b, T>(
    value: &'b [u8],
    cache: &mut SchemaBlockCache,
    mut read: impl FnMut(Payload<'b>) -> Result<T, DecodeFailure>,
) -> Result<T, DecodeFailure> {
    if let Some(payload) = cache.known(value)
        && let Ok(read) = read(payload)
    {
        return Ok(read);
    }
    // Also after a failure above, so that the same bytes fail in the same way whether or not their block was known.
    read(cache.open(value)?)
}

// === impl Payload ===

impl<'b> Payload<'b> {
    /// The row behind a field of the envelope (an empty name: the payload itself), which is that part of it.
    pub(super) fn image(&self, text: &'b str, base: usize, field: &str) -> Image<'b> {
        let shape = |shapes: &Arc<Shapes>| if field.is_empty() { shapes.root() } else { shapes.field(field) };
        let shapes = self.shapes.as_ref().map(|shapes| (shapes.clone(), shape(shapes)));
        let levels = self.levels + usize::from(!field.is_empty());
        Image::json(text, base, levels, self.proven, shapes)
    }
}

// === impl SchemaBlockCache ===

impl SchemaBlockCache {
    /// Empty.
    pub fn new() -> SchemaBlockCache {
        SchemaBlockCache::default()
    }

    /// The payload behind a known block, in the exact form that the JsonConverter writes.
    fn known<'b>(&mut self, value: &'b [u8]) -> Option<Payload<'b>> {
        let rest = value.strip_prefix(b"{\"schema\":")?;
        let index = self.entries.iter().position(|entry| rest.starts_with(&entry.text))?;
        // Whole objects end themselves, so equal bytes are the whole block.
        let payload = rest[self.entries[index].text.len()..].strip_prefix(b",\"payload\":")?;
        let base = value.len() - payload.len();
        // Of JSON's white space: a form feed is none.
        let end = payload.iter().rposition(|byte| !b" \n\t\r".contains(byte))?;
        let text = std::str::from_utf8(payload[..=end].strip_suffix(b"}")?).ok()?;
        self.entries[..=index].rotate_right(1);
        Some(Payload {
            reader: JsonReader::of_text(text, base).below(1),
            shapes: Some(self.entries[0].shapes.clone()),
            levels: 1,
            proven: false,
        })
    }

    fn open<'b>(&mut self, value: &'b [u8]) -> Result<Payload<'b>, DecodeFailure> {
        let plain = || Payload {
            reader: JsonReader::new(value),
            shapes: None,
            levels: 0,
            proven: false,
        };
        if !may_be_parts(value) {
            return Ok(plain());
        }
        let Some((schema, payload)) = parts(value) else {
            return Ok(plain());
        };
        let (schema_text, schema_base) = schema;
        let shapes = match schema_text.as_bytes().first() {
            Some(b'{') => Some(self.shapes(schema_text, schema_base)?),
            Some(b'n') => None,
            _ => return Ok(plain()),
        };
        let (text, base) = payload;
        Ok(Payload {
            reader: JsonReader::of_proven(text, base),
            shapes,
            levels: 1,
            proven: true,
        })
    }

    fn shapes(&mut self, text: &str, base: usize) -> Result<Arc<Shapes>, DecodeFailure> {
        if let Some(entry) = self.entries.iter().find(|entry| *entry.text == *text.as_bytes()) {
            return Ok(entry.shapes.clone());
        }
        let shapes = Arc::new(Shapes::compile(text, base)?);
        if text.len() <= BLOCK_BYTES_MAX {
            while self.entries.len() >= ENTRIES_MAX || self.bytes + text.len() > CACHE_BYTES_MAX {
                let Some(oldest) = self.entries.pop() else { break };
                self.bytes -= oldest.text.len();
            }
            self.bytes += text.len();
            self.entries.insert(
                0,
                Entry {
                    text: text.as_bytes().into(),
                    shapes: shapes.clone(),
                },
            );
        }
        Ok(shapes)
    }
}

/// Text and offset of a part.
type Span<'b> = (&'b str, usize);

/// Whether the first name of an object could be one of the two, which is cheaper to see than to read.
fn may_be_parts(value: &[u8]) -> bool {
    let rest = value.trim_ascii_start();
    let Some(rest) = rest.strip_prefix(b"{").map(<[u8]>::trim_ascii_start) else {
        return false;
    };
    let Some(name) = rest.strip_prefix(b"\"").map(|name| &name[..name.len().min(48)]) else {
        return false;
    };
    // A name that is written with escapes could be anything.
    let name = &name[..memchr::memchr2(b'"', b'\\', name).map_or(name.len(), |end| end + 1)];
    name == b"schema\"" || name == b"payload\"" || name.last() == Some(&b'\\')
}

/// The texts of `schema` and `payload` when the value is an object of exactly these. None also for broken JSON: whoever reads the whole
/// value then says where.
fn parts(value: &[u8]) -> Option<(Span<'_>, Span<'_>)> {
    let mut reader = JsonReader::new(value);
    let (mut schema, mut payload) = (None, None);
    if reader.next().ok()? != Token::BeginObject {
        return None;
    }
    loop {
        let part = match reader.next().ok()? {
            Token::Key(key) if key == "schema" => &mut schema,
            Token::Key(key) if key == "payload" => &mut payload,
            Token::EndObject => break,
            _ => return None,
        };
        reader.peek();
        let start = reader.position();
        reader.skip().ok()?;
        *part = Some((reader.between(start, reader.position()), start));
    }
    reader.next().ok()?;
    Some((schema?, payload?))
}

// === impl Shapes ===

impl Shapes {
    fn compile(text: &str, base: usize) -> Result<Shapes, DecodeFailure> {
        let mut shapes = Shapes {
            nodes: vec![Shape::Plain],
            root: PLAIN,
        };
        let mut reader = JsonReader::of_proven(text, base);
        reader.next()?;
        shapes.root = shapes.schema(&mut reader)?.1;
        Ok(shapes)
    }

    pub(super) fn root(&self) -> ShapeId {
        self.root
    }

    #[inline]
    pub(super) fn get(&self, id: ShapeId) -> &Shape {
        &self.nodes[id as usize]
    }

    /// Shape of a field of the root.
    pub(super) fn field(&self, name: &str) -> ShapeId {
        match self.get(self.root) {
            Shape::Struct(fields) => fields.iter().find(|(field, _)| **field == *name).map_or(PLAIN, |(_, shape)| *shape),
            _ => PLAIN,
        }
    }

    fn push(&mut self, shape: Shape) -> ShapeId {
        self.nodes.push(shape);
        (self.nodes.len() - 1) as ShapeId
    }

    /// Reads one schema whose `BeginObject` was read: its field name and shape. Nesting is bounded by that of the text.
    fn schema(&mut self, reader: &mut JsonReader<'_>) -> Result<(Option<Box<str>>, ShapeId), DecodeFailure> {
        let start = reader.position();
        let bad = DecodeFailure {
            detail: Detail::BadSchema,
            offset: start,
        };
        let (mut kind, mut name, mut field, mut scale) = (None, None, None, None);
        let (mut fields, mut of, mut text_keys) = (Vec::new(), None, true);
        loop {
            let key = match reader.next()? {
                Token::Key(key) => key,
                Token::EndObject => break,
                _ => return Err(bad),
            };
            match &*key {
                "type" => kind = text(reader, bad)?,
                "name" => name = text(reader, bad)?,
                "field" => field = text(reader, bad)?,
                "parameters" => scale = parameters(reader, bad)?,
                "fields" => {
                    expect(reader.next()?, Token::BeginArray, bad)?;
                    loop {
                        match reader.next()? {
                            Token::BeginObject => {
                                let (name, shape) = self.schema(reader)?;
                                fields.push((name.ok_or(bad)?, shape));
                            }
                            Token::EndArray => break,
                            _ => return Err(bad),
                        }
                    }
                }
                "items" | "values" => {
                    expect(reader.next()?, Token::BeginObject, bad)?;
                    of = Some(self.schema(reader)?.1);
                }
                "keys" => {
                    expect(reader.next()?, Token::BeginObject, bad)?;
                    text_keys = self.key_kind(reader, bad)?;
                }
                _ => reader.skip()?,
            }
        }
        let kind = kind.ok_or(bad)?;
        let shape = match &*kind {
            "struct" if name.as_deref() == Some("io.debezium.data.VariableScaleDecimal") => Shape::VariableScaleDecimal,
            "struct" => Shape::Struct(fields),
            "array" => Shape::Array(of.ok_or(bad)?),
            // Maps with other keys are written as lists of pairs.
            "map" if text_keys => Shape::Map(of.ok_or(bad)?),
            "map" => Shape::Plain,
            kind => match Semantic::of_connect(kind, name.as_deref(), scale) {
                Some(semantic) => Shape::Leaf(semantic),
                None => return Ok((field, PLAIN)),
            },
        };
        Ok((field, self.push(shape)))
    }

    fn key_kind(&mut self, reader: &mut JsonReader<'_>, bad: DecodeFailure) -> Result<bool, DecodeFailure> {
        let mut text_keys = false;
        loop {
            match reader.next()? {
                Token::Key(key) if key == "type" => text_keys = text(reader, bad)?.as_deref() == Some("string"),
                Token::Key(_) => reader.skip()?,
                Token::EndObject => return Ok(text_keys),
                _ => return Err(bad),
            }
        }
    }
}

fn text(reader: &mut JsonReader<'_>, bad: DecodeFailure) -> Result<Option<Box<str>>, DecodeFailure> {
    match reader.next()? {
        Token::Str(text) => Ok(Some(text.into())),
        Token::Null => Ok(None),
        _ => Err(bad),
    }
}

/// The parameter `scale`.
fn parameters(reader: &mut JsonReader<'_>, bad: DecodeFailure) -> Result<Option<i32>, DecodeFailure> {
    match reader.next()? {
        Token::Null => return Ok(None),
        token => expect(token, Token::BeginObject, bad)?,
    }
    let mut scale = None;
    loop {
        match reader.next()? {
            Token::Key(key) if key == "scale" => scale = Some(text(reader, bad)?.and_then(|scale| scale.parse().ok()).ok_or(bad)?),
            Token::Key(_) => reader.skip()?,
            Token::EndObject => return Ok(scale),
            _ => return Err(bad),
        }
    }
}

fn expect(token: Token<'_>, wanted: Token<'_>, bad: DecodeFailure) -> Result<(), DecodeFailure> {
    if token == wanted { Ok(()) } else { Err(bad) }
}
