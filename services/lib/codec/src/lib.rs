//! Bytes of a record to typed tokens: strict JSON, Avro with the writer's schema, Confluent framing, Debezium envelopes.
//!
//! Nothing here builds a document tree: a reader walks the bytes once and hands out [`Token`]s. A schema that is not at hand is a
//! returned need ([`framing::Framed`]), never a call. Bad bytes are a [`DecodeFailure`], which is a value about data, not an error of ours.
//! Start at [`token`], then X.

pub mod avro;
pub mod failure;
pub mod scalar;
pub mod token;

pub use failure::{DecodeFailure, Detail};
pub use scalar::Scalar;
pub use token::{Reader, Token};
