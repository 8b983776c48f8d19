//! Which encodings of values there are, and which of them cannot stand beside each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Reader;
use crate::codes;
use crate::event_schema::{EventSchema, EventSchemaKind};
use crate::model::{Encoding, ObjectSettings};
use crate::problems::quoted;
use crate::yaml::At;

/// Names in contracts; the first name of an encoding is the one that is shown.
pub(super) const NAMES: &[(&str, Encoding)] = &[
    ("json", Encoding::Json),
    ("avro", Encoding::Avro),
    ("confluent-avro", Encoding::Avro),
    ("confluent-protobuf", Encoding::ConfluentProtobuf),
    ("confluent-json", Encoding::ConfluentJson),
    ("glue-avro", Encoding::GlueAvro),
    ("glue-protobuf", Encoding::GlueProtobuf),
    ("glue-json", Encoding::GlueJson),
    ("apicurio-avro", Encoding::ApicurioAvro),
    ("apicurio-json", Encoding::ApicurioJson),
    ("protobuf", Encoding::Protobuf),
    ("cloudevents", Encoding::CloudEvents),
    ("cloudevents-json", Encoding::CloudEvents),
    ("cloudevents-avro", Encoding::CloudEventsAvro),
    ("cloudevents-protobuf", Encoding::CloudEventsProtobuf),
];

/// By what a reader knows an encoding. Two of the same cannot be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// 0x00 or 0x01.
    Confluent,
    /// 0x00, or headers of its own.
    Apicurio,
    /// 0x03.
    Glue,
    /// No control character.
    Text,
    /// A tag, from 0x08 on.
    Tag,
    /// Headers, and JSON inside.
    CloudText,
    /// Headers, and Confluent's frame inside.
    CloudConfluent,
}

/// The name of an encoding.
pub(super) fn name(encoding: Encoding) -> &'static str {
    NAMES.iter().find(|(_, other)| *other == encoding).map_or("", |(name, _)| name)
}

/// The listed encoding that a further one cannot be told from, and why.
pub(super) fn clash(listed: &[Encoding], further: Encoding) -> Option<(Encoding, &'static str)> {
    listed.iter().find_map(|other| {
        let why = match (mark(*other), mark(further)) {
            (Mark::Confluent, Mark::Confluent) => "both have Confluent's prefix, which does not say what follows",
            (Mark::Confluent, Mark::Apicurio) | (Mark::Apicurio, Mark::Confluent) => {
                "both begin with 0x00, and neither says whether 4 or 8 bytes of id follow"
            }
            (Mark::Apicurio, Mark::Apicurio) => "both have Apicurio's prefix or headers, which do not say what follows",
            (Mark::Glue, Mark::Glue) => "both have Glue's prefix, which does not say what follows",
            (Mark::Text, Mark::Tag) | (Mark::Tag, Mark::Text) => "a Protobuf message may begin with any character that JSON may begin with",
            (Mark::CloudConfluent, Mark::CloudConfluent) => "both have Confluent's prefix inside, and `content-type` may be missing",
            _ => return None,
        };
        Some((*other, why))
    })
}

fn mark(encoding: Encoding) -> Mark {
    match encoding {
        Encoding::Json => Mark::Text,
        Encoding::Avro | Encoding::ConfluentProtobuf | Encoding::ConfluentJson => Mark::Confluent,
        Encoding::GlueAvro | Encoding::GlueProtobuf | Encoding::GlueJson => Mark::Glue,
        Encoding::ApicurioAvro | Encoding::ApicurioJson => Mark::Apicurio,
        Encoding::Protobuf => Mark::Tag,
        Encoding::CloudEvents => Mark::CloudText,
        Encoding::CloudEventsAvro | Encoding::CloudEventsProtobuf => Mark::CloudConfluent,
    }
}

fn is_for_changes(encoding: Encoding) -> bool {
    !matches!(
        encoding,
        Encoding::ConfluentProtobuf
            | Encoding::GlueProtobuf
            | Encoding::Protobuf
            | Encoding::CloudEvents
            | Encoding::CloudEventsAvro
            | Encoding::CloudEventsProtobuf
    )
}

// === impl Reader ===

impl Reader<'_> {
    /// What the settings must be together. `seen` has the line of each.
    pub(super) fn check_encodings(&mut self, at: &At<'_>, settings: &ObjectSettings, seen: &BTreeMap<String, u32>) {
        if settings.cdc.is_some()
            && let Some(encoding) = settings.encodings.iter().find(|encoding| !is_for_changes(**encoding))
        {
            let problem = format!("change events are not read from {}", quoted(name(*encoding)));
            self.problems.error(
                codes::ENCODINGS,
                at.place(),
                problem,
                "use JSON or Avro converters, or remove the setting `cdc`",
            );
        }
        let bare = settings.encodings.contains(&Encoding::Protobuf);
        let is_message = |schema: &EventSchema| schema.kind == EventSchemaKind::Protobuf;
        let named = settings.event_schema.as_ref();
        let by_event_schema = named.is_some_and(is_message) || (named.is_none() && seen.contains_key("eventSchema"));
        for (setting, set) in [
            ("protobufMessage", settings.protobuf_message.is_some()),
            ("protobufSchema", settings.protobuf_schema.is_some()),
        ] {
            match (bare, set, seen.get(setting)) {
                (true, _, Some(line)) if named.is_some_and(is_message) => {
                    let problem =
                        format!("`eventSchema` says already which message bare Protobuf is, and so does `{setting}` (line {line})");
                    let help = "keep `eventSchema`, which is of the same commit as the contract, and remove `protobufMessage` and `protobufSchema`";
                    self.problems.error(codes::ENCODINGS, at.place(), problem, help);
                }
                (true, false, None) if by_event_schema => {}
                (true, false, None) => {
                    let problem = format!("`protobuf` has no frame that names its schema, and the setting `{setting}` is missing");
                    let help = "write `eventSchema: order.proto#shop.Order`, or `protobufMessage` and `protobufSchema`, or use `confluent-protobuf`";
                    self.problems.error(codes::ENCODINGS, at.place(), problem, help);
                }
                (false, _, Some(line)) => {
                    let problem = format!("the setting `{setting}` (line {line}) has no effect without the encoding `protobuf`");
                    self.problems
                        .warning(codes::SETTING, at.place(), problem, "add `protobuf` to `encodings`, or remove it");
                }
                _ => {}
            }
        }
    }

    /// The name of a schema file: relative, inside of the folder that holds them.
    pub(super) fn read_schema_file(&mut self, value: &At<'_>) -> Option<Arc<str>> {
        let text = self.setting_text(value)?;
        let plain = |part: &str| {
            !part.starts_with('.') && !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        };
        let known = [".proto", ".binpb", ".desc", ".pb"].iter().any(|ending| text.ends_with(ending));
        if text.split('/').all(plain) && known {
            return Some(text);
        }
        let help = "write a path inside of the folder of schema files, such as `shop/order.proto` or `shop/order.binpb`".to_owned();
        self.setting_error(value, format!("{} is not the name of a schema file", quoted(&text)), help);
        None
    }
}
