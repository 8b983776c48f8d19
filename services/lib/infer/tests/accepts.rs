//! A draft accepts every event that it was made from, loads without a warning, and says the same for the same events.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use tidegate_check::input::Known;
use tidegate_check::{Input, Judge, SchemaLookup, SchemaNeed, Verdict, compile};
use tidegate_contract::Level;
use tidegate_infer::{Events, Options, schema};

struct NoSchemas;

impl SchemaLookup for NoSchemas {
    fn lookup(&self, _: &SchemaNeed) -> Known {
        Known::Unknown
    }
}

fn options(limits: bool) -> Options {
    Options {
        id: "drafted".into(),
        topic: "drafted.topic".into(),
        limits,
    }
}

/// Problems of a draft, warnings included.
fn problems(yaml: &str) -> Vec<String> {
    // Enforced, as it will be one day: a draft's own errors would only be warnings.
    let (contract, diagnostics) = tidegate_contract::parse("draft.odcs.yaml", &yaml.replace("status: draft", "status: active"));
    let mut problems: Vec<String> = diagnostics
        .into_iter()
        .filter(|one| one.level != Level::Note)
        // True of the events; the draft says so, too.
        .filter(|one| one.problem != "change events without a primary key")
        .map(|one| format!("{}: {}", one.location, one.problem))
        .collect();
    match contract {
        None => problems.push("does not load".into()),
        Some(contract) => {
            if let Err(found) = compile(&contract, 0) {
                problems.extend(found.into_iter().map(|one| one.problem));
            }
        }
    }
    problems
}

/// What of the events a draft made from them does not accept; none where there is no draft.
fn refused(events: &[Vec<u8>], limits: bool) -> Option<Vec<String>> {
    let mut seen = Events::new();
    events.iter().for_each(|event| seen.take(Some(event)));
    let yaml = seen.draft().ok()?.to_yaml(&options(limits));
    let mut refused = problems(&yaml);
    let Some(contract) = tidegate_contract::parse("draft.odcs.yaml", &yaml).0 else {
        return Some(vec![format!("does not load:\n{yaml}")]);
    };
    let plan = compile(&contract, 0).unwrap_or_else(|problems| panic!("{problems:?}\n{yaml}"));
    let mut judge = Judge::new();
    let mut again = Events::new();
    for event in events {
        let before = again.used();
        again.take(Some(event));
        if again.used() == before {
            // Left out, and said so.
            continue;
        }
        let input = Input {
            key: Some(b"{\"id\":1}"),
            value: Some(event),
            headers: &[],
            now: 0,
        };
        match judge.judge(&plan, &input, "drafted.topic", &NoSchemas, &mut ()) {
            Verdict::Valid { notes, .. } if notes.is_empty() => {}
            Verdict::Skipped(_) => {}
            verdict => refused.push(format!("{}: {verdict:?}\n{yaml}", String::from_utf8_lossy(event))),
        }
    }
    Some(refused)
}

fn plain_lines(path: &Path) -> Vec<Vec<u8>> {
    let mut text = std::fs::read(path).unwrap();
    if path.extension().is_some_and(|ending| ending == "gz") {
        let packed = std::mem::take(&mut text);
        flate2::read::GzDecoder::new(&*packed).read_to_end(&mut text).unwrap();
    }
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty() && !line.starts_with(b"@"))
        .map(<[u8]>::to_vec)
        .collect()
}

#[test]
fn every_corpus_is_accepted_by_the_draft_that_is_made_from_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/corpus");
    let mut drafts = 0;
    for folder in std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()) {
        let events = folder.join("events.jsonl");
        if !events.exists() {
            continue;
        }
        for limits in [false, true] {
            if let Some(refused) = refused(&plain_lines(&events), limits) {
                assert!(refused.is_empty(), "{}: {}", folder.display(), refused[0]);
                drafts += 1;
            }
        }
    }
    assert!(drafts > 60, "{drafts}");
}

