//! Decides about events: a contract object compiled to a [`Plan`], and a [`Judge`] that walks the bytes of a record through it once.
//!
//! Input is bytes and plan, never a document tree. A verdict depends on nothing but bytes, plan, engine version and `now`.
//! The same walk feeds a [`RowSink`], so that the lake is written from the very values that were judged.
//! Start at [`verdict`] for the answers, [`input`] for what a judge is given, then [`plan`] and [`judge`].

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod change;
pub mod choose;
mod datum;
pub mod event_schema;
mod exact;
pub mod input;
mod jdk;
pub mod judge;
mod leaf;
mod lint;
pub mod locate;
pub mod plan;
mod position;
pub mod row;
mod rules;
mod tape;
mod temporal;
pub mod verdict;

/// Version of what decides, recorded with every verdict. Whoever changes a verdict for any bytes and contract raises it.
pub const ENGINE_VERSION: &str = "3";

pub use choose::{Choice, Chooser};
pub use event_schema::EventSchema;
pub use input::{Input, SchemaLookup, SchemaNeed};
pub use judge::{Judge, verdict_for_status};
pub use lint::lint;
pub use plan::{Plan, codes, compile};
pub use position::SourcePosition;
pub use row::RowSink;
pub use verdict::{Reason, Skip, Verdict, Violation};
