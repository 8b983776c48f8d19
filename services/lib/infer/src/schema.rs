//! A draft from a schema: Avro, JSON Schema, or the schema block of Debezium (Kafka Connect).

mod avro;
mod clauses;
mod connect;
mod json_schema;
mod semantic;

use serde_json::Value;

use crate::draft::{Draft, Property};

/// Types inside of each other; a schema that goes deeper is cut there, and one that holds itself ends there.
const DEPTH_MAX: usize = 32;
/// Properties in all.
const PROPERTIES_MAX: usize = 5_000;
/// Values of a list; a longer one is none, since a part of it would refuse the rest.
const VALUES_MAX: usize = 200;

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
    let mut said = Vec::new();
    let (what, encoding, cdc, properties) = match kind {
        Kind::Avro => {
            let (is_envelope, properties) = avro::properties(document, &mut room)?;
            ("an Avro schema", "[avro]", is_envelope.then_some("debezium"), properties)
        }
        Kind::JsonSchema => {
            let (more, properties) = json_schema::properties(document, &mut room)?;
            said = more;
            ("a JSON Schema", "[json]", None, properties)
        }
        Kind::Connect => {
            let (form, properties) = connect::properties(document, &mut room)?;
            let cdc = match form {
                connect::Form::Envelope => Some("debezium"),
                connect::Form::Flat => Some("debezium-flat"),
                connect::Form::Plain => None,
            };
            ("a schema block of Kafka Connect", "[json]", cdc, properties)
        }
    };
    let mut settings = vec![("encodings", encoding.to_owned())];
    if let Some(cdc) = cdc {
        settings.push(("cdc", cdc.to_owned()));
        said.push(String::from(
            "It describes change events of Debezium: the rows are described here. Say `primaryKey: true` at the properties of the key.",
        ));
    }
    if properties.is_empty() {
        return Err(format!("{what} without a field describes nothing"));
    }
    let mut evidence = vec![format!("Made from {what}; no event was looked at.")];
    evidence.extend(said);
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
