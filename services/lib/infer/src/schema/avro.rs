//! Avro 1.12: records, unions with null, logical types.

use std::collections::HashMap;

use serde_json::Value;

use super::{DEPTH_MAX, Room, VALUES_MAX, documented, semantic};
use crate::draft::{Kind, Property};

/// Named types of the schema, by full name and by short name.
type Names<'s> = HashMap<String, &'s Value>;

/// Whether it is an envelope of Debezium, and the fields of the row.
pub(super) fn properties(schema: &Value, room: &mut Room) -> Result<(bool, Vec<Property>), String> {
    let mut names = Names::new();
    collect(schema, "", 0, &mut names);
    let mut walk = Walk {
        names,
        open: Vec::new(),
        room,
    };
    let field = |name: &str| {
        let fields = schema.get("fields").and_then(Value::as_array).into_iter().flatten();
        let mut named = fields.filter(|field| field.get("name").and_then(Value::as_str) == Some(name));
        named.next().and_then(|field| field.get("type")).map(|written| nullable(written).0)
    };
    let row = field("before")
        .into_iter()
        .chain(field("after"))
        .find_map(|image| walk.defined(image));
    match (field("op"), field("source"), row) {
        (Some(_), Some(_), Some(row)) => Ok((true, walk.record(row, 0)?)),
        _ => Ok((false, walk.record(schema, 0)?)),
    }
}

/// The schema, and where in it the walk is.
struct Walk<'s, 'r> {
    names: Names<'s>,
    /// Records around this place, so that one that holds itself ends.
    open: Vec<&'s Value>,
    room: &'r mut Room,
}

fn collect<'s>(schema: &'s Value, namespace: &str, depth: usize, names: &mut Names<'s>) {
    if depth > DEPTH_MAX {
        return;
    }
    match schema {
        Value::Array(branches) => branches.iter().for_each(|branch| collect(branch, namespace, depth + 1, names)),
        Value::Object(object) => {
            let namespace = object.get("namespace").and_then(Value::as_str).unwrap_or(namespace);
            if let Some(name) = object.get("name").and_then(Value::as_str).filter(|_| object.contains_key("type")) {
                names.entry(name.to_owned()).or_insert(schema);
                names.entry(format!("{namespace}.{name}")).or_insert(schema);
            }
            for part in ["items", "values", "type"] {
                if let Some(inner) = object.get(part).filter(|inner| !inner.is_string()) {
                    collect(inner, namespace, depth + 1, names);
                }
            }
            for field in object.get("fields").and_then(Value::as_array).into_iter().flatten() {
                if let Some(inner) = field.get("type") {
                    collect(inner, namespace, depth + 1, names);
                }
            }
        }
        _ => {}
    }
}

// === impl Walk ===

