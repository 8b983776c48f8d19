//! A draft from a schema: Avro, JSON Schema, or the schema block of Debezium (Kafka Connect).

mod avro;
mod connect;
mod json_schema;

use serde_json::Value;

use crate::draft::{Draft, Property};

/// Types inside of each other; a schema that goes deeper is cut there, and one that holds itself ends there.
const DEPTH_MAX: usize = 32;
/// Properties in all.
const PROPERTIES_MAX: usize = 5_000;

/// What kind of schema a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `{"type": "record", "fields": …}`.
    Avro,
    /// `$schema`, or `properties`.
    JsonSchema,
    /// `{"type": "struct", "fields": …}`, alone or as the `schema` beside a `payload`.
    Connect,
}

/// Which kind of schema it is; none for a document that is none.
pub fn kind(document: &Value) -> Option<Kind> {
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    if connect::block(document).is_some() {
        return Some(Kind::Connect);
    }
    if text("type") == Some("record") && document.get("fields").is_some_and(Value::is_array) {
        return Some(Kind::Avro);
    }
    let is_json_schema = text("$schema").is_some_and(|uri| uri.contains("json-schema.org"));
    (is_json_schema || document.get("properties").is_some_and(Value::is_object)).then_some(Kind::JsonSchema)
}

/// The draft; the error says what in the schema cannot be used.
pub fn draft(kind: Kind, document: &Value) -> Result<Draft, String> {
    let mut room = Room { left: PROPERTIES_MAX };
    let (what, settings, properties) = match kind {
        Kind::Avro => (
            "an Avro schema",
            vec![("encodings", "[avro]".to_owned())],
            avro::properties(document, &mut room)?,
        ),
        Kind::JsonSchema => (
            "a JSON Schema",
            vec![("encodings", "[json]".to_owned())],
            json_schema::properties(document, &mut room)?,
        ),
        Kind::Connect => {
            let (is_envelope, properties) = connect::properties(document, &mut room)?;
            let mut settings = vec![("encodings", "[json]".to_owned())];
            if is_envelope {
                settings.push(("cdc", "debezium".to_owned()));
            }
            ("a schema block of Kafka Connect", settings, properties)
        }
    };
    if properties.is_empty() {
        return Err(format!("{what} without a field describes nothing"));
    }
    let mut evidence = vec![format!("Made from {what}; no event was looked at.")];
    if room.left == 0 {
        evidence.push(format!("It has more than {PROPERTIES_MAX} fields: the rest is left out."));
    }
    Ok(Draft {
        evidence,
        settings,
        properties,
    })
}

/// How many properties may still be made.
pub(crate) struct Room {
    left: usize,
}

impl Room {
    fn take(&mut self) -> bool {
        let is_there = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_there
    }
}

/// What every property of a schema says of itself.
fn documented(mut property: Property, text: Option<&str>) -> Property {
    if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
        property.evidence.push(text.trim().chars().take(200).collect());
    }
    if crate::personal::is_suspicious(&property.name) && matches!(property.kind, crate::draft::Kind::Leaf(_)) {
        property
            .evidence
            .push(String::from("looks like personal data: consider `classification: confidential`"));
    }
    property
}
