//! What whole stories need: the stand's addresses, the executable as processes, a deployment with traffic and the proof of what became
//! of it, somebody else's Parquet reader.

#![allow(clippy::unwrap_used, reason = "tests")]

pub mod git_host;
pub mod planted;
pub mod process;
pub mod readers;
pub mod script;
pub mod stand;
pub mod wait;
pub mod world;
