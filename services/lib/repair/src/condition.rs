//! Conditions of steps: CEL expressions as row rules have them, compiled by the judge's own compiler against the contract object.
//!
//! A rule tells only whether it is broken, and one that reads a value of the wrong type is not asked at all. So each condition is compiled
//! together with its opposite: exactly one of the two must be broken, or there is no answer.

use std::sync::Arc;

use tidegate_check::input::Known;
use tidegate_check::{Input, Judge, Plan, SchemaLookup, SchemaNeed, Verdict, compile};
use tidegate_contract::model::{RuleKind, UnknownFields};
use tidegate_contract::{Contract, Diagnostic, Location, LogicalType, OnFailure, Property, QualityRule, Severity, Status};

const HOLDS: &str = "repair.when";
const OPPOSITE: &str = "repair.unless";

/// A compiled condition.
#[derive(Debug)]
pub(crate) struct Condition {
    plan: Plan,
}

/// What a condition says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
    /// It reads what is missing, null or of the wrong type, or the event cannot be read.
    None,
}

/// Conditions look at JSON text only, which needs no schema.
struct NoSchemas;

// === impl Condition ===

impl Condition {
    /// Compiles `expression` against an object; problems are at `location`, in the repair file.
    pub(crate) fn compile(contract: &Contract, object: usize, expression: &str, location: &Location) -> Result<Condition, Vec<Diagnostic>> {
        let mut contract = contract.clone();
        contract.status = Status::Active;
        contract.on_failure = OnFailure::Continue;
        let of = &mut contract.objects[object];
        let rule = |id: &str, expression: String| QualityRule {
            id: id.into(),
            kind: RuleKind::Cel {
                expression: expression.into(),
            },
            severity: Severity::Error,
            threshold: None,
            percent: false,
            operations: Vec::new(),
            schedule: None,
            location: location.clone(),
        };
        of.quality = vec![rule(HOLDS, expression.to_owned())];
        of.settings.event_schema = None;
        of.settings.key = None;
        of.settings.required_headers.clear();
        of.settings.kill_switches.clear();
        of.settings.unknown_fields = UnknownFields::Ignore;
        of.properties.iter_mut().for_each(types_only);
        // Alone first, so that a mistake is told in the words of the one who wrote it.
        compile(&contract, object)?;
        contract.objects[object].quality.push(rule(OPPOSITE, format!("!({expression})")));
        Ok(Condition {
            plan: compile(&contract, object)?,
        })
    }

    pub(crate) fn ask(&self, judge: &mut Judge, input: &Input<'_>, topic: &str) -> Answer {
        // A list that was cut short may have lost the one that speaks; the one that it holds counts.
        let Verdict::Invalid { violations, .. } = judge.judge(&self.plan, input, topic, &NoSchemas, &mut ()) else {
            return Answer::None;
        };
        let is_broken = |id: &str| violations.iter().any(|violation| *violation.rule == *id);
        match (is_broken(HOLDS), is_broken(OPPOSITE)) {
            (false, true) => Answer::Yes,
            (true, false) => Answer::No,
            _ => Answer::None,
        }
    }
}

impl SchemaLookup for NoSchemas {
    fn lookup(&self, _: &SchemaNeed) -> Known {
        Known::Unknown
    }
}

/// What a condition reads must have its type; what else the contract says of it is for the verdict.
fn types_only(property: &mut Property) {
    property.quality.clear();
    property.enumeration.clear();
    property.required = false;
    match &mut property.logical_type {
        LogicalType::Object { properties, .. } => properties.iter_mut().for_each(types_only),
        LogicalType::Array { items: Some(item), .. } => types_only(item),
        LogicalType::Map { key, value } => {
            types_only(key);
            types_only(value);
        }
        _ => {}
    }
}

/// Where a condition stands.
pub(crate) fn location(file: &Arc<str>, line: u32, column: u32, pointer: String) -> Location {
    Location {
        file: file.clone(),
        line,
        column,
        pointer: pointer.into(),
    }
}
