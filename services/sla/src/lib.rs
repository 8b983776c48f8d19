//! The SLA role: asks the lake what the contracts promise, and reports.
//!
//! [`run_once`] asks every objective of a snapshot once, [`serve`](fn@serve) by the contracts' schedules. [`Report`] is what it found, [`document`] writes it as JSON after the Open Observability
//! Results Standard (OORS, draft v0.1.0). The role knows neither the engine nor the store; both come through
//! [`tidegate_objectives::QueryEngine`].

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod document;
pub mod history;
mod junit;
mod page;
pub mod report;
pub mod roster;
pub mod run;
pub mod schedule;
pub mod serve;
pub mod watch;

pub use report::{Counts, Entry, NotExecuted, Outcome, Report};
pub use run::{Filter, TrafficOf, run, run_once};
pub use schedule::Schedule;
pub use serve::{Parts, Settings, serve};
pub use watch::{Missed, Watch};

#[cfg(test)]
mod tests;
