//! One executable for all targets: `TIDEGATE_FUZZ_TARGET` names the one that runs.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use tidegate_fuzz::{Target, find};

static TARGET: OnceLock<&Target> = OnceLock::new();

fn chosen() -> &'static Target {
    let name = std::env::var("TIDEGATE_FUZZ_TARGET").unwrap_or_default();
    find(&name).unwrap_or_else(|| panic!("TIDEGATE_FUZZ_TARGET={name} is no target"))
}

fuzz_target!(|data: &[u8]| (TARGET.get_or_init(chosen).run)(data));
