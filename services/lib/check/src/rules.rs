//! One file a kind of rule. A rule is compiled from the model once and then decides about one value; it never sees where the value stands.

pub(crate) mod bounds;
pub(crate) mod cel;
pub(crate) mod enumeration;
pub(crate) mod format;
pub(crate) mod items;
pub(crate) mod length;
pub(crate) mod library;
pub(crate) mod multiple_of;
pub(crate) mod pattern;
pub(crate) mod properties;
pub(crate) mod ranges;
pub(crate) mod text;
pub(crate) mod unknown_fields;
