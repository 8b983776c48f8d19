//! Settings of ours: objects, contracts, encodings.

use super::*;

#[test]
fn settings() {
    let object = |properties: &str| {
        format!(
            "{HEAD}schema:\n  - name: o\n    physicalType: topic\n    customProperties:\n{properties}    properties:\n      \
             - {{name: at, logicalType: timestamp, primaryKey: true}}\n      - {{name: m, logicalType: object, properties: [{{name: at, logicalType: date}}]}}\n"
        )
    };
    let lines = |lines: &[&str]| object(&lines.iter().map(|line| format!("      - {line}\n")).collect::<String>());
    let text = lines(&[
        "{property: encodings, vendor: tidegate, value: [avro, json]}",
        "{property: cdc, vendor: Tidegate, value: debeziumFlat}",
        "{property: tidegate.eventTime, value: m.at}",
        "{property: lakeBucket, vendor: tidegate, value: hour}",
        "{property: times, vendor: tidegate, value: adaptive_time_microseconds}",
        "{property: eventTime, vendor: other, value: {kept: true}}",
        "{property: whatever, value: 1}",
    ]);
    let contract = good(&text);
    let settings = &contract.objects[0].settings;
    assert_eq!(settings.encodings, [Encoding::Avro, Encoding::Json]);
    assert_eq!(
        (settings.cdc, settings.event_time.as_deref()),
        (Some(CdcFormat::DebeziumFlat), Some("m.at"))
    );
    assert_eq!(
        (settings.lake_bucket, settings.times),
        (LakeBucket::Hour, TimeMode::AdaptiveTimeMicroseconds)
    );
    assert!(
        contract.document.at_pointer("/schema/0/customProperties/5/value/kept").is_some(),
        "foreign properties are kept"
    );
    let old = lines(&["{property: tidegate.unknownFields, value: fail}"]).replace("v3.2.0", "v3.1.0");
    assert_eq!(good(&old).objects[0].settings.unknown_fields, UnknownFields::Fail);

    for (line, part) in [
        ("{property: evntTime, vendor: tidegate, value: at}", "did you mean `eventTime`?"),
        ("{property: tidegate.bucket, value: at}", "not a setting"),
        ("{property: eventTime, vendor: tidegate, value: m.art}", "did you mean `m.at`?"),
        ("{property: eventTime, vendor: tidegate, value: m}", "no date or timestamp"),
        ("{property: cdc, vendor: tidegate, value: debezum}", "did you mean `debezium`?"),
        (
            "{property: encodings, vendor: tidegate, value: [json, glu-avro]}",
            "did you mean `glue-avro`?",
        ),
        ("{property: encodings, vendor: tidegate, value: []}", "lists none"),
        ("{property: lakeBucket, vendor: tidegate, value: 5}", "takes text"),
        ("{property: lakeBucket, vendor: tidegate}", "no value"),
    ] {
        one_error(&lines(&[line]), &[part]);
    }
    let twice = lines(&[
        "{property: cdc, vendor: tidegate, value: debezium}",
        "{property: tidegate.cdc, value: debezium}",
    ]);
    one_error(&twice, &["written twice", "line 10"]);
    property_error(
        "{name: a, logicalType: boolean, customProperties: [{property: tidegate.cdc, value: debezium}]}",
        &["does not belong here"],
    );
    one_error(
        &format!("{HEAD}customProperties: [{{property: cdc, vendor: tidegate, value: debezium}}]\n"),
        &["does not belong here"],
    );
}

#[test]
fn change_objects_need_keys_and_scales() {
    let text = format!(
        "{HEAD}schema:\n  - name: o\n    physicalType: topic\n    customProperties: [{{property: cdc, vendor: tidegate, value: debezium}}]\n    \
         properties:\n      - {{name: n, logicalType: number}}\n"
    );
    let warnings = said(&text, Level::Warning);
    assert!(
        warnings.len() == 2 && warnings.iter().any(|one| one.contains("primary key")),
        "{warnings:#?}"
    );
    assert!(warnings.iter().any(|one| one.contains("the scale of `n`")), "{warnings:#?}");
}

