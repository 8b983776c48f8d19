//! `quality[]` of an object and of its properties.

use std::sync::Arc;

use tidegate_contract::model::{Metric, RowOperation, RuleKind, Threshold};
use tidegate_contract::{Contract, LogicalType, Property, QualityRule, SchemaObject, Severity};

use crate::canonical;
use crate::change::Grade;
use crate::compare::{Said, Walk};
use crate::fields::{counts_null, refuses};
use crate::finite;
use crate::semver::Bump;
use crate::text::patterns;
use crate::threshold;

mod expression;
mod query;

use expression::{is_same, reads_version};

/// A rule with the place that it is asked at.
#[derive(Debug, Clone)]
struct Held<'c> {
    rule: &'c QualityRule,
    /// Path of the property that has it, by ODCS names; empty for the object.
    owner: String,
    /// The same by names on the wire, which a renamed column keeps.
    wire: String,
    /// Path of the object whose value a row rule sees.
    binding: String,
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Effect {
    /// Nothing; it is for people.
    Nothing,
    /// It is measured on the lake, and weighs so in the report.
    Measures(Severity),
    /// It marks events, or counts them.
    Marks(Severity),
    /// It refuses events.
    Refuses,
}

// === impl Walk ===

impl<'c> Walk<'c> {
    pub(crate) fn rules(&mut self, old: &'c SchemaObject, new: &'c SchemaObject) {
        let (before, now) = (held(old), held(new));
        let (pairs, removed, added) = matched(&before, &now, self.old, self.new);
        for (earlier, later) in &pairs {
            self.rule(earlier, later);
        }
        let replaced = self.replaced.clone();
        for rule in removed.iter().filter(|rule| !rule.is_part_of(&replaced.0)) {
            self.rule_alone(rule, true);
        }
        for rule in added.iter().filter(|rule| !rule.is_part_of(&replaced.1)) {
            self.rule_alone(rule, false);
        }
        let moved =
            |(earlier, later): &(Held<'_>, Held<'_>)| earlier.rule.id != later.rule.id && !is_named(earlier.rule) && !is_named(later.rule);
        if pairs.iter().any(moved) {
            let pointers = (
                format!("{}/quality", old.location.pointer),
                format!("{}/quality", new.location.pointer),
            );
            let sentence = "rules without an `id` go by their places, and some of these are others";
            self.say(Said::text("quality", "", sentence).at(pointers.0, pointers.1));
        }
        let places: Vec<usize> = pairs
            .iter()
            .filter_map(|(earlier, _)| before.iter().position(|other| std::ptr::eq(other.rule, earlier.rule)))
            .collect();
        if !places.is_sorted() {
            let pointers = (
                format!("{}/quality", old.location.pointer),
                format!("{}/quality", new.location.pointer),
            );
            let said = Said::text("quality", "", "rules stand in another order, which decides nothing");
            self.say(said.at(pointers.0, pointers.1));
        }
    }

    fn rule_alone(&mut self, held: &Held<'_>, gone: bool) {
        let effect = effect(held.rule);
        let id = &held.rule.id;
        let grade = if gone { Grade::Loosens } else { Grade::Tightens };
        let said = match (effect, gone) {
            (Effect::Refuses, false) => Said::values(
                "quality",
                &held.owner,
                grade,
                format!("rule `{id}` is new: events that break it are refused"),
            ),
            (Effect::Refuses, true) => Said::values(
                "quality",
                &held.owner,
                grade,
                format!("rule `{id}` is gone: events that broke it pass from now on"),
            ),
            (Effect::Nothing, _) => Said::text(
                "quality",
                &held.owner,
                format!("rule `{id}`, which nothing executes, is {}", if gone { "gone" } else { "new" }),
            ),
            (_, false) => Said::promise(
                "quality",
                &held.owner,
                grade,
                format!("rule `{id}` is new; no event is refused for it"),
            ),
            (_, true) => Said::promise(
                "quality",
                &held.owner,
                grade,
                format!("rule `{id}` is gone; no event was refused for it"),
            ),
        };
        let said = if gone { self.lets_null(said, held.rule) } else { said };
        let pointer = held.rule.location.pointer.to_string();
        self.say(if gone { said.at(pointer, None) } else { said.at(None, pointer) });
    }

