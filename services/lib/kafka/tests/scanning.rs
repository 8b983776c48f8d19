//! How long it takes to read, or to keep, what is little, against a real Apache Kafka. Needs a stand (`tests/run` starts one).

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidegate_flow::ports::{Cluster, NewTopic, Relay, Scan};
use tidegate_flow::record::Outgoing;
use tidegate_flow::{NextOffset, TopicPartition};
use tidegate_kafka::{ClusterClient, GroupRelay, PartitionScan, RecordWriter, Settings};

/// To wait for the end of each by itself would take a tenth of a second each.
const PARTITIONS: i32 = 24;

fn brokers() -> Option<Settings> {
    let Ok(stand) = std::env::var("TIDEGATE_STAND") else {
        assert!(
            std::env::var("CI").is_err(),
            "under CI the real broker must be there: run through tests/run"
        );
        println!("SKIPPED: no real broker (TIDEGATE_STAND is not set)");
        return None;
    };
    let stand: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(stand).unwrap()).unwrap();
    Some(Settings::plain(stand["kafka"]["bootstrap"].as_str()?))
}

fn topic(settings: &Settings, name: &str) -> Arc<str> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let new = NewTopic {
        topic: name.clone(),
        partitions: PARTITIONS,
        config: Vec::new(),
    };
    ClusterClient::connect(settings).unwrap().create(&[new]).unwrap();
    name.into()
}

fn five_each(topic: &Arc<str>) -> Vec<Outgoing> {
    let one = |number: i32| Outgoing {
        to: TopicPartition::new(topic.clone(), number % PARTITIONS),
        timestamp: None,
        key: None,
        value: Some(Bytes::from(number.to_string())),
        headers: Vec::new(),
    };
    (0..PARTITIONS * 5).map(one).collect()
}

/// Bounds where each partition begins at 0.
fn all(end: i64) -> Vec<(NextOffset, NextOffset)> {
    vec![(NextOffset(0), NextOffset(end)); PARTITIONS as usize]
}

/// Marks are written after a commit was answered.
fn wait_for_bounds(cluster: &mut ClusterClient, of: &str, wanted: &[(NextOffset, NextOffset)]) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let found = cluster.offsets(of).unwrap();
        if found == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{of}: {found:?}");
    }
}

/// Everything that is there, of partitions that were announced together. How long it takes is what `loadtest/bench dead-letters` holds.
fn look(settings: &Settings, of: &Arc<str>) {
    let mut cluster = ClusterClient::connect(settings).unwrap();
    let mut scan = PartitionScan::connect(settings).unwrap();
    let ends = cluster.offsets(of).unwrap();
    let stretches: Vec<_> = (0..)
        .zip(&ends)
        .map(|(partition, (low, end))| (TopicPartition::new(of.clone(), partition), *low, *end))
        .collect();
    scan.announce(&stretches);
    for (at, low, end) in &stretches {
        let records = scan.scan(at, *low, *end, 100).unwrap();
        let offsets: Vec<i64> = records.iter().map(|record| record.origin.offset.0).collect();
        assert_eq!(offsets, [0, 1, 2, 3, 4], "{at}");
        let next = records.last().unwrap().origin.offset.next();
        assert!(scan.scan(at, next, *end, 100).unwrap().is_empty(), "{at}");
    }
}

#[test]
fn one_client_reads_topics_that_it_has_not_read_before() {
    let Some(settings) = brokers() else { return };
    let topics: Vec<Arc<str>> = (0..4).map(|_| topic(&settings, "scan-new")).collect();
    let mut writer = RecordWriter::connect_repeating(&settings).unwrap();
    for topic in &topics {
        let delivery = writer.write(&five_each(topic)).unwrap();
        assert_eq!((delivery.delivered, delivery.refused.len()), (PARTITIONS as usize * 5, 0));
    }
    let mut scan = PartitionScan::connect(&settings).unwrap();
    for topic in &topics {
        let at = TopicPartition::new(topic.clone(), 0);
        assert_eq!(scan.scan(&at, NextOffset(0), NextOffset(5), 100).unwrap().len(), 5);
    }
}

/// Behind the last record lies the mark of its transaction, which no reader is given: only the end of the partition tells that this is all,
/// and the brokers keep a reader waiting for that.
#[test]
fn marks_at_the_ends_of_many_partitions_are_no_records() {
    let Some(settings) = brokers() else { return };
    let marked = topic(&settings, "scan-marked");
    let group = format!("scan-marked-{}", std::process::id());
    let mut relay = GroupRelay::open(&settings, &group, &group).unwrap();
    relay.begin().unwrap();
    assert_eq!(relay.send(five_each(&marked)).unwrap().delivered, PARTITIONS as usize * 5);
    relay.commit_transaction().unwrap();
    wait_for_bounds(&mut ClusterClient::connect(&settings).unwrap(), &marked, &all(6));
    look(&settings, &marked);
}

/// A reader that stands at the end of a partition is not the end of it: what comes later is read by the next call.
#[test]
fn a_scan_goes_on_where_the_last_one_ended() {
    let Some(settings) = brokers() else { return };
    let growing = topic(&settings, "scan-growing");
    let at = TopicPartition::new(growing.clone(), 0);
    let mut writer = RecordWriter::connect(&settings).unwrap();
    let mut scan = PartitionScan::connect(&settings).unwrap();
    let mut next = NextOffset(0);
    for round in 1..4 {
        assert_eq!(writer.write(&five_each(&growing)).unwrap().delivered, PARTITIONS as usize * 5);
        let mut offsets = Vec::new();
        // Two at once: a call may stop in the middle of what was fetched.
        loop {
            let records = scan.scan(&at, next, NextOffset(round * 5), 2).unwrap();
            let Some(last) = records.last() else { break };
            next = last.origin.offset.next();
            offsets.extend(records.iter().map(|record| record.origin.offset.0));
        }
        assert_eq!(offsets, (round * 5 - 5..round * 5).collect::<Vec<_>>());
    }
}

/// All partitions are asked about at once; one after the other, each of them tells the same.
#[test]
fn the_bounds_of_a_topic_are_those_of_each_of_its_partitions() {
    let Some(settings) = brokers() else { return };
    let name = topic(&settings, "scan-bounds");
    let mut relay = GroupRelay::open(&settings, &name, &name).unwrap();
    relay.begin().unwrap();
    assert_eq!(relay.send(five_each(&name)).unwrap().delivered, PARTITIONS as usize * 5);
    relay.commit_transaction().unwrap();
    let mut cluster = ClusterClient::connect(&settings).unwrap();
    // Five records and the mark.
    wait_for_bounds(&mut cluster, &name, &all(6));
    // Of the first three there is more in a transaction that is open: the last stable offset stays.
    relay.begin().unwrap();
    let open: Vec<Outgoing> = five_each(&name).into_iter().filter(|record| record.to.partition < 3).collect();
    assert_eq!(relay.send(open).unwrap().delivered, 15);
    assert_eq!(cluster.offsets(&name).unwrap(), all(6));
    relay.commit_transaction().unwrap();
    let mut grown = all(6);
    grown[..3].fill((NextOffset(0), NextOffset(12)));
    wait_for_bounds(&mut cluster, &name, &grown);
    assert!(cluster.offsets("scan-no-such-topic").unwrap().is_empty());
}
