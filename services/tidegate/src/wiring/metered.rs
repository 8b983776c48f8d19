//! Ports with a meter around them: the roles' own, unchanged, each call counted and timed on its way.

mod exchange;
mod schemas;
mod store;

pub(crate) use exchange::{Metered, Positions};
pub(crate) use schemas::MeteredSchemas;
pub(crate) use store::MeteredStore;

#[cfg(test)]
mod tests;
