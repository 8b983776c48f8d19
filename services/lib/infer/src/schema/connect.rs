//! Schemas of Kafka Connect as its JSON converter writes them, with the semantic types of Connect and Debezium.

use serde_json::Value;

use super::{DEPTH_MAX, Room, documented};
use crate::draft::{Kind, Property};

/// The block of a document: itself, or the `schema` beside a `payload`.
pub(super) fn block(document: &Value) -> Option<&Value> {
    let is_block =
        |value: &&Value| value.get("type").and_then(Value::as_str) == Some("struct") && value.get("fields").is_some_and(Value::is_array);
    [Some(document), document.get("schema")].into_iter().flatten().find(is_block)
}

/// Whether it is an envelope, and the fields of the row.
pub(super) fn properties(document: &Value, room: &mut Room) -> Result<(bool, Vec<Property>), String> {
    let block = block(document).ok_or("no schema block")?;
    let field = |name: &str| fields(block).find(|field| field.get("field").and_then(Value::as_str) == Some(name));
    match (field("op"), field("after").or_else(|| field("before"))) {
        (Some(_), Some(row)) if field("source").is_some() => Ok((true, row_of(row, 0, room)?)),
        _ => Ok((false, row_of(block, 0, room)?)),
    }
}

fn fields(schema: &Value) -> impl Iterator<Item = &Value> {
    schema.get("fields").and_then(Value::as_array).into_iter().flatten()
}

fn row_of(schema: &Value, depth: usize, room: &mut Room) -> Result<Vec<Property>, String> {
    let mut properties = Vec::new();
    for field in fields(schema) {
        let name = field.get("field").and_then(Value::as_str).ok_or("a field without a name")?;
        if !room.take() {
            break;
        }
        let mut property = of_type(name, field, depth + 1, room)?;
        property.required = field.get("optional").and_then(Value::as_bool) != Some(true);
        properties.push(documented(property, field.get("doc").and_then(Value::as_str)));
    }
    Ok(properties)
}

fn of_type(name: &str, schema: &Value, depth: usize, room: &mut Room) -> Result<Property, String> {
    let mut any = Property::new(name, Kind::Any);
    if depth > DEPTH_MAX {
        any.evidence.push(String::from("goes on deeper than a draft does"));
        return Ok(any);
    }
    let kind = schema
        .get("type")
        .and_then(Value::as_str)
        .ok_or_else(|| format!("field {name} has no type"))?;
    let semantic = schema.get("name").and_then(Value::as_str).unwrap_or_default();
    let parameter = |name: &str| schema.get("parameters").and_then(|all| all.get(name)).and_then(Value::as_str);
    let timestamp = |digits: u8| {
        Property::leaf(name, "timestamp")
            .with("timezone", "false")
            .physically(format!("timestamp({digits})"))
    };
    let time = |digits: u8| Property::leaf(name, "time").physically(format!("time({digits})"));
    Ok(match (kind, semantic) {
        (_, "org.apache.kafka.connect.data.Decimal") => {
            let scale: u8 = parameter("scale").and_then(|text| text.parse().ok()).unwrap_or(0);
            let precision = parameter("connect.decimal.precision")
                .and_then(|text| text.parse().ok())
                .unwrap_or(38)
                .min(38)
                .max(scale);
            Property::leaf(name, "number").physically(format!("decimal({precision},{scale})"))
        }
        (_, "io.debezium.time.Date" | "org.apache.kafka.connect.data.Date") => Property::leaf(name, "date"),
        (_, "io.debezium.time.Timestamp" | "org.apache.kafka.connect.data.Timestamp") => timestamp(3),
        (_, "io.debezium.time.MicroTimestamp") => timestamp(6),
        (_, "io.debezium.time.NanoTimestamp") => timestamp(9),
        (_, "io.debezium.time.ZonedTimestamp") => Property::leaf(name, "timestamp"),
        (_, "io.debezium.time.Time" | "org.apache.kafka.connect.data.Time") => time(3),
        (_, "io.debezium.time.MicroTime") => time(6),
        (_, "io.debezium.data.Uuid") => Property::leaf(name, "string").with("format", "uuid"),
        (_, "io.debezium.data.Enum") => {
            let mut property = Property::leaf(name, "string");
            let allowed = parameter("allowed").into_iter().flat_map(|text| text.split(','));
            property.values = allowed.take(200).map(crate::draft::quoted).collect();
            property
        }
        (_, known) if known.starts_with("io.debezium.data.VariableScaleDecimal") || known.starts_with("io.debezium.data.geometry") => {
            any.evidence.push(format!("{known} has no type of its own in a contract"));
            any
        }
        ("int8", _) => Property::leaf(name, "integer").with("format", "i8"),
        ("int16", _) => Property::leaf(name, "integer").with("format", "i16"),
        ("int32", _) => Property::leaf(name, "integer").with("format", "i32"),
        ("int64", _) => Property::leaf(name, "integer").with("format", "i64"),
        ("float" | "float32", _) => Property::leaf(name, "number").with("format", "f32"),
        ("double" | "float64", _) => Property::leaf(name, "number").with("format", "f64"),
        ("boolean", _) => Property::leaf(name, "boolean"),
        ("string", _) => Property::leaf(name, "string"),
        ("bytes", _) => Property::leaf(name, "string").with("format", "binary"),
        ("struct", _) => Property::new(name, Kind::Object(row_of(schema, depth, room)?)),
        ("array", _) => match schema.get("items") {
            Some(items) => Property::new(name, Kind::Array(Some(Box::new(of_type("item", items, depth + 1, room)?)))),
            None => Property::new(name, Kind::Array(None)),
        },
        ("map", _) => match schema.get("values") {
            Some(values) => Property::new(name, Kind::Map(Box::new(of_type("value", values, depth + 1, room)?))),
            None => Property::new(name, Kind::Object(Vec::new())),
        },
        (other, _) => return Err(format!("field {name} has the type {other}, which Kafka Connect does not have")),
    })
}
