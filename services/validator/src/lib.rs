//! The validator: consume, resolve, decode, check, route, produce, commit.
//!
//! One blocking loop over the ports of `tidegate-flow`; it knows no Kafka library, no registry client and no clock of its own.
//! The outcome of a whole batch is decided ([`outcome`]) before the first record is sent; [`publish`] then makes outcomes and source
//! positions visible together, or not at all; [`run`](fn@run) owns the state between two polls. Nothing of a batch is open while the
//! loop polls, so a partition never changes hands in the middle of a transaction.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod dead_letter;
mod first_time;
mod flush;
mod hands;
mod judging;
pub mod ledger;
pub mod outcome;
mod ownership;
mod parking;
pub mod parts;
pub mod publish;
pub mod quarantine;
pub mod run;
pub mod settings;
pub mod startup;
pub mod step_over;

pub use first_time::check_first_time;
pub use parts::{Contracts, JudgingSnapshot, Meter, Parts, Schemas};
pub use run::run;
pub use settings::{Mode, Settings, StartAt};
