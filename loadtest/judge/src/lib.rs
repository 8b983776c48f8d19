//! What judging costs beside its peers: both sides of each ratio in one process, over the same bytes, in processor time of one thread.
//! `loadtest/README.md` says how to read the figures.
//!
//! Start at [`orders`] for the events, [`contracts`] for what they are held to, [`ratios`] for what is compared; [`prove`] compares
//! verdicts before anything is timed, [`rounds`] takes the times.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod contracts;
pub mod data;
pub mod orders;
pub mod peers;
pub mod prove;
pub mod ratios;
pub mod records;
pub mod rounds;
pub mod rules;
pub mod spread;
pub mod written;
