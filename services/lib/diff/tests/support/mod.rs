//! Random contracts, edits of them, and what the judge says of events under both.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::fmt::Write as _;
use std::sync::Arc;

use fastrand::Rng;
use tidegate_check::input::Known;
use tidegate_check::{Input, Judge, Plan, SchemaLookup, SchemaNeed, Verdict, compile};
use tidegate_contract::Contract;
use tidegate_sim::variety::{Field, Kind, Limits, PATTERNS, Shape, Taste};

pub(crate) struct Nothing;

impl SchemaLookup for Nothing {
    fn lookup(&self, _: &SchemaNeed) -> Known {
        Known::Unknown
    }
}

/// A random contract with what stands beside the value.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) shape: Shape,
    /// Id, expression, severity.
    pub(crate) rules: Vec<(&'static str, &'static str, &'static str)>,
    /// Rule and the year in which the switch ends.
    pub(crate) switches: Vec<(&'static str, u32)>,
    /// Name and the clause that is asked of its text.
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    /// The setting as YAML.
    pub(crate) key: Option<&'static str>,
    pub(crate) encodings: &'static str,
}

/// Row rules that compile for every shape, since every shape has `f0`.
const RULES: &[(&str, &str)] = &[
    ("there", "has(value.f0)"),
    ("key-or-not", "key == null || has(value.f0)"),
    ("early", "now < timestamp('2050-01-01T00:00:00Z')"),
    ("always", "true || has(value.f0)"),
    ("never", "!has(value.f0)"),
    ("there", "has( value.f0 ) // spaces do not count"),
    ("few", "size(value) < 2"),
    ("unnamed", "!('f1' in value)"),
];
const HEADERS: &[(&str, &str)] = &[
    ("a", ""),
    ("a", ", pattern: '^[a-f]+$'"),
    ("a", ", pattern: '^[a-c]+$'"),
    ("a", ", const: abc"),
    ("b", ""),
    ("b", ", const: xyz"),
];
const KEYS: &[&str] = &[
    "{encoding: string, logicalType: string}",
    "{encoding: string, logicalType: string, required: false}",
    "{encoding: string, logicalType: string, logicalTypeOptions: {maxLength: 2}}",
    "{encoding: string, logicalType: string, logicalTypeOptions: {maxLength: 3, pattern: '^a'}}",
    "{encoding: integer, logicalType: integer}",
];

// === impl Case ===

impl Case {
    pub(crate) fn random(rng: &mut Rng) -> Case {
        let taste = Taste {
            odd_names: rng.u8(..4) == 0,
            subtle: rng.bool(),
        };
        let mut case = Case {
            shape: Shape::random(rng, taste),
            rules: Vec::new(),
            switches: Vec::new(),
            headers: Vec::new(),
            key: (rng.u8(..6) == 0).then(|| KEYS[rng.usize(..KEYS.len())]),
            encodings: if rng.u8(..3) == 0 { "[json, avro]" } else { "[json]" },
        };
        // Small shapes are those in which an edit shows.
        case.shape.fields.truncate(rng.usize(1..=3));
        if rng.u8(..4) == 0 {
            let first = &mut case.shape.fields[0];
            (first.kind, first.rule) = (bare_kind(rng), None);
            first.allowed.clear();
        }
        if rng.u8(..2) == 0 {
            case.edit_rules(rng);
        }
        if rng.u8(..3) == 0 {
            case.edit_headers(rng);
        }
        case
    }

    pub(crate) fn yaml(&self) -> String {
        let mut text = self
            .shape
            .yaml()
            .replace("value: [json, avro]", &format!("value: {}", self.encodings));
        if !self.switches.is_empty() {
            let mut list = String::new();
            for (rule, year) in &self.switches {
                let _ = write!(list, "{{rule: {rule}, until: '{year}-01-01', reason: known}}, ");
            }
            let setting = format!("customProperties:\n  - {{property: killSwitches, vendor: tidegate, value: [{list}]}}\nschema:\n");
            text = text.replacen("schema:\n", &setting, 1);
        }
        let mut settings = String::new();
        if !self.headers.is_empty() {
            let list: Vec<String> = self
                .headers
                .iter()
                .map(|(name, clause)| format!("{{name: {name}{clause}}}"))
                .collect();
            let _ = writeln!(
                settings,
                "      - {{property: requiredHeaders, vendor: tidegate, value: [{}]}}",
                list.join(", ")
            );
        }
        if let Some(key) = self.key {
            let _ = writeln!(settings, "      - {{property: key, vendor: tidegate, value: {key}}}");
        }
        text = text.replacen("    properties:\n", &format!("{settings}    properties:\n"), 1);
        if !self.rules.is_empty() {
            text.push_str("    quality:\n");
            for (id, expression, severity) in &self.rules {
                let _ = writeln!(
                    text,
                    "      - id: {id}\n        type: custom\n        engine: cel\n        severity: {severity}\n        implementation: |\n          {expression}"
                );
            }
        }
        text
    }

    /// The same with one thing changed.
    pub(crate) fn edited(&self, rng: &mut Rng) -> Case {
        let mut case = self.clone();
        match rng.u8(..24) {
            0..=4 => case.edit_rules(rng),
            5 | 6 => case.edit_headers(rng),
            7 => case.key = (rng.u8(..3) > 0).then(|| KEYS[rng.usize(..KEYS.len())]),
            8 => case.shape.unknown = ["ignore", "warn", "fail"][rng.usize(..3)],
            _ => edit_fields(&mut case.shape.fields, rng, 0),
        }
        if case.shape.fields.is_empty() || case.shape.fields[0].name != "f0" && !case.rules.is_empty() {
            return self.clone();
        }
        case
    }

    fn edit_rules(&mut self, rng: &mut Rng) {
        let severity = ["error", "warning", "info"][rng.usize(..3)];
        match rng.u8(..7) {
            0 if !self.rules.is_empty() => drop(self.rules.remove(rng.usize(..self.rules.len()))),
            1..=3 if !self.rules.is_empty() => {
                let at = rng.usize(..self.rules.len());
                let before = self.rules[at].2;
                self.rules[at].2 = if before == "error" { severity } else { "error" };
            }
            4 if !self.rules.is_empty() => {
                let rule = self.rules[rng.usize(..self.rules.len())].0;
                self.switches.retain(|(other, _)| *other != rule);
                if rng.bool() {
                    self.switches.push((rule, [2001, 2090, 2095][rng.usize(..3)]));
                }
            }
            _ => {
                let (id, expression) = RULES[rng.usize(..RULES.len())];
                self.rules.retain(|(other, ..)| *other != id);
                self.rules.push((id, expression, if rng.bool() { "error" } else { severity }));
            }
        }
        let rules = self.rules.clone();
        self.switches.retain(|(rule, _)| rules.iter().any(|(id, ..)| id == rule));
    }

    fn edit_headers(&mut self, rng: &mut Rng) {
        let (name, clause) = HEADERS[rng.usize(..HEADERS.len())];
        self.headers.retain(|(other, _)| *other != name);
        if rng.u8(..3) > 0 {
            self.headers.push((name, clause));
        }
    }
}

fn edit_fields(fields: &mut Vec<Field>, rng: &mut Rng, depth: usize) {
    let taste = Taste {
        odd_names: false,
        subtle: rng.bool(),
    };
    match rng.u8(..10) {
        0 if depth > 0 || fields.len() > 1 => drop(fields.remove(rng.usize(..fields.len()))),
        1 => {
            let mut field = Shape::random(rng, taste).fields.swap_remove(0);
            field.name = format!("g{}", rng.u8(..3));
            if !fields.iter().any(|other| other.name == field.name || other.wire() == field.name) {
                fields.push(field);
            }
        }
        2 => {
            let last = fields.len() - 1;
            fields.swap(0, last);
        }
        _ => {
            let at = rng.usize(..fields.len());
            edit_field(&mut fields[at], rng, depth);
        }
    }
    if fields.is_empty() {
        fields.push(Shape::random(rng, taste).fields.swap_remove(0));
    }
}

fn edit_field(field: &mut Field, rng: &mut Rng, depth: usize) {
    match rng.u8(..14) {
        0 | 1 => field.required = !field.required,
        2 if depth == 0 => {
            // The column gets another name, the field on the wire stays.
            field.physical_name = Some(field.wire().to_owned());
            field.name = format!("{}x", field.name);
        }
        3 if depth == 0 => field.physical_name = Some(format!("{}-w", field.name)),
        4 => {
            let other = Shape::random(
                rng,
                Taste {
                    odd_names: false,
                    subtle: true,
                },
            )
            .fields
            .swap_remove(0);
            field.kind = other.kind;
            field.allowed = other.allowed;
            field.rule = other.rule;
        }
        5 => match rng.u8(..3) {
            0 => field.allowed.clear(),
            1 if field.allowed.len() > 1 => drop(field.allowed.pop()),
            _ => {
                let more = match field.kind {
                    Kind::Text { .. } => "\"xyz\"",
                    Kind::Integer { .. } => "3",
                    Kind::Decimal { .. } => "1.5",
                    Kind::Boolean => "false",
                    _ => return,
                };
                field.allowed.push(String::from(more));
            }
        },
        6 => {
            let text = matches!(field.kind, Kind::Text { .. });
            field.rule = match rng.u8(..6) {
                0 => None,
                1 => Some("metric: nullValues, mustBe: 0"),
                2 => Some("metric: nullValues, mustBe: 0, severity: warning"),
                3 if text => Some("metric: missingValues, mustBe: 0, arguments: {missingValues: [n/a, '-', xyz]}"),
                4 if text => Some("metric: invalidValues, mustBe: 0, arguments: {validValues: [DE, NO, xyz]}"),
                5 if text => Some("metric: invalidValues, mustBeLessThan: 3, arguments: {pattern: '^[a-z]+$'}"),
                _ => Some("metric: nullValues, mustBeLessOrEqualTo: 0"),
            }
            .map(String::from);
        }
        // A type with nothing else asked of it: what one accepts, another may accept, too.
        7 | 8 => {
            field.kind = bare_kind(rng);
            field.allowed.clear();
            field.rule = None;
        }
        _ => edit_kind(&mut field.kind, rng, depth),
    }
}

fn bare_kind(rng: &mut Rng) -> Kind {
    let limits = Limits::default();
    match rng.u8(..9) {
        0 | 1 => Kind::Text {
            length: (None, None),
            pattern: None,
            format: None,
        },
        2 => Kind::Date { minimum: None, jdk: false },
        3 => Kind::Timestamp {
            zoned: true,
            assumed: false,
        },
        4 => Kind::Bytes,
        5 => Kind::Integer { format: None, limits },
        6 => Kind::Float { format: "f64", limits },
        7 => Kind::Decimal { digits: None, limits },
        _ => Kind::Any,
    }
}

fn edit_kind(kind: &mut Kind, rng: &mut Rng, depth: usize) {
    match kind {
        Kind::Text { length, pattern, format } => match rng.u8(..4) {
            0 => length.0 = nudged(length.0, rng),
            1 => length.1 = nudged(length.1, rng).max(length.0),
            2 => *pattern = rng.bool().then(|| rng.usize(..PATTERNS.len())),
            _ => *format = [None, Some("uuid"), Some("ipv4"), Some("hostname"), Some("email")][rng.usize(..5)],
        },
        Kind::Integer { format, limits } => match rng.u8(..3) {
            0 => {
                *format = [
                    None,
                    Some("i8"),
                    Some("u8"),
                    Some("i16"),
                    Some("i32"),
                    Some("i64"),
                    Some("u64"),
                    Some("i128"),
                ][rng.usize(..8)]
            }
            _ => edit_limits(limits, rng, true),
        },
        Kind::Decimal { digits, limits } => match rng.u8(..3) {
            0 => *digits = rng.bool().then(|| (rng.u8(9..=38), rng.u8(..=9))),
            _ => edit_limits(limits, rng, true),
        },
        Kind::Float { format, limits } => match rng.u8(..3) {
            0 => *format = if *format == "f32" { "f64" } else { "f32" },
            _ => edit_limits(limits, rng, false),
        },
        Kind::Date { minimum, jdk } => match rng.u8(..3) {
            0 => *jdk = !*jdk,
            _ => *minimum = [None, Some("2020-01-01"), Some("2024-02-29")][rng.usize(..3)].map(String::from),
        },
        Kind::Timestamp { zoned, assumed } => match rng.u8(..2) {
            0 => *zoned = !*zoned,
            _ => *assumed = !*assumed,
        },
        Kind::Object { fields, count } => match rng.u8(..4) {
            0 => count.0 = nudged(count.0, rng),
            1 => count.1 = nudged(count.1, rng).max(count.0),
            _ => edit_fields(fields, rng, depth + 1),
        },
        Kind::Array { item, count, unique } => match rng.u8(..5) {
            0 => count.0 = nudged(count.0, rng),
            1 => count.1 = nudged(count.1, rng).max(count.0),
            2 => *unique = !*unique,
            _ => edit_field(item, rng, depth + 1),
        },
        Kind::Map { key, value } => match rng.u8(..3) {
            0 => edit_kind(&mut key.kind, rng, depth + 1),
            _ => edit_field(value, rng, depth + 1),
        },
        Kind::Vector { dimensions } => *dimensions = rng.u64(1..4),
        Kind::AnyObject => *kind = Kind::Any,
        Kind::Any => *kind = Kind::AnyArray,
        _ => {}
    }
}

fn edit_limits(limits: &mut Limits, rng: &mut Rng, factor: bool) {
    let end = |rng: &mut Rng, texts: &[&str]| (rng.u8(..4) > 0).then(|| (texts[rng.usize(..texts.len())].to_owned(), rng.bool()));
    match rng.u8(..3) {
        0 => limits.low = end(rng, &["-128", "-1", "-0.5", "0", "0.5"]),
        1 => limits.high = end(rng, &["1", "1.5", "7", "100", "127", "255.5"]),
        _ if factor => limits.factor = rng.bool().then(|| ["2", "3", "6", "0.5", "1.5", "0.01"][rng.usize(..6)].to_owned()),
        _ => {}
    }
}

fn nudged(count: Option<u64>, rng: &mut Rng) -> Option<u64> {
    match (count, rng.u8(..4)) {
        (_, 0) => None,
        (None, _) => Some(rng.u64(..4)),
        (Some(count), 1) => Some(count + 1),
        (Some(count), 2) => Some(count.saturating_sub(1)),
        (Some(_), _) => Some(2),
    }
}

/// A contract that loads and compiles; none where the edit made nonsense.
pub(crate) fn compiled(text: &str) -> Option<(Arc<Contract>, Plan)> {
    let (contract, diagnostics) = tidegate_contract::parse("c.odcs.yaml", text);
    if diagnostics.iter().any(|one| one.level == tidegate_contract::Level::Error) {
        return None;
    }
    let contract = Arc::new(contract?);
    let plan = compile(&contract, 0).ok()?;
    Some((contract, plan))
}

/// A record beside its value.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) key: Option<&'static [u8]>,
    pub(crate) value: String,
    pub(crate) headers: Vec<(&'static str, Option<&'static [u8]>)>,
    pub(crate) now: i64,
}

impl Record {
    pub(crate) fn around(value: String, rng: &mut Rng) -> Record {
        let mut headers: Vec<(&'static str, Option<&'static [u8]>)> = Vec::new();
        let texts: [Option<&[u8]>; 5] = [Some(b"abc"), Some(b"abd"), Some(b"xyz"), Some(b"\xff"), None];
        for name in ["a", "b"] {
            if rng.u8(..4) > 0 {
                headers.push((name, texts[rng.usize(..5)]));
            }
        }
        Record {
            key: [Some(&b"a"[..]), Some(b"abc"), Some(b"abcd"), Some(b"b\x01\x01\x01"), None][rng.usize(..5)],
            value,
            headers,
            // Before, between and after the ends of the switches.
            now: [0, 3_000_000_000_000_000, 3_850_000_000_000_000, 4_000_000_000_000_000][rng.usize(..4)],
        }
    }

    pub(crate) fn passes(&self, plan: &Plan) -> bool {
        let input = Input {
            key: self.key,
            value: Some(self.value.as_bytes()),
            headers: &self.headers,
            now: self.now,
        };
        matches!(Judge::new().judge(plan, &input, "events", &Nothing, &mut ()), Verdict::Valid { .. })
    }
}
