//! JSON with a schema beside it: the same walk, with typed tokens.

use std::borrow::Cow;
use std::sync::Arc;

use super::block::{PLAIN, Shape, ShapeId, Shapes};
use crate::DEPTH_MAX;
use crate::failure::{DecodeFailure, Detail};
use crate::json::JsonReader;
use crate::semantic::{self, WrongForm};
use crate::token::{Reader, Token};

/// Reads JSON whose values a schema block describes.
#[derive(Debug, Clone)]
pub(super) struct TypedJson<'b> {
    reader: JsonReader<'b>,
    shapes: Arc<Shapes>,
    /// Shape of the value that comes next.
    pending: ShapeId,
    frames: [Frame; DEPTH_MAX],
    depth: usize,
    raw: Raw<'b>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Frame {
    shape: ShapeId,
    /// Field that is expected next.
    field: u32,
}

/// A typed value as it was written; text with escapes is not kept, no writer escapes what is typed.
#[derive(Debug, Clone, Copy)]
enum Raw<'b> {
    None,
    Number(&'b str),
    Str(&'b str),
}

// === impl TypedJson ===

impl<'b> TypedJson<'b> {
    pub(super) fn new(reader: JsonReader<'b>, shapes: Arc<Shapes>, root: ShapeId) -> TypedJson<'b> {
        TypedJson {
            reader,
            shapes,
            pending: root,
            frames: [Frame::default(); DEPTH_MAX],
            depth: 0,
            raw: Raw::None,
        }
    }

    pub(super) fn raw(&self) -> Option<Token<'b>> {
        match self.raw {
            Raw::None => None,
            Raw::Number(text) => Some(Token::Number(text)),
            Raw::Str(text) => Some(Token::Str(Cow::Borrowed(text))),
        }
    }

    #[cold]
    fn contradiction<T>(&self, offset: usize) -> Result<T, DecodeFailure> {
        Err(DecodeFailure {
            detail: Detail::BadEnvelope,
            offset,
        })
    }

    /// Shape of a field of the innermost open struct. Fields nearly always come in the order of the schema.
    #[inline]
    fn shape_of(&mut self, key: &str) -> ShapeId {
        let Some(frame) = self.frames.get_mut(self.depth.wrapping_sub(1)) else {
            return PLAIN;
        };
        match self.shapes.get(frame.shape) {
            Shape::Struct(fields) => {
                let expected = frame.field as usize;
                let index = match fields.get(expected) {
                    Some((name, _)) if **name == *key => expected,
                    _ => match fields.iter().position(|(name, _)| **name == *key) {
                        Some(index) => index,
                        None => return PLAIN,
                    },
                };
                frame.field = index as u32 + 1;
                fields[index].1
            }
            Shape::Map(value) => *value,
            _ => PLAIN,
        }
    }

    fn open(&mut self, shape: ShapeId) {
        self.frames[self.depth] = Frame { shape, field: 0 };
        self.depth += 1;
        self.pending = self.item_shape();
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.pending = self.item_shape();
    }

    /// Shape of the next item, when the innermost open value is a list; keys say it otherwise.
    fn item_shape(&self) -> ShapeId {
        match self.depth.checked_sub(1).map(|top| self.shapes.get(self.frames[top].shape)) {
            Some(Shape::Array(item)) => *item,
            _ => PLAIN,
        }
    }

    fn scalar(&mut self, token: Token<'b>, offset: usize) -> Result<Token<'b>, DecodeFailure> {
        match self.shapes.get(self.pending) {
            Shape::Plain => Ok(token),
            _ if token == Token::Null => Ok(token),
            Shape::Leaf(semantic) => {
                let raw = match &token {
                    Token::Number(text) => Raw::Number(text),
                    Token::Str(Cow::Borrowed(text)) => Raw::Str(text),
                    _ => Raw::None,
                };
                match semantic.apply(token) {
                    Ok(token) => {
                        self.raw = raw;
                        Ok(token)
                    }
                    Err(WrongForm) => self.contradiction(offset),
                }
            }
            _ => self.contradiction(offset),
        }
    }
}

impl<'b> Reader<'b> for TypedJson<'b> {
    #[inline]
    fn next(&mut self) -> Result<Token<'b>, DecodeFailure> {
        self.raw = Raw::None;
        let offset = self.reader.position();
        let token = self.reader.next()?;
        match token {
            Token::Key(key) => {
                self.pending = self.shape_of(&key);
                Ok(Token::Key(key))
            }
            Token::BeginObject => match self.shapes.get(self.pending) {
                Shape::VariableScaleDecimal => semantic::variable_scale_decimal(&mut self.reader),
                Shape::Plain | Shape::Struct(_) | Shape::Map(_) => {
                    self.open(self.pending);
                    Ok(token)
                }
                Shape::Leaf(_) | Shape::Array(_) => self.contradiction(offset),
            },
            Token::BeginArray => match self.shapes.get(self.pending) {
                Shape::Plain | Shape::Array(_) => {
                    self.open(self.pending);
                    Ok(token)
                }
                _ => self.contradiction(offset),
            },
            Token::EndObject | Token::EndArray => {
                self.close();
                Ok(token)
            }
            Token::End => Ok(token),
            scalar => self.scalar(scalar, offset),
        }
    }

    fn skip(&mut self) -> Result<(), DecodeFailure> {
        self.raw = Raw::None;
        self.reader.skip()
    }

    fn position(&self) -> usize {
        self.reader.position()
    }
}
