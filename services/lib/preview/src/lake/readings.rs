//! Rows as they may have been as well: a missing value and null are one in the lake, and two for a rule.

use serde_json::Value;
use tidegate_contract::{LogicalType, Property};

use super::rules::Judged;

/// A row in which what is left out is null.
pub(crate) struct OtherReading {
    pub(crate) json: Vec<u8>,
    /// How many nulls were filled in.
    pub(crate) nulls: u64,
}

/// Rules that read what is left out of a row, each with the row in which that is null.
pub(super) fn others<'j>(judged: &'j [Judged], properties: &[Property], json: &[u8]) -> Vec<(&'j str, OtherReading)> {
    if judged.is_empty() {
        return Vec::new();
    }
    let Ok(Value::Object(row)) = serde_json::from_slice(json) else {
        return Vec::new();
    };
    let readings = judged.iter().filter_map(|rule| {
        let (mut row, mut nulls) = (row.clone(), 0);
        let is_read = |name: &str| rule.expression.as_ref().is_none_or(|text| text.contains(name));
        for property in properties {
            let reads = rule.columns.as_ref().is_none_or(|columns| columns.contains(&property.name));
            if reads {
                fill(&mut row, property, &is_read, &mut nulls);
            }
        }
        let json = || Value::Object(row.clone()).to_string().into_bytes();
        (nulls > 0).then(|| (&*rule.id, OtherReading { json: json(), nulls }))
    });
    readings.collect()
}

/// Writes null for a property that is left out, and for those below it.
fn fill(row: &mut serde_json::Map<String, Value>, property: &Property, is_read: &dyn Fn(&str) -> bool, nulls: &mut u64) {
    match row.get_mut(&*property.name) {
        Some(value) => fill_below(value, property, is_read, nulls),
        None if is_read(&property.name) => {
            row.insert(property.name.to_string(), Value::Null);
            *nulls += 1;
        }
        None => {}
    }
}

fn fill_below(value: &mut Value, property: &Property, is_read: &dyn Fn(&str) -> bool, nulls: &mut u64) {
    match (value, &property.logical_type) {
        (Value::Object(fields), LogicalType::Object { properties, .. }) => {
            for inner in properties {
                fill(fields, inner, is_read, nulls);
            }
        }
        (Value::Array(items), LogicalType::Array { items: Some(item), .. }) => {
            items.iter_mut().for_each(|value| fill_below(value, item, is_read, nulls));
        }
        (Value::Object(fields), LogicalType::Map { value, .. }) => {
            fields.iter_mut().for_each(|(_, field)| fill_below(field, value, is_read, nulls));
        }
        _ => {}
    }
}
