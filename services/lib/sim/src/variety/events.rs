//! Events for a shape: some that fit, most that nearly do.

use std::fmt::Write as _;

use fastrand::Rng;

use super::{FORMATS, Field, Kind, PATTERNS, Shape};

/// A JSON document that keeps the text of its leaves.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// A number, truth value, null or quoted text, as written.
    Leaf(String),
    /// Fields in order; names are distinct and unquoted.
    Object(Vec<(String, Json)>),
    /// Items.
    Array(Vec<Json>),
}

/// Leaves that lie at the edges of types and forms.
const EDGES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "-1",
    "7",
    "7.0",
    "7.5",
    "1e2",
    "100",
    "1E-2",
    "0.1",
    "0.001",
    "127",
    "128",
    "-128",
    "-129",
    "255",
    "256",
    "32767",
    "32768",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "-2147483649",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999999999999999",
    "100000000000000000000000000000000000000",
    "1e38",
    "1.50",
    "1.500",
    "0.25",
    "1e400",
    "-1e400",
    "1e-400",
    "3.4028235e38",
    "3.5e38",
    "1.7976931348623157e308",
    "1.8e308",
    "\"\"",
    "\"x\"",
    "\"7\"",
    "\"web\"",
    "\"é\"",
    "\"\\u0041\\n\"",
    "\"\\ud83d\\ude00\"",
    "\"AAAA\"",
    "\"AAA=\"",
    "\"AA==\"",
    "\"AB==\"",
    "\"AAA\"",
    "\"2026-11-21\"",
    "\"2024-02-29\"",
    "\"2023-02-29\"",
    "\"1900-02-29\"",
    "\"2000-02-29\"",
    "\"2026-13-01\"",
    "\"2026-04-31\"",
    "\"2019-12-31\"",
    "\"08:00:00\"",
    "\"08:00\"",
    "\"24:00:00\"",
    "\"08:00:60\"",
    "\"23:59:59.5\"",
    "\"08:00:00.1234567\"",
    "\"08:00:00.1234560\"",
    "\"08:00:00.\"",
    "\"2026-11-21T08:00:00Z\"",
    "\"2026-11-21t08:00:00z\"",
    "\"2026-11-21 08:00:00+01:00\"",
    "\"2026-11-21T08:00:00\"",
    "\"2026-11-21T08:00:00+24:00\"",
    "\"2026-11-21T08:00:00.000001-00:30\"",
    "\"2026-11-21T08:00:00+0100\"",
    "\"n/a\"",
    "[]",
    "{}",
    "[null]",
];

// === impl Shape ===

impl Shape {
    /// An event that fits the types and most options.
    pub fn event(&self, rng: &mut Rng) -> Json {
        object(rng, &self.fields)
    }

    /// The same with up to three changes somewhere in it.
    pub fn near_event(&self, rng: &mut Rng) -> Json {
        let mut event = self.event(rng);
        for _ in 0..rng.usize(1..=3) {
            event.change(rng);
        }
        event
    }
}

// === impl Json ===

impl Json {
    /// The document as text, with white space here and there.
    pub fn text(&self, rng: &mut Rng) -> String {
        let mut out = String::new();
        self.write(&mut out, rng);
        out
    }

    fn write(&self, out: &mut String, rng: &mut Rng) {
        let mut space = |out: &mut String| {
            if rng.u8(..12) == 0 {
                out.push([' ', '\n', '\t'][rng.usize(..3)]);
            }
        };
        space(out);
        match self {
            Json::Leaf(text) => out.push_str(text),
            Json::Object(fields) => {
                out.push('{');
                for (at, (name, value)) in fields.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    out.push_str(&quoted(name));
                    out.push(':');
                    value.write(out, rng);
                }
                out.push('}');
            }
            Json::Array(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    item.write(out, rng);
                }
                out.push(']');
            }
        }
    }

    /// One change at a random place below.
    pub fn change(&mut self, rng: &mut Rng) {
        match self {
            Json::Object(fields) if !fields.is_empty() && rng.u8(..5) > 0 => {
                let at = rng.usize(..fields.len());
                match rng.u8(..8) {
                    0 => drop(fields.remove(at)),
                    1 if fields.iter().all(|(name, _)| name != "more") => {
                        fields.insert(at, (String::from("more"), edge(rng)));
                    }
                    2 => fields.swap(at, 0),
                    _ => fields[at].1.change(rng),
                }
            }
            Json::Array(items) if !items.is_empty() && rng.u8(..5) > 0 => {
                let at = rng.usize(..items.len());
                match rng.u8(..6) {
                    0 => drop(items.remove(at)),
                    1 => items.push(items[at].clone()),
                    2 => items.push(edge(rng)),
                    _ => items[at].change(rng),
                }
            }
            other => *other = edge(rng),
        }
    }
}

fn edge(rng: &mut Rng) -> Json {
    Json::Leaf(EDGES[rng.usize(..EDGES.len())].to_owned())
}

