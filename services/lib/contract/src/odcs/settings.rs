//! Our own settings of an object, under `customProperties`. `schemas/formats/object-settings.schema.json` describes the same.

use std::collections::BTreeMap;
use std::sync::Arc;

mod surroundings;

use super::{Reader, encodings, kill_switches};
use crate::codes;
use crate::event_schema::{self, EventSchema, EventSchemaKind};
use crate::model::{
    BinaryMode, CdcFormat, DecimalMode, Encoding, LakeBucket, LogicalType, ObjectSettings, Property, TimeMode, UnknownFields,
};
use crate::nearest::did_you_mean;
use crate::problems::{listed, quoted};
use crate::yaml::{At, Value};

const VENDOR: &str = "tidegate";
const PREFIX: &str = "tidegate.";
pub(crate) const SETTINGS: [&str; 20] = [
    "encodings",
    "cdc",
    "eventTime",
    "lakeBucket",
    "unknownFields",
    "decimals",
    "times",
    "binary",
    "unavailablePlaceholder",
    "addFieldsPrefix",
    "addHeadersPrefix",
    "beforeImage",
    "eventSchema",
    "protobufMessage",
    "protobufSchema",
    "key",
    "requiredHeaders",
    "discriminator",
    "dataSchemas",
    "schemaIds",
];
const CDC: [(&str, CdcFormat); 5] = [
    ("debezium", CdcFormat::Debezium),
    ("debezium-flat", CdcFormat::DebeziumFlat),
    ("debezium-mongodb", CdcFormat::DebeziumMongodb),
    ("dms", CdcFormat::Dms),
    ("maxwell", CdcFormat::Maxwell),
];
/// Settings that mean something for some formats only.
const OF_FORMATS: [(&str, &[CdcFormat], &str); 7] = [
    ("decimals", &[CdcFormat::Debezium, CdcFormat::DebeziumFlat], "debezium"),
    ("times", &[CdcFormat::Debezium, CdcFormat::DebeziumFlat], "debezium"),
    ("binary", &[CdcFormat::Debezium, CdcFormat::DebeziumFlat], "debezium"),
    (
        "unavailablePlaceholder",
        &[CdcFormat::Debezium, CdcFormat::DebeziumFlat],
        "debezium",
    ),
    ("addFieldsPrefix", &[CdcFormat::DebeziumFlat], "debezium-flat"),
    ("addHeadersPrefix", &[CdcFormat::DebeziumFlat], "debezium-flat"),
    ("beforeImage", &[CdcFormat::Dms], "dms"),
];
const LAKE_BUCKETS: [(&str, LakeBucket); 2] = [("day", LakeBucket::Day), ("hour", LakeBucket::Hour)];
const UNKNOWN_FIELDS: [(&str, UnknownFields); 3] = [
    ("ignore", UnknownFields::Ignore),
    ("warn", UnknownFields::Warn),
    ("fail", UnknownFields::Fail),
];
const DECIMALS: [(&str, DecimalMode); 3] = [
    ("precise", DecimalMode::Precise),
    ("string", DecimalMode::String),
    ("double", DecimalMode::Double),
];
const TIMES: [(&str, TimeMode); 6] = [
    ("adaptive", TimeMode::Adaptive),
    ("adaptive_time_microseconds", TimeMode::AdaptiveTimeMicroseconds),
    ("connect", TimeMode::Connect),
    ("isostring", TimeMode::Isostring),
    ("microseconds", TimeMode::Microseconds),
    ("nanoseconds", TimeMode::Nanoseconds),
];
const BINARY: [(&str, BinaryMode); 3] = [
    ("bytes", BinaryMode::Bytes),
    ("base64", BinaryMode::Base64),
    ("hex", BinaryMode::Hex),
];

// === impl Reader ===

