//! A draft from a schema loads without a warning and accepts the events that were written by it.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tidegate_check::input::Known;
use tidegate_check::{Input, Judge, Plan, SchemaLookup, SchemaNeed, Verdict, compile};
use tidegate_contract::Level;
use tidegate_infer::schema::{self, Kind};
use tidegate_infer::{Draft, Options};

fn written(draft: &Draft, limits: bool) -> String {
    draft.to_yaml(&Options {
        id: "drafted".into(),
        topic: "drafted.topic".into(),
        limits,
    })
}

/// The plan of a draft; one with an error or a warning is none.
fn plan(yaml: &str) -> Plan {
    let (contract, diagnostics) = tidegate_contract::parse("draft.odcs.yaml", &yaml.replace("status: draft", "status: active"));
    let problems: Vec<_> = diagnostics
        .iter()
        .filter(|one| one.level != Level::Note && one.problem != "change events without a primary key")
        .collect();
    assert!(problems.is_empty(), "{problems:#?}\n{yaml}");
    compile(&contract.unwrap(), 0).unwrap_or_else(|problems| panic!("{problems:#?}\n{yaml}"))
}

/// Avro schemas by id.
#[derive(Default)]
struct Schemas(BTreeMap<u32, Known>);

impl SchemaLookup for Schemas {
    fn lookup(&self, need: &SchemaNeed) -> Known {
        match need {
            SchemaNeed::Id(id) => self.0.get(id).cloned().unwrap_or(Known::Unknown),
            _ => Known::Unknown,
        }
    }
}

impl Schemas {
    fn add(&mut self, id: u32, schema: &Value) {
        let parsed = tidegate_codec::avro::Schema::parse(&schema.to_string(), &[]).unwrap();
        self.0.insert(id, Known::Avro(Arc::new(parsed)));
    }
}

/// Whether a verdict says that every value is past what a column holds: PostgreSQL has an infinite day, and times of MariaDB go on past one;
/// `contracts/outside.jsonl` lists them under the contracts of the tables, too.
fn is_infinite(why: &str) -> bool {
    why.matches("Violation {").count() == why.matches("Some(NumberOutOfRange)").count() && why.contains("Some(NumberOutOfRange)")
}

