//! Client of a schema registry with Confluent's API: Confluent, Apicurio (`/apis/ccompat/v7`), Redpanda, Karapace; of Apicurio's own API for
//! its own ids; a folder of schema files ([`Directory`]) for AWS Glue's UUIDs and for files that contracts name; and of the contract registry
//! of our own ([`Snapshots`]).
//!
//! [`Registry`] is a cache that judges look into without waiting ([`SchemaLookup`]) and that a worker fills between batches
//! ([`Registry::fetch`]). An outage is never taken for an unknown id: only the registry's own code 40403 says *unknown*.
//!
//! Calls go through `schema_registry_converter`. Its decoders are not used: they keep an unknown id for ever, and resolve references
//! by textual replacement, which fails for full names. Its errors hide the HTTP status in a text, from where [`fault`] takes it.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod apicurio;
pub mod auth;
mod cache;
mod directory;
mod fault;
mod pace;
mod register;
pub mod registry;
mod runtime;
pub mod snapshots;
mod wire;

#[cfg(test)]
mod tests;

pub use auth::Auth;
pub use directory::Directory;
pub use register::{Reference, Registered};
pub use registry::{Fetched, Limits, Registry};
pub use snapshots::{Plaintext, Served, Snapshots, Standing, Token};

#[cfg(doc)]
use tidegate_check::SchemaLookup;
