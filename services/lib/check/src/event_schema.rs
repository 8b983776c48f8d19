//! Event schemas: what a contract names beside its own clauses, compiled with it and enforced with it.
//!
//! A JSON Schema judges JSON events after the walk, whether that found anything or not; where the walk cannot read the bytes there is nothing
//! to judge. An Avro schema is the reader's: the schema that an event was written with must resolve to it, by the rules of the Avro
//! specification. A Protobuf message is the reader's likewise: bare events are read with it, and the message that a framed event was written
//! as must fit it.

mod avro;
#[cfg(feature = "json-schema")]
mod document;
#[cfg(feature = "json-schema")]
mod json;
mod protobuf;
pub mod references;

use sha2::{Digest as _, Sha256};
use tidegate_contract::model::{Encoding, ObjectSettings};
use tidegate_contract::{Diagnostic, EventSchemaKind, Level, Location};

pub use avro::AvroSchema;
pub(crate) use avro::Resolutions;
#[cfg(feature = "json-schema")]
pub(crate) use document::{NoTree, VALUES_MAX, read};
#[cfg(feature = "json-schema")]
pub(crate) use json::Unsent;
#[cfg(feature = "json-schema")]
pub use json::{Fault, JsonSchema};
pub(crate) use protobuf::Fits;
pub use protobuf::ProtobufSchema;

use crate::plan::codes;

/// An event schema, ready to judge.
#[derive(Debug)]
pub enum EventSchema {
    /// Judges JSON events and the rows of JSON change events.
    #[cfg(feature = "json-schema")]
    Json(JsonSchema),
    /// Judges the schemas that events were written with.
    Avro(AvroSchema),
    /// Reads bare messages, and judges the messages that others were written as.
    Protobuf(ProtobufSchema),
}

// === impl EventSchema ===

impl EventSchema {
    /// What the settings name; the problems say why it cannot be enforced.
    pub(crate) fn compile(settings: &ObjectSettings) -> Result<Option<EventSchema>, Vec<Diagnostic>> {
        let Some(named) = &settings.event_schema else { return Ok(None) };
        if named.text().is_none() {
            let problem = format!("the file `schemas/{}` is not at hand", named.path);
            let help = "it is looked for in the folder `schemas/` of the same commit or directory";
            return Err(vec![error(codes::EVENT_SCHEMA_FILE, &named.location, problem, help)]);
        };
        let all = |fits: fn(Encoding) -> bool| settings.encodings.iter().all(|encoding| fits(*encoding));
        let misfit = |what: &str, help: &str| Err(vec![error(codes::EVENT_SCHEMA_KIND, &named.location, what.to_owned(), help)]);
        match named.kind {
            EventSchemaKind::JsonSchema if !all(is_json) => misfit(
                "a JSON Schema judges JSON text, and the object accepts other encodings",
                "accept `encodings: [json]` only, or name an Avro schema",
            ),
            #[cfg(not(feature = "json-schema"))]
            EventSchemaKind::JsonSchema => misfit("this build judges no JSON Schema", "build with the feature `json-schema`"),
            #[cfg(feature = "json-schema")]
            EventSchemaKind::JsonSchema => JsonSchema::compile(&named.folder, &named.path, None)
                .map(|schema| Some(EventSchema::Json(schema)))
                .map_err(|problems| problems.into_iter().map(|one| one.or_at(&named.location)).collect()),
            EventSchemaKind::Avro if settings.encodings.is_empty() || !all(is_avro) => misfit(
                "an Avro schema judges Avro data, and the object accepts other encodings (JSON is not taken for Avro's JSON encoding)",
                "accept `encodings: [avro]` only, or name a JSON Schema",
            ),
            EventSchemaKind::Avro if settings.cdc.is_some() => misfit(
                "an Avro schema of the whole event cannot describe the rows of change events",
                "leave `eventSchema` out: rows of change events are held to the contract's properties",
            ),
            EventSchemaKind::Avro => AvroSchema::compile(&named.folder, &named.path, &named.location)
                .map(|schema| Some(EventSchema::Avro(schema)))
                .map_err(|problem| vec![problem]),
            EventSchemaKind::Protobuf if settings.encodings.is_empty() || !all(is_protobuf) => misfit(
                "a Protobuf message judges Protobuf data, and the object accepts other encodings (JSON is not taken for Protobuf's JSON form)",
                "accept `encodings: [protobuf]` or `[confluent-protobuf]`, or name a JSON Schema",
            ),
            EventSchemaKind::Protobuf => {
                let message = named.message.as_deref().expect("the contract reader asks for it behind `#`");
                ProtobufSchema::compile(&named.folder, &named.path, message, &named.location)
                    .map(|schema| Some(EventSchema::Protobuf(schema)))
            }
        }
    }

