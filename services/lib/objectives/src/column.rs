//! From a property's path in a contract to the column of the lake that holds it.

use std::sync::Arc;

use tidegate_contract::model::{LogicalType, Property};

/// A column of the lake, perhaps inside of a struct.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Names from the top-level column inwards; never empty.
    pub path: Vec<Arc<str>>,
    /// What it holds.
    pub kind: ColumnKind,
}

/// What a column holds, as far as an objective has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Text.
    Text,
    /// Whole, decimal or floating number.
    Number,
    /// Truth value.
    Boolean,
    /// Calendar day.
    Date,
    /// Instant, or a date and time without a zone (then `zoned` is false and it is read as UTC).
    Timestamp {
        /// Whether the contract says that a zone belongs to it.
        zoned: bool,
    },
    /// Anything else.
    Other,
}

/// Finds a property by its dotted path. Lists and maps are not entered. A name that itself holds a dot is found too.
pub fn find(properties: &[Property], dotted: &str) -> Option<Column> {
    if let Some(property) = properties.iter().find(|property| &*property.name == dotted) {
        return Some(Column {
            path: vec![property.name.clone()],
            kind: ColumnKind::of(&property.logical_type),
        });
    }
    properties.iter().find_map(|property| {
        let rest = dotted.strip_prefix(&*property.name)?.strip_prefix('.')?;
        let LogicalType::Object { properties, .. } = &property.logical_type else {
            return None;
        };
        let mut inner = find(properties, rest)?;
        inner.path.insert(0, property.name.clone());
        Some(inner)
    })
}

// === impl Column ===

impl Column {
    /// Dotted path.
    pub fn dotted(&self) -> String {
        self.path.join(".")
    }

    /// The struct around it, for a nested one.
    pub fn parent(&self) -> Option<Column> {
        let (_, parent) = self.path.split_last()?;
        (!parent.is_empty()).then(|| Column {
            path: parent.to_vec(),
            kind: ColumnKind::Other,
        })
    }
}

// === impl ColumnKind ===

impl ColumnKind {
    /// The kind of a contract's type.
    pub fn of(logical: &LogicalType) -> ColumnKind {
        match logical {
            LogicalType::String { .. } => ColumnKind::Text,
            LogicalType::Number { .. } | LogicalType::Integer { .. } => ColumnKind::Number,
            LogicalType::Boolean => ColumnKind::Boolean,
            LogicalType::Date { .. } => ColumnKind::Date,
            LogicalType::Timestamp { timezone, .. } => ColumnKind::Timestamp { zoned: *timezone },
            LogicalType::Time { .. }
            | LogicalType::Object { .. }
            | LogicalType::Array { .. }
            | LogicalType::Map { .. }
            | LogicalType::Vector { .. }
            | LogicalType::Any => ColumnKind::Other,
        }
    }
}
