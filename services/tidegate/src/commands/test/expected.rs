//! `tests/expected.yaml`: the clock of the tests, and what each event trips.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_contract::yaml::{self, Node, Value};
use tidegate_contract::{Diagnostic, Level, nearest};

use crate::review::codes;

/// What the tests of one contract are held to.
#[derive(Debug, Default)]
pub(super) struct Expected {
    /// Path of the file as findings name it; also where it would be.
    pub(super) file: Arc<str>,
    /// Microseconds since the epoch.
    pub(super) now: Option<i64>,
    pub(super) object: Option<String>,
    /// Key of every event that brings none of its own.
    pub(super) key: Option<String>,
    /// Headers of every event that brings none of its own.
    pub(super) headers: Vec<(String, String)>,
    /// Schema below `schemas/` that events written as JSON are encoded with.
    pub(super) avro_schema: Option<(String, u32, u32)>,
    /// By the name of the file (and line) below `valid/`.
    pub(super) valid: BTreeMap<String, Trips>,
    /// The same below `invalid/`.
    pub(super) invalid: BTreeMap<String, Trips>,
}

/// What one event trips.
#[derive(Debug, Clone)]
pub(super) struct Trips {
    pub(super) rules: Vec<Named>,
    pub(super) line: u32,
    pub(super) column: u32,
}

/// A rule, and where it is broken if that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) rule: String,
    pub(super) pointer: Option<String>,
}

// === impl Named ===

impl Named {
    /// `rule` or `rule at /pointer`; a rule may have any name, so the last ` at ` in front of a pointer counts.
    fn parse(text: &str) -> Named {
        match text.rsplit_once(" at ").filter(|(_, pointer)| pointer.starts_with('/')) {
            Some((rule, pointer)) => Named {
                rule: rule.to_owned(),
                pointer: Some(pointer.to_owned()),
            },
            None => Named {
                rule: text.to_owned(),
                pointer: None,
            },
        }
    }

    pub(super) fn fits(&self, rule: &str, pointer: &str) -> bool {
        self.rule == rule && self.pointer.as_deref().is_none_or(|own| own == pointer)
    }
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.pointer {
            Some(pointer) => write!(f, "{} at {pointer}", self.rule),
            None => f.write_str(&self.rule),
        }
    }
}

const KEYS: [&str; 7] = ["now", "object", "key", "headers", "avroSchema", "valid", "invalid"];

// === impl Expected ===

impl Expected {
    /// Reads the text; what is wrong is added to `found`, and nothing is then expected of it.
    pub(super) fn parse(file: &str, text: &str, found: &mut Vec<Diagnostic>) -> Expected {
        let mut expected = Expected {
            file: file.into(),
            ..Expected::default()
        };
        let (node, said) = yaml::parse(file, text);
        let is_yaml = said.iter().all(|one| one.level != Level::Error);
        found.extend(said);
        let Some(node) = node.filter(|_| is_yaml) else { return expected };
        let mut say = |node: (u32, u32), problem: String, help: &str| {
            found.push(finding(file, node, problem, help));
        };
        let Value::Mapping(entries) = &node.value else {
            say(
                (node.line, node.column),
                format!("this is {}, not a mapping", node.kind()),
                "see `tidegate explain TG0311`",
            );
            return expected;
        };
        for entry in entries {
            let value = &entry.node;
            let place = (value.line, value.column);
            match &*entry.key {
                "now" => match value.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok()) {
                    Some(time) => expected.now = Some(time.as_microsecond()),
                    None => say(
                        place,
                        "`now` is not an RFC 3339 time".to_owned(),
                        "write it as '2026-11-21T12:00:00Z'",
                    ),
                },
                "object" | "key" | "avroSchema" => match (value.as_str(), &*entry.key) {
                    (Some(text), "object") => expected.object = Some(text.to_owned()),
                    (Some(text), "key") => expected.key = Some(text.to_owned()),
                    (Some(text), _) => expected.avro_schema = Some((text.to_owned(), value.line, value.column)),
                    (None, key) => say(place, format!("`{key}` must be text"), "quote it"),
                },
                "headers" => match &value.value {
                    Value::Mapping(headers) if headers.iter().all(|header| header.node.as_str().is_some()) => {
                        let pairs = headers
                            .iter()
                            .filter_map(|header| Some((header.key.to_string(), header.node.as_str()?.to_owned())));
                        expected.headers = pairs.collect();
                    }
                    _ => say(place, "`headers` must map names to text".to_owned(), "quote the values"),
                },
                "valid" => expected.valid = trips(value, &mut say),
                "invalid" => expected.invalid = trips(value, &mut say),
                other => {
                    let help = match nearest(other, KEYS) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("known are {}", KEYS.join(", ")),
                    };
                    say((entry.line, entry.column), format!("`{other}` is not known here"), &help);
                }
            }
        }
        expected
    }
}