#[test]
fn recordings_of_debezium_are_accepted() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/corpus/debezium");
    for name in [
        "pg-plain.jsonl",
        "pg-flat.jsonl",
        "pg-flat-default.jsonl",
        "pg-schema.jsonl.gz",
        "pg-string.jsonl.gz",
        "pg-double.jsonl.gz",
        "maria-plain.jsonl",
        "maria-schema.jsonl.gz",
    ] {
        let mut by_shape = std::collections::BTreeMap::<String, Vec<Vec<u8>>>::new();
        for line in plain_lines(&folder.join(name)) {
            let record: serde_json::Value = serde_json::from_slice(&line).unwrap();
            let topic = record["topic"].as_str().unwrap_or_default().to_owned();
            if let Some(value) = record["value_b64"].as_str() {
                by_shape.entry(topic).or_default().push(STANDARD.decode(value).unwrap());
            }
        }
        assert!(by_shape.len() > 2, "{name} holds few topics");
        for (topic, events) in by_shape {
            if let Some(mut refused) = refused(&events, true) {
                // An infinite day, and times of MariaDB past one: outside of every column (`contracts/outside.jsonl`).
                let is_infinite = |why: &String| {
                    let all = why.matches("Violation {").count();
                    all > 0 && all == why.matches("Some(NumberOutOfRange)").count()
                };
                if topic.ends_with("_time") {
                    refused.retain(|why| !is_infinite(why));
                    assert!(refused.len() < events.len());
                }
                assert!(
                    refused.is_empty(),
                    "{name} {topic}: {} of {}: {}",
                    refused.len(),
                    events.len(),
                    refused[0]
                );
            }
        }
    }
}

