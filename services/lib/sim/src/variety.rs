//! Random contracts over all logical types and options, for tests that hold two judges equal.
//!
//! Everything comes from a seed: a [`Shape`] writes itself as an ODCS file and makes events that fit it, or nearly. Nothing here knows the
//! judge; whether an event is valid is what the judges are asked.

mod events;

use std::fmt::Write as _;

use fastrand::Rng;

pub use events::Json;

/// The row of a contract.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Declared fields.
    pub fields: Vec<Field>,
    /// `unknownFields`: `ignore`, `warn` or `fail`.
    pub unknown: &'static str,
}

/// A property.
#[derive(Debug, Clone)]
pub struct Field {
    /// ODCS name, letters only.
    pub name: String,
    /// The field on the wire, where it differs.
    pub physical_name: Option<String>,
    /// `required`.
    pub required: bool,
    /// Type with options.
    pub kind: Kind,
    /// `enum` as YAML (and JSON) scalars; empty for none.
    pub allowed: Vec<String>,
    /// A library rule that each record decides, as lines of YAML without indent.
    pub rule: Option<String>,
}

/// A logical type with its options.
#[derive(Debug, Clone)]
pub enum Kind {
    /// `string`.
    Text {
        /// `minLength`, `maxLength`.
        length: (Option<u64>, Option<u64>),
        /// Index into [`PATTERNS`].
        pattern: Option<usize>,
        /// `format`.
        format: Option<&'static str>,
    },
    /// `string` with `format: binary`.
    Bytes,
    /// `integer`.
    Integer {
        /// `format`.
        format: Option<&'static str>,
        /// Limits and factor.
        limits: Limits,
    },
    /// `number` as an exact decimal; none is decimal(38,18).
    Decimal {
        /// Precision and scale of `physicalType`.
        digits: Option<(u8, u8)>,
        /// Limits and factor.
        limits: Limits,
    },
    /// `number` with `format` f32 or f64.
    Float {
        /// `format`.
        format: &'static str,
        /// Limits, no factor.
        limits: Limits,
    },
    /// `boolean`.
    Boolean,
    /// `date`.
    Date {
        /// `minimum`, a day.
        minimum: Option<String>,
        /// JDK pattern `dd.MM.yyyy`.
        jdk: bool,
    },
    /// `time`.
    Time,
    /// `timestamp`.
    Timestamp {
        /// `timezone`.
        zoned: bool,
        /// `defaultTimezone: Etc/UTC`.
        assumed: bool,
    },
    /// `object` with properties.
    Object {
        /// Properties.
        fields: Vec<Field>,
        /// `minProperties`, `maxProperties`.
        count: (Option<u64>, Option<u64>),
    },
    /// `array`.
    Array {
        /// `items`.
        item: Box<Field>,
        /// `minItems`, `maxItems`.
        count: (Option<u64>, Option<u64>),
        /// `uniqueItems`.
        unique: bool,
    },
    /// `map`.
    Map {
        /// Key.
        key: Box<Field>,
        /// Value.
        value: Box<Field>,
    },
    /// `vector`.
    Vector {
        /// `dimensions`.
        dimensions: u64,
    },
    /// `object` without properties.
    AnyObject,
    /// `array` without items.
    AnyArray,
    /// No logical type.
    Any,
}

/// Limits as written.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// `minimum` or `exclusiveMinimum` (true).
    pub low: Option<(String, bool)>,
    /// `maximum` or `exclusiveMaximum` (true).
    pub high: Option<(String, bool)>,
    /// `multipleOf`.
    pub factor: Option<String>,
}

/// Patterns with texts that match.
pub const PATTERNS: &[(&str, &[&str])] = &[
    ("^[A-Z]{2}$", &["DE", "NO"]),
    ("[0-9]+-x", &["a12-xz", "0-x"]),
    (r"^\\d{3}(-\\d{2})?$", &["123", "123-45"]),
    ("^(foo|bar)*$", &["", "foobar"]),
    (r"^[^\\s]+$", &["a", "é"]),
    (r"\\w.\\w", &["a b", "xyz"]),
];

