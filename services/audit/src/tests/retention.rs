//! What retention and compaction have removed.

use super::*;

#[test]
fn retention_of_an_outcome_topic_is_told_and_proves_nothing() {
    let mut world = World::clean(ExactlyOnce);
    world.retain_from(VALID, 3);
    let report = world.audit();
    assert_eq!((report.clean(), report.exit_code()), (false, 2), "{:#}", report.to_json());
    assert_eq!(report.sources[0].unseen, [("retention".to_owned(), 3)].into());
    assert_eq!(report.lake[0].invented, 0, "rows of removed records");
    // What comes after the first outcome that is left is proved as ever.
    world.remove(VALID, 4);
    let report = world.audit();
    assert_eq!(red(&report).0.missing.first, [5]);
    world.plan.topics[0].ranges.insert(0, (NextOffset(4), NextOffset(5)));
    green(&world.audit());
    // Nothing at all is left of the dead letters.
    let mut world = World::clean(ExactlyOnce);
    world.retain_from(DEAD, 2);
    let report = world.audit();
    assert_eq!(
        (report.exit_code(), report.sources[0].unseen["retention"]),
        (2, 2),
        "{:#}",
        report.to_json()
    );
}

#[test]
fn retention_of_the_source_is_nothing() {
    let mut world = World::clean(ExactlyOnce);
    world.retain_from(RAW, 6);
    let report = world.audit();
    green(&report);
    assert_eq!((report.sources[0].from, report.sources[0].visible), (6, 4));
}

#[test]
fn retention_before_landing_is_told() {
    let mut world = World::clean(ExactlyOnce);
    world.gap(VALID);
    world.retain_from(VALID, 9);
    assert_eq!(world.audit().exit_code(), 2, "what the records before were is not to be seen");
    world.plan.topics[0].ranges.insert(0, (NextOffset(10), NextOffset(10)));
    let report = world.audit();
    green(&report);
    assert_eq!(report.lake[0].removed_before_landing, 1, "the end of a transaction");
    for _ in 0..2 {
        world.gap(VALID);
    }
    world.retain_from(VALID, 11);
    let report = world.audit();
    assert_eq!(
        (report.exit_code(), report.lake[0].removed_before_landing),
        (2, 3),
        "{:#}",
        report.to_json()
    );
}

#[test]
fn compaction_of_the_source_is_no_invention() {
    let mut world = World::clean(ExactlyOnce);
    world.remove(RAW, 5);
    assert_eq!(red(&world.audit()).0.invented.first, [5]);
    world.policy = Some("compact,delete".to_owned());
    let report = world.audit();
    green(&report);
    let source = &report.sources[0];
    assert_eq!((source.compacted, source.gaps["compaction"], source.visible), (1, 1, 9));
    // Where the broker does not tell, nothing is excused.
    world.policy = None;
    red(&world.audit());
}

#[test]
fn compaction_of_an_outcome_topic_proves_nothing() {
    let mut world = World::clean(ExactlyOnce);
    world.policy = Some("compact".to_owned());
    world.remove(VALID, 5);
    world.slot(1, 5, 8, &[6, 7], 0);
    let report = world.audit();
    assert_eq!(
        (report.exit_code(), report.sources[0].unseen["compaction"]),
        (2, 1),
        "{:#}",
        report.to_json()
    );
}

/// The group's position lies below the first offset that there is: nobody has judged what was between, and nobody will.
#[test]
fn retention_before_judging_is_told() {
    let mut world = World::new(ExactlyOnce);
    world.validate_all(0..4);
    for number in 4..10 {
        world.source(&format!("event {number}"));
    }
    world.slot(0, 0, 4, &[0, 1, 2, 3], 0);
    world.judged_until(4);
    green(&world.audit());
    world.retain_from(RAW, 7);
    let (report, state) = world.audit_kept(Earlier::Nothing, "all");
    assert_eq!((report.exit_code(), report.sources[0].removed_before_judging), (2, 3));
    assert!(report.incomplete[0].contains("3 offsets"), "{:?}", report.incomplete);
    // Until the position is set on purpose.
    assert_eq!(world.audit_kept(Earlier::Since(state.clone()), "since").0.exit_code(), 2);
    world.judged_until(7);
    green(&world.audit());
    green(&world.audit_kept(Earlier::Since(state), "since").0);
    // A range behind has nothing to do with it.
    world.judged_until(4);
    world.plan.topics[0].ranges.insert(0, (NextOffset(8), NextOffset(10)));
    green(&world.audit());
}

/// Retention of the source goes on between two parts of an audit: no outcome of what it removed is an invention, and no offset is asked for
/// that is not there any more.
#[test]
fn retention_that_moves_meanwhile_is_no_breach() {
    for uncommitted in [false, true] {
        let mut world = World::clean(ExactlyOnce);
        world.uncommitted = uncommitted;
        let (_, state) = world.audit_stopped(Earlier::Nothing, "all", Some(1));
        world.retain_from(RAW, 6);
        let (report, _) = world.audit_kept(Earlier::Unfinished(state.clone()), "all");
        green(&report);
        let source = &report.sources[0];
        assert_eq!((source.from, source.visible, source.gaps["retention"]), (0, 4, 6));
        // What is left owes its outcome as ever.
        world.remove(VALID, 6);
        let (report, _) = world.audit_kept(Earlier::Unfinished(state), "all");
        assert_eq!(red(&report).0.missing.first, [8]);
    }
    // What somebody asked for by name, or had not been judged, was not looked at.
    let mut world = World::clean(ExactlyOnce);
    world.plan.topics[0].ranges.insert(0, (NextOffset(2), NextOffset(9)));
    let (_, state) = world.audit_stopped(Earlier::Nothing, "part", Some(1));
    world.retain_from(RAW, 6);
    let (report, _) = world.audit_kept(Earlier::Unfinished(state), "part");
    assert_eq!((report.exit_code(), report.sources[0].gaps["retention"]), (2, 4));
    let mut world = World::clean(ExactlyOnce);
    world.source("never judged");
    world.source("the next");
    world.judged_until(10);
    let (_, state) = world.audit_stopped(Earlier::Nothing, "all", Some(1));
    world.retain_from(RAW, 11);
    let (report, _) = world.audit_kept(Earlier::Unfinished(state), "all");
    assert_eq!((report.exit_code(), report.sources[0].removed_before_judging), (2, 1));
}
