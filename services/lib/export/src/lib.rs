//! A contract object in the words of other tools: JSON Schema, Avro, Arrow, Parquet, SQL and a page for people.
//!
//! Pure: contract and compiled plan in, text out. What a format cannot say is never dropped in silence, it is a [`Gap`]. The schemas of the
//! lake (Arrow, Parquet, SQL) come from `tidegate-columnar`, so they are those that the sink writes.
//! Start at [`export`]; [`json_schema`] and [`avro`] are about events, [`columns`] and [`sql`] about rows, [`markdown`] about everything.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod avro;
pub mod columns;
mod described;
pub mod editor;
pub mod json_schema;
pub mod markdown;
pub mod sql;
pub mod standard;

use std::sync::Arc;

use tidegate_check::Plan;
use tidegate_check::plan::{Kind, LeafType};
use tidegate_columnar::LayoutError;
use tidegate_contract::model::CdcFormat;
use tidegate_contract::{Contract, Location, LogicalType, Property, QualityRule, SchemaObject, Severity};

pub use sql::Dialect;

/// What to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON Schema 2020-12 of the event's value.
    JsonSchema,
    /// Avro schema of the event's value.
    Avro,
    /// Arrow schema of the lake's files, as JSON.
    Arrow,
    /// Parquet schema of the lake's files, as message text.
    Parquet,
    /// A page about the contract.
    Markdown,
    /// `CREATE TABLE` for the lake's rows.
    Sql(Dialect),
}

/// A contract object with everything that an export looks at.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The contract.
    pub contract: &'a Contract,
    /// One of its objects.
    pub object: &'a SchemaObject,
    /// The same object compiled.
    pub plan: &'a Plan,
}

/// A written export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The text, with a newline at its end.
    pub text: String,
    /// What it does not say, in contract order.
    pub gaps: Vec<Gap>,
}

/// Something that a contract says and a format cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Dotted path of the property on the wire; empty for the object.
    pub path: String,
    /// One sentence without a full stop.
    pub problem: String,
    /// Where the contract says it.
    pub location: Location,
}

/// Writes one export. The error is a contract that has no place in the lake, for the formats of rows.
pub fn export(subject: &Subject<'_>, format: Format) -> Result<Export, LayoutError> {
    match format {
        Format::JsonSchema => Ok(json_schema::export(subject)),
        Format::Avro => Ok(avro::export(subject)),
        Format::Arrow => columns::arrow(subject),
        Format::Parquet => columns::parquet(subject),
        Format::Markdown => Ok(markdown::export(subject)),
        Format::Sql(dialect) => sql::export(subject, dialect),
    }
}

/// A property with its node in the plan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Typed<'a> {
    pub(crate) property: &'a Property,
    pub(crate) node: usize,
    /// A field of the row itself.
    pub(crate) top: bool,
}

// === impl Subject ===

impl<'a> Subject<'a> {
    /// The top-level properties.
    pub(crate) fn fields(&self) -> Vec<Typed<'a>> {
        self.children(0, &self.object.properties, true)
    }

    /// The properties of a nested object.
    pub(crate) fn nested(&self, node: usize, properties: &'a [Property]) -> Vec<Typed<'a>> {
        self.children(node, properties, false)
    }

    fn children(&self, node: usize, properties: &'a [Property], top: bool) -> Vec<Typed<'a>> {
        let Kind::Object(children) = &self.plan.nodes[node].kind else {
            return Vec::new();
        };
        let children = children.iter().zip(properties);
        children
            .map(|(node, property)| Typed {
                property,
                node: *node,
                top,
            })
            .collect()
    }

    pub(crate) fn kind(&self, typed: Typed<'_>) -> &'a Kind {
        &self.plan.nodes[typed.node].kind
    }

    pub(crate) fn leaf(&self, typed: Typed<'_>) -> Option<LeafType> {
        match self.kind(typed) {
            Kind::Leaf(leaf) => Some(*leaf),
            _ => None,
        }
    }

    /// Whether the judge wants a value that is not null: `required`, and the key of a change.
    pub(crate) fn is_required(&self, typed: Typed<'_>) -> bool {
        let key_of_change = typed.top && typed.property.primary_key.is_some() && self.object.settings.cdc.is_some();
        typed.property.required || key_of_change
    }

    /// Whether the object's events are change events, whose row stands inside of an envelope.
    pub(crate) fn is_enveloped(&self) -> bool {
        self.object.settings.cdc == Some(CdcFormat::Debezium)
    }
}

// === impl Gap ===

impl Gap {
    pub(crate) fn new(path: &str, location: &Location, problem: impl Into<String>) -> Gap {
        Gap {
            path: path.to_owned(),
            problem: problem.into(),
            location: location.clone(),
        }
    }
}

impl std::fmt::Display for Gap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = if self.path.is_empty() { "(event)" } else { &self.path };
        write!(f, "{}: {path}: {}", self.location, self.problem)
    }
}

/// Whether a failing rule makes a dead letter.
pub(crate) fn decides(rule: &QualityRule) -> bool {
    rule.severity == Severity::Error
}

/// The item of a list, both parts of a map.
pub(crate) fn parts<'a>(subject: &Subject<'_>, typed: Typed<'a>) -> Vec<Typed<'a>> {
    let nodes = match subject.kind(typed) {
        Kind::Array(item) => vec![*item],
        Kind::Map(key, value) => vec![*key, *value],
        _ => Vec::new(),
    };
    let properties: Vec<&'a Property> = match &typed.property.logical_type {
        LogicalType::Array { items: Some(item), .. } => vec![item],
        LogicalType::Map { key, value } => vec![key, value],
        _ => Vec::new(),
    };
    let pairs = nodes.into_iter().zip(properties);
    pairs
        .map(|(node, property)| Typed {
            property,
            node,
            top: false,
        })
        .collect()
}

/// Dotted path one step further.
pub(crate) fn below(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// A name as the wire has it.
pub(crate) fn wire(typed: Typed<'_>) -> &Arc<str> {
    &typed.property.wire_name
}
