//! CI's part of fuzzing: every input that is kept in the tree, and every seed, goes through its target. A finding is a panic.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::panic;
use std::path::{Path, PathBuf};

use tidegate_fuzz::{TARGETS, Target, seeds};

/// What one target may take in the tree.
const BYTES_MAX: u64 = 24 * 1024;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus")
}

fn inputs(target: &str) -> Vec<PathBuf> {
    let folder = corpus().join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Runs one input; the error names it.
fn run(target: &Target, name: &str, bytes: &[u8]) -> Option<String> {
    panic::catch_unwind(|| (target.run)(bytes))
        .err()
        .map(|_| format!("{}: {name}", target.name))
}

#[test]
fn kept_inputs_hold() {
    let mut broken = Vec::new();
    for target in TARGETS {
        let files = inputs(target.name);
        assert!(files.len() >= 5, "{} has {} inputs", target.name, files.len());
        for file in files {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            broken.extend(run(target, &name, &fs::read(&file).unwrap()));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn seeds_hold() {
    let mut broken = Vec::new();
    for target in TARGETS {
        let seeds = seeds::of(target.name);
        assert!(seeds.len() >= 5, "{} has {} seeds", target.name, seeds.len());
        for (at, seed) in seeds.iter().enumerate() {
            broken.extend(run(target, &format!("seed {at}"), seed));
            // Beginnings reach what whole inputs do not.
            broken.extend(run(target, &format!("half of seed {at}"), &seed[..seed.len() / 2]));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_corpus_is_small_and_belongs_to_targets() {
    let names: BTreeSet<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names.len(), TARGETS.len(), "a name twice");
    for folder in fs::read_dir(corpus()).unwrap().map(Result::unwrap) {
        let name = folder.file_name().to_string_lossy().into_owned();
        assert!(names.contains(name.as_str()), "{name} is no target");
        let bytes: u64 = inputs(&name).iter().map(|file| fs::metadata(file).unwrap().len()).sum();
        assert!(
            bytes <= BYTES_MAX,
            "{name} keeps {bytes} bytes: `tests/fuzz/run {name} --keep` makes it small"
        );
    }
}

/// A poor man's fuzzing for every build: seeds changed in a few places, the same each time.
#[test]
fn changed_seeds_hold() {
    const TELLING: &[u8] = b"\"{}[],:0 19e-+.nt\\/\0\x01\x02\x7f\x80\xc3\xff";
    let mut broken = Vec::new();
    let mut state = 11_u64;
    let mut below = |limit: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % limit
    };
    for target in TARGETS {
        let seeds = seeds::of(target.name);
        for round in 0..600 {
            let mut seed = seeds[below(seeds.len())].clone();
            for _ in 0..=below(3) {
                let at = below(seed.len() + 1);
                match below(4) {
                    0 => seed.insert(at, TELLING[below(TELLING.len())]),
                    1 if at < seed.len() => drop(seed.remove(at)),
                    2 if at < seed.len() => {
                        let end = (at + below(20)).min(seed.len());
                        let copy = seed[at..end].to_vec();
                        seed.splice(end..end, copy);
                    }
                    _ if at < seed.len() => seed[at] = TELLING[below(TELLING.len())],
                    _ => seed.truncate(at),
                }
            }
            broken.extend(run(target, &format!("round {round}: {:?}", String::from_utf8_lossy(&seed)), &seed));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
