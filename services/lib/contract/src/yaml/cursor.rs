//! Walking the tree with the way there, so that every problem has its JSON Pointer.

use std::sync::Arc;

use super::{Node, Value};
use crate::problems::Place;

/// A node with its JSON Pointer and, for the value of a mapping, the place of its key.
#[derive(Debug, Clone)]
pub(crate) struct At<'a> {
    pub(crate) node: &'a Node,
    pub(crate) pointer: String,
    key: Option<(u32, u32)>,
}

impl<'a> At<'a> {
    pub(crate) fn root(node: &'a Node) -> Self {
        At {
            node,
            pointer: String::new(),
            key: None,
        }
    }

    /// Where the node is.
    pub(crate) fn place(&self) -> Place {
        Place {
            line: self.node.line,
            column: self.node.column,
            pointer: self.pointer.clone(),
        }
    }

    /// Where its key is; the node itself when it has none.
    pub(crate) fn key_place(&self) -> Place {
        let (line, column) = self.key.unwrap_or((self.node.line, self.node.column));
        Place {
            line,
            column,
            pointer: self.pointer.clone(),
        }
    }

    /// The value under `key`; a null counts as left out.
    pub(crate) fn get(&self, key: &str) -> Option<At<'a>> {
        let Value::Mapping(entries) = &self.node.value else { return None };
        let entry = entries.iter().find(|entry| &*entry.key == key && entry.node.value != Value::Null)?;
        Some(At {
            node: &entry.node,
            pointer: extended(&self.pointer, key),
            key: Some((entry.line, entry.column)),
        })
    }

    /// Entries in file order, when this is a mapping.
    pub(crate) fn entries(&self) -> Option<impl Iterator<Item = (&'a Arc<str>, At<'a>)> + use<'a>> {
        let Value::Mapping(entries) = &self.node.value else { return None };
        let pointer = self.pointer.clone();
        Some(entries.iter().map(move |entry| {
            let at = At {
                node: &entry.node,
                pointer: extended(&pointer, &entry.key),
                key: Some((entry.line, entry.column)),
            };
            (&entry.key, at)
        }))
    }

    /// Items, when this is a list.
    pub(crate) fn items(&self) -> Option<impl Iterator<Item = At<'a>> + use<'a>> {
        let Value::Sequence(items) = &self.node.value else { return None };
        let pointer = self.pointer.clone();
        Some(items.iter().enumerate().map(move |(index, node)| At {
            node,
            pointer: format!("{pointer}/{index}"),
            key: None,
        }))
    }

    /// Items of the list under `key`; empty when there is none.
    pub(crate) fn list(&self, key: &str) -> Vec<At<'a>> {
        self.get(key).and_then(|at| at.items().map(Iterator::collect)).unwrap_or_default()
    }

    /// The text under `key`.
    pub(crate) fn text(&self, key: &str) -> Option<Arc<str>> {
        self.get(key).and_then(|at| at.as_text())
    }

    /// The truth value under `key`.
    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        match self.get(key)?.node.value {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn as_text(&self) -> Option<Arc<str>> {
        match &self.node.value {
            Value::String(text) => Some(text.clone()),
            _ => None,
        }
    }
}

/// RFC 6901: `~` becomes `~0` and `/` becomes `~1`.
pub(super) fn extended(pointer: &str, segment: &str) -> String {
    format!("{pointer}/{}", segment.replace('~', "~0").replace('/', "~1"))
}
