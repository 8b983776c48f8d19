//! Bytes of a record to typed tokens: strict JSON, Avro and Protobuf with the writer's schema; frames of Confluent, AWS Glue and Apicurio,
//! CloudEvents, Debezium envelopes.
//!
//! Nothing here builds a document tree: a reader walks the bytes once and hands out [`Token`]s. A schema that is not at hand is a
//! returned need ([`framing::Framed`]), never a call. Bad bytes are a [`DecodeFailure`], which is a value about data, not an error of ours.
//! Start at [`token`], then [`json`], [`avro`] and [`protobuf`] for the walks, [`framing`] for which of them, [`cdc`] for rows inside change events,
//! [`semantic`] for what plain values stand for.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod avro;
pub mod cdc;
pub mod civil;
pub mod cloud_events;
pub mod decimal;
pub mod failure;
pub mod framing;
pub mod json;
mod keys;
pub mod known;
pub mod protobuf;
pub mod scalar;
pub mod semantic;
pub mod span;
pub mod token;

pub use avro::AvroReader;
pub use failure::{DecodeFailure, Detail};
pub use framing::{Encoding, Framed, Part, SchemaRef};
pub use json::JsonReader;
pub use keys::Keys;
pub use known::{Word, Words};
pub use protobuf::ProtobufReader;
pub use scalar::Scalar;
pub use semantic::Semantic;
pub use token::{Reader, SmallNumber, Special, Token};

/// Objects, records, maps and lists inside of each other that a document may have, in every encoding.
pub const DEPTH_MAX: usize = 64;
