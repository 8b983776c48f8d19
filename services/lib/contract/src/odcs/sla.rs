//! `slaProperties[]`.

use std::sync::Arc;

use super::Reader;
use super::property::literal;
use crate::codes;
use crate::model::{Literal, LogicalType, Property, SchemaObject, SlaProperty};
use crate::nearest::nearest;
use crate::problems::{listed, quoted};
use crate::yaml::At;

/// Canonical names with the short synonyms of the standard.
const PROPERTIES: [(&str, &str); 14] = [
    ("availability", "av"),
    ("throughput", "th"),
    ("errorRate", "er"),
    ("generalAvailability", "ga"),
    ("endOfSupport", "es"),
    ("endOfLife", "el"),
    ("retention", "re"),
    ("frequency", "fy"),
    ("latency", "ly"),
    ("freshness", "fr"),
    ("timeToDetect", "td"),
    ("timeToNotify", "tn"),
    ("timeToRepair", "tr"),
    ("timeOfAvailability", "ta"),
];
/// What the SLA check measures against event times; their values must be right, or the contract does not load.
const EXECUTED: [&str; 2] = ["latency", "freshness"];
/// What it measures beside them. A value that it cannot read makes the promise unknown in the report, as old contracts may hold any.
const MEASURED: [&str; 8] = [
    "frequency",
    "errorRate",
    "throughput",
    "availability",
    "retention",
    "timeOfAvailability",
    "endOfSupport",
    "endOfLife",
];
/// Properties whose value is a length of time.
const DURATIONS: [&str; 7] = [
    "latency",
    "freshness",
    "retention",
    "frequency",
    "timeToDetect",
    "timeToNotify",
    "timeToRepair",
];
const CLOCK_UNITS: [&str; 16] = [
    "ms",
    "millisecond",
    "milliseconds",
    "s",
    "sec",
    "second",
    "seconds",
    "min",
    "minute",
    "minutes",
    "h",
    "hour",
    "hours",
    "d",
    "day",
    "days",
];
const CALENDAR_UNITS: [&str; 10] = ["w", "week", "weeks", "month", "months", "y", "yr", "yrs", "year", "years"];

// === impl Reader ===

impl Reader<'_> {
    pub(super) fn read_sla(&mut self, root: &At<'_>, objects: &[SchemaObject]) -> Vec<SlaProperty> {
        if let Some(default) = root.get("slaDefaultElement") {
            let problem = "`slaDefaultElement` is deprecated since v3.1.0";
            self.problems.note(
                codes::DEPRECATED,
                default.key_place(),
                problem,
                "write `element` at each SLA property",
            );
        }
        let default_element = root.text("slaDefaultElement");
        let items = root.list("slaProperties");
        items
            .iter()
            .filter_map(|at| self.read_sla_property(at, default_element.as_ref(), objects))
            .collect()
    }

    fn read_sla_property(&mut self, at: &At<'_>, default_element: Option<&Arc<str>>, objects: &[SchemaObject]) -> Option<SlaProperty> {
        let named_by = at.get("property")?;
        let written = named_by.as_text()?;
        let property = canonical(&written);
        let value = at.get("value")?;
        let literal_value = literal(&value)?;
        match property {
            Some(name) if !EXECUTED.contains(&name) && !MEASURED.contains(&name) => {
                self.not_executed(&named_by, &format!("the SLA property `{name}` is not measured"))
            }
            Some(_) => {}
            None => {
                let problem = format!("the SLA property {} is not measured", quoted(&written));
                match nearest(&written, PROPERTIES.map(|(name, _)| name)) {
                    Some(near) => self
                        .problems
                        .warning(codes::NOT_EXECUTED, named_by.place(), problem, format!("did you mean `{near}`?")),
                    None => self.problems.note(codes::NOT_EXECUTED, named_by.place(), problem, ""),
                }
            }
        }
        if let Some(name) = property.filter(|name| DURATIONS.contains(name)) {
            self.check_duration(at, &value, &literal_value, name);
        }
        let elements = self.read_elements(at, default_element, objects, property.is_some_and(|name| EXECUTED.contains(&name)));
        self.check_schedule(at);
        let pointer: Arc<str> = at.pointer.as_str().into();
        Some(SlaProperty {
            id: at.text("id").unwrap_or(pointer),
            property: property.map_or_else(|| written.to_lowercase().into(), Into::into),
            value: literal_value,
            value_ext: at.get("valueExt").and_then(|at| literal(&at)),
            unit: at.text("unit"),
            elements,
            driver: at.text("driver").map(|text| text.to_lowercase().into()),
            schedule: super::schedule::cron(at),
            location: self.problems.location(&at.place()),
        })
    }

    fn check_duration(&mut self, at: &At<'_>, value: &At<'_>, literal: &Literal, name: &str) {
        let executed = EXECUTED.contains(&name);
        let unit = at.get("unit");
        match (literal, unit.as_ref().and_then(|unit| unit.as_text())) {
            (Literal::Number(number), unit_text) => {
                let is_negative = number.starts_with('-');
                if is_negative {
                    self.problems
                        .error(codes::SLA_VALUE, value.place(), format!("`{name}` cannot be negative"), "");
                }
                match unit_text {
                    None => {
                        let problem = format!("`{name}` has no unit");
                        let help = "add `unit: min`, or write an ISO 8601 duration such as 'PT15M'";
                        self.by_weight(executed, codes::SLA_UNIT, value, problem, help);
                    }
                    Some(text) if CLOCK_UNITS.contains(&text.to_ascii_lowercase().as_str()) => {}
                    Some(text) => {
                        let unit = unit.as_ref().unwrap_or(value);
                        let is_calendar = CALENDAR_UNITS.contains(&text.to_ascii_lowercase().as_str());
                        if is_calendar && !executed {
                            return;
                        }
                        let (problem, help) = match &*text {
                            "m" | "M" => ("the unit `m` could be minutes or months".to_owned(), "write `min` or `month`"),
                            _ if is_calendar => (
                                format!("`{name}` is not measured in calendar units such as {}", quoted(&text)),
                                "write it in days",
                            ),
                            _ => (format!("{} is not a unit of time", quoted(&text)), "write one of s, min, h, d"),
                        };
                        self.by_weight(executed, codes::SLA_UNIT, unit, problem, help);
                    }
                }
            }
            (Literal::String(text), _) if is_iso_duration(text) => {}
            _ => {
                let problem = format!("`{name}` needs a number with a unit, or an ISO 8601 duration");
                self.by_weight(
                    executed,
                    codes::SLA_VALUE,
                    value,
                    problem,
                    "write for example `value: 15` and `unit: min`",
                );
            }
        }
    }

    /// An error where the clause is executed; only a warning where nobody acts on it.
    fn by_weight(&mut self, executed: bool, code: codes::Code, at: &At<'_>, problem: String, help: &str) {
        if executed {
            self.problems.error(code, at.place(), problem, help);
        } else {
            self.problems.warning(code, at.place(), problem, help);
        }
    }

    fn read_elements(&mut self, at: &At<'_>, default: Option<&Arc<str>>, objects: &[SchemaObject], needs_time: bool) -> Vec<Arc<str>> {
        let element = at.get("element");
        let written = element.as_ref().and_then(|at| at.as_text()).or_else(|| default.cloned());
        let Some(text) = written else { return Vec::new() };
        let place = || element.as_ref().unwrap_or(at).place();
        let mut elements = Vec::new();
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match find_element(objects, name) {
                Found::Nothing => {
                    let known = listed(objects.iter().map(|object| &*object.name));
                    let help = if objects.is_empty() {
                        String::new()
                    } else {
                        format!("objects of this contract: {known}")
                    };
                    let problem = format!("the element {} does not exist, so it cannot be measured", quoted(name));
                    self.problems.warning(codes::SLA_ELEMENT, place(), problem, help);
                }
                Found::Property(property) if needs_time && !is_time(&property.logical_type) => {
                    let problem = format!("the element {} is no date or timestamp, so it cannot be measured", quoted(name));
                    self.problems
                        .warning(codes::SLA_ELEMENT, place(), problem, "name a timestamp property");
                }
                Found::Property(_) | Found::Object => {}
            }
            elements.push(name.into());
        }
        elements
    }
}

