//! What a good contract says and nobody checks, or somebody else checks, or that will change by itself: notes and warnings for `lint`.
//!
//! [`parse`](fn@crate::parse) says what is wrong; this says, for a contract that loads, what its author may believe and should not.

mod variables;

use std::sync::Arc;

use crate::codes;
use crate::coverage::{Runs, Scope, find};
use crate::diagnostic::Diagnostic;
use crate::model::{Contract, LogicalType, ObjectSettings, Property, QualityRule, RuleKind, SchemaObject};
use crate::odcs::setting_name;
use crate::on_failure::OnFailure;
use crate::problems::{Place, Problems, quoted};
use crate::yaml::{At, Value};

/// A kill switch that ends within this time is said to end soon; microseconds.
const SOON_MICROS: i64 = 7 * 86_400 * 1_000_000;

/// Everything worth saying about a contract that loads, in file order. `now` is in microseconds since the epoch; only kill switches depend
/// on it.
pub fn lint(contract: &Contract, now: i64) -> Vec<Diagnostic> {
    let mut lint = Lint {
        problems: Problems::new(&contract.location.file),
        on_failure: contract.on_failure,
    };
    let root = At::root(&contract.document);
    variables::check(&mut lint.problems, &root);
    lint.on_failure(&root);
    lint.keys(&root, Scope::Contract);
    for server in root.list("servers") {
        lint.keys(&server, Scope::Server);
    }
    for (object, at) in contract.objects.iter().zip(root.list("schema")) {
        lint.keys(&at, Scope::Object);
        lint.object(object, &at, now);
    }
    for sla in root.list("slaProperties") {
        lint.keys(&sla, Scope::Sla);
    }
    lint.problems.into_sorted()
}

struct Lint {
    problems: Problems,
    on_failure: OnFailure,
}

// === impl Lint ===

impl Lint {
    /// A note for every key that reads like a check and is none.
    fn keys(&mut self, at: &At<'_>, scope: Scope) {
        for (key, value) in at.entries().into_iter().flatten() {
            // A flag that is off and an empty list ask for nothing.
            let asks_nothing = match &value.node.value {
                Value::Null | Value::Bool(false) => true,
                Value::Sequence(items) => items.is_empty(),
                _ => false,
            };
            if asks_nothing {
                continue;
            }
            if let Some(Runs::Nobody(why)) = find(scope, key).map(|clause| clause.runs) {
                self.problems.note(codes::NOT_EXECUTED, value.key_place(), why, "");
            }
        }
    }

    fn object(&mut self, object: &SchemaObject, at: &At<'_>, now: i64) {
        self.rules(at, &object.quality);
        for (property, at) in object.properties.iter().zip(named(at)) {
            self.property(property, &at, object.settings.cdc.is_some());
        }
        if object.settings.cdc.is_some() && object.topic.is_some() && self.on_failure == OnFailure::Continue {
            let help = "write `onFailure: stop` at the top level, or keep to rules that the source's own constraints promise, and repair and replay \
                        dead letters before the lake is read";
            self.problems.warning(
                codes::CDC_ON_FAILURE,
                at.place(),
                "after a dead letter later changes of the same row go on (`onFailure: continue`), and the table in the lake misses one state",
                help,
            );
        }
        self.kill_switches(&object.settings, now);
        self.single_columns(object, at);
    }

    fn property(&mut self, property: &Property, at: &At<'_>, cdc: bool) {
        self.keys(at, Scope::Property);
        if let (Some(options), Some(kind)) = (at.get("logicalTypeOptions"), at.text("logicalType")) {
            let kind = [
                "string",
                "date",
                "timestamp",
                "time",
                "integer",
                "number",
                "object",
                "array",
                "vector",
            ]
            .into_iter()
            .find(|name| **name == *kind);
            if let Some(kind) = kind {
                self.keys(&options, Scope::Options(kind));
            }
        }
        self.rules(at, &property.quality);
        if property.unique {
            let place = at.get("unique").map_or(at.place(), |unique| unique.key_place());
            self.elsewhere(place, "`unique` is measured on the lake by `sla run`; no event is refused for it");
        }
        if let Some(place) = at
            .get("primaryKey")
            .map(|key| key.key_place())
            .filter(|_| property.primary_key.is_some())
        {
            let what = if cdc {
                "`primaryKey` makes the column required; that no two rows share it is the source's promise"
            } else {
                "`primaryKey` is measured on the lake by `sla run`; no event is refused for it"
            };
            self.elsewhere(place, what);
        }
        self.ignored_options(property, at);
        match &property.logical_type {
            LogicalType::Object { properties, .. } => {
                for (property, at) in properties.iter().zip(named(at)) {
                    self.property(property, &at, cdc);
                }
            }
            LogicalType::Array { items: Some(item), .. } => {
                if let Some(at) = at.get("items") {
                    self.property(item, &at, cdc);
                }
            }
            LogicalType::Map { key, value } => {
                let map = at.get("map");
                for (part, name) in [(key, "key"), (value, "value")] {
                    if let Some(at) = map.as_ref().and_then(|map| map.get(name)) {
                        self.property(part, &at, cdc);
                    }
                }
            }
            _ => {}
        }
    }

