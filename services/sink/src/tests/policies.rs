use std::collections::VecDeque;

use tidegate_columnar::fixed;
use tidegate_flow::{Header, stamp};

use super::left_behind::*;
use super::world::*;
use crate::slot::Limits;

fn sink(topic: &Topic, rulings: &mut TestRulings) -> MemoryStore {
    let store = MemoryStore::default();
    assert!(work(topic, &store, rulings, &settings(10)));
    store
}

fn offsets(store: &MemoryStore) -> Vec<i64> {
    lake(store, 0).0.iter().map(|row| row.offset).collect()
}

#[test]
fn duplicates_are_skipped_within_a_slot_and_across_restarts() {
    let mut topic = Topic::orders(1, 0);
    for (offset, source) in (0..).zip([0, 1, 2, 1, 2, 3, 5, 4, 6]) {
        topic.push(0, offset, source, "1.0.0", Some("1,1"));
    }
    let store = MemoryStore::default();
    for records_max in [2, 4] {
        let mut part = topic.clone();
        part.records.get_mut(&0).unwrap().truncate(if records_max == 2 { 4 } else { 9 });
        assert!(work(&part, &store, &mut TestRulings::new(false), &settings(records_max)));
    }
    // 4 behind 5 never happens with an ordered validator; it counts as seen.
    assert_eq!(offsets(&store), [0, 1, 2, 5, 6, 8]);
    let skipped: u64 = lake(&store, 0)
        .1
        .iter()
        .filter_map(|manifest| manifest.claim.skips.get("duplicate"))
        .sum();
    assert_eq!(skipped, 3);
}

#[test]
fn shadow_records_and_tombstones_behind_deletes_are_counted_not_written() {
    let mut topic = Topic::orders(1, 0);
    topic.push(0, 0, 0, "1.0.0", Some("1,1"));
    topic
        .push(0, 1, 1, "1.0.0", Some("2,2"))
        .headers
        .push(Header::text(stamp::ENFORCED, "false"));
    topic.push(0, 2, 2, "1.0.0", None);
    let change_log = sink(&topic, &mut TestRulings::new(true));
    assert_eq!(offsets(&change_log), [0]);
    let skips = &lake(&change_log, 0).1[0].claim.skips;
    assert_eq!(
        skips.iter().map(|(policy, count)| (&**policy, *count)).collect::<Vec<_>>(),
        [("shadow", 1), ("tombstone_after_delete", 1)]
    );
    let plain = sink(&topic, &mut TestRulings::new(false));
    assert_eq!(offsets(&plain), [0, 2]);
    let buckets: Vec<_> = lake(&plain, 0).1[0].claim.files.iter().map(|file| file.bucket.clone()).collect();
    assert_eq!(buckets, ["date=1970-01-01", "date=_unknown"]);
}

#[test]
fn a_slot_of_skips_alone_is_committed_without_files() {
    let mut topic = Topic::orders(1, 0);
    topic.push(0, 3, 1, "1.0.0", None);
    let (rows, manifests) = lake(&sink(&topic, &mut TestRulings::new(true)), 0);
    assert!(rows.is_empty() && manifests[0].files.is_empty());
    assert_eq!((manifests[0].claim.start, manifests[0].claim.end), (0, 4));
}

#[test]
fn minors_share_a_file_and_majors_do_not() {
    let mut topic = Topic::orders(1, 0);
    for (offset, version) in (0..).zip(["1.0.0", "1.1.0", "2.0.0", "1.0.0"]) {
        topic.push(0, offset, offset, version, Some("1,1"));
    }
    let store = sink(&topic, &mut TestRulings::new(false));
    assert_eq!(offsets(&store), [0, 1, 2, 3]);
    let (rows, manifests) = lake(&store, 0);
    let paths: Vec<_> = manifests[0].files.iter().map(|file| &*file.path).collect();
    let file = format!("date=1970-01-01/{TOPIC}-8Nq-Zw_XQLyPdpW0iUTMvA-0-00000000000000000000.parquet");
    assert_eq!(
        paths,
        [format!("lake/orders/order/v1/{file}"), format!("lake/orders/order/v2/{file}")]
    );
    assert_eq!(manifests[0].files[0].contract_versions, ["1.0.0", "1.1.0"]);
    assert_eq!(
        rows.iter().map(|row| &*row.contract_version).collect::<Vec<_>>(),
        ["1.0.0", "1.1.0", "2.0.0", "1.0.0"]
    );
}

#[test]
fn event_times_past_the_limit_go_to_unknown_and_do_not_hold_freshness_up() {
    let mut topic = Topic::orders(1, 0);
    for (offset, time) in (0..).zip([NOON, NOON + 3 * DAY, i64::MAX]) {
        topic.push(0, offset, offset, "1.0.0", Some(&format!("1,{time}")));
    }
    topic.push(0, 3, 3, "1.0.0", Some("1,-"));
    let (_, manifests) = lake(&sink(&topic, &mut TestRulings::new(false)), 0);
    let files: Vec<_> = manifests[0].claim.files.iter().map(|file| (&*file.bucket, file.rows)).collect();
    assert_eq!(files, [("date=2026-11-21", 1), ("date=_unknown", 3)]);
    assert_eq!(manifests[0].max_event_time_micros, Some(NOON));
}

