//! Each protection turned off alone: the simulator must go red, and be green on the same seed with the protection on. What stays green
//! here would prove nothing there.

#![allow(clippy::unwrap_used, reason = "tests")]

use tidegate_simulation::{Fault, Mutation, Options, simulate};

/// One of these seeds goes red without the protection, in these words, and is clean with it.
fn red(mutation: Mutation, faults: &[(Fault, f64)], seeds: std::ops::Range<u64>, words: &[&str]) {
    let with = Options {
        faults: Some(faults.to_vec()),
        ..Options::default()
    };
    let without = Options {
        mutation: Some(mutation),
        ..with.clone()
    };
    for seed in seeds.clone() {
        let wrong = simulate(seed, &without).wrong;
        if wrong.is_empty() {
            continue;
        }
        assert!(
            wrong.iter().any(|wrong| words.iter().any(|word| wrong.contains(word))),
            "{mutation:?}, seed {seed}: red for another reason: {wrong:#?}"
        );
        assert_eq!(
            simulate(seed, &with).wrong,
            Vec::<String>::new(),
            "seed {seed} with the protection on"
        );
        return;
    }
    panic!("{mutation:?} is off in the seeds {seeds:?}, and nobody notices");
}

#[test]
fn p1_a_producer_kept_after_a_slow_commit_or_abort() {
    let faults = [(Fault::F4, 2.0), (Fault::F14, 1.0), (Fault::F12, 1.0)];
    red(Mutation::KeepsProducer, &faults, 0..60, &["has no outcome", "has two outcomes"]);
}

#[test]
fn p3_deliveries_believed_without_counting() {
    red(Mutation::BelievesDeliveries, &[(Fault::F14, 1.0)], 0..10, &["has no outcome"]);
}

#[test]
fn p4_a_commit_without_an_answer_taken_for_an_abort() {
    red(Mutation::CommitFaultsAreAborts, &[(Fault::F2, 2.0)], 0..20, &["has two outcomes"]);
}

#[test]
fn p5_no_rewind_after_an_abort() {
    red(Mutation::KeepsReading, &[(Fault::F14, 1.0)], 0..10, &["has no outcome"]);
}

#[test]
fn p5_repeats_of_an_earlier_fetch_handed_over() {
    red(Mutation::HandsOverRepeats, &[], 0..10, &["has two outcomes", "comes after"]);
}

#[test]
fn p6_a_lost_partition_that_still_looks_owned() {
    let faults = [(Fault::F8, 30.0), (Fault::F32, 40.0), (Fault::F6, 1.0)];
    // Who notes something beside the position of a partition that is another's puts it back, and what lies between is never drained.
    red(Mutation::OwnsForEver, &faults, 0..60, &["has two outcomes", "not drained"]);
}

#[test]
fn p6_positions_taken_from_members_that_were_removed() {
    let faults = [(Fault::F8, 20.0), (Fault::F6, 1.0)];
    // A position that was put back behind its owner is never drained.
    red(Mutation::IgnoresGenerations, &faults, 0..60, &["has two outcomes", "not drained"]);
}

#[test]
fn p7_uncommitted_records_read() {
    red(Mutation::ReadsUncommitted, &[(Fault::F20, 1.0)], 0..10, &["nobody can see"]);
}

#[test]
fn p7_positions_read_under_an_open_transaction() {
    let faults = [(Fault::F3, 5.0), (Fault::F31, 3.0)];
    // Likewise who begins at a position from before an open transaction.
    red(
        Mutation::ReadsUnstablePositions,
        &faults,
        0..60,
        &["has two outcomes", "not drained"],
    );
}

/// The same where a commit is decided, and its position comes later than its outcomes.
#[test]
fn p7_positions_read_before_their_marker() {
    let faults = [(Fault::F34, 2.0), (Fault::F31, 3.0)];
    red(
        Mutation::ReadsUnstablePositions,
        &faults,
        0..60,
        &["has two outcomes", "not drained"],
    );
}

#[test]
fn p9_partitions_computed_from_keys() {
    red(Mutation::ScattersPartitions, &[], 0..10, &["came from partition"]);
}

#[test]
fn p10_a_partition_that_stands_still_in_silence() {
    red(Mutation::KeepsStallsQuiet, &[(Fault::F21, 1.0)], 0..10, &["not drained"]);
}

#[test]
fn p12_a_worker_that_leaves_its_group_in_the_dark() {
    red(Mutation::LeavesSilently, &[], 0..2, &["left its group in the dark"]);
}

#[test]
fn p13_a_conflict_believed_without_an_object() {
    red(
        Mutation::BelievesConflicts,
        &[(Fault::F25, 2.0)],
        0..20,
        &["chain_breaks", "has no row", "not drained", "missing"],
    );
}

#[test]
fn p13_creates_that_replace() {
    let faults = [(Fault::F24, 2.0), (Fault::F8, 2.0)];
    red(Mutation::Overwrites, &faults, 0..20, &["has no row", "has two rows", "not drained"]);
}

#[test]
fn g9_a_chain_that_is_not_read() {
    red(
        Mutation::ForgetsChain,
        &[(Fault::F1, 1.0)],
        0..10,
        &["not drained", "has two rows", "has no row"],
    );
}

/// In at_least_once what may have left before a crash is judged as it was.
#[test]
fn g7_a_commit_that_cannot_be_had_any_more() {
    let faults = [(Fault::F22, 1.0), (Fault::F1, 4.0)];
    red(Mutation::ForgetsCommits, &faults, 40..100, &["several classes"]);
}
