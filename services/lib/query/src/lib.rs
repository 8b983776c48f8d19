//! SQL over the lake's Parquet files, read-only: the only crate that names DataFusion.
//!
//! [`Lake`] runs queries for [`tidegate_objectives::QueryEngine`]. It reads through the [`tidegate_flow::ports::Store`] port, so local disk, S3 and Azure
//! are the same to it. Start at [`lake`], then [`table`] (files of one prefix as a table) and [`bridge`] (our port as DataFusion's store).

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod bridge;
mod cell;
mod failure;
pub mod lake;
mod table;
mod union;

pub use lake::{Lake, Limits};

#[cfg(test)]
mod tests;
