//! The SLA role: asks the lake what the contracts promise, and reports.
//!
//! [`run_once`] asks every objective of a snapshot once. [`Report`] is what it found, [`document`] writes it as JSON after the Open Observability
//! Results Standard (OORS, draft v0.1.0). The role knows neither the engine nor the store; both come through
//! [`tidegate_objectives::QueryEngine`].

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod document;
pub mod report;
pub mod run;

pub use report::{Counts, Entry, NotExecuted, Outcome, Report};
pub use run::{Filter, TrafficOf, run, run_once};

#[cfg(test)]
mod tests;
