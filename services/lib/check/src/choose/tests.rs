use std::sync::Arc;

use tidegate_contract::{ContractFile, Snapshot};

use super::*;

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
    let files: Vec<ContractFile> = contracts
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
    let snapshot = Snapshot::build("c", &files).unwrap_or_else(|errors| panic!("{}", tidegate_contract::render_lines(&errors)));
    snapshot.0.bindings["t"].clone()
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
    match choose(binding, &input, schemas) {
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
            choose(&binding, &input, &NoSchemas),
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
