//! The registry of contracts: what it has in force, what it refuses, and what it answers to whom.
//!
//! A [`Catalog`] is one commit, compiled; [`Registry`] holds the one in force and takes up the next one whole or not at all. Everything else
//! turns a [`Request`] into an [`Answer`] from that: no sockets, no clock, no files, so that every answer can be tested as a value. Start at
//! [`catalog`], then [`routes`].

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod auth;
mod avro_form;
pub mod catalog;
pub mod confluent;
pub mod http;
pub mod ids;
pub mod native;
pub mod openapi;
pub mod registry;
pub mod routes;
pub mod webhook;

pub use auth::{Caller, Tokens};
pub use catalog::{Catalog, Published};
pub use http::{Answer, Request};
pub use ids::Recorded;
pub use registry::{Issued, Outcome, Ports, Registry};
pub use routes::Admission;
pub use webhook::Secret;

#[cfg(test)]
mod tests;
