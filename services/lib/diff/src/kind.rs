//! What a property is: as a sentence calls it, as the lake keeps it, and whether two of them can be compared clause by clause.

use tidegate_check::plan::{LeafType, leaf_type};
use tidegate_contract::{LogicalType, Property};

use crate::change::Grade;
use crate::compare::Facts;
use crate::grid::Grid;

/// The shape of a property; options aside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Leaf(LeafType),
    Object,
    /// An object without declared properties.
    AnyObject,
    Array,
    /// An array without declared items.
    AnyArray,
    Map,
    Vector,
    Any,
}

/// What a column of the lake holds, as far as files of one major must agree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Column {
    Whole,
    /// Decimal with this scale; the precision may differ between files.
    Decimal(u8),
    Leaf(LeafType),
    Struct,
    List,
    Map,
    Json,
}

// === impl Kind ===

impl Kind {
    /// None for a number that does not compile.
    pub(crate) fn of(property: &Property) -> Option<Kind> {
        Some(match &property.logical_type {
            LogicalType::Object { properties, .. } if properties.is_empty() => Kind::AnyObject,
            LogicalType::Object { .. } => Kind::Object,
            LogicalType::Array { items: None, .. } => Kind::AnyArray,
            LogicalType::Array { .. } => Kind::Array,
            LogicalType::Map { .. } => Kind::Map,
            LogicalType::Vector { .. } => Kind::Vector,
            LogicalType::Any => Kind::Any,
            _ => Kind::Leaf(leaf_type(property)?),
        })
    }

    /// Whether options of both mean the same thing.
    pub(crate) fn is_family(self, other: Kind) -> bool {
        use LeafType::{Decimal, F32, F64, Int};
        match (self, other) {
            (Kind::Leaf(Int { .. }), Kind::Leaf(Int { .. })) | (Kind::Leaf(Decimal { .. }), Kind::Leaf(Decimal { .. })) => true,
            (Kind::Leaf(F32 | F64), Kind::Leaf(F32 | F64)) => true,
            (Kind::Leaf(LeafType::Timestamp { .. }), Kind::Leaf(LeafType::Timestamp { .. })) => true,
            (one, other) => one == other,
        }
    }

    pub(crate) fn column(self) -> Column {
        match self {
            Kind::Leaf(LeafType::Int { bits: 128, .. } | LeafType::Int { bits: 64, signed: false }) => Column::Decimal(0),
            Kind::Leaf(LeafType::Int { .. }) => Column::Whole,
            Kind::Leaf(LeafType::Decimal { scale, .. }) => Column::Decimal(scale),
            Kind::Leaf(leaf) => Column::Leaf(leaf),
            Kind::Object => Column::Struct,
            Kind::Array | Kind::Vector => Column::List,
            Kind::Map => Column::Map,
            Kind::AnyObject | Kind::AnyArray | Kind::Any => Column::Json,
        }
    }
}

/// Properties right below.
pub(crate) fn below(property: &Property) -> Vec<&Property> {
    match &property.logical_type {
        LogicalType::Object { properties, .. } => properties.iter().collect(),
        LogicalType::Array { items: Some(items), .. } => vec![items],
        LogicalType::Map { key, value } => vec![key, value],
        _ => Vec::new(),
    }
}

/// As a sentence calls the type.
pub(crate) fn word(property: &Property) -> String {
    let with = |name: &str, format: &Option<std::sync::Arc<str>>| match format {
        Some(format) => format!("{name} ({format})"),
        None => name.to_owned(),
    };
    match &property.logical_type {
        LogicalType::String { format, .. } if tidegate_check::plan::leaf_type(property) == Some(LeafType::Bytes) => with("string", format),
        LogicalType::String { .. } => "string".to_owned(),
        LogicalType::Date { .. } => "date".to_owned(),
        LogicalType::Timestamp { timezone: true, .. } => "timestamp".to_owned(),
        LogicalType::Timestamp { .. } => "timestamp without a zone".to_owned(),
        LogicalType::Time { .. } => "time".to_owned(),
        LogicalType::Number { format: Some(format), .. } => format!("number ({format})"),
        LogicalType::Number { .. } => match leaf_type(property) {
            Some(LeafType::Decimal { precision, scale }) => format!("decimal({precision},{scale})"),
            _ => "number".to_owned(),
        },
        LogicalType::Integer { format, .. } => with("integer", format),
        LogicalType::Boolean => "boolean".to_owned(),
        LogicalType::Object { properties, .. } if properties.is_empty() => "object of any fields".to_owned(),
        LogicalType::Object { .. } => "object".to_owned(),
        LogicalType::Array { items: None, .. } => "array of anything".to_owned(),
        LogicalType::Array { .. } => "array".to_owned(),
        LogicalType::Map { .. } => "map".to_owned(),
        LogicalType::Vector { .. } => "vector".to_owned(),
        LogicalType::Any => "any value".to_owned(),
    }
}