#[test]
fn a_slot_closes_before_it_needs_too_many_files() {
    let topic = Topic::orders(1, 9);
    let store = MemoryStore::default();
    let mut settings = settings(1_000);
    settings.limits.buckets_max = 2;
    assert!(work(&topic, &store, &mut TestRulings::new(false), &settings));
    assert_exact(&store, &topic, 0);
    let (_, manifests) = lake(&store, 0);
    assert_eq!(
        manifests.iter().map(|manifest| manifest.claim.records).collect::<Vec<_>>(),
        [2, 2, 2, 2, 1]
    );
    assert!(manifests.iter().all(|manifest| manifest.files.len() <= 2));
}

#[test]
fn all_slots_together_stay_within_the_budget() {
    let topic = Topic::orders(3, 40);
    let store = MemoryStore::default();
    let mut settings = settings(1_000);
    settings.limits = Limits {
        bytes_total_max: 4_000,
        ..settings.limits
    };
    assert!(work(&topic, &store, &mut TestRulings::new(false), &settings));
    for partition in 0..3 {
        assert_exact(&store, &topic, partition);
        assert!(lake(&store, partition).1.len() > 1);
    }
}

#[test]
fn an_unknown_version_waits_for_its_snapshot() {
    let mut topic = Topic::orders(1, 3);
    topic.push(0, 10, 10, "1.1.0", Some("1,1"));
    topic.push(0, 11, 11, "1.0.0", Some("2,1"));
    let mut never = TestRulings::new(false);
    never.bounds.remove(1);
    let store = sink(&topic, &mut never);
    assert_eq!(offsets(&store), [0, 1, 2], "what came before it lands when the worker stops");
    // The version comes with a later snapshot.
    let mut late = TestRulings::new(false);
    late.late = Some("1.1.0");
    late.commits = VecDeque::from(["old", "old", "old", "old", "new"]);
    let store = sink(&topic, &mut late);
    assert_exact(&store, &topic, 0);
}

#[test]
fn a_schema_is_fetched_and_the_record_read_again() {
    let mut topic = Topic::orders(1, 3);
    topic.push(0, 10, 10, "1.0.0", Some("?"));
    let mut rulings = TestRulings::new(false);
    assert_exact(&sink(&topic, &mut rulings), &topic, 0);
    assert_eq!(rulings.fetched, 1);
}

#[test]
fn what_must_never_be_halts_its_partition_and_no_other() {
    let broken: [fn(&mut Topic); 4] = [
        |topic| topic.push(0, 10, 10, "1.0.0", Some("1,1")).headers.clear(),
        |topic| {
            topic.push(0, 10, 10, "1.0.0", Some("1,1")).headers.remove(1);
        },
        |topic| {
            topic.push(0, 10, 10, "1.0.0", Some("1,1!"));
        },
        |topic| {
            // Text where an older version of the same major has a number.
            topic.push(0, 10, 10, "1.2.0", Some("1,1"));
        },
    ];
    for breaks in broken {
        let mut topic = Topic::orders(2, 3);
        breaks(&mut topic);
        topic.push(0, 11, 11, "1.0.0", Some("2,1"));
        let mut rulings = TestRulings::new(false);
        let text = rulings.bounds[2].clone();
        rulings.bounds.push(std::sync::Arc::new(crate::Bound {
            contract: tidegate_contract::ContractRef {
                id: "orders".into(),
                version: "1.2.0".into(),
            },
            major: 1,
            object: "order".into(),
            cdc: false,
            tombstones_repeat: false,
            bucket: text.bucket,
            event_time: true,
            nodes: text.nodes.clone(),
            number: 2,
        }));
        let store = sink(&topic, &mut rulings);
        assert_eq!(offsets(&store), [0, 1, 2], "good records before it are kept, nothing after it is");
        assert_exact(&store, &topic, 1);
    }
}

#[test]
fn rows_say_where_they_come_from() {
    let mut topic = Topic::orders(1, 0);
    topic.push(0, 4, 9, "1.1.0", Some("1,1"));
    let (rows, _) = lake(&sink(&topic, &mut TestRulings::new(false)), 0);
    let row = &rows[0];
    assert_eq!((&*row.source_topic, row.source_partition, row.source_offset), ("raw", 0, 9));
    assert_eq!((&*row.topic, row.partition, row.offset), (TOPIC, 0, 4));
    assert_eq!((&*row.contract_version, &*row.snapshot), ("1.1.0", "c0ffee"));
    assert!(fixed::OFFSET.starts_with(fixed::PREFIX));
}
