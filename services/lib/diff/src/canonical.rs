//! A node of a contract without its place and its spelling: what two documents must have in common to say the same.

use std::fmt::Write as _;

use tidegate_contract::yaml::{Node, Value};

/// JSON-like text of a node: keys in order of their names, everything else as written. Null entries count as left out.
pub(crate) fn text(node: &Node) -> String {
    let mut out = String::new();
    write(&mut out, node, &|_| true);
    out
}

/// As [`text`] of a mapping, without the entries that `keep` refuses.
pub(crate) fn text_of(node: &Node, keep: &dyn Fn(&str) -> bool) -> String {
    let mut out = String::new();
    write(&mut out, node, keep);
    out
}

fn write(out: &mut String, node: &Node, keep: &dyn Fn(&str) -> bool) {
    match &node.value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => {
            let _ = write!(out, "{value}");
        }
        Value::Number(text) => out.push_str(text),
        // Debug quotes and escapes, so that no text looks like structure.
        Value::String(text) => {
            let _ = write!(out, "{text:?}");
        }
        Value::Sequence(items) => {
            out.push('[');
            for item in items {
                write(out, item, &|_| true);
                out.push(',');
            }
            out.push(']');
        }
        Value::Mapping(entries) => {
            let mut sorted: Vec<_> = entries
                .iter()
                .filter(|entry| keep(&entry.key) && entry.node.value != Value::Null)
                .collect();
            sorted.sort_by(|a, b| a.key.cmp(&b.key));
            out.push('{');
            for entry in sorted {
                let _ = write!(out, "{:?}:", entry.key);
                write(out, &entry.node, &|_| true);
                out.push(',');
            }
            out.push('}');
        }
    }
}
