//! Contracts: the Open Data Contract Standard read with positions, and the immutable snapshot of one Git commit.
//!
//! Start at [`model`] for the nouns, then [`parse`](fn@parse) (text to model, every problem at once) and [`snapshot`] (many contracts,
//! their bindings to topics). This crate does no I/O: it is given file names and texts, and it never decides about an event.

pub mod diagnostic;
pub mod model;
pub mod snapshot;
pub mod yaml;

pub use diagnostic::{Diagnostic, Level, Location};
pub use model::{Contract, ContractRef, LogicalType, Property, QualityRule, SchemaObject, Severity, Status, Version};
pub use snapshot::{Binding, ContractFile, Resolution, Snapshot};
