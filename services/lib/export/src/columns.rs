//! Arrow and Parquet schemas: those of the lake's files, fixed columns included.

use serde_json::{Value, json};
use tidegate_columnar::arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use tidegate_columnar::{Layout, LayoutError, fixed, parquet_message};

use crate::{Export, Gap, Subject};

/// The schema of a lake file that holds rows of this one version. Files of several minor versions have the union of their columns.
pub fn schema(subject: &Subject<'_>) -> Result<Schema, LayoutError> {
    let mut layout = Layout::new();
    layout.merge(&subject.plan.nodes)?;
    Ok(layout.schema(subject.plan.cdc.is_some()))
}

/// The Arrow schema as JSON: `name`, `nullable`, `type` (with parameters where a type has some), `children` of nested types.
pub fn arrow(subject: &Subject<'_>) -> Result<Export, LayoutError> {
    let schema = schema(subject)?;
    let document = json!({"fields": schema.fields().iter().map(|field| arrow_field(field)).collect::<Vec<_>>()});
    Ok(Export {
        text: format!("{document:#}\n"),
        gaps: gaps(subject),
    })
}

/// The Parquet schema as message text.
pub fn parquet(subject: &Subject<'_>) -> Result<Export, LayoutError> {
    let schema = schema(subject)?;
    let text = parquet_message(&schema).expect("every column type of the lake has a Parquet type");
    Ok(Export { text, gaps: gaps(subject) })
}

/// Columns say types; every rule about values is left to the contract.
pub(crate) fn gaps(subject: &Subject<'_>) -> Vec<Gap> {
    let problem = "columns say types only: every column is nullable (deletes are rows, and minor versions share files), rules are not said";
    vec![Gap::new("", &subject.object.location, problem)]
}

fn arrow_field(field: &Field) -> Value {
    let (name, parameters, children) = arrow_type(field.data_type());
    let mut described = json!({"name": name});
    for (key, value) in parameters {
        described[key] = value;
    }
    let mut out = json!({"name": field.name(), "nullable": field.is_nullable(), "type": described});
    if !children.is_empty() {
        out["children"] = children.iter().map(|child| arrow_field(child)).collect();
    }
    out
}

/// Names and parameters as Arrow's integration format has them.
fn arrow_type(data_type: &DataType) -> (&'static str, Vec<(&'static str, Value)>, Fields) {
    let unit = |unit: &TimeUnit| match unit {
        TimeUnit::Second => "SECOND",
        TimeUnit::Millisecond => "MILLISECOND",
        TimeUnit::Microsecond => "MICROSECOND",
        TimeUnit::Nanosecond => "NANOSECOND",
    };
    let none = Fields::empty;
    match data_type {
        DataType::Boolean => ("bool", vec![], none()),
        DataType::Int32 => ("int", vec![("bitWidth", json!(32)), ("isSigned", json!(true))], none()),
        DataType::Int64 => ("int", vec![("bitWidth", json!(64)), ("isSigned", json!(true))], none()),
        DataType::Decimal128(precision, scale) => (
            "decimal",
            vec![("precision", json!(precision)), ("scale", json!(scale)), ("bitWidth", json!(128))],
            none(),
        ),
        DataType::Float32 => ("floatingpoint", vec![("precision", json!("SINGLE"))], none()),
        DataType::Float64 => ("floatingpoint", vec![("precision", json!("DOUBLE"))], none()),
        DataType::Utf8 => ("utf8", vec![], none()),
        DataType::Binary => ("binary", vec![], none()),
        DataType::Date32 => ("date", vec![("unit", json!("DAY"))], none()),
        DataType::Time64(of) => ("time", vec![("unit", json!(unit(of))), ("bitWidth", json!(64))], none()),
        DataType::Timestamp(of, zone) => {
            let mut parameters = vec![("unit", json!(unit(of)))];
            if let Some(zone) = zone {
                parameters.push(("timezone", json!(&**zone)));
            }
            ("timestamp", parameters, none())
        }
        DataType::Struct(fields) => ("struct", vec![], fields.clone()),
        DataType::List(item) => ("list", vec![], vec![item.clone()].into()),
        DataType::Map(entries, sorted) => ("map", vec![("keysSorted", json!(sorted))], vec![entries.clone()].into()),
        other => unreachable!("the lake has no column of type {other}"),
    }
}

/// Whether a column holds a value in every row whatever the record was.
pub(crate) fn is_always_there(name: &str) -> bool {
    [
        fixed::SOURCE_TOPIC,
        fixed::SOURCE_PARTITION,
        fixed::SOURCE_OFFSET,
        fixed::TOPIC,
        fixed::PARTITION,
        fixed::OFFSET,
        fixed::CONTRACT_VERSION,
        fixed::SNAPSHOT,
    ]
    .contains(&name)
}
