//! What is checked at a node, beside its shape.

use tidegate_contract::Location;

use super::fields::FieldIndex;
use crate::leaf::Wire;
use crate::rules::bounds::{Limits, TemporalLimits};
use crate::rules::enumeration::Allowed;
use crate::rules::library::LibraryRule;
use crate::rules::multiple_of::MultipleOf;
use crate::rules::text::TextLimits;
use crate::rules::unknown_fields::Unknown;
use crate::tape::Slot;

/// The clauses of one node; parallel to [`super::Plan::nodes`].
#[derive(Debug)]
pub(crate) struct Check {
    /// Where the contract says so.
    pub(crate) location: Location,
    /// Must be there and not null.
    pub(crate) required: bool,
    /// A column of the primary key, or the row.
    pub(crate) key: bool,
    /// Clauses of the shape.
    pub(crate) body: Body,
    /// How the leaf is written where no schema travels with it.
    pub(crate) wire: Wire,
    /// `enum`.
    pub(crate) allowed: Option<Allowed>,
    /// Library metrics that are decided record by record.
    pub(crate) library: Vec<LibraryRule>,
    /// Row rules over the object at this node, as indexes of `Plan::programs`.
    pub(crate) rules: Vec<usize>,
    /// Some rule (or `uniqueItems`) needs the value of this node.
    pub(crate) captured: bool,
    /// Where its value goes when it is captured.
    pub(crate) slot: Slot,
    /// How many fields of the object at this node are captured.
    pub(crate) captured_fields: u32,
    /// This leaf is the event time.
    pub(crate) event_time: bool,
}

/// Clauses that depend on the shape.
#[derive(Debug)]
pub(crate) enum Body {
    /// An object with declared fields.
    Object {
        /// Wire name to field.
        fields: FieldIndex,
        /// What an undeclared field does.
        unknown: Unknown,
        /// How many fields.
        limits: PropertyLimits,
        /// One bit for each declared field, in contract order: somebody notices when it is missing.
        missed: Vec<u64>,
        /// The same for the first 64 of them, with those that rules want where the row is seen at once.
        wanted: u64,
    },
    /// A list, map or vector.
    Items(ItemLimits),
    /// Text.
    Text(TextLimits),
    /// Number of any kind.
    Number {
        /// Limits.
        limits: Limits,
        /// Factor.
        multiple_of: Option<MultipleOf>,
    },
    /// Date, time or timestamp.
    Temporal(TemporalLimits),
    /// A leaf without clauses.
    Bare,
    /// A value that is kept as JSON text.
    Any {
        /// What it must be.
        shape: AnyShape,
        /// Fields of an object.
        properties: PropertyLimits,
        /// Items of a list.
        items: ItemLimits,
    },
}

/// What a value kept as JSON text must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnyShape {
    /// Anything.
    Value,
    /// An object with any fields.
    Object,
    /// A list of anything.
    Array,
}

/// `minProperties`, `maxProperties`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PropertyLimits {
    /// Fewest.
    pub(crate) min: Option<u64>,
    /// Most.
    pub(crate) max: Option<u64>,
}

/// Limits of a list.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ItemLimits {
    /// Fewest.
    pub(crate) min: Option<u64>,
    /// Most.
    pub(crate) max: Option<u64>,
    /// No two equal items.
    pub(crate) unique: bool,
    /// Length of a vector; violations then name `dimensions`.
    pub(crate) dimensions: Option<u64>,
}
