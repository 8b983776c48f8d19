//! Every breach turns the report red, and nothing else does.

mod world;

use bytes::Bytes;
use tidegate_flow::{Header, NextOffset};

use crate::explain::keyless_tombstone;
use crate::plan::Mode::{AtLeastOnce, ExactlyOnce};
use crate::report::{LakeLedger, Report, SourceLedger};
use world::{DEAD, RAW, VALID, World};

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
fn retention_of_the_validated_topic_is_not_invention() {
    let mut world = World::clean(ExactlyOnce);
    world.retain_from(VALID, 3);
    world.plan.topics[0].ranges.insert(0, (NextOffset(4), NextOffset(10)));
    let report = world.audit();
    assert!(!report.clean(), "{:#}", report.to_json());
    assert_eq!(report.exit_code(), 2, "and the audit says that it does not see everything");
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
}

impl World {
    /// With the one validated record landed.
    fn audit_landed(&mut self) -> Report {
        self.slot(0, 0, 1, &[0], 0);
        self.audit()
    }
}
