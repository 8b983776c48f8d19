//! Records that kill whoever judges them, beside other faults.

#![allow(clippy::unwrap_used, reason = "tests")]

use tidegate_simulation::{Fault, Options, simulate};

/// How often a record killed, over these seeds; each seed must be clean.
fn deaths(faults: &[(Fault, f64)], seeds: std::ops::Range<u64>) -> u64 {
    let options = Options {
        faults: Some(faults.to_vec()),
        ..Options::default()
    };
    let one = |seed| {
        let outcome = simulate(seed, &options);
        assert_eq!(outcome.wrong, Vec::<String>::new(), "seed {seed}");
        outcome.struck.get(&Fault::I20).copied().unwrap_or(0)
    };
    seeds.map(one).sum()
}

#[test]
fn i20_records_that_kill_are_given_up_and_nothing_else_is() {
    assert!(deaths(&[(Fault::I20, 1.0)], 0..12) > 20);
}

#[test]
fn i20_records_that_kill_among_rebalances_kills_and_stops() {
    let faults = [(Fault::I20, 1.0), (Fault::F1, 0.3), (Fault::F6, 1.0), (Fault::F31, 1.0)];
    assert!(deaths(&faults, 100..110) > 20);
}

#[test]
fn i20_records_that_kill_on_a_network_that_loses_answers() {
    let faults = [
        (Fault::I20, 1.0),
        (Fault::F2, 1.0),
        (Fault::F3, 1.0),
        (Fault::F4, 1.0),
        (Fault::F12, 1.0),
        (Fault::F22, 1.0),
    ];
    assert!(deaths(&faults, 200..208) > 20);
}
