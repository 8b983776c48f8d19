//! The compiled form of an expression: the syntax tree with names turned into places, constants folded and common questions made into one
//! step ([`Quick`]).

use regex::Regex;

use super::functions::Function;
use super::quick::Quick;
use super::value::{Arithmetic, Instant, Val};

/// A compiled expression.
#[derive(Debug)]
pub(super) enum Expr {
    Constant(Constant),
    /// Always an error.
    Fail,
    /// A captured field.
    Field(Place),
    /// `value` or `before` as a whole.
    Row {
        before: bool,
    },
    Operation,
    Now,
    Key,
    /// A field of what surrounds the row.
    Around(Around, Box<str>),
    /// Whether there is that field.
    HasAround(Around, Box<str>),
    /// Variable of a macro.
    Local(usize),
    /// A declared field of an object that is no fixed place.
    Part(Box<Expr>, u32),
    /// An entry of a map, or a field of a value without a declared type.
    Member(Box<Expr>, Box<str>),
    HasField(Place),
    HasPart(Box<Expr>, u32),
    HasMember(Box<Expr>, Box<str>),
    Index(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    Equal {
        left: Box<Expr>,
        right: Box<Expr>,
        negated: bool,
    },
    Compare(Comparison, Box<Expr>, Box<Expr>),
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    Negate(Box<Expr>),
    InList(Box<Expr>, Box<[Expr]>),
    In(Box<Expr>, Box<Expr>),
    InSequence(Box<Expr>, Box<Sequence>),
    Call(Function, Box<Expr>, Option<Box<Expr>>),
    Matches(Box<Expr>, Regex),
    Fold(Fold, Box<Sequence>, usize, Box<Expr>),
    Count(Box<Sequence>),
    Extreme {
        greatest: bool,
        of: Box<Sequence>,
    },
    /// A question with a short answer; where it has none, the expression is asked.
    Quick(Quick, Box<Expr>),
}

/// A captured field: its number in the row, then in the objects below.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    /// In the old row.
    pub(super) before: bool,
    pub(super) first: u32,
    pub(super) rest: Box<[u32]>,
    /// Node of the field.
    pub(super) node: usize,
}

/// A constant.
#[derive(Debug, Clone)]
pub(super) enum Constant {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Str(Box<str>),
    Bytes(Box<[u8]>),
    Timestamp(Instant),
    Duration(i64),
}

/// Maps of texts beside the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Around {
    Headers,
    Meta,
    Source,
}

/// `<`, `<=`, `>`, `>=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Macros that answer with a truth value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fold {
    All,
    Exists,
    ExistsOne,
}

/// What a macro goes over. Lists that `map` and `filter` make are never built: their items go on to whoever asks for them.
#[derive(Debug)]
pub(super) enum Sequence {
    /// Items of a list, keys of a map.
    Of(Expr),
    Literal(Box<[Expr]>),
    /// `map` and `filter`.
    Mapped {
        from: Box<Sequence>,
        local: usize,
        guard: Option<Expr>,
        item: Expr,
    },
}

// === impl Constant ===

impl Constant {
    pub(super) fn value(&self) -> Val<'_> {
        match self {
            Constant::Null => Val::Null,
            Constant::Bool(value) => Val::Bool(*value),
            Constant::Int(value) => Val::Int(*value),
            Constant::Uint(value) => Val::Uint(*value),
            Constant::Double(value) => Val::Double(*value),
            Constant::Str(text) => Val::Str(text),
            Constant::Bytes(bytes) => Val::Bytes(bytes),
            Constant::Timestamp(at) => Val::Timestamp(*at),
            Constant::Duration(nanos) => Val::Duration(*nanos),
        }
    }
}

// === impl Comparison ===

impl Comparison {
    pub(super) fn named(operator: &str) -> Option<Comparison> {
        Some(match operator {
            "_<_" => Comparison::Less,
            "_<=_" => Comparison::LessOrEqual,
            "_>_" => Comparison::Greater,
            "_>=_" => Comparison::GreaterOrEqual,
            _ => return None,
        })
    }

    pub(super) fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        }
    }

    /// The same question asked from the other side.
    pub(super) fn turned(self) -> Comparison {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        }
    }
}
