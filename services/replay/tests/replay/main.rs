//! Replays on the in-memory broker: killed between any two calls, beside another replay, and with the validator and the audit around them.
#![allow(clippy::unwrap_used, reason = "tests")]

mod course;
mod remade;
mod stage;
mod told;
