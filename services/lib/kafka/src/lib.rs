//! Apache Kafka through librdkafka: the only crate that names the client library.
//!
//! [`Settings`] holds what a user may say and refuses what we own. [`GroupConsumer`] and [`GroupExchange`] implement the ports of
//! `tidegate-flow` for workers, [`ClusterClient`] answers questions about topics, [`PartitionScan`] reads a topic outside of any group.
//! Everything blocks; transactional calls must never run on an async thread. Nothing here knows what a contract is.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod admin;
mod ahead;
mod callbacks;
mod cluster;
mod consumer;
mod exchange;
mod fault;
mod held;
mod idle_group;
mod native;
mod probe;
mod raw_headers;
mod refusal;
mod refused;
mod relay;
mod scan;
mod security;
mod settings;
mod stall;
mod times;
mod tokens;
mod topic_id;
mod writer;

pub use admin::{GroupState, Operation, SeenTopics, TopicAdmin, TopicRights, TopicState, TopicToMake};
pub use cluster::{ClusterClient, group_positions};
pub use consumer::GroupConsumer;
pub use exchange::{Delivering, GroupExchange};
pub use idle_group::IdleGroup;
pub use probe::{Transactions, open_transactional_id, probe_transactions};
pub use relay::GroupRelay;
pub use scan::PartitionScan;
pub use settings::{Settings, SettingsError};
pub use times::offsets_at;
pub use tokens::{Token, TokenSource, Tokens};
pub use writer::RecordWriter;