#[test]
fn evidence_types_and_nothing_personal() {
    let mut events = Events::new();
    for number in 0..1000_u32 {
        let email = if number % 2 == 0 {
            format!(r#""email":"canary{number}@example.com","#)
        } else {
            String::new()
        };
        let note = if number < 2 {
            "null".to_owned()
        } else {
            format!("\"canary note {number}\"")
        };
        let text = format!(
            r#"{{"id":"7d444840-9dc0-11d1-b245-{number:012x}","at":"2026-11-21T09:00:00Z",{email}"status":"{}","total":{number}.5,"n":{number},"note":{note},"tags":["a"],"who":{{"phone":"+47 canary {number}","ann{number}@example.com":1}},"phone":4711{number}}}"#,
            ["open", "closed"][number as usize % 2]
        );
        events.take(Some(text.as_bytes()));
    }
    events.take(Some(b"not json"));
    let yaml = events.draft().unwrap().to_yaml(&options(true));
    assert_eq!(yaml, events.draft().unwrap().to_yaml(&options(true)), "deterministic");
    assert!(problems(&yaml).is_empty(), "{:?}\n{yaml}", problems(&yaml));
    for line in [
        "# Made from 1,000 events.",
        "# 1 events could not be read as JSON and were left out.",
        "# seen in 500 of 1,000",
        "# seen in 1,000 of 1,000, null in 2",
        "logicalTypeOptions: {format: uuid}",
        "logicalType: timestamp",
        "  - value: \"open\"",
        "physicalType: \"decimal(12,1)\"",
        "logicalTypeOptions: {format: i64, minimum: 0, maximum: 999}",
        "looks like personal data",
        "logicalType: map",
    ] {
        assert!(yaml.contains(line), "{line} is missing in\n{yaml}");
    }
    assert!(
        !yaml.contains("canary") && !yaml.contains("example.com") && !yaml.contains("4711"),
        "{yaml}"
    );
}

#[test]
fn memory_is_bounded_by_places_not_by_events() {
    let mut events = Events::new();
    for number in 0..2_000_u32 {
        let mut text = String::from("{");
        for field in 0..50 {
            text.push_str(&format!("\"f{}\":{{\"g{}\":\"{number} {field}\"}},", number * 50 + field, number));
        }
        text.push_str("\"end\":1}");
        events.take(Some(text.as_bytes()));
    }
    let yaml = events.draft().unwrap().to_yaml(&options(false));
    assert!(yaml.len() < 300_000, "{}", yaml.len());
    assert!(yaml.contains("a field was left out"), "{}", &yaml[..500]);
}

/// The draft of lines of JSON, which loads and accepts all of them.
fn drafted(events: &[&str]) -> String {
    let events: Vec<Vec<u8>> = events.iter().map(|event| event.as_bytes().to_vec()).collect();
    for limits in [false, true] {
        let refused = refused(&events, limits).unwrap();
        assert!(refused.is_empty(), "{refused:?}");
    }
    let mut seen = Events::new();
    events.iter().for_each(|event| seen.take(Some(event)));
    seen.draft().unwrap().to_yaml(&options(false))
}

#[test]
fn numbers_are_counted_as_what_they_are() {
    for (events, sentence) in [
        (
            &["{\"n\":9223372036854775808}", "{\"n\":1}"][..],
            "# all 2 numbers are whole, 1 of them past 64 bits; at most 19 digits",
        ),
        (
            &["{\"n\":1.50}", "{\"n\":2.0}", "{\"n\":3}"],
            "# 2 of 3 numbers are whole; at most 1 digits",
        ),
        (&["{\"n\":0.5}", "{\"n\":15e-1}", "{\"n\":2.5e1}"], "# 1 of 3 numbers are whole"),
    ] {
        let yaml = drafted(events);
        assert!(yaml.contains(sentence), "{sentence} is missing in\n{yaml}");
    }
}

#[test]
fn few_events_are_told() {
    let event = "{\"id\":\"7d444840-9dc0-11d1-b245-5ffdce74fad2\"}";
    assert!(drafted(&[event]).contains("# Made from 1 event.\n# That is a small sample"));
    assert!(drafted(&[event; 99]).contains("# That is a small sample"));
    assert!(!drafted(&[event; 100]).contains("small sample"));
}

#[test]
fn odd_names_of_fields_are_fields_and_content_is_not() {
    let yaml = drafted(&[
        r#"{"a b":1,"a.b":"x","é":true,"1":2,"a_b":3,"ann@example.com":4,"+47 900 00 000":5}"#,
        r#"{"a b":1,"a.b":"y","é":true,"1":2,"a_b":4,"bob@example.com":4,"Bob Smith":6}"#,
        r#"{"a b":1,"a.b":"y","é":true,"1":2,"a_b":4}"#,
    ]);
    for line in [
        "physicalName: \"a b\"",
        "physicalName: a.b",
        "physicalName: \"\\u00e9\"",
        "physicalName: \"1\"",
        "# 4 times a field was left out",
    ] {
        assert!(yaml.contains(line), "{line} is missing in\n{yaml}");
    }
    assert!(!["example.com", "47", "Bob"].iter().any(|content| yaml.contains(content)), "{yaml}");
    // A name that came once is no field.
    assert!(!drafted(&[r#"{"a":1,"Ann Smith":2}"#]).contains("Ann"));
}

#[test]
fn deep_events_are_cut_where_a_contract_ends() {
    for (open, close) in [("{\"a\":", "}"), ("[", "]"), ("{\"x y\":", "}")] {
        let deep = format!("{{\"top\":{}1{}}}", open.repeat(60), close.repeat(60));
        let yaml = drafted(&[&deep]);
        assert!(yaml.contains("goes on deeper than a contract does"), "{yaml}");
    }
}

#[test]
fn what_is_no_event_makes_no_draft() {
    let mut events = Events::new();
    assert!(events.draft().unwrap_err().contains("no event"));
    events.take(Some(b"\xff\xfe"));
    events.take(Some(b"{\"cut\":"));
    events.take(Some(b"[1]"));
    assert!(events.draft().unwrap_err().contains("none of 3 events"));
    events.take(Some(br#"{"op":"c","source":{},"after":{"id":1}}"#));
    assert!(events.draft().is_ok());
    events.take(Some(br#"{"id":1}"#));
    assert!(events.draft().unwrap_err().contains("contracts of their own"));
}

#[test]
fn schemas() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let avro: serde_json::Value = serde_json::from_slice(&std::fs::read(root.join("schemas/payments/payment.avsc")).unwrap()).unwrap();
    let json_schema = serde_json::json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "required": ["id", "gone"],
        "$defs": {"money": {"type": "number"}},
        "properties": {
            "id": {"type": "string", "format": "uuid"}, "gone": {"type": ["string", "null"]},
            "total": {"$ref": "#/$defs/money"}, "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
            "either": {"type": ["string", "integer"]}, "extra": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 3}}
        }
    });
    let block = serde_json::json!({"schema": {"type": "struct", "fields": [
        {"field": "before", "optional": true, "type": "struct", "fields": []},
        {"field": "after", "optional": true, "type": "struct", "fields": [
            {"field": "id", "type": "int64", "optional": false},
            {"field": "price", "type": "bytes", "name": "org.apache.kafka.connect.data.Decimal", "parameters": {"scale": "2", "connect.decimal.precision": "10"}},
            {"field": "at", "type": "int64", "name": "io.debezium.time.MicroTimestamp", "optional": true},
            {"field": "day", "type": "int32", "name": "io.debezium.time.Date", "optional": true}
        ]},
        {"field": "source", "type": "struct", "fields": []}, {"field": "op", "type": "string"}
    ]}, "payload": {}});
    for (kind, document, lines) in [
        (schema::Kind::Avro, avro, vec!["value: [avro]", "required: true"]),
        (
            schema::Kind::JsonSchema,
            json_schema,
            vec!["format: uuid", "name: gone\n        # ", "logicalType: map", "minimum: 3"],
        ),
        (
            schema::Kind::Connect,
            block,
            vec!["value: debezium", "decimal(10,2)", "timestamp(6)", "logicalType: date"],
        ),
    ] {
        assert_eq!(schema::kind(&document), Some(kind));
        for limits in [false, true] {
            let yaml = schema::draft(kind, &document).unwrap().to_yaml(&options(limits));
            assert!(problems(&yaml).is_empty(), "{kind:?}: {:?}\n{yaml}", problems(&yaml));
            if limits {
                for line in &lines {
                    assert!(
                        yaml.contains(line.trim_end_matches("# ").trim_end()),
                        "{line} is missing in\n{yaml}"
                    );
                }
            }
        }
    }
    let mut keyed = Events::new();
    keyed.key(Some(br#"{"schema": {}, "payload": {"id": 1}}"#));
    keyed.take(Some(br#"{"op":"c","source":{},"before":null,"after":{"id":1,"n":"x"}}"#));
    assert!(
        keyed
            .draft()
            .unwrap()
            .to_yaml(&options(false))
            .contains("primaryKey: true\n        primaryKeyPosition: 1")
    );
    for bad in [
        serde_json::json!({"type": "record", "name": "a", "fields": [{"name": "b", "type": "Missing"}]}),
        serde_json::json!({"type": "record", "name": "a", "fields": []}),
        serde_json::json!({"properties": {"a": {"$ref": "http://example.com/x"}}}),
        serde_json::json!({"properties": {"a": {"$ref": "#/properties/a"}}}),
    ] {
        assert!(schema::draft(schema::kind(&bad).unwrap(), &bad).is_err(), "{bad}");
    }
    // One that holds itself ends.
    let recursive = serde_json::json!({"type": "record", "name": "a", "fields": [{"name": "next", "type": ["null", "a"]}]});
    assert!(schema::draft(schema::Kind::Avro, &recursive).is_ok());
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("2026-11-21T09:30:00Z".to_owned()),
        Just("2026-11-21T09:30:00.123456+02:00".to_owned()),
        Just("2026-11-21T09:30:00".to_owned()),
        Just("2026-11-21".to_owned()),
        Just("0000-02-30".to_owned()),
        Just("09:30:00".to_owned()),
        Just("7d444840-9dc0-11d1-b245-5ffdce74fad2".to_owned()),
        Just("ann@example.com".to_owned()),
        Just("10.0.0.1".to_owned()),
        Just("::1".to_owned()),
        Just("12.50".to_owned()),
        "[a-c]{0,2}",
        ".{0,8}",
    ]
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        (-5_i64..5).prop_map(|number| number.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
        (any::<i32>(), 0_u32..99).prop_map(|(whole, part)| format!("{whole}.{part:02}")),
        (1_u8..10, -45_i16..45).prop_map(|(digit, exponent)| format!("{digit}e{exponent}")),
        Just("1e400".to_owned()),
        Just("-0.0".to_owned()),
        "[1-9][0-9]{36,40}",
        text().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            object(inner),
        ]
    })
}

fn object(inner: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just("a"),
        Just("b"),
        Just("_op"),
        Just("no"),
        Just("x y"),
        Just("ann@example.com"),
        Just("$t")
    ];
    prop::collection::btree_map(name, inner, 0..4).prop_map(|fields| {
        let fields: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{}:{value}", serde_json::to_string(name).unwrap()))
            .collect();
        format!("{{{}}}", fields.join(","))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_events_are_their_draft_accepts_them(events in prop::collection::vec(object(json()), 1..12), limits: bool) {
        let events: Vec<Vec<u8>> = events.into_iter().map(String::into_bytes).collect();
        if let Some(refused) = refused(&events, limits) {
            prop_assert!(refused.is_empty(), "{}", refused[0]);
        }
    }
}
