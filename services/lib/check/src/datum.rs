//! A leaf on its way to the tape: what a rule may ask for, borrowed from the document.

use tidegate_codec::Scalar;

/// One captured leaf, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Datum<'d> {
    /// Null.
    Null,
    /// A value that breaks its type; a violation says so already, and no rule looks at it.
    Broken,
    /// The source did not send it.
    Unavailable,
    /// An untyped value that no type of ours holds; nothing else reports it.
    Unknowable,
    /// Truth value.
    Bool(bool),
    /// Whole number.
    Int(i128),
    /// `unscaled * 10^-scale`.
    Decimal(i128, u8),
    /// A double.
    Float(f64),
    /// Text.
    Str(&'d str),
    /// Bytes.
    Bytes(&'d [u8]),
    /// Days since the epoch.
    Date(i32),
    /// Microseconds since midnight.
    Time(i64),
    /// Microseconds since the epoch.
    Timestamp(i64),
}

// === impl Datum ===

impl<'d> Datum<'d> {
    /// Of a leaf.
    #[inline]
    pub(crate) fn of(scalar: &'d Scalar<'_>) -> Datum<'d> {
        match scalar {
            Scalar::Bool(value) => Datum::Bool(*value),
            Scalar::Int(value) => Datum::Int(*value),
            Scalar::Decimal { unscaled, scale } => Datum::Decimal(*unscaled, *scale),
            // Both zeros are one value.
            Scalar::Float(value) => Datum::Float(value + 0.0),
            Scalar::Str(text) => Datum::Str(text),
            Scalar::Bytes(bytes) => Datum::Bytes(bytes),
            Scalar::Date(days) => Datum::Date(*days),
            Scalar::Time(micros) => Datum::Time(*micros),
            Scalar::Timestamp(micros) => Datum::Timestamp(*micros),
        }
    }

    /// A decimal in its shortest form.
    pub(crate) fn decimal(mut unscaled: i128, mut scale: u8) -> Datum<'static> {
        while scale > 0 && unscaled % 10 == 0 {
            unscaled /= 10;
            scale -= 1;
        }
        Datum::Decimal(unscaled, scale)
    }
}