fn object(rng: &mut Rng, fields: &[Field]) -> Json {
    let mut out = Vec::new();
    for field in fields {
        if field.required || rng.u8(..6) > 0 {
            out.push((field.wire().to_owned(), value(rng, field)));
        }
    }
    if rng.u8(..8) == 0 {
        rng.shuffle(&mut out);
    }
    Json::Object(out)
}

fn value(rng: &mut Rng, field: &Field) -> Json {
    if !field.required && rng.u8(..8) == 0 {
        return Json::Leaf(String::from("null"));
    }
    if !field.allowed.is_empty() && rng.u8(..8) > 0 {
        return Json::Leaf(field.allowed[rng.usize(..field.allowed.len())].clone());
    }
    let leaf = |text: &str| Json::Leaf(text.to_owned());
    let text = |text: &str| Json::Leaf(quoted(text));
    match &field.kind {
        Kind::Text {
            pattern: Some(pattern), ..
        } => text(pick(rng, PATTERNS[*pattern].1)),
        Kind::Text { format: Some(format), .. } => {
            let (_, good, bad) = FORMATS
                .iter()
                .find(|(name, ..)| name == format)
                .expect("formats come from the list");
            let texts = if rng.u8(..4) > 0 { good } else { bad };
            text(pick(rng, texts))
        }
        Kind::Text { length: (least, _), .. } => {
            let letters = ["a", "é", "漢", "\u{1F600}", "\"", "\\"];
            let count = least.unwrap_or(0) + rng.u64(..3);
            text(&(0..count).map(|_| pick(rng, &letters)).collect::<String>())
        }
        Kind::Bytes => text(pick(rng, &["", "AAAA", "AAE=", "AQ==", "+/8="])),
        Kind::Integer { limits, .. } => number(rng, &limits.factor, 0),
        Kind::Decimal { digits, limits } => {
            let scale = digits.map_or(2, |(_, scale)| scale.min(2));
            number(rng, &limits.factor, scale)
        }
        Kind::Float { .. } => leaf(pick(rng, &["0.5", "1", "-2.25", "1e10", "0.1", "3.4e38"])),
        Kind::Boolean => leaf(pick(rng, &["true", "false"])),
        Kind::Date { jdk: true, .. } => text("21.11.2026"),
        Kind::Date { .. } => text(pick(rng, &["2026-11-21", "2024-02-29", "2020-01-01", "1969-12-31"])),
        Kind::Time => text(pick(rng, &["08:15:30", "00:00:00", "23:59:59.999999", "12:00:00.5"])),
        Kind::Timestamp { zoned, assumed } => {
            let local = pick(rng, &["2026-11-21T08:15:30", "2024-02-29T23:59:59.123456", "1970-01-01T00:00:00"]);
            let offset = if !zoned || (*assumed && rng.bool()) {
                ""
            } else {
                pick(rng, &["Z", "+01:00", "-09:30"])
            };
            text(&format!("{local}{offset}"))
        }
        Kind::Object { fields, .. } => object(rng, fields),
        Kind::Array { item, count, .. } => {
            let least = count.0.unwrap_or(0);
            Json::Array((0..least + rng.u64(..3)).map(|_| value(rng, item)).collect())
        }
        Kind::Map { key, value: inner } => {
            let mut entries: Vec<(String, Json)> = Vec::new();
            for _ in 0..rng.usize(..3) {
                let name = match &key.kind {
                    Kind::Boolean => pick(rng, &["true", "false", "no"]).to_owned(),
                    _ => format!("k{}", "x".repeat(rng.usize(..4))),
                };
                if entries.iter().all(|(taken, _)| *taken != name) {
                    entries.push((name, value(rng, inner)));
                }
            }
            Json::Object(entries)
        }
        Kind::Vector { dimensions } => Json::Array((0..*dimensions).map(|_| leaf(pick(rng, &["0", "1", "2", "-3"]))).collect()),
        Kind::AnyObject => Json::Object(vec![(String::from("a"), leaf("1"))]),
        Kind::AnyArray => Json::Array(vec![leaf("1"), text("x")]),
        Kind::Any => [leaf("1.50"), text("any"), Json::Array(vec![leaf("true")])][rng.usize(..3)].clone(),
    }
}

fn number(rng: &mut Rng, factor: &Option<String>, scale: u8) -> Json {
    let text = match (factor.as_deref(), scale) {
        (Some(factor), _) if rng.u8(..4) > 0 => match factor {
            "0.5" => pick(rng, &["0.5", "1", "2.5"]),
            "0.01" => pick(rng, &["0.01", "7", "1.25"]),
            "2.5" => pick(rng, &["2.5", "0", "10"]),
            whole => whole,
        }
        .to_owned(),
        (_, 0) => rng.i32(-10..200).to_string(),
        (_, scale) => format!(
            "{}.{}",
            rng.i32(-10..200),
            "0123456789"
                .chars()
                .cycle()
                .skip(rng.usize(..10))
                .take(scale.into())
                .collect::<String>()
        ),
    };
    Json::Leaf(text)
}

fn pick<'t>(rng: &mut Rng, texts: &[&'t str]) -> &'t str {
    texts[rng.usize(..texts.len())]
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
