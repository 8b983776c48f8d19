//! What targets of the judge share: contracts, plans and the folders of `tests/corpus`.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tidegate_check::input::Known;
use tidegate_check::{Plan, RowSink, SchemaLookup, SchemaNeed, compile};
use tidegate_codec::Scalar;
use tidegate_codec::avro::Schema;

/// `tests/corpus` of the project.
pub(crate) fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus")
}

/// `contracts` of the project.
pub(crate) fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../contracts")
}

/// The plan of a contract's first object; the contract must be good.
pub(crate) fn plan(text: &str) -> Plan {
    let (contract, diagnostics) = tidegate_contract::parse("contract.odcs.yaml", text);
    let contract = contract.unwrap_or_else(|| panic!("{diagnostics:#?}"));
    compile(&contract, 0).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// Text of a file that must be there.
pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What is in a folder that must be there, sorted.
pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = read.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Every contract file under a folder.
pub(crate) fn contracts(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in entries(folder) {
        if path.is_dir() {
            found.extend(contracts(&path));
        } else if path.to_string_lossy().ends_with(".odcs.yaml") {
            found.push(path);
        }
    }
    found
}

/// No schema is known.
#[derive(Debug)]
pub(crate) struct NoSchemas;

impl SchemaLookup for NoSchemas {
    fn lookup(&self, _: &SchemaNeed) -> Known {
        Known::NotCached
    }
}

/// A folder of the corpus that holds events.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) plan: Plan,
    pub(crate) schemas: Schemas,
    pub(crate) events: Vec<Event>,
}

/// Schemas of `schemas.json`, by the names that they have there.
#[derive(Debug, Default)]
pub(crate) struct Schemas(HashMap<String, Known>);

/// A line of `events.jsonl`, see `tests/corpus/README.md`.
#[derive(Debug, Default)]
pub(crate) struct Event {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

/// Every case of the corpus, by name.
pub(crate) fn cases() -> Vec<Case> {
    let folders = entries(&corpus()).into_iter().filter(|folder| {
        // Contracts with an event schema bring a library along that is fuzzed by its own project.
        folder.join("events.jsonl").exists() && !folder.join("schemas").exists()
    });
    folders
        .map(|folder| Case {
            name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            plan: plan(&read(&folder.join("contract.odcs.yaml"))),
            schemas: Schemas::of(&folder.join("schemas.json")),
            events: read(&folder.join("events.jsonl")).lines().map(Event::of).collect(),
        })
        .collect()
}

/// Writes down what a row sink is given and holds that it is well nested.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Recorder {
    pub(crate) calls: Vec<String>,
    pub(crate) open: Vec<usize>,
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
        assert!(serde_json::from_str::<Value>(json).is_ok(), "an untyped value is JSON");
        self.calls.push(format!("{node} any {json}"));
    }
    fn unavailable(&mut self, node: usize) {
        self.calls.push(format!("{node} unavailable"));
    }
}

// === impl Schemas ===

impl Schemas {
    fn of(path: &Path) -> Schemas {
        let Ok(text) = fs::read_to_string(path) else {
            return Schemas::default();
        };
        let schemas: HashMap<String, Value> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Schemas(schemas.into_iter().map(|(name, schema)| (name, known(&schema))).collect())
    }
}

impl SchemaLookup for Schemas {
    fn lookup(&self, need: &SchemaNeed) -> Known {
        self.0.get(&name(need)).cloned().unwrap_or(Known::NotCached)
    }
}

fn name(need: &SchemaNeed) -> String {
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

fn known(schema: &Value) -> Known {
    if let Some(proto) = schema.get("proto").and_then(Value::as_str) {
        let imports = schema.get("imports").and_then(Value::as_object).into_iter().flatten();
        let imports: Vec<(&str, &str)> = imports.filter_map(|(name, text)| Some((name.as_str(), text.as_str()?))).collect();
        return tidegate_codec::protobuf::Schema::parse(proto, &imports)
            .map_or(Known::Unusable, |schema| Known::Protobuf(Arc::new(schema)));
    }
    match schema.as_str() {
        Some("unknown") => Known::Unknown,
        Some("unusable") => Known::Unusable,
        _ => Schema::parse(&schema.to_string(), &[]).map_or(Known::Unusable, |schema| Known::Avro(Arc::new(schema))),
    }
}

// === impl Event ===

impl Event {
    fn of(line: &str) -> Event {
        let Some(wrapped) = line.strip_prefix('@') else {
            return Event {
                key: Some(b"k".to_vec()),
                value: Some(line.as_bytes().to_vec()),
                headers: Vec::new(),
            };
        };
        let wrapped: Value = serde_json::from_str(wrapped).unwrap_or_else(|error| panic!("{line}: {error}"));
        let bytes = |name: &str| {
            let encoded = wrapped.get(format!("{name}_base64")).and_then(Value::as_str);
            encoded
                .and_then(|text| STANDARD.decode(text).ok())
                .or_else(|| wrapped.get(name).and_then(Value::as_str).map(|text| text.as_bytes().to_vec()))
        };
        let headers = wrapped.get("headers").and_then(Value::as_array).into_iter().flatten();
        Event {
            key: bytes("key"),
            value: bytes("value"),
            headers: headers
                .map(|header| {
                    (
                        header[0].as_str().unwrap_or_default().to_owned(),
                        header[1].as_str().map(|text| text.as_bytes().to_vec()),
                    )
                })
                .collect(),
        }
    }
}
