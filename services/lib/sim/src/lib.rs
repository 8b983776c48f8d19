//! A Kafka in memory with real transaction semantics, a store and a clock: what `tidegate demo`, tests and the simulator run on.
//!
//! [`Broker`] keeps logs with control records, a last stable offset, producer epochs that fence, groups with generations and
//! cooperative rebalances. It implements the ports of `tidegate-flow`, so the very `run` functions of the roles work on it unchanged.
//! It is not a network server and keeps nothing on disk.

mod ageing;
mod broker;
mod clock;
mod group;
mod log;
mod marker;
mod member;
mod relay;
mod schedule;
mod store;
pub mod traffic;
pub mod variety;

pub use ageing::UncommittedScan;
pub use broker::{Broker, BrokerCluster, BrokerScan, TransactionalWriter, Writer};
pub use clock::ManualClock;
pub use member::{BrokerConsumer, BrokerExchange};
pub use relay::BrokerRelay;
pub use schedule::{Ended, Schedule};
pub use store::MemoryStore;
