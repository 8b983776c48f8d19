//! JSON text (RFC 8259), strict: what two readers could understand differently is refused.
//!
//! Beyond the grammar of the RFC, these are refused: duplicate field names of one object after unescaping, more than
//! [`crate::DEPTH_MAX`] levels, lone surrogates in `\u` escapes, bytes that are not UTF-8, a byte order mark. Numbers keep their text;
//! [`number`] reads them exactly.

pub mod ahead;
pub mod number;
mod reader;
mod skim;
mod text;

pub use reader::JsonReader;
pub(crate) use text::{unescape_into, unescaped_step};
