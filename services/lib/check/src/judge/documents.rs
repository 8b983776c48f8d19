//! From the bytes of a value to the reader that walks them: frames, compression, CloudEvents, schemas.

use std::sync::Arc;

use tidegate_codec::cloud_events::{self, Data};
use tidegate_codec::framing::{self, Encoding, Framed, MessageRef, Opened, SchemaRef};
use tidegate_codec::{Detail, JsonReader, ProtobufReader, protobuf};

use super::changes::Arrival;
use super::schema::Document;
use super::walk::Written;
use super::{Judge, VALUE_BYTES_MAX, look_up, whole};
use crate::event_schema::EventSchema;
use crate::input::{Input, Known, SchemaLookup};
use crate::plan::Plan;
use crate::row::RowSink;
use crate::verdict::{Reason, Verdict};

/// A record with what judges it.
pub(super) struct Arrived<'a> {
    pub(super) plan: &'a Plan,
    pub(super) input: &'a Input<'a>,
    pub(super) topic: &'a str,
    pub(super) schemas: &'a dyn SchemaLookup,
    /// It is a change event.
    pub(super) change: Option<&'a Arrival<'a>>,
}

// === impl Judge ===

impl Judge {
    /// Judges a value that is there and not too large.
    pub(super) fn value<R: RowSink>(&mut self, arrived: &Arrived<'_>, value: &[u8], row: &mut R) -> Verdict {
        let opened = framing::open_value(&arrived.plan.framings, arrived.input.headers, value);
        self.opened(arrived, opened, value, row)
    }

    fn opened<R: RowSink>(&mut self, arrived: &Arrived<'_>, opened: Result<Opened<'_>, Detail>, value: &[u8], row: &mut R) -> Verdict {
        let opened = match opened {
            Ok(opened) => opened,
            Err(detail) => return unframed(arrived.plan, detail),
        };
        self.framing = Some(opened.encoding);
        if opened.zlib {
            return self.inflated(arrived, opened.framed, row);
        }
        self.framed(arrived, opened.framed, value, row)
    }

    /// Judges what a compressed document holds. Offsets of failures then count in that.
    fn inflated<R: RowSink>(&mut self, arrived: &Arrived<'_>, framed: Framed<'_>, row: &mut R) -> Verdict {
        let mut buffer = std::mem::take(&mut self.inflated);
        let verdict = match framing::inflate(framed.bytes(), VALUE_BYTES_MAX, &mut buffer) {
            Ok(()) => self.framed(arrived, framed.holding(&buffer), &buffer, row),
            Err(Detail::TooLarge) => whole(arrived.plan, Reason::SizeViolation, Some(Detail::TooLarge), "size"),
            Err(detail) => whole(arrived.plan, Reason::Undecodable, Some(detail), "decode"),
        };
        self.inflated = buffer;
        verdict
    }

    /// Judges a document that is the end of `value`.
    fn framed<R: RowSink>(&mut self, arrived: &Arrived<'_>, framed: Framed<'_>, value: &[u8], row: &mut R) -> Verdict {
        let Arrived { plan, input, topic, .. } = *arrived;
        let base = |document: &[u8]| value.len() - document.len();
        match framed {
            Framed::Json(bytes) => match arrived.change {
                None => {
                    let mut reader = JsonReader::fragment(value, base(bytes), value.len());
                    self.json(arrived, &mut reader, bytes, row)
                }
                Some(change) => self.json_change(change, bytes, row),
            },
            Framed::Avro { schema, datum } => match self.known(arrived, schema) {
                Ok(Known::Avro(schema)) => match arrived.change {
                    _ if let Some(verdict) = self.writer_mismatch(plan, &schema) => verdict,
                    None => {
                        let written = Written {
                            schema: &schema,
                            datum,
                            base: base(datum),
                        };
                        self.datum(plan, input, topic, &schema, written, row)
                    }
                    Some(change) => self.avro_change(change, &schema, datum, base(datum), row),
                },
                Ok(_) => whole(plan, Reason::Undecodable, Some(Detail::BadSchema), "schema"),
                Err(verdict) => *verdict,
            },
            Framed::Protobuf { schema, message, datum } => match self.known(arrived, schema) {
                Ok(Known::Protobuf(schema)) => self.protobuf(arrived, &schema, message, datum, base(datum), row),
                Ok(_) => whole(plan, Reason::Undecodable, Some(Detail::BadSchema), "schema"),
                Err(verdict) => *verdict,
            },
            Framed::CloudEvent(bytes) => self.cloud_event(arrived, bytes, row),
        }
    }

