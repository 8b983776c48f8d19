//! Texts of the document that the model does not keep: descriptions, labels, people.

use tidegate_contract::yaml::{Node, Value};
use tidegate_contract::{Contract, Location};

/// The text under `key` of the node that a location names.
pub(crate) fn text<'c>(contract: &'c Contract, location: &Location, key: &str) -> Option<&'c str> {
    let node = contract.document.at_pointer(&location.pointer)?.get(key)?;
    node.as_str().map(str::trim).filter(|text| !text.is_empty())
}

/// What the contract calls the property's purpose, on one line.
pub(crate) fn description(contract: &Contract, location: &Location) -> Option<String> {
    let text = text(contract, location, "description")?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A scalar as it is written.
pub(crate) fn scalar(node: &Node) -> Option<String> {
    match &node.value {
        Value::String(text) | Value::Number(text) => Some(text.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) => None,
    }
}

/// The items of a list; none for anything else.
pub(crate) fn list(node: Option<&Node>) -> &[Node] {
    match node.map(|node| &node.value) {
        Some(Value::Sequence(items)) => items,
        _ => &[],
    }
}