    fn ignored_options(&mut self, property: &Property, at: &At<'_>) {
        let options = at.get("logicalTypeOptions");
        let option = |name: &str| options.as_ref().and_then(|options| options.get(name));
        if let LogicalType::String { format: Some(format), .. } = &property.logical_type {
            if matches!(&**format, "byte" | "binary") {
                for name in ["minLength", "maxLength", "pattern"] {
                    if let Some(at) = option(name) {
                        let problem = format!("`{name}` has no effect beside `format: {format}`: the value is bytes, not text");
                        self.problems
                            .warning(codes::IGNORED_OPTION, at.key_place(), problem, "remove it, or write a CEL rule");
                    }
                }
            } else if &**format == "password"
                && let Some(at) = option("format")
            {
                let problem = "`format: password` checks nothing; it tells people to hide the value";
                let help = "say `classification:`, so that Tidegate treats it as what it is";
                self.problems.note(codes::NOT_EXECUTED, at.place(), problem, help);
            }
        }
        let Some(physical) = &property.physical_type else { return };
        let place = || at.get("physicalType").map_or(at.place(), |at| at.place());
        match &property.logical_type {
            LogicalType::String { max_length: None, .. } => {
                if let Some(length) = length(physical) {
                    let problem = format!("the length in physicalType {} is not checked", quoted(physical));
                    let help = format!("write `logicalTypeOptions: {{maxLength: {length}}}`");
                    self.problems.note(codes::IGNORED_OPTION, place(), problem, help);
                }
            }
            LogicalType::Integer { format: None, .. } => {
                let meant = integer_format(physical);
                if let Some(format) = meant {
                    let problem = format!("the width of physicalType {} is not checked", quoted(physical));
                    let help = format!("write `logicalTypeOptions: {{format: {format}}}`");
                    self.problems.note(codes::IGNORED_OPTION, place(), problem, help);
                }
            }
            _ => {}
        }
    }

    /// Rules of the lake, and settings of rules that nobody executes.
    fn rules(&mut self, at: &At<'_>, rules: &[QualityRule]) {
        for written in at.list("quality") {
            self.keys(&written, Scope::Quality);
            let Some(rule) = rules.iter().find(|rule| *rule.location.pointer == *written.pointer) else {
                continue;
            };
            match &rule.kind {
                RuleKind::Sql { .. } => {
                    let what = format!(
                        "rule {} is SQL: `sla run` executes it on the lake; no event is refused for it",
                        quoted(&rule.id)
                    );
                    self.elsewhere(written.place(), &what);
                }
                RuleKind::Library(_) if !rule.is_per_record() => {
                    let what = format!(
                        "rule {} speaks of many rows: `sla run` measures it on the lake; no event is refused for it",
                        quoted(&rule.id)
                    );
                    self.elsewhere(written.place(), &what);
                }
                RuleKind::Library(_) | RuleKind::Cel { .. } | RuleKind::NotExecuted => {}
            }
        }
    }

    /// A promise that is kept in another way.
    fn on_failure(&mut self, root: &At<'_>) {
        let written = root
            .list("customProperties")
            .into_iter()
            .find(|item| setting_name(item).is_some_and(|(name, _)| name == "onFailure"));
        if let Some(item) = written.filter(|_| self.on_failure == OnFailure::HoldKey) {
            self.problems.warning(
                codes::NOT_EXECUTED,
                item.place(),
                "keys are not held one by one yet: under `hold_key` the whole partition halts, as under `stop`",
                "write `stop`, which says what happens, or `continue`",
            );
        }
    }

    fn kill_switches(&mut self, settings: &ObjectSettings, now: i64) {
        for switch in &settings.kill_switches {
            let place = Place {
                line: switch.location.line,
                column: switch.location.column,
                pointer: switch.location.pointer.to_string(),
            };
            let (rule, until) = (quoted(&switch.rule), &switch.until_text);
            if switch.until <= now {
                let problem = format!("the kill switch of rule {rule} ended at {until}: the rule is asked again");
                self.problems
                    .warning(codes::KILL_SWITCH, place, problem, "remove the switch, or say a later `until`");
            } else if switch.until - now <= SOON_MICROS {
                let problem = format!("the kill switch of rule {rule} ends soon, at {until}");
                let help = "what breaks the rule becomes dead letters again from then on";
                self.problems.warning(codes::KILL_SWITCH, place, problem, help);
            } else {
                let problem = format!("rule {rule} is switched off until {until}");
                self.problems.note(codes::KILL_SWITCH, place, problem, "");
            }
        }
    }

    /// A key or event type whose absence people notice late.
    fn single_columns(&mut self, object: &SchemaObject, at: &At<'_>) {
        if object.settings.cdc.is_some() || object.topic.is_none() || object.settings.key.is_some() {
            return;
        }
        self.problems.note(
            codes::NOT_EXECUTED,
            at.place(),
            "keys of this topic are not checked",
            "add the setting `key`, such as `{encoding: string, property: order_id}`",
        );
    }

    fn elsewhere(&mut self, place: Place, what: &str) {
        self.problems.note(codes::ELSEWHERE, place, what, "");
    }
}

/// The properties that the model holds, in its order.
fn named<'a>(at: &At<'a>) -> Vec<At<'a>> {
    at.list("properties")
        .into_iter()
        .filter(|item| item.text("name").is_some())
        .collect()
}

/// The length of `varchar(10)` and its kin.
fn length(physical: &Arc<str>) -> Option<u64> {
    let written = physical.to_ascii_lowercase();
    let (name, rest) = written.split_once('(')?;
    let is_text = [
        "char",
        "varchar",
        "nvarchar",
        "nchar",
        "varchar2",
        "character",
        "character varying",
        "string",
    ]
    .contains(&name.trim());
    if !is_text {
        return None;
    }
    rest.trim_end().strip_suffix(')')?.trim().parse().ok()
}

/// The width that a database means by these names where it is narrower than 64 bits.
fn integer_format(physical: &Arc<str>) -> Option<&'static str> {
    match physical.to_ascii_lowercase().as_str() {
        "tinyint" => Some("i8"),
        "smallint" | "int2" | "smallserial" => Some("i16"),
        "int" | "integer" | "int4" | "serial" => Some("i32"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
