//! Settings of an object that rows say nothing about.

use tidegate_contract::model::{ObjectSettings, UnknownFields};

use super::text;

/// Settings that decide about events, are not in the rows, and differ.
pub(super) fn differences(old: &ObjectSettings, new: &ObjectSettings) -> Vec<String> {
    let mut undecided = Vec::new();
    let mut differ = |name: &str, differs: bool| {
        if differs {
            undecided.push(format!("setting `{name}`"));
        }
    };
    differ(
        "unknownFields",
        new.unknown_fields == UnknownFields::Fail && old.unknown_fields != UnknownFields::Fail,
    );
    differ("encodings", old.encodings.iter().any(|one| !new.encodings.contains(one)));
    differ("key", new.key.is_some() && text(&old.key) != text(&new.key));
    differ(
        "requiredHeaders",
        !new.required_headers.is_empty() && text(&old.required_headers) != text(&new.required_headers),
    );
    differ(
        "eventSchema",
        new.event_schema.is_some() && text(&old.event_schema) != text(&new.event_schema),
    );
    differ("discriminator", text(&old.discriminator) != text(&new.discriminator));
    differ("dataSchemas", text(&old.data_schemas) != text(&new.data_schemas));
    differ("schemaIds", text(&old.schema_ids) != text(&new.schema_ids));
    let written = |settings: &ObjectSettings| {
        text(&(
            (settings.cdc, settings.decimals, settings.times, settings.binary),
            (
                &settings.protobuf_message,
                &settings.protobuf_schema,
                &settings.unavailable_placeholder,
                &settings.before_image,
            ),
            (&settings.add_fields_prefix, &settings.add_headers_prefix),
        ))
    };
    differ("cdc", written(old) != written(new));
    undecided
}
