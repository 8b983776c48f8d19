//! What whole stories need: the stand's addresses, the executable as processes, somebody else's Parquet reader.

pub mod process;
pub mod readers;
pub mod script;
pub mod stand;
