//! Each partition gets the mark of a transaction's end by itself.

use super::*;

/// The group's position is there, the outcomes of the same transaction are not yet.
#[test]
fn an_outcome_in_a_transaction_without_an_end_is_not_missing() {
    let mut world = World::clean(ExactlyOnce);
    world.validate_all(10..12);
    world.judged_until(12);
    world.hide_from(VALID, 8);
    assert_eq!(red(&world.audit()).0.missing.first, [10, 11], "nobody looks further");
    world.uncommitted = true;
    let (report, state) = world.audit_kept(Earlier::Nothing, "all");
    assert_eq!(
        (report.exit_code(), report.sources[0].unseen["open_transaction"]),
        (2, 2),
        "{:#}",
        report.to_json()
    );
    // The next one sees what became of it.
    let again = |world: &mut World| world.audit_kept(Earlier::Since(state.clone()), "since").0;
    assert_eq!(again(&mut world).exit_code(), 2);
    world.hide_from(VALID, 10);
    let report = again(&mut world);
    green(&report);
    assert_eq!((report.sources[0].from, report.sources[0].validated), (10, 2));
    // It was aborted.
    world.remove(VALID, 8);
    world.remove(VALID, 9);
    assert_eq!(red(&again(&mut world)).0.missing.first, [10, 11]);
}

#[test]
fn what_is_nowhere_is_missing() {
    let mut world = World::clean(ExactlyOnce);
    world.source("lost");
    world.validate_all(11..12);
    world.judged_until(12);
    world.hide_from(VALID, 8);
    world.uncommitted = true;
    let report = world.audit();
    assert_eq!(
        (
            red(&report).0.missing.first.as_slice(),
            report.sources[0].unseen["open_transaction"]
        ),
        ([10].as_slice(), 1)
    );
}
