//! Fuzz targets: what must hold for any bytes, one function a target.
//!
//! A target panics when something does not hold and returns otherwise. The engine (`tests/fuzz/engine`) calls it with bytes that reach new
//! code; `tests/replay.rs` calls it with the small corpora that are kept in the tree, as CI does. Neither is named here, so a target is an
//! ordinary function that a debugger can step through.
//!
//! A new decoder becomes a target in three steps: a module with `pub fn run(data: &[u8])`, a line in [`TARGETS`], and seeds in
//! [`seeds::of`]. What to assert, in the order of what it finds: `next` and `skip` agree ([`walk::outcome`]); what we accept a referee
//! accepts with the same values; the same bytes give the same answer with fresh and with used buffers.
#![expect(clippy::panic, reason = "a finding is a panic")]

mod avro_generated;
mod avro_reader;
mod contract_loader;
mod dates;
mod debezium;
mod framing;
mod header_codec;
mod input;
mod json_reader;
mod judge;
mod numbers;
mod pattern;
mod protobuf;
pub mod seeds;
mod walk;
mod world;

/// A name and what is called with each input.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Name of its folder in `tests/fuzz/corpus`.
    pub name: &'static str,
    /// Panics on a finding.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    target("json_reader", json_reader::run),
    target("numbers", numbers::run),
    target("avro_reader", avro_reader::run),
    target("avro_generated", avro_generated::run),
    target("framing", framing::run),
    target("protobuf", protobuf::run),
    target("debezium_envelope", debezium::envelope),
    target("debezium_flat", debezium::flat),
    target("change_events", debezium::any_writer),
    target("dates", dates::run),
    target("jdk_date", dates::jdk),
    target("pattern", pattern::run),
    target("contract_loader", contract_loader::run),
    target("header_codec", header_codec::run),
    target("judge", judge::run),
];

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}

/// The target of that name.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