/// Whether it is valid, rather than one of the connector's own; the error is any other verdict.
fn verdict(plan: &Plan, schemas: &Schemas, value: &[u8]) -> Result<bool, String> {
    let input = Input {
        key: Some(b"{\"id\":1}"),
        value: Some(value),
        headers: &[],
        now: 0,
    };
    match Judge::new().judge(plan, &input, "drafted.topic", schemas, &mut ()) {
        Verdict::Valid { .. } => Ok(true),
        Verdict::Skipped(_) => Ok(false),
        verdict => Err(format!("{verdict:?}")),
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/corpus/debezium")
}

/// Values of a recording by topic.
fn recorded(name: &str) -> BTreeMap<String, Vec<Vec<u8>>> {
    let file = File::open(folder().join(name)).unwrap();
    let reader: Box<dyn Read> = match name.ends_with(".gz") {
        true => Box::new(flate2::read::GzDecoder::new(file)),
        false => Box::new(file),
    };
    let mut topics = BTreeMap::<String, Vec<Vec<u8>>>::new();
    for line in BufReader::new(reader).lines() {
        let record: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if let Some(value) = record["value_b64"].as_str() {
            let topic = record["topic"].as_str().unwrap().to_owned();
            topics.entry(topic).or_default().push(STANDARD.decode(value).unwrap());
        }
    }
    topics
}

#[test]
fn schema_blocks_of_debezium_make_drafts_that_accept_their_events() {
    let (mut judged, mut valid, mut infinite) = (0, 0, 0);
    let mut wrong = Vec::new();
    for name in [
        "pg-schema.jsonl.gz",
        "pg-string.jsonl.gz",
        "pg-double.jsonl.gz",
        "pg-flat-default.jsonl",
        "maria-schema.jsonl.gz",
    ] {
        for (topic, events) in recorded(name) {
            // A table that is changed has a block of its own from then on.
            let mut plans: BTreeMap<String, Plan> = BTreeMap::new();
            for event in &events {
                let document: Value = serde_json::from_slice(event).unwrap();
                if schema::kind(&document) != Some(Kind::Connect) {
                    continue;
                }
                for limits in [false, true] {
                    let key = format!("{}{limits}", document["schema"]);
                    let plan = plans
                        .entry(key)
                        .or_insert_with(|| plan(&written(&schema::draft(Kind::Connect, &document).unwrap(), limits)));
                    judged += 1;
                    match verdict(plan, &Schemas::default(), event) {
                        Ok(is_valid) => valid += u32::from(is_valid),
                        Err(why) if topic.ends_with("_time") && is_infinite(&why) => infinite += 1,
                        Err(why) => wrong.push(format!("{name} {topic}: {why}")),
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {judged}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(judged > 800 && valid > 900 && infinite < 40, "{valid} of {judged}, {infinite}");
}

#[test]
fn avro_schemas_of_debezium_make_drafts_that_accept_their_events() {
    let listed: Vec<Value> = serde_json::from_slice(&std::fs::read(folder().join("avro-schemas.json")).unwrap()).unwrap();
    let mut schemas = Schemas::default();
    let mut documents = BTreeMap::new();
    for one in &listed {
        let id = u32::try_from(one["id"].as_u64().unwrap()).unwrap();
        schemas.add(id, &one["schema"]);
        documents.insert(id, &one["schema"]);
    }
    let (mut judged, mut envelopes, mut valid, mut infinite) = (0, 0, 0, 0);
    let mut wrong = Vec::new();
    let mut plans: BTreeMap<(u32, bool), (Plan, bool)> = BTreeMap::new();
    for (topic, events) in recorded("pg-avro.jsonl") {
        for event in &events {
            let id = u32::from_be_bytes(event[1..5].try_into().unwrap());
            for limits in [false, true] {
                let (plan, is_envelope) = plans.entry((id, limits)).or_insert_with(|| {
                    let yaml = written(&schema::draft(Kind::Avro, documents[&id]).unwrap(), limits);
                    (plan(&yaml), yaml.contains("value: debezium"))
                });
                envelopes += usize::from(*is_envelope);
                judged += 1;
                match verdict(plan, &schemas, event) {
                    Ok(is_valid) => valid += u32::from(is_valid),
                    Err(why) if topic.ends_with("_time") && is_infinite(&why) => infinite += 1,
                    Err(why) => wrong.push(format!("{topic}: {why}")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {judged}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(
        judged > 100 && envelopes > 100 && infinite < 8 && valid > 400,
        "{valid} of {judged}, {envelopes}, {infinite}"
    );
}

/// A JSON Schema, events that are valid by it, and lines of its draft.
fn json_schemas() -> Vec<(Value, Vec<Value>, Vec<&'static str>)> {
    let node = json!({"type": "object", "properties": {
        "v": {"type": "integer"}, "next": {"$ref": "#/$defs/node"}, "kids": {"type": "array", "items": {"$ref": "#/$defs/node"}},
        "named": {"type": "object", "additionalProperties": {"$ref": "#/$defs/node"}}
    }});
    vec![
        (
            json!({"$defs": {"node": node}, "properties": {"tree": {"$ref": "#/$defs/node"}, "again": {"$ref": "#"}}}),
            vec![
                json!({"tree": {"v": 1, "next": {"v": 2, "next": {"v": "deeper"}}, "kids": [{"v": 3, "kids": []}], "named": {"a": {"v": 4}}}}),
                json!({"tree": {"next": null}, "again": {"tree": {}, "again": {}}}),
                json!({}),
            ],
            vec!["is #/$defs/node again", "is # again", "# its items: is #/$defs/node again"],
        ),
        (
            json!({"type": "object", "additionalProperties": false, "required": ["id", "ghost"], "properties": {
                "id": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 4}, "behind": {"type": "string", "pattern": "(?<=a)b"},
                "n": {"type": "number", "exclusiveMaximum": 7, "multipleOf": 0.5}, "i": {"type": "integer", "minimum": 0.5},
                "kind": {"const": "order"}, "mix": {"enum": ["a", 1, null]}, "set": {"type": "array", "items": {"type": "string"}, "uniqueItems": true, "minItems": 1},
                "map": {"type": "object", "patternProperties": {"^x": {"type": "string"}}}, "pair": {"type": "array", "prefixItems": [{"type": "integer"}]}
            }}),
            vec![
                json!({"id": "abc", "ghost": 1, "behind": "ab", "n": 6.5, "i": 1, "kind": "order", "mix": null, "set": ["a", "b"], "map": {"xa": "b"}, "pair": [1]}),
                json!({"id": "z", "ghost": null, "mix": 1, "n": -2}),
                json!({"id": "z", "ghost": {}, "mix": "a"}),
            ],
            vec![
                "pattern: \"^[a-z]+$\"",
                "# not taken over: `pattern`: \"(?<=a)b\"",
                "exclusiveMaximum: 7, multipleOf: 0.5",
                "- value: \"order\"",
                "# not taken over: `enum`: [\"a\",1,null]",
                "uniqueItems: true",
                "# not taken over: `patternProperties`",
                "# not taken over: `prefixItems`",
                "# must be there, and is not described: ghost",
                "`unknownFields: fail` says so",
            ],
        ),
        (
            json!({"allOf": [{"properties": {"a": {"type": "string"}}, "required": ["a"]}, {"$ref": "#/$defs/more"}],
                "$defs": {"more": {"properties": {
                    "b": {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "c": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
                    "d": {"type": ["string", "null"]}, "e": {"type": "string", "nullable": true, "format": "date"}, "f": true, "g": {},
                    "h": {"if": {"const": 1}, "then": {"const": 2}}, "i": {"type": "string", "contentEncoding": "base64", "x-note": 1}
                }, "required": ["b", "d", "e", "c"]}}}),
            vec![
                json!({"a": "x", "b": null, "c": 1, "d": null, "e": null, "f": [], "g": {"a": 1}, "h": 2, "i": "eA=="}),
                json!({"a": "", "b": 1, "c": "y", "d": "z", "e": "2026-11-22"}),
            ],
            vec![
                "# not taken over: `oneOf`",
                "# must be there, and may be null",
                "# not taken over: `if`",
                "logicalType: date",
            ],
        ),
        (
            json!({"properties": {"a b": {"type": "string"}, "a.b": {"type": "integer"}, "a_b": {"type": "boolean"}, "é": {"type": "string"}, "1": {"type": "string"},
                "_op": {"type": "string"}, "no": {"type": "string"}}}),
            vec![json!({"a b": "x", "a.b": 1, "a_b": true, "é": "y", "1": "z", "_op": "c", "no": "n"})],
            vec!["physicalName: \"a b\"", "name: a_b_2", "physicalName: \"1\""],
        ),
    ]
}

#[test]
fn json_schemas_make_drafts_that_accept_their_events_and_drop_nothing_silently() {
    for (document, events, lines) in json_schemas() {
        assert_eq!(schema::kind(&document).or(Some(Kind::JsonSchema)), Some(Kind::JsonSchema));
        for limits in [false, true] {
            let yaml = written(&schema::draft(Kind::JsonSchema, &document).unwrap(), limits);
            let plan = plan(&yaml);
            for event in &events {
                let judged = verdict(&plan, &Schemas::default(), event.to_string().as_bytes());
                assert_eq!(judged, Ok(true), "{event}\n{yaml}");
            }
            for line in &lines {
                assert!(yaml.contains(line), "{line} is missing in\n{yaml}");
            }
        }
    }
    // What the schema refuses, the draft refuses where it says the same.
    let (document, ..) = &json_schemas()[1];
    let plan = plan(&written(&schema::draft(Kind::JsonSchema, document).unwrap(), false));
    for event in [
        json!({"id": "ABC"}),
        json!({"id": "abcde"}),
        json!({"id": "a", "n": 7}),
        json!({"id": "a", "kind": "x"}),
        json!({}),
    ] {
        assert!(
            verdict(&plan, &Schemas::default(), event.to_string().as_bytes()).is_err(),
            "{event}"
        );
    }
}

#[test]
fn schemas_that_grow_without_end_are_refused_or_cut() {
    // Each level names the next one twice.
    let mut defs = serde_json::Map::new();
    for level in 0..40 {
        let next = json!({"$ref": format!("#/$defs/l{}", level + 1)});
        defs.insert(
            format!("l{level}"),
            json!({"type": "object", "properties": {"a": next, "b": next}, "allOf": [{"$ref": "#/$defs/flat"}, {"$ref": "#/$defs/flat"}]}),
        );
    }
    defs.insert("l40".into(), json!({"type": "string"}));
    defs.insert("flat".into(), json!({"properties": {"c": {"type": "integer"}}}));
    let bomb = json!({"$defs": defs, "properties": {"top": {"$ref": "#/$defs/l0"}}});
    let yaml = written(&schema::draft(Kind::JsonSchema, &bomb).unwrap(), false);
    assert!(
        yaml.len() < 4_000_000 && yaml.contains("the rest is left out"),
        "{} {yaml}",
        yaml.len()
    );
    plan(&yaml);
    let circle =
        json!({"$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}, "properties": {"a": {"$ref": "#/$defs/a"}}});
    assert!(schema::draft(Kind::JsonSchema, &circle).unwrap_err().contains("circle"));
    for outside in ["http://example.com/x.json", "file:///etc/passwd", "other.json#/a", "../x"] {
        let bad = json!({"properties": {"a": {"$ref": outside}}});
        let why = schema::draft(Kind::JsonSchema, &bad).unwrap_err();
        assert!(why.contains("not fetched") && !why.contains("passwd"), "{why}");
    }
}

#[test]
fn an_avro_record_that_holds_itself_ends_at_once_and_accepts_its_events() {
    let document = json!({"type": "record", "name": "node", "namespace": "n", "fields": [
        {"name": "v", "type": "int"}, {"name": "next", "type": ["null", "node"]}, {"name": "kids", "type": {"type": "array", "items": "n.node"}},
        {"name": "color", "type": {"type": "enum", "name": "c", "symbols": ["RED", "BLUE"]}}
    ]});
    let mut schemas = Schemas::default();
    schemas.add(7, &document);
    for limits in [false, true] {
        let yaml = written(&schema::draft(Kind::Avro, &document).unwrap(), limits);
        assert!(yaml.lines().count() < 45, "{yaml}");
        assert_eq!(yaml.matches("is node again").count(), 2, "{yaml}");
        // 5, null, no kids, BLUE; and one that has a next one and a kid of its own.
        let leaf = [10, 0, 0, 2];
        let nested = [&[2, 2][..], &leaf, &[2], &leaf, &[0, 0]].concat();
        for body in [&leaf[..], &nested] {
            let event = [&[0, 0, 0, 0, 7][..], body].concat();
            assert_eq!(verdict(&plan(&yaml), &schemas, &event), Ok(true), "{yaml}");
        }
    }
}
