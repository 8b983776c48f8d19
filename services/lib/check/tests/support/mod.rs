//! What the corpus tests share: events and verdicts in their file forms.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "tests; each test binary uses its part")]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use tidegate_check::input::Known;
use tidegate_check::{Input, Judge, Plan, RowSink, SchemaLookup, SchemaNeed, Verdict, Violation};
use tidegate_codec::Scalar;
use tidegate_contract::{Contract, SchemaFolder};

/// `tests/corpus` of the project.
pub fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/corpus")
}

/// A contract that must load.
pub fn contract(name: &str, text: &str) -> Contract {
    contract_with(name, text, &corpus().join(name).join("schemas"))
}

/// A contract that must load, with the event schemas of a folder.
pub fn contract_with(name: &str, text: &str, schemas: &Path) -> Contract {
    let (contract, diagnostics) = tidegate_contract::parse(name, text);
    let mut contract = contract.unwrap_or_else(|| panic!("{name}: {diagnostics:#?}"));
    let problems = contract.attach_schemas(&Arc::new(event_schemas(schemas)));
    assert!(problems.is_empty(), "{name}: {problems:#?}");
    contract
}

/// The files of a folder and of those in it; none where it is not there.
pub fn event_schemas(folder: &Path) -> SchemaFolder {
    let (mut texts, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(place) = open.pop() {
        for entry in fs::read_dir(place).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let below = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                texts.push((below, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    SchemaFolder::from_texts(texts.iter().map(|(path, text)| (path.as_str(), text.as_str())))
}

/// One record of `events.jsonl`.
#[derive(Debug, Default)]
pub struct Event {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    pub now: i64,
    pub topic: Option<String>,
}

impl Event {
    /// A line: the value itself, or `@` and a JSON object that says more.
    pub fn read(line: &str) -> Event {
        let Some(wrapped) = line.strip_prefix('@') else {
            return Event {
                key: Some(b"k".to_vec()),
                value: Some(line.as_bytes().to_vec()),
                ..Event::default()
            };
        };
        let wrapped: Value = serde_json::from_str(wrapped).unwrap();
        let bytes = |name: &str| {
            let encoded = wrapped
                .get(format!("{name}_base64"))
                .and_then(Value::as_str)
                .map(|text| BASE64.decode(text).unwrap());
            encoded.or_else(|| wrapped.get(name).and_then(Value::as_str).map(|text| text.as_bytes().to_vec()))
        };
        let headers = wrapped
            .get("headers")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(|header| {
                let bytes = header.get(2).and_then(Value::as_str).map(|text| BASE64.decode(text).unwrap());
                (
                    header[0].as_str().unwrap().to_owned(),
                    bytes.or_else(|| header[1].as_str().map(|text| text.as_bytes().to_vec())),
                )
            });
        Event {
            key: bytes("key"),
            value: bytes("value"),
            headers: headers.collect(),
            now: wrapped.get("now").and_then(Value::as_i64).unwrap_or(0),
            topic: wrapped.get("topic").and_then(Value::as_str).map(str::to_owned),
        }
    }

    /// Judges it on its topic.
    pub fn judge(&self, judge: &mut Judge, plan: &Plan, schemas: &Schemas, row: &mut impl RowSink) -> Verdict {
        let headers: Vec<(&str, Option<&[u8]>)> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
        let input = Input {
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: &headers,
            now: self.now,
        };
        judge.judge(plan, &input, self.topic.as_deref().unwrap_or("events"), schemas, row)
    }
}

/// A verdict in the form of `verdicts.jsonl`.
pub fn describe(verdict: &Verdict) -> Value {
    let list = |violations: &[Violation]| -> Value {
        let one = |violation: &Violation| {
            json!([
                violation.reason.as_str(),
                violation.detail.map(|detail| detail.as_str()),
                &*violation.rule,
                violation.pointer
            ])
        };
        violations.iter().map(one).collect()
    };
    match verdict {
        Verdict::Valid { notes, facts } => {
            let mut out = json!({"verdict": "valid"});
            if !notes.is_empty() {
                out["notes"] = list(notes);
            }
            if let Some(op) = facts.op {
                out["op"] = json!(op.as_str());
            }
            if let Some(change) = facts.key_change {
                out["key_change"] = json!(format!("{change:?}"));
            }
            if let Some(time) = facts.event_time {
                out["event_time"] = json!(time);
            }
            out
        }
        Verdict::Invalid { violations, cut } => {
            let mut out = json!({"verdict": "invalid", "violations": list(violations)});
            if *cut {
                out["cut"] = json!(true);
            }
            out
        }
        Verdict::Skipped(skip) => json!({"verdict": "skipped", "policy": skip.as_str()}),
        Verdict::Need(SchemaNeed::Id(id)) => json!({"verdict": "need", "schema": id}),
        Verdict::Need(need) => json!({"verdict": "need", "schema": name(need)}),
    }
}

/// How `schemas.json` and verdicts name a schema.
pub fn name(need: &SchemaNeed) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    match need {
        SchemaNeed::Id(id) => id.to_string(),
        SchemaNeed::Guid(guid) => format!("guid:{}", hex(guid)),
        SchemaNeed::Glue(uuid) => format!("glue:{}", hex(uuid)),
        SchemaNeed::GlobalId(id) => format!("global:{id}"),
        SchemaNeed::ContentId(id) => format!("content:{id}"),
        SchemaNeed::File { file, message } => format!("file:{file}:{message}"),
    }
}

/// Schemas of `schemas.json`: name to an Avro or Protobuf schema, or to `"unknown"` or `"unusable"`.
#[derive(Debug, Default)]
pub struct Schemas(HashMap<String, Known>);

impl Schemas {
    pub fn read(path: &Path) -> Schemas {
        let Ok(text) = fs::read_to_string(path) else {
            return Schemas::default();
        };
        let schemas: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
        Schemas(schemas.into_iter().map(|(name, schema)| (name, known(&schema))).collect())
    }

    pub fn add(&mut self, id: u32, schema: &Value) {
        self.0.insert(id.to_string(), known(schema));
    }
}

fn known(schema: &Value) -> Known {
    if let Some(proto) = schema.get("proto").and_then(Value::as_str) {
        let imports: Vec<(&str, &str)> = schema["imports"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, text)| (name.as_str(), text.as_str().unwrap()))
            .collect();
        return Known::Protobuf(Arc::new(tidegate_codec::protobuf::Schema::parse(proto, &imports).unwrap()));
    }
    match schema.as_str() {
        Some("unknown") => Known::Unknown,
        Some("unusable") => Known::Unusable,
        _ => Known::Avro(Arc::new(tidegate_codec::avro::Schema::parse(&schema.to_string(), &[]).unwrap())),
    }
}

impl SchemaLookup for Schemas {
    fn lookup(&self, need: &SchemaNeed) -> Known {
        self.0.get(&name(need)).cloned().unwrap_or(Known::NotCached)
    }
}

/// A row sink that writes down what it is given, to compare and to prove that it is well nested.
#[derive(Debug, Default, PartialEq)]
pub struct Recorder {
    pub calls: Vec<String>,
    open: Vec<usize>,
}

impl Recorder {
    pub fn is_balanced(&self) -> bool {
        self.open.is_empty()
    }
}

impl RowSink for Recorder {
    fn scalar(&mut self, node: usize, value: &Scalar<'_>) {
        self.calls.push(format!("{node} {value:?}"));
    }
    fn null(&mut self, node: usize) {
        self.calls.push(format!("{node} null"));
    }
    fn begin(&mut self, node: usize) {
        self.open.push(node);
        self.calls.push(format!("{node} begin"));
    }
    fn end(&mut self, node: usize) {
        assert_eq!(self.open.pop(), Some(node), "ends what was begun");
        self.calls.push(format!("{node} end"));
    }
    fn any(&mut self, node: usize, json: &str) {
        serde_json::from_str::<Value>(json).expect("an untyped value is JSON");
        self.calls.push(format!("{node} any {json}"));
    }
    fn unavailable(&mut self, node: usize) {
        self.calls.push(format!("{node} unavailable"));
    }
}
