//! Rows that have landed, under new contracts.
//!
//! A row passed the contract that judged it, so nothing that stands in the new contract as it stood there can refuse it. Of what is new, rows
//! decide some clauses and others not: how a value was written, what else the event held, its key and headers are gone. What they cannot decide
//! is named, and a row that passes all else is undecided then; it is never called passing. Events that were refused have no rows.

use std::sync::Arc;

use tidegate_check::Input;
use tidegate_check::plan::without_locations;
use tidegate_contract::model::ObjectSettings;
use tidegate_contract::{BoundObject, Contract, Property};
use tidegate_flow::Origin;

use crate::compare::Pair;
use crate::side::{Object, Side};

mod columns;
mod readings;
mod rules;
mod settings;

use columns::{is_json_text, own_names};
pub(crate) use readings::OtherReading;
use rules::{Judged, Known};

/// One row.
#[derive(Debug, Clone)]
pub struct Row {
    /// Where the validator consumed it.
    pub origin: Origin,
    /// Version of the contract that judged it.
    pub version: Arc<str>,
    /// It tells of a delete, and holds no row.
    pub is_gone: bool,
    /// A JSON object of its columns.
    pub json: Vec<u8>,
}

/// A column of the lake.
#[derive(Debug, Clone)]
pub struct Column {
    /// ODCS name of the property.
    pub name: Arc<str>,
    /// Truth values, integers, floats and text: JSON had them as they are.
    pub is_plain: bool,
    /// It can be written as JSON.
    pub has_json: bool,
}

/// One object of the new contracts, cut down to what rows decide.
#[derive(Debug)]
pub struct LakeView {
    pub(crate) object: Object,
    /// As the new contract has it, for its status.
    pub(crate) whole: BoundObject,
    /// The object of the newest old contract, under the names of columns.
    pub(crate) before: BoundObject,
    /// Versions of the old contracts.
    pub(crate) versions: Vec<Arc<str>>,
    /// Versions of the new contracts that judge events which name them, and no others.
    named_only: Vec<Arc<str>>,
    /// Row rules that are judged.
    judged: Vec<Judged>,
    /// Clauses that are new and that rows cannot decide.
    pub undecided: Vec<String>,
    /// Columns to read.
    pub columns: Vec<Arc<str>>,
    /// Columns whose text is JSON itself.
    pub raw: Vec<Arc<str>>,
}

