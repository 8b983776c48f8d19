//! What a change of contracts means: for the producers whose events pass or not, and for the consumers who rely on what passed.
//!
//! Two contracts (or two sets of them) in, a list of changes out. Each is graded for both sides and demands a part of the version to rise.
//! Start at [`change`] for the words, then [`compare()`] (one contract against another), [`set`] (all contracts of two commits), [`history`]
//! (published versions never change content) and [`render`]. This crate does no I/O and judges no event; that its grades are true of the
//! judge's verdicts is shown by `tests/judge.rs`.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod back;
mod canonical;
pub mod change;
mod claims;
mod compare;
mod contract;
mod exact;
mod fields;
mod finite;
mod grid;
pub mod history;
mod kind;
mod language;
mod object;
mod options;
mod people;
mod property;
pub mod render;
mod rules;
pub mod semver;
pub mod set;
mod settings;
mod sla;
mod surroundings;
mod taken;
mod temporal;
mod text;
mod threshold;

pub use change::{Change, Grade, Reach};
pub use compare::compare;
pub use history::{History, Violation, content_hash};
pub use semver::Bump;
pub use set::{ContractDiff, Diff, Party, Verdict, compare_files, compare_sets};
