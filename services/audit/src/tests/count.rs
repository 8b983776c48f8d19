//! Audits by count.

use super::*;

#[test]
fn a_count_comes_out_even_and_finds_what_does_not() {
    let mut keeper = Keeper::default();
    let mut world = World::clean(ExactlyOnce);
    let report = world.count(&mut keeper);
    green(&report);
    let count = &report.counts[0];
    assert_eq!((count.offsets, count.landed, count.dead_lettered, count.uncounted), (10, 8, 2, 0));
    assert_eq!(keeper.read, 2, "only dead letters are read");
    // More than there are offsets, or the same dead letter again: breaches.
    world.slot(2, 8, 10, &[8], 1);
    assert_eq!(
        (world.count(&mut keeper).exit_code(), world.count(&mut keeper).counts[0].surplus),
        (1, 2)
    );
    let mut world = World::clean(ExactlyOnce);
    world.dead(3);
    assert_eq!(world.count(&mut keeper).counts[0].doubled, 1);
    // A file of another length, a hole in the chain.
    let mut world = World::clean(ExactlyOnce);
    world.replace("00000005.parquet", " ", "  ");
    assert_eq!(world.count(&mut keeper).files.changed.len(), 1);
    world.slot(1, 6, 8, &[6, 7], 0);
    assert_eq!(world.count(&mut keeper).lake[0].chain_breaks.first, [6]);
    // Retention of the source: counting begins behind the slot that covers it.
    let mut world = World::clean(ExactlyOnce);
    world.retain_from(RAW, 3);
    let report = world.count(&mut keeper);
    assert_eq!(
        (report.exit_code(), report.counts[0].from, report.counts[0].offsets),
        (0, 6, 4),
        "{:#}",
        report.to_json()
    );
}

/// What is not accounted for is never called clean, nor a loss.
#[test]
fn a_count_that_does_not_come_out_even_proves_nothing() {
    let mut world = World::new(AtLeastOnce);
    (0..4).for_each(|number| world.source(&format!("event {number}")));
    for number in [0, 1, 1, 3] {
        world.valid(number);
    }
    world.slot(0, 0, 4, &[0, 1, 3], 1);
    world.replace("0000000000.manifest", "shadow", "duplicate");
    let report = world.count(&mut Keeper::default());
    assert_eq!((report.exit_code(), report.counts[0].unaccounted), (2, 1), "{:#}", report.to_json());
    assert_eq!(red(&world.audit()).0.missing.first, [2], "in full it is told");
}

/// Manifests that agree with each other and lie: the count believes them, the audit in full does not.
#[test]
fn a_lie_of_the_manifests_is_found_in_full() {
    let mut world = World::new(ExactlyOnce);
    (0..4).for_each(|number| world.source(&format!("event {number}")));
    for number in [0, 1, 3] {
        world.valid(number);
    }
    world.slot(0, 0, 3, &[0, 1, 2], 1);
    green(&world.count(&mut Keeper::default()));
    let report = world.audit();
    let (source, lake) = red(&report);
    assert_eq!(
        (source.missing.first.as_slice(), lake.surplus.first.as_slice()),
        ([2].as_slice(), [0].as_slice())
    );
}

/// A count of nothing is not clean.
#[test]
fn where_nothing_has_landed_nothing_is_counted() {
    let mut world = World::clean(ExactlyOnce);
    world.forget("");
    world.judged_until(10);
    let report = world.count(&mut Keeper::default());
    assert_eq!((report.exit_code(), report.counts[0].uncounted), (2, 10));
    assert!(report.incomplete[0].contains("lake.location"), "{:?}", report.incomplete);
    // Nor where the chain ends before the first offset that there is.
    let mut world = World::clean(ExactlyOnce);
    world.forget("0000000001.manifest");
    world.retain_from(RAW, 8);
    assert_eq!(world.count(&mut Keeper::default()).exit_code(), 2);
    let mut world = World::new(ExactlyOnce);
    green(&world.count(&mut Keeper::default()));
}

#[test]
fn what_is_judged_and_not_counted_is_noted() {
    let mut world = World::clean(ExactlyOnce);
    world.judged_until(10);
    assert!(world.count(&mut Keeper::default()).notes.is_empty());
    world.forget("0000000001.manifest");
    let report = world.count(&mut Keeper::default());
    assert_eq!((report.exit_code(), report.counts[0].uncounted), (0, 4));
    assert!(report.notes[0].contains("raw-0: 4 offsets"), "{:?}", report.notes);
}

#[test]
fn each_breach_of_a_count_has_its_line() {
    let mut world = World::clean(ExactlyOnce);
    world.dead(3);
    let report = world.count(&mut Keeper::default());
    assert_eq!(
        (report.exit_code(), report.findings()),
        (1, vec!["raw-0: 1 doubled by count".to_owned()])
    );
}
