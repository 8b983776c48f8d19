//! Diagnostic codes of compiling. TG01 codes are those of the contract reader for the same problem; TG02 codes are this crate's own.

/// A pattern that cannot be run in linear time.
pub(crate) const PATTERN: &str = "TG0117";
/// A limit that cannot be used.
pub(crate) const BOUND: &str = "TG0119";
/// An allowed value of another type.
pub(crate) const ENUM: &str = "TG0120";
/// A time zone that is not a fixed offset.
pub(crate) const ZONE: &str = "TG0121";
/// A date pattern outside of the accepted subset.
pub(crate) const DATE_PATTERN: &str = "TG0118";
/// `eventTime` names no date or timestamp.
pub(crate) const EVENT_TIME: &str = "TG0130";
/// Two fields share one name on the wire.
pub(crate) const DUPLICATE_NAME: &str = "TG0113";
/// A row rule that does not compile.
pub(crate) const RULE: &str = "TG0201";
/// A decimal wider than 38 digits.
pub(crate) const DECIMAL_WIDTH: &str = "TG0202";
/// A shape that cannot be judged.
pub(crate) const SHAPE: &str = "TG0203";
/// An event schema that is not at hand.
pub(crate) const EVENT_SCHEMA_FILE: &str = "TG0155";
/// An event schema that cannot be compiled, or refers to what is not under `schemas/`.
pub(crate) const EVENT_SCHEMA: &str = "TG0204";
/// An event schema of a kind that does not fit the encodings of the object.
pub(crate) const EVENT_SCHEMA_KIND: &str = "TG0205";
