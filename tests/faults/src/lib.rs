//! Faults on purpose: the executable against a real broker that is killed, frozen, cut off and corrupted, and the proof afterwards.
//!
//! [`Fault`] is the vocabulary, [`Scene`] the deployment that a fault strikes, [`Broker`] an Apache Kafka of one's own and [`Proxy`] what
//! stands between them. Tests play single faults, the soak a random mix of them.

#![allow(clippy::unwrap_used, reason = "tests")]

mod broker;
mod fault;
mod frame;
mod proxy;
mod refuted;
mod scene;
mod soak;
mod together;

pub use broker::{Broker, segment};
pub use fault::Fault;
pub use frame::Request;
pub use proxy::{Moment, Proxy, Step, Weather};
pub use refuted::prove;
pub use scene::{SMALL_BATCH, Scene, Spans};
pub use soak::{Plan, RECOVERY_MAX, Soaked, soak};
pub use together::{Story, together};
