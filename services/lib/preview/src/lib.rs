//! What a change of contracts would do to events that really came: each is judged under the old and the new contracts, and the two answers
//! are compared.
//!
//! The judge is that of the workers, and so are the rules by which an object is chosen; what the validator would do with an event under a set
//! of contracts is what a [`Side`] says of it (`tests/validator.rs` holds the two together). Start at [`side`], then [`compare`], [`tally`],
//! [`run`]. No I/O and no clock: feeds hand in bytes, `now` is part of an event.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod compare;
pub mod dead_letter;
pub mod event;
pub mod lake;
pub mod limit;
pub mod line;
mod mask;
pub mod render;
pub mod report;
pub mod run;
pub mod side;
pub mod tally;

pub use compare::{Asked, Fetched, Pair, Schemas};
pub use event::{Event, Position};
pub use lake::LakeView;
pub use limit::{Conclusion, Limit};
pub use report::{InputReport, Report, Stopped};
pub use run::{Chunk, Feed, run};
pub use side::Side;
pub use tally::{Change, Tally};
