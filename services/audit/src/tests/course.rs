//! Audits that are interrupted, and those that follow one another.

use super::*;

/// Stopped after every possible number of records and gone on with from what was kept, the report is that of one run.
#[test]
fn an_audit_that_is_interrupted_goes_on() {
    let mut world = World::clean(ExactlyOnce);
    world.source("lost");
    world.dead(1);
    let whole = world.audit().to_json();
    let none = |_: &tidegate_flow::Record| None;
    let mut total = Keeper::default();
    world.audit_along(&none, &mut total, Earlier::Nothing, "all").unwrap();
    let mut saved = 0;
    for stop_after in 1..=total.read {
        let mut first = Keeper {
            stop_after: Some(stop_after),
            ..Keeper::default()
        };
        let report = world.audit_along(&none, &mut first, Earlier::Nothing, "all").unwrap();
        assert!(report.was_stopped && report.exit_code() > 0);
        let kept = first.states.pop().expect("something is kept at once");
        assert!(!kept.finished);
        let mut second = Keeper::default();
        let report = world.audit_along(&none, &mut second, Earlier::Unfinished(kept), "all").unwrap();
        assert_eq!(report.to_json(), whole, "stopped after {stop_after}");
        assert!(second.states.last().unwrap().finished);
        saved += total.read - second.read;
    }
    assert!(saved > total.read, "what was done is not done again");
}

#[test]
fn a_state_of_something_else_is_refused() {
    let mut world = World::clean(ExactlyOnce);
    let none = |_: &tidegate_flow::Record| None;
    let mut keeper = Keeper::default();
    world.audit_along(&none, &mut keeper, Earlier::Nothing, "all").unwrap();
    let state = keeper.states.pop().unwrap();
    world.plan.mode = AtLeastOnce;
    for earlier in [Earlier::Unfinished(state.clone()), Earlier::Since(state.clone())] {
        let refused = world.audit_along(&none, &mut keeper, earlier, "all").unwrap_err();
        assert!(refused.contains("mode"), "{refused}");
    }
    world.plan.mode = ExactlyOnce;
    let refused = world
        .audit_along(&none, &mut keeper, Earlier::Unfinished(state), "other")
        .unwrap_err();
    assert!(refused.contains("range"), "{refused}");
}

#[test]
fn the_next_audit_begins_where_the_last_one_ended() {
    let mut world = World::clean(ExactlyOnce);
    let none = |_: &tidegate_flow::Record| None;
    world.source("under way");
    world.plan.topics[0].positions.insert(0, NextOffset(10));
    let mut keeper = Keeper::default();
    let report = world.audit_along(&none, &mut keeper, Earlier::Nothing, "all").unwrap();
    assert_eq!((report.exit_code(), report.sources[0].pending), (0, 1));
    let all = keeper.read;
    // What was pending has its outcome now, a record is lost, and a row is missing.
    world.valid(10);
    for number in 11..14 {
        world.source(&format!("event {number}"));
        if number != 12 {
            world.valid(number);
        }
    }
    world.slot(2, 8, 11, &[8, 10], 0);
    world.plan.topics[0].positions.insert(0, NextOffset(14));
    let state = keeper.states.pop().unwrap();
    let mut keeper = Keeper::default();
    let report = world
        .audit_along(&none, &mut keeper, Earlier::Since(state.clone()), "since")
        .unwrap();
    let (source, lake) = red(&report);
    assert_eq!(
        (source.from, source.visible, source.missing.first.as_slice()),
        (10, 4, [12].as_slice())
    );
    assert_eq!((lake.from, lake.records, lake.missing.first.as_slice()), (8, 3, [9].as_slice()));
    assert_eq!((report.files.read, report.files.outside), (1, 2));
    assert!(keeper.read < all, "{} of {all}", keeper.read);
    // A topic that was created again has nothing to do with it.
    let mut other = state;
    other.subject.topics[0][0].id = Some("before".to_owned());
    let refused = world.audit_along(&none, &mut keeper, Earlier::Since(other), "since").unwrap_err();
    assert!(refused.contains("created again"), "{refused}");
}

