//! The sink role: validated records to Parquet in the lake, each exactly once, provable from the store alone.
//!
//! What makes it exact is the chain of a partition ([`chain`]): slot after slot, each *claimed* by a create-only put, *written*, and
//! *committed* by a manifest. Kafka's group offset is a hint. Whoever finds an uncommitted claim finishes it by reading its range again.
//! Start at [`chain`] and [`document`], then [`batch`] (records to rows), [`settle`] (claim, write, commit), and [`run`](mod@run) (the loop).
//!
//! The role knows no Kafka client and no store client: [`run::Parts`] hands it the ports.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod batch;
pub mod chain;
pub mod contracts;
pub mod document;
mod lane;
pub mod loss;
pub mod metrics;
pub mod path;
pub mod rulings;
pub mod run;
pub mod settle;
pub mod slot;

pub use batch::SkipPolicy;
pub use chain::{ChainName, ChainState, read_chain};
pub use contracts::{Schemas, SnapshotRulings};
pub use document::{Claim, Manifest};
pub use metrics::{Metrics, Progress};
pub use rulings::{Bound, Rulings};
pub use run::{Parts, Settings, check_topics, run};
pub use slot::{Close, Limits};

#[cfg(test)]
mod tests;
