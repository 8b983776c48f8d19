//! Texts for people and catalogues, and clauses that nobody executes: what differs there demands a patch and nothing more.

use tidegate_contract::coverage::{Runs, Scope, find};
use tidegate_contract::yaml::{Node, Value};
use tidegate_contract::{Contract, Property, SchemaObject};

use crate::canonical;
use crate::compare::{Said, Walk};
use crate::kind;

// === impl Walk ===

impl<'c> Walk<'c> {
    pub(crate) fn people(&mut self) {
        let (old, new) = (self.old, self.new);
        self.texts(Scope::Contract, "", "", "", "the contract");
        for key in ["apiVersion", "slaDefaultElement"] {
            self.text_of_key(key, "", "", "", "the contract");
        }
        let pairs: Vec<(&'c SchemaObject, &'c SchemaObject)> = new
            .objects
            .iter()
            .filter_map(|object| Some((old.objects.iter().find(|other| other.name == object.name)?, object)))
            .collect();
        for (before, after) in pairs {
            self.object = Some(after.name.clone());
            let what = format!("`{}`", after.name);
            let pointers = (before.location.pointer.to_string(), after.location.pointer.to_string());
            self.texts(Scope::Object, &pointers.0, &pointers.1, "", &what);
            self.text_of_key("logicalType", &pointers.0, &pointers.1, "", &what);
            for property in &after.properties {
                if let Some(earlier) = before.properties.iter().find(|other| other.name == property.name) {
                    self.property_texts(earlier, property, &property.name);
                }
            }
            let rules = (rules_of(before), rules_of(after));
            for (rule, path) in &rules.1 {
                let same = |other: &&(&tidegate_contract::QualityRule, String)| other.0.id == rule.id && other.1 == *path;
                if let Some((earlier, _)) = rules.0.iter().find(same) {
                    let what = format!("rule `{}`", rule.id);
                    self.texts(Scope::Quality, &earlier.location.pointer, &rule.location.pointer, path, &what);
                }
            }
        }
        self.object = None;
        for sla in &new.sla {
            if let Some(earlier) = old.sla.iter().find(|other| other.id == sla.id && other.property == sla.property) {
                let what = format!("the promise `{}`", sla.property);
                self.texts(Scope::Sla, &earlier.location.pointer, &sla.location.pointer, "", &what);
            }
        }
    }

    fn property_texts(&mut self, old: &Property, new: &Property, path: &str) {
        let what = format!("`{path}`");
        self.texts(Scope::Property, &old.location.pointer, &new.location.pointer, path, &what);
        self.labels(old, new, path);
        if let Some(kind) = options_scope(new).filter(|kind| options_scope(old) == Some(*kind)) {
            let pointer = |property: &Property| format!("{}/logicalTypeOptions", property.location.pointer);
            self.texts(Scope::Options(kind), &pointer(old), &pointer(new), path, &what);
        }
        for (at, inner) in kind::below(new).into_iter().enumerate() {
            let named = matches!(new.logical_type, tidegate_contract::LogicalType::Object { .. });
            let below = kind::below(old);
            let earlier = match named {
                true => below.into_iter().find(|other| other.name == inner.name),
                false => below.into_iter().nth(at),
            };
            if let Some(earlier) = earlier {
                let path = match named {
                    true => format!("{path}.{}", inner.name),
                    false => format!("{path}[]"),
                };
                self.property_texts(earlier, inner, &path);
            }
        }
    }

    /// What stands beside the values of a list of allowed ones.
    fn labels(&mut self, old: &Property, new: &Property, path: &str) {
        let text = |contract: &Contract, property: &Property| {
            let list = contract.document.at_pointer(&format!("{}/enum", property.location.pointer))?;
            let Value::Sequence(items) = &list.value else { return None };
            let keep = |key: &str| key != "value";
            let texts = items.iter().filter(|item| item.get("value").is_some());
            Some(texts.map(|item| canonical::text_of(item, &keep)).collect::<Vec<_>>())
        };
        if old.enumeration == new.enumeration && text(self.old, old) != text(self.new, new) {
            let pointer = |property: &Property| format!("{}/enum", property.location.pointer);
            let said = Said::text("enum", path, format!("labels of the values of `{path}` read differently"));
            self.remark(said.at(pointer(old), pointer(new)));
        }
    }

    /// Every key there that only people read.
    fn texts(&mut self, scope: Scope, old: &str, new: &str, path: &str, what: &str) {
        let mut keys: Vec<String> = Vec::new();
        for (contract, pointer) in [(self.old, old), (self.new, new)] {
            if let Some(Value::Mapping(entries)) = contract.document.at_pointer(pointer).map(|node| &node.value) {
                keys.extend(entries.iter().map(|entry| entry.key.to_string()));
            }
        }
        keys.sort();
        keys.dedup();
        for key in keys {
            let Some(clause) = find(scope, &key) else { continue };
            let is_text = matches!(clause.runs, Runs::People | Runs::Nobody(_));
            if is_text || key == "customProperties" {
                self.text_of_key(clause.key, old, new, path, what);
            }
        }
    }

    fn text_of_key(&mut self, key: &'static str, old: &str, new: &str, path: &str, what: &str) {
        let text = |contract: &'c Contract, pointer: &str| {
            let node = contract.document.at_pointer(pointer)?.get(key)?;
            Some(if key == "customProperties" {
                foreign(node)
            } else {
                canonical::text(node)
            })
            .filter(|text| text != "null" && text != "[]")
        };
        if text(self.old, old) == text(self.new, new) {
            return;
        }
        let said = Said::text(key, path, format!("`{key}` of {what} reads differently"));
        self.remark(said.at(format!("{old}/{key}"), format!("{new}/{key}")));
    }

    fn remark(&mut self, said: Said) {
        self.say(Said { is_remark: true, ..said });
    }
}

/// Custom properties of other vendors.
fn foreign(node: &Node) -> String {
    let Value::Sequence(items) = &node.value else {
        return canonical::text(node);
    };
    let is_ours = |item: &Node| {
        let text = |key: &str| item.get(key).and_then(Node::as_str).unwrap_or_default();
        text("vendor").eq_ignore_ascii_case("tidegate") || text("property").starts_with("tidegate.")
    };
    let texts: Vec<String> = items.iter().filter(|item| !is_ours(item)).map(canonical::text).collect();
    format!("[{}]", texts.join(","))
}

fn options_scope(property: &Property) -> Option<&'static str> {
    use tidegate_contract::LogicalType::{Time, Timestamp, Vector};
    match property.logical_type {
        Timestamp { .. } => Some("timestamp"),
        Time { .. } => Some("time"),
        Vector { .. } => Some("vector"),
        _ => None,
    }
}

fn rules_of(object: &SchemaObject) -> Vec<(&tidegate_contract::QualityRule, String)> {
    fn of<'p>(property: &'p Property, path: &str, found: &mut Vec<(&'p tidegate_contract::QualityRule, String)>) {
        found.extend(property.quality.iter().map(|rule| (rule, path.to_owned())));
        for inner in kind::below(property) {
            of(inner, &format!("{path}.{}", inner.name), found);
        }
    }
    let mut found: Vec<_> = object.quality.iter().map(|rule| (rule, String::new())).collect();
    for property in &object.properties {
        of(property, &property.name, &mut found);
    }
    found
}