impl LakeView {
    /// For rows of an object; the error says why they cannot be looked at.
    pub fn new(pair: &Pair, contract: &str, object: &str, columns: &[Column]) -> Result<LakeView, String> {
        let of = |side: &Side| -> Vec<BoundObject> {
            let topics = side.topics();
            let objects = topics.iter().flat_map(|topic| side.objects(topic));
            objects
                .map(|one| one.bound.clone())
                .filter(|bound| *bound.contract.id == *contract && *bound.object().name == *object)
                .collect()
        };
        let newest = |bounds: &[BoundObject]| {
            let rank = |bound: &&BoundObject| (bound.contract.status.is_enforced(), bound.contract.version.clone());
            bounds.iter().max_by_key(rank).cloned()
        };
        let (olds, news) = (of(&pair.old), of(&pair.new));
        let old = newest(&olds).ok_or_else(|| format!("the old contracts have no object {object} of contract {contract}"))?;
        let new = newest(&news).ok_or_else(|| format!("the new contracts have no object {object} of contract {contract}"))?;
        let mut undecided = settings::differences(&old.object().settings, &new.object().settings);
        // The text of a schema file stands in no setting.
        let files = |side: &Side, bound: &BoundObject| plan_of(side, bound).map(|plan| plan.schema_files()).unwrap_or_default();
        let (before, now) = (files(&pair.old, &old), files(&pair.new, &new));
        if !now.is_empty()
            && before != now
            && undecided
                .iter()
                .all(|one| !matches!(one.as_str(), "setting `eventSchema`" | "setting `key`"))
        {
            undecided.push("setting `eventSchema`".to_owned());
        }
        let mut reduced: Contract = (*new.contract).clone();
        let target = &mut reduced.objects[new.object];
        target.settings = ObjectSettings {
            kill_switches: target.settings.kill_switches.clone(),
            ..ObjectSettings::default()
        };
        let mut raw = Vec::new();
        // Columns whose clause is not what it was.
        let mut changed = Vec::new();
        target.properties.retain_mut(|property| {
            let before = old.object().properties.iter().find(|one| one.name == property.name);
            let is_same = before.is_some_and(|before| text(before) == text(property));
            if !is_same {
                changed.push(property.name.clone());
            }
            // From now on the field has another name in events.
            let is_renamed = before.is_some_and(|before| before.wire_name != property.wire_name);
            let column = columns.iter().find(|column| column.name == property.name);
            let decides = before.is_some_and(|before| !is_renamed && columns::decide(column, before, property));
            if decides {
                if before.is_some_and(|before| is_json_text(&before.logical_type)) {
                    raw.push(property.name.clone());
                }
                own_names(property);
            } else if !is_same {
                undecided.push(format!("property `{}`", property.name));
            }
            decides
        });
        let whole = new.clone();
        let gone = |one: &&Property| !new.object().properties.iter().any(|other| other.name == one.name);
        changed.extend(old.object().properties.iter().filter(gone).map(|one| one.name.clone()));
        let views = plan_of(&pair.new, &new).map(|plan| plan.rule_views()).unwrap_or_default();
        let known = Known::of(old.object(), changed, &views);
        let object = rules::keep(reduced, new.object, &known, &mut undecided)?;
        let judged = rules::judged(&object);
        let columns = object
            .bound
            .object()
            .properties
            .iter()
            .map(|property| property.name.clone())
            .collect();
        let mut shown = (*old.contract).clone();
        shown.objects[old.object].properties.iter_mut().for_each(own_names);
        let before = BoundObject {
            contract: Arc::new(shown),
            object: old.object,
        };
        let named = news
            .iter()
            .filter(|bound| bound.contract.status.is_enforced() && !pair.new.is_default(bound));
        Ok(LakeView {
            object,
            whole,
            before,
            named_only: named.map(|bound| bound.contract.version.text.clone()).collect(),
            judged,
            versions: olds.iter().map(|bound| bound.contract.version.text.clone()).collect(),
            undecided,
            columns,
            raw,
        })
    }

    /// What is undecided of rows that break nothing else; none when nothing is.
    pub(crate) fn why_undecided(&self) -> Option<String> {
        (!self.undecided.is_empty()).then(|| format!("rows of the lake do not decide what changed: {}", self.undecided.join(", ")))
    }

    /// Whether a version stays that judges only events which name it. Whether a row's event did is not in the row.
    pub(crate) fn may_stay(&self, version: &str) -> bool {
        self.named_only.iter().any(|other| **other == *version)
    }

    /// Rules that read what is left out of the row, with the row as it may have been as well: a missing value and null are one in the lake.
    pub(crate) fn other_readings(&self, json: &[u8]) -> Vec<(&str, OtherReading)> {
        readings::others(&self.judged, &self.object.bound.object().properties, json)
    }

    pub(crate) fn input<'a>(row: &'a Row, now: i64) -> Input<'a> {
        Input {
            key: None,
            value: Some(&row.json),
            headers: &[],
            now,
        }
    }
}

fn plan_of(side: &Side, bound: &BoundObject) -> Option<Arc<tidegate_check::Plan>> {
    let topic = bound.object().topic.clone()?;
    let is_it = |object: &&Object| object.bound.object == bound.object && Arc::ptr_eq(&object.bound.contract, &bound.contract);
    side.objects(&topic).find(is_it).map(|object| object.plan.clone())
}

/// A part of a contract as it would be compared, wherever it stands in its file.
fn text(part: &impl std::fmt::Debug) -> String {
    without_locations(&format!("{part:?}"))
}
