//! Properties of an object against those of another: which is which, and what came and went.

use std::sync::Arc;

use tidegate_contract::model::{Literal, Metric, RuleKind};
use tidegate_contract::{Property, QualityRule, Severity};

use crate::canonical;
use crate::change::Grade;
use crate::compare::{Said, Walk};
use crate::kind;
use crate::property::Role;
use crate::semver::Bump;

/// Properties of both sides that are the same one.
struct Matched<'p> {
    pairs: Vec<(&'p Property, &'p Property)>,
    removed: Vec<&'p Property>,
    added: Vec<&'p Property>,
}

/// Why a grade of declared properties is not known.
pub(crate) const BY_RULE: &str = "a rule sees which properties are declared (as a map), so its answer may be another";

// === impl Walk ===

impl Walk<'_> {
    /// Compares fields; `path` is the object that has them, with a dot behind it unless it is the row. Answers paths that only one side has.
    pub(crate) fn fields(&mut self, old: &[Property], new: &[Property], path: &str, role: Role, holders: (&str, &str)) {
        let matched = matched(old, new);
        for (before, after) in &matched.pairs {
            self.property(before, after, &format!("{path}{}", after.name), role);
        }
        for property in &matched.removed {
            self.removed(property, &matched.added, path);
        }
        for property in &matched.added {
            self.added(property, path);
        }
        if !in_order(&matched.pairs, old) {
            let pointers = (format!("{}/properties", holders.0), format!("{}/properties", holders.1));
            let holder = path.trim_end_matches('.');
            let said = match self.is_seen(holder) {
                true => {
                    let sentence = format!("the properties stand in another order, and {BY_RULE}");
                    Said::values("properties", holder, Grade::Undetermined, sentence).consumers(Grade::None)
                }
                false => {
                    let sentence = "the properties stand in another order, which decides nothing";
                    Said::text("properties", holder, sentence)
                }
            };
            self.say(said.at(pointers.0, pointers.1));
        }
    }

    fn added(&mut self, property: &Property, path: &str) {
        let holder = path.trim_end_matches('.');
        let path = format!("{path}{}", property.name);
        let type_name = kind::word(property);
        let refused_before = self.facts.refuses_unknown.0;
        let (grade, bump, mut sentence) = match (demands(property, &self.switched.1), refused_before) {
            (Some(true), false) => (
                Grade::Tightens,
                Bump::Major,
                format!("`{path}` ({type_name}) is new and required: events without it are refused"),
            ),
            (Some(true), true) => (
                Grade::Both,
                Bump::Major,
                format!("`{path}` ({type_name}) is new and required, and was refused until now: no event passes both"),
            ),
            (Some(false), true) => (
                Grade::Loosens,
                Bump::Minor,
                format!("`{path}` ({type_name}) is new and may be sent, which was refused until now"),
            ),
            (Some(false), false) if is_anything(property) => (
                Grade::None,
                Bump::Minor,
                format!("`{path}` is new and may be anything: a column of the lake more"),
            ),
            (Some(false), false) => (
                Grade::Tightens,
                Bump::Minor,
                format!("`{path}` ({type_name}) is new and optional: only events that already carry it with other values are refused"),
            ),
            (None, _) => (
                Grade::Undetermined,
                Bump::Major,
                format!("`{path}` ({type_name}) is new, and a rule that is switched off for now asks for it"),
            ),
        };
        let (grade, bump) = match self.seen_by_rule(holder, &mut sentence) {
            true => (Grade::Undetermined, Bump::Major),
            false => (self.seen_by_schema(grade), bump),
        };
        let consumers = if grade == Grade::None { Grade::Tightens } else { grade };
        let said = Said::values("properties", &path, grade, sentence).consumers(consumers).bump(bump);
        self.replaced.1.push(path);
        self.say(said.at(None, property.location.pointer.to_string()));
    }

    fn removed(&mut self, property: &Property, added: &[&Property], path: &str) {
        let holder = path.trim_end_matches('.');
        let path = format!("{path}{}", property.name);
        let refused_now = self.facts.refuses_unknown.1;
        let (grade, mut sentence) = match (demands(property, &self.switched.0), refused_now) {
            (_, false) if is_anything(property) => (Grade::None, format!("`{path}` is gone: its column is not written any more")),
            (_, false) => (
                Grade::Loosens,
                format!("`{path}` is gone: it may be anything from now on, and its column is not written any more"),
            ),
            (Some(false), true) => (
                Grade::Tightens,
                format!("`{path}` is gone: events that carry it are refused, and its column is not written any more"),
            ),
            (_, true) => (
                Grade::Both,
                format!("`{path}` is gone: events that carry it are refused, and it was required until now"),
            ),
        };
        if let Some(heir) = added.iter().find(|other| self.is_alike(property, other)) {
            sentence.push_str(&format!("; `{}` looks like its new name", heir.name));
        }
        let grade = match self.seen_by_rule(holder, &mut sentence) {
            true => Grade::Undetermined,
            false => self.seen_by_schema(grade),
        };
        let consumers = grade.and(Grade::Loosens);
        let said = Said::values("properties", &path, grade, sentence)
            .consumers(consumers)
            .bump(Bump::Major);
        self.replaced.0.push(path);
        self.say(said.at(property.location.pointer.to_string(), None));
    }

    /// Which properties an object declares may turn the answer of a rule that uses it as a map.
    fn seen_by_rule(&self, holder: &str, sentence: &mut String) -> bool {
        let is_seen = self.is_seen(holder);
        if is_seen {
            sentence.push_str(&format!("; and {BY_RULE}"));
        }
        is_seen
    }

    /// Which columns are declared may turn the answer of an event schema.
    fn seen_by_schema(&self, grade: Grade) -> Grade {
        if self.facts.schema_sees_columns {
            Grade::Undetermined
        } else {
            grade
        }
    }

    /// Whether two properties say the same but for their names.
    fn is_alike(&self, old: &Property, new: &Property) -> bool {
        let text = |contract: &tidegate_contract::Contract, property: &Property| {
            let keep = |key: &str| !matches!(key, "name" | "physicalName" | "description" | "id" | "businessName");
            contract
                .document
                .at_pointer(&property.location.pointer)
                .map(|node| canonical::text_of(node, &keep))
        };
        text(self.old, old).is_some_and(|text_of_old| Some(text_of_old) == text(self.new, new))
    }
}

