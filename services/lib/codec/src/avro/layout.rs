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
        let mut sizes = vec![Size::Unknown; self.nodes.len()];
        // The end is a token, too.
        self.size(self.root, &mut sizes, 0)
            .is_some_and(|(tokens, depth)| tokens < TOKENS_FREE && depth < DEPTH_MAX as u64 / 2)
    }

    /// The most tokens that a value has, without items of arrays and maps, and how deep it is; items are held to pay for themselves with
    /// their bytes. None where one does not, or a type contains itself. Each type is looked at once.
    fn size(&self, id: NodeId, sizes: &mut [Size], open: usize) -> Option<(u64, u64)> {
        match sizes[id as usize] {
            Size::Known(size) => return size,
            Size::Open => return None,
            Size::Unknown => sizes[id as usize] = Size::Open,
        }
        // What is deeper is not modest, and recursion of ours must end, too.
        let size = if open > DEPTH_MAX {
            None
        } else {
            self.size_of(id, sizes, open + 1)
        };
        sizes[id as usize] = Size::Known(size);
        size
    }

    fn size_of(&self, id: NodeId, sizes: &mut [Size], open: usize) -> Option<(u64, u64)> {
        let pays = |of: Option<(u64, u64)>, name: u64, least: u64| {
            let (tokens, depth) = of?;
            (tokens.saturating_add(name) <= least.saturating_mul(TOKENS_PER_BYTE)).then_some((2, depth + 1))
        };
        match self.node(id) {
            Node::Record(fields) => fields.iter().try_fold((2_u64, 1), |(sum, deepest), field| {
                let (tokens, depth) = self.size(field.node, sizes, open)?;
                Some((sum.saturating_add(tokens).saturating_add(1), deepest.max(depth + 1)))
            }),
            Node::Union(branches) => branches.iter().try_fold((1, 1), |(most, deepest), branch| {
                let (tokens, depth) = self.size(*branch, sizes, open)?;
                Some((most.max(tokens), deepest.max(depth)))
            }),
            Node::Array { item, least } => pays(self.size(*item, sizes, open), 0, *least),
            Node::Map { value, least } => pays(self.size(*value, sizes, open), 1, *least),
            _ => Some((1, 1)),
        }
    }
}

/// What is known of the size of a type.
#[derive(Debug, Clone, Copy)]
enum Size {
    Unknown,
    Open,
    Known(Option<(u64, u64)>),
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
