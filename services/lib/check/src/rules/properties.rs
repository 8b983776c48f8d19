//! `minProperties`, `maxProperties`: all fields count, declared or not.

use crate::plan::PropertyLimits;

/// The clause that an object of `count` fields breaks.
pub(crate) fn broken(limits: PropertyLimits, count: u64) -> Option<&'static str> {
    if limits.min.is_some_and(|min| count < min) {
        Some("minProperties")
    } else if limits.max.is_some_and(|max| count > max) {
        Some("maxProperties")
    } else {
        None
    }
}
