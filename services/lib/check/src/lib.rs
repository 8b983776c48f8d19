//! Decides about events: a contract object compiled to a [`Plan`], and a [`Judge`] that walks the bytes of a record through it once.
//!
//! Input is bytes and plan, never a document tree. A verdict depends on nothing but bytes, plan, engine version and `now`.
//! The same walk feeds a [`RowSink`], so that the lake is written from the very values that were judged.
//! Start at [`verdict`] for the answers, [`input`] for what a judge is given, then [`plan`] and [`judge`].

pub mod input;
pub mod plan;
pub mod row;
pub mod verdict;

pub use input::{Input, SchemaLookup, SchemaNeed};
pub use row::RowSink;
pub use verdict::{Reason, Skip, Verdict, Violation};
