//! Audits of what came since another: nothing slips between two of them.

use super::*;
use crate::{Explain, Explained};

fn since(world: &mut World, state: &crate::State) -> Report {
    world.audit_kept(Earlier::Since(state.clone()), "since").0
}

#[test]
fn what_could_not_be_read_is_audited_by_the_next_one() {
    let mut world = World::clean(ExactlyOnce);
    world.remove(VALID, 5);
    world.judged_until(10);
    world.break_broker();
    let (report, state) = world.audit_kept(Earlier::Nothing, "all");
    assert_eq!((report.exit_code(), state.finished), (2, true));
    // Nor does a second one in vain move on.
    let (report, again) = world.audit_kept(Earlier::Since(state.clone()), "since");
    assert_eq!(report.exit_code(), 2);
    world.mend_broker();
    for state in [state, again] {
        let report = since(&mut world, &state);
        assert_eq!(red(&report).0.missing.first, [6]);
        assert_eq!(report.lake[0].records, 7);
    }
}

/// Nobody tells where the validated topic ends: its part stays where it was.
#[test]
fn a_lake_that_could_not_be_read_is_audited_by_the_next_one() {
    let mut world = World::clean(ExactlyOnce);
    world.judged_until(10);
    let (_, first) = world.audit_kept(Earlier::Nothing, "all");
    world.validate_all(10..14);
    world.judged_until(14);
    world.slot(2, 8, 12, &[8, 10, 11], 0);
    world.no_offsets_of(VALID);
    let (report, second) = world.audit_kept(Earlier::Since(first.clone()), "since");
    assert_eq!(report.exit_code(), 2, "{:#}", report.to_json());
    world.mend_broker();
    for state in [first, second] {
        let report = since(&mut world, &state);
        assert_eq!((red(&report).1.missing.first.as_slice(), report.lake[0].from), ([9].as_slice(), 8));
    }
}

#[test]
fn what_could_not_be_told_is_asked_again() {
    struct Away;
    impl Explain for Away {
        fn explain(&self, _: &tidegate_flow::Record) -> Explained {
            Explained::Untold("the registry is away".to_owned())
        }
    }
    let mut world = World::clean(ExactlyOnce);
    world.source("lost");
    world.judged_until(11);
    let mut keeper = Keeper::default();
    let report = world.audit_along(&Away, &mut keeper, Earlier::Nothing, "all").unwrap();
    assert_eq!(report.exit_code(), 2);
    let report = since(&mut world, &keeper.states.pop().unwrap());
    assert_eq!(red(&report).0.missing.first, [10]);
}

/// Offsets that are settled are judged again: by hand, or by a worker that should be dead.
#[test]
fn who_goes_back_behind_the_last_audit_is_seen() {
    let clean = || {
        let mut world = World::clean(ExactlyOnce);
        world.judged_until(10);
        let (_, state) = world.audit_kept(Earlier::Nothing, "all");
        (world, state)
    };
    let (mut world, state) = clean();
    world.valid(8);
    world.valid(9);
    world.validate_all(10..14);
    world.slot(2, 8, 14, &(8..14).collect::<Vec<_>>(), 0);
    world.judged_until(14);
    let report = since(&mut world, &state);
    assert_eq!(red(&report).0.doubled.first, [8, 9]);
    assert_eq!((report.sources[0].from, report.sources[0].validated), (8, 6));
    assert_eq!(red(&world.audit()).0.doubled.first, [8, 9]);

    // Even where nothing new has come, and as the other class.
    let (mut world, state) = clean();
    green(&since(&mut world, &state));
    world.dead(9);
    assert_eq!(red(&since(&mut world, &state)).0.two_classes.first, [9]);
}

/// In at_least_once it is no breach, as long as the bytes are the same.
#[test]
fn repeats_of_what_is_settled_are_held_against_their_source() {
    let mut world = World::clean(AtLeastOnce);
    world.judged_until(10);
    let (_, state) = world.audit_kept(Earlier::Nothing, "all");
    world.valid(9);
    world.slot(2, 8, 9, &[], 1);
    world.replace("0000000002.manifest", "shadow", "duplicate");
    let report = since(&mut world, &state);
    green(&report);
    assert_eq!((report.sources[0].from, report.sources[0].repeated), (9, 1));
    world.outcome(VALID, 8, |record| record.value = Some(Bytes::from_static(b"else")));
    assert_eq!(red(&since(&mut world, &state)).0.changed.first, [8]);
}

/// What was pending, and has its outcome before the end that the audit before has read.
#[test]
fn an_outcome_between_the_position_and_the_end_is_found() {
    let mut world = World::clean(ExactlyOnce);
    world.judged_until(6);
    let (_, state) = world.audit_kept(Earlier::Nothing, "all");
    world.judged_until(10);
    let report = since(&mut world, &state);
    green(&report);
    assert_eq!((report.sources[0].from, report.sources[0].validated), (6, 3));
}

#[test]
fn a_topic_that_is_shorter_than_it_was_is_told() {
    let mut world = World::clean(ExactlyOnce);
    world.no_ids();
    world.judged_until(10);
    let (_, state) = world.audit_kept(Earlier::Nothing, "all");
    let mut world = World::new(ExactlyOnce);
    world.no_ids();
    for number in 0..6 {
        world.source(&format!("other {number}"));
    }
    world.judged_until(6);
    let report = since(&mut world, &state);
    assert!(report.exit_code() > 0, "{:#}", report.to_json());
    let told = |what: &str| report.incomplete.iter().any(|line| line.contains(what));
    assert!(
        told("raw-0: only 0 to 6") && told("valid-0: it ends at 0"),
        "{:?}",
        report.incomplete
    );
}

#[test]
fn a_part_has_no_next_one() {
    let mut world = World::clean(ExactlyOnce);
    world.remove(VALID, 0);
    world.plan.topics[0].ranges.insert(0, (NextOffset(8), NextOffset(10)));
    let (report, state) = world.audit_kept(Earlier::Nothing, "offsets raw:0=8..10");
    green(&report);
    world.plan.topics[0].ranges.clear();
    let none = |_: &tidegate_flow::Record| None;
    let refused = world
        .audit_along(&none, &mut Keeper::default(), Earlier::Since(state), "since")
        .unwrap_err();
    assert!(
        refused.contains("offsets raw:0=8..10") && refused.contains("everything"),
        "{refused}"
    );
}

#[test]
fn a_chain_that_ends_before_where_it_ended_is_red() {
    let mut world = World::clean(ExactlyOnce);
    world.judged_until(10);
    let (_, state) = world.audit_kept(Earlier::Nothing, "all");
    green(&since(&mut world, &state));
    world.forget("0000000001.manifest");
    assert_eq!(red(&since(&mut world, &state)).1.chain_breaks.first, [5]);
    world.forget("");
    assert_eq!(red(&since(&mut world, &state)).1.chain_breaks.first, [0]);
}
