//! Captured values to the engine's values: only what the program reads.

use std::collections::HashMap;

use cel::objects::Key;
use cel::{Context, Value};

use super::shape::{Fields, Reads};
use super::{Outcome, Scope, SourceField};
use crate::exact::Exact;
use crate::plan::{Kind, Plan};
use crate::tape::{Captured, Cell, INSTANTS, Slot, Tape};
use crate::temporal::DAY_MICROS;

/// Binds every variable that is read; the error is the outcome of a rule that cannot be run.
pub(super) fn all(context: &mut Context<'_, '_>, reads: &Reads, value: Captured<'_>, scope: &Scope<'_>) -> Result<(), Outcome> {
    let plan = scope.plan;
    if !reads.value.is_empty() {
        context.add_variable_from_value("value", object(plan, value, Some(&reads.value))?);
    }
    if !reads.before.is_empty() {
        let before = match scope.before {
            Some(before) => object(plan, before, Some(&reads.before))?,
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
            ("contract", &plan.contract.id),
            ("version", &plan.contract.version),
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
                SourceField::Text(text) => Value::from(*text),
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

fn object(plan: &Plan, object: Captured<'_>, read: Option<&Fields>) -> Result<Value, Outcome> {
    let mut map = HashMap::new();
    if let Kind::Object(children) = &plan.nodes[object.node as usize].kind {
        for child in children {
            let slot = plan.checks[*child].slot;
            let name = &plan.nodes[*child].name;
            if slot == Slot::NONE || read.is_some_and(|read| !read.reads(name)) {
                continue;
            }
            let cell = object.field(slot.ordinal());
            if !matches!(cell, Cell::Absent) {
                map.insert(Key::from(&**name), value(plan, object.tape, cell)?);
            }
        }
    }
    Ok(Value::Map(map.into()))
}

fn value(plan: &Plan, tape: &Tape, cell: Cell) -> Result<Value, Outcome> {
    Ok(match cell {
        Cell::Null => Value::Null,
        // Whoever asks has looked for these before.
        Cell::Absent | Cell::Broken | Cell::Unavailable | Cell::Unknowable => return Err(Outcome::Failed),
        Cell::Bool(value) => Value::Bool(value),
        Cell::Int(value) => Value::Int(value),
        Cell::Wide { at, .. } => Value::UInt(u64::try_from(tape.wide(at)).map_err(|_| Outcome::Failed)?),
        Cell::Decimal { .. } | Cell::WideDecimal { .. } => Value::Float(tape.exact(cell).map_or(0.0, Exact::to_f64)),
        Cell::Float(value) => Value::Float(value),
        Cell::Text { start, len } => Value::from(tape.text(start, len)),
        Cell::Bytes { start, len } => Value::from(tape.bytes(start, len).to_vec()),
        Cell::Date(days) => timestamp(i64::from(days).saturating_mul(DAY_MICROS))?,
        Cell::Time(micros) => Value::Duration(chrono::Duration::microseconds(micros)),
        Cell::Timestamp(micros) => timestamp(micros)?,
        Cell::List { start, len, .. } => Value::from(
            (start..start + len)
                .map(|at| value(plan, tape, tape.at(at)))
                .collect::<Result<Vec<Value>, Outcome>>()?,
        ),
        Cell::Map { start, len, .. } => {
            let mut map = HashMap::with_capacity(len as usize);
            for entry in 0..len {
                map.insert(
                    Key::from(tape.key(start, entry)),
                    value(plan, tape, tape.at(start + 2 * entry + 1))?,
                );
            }
            Value::Map(map.into())
        }
        Cell::Object { state, start, node, .. } => object(plan, Captured { tape, start, node, state }, None)?,
    })
}

/// CEL timestamps lie in the years 1 to 9999.
fn timestamp(micros: i64) -> Result<Value, Outcome> {
    if !INSTANTS.contains(&micros) {
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
