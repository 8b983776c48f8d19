//! A writer's schema as a table of nodes.

use crate::semantic::Semantic;

use super::compile::Compiler;
use super::resolve::Shape;

/// A writer schema, parsed and compiled for walking. Immutable; share it by `Arc`.
#[derive(Debug)]
pub struct Schema {
    pub(super) nodes: Vec<Node>,
    pub(super) root: NodeId,
    /// As it was given; what schema resolution looks at is read from it when somebody asks.
    pub(super) written: Written,
    /// Full name of the record at the root.
    pub(super) name: Option<Box<str>>,
}

/// Text of a schema and of what it refers to.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) text: Box<str>,
    pub(super) references: Vec<(Box<str>, Box<str>)>,
}

/// Index into [`Schema::nodes`].
pub(crate) type NodeId = u32;

#[derive(Debug)]
pub(super) enum Node {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed(usize),
    Enum(Vec<Box<str>>),
    Array {
        item: NodeId,
        /// Fewest bytes that an item has.
        least: u64,
    },
    Map {
        value: NodeId,
        /// Fewest bytes that an entry has.
        least: u64,
    },
    Union(Vec<NodeId>),
    Record(Vec<Field>),
    /// A plain value that stands for something.
    Typed(Plain, Semantic),
    /// 16 bytes, fixed or with a length before them.
    UuidBytes {
        fixed: bool,
    },
    /// 12 bytes: months, days, milliseconds, each little-endian.
    Duration,
    /// Bytes that hold length, unscaled value and scale.
    BigDecimal,
    /// Debezium's record of scale and unscaled value.
    VariableScaleDecimal,
}

/// How a typed value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plain {
    Int,
    Long,
    Bytes,
    Fixed(usize),
    String,
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: Box<str>,
    pub(super) node: NodeId,
}

// === impl Schema ===

impl Schema {
    /// Compiles schema text. `references` are the schemas that it names, as (name, text), in any order. The error says what is wrong with
    /// the schema, without quoting more of it than names.
    pub fn parse(text: &str, references: &[(&str, &str)]) -> Result<Schema, String> {
        Compiler::compile(text, references)
    }

    /// The schema as schema resolution sees it. Takes as long as parsing does.
    pub fn shape(&self) -> Result<Shape, String> {
        let references: Vec<(&str, &str)> = self.written.references.iter().map(|(name, text)| (&**name, &**text)).collect();
        Shape::parse(&self.written.text, &references)
    }

    /// Full name of the record at the root (Avro specification, "Names"); none when the root is something else.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }
}
