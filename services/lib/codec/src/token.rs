//! The one form in which every encoding is read.

use std::borrow::Cow;

use crate::failure::{DecodeFailure, Detail};

/// The next thing in a document. Numbers and bytes keep what the writer wrote; nothing passes through floating point by itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Token<'b> {
    /// Null.
    Null,
    /// Truth value.
    Bool(bool),
    /// A JSON number, exactly as written (RFC 8259 grammar, already proven).
    Number(&'b str),
    /// An integer from a binary encoding.
    Int(i64),
    /// A float from a binary encoding.
    Float(f64),
    /// Text.
    Str(Cow<'b, str>),
    /// Bytes from a binary encoding.
    Bytes(Cow<'b, [u8]>),
    /// `unscaled * 10^-scale`, big-endian two's complement, from a binary encoding with a decimal type.
    Decimal {
        /// Big-endian two's complement.
        unscaled: Cow<'b, [u8]>,
        /// Digits after the point.
        scale: i32,
    },
    /// Days since 1970-01-01 from a binary encoding with a date type.
    Date(i32),
    /// Microseconds since midnight from a binary encoding with a time type.
    TimeMicros(i64),
    /// Microseconds since 1970-01-01T00:00:00Z from a binary encoding with a timestamp type.
    TimestampMicros(i64),
    /// A value of the source that no type of ours holds exactly, such as an infinite date. Never null, never a number: whoever reads it decides.
    Special(Special),
    /// Start of an object, record or map; then `Key` and a value, until `EndObject`.
    BeginObject,
    /// A field name.
    Key(Cow<'b, str>),
    /// End of an object.
    EndObject,
    /// Start of a list; then values, until `EndArray`.
    BeginArray,
    /// End of a list.
    EndArray,
    /// End of the document; nothing follows.
    End,
}

/// Why a value has no exact form among our types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    /// `infinity` of a date, timestamp or decimal.
    PositiveInfinity,
    /// `-infinity`.
    NegativeInfinity,
    /// Not a number, in a decimal column.
    NotANumber,
    /// A date or timestamp further away than our type reaches, or a decimal whose scale no decimal has.
    OutOfRange,
    /// A time or timestamp with a part below a microsecond that is not zero.
    FinerThanMicros,
}

/// A number of at most 18 digits: `mantissa * 10^-scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmallNumber {
    /// All digits.
    pub mantissa: i64,
    /// How many of them stand behind the point.
    pub scale: u8,
}

/// Walks one document. After a failure the reader is spent.
pub trait Reader<'b> {
    /// The next token.
    fn next(&mut self) -> Result<Token<'b>, DecodeFailure>;

    /// Reads and drops one whole value that has not been begun.
    fn skip(&mut self) -> Result<(), DecodeFailure>;

    /// Byte position, for spans and failures.
    fn position(&self) -> usize;

    /// The failure for the field name that was read last, which the object already had.
    fn repeated(&self) -> DecodeFailure {
        DecodeFailure {
            detail: Detail::DuplicateKey,
            offset: self.position(),
        }
    }
}
