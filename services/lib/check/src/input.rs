//! What a judge is given.

use std::sync::Arc;

use tidegate_codec::framing::SchemaRef;

/// One record to judge. Borrowed; nothing is copied for a valid event.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Key bytes; none is a null key.
    pub key: Option<&'a [u8]>,
    /// Value bytes; none is a null value.
    pub value: Option<&'a [u8]>,
    /// Headers in order, names as written; a name may repeat, a value may be null.
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
    /// Microseconds since the epoch; the only clock a rule can see.
    pub now: i64,
}

/// A schema that is needed before a record can be judged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SchemaNeed {
    /// Confluent schema id (v0 prefix).
    Id(u32),
    /// Confluent schema GUID (v1 header).
    Guid([u8; 16]),
    /// UUID of a schema version at AWS Glue.
    Glue([u8; 16]),
    /// Apicurio's global id.
    GlobalId(u64),
    /// Apicurio's content id.
    ContentId(u64),
    /// A file that the contract names, which must have this message.
    File {
        /// Path inside of the folder of schema files: `.proto` text or a descriptor set.
        file: Arc<str>,
        /// Full name of the message.
        message: Arc<str>,
    },
}

// === impl SchemaNeed ===

impl SchemaNeed {
    /// The schema that a frame names; none where the frame leaves it to the contract.
    pub fn named_by(schema: SchemaRef) -> Option<SchemaNeed> {
        Some(match schema {
            SchemaRef::Id(id) => SchemaNeed::Id(id),
            SchemaRef::Guid(guid) => SchemaNeed::Guid(guid),
            SchemaRef::Glue(uuid) => SchemaNeed::Glue(uuid),
            SchemaRef::GlobalId(id) => SchemaNeed::GlobalId(id),
            SchemaRef::ContentId(id) => SchemaNeed::ContentId(id),
            SchemaRef::Configured => return None,
        })
    }
}

/// What is known about a schema right now. Never does I/O.
#[derive(Debug, Clone)]
pub enum Known {
    /// Parsed and ready.
    Avro(Arc<tidegate_codec::avro::Schema>),
    /// Compiled and ready.
    Protobuf(Arc<tidegate_codec::protobuf::Schema>),
    /// The registry said that there is no such schema (kept for seconds only).
    Unknown,
    /// It exists and cannot be used (neither Avro nor Protobuf, does not parse).
    Unusable,
    /// Not asked yet.
    NotCached,
}

/// The cache of registry schemas, filled by the worker between batches.
pub trait SchemaLookup {
    /// What is known.
    fn lookup(&self, need: &SchemaNeed) -> Known;
}