    fn json<'b, R: RowSink>(&mut self, arrived: &Arrived<'_>, reader: &mut JsonReader<'b>, document: &'b [u8], row: &mut R) -> Verdict {
        reader.lend(self.names.take());
        let document = Some(Document::Json(document));
        let verdict = self.plain(arrived.plan, arrived.input, arrived.topic, reader, document, row);
        self.names = reader.leave();
        verdict
    }

    /// A schema, or the verdict without it.
    fn known(&self, arrived: &Arrived<'_>, schema: SchemaRef) -> Result<Known, Box<Verdict>> {
        let (reason, detail) = match look_up(arrived.plan, arrived.schemas, schema) {
            Err(need) => return Err(Box::new(Verdict::Need(need))),
            Ok(Known::Unknown) => (Reason::RegistrySchemaUnknown, Detail::UnknownSchema),
            Ok(Known::Unusable) => (Reason::Undecodable, Detail::BadSchema),
            Ok(known) => return Ok(known),
        };
        Err(Box::new(whole(arrived.plan, reason, Some(detail), "schema")))
    }

    fn protobuf<R: RowSink>(
        &mut self,
        arrived: &Arrived<'_>,
        schema: &Arc<protobuf::Schema>,
        message: MessageRef,
        datum: &[u8],
        base: usize,
        row: &mut R,
    ) -> Verdict {
        let plan = arrived.plan;
        let (message, bytes) = match written_message(plan, schema, message, datum) {
            Ok(found) => found,
            Err((detail, clause)) => return whole(plan, Reason::Undecodable, Some(detail), clause),
        };
        if let Some(verdict) = self.message_mismatch(plan, schema, message) {
            return verdict;
        }
        let base = base + datum.len() - bytes.len();
        let mut scratch = std::mem::take(&mut self.protobuf);
        let mut reader = ProtobufReader::new(schema, message, bytes, &mut scratch).with_base(base);
        let verdict = self.plain(plan, arrived.input, arrived.topic, &mut reader, None, row);
        self.protobuf = scratch;
        verdict
    }

    /// Judges the data of a structured CloudEvent. An event without data is judged as null, which no row is.
    fn cloud_event<R: RowSink>(&mut self, arrived: &Arrived<'_>, bytes: &[u8], row: &mut R) -> Verdict {
        let plan = arrived.plan;
        let event = match cloud_events::structured(bytes) {
            Ok(event) => event,
            Err(failure) => return self.undecodable(plan, failure),
        };
        let content_type = event.attributes.data_content_type.as_deref();
        match event.data {
            Data::Absent => self.json(arrived, &mut JsonReader::new(b"null"), b"null", row),
            Data::Json { start, end } => {
                let is_json = content_type.is_none_or(cloud_events::is_json);
                if !is_json || !plan.framings.contains(&Encoding::CloudEventsJson) {
                    return unframed(plan, Detail::UnknownFraming);
                }
                self.framing = Some(Encoding::CloudEventsJson);
                let mut reader = JsonReader::fragment(bytes, start, end);
                self.json(arrived, &mut reader, bytes.get(start..end).unwrap_or_default(), row)
            }
            // Offsets of failures count in the bytes that base64 stands for.
            Data::Bytes(data) => {
                let opened = framing::cloud_event_data(&plan.framings, &[], content_type, &data);
                self.opened(arrived, opened, &data, row)
            }
        }
    }
}

/// The message of the schema that a datum is, and its bytes; else the detail and the clause that say why there is none.
pub(crate) fn written_message<'b>(
    plan: &Plan,
    schema: &protobuf::Schema,
    message: MessageRef,
    datum: &'b [u8],
) -> Result<(protobuf::MessageId, &'b [u8]), (Detail, &'static str)> {
    let (message, bytes) = match message {
        MessageRef::Path(path) => (schema.message_at(path.as_slice()), datum),
        MessageRef::Leading => {
            let (ordinal, bytes) = framing::split_ordinal(datum).map_err(|detail| (detail, "decode"))?;
            (schema.message_by_ordinal(ordinal), bytes)
        }
        // Whoever fetches the file looks whether it has the message, so this is a file that changed since.
        MessageRef::Configured => (Some(configured(plan, schema).ok_or((Detail::BadSchema, "schema"))?), datum),
    };
    message.map(|message| (message, bytes)).ok_or((Detail::BadIndex, "schema"))
}

/// The message that the contract says bare events are.
fn configured(plan: &Plan, schema: &protobuf::Schema) -> Option<protobuf::MessageId> {
    match (&plan.event_schema, &plan.protobuf) {
        (Some((EventSchema::Protobuf(named), _)), _) => Some(named.message()),
        (_, Some((_, message))) => schema.message_named(message),
        _ => None,
    }
}

/// Whether a record says that its value is a CloudEvent as a whole. Without one it is then broken, and not a tombstone.
pub(super) fn is_structured(plan: &Plan, input: &Input<'_>) -> bool {
    plan.framings.iter().any(|encoding| encoding.is_cloud_event()) && cloud_events::mode(input.headers) == cloud_events::Mode::Structured
}

/// A value in none of the accepted encodings.
fn unframed(plan: &Plan, detail: Detail) -> Verdict {
    match detail {
        Detail::UnknownFraming => whole(plan, Reason::UnknownFraming, Some(detail), "framing"),
        Detail::MissingAttribute => whole(plan, Reason::HeaderMissing, Some(detail), "cloudevents"),
        _ => whole(plan, Reason::Undecodable, Some(detail), "decode"),
    }
}
