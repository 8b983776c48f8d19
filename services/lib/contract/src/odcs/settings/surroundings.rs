//! Settings about key, headers and event types.

use std::sync::Arc;

use crate::codes;
use crate::event_schema::{EventSchema, EventSchemaKind};
use crate::model::{CdcFormat, Encoding, ObjectSettings, Property};
use crate::nearest::did_you_mean;
use crate::odcs::shape::{Key, Keys, Shape, check_keys, key, required};
use crate::odcs::{Reader, keys};
use crate::pattern;
use crate::problems::{listed, quoted};
use crate::surroundings::{Discriminator, DiscriminatorBy, KeyEncoding, KeySettings, KeyShape, RequiredHeader, SchemaId};
use crate::yaml::{At, Value};

const TEXT: &Shape = &Shape::Text;
const ANY: &Shape = &Shape::Any;
const FLAG: &Shape = &Shape::Flag;

const KEY_KEYS: &[Key] = &[
    key("encoding", TEXT),
    key("required", FLAG),
    key("property", TEXT),
    key("properties", &Shape::List(&Shape::Any)),
    key("logicalType", TEXT),
    key("logicalTypeOptions", &Shape::AnyMapping),
    key("physicalType", TEXT),
    key("enum", &Shape::List(&Shape::Any)),
    key("eventSchema", TEXT),
];
static KEY: Keys = Keys {
    what: "the setting `key`",
    open_before: crate::odcs::edition::Edition::V3_0,
    keys: KEY_KEYS,
    slips: &[
        ("pattern", "`pattern` belongs under `logicalTypeOptions`"),
        ("columns", "write `properties`"),
        ("type", "write `logicalType`, or `encoding`"),
        ("schema", "write `eventSchema`"),
    ],
};
static HEADER: Keys = Keys {
    what: "a required header",
    open_before: crate::odcs::edition::Edition::V3_0,
    keys: &[
        required("name", TEXT),
        key("pattern", TEXT),
        key("const", TEXT),
        key("description", TEXT),
    ],
    slips: &[("value", "write `const`"), ("header", "write `name`")],
};
static DISCRIMINATOR: Keys = Keys {
    what: "a discriminator",
    open_before: crate::odcs::edition::Edition::V3_0,
    keys: &[required("from", TEXT), key("name", TEXT), required("value", ANY)],
    slips: &[
        ("header", "write `from: header` and `name:`"),
        ("pointer", "write `from: pointer` and `name:` with the JSON Pointer"),
    ],
};
const ENCODINGS: [(&str, KeyEncoding); 8] = [
    ("json", KeyEncoding::Json),
    ("avro", KeyEncoding::Avro),
    ("string", KeyEncoding::String),
    ("short", KeyEncoding::Short),
    ("integer", KeyEncoding::Integer),
    ("long", KeyEncoding::Long),
    ("float", KeyEncoding::Float),
    ("double", KeyEncoding::Double),
];
const FROM: [&str; 5] = ["header", "pointer", "cloudevents-type", "record-name", "source-table"];

// === impl Reader ===