/// Formats with texts that have them and texts that nearly do.
pub const FORMATS: &[(&str, &[&str], &[&str])] = &[
    (
        "uuid",
        &["3f0e8d0a-1f1e-4c52-9b1e-0b7c8f5a1c11", "3F0E8D0A-1F1E-4C52-9B1E-0B7C8F5A1C11"],
        &["3f0e8d0a1f1e4c529b1e0b7c8f5a1c11", "g"],
    ),
    (
        "email",
        &["a@b.example", "a.b+c@x-y.org", "é@b.de"],
        &["a@", ".a@b.de", "a..b@c.de", "a@b_c", "a b@c.de", "a@b@c", "a@-b.de"],
    ),
    ("hostname", &["a", "a-b.example", "1.2.3"], &["-a", "a-", "a..b", "", "a_b", "a."]),
    (
        "ipv4",
        &["127.0.0.1", "255.255.255.255"],
        &["256.0.0.1", "01.2.3.4", "1.2.3", "1.2.3.4 "],
    ),
    (
        "ipv6",
        &[
            "::",
            "::1",
            "1:2:3:4:5:6:7:8",
            "1::8",
            "::ffff:1.2.3.4",
            "1:2:3:4:5:6:7::",
            "1:2:3:4:5:6:1.2.3.4",
        ],
        &[
            "1:2:3:4:5:6:7",
            ":::",
            "1::2::3",
            "12345::",
            "1:2:3:4::5:6:7:8",
            "::1.2.3",
            "fe80::1%eth0",
        ],
    ),
    (
        "uri",
        &["https://a.example/b?c=d#e", "urn:x:y", "mailto:a@b"],
        &["a", "https:", "http://", "1a:b", "a:b c", "a:%zz", "a:é"],
    ),
];

/// How a shape is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Taste {
    /// Names on the wire that not every format has.
    pub odd_names: bool,
    /// Values whose equality is not that of their JSON: dates by pattern, floats with options, rules of the library.
    pub subtle: bool,
}

// === impl Shape ===

impl Shape {
    /// A row of up to eight fields.
    pub fn random(rng: &mut Rng, taste: Taste) -> Shape {
        Shape {
            fields: fields(rng, taste, 8, 0),
            unknown: ["ignore", "warn", "fail"][rng.usize(..3)],
        }
    }

    /// The contract, ODCS v3.2.0, with one object `events` on a topic of JSON events.
    pub fn yaml(&self) -> String {
        let mut out = String::from(
            "apiVersion: v3.2.0\nkind: DataContract\nid: variety\nversion: 1.0.0\nstatus: active\nschema:\n  - name: events\n    \
             logicalType: object\n    physicalType: topic\n    customProperties:\n",
        );
        let _ = writeln!(
            out,
            "      - {{property: unknownFields, vendor: tidegate, value: {}}}",
            self.unknown
        );
        // An export of Avro is judged under the same contract.
        let _ = writeln!(out, "      - {{property: encodings, vendor: tidegate, value: [json, avro]}}");
        out.push_str("    properties:\n");
        for field in &self.fields {
            field.write(&mut out, 6, true);
        }
        out
    }
}

// === impl Field ===

impl Field {
    /// The field on the wire.
    pub fn wire(&self) -> &str {
        self.physical_name.as_deref().unwrap_or(&self.name)
    }

    fn write(&self, out: &mut String, indent: usize, listed: bool) {
        let pad = " ".repeat(indent);
        if listed {
            let _ = writeln!(out, "{pad}- name: {}", self.name);
        }
        let pad = if listed { format!("{pad}  ") } else { pad };
        let inner = pad.len() + 2;
        if let Some(name) = self.physical_name.as_ref().filter(|_| listed) {
            let _ = writeln!(out, "{pad}physicalName: '{name}'");
        }
        if self.required {
            let _ = writeln!(out, "{pad}required: true");
        }
        let (logical_type, options) = self.kind.described();
        if let Some(logical_type) = logical_type {
            let _ = writeln!(out, "{pad}logicalType: {logical_type}");
        }
        if !options.is_empty() {
            let _ = writeln!(out, "{pad}logicalTypeOptions: {{{}}}", options.join(", "));
        }
        if !self.allowed.is_empty() {
            let _ = writeln!(out, "{pad}enum:");
            for value in &self.allowed {
                let _ = writeln!(out, "{pad}  - value: {value}");
            }
        }
        if let Some(rule) = &self.rule {
            let _ = writeln!(out, "{pad}quality:\n{pad}  - {{id: rule-{}, {rule}}}", out.len());
        }
        match &self.kind {
            Kind::Decimal {
                digits: Some((precision, scale)),
                ..
            } => {
                let _ = writeln!(out, "{pad}physicalType: decimal({precision},{scale})");
            }
            Kind::Object { fields, .. } => {
                let _ = writeln!(out, "{pad}properties:");
                for field in fields {
                    field.write(out, inner, true);
                }
            }
            Kind::Array { item, .. } => {
                let _ = writeln!(out, "{pad}items:");
                item.write(out, inner, false);
            }
            Kind::Map { key, value } => {
                let _ = writeln!(out, "{pad}map:\n{pad}  key:");
                key.write(out, inner + 2, false);
                let _ = writeln!(out, "{pad}  value:");
                value.write(out, inner + 2, false);
            }
            _ => {}
        }
    }
}

// === impl Kind ===

