//! The draft, and how it is written.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use tidegate_contract::is_disguise;

use crate::sketch::is_name;

/// Properties inside of each other: a contract's YAML has at most 64 levels, of which a map takes two and a property of its own two.
const DEPTH_MAX: usize = 26;

/// What a draft is called and how far it goes.
#[derive(Debug, Clone)]
pub struct Options {
    /// Id of the contract, and name of its object.
    pub id: String,
    /// Topic that it binds.
    pub topic: String,
    /// Write enumerations, limits and lengths as clauses; they are comments otherwise.
    pub limits: bool,
}

/// A contract to be.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What it was made from, one sentence each, as comments at the top.
    pub(crate) evidence: Vec<String>,
    /// Our settings of the object, as (name, YAML value).
    pub(crate) settings: Vec<(&'static str, String)>,
    pub(crate) properties: Vec<Property>,
}

/// A property to be.
#[derive(Debug, Clone)]
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) physical: Option<String>,
    /// `logicalTypeOptions` that are clauses.
    pub(crate) options: Vec<(&'static str, String)>,
    /// Those that are comments unless asked for.
    pub(crate) limits: Vec<(&'static str, String)>,
    /// Likewise; values as JSON.
    pub(crate) values: Vec<String>,
    /// Both are rules of somebody's schema and no guesses, so that they are clauses in any case.
    pub(crate) stated: bool,
    pub(crate) required: bool,
    /// Place in the primary key, from 1.
    pub(crate) key: Option<usize>,
    pub(crate) evidence: Vec<String>,
}

/// Type of a property.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// Nothing is known, or everything was there.
    Any,
    Leaf(&'static str),
    Object(Vec<Property>),
    Array(Option<Box<Property>>),
    Map(Box<Property>),
}

// === impl Property ===

impl Property {
    pub(crate) fn new(name: impl Into<String>, kind: Kind) -> Property {
        Property {
            name: name.into(),
            kind,
            physical: None,
            options: Vec::new(),
            limits: Vec::new(),
            values: Vec::new(),
            stated: false,
            required: false,
            key: None,
            evidence: Vec::new(),
        }
    }

    pub(crate) fn leaf(name: impl Into<String>, logical_type: &'static str) -> Property {
        Property::new(name, Kind::Leaf(logical_type))
    }

    pub(crate) fn with(mut self, option: &'static str, value: impl Into<String>) -> Property {
        self.options.push((option, value.into()));
        self
    }

    pub(crate) fn physically(mut self, physical: impl Into<String>) -> Property {
        self.physical = Some(physical.into());
        self
    }
}

// === impl Draft ===

impl Draft {
    /// The contract as YAML, with the evidence as comments.
    pub fn to_yaml(&self, options: &Options) -> String {
        let mut text = String::from("# A draft: read it, correct it, and set `status: proposed` to have events judged and counted.\n");
        for sentence in &self.evidence {
            let _ = writeln!(text, "# {}", comment(sentence));
        }
        let _ = write!(
            text,
            "apiVersion: v3.2.0\nkind: DataContract\nid: {}\nname: {}\nversion: \"0.1.0\"\nstatus: draft\nschema:\n  - name: {}\n    physicalName: {}\n    physicalType: topic\n",
            scalar(&options.id),
            scalar(&options.id),
            scalar(&options.id),
            scalar(&options.topic)
        );
        if !self.settings.is_empty() {
            text.push_str("    customProperties:\n");
            for (name, value) in &self.settings {
                let _ = writeln!(text, "      - property: {name}\n        vendor: tidegate\n        value: {value}");
            }
        }
        if !self.properties.is_empty() {
            text.push_str("    properties:\n");
            properties(&mut text, &self.properties, 6, 1, options);
        }
        text
    }
}

fn properties(text: &mut String, list: &[Property], indent: usize, depth: usize, options: &Options) {
    let mut taken: BTreeSet<String> = list
        .iter()
        .filter(|property| is_name(&property.name))
        .map(|property| property.name.to_ascii_lowercase())
        .collect();
    for property in list {
        let (mut name, physical) = names(&property.name);
        if physical.is_some() {
            // Two fields may differ in what a column cannot be called.
            let stem = name.clone();
            let mut number = 2;
            while !taken.insert(name.to_ascii_lowercase()) {
                name = format!("{stem}_{number}");
                number += 1;
            }
        }
        write_property(text, property, Some((name, physical)), indent, depth, options);
    }
}

/// `name` is of a property in a list; the item of a list and the value of a map have none.
fn write_property(
    text: &mut String,
    property: &Property,
    name: Option<(String, Option<String>)>,
    indent: usize,
    depth: usize,
    options: &Options,
) {
    let in_list = name.is_some();
    let at = " ".repeat(if in_list { indent + 2 } else { indent });
    let mut lines = Vec::new();
    if let Some((name, physical)) = name {
        lines.push(format!("name: {}", scalar(&name)));
        if let Some(physical) = physical {
            lines.push(format!("physicalName: {}", scalar(&physical)));
        }
    }
    lines.extend(property.evidence.iter().map(|sentence| format!("# {}", comment(sentence))));
    if let Kind::Array(Some(item)) = &property.kind
        && item.is_empty()
    {
        lines.extend(item.evidence.iter().map(|sentence| format!("# its items: {}", comment(sentence))));
    }
    let is_cut = depth >= DEPTH_MAX && property.kind.is_nested();
    let as_clauses = options.limits || property.stated;
    if is_cut {
        lines.push(String::from("# goes on deeper than a contract does: what is inside is not checked"));
    }
    if let Some(logical_type) = property.kind.logical_type().filter(|_| !is_cut) {
        lines.push(format!("logicalType: {logical_type}"));
    }
    if let Some(physical) = &property.physical {
        lines.push(format!("physicalType: {}", scalar(physical)));
    }
    let mut clauses = property.options.clone();
    if is_cut {
        clauses.clear();
    } else if as_clauses {
        clauses.extend(property.limits.iter().cloned());
    } else if !property.limits.is_empty() {
        let limits: Vec<String> = property.limits.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        lines.push(format!("# limits that would hold: {{{}}}", comment(&limits.join(", "))));
    }
    if !clauses.is_empty() {
        let clauses: Vec<String> = clauses.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        lines.push(format!("logicalTypeOptions: {{{}}}", clauses.join(", ")));
    }
    if property.required {
        lines.push(String::from("required: true"));
    }
    if let Some(position) = property.key {
        lines.push(String::from("primaryKey: true"));
        lines.push(format!("primaryKeyPosition: {position}"));
    }
    if !property.values.is_empty() && as_clauses {
        lines.push(String::from("enum:"));
        lines.extend(property.values.iter().map(|value| format!("  - value: {value}")));
    } else if !property.values.is_empty() {
        lines.push(format!("# the only values: {}", comment(&property.values.join(", "))));
    }
    if lines.iter().all(|line| line.starts_with('#')) {
        // YAML takes a part without a word for null.
        lines.push(String::from("description: anything"));
    }
    for (index, line) in lines.iter().enumerate() {
        match index {
            0 if in_list => {
                let _ = writeln!(text, "{}- {line}", " ".repeat(indent));
            }
            _ => {
                let _ = writeln!(text, "{at}{line}");
            }
        }
    }
    if is_cut {
        return;
    }
    let (inner, depth) = (at.len() + 2, depth + 1);
    match &property.kind {
        Kind::Object(fields) if !fields.is_empty() => {
            let _ = writeln!(text, "{at}properties:");
            properties(text, fields, inner, depth, options);
        }
        Kind::Array(Some(item)) if !item.is_empty() => {
            let _ = writeln!(text, "{at}items:");
            write_property(text, item, None, inner, depth, options);
        }
        Kind::Map(value) => {
            let _ = writeln!(text, "{at}map:\n{at}  key:\n{at}    logicalType: string\n{at}  value:");
            write_property(text, value, None, inner + 2, depth, options);
        }
        _ => {}
    }
}

impl Property {
    fn is_empty(&self) -> bool {
        matches!(self.kind, Kind::Any) && self.options.is_empty()
    }
}

impl Kind {
    /// Whether others are inside of it.
    fn is_nested(&self) -> bool {
        match self {
            Kind::Any | Kind::Leaf(_) => false,
            Kind::Object(fields) => !fields.is_empty(),
            Kind::Array(item) => item.as_ref().is_some_and(|item| !item.is_empty()),
            Kind::Map(_) => true,
        }
    }

    fn logical_type(&self) -> Option<&'static str> {
        Some(match self {
            Kind::Any => return None,
            Kind::Leaf(name) => name,
            Kind::Object(_) => "object",
            Kind::Array(_) => "array",
            Kind::Map(_) => "map",
        })
    }
}

