//! Settings of a whole contract: `killSwitches`, quality rules that are not asked until a date, and `onFailure`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Reader;
use super::edition::Edition;
use super::settings::setting_name;
use super::shape::{Keys, Shape, check_keys, key, required};
use crate::civil::Civil;
use crate::codes;
use crate::model::{LogicalType, Property, QualityRule, RuleKind, SchemaObject};
use crate::nearest::did_you_mean;
use crate::on_failure::OnFailure;
use crate::problems::quoted;
use crate::surroundings::KillSwitch;
use crate::yaml::{At, Value};

pub(crate) const SETTINGS: [&str; 2] = ["killSwitches", "onFailure"];
const ON_FAILURE: [(&str, OnFailure); 3] = [
    ("continue", OnFailure::Continue),
    ("hold_key", OnFailure::HoldKey),
    ("stop", OnFailure::Stop),
];
const TEXT: &Shape = &Shape::Text;
static SWITCH: Keys = Keys {
    what: "a kill switch",
    open_before: Edition::V3_0,
    keys: &[
        required("rule", TEXT),
        key("topic", TEXT),
        required("until", TEXT),
        required("reason", TEXT),
    ],
    slips: &[("expires", "write `until`"), ("ruleId", "write `rule`")],
};

// === impl Reader ===

impl Reader<'_> {
    /// Settings of the whole contract, handed to the objects that they concern.
    pub(super) fn read_contract_settings(&mut self, root: &At<'_>, objects: &mut [SchemaObject]) -> OnFailure {
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        let mut on_failure = OnFailure::default();
        for item in root.list("customProperties") {
            let Some((name, named_by)) = setting_name(&item) else { continue };
            if !SETTINGS.contains(&name.as_str()) {
                let problem = format!("the setting {} does not belong here", quoted(&name));
                let help = "only `killSwitches` and `onFailure` are settings of the whole contract; the others are customProperties of a schema object";
                self.setting_error(&named_by, problem, help.to_owned());
                continue;
            }
            if let Some(line) = seen.insert(name.clone(), named_by.node.line) {
                let problem = format!("the setting `{name}` is written twice; the first is at line {line}");
                self.setting_error(&named_by, problem, "keep one of the two".to_owned());
                continue;
            }
            if name == "onFailure" {
                match item.get("value") {
                    Some(value) => on_failure = self.choice(&value, &ON_FAILURE).unwrap_or_default(),
                    None => self.setting_error(
                        &item,
                        "the setting `onFailure` has no value".to_owned(),
                        "add `value: continue`, `hold_key` or `stop`".to_owned(),
                    ),
                }
                continue;
            }
            let Some(list) = item.get("value").and_then(|value| value.items().map(Iterator::collect::<Vec<_>>)) else {
                let help = "write `value: [{rule: ID, until: '2026-12-01', reason: …}]`".to_owned();
                self.setting_error(&item, "`killSwitches` is a list".to_owned(), help);
                continue;
            };
            for switch in list {
                self.read_kill_switch(&switch, objects);
            }
        }
        on_failure
    }

    fn read_kill_switch(&mut self, at: &At<'_>, objects: &mut [SchemaObject]) {
        if !matches!(at.node.value, Value::Mapping(_)) {
            let problem = format!("a kill switch is a mapping, this is {}", at.node.kind());
            self.setting_error(at, problem, "write `{rule: ID, until: '2026-12-01', reason: …}`".to_owned());
            return;
        }
        check_keys(at, &SWITCH, self.edition, self.problems);
        let (Some(rule), Some(until), Some(reason)) = (at.text("rule"), at.get("until"), at.text("reason")) else {
            return;
        };
        let Some(until_text) = until.as_text() else { return };
        let Some(moment) = moment(&until_text) else {
            let problem = format!("{} is neither a day nor a moment", quoted(&until_text));
            let help = "write `until: '2026-12-01'` (from the start of that day in UTC) or '2026-12-01T08:00:00Z'";
            self.problems.error(codes::KILL_SWITCH, until.place(), problem, help);
            return;
        };
        let switch = KillSwitch {
            rule: rule.clone(),
            until: moment,
            until_text,
            reason,
            location: self.problems.location(&at.place()),
        };
        let topic = at.text("topic");
        if let (Some(topic), Some(place)) = (&topic, at.get("topic"))
            && objects.iter().all(|object| object.topic.as_ref() != Some(topic))
        {
            let topics: Vec<&str> = objects.iter().filter_map(|object| object.topic.as_deref()).collect();
            let problem = format!("no object of the contract is bound to topic {}", quoted(topic));
            self.problems
                .error(codes::KILL_SWITCH, place.place(), problem, did_you_mean(topic, &topics));
            return;
        }
        let mut found = false;
        for object in objects.iter_mut() {
            let rules = rules_of(object);
            let Some(kind) = rules.iter().find(|(id, _)| *id == rule).map(|(_, kind)| *kind) else {
                continue;
            };
            found = true;
            if kind != Kind::Record {
                let problem = format!(
                    "rule {} is not asked of single records, so there is nothing to switch off",
                    quoted(&rule)
                );
                let help = "kill switches are for CEL rules and for metrics that must be 0; remove a rule of the lake, or give it `severity: info`";
                self.problems.error(codes::KILL_SWITCH, at.place(), problem, help);
                continue;
            }
            if topic.is_none() || object.topic == topic {
                object.settings.kill_switches.push(switch.clone());
            }
        }
        if !found {
            let all: Vec<Arc<str>> = objects.iter().flat_map(rules_of).map(|(id, _)| id).collect();
            let known: Vec<&str> = all.iter().map(|id| &**id).collect();
            let problem = format!("{} is not a quality rule of this contract", quoted(&rule));
            let help = match &*rule {
                "required" | "type" | "enum" | "pattern" | "minimum" | "maximum" | "format" | "decode" => {
                    "types and options cannot be switched off: change the contract in a new version".to_owned()
                }
                _ => did_you_mean(&rule, &known),
            };
            self.problems.error(codes::KILL_SWITCH, at.place(), problem, help);
        }
    }
}

