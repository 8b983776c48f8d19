//! Every breach turns the report red, and nothing else does.

mod course;
mod memory;
mod world;

use bytes::Bytes;
use tidegate_flow::{Header, NextOffset};

use crate::explain::keyless_tombstone;
use crate::plan::Mode::{AtLeastOnce, ExactlyOnce};
use crate::report::{LakeLedger, Report, SourceLedger};
use crate::run::Earlier;
use world::{DEAD, Keeper, RAW, VALID, World};

fn green(report: &Report) {
    assert!(report.clean() && report.exit_code() == 0, "{:#}", report.to_json());
}

fn red(report: &Report) -> (&SourceLedger, &LakeLedger) {
    assert!(!report.clean(), "{:#}", report.to_json());
    assert_eq!(report.exit_code(), 1);
    (&report.sources[0], &report.lake[0])
}

#[test]
fn a_clean_world_is_green_in_both_modes() {
    for mode in [ExactlyOnce, AtLeastOnce] {
        let report = World::clean(mode).audit();
        green(&report);
        let (source, lake) = (&report.sources[0], &report.lake[0]);
        assert_eq!(
            (source.visible, source.validated, source.dead_lettered, source.pending),
            (10, 8, 2, 0)
        );
        assert_eq!((lake.records, lake.rows, lake.pending, lake.landed_until), (8, 8, 0, Some(8)));
        assert_eq!((report.files.read, report.files.rows), (2, 8));
    }
}

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
fn gaps_of_control_records_are_nothing() {
    let mut world = World::new(ExactlyOnce);
    world.source("a");
    world.gap(RAW);
    world.gap(VALID);
    world.source("b");
    world.valid(0);
    world.gap(VALID);
    world.valid(2);
    world.slot(0, 0, 4, &[1, 3], 0);
    green(&world.audit());
}

#[test]
fn a_missing_outcome_is_red() {
    let mut world = World::clean(ExactlyOnce);
    world.source("lost");
    let report = world.audit();
    assert_eq!(red(&report).0.missing.first, [10]);
}

#[test]
fn beyond_the_position_an_outcome_is_pending() {
    let mut world = World::clean(ExactlyOnce);
    world.source("under way");
    world.plan.topics[0].positions.insert(0, NextOffset(10));
    let report = world.audit();
    green(&report);
    assert_eq!(report.sources[0].pending, 1);
    world.plan.topics[0].positions.insert(0, NextOffset(11));
    red(&world.audit());
}

#[test]
fn a_second_outcome_is_red_in_exactly_once_and_counted_in_at_least_once() {
    for topic in [VALID, DEAD] {
        let mut world = World::clean(ExactlyOnce);
        let source = if topic == VALID { 9 } else { 7 };
        world.outcome(topic, source, |_| ());
        assert_eq!(red(&world.audit()).0.doubled.first, [source as i64]);
    }
    let mut world = World::clean(AtLeastOnce);
    world.valid(2);
    world.slot(2, 8, 9, &[], 1);
    let report = world.audit();
    green(&report);
    assert_eq!((report.sources[0].repeated, report.sources[0].validated), (1, 8));
}

#[test]
fn two_classes_are_red_in_both_modes() {
    for mode in [ExactlyOnce, AtLeastOnce] {
        let mut world = World::clean(mode);
        world.dead(4);
        assert_eq!(red(&world.audit()).0.two_classes.first, [4]);
    }
}

#[test]
fn changed_bytes_are_red() {
    type Misdeed = fn(&mut tidegate_flow::Record);
    let misdeeds: [Misdeed; 5] = [
        |record| record.value = Some(Bytes::from_static(b"else")),
        |record| record.value = None,
        |record| record.key = None,
        |record| record.headers[0] = Header::text("trace", "t2"),
        |record| drop(record.headers.remove(1)),
    ];
    for misdeed in misdeeds {
        let mut world = World::new(ExactlyOnce);
        world.source("a");
        world.outcome(VALID, 0, misdeed);
        assert_eq!(red(&world.audit_landed()).0.changed.first, [0]);
    }
    let mut world = World::new(ExactlyOnce);
    world.source("a");
    world.outcome(DEAD, 0, |record| record.value = Some(Bytes::from_static(b"***")));
    assert_eq!(red(&world.audit()).0.changed.first, [0]);
    world.plan.topics[0].dead_letters_full = false;
    green(&world.audit());
}