    fn rule(&mut self, earlier: &Held<'c>, later: &Held<'c>) {
        let (old, new) = (earlier.rule, later.rule);
        let before = self.changes.len();
        let (from, to) = (effect(old), effect(new));
        let id = &new.id;
        if old.id != new.id && (is_named(old) || is_named(new)) {
            let sentence = format!("rule `{}` is called `{id}` from now on, in reports and metrics, too", old.id);
            self.say_rule(Said::text("quality", &later.owner, sentence), old, new);
        }
        if from != to {
            self.effect(from, to, later, old, new);
        }
        // What a rule asks matters as far as both sides act on it.
        let acts = from.min(to);
        if acts > Effect::Nothing {
            self.content(acts, earlier, later);
        }
        let named_otherwise = self.old.reference() != self.new.reference();
        if let (Effect::Refuses, RuleKind::Cel { expression }) = (acts, &new.kind)
            && named_otherwise
            && reads_version(expression)
        {
            let sentence = format!("rule `{id}` reads which contract or version judges, which is another");
            // Every new version of the contract does that, so it cannot demand a major one.
            self.say_rule(
                Said::values("version", &later.owner, Grade::Undetermined, sentence).bump(Bump::Minor),
                old,
                new,
            );
        }
        if self.changes.len() == before && self.texts_differ(old, new) {
            let sentence = format!("rule `{id}` is written otherwise and asks the same");
            self.say_rule(Said::text("quality", &later.owner, sentence), old, new);
        }
    }

    fn say_rule(&mut self, said: Said, old: &QualityRule, new: &QualityRule) {
        self.say(said.at(old.location.pointer.to_string(), new.location.pointer.to_string()));
    }

    fn effect(&mut self, from: Effect, to: Effect, later: &Held<'_>, old: &QualityRule, new: &QualityRule) {
        let id = &new.id;
        let said = match (from, to) {
            (_, Effect::Refuses) => Said::values(
                "severity",
                &later.owner,
                Grade::Tightens,
                format!("events that break rule `{id}` are refused from now on"),
            ),
            (Effect::Refuses, _) => {
                let instead = match to {
                    Effect::Marks(Severity::Warning) => "pass with a warning",
                    Effect::Marks(_) => "pass and are counted",
                    Effect::Measures(_) => "pass, and are measured on the lake",
                    _ => "pass",
                };
                Said::values(
                    "severity",
                    &later.owner,
                    Grade::Loosens,
                    format!("events that break rule `{id}` {instead} from now on; they were refused"),
                )
            }
            (from, to) => {
                let rank = |effect: Effect| match effect {
                    Effect::Marks(Severity::Warning) => 3,
                    Effect::Marks(_) => 2,
                    Effect::Measures(_) => 1,
                    _ => 0,
                };
                let grade = match (from, to) {
                    (Effect::Measures(_), Effect::Marks(_)) | (Effect::Marks(_), Effect::Measures(_)) => Grade::Both,
                    // Ordered from the gravest.
                    (Effect::Measures(before), Effect::Measures(now)) if now < before => Grade::Tightens,
                    (Effect::Measures(_), Effect::Measures(_)) => Grade::Loosens,
                    _ if rank(from) < rank(to) => Grade::Tightens,
                    _ => Grade::Loosens,
                };
                let word = |effect: Effect| match effect {
                    Effect::Nothing => "executed by nobody",
                    Effect::Measures(Severity::Error) => "measured on the lake, where a break fails the report",
                    Effect::Measures(Severity::Warning) => "measured on the lake, where a break is a warning",
                    Effect::Measures(Severity::Info) => "measured on the lake for information",
                    Effect::Marks(Severity::Warning) => "a warning",
                    _ => "counted only",
                };
                let sentence = format!("rule `{id}` is {}; it was {}", word(to), word(from));
                Said::promise("severity", &later.owner, grade, sentence)
            }
        };
        let said = self.lets_null(said, old);
        self.say_rule(said, old, new);
    }

    /// Whoever reads the column has never seen a null in it, if the rule was what kept it out.
    fn lets_null(&self, said: Said, old: &QualityRule) -> Said {
        let held_out = refuses(old) && counts_null(old);
        let is_of = |property: &Arc<str>| {
            let rest = old.location.pointer.strip_prefix(&**property);
            rest.is_some_and(|rest| rest.starts_with("/quality/"))
        };
        if !held_out || !self.null_may_come.iter().any(is_of) {
            return said;
        }
        let sentence = format!("{}; null may come from now on", said.sentence);
        Said { sentence, ..said }.bump(Bump::Major)
    }

