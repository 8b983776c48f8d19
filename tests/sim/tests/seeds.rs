//! Seeds that must be clean, and that one seed is one course of events.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use tidegate_simulation::{Fault, Options, Outcome, Passes, fault, simulate};

fn clean(seed: u64, options: &Options) -> Outcome {
    let outcome = simulate(seed, options);
    assert!(
        outcome.wrong.is_empty(),
        "seed {seed}: {:#?}\nreplay: just sim 1 --first {seed} --trace",
        outcome.wrong
    );
    outcome
}

/// Two hundred seeds, in parts that may run beside each other.
fn fifty(first: u64) {
    let mut struck = BTreeSet::new();
    let (mut rows, mut passes) = (0, Passes::default());
    for seed in first..first + 50 {
        let outcome = clean(seed, &Options::default());
        struck.extend(outcome.struck.into_keys());
        rows += outcome.counts.rows;
        passes.add(outcome.passes);
    }
    assert!(rows > 1_000, "{rows} rows landed");
    assert!(passes.untold > 10 && passes.untold < passes.judged, "{passes:?}");
    let tame: Vec<Fault> = fault::TABLE
        .iter()
        .map(|row| row.fault)
        .filter(|fault| !struck.contains(fault))
        .collect();
    assert!(tame.len() <= 2, "these never struck: {tame:?}");
}

#[test]
fn seeds_0_to_49_are_clean() {
    fifty(0);
}

#[test]
fn seeds_50_to_99_are_clean() {
    fifty(50);
}

#[test]
fn seeds_100_to_149_are_clean() {
    fifty(100);
}

#[test]
fn seeds_150_to_199_are_clean() {
    fifty(150);
}

#[test]
fn a_world_without_faults_needs_no_retries() {
    let calm = Options {
        faults: Some(Vec::new()),
        ..Options::default()
    };
    for seed in 0..3 {
        let outcome = clean(seed, &calm);
        assert!(outcome.struck.is_empty() && outcome.exits.is_empty() && outcome.counts.rows > 0);
    }
}

/// Without this nothing that a seed shows could be looked into.
#[test]
fn one_seed_is_one_course_of_events() {
    let mut traces = BTreeSet::new();
    for seed in [3, 1_000_003, 77] {
        let (first, second) = (simulate(seed, &Options::default()), simulate(seed, &Options::default()));
        assert_eq!(first.trace, second.trace, "seed {seed}");
        assert!(first.trace.1 > 100);
        traces.insert(first.trace.0);
    }
    assert_eq!(traces.len(), 3, "seeds differ");
}
