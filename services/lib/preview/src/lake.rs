//! Rows that have landed, under new contracts.
//!
//! A row passed the contract that judged it, so nothing that stands in the new contract as it stood there can refuse it. Of what is new, rows
//! decide some clauses and others not: how a value was written, what else the event held, its key and headers are gone. What they cannot decide
//! is named, and a row that passes all else is undecided then; it is never called passing. Events that were refused have no rows.

use std::sync::Arc;

use serde_json::Value;
use tidegate_check::plan::{RuleView, without_locations};
use tidegate_check::{Input, compile};
use tidegate_contract::model::{ObjectSettings, RuleKind, UnknownFields};
use tidegate_contract::{BoundObject, Contract, LogicalType, Property, QualityRule, SchemaObject};
use tidegate_flow::Origin;

use crate::compare::Pair;
use crate::side::{Object, Side};

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

/// A row rule that rows decide.
#[derive(Debug)]
struct Judged {
    id: Arc<str>,
    /// None: the whole row.
    columns: Option<Vec<Arc<str>>>,
    /// None: it uses objects as maps, so that every field counts.
    expression: Option<Arc<str>>,
}

/// A row in which what is left out is null.
pub(crate) struct OtherReading {
    pub(crate) json: Vec<u8>,
    /// How many nulls were filled in.
    pub(crate) nulls: u64,
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
        let mut undecided = settings(&old.object().settings, &new.object().settings);
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
            let is_json = before.is_some_and(|before| is_json_text(&before.logical_type));
            let form = column.filter(|column| column.has_json && writes_iso(property));
            let decides = match (form, before) {
                (Some(column), Some(before)) if !is_renamed => {
                    let same_type = type_name(before) == type_name(property);
                    is_json || same_type || (column.is_plain && !is_nested(property))
                }
                _ => false,
            };
            if decides {
                if is_json {
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
        let known = Known {
            rules: rules_of(old.object()),
            switched: old
                .object()
                .settings
                .kill_switches
                .iter()
                .map(|switch| switch.rule.clone())
                .collect(),
            changed,
            views: &views,
        };
        let object = rules(reduced, new.object, &known, &mut undecided)?;
        let judged = judged(&object);
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
        if self.judged.is_empty() {
            return Vec::new();
        }
        let Ok(Value::Object(row)) = serde_json::from_slice(json) else {
            return Vec::new();
        };
        let properties = &self.object.bound.object().properties;
        let readings = self.judged.iter().filter_map(|rule| {
            let (mut row, mut nulls) = (row.clone(), 0);
            let is_read = |name: &str| rule.expression.as_ref().is_none_or(|text| text.contains(name));
            for property in properties {
                let reads = rule.columns.as_ref().is_none_or(|columns| columns.contains(&property.name));
                if reads {
                    fill(&mut row, property, &is_read, &mut nulls);
                }
            }
            let json = || Value::Object(row.clone()).to_string().into_bytes();
            (nulls > 0).then(|| (&*rule.id, OtherReading { json: json(), nulls }))
        });
        readings.collect()
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

/// Writes null for a property that is left out, and for those below it.
fn fill(row: &mut serde_json::Map<String, Value>, property: &Property, is_read: &dyn Fn(&str) -> bool, nulls: &mut u64) {
    match row.get_mut(&*property.name) {
        Some(value) => fill_below(value, property, is_read, nulls),
        None if is_read(&property.name) => {
            row.insert(property.name.to_string(), Value::Null);
            *nulls += 1;
        }
        None => {}
    }
}

fn fill_below(value: &mut Value, property: &Property, is_read: &dyn Fn(&str) -> bool, nulls: &mut u64) {
    match (value, &property.logical_type) {
        (Value::Object(fields), LogicalType::Object { properties, .. }) => {
            for inner in properties {
                fill(fields, inner, is_read, nulls);
            }
        }
        (Value::Array(items), LogicalType::Array { items: Some(item), .. }) => {
            items.iter_mut().for_each(|value| fill_below(value, item, is_read, nulls));
        }
        (Value::Object(fields), LogicalType::Map { value, .. }) => {
            fields.iter_mut().for_each(|(_, field)| fill_below(field, value, is_read, nulls));
        }
        _ => {}
    }
}

fn judged(object: &Object) -> Vec<Judged> {
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

/// What the old contract asked already.
struct Known<'v> {
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

impl Known<'_> {
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
fn rules(mut reduced: Contract, index: usize, known: &Known<'_>, undecided: &mut Vec<String>) -> Result<Object, String> {
    let mut kept = Vec::new();
    let all = std::mem::take(&mut reduced.objects[index].quality);
    let mut keep = |place: &str, rule: &QualityRule| match known.fate(place, rule) {
        Fate::Judged => true,
        Fate::Passed => false,
        Fate::Open => {
            undecided.push(format!("rule `{}`", rule.id));
            false
        }
    };
    for property in &mut reduced.objects[index].properties {
        let place = property.name.to_string();
        take_rules(property, &place, &mut keep);
    }
    let (row, others): (Vec<QualityRule>, Vec<QualityRule>) = all.into_iter().partition(is_row_rule);
    kept.extend(others);
    let candidates: Vec<QualityRule> = row.into_iter().filter(|rule| keep("", rule)).collect();
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

fn plan_of(side: &Side, bound: &BoundObject) -> Option<Arc<tidegate_check::Plan>> {
    let topic = bound.object().topic.clone()?;
    let is_it = |object: &&Object| object.bound.object == bound.object && Arc::ptr_eq(&object.bound.contract, &bound.contract);
    side.objects(&topic).find(is_it).map(|object| object.plan.clone())
}

/// Settings that decide about events, are not in the rows, and differ.
fn settings(old: &ObjectSettings, new: &ObjectSettings) -> Vec<String> {
    let mut undecided = Vec::new();
    let mut differ = |name: &str, differs: bool| {
        if differs {
            undecided.push(format!("setting `{name}`"));
        }
    };
    differ(
        "unknownFields",
        new.unknown_fields == UnknownFields::Fail && old.unknown_fields != UnknownFields::Fail,
    );
    differ("encodings", old.encodings.iter().any(|one| !new.encodings.contains(one)));
    differ("key", new.key.is_some() && text(&old.key) != text(&new.key));
    differ(
        "requiredHeaders",
        !new.required_headers.is_empty() && text(&old.required_headers) != text(&new.required_headers),
    );
    differ(
        "eventSchema",
        new.event_schema.is_some() && text(&old.event_schema) != text(&new.event_schema),
    );
    differ("discriminator", text(&old.discriminator) != text(&new.discriminator));
    differ("dataSchemas", text(&old.data_schemas) != text(&new.data_schemas));
    differ("schemaIds", text(&old.schema_ids) != text(&new.schema_ids));
    let written = |settings: &ObjectSettings| {
        text(&(
            (settings.cdc, settings.decimals, settings.times, settings.binary),
            (
                &settings.protobuf_message,
                &settings.protobuf_schema,
                &settings.unavailable_placeholder,
                &settings.before_image,
            ),
            (&settings.add_fields_prefix, &settings.add_headers_prefix),
        ))
    };
    differ("cdc", written(old) != written(new));
    undecided
}

fn text(part: &impl std::fmt::Debug) -> String {
    without_locations(&format!("{part:?}"))
}

/// The kind of a type, with what says how it is written and nothing that limits it.
fn type_name(property: &Property) -> String {
    let physical = property.physical_type.clone().unwrap_or_default();
    let inner = |properties: &[Property]| {
        let parts: Vec<String> = properties
            .iter()
            .map(|one| format!("{}={}={}", one.name, one.wire_name, type_name(one)))
            .collect();
        parts.join(",")
    };
    match &property.logical_type {
        LogicalType::String { .. } => String::from("string"),
        LogicalType::Date { format, .. } => format!("date {format:?}"),
        LogicalType::Timestamp {
            format,
            timezone,
            default_timezone,
            ..
        } => format!("timestamp {format:?} {timezone} {default_timezone:?}"),
        LogicalType::Time { format, .. } => format!("time {format:?}"),
        LogicalType::Number { format, .. } => format!("number {format:?} {physical}"),
        LogicalType::Integer { format, .. } => format!("integer {format:?}"),
        LogicalType::Boolean => String::from("boolean"),
        LogicalType::Object { properties, .. } => format!("object {}", inner(properties)),
        LogicalType::Array { items, .. } => format!("array {}", items.as_deref().map(type_name).unwrap_or_default()),
        LogicalType::Map { key, value } => format!("map {} {}", type_name(key), type_name(value)),
        LogicalType::Vector { dimensions, element_type } => format!("vector {dimensions} {element_type:?}"),
        LogicalType::Any => String::from("any"),
    }
}

fn is_nested(property: &Property) -> bool {
    matches!(
        property.logical_type,
        LogicalType::Object { .. } | LogicalType::Array { .. } | LogicalType::Map { .. } | LogicalType::Vector { .. } | LogicalType::Any
    )
}

/// Kept as JSON text in the lake.
fn is_json_text(logical_type: &LogicalType) -> bool {
    matches!(logical_type, LogicalType::Any) || matches!(logical_type, LogicalType::Object { properties, .. } if properties.is_empty())
}

/// Whether a value that is written in ISO 8601 again is one that the property reads, all the way down.
fn writes_iso(property: &Property) -> bool {
    match &property.logical_type {
        LogicalType::Date { format, .. } | LogicalType::Time { format, .. } => format.is_none(),
        LogicalType::Timestamp { format, .. } => format.is_none(),
        LogicalType::Object { properties, .. } => {
            !properties.iter().any(|inner| is_json_text(&inner.logical_type)) && properties.iter().all(writes_iso)
        }
        LogicalType::Array { items, .. } => items
            .as_deref()
            .is_some_and(|item| !is_json_text(&item.logical_type) && writes_iso(item)),
        LogicalType::Map { key, value } => !is_json_text(&value.logical_type) && writes_iso(key) && writes_iso(value),
        LogicalType::String { format, .. } => !matches!(format.as_deref(), Some("byte" | "binary")),
        LogicalType::Any => true,
        _ => true,
    }
}

/// Columns have the names of the contract, not those of the wire.
fn own_names(property: &mut Property) {
    property.wire_name = property.name.clone();
    match &mut property.logical_type {
        LogicalType::Object { properties, .. } => properties.iter_mut().for_each(own_names),
        LogicalType::Array { items: Some(item), .. } => own_names(item),
        LogicalType::Map { key, value } => {
            own_names(key);
            own_names(value);
        }
        _ => {}
    }
}