/// By name first; what is left by the field on the wire.
fn matched<'p>(old: &'p [Property], new: &'p [Property]) -> Matched<'p> {
    let mut pairs: Vec<(&Property, &Property)> = Vec::new();
    let mut added: Vec<&Property> = Vec::new();
    for property in new {
        match old.iter().find(|other| other.name == property.name) {
            Some(other) => pairs.push((other, property)),
            None => added.push(property),
        }
    }
    let mut removed: Vec<&Property> = old
        .iter()
        .filter(|property| !new.iter().any(|other| other.name == property.name))
        .collect();
    added.retain(
        |property| match removed.iter().position(|other| other.wire_name == property.wire_name) {
            Some(at) => {
                pairs.push((removed.remove(at), property));
                false
            }
            None => true,
        },
    );
    // In the order of the new contract, whichever way they were found.
    pairs.sort_by_key(|(_, property)| new.iter().position(|other| std::ptr::eq(other, *property)));
    Matched { pairs, removed, added }
}

fn in_order(pairs: &[(&Property, &Property)], old: &[Property]) -> bool {
    let places: Vec<Option<usize>> = pairs
        .iter()
        .map(|(before, _)| old.iter().position(|other| std::ptr::eq(other, *before)))
        .collect();
    places.is_sorted()
}

/// Whether an event without the property is refused; none where a rule decides that is switched off for a while.
pub(crate) fn demands(property: &Property, switched: &[Arc<str>]) -> Option<bool> {
    if property.required {
        return Some(true);
    }
    let mut asking = property.quality.iter().filter(|rule| refuses(rule) && counts_null(rule)).peekable();
    if asking.peek().is_none() {
        return Some(false);
    }
    asking.any(|rule| !switched.contains(&rule.id)).then_some(true)
}

/// Whether the judge refuses events for the rule.
pub(crate) fn refuses(rule: &QualityRule) -> bool {
    rule.severity == Severity::Error && (rule.is_per_record() || matches!(rule.kind, RuleKind::Cel { .. }))
}

pub(crate) fn counts_null(rule: &QualityRule) -> bool {
    matches!(rule.kind, RuleKind::Library(Metric::NullValues | Metric::MissingValues(_)))
}

/// Whether no value of the property can be refused, and neither its absence.
fn is_anything(property: &Property) -> bool {
    let library = |rule: &QualityRule| refuses(rule) && !matches!(rule.kind, RuleKind::Cel { .. });
    matches!(property.logical_type, tidegate_contract::LogicalType::Any)
        && !property.required
        && property.enumeration.iter().all(|literal| *literal == Literal::Null)
        && !property.quality.iter().any(library)
}