/// Who asks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The judge, of each record.
    Record,
    /// The SLA check, or nobody.
    Other,
}

fn rules_of(object: &SchemaObject) -> Vec<(Arc<str>, Kind)> {
    let mut rules: Vec<(Arc<str>, Kind)> = object.quality.iter().map(|rule| (rule.id.clone(), kind(rule))).collect();
    for property in &object.properties {
        collect(property, &mut rules);
    }
    rules
}

fn collect(property: &Property, rules: &mut Vec<(Arc<str>, Kind)>) {
    rules.extend(property.quality.iter().map(|rule| (rule.id.clone(), kind(rule))));
    match &property.logical_type {
        LogicalType::Object { properties, .. } => properties.iter().for_each(|property| collect(property, rules)),
        LogicalType::Array { items: Some(item), .. } => collect(item, rules),
        LogicalType::Map { key, value } => {
            collect(key, rules);
            collect(value, rules);
        }
        _ => {}
    }
}

fn kind(rule: &QualityRule) -> Kind {
    if matches!(rule.kind, RuleKind::Cel { .. }) || rule.is_per_record() {
        Kind::Record
    } else {
        Kind::Other
    }
}

/// A day (its start in UTC) or an RFC 3339 moment, in microseconds since the epoch.
fn moment(text: &str) -> Option<i64> {
    let has_offset = text.ends_with(['Z', 'z']) || text.len() > 19 && text[19..].contains(['+', '-']);
    let civil = match Civil::from_iso_date(text) {
        Some(day) => day,
        None if has_offset => Civil::from_iso_timestamp(text)?,
        None => return None,
    };
    i64::try_from(civil.epoch_nanos(0) / 1_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        assert_eq!(moment("1970-01-02"), Some(86_400_000_000));
        assert_eq!(moment("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(moment("1970-01-01T00:00:01Z"), Some(1_000_000));
        for bad in ["", "tomorrow", "1970-01-01T00:00:01", "1970-13-01", "é970-01-01T00:00:01Zéééééé"] {
            assert_eq!(moment(bad), None, "{bad}");
        }
    }
}
