//! Which bytes of a record are the document, how it is written, and which schema it was written with.
//!
//! Only what the contract accepts is looked for, in its order; nothing is guessed beyond that. Headers decide before bytes. The first byte
//! tells frames apart: Confluent's begin with 0x00 or 0x01, Apicurio's with 0x00, Glue's with 0x03, a bare Protobuf message never below
//! 0x08 (a tag has a field number of at least 1), JSON never with a control character. Lists in which two entries could both fit a record
//! are refused when the contract is read, so the order never changes an answer.

use crate::cloud_events::{self, Mode};
use crate::failure::Detail;

mod apicurio;
mod confluent;
mod glue;

pub use confluent::MessagePath;
pub use glue::{inflate, split_ordinal};

/// How a document may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// JSON text, bare.
    Json,
    /// Avro binary in Confluent framing.
    Avro,
    /// Protobuf in Confluent framing.
    ConfluentProtobuf,
    /// JSON text in Confluent framing; its schema is not asked for.
    ConfluentJson,
    /// Avro binary in AWS Glue framing.
    GlueAvro,
    /// Protobuf in AWS Glue framing.
    GlueProtobuf,
    /// JSON text in AWS Glue framing; its schema is not asked for.
    GlueJson,
    /// Avro binary in Apicurio's own framing.
    ApicurioAvro,
    /// JSON text in Apicurio's own framing; its schema is not asked for.
    ApicurioJson,
    /// Protobuf without a frame; message and schema are those that the contract names.
    Protobuf,
    /// A CloudEvent whose data is JSON.
    CloudEventsJson,
    /// A CloudEvent whose data is Avro in Confluent framing.
    CloudEventsAvro,
    /// A CloudEvent whose data is Protobuf in Confluent framing.
    CloudEventsProtobuf,
}

/// Which half of the record is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The key.
    Key,
    /// The value.
    Value,
}

/// Names the writer's schema at the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SchemaRef {
    /// Id of Confluent's v0 prefix.
    Id(u32),
    /// GUID of Confluent's v1 header or prefix.
    Guid([u8; 16]),
    /// UUID of a schema version at AWS Glue.
    Glue([u8; 16]),
    /// Apicurio's global id.
    GlobalId(u64),
    /// Apicurio's content id.
    ContentId(u64),
    /// The schema that the contract names.
    Configured,
}

/// Which message of a Protobuf schema was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageRef {
    /// Confluent's indexes.
    Path(MessagePath),
    /// The datum (when it is not compressed any more) begins with the number of the message: [`split_ordinal`].
    Leading,
    /// The message that the contract names.
    Configured,
}

/// A document without its frame. Documents are always the end of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framed<'b> {
    /// To be read as JSON.
    Json(&'b [u8]),
    /// To be read with this schema.
    Avro {
        /// The writer's schema.
        schema: SchemaRef,
        /// Bytes of the datum; it is always the end of the value.
        datum: &'b [u8],
    },
    /// To be read with this message of this schema.
    Protobuf {
        /// The writer's schema.
        schema: SchemaRef,
        /// Which message of it.
        message: MessageRef,
        /// Bytes of the message; may be none.
        datum: &'b [u8],
    },
    /// A structured CloudEvent, which [`cloud_events::structured`] opens.
    CloudEvent(&'b [u8]),
}

/// What [`open_value`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened<'b> {
    /// Which of the accepted encodings it was.
    pub encoding: Encoding,
    /// The document.
    pub framed: Framed<'b>,
    /// The document is compressed with zlib (RFC 1950): [`inflate`].
    pub zlib: bool,
}

/// Takes the frame off. `Empty` for no bytes, `UnknownFraming` where nothing accepted fits. Bytes that can only be meant as JSON are
/// handed out as JSON even when they are broken, so that the JSON reader says where. A compressed document, or a CloudEvent, is
/// `UnknownFraming`: callers that know them use [`open_value`].
pub fn open<'b>(accepted: &[Encoding], part: Part, headers: &[(&str, Option<&[u8]>)], bytes: &'b [u8]) -> Result<Framed<'b>, Detail> {
    match identify(accepted, part, headers, bytes)? {
        Opened { zlib: false, framed, .. } => Ok(framed),
        _ => Err(Detail::UnknownFraming),
    }
}