    /// Every file that takes part in judging, (path below `schemas/`, SHA-256 in hex), in path order.
    pub fn files(&self) -> &[(String, String)] {
        match self {
            #[cfg(feature = "json-schema")]
            EventSchema::Json(schema) => schema.files(),
            EventSchema::Avro(schema) => schema.files(),
            EventSchema::Protobuf(schema) => schema.files(),
        }
    }
}

/// In hex.
fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Encodings whose documents a JSON Schema judges. One that is not listed cannot stand beside one.
fn is_json(encoding: Encoding) -> bool {
    matches!(
        encoding,
        Encoding::Json | Encoding::ConfluentJson | Encoding::GlueJson | Encoding::ApicurioJson | Encoding::CloudEvents
    )
}

/// Encodings whose data are written with an Avro schema.
fn is_avro(encoding: Encoding) -> bool {
    matches!(
        encoding,
        Encoding::Avro | Encoding::GlueAvro | Encoding::ApicurioAvro | Encoding::CloudEventsAvro
    )
}

/// Encodings whose data are Protobuf messages.
fn is_protobuf(encoding: Encoding) -> bool {
    matches!(
        encoding,
        Encoding::Protobuf | Encoding::ConfluentProtobuf | Encoding::GlueProtobuf | Encoding::CloudEventsProtobuf
    )
}

fn error(code: &'static str, location: &Location, problem: String, help: &str) -> Diagnostic {
    Diagnostic {
        code,
        level: Level::Error,
        location: location.clone(),
        problem,
        help: help.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tidegate_contract::SchemaFolder;

    use crate::compile;

    const CONTRACT: &str = "apiVersion: v3.2.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\nschema:\n  - name: t\n    \
                            physicalType: topic\n    customProperties:\n      - {property: eventSchema, vendor: tidegate, value: a.json}\n    \
                            properties:\n      - {name: x, logicalType: integer}\n";

    fn fingerprint(files: &[(&str, &str)]) -> Result<String, Vec<(&'static str, u32)>> {
        let mut contract = tidegate_contract::parse("a.odcs.yaml", CONTRACT).0.unwrap();
        contract.attach_schemas(&Arc::new(SchemaFolder::from_texts(files.iter().copied())));
        let problems = |problems: Vec<tidegate_contract::Diagnostic>| problems.iter().map(|one| (one.code, one.location.line)).collect();
        compile(&contract, 0).map(|plan| plan.fingerprint).map_err(problems)
    }

    #[test]
    fn every_file_that_judges_is_part_of_the_fingerprint() {
        let schema = r#"{"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": "b.json"}"#;
        let (one, other) = (("a.json", schema), ("b.json", "{\"minimum\": 1}"));
        let first = fingerprint(&[one, other]).unwrap();
        assert_eq!(
            fingerprint(&[one, other, ("c.json", "{}")]).unwrap(),
            first,
            "a file that takes no part"
        );
        assert_ne!(fingerprint(&[one, ("b.json", "{\"minimum\": 2}")]).unwrap(), first);
        let schema = schema.replace("\"$ref\"", "\"maximum\": 9, \"$ref\"");
        assert_ne!(fingerprint(&[("a.json", &schema), other]).unwrap(), first);
    }

    #[test]
    fn a_plan_never_lacks_the_schema_that_its_contract_names() {
        assert_eq!(fingerprint(&[]), Err(vec![("TG0155", 10)]));
        let contract = tidegate_contract::parse("a.odcs.yaml", CONTRACT).0.unwrap();
        assert_eq!(
            compile(&contract, 0).unwrap_err()[0].code,
            "TG0155",
            "nor where nobody attached anything"
        );
    }
}
