//! What is under contract beside the value: key, headers, which events of a topic an object describes, rules that are switched off.

use std::fmt;
use std::sync::Arc;

use crate::diagnostic::Location;
use crate::event_schema::EventSchema;
use crate::model::{Encoding, Property};

/// What the key of a record must be. (`key`)
#[derive(Debug, Clone)]
pub struct KeySettings {
    /// How the key is written. Default: json.
    pub encoding: KeyEncoding,
    /// A null key is `key_invalid`. Default: true.
    pub required: bool,
    /// What it holds.
    pub shape: KeyShape,
    /// The Avro schema that keys must be readable as. (`eventSchema`)
    pub event_schema: Option<EventSchema>,
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
    /// Full name of the Avro record, or of the Protobuf message, that was written.
    RecordName,
    /// `source.table` of a change event, written `table`, `schema.table`, `database.table` or `database.schema.table`.
    SourceTable,
}

/// A schema of a registry, as frames name it. (`schemaIds`)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SchemaId {
    /// Confluent's id of 32 bits: a number.
    Id(u32),
    /// Confluent's GUID: `guid:<uuid>`.
    Guid([u8; 16]),
    /// UUID of a schema version at AWS Glue: `glue:<uuid>`.
    Glue([u8; 16]),
    /// Apicurio's global id of 64 bits: `global:<number>`.
    GlobalId(u64),
    /// Apicurio's content id of 64 bits: `content:<number>`.
    ContentId(u64),
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

// === impl SchemaId ===

impl SchemaId {
    /// Reads `kind:id`.
    pub(crate) fn named(text: &str) -> Option<SchemaId> {
        let (kind, id) = text.split_once(':')?;
        let number = || id.bytes().all(|byte| byte.is_ascii_digit()).then(|| id.parse().ok()).flatten();
        match kind {
            "guid" => uuid(id).map(SchemaId::Guid),
            "glue" => uuid(id).map(SchemaId::Glue),
            "global" => number().map(SchemaId::GlobalId),
            "content" => number().map(SchemaId::ContentId),
            _ => None,
        }
    }

    /// Whether frames of that encoding name schemas so.
    pub(crate) fn is_carried_by(self, encoding: Encoding) -> bool {
        match self {
            SchemaId::Id(_) | SchemaId::Guid(_) => matches!(
                encoding,
                Encoding::Avro
                    | Encoding::ConfluentProtobuf
                    | Encoding::ConfluentJson
                    | Encoding::CloudEventsAvro
                    | Encoding::CloudEventsProtobuf
            ),
            SchemaId::Glue(_) => matches!(encoding, Encoding::GlueAvro | Encoding::GlueProtobuf | Encoding::GlueJson),
            SchemaId::GlobalId(_) | SchemaId::ContentId(_) => matches!(encoding, Encoding::ApicurioAvro | Encoding::ApicurioJson),
        }
    }
}

/// 32 hex digits, in groups of 8-4-4-4-12 or in one.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let grouped = text.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    let digits: Vec<u8> = text.bytes().filter(|byte| !grouped || *byte != b'-').collect();
    if digits.len() != 32 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut out = [0; 16];
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}

impl fmt::Display for SchemaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uuid = |f: &mut fmt::Formatter<'_>, kind: &str, bytes: &[u8; 16]| {
            write!(f, "{kind}:")?;
            bytes.iter().enumerate().try_for_each(|(at, byte)| {
                let dash = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
                write!(f, "{dash}{byte:02x}")
            })
        };
        match self {
            SchemaId::Id(id) => write!(f, "{id}"),
            SchemaId::Guid(bytes) => uuid(f, "guid", bytes),
            SchemaId::Glue(bytes) => uuid(f, "glue", bytes),
            SchemaId::GlobalId(id) => write!(f, "global:{id}"),
            SchemaId::ContentId(id) => write!(f, "content:{id}"),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_ids_are_read_and_shown() {
        for text in [
            "guid:00112233-4455-6677-8899-aabbccddeeff",
            "glue:00112233-4455-6677-8899-aabbccddeeff",
            "global:18446744073709551615",
            "content:0",
        ] {
            assert_eq!(SchemaId::named(text).map(|id| id.to_string()).as_deref(), Some(text));
        }
        let plain = SchemaId::named("glue:00112233445566778899AABBCCDDEEFF").unwrap();
        assert_eq!(plain.to_string(), "glue:00112233-4455-6677-8899-aabbccddeeff");
        for bad in [
            "7",
            "id:7",
            "global:",
            "global:-1",
            "global:+1",
            "global:18446744073709551616",
            "glue:7",
            "glue:0011223344556677-8899-aabbccddeeff",
            "guid:zz112233-4455-6677-8899-aabbccddeeff",
            "guid:é0112233445566778899aabbccddeef",
            "Glue:00112233-4455-6677-8899-aabbccddeeff",
        ] {
            assert_eq!(SchemaId::named(bad), None, "{bad}");
        }
    }
}
