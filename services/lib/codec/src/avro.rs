//! Avro binary (specification 1.12), read with the writer's schema.
//!
//! The walk is our own: a datum is bounded by its own length whatever it claims, and records, maps and lists nest at most
//! [`crate::DEPTH_MAX`] levels. How values arrive:
//! - unions do not show: the token is that of the branch;
//! - records and maps are objects (a map with a key twice is `DuplicateKey`), an enum is its symbol;
//! - `decimal` on bytes or fixed and `big-decimal` are [`Token::Decimal`](crate::Token::Decimal); `date`, `time-*`, `timestamp-*`,
//!   `local-timestamp-*` are the typed tokens, milliseconds scaled up; nanoseconds that are not whole microseconds are
//!   [`Special::FinerThanMicros`](crate::Special::FinerThanMicros);
//! - `uuid` on fixed or bytes is its text, on a string the string as it is; `duration` is ISO 8601 text (`P1M2DT3.004S`);
//! - Kafka Connect's and Debezium's names (`connect.name`) mean what [`crate::Semantic`] says; a `VariableScaleDecimal` is one decimal.
//!
//! Logical types that the specification calls invalid are ignored, as it asks, with one exception: a decimal whose scale is larger than
//! its precision stays a decimal, because Debezium registers such schemas and the value is clear.

pub mod ahead;
mod compile;
mod layout;
mod reader;
mod resolve;
mod schema;

pub use compile::defined_name;
pub use layout::{Branches, Fields, Layout, Part};
pub use reader::AvroReader;
pub use resolve::{Mismatch, Shape, resolves};
pub use schema::Schema;
