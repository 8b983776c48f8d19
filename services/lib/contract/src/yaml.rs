//! YAML 1.2 with positions: the tree that contracts are read from.
//!
//! Scalars follow the core schema: `true`/`false` (also `True`, `TRUE`, …) are the only truth values, so a list of country codes keeps
//! its `NO`; dates stay text; numbers keep the text they were written with, so `1.10` stays `1.10`. Duplicate keys, foreign tags, merge
//! keys and several documents are refused, and aliases are expanded within a budget.

mod compose;
mod cursor;
mod scalar;

use std::sync::Arc;

pub use compose::parse;
pub(crate) use compose::parse_into;
pub(crate) use cursor::At;
pub use scalar::json_number;

/// The most bytes of one file.
pub const BYTES_MAX: usize = 4 * 1024 * 1024;
/// The deepest nesting.
pub const DEPTH_MAX: usize = 64;
/// The most nodes after aliases are expanded.
pub const NODES_MAX: usize = 200_000;

/// A node of the document.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Line, from 1. For a node that came by an alias: where the anchor is.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing at all.
    Null,
    /// Truth value.
    Bool(bool),
    /// An unquoted number exactly as written, such as `1.10` or `0x1F`.
    Number(Arc<str>),
    /// Text, quoted or not.
    String(Arc<str>),
    /// List.
    Sequence(Vec<Node>),
    /// Mapping in file order; keys are unique.
    Mapping(Vec<Entry>),
}

/// One entry of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Key; a key that is not text is kept as it was written.
    pub key: Arc<str>,
    /// Line of the key, from 1.
    pub line: u32,
    /// Column of the key in characters, from 1.
    pub column: u32,
    /// Value.
    pub node: Node,
}

// === impl Node ===

impl Node {
    /// The value under `key`, when this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().find(|entry| &*entry.key == key).map(|entry| &entry.node),
            _ => None,
        }
    }

    /// The node that a JSON Pointer (RFC 6901) names, seen from here.
    pub fn at_pointer(&self, pointer: &str) -> Option<&Node> {
        if pointer.is_empty() {
            return Some(self);
        }
        let mut node = self;
        for segment in pointer.strip_prefix('/')?.split('/') {
            let segment = segment.replace("~1", "/").replace("~0", "~");
            node = match &node.value {
                Value::Sequence(items) => items.get(segment.parse::<usize>().ok()?)?,
                _ => node.get(&segment)?,
            };
        }
        Some(node)
    }

    /// Text, when this is text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// How a sentence calls this kind of node.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a truth value",
            Value::Number(_) => "a number",
            Value::String(_) => "text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }
}

#[cfg(test)]
mod tests;
