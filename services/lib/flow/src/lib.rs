//! What flows and through which ports: records, offsets, outcomes, dead letters, and the traits that shells implement.
//!
//! No I/O and no clock here. Roles are plain blocking loops over these ports: a Kafka client and its transactions are blocking calls
//! that must stay off async threads, and a blocking port is what a simulator can run step by step from one seed.
//! Start at [`record`], then [`ports`].

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod loss;
pub mod ports;
pub mod record;
pub mod stamp;
pub mod world;

pub use loss::{Loss, Lost};
pub use record::{Header, NextOffset, Offset, Origin, Position, Record, TopicPartition};
pub use world::{Remedy, WorldError};
