//! Why bytes are not an event.

/// The bytes cannot be read. Carries where, never what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeFailure {
    /// The finer code.
    pub detail: Detail,
    /// Byte offset in the value (or key) where reading stopped.
    pub offset: usize,
}

/// Closed list of finer codes beside a reason; `as_str` is what headers and metrics carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Detail {
    /// No bytes at all.
    Empty,
    /// Not the grammar of the encoding.
    Syntax,
    /// Bytes after the end of the document.
    TrailingBytes,
    /// The document ends too early.
    Truncated,
    /// Not UTF-8, a lone surrogate, a byte order mark.
    BadEncoding,
    /// A field name twice in one object, after unescaping.
    DuplicateKey,
    /// Nested deeper than the limit.
    TooDeep,
    /// A number that no exact type of ours holds.
    NumberOutOfRange,
    /// More than the limit of items, keys or bytes.
    TooLarge,
    /// Neither framing that the contract accepts.
    UnknownFraming,
    /// The registry says that it does not know this schema id.
    UnknownSchema,
    /// The registered schema cannot be used.
    BadSchema,
    /// An index of a union or an enum that the schema does not have.
    BadIndex,
    /// A change event without the parts that it must have.
    BadEnvelope,
    /// A change event with an operation that is not known.
    UnknownOperation,
    /// A CloudEvent without an attribute that every event has.
    MissingAttribute,
    /// A rule needed more steps than its budget.
    RuleBudget,
    /// A rule could not be evaluated on this event, for example for overflow.
    RuleFailed,
    /// A missing field where null would also fail.
    Missing,
    /// A null where a value is required.
    Null,
}

// === impl Detail ===

impl Detail {
    /// Snake-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Detail::Empty => "empty",
            Detail::Syntax => "syntax",
            Detail::TrailingBytes => "trailing_bytes",
            Detail::Truncated => "truncated",
            Detail::BadEncoding => "bad_encoding",
            Detail::DuplicateKey => "duplicate_key",
            Detail::TooDeep => "too_deep",
            Detail::NumberOutOfRange => "number_out_of_range",
            Detail::TooLarge => "too_large",
            Detail::UnknownFraming => "unknown_framing",
            Detail::UnknownSchema => "unknown_schema",
            Detail::BadSchema => "bad_schema",
            Detail::BadIndex => "bad_index",
            Detail::BadEnvelope => "bad_envelope",
            Detail::UnknownOperation => "unknown_operation",
            Detail::MissingAttribute => "missing_attribute",
            Detail::RuleBudget => "rule_budget",
            Detail::RuleFailed => "rule_failed",
            Detail::Missing => "missing",
            Detail::Null => "null",
        }
    }
}