    /// What the rule asks, given that both sides act on it at least so.
    fn content(&mut self, acts: Effect, earlier: &Held<'_>, later: &Held<'_>) {
        let (old, new) = (earlier.rule, later.rule);
        let id = &new.id;
        let (grade, sentence) = match (&old.kind, &new.kind) {
            (RuleKind::Cel { expression }, RuleKind::Cel { expression: other }) => {
                let moved = earlier.binding != later.binding;
                let operations = self.operations(old, new);
                let text = match is_same(expression, other) {
                    true if !moved => Grade::None,
                    _ => Grade::Undetermined,
                };
                let sentence = match (text, operations) {
                    (Grade::None, _) => format!("rule `{id}` is asked on other operations"),
                    (_, Grade::None) if moved => format!("rule `{id}` is asked of another object"),
                    _ => format!(
                        "rule `{id}` is another expression: `{}`; it was `{}`",
                        short(other),
                        short(expression)
                    ),
                };
                (text.and(operations), sentence)
            }
            (RuleKind::Sql { query }, RuleKind::Sql { query: other }) => {
                let text = match query::is_same(query, other) {
                    true => Grade::None,
                    false => Grade::Undetermined,
                };
                let limit = limits(old, new, false);
                let sentence = match text {
                    Grade::None => limit_sentence(old, new),
                    _ => format!("rule `{id}` is another query"),
                };
                (text.and(limit), sentence)
            }
            (RuleKind::Library(metric), RuleKind::Library(other)) => {
                let moved = earlier.owner != later.owner && earlier.wire != later.wire;
                let asked = if moved { Grade::Undetermined } else { metrics(metric, other) };
                // Of a rule that each record decides the limit is zero on both sides.
                let limit = match old.is_per_record() && new.is_per_record() {
                    true => Grade::None,
                    false => limits(old, new, true),
                };
                let sentence = match asked {
                    Grade::None => limit_sentence(old, new),
                    _ if moved => format!("rule `{id}` is asked of `{}`; it was asked of `{}`", later.owner, earlier.owner),
                    _ => format!("rule `{id}` counts other values"),
                };
                (asked.and(limit), sentence)
            }
            _ => (Grade::Undetermined, format!("rule `{id}` is of another kind")),
        };
        if grade == Grade::None {
            return;
        }
        let said = match acts {
            Effect::Refuses => Said::values("quality", &later.owner, grade, sentence),
            _ => Said::promise("quality", &later.owner, grade, sentence),
        };
        self.say_rule(said, old, new);
    }

    /// On which operations of change events a rule is asked.
    fn operations(&self, old: &QualityRule, new: &QualityRule) -> Grade {
        if self.changes_of != (true, true) {
            return Grade::None;
        }
        let all = [RowOperation::Create, RowOperation::Update, RowOperation::Read];
        let of = |rule: &QualityRule| match rule.operations.as_slice() {
            [] => all.to_vec(),
            some => some.to_vec(),
        };
        let (before, now) = (of(old), of(new));
        // More operations are more events that may break it.
        Grade::of(
            now.iter().all(|operation| before.contains(operation)),
            before.iter().all(|operation| now.contains(operation)),
        )
    }

    /// Whether anything but texts for people differs.
    fn texts_differ(&self, old: &QualityRule, new: &QualityRule) -> bool {
        let text = |contract: &Contract, rule: &QualityRule| {
            let keep = |key: &str| !is_for_people(key);
            contract
                .document
                .at_pointer(&rule.location.pointer)
                .map(|node| canonical::text_of(node, &keep))
        };
        text(self.old, old) != text(self.new, new)
    }
}

/// Whether the author gave it a name; else it goes by its JSON pointer.
fn is_named(rule: &QualityRule) -> bool {
    !rule.id.starts_with('/')
}

fn is_for_people(key: &str) -> bool {
    use tidegate_contract::coverage::{Runs, Scope, find};
    find(Scope::Quality, key).is_some_and(|clause| matches!(clause.runs, Runs::People | Runs::Nobody(_)))
}

fn effect(rule: &QualityRule) -> Effect {
    let per_record = rule.is_per_record() || matches!(rule.kind, RuleKind::Cel { .. });
    match &rule.kind {
        RuleKind::NotExecuted => Effect::Nothing,
        _ if refuses(rule) => Effect::Refuses,
        _ if per_record => Effect::Marks(rule.severity),
        _ => Effect::Measures(rule.severity),
    }
}

fn metrics(old: &Metric, new: &Metric) -> Grade {
    match (old, new) {
        (Metric::MissingValues(before), Metric::MissingValues(now)) => {
            // More values that count are fewer that pass.
            Grade::of(finite::all_in(now, before), finite::all_in(before, now))
        }
        (
            Metric::InvalidValues { valid, pattern },
            Metric::InvalidValues {
                valid: new_valid,
                pattern: new_pattern,
            },
        ) => finite::allowed(valid, new_valid).and(patterns(pattern.as_deref(), new_pattern.as_deref())),
        (Metric::DuplicateValues(before), Metric::DuplicateValues(now)) => {
            // Rows that are equal in more columns are equal in fewer.
            let has = |these: &[Arc<str>], those: &[Arc<str>]| these.iter().all(|one| those.contains(one));
            Grade::of(has(before, now), has(now, before))
        }
        (before, now) if before == now => Grade::None,
        _ => Grade::Undetermined,
    }
}

