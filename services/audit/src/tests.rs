//! Every breach turns the report red, and nothing else does.

mod accepted_loss;
mod account;
mod count;
mod course;
mod lake;
mod late;
mod memory;
mod open;
mod retention;
mod since;
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

impl World {
    /// With the one validated record landed.
    fn audit_landed(&mut self) -> Report {
        self.slot(0, 0, 1, &[0], 0);
        self.audit()
    }
}
