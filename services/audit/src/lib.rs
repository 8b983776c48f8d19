//! Proves that nothing was lost and nothing doubled, from what is in the topics and in the lake.
//!
//! The audit only reads. It shares no bookkeeping with the workers: source offsets, outcome records and lake rows are read and merged
//! by the identity that every outcome carries. A topic-partition is clean when each visible source offset has exactly one outcome or a
//! named reason to have none, with the same bytes, and when the lake has one row for each validated record less the skips that the
//! manifests count.
//!
//! Memory: about 40 MB for the window of source offsets under work, and three bits a validated record for one partition of the lake at a
//! time. Start at [`plan`], then [`audit`](fn@audit) and [`report`].

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod account;
mod begun;
mod bits;
mod continuation;
mod explain;
mod gaps;
mod lake;
mod landing;
mod likeness;
mod losses;
mod manifest;
mod open;
mod outlet;
pub mod plan;
mod quick;
pub mod report;
mod rows;
mod run;
mod source;
mod state;
mod stream;
mod watch;
mod window;

#[cfg(test)]
mod tests;

pub use account::{Account, Look, account};
pub use explain::{Explain, Explained, keyless_tombstone};
pub use losses::AcceptedLoss;
pub use plan::{Mode, Plan, TopicPlan};
pub use quick::count;
pub use report::{Report, Row};
pub use run::{Course, Earlier, Ports, audit, audit_along};
pub use state::{State, Subject, SubjectTopic};
pub use watch::{Unwatched, Watch};