/// What was not to be had at the start is told at the end, whoever goes on.
#[test]
fn what_was_incomplete_is_told_by_whoever_goes_on() {
    let mut world = World::clean(ExactlyOnce);
    world.plan.topics[0].ranges.insert(0, (NextOffset(2), NextOffset(500)));
    let (first, state) = world.audit_stopped(Earlier::Nothing, "part", Some(1));
    assert!(first.incomplete[0].contains("raw-0: only 0 to 10"), "{:?}", first.incomplete);
    let (report, _) = world.audit_kept(Earlier::Unfinished(state), "part");
    assert_eq!((report.exit_code(), &report.incomplete[..]), (2, &first.incomplete[..1]));
}

/// A topic whose bounds nobody told is no part of the state: whoever goes on asks for it again.
#[test]
fn a_topic_that_was_left_out_is_audited_by_whoever_goes_on() {
    for unanswered in [RAW, VALID] {
        let mut world = World::clean(ExactlyOnce);
        world.remove(VALID, 5);
        world.no_offsets_of(unanswered);
        let (first, mut state) = world.audit_kept(Earlier::Nothing, "all");
        assert!(!first.clean() && first.sources.is_empty(), "{:#}", first.to_json());
        state.finished = false;
        world.mend_broker();
        let (report, _) = world.audit_kept(Earlier::Unfinished(state), "all");
        assert_eq!(red(&report).0.missing.first, [6]);
    }
}

/// An audit of what came since another finds the same when it is interrupted.
#[test]
fn what_came_since_is_the_same_when_interrupted() {
    let mut world = World::clean(ExactlyOnce);
    world.validate_all(10..12);
    world.judged_until(12);
    let (first, state) = world.audit_kept(Earlier::Nothing, "all");
    assert_eq!((first.exit_code(), first.lake[0].pending), (0, 2));
    world.validate_all(12..16);
    world.judged_until(16);
    // Rows of what was pending are lost, and the manifest lies.
    world.slot(2, 8, 10, &[], 2);
    world.slot(3, 10, 14, &[10, 11, 12, 13], 0);
    let mut total = Keeper::default();
    let none = |_: &tidegate_flow::Record| None;
    let straight = world
        .audit_along(&none, &mut total, Earlier::Since(state.clone()), "since")
        .unwrap();
    assert_eq!(red(&straight).1.missing.first, [8, 9]);
    for stop_after in 1..=total.read {
        let (_, kept) = world.audit_stopped(Earlier::Since(state.clone()), "since", Some(stop_after));
        assert!(!kept.finished);
        let (report, _) = world.audit_kept(Earlier::Unfinished(kept), "since");
        assert_eq!(report.to_json(), straight.to_json(), "stopped after {stop_after}");
    }
}

#[test]
fn a_range_past_the_end_is_told() {
    let mut world = World::clean(ExactlyOnce);
    world.plan.topics[0].ranges.insert(0, (NextOffset(100), NextOffset(10)));
    let report = world.audit();
    assert_eq!(report.exit_code(), 2);
    assert!(
        report.incomplete[0].contains("only 0 to 10 of the range 100 to 10"),
        "{:?}",
        report.incomplete
    );
}

/// What a finished partition does not need is not carried along.
#[test]
fn a_finished_partition_is_small_in_the_state() {
    let mut world = World::clean(ExactlyOnce);
    let (_, state) = world.audit_kept(Earlier::Nothing, "all");
    let json: serde_json::Value = serde_json::from_slice(&state.to_bytes()).unwrap();
    let work = &json["sources"][0]["work"];
    let lengths = [&work["windows"], &work["tracks"][0]["pieces"]].map(|list| list.as_array().unwrap().len());
    assert_eq!(lengths, [0, 0]);
}
