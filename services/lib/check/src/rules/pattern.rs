//! `pattern`: ECMA-262 patterns on a linear-time engine. Unanchored: a pattern finds, it does not match.

pub(crate) use tidegate_contract::pattern::compile;
