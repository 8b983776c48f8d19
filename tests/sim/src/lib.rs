//! The deterministic simulator: the `run` functions of the roles, unchanged, over a broker and a store in memory, with a paused clock and
//! every choice drawn from one seed. `README.md` beside this folder says how to read a seed that fails.
//!
//! Start at [`seed`](simulate), then `world.rs` (what processes share), `ports/` (where faults strike), `oracle.rs` (what must be true).

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod contracts;
pub mod fault;
pub mod mutation;
mod objectives;
mod oracle;
mod plan;
mod ports;
mod process;
mod seed;
mod traffic;
mod trouble;
mod world;

pub use fault::Fault;
pub use mutation::Mutation;
pub use objectives::Passes;
pub use oracle::Counts;
pub use seed::{Options, Outcome, simulate};