impl<'s> Walk<'s, '_> {
    /// The record that a field's type is or names.
    fn defined(&self, written: &'s Value) -> Option<&'s Value> {
        let schema = match written {
            Value::String(name) => *self.names.get(name)?,
            other => other,
        };
        schema.get("fields").is_some_and(Value::is_array).then_some(schema)
    }

    fn record(&mut self, schema: &'s Value, depth: usize) -> Result<Vec<Property>, String> {
        let fields = schema.get("fields").and_then(Value::as_array).ok_or("a record without fields")?;
        let mut properties = Vec::new();
        self.open.push(schema);
        for field in fields {
            let name = field.get("name").and_then(Value::as_str).ok_or("a field without a name")?;
            let written = field.get("type").ok_or_else(|| format!("field {name} has no type"))?;
            if !self.room.take() {
                break;
            }
            let (written, nullable) = nullable(written);
            let mut property = self.of_type(name, written, depth + 1)?;
            property.required = !nullable;
            properties.push(documented(property, field.get("doc").and_then(Value::as_str)));
        }
        self.open.pop();
        Ok(properties)
    }

    fn of_type(&mut self, name: &str, schema: &'s Value, depth: usize) -> Result<Property, String> {
        let any = |why: &str| {
            let mut property = Property::new(name, Kind::Any);
            property.evidence.push(why.to_owned());
            Ok(property)
        };
        if depth > DEPTH_MAX {
            return any("goes on deeper than a draft does");
        }
        let kind = match schema {
            Value::String(text) => text.as_str(),
            Value::Object(object) => match object.get("type") {
                Some(Value::String(text)) => text.as_str(),
                Some(inner) => return self.of_type(name, inner, depth + 1),
                None => return Err(format!("field {name} has no type")),
            },
            Value::Array(_) => return any("a union of several types"),
            _ => return Err(format!("field {name} has no type")),
        };
        let logical = schema.get("logicalType").and_then(Value::as_str).unwrap_or_default();
        let count = |part: &str| schema.get(part).and_then(Value::as_u64);
        let text = |value: Option<&'s Value>| value.and_then(Value::as_str);
        let semantic = text(schema.get("connect.name")).filter(|_| logical.is_empty());
        let parameter = |name: &str| text(schema.get("connect.parameters").and_then(|all| all.get(name)));
        if let Some(property) = semantic.and_then(|semantic| semantic::of(name, semantic, parameter)) {
            return Ok(property);
        }
        Ok(match (kind, logical) {
            ("int", "date") => Property::leaf(name, "date"),
            ("int", "time-millis") | ("long", "time-micros") => Property::leaf(name, "time"),
            ("long", "timestamp-millis" | "timestamp-micros" | "timestamp-nanos") => Property::leaf(name, "timestamp"),
            ("long", "local-timestamp-millis" | "local-timestamp-micros" | "local-timestamp-nanos") => {
                Property::leaf(name, "timestamp").with("timezone", "false")
            }
            ("bytes" | "fixed", "decimal") => match count("precision") {
                Some(precision @ 1..=38) => {
                    Property::leaf(name, "number").physically(format!("decimal({precision},{})", count("scale").unwrap_or(0)))
                }
                _ => return any("a decimal of more than 38 digits"),
            },
            ("string", "uuid") => Property::leaf(name, "string").with("format", "uuid"),
            ("boolean", _) => Property::leaf(name, "boolean"),
            ("int", _) => Property::leaf(name, "integer").with("format", "i32"),
            ("long", _) => Property::leaf(name, "integer").with("format", "i64"),
            ("float", _) => Property::leaf(name, "number").with("format", "f32"),
            ("double", _) => Property::leaf(name, "number").with("format", "f64"),
            ("bytes" | "fixed", _) => Property::leaf(name, "string").with("format", "binary"),
            ("string", _) => Property::leaf(name, "string"),
            ("enum", _) => {
                let mut property = Property::leaf(name, "string");
                let symbols = schema.get("symbols").and_then(Value::as_array).into_iter().flatten();
                let symbols: Vec<&str> = symbols.filter_map(Value::as_str).collect();
                if symbols.len() <= VALUES_MAX {
                    property.values = symbols.into_iter().map(crate::draft::quoted).collect();
                }
                property
            }
            ("array", _) => {
                let items = schema.get("items").ok_or_else(|| format!("list {name} has no items"))?;
                Property::new(
                    name,
                    Kind::Array(Some(Box::new(self.of_type("item", nullable(items).0, depth + 1)?))),
                )
            }
            ("map", _) => {
                let values = schema.get("values").ok_or_else(|| format!("map {name} has no values"))?;
                Property::new(name, Kind::Map(Box::new(self.of_type("value", nullable(values).0, depth + 1)?)))
            }
            ("record", _) if self.open.iter().any(|around| std::ptr::eq(*around, schema)) => {
                let record = schema.get("name").and_then(Value::as_str).unwrap_or_default();
                return any(&format!(
                    "is {record} again; a contract cannot hold itself, so what is inside is not checked"
                ));
            }
            ("record", _) => Property::new(name, Kind::Object(self.record(schema, depth)?)),
            ("null", _) => return any("never anything but null"),
            (other, _) => match self.names.get(other).copied() {
                Some(named) => return self.of_type(name, named, depth + 1),
                None => return Err(format!("field {name} names the type {other}, which the schema does not define")),
            },
        })
    }
}

/// A union with null is its other branch, which may be missing.
fn nullable(schema: &Value) -> (&Value, bool) {
    let Some(branches) = schema.as_array() else {
        return (schema, schema == "null");
    };
    let is_null = |branch: &&Value| **branch == "null";
    let has_null = branches.iter().any(|branch| is_null(&branch));
    match branches.iter().filter(|branch| !is_null(branch)).collect::<Vec<_>>().as_slice() {
        [only] => (only, has_null),
        _ => (schema, has_null),
    }
}
