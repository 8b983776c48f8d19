//! Which columns decide about a property: those that hold its value as events held it.

use tidegate_contract::{LogicalType, Property};

use super::Column;

/// Whether a column of the old property says what the new one would have said of the event.
pub(super) fn decide(column: Option<&Column>, before: &Property, property: &Property) -> bool {
    let Some(column) = column.filter(|column| column.has_json && writes_iso(property)) else {
        return false;
    };
    let is_same_type = type_name(before) == type_name(property);
    is_json_text(&before.logical_type) || is_same_type || (column.is_plain && !is_nested(property))
}

/// Columns have the names of the contract, not those of the wire.
pub(super) fn own_names(property: &mut Property) {
    property.wire_name = property.name.clone();
    match &mut property.logical_type {
        LogicalType::Object { properties, .. } => properties.iter_mut().for_each(own_names),
        LogicalType::Array { items: Some(item), .. } => own_names(item),
        LogicalType::Map { key, value } => {
            own_names(key);
            own_names(value);
        }
        _ => {}
    }
}

/// Kept as JSON text in the lake.
pub(super) fn is_json_text(logical_type: &LogicalType) -> bool {
    matches!(logical_type, LogicalType::Any) || matches!(logical_type, LogicalType::Object { properties, .. } if properties.is_empty())
}

/// Whether a value that is written in ISO 8601 again is one that the property reads, all the way down.
fn writes_iso(property: &Property) -> bool {
    match &property.logical_type {
        LogicalType::Date { format, .. } | LogicalType::Time { format, .. } => format.is_none(),
        LogicalType::Timestamp { format, .. } => format.is_none(),
        LogicalType::Object { properties, .. } => {
            !properties.iter().any(|inner| is_json_text(&inner.logical_type)) && properties.iter().all(writes_iso)
        }
        LogicalType::Array { items, .. } => items
            .as_deref()
            .is_some_and(|item| !is_json_text(&item.logical_type) && writes_iso(item)),
        LogicalType::Map { key, value } => !is_json_text(&value.logical_type) && writes_iso(key) && writes_iso(value),
        LogicalType::String { format, .. } => !matches!(format.as_deref(), Some("byte" | "binary")),
        LogicalType::Any => true,
        _ => true,
    }
}

/// The kind of a type, with what says how it is written and nothing that limits it.
fn type_name(property: &Property) -> String {
    let physical = property.physical_type.clone().unwrap_or_default();
    let inner = |properties: &[Property]| {
        let parts: Vec<String> = properties
            .iter()
            .map(|one| format!("{}={}={}", one.name, one.wire_name, type_name(one)))
            .collect();
        parts.join(",")
    };
    match &property.logical_type {
        LogicalType::String { .. } => String::from("string"),
        LogicalType::Date { format, .. } => format!("date {format:?}"),
        LogicalType::Timestamp {
            format,
            timezone,
            default_timezone,
            ..
        } => format!("timestamp {format:?} {timezone} {default_timezone:?}"),
        LogicalType::Time { format, .. } => format!("time {format:?}"),
        LogicalType::Number { format, .. } => format!("number {format:?} {physical}"),
        LogicalType::Integer { format, .. } => format!("integer {format:?}"),
        LogicalType::Boolean => String::from("boolean"),
        LogicalType::Object { properties, .. } => format!("object {}", inner(properties)),
        LogicalType::Array { items, .. } => format!("array {}", items.as_deref().map(type_name).unwrap_or_default()),
        LogicalType::Map { key, value } => format!("map {} {}", type_name(key), type_name(value)),
        LogicalType::Vector { dimensions, element_type } => format!("vector {dimensions} {element_type:?}"),
        LogicalType::Any => String::from("any"),
    }
}

fn is_nested(property: &Property) -> bool {
    matches!(
        property.logical_type,
        LogicalType::Object { .. } | LogicalType::Array { .. } | LogicalType::Map { .. } | LogicalType::Vector { .. } | LogicalType::Any
    )
}
