//! What a schema looks like, for who prepares the way through its data once.

use super::reader::{TOKENS_FREE, TOKENS_PER_BYTE};
use super::schema::{Node, NodeId, Schema};
use crate::DEPTH_MAX;

/// A part of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part(pub(super) NodeId);

/// What is written there.
#[derive(Debug, Clone, Copy)]
pub enum Layout<'s> {
    /// Nothing.
    Null,
    /// One byte.
    Boolean,
    /// A number of 32 bits.
    Int,
    /// A number of 64 bits.
    Long,
    /// Four bytes.
    Float,
    /// Eight bytes.
    Double,
    /// Text without a meaning of its own.
    Text,
    /// An index of these symbols.
    Enum(&'s [Box<str>]),
    /// Items, each of at least so many bytes.
    Array(Part, u64),
    /// The index of a branch, then what is written there.
    Union(Branches<'s>),
    /// Fields.
    Record(Fields<'s>),
    /// Anything else: bytes, maps, and what stands for something.
    Other,
}

/// Fields of a record, in the order in which they are written.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'s>(&'s [super::schema::Field]);

/// Branches of a union, in the order of their indexes.
#[derive(Debug, Clone, Copy)]
pub struct Branches<'s>(&'s [NodeId]);

// === impl Schema ===

impl Schema {
    /// The whole.
    pub fn root(&self) -> Part {
        Part(self.root)
    }

    /// What is written at a part of this schema.
    pub fn layout(&self, part: Part) -> Layout<'_> {
        match self.node(part.0) {
            Node::Null => Layout::Null,
            Node::Boolean => Layout::Boolean,
            Node::Int => Layout::Int,
            Node::Long => Layout::Long,
            Node::Float => Layout::Float,
            Node::Double => Layout::Double,
            Node::String => Layout::Text,
            Node::Enum(symbols) => Layout::Enum(symbols),
            Node::Array { item, least } => Layout::Array(Part(*item), *least),
            Node::Union(branches) => Layout::Union(Branches(branches)),
            Node::Record(fields) => Layout::Record(Fields(fields)),
            _ => Layout::Other,
        }
    }

    /// Whether no datum comes to the limits of a reader on depth and tokens, so that its parts may be read by readers of their own.
    pub fn is_modest(&self) -> bool {
        let mut open = Vec::new();
        self.tokens(self.root, &mut open).is_some_and(|tokens| tokens <= TOKENS_FREE)
    }

    /// The most tokens that a value has, without items of arrays and maps; these are held to pay for themselves with their bytes. None where
    /// one does not, or a type contains itself.
    fn tokens(&self, id: NodeId, open: &mut Vec<NodeId>) -> Option<u64> {
        if open.contains(&id) || open.len() >= DEPTH_MAX / 2 {
            return None;
        }
        open.push(id);
        let tokens = match self.node(id) {
            Node::Record(fields) => fields
                .iter()
                .try_fold(2_u64, |sum, field| self.tokens(field.node, open)?.checked_add(sum + 1))?,
            Node::Union(branches) => {
                let most = branches.iter().map(|branch| self.tokens(*branch, open));
                most.collect::<Option<Vec<u64>>>()?.into_iter().max().unwrap_or(1)
            }
            Node::Array { item, least } => (self.tokens(*item, open)? <= least.saturating_mul(TOKENS_PER_BYTE)).then_some(2)?,
            Node::Map { value, least } => (self.tokens(*value, open)? < least.saturating_mul(TOKENS_PER_BYTE)).then_some(2)?,
            _ => 1,
        };
        open.pop();
        Some(tokens)
    }
}

// === impl Fields ===

impl<'s> Fields<'s> {
    /// Name and part of each.
    pub fn iter(self) -> impl ExactSizeIterator<Item = (&'s str, Part)> {
        self.0.iter().map(|field| (&*field.name, Part(field.node)))
    }
}

// === impl Branches ===

impl Branches<'_> {
    /// Both of a union of two.
    pub fn two(self) -> Option<[Part; 2]> {
        match self.0 {
            [one, other] => Some([Part(*one), Part(*other)]),
            _ => None,
        }
    }
}
