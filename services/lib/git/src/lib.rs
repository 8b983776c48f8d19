//! Contract files out of a plain directory or a Git repository, local or remote, and the source that keeps the last good snapshot of them.
//!
//! A commit is read through the object database alone: no checkout, no hooks, no filters, no submodules, no symbolic links. A remote
//! repository is fetched into a bare mirror first ([`remote`]). Start at [`source`].

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod directory;
pub mod history;
mod noted;
pub mod reading;
pub mod remote;
pub mod repository;
pub mod source;
#[cfg(test)]
mod testing;

pub use reading::Reading;
pub use remote::{Access, Order, Secret};
pub use source::{Archive, ContractSource, LoadOutcome};
