//! Validated records against rows and the chain.

use super::*;

#[test]
fn real_parquet_is_read() {
    let mut world = World::new(ExactlyOnce);
    world.parquet = true;
    for number in 0..300 {
        world.source(&format!("event {number}"));
        world.valid(number);
    }
    let all: Vec<i64> = (0..300).collect();
    world.slot(0, 0, 300, &all, 0);
    let report = world.audit();
    green(&report);
    assert_eq!((report.files.rows, report.lake[0].rows), (300, 300));
    world.slot(0, 0, 300, &all[..299], 0);
    assert_eq!(red(&world.audit()).1.missing.count, 1);
}

#[test]
fn a_row_that_is_not_there_is_red() {
    let mut world = World::clean(ExactlyOnce);
    world.slot(1, 5, 8, &[5, 7], 0);
    let report = world.audit();
    let (_, lake) = red(&report);
    assert_eq!((lake.missing.count, lake.missing.first.as_slice()), (1, [6].as_slice()));
}

/// A manifest's count is held against the records: one that shows no reason of its own is missing, whatever the manifest says.
#[test]
fn a_counted_skip_without_a_reason_in_the_record_is_red() {
    let mut world = World::clean(ExactlyOnce);
    world.slot(1, 5, 8, &[5, 7], 1);
    assert_eq!(red(&world.audit()).1.missing.first, [6]);
}

#[test]
fn a_counted_skip_explains_a_missing_row() {
    let mut world = World::clean(ExactlyOnce);
    let shadow = world
        .topics
        .records
        .get_mut(VALID)
        .unwrap()
        .iter_mut()
        .find(|record| record.origin.offset.0 == 6)
        .unwrap();
    shadow
        .headers
        .push(tidegate_flow::Header::text(tidegate_flow::stamp::ENFORCED, "false"));
    world.slot(1, 5, 8, &[5, 7], 1);
    let report = world.audit();
    green(&report);
    assert_eq!(report.lake[0].skipped["shadow"], 1);
    world.slot(1, 5, 8, &[5, 6, 7], 1);
    assert_eq!(red(&world.audit()).1.surplus.count, 1);
}

#[test]
fn a_row_twice_is_red() {
    let mut world = World::clean(ExactlyOnce);
    world.file(77, &[6]);
    let report = world.audit();
    assert_eq!(red(&report).1.doubled.first, [6]);
    let mut world = World::clean(ExactlyOnce);
    world.slot(1, 5, 8, &[5, 6, 6, 7], 0);
    assert_eq!(red(&world.audit()).1.doubled.first, [6]);
}

#[test]
fn two_rows_of_one_event_are_red_even_if_its_record_was_repeated() {
    let mut world = World::clean(AtLeastOnce);
    world.valid(2);
    world.slot(2, 8, 9, &[8], 0);
    assert_eq!(red(&world.audit()).1.doubled_origin.first, [2]);
}

#[test]
fn an_invented_row_is_red() {
    let mut world = World::clean(ExactlyOnce);
    world.file(500, &[500]);
    let report = world.audit();
    assert_eq!(red(&report).1.invented, 1);
    let mut world = World::clean(ExactlyOnce);
    world.remove(VALID, 6);
    assert_eq!(red(&world.audit()).1.invented, 1);
}

#[test]
fn a_row_that_names_another_origin_is_red() {
    let mut world = World::clean(ExactlyOnce);
    world.slot(1, 5, 8, &[5, 6], 0);
    world.replace("00000005.parquet", "5 6", "5 999");
    let report = world.audit();
    assert_eq!(red(&report).1.wrong_origin.count, 1);
}

#[test]
fn records_past_the_chain_are_pending_and_in_a_hole_missing() {
    let mut world = World::clean(ExactlyOnce);
    world.forget("0000000001.manifest");
    world.forget("00000005.parquet");
    let report = world.audit();
    green(&report);
    assert_eq!(report.lake[0].pending, 3);
    world.slot(1, 6, 8, &[6, 7], 0);
    let report = world.audit();
    let (_, lake) = red(&report);
    assert_eq!(
        (lake.missing.first.as_slice(), lake.chain_breaks.first.as_slice()),
        ([5].as_slice(), [6].as_slice())
    );
}

#[test]
fn files_that_vanished_or_changed_are_red() {
    let mut world = World::clean(ExactlyOnce);
    world.forget("00000005.parquet");
    let report = world.audit();
    let (_, lake) = red(&report);
    assert_eq!((lake.missing.count, report.files.missing.len()), (3, 1));

    let mut world = World::clean(ExactlyOnce);
    world.replace("00000005.parquet", "\n7 9", "\n7 9\n");
    assert_eq!(world.audit().files.changed.len(), 1, "the same rows in other bytes");

    let mut world = World::clean(ExactlyOnce);
    world.replace("00000005.parquet", " ", "");
    assert_eq!(world.audit().files.unreadable.len(), 1);

    let mut world = World::clean(ExactlyOnce);
    world.put("chain/valid-id-1/00000/0000000002.manifest.json", "{");
    let report = world.audit();
    red(&report);
    assert_eq!(report.files.manifests_unreadable.len(), 1);
}