#[test]
fn encodings_that_would_be_guessed_are_refused() {
    let object = |properties: &[&str]| {
        let lines: String = properties.iter().map(|line| format!("      - {line}\n")).collect();
        format!(
            "{HEAD}schema:\n  - name: o\n    physicalType: topic\n    customProperties:\n{lines}    properties:\n      \
             - {{name: at, logicalType: timestamp, primaryKey: true}}\n"
        )
    };
    let encodings = |list: &str| format!("{{property: encodings, vendor: tidegate, value: [{list}]}}");
    let message = "{property: protobufMessage, vendor: tidegate, value: shop.Order}";
    let schema = "{property: protobufSchema, vendor: tidegate, value: shop/order.proto}";
    for (list, part) in [
        ("avro, confluent-protobuf", "both have Confluent's prefix"),
        ("json, confluent-json, confluent-avro", "both have Confluent's prefix"),
        ("confluent-avro, avro", "listed twice"),
        ("avro, apicurio-avro", "4 or 8 bytes"),
        ("apicurio-json, apicurio-avro", "Apicurio's prefix"),
        ("glue-avro, glue-protobuf", "both have Glue's prefix"),
        ("cloudevents-avro, json, cloudevents-protobuf", "`content-type` may be missing"),
    ] {
        one_error(&object(&[&encodings(list)]), &[part]);
    }
    one_error(
        &object(&[&encodings("json, protobuf"), message, schema]),
        &["cannot be told from `json`"],
    );
    one_error(&object(&[&encodings("protobuf"), schema]), &["`protobufMessage` is missing"]);
    one_error(&object(&[&encodings("protobuf"), message]), &["`protobufSchema` is missing"]);
    let named = "{property: eventSchema, vendor: tidegate, value: 'shop/order.proto#shop.Order'}";
    good(&object(&[&encodings("protobuf"), named]));
    let twice = object(&[&encodings("protobuf"), named, message, schema]);
    let twice = errors(&twice);
    assert_eq!(twice.len(), 2, "one for each: {twice:?}");
    assert!(twice.iter().all(|one| one.contains("`eventSchema` says already")), "{twice:?}");
    let json = "{property: eventSchema, vendor: tidegate, value: order.json}";
    assert_eq!(
        errors(&object(&[&encodings("protobuf"), json])).len(),
        2,
        "a JSON Schema names no message"
    );
    let ids = |encoding: &str, ids: &str| {
        object(&[
            &encodings(encoding),
            &format!("{{property: schemaIds, vendor: tidegate, value: {ids}}}"),
        ])
    };
    let many = good(&ids("avro, glue-json", "[7, 'glue:00112233445566778899aabbccddeeff']"));
    assert_eq!(many.objects[0].settings.schema_ids.len(), 2);
    one_error(&ids("avro", "[7, 7]"), &["listed twice"]);
    for bad in ["-1", "4294967296", "'7'", "'glue:7'", "true"] {
        one_error(&ids("avro", bad), &["no schema id", "`glue:<uuid>`"]);
    }
    for (encoding, id, warnings) in [
        ("avro", "7", 0),
        ("avro", "'global:7'", 1),
        ("apicurio-avro", "'global:7'", 0),
        ("apicurio-json", "[7, 'content:8']", 1),
        ("json", "7", 1),
    ] {
        let said = said(&ids(encoding, id), Level::Warning);
        let never = said.iter().filter(|one| one.contains("never occurs")).count();
        assert_eq!(never, warnings, "{encoding} {id}: {said:?}");
    }
    let by_name = "{property: discriminator, vendor: tidegate, value: {from: record-name, value: shop.Order}}";
    good(&object(&[&encodings("glue-protobuf"), by_name]));
    one_error(
        &object(&[&encodings("confluent-json"), by_name]),
        &["needs `encodings` with Avro or Protobuf"],
    );
    for bad in ["../x.proto", "/x.proto", "a//b.proto", "x.avsc", ".x.proto", "C:\\x.proto"] {
        let schema = format!("{{property: protobufSchema, vendor: tidegate, value: '{bad}'}}");
        one_error(
            &object(&[&encodings("protobuf"), message, &schema]),
            &["not the name of a schema file"],
        );
    }
    let change = "{property: cdc, vendor: tidegate, value: debezium}";
    one_error(
        &object(&[&encodings("confluent-protobuf"), change]),
        &["change events are not read from"],
    );
    let contract = good(&object(&[&encodings("Glue-Avro, avro, cloudevents, protobuf"), message, schema]));
    let settings = &contract.objects[0].settings;
    assert_eq!(
        settings.encodings,
        [Encoding::GlueAvro, Encoding::Avro, Encoding::CloudEvents, Encoding::Protobuf]
    );
    assert_eq!(settings.protobuf_schema.as_deref(), Some("shop/order.proto"));
}

#[test]
fn what_happens_behind_a_failure_is_a_setting_of_the_contract() {
    let contract = |settings: &str| {
        format!("{HEAD}customProperties: [{settings}]\nschema:\n  - {{name: o, properties: [{{name: a, logicalType: boolean}}]}}\n")
    };
    let word = |word: &str| format!("{{property: onFailure, vendor: tidegate, value: {word}}}");
    assert_eq!(good(&contract("")).on_failure, OnFailure::Continue);
    for (text, expected) in [
        ("continue", OnFailure::Continue),
        ("hold_key", OnFailure::HoldKey),
        ("holdKey", OnFailure::HoldKey),
        ("stop", OnFailure::Stop),
    ] {
        assert_eq!(good(&contract(&word(text))).on_failure, expected, "{text}");
    }
    assert_eq!(
        good(&contract("{property: tidegate.onFailure, value: stop}")).on_failure,
        OnFailure::Stop
    );
    one_error(&contract(&word("halt")), &["not a value of this setting", "stop"]);
    one_error(&contract(&(word("stop") + "," + &word("stop"))), &["written twice"]);
    one_error(&contract("{property: onFailure, vendor: tidegate}"), &["has no value"]);
    one_error(
        &contract("{property: cdc, vendor: tidegate, value: dms}"),
        &["only `killSwitches` and `onFailure`"],
    );
    let inside = with_properties("{name: a, logicalType: boolean}") + "    customProperties: [" + &word("stop") + "]\n";
    one_error(&inside, &["`onFailure` is a setting of the whole contract", "top level"]);
}