/// Takes the frame off a value. As [`open`], with CloudEvents: `MissingAttribute` for a CloudEvent in binary mode without a required
/// attribute, and for any record where only CloudEvents are accepted and that is none.
pub fn open_value<'b>(accepted: &[Encoding], headers: &[(&str, Option<&[u8]>)], bytes: &'b [u8]) -> Result<Opened<'b>, Detail> {
    // Without headers a record is no CloudEvent, and only where nothing but these is accepted that matters.
    if headers.is_empty() && matches!(accepted, [Encoding::Json | Encoding::Avro, ..])
        || !accepted.iter().any(|encoding| encoding.is_cloud_event())
    {
        return identify(accepted, Part::Value, headers, bytes);
    }
    match cloud_events::mode(headers) {
        Mode::Structured => {
            let Some(encoding) = accepted.iter().find(|encoding| encoding.is_cloud_event()) else {
                return Err(Detail::UnknownFraming);
            };
            if bytes.is_empty() {
                return Err(Detail::Empty);
            }
            // Only the JSON format of structured mode is read.
            if !cloud_events::is_json_envelope(headers) {
                return Err(Detail::UnknownFraming);
            }
            Ok(Opened {
                encoding: *encoding,
                framed: Framed::CloudEvent(bytes),
                zlib: false,
            })
        }
        Mode::Binary => {
            cloud_events::attributes(headers).ok_or(Detail::MissingAttribute)?;
            cloud_event_data(accepted, headers, cloud_events::content_type(headers), bytes)
        }
        Mode::None if accepted.iter().all(|encoding| encoding.is_cloud_event()) => Err(Detail::MissingAttribute),
        Mode::None => identify(accepted, Part::Value, headers, bytes),
    }
}

/// Opens the data of a CloudEvent. The content type says which of the accepted encodings of data it has; without one the bytes do.
pub fn cloud_event_data<'b>(
    accepted: &[Encoding],
    headers: &[(&str, Option<&[u8]>)],
    content_type: Option<&str>,
    bytes: &'b [u8],
) -> Result<Opened<'b>, Detail> {
    let named = content_type.and_then(cloud_events::encoding_of);
    if content_type.is_some() && named.is_none() {
        return Err(Detail::UnknownFraming);
    }
    let mut found = Err(Detail::UnknownFraming);
    for encoding in accepted.iter().filter(|encoding| named.is_none_or(|named| named == **encoding)) {
        let inner = match encoding {
            Encoding::CloudEventsJson => Encoding::Json,
            Encoding::CloudEventsAvro => Encoding::Avro,
            Encoding::CloudEventsProtobuf => Encoding::ConfluentProtobuf,
            _ => continue,
        };
        found = identify(&[inner], Part::Value, headers, bytes).map(|opened| Opened {
            encoding: *encoding,
            ..opened
        });
        if found.is_ok() {
            break;
        }
    }
    found
}

fn identify<'b>(accepted: &[Encoding], part: Part, headers: &[(&str, Option<&[u8]>)], bytes: &'b [u8]) -> Result<Opened<'b>, Detail> {
    // What most records are.
    if let ([Encoding::Json, ..], [], [b'{', ..]) = (accepted, headers, bytes) {
        return Ok(Opened::plain(Encoding::Json, Framed::Json(bytes)));
    }
    // Headers leave the bytes bare, so they decide first; a Protobuf message may then have no bytes at all.
    for encoding in accepted.iter().filter(|_| !headers.is_empty()) {
        let framed = match encoding {
            Encoding::Avro | Encoding::ConfluentProtobuf | Encoding::ConfluentJson => confluent::header(*encoding, part, headers, bytes),
            Encoding::ApicurioAvro | Encoding::ApicurioJson => apicurio::header(*encoding, part, headers, bytes),
            _ => None,
        };
        if let Some(framed) = framed {
            let framed = framed?;
            return match framed {
                Framed::Protobuf { .. } => Ok(Opened::plain(*encoding, framed)),
                _ if bytes.is_empty() => Err(Detail::Empty),
                _ => Ok(Opened::plain(*encoding, framed)),
            };
        }
    }
    let Some(first) = bytes.first() else {
        return if accepted.contains(&Encoding::Protobuf) {
            Ok(Opened::plain(Encoding::Protobuf, bare_protobuf(bytes)))
        } else {
            Err(Detail::Empty)
        };
    };
    for encoding in accepted {
        let opened = match encoding {
            Encoding::Avro | Encoding::ConfluentProtobuf | Encoding::ConfluentJson => {
                confluent::prefix(*encoding, bytes).map(|framed| Opened::plain(*encoding, framed))
            }
            Encoding::ApicurioAvro | Encoding::ApicurioJson => {
                apicurio::prefix(*encoding, bytes).map(|framed| Opened::plain(*encoding, framed))
            }
            Encoding::GlueAvro | Encoding::GlueProtobuf | Encoding::GlueJson => glue::prefix(*encoding, bytes),
            // Every frame in use begins with a control character that JSON never begins with.
            Encoding::Json if *first >= b' ' || first.is_ascii_whitespace() => Some(Opened::plain(Encoding::Json, Framed::Json(bytes))),
            Encoding::Protobuf if *first >= 8 => Some(Opened::plain(Encoding::Protobuf, bare_protobuf(bytes))),
            _ => None,
        };
        if let Some(opened) = opened {
            return Ok(opened);
        }
    }
    Err(Detail::UnknownFraming)
}

