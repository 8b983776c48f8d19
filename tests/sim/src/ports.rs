//! The ports as one process sees them. Each call passes time and is a place where a fault may strike.

pub(crate) mod consumer;
pub(crate) mod exchange;
pub(crate) mod reader;
pub(crate) mod small;
pub(crate) mod store;
