//! Schemas of Kafka Connect as its JSON converter writes them, with the semantic types of Connect and Debezium.

use serde_json::Value;

use super::{DEPTH_MAX, Room, documented, semantic};
use crate::draft::{Kind, Property};

/// The block of a document: itself, or the `schema` beside a `payload`.
pub(super) fn block(document: &Value) -> Option<&Value> {
    let is_block =
        |value: &&Value| value.get("type").and_then(Value::as_str) == Some("struct") && value.get("fields").is_some_and(Value::is_array);
    [Some(document), document.get("schema")].into_iter().flatten().find(is_block)
}

/// What the events of a block are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Envelopes of Debezium; the fields are those of the row.
    Envelope,
    /// Rows of Debezium without the envelope (ExtractNewRecordState).
    Flat,
    /// Events of another connector, which the judge takes as they are.
    Plain,
}

/// What the events are, and their fields.
pub(super) fn properties(document: &Value, room: &mut Room) -> Result<(Form, Vec<Property>), String> {
    let block = block(document).ok_or("no schema block")?;
    let field = |name: &str| fields(block).find(|field| field.get("field").and_then(Value::as_str) == Some(name));
    if let (Some(_), Some(row), Some(_)) = (field("op"), field("after").or_else(|| field("before")), field("source")) {
        return Ok((Form::Envelope, row_of(row, Form::Envelope, 0, room)?));
    }
    let called = |part: &Value, name: &str| part.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    // Debezium calls the schema of a row `prefix.schema.table.Value`, and adds fields with two lines in front.
    let is_added = |field: &Value| ["__op", "__deleted", "__table", "__lsn"].contains(&&*called(field, "field"));
    if called(block, "name").ends_with(".Value") || fields(block).any(is_added) {
        return Ok((Form::Flat, row_of(block, Form::Flat, 0, room)?));
    }
    let fields = row_of(block, Form::Plain, 0, room)?;
    if document.get("payload").is_none() {
        return Ok((Form::Plain, fields));
    }
    // The converter writes the block into each event.
    let mut schema = Property::new("schema", Kind::Any);
    schema
        .evidence
        .push(String::from("the block itself, which the converter writes beside each payload"));
    let mut payload = Property::new("payload", Kind::Object(fields));
    payload.required = block.get("optional").and_then(Value::as_bool) != Some(true);
    Ok((Form::Plain, vec![schema, payload]))
}

fn fields(schema: &Value) -> impl Iterator<Item = &Value> {
    schema.get("fields").and_then(Value::as_array).into_iter().flatten()
}

fn row_of(schema: &Value, form: Form, depth: usize, room: &mut Room) -> Result<Vec<Property>, String> {
    let mut properties = Vec::new();
    for field in fields(schema) {
        let name = field.get("field").and_then(Value::as_str).ok_or("a field without a name")?;
        if !room.take() {
            break;
        }
        let mut property = of_type(name, field, form, depth + 1, room)?;
        property.required = field.get("optional").and_then(Value::as_bool) != Some(true);
        properties.push(documented(property, field.get("doc").and_then(Value::as_str)));
    }
    Ok(properties)
}

fn of_type(name: &str, schema: &Value, form: Form, depth: usize, room: &mut Room) -> Result<Property, String> {
    let mut any = Property::new(name, Kind::Any);
    if depth > DEPTH_MAX {
        any.evidence.push(String::from("goes on deeper than a draft does"));
        return Ok(any);
    }
    let kind = schema
        .get("type")
        .and_then(Value::as_str)
        .ok_or_else(|| format!("field {name} has no type"))?;
    let semantic_name = schema.get("name").and_then(Value::as_str).unwrap_or_default();
    let parameter = |name: &str| schema.get("parameters").and_then(|all| all.get(name)).and_then(Value::as_str);
    // In plain JSON a day is text; the number that the converter writes for one is a number.
    if form != Form::Plain
        && let Some(property) = semantic::of(name, semantic_name, parameter)
    {
        return Ok(property);
    }
    Ok(match kind {
        "int8" => Property::leaf(name, "integer").with("format", "i8"),
        "int16" => Property::leaf(name, "integer").with("format", "i16"),
        "int32" => Property::leaf(name, "integer").with("format", "i32"),
        "int64" => Property::leaf(name, "integer").with("format", "i64"),
        "float" | "float32" => Property::leaf(name, "number").with("format", "f32"),
        "double" | "float64" => Property::leaf(name, "number").with("format", "f64"),
        "boolean" => Property::leaf(name, "boolean"),
        "string" => Property::leaf(name, "string"),
        "bytes" => Property::leaf(name, "string").with("format", "binary"),
        "struct" => Property::new(name, Kind::Object(row_of(schema, form, depth, room)?)),
        "array" => match schema.get("items") {
            Some(items) => Property::new(name, Kind::Array(Some(Box::new(of_type("item", items, form, depth + 1, room)?)))),
            None => Property::new(name, Kind::Array(None)),
        },
        "map" => match schema.get("values") {
            Some(values) => Property::new(name, Kind::Map(Box::new(of_type("value", values, form, depth + 1, room)?))),
            None => Property::new(name, Kind::Object(Vec::new())),
        },
        other => return Err(format!("field {name} has the type {other}, which Kafka Connect does not have")),
    })
}
