//! A draft of a contract from events that came, or from a schema that somebody has: a guess with its evidence, for a person to finish.
//!
//! A draft from events accepts every event that it was made from (`tests/accepts.rs`): what text stands for is asked of the judge itself
//! ([`probe`]), and where two events disagree the draft says less. Memory is bounded whatever the events are ([`sketch`]). Values of fields that
//! look personal never leave. No I/O and no clock.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod draft;
mod events;
mod guess;
mod personal;
mod probe;
pub mod schema;
mod sketch;

pub use draft::{Draft, Options};
pub use events::Events;
