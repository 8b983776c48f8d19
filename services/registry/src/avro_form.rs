//! One form for Avro schemas that mean the same, so that a client that has parsed its schema and written it anew still finds it.
//!
//! Names are made whole, `{"type": "string"}` and `"string"` are one, what is the default is left out. Everything else that makes a difference
//! to somebody stays: documentation, aliases, defaults, properties. That is less than the specification's Parsing Canonical Form strips.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

const PRIMITIVES: &[&str] = &["null", "boolean", "int", "long", "float", "double", "bytes", "string"];
/// Deeper ones are compared as they are.
const DEPTH_MAX: usize = 200;

/// The form of a schema, in JSON.
pub(crate) fn form(schema: &Value) -> Value {
    of(schema, "", 0)
}

/// A schema in its form with every type that it names elsewhere defined at the place where it is first named, as libraries write a schema
/// that they have read together with those types. `definitions` are forms, by full name; those that were written are taken out.
pub(crate) fn inlined(form: &Value, definitions: &mut BTreeMap<String, Value>) -> Value {
    match form {
        Value::String(name) => match definitions.remove(name) {
            Some(definition) => inlined(&definition, definitions),
            None => form.clone(),
        },
        Value::Array(branches) => branches.iter().map(|branch| inlined(branch, definitions)).collect(),
        Value::Object(entries) => {
            let mut written = entries.clone();
            if let Some(Value::Array(fields)) = entries.get("fields") {
                let field = |field: &Value| {
                    let mut field = field.clone();
                    if let Some(of) = field.get("type").cloned() {
                        field["type"] = inlined(&of, definitions);
                    }
                    field
                };
                written.insert("fields".to_owned(), fields.iter().map(field).collect());
            }
            for key in ["items", "values"] {
                if let Some(below) = entries.get(key) {
                    written.insert(key.to_owned(), inlined(below, definitions));
                }
            }
            if let Some(inner) = entries.get("type").filter(|inner| !inner.is_string()) {
                written.insert("type".to_owned(), inlined(inner, definitions));
            }
            Value::Object(written)
        }
        other => other.clone(),
    }
}

fn of(schema: &Value, space: &str, depth: usize) -> Value {
    if depth > DEPTH_MAX {
        return schema.clone();
    }
    match schema {
        Value::String(name) => named(name, space).into(),
        Value::Array(branches) => branches.iter().map(|branch| of(branch, space, depth + 1)).collect(),
        Value::Object(entries) => of_object(entries, space, depth),
        other => other.clone(),
    }
}

fn of_object(entries: &Map<String, Value>, space: &str, depth: usize) -> Value {
    let Some(kind) = entries.get("type") else {
        return Value::Object(entries.clone());
    };
    // `{"type": X}` says nothing beside X.
    if entries.len() == 1 && !matches!(kind.as_str(), Some("record" | "error" | "enum" | "fixed" | "array" | "map")) {
        return of(kind, space, depth + 1);
    }
    let mut written = entries.clone();
    let mut inner = space.to_owned();
    if let Some(name) = entries.get("name").and_then(Value::as_str) {
        let own = entries.get("namespace").and_then(Value::as_str);
        let full = if name.contains('.') {
            name.to_owned()
        } else {
            joined(own.unwrap_or(space), name)
        };
        inner = full.rsplit_once('.').map_or(String::new(), |(space, _)| space.to_owned());
        written.insert("name".to_owned(), full.into());
        written.remove("namespace");
        if let Some(Value::Array(aliases)) = entries.get("aliases") {
            let whole = aliases
                .iter()
                .map(|alias| alias.as_str().map_or(alias.clone(), |alias| joined(&inner, alias).into()));
            written.insert("aliases".to_owned(), whole.collect());
        }
    }
    if let Some(Value::Array(fields)) = entries.get("fields") {
        let fields = fields.iter().map(|field| of_field(field, &inner, depth + 1));
        written.insert("fields".to_owned(), fields.collect());
    }
    for key in ["items", "values"] {
        if let Some(below) = entries.get(key) {
            written.insert(key.to_owned(), of(below, &inner, depth + 1));
        }
    }
    if !kind.is_string() {
        written.insert("type".to_owned(), of(kind, space, depth + 1));
    }
    drop_empty_aliases(&mut written);
    Value::Object(written)
}

fn of_field(field: &Value, space: &str, depth: usize) -> Value {
    let Value::Object(entries) = field else { return field.clone() };
    let mut written = entries.clone();
    if let Some(kind) = entries.get("type") {
        written.insert("type".to_owned(), of(kind, space, depth));
    }
    if entries.get("order").is_some_and(|order| order == "ascending") {
        written.remove("order");
    }
    drop_empty_aliases(&mut written);
    Value::Object(written)
}

fn drop_empty_aliases(entries: &mut Map<String, Value>) {
    if entries.get("aliases").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        entries.remove("aliases");
    }
}

fn named(name: &str, space: &str) -> String {
    if PRIMITIVES.contains(&name) {
        name.to_owned()
    } else {
        joined(space, name)
    }
}

fn joined(space: &str, name: &str) -> String {
    if space.is_empty() || name.contains('.') {
        name.to_owned()
    } else {
        format!("{space}.{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: &str, other: &str) -> bool {
        form(&serde_json::from_str(one).unwrap()) == form(&serde_json::from_str(other).unwrap())
    }

    #[test]
    fn what_a_parser_writes_anew_is_the_same() {
        let written = r#"{"type":"record","name":"Order","namespace":"shop","fields":[
            {"name":"id","type":{"type":"string"},"order":"ascending"},
            {"name":"item","type":{"type":"record","name":"Item","namespace":"shop","aliases":[],"fields":[{"name":"n","type":["null",{"type":"int"}],"default":null}]}},
            {"name":"other","type":{"type":"array","items":"Item"}},
            {"name":"more","type":{"type":"map","values":"shop.Item"}}]}"#;
        let anew = r#"{"type":"record","name":"shop.Order","fields":[
            {"name":"id","type":"string"},
            {"name":"item","type":{"type":"record","name":"Item","fields":[{"name":"n","type":["null","int"],"default":null}]}},
            {"name":"other","type":{"type":"array","items":"shop.Item"}},
            {"name":"more","type":{"type":"map","values":"Item"}}]}"#;
        assert!(same(written, anew));
    }

    #[test]
    fn what_makes_a_difference_stays_one() {
        let base = r#"{"type":"record","name":"A","namespace":"x","fields":[{"name":"f","type":"int","default":1,"doc":"d"}]}"#;
        for (from, to) in [
            ("\"x\"", "\"y\""),
            ("\"int\"", "\"long\""),
            ("\"default\":1", "\"default\":2"),
            ("\"doc\":\"d\"", "\"doc\":\"e\""),
            ("\"int\"", r#"{"type":"int","logicalType":"date"}"#),
            ("\"doc\"", "\"aliases\":[\"g\"],\"doc\""),
            ("\"doc\"", "\"order\":\"descending\",\"doc\""),
        ] {
            assert!(base.contains(from) && !same(base, &base.replacen(from, to, 1)), "{from} → {to}");
        }
    }
}
