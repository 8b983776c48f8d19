//! A JSON Schema of contract files for editors: the standard's own, with the settings that are Tidegate's.
//!
//! Editors read JSON Schema for completion and for red lines while one types. The standard's schema leaves `customProperties` open, so a slip in
//! a setting of ours would look right until `lint`. Here entries with `vendor: tidegate` have a name and a value that are known at that place.
//! It is an aid: it does not know what `lint` knows about rules, types and other files.

use serde_json::{Map, Value, json};

/// The standard's schema, mended; see the README beside it.
pub(crate) const STANDARD: &str = include_str!("../odcs/odcs-json-schema-v3.2.0.json");
const OBJECT_SETTINGS: &str = include_str!("../../../../schemas/formats/object-settings.schema.json");
const CONTRACT_SETTINGS: &str = include_str!("../../../../schemas/formats/contract-settings.schema.json");

/// The document (JSON Schema 2019-09, as the standard's is).
pub fn editor_schema() -> Value {
    let mut schema = parsed(STANDARD);
    schema["title"] = json!("Open Data Contract Standard v3.2.0 with Tidegate's settings");
    schema["description"] = json!("Contract files of Tidegate, for editors. `tidegate lint` knows more.");
    // What is enforced depends on it, so Tidegate reads no contract without.
    if let Some(required) = schema["required"].as_array_mut() {
        required.push(json!("status"));
    }
    let status = "draft: not loaded; proposed: judged and counted, everything passes; active: enforced; deprecated: enforced with a warning \
                  header; retired: every event is a dead letter.";
    schema["properties"]["status"] = json!({
        "description": status,
        "type": "string",
        // Case does not matter.
        "pattern": "^([dD][rR][aA][fF][tT]|[pP][rR][oO][pP][oO][sS][eE][dD]|[aA][cC][tT][iI][vV][eE]|[dD][eE][pP][rR][eE][cC][aA][tT][eE][dD]|[rR][eE][tT][iI][rR][eE][dD])$",
        "examples": ["draft", "proposed", "active", "deprecated", "retired"],
    });
    schema["properties"]["apiVersion"] = json!({
        "description": "Version of the standard.",
        "enum": ["v3.2.0", "v3.1.0", "v3.0.2", "v3.0.1", "v3.0.0"],
    });

    // The values alone are read, too.
    let property = &mut schema["$defs"]["SchemaBaseProperty"]["properties"]["enum"];
    property["items"] = json!({"anyOf": [{"$ref": "#/$defs/EnumValue"}, {"type": ["string", "number", "boolean", "null"]}]});

    let entry = schema["$defs"]["CustomProperty"].clone();
    let object = settings(OBJECT_SETTINGS, "tidegateObject", &mut schema);
    let contract = settings(CONTRACT_SETTINGS, "tidegateContract", &mut schema);
    let operation = json!({"type": "string", "pattern": "^([cC]([rR][eE][aA][tT][eE])?|[uU]([pP][dD][aA][tT][eE])?|[rR]([eE][aA][dD])?)$"});
    let rule = vec![(
        "operations".to_owned(),
        json!({
            "description": "Operations of change events on which the rule is asked: c (create), u (update), r (read by a snapshot).",
            "oneOf": [operation, {"type": "array", "items": operation, "minItems": 1}],
        }),
    )];
    let none = Vec::new();
    let places = [
        ("CustomProperty", &none),
        ("TidegateOfContract", &contract),
        ("TidegateOfObject", &object),
        ("TidegateOfRule", &rule),
    ];
    for (name, known) in places {
        schema["$defs"][name] = of_place(&entry, known);
    }
    let list = |name: &str| json!({"type": "array", "description": "Settings.", "items": {"$ref": format!("#/$defs/{name}")}});
    schema["properties"]["customProperties"] = list("TidegateOfContract");
    schema["$defs"]["DataQuality"]["properties"]["customProperties"] = list("TidegateOfRule");
    // Objects and properties share a definition in the standard; only objects have settings.
    let elements = schema["$defs"]["SchemaElement"]["properties"].as_object_mut();
    elements.expect("the standard's schema has it").remove("customProperties");
    schema["$defs"]["SchemaObject"]["properties"]["customProperties"] = list("TidegateOfObject");
    for name in ["SchemaBaseProperty", "SchemaProperty", "SchemaItemProperty"] {
        if schema["$defs"][name]["properties"].is_object() {
            schema["$defs"][name]["properties"]["customProperties"] = json!({"$ref": "#/$defs/CustomProperties"});
        }
    }
    schema
}

/// Settings by name, with their shared parts under `$defs` of the whole.
fn settings(text: &str, prefix: &str, schema: &mut Value) -> Vec<(String, Value)> {
    let own = parsed(text);
    if let Some(parts) = own["$defs"].as_object() {
        for (name, part) in parts {
            schema["$defs"][format!("{prefix}-{name}")] = moved(part, prefix);
        }
    }
    let empty = Map::new();
    let properties = own["properties"].as_object().unwrap_or(&empty);
    properties
        .iter()
        .map(|(name, value)| (name.clone(), moved(value, prefix)))
        .collect()
}

/// The same with references to where the parts are now.
fn moved(value: &Value, prefix: &str) -> Value {
    match value {
        Value::Object(object) => Value::Object(
            object
                .iter()
                .map(
                    |(key, value)| match (key.as_str(), value.as_str().and_then(|text| text.strip_prefix("#/$defs/"))) {
                        ("$ref", Some(name)) => (key.clone(), json!(format!("#/$defs/{prefix}-{name}"))),
                        _ => (key.clone(), moved(value, prefix)),
                    },
                )
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(|item| moved(item, prefix)).collect()),
        other => other.clone(),
    }
}

/// An entry of `customProperties` at a place where these settings may stand: with our vendor the name must be known and its value fit, as it
/// must where the name says whose it is (`tidegate.` in front, before v3.2.0).
fn of_place(entry: &Value, known: &[(String, Value)]) -> Value {
    let names: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
    let prefixed: Vec<String> = names.iter().map(|name| format!("tidegate.{name}")).collect();
    let both: Vec<&str> = names.iter().copied().chain(prefixed.iter().map(String::as_str)).collect();
    let mut rules = vec![
        json!({
            "if": {"properties": {"vendor": {"const": "tidegate"}}, "required": ["vendor"]},
            "then": {"properties": {"property": {"enum": both}}},
        }),
        json!({
            "if": {"properties": {"property": {"type": "string", "pattern": "^tidegate\\."}}, "required": ["property"]},
            "then": {"properties": {"property": {"enum": prefixed}}},
        }),
    ];
    for (name, value) in known {
        let named = json!({"properties": {"property": {"const": format!("tidegate.{name}")}}, "required": ["property"]});
        let ours = json!({
            "properties": {"property": {"const": name}, "vendor": {"const": "tidegate"}},
            "required": ["property", "vendor"],
        });
        rules.push(json!({
            "if": {"anyOf": [named, ours]},
            "then": {"properties": {"value": value}},
        }));
    }
    let mut place = entry.clone();
    // An empty list of names is no schema.
    let empty = names.is_empty();
    if empty {
        rules = vec![
            json!({"not": {"properties": {"vendor": {"const": "tidegate"}}, "required": ["vendor"]}}),
            json!({"not": {"properties": {"property": {"type": "string", "pattern": "^tidegate\\."}}, "required": ["property"]}}),
        ];
    }
    place["allOf"] = Value::Array(rules);
    place
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("the file is part of this program")
}
