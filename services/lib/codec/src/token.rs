//! The one form in which every encoding is read.

use std::borrow::Cow;

use crate::failure::{DecodeFailure, Detail};
use crate::known::{Word, Words};

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

/// A plain value that comes next, and where reading goes on when it is taken ([`Reader::take`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ahead<T> {
    /// The value.
    pub value: T,
    /// For [`Reader::take`].
    pub end: usize,
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
///
/// The methods after [`Reader::position`] are a shorter way through what a caller expects: each looks at what comes next without moving, or
/// takes exactly what `next` would have read. A reader may decline at any time ("none", "false"), and `next` then decides.
/// They are asked only where a field or the value of a field may begin.
pub trait Reader<'b> {
    /// The next token.
    fn next(&mut self) -> Result<Token<'b>, DecodeFailure>;

    /// Reads and drops one whole value that has not been begun.
    fn skip(&mut self) -> Result<(), DecodeFailure>;

    /// Byte position, for spans and failures.
    fn position(&self) -> usize;

    /// Inside of an object: takes the name of the next field if it is this one. A name taken so is not remembered: whoever takes it notices
    /// when it comes twice, and says so with [`Reader::repeated`].
    #[inline]
    fn field(&mut self, _name: &Word) -> bool {
        false
    }

    /// Inside of a list: takes what separates the next item, when there is one; its value comes next.
    #[inline]
    fn item(&mut self) -> bool {
        false
    }

    /// Where a value may begin: goes into an object, if one begins.
    #[inline]
    fn begin_object(&mut self) -> bool {
        false
    }

    /// Where a value may begin: goes into a list, if one begins.
    #[inline]
    fn begin_array(&mut self) -> bool {
        false
    }

    /// Where a field may begin: leaves the object, if it ends.
    #[inline]
    fn end_object(&mut self) -> bool {
        false
    }

    /// Where an item may begin: leaves the list, if it ends.
    #[inline]
    fn end_array(&mut self) -> bool {
        false
    }

    /// The failure for the field name that was read last, which the object already had.
    fn repeated(&self) -> DecodeFailure {
        DecodeFailure {
            detail: Detail::DuplicateKey,
            offset: self.position(),
        }
    }

    /// The value is this text.
    #[inline]
    fn text_ahead(&self) -> Option<Ahead<&'b str>> {
        None
    }

    /// The value is a text of so many bytes, which are not looked at: they are a text only if the caller finds neither quote, backslash nor
    /// anything outside of printable ASCII among them.
    #[inline]
    fn ascii_ahead(&self, _len: usize) -> Option<Ahead<&'b [u8]>> {
        None
    }

    /// The value is one of these texts.
    #[inline]
    fn word_ahead<'w>(&self, _words: &'w Words) -> Option<Ahead<&'w str>> {
        None
    }

    /// The value is this number.
    #[inline]
    fn number_ahead(&self) -> Option<Ahead<SmallNumber>> {
        None
    }

    /// The value is this double of a binary encoding.
    #[inline]
    fn float_ahead(&self) -> Option<Ahead<f64>> {
        None
    }

    /// The value is this truth value.
    #[inline]
    fn bool_ahead(&self) -> Option<Ahead<bool>> {
        None
    }

    /// The value is null.
    #[inline]
    fn null_ahead(&self) -> Option<Ahead<()>> {
        None
    }

    /// Goes on behind the value that was ahead.
    #[inline]
    fn take(&mut self, _end: usize) {}
}
