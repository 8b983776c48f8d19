//! What a role tells the outside: metrics, health, logs.
//!
//! [`Metrics`] and [`Health`] do no I/O; roles are given them like any other port. [`Server`] shows both over HTTP from a thread of its
//! own, and [`logging::init`] sets up the log on stderr. Labels are closed lists or come from configuration and contracts, never from
//! an event, so the number of series is bounded. Start at [`metrics`].

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod health;
pub mod logging;
pub mod metrics;
pub mod server;

pub use health::{Health, Pulse};
pub use metrics::Metrics;
pub use server::Server;
