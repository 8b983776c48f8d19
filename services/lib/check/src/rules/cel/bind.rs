//! Captured values to the engine's values: only what the program reads.

use std::collections::HashMap;

use cel::objects::Key;
use cel::{Context, Value};

use super::shape::{Fields, Reads};
use super::{Outcome, Scope, SourceField};
use crate::datum::Datum;
use crate::plan::{Kind, LeafType, Node};
use crate::temporal::DAY_MICROS;

/// Binds every variable that is read; the error is the outcome of a rule that is not to be run.
pub(super) fn all(
    context: &mut Context<'_, '_>,
    reads: &Reads,
    value: &Datum,
    scope: &Scope<'_>,
    longest: &mut u64,
) -> Result<(), Outcome> {
    if !reads.value.is_empty() {
        context.add_variable_from_value("value", fields(value, &reads.value, Outcome::NotAsked, longest)?);
    }
    if !reads.before.is_empty() {
        let before = match scope.before {
            // Nobody reports what is broken in the old row, so the rule has to.
            Some(before) => fields(before, &reads.before, Outcome::Failed, longest)?,
            None => Value::Null,
        };
        context.add_variable_from_value("before", before);
    }
    if reads.key {
        context.add_variable_from_value("key", scope.input.key.map_or(Value::Null, text_or_bytes));
    }
    if reads.headers {
        let headers: HashMap<Key, Value> = scope
            .input
            .headers
            .iter()
            .map(|(name, value)| (Key::from(*name), value.map_or(Value::Null, text_or_bytes)))
            .collect();
        context.add_variable_from_value("headers", Value::Map(headers.into()));
    }
    if reads.meta {
        let meta = [
            ("topic", scope.topic),
            ("contract", &scope.plan.contract.id),
            ("version", &scope.plan.contract.version),
        ];
        let meta: HashMap<Key, Value> = meta.into_iter().map(|(name, text)| (Key::from(name), Value::from(text))).collect();
        context.add_variable_from_value("meta", Value::Map(meta.into()));
    }
    if reads.op {
        context.add_variable_from_value("op", scope.op);
    }
    if reads.source {
        let mut source: HashMap<Key, Value> = HashMap::new();
        for (name, field) in scope.source {
            let value = match field {
                SourceField::Text(text) => Value::from(text.as_str()),
                SourceField::Time(micros) => timestamp(*micros)?,
            };
            source.insert(Key::from(*name), value);
        }
        context.add_variable_from_value("source", Value::Map(source.into()));
    }
    if reads.now {
        context.add_variable_from_value("now", timestamp(scope.input.now)?);
    }
    Ok(())
}

/// Binds made-up values.
pub(super) fn stage(context: &mut Context<'_, '_>, reads: &Reads, sample: &Datum) {
    let mut longest = 0;
    for (name, read) in [("value", &reads.value), ("before", &reads.before)] {
        let value = fields(sample, read, Outcome::NotAsked, &mut longest).unwrap_or(Value::Null);
        context.add_variable_from_value(name, value);
    }
    let map = |names: &[&'static str], value: Value| {
        let map: HashMap<Key, Value> = names.iter().map(|name| (Key::from(*name), value.clone())).collect();
        Value::Map(map.into())
    };
    context.add_variable_from_value("key", "a");
    context.add_variable_from_value("op", "c");
    context.add_variable_from_value("headers", map(&[], Value::Null));
    context.add_variable_from_value("meta", map(&["topic", "contract", "version"], Value::from("a")));
    context.add_variable_from_value(
        "source",
        map(&["table", "schema", "database", "snapshot", "position"], Value::from("a")),
    );
    context.add_variable_from_value("now", timestamp(0).unwrap_or(Value::Null));
}

/// An object of which only what is read is made up.
pub(super) fn sample_row(nodes: &[Node], node: usize, reads: &Reads, certain: &mut bool) -> Datum {
    let Kind::Object(children) = &nodes[node].kind else {
        return sample(nodes, node, certain);
    };
    let read = children.iter().map(|child| (nodes[*child].name.clone(), *child));
    let read = read.filter(|(name, _)| reads.value.reads(name) || reads.before.reads(name));
    Datum::Object(read.map(|(name, child)| (name, sample(nodes, child, certain))).collect())
}

