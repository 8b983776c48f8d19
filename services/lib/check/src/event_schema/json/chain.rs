//! How many schemas in a row may look at one and the same value.
//!
//! The library recurses once for each, and once more for each level of the event, on the stack of whoever judges. Both are therefore bounded:
//! the chain when the schema is compiled, chain times depth when an event is judged. References are followed on the safe side: one that could
//! lead to several places is taken to lead to all of them.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// The longest chain of a schema. Real ones have less than ten.
pub(super) const CHAIN_MAX: usize = 64;
/// What a reference into a published meta-schema counts.
const FOREIGN: usize = 8;

/// The longest chain over these documents, as (path, document); none when it is longer than [`CHAIN_MAX`] or leads in a circle.
pub(super) fn longest(documents: &[(&str, &Value)]) -> Option<usize> {
    let mut graph = Graph::default();
    for (path, document) in documents {
        graph.add(document, document, last_step(path));
    }
    let next: Vec<(Vec<usize>, usize)> = (0..graph.nodes.len()).map(|node| graph.next(node)).collect();
    let mut length = vec![1_usize; next.len()];
    loop {
        let mut changed = false;
        for (node, (next, foreign)) in next.iter().enumerate() {
            let below = next.iter().map(|other| length[*other]).max().unwrap_or(0).max(*foreign);
            if below + 1 > length[node] {
                length[node] = below + 1;
                changed = true;
            }
            if length[node] > CHAIN_MAX {
                return None;
            }
        }
        if !changed {
            return Some(length.into_iter().max().unwrap_or(1));
        }
    }
}

/// Every object of the documents is a node: more than are schemas, never less.
#[derive(Default)]
struct Graph<'d> {
    nodes: Vec<(&'d Map<String, Value>, &'d Value)>,
    numbers: HashMap<usize, usize>,
    /// Documents and embedded resources by the last step of their address.
    resources: HashMap<String, Vec<&'d Value>>,
    anchors: HashMap<&'d str, Vec<&'d Value>>,
    dynamic: Vec<&'d Value>,
}

// === impl Graph ===