fn trips(node: &Node, say: &mut impl FnMut((u32, u32), String, &str)) -> BTreeMap<String, Trips> {
    let mut all = BTreeMap::new();
    if node.value == Value::Null {
        return all;
    }
    let Value::Mapping(entries) = &node.value else {
        say(
            (node.line, node.column),
            "this must map events to rules".to_owned(),
            "write `name.json: [rule at /pointer]`",
        );
        return all;
    };
    for entry in entries {
        let rules: Option<Vec<Named>> = match &entry.node.value {
            Value::String(text) => Some(vec![Named::parse(text)]),
            Value::Sequence(items) => items.iter().map(|item| item.as_str().map(Named::parse)).collect(),
            _ => None,
        };
        match rules.filter(|rules| !rules.is_empty()) {
            Some(rules) => {
                let trips = Trips {
                    rules,
                    line: entry.line,
                    column: entry.column,
                };
                all.insert(entry.key.to_string(), trips);
            }
            None => say(
                (entry.node.line, entry.node.column),
                format!("`{}` must name the rules that the event trips", entry.key),
                "write `[rule at /pointer]`",
            ),
        }
    }
    all
}

pub(super) fn finding(file: &str, place: (u32, u32), problem: impl Into<String>, help: &str) -> Diagnostic {
    crate::review::finding(codes::TEST_EXPECTATIONS, Level::Error, (file, place.0, place.1), problem, help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Expected, Vec<String>) {
        let mut found = Vec::new();
        let expected = Expected::parse("e.yaml", text, &mut found);
        (
            expected,
            found
                .iter()
                .map(|one| format!("{} {} {}", one.code, one.location.line, one.problem))
                .collect(),
        )
    }

    #[test]
    fn a_whole_file() {
        let text = "now: '1970-01-01T00:00:01Z'\nkey: k\nheaders: {source: crm}\ninvalid:\n  a.json: [format at /email, a rule at last]\n  b.jsonl:3: required at /a at /b\n";
        let (expected, found) = read(&text.replace("b.jsonl:3:", "'b.jsonl:3':"));
        assert!(found.is_empty(), "{found:?}");
        assert_eq!((expected.now, expected.key.as_deref()), (Some(1_000_000), Some("k")));
        let rules: Vec<String> = expected
            .invalid
            .values()
            .flat_map(|trips| &trips.rules)
            .map(ToString::to_string)
            .collect();
        assert_eq!(rules, ["format at /email", "a rule at last", "required at /a at /b"]);
        let [with, without] = &expected.invalid["a.json"].rules[..] else {
            panic!()
        };
        assert!(with.fits("format", "/email") && !with.fits("format", "/x") && !with.fits("type", "/email"));
        assert!(without.fits("a rule at last", "/anywhere"));
        assert_eq!(expected.invalid["b.jsonl:3"].rules[0].pointer.as_deref(), Some("/b"));
    }

    #[test]
    fn slips_are_said_with_their_lines() {
        for (text, expected) in [
            ("nwo: x\n", "TG0311 1 `nwo` is not known here"),
            ("now: tomorrow\n", "TG0311 1 `now` is not an RFC 3339 time"),
            ("invalid:\n  a.json: []\n", "TG0311 2 `a.json` must name"),
            ("invalid: [a.json]\n", "TG0311 1 this must map"),
            ("invalid:\n  a.json: x\n  a.json: y\n", "TG0102 3"),
            ("- x\n", "TG0311 1 this is a list"),
        ] {
            let (_, found) = read(text);
            assert!(found.iter().any(|one| one.starts_with(expected)), "{text}: {found:?}");
        }
    }
}
