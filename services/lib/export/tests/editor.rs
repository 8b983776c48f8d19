//! The editor's schema accepts every contract that the reader accepts, and refuses what the reader refuses about settings.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tidegate_contract::Level;
use tidegate_contract::yaml::{self, Node};
use tidegate_export::editor::editor_schema;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

fn contracts(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            contracts(&path, found);
        } else if path.to_string_lossy().ends_with(".odcs.yaml") {
            found.push(path);
        }
    }
}

/// As an editor's YAML library hands it to the schema.
fn document(text: &str) -> Value {
    let (node, said) = yaml::parse("c.odcs.yaml", text);
    value(&node.unwrap_or_else(|| panic!("{said:?}")))
}

fn value(node: &Node) -> Value {
    match &node.value {
        yaml::Value::Null => Value::Null,
        yaml::Value::Bool(value) => json!(value),
        yaml::Value::Number(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text.parse::<f64>().unwrap_or_default())),
        yaml::Value::String(text) => json!(&**text),
        yaml::Value::Sequence(items) => items.iter().map(value).collect(),
        yaml::Value::Mapping(entries) => Value::Object(entries.iter().map(|entry| (entry.key.to_string(), value(&entry.node))).collect()),
    }
}

fn validator() -> jsonschema::Validator {
    let schema = editor_schema();
    jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{error}"));
    jsonschema::options().build(&schema).unwrap()
}

fn problems(validator: &jsonschema::Validator, text: &str) -> Vec<String> {
    let document = document(text);
    validator
        .iter_errors(&document)
        .map(|error| format!("{} {error}", error.instance_path()))
        .collect()
}

fn loads(text: &str) -> bool {
    let (contract, said) = tidegate_contract::parse("c.odcs.yaml", text);
    contract.is_some() && said.iter().all(|one| one.level != Level::Error)
}

#[test]
fn what_loads_is_accepted() {
    let validator = validator();
    let mut paths = Vec::new();
    contracts(&root().join("contracts"), &mut paths);
    contracts(&root().join("tests/corpus"), &mut paths);
    let mut wrong = Vec::new();
    let mut seen = 0;
    for path in &paths {
        let text = std::fs::read_to_string(path).unwrap();
        if !loads(&text) {
            continue;
        }
        seen += 1;
        let found = problems(&validator, &text);
        if !found.is_empty() {
            wrong.push(format!("{}: {}", path.display(), found.join("; ")));
        }
    }
    assert!(seen > 60, "{seen}");
    assert!(wrong.is_empty(), "{} of {seen}:\n{}", wrong.len(), wrong.join("\n"));
}

/// The pitfall of the published schema.
#[test]
fn a_property_without_a_type_is_fine() {
    let text = "apiVersion: v3.2.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\nschema:\n  - name: a\n    properties:\n      - {name: x}\n";
    assert_eq!(problems(&validator(), text), Vec::<String>::new());
}

const CONTRACT: &str = "apiVersion: v3.2.0
kind: DataContract
id: a
version: 1.0.0
status: active
customProperties:
  - {property: onFailure, vendor: tidegate, value: stop}
schema:
  - name: a
    physicalType: topic
    customProperties:
      - {property: unknownFields, vendor: tidegate, value: fail}
      - {property: anything, vendor: other, value: x}
    properties:
      - {name: x, logicalType: string}
";

#[test]
fn slips_in_settings_are_refused_by_both() {
    let validator = validator();
    assert!(
        loads(CONTRACT) && problems(&validator, CONTRACT).is_empty(),
        "{:?}",
        problems(&validator, CONTRACT)
    );
    for (from, to) in [
        ("unknownFields", "unknownField"),
        ("value: fail", "value: failing"),
        ("value: fail", "value: 1"),
        ("onFailure", "onFailures"),
        ("value: stop", "value: halt"),
        // A setting of the object at the top, and one of the contract at the object.
        (
            "property: onFailure, vendor: tidegate, value: stop",
            "property: unknownFields, vendor: tidegate, value: fail",
        ),
        (
            "property: unknownFields, vendor: tidegate, value: fail",
            "property: onFailure, vendor: tidegate, value: stop",
        ),
        (
            "property: unknownFields, vendor: tidegate, value: fail",
            "property: tidegate.unknownField, value: fail",
        ),
        ("status: active", "status: aktive"),
        ("status: active\n", ""),
        ("apiVersion: v3.2.0", "apiVersion: v2.2.2"),
        ("logicalType: string", "logicalType: text"),
        ("logicalType: string", "logicalTyp: string"),
        (
            "logicalType: string",
            "logicalType: string, customProperties: [{property: unknownFields, vendor: tidegate, value: fail}]",
        ),
    ] {
        let text = CONTRACT.replace(from, to);
        assert_ne!(text, CONTRACT);
        assert!(!loads(&text), "the reader takes {to}");
        assert!(!problems(&validator, &text).is_empty(), "the schema takes {to}");
    }
}
