//! The lake's object store: local disk, S3, Azure Blob, memory. The only crate that names `object_store`.
//!
//! [`open`] gives a [`Store`] whose calls block; a small runtime inside does the waiting. What `object_store` leaves open is settled
//! here, see [`store`](mod@store): a conflict is believed only when there is an object behind it, errors become a
//! [`WorldError`] with its remedy, and no text holds a secret.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod conformance;
mod disk;
pub mod examine;
mod fault;
pub mod location;
mod names;
mod open;
pub mod options;
mod runtime;
pub mod store;
mod watched;

#[cfg(test)]
mod tests;

pub use conformance::conformance;
pub use examine::{Examined, examine};
pub use location::Location;
pub use open::open;
pub use options::LakeOptions;
pub use watched::{Look, Tag, Watched};

#[cfg(doc)]
use tidegate_flow::{WorldError, ports::Store};
