//! What is under contract beside the value: key, headers, which events of a topic an object describes, rules that are switched off.

use std::sync::Arc;

use crate::diagnostic::Location;
use crate::model::Property;

/// What the key of a record must be. (`key`)
#[derive(Debug, Clone)]
pub struct KeySettings {
    /// How the key is written. Default: json.
    pub encoding: KeyEncoding,
    /// A null key is `key_invalid`. Default: true.
    pub required: bool,
    /// What it holds.
    pub shape: KeyShape,
    /// Where.
    pub location: Location,
}

/// How a key is written; beside JSON and Avro those of Kafka's own serializers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyEncoding {
    /// JSON text; on change topics with or without Debezium's schema block.
    Json,
    /// Avro binary in Confluent framing.
    Avro,
    /// UTF-8 text (`StringSerializer`, `UUIDSerializer`).
    String,
    /// 2 bytes, big-endian (`ShortSerializer`).
    Short,
    /// 4 bytes, big-endian (`IntegerSerializer`).
    Integer,
    /// 8 bytes, big-endian (`LongSerializer`).
    Long,
    /// IEEE 754, 4 bytes, big-endian (`FloatSerializer`).
    Float,
    /// IEEE 754, 8 bytes, big-endian (`DoubleSerializer`).
    Double,
}

/// What a key holds.
#[derive(Debug, Clone)]
pub enum KeyShape {
    /// An object (JSON) or record (Avro) with these fields.
    Fields(Vec<Property>),
    /// One value.
    Single(Box<Property>),
}

/// A header that every record must carry. Of a repeated name the last one counts, as for Kafka's clients. (`requiredHeaders`)
#[derive(Debug, Clone)]
pub struct RequiredHeader {
    /// Name, compared exactly.
    pub name: Arc<str>,
    /// ECMA-262 pattern that its text must match, unanchored; proven to compile with a linear-time engine.
    pub pattern: Option<Arc<str>>,
    /// The text that it must be.
    pub constant: Option<Arc<str>>,
    /// Where.
    pub location: Location,
}

/// Which events of its topic an object describes. (`discriminator`)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discriminator {
    /// Where an event says its type; one topic has one such place.
    pub by: DiscriminatorBy,
    /// What it says.
    pub value: Arc<str>,
    /// Where.
    pub location: Location,
}

/// Where an event says its type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DiscriminatorBy {
    /// The last header of this name, as text.
    Header(Arc<str>),
    /// The value at this JSON Pointer (RFC 6901): text, or a number or truth value as it is written.
    Pointer(Arc<str>),
    /// CloudEvents `type`: the header `ce_type`, or `/type` in structured mode.
    CloudEventsType,
    /// Full name of the writer's Avro record.
    RecordName,
    /// `source.table` of a change event, written `table`, `schema.table`, `database.table` or `database.schema.table`.
    SourceTable,
}

/// A quality rule that is not asked for a while. (`killSwitches` of the contract)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KillSwitch {
    /// Rule id.
    pub rule: Arc<str>,
    /// Microseconds since the epoch from which on the rule is asked again.
    pub until: i64,
    /// `until` as written.
    pub until_text: Arc<str>,
    /// For people.
    pub reason: Arc<str>,
    /// Where.
    pub location: Location,
}

// === impl DiscriminatorBy ===

impl std::fmt::Display for DiscriminatorBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DiscriminatorBy::Header(name) => write!(f, "header `{name}`"),
            DiscriminatorBy::Pointer(pointer) => write!(f, "pointer `{pointer}`"),
            DiscriminatorBy::CloudEventsType => f.write_str("CloudEvents type"),
            DiscriminatorBy::RecordName => f.write_str("record name"),
            DiscriminatorBy::SourceTable => f.write_str("source table"),
        }
    }
}
