//! Objectives: what a contract promises about its rows in the lake, and whether the promise holds.
//!
//! [`plan`] turns a contract into [`Objective`]s, [`sql`] into the question that each of them asks, [`evaluate`](fn@evaluate) turns the answer
//! into a verdict. Nothing here does I/O or reads a clock: the answer comes through [`QueryEngine`], `now` is given.
//!
//! What cannot be measured is [`SlaVerdict::Unknown`] and never met; what is not executed at all is listed with the reason.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod column;
pub mod completeness;
pub mod duration;
pub mod evaluate;
pub mod fuse;
pub mod guard;
pub mod number;
pub mod objective;
pub mod observation;
pub mod plan;
mod reading;
pub mod sql;
pub mod traffic;

pub use column::{Column, ColumnKind};
pub use completeness::{Accounted, Completeness};
pub use evaluate::{Measured, SlaVerdict, evaluate};
pub use fuse::{Asked, fuse};
pub use number::Number;
pub use objective::{Clause, EventTime, Limit, Objective, Plan, Planned, Probe, RowSet};
pub use observation::{Cell, Observation, QueryEngine, Rows, TableSource, TableSpec};
pub use sql::Question;
pub use traffic::{Budget, DeadLetters, Traffic};
