//! Types of expressions, as far as the contract tells them.

use std::fmt;

use crate::plan::{Kind, LeafType, Node};

/// Type of an expression. Whatever it is, the value may also be null where the contract allows that.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Type {
    /// Told only by the value.
    Dyn,
    /// `null` itself.
    Null,
    Bool,
    /// Also the field types that hold more: past 63 bits such a value is a `uint`.
    Int,
    Uint,
    Double,
    Str,
    Bytes,
    Timestamp,
    Duration,
    List(Box<Type>),
    Map(Box<Type>),
    /// An object with declared fields, by node.
    Object(usize),
    /// A type as a value.
    Meta,
}

// === impl Type ===

impl Type {
    /// Of the values of a node.
    pub(super) fn of(nodes: &[Node], node: usize) -> Type {
        match &nodes[node].kind {
            Kind::Object(_) => Type::Object(node),
            Kind::Array(item) => Type::List(Box::new(Type::of(nodes, *item))),
            Kind::Map(_, value) => Type::Map(Box::new(Type::of(nodes, *value))),
            Kind::Any => Type::Dyn,
            Kind::Leaf(leaf) => match leaf {
                LeafType::Bool => Type::Bool,
                LeafType::Int { .. } => Type::Int,
                LeafType::Decimal { .. } | LeafType::F32 | LeafType::F64 => Type::Double,
                LeafType::Str => Type::Str,
                LeafType::Bytes => Type::Bytes,
                LeafType::Date | LeafType::Timestamp { .. } => Type::Timestamp,
                LeafType::Time => Type::Duration,
            },
        }
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Type::Int | Type::Uint | Type::Double)
    }

    pub(super) fn is_dyn(&self) -> bool {
        *self == Type::Dyn
    }

    /// Whether a value of one type can equal a value of the other.
    pub(super) fn meets(&self, other: &Type) -> bool {
        match (self, other) {
            (Type::Dyn | Type::Null, _) | (_, Type::Dyn | Type::Null) => true,
            (Type::List(left), Type::List(right)) | (Type::Map(left), Type::Map(right)) => left.meets(right),
            (Type::Object(_) | Type::Map(_), Type::Object(_) | Type::Map(_)) => true,
            (left, right) => left == right || left.is_number() && right.is_number(),
        }
    }

    /// Whether `<` and its like are defined between the two.
    pub(super) fn orders(&self, other: &Type) -> bool {
        const fn is_ordered(kind: &Type) -> bool {
            !matches!(kind, Type::Null | Type::List(_) | Type::Map(_) | Type::Object(_) | Type::Meta)
        }
        is_ordered(self) && is_ordered(other) && self.meets(other)
    }

    /// The type of a value that is one or the other.
    pub(super) fn join(self, other: Type) -> Type {
        match (self, other) {
            (left, right) if left == right => left,
            (Type::Null, other) | (other, Type::Null) => other,
            _ => Type::Dyn,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Dyn => "a value of any type",
            Type::Null => "null",
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Uint => "uint",
            Type::Double => "double",
            Type::Str => "string",
            Type::Bytes => "bytes",
            Type::Timestamp => "timestamp",
            Type::Duration => "duration",
            Type::List(item) => return write!(f, "list({item})"),
            Type::Map(value) => return write!(f, "map(string, {value})"),
            Type::Object(_) => "object",
            Type::Meta => "type",
        })
    }
}
