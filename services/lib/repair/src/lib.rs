//! Repairs of dead letters: a file of small steps (set, remove, rename, cast), each perhaps under a condition, applied to the bytes of a
//! value. What no step names keeps its bytes: spaces, order of fields, digits of numbers.
//!
//! [`Repair::parse`] reads a file, [`Repair::bind`] compiles its conditions against the contract object that will judge the result, and
//! [`Bound::apply`] repairs one value. Bytes in, bytes out: nothing is read from anywhere and nothing is sent.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod codes;
mod condition;
mod edit;
mod file;
mod pointer;
mod repaired;

pub use edit::Target;
pub use file::{Action, Repair, Step};
pub use pointer::Pointer;
pub use repaired::{Bound, Done, Idle, Repaired, Unrepairable};
