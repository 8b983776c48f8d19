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