impl Reader<'_> {
    /// `key`. Without `properties` (they have errors) nothing of them is looked up.
    pub(super) fn read_key(&mut self, value: &At<'_>, properties: Option<&[Property]>, cdc: Option<CdcFormat>) -> Option<KeySettings> {
        if !matches!(value.node.value, Value::Mapping(_)) {
            let problem = format!("`key` is a mapping, this is {}", value.node.kind());
            self.setting_error(
                value,
                problem,
                "write for example `{encoding: string, property: order_id}`".to_owned(),
            );
            return None;
        }
        check_keys(value, &KEY, self.edition, self.problems);
        let encoding = match value.get("encoding") {
            Some(at) => self.choice(&at, &ENCODINGS)?,
            None => KeyEncoding::Json,
        };
        if cdc.is_some() && !matches!(encoding, KeyEncoding::Json | KeyEncoding::Avro) {
            let help = "Debezium writes keys as objects: write `json` or `avro`".to_owned();
            self.setting_error(value, "this encoding of keys does not occur on change topics".to_owned(), help);
            return None;
        }
        let declared = ["property", "properties", "logicalType"].map(|name| value.get(name));
        if declared.iter().flatten().count() > 1 {
            let problem = "`property`, `properties` and `logicalType` say the same thing in different ways".to_owned();
            self.setting_error(value, problem, "keep one of them".to_owned());
            return None;
        }
        let [one, many, logical_type] = declared;
        let shape = if let Some(many) = many {
            KeyShape::Fields(self.key_fields(value, &many, properties)?)
        } else if let Some(one) = one {
            KeyShape::Single(Box::new(self.key_reference(&one, properties?)?))
        } else if logical_type.is_some() {
            let mut primary_keys = 0;
            let mut property = self.read_property(value, "key".into(), &mut primary_keys);
            property.required = true;
            KeyShape::Single(Box::new(property))
        } else {
            self.key_of_primary_key(value, encoding, properties?)?
        };
        let composite_by_bytes = matches!(shape, KeyShape::Fields(_)) && !matches!(encoding, KeyEncoding::Json | KeyEncoding::Avro);
        if composite_by_bytes {
            let problem = "a key with fields is written as json or avro".to_owned();
            self.setting_error(value, problem, "name one value with `property:` or `logicalType:`".to_owned());
            return None;
        }
        if cdc.is_some() && matches!(shape, KeyShape::Single(_)) {
            let problem = "the key of a change event is an object of its key columns".to_owned();
            self.setting_error(
                value,
                problem,
                "list the columns under `properties`, or leave them to `primaryKey`".to_owned(),
            );
            return None;
        }
        let event_schema = match value.get("eventSchema") {
            Some(at) => Some(self.key_schema(&at, encoding, cdc)?),
            None => None,
        };
        Some(KeySettings {
            encoding,
            required: value.flag("required").unwrap_or(true),
            shape,
            event_schema,
            location: self.problems.location(&value.place()),
        })
    }

    /// `eventSchema` of the key: as that of values, for Avro alone.
    fn key_schema(&mut self, value: &At<'_>, encoding: KeyEncoding, cdc: Option<CdcFormat>) -> Option<EventSchema> {
        let schema = self.read_event_schema(value)?;
        let (problem, help) = match (schema.kind, encoding) {
            _ if cdc.is_some() => (
                "keys of change events are held to their columns, not to a schema of their own",
                "leave `eventSchema` of the key out",
            ),
            (EventSchemaKind::Avro, KeyEncoding::Avro) => return Some(schema),
            (EventSchemaKind::Avro, _) => (
                "an Avro schema judges Avro keys, and these are written otherwise",
                "write `encoding: avro`, or leave `eventSchema` of the key out",
            ),
            _ => (
                "an event schema of a key is an Avro schema",
                "name a file `.avsc` with `encoding: avro`, or say with `logicalType` or `properties` what the key holds",
            ),
        };
        self.setting_error(value, problem.to_owned(), help.to_owned());
        None
    }

    /// Names of properties of the object, or properties of their own.
    fn key_fields(&mut self, value: &At<'_>, many: &At<'_>, properties: Option<&[Property]>) -> Option<Vec<Property>> {
        let items: Vec<At<'_>> = many.items()?.collect();
        if items.is_empty() {
            self.setting_error(many, "a key without fields".to_owned(), "name the properties of the key".to_owned());
            return None;
        }
        if items.iter().all(|item| matches!(item.node.value, Value::Mapping(_))) {
            for item in &items {
                check_keys(item, &keys::PROPERTY, self.edition, self.problems);
            }
            return Some(self.read_properties(value));
        }
        let properties = properties?;
        let found: Vec<Option<Property>> = items.iter().map(|item| self.key_reference(item, properties)).collect();
        found.into_iter().collect()
    }

    /// A property of the object as a part of the key: the same clauses, and always there.
    fn key_reference(&mut self, at: &At<'_>, properties: &[Property]) -> Option<Property> {
        let name = self.setting_text(at)?;
        let Some(property) = crate::model::property_at(properties, &name) else {
            let known: Vec<&str> = properties.iter().map(|property| &*property.name).collect();
            let problem = format!("{} is not a property of the object", quoted(&name));
            self.problems
                .error(codes::RELATED, at.place(), problem, did_you_mean(&name, &known));
            return None;
        };
        Some(as_key(property))
    }

    fn key_of_primary_key(&mut self, value: &At<'_>, encoding: KeyEncoding, properties: &[Property]) -> Option<KeyShape> {
        let mut columns: Vec<&Property> = properties.iter().filter(|property| property.primary_key.is_some()).collect();
        columns.sort_by_key(|property| property.primary_key);
        match (columns.as_slice(), encoding) {
            ([], _) => {
                let help = "add `property:`, `properties:` or `logicalType:`, or `primaryKey: true` at the properties of the object";
                self.setting_error(value, "the key does not say what it holds".to_owned(), help.to_owned());
                None
            }
            (columns, KeyEncoding::Json | KeyEncoding::Avro) => Some(KeyShape::Fields(columns.iter().map(|one| as_key(one)).collect())),
            ([one], _) => Some(KeyShape::Single(Box::new(as_key(one)))),
            (columns, _) => {
                let names = listed(columns.iter().map(|one| &*one.name));
                let problem = format!("the primary key is {names}, and this encoding writes one value");
                self.setting_error(value, problem, "name one with `property:`".to_owned());
                None
            }
        }
    }

    /// `requiredHeaders`: names, or mappings that say more.
    pub(super) fn read_required_headers(&mut self, value: &At<'_>) -> Vec<RequiredHeader> {
        let items: Vec<At<'_>> = match value.items() {
            Some(items) => items.collect(),
            None => vec![value.clone()],
        };
        let mut headers: Vec<RequiredHeader> = Vec::new();
        for item in items {
            let is_mapping = matches!(item.node.value, Value::Mapping(_));
            if is_mapping {
                check_keys(&item, &HEADER, self.edition, self.problems);
            }
            let name = if is_mapping { item.text("name") } else { self.setting_text(&item) };
            let Some(name) = name else { continue };
            if name.starts_with("tidegate.") {
                let problem = format!("{} is a header of Tidegate; producers may not write it", quoted(&name));
                self.setting_error(&item, problem, "require another header".to_owned());
                continue;
            }
            if headers.iter().any(|header| header.name == name) {
                let problem = format!("the header {} is required twice", quoted(&name));
                self.setting_error(&item, problem, "keep one of the two".to_owned());
                continue;
            }
            let text = |key: &str| if is_mapping { item.text(key) } else { None };
            let pattern = text("pattern");
            if let Some(Err(reason)) = pattern.as_deref().map(pattern::compile) {
                let (reason, help) = reason.split_once("; ").unwrap_or((&reason, ""));
                let place = item.get("pattern").map_or(item.place(), |at| at.place());
                self.problems
                    .error(codes::PATTERN, place, format!("this pattern cannot be used: {reason}"), help);
                continue;
            }
            headers.push(RequiredHeader {
                name,
                pattern,
                constant: text("const"),
                location: self.problems.location(&item.place()),
            });
        }
        headers
    }

    /// `discriminator`.
    pub(super) fn read_discriminator(&mut self, value: &At<'_>) -> Option<Discriminator> {
        if !matches!(value.node.value, Value::Mapping(_)) {
            let problem = format!("`discriminator` is a mapping, this is {}", value.node.kind());
            let help = "write for example `{from: header, name: event-type, value: order_placed}`".to_owned();
            self.setting_error(value, problem, help);
            return None;
        }
        check_keys(value, &DISCRIMINATOR, self.edition, self.problems);
        let from = value.get("from")?;
        let written = from.as_text()?;
        let name = value.text("name");
        let needs_name = matches!(&*written, "header" | "pointer");
        if needs_name && name.is_none() {
            let what = if &*written == "header" {
                "the header"
            } else {
                "the JSON Pointer, such as /type"
            };
            self.setting_error(
                value,
                format!("a discriminator from a {written} has no `name`"),
                format!("add `name:` with {what}"),
            );
            return None;
        }
        let by = match (&*written, name) {
            ("header", Some(name)) => DiscriminatorBy::Header(name),
            ("pointer", Some(pointer)) => {
                if !pointer.starts_with('/') {
                    let problem = format!("{} is not a JSON Pointer", quoted(&pointer));
                    self.setting_error(value, problem, format!("write `/{}`", pointer.replace('.', "/")));
                    return None;
                }
                DiscriminatorBy::Pointer(pointer)
            }
            ("cloudevents-type", None) => DiscriminatorBy::CloudEventsType,
            ("record-name", None) => DiscriminatorBy::RecordName,
            ("source-table", None) => DiscriminatorBy::SourceTable,
            ("cloudevents-type" | "record-name" | "source-table", Some(_)) => {
                self.setting_error(
                    value,
                    format!("a discriminator from {written} takes no `name`"),
                    "remove it".to_owned(),
                );
                return None;
            }
            _ => {
                let problem = format!("{} is not a place where an event says its type", quoted(&written));
                self.setting_error(&from, problem, did_you_mean(&written, &FROM));
                return None;
            }
        };
        let at = value.get("value")?;
        let text: Option<Arc<str>> = match &at.node.value {
            Value::String(text) | Value::Number(text) => Some(text.clone()),
            Value::Bool(flag) => Some(flag.to_string().into()),
            _ => None,
        };
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            self.setting_error(
                &at,
                format!("a discriminator's value is text, this is {}", at.node.kind()),
                String::new(),
            );
            return None;
        };
        Some(Discriminator {
            by,
            value: text,
            location: self.problems.location(&value.place()),
        })
    }

    /// A place that the events of such an object do not have.
    pub(super) fn check_discriminator(&mut self, at: &At<'_>, settings: &ObjectSettings) {
        let problem = match settings.discriminator.as_ref().map(|discriminator| &discriminator.by) {
            Some(DiscriminatorBy::RecordName) if !settings.encodings.iter().any(|encoding| has_record_name(*encoding)) => {
                "a discriminator from record-name needs `encodings` with Avro or Protobuf: JSON has no record name"
            }
            Some(DiscriminatorBy::SourceTable) if settings.cdc.is_none() => {
                "a discriminator from source-table needs the setting `cdc`: plain events have no source"
            }
            _ => return,
        };
        self.setting_error(at, problem.to_owned(), String::new());
    }

    /// Ids that no frame of the object's encodings can carry.
    pub(super) fn check_schema_ids(&mut self, at: &At<'_>, settings: &ObjectSettings) {
        for id in &settings.schema_ids {
            if !settings.encodings.iter().any(|encoding| id.is_carried_by(*encoding)) {
                let problem = format!("the schema id `{id}` never occurs: no encoding of the object carries it");
                let help = "numbers and `guid:` are Confluent's, `glue:` is AWS Glue's, `global:` and `content:` are Apicurio's own";
                self.problems.warning(codes::SETTING, at.place(), problem, help);
            }
        }
    }

    /// `dataSchemas`: texts, one or several.
    pub(super) fn read_texts(&mut self, value: &At<'_>) -> Vec<Arc<str>> {
        let items: Vec<At<'_>> = match value.items() {
            Some(items) => items.collect(),
            None => vec![value.clone()],
        };
        items.iter().filter_map(|item| self.setting_text(item)).collect()
    }

    /// `schemaIds`: ids of the schema registry, one or several.
    pub(super) fn read_schema_ids(&mut self, value: &At<'_>) -> Vec<SchemaId> {
        let items: Vec<At<'_>> = match value.items() {
            Some(items) => items.collect(),
            None => vec![value.clone()],
        };
        let mut ids = Vec::new();
        for item in items {
            let id = match &item.node.value {
                Value::Number(text) => text.parse().ok().map(SchemaId::Id),
                Value::String(text) => SchemaId::named(text),
                _ => None,
            };
            match id {
                Some(id) if ids.contains(&id) => {
                    self.setting_error(&item, "this schema id is listed twice".to_owned(), "remove one".to_owned());
                }
                Some(id) => ids.push(id),
                None => self.setting_error(
                    &item,
                    "this is no schema id".to_owned(),
                    "write Confluent's id as a number, or `guid:<uuid>`, `glue:<uuid>`, `global:<number>`, `content:<number>` in quotes"
                        .to_owned(),
                ),
            }
        }
        ids
    }
}

/// Whether data of that encoding are records, or messages, with a name.
fn has_record_name(encoding: Encoding) -> bool {
    !matches!(
        encoding,
        Encoding::Json | Encoding::ConfluentJson | Encoding::GlueJson | Encoding::ApicurioJson | Encoding::CloudEvents
    )
}

/// A property of the object as a part of the key.
fn as_key(property: &Property) -> Property {
    let mut property = property.clone();
    property.required = true;
    property.quality.clear();
    property
}
