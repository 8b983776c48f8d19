//! The clause of a contract that a violation is about, closer than the property.

use tidegate_check::Violation;
use tidegate_contract::yaml::{Entry, Node, Value};
use tidegate_contract::{Contract, Location};

/// The line of the clause where the property has one of its own, else the place that the violation names.
pub(super) fn place(contract: &Contract, violation: &Violation) -> Location {
    let Some(node) = contract.document.at_pointer(&violation.location.pointer) else {
        return violation.location.clone();
    };
    let candidates: &[&str] = match &*violation.rule {
        "required" => &["required", "primaryKey", "name"],
        "type" | "key" => &["logicalType"],
        "range" => &["format", "physicalType", "logicalType"],
        "unknownFields" => &["properties", "schema"],
        "status" => &["status"],
        clause => &[clause, "implementation", "metric", "rule", "name"],
    };
    let found = candidates.iter().find_map(|name| {
        let own = entry(node, name);
        own.or_else(|| node.get("logicalTypeOptions").and_then(|options| entry(options, name)))
    });
    match found {
        Some(entry) => Location {
            line: entry.line,
            column: entry.column,
            ..violation.location.clone()
        },
        None => violation.location.clone(),
    }
}

fn entry<'n>(node: &'n Node, name: &str) -> Option<&'n Entry> {
    match &node.value {
        Value::Mapping(entries) => entries.iter().find(|entry| *entry.key == *name),
        _ => None,
    }
}
