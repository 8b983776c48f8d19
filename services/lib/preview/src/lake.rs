//! Rows that have landed, under new contracts.
//!
//! A row passed the contract that judged it, so nothing that stands in the new contract as it stood there can refuse it. Of what is new, rows
//! decide some clauses and others not: how a value was written, what else the event held, its key and headers are gone. What they cannot decide
//! is named, and a row that passes all else is undecided then; it is never called passing. Events that were refused have no rows.

use std::sync::Arc;

use tidegate_check::plan::without_locations;
use tidegate_check::{Input, compile};
use tidegate_contract::model::{ObjectSettings, RuleKind, UnknownFields};
use tidegate_contract::{BoundObject, Contract, LogicalType, Property};
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
    /// Versions of the old contracts.
    pub(crate) versions: Vec<Arc<str>>,
    /// Clauses that are new and that rows cannot decide.
    pub undecided: Vec<String>,
    /// Columns to read.
    pub columns: Vec<Arc<str>>,
    /// Columns whose text is JSON itself.
    pub raw: Vec<Arc<str>>,
}

/// Words of rules that stand for something that a row does not have.
const BESIDE: [&str; 7] = ["before", "op", "key", "headers", "topic", "meta", "source"];

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
        let mut reduced: Contract = (*new.contract).clone();
        let target = &mut reduced.objects[new.object];
        target.settings = ObjectSettings {
            kill_switches: target.settings.kill_switches.clone(),
            ..ObjectSettings::default()
        };
        let mut raw = Vec::new();
        target.properties.retain_mut(|property| {
            let before = old.object().properties.iter().find(|one| one.name == property.name);
            let is_same = before.is_some_and(|before| text(before) == text(property));
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
        let object = rules(reduced, new.object, &old, &mut undecided)?;
        let columns = object
            .bound
            .object()
            .properties
            .iter()
            .map(|property| property.name.clone())
            .collect();
        Ok(LakeView {
            object,
            whole,
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

    pub(crate) fn input<'a>(row: &'a Row, now: i64) -> Input<'a> {
        Input {
            key: None,
            value: Some(&row.json),
            headers: &[],
            now,
        }
    }
}

/// The object with the rules that rows decide; those that they do not are named if they are new.
fn rules(mut reduced: Contract, index: usize, old: &BoundObject, undecided: &mut Vec<String>) -> Result<Object, String> {
    let known: Vec<String> = old
        .object()
        .quality
        .iter()
        .map(|rule| text(&(&rule.kind, rule.severity, &rule.operations)))
        .collect();
    let all = std::mem::take(&mut reduced.objects[index].quality);
    let mut kept = Vec::new();
    for rule in all {
        let RuleKind::Cel { expression } = &rule.kind else {
            kept.push(rule);
            continue;
        };
        reduced.objects[index].quality = vec![rule.clone()];
        let looks_beside = words(expression).any(|word| BESIDE.contains(&word));
        if !looks_beside && compile(&reduced, index).is_ok() {
            kept.push(rule);
        } else if !known.contains(&text(&(&rule.kind, rule.severity, &rule.operations))) {
            undecided.push(format!("rule `{}`", rule.id));
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

fn words(expression: &str) -> impl Iterator<Item = &str> {
    expression
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
}
