//! Groups with `start_at: latest`: what lay there before owes nothing, and a loss must not pass for it.

use super::*;

/// Twenty records; the group began at the third, and of 10 and 11 the outcomes are lost.
fn began_at_2() -> World {
    let mut world = World::new(ExactlyOnce);
    for number in 0..20 {
        world.source(&format!("event {number}"));
    }
    for number in (2..20).filter(|number| ![10, 11].contains(number)) {
        world.valid(number);
    }
    world.slot(0, 0, 16, &(0..16).collect::<Vec<_>>(), 0);
    world.plan.topics[0].starts_late = true;
    world.judged_until(20);
    world
}

#[test]
fn a_loss_at_the_start_of_a_part_is_none_of_what_was_before_the_group() {
    let mut world = began_at_2();
    let report = world.audit();
    assert_eq!(red(&report).0.missing.first, [10, 11]);
    assert_eq!(report.sources[0].skipped["start_at_latest"], 2);
    world.plan.topics[0].ranges.insert(0, (NextOffset(10), NextOffset(20)));
    assert_eq!(red(&world.audit()).0.missing.first, [10, 11]);
    // The same by an audit that follows one.
    world.plan.topics[0].ranges.clear();
    world.judged_until(10);
    let (report, state) = world.audit_kept(Earlier::Nothing, "all");
    assert_eq!((report.exit_code(), report.sources[0].pending), (0, 2));
    world.judged_until(20);
    let (report, _) = world.audit_kept(Earlier::Since(state), "since");
    assert_eq!(red(&report).0.missing.first, [10, 11]);
}

/// In a part nothing shows whether the group had begun.
#[test]
fn a_part_before_the_first_outcome_proves_nothing() {
    let mut world = began_at_2();
    world.plan.topics[0].ranges.insert(0, (NextOffset(0), NextOffset(4)));
    let report = world.audit();
    assert_eq!(
        (report.exit_code(), report.sources[0].unseen["start_at_latest"]),
        (2, 2),
        "{:#}",
        report.to_json()
    );
}

#[test]
fn where_the_group_began_cannot_be_told_when_early_outcomes_are_gone() {
    let mut world = World::clean(ExactlyOnce);
    world.plan.topics[0].starts_late = true;
    world.retain_from(VALID, 5);
    world.retain_from(DEAD, 1);
    let report = world.audit();
    assert_eq!(
        (report.exit_code(), report.sources[0].unseen["retention"]),
        (2, 6),
        "{:#}",
        report.to_json()
    );
    assert!(report.sources[0].skipped.is_empty());
}

#[test]
fn without_any_outcome_nothing_is_proved_once_the_group_has_a_position() {
    let mut world = World::new(ExactlyOnce);
    for number in 0..20 {
        world.source(&format!("event {number}"));
    }
    world.plan.topics[0].starts_late = true;
    let report = world.audit();
    green(&report);
    assert_eq!(report.sources[0].skipped["start_at_latest"], 20, "nobody has begun");
    world.judged_until(20);
    let report = world.audit();
    assert_eq!(
        (report.exit_code(), report.sources[0].unseen["start_at_latest"]),
        (2, 20),
        "{:#}",
        report.to_json()
    );
}
