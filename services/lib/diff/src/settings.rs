//! Settings of ours that an object has beside the standard's clauses: how events are written, and where their rows go.

use tidegate_contract::SchemaObject;
use tidegate_contract::model::{CdcFormat, Encoding, ObjectSettings, UnknownFields};

use crate::change::{Grade, Reach};
use crate::compare::{Said, Walk};
use crate::semver::Bump;

// === impl Walk ===

impl Walk<'_> {
    pub(crate) fn settings(&mut self, old: &SchemaObject, new: &SchemaObject) {
        let (before, now) = (&old.settings, &new.settings);
        self.encodings(old, new);
        if before.cdc != now.cdc {
            let sentence = format!("events are {}; they were {}", change_format(now.cdc), change_format(before.cdc));
            self.setting("cdc", Said::values("cdc", "", Grade::Both, sentence).bump(Bump::Major), old, new);
        }
        if before.unknown_fields != now.unknown_fields {
            self.unknown_fields(old, new);
        }
        self.lake_settings(old, new);
        self.connector_settings(old, new);
        self.event_schema(old, new);
    }

    /// Says a change at the setting of that name on both sides.
    pub(crate) fn setting(&mut self, name: &str, said: Said, old: &SchemaObject, new: &SchemaObject) {
        let pointers = (setting_pointer(self.old, old, name), setting_pointer(self.new, new, name));
        self.say(said.at(pointers.0, pointers.1));
    }

    fn encodings(&mut self, old: &SchemaObject, new: &SchemaObject) {
        let of = |settings: &ObjectSettings| match settings.encodings.as_slice() {
            [] => vec![Encoding::Json],
            listed => listed.to_vec(),
        };
        let (before, now) = (of(&old.settings), of(&new.settings));
        if before == now {
            return;
        }
        let missing = |these: &[Encoding], those: &[Encoding]| -> Vec<Encoding> {
            these.iter().copied().filter(|one| !those.contains(one)).collect()
        };
        let (gone, come) = (missing(&before, &now), missing(&now, &before));
        let names = |list: &[Encoding]| list.iter().map(|encoding| format!("{encoding:?}")).collect::<Vec<_>>().join(", ");
        let mut parts = Vec::new();
        if !come.is_empty() {
            parts.push(format!("events may be {} from now on", names(&come)));
        }
        if !gone.is_empty() {
            parts.push(format!("events that are {} are refused", names(&gone)));
        }
        // Headers decide before bytes, and a CloudEvent is opened before anything else is tried: where they come or go, records that were
        // read in one way are read in another.
        let by_header = |encoding: &Encoding| {
            matches!(
                encoding,
                Encoding::CloudEvents
                    | Encoding::CloudEventsAvro
                    | Encoding::CloudEventsProtobuf
                    | Encoding::Avro
                    | Encoding::ConfluentProtobuf
                    | Encoding::ConfluentJson
                    | Encoding::ApicurioAvro
                    | Encoding::ApicurioJson
            )
        };
        let grade = match (gone.is_empty(), come.is_empty()) {
            (true, true) => Grade::None,
            (true, false) if come.iter().any(by_header) => Grade::Undetermined,
            (true, false) => Grade::Loosens,
            (false, true) if gone.iter().any(by_header) => Grade::Undetermined,
            (false, true) => Grade::Tightens,
            (false, false) => Grade::Both,
        };
        let said = match grade {
            Grade::None => Said::text("encodings", "", "encodings stand in another order, which decides nothing"),
            grade => {
                let consumers = Grade::of(come.is_empty(), gone.is_empty());
                // A reader of the topic must learn what comes; `of` is turned, since it speaks of sets that grow.
                let consumers = match consumers {
                    Grade::Loosens => Grade::Tightens,
                    Grade::Tightens => Grade::Loosens,
                    both => both,
                };
                Said::values("encodings", "", grade, parts.join("; "))
                    .consumers(consumers)
                    .bump(Bump::Major)
            }
        };
        self.setting("encodings", said, old, new);
    }

    fn unknown_fields(&mut self, old: &SchemaObject, new: &SchemaObject) {
        let (before, now) = (old.settings.unknown_fields, new.settings.unknown_fields);
        let said = match (before, now) {
            (_, UnknownFields::Fail) => Said::values(
                "unknownFields",
                "",
                Grade::Tightens,
                "events with a field that is not declared are refused",
            ),
            (UnknownFields::Fail, _) => Said::values(
                "unknownFields",
                "",
                Grade::Loosens,
                "events may have fields that are not declared; they were refused",
            ),
            (_, UnknownFields::Warn) => {
                let sentence = "events with a field that is not declared pass with a warning";
                Said::values("unknownFields", "", Grade::None, sentence)
                    .consumers(Grade::Tightens)
                    .bump(Bump::Minor)
            }
            (_, UnknownFields::Ignore) => {
                let sentence = "nobody is warned of fields that are not declared any more";
                Said::values("unknownFields", "", Grade::None, sentence)
                    .consumers(Grade::Loosens)
                    .bump(Bump::Minor)
            }
        };
        self.setting("unknownFields", said, old, new);
    }

    fn lake_settings(&mut self, old: &SchemaObject, new: &SchemaObject) {
        let (before, now) = (&old.settings, &new.settings);
        if before.event_time != now.event_time {
            let by = |path: &Option<std::sync::Arc<str>>| {
                path.as_ref()
                    .map_or_else(|| "the record's timestamp".to_owned(), |path| format!("`{path}`"))
            };
            let sentence = format!(
                "rows are sorted into days by {}; they were by {}",
                by(&now.event_time),
                by(&before.event_time)
            );
            let said = Said::promise("eventTime", "", Grade::Both, sentence)
                .bump(Bump::Major)
                .reach(Reach::Judge);
            self.setting("eventTime", said, old, new);
        }
        if before.lake_bucket != now.lake_bucket {
            let sentence = format!(
                "folders of the lake are cut by {:?}; they were by {:?}",
                now.lake_bucket, before.lake_bucket
            )
            .to_lowercase();
            let said = Said::promise("lakeBucket", "", Grade::Both, sentence)
                .bump(Bump::Major)
                .reach(Reach::Judge);
            self.setting("lakeBucket", said, old, new);
        }
    }

    /// How the capturing system writes columns; another reading of the same bytes.
    fn connector_settings(&mut self, old: &SchemaObject, new: &SchemaObject) {
        let (before, now) = (&old.settings, &new.settings);
        let changed = [
            ("decimals", before.decimals != now.decimals),
            ("times", before.times != now.times),
            ("binary", before.binary != now.binary),
            (
                "unavailablePlaceholder",
                before.unavailable_placeholder != now.unavailable_placeholder,
            ),
            ("addFieldsPrefix", before.add_fields_prefix != now.add_fields_prefix),
            ("addHeadersPrefix", before.add_headers_prefix != now.add_headers_prefix),
            ("beforeImage", before.before_image != now.before_image),
            ("protobufMessage", before.protobuf_message != now.protobuf_message),
            ("protobufSchema", before.protobuf_schema != now.protobuf_schema),
        ];
        for (name, _) in changed.into_iter().filter(|(_, changed)| *changed) {
            let idle = !name.starts_with("protobuf") && before.cdc.is_none() && now.cdc.is_none();
            let said = match idle {
                true => Said::text(name, "", format!("`{name}` has another value, which decides nothing without `cdc`")),
                false => Said::values(
                    name,
                    "",
                    Grade::Undetermined,
                    format!("`{name}` has another value: the same bytes are read as other values"),
                ),
            };
            self.setting(name, said, old, new);
        }
    }

    fn event_schema(&mut self, old: &SchemaObject, new: &SchemaObject) {
        let said = match (&old.settings.event_schema, &new.settings.event_schema) {
            (None, None) => return,
            (None, Some(schema)) => {
                let sentence = format!("events must also be valid by `schemas/{}`", schema.path);
                Said::values("eventSchema", "", Grade::Tightens, sentence)
            }
            (Some(schema), None) => {
                let sentence = format!("events need not be valid by `schemas/{}` any more", schema.path);
                Said::values("eventSchema", "", Grade::Loosens, sentence)
            }
            (Some(before), Some(now)) => {
                let same_name = before.path == now.path && before.message == now.message;
                match (schema_files(self.old, old, false), schema_files(self.new, new, false)) {
                    (Some(from), Some(to)) if from == to => {
                        if same_name {
                            return;
                        }
                        Said::text("eventSchema", "", "the event schema has another name and the same text")
                    }
                    (Some(_), Some(_)) => {
                        let sentence = format!("what `schemas/{}` allows is not what `schemas/{}` allowed", now.path, before.path);
                        Said::values("eventSchema", "", Grade::Undetermined, sentence)
                    }
                    _ if same_name && before.text() == now.text() => return,
                    _ => {
                        let sentence = format!("`schemas/{}` or what stood in its place cannot be compiled", now.path);
                        Said::values("eventSchema", "", Grade::Undetermined, sentence)
                    }
                }
            }
        };
        self.setting("eventSchema", said, old, new);
    }
}

