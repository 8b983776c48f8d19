//! Judged values to Arrow columns and Parquet bytes, and the identities of rows back out of a file.
//!
//! A [`RowBuilder`] is the row sink of a judge: values go straight into columns, with no document in between, and a row that turns out
//! not to belong leaves no trace. Start at [`schema`] (which column type a contract's property gets), then [`rows`], [`parquet`], [`identity`].
//! No I/O and no clock: bytes in, bytes out.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod column;
mod describe;
pub mod identity;
pub mod lines;
pub mod parquet;
pub mod rows;
pub mod schema;

pub use describe::parquet_message;
pub use identity::{Identity, each_identity, read_identities, row_count};
pub use parquet::{EncodeError, Footer, WriterSettings, encode};
pub use rows::{Admitted, RowBuilder, RowFault, RowMeta};
pub use schema::{Layout, LayoutError, fixed};

/// The Arrow in which batches are handed out, so that callers name the same version.
pub use arrow;
