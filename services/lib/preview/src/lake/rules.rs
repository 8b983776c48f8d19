//! What becomes of row rules: passed already, judged by what rows hold, or open.

use std::sync::Arc;

use tidegate_check::compile;
use tidegate_check::plan::RuleView;
use tidegate_contract::model::RuleKind;
use tidegate_contract::{BoundObject, Contract, LogicalType, Property, QualityRule, SchemaObject};

use super::text;
use crate::side::Object;

/// A row rule that rows decide.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) id: Arc<str>,
    /// None: the whole row.
    pub(super) columns: Option<Vec<Arc<str>>>,
    /// None: it uses objects as maps, so that every field counts.
    pub(super) expression: Option<Arc<str>>,
}

/// What the old contract asked already.
pub(super) struct Known<'v> {
    /// Place and text of each row rule.
    rules: Vec<(String, String)>,
    /// Rules that were switched off for a while, so that no row says anything about them.
    switched: Vec<Arc<str>>,
    /// Columns that are not what they were.
    changed: Vec<Arc<str>>,
    /// What rules of the new contract read.
    views: &'v [RuleView],
}

/// What becomes of a row rule.
enum Fate {
    /// The row passed it, and nothing that it reads is another.
    Passed,
    /// Rows decide it.
    Judged,
    /// They do not.
    Open,
}

// === impl Known ===

impl<'v> Known<'v> {
    pub(super) fn of(old: &SchemaObject, changed: Vec<Arc<str>>, views: &'v [RuleView]) -> Known<'v> {
        Known {
            rules: rules_of(old),
            switched: old.settings.kill_switches.iter().map(|switch| switch.rule.clone()).collect(),
            changed,
            views,
        }
    }

    fn fate(&self, place: &str, rule: &QualityRule) -> Fate {
        let Some(view) = self.views.iter().find(|view| view.id == rule.id) else {
            return Fate::Open;
        };
        let mark = rule_text(rule);
        let is_known = self.rules.iter().any(|(at, text)| at == place && *text == mark) && !self.switched.contains(&rule.id);
        let reads_changed = match &view.columns {
            Some(columns) => columns.iter().any(|name| self.changed.contains(name)),
            None => !self.changed.is_empty(),
        };
        // Every version reads itself otherwise.
        if is_known && !reads_changed && !view.reads_version {
            return Fate::Passed;
        }
        // When an event was judged is not in its row.
        match view.reads_beside || view.reads_now {
            true => Fate::Open,
            false => Fate::Judged,
        }
    }
}

fn rule_text(rule: &QualityRule) -> String {
    text(&(&rule.kind, rule.severity, &rule.operations))
}

fn is_row_rule(rule: &QualityRule) -> bool {
    matches!(rule.kind, RuleKind::Cel { .. })
}

/// Row rules of an object and of all its properties, by place.
fn rules_of(object: &SchemaObject) -> Vec<(String, String)> {
    let own = object.quality.iter().filter(|rule| is_row_rule(rule));
    let mut found: Vec<(String, String)> = own.map(|rule| (String::new(), rule_text(rule))).collect();
    for property in &object.properties {
        each_rule(property, &property.name, &mut |place, rule| {
            found.push((place.to_owned(), rule_text(rule)))
        });
    }
    found
}

/// Row rules of a property and of what is below it, with their places.
fn each_rule(property: &Property, place: &str, each: &mut dyn FnMut(&str, &QualityRule)) {
    property
        .quality
        .iter()
        .filter(|rule| is_row_rule(rule))
        .for_each(|rule| each(place, rule));
    match &property.logical_type {
        LogicalType::Object { properties, .. } => {
            for inner in properties {
                each_rule(inner, &format!("{place}.{}", inner.name), each);
            }
        }
        LogicalType::Array { items: Some(item), .. } => each_rule(item, &format!("{place}[]"), each),
        LogicalType::Map { key, value } => {
            each_rule(key, &format!("{place}.key"), each);
            each_rule(value, &format!("{place}.value"), each);
        }
        _ => {}
    }
}

/// Takes the row rules out of a property and of what is below it, with their places.
fn take_rules(property: &mut Property, place: &str, keep: &mut dyn FnMut(&str, &QualityRule) -> bool) {
    property.quality.retain(|rule| !is_row_rule(rule) || keep(place, rule));
    match &mut property.logical_type {
        LogicalType::Object { properties, .. } => {
            for inner in properties {
                let place = format!("{place}.{}", inner.name);
                take_rules(inner, &place, keep);
            }
        }
        LogicalType::Array { items: Some(item), .. } => take_rules(item, &format!("{place}[]"), keep),
        LogicalType::Map { key, value } => {
            take_rules(key, &format!("{place}.key"), keep);
            take_rules(value, &format!("{place}.value"), keep);
        }
        _ => {}
    }
}

/// The object with the rules that rows decide; those that they do not are named if they are new.
pub(super) fn keep(mut reduced: Contract, index: usize, known: &Known<'_>, undecided: &mut Vec<String>) -> Result<Object, String> {
    let mut kept = Vec::new();
    let all = std::mem::take(&mut reduced.objects[index].quality);
    let mut is_kept = |place: &str, rule: &QualityRule| match known.fate(place, rule) {
        Fate::Judged => true,
        Fate::Passed => false,
        Fate::Open => {
            undecided.push(format!("rule `{}`", rule.id));
            false
        }
    };
    for property in &mut reduced.objects[index].properties {
        let place = property.name.to_string();
        take_rules(property, &place, &mut is_kept);
    }
    let (row, others): (Vec<QualityRule>, Vec<QualityRule>) = all.into_iter().partition(is_row_rule);
    kept.extend(others);
    let candidates: Vec<QualityRule> = row.into_iter().filter(|rule| is_kept("", rule)).collect();
    for rule in candidates {
        // It may read what is no column.
        reduced.objects[index].quality = vec![rule.clone()];
        match compile(&reduced, index).is_ok() {
            true => kept.push(rule),
            false => undecided.push(format!("rule `{}`", rule.id)),
        }
    }
    reduced.objects[index].quality = kept;
    let plan = compile(&reduced, index).map_err(|problems| {
        let first = problems.first().map_or("", |problem| problem.problem.as_str());
        format!("what rows decide of the contract does not compile by itself: {first}")
    })?;
    Ok(Object {
        plan: Arc::new(plan),
        bound: BoundObject {
            contract: Arc::new(reduced),
            object: index,
        },
    })
}

/// The rules that rows decide, with what they read.
pub(super) fn judged(object: &Object) -> Vec<Judged> {
    let mut expressions: Vec<(Arc<str>, Arc<str>)> = Vec::new();
    let mut take = |rule: &QualityRule| {
        if let RuleKind::Cel { expression } = &rule.kind {
            expressions.push((rule.id.clone(), expression.clone()));
        }
    };
    let own = object.bound.object();
    own.quality.iter().for_each(&mut take);
    own.properties
        .iter()
        .for_each(|property| each_rule(property, &property.name, &mut |_, rule| take(rule)));
    let views = object.plan.rule_views().into_iter();
    views
        .map(|view| {
            let expression = expressions.iter().find(|(id, _)| *id == view.id).map(|(_, text)| text.clone());
            Judged {
                id: view.id,
                columns: view.columns,
                expression: expression.filter(|_| view.objects.is_empty()),
            }
        })
        .collect()
}