impl Reader<'_> {
    /// Settings of an object. Without `properties` (they have errors) paths into them are not looked up.
    pub(super) fn read_settings(&mut self, at: &At<'_>, properties: Option<&[Property]>) -> ObjectSettings {
        let mut settings = ObjectSettings {
            encodings: vec![Encoding::Json],
            ..ObjectSettings::default()
        };
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        let mut key = None;
        for item in at.list("customProperties") {
            let Some((name, named_by)) = setting_name(&item) else { continue };
            if let Some(first) = seen.insert(name.clone(), named_by.node.line) {
                let problem = format!("the setting `{name}` is written twice; the first is at line {first}");
                self.setting_error(&named_by, problem, "keep one of the two".to_owned());
                continue;
            }
            if !SETTINGS.contains(&name.as_str()) {
                let (problem, help) = match name.as_str() {
                    of_contract if kill_switches::SETTINGS.contains(&of_contract) => (
                        format!("`{of_contract}` is a setting of the whole contract"),
                        "move it to the customProperties at the top level".to_owned(),
                    ),
                    _ => (
                        format!("{} is not a setting of Tidegate", quoted(&name)),
                        did_you_mean(&name, &SETTINGS),
                    ),
                };
                self.setting_error(&named_by, problem, help);
                continue;
            }
            let Some(value) = item.get("value") else {
                self.setting_error(&item, format!("the setting `{name}` has no value"), "add `value:`".to_owned());
                continue;
            };
            match name.as_str() {
                "encodings" => self.read_encodings(&value, &mut settings.encodings),
                "cdc" => settings.cdc = self.choice(&value, &CDC),
                "eventTime" => settings.event_time = self.read_event_time(&value, properties),
                "lakeBucket" => settings.lake_bucket = self.choice(&value, &LAKE_BUCKETS).unwrap_or_default(),
                "unknownFields" => settings.unknown_fields = self.choice(&value, &UNKNOWN_FIELDS).unwrap_or_default(),
                "decimals" => settings.decimals = self.choice(&value, &DECIMALS).unwrap_or_default(),
                "times" => settings.times = self.choice(&value, &TIMES).unwrap_or_default(),
                "binary" => settings.binary = self.choice(&value, &BINARY).unwrap_or_default(),
                "addFieldsPrefix" => settings.add_fields_prefix = self.setting_text(&value),
                "addHeadersPrefix" => settings.add_headers_prefix = self.setting_text(&value),
                "beforeImage" => settings.before_image = self.read_before_image(&value),
                "eventSchema" => settings.event_schema = self.read_event_schema(&value),
                "protobufMessage" => settings.protobuf_message = self.setting_text(&value),
                "protobufSchema" => settings.protobuf_schema = self.read_schema_file(&value),
                // Read last: what a key is depends on `cdc`.
                "key" => key = Some(value),
                "requiredHeaders" => settings.required_headers = self.read_required_headers(&value),
                "discriminator" => settings.discriminator = self.read_discriminator(&value),
                "dataSchemas" => settings.data_schemas = self.read_texts(&value),
                "schemaIds" => settings.schema_ids = self.read_schema_ids(&value),
                _ => settings.unavailable_placeholder = self.setting_text(&value),
            }
        }
        self.check_discriminator(at, &settings);
        self.check_schema_ids(at, &settings);
        settings.key = key.and_then(|value| self.read_key(&value, properties, settings.cdc));
        for (name, formats, example) in OF_FORMATS {
            if !settings.cdc.is_some_and(|format| formats.contains(&format))
                && let Some(line) = seen.get(name)
            {
                let (problem, help) = match settings.cdc {
                    None => (
                        format!("the setting `{name}` (line {line}) has no effect without `cdc`"),
                        format!("add the setting `cdc: {example}`, or remove it"),
                    ),
                    Some(_) => (
                        format!("the setting `{name}` (line {line}) has no effect with this `cdc`"),
                        format!("it belongs to `cdc: {example}`; remove it"),
                    ),
                };
                self.problems.warning(codes::SETTING, at.place(), problem, help);
            }
        }
        if matches!(settings.cdc, Some(CdcFormat::Dms | CdcFormat::Maxwell)) && settings.encodings.contains(&Encoding::Avro) {
            let problem = "changes of AWS DMS and Maxwell are JSON, never Avro".to_owned();
            self.setting_error(at, problem, "write `encodings: [json]`, or leave it out".to_owned());
        }
        self.check_encodings(at, &settings, &seen);
        settings
    }

    /// Settings belong to objects; elsewhere they would silently do nothing.
    pub(super) fn refuse_settings(&mut self, at: &At<'_>) {
        self.refuse_settings_but(at, "");
    }

    /// As [`Reader::refuse_settings`], where one of them belongs.
    pub(super) fn refuse_settings_but(&mut self, at: &At<'_>, allowed: &str) {
        for item in at.list("customProperties") {
            if let Some((name, named_by)) = setting_name(&item).filter(|(name, _)| name != allowed) {
                let problem = format!("the setting {} does not belong here", quoted(&name));
                self.setting_error(
                    &named_by,
                    problem,
                    "settings of Tidegate are customProperties of a schema object".to_owned(),
                );
            }
        }
    }

    fn read_encodings(&mut self, value: &At<'_>, encodings: &mut Vec<Encoding>) {
        let items: Vec<At<'_>> = match value.items() {
            Some(items) => items.collect(),
            None => vec![value.clone()],
        };
        if items.is_empty() {
            self.setting_error(
                value,
                "`encodings` lists none".to_owned(),
                "write `[json]`, `[avro]` or others that the topic carries".to_owned(),
            );
            return;
        }
        encodings.clear();
        for item in items {
            let Some(encoding) = self.choice(&item, encodings::NAMES) else {
                continue;
            };
            if encodings.contains(&encoding) {
                self.setting_error(&item, "this encoding is listed twice".to_owned(), "remove one".to_owned());
            } else if let Some((other, why)) = encodings::clash(encodings, encoding) {
                let problem = format!(
                    "{} cannot be told from {}: {why}",
                    quoted(encodings::name(encoding)),
                    quoted(encodings::name(other))
                );
                let help = "keep the one that the topic carries; a topic that carries both needs two topics";
                self.problems.error(codes::ENCODINGS, item.place(), problem, help);
            } else {
                encodings.push(encoding);
            }
        }
    }

    fn read_before_image(&mut self, value: &At<'_>) -> Option<Arc<str>> {
        let name = self.setting_text(value)?;
        if matches!(&*name, "data" | "metadata") {
            let problem = format!("{} is a field of every record of AWS DMS", quoted(&name));
            let help = "write the `FieldName` of the task's BeforeImageSettings, such as `before-image`".to_owned();
            self.setting_error(value, problem, help);
            return None;
        }
        Some(name)
    }

    fn read_event_time(&mut self, value: &At<'_>, properties: Option<&[Property]>) -> Option<Arc<str>> {
        let path = self.setting_text(value)?;
        let Some(properties) = properties else { return Some(path) };
        let found = crate::model::property_at(properties, &path);
        let problem = match found.map(|property| &property.logical_type) {
            Some(LogicalType::Date { .. } | LogicalType::Timestamp { .. }) => return Some(path),
            Some(_) => format!("eventTime {} is no date or timestamp", quoted(&path)),
            None => format!("eventTime {} is not a property of the object", quoted(&path)),
        };
        let mut times = Vec::new();
        time_paths(properties, "", &mut times);
        let help = match (found, crate::nearest::nearest(&path, times.iter().map(String::as_str))) {
            (None, Some(near)) => format!("did you mean `{near}`?"),
            _ if times.is_empty() => "the object has no date or timestamp; leave `eventTime` out to use the record's timestamp".to_owned(),
            _ => format!("one of {}", listed(times.iter().take(8).map(String::as_str))),
        };
        self.problems.error(codes::EVENT_TIME, value.place(), problem, help);
        None
    }

    /// `path`, for Protobuf `path#full.name.of.the.Message`.
    fn read_event_schema(&mut self, value: &At<'_>) -> Option<EventSchema> {
        let text = self.setting_text(value)?;
        let (path, message) = match text.split_once('#') {
            Some((path, message)) => (path, Some(message)),
            None => (&*text, None),
        };
        let kind = EventSchemaKind::of(path);
        let is_name = |text: &str| {
            text.split('.').all(|part| {
                part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                    && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            })
        };
        let problem = event_schema::path_problem(path).or(match (kind, message) {
            (Some(EventSchemaKind::Protobuf), Some(name)) if is_name(name) => None,
            (Some(EventSchemaKind::Protobuf), _) => Some("a Protobuf schema needs the full name of its message behind `#`"),
            (_, Some(_)) => Some("only a Protobuf schema names something behind `#`"),
            (_, None) => None,
        });
        if let Some(problem) = problem {
            let help = "write a path below `schemas/` such as `shop/order.schema.json`, `shop/order.avsc` or `shop/order.proto#shop.Order`";
            self.setting_error(value, format!("{}: {problem}", quoted(&text)), help.to_owned());
            return None;
        }
        Some(EventSchema {
            path: path.into(),
            kind: kind?,
            message: message.map(Arc::from),
            folder: Arc::default(),
            location: self.problems.location(&value.place()),
        })
    }

    /// A word of a closed list; case, `-` and `_` do not count.
    pub(super) fn choice<T: Copy>(&mut self, value: &At<'_>, choices: &[(&str, T)]) -> Option<T> {
        let fold = |text: &str| text.replace(['-', '_'], "").to_ascii_lowercase();
        let text = self.setting_text(value)?;
        let found = choices
            .iter()
            .find(|(name, _)| fold(name) == fold(&text))
            .map(|(_, choice)| *choice);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.setting_error(
                value,
                format!("{} is not a value of this setting", quoted(&text)),
                did_you_mean(&text, &names),
            );
        }
        found
    }

    pub(super) fn setting_text(&mut self, value: &At<'_>) -> Option<Arc<str>> {
        let text = value.as_text().filter(|text| !text.is_empty());
        if text.is_none() {
            let problem = format!("this setting takes text, this is {}", value.node.kind());
            self.setting_error(value, problem, String::new());
        }
        text
    }

    pub(super) fn setting_error(&mut self, at: &At<'_>, problem: String, help: String) {
        self.problems.error(codes::SETTING, at.place(), problem, help);
    }
}