/// What an element names.
enum Found<'a> {
    Nothing,
    Object,
    Property(&'a Property),
}

fn find_element<'a>(objects: &'a [SchemaObject], element: &str) -> Found<'a> {
    for object in objects {
        let names = [Some(&object.name), object.topic.as_ref()];
        for name in names.into_iter().flatten() {
            match element.strip_prefix(&**name) {
                Some("") => return Found::Object,
                Some(path) if path.starts_with('.') => {
                    if let Some(property) = object.property(&path[1..]) {
                        return Found::Property(property);
                    }
                }
                _ => {}
            }
        }
    }
    Found::Nothing
}

fn is_time(logical_type: &LogicalType) -> bool {
    matches!(logical_type, LogicalType::Date { .. } | LogicalType::Timestamp { .. })
}

fn canonical(written: &str) -> Option<&'static str> {
    let matches = |name: &str| name.eq_ignore_ascii_case(written);
    PROPERTIES
        .iter()
        .find(|(name, short)| matches(name) || matches(short))
        .map(|(name, _)| *name)
}

/// ISO 8601 duration of whole or decimal parts in order, such as `P1DT12H` or `PT0.5S`.
fn is_iso_duration(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('P') else { return false };
    let (date, time) = match rest.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (rest, None),
    };
    let parts = |text: &str, units: &str| -> Option<usize> {
        let (mut count, mut number, mut units) = (0, String::new(), units);
        for c in text.chars() {
            if c.is_ascii_digit() || (c == '.' && !number.is_empty() && !number.contains('.')) {
                number.push(c);
                continue;
            }
            if number.is_empty() || number.ends_with('.') {
                return None;
            }
            units = &units[units.find(c)? + c.len_utf8()..];
            number.clear();
            count += 1;
        }
        number.is_empty().then_some(count)
    };
    match (parts(date, "YMWD"), time.map(|time| parts(time, "HMS"))) {
        (Some(count), None) => count > 0,
        (Some(_), Some(Some(count))) => count > 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synonyms_and_durations() {
        assert_eq!(canonical("LY"), Some("latency"));
        assert_eq!(canonical("ErrorRate"), Some("errorRate"));
        assert_eq!(canonical("beauty"), None);
        for good in ["PT15M", "P1D", "P1DT12H30M", "PT0.5S", "P2W", "P1Y6M"] {
            assert!(is_iso_duration(good), "{good}");
        }
        for bad in [
            "", "P", "PT", "15M", "PT15", "P1H", "PT1H1D", "PT1S1H", "P1DT", "PT.5S", "PT1.S", "PTéS",
        ] {
            assert!(!is_iso_duration(bad), "{bad}");
        }
    }
}
