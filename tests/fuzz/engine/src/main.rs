//! One executable for all targets: `TIDEGATE_FUZZ_TARGET` names the one that runs. With `TIDEGATE_FUZZ_SEEDS` it writes the target's seeds
//! into that folder instead; without a target it lists them.
#![no_main]

use std::fs;
use std::path::Path;
use std::process::exit;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use tidegate_fuzz::{TARGETS, Target, find, seeds};

static TARGET: OnceLock<&Target> = OnceLock::new();

fn begin() {
    let Ok(name) = std::env::var("TIDEGATE_FUZZ_TARGET") else {
        TARGETS.iter().for_each(|target| println!("{}", target.name));
        exit(0);
    };
    let target = find(&name).unwrap_or_else(|| panic!("{name} is no target"));
    if let Ok(folder) = std::env::var("TIDEGATE_FUZZ_SEEDS") {
        fs::create_dir_all(&folder).expect("the folder can be made");
        for (at, seed) in seeds::of(target.name).iter().enumerate() {
            fs::write(Path::new(&folder).join(format!("seed-{at:04}")), seed).expect("the folder can be written to");
        }
        exit(0);
    }
    TARGET.get_or_init(|| target);
}

fuzz_target!(init: begin(), |data: &[u8]| (TARGET.get().expect("set before the first input").run)(data));