/// The name of one of our settings without prefix, and the node that names it; none for other vendors' properties.
pub(crate) fn setting_name<'a>(item: &At<'a>) -> Option<(String, At<'a>)> {
    let named_by = item.get("property")?;
    let Value::String(name) = &named_by.node.value else { return None };
    let is_ours = item.text("vendor").is_some_and(|vendor| vendor.eq_ignore_ascii_case(VENDOR));
    match name.strip_prefix(PREFIX) {
        Some(bare) => Some((bare.to_owned(), named_by)),
        None if is_ours => Some((name.to_string(), named_by)),
        None => None,
    }
}

fn time_paths(properties: &[Property], prefix: &str, paths: &mut Vec<String>) {
    for property in properties {
        match &property.logical_type {
            LogicalType::Date { .. } | LogicalType::Timestamp { .. } => paths.push(format!("{prefix}{}", property.name)),
            LogicalType::Object { properties, .. } => time_paths(properties, &format!("{prefix}{}.", property.name), paths),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SETTINGS, kill_switches};

    /// The same of the settings of a whole contract.
    #[test]
    fn the_schema_of_the_contract_settings_names_all_of_them() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../schemas/formats/contract-settings.schema.json");
        let schema = std::fs::read_to_string(path).unwrap();
        for name in kill_switches::SETTINGS {
            assert!(schema.contains(&format!("\n    \"{name}\": {{")), "{name}");
        }
        assert_eq!(schema.matches("\n    \"").count(), kill_switches::SETTINGS.len());
    }

    /// The format that others read names the same settings.
    #[test]
    fn the_schema_of_the_settings_names_all_of_them() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../schemas/formats/object-settings.schema.json");
        let schema = std::fs::read_to_string(path).unwrap();
        let (properties, _) = schema.split_once("\"$defs\"").unwrap();
        for name in SETTINGS {
            assert!(properties.contains(&format!("\n    \"{name}\": {{")), "{name}");
        }
        assert_eq!(properties.matches("\n    \"").count(), SETTINGS.len());
    }
}
