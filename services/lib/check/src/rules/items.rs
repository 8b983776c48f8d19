//! `minItems`, `maxItems`, `dimensions`.

use crate::plan::ItemLimits;

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

/// Whether two items are equal. The items are sorted in place.
pub(crate) fn repeats(items: &mut [&crate::datum::Datum]) -> bool {
    items.sort_unstable();
    items.windows(2).any(|pair| pair[0] == pair[1])
}
