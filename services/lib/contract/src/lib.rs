//! Contracts: the Open Data Contract Standard read with positions, and the immutable snapshot of one Git commit.
//!
//! Start at [`model`] for the nouns, then [`parse`](fn@parse) (text to model, every problem at once) and [`snapshot`] (many contracts,
//! their bindings to topics). This crate does no I/O: it is given file names and texts, and it never decides about an event.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod bundle;
pub mod civil;
pub mod codes;
pub mod coverage;
pub mod decimal;
pub mod diagnostic;
mod disguise;
pub mod event_schema;
pub mod excerpt;
pub mod jdk_date;
pub mod lint;
pub mod model;
mod nearest;
mod odcs;
pub mod on_failure;
pub mod parse;
pub mod pattern;
mod problems;
pub mod render;
pub mod snapshot;
pub mod surroundings;
pub mod yaml;

pub use bundle::{Bundle, Sealed};
pub use civil::Civil;
pub use diagnostic::{Diagnostic, Level, Location};
pub use disguise::{is_disguise, is_unseen};
pub use event_schema::{EventSchema, EventSchemaKind, SchemaFolder};
pub use jdk_date::DatePattern;
pub use model::{Contract, ContractRef, LogicalType, Property, QualityRule, SchemaObject, Severity, Status, Version};
pub use nearest::nearest;
pub use on_failure::OnFailure;
pub use parse::{is_draft, parse, sha256_hex};
pub use render::{render, render_lines};
pub use snapshot::{Binding, BoundObject, ContractFile, EventType, Resolution, Snapshot, directory_commit};
