//! `enum`: allowed values, compared by value (`10.50` is `10.5`), not by text.

use std::collections::BTreeSet;

use tidegate_codec::Scalar;
use tidegate_contract::model::Literal;

use crate::exact::Exact;
use crate::leaf::{self, LeafContext};

/// The allowed values of one leaf.
#[derive(Debug, Default)]
pub(crate) struct Allowed {
    texts: BTreeSet<String>,
    numbers: Vec<Exact>,
    doubles: Vec<f64>,
    moments: BTreeSet<i64>,
    bytes: BTreeSet<Vec<u8>>,
    booleans: [bool; 2],
}

// === impl Allowed ===

impl Allowed {
    /// Compiles the literals for a leaf; the error is the position of the first literal that no value of the leaf can equal.
    /// Null literals are left out: whether null is allowed is said by `required`.
    pub(crate) fn compile(literals: &[Literal], context: &LeafContext<'_>) -> Result<Allowed, usize> {
        let mut allowed = Allowed::default();
        for (at, literal) in literals.iter().enumerate() {
            if *literal == Literal::Null {
                continue;
            }
            match leaf::constant(literal, context).ok_or(at)? {
                Scalar::Bool(value) => allowed.booleans[usize::from(value)] = true,
                Scalar::Int(value) => allowed.numbers.push(Exact::int(value)),
                Scalar::Decimal { unscaled, scale } => allowed.numbers.push(Exact { unscaled, scale }),
                Scalar::Float(value) => allowed.doubles.push(value),
                Scalar::Str(text) => drop(allowed.texts.insert(text.into_owned())),
                Scalar::Bytes(bytes) => drop(allowed.bytes.insert(bytes.into_owned())),
                Scalar::Date(days) => drop(allowed.moments.insert(i64::from(days))),
                Scalar::Time(micros) | Scalar::Timestamp(micros) => drop(allowed.moments.insert(micros)),
            }
        }
        Ok(allowed)
    }

    /// The allowed texts of a leaf of text.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(String::as_str)
    }

    /// Whether the value is one of them.
    pub(crate) fn holds(&self, value: &Scalar<'_>) -> bool {
        match value {
            Scalar::Bool(value) => self.booleans[usize::from(*value)],
            Scalar::Int(value) => self.number(Exact::int(*value)),
            Scalar::Decimal { unscaled, scale } => self.number(Exact {
                unscaled: *unscaled,
                scale: *scale,
            }),
            Scalar::Float(value) => self.doubles.contains(value),
            Scalar::Str(text) => self.texts.contains(&**text),
            Scalar::Bytes(bytes) => self.bytes.contains(&**bytes),
            Scalar::Date(days) => self.moments.contains(&i64::from(*days)),
            Scalar::Time(micros) | Scalar::Timestamp(micros) => self.moments.contains(micros),
        }
    }

    fn number(&self, value: Exact) -> bool {
        self.numbers.iter().any(|allowed| allowed.compare(value).is_eq())
    }
}