/// Hashes of every file that takes part in judging by the event schema of values, or of keys; the schema itself may lie anywhere.
pub(crate) fn schema_files(contract: &tidegate_contract::Contract, object: &SchemaObject, of_key: bool) -> Option<Vec<String>> {
    let at = contract.objects.iter().position(|other| std::ptr::eq(other, object))?;
    let plan = tidegate_check::compile(contract, at).ok()?;
    let files = if of_key {
        plan.key_schema_files()
    } else {
        plan.event_schema.as_ref()?.0.files()
    };
    Some(files.iter().map(|(_, sha256)| sha256.clone()).collect())
}

/// Pointer of one of our settings; where it is not written, of the object.
pub(crate) fn setting_pointer(contract: &tidegate_contract::Contract, object: &SchemaObject, name: &str) -> String {
    let holder = format!("{}/customProperties", object.location.pointer);
    custom_property(contract, &holder, name).unwrap_or(format!("{holder}/-"))
}

/// Pointer of the value of one of our settings in a list of custom properties.
pub(crate) fn custom_property(contract: &tidegate_contract::Contract, holder: &str, name: &str) -> Option<String> {
    let list = contract.document.at_pointer(holder)?;
    let tidegate_contract::yaml::Value::Sequence(items) = &list.value else {
        return None;
    };
    let at = items.iter().position(|item| {
        let property = item.get("property").and_then(|node| node.as_str()).unwrap_or_default();
        property.strip_prefix("tidegate.").unwrap_or(property) == name
    })?;
    Some(format!("{holder}/{at}/value"))
}

fn change_format(cdc: Option<CdcFormat>) -> &'static str {
    match cdc {
        None => "plain events",
        Some(CdcFormat::Debezium) => "changes as Debezium writes them",
        Some(CdcFormat::DebeziumFlat) => "changes as Debezium writes them, flattened",
        Some(CdcFormat::DebeziumMongodb) => "changes of MongoDB as Debezium writes them",
        Some(CdcFormat::Dms) => "changes as AWS DMS writes them",
        Some(CdcFormat::Maxwell) => "changes as Maxwell writes them",
    }
}