/// A value of the declared types; `certain` turns false where a type is not declared.
fn sample(nodes: &[Node], node: usize, certain: &mut bool) -> Datum {
    match &nodes[node].kind {
        Kind::Object(children) => Datum::Object(
            children
                .iter()
                .map(|child| (nodes[*child].name.clone(), sample(nodes, *child, certain)))
                .collect(),
        ),
        Kind::Array(item) => Datum::List(vec![sample(nodes, *item, certain)]),
        Kind::Map(_, value) => Datum::Object(vec![("a".into(), sample(nodes, *value, certain))]),
        Kind::Any => {
            *certain = false;
            Datum::Null
        }
        Kind::Leaf(leaf) => match leaf {
            LeafType::Bool => Datum::Bool(true),
            LeafType::Int { .. } => Datum::Int(1),
            LeafType::Decimal { .. } => Datum::Decimal(1, 0),
            LeafType::F32 | LeafType::F64 => Datum::Float(1.0_f64.to_bits()),
            LeafType::Str => Datum::Str(String::from("a")),
            LeafType::Bytes => Datum::Bytes(vec![0]),
            LeafType::Date => Datum::Date(0),
            LeafType::Time => Datum::Time(0),
            LeafType::Timestamp { .. } => Datum::Timestamp(0),
        },
    }
}

/// `broken` is the outcome of a rule that reads a value which breaks its type.
fn fields(object: &Datum, read: &Fields, broken: Outcome, longest: &mut u64) -> Result<Value, Outcome> {
    let Datum::Object(fields) = object else {
        return value(object, broken, longest);
    };
    let mut map = HashMap::new();
    for (name, field) in fields {
        if read.reads(name) {
            map.insert(Key::from(&**name), value(field, broken, longest)?);
        }
    }
    Ok(Value::Map(map.into()))
}

fn value(datum: &Datum, broken: Outcome, longest: &mut u64) -> Result<Value, Outcome> {
    Ok(match datum {
        Datum::Null => Value::Null,
        Datum::Broken => return Err(broken),
        Datum::Unavailable => return Err(Outcome::NotAsked),
        Datum::Unknowable => return Err(Outcome::Failed),
        Datum::Bool(value) => Value::Bool(*value),
        Datum::Int(value) => match (i64::try_from(*value), u64::try_from(*value)) {
            (Ok(value), _) => Value::Int(value),
            (_, Ok(value)) => Value::UInt(value),
            _ => return Err(Outcome::Failed),
        },
        Datum::Decimal(unscaled, scale) => Value::Float(
            crate::exact::Exact {
                unscaled: *unscaled,
                scale: *scale,
            }
            .to_f64(),
        ),
        Datum::Float(bits) => Value::Float(f64::from_bits(*bits)),
        Datum::Str(text) => Value::from(text.as_str()),
        Datum::Bytes(bytes) => Value::from(bytes.clone()),
        Datum::Date(days) => timestamp(i64::from(*days) * DAY_MICROS)?,
        Datum::Time(micros) => Value::Duration(chrono::Duration::microseconds(*micros)),
        Datum::Timestamp(micros) => timestamp(*micros)?,
        Datum::List(items) => {
            *longest = (*longest).max(items.len() as u64);
            Value::from(
                items
                    .iter()
                    .map(|item| value(item, broken, longest))
                    .collect::<Result<Vec<Value>, Outcome>>()?,
            )
        }
        Datum::Object(entries) => {
            *longest = (*longest).max(entries.len() as u64);
            let mut map = HashMap::with_capacity(entries.len());
            for (name, field) in entries {
                map.insert(Key::from(&**name), value(field, broken, longest)?);
            }
            Value::Map(map.into())
        }
    })
}

/// CEL timestamps lie in the years 1 to 9999.
fn timestamp(micros: i64) -> Result<Value, Outcome> {
    const YEAR_1: i64 = -62_135_596_800_000_000;
    const YEAR_10000: i64 = 253_402_300_800_000_000;
    if !(YEAR_1..YEAR_10000).contains(&micros) {
        return Err(Outcome::Failed);
    }
    chrono::DateTime::from_timestamp_micros(micros)
        .map(|time| Value::Timestamp(time.fixed_offset()))
        .ok_or(Outcome::Failed)
}

fn text_or_bytes(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::from(text),
        Err(_) => Value::from(bytes.to_vec()),
    }
}
