//! Contract files out of a plain directory or a local Git repository, and the source that keeps the last good snapshot of them.
//!
//! A commit is read through the object database alone: no checkout, no hooks, no filters, no submodules, no symbolic links. Nothing is
//! fetched: a remote repository must be cloned by somebody else (a sidecar, a CI job). Start at [`source`].

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod directory;
pub mod reading;
pub mod repository;
pub mod source;
#[cfg(test)]
mod testing;

pub use reading::Reading;
pub use source::{ContractSource, LoadOutcome};
