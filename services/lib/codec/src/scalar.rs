//! Leaf values in the types of contract and lake.

use std::borrow::Cow;

/// A leaf value of its declared type, exact.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar<'b> {
    /// Truth value.
    Bool(bool),
    /// Integer of up to 128 bits.
    Int(i128),
    /// Exact decimal: `unscaled * 10^-scale`.
    Decimal {
        /// Digits as an integer.
        unscaled: i128,
        /// Digits after the point, 0..=38.
        scale: u8,
    },
    /// Floating point, only where the contract says so (`format: f32`, `f64`).
    Float(f64),
    /// Text.
    Str(Cow<'b, str>),
    /// Bytes (`format: binary` or `byte`).
    Bytes(Cow<'b, [u8]>),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since midnight.
    Time(i64),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
}
