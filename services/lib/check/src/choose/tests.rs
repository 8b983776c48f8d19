use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tidegate_contract::{ContractFile, Snapshot};

use super::*;
use crate::input::Known;

struct NoSchemas;

impl SchemaLookup for NoSchemas {
    fn lookup(&self, _: &SchemaNeed) -> Known {
        Known::NotCached
    }
}

/// The schema `shop.Order` under id 1.
struct Order;

impl SchemaLookup for Order {
    fn lookup(&self, need: &SchemaNeed) -> Known {
        let text = r#"{"type": "record", "namespace": "shop", "name": "Order", "fields": [{"name": "kind", "type": "string"}]}"#;
        match need {
            SchemaNeed::Id(1) => Known::Avro(Arc::new(tidegate_codec::avro::Schema::parse(text, &[]).unwrap())),
            SchemaNeed::Id(2) => Known::Unknown,
            _ => Known::NotCached,
        }
    }
}

/// Id, version, status, objects with their settings.
type Version<'a> = (&'a str, &'a str, &'a str, &'a [(&'a str, &'a str)]);

/// Contracts `id version status` with objects `name` and settings (YAML lines of `customProperties`), all on topic `t`.
fn binding(contracts: &[Version<'_>]) -> Binding {
    binding_with(contracts, &[]).unwrap_or_else(|errors| panic!("{errors}"))
}

/// As [`binding`], with files under `schemas/`; the error is what the snapshot says.
fn binding_with(contracts: &[Version<'_>], schemas: &[(&str, &str)]) -> Result<Binding, String> {
    let mut files: Vec<ContractFile> = contracts
        .iter()
        .map(|(id, version, status, objects)| {
            let mut text = format!("apiVersion: v3.2.0\nkind: DataContract\nid: {id}\nversion: {version}\nstatus: {status}\nschema:\n");
            for (name, settings) in *objects {
                text += &format!(
                    "  - name: {name}\n    physicalName: t\n    physicalType: topic\n    properties: [{{name: a, logicalType: boolean}}]\n"
                );
                if !settings.is_empty() {
                    text += &format!("    customProperties: [{settings}]\n");
                }
            }
            ContractFile {
                path: format!("{id}-{version}.odcs.yaml").into(),
                text,
            }
        })
        .collect();
    files.extend(schemas.iter().map(|(path, text)| ContractFile {
        path: format!("schemas/{path}").into(),
        text: (*text).to_owned(),
    }));
    let snapshot = Snapshot::build("c", &files).map_err(|errors| tidegate_contract::render_lines(&errors))?;
    Ok(snapshot.0.bindings["t"].clone())
}

/// `id@version/object`, with `+shadow`; or the refusal.
fn chosen(binding: &Binding, headers: &[(&str, &str)], value: Option<&[u8]>, schemas: &dyn SchemaLookup) -> String {
    let headers: Vec<(&str, Option<&[u8]>)> = headers.iter().map(|(name, text)| (*name, Some(text.as_bytes()))).collect();
    let input = Input {
        key: Some(b"k"),
        value,
        headers: &headers,
        now: 0,
    };
    let name = |bound: &BoundObject| format!("{}/{}", bound.contract.reference(), bound.object().name);
    match Chooser::new(binding.clone()).choose(&input, schemas) {
        Choice::Bound { bound, shadow } => name(bound) + &shadow.map(|shadow| format!("+{}", name(shadow))).unwrap_or_default(),
        Choice::Refused { reason, detail, clause } => format!("{} {:?} {clause}", reason.as_str(), detail.map(Detail::as_str)),
        Choice::Need(need) => format!("{need:?}"),
    }
}

fn setting(name: &str, value: &str) -> String {
    format!("{{vendor: tidegate, property: {name}, value: {value}}}")
}

const PLAIN: &[(&str, &str)] = &[("o", "")];

#[test]
fn the_declared_version_goes_before_the_default() {
    let binding = binding(&[
        ("a", "1.0.0", "deprecated", PLAIN),
        ("a", "1.1.0", "active", PLAIN),
        ("a", "2.0.0", "active", PLAIN),
        ("a", "0.9.0", "retired", PLAIN),
    ]);
    let by = |claim: &str| chosen(&binding, &[(CONTRACT_HEADER, claim)], Some(b"{}"), &NoSchemas);
    assert_eq!(chosen(&binding, &[], Some(b"{}"), &NoSchemas), "a@2.0.0/o");
    assert_eq!(by("a@1.0.0"), "a@1.0.0/o");
    assert_eq!(by("a@1"), "a@1.1.0/o", "the newest of a major");
    assert_eq!(by("a@0.9.0"), "a@0.9.0/o", "retired: the verdict says so");
    for unknown in ["a@1.2.0", "b@1.0.0", "a@3", "a", ""] {
        assert_eq!(by(unknown), "unplanned_event None data-contract", "{unknown}");
    }
    let twice = [(CONTRACT_HEADER, "a@2.0.0"), (CONTRACT_HEADER, "a@1.0.0")];
    assert_eq!(
        chosen(&binding, &twice, Some(b"{}"), &NoSchemas),
        "a@1.0.0/o",
        "the last one counts"
    );
}

#[test]
fn naming_a_proposed_version_is_no_way_around_the_enforced_one() {
    let both = binding(&[("a", "1.0.0", "active", PLAIN), ("a", "2.0.0", "proposed", PLAIN)]);
    let by = |binding: &Binding, claim: &str| chosen(binding, &[(CONTRACT_HEADER, claim)], Some(b"{}"), &NoSchemas);
    assert_eq!(by(&both, "a@2.0.0"), "a@1.0.0/o+a@2.0.0/o");
    assert_eq!(by(&both, "a@1.0.0"), "a@1.0.0/o+a@2.0.0/o");
    let alone = binding(&[("a", "2.0.0", "proposed", PLAIN)]);
    assert_eq!(by(&alone, "a@2.0.0"), "a@2.0.0/o");
}

#[test]
fn dataschema_and_schema_id_name_a_version() {
    let old = setting("dataSchemas", "'https://s/1'") + "," + &setting("schemaIds", "[7, 8]") + "," + &setting("encodings", "avro");
    let new = setting("dataSchemas", "['https://s/2']") + "," + &setting("encodings", "avro");
    let (old, new) = ([("o", old.as_str())], [("o", new.as_str())]);
    let binding = binding(&[("a", "1.0.0", "active", &old), ("a", "2.0.0", "active", &new)]);
    let by = |uri: &str| chosen(&binding, &[("ce_dataschema", uri)], Some(b"{}"), &NoSchemas);
    assert_eq!((by("https://s/1"), by("https://s/2")), ("a@1.0.0/o".into(), "a@2.0.0/o".into()));
    assert_eq!(by("https://s/3"), "unplanned_event None dataschema");
    for unreadable in [None, Some(&b"\xff"[..])] {
        let input = Input {
            key: Some(b"k"),
            value: Some(b"{}"),
            headers: &[("ce_dataschema", unreadable)],
            now: 0,
        };
        let refused = matches!(
            Chooser::new(binding.clone()).choose(&input, &NoSchemas),
            Choice::Refused {
                reason: Reason::UnplannedEvent,
                clause: "dataschema",
                ..
            }
        );
        assert!(refused, "a claim that nobody can read is no reason for the default");
    }
    assert_eq!(chosen(&binding, &[], Some(b"\x00\x00\x00\x00\x07x"), &NoSchemas), "a@1.0.0/o");
    assert_eq!(
        chosen(&binding, &[], Some(b"\x00\x00\x00\x00\x09x"), &NoSchemas),
        "a@2.0.0/o",
        "an id that nobody names"
    );
    let both = [(CONTRACT_HEADER, "a@1.0.0"), ("ce_dataschema", "https://s/2")];
    assert_eq!(
        chosen(&binding, &both, Some(b"{}"), &NoSchemas),
        "a@1.0.0/o",
        "the declared version goes first"
    );
    let structured = [("Content-Type", "x"), ("content-type", "Application/CloudEvents+json")];
    let value: &[u8] = br#"{"type": "t", "dataschema": "https://s/1", "data": {}}"#;
    assert_eq!(chosen(&binding, &structured, Some(value), &NoSchemas), "a@1.0.0/o");
}

#[test]
fn types_of_events_by_header() {
    let (placed, sent) = (
        setting("discriminator", "{from: header, name: kind, value: placed}"),
        setting("discriminator", "{from: header, name: kind, value: sent}"),
    );
    let closed = binding(&[("a", "1.0.0", "active", &[("placed", &placed), ("sent", &sent)])]);
    let by = |binding: &Binding, kind: &str| chosen(binding, &[("kind", kind)], None, &NoSchemas);
    assert_eq!(by(&closed, "placed"), "a@1.0.0/placed");
    assert_eq!(by(&closed, "sent"), "a@1.0.0/sent");
    assert_eq!(by(&closed, "Sent"), "unplanned_event None discriminator");
    assert_eq!(chosen(&closed, &[], Some(b"{}"), &NoSchemas), "unplanned_event None discriminator");
    assert_eq!(
        chosen(&closed, &[(CONTRACT_HEADER, "a@1.0.0"), ("kind", "sent")], Some(b"{}"), &NoSchemas),
        "a@1.0.0/sent",
        "a version of two types is told by the discriminator"
    );
    let open = binding(&[("a", "1.0.0", "active", &[("placed", &placed), ("rest", "")])]);
    assert_eq!(
        (by(&open, "placed"), by(&open, "x")),
        ("a@1.0.0/placed".into(), "a@1.0.0/rest".into())
    );
}

#[test]
fn types_of_events_by_pointer() {
    let at = |value: &str| setting("discriminator", &format!("{{from: pointer, name: /meta/kinds/1, value: {value}}}"));
    let (one, two) = (at("one"), at("2"));
    let binding = binding(&[("a", "1.0.0", "active", &[("one", &one), ("two", &two)])]);
    let by = |value: &str| chosen(&binding, &[], Some(value.as_bytes()), &NoSchemas);
    assert_eq!(
        by(r#"{"x": {"meta": 1}, "meta": {"kinds": [{"a": 1}, "one", 3]}, "broken": "#),
        "a@1.0.0/one",
        "not read to the end"
    );
    assert_eq!(by(r#"{"meta": {"kinds": [0, 2]}}"#), "a@1.0.0/two");
    assert_eq!(by(r#"{"meta": {"kinds": [0, "\u006fne"]}}"#), "a@1.0.0/one");
    for nothing in [
        r#"{"meta": {"kinds": [0]}}"#,
        r#"{"meta": 1}"#,
        "[]",
        r#"{"meta": {"kinds": [0, null]}}"#,
        "{}",
    ] {
        assert_eq!(by(nothing), "unplanned_event None discriminator", "{nothing}");
    }
    assert_eq!(by(r#"{"meta": {"#), "undecodable Some(\"truncated\") decode");
    assert_eq!(by("\u{0}"), "unknown_framing Some(\"unknown_framing\") framing");
    assert_eq!(
        chosen(&binding, &[], None, &NoSchemas),
        "unplanned_event None discriminator",
        "a tombstone says nothing"
    );
}

#[test]
fn types_of_events_by_cloudevents_and_record_name() {
    let ce = setting("discriminator", "{from: cloudevents-type, value: com.shop.placed}");
    let events = binding(&[("a", "1.0.0", "active", &[("placed", &ce)])]);
    assert_eq!(
        chosen(&events, &[("ce_type", "com.shop.placed")], Some(b"{}"), &NoSchemas),
        "a@1.0.0/placed"
    );
    let structured = [("content-type", "application/cloudevents+json; charset=utf-8")];
    assert_eq!(
        chosen(&events, &structured, Some(br#"{"type": "com.shop.placed"}"#), &NoSchemas),
        "a@1.0.0/placed"
    );
    // The chooser and the judge must agree on what is structured, however the header is written, and the envelope speaks there.
    for header in [
        ("Content-Type", "application/cloudevents+json"),
        ("content-type", " Application/CloudEvents+json"),
    ] {
        assert_eq!(
            chosen(&events, &[header], Some(br#"{"type": "com.shop.placed"}"#), &NoSchemas),
            "a@1.0.0/placed"
        );
        let forged = [header, ("ce_type", "com.shop.placed")];
        assert_eq!(
            chosen(&events, &forged, Some(br#"{"type": "com.shop.other"}"#), &NoSchemas),
            "unplanned_event None discriminator"
        );
    }
    assert_eq!(
        chosen(&events, &[], Some(br#"{"type": "com.shop.placed"}"#), &NoSchemas),
        "unplanned_event None discriminator",
        "a plain event has no CloudEvents type"
    );
    let record = setting("encodings", "[avro, json]") + "," + &setting("discriminator", "{from: record-name, value: shop.Order}");
    let events = binding(&[("a", "1.0.0", "active", &[("order", &record)])]);
    assert_eq!(chosen(&events, &[], Some(b"\x00\x00\x00\x00\x01\x02x"), &Order), "a@1.0.0/order");
    assert_eq!(
        chosen(&events, &[], Some(b"\x00\x00\x00\x00\x02\x02x"), &Order),
        "registry_schema_unknown Some(\"unknown_schema\") schema"
    );
    assert_eq!(chosen(&events, &[], Some(b"\x00\x00\x00\x00\x03\x02x"), &Order), "Id(3)");
    assert_eq!(chosen(&events, &[], Some(b"{}"), &Order), "unplanned_event None discriminator");
    let pointer = setting("encodings", "avro") + "," + &setting("discriminator", "{from: pointer, name: /kind, value: x}");
    let events = binding(&[("a", "1.0.0", "active", &[("order", &pointer)])]);
    assert_eq!(
        chosen(&events, &[], Some(b"\x00\x00\x00\x00\x01\x02x"), &Order),
        "a@1.0.0/order",
        "a pointer into an Avro value"
    );
}

#[test]
fn types_of_events_by_source_table() {
    let table =
        |value: &str| setting("cdc", "debezium") + "," + &setting("discriminator", &format!("{{from: source-table, value: {value}}}"));
    let (orders, items) = (table("public.orders"), table("shop.public.items"));
    let binding = binding(&[("a", "1.0.0", "active", &[("orders", &orders), ("items", &items)])]);
    let by = |value: &str| chosen(&binding, &[], Some(value.as_bytes()), &NoSchemas);
    let source =
        |table: &str| format!(r#"{{"before": null, "source": {{"db": "shop", "schema": "public", "table": "{table}"}}, "op": "c"}}"#);
    assert_eq!(by(&source("orders")), "a@1.0.0/orders");
    assert_eq!(by(&source("items")), "a@1.0.0/items");
    assert_eq!(by(&source("my_orders")), "unplanned_event None discriminator");
    assert_eq!(
        by(&format!(r#"{{"schema": {{}}, "payload": {}}}"#, source("orders"))),
        "a@1.0.0/orders"
    );
    assert_eq!(
        by(r#"{"id": 1, "__table": "orders", "__schema": "public"}"#),
        "a@1.0.0/orders",
        "a flattened row"
    );
    assert_eq!(
        chosen(
            &binding,
            &[("__table", "items"), ("__schema", "public"), ("__db", "shop")],
            Some(b"{}"),
            &NoSchemas
        ),
        "a@1.0.0/items"
    );
    assert_eq!(
        chosen(&binding, &[], None, &NoSchemas),
        "a@1.0.0/orders",
        "a tombstone repeats its delete, whose ever it is"
    );
}

const EVENTS: &str = "syntax = \"proto3\"; package shop; message Placed { string kindOf = 1; Kind kind = 2; Meta meta = 3; map<string, string> tags = 4; } \
                      message Sent { string kind_of = 1; } message Meta { repeated string kinds = 1; } \
                      enum Kind { NONE = 0; BIG = 1; }";
const UUID: [u8; 16] = *b"0123456789abcdef";

/// [`EVENTS`] under id 1 of Confluent, under a UUID of Glue, and as a file; an Avro record under the UUID `[7; 16]`.
struct Registry;

impl SchemaLookup for Registry {
    fn lookup(&self, need: &SchemaNeed) -> Known {
        match need {
            SchemaNeed::Id(1) | SchemaNeed::Glue(UUID) | SchemaNeed::File { .. } => {
                Known::Protobuf(Arc::new(Schema::parse(EVENTS, &[]).unwrap()))
            }
            SchemaNeed::Glue([7, ..]) => Order.lookup(&SchemaNeed::Id(1)),
            SchemaNeed::Id(2) => Known::Unknown,
            SchemaNeed::Id(3) => Known::Unusable,
            SchemaNeed::Id(4) => Order.lookup(&SchemaNeed::Id(1)),
            _ => Known::NotCached,
        }
    }
}

/// `shop.Placed` of kindOf "x", kind BIG, meta.kinds ["a", "b"] and tags {"k": "v"}.
const PLACED: &[u8] = b"\x0a\x01x\x10\x01\x1a\x06\x0a\x01a\x0a\x01b\x22\x06\x0a\x01k\x12\x01v";

fn confluent(id: u8, indexes: &[u8], datum: &[u8]) -> Vec<u8> {
    [&[0, 0, 0, 0, id], indexes, datum].concat()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

fn pointer_setting(encodings: &str, pointer: &str, value: &str) -> String {
    setting("encodings", encodings) + "," + &setting("discriminator", &format!("{{from: pointer, name: {pointer}, value: {value}}}"))
}

#[test]
fn a_pointer_leads_into_protobuf() {
    for (pointer, value) in [("/kindOf", "x"), ("/kind", "BIG"), ("/meta/kinds/1", "b"), ("/tags/k", "v")] {
        let own = pointer_setting("confluent-protobuf", pointer, value);
        let binding = binding(&[("a", "1.0.0", "active", &[("placed", &own), ("rest", "")])]);
        assert_eq!(
            chosen(&binding, &[], Some(&confluent(1, b"\0", PLACED)), &Registry),
            "a@1.0.0/placed",
            "{pointer}"
        );
    }
    let own = pointer_setting("[confluent-protobuf, glue-protobuf]", "/kindOf", "x");
    let binding = binding(&[("a", "1.0.0", "active", &[("placed", &own)])]);
    let by = |value: &[u8]| chosen(&binding, &[], Some(value), &Registry);
    assert_eq!(by(&confluent(1, b"\0", PLACED)), "a@1.0.0/placed");
    assert_eq!(
        by(&confluent(1, b"\x02\x02", b"\x0a\x01x")),
        "a@1.0.0/placed",
        "`kindOf` is the JSON name of `kind_of`"
    );
    assert_eq!(
        by(&confluent(1, b"\x02\x04", b"")),
        "unplanned_event None discriminator",
        "a message without the field"
    );
    assert_eq!(by(&confluent(1, b"\0", b"\x0a\x01y")), "unplanned_event None discriminator");
    assert_eq!(by(&confluent(1, b"\0", b"")), "unplanned_event None discriminator", "the default");
    assert_eq!(by(&confluent(1, b"\x02\x20", b"")), "undecodable Some(\"bad_index\") schema");
    assert_eq!(by(&confluent(1, b"\0", b"\x0a\x09x")), "undecodable Some(\"truncated\") decode");
    assert_eq!(
        by(&confluent(2, b"\0", PLACED)),
        "registry_schema_unknown Some(\"unknown_schema\") schema"
    );
    assert_eq!(by(&confluent(3, b"\0", PLACED)), "undecodable Some(\"bad_schema\") schema");
    assert_eq!(
        by(&confluent(4, b"\0", PLACED)),
        "undecodable Some(\"bad_schema\") schema",
        "an Avro schema"
    );
    assert_eq!(by(&confluent(9, b"\0", PLACED)), "Id(9)");
    let glue = |compression: u8, document: &[u8]| [&[3, compression], &UUID[..], document].concat();
    let document = [b"\x01", PLACED].concat();
    assert_eq!(by(&glue(0, &document)), "a@1.0.0/placed");
    assert_eq!(by(&glue(5, &zlib(&document))), "a@1.0.0/placed");
    assert_eq!(
        by(&glue(5, &document)),
        "undecodable Some(\"syntax\") decode",
        "not compressed at all"
    );
    assert_eq!(
        by(&glue(5, &zlib(b""))),
        "undecodable Some(\"truncated\") decode",
        "not even the number of its message"
    );
}

#[test]
fn a_pointer_leads_into_bare_protobuf() {
    let own = pointer_setting("protobuf", "/kindOf", "x") + "," + &setting("eventSchema", "'e.proto#shop.Placed'");
    let newer = own.replace("e.proto", "f.proto");
    let files = [("e.proto", EVENTS), ("f.proto", EVENTS)];
    let versions: &[Version<'_>] = &[
        ("a", "1.0.0", "active", &[("placed", &own)]),
        ("a", "2.0.0", "active", &[("placed", &newer)]),
    ];
    let two = binding_with(versions, &files).unwrap();
    assert_eq!(
        chosen(&two, &[], Some(PLACED), &NoSchemas),
        "a@2.0.0/placed",
        "no registry is asked"
    );
    assert_eq!(
        chosen(&two, &[], Some(b"\x0a\x01y"), &NoSchemas),
        "unplanned_event None discriminator"
    );
    assert_eq!(
        chosen(&two, &[], Some(b"\x0a\x09y"), &NoSchemas),
        "undecodable Some(\"truncated\") decode"
    );
    let fetched = pointer_setting("protobuf", "/kindOf", "x")
        + ","
        + &setting("protobufSchema", "e.proto")
        + ","
        + &setting("protobufMessage", "shop.Placed");
    let fetched = binding(&[("a", "1.0.0", "active", &[("placed", &fetched)])]);
    assert!(chosen(&fetched, &[], Some(PLACED), &NoSchemas).starts_with("File"), "a need");
    assert_eq!(chosen(&fetched, &[], Some(PLACED), &Registry), "a@1.0.0/placed");
    let other = pointer_setting("protobuf", "/kindOf", "y") + "," + &setting("eventSchema", "'e.proto#shop.Sent'");
    let refused = binding_with(&[("a", "1.0.0", "active", &[("placed", &own), ("sent", &other)])], &files).unwrap_err();
    assert!(
        refused.contains("TG0149") && refused.contains("`shop.Sent` here and `shop.Placed`"),
        "{refused}"
    );
    let header = |own: &str, value: &str| {
        let (encodings, rest) = (setting("encodings", "protobuf"), setting("eventSchema", own));
        format!(
            "{encodings},{rest},{}",
            setting("discriminator", &format!("{{from: header, name: kind, value: {value}}}"))
        )
    };
    let (placed, sent) = (header("'e.proto#shop.Placed'", "placed"), header("'e.proto#shop.Sent'", "sent"));
    let by_header = binding_with(&[("a", "1.0.0", "active", &[("placed", &placed), ("sent", &sent)])], &files).unwrap();
    assert_eq!(chosen(&by_header, &[("kind", "sent")], Some(b""), &NoSchemas), "a@1.0.0/sent");
}

#[test]
fn messages_are_told_apart_by_their_name() {
    let of = |name: &str| {
        setting("encodings", "confluent-protobuf") + "," + &setting("discriminator", &format!("{{from: record-name, value: {name}}}"))
    };
    let (placed, sent) = (of("shop.Placed"), of("shop.Sent"));
    let binding = binding(&[("a", "1.0.0", "active", &[("placed", &placed), ("sent", &sent)])]);
    let by = |value: &[u8]| chosen(&binding, &[], Some(value), &Registry);
    assert_eq!(by(&confluent(1, b"\0", PLACED)), "a@1.0.0/placed");
    assert_eq!(by(&confluent(1, b"\x02\x02", b"")), "a@1.0.0/sent");
    assert_eq!(by(&confluent(1, b"\x02\x04", b"")), "unplanned_event None discriminator");
}

#[test]
fn a_pointer_leads_into_compressed_documents() {
    let glue = |document: &[u8]| [&[3, 5, 7], &[7; 15][..], document].concat();
    let json = pointer_setting("glue-json", "/kind", "x");
    let json = binding(&[(
        "a",
        "1.0.0",
        "active",
        &[("x", &json), ("rest", &setting("encodings", "glue-json"))],
    )]);
    let by = |value: &[u8]| chosen(&json, &[], Some(value), &Registry);
    assert_eq!(by(&glue(&zlib(br#"{"a": 1, "kind": "x"}"#))), "a@1.0.0/x");
    assert_eq!(by(&glue(&zlib(br#"{"kind": "y"}"#))), "a@1.0.0/rest");
    assert_eq!(by(&glue(&zlib(b"{"))), "undecodable Some(\"truncated\") decode");
    assert_eq!(
        by(&glue(b"{}")),
        "undecodable Some(\"syntax\") decode",
        "no type that could be the rest"
    );
    assert_eq!(by(&glue(&zlib(b"{}")[..6])), "undecodable Some(\"truncated\") decode");
    let bomb = zlib(&vec![b' '; crate::judge::VALUE_BYTES_MAX + 1]);
    assert_eq!(by(&glue(&bomb)), "size_violation Some(\"too_large\") size");
    let avro = pointer_setting("glue-avro", "/kind", "x");
    let avro = binding(&[("a", "1.0.0", "active", &[("x", &avro)])]);
    assert_eq!(chosen(&avro, &[], Some(&glue(&zlib(b"\x02x"))), &Registry), "a@1.0.0/x");
}

#[test]
fn a_pointer_leads_into_the_data_of_structured_cloudevents() {
    const STRUCTURED: &[(&str, &str)] = &[("content-type", "application/cloudevents+json")];
    let of = |encoding: &str| {
        let own = pointer_setting(encoding, "/kind", "x");
        binding(&[("a", "1.0.0", "active", &[("x", &own), ("rest", &setting("encodings", encoding))])])
    };
    let event = |rest: &str| format!(r#"{{"specversion": "1.0", "id": "1", "source": "s", "type": "t", "kind": "x"{rest}}}"#);
    let by = |binding: &Binding, value: &str| chosen(binding, STRUCTURED, Some(value.as_bytes()), &Registry);
    let json = of("cloudevents");
    assert_eq!(by(&json, &event(r#", "data": {"a": 1, "kind": "x"}"#)), "a@1.0.0/x");
    assert_eq!(
        by(&json, &event(r#", "data": {"kind": "y"}"#)),
        "a@1.0.0/rest",
        "the data, and not the envelope"
    );
    assert_eq!(by(&json, &event("")), "a@1.0.0/rest", "no data");
    assert_eq!(by(&json, "{"), "undecodable Some(\"truncated\") decode");
    assert_eq!(
        by(&json, r#"{"data": {"kind": "x"}}"#),
        "undecodable Some(\"missing_attribute\") decode"
    );
    let foreign = event(r#", "datacontenttype": "text/xml", "data": {"kind": "x"}"#);
    assert_eq!(by(&json, &foreign), "unknown_framing Some(\"unknown_framing\") framing");
    let binary = [("ce_specversion", "1.0"), ("ce_id", "1"), ("ce_source", "s")];
    assert_eq!(
        chosen(&json, &binary, Some(br#"{"kind": "x"}"#), &Registry),
        "header_missing Some(\"missing_attribute\") cloudevents"
    );
    let avro = of("cloudevents-avro");
    let data = |bytes: &[u8]| event(&format!(r#", "data_base64": "{}""#, BASE64.encode(bytes)));
    assert_eq!(by(&avro, &data(&confluent(4, b"", b"\x02x"))), "a@1.0.0/x");
    assert_eq!(by(&avro, &data(&confluent(9, b"", b"\x02x"))), "Id(9)");
    assert_eq!(
        by(&avro, &data(&confluent(4, b"", b"\x08x"))),
        "undecodable Some(\"truncated\") decode"
    );
    assert_eq!(by(&avro, &data(b"{}")), "unknown_framing Some(\"unknown_framing\") framing");
    let protobuf = of("cloudevents-protobuf");
    assert_eq!(
        by(&protobuf, &data(&confluent(1, b"\x02\x02", b"\x0a\x01x"))),
        "a@1.0.0/rest",
        "no field of that name"
    );
}

#[test]
fn ids_of_every_registry_name_a_version() {
    let uuid = "30313233-3435-3637-3839-616263646566";
    let headed = |name: &'static str, id: u64| (name, id.to_be_bytes());
    for (encoding, id, frame, header) in [
        ("confluent-json", "7".to_owned(), &b"\0\0\0\0\x07"[..], None),
        ("confluent-protobuf", "7".to_owned(), b"\0\0\0\0\x07\0", None),
        ("avro", format!("'guid:{uuid}'"), b"\x010123456789abcdef", None),
        ("glue-avro", format!("'glue:{uuid}'"), b"\x03\x000123456789abcdef", None),
        ("glue-json", format!("'glue:{uuid}'"), b"\x03\x050123456789abcdef", None),
        ("apicurio-avro", "'global:4294967303'".to_owned(), b"\0\0\0\0\x01\0\0\0\x07", None),
        ("apicurio-json", "'global:4294967303'".to_owned(), b"\0\0\0\0\x01\0\0\0\x07", None),
        (
            "apicurio-json",
            "'content:4294967303'".to_owned(),
            b"",
            Some(headed("apicurio.value.contentId", 4_294_967_303)),
        ),
        (
            "apicurio-avro",
            "'global:4294967303'".to_owned(),
            b"",
            Some(headed("apicurio.value.globalId", 4_294_967_303)),
        ),
    ] {
        let old = setting("encodings", encoding) + "," + &setting("schemaIds", &id);
        let new = setting("encodings", encoding);
        let (old, new) = ([("o", old.as_str())], [("o", new.as_str())]);
        let binding = binding(&[("a", "1.0.0", "active", &old), ("a", "2.0.0", "active", &new)]);
        let value = [frame, b"{}"].concat();
        let choose = |headers: &[(&str, Option<&[u8]>)], value: &[u8]| {
            let input = Input {
                key: Some(b"k"),
                value: Some(value),
                headers,
                now: 0,
            };
            match Chooser::new(binding.clone()).choose(&input, &NoSchemas) {
                Choice::Bound { bound, .. } => bound.contract.version.text.to_string(),
                other => format!("{other:?}"),
            }
        };
        let headers: Vec<(&str, Option<&[u8]>)> = header.iter().map(|(name, id)| (*name, Some(&id[..]))).collect();
        assert_eq!(choose(&headers, &value), "1.0.0", "{encoding} {id}");
        let mut other = value.clone();
        let mut others: Vec<(&str, Option<&[u8]>)> = Vec::new();
        match frame.len() {
            0 => others.push((header.unwrap().0, Some(&[0; 8]))),
            _ => other[4] ^= 0xff,
        }
        assert_eq!(choose(&others, &other), "2.0.0", "{encoding}: an id that nobody names");
    }
    let old = setting("encodings", "cloudevents-avro") + "," + &setting("schemaIds", "7");
    let new = setting("encodings", "cloudevents-avro");
    let (old, new) = ([("o", old.as_str())], [("o", new.as_str())]);
    let binding = binding(&[("a", "1.0.0", "active", &old), ("a", "2.0.0", "active", &new)]);
    let framed = confluent(7, b"", b"x");
    let binary = [("ce_specversion", "1.0"), ("ce_id", "1"), ("ce_source", "s"), ("ce_type", "t")];
    assert_eq!(chosen(&binding, &binary, Some(&framed), &NoSchemas), "a@1.0.0/o");
    let value = format!(
        r#"{{"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data_base64": "{}"}}"#,
        BASE64.encode(&framed)
    );
    let structured = [("content-type", "application/cloudevents+json")];
    assert_eq!(chosen(&binding, &structured, Some(value.as_bytes()), &NoSchemas), "a@1.0.0/o");
}
