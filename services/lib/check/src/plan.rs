//! A contract object compiled for judging and for the lake.

use std::sync::Arc;

/// The compiled object. Node 0 is the row.
#[derive(Debug)]
pub struct Plan {
    /// Nodes; children are reached by number.
    pub nodes: Vec<Node>,
}

/// One property, item, map key or map value (or the row itself, node 0).
#[derive(Debug, Clone)]
pub struct Node {
    /// Column name in the lake (ODCS `name`); `item`, `key`, `value` for parts of lists and maps.
    pub name: Arc<str>,
    /// Field on the wire.
    pub wire_name: Arc<str>,
    /// Shape.
    pub kind: Kind,
}

/// Shape of a node.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Declared fields, as node numbers in contract order.
    Object(Vec<usize>),
    /// List of one item node.
    Array(usize),
    /// Map: key node and value node.
    Map(usize, usize),
    /// A leaf.
    Leaf(LeafType),
    /// No declared type: kept as JSON text.
    Any,
}

/// Type of a leaf; the scalars that a judge hands to a row sink fit it exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeafType {
    /// `Scalar::Bool`.
    Bool,
    /// `Scalar::Int` within these bits.
    Int {
        /// 8, 16, 32, 64 or 128.
        bits: u8,
        /// Whether negative numbers exist.
        signed: bool,
    },
    /// `Scalar::Decimal` with exactly this scale, within this precision (1..=38).
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// `Scalar::Float` that an f32 holds.
    F32,
    /// `Scalar::Float`.
    F64,
    /// `Scalar::Str`.
    Str,
    /// `Scalar::Bytes`.
    Bytes,
    /// `Scalar::Date`.
    Date,
    /// `Scalar::Time`.
    Time,
    /// `Scalar::Timestamp`; `utc` says whether it is an instant or a local date-time.
    Timestamp {
        /// An instant (written with UTC in the lake).
        utc: bool,
    },
}
