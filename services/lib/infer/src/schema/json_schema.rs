//! JSON Schema, as far as a contract says the same: types, required fields, formats, limits, references inside of the document.

use serde_json::Value;

use super::{DEPTH_MAX, Room, documented};
use crate::draft::{Kind, Property, quoted};

pub(super) fn properties(schema: &Value, room: &mut Room) -> Result<Vec<Property>, String> {
    object(schema, resolve(schema, schema)?, 0, room)
}

/// Follows references inside of the document; others are never fetched.
fn resolve<'s>(root: &'s Value, mut schema: &'s Value) -> Result<&'s Value, String> {
    for _ in 0..DEPTH_MAX {
        let Some(reference) = schema.get("$ref").and_then(Value::as_str) else {
            return Ok(schema);
        };
        let pointer = reference
            .strip_prefix('#')
            .ok_or("the schema refers to another document, which is not fetched: put it in here")?;
        schema = root.pointer(pointer).ok_or("the schema refers to a place that it does not have")?;
    }
    Err(String::from("references of the schema go in a circle"))
}

fn object(root: &Value, schema: &Value, depth: usize, room: &mut Room) -> Result<Vec<Property>, String> {
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut list = Vec::new();
    for (name, inner) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        if !room.take() {
            break;
        }
        let inner = resolve(root, inner)?;
        let (mut property, nullable) = of_type(root, name, inner, depth + 1, room)?;
        property.required = required.contains(&name.as_str()) && !nullable;
        list.push(documented(property, inner.get("description").and_then(Value::as_str)));
    }
    Ok(list)
}

/// The property, and whether null is allowed.
fn of_type(root: &Value, name: &str, schema: &Value, depth: usize, room: &mut Room) -> Result<(Property, bool), String> {
    let mut any = Property::new(name, Kind::Any);
    if depth > DEPTH_MAX {
        any.evidence.push(String::from("goes on deeper than a draft does"));
        return Ok((any, true));
    }
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let nullable = types.contains(&"null");
    let others: Vec<&&str> = types.iter().filter(|kind| **kind != "null").collect();
    let [kind] = others.as_slice() else {
        any.evidence.push(String::from("of several types, or of none that is named"));
        return Ok((any, nullable || types.is_empty()));
    };
    let number = |part: &str| schema.get(part).filter(|value| value.is_number()).map(Value::to_string);
    let mut property = match **kind {
        "boolean" => Property::leaf(name, "boolean"),
        "integer" => Property::leaf(name, "integer").with("format", "i64"),
        // A number of any form: the schema names neither digits nor a width.
        "number" => Property::leaf(name, "number").with("format", "f64"),
        "string" => match schema.get("format").and_then(Value::as_str) {
            Some("date-time") => Property::leaf(name, "timestamp"),
            Some("date") => Property::leaf(name, "date"),
            Some("time") => Property::leaf(name, "time"),
            Some(format @ ("uuid" | "email" | "uri" | "hostname" | "ipv4" | "ipv6")) => {
                Property::leaf(name, "string").with("format", format)
            }
            _ => Property::leaf(name, "string"),
        },
        "object" => {
            let fields = object(root, schema, depth, room)?;
            match schema
                .get("additionalProperties")
                .filter(|value| value.is_object() && fields.is_empty())
            {
                Some(values) => Property::new(
                    name,
                    Kind::Map(Box::new(of_type(root, "value", resolve(root, values)?, depth + 1, room)?.0)),
                ),
                None => Property::new(name, Kind::Object(fields)),
            }
        }
        "array" => match schema.get("items").filter(|items| items.is_object()) {
            Some(items) => Property::new(
                name,
                Kind::Array(Some(Box::new(of_type(root, "item", resolve(root, items)?, depth + 1, room)?.0))),
            ),
            None => Property::new(name, Kind::Array(None)),
        },
        _ => return Ok((any, nullable)),
    };
    let limits: &[&'static str] = match **kind {
        "integer" => &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
        "string" if matches!(property.kind, Kind::Leaf("string")) => &["minLength", "maxLength"],
        "array" => &["minItems", "maxItems"],
        _ => &[],
    };
    for limit in limits {
        if let Some(value) = number(limit) {
            property.limits.push((limit, value));
        }
    }
    let values = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    if **kind == "string" && matches!(property.kind, Kind::Leaf("string")) {
        property.values = values.filter_map(Value::as_str).take(200).map(quoted).collect();
    }
    Ok((property, nullable))
}
