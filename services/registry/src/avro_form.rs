//! One form for Avro schemas that mean the same, so that a client that has parsed its schema and written it anew still finds it.
//!
//! Names are made whole, `{"type": "string"}` and `"string"` are one, what is the default is left out. Everything else that makes a difference
//! to somebody stays: documentation, aliases, defaults, properties. That is less than the specification's Parsing Canonical Form strips.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

const PRIMITIVES: &[&str] = &["null", "boolean", "int", "long", "float", "double", "bytes", "string"];
/// Deeper ones are compared as they are.
const DEPTH_MAX: usize = 200;

/// What whole names may take in all, in bytes: a short reference to a long name would let a small schema have a form of gigabytes.
const NAMES_MAX: usize = 2 * 1024 * 1024;

/// The form of a schema, in JSON. One whose names would take more than 2 MiB is its own form.
pub(crate) fn form(schema: &Value) -> Value {
    let mut left = Some(NAMES_MAX);
    let form = Form { left: &mut left }.of(schema, "", 0);
    if left.is_some() { form } else { schema.clone() }
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

struct Form<'l> {
    /// Bytes that names may still take; none when they took too many, and what is made is of no use.
    left: &'l mut Option<usize>,
}

// === impl Form ===

impl Form<'_> {
    fn of(&mut self, schema: &Value, space: &str, depth: usize) -> Value {
        if self.left.is_none() {
            return Value::Null;
        }
        if depth > DEPTH_MAX {
            return schema.clone();
        }
        match schema {
            Value::String(name) => self.named(name, space).into(),
            Value::Array(branches) => branches.iter().map(|branch| self.of(branch, space, depth + 1)).collect(),
            Value::Object(entries) => self.of_object(entries, space, depth),
            other => other.clone(),
        }
    }

    fn of_object(&mut self, entries: &Map<String, Value>, space: &str, depth: usize) -> Value {
        let Some(kind) = entries.get("type") else {
            return Value::Object(entries.clone());
        };
        // `{"type": X}` says nothing beside X.
        if entries.len() == 1 && !matches!(kind.as_str(), Some("record" | "error" | "enum" | "fixed" | "array" | "map")) {
            return self.of(kind, space, depth + 1);
        }
        let own_name = entries.get("name").and_then(Value::as_str);
        let full = own_name.map(|name| {
            let own = entries.get("namespace").and_then(Value::as_str);
            self.joined(own.unwrap_or(space), name)
        });
        let inner = match &full {
            Some(full) => full.rsplit_once('.').map_or("", |(space, _)| space),
            None => space,
        };
        let mut written = Map::new();
        // What is written anew is never cloned: each level would hold everything below it.
        for (key, value) in entries {
            let anew = match (key.as_str(), value) {
                ("name", Value::String(name)) => full.as_ref().unwrap_or(name).clone().into(),
                ("namespace", _) if full.is_some() => continue,
                ("aliases", Value::Array(aliases)) if aliases.is_empty() => continue,
                ("aliases", Value::Array(aliases)) if full.is_some() => {
                    let whole = aliases.iter().map(|alias| match alias.as_str() {
                        Some(name) => self.joined(inner, name).into(),
                        None => alias.clone(),
                    });
                    whole.collect()
                }
                ("fields", Value::Array(fields)) => fields.iter().map(|field| self.of_field(field, inner, depth + 1)).collect(),
                ("items" | "values", below) => self.of(below, inner, depth + 1),
                ("type", kind) if !kind.is_string() => self.of(kind, space, depth + 1),
                _ => value.clone(),
            };
            written.insert(key.clone(), anew);
        }
        Value::Object(written)
    }

    fn of_field(&mut self, field: &Value, space: &str, depth: usize) -> Value {
        let Value::Object(entries) = field else { return field.clone() };
        let mut written = Map::new();
        for (key, value) in entries {
            let anew = match (key.as_str(), value) {
                ("type", kind) => self.of(kind, space, depth),
                ("order", order) if order == "ascending" => continue,
                ("aliases", Value::Array(aliases)) if aliases.is_empty() => continue,
                _ => value.clone(),
            };
            written.insert(key.clone(), anew);
        }
        Value::Object(written)
    }

    fn named(&mut self, name: &str, space: &str) -> String {
        if PRIMITIVES.contains(&name) {
            name.to_owned()
        } else {
            self.joined(space, name)
        }
    }

    fn joined(&mut self, space: &str, name: &str) -> String {
        if space.is_empty() || name.contains('.') {
            return name.to_owned();
        }
        *self.left = self.left.and_then(|left| left.checked_sub(space.len() + 1 + name.len()));
        match self.left {
            Some(_) => format!("{space}.{name}"),
            None => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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

    #[test]
    fn a_small_schema_has_no_large_form() {
        let schema = |space: usize, names: usize| {
            let fields: Vec<Value> = (0..names).map(|at| json!({"name": format!("f{at}"), "type": "X"})).collect();
            json!({"type": "record", "name": "A", "namespace": "n".repeat(space), "fields": fields})
        };
        let small = schema(100, 1000);
        assert!(form(&small) != small && form(&small).to_string().len() > 100_000);
        // 300 kB of text, which would have a form of 1.5 GB.
        let large = schema(150_000, 10_000);
        assert!(form(&large) == large);
        let named = format!("{}.A", "n".repeat(400_000));
        let fields: Vec<Value> = (0..10_000).map(|at| json!({"name": format!("f{at}"), "type": "X"})).collect();
        let dotted = json!({"type": "record", "name": named, "fields": fields});
        assert!(form(&dotted) == dotted);
    }
}
