//! What of an event may be shown in a report: scalar values of properties that the old and the new contract both declare and neither classifies,
//! nothing else.

use tidegate_check::locate::{Place, locate};
use tidegate_check::{Input, SchemaLookup, Violation};
use tidegate_contract::model::CdcFormat;
use tidegate_contract::{LogicalType, Property, SchemaObject};

use crate::side::Object;

/// Bytes of a value that are shown.
const SHOWN_MAX: usize = 60;

/// What may be shown beside what the judging contract says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shows<'o> {
    /// Nothing.
    pub(crate) hide: bool,
    /// The object that judged under the old contracts. Whoever writes the new ones does not decide alone what of an event is shown.
    pub(crate) before: Option<&'o SchemaObject>,
}

/// The value that a violation is about, or stars for it; none where there is no single value to show.
pub(crate) fn shown(
    object: &Object,
    may: Shows<'_>,
    input: &Input<'_>,
    schemas: &dyn SchemaLookup,
    violations: &[Violation],
    index: usize,
    starred: &[Vec<u64>],
) -> Option<String> {
    let violation = violations.get(index)?;
    let none = Vec::new();
    let starred = starred.get(index).unwrap_or(&none);
    let earlier = violations[..index]
        .iter()
        .filter(|one| one.rule == violation.rule && one.pointer == violation.pointer)
        .count();
    let Place::Value(bytes) = locate(&object.plan, input, schemas, violation, starred, earlier) else {
        return None;
    };
    let text = std::str::from_utf8(input.value?.get(bytes)?).ok()?;
    match text.as_bytes().first()? {
        // Objects and lists may hold anything, and rules look at whole rows.
        b'{' | b'[' => return None,
        b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {}
        // Bytes of Avro or Protobuf.
        _ => return None,
    }
    if serde_json::from_str::<serde_json::Value>(text).is_err() {
        return None;
    }
    let pointer = match object.plan.cdc {
        None => violation.pointer.as_str(),
        Some(CdcFormat::Debezium) => violation
            .pointer
            .strip_prefix("/after")
            .or_else(|| violation.pointer.strip_prefix("/before"))?,
        Some(_) => return None,
    };
    let is_open = |object: &SchemaObject| is_open(object, pointer);
    if may.hide || !is_open(object.bound.object()) || !may.before.is_some_and(is_open) {
        return Some(String::from("***"));
    }
    Some(match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    })
}

/// Whether every step down to the property is declared, and none is classified (`public` excepted).
pub(crate) fn is_open(object: &SchemaObject, pointer: &str) -> bool {
    let hides = |property: &Property| property.classification.as_deref().is_some_and(|class| class != "public");
    let mut steps = pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
    let Some(first) = steps.next() else { return false };
    let mut at = object.properties.iter().find(|property| *property.wire_name == *first);
    while let Some(property) = at {
        if hides(property) {
            return false;
        }
        let Some(step) = steps.next() else { return true };
        at = match &property.logical_type {
            LogicalType::Object { properties, .. } => properties.iter().find(|inner| *inner.wire_name == *step),
            LogicalType::Array { items, .. } => items.as_deref(),
            LogicalType::Map { key, .. } if hides(key) => return false,
            LogicalType::Map { value, .. } => Some(value),
            _ => return false,
        };
    }
    false
}

/// A producer's name as a report may show it: printable, short.
pub(crate) fn producer(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(&value[..value.len().min(256)]);
    text.chars()
        .take(64)
        .map(|c| {
            if c.is_ascii_alphanumeric() || "._-/:@ ".contains(c) {
                c
            } else {
                '?'
            }
        })
        .collect()
}