fn limits(old: &QualityRule, new: &QualityRule, counts: bool) -> Grade {
    let grade = match (&old.threshold, &new.threshold) {
        (Some(before), Some(now)) => threshold::grade(before, now, counts),
        (None, None) => Grade::None,
        _ => Grade::Undetermined,
    };
    let zero = |rule: &QualityRule| matches!(&rule.threshold, Some(Threshold::LessOrEqual(limit)) if *limit == 0.0);
    if old.percent != new.percent && !(zero(old) && zero(new)) {
        return Grade::Undetermined;
    }
    grade
}

fn limit_sentence(old: &QualityRule, new: &QualityRule) -> String {
    let phrase = |rule: &QualityRule| {
        let limit = rule.threshold.as_ref().map_or_else(|| "nothing".to_owned(), threshold::phrase);
        if rule.percent { format!("{limit} percent") } else { limit }
    };
    format!("rule `{}` allows {}; it allowed {}", new.id, phrase(new), phrase(old))
}

/// An expression in a sentence.
fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

fn held(object: &SchemaObject) -> Vec<Held<'_>> {
    let mut found: Vec<Held<'_>> = object
        .quality
        .iter()
        .map(|rule| Held {
            rule,
            owner: String::new(),
            wire: String::new(),
            binding: String::new(),
        })
        .collect();
    for property in &object.properties {
        collect(property, &property.name, &property.wire_name, Some(""), &mut found);
    }
    found
}

/// Rules of a property and of everything below it; `binding` is the object that holds it, where one does.
fn collect<'c>(property: &'c Property, path: &str, wire: &str, binding: Option<&str>, found: &mut Vec<Held<'c>>) {
    found.extend(property.quality.iter().map(|rule| Held {
        rule,
        owner: path.to_owned(),
        wire: wire.to_owned(),
        binding: binding.unwrap_or(path).to_owned(),
    }));
    match &property.logical_type {
        LogicalType::Object { properties, .. } => {
            for inner in properties {
                collect(
                    inner,
                    &format!("{path}.{}", inner.name),
                    &format!("{wire}.{}", inner.wire_name),
                    Some(path),
                    found,
                );
            }
        }
        LogicalType::Array { items: Some(items), .. } => collect(items, &format!("{path}[]"), &format!("{wire}[]"), None, found),
        LogicalType::Map { key, value } => {
            collect(key, &format!("{path}.key"), &format!("{wire}.key"), None, found);
            collect(value, &format!("{path}.value"), &format!("{wire}.value"), None, found);
        }
        _ => {}
    }
}

/// Pairs, what is only old, what is only new.
type Matched<'c> = (Vec<(Held<'c>, Held<'c>)>, Vec<Held<'c>>, Vec<Held<'c>>);

/// By id where one was given; then by what the rule says at the same place; then, at the same place, in the order of the file.
fn matched<'c>(before: &[Held<'c>], now: &[Held<'c>], old: &Contract, new: &Contract) -> Matched<'c> {
    let named = |held: &Held<'_>| is_named(held.rule);
    let said = |contract: &Contract, held: &Held<'_>| {
        let keep = |key: &str| !is_for_people(key) && !matches!(key, "id" | "name");
        contract
            .document
            .at_pointer(&held.rule.location.pointer)
            .map(|node| canonical::text_of(node, &keep))
    };
    let kind = |held: &Held<'_>| match &held.rule.kind {
        RuleKind::Library(metric) => {
            std::mem::discriminant(metric) as std::mem::Discriminant<Metric> == std::mem::discriminant(&Metric::RowCount)
        }
        _ => false,
    };
    let mut removed = before.to_vec();
    let mut added = now.to_vec();
    let mut pairs = Vec::new();
    for stage in 0..3 {
        let fits = |a: &Held<'_>, b: &Held<'_>| match stage {
            0 => named(a) && a.rule.id == b.rule.id,
            1 => a.owner == b.owner && said(old, a) == said(new, b),
            _ => !named(a) && !named(b) && a.owner == b.owner && a.rule.kind_name() == b.rule.kind_name() && kind(a) == kind(b),
        };
        added.retain(|later| match removed.iter().position(|earlier| fits(earlier, later)) {
            Some(at) => {
                pairs.push((removed.remove(at), later.clone()));
                false
            }
            None => true,
        });
    }
    pairs.sort_by_key(|(_, later)| now.iter().position(|other| std::ptr::eq(other.rule, later.rule)));
    (pairs, removed, added)
}

// === impl Held ===

impl Held<'_> {
    /// Whether the rule came or went with a property that has it: a row rule belongs to the object that it sees.
    fn is_part_of(&self, paths: &[String]) -> bool {
        let place = match self.rule.kind {
            RuleKind::Cel { .. } => &self.binding,
            _ => &self.owner,
        };
        paths
            .iter()
            .any(|path| place == path || place.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with(['.', '['])))
    }
}
