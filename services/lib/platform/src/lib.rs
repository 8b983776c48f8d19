//! What the platforms that speak Kafka's protocol can hold, which topics a deployment needs there, and what of that is missing.
//!
//! Pure: names, numbers and a live cluster's facts in, decisions and text out. [`profile`] decides the client's settings, [`topics`] the
//! topics, [`compare`](mod@compare) holds them against a cluster, [`render`](mod@render) writes them for other tools.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod compare;
pub mod duration;
pub mod platform;
pub mod profile;
pub mod render;
pub mod topics;

pub use compare::{Change, Comparison, Finding, Live, Step, compare};
pub use platform::Platform;
pub use profile::{Decision, Said, decide};
pub use render::{Format, render};
pub use topics::{Kind, Source, Spec, Topic};