impl<'d> Graph<'d> {
    fn add(&mut self, value: &'d Value, document: &'d Value, name: &str) {
        if std::ptr::eq(value, document) {
            self.resources.entry(name.to_owned()).or_default().push(value);
        }
        match value {
            Value::Object(fields) => {
                self.numbers.insert(address(value), self.nodes.len());
                self.nodes.push((fields, document));
                for keyword in ["$anchor", "$dynamicAnchor", "$id", "id"] {
                    let Some(text) = fields.get(keyword).and_then(Value::as_str) else {
                        continue;
                    };
                    if keyword.ends_with("id") {
                        self.resources.entry(last_step(text).to_owned()).or_default().push(value);
                    }
                    let anchor = if keyword.ends_with("nchor") {
                        Some(text)
                    } else {
                        text.split_once('#').map(|(_, anchor)| anchor)
                    };
                    if let Some(anchor) = anchor {
                        self.anchors.entry(anchor).or_default().push(value);
                    }
                }
                if fields.contains_key("$recursiveAnchor") {
                    self.dynamic.push(value);
                }
                for below in fields.values() {
                    self.add(below, document, name);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.add(item, document, name)),
            _ => {}
        }
    }

    /// Nodes that look at the same value next, and what is added for references that lead out of the documents.
    fn next(&self, node: usize) -> (Vec<usize>, usize) {
        let (fields, document) = self.nodes[node];
        let (mut found, mut foreign): (Vec<&Value>, usize) = (Vec::new(), 0);
        for (keyword, value) in fields {
            match (keyword.as_str(), value) {
                ("allOf" | "anyOf" | "oneOf", Value::Array(items)) => found.extend(items),
                ("not" | "if" | "then" | "else" | "propertyNames", value) => found.push(value),
                ("dependentSchemas" | "dependencies", Value::Object(named)) => found.extend(named.values()),
                ("$ref" | "$dynamicRef" | "$recursiveRef", Value::String(reference)) => {
                    let before = found.len();
                    self.follow(reference, document, &mut found);
                    if keyword == "$recursiveRef" {
                        found.extend(&self.dynamic);
                    }
                    if found.len() == before {
                        foreign = FOREIGN;
                    }
                }
                _ => {}
            }
        }
        (
            found
                .iter()
                .filter_map(|value| self.numbers.get(&address(value)).copied())
                .collect(),
            foreign,
        )
    }

    fn follow(&self, reference: &str, document: &'d Value, found: &mut Vec<&'d Value>) {
        let (base, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let named = self.resources.get(last_step(base)).map_or(&[][..], Vec::as_slice);
        // A reference within a document starts at the nearest embedded resource, or at the document.
        let embedded = self.resources.values().flatten().copied();
        let bases: Vec<&Value> = match base {
            "" => embedded.chain([document]).collect(),
            _ => named.to_vec(),
        };
        match fragment {
            "" if base.is_empty() => found.push(document),
            "" => found.extend(bases),
            pointer if pointer.starts_with('/') => found.extend(bases.iter().filter_map(|base| base.pointer(&decoded(pointer)))),
            anchor => found.extend(self.anchors.get(anchor).into_iter().flatten()),
        }
    }
}

fn address(value: &Value) -> usize {
    std::ptr::from_ref(value) as usize
}

fn last_step(uri: &str) -> &str {
    let uri = uri.split_once('#').map_or(uri, |(base, _)| base);
    let uri = uri.trim_end_matches('/');
    uri.rsplit(['/', ':']).next().unwrap_or(uri)
}

/// Without percent encoding.
fn decoded(pointer: &str) -> String {
    let mut parts = pointer.split('%');
    let mut out: Vec<u8> = parts.next().unwrap_or_default().into();
    for part in parts {
        match part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                out.extend(&part.as_bytes()[2..]);
            }
            None => {
                out.push(b'%');
                out.extend(part.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn chains_go_through_references_and_not_through_levels() {
        let plain = json!({"properties": {"a": {"properties": {"b": {"type": "string"}}}}});
        assert_eq!(longest(&[("a.json", &plain)]), Some(1));
        let tree =
            json!({"properties": {"next": {"$ref": "#"}}, "items": {"allOf": [{"$ref": "#/$defs/x%79"}]}, "$defs": {"xy": {"not": {}}}});
        assert_eq!(longest(&[("a.json", &tree)]), Some(4));
        let (one, other) = (
            json!({"$ref": "sub/b.json#z"}),
            json!({"$defs": {"q": {"$anchor": "z", "anyOf": [{"not": {}}]}}}),
        );
        assert_eq!(longest(&[("a.json", &one), ("sub/b.json", &other)]), Some(4));
        assert_eq!(
            longest(&[("a.json", &json!({"$ref": "http://json-schema.org/draft-07/schema#"}))]),
            Some(9)
        );
    }

    #[test]
    fn circles_and_long_chains_have_no_length() {
        for circle in [
            json!({"$ref": "#"}),
            json!({"anyOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"not": {"$ref": "#/$defs/b"}}, "b": {"$ref": "#/$defs/a"}}}),
            json!({"$dynamicAnchor": "t", "allOf": [{"$dynamicRef": "#t"}]}),
            json!({"$recursiveAnchor": true, "allOf": [{"$recursiveRef": "#"}]}),
            json!({"$id": "http://example.com/x", "$ref": "x"}),
        ] {
            assert_eq!(longest(&[("a.json", &circle)]), None, "{circle}");
        }
        let mut nested = json!({});
        for _ in 0..CHAIN_MAX {
            nested = json!({"not": nested});
        }
        assert_eq!(longest(&[("a.json", &nested)]), None);
        assert_eq!(longest(&[("a.json", &nested["not"])]), Some(CHAIN_MAX));
    }
}
