//! `minItems`, `maxItems`, `dimensions`, `uniqueItems`.

use crate::plan::ItemLimits;
use crate::tape::{Cell, Tape};

/// The clause that a list of `count` items breaks.
pub(crate) fn broken(limits: ItemLimits, count: u64) -> Option<&'static str> {
    if limits.dimensions.is_some_and(|dimensions| count != dimensions) {
        Some("dimensions")
    } else if limits.min.is_some_and(|min| count < min) {
        Some("minItems")
    } else if limits.max.is_some_and(|max| count > max) {
        Some("maxItems")
    } else {
        None
    }
}

/// What `uniqueItems` says of a captured list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unique {
    /// No two items are equal, or one of them is broken, which is said already.
    Holds,
    /// Two are.
    Repeats,
    /// The event is too large to keep its items side by side.
    TooMuch,
}

/// Compares the items of a list with each other. An object is broken as an item when its own value is none, not when a field in it is.
pub(crate) fn unique(tape: &mut Tape, list: Cell) -> Unique {
    let Cell::List { start, len, .. } = list else {
        return Unique::Holds;
    };
    if tape.is_full() {
        Unique::TooMuch
    } else if !(start..start + len).any(|at| matches!(tape.at(at), Cell::Broken)) && tape.repeats(list) {
        Unique::Repeats
    } else {
        Unique::Holds
    }
}