fn bare_protobuf(datum: &[u8]) -> Framed<'_> {
    Framed::Protobuf {
        schema: SchemaRef::Configured,
        message: MessageRef::Configured,
        datum,
    }
}

/// The last header of that name, as Kafka's clients read it.
fn last_header<'h>(headers: &[(&str, Option<&'h [u8]>)], wanted: &str) -> Option<Option<&'h [u8]>> {
    headers.iter().rev().find(|(name, _)| *name == wanted).map(|(_, value)| *value)
}

/// The schema that an opened value names in its headers or frame; JSON is read without it and names it all the same. None where there is
/// none, or where it names it inside of a structured CloudEvent.
pub fn named_schema(encoding: Encoding, headers: &[(&str, Option<&[u8]>)], bytes: &[u8]) -> Option<SchemaRef> {
    // Frames of one family differ in what follows them only.
    let family = match encoding {
        Encoding::ConfluentJson | Encoding::CloudEventsAvro => Encoding::Avro,
        Encoding::CloudEventsProtobuf => Encoding::ConfluentProtobuf,
        Encoding::GlueJson => Encoding::GlueAvro,
        Encoding::ApicurioJson => Encoding::ApicurioAvro,
        other => other,
    };
    identify(&[family], Part::Value, headers, bytes).ok()?.framed.schema()
}

// === impl Framed ===

impl<'b> Framed<'b> {
    /// The document.
    pub fn bytes(&self) -> &'b [u8] {
        match self {
            Framed::Json(bytes) | Framed::CloudEvent(bytes) => bytes,
            Framed::Avro { datum, .. } | Framed::Protobuf { datum, .. } => datum,
        }
    }

    /// The same frame around other bytes, such as those of a document that came compressed.
    pub fn holding<'n>(self, bytes: &'n [u8]) -> Framed<'n> {
        match self {
            Framed::Json(_) => Framed::Json(bytes),
            Framed::CloudEvent(_) => Framed::CloudEvent(bytes),
            Framed::Avro { schema, .. } => Framed::Avro { schema, datum: bytes },
            Framed::Protobuf { schema, message, .. } => Framed::Protobuf {
                schema,
                message,
                datum: bytes,
            },
        }
    }

    /// The schema that the frame names; none where there is none, or the contract names it.
    pub fn schema(&self) -> Option<SchemaRef> {
        match self {
            Framed::Avro { schema, .. } | Framed::Protobuf { schema, .. } if *schema != SchemaRef::Configured => Some(*schema),
            _ => None,
        }
    }
}

// === impl Opened ===

impl<'b> Opened<'b> {
    fn plain(encoding: Encoding, framed: Framed<'b>) -> Opened<'b> {
        Opened {
            encoding,
            framed,
            zlib: false,
        }
    }
}

// === impl Encoding ===

impl Encoding {
    /// Every encoding.
    pub const ALL: [Encoding; 13] = [
        Encoding::Json,
        Encoding::Avro,
        Encoding::ConfluentProtobuf,
        Encoding::ConfluentJson,
        Encoding::GlueAvro,
        Encoding::GlueProtobuf,
        Encoding::GlueJson,
        Encoding::ApicurioAvro,
        Encoding::ApicurioJson,
        Encoding::Protobuf,
        Encoding::CloudEventsJson,
        Encoding::CloudEventsAvro,
        Encoding::CloudEventsProtobuf,
    ];

    /// The name in contracts; a closed list that metrics may carry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Encoding::Json => "json",
            Encoding::Avro => "avro",
            Encoding::ConfluentProtobuf => "confluent-protobuf",
            Encoding::ConfluentJson => "confluent-json",
            Encoding::GlueAvro => "glue-avro",
            Encoding::GlueProtobuf => "glue-protobuf",
            Encoding::GlueJson => "glue-json",
            Encoding::ApicurioAvro => "apicurio-avro",
            Encoding::ApicurioJson => "apicurio-json",
            Encoding::Protobuf => "protobuf",
            Encoding::CloudEventsJson => "cloudevents",
            Encoding::CloudEventsAvro => "cloudevents-avro",
            Encoding::CloudEventsProtobuf => "cloudevents-protobuf",
        }
    }

    /// Whether it is a CloudEvent.
    pub const fn is_cloud_event(self) -> bool {
        matches!(
            self,
            Encoding::CloudEventsJson | Encoding::CloudEventsAvro | Encoding::CloudEventsProtobuf
        )
    }
}

#[cfg(test)]
mod tests;