/// What becomes of the values when one kind takes the place of another, options and `enum` included; rules that both sides ask are not.
pub(crate) fn replaced(old: &Property, new: &Property, facts: Facts) -> Grade {
    let (Some(from), Some(to)) = (Kind::of(old), Kind::of(new)) else {
        return Grade::Undetermined;
    };
    let grade = match (from, to) {
        (_, Kind::Any) => Grade::Loosens,
        (Kind::Any, _) => Grade::Tightens,
        (Kind::Object | Kind::Map, Kind::AnyObject) if counts(new) == (None, None) => Grade::Loosens,
        (Kind::AnyObject, Kind::Object | Kind::Map) if counts(old) == (None, None) => Grade::Tightens,
        (Kind::Array | Kind::Vector, Kind::AnyArray) if counts(new) == (None, None) => Grade::Loosens,
        (Kind::AnyArray, Kind::Array | Kind::Vector) if counts(old) == (None, None) => Grade::Tightens,
        (Kind::Leaf(_), Kind::Leaf(_)) if facts.is_change => Grade::Undetermined,
        (Kind::Leaf(a), Kind::Leaf(b)) => leaves(old, new, a, b, facts),
        _ => Grade::Both,
    };
    // A rule that sees another type may answer otherwise; one that sees any value at all is not asked of what the type refuses.
    if (facts.has_row_rules || facts.schema_sees_columns) && grade != Grade::Both {
        return Grade::Undetermined;
    }
    grade
}

fn leaves(old: &Property, new: &Property, from: LeafType, to: LeafType, facts: Facts) -> Grade {
    use LeafType::{Bytes, Date, Decimal, F32, F64, Int, Str, Time, Timestamp};
    let constants = |property: &Property| !property.enumeration.is_empty();
    if let (Some(a), Some(b)) = (Grid::of(old), Grid::of(new)) {
        let values = Grid::grade(a, b).unwrap_or(Grade::Undetermined);
        return values.and(crate::finite::allowed(&old.enumeration, &new.enumeration));
    }
    if !facts.is_plain_json || constants(old) || constants(new) || has_value_rules(old) || has_value_rules(new) {
        return Grade::Both;
    }
    let is_text_form = |leaf: LeafType| matches!(leaf, Bytes | Date | Time | Timestamp { .. });
    match (from, to) {
        (from, Str) if is_text_form(from) && is_bare(new) => Grade::Loosens,
        (Str, to) if is_text_form(to) && is_bare(old) => Grade::Tightens,
        (Int { .. } | Decimal { .. }, F64) if is_bare(new) => Grade::Loosens,
        (F64, Int { .. } | Decimal { .. }) if is_bare(old) => Grade::Tightens,
        (F32, F64) if is_bare(old) && is_bare(new) => Grade::Loosens,
        (F64, F32) if is_bare(old) && is_bare(new) => Grade::Tightens,
        _ => Grade::Both,
    }
}

fn counts(property: &Property) -> (Option<u64>, Option<u64>) {
    match &property.logical_type {
        LogicalType::Object {
            min_properties,
            max_properties,
            ..
        } => (*min_properties, *max_properties),
        LogicalType::Array { min_items, max_items, .. } => (*min_items, *max_items),
        _ => (None, None),
    }
}

/// Whether nothing but the type is asked of a text or number.
fn is_bare(property: &Property) -> bool {
    match &property.logical_type {
        LogicalType::String {
            min_length,
            max_length,
            pattern,
            format,
        } => {
            let length = min_length.is_none() && max_length.is_none();
            length && pattern.is_none() && format.as_deref().is_none_or(|format| format == "password")
        }
        LogicalType::Number { multiple_of, bounds, .. } | LogicalType::Integer { multiple_of, bounds, .. } => {
            let limits = [
                &bounds.minimum,
                &bounds.maximum,
                &bounds.exclusive_minimum,
                &bounds.exclusive_maximum,
            ];
            multiple_of.is_none() && limits.iter().all(|limit| limit.is_none())
        }
        _ => true,
    }
}

/// Whether rules of the library compare the value with constants.
fn has_value_rules(property: &Property) -> bool {
    use tidegate_contract::model::{Metric, RuleKind};
    let compares = |kind: &RuleKind| matches!(kind, RuleKind::Library(Metric::MissingValues(_) | Metric::InvalidValues { .. }));
    property.quality.iter().any(|rule| compares(&rule.kind))
}