#[test]
fn an_earlier_topic_of_the_same_name_is_elsewhere() {
    let mut world = World::clean(ExactlyOnce);
    world.slot(0, 0, 5, &[0, 1, 2, 3, 4], 0);
    world.plan.topics[0].incarnation = Some("id-2".into());
    let report = world.audit();
    assert_eq!((report.files.elsewhere, report.files.read, report.lake[0].pending), (2, 0, 8));
}

#[test]
fn slots_that_overlap_are_red() {
    let mut world = World::clean(ExactlyOnce);
    world.slot(1, 4, 8, &[5, 6, 7], 0);
    assert_eq!(red(&world.audit()).1.chain_breaks.first, [4]);
    let mut world = World::clean(ExactlyOnce);
    world.slot(2, 5, 8, &[], 3);
    assert_eq!(red(&world.audit()).1.chain_breaks.first, [5]);
}

/// What manifests say of the sources is what a quick audit rests on.
#[test]
fn a_manifest_with_other_marks_than_its_records_is_red() {
    let mut world = World::clean(ExactlyOnce);
    world.replace("0000000000.manifest", "\"last_offset\":5", "\"last_offset\":6");
    assert_eq!(red(&world.audit()).1.wrong_marks.first, [0]);
}

#[test]
fn files_of_a_claim_that_a_topic_left_behind_are_not_its_own() {
    let mut world = World::clean(ExactlyOnce);
    world.claim("id-0", 5, &[5, 6, 7]);
    let report = world.audit();
    green(&report);
    assert_eq!((report.files.orphaned, report.files.read), (1, 2));
    // The same files of a claim of this topic are rows twice.
    world.claim("id-1", 5, &[5, 6, 7]);
    assert_eq!(red(&world.audit()).1.doubled.count, 3);
    world.put("chain/valid-id-2/00000/0000000002.claim.json", "{");
    assert_eq!(world.audit().files.manifests_unreadable.len(), 1);
}

#[test]
fn rows_of_another_partition_are_red() {
    let mut world = World::clean(ExactlyOnce);
    world.replace("0000000001.manifest", "\"partition\":0,\"seq\"", "\"partition\":3,\"seq\"");
    let report = world.audit();
    red(&report);
    assert_eq!(report.files.misfiled.len(), 1);
}

/// A worker was killed before its commit: what it wrote comes again, after the slot that holds the first rows.
fn repeated_in_a_later_slot(duplicates: u64, rows: &[i64]) -> (World, crate::State) {
    let mut world = World::new(AtLeastOnce);
    world.validate_all(0..10);
    world.slot(0, 0, 10, &(0..10).collect::<Vec<_>>(), 0);
    world.judged_until(8);
    let (report, state) = world.audit_kept(Earlier::Nothing, "all");
    green(&report);
    for number in 10..12 {
        world.source(&format!("event {number}"));
    }
    for number in 8..12 {
        world.valid(number);
    }
    world.slot(1, 10, 14, rows, duplicates);
    world.replace("0000000001.manifest", "shadow", "duplicate");
    world.judged_until(12);
    (world, state)
}

#[test]
fn a_repeat_whose_row_lies_in_an_earlier_slot_is_explained() {
    let (mut world, state) = repeated_in_a_later_slot(2, &[12, 13]);
    green(&world.audit());
    let (report, _) = world.audit_kept(Earlier::Since(state), "since");
    green(&report);
    assert_eq!((report.lake[0].from, report.lake[0].skipped["duplicate"]), (10, 2));
    world.plan.topics[0].ranges.insert(0, (NextOffset(10), NextOffset(12)));
    green(&world.audit());
}

/// Marks of what is not read explain no more than the manifest counts, and nothing that came later.
#[test]
fn a_lost_row_is_no_repeat() {
    // One duplicate is counted, two have no row.
    let (mut world, state) = repeated_in_a_later_slot(1, &[12, 13]);
    let (report, _) = world.audit_kept(Earlier::Since(state), "since");
    assert_eq!(red(&report).1.missing.count, 1);
    // Of a new record, whatever the manifest counts.
    let (mut world, state) = repeated_in_a_later_slot(3, &[13]);
    let (report, _) = world.audit_kept(Earlier::Since(state), "since");
    assert_eq!(red(&report).1.missing.first, [12]);
}