impl Kind {
    /// `logicalType` and its options.
    fn described(&self) -> (Option<&'static str>, Vec<String>) {
        let mut options = Vec::new();
        let mut count = |names: [&str; 2], (least, most): (Option<u64>, Option<u64>)| {
            options.extend(least.map(|least| format!("{}: {least}", names[0])));
            options.extend(most.map(|most| format!("{}: {most}", names[1])));
        };
        let logical_type = match self {
            Kind::Text { length, pattern, format } => {
                count(["minLength", "maxLength"], *length);
                options.extend(pattern.map(|pattern| format!("pattern: \"{}\"", PATTERNS[pattern].0)));
                options.extend(format.map(|format| format!("format: {format}")));
                "string"
            }
            Kind::Bytes => {
                options.push(String::from("format: binary"));
                "string"
            }
            Kind::Integer { format, limits } => {
                options.extend(format.map(|format| format!("format: {format}")));
                limits.write(&mut options);
                "integer"
            }
            Kind::Decimal { limits, .. } => {
                limits.write(&mut options);
                "number"
            }
            Kind::Float { format, limits } => {
                options.push(format!("format: {format}"));
                limits.write(&mut options);
                "number"
            }
            Kind::Boolean => "boolean",
            Kind::Date { minimum, jdk } => {
                options.extend(jdk.then(|| String::from("format: dd.MM.yyyy")));
                options.extend(minimum.as_ref().map(|minimum| format!("minimum: \"{minimum}\"")));
                "date"
            }
            Kind::Time => "time",
            Kind::Timestamp { zoned, assumed } => {
                options.extend((!zoned).then(|| String::from("timezone: false")));
                options.extend(assumed.then(|| String::from("defaultTimezone: Etc/UTC")));
                "timestamp"
            }
            Kind::Object { count: limits, .. } => {
                count(["minProperties", "maxProperties"], *limits);
                "object"
            }
            Kind::Array { count: limits, unique, .. } => {
                count(["minItems", "maxItems"], *limits);
                options.extend(unique.then(|| String::from("uniqueItems: true")));
                "array"
            }
            Kind::Map { .. } => "map",
            Kind::Vector { dimensions } => {
                options.push(format!("dimensions: {dimensions}"));
                "vector"
            }
            Kind::AnyObject => "object",
            Kind::AnyArray => "array",
            Kind::Any => return (None, options),
        };
        (Some(logical_type), options)
    }
}

// === impl Limits ===

impl Limits {
    fn write(&self, options: &mut Vec<String>) {
        for (limit, names) in [
            (&self.low, ["minimum", "exclusiveMinimum"]),
            (&self.high, ["maximum", "exclusiveMaximum"]),
        ] {
            options.extend(
                limit
                    .as_ref()
                    .map(|(text, exclusive)| format!("{}: {text}", names[usize::from(*exclusive)])),
            );
        }
        options.extend(self.factor.as_ref().map(|factor| format!("multipleOf: {factor}")));
    }

    fn random(rng: &mut Rng, digits: usize, factor: bool) -> Limits {
        let mut number = |negative: bool| {
            let fraction = match digits {
                0 => String::new(),
                digits => format!(
                    ".{}",
                    "0123456789"
                        .chars()
                        .cycle()
                        .skip(rng.usize(..10))
                        .take(rng.usize(1..=digits))
                        .collect::<String>()
                ),
            };
            format!("{}{}{fraction}", if negative { "-" } else { "" }, rng.u32(..200))
        };
        let (low, high) = (number(true), number(false));
        Limits {
            low: rng.bool().then(|| (low, rng.bool())),
            high: rng.bool().then(|| (high, rng.bool())),
            factor: (factor && rng.u8(..3) == 0).then(|| match digits {
                0 => rng.u8(2..9).to_string(),
                _ => String::from(["0.5", "0.01", "2.5", "3"][rng.usize(..4)]),
            }),
        }
    }
}

fn fields(rng: &mut Rng, taste: Taste, most: usize, depth: usize) -> Vec<Field> {
    (0..rng.usize(1..=most))
        .map(|at| {
            let mut field = field(rng, taste, depth);
            field.name = format!("f{at}");
            if taste.odd_names && rng.u8(..6) == 0 {
                field.physical_name = Some(format!("{}{at}", ["a/b~", "x y", "é", "a.b", "$ref"][rng.usize(..5)]));
            }
            field
        })
        .collect()
}