#[test]
fn a_repeat_with_other_bytes_is_red() {
    let mut world = World::clean(AtLeastOnce);
    world.outcome(VALID, 2, |record| record.value = Some(Bytes::from_static(b"else")));
    world.slot(2, 8, 9, &[], 1);
    assert_eq!(red(&world.audit()).0.changed.first, [2]);
}

#[test]
fn an_outcome_without_a_source_is_red() {
    let mut world = World::clean(ExactlyOnce);
    world.remove(RAW, 5);
    assert_eq!(red(&world.audit()).0.invented.first, [5]);
}

#[test]
fn a_record_without_a_stamp_is_red() {
    let mut world = World::clean(ExactlyOnce);
    world.outcome(DEAD, 1, |record| record.headers.clear());
    let report = world.audit();
    assert_eq!(red(&report).0.unstamped.first, [2]);
}

#[test]
fn order_counts_in_exactly_once() {
    let mut world = World::new(ExactlyOnce);
    world.source("a");
    world.source("b");
    world.valid(1);
    world.valid(0);
    world.slot(0, 0, 2, &[0, 1], 0);
    assert_eq!(red(&world.audit()).0.out_of_order.first, [0]);
    world.plan.mode = AtLeastOnce;
    green(&world.audit());
}

#[test]
fn a_skip_needs_an_explanation() {
    let mut world = World::clean(ExactlyOnce);
    world.keyless_tombstone();
    assert_eq!(red(&world.audit()).0.missing.first, [10]);
    let report = world.audit_explained(&keyless_tombstone);
    green(&report);
    assert_eq!(report.sources[0].skipped["tombstone_keyless"], 1);
    world.source("no tombstone");
    red(&world.audit_explained(&keyless_tombstone));
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
fn what_cannot_be_read_is_incomplete() {
    let mut world = World::clean(ExactlyOnce);
    world.break_broker();
    let report = world.audit();
    assert_eq!((report.clean(), report.exit_code()), (false, 2), "{:#}", report.to_json());
    let mut world = World::clean(ExactlyOnce);
    world.plan.topics[0].source = "elsewhere".into();
    assert_eq!(world.audit().exit_code(), 2);
    let mut world = World::clean(ExactlyOnce);
    world.plan.topics[0].validated = "elsewhere".into();
    assert_eq!(world.audit().exit_code(), 2);
    let mut world = World::clean(ExactlyOnce);
    world.plan.topics[0].ranges.insert(0, (NextOffset(0), NextOffset(11)));
    assert_eq!(world.audit().exit_code(), 2);
}

#[test]
fn a_range_is_audited_alone() {
    let mut world = World::clean(ExactlyOnce);
    world.source("lost");
    world.plan.topics[0].ranges.insert(0, (NextOffset(2), NextOffset(6)));
    let report = world.audit();
    green(&report);
    assert_eq!((report.sources[0].visible, report.sources[0].dead_lettered), (4, 1));
}

#[test]
fn an_empty_range_reads_nothing() {
    let mut world = World::clean(ExactlyOnce);
    world.plan.topics[0].ranges.insert(0, (NextOffset(10), NextOffset(10)));
    let mut keeper = Keeper::default();
    let report = world
        .audit_along(&|_: &tidegate_flow::Record| None, &mut keeper, Earlier::Nothing, "none")
        .unwrap();
    green(&report);
    assert_eq!(keeper.read, 0);
}

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

#[test]
fn a_group_that_began_late_owes_nothing_before() {
    let mut world = World::new(ExactlyOnce);
    for number in 0..10 {
        world.source(&format!("event {number}"));
    }
    world.dead(6);
    world.valid(7);
    world.valid(9);
    world.slot(0, 0, 2, &[0, 1], 0);
    assert_eq!(red(&world.audit()).0.missing.count, 7);
    world.plan.topics[0].starts_late = true;
    let report = world.audit();
    assert_eq!(
        (
            red(&report).0.missing.first.as_slice(),
            report.sources[0].skipped["start_at_latest"]
        ),
        ([8].as_slice(), 6)
    );
}

#[test]
fn an_outcome_in_another_partition_is_red() {
    let mut world = World::clean(ExactlyOnce);
    world.outcome(DEAD, 1, |record| {
        let origin = record
            .headers
            .iter_mut()
            .find(|header| &*header.name == tidegate_flow::stamp::ORIGIN)
            .unwrap();
        *origin = Header::text(tidegate_flow::stamp::ORIGIN, "raw:1:1");
    });
    assert_eq!(red(&world.audit()).0.misplaced.first, [2]);
}

#[test]
fn an_outcome_past_the_end_of_the_source_is_invented() {
    let mut world = World::clean(ExactlyOnce);
    world.outcome(DEAD, 1, |record| {
        let origin = record
            .headers
            .iter_mut()
            .find(|header| &*header.name == tidegate_flow::stamp::ORIGIN)
            .unwrap();
        *origin = Header::text(tidegate_flow::stamp::ORIGIN, "raw:0:777");
    });
    assert_eq!(red(&world.audit()).0.invented.first, [777]);
}

/// Outcomes in whatever order: a window that is done is audited again when an outcome of it turns up.
#[test]
fn nothing_rests_on_the_order_of_outcomes() {
    let mut world = World::new(AtLeastOnce);
    (0..10).for_each(|number| world.source(&format!("event {number}")));
    for number in [9, 3, 0, 1, 8, 2, 4, 7, 5, 6] {
        world.valid(number);
    }
    world.slot(0, 0, 10, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 0);
    green(&world.audit());
    world.outcome(DEAD, 0, |_| ());
    assert_eq!(red(&world.audit()).0.two_classes.first, [0]);
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

#[test]
fn what_cannot_be_told_is_not_missing() {
    let mut world = World::clean(ExactlyOnce);
    world.source("framed");
    struct NoRegistry;
    impl crate::Explain for NoRegistry {
        fn explain(&self, _: &tidegate_flow::Record) -> crate::Explained {
            crate::Explained::Untold("schema 7 is not to be had".to_owned())
        }
    }
    let report = world.audit_explained(&NoRegistry);
    assert_eq!((report.exit_code(), report.sources[0].untold.values().sum::<u64>()), (2, 1));
    assert!(report.incomplete[0].contains("schema 7"), "{:?}", report.incomplete);
}

#[test]
fn the_table_and_the_document_say_the_same() {
    let mut world = World::clean(ExactlyOnce);
    world.source("lost");
    let report = world.audit();
    let json = report.to_json();
    assert_eq!(
        (json["clean"].as_bool(), json["exit_code"].as_u64(), json["version"].as_u64()),
        (Some(false), Some(1), Some(1))
    );
    assert_eq!(json["sources"][0]["missing"], serde_json::json!({"count": 1, "first": [10]}));
    let rows = report.rows();
    assert_eq!(
        (rows.len(), rows[0].at.as_str(), rows[0].what, rows[0].clean),
        (2, "raw-0", "source", false)
    );
    assert!(rows[0].cells.contains(&("missing", 1)) && rows[1].clean);
    assert_eq!(report.findings(), ["raw-0: 1 missing: 10"]);
    world.forget("00000005.parquet");
    assert!(world.audit().findings()[2].ends_with("00000005.parquet: is named by a manifest and is not there"));
}

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

impl World {
    /// With the one validated record landed.
    fn audit_landed(&mut self) -> Report {
        self.slot(0, 0, 1, &[0], 0);
        self.audit()
    }
}
