//! Avro binary.
/// A writer schema, parsed and compiled for walking.
#[derive(Debug)]
pub struct Schema;