fn field(rng: &mut Rng, taste: Taste, depth: usize) -> Field {
    let kind = kind(rng, taste, depth);
    let allowed = if rng.u8(..6) == 0 { allowed(rng, taste, &kind) } else { Vec::new() };
    let rule = (taste.subtle && depth == 0 && rng.u8(..6) == 0).then(|| match &kind {
        Kind::Text { .. } => String::from(
            [
                "metric: nullValues, mustBe: 0",
                "metric: missingValues, mustBe: 0, arguments: {missingValues: [n/a, '-']}",
                "metric: invalidValues, mustBe: 0, arguments: {validValues: [DE, NO, a, xyz]}",
            ][rng.usize(..3)],
        ),
        _ => String::from("metric: nullValues, mustBe: 0"),
    });
    Field {
        name: String::new(),
        physical_name: None,
        required: rng.u8(..5) < 2,
        kind,
        allowed,
        rule,
    }
}

/// A part of a list or map, which without a type would be nothing at all in YAML.
fn typed_field(rng: &mut Rng, taste: Taste, depth: usize) -> Field {
    let mut field = field(rng, taste, depth);
    if matches!(field.kind, Kind::Any) {
        field.kind = Kind::AnyObject;
    }
    field
}

fn allowed(rng: &mut Rng, taste: Taste, kind: &Kind) -> Vec<String> {
    let quoted = |texts: &[&str]| texts.iter().map(|text| format!("\"{text}\"")).collect();
    match kind {
        Kind::Text {
            pattern: None,
            format: None,
            ..
        } => quoted([&["web", "app", "é"][..], &["a b", "1"]][rng.usize(..2)]),
        Kind::Integer { .. } => vec![String::from("1"), String::from("7"), String::from("100")],
        Kind::Decimal { digits: None, .. } => vec![String::from("1.50"), String::from("7"), String::from("0.25")],
        Kind::Boolean => vec![String::from("true")],
        Kind::Date { minimum: None, jdk: false } => quoted(&["2026-11-21", "2024-02-29"]),
        Kind::Time if taste.subtle => quoted(&["08:00:00", "23:59:59.5"]),
        _ => Vec::new(),
    }
}

fn kind(rng: &mut Rng, taste: Taste, depth: usize) -> Kind {
    let count = |rng: &mut Rng| {
        let (least, more) = (rng.u64(..3), rng.u64(1..4));
        (rng.bool().then_some(least), rng.bool().then_some(least + more))
    };
    match rng.u8(..if depth < 2 { 19 } else { 13 }) {
        0 | 1 => {
            let pattern = (rng.u8(..3) == 0).then(|| rng.usize(..PATTERNS.len()));
            let format = (pattern.is_none() && rng.bool()).then(|| FORMATS[rng.usize(..FORMATS.len())].0);
            Kind::Text {
                length: if format.is_some() { (None, None) } else { count(rng) },
                pattern,
                format,
            }
        }
        2 => Kind::Bytes,
        3 | 4 => {
            let formats = ["i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "i128", "u128"];
            Kind::Integer {
                format: rng.bool().then(|| formats[rng.usize(..formats.len())]),
                limits: Limits::random(rng, 0, true),
            }
        }
        5 | 6 => {
            let precision = rng.u8(1..=38);
            let digits = (rng.u8(..4) != 0).then(|| (precision, rng.u8(..=precision.min(9))));
            Kind::Decimal {
                digits,
                limits: Limits::random(rng, 2, true),
            }
        }
        7 => Kind::Float {
            format: if rng.bool() { "f32" } else { "f64" },
            limits: if taste.subtle {
                Limits::random(rng, 2, false)
            } else {
                Limits::default()
            },
        },
        8 => Kind::Boolean,
        9 => Kind::Date {
            minimum: (taste.subtle && rng.bool()).then(|| String::from("2020-01-01")),
            jdk: false,
        },
        10 => Kind::Time,
        11 => {
            let zoned = rng.bool();
            Kind::Timestamp {
                zoned,
                assumed: zoned && rng.bool(),
            }
        }
        12 => match rng.u8(..3) {
            0 => Kind::AnyObject,
            1 => Kind::AnyArray,
            _ => Kind::Any,
        },
        13 | 14 => Kind::Object {
            fields: fields(rng, taste, 4, depth + 1),
            count: if rng.u8(..3) == 0 { count(rng) } else { (None, None) },
        },
        15 | 16 => Kind::Array {
            item: Box::new(typed_field(rng, taste, depth + 1)),
            count: count(rng),
            unique: rng.u8(..3) == 0,
        },
        17 => {
            let mut key = field(rng, Taste { subtle: false, ..taste }, 2);
            key.kind = if rng.u8(..3) > 0 {
                Kind::Text {
                    length: count(rng),
                    pattern: None,
                    format: None,
                }
            } else {
                Kind::Boolean
            };
            key.allowed.clear();
            key.required = false;
            Kind::Map {
                key: Box::new(key),
                value: Box::new(typed_field(rng, taste, depth + 1)),
            }
        }
        _ => Kind::Vector { dimensions: rng.u64(1..4) },
    }
}