/// Name of the column, and the field on the wire where it must be another.
fn names(wire: &str) -> (String, Option<String>) {
    let reserved = wire.starts_with("_tidegate_") || ["_op", "_source_time", "_source_position", "_unavailable"].contains(&wire);
    if reserved {
        return (format!("field{wire}"), Some(wire.to_owned()));
    }
    if is_name(wire) {
        return (wire.to_owned(), None);
    }
    let plain: String = wire.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let plain = plain.trim_matches('_');
    let name = match plain.starts_with(|first: char| first.is_ascii_alphabetic()) {
        true => plain.to_owned(),
        false => format!("field_{plain}").trim_end_matches('_').to_owned(),
    };
    (name, Some(wire.to_owned()))
}

/// A YAML scalar: plain where nobody could take it for something else, else in double quotes as JSON writes it.
pub(crate) fn scalar(text: &str) -> String {
    let is_plain = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_ascii_lowercase().as_str());
    match is_plain {
        true => text.to_owned(),
        false => quoted(text),
    }
}

/// Text in double quotes, as JSON and YAML both read it.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_ascii_graphic() || c == ' ' => out.push(c),
            c if u32::from(c) <= 0xffff => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
        }
    }
    out.push('"');
    out
}

/// One line.
fn comment(text: &str) -> String {
    text.chars().map(|c| if is_disguise(c) { ' ' } else { c }).collect()
}

/// `1,234`.
pub(crate) fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
