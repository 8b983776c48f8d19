//! The Kafka shell against a real Apache Kafka. Needs a stand (`tests/run` starts one).

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidegate_flow::ports::{Cluster, Consumer, Exchange, NewTopic, Polled, Refusal, Scan};
use tidegate_flow::record::Outgoing;
use tidegate_flow::{Header, NextOffset, Position, Record, TopicPartition};
use tidegate_kafka::{
    ClusterClient, Delivering, GroupConsumer, GroupExchange, PartitionScan, RecordWriter, Settings, Transactions, probe_transactions,
};

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

fn unique(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn topic(settings: &Settings, name: &str, partitions: i32) -> Arc<str> {
    let name = unique(name);
    let mut cluster = ClusterClient::connect(settings).unwrap();
    cluster
        .create(&[NewTopic {
            topic: name.clone(),
            partitions,
            // The records of these tests are years old: the broker would delete them whenever it looks.
            config: vec![("retention.ms".to_owned(), "-1".to_owned())],
        }])
        .unwrap();
    let name: Arc<str> = name.into();
    let deadline = Instant::now() + Duration::from_secs(20);
    while cluster.topics(std::slice::from_ref(&name)).unwrap().is_empty() {
        assert!(Instant::now() < deadline, "topic {name} does not appear");
    }
    name
}

fn outgoing(topic: &Arc<str>, partition: i32, text: String) -> Outgoing {
    Outgoing {
        to: TopicPartition {
            topic: topic.clone(),
            partition,
        },
        timestamp: Some(1_700_000_000_123),
        key: Some(Bytes::from_static(b"k")),
        value: Some(Bytes::from(text)),
        headers: vec![
            Header::text("a", "1"),
            Header {
                name: "n".into(),
                value: None,
            },
            Header::text("a", "2"),
        ],
    }
}

fn fill(settings: &Settings, topic: &Arc<str>, partitions: i32, each: usize) {
    let mut exchange = GroupExchange::join(
        settings,
        "fill",
        &unique("fill"),
        std::slice::from_ref(topic),
        Delivering::Acknowledged,
    )
    .unwrap();
    let batch = (0..each)
        .flat_map(|i| (0..partitions).map(move |p| (p, i)))
        .map(|(p, i)| outgoing(topic, p, format!("{p}:{i}")))
        .collect();
    let delivery = exchange.send(batch).unwrap();
    assert_eq!((delivery.delivered, delivery.refused.len()), (each * partitions as usize, 0));
}

/// Polls until `done`; starts what is assigned at its committed position, else at the front.
fn drive<C: Consumer + ?Sized>(consumer: &mut C, mut take: impl FnMut(Vec<Record>), mut done: impl FnMut(&C) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done(consumer) {
        assert!(Instant::now() < deadline, "the condition was not reached in time");
        match consumer.poll(1000, Duration::from_millis(100)).unwrap() {
            Polled::Assigned(partitions) => start(consumer, &partitions),
            Polled::Records(records) => take(records),
            Polled::Revoked(_) | Polled::Lost(_) => {}
            Polled::Stuck(at, error) => panic!("{at}: {error}"),
        }
    }
}

/// Starts partitions where the group is; what was given is owned before that, too, and then still once.
fn start<C: Consumer + ?Sized>(consumer: &mut C, partitions: &[TopicPartition]) {
    let owned = |consumer: &C| consumer.assignment().iter().filter(|at| partitions.contains(at)).count();
    assert_eq!(owned(consumer), partitions.len(), "given and not started");
    let positions: Vec<(TopicPartition, NextOffset)> = consumer
        .committed(partitions)
        .unwrap()
        .into_iter()
        .map(|c| (c.at, c.next.unwrap_or(NextOffset(0))))
        .collect();
    consumer.start(&positions).unwrap();
    assert_eq!(owned(consumer), partitions.len(), "started");
}

#[test]
fn an_aborted_batch_is_invisible_and_a_committed_one_moves_the_position_with_it() {
    let Some(settings) = brokers() else { return };
    let (source, out, group) = (topic(&settings, "source", 2), topic(&settings, "out", 2), unique("group"));
    fill(&settings, &source, 2, 50);
    let transactional = Delivering::Transactional(unique("worker"));
    let mut exchange = GroupExchange::join(&settings, "test", &group, std::slice::from_ref(&source), transactional).unwrap();
    let mut seen: Vec<Record> = Vec::new();
    let count = std::cell::Cell::new(0);
    drive(
        &mut exchange,
        |records| {
            seen.extend(records);
            count.set(seen.len());
        },
        |_| count.get() == 100,
    );
    let copies = |seen: &[Record]| -> Vec<Outgoing> {
        seen.iter()
            .map(|record| Outgoing {
                to: TopicPartition {
                    topic: out.clone(),
                    partition: record.origin.at.partition,
                },
                timestamp: record.timestamp,
                key: record.key.clone(),
                value: record.value.clone(),
                headers: record.headers.clone(),
            })
            .collect()
    };
    let positions: Vec<Position> = (0..2)
        .map(|p| Position {
            at: TopicPartition {
                topic: source.clone(),
                partition: p,
            },
            next: NextOffset(50),
            metadata: "note".into(),
        })
        .collect();

    // Aborted: nothing is read back, the position stands where it was, and a rewind brings every record again.
    exchange.begin().unwrap();
    assert_eq!(exchange.send(copies(&seen)).unwrap().delivered, 100);
    exchange.send_offsets(&positions).unwrap();
    exchange.abort_transaction().unwrap();
    let partitions: Vec<TopicPartition> = positions.iter().map(|position| position.at.clone()).collect();
    assert!(
        exchange
            .committed(&partitions)
            .unwrap()
            .iter()
            .all(|committed| committed.next.is_none())
    );
    let back: Vec<(TopicPartition, NextOffset)> = partitions.iter().map(|at| (at.clone(), NextOffset(0))).collect();
    exchange.seek(&back).unwrap();
    let mut again: Vec<Record> = Vec::new();
    let count = std::cell::Cell::new(0);
    drive(
        &mut exchange,
        |records| {
            again.extend(records);
            count.set(again.len());
        },
        |_| count.get() >= 100,
    );
    again.sort_by_key(|record| record.origin.clone());
    seen.sort_by_key(|record| record.origin.clone());
    assert_eq!(again, seen);

    exchange.begin().unwrap();
    assert_eq!(exchange.send(copies(&again)).unwrap().delivered, 100);
    exchange.send_offsets(&positions).unwrap();
    exchange.commit_transaction().unwrap();
    let committed = exchange.committed(&partitions).unwrap();
    assert!(
        committed.iter().all(|c| c.next == Some(NextOffset(50)) && c.metadata == "note"),
        "{committed:?}"
    );
    let mut scan = PartitionScan::connect(&settings).unwrap();
    let ends = ClusterClient::connect(&settings).unwrap().offsets(&out).unwrap();
    for partition in 0..2 {
        let at = TopicPartition {
            topic: out.clone(),
            partition,
        };
        let copied = scan.scan(&at, NextOffset(0), ends[partition as usize].1, 10_000).unwrap();
        let originals: Vec<&Record> = again.iter().filter(|record| record.origin.at.partition == partition).collect();
        assert_eq!(copied.len(), originals.len(), "aborted records must not be read");
        for (copy, original) in copied.iter().zip(originals) {
            assert_eq!(
                (&copy.key, &copy.value, &copy.headers, copy.timestamp),
                (&original.key, &original.value, &original.headers, original.timestamp)
            );
        }
    }
    exchange.close();
}

#[test]
fn a_second_member_takes_its_share_and_gives_it_back() {
    let Some(settings) = brokers() else { return };
    let (source, group) = (topic(&settings, "source", 4), unique("group"));
    let join = || GroupConsumer::join(&settings, "test", &group, std::slice::from_ref(&source)).unwrap();
    let mut first = join();
    drive(&mut first, drop, |consumer| consumer.assignment().len() == 4);
    let mut second = join();
    let deadline = Instant::now() + Duration::from_secs(60);
    while first.assignment().len() != 2 || second.assignment().len() != 2 {
        assert!(Instant::now() < deadline, "{:?} {:?}", first.assignment(), second.assignment());
        for consumer in [&mut first, &mut second] {
            if let Polled::Assigned(partitions) = consumer.poll(10, Duration::from_millis(50)).unwrap() {
                start(consumer, &partitions);
            }
        }
    }
    second.close();
    drop(second);
    drive(&mut first, drop, |consumer| consumer.assignment().len() == 4);
}

#[test]
fn a_position_that_the_topic_no_longer_holds_stops_only_that_partition() {
    let Some(settings) = brokers() else { return };
    let (source, group) = (topic(&settings, "source", 1), unique("group"));
    fill(&settings, &source, 1, 5);
    let mut consumer = GroupConsumer::join(&settings, "test", &group, std::slice::from_ref(&source)).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        assert!(Instant::now() < deadline, "nothing said that the position is out of range");
        match consumer.poll(10, Duration::from_millis(100)).unwrap() {
            Polled::Assigned(partitions) => consumer.start(&[(partitions[0].clone(), NextOffset(1000))]).unwrap(),
            Polled::Stuck(at, error) => {
                assert_eq!((at.partition, error.remedy), (0, tidegate_flow::Remedy::Operator));
                assert!(error.to_string().contains("0 to 5"), "{error}");
                return;
            }
            Polled::Records(records) => assert!(records.is_empty(), "a lost position must not be reset"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn topics_tell_their_facts_and_transactions_are_proved() {
    let Some(settings) = brokers() else { return };
    let name = topic(&settings, "facts", 3);
    let facts = ClusterClient::connect(&settings)
        .unwrap()
        .topics(&[name.clone(), "no-such-topic".into()])
        .unwrap();
    assert_eq!(facts.len(), 1);
    assert_eq!((facts[0].partitions, facts[0].cleanup_policy.as_deref()), (3, Some("delete")));
    assert_eq!(facts[0].id.as_ref().unwrap().len(), 22, "{:?}", facts[0].id);
    assert_eq!(probe_transactions(&settings, &unique("probe"), "t").unwrap(), Transactions::Proved);
}

/// The client says once for each that something is out of range, and not of which partition.
#[test]
fn of_several_partitions_whose_positions_are_gone_each_one_is_told_and_the_others_go_on() {
    let Some(settings) = brokers() else { return };
    let (source, group) = (topic(&settings, "source", 6), unique("group"));
    fill(&settings, &source, 6, 5);
    let mut consumer = GroupConsumer::join(&settings, "test", &group, std::slice::from_ref(&source)).unwrap();
    let (mut stuck, mut read) = (Vec::new(), 0);
    let deadline = Instant::now() + Duration::from_secs(40);
    while stuck.len() < 4 || read < 10 {
        assert!(Instant::now() < deadline, "told of {stuck:?}, {read} records read");
        match consumer.poll(100, Duration::from_secs(1)).unwrap() {
            Polled::Assigned(partitions) => {
                let first = |at: &TopicPartition| NextOffset(if at.partition < 4 { 1000 } else { 0 });
                let positions: Vec<_> = partitions.into_iter().map(|at| (at.clone(), first(&at))).collect();
                consumer.start(&positions).unwrap();
            }
            Polled::Stuck(at, error) => {
                assert!(at.partition < 4 && error.to_string().contains("0 to 5"), "{error}");
                assert!(!stuck.contains(&at.partition), "{at} is paused and was told before");
                consumer.pause(std::slice::from_ref(&at)).unwrap();
                stuck.push(at.partition);
            }
            Polled::Records(records) => read += records.len(),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(read, 10, "each record of the others once");
}

/// The client knows it before anything is sent; somebody must mend it, and smaller batches do not help.
#[test]
fn a_partition_that_is_not_there_is_for_somebody_to_mend() {
    let Some(settings) = brokers() else { return };
    let out = topic(&settings, "out", 2);
    let mut writer = RecordWriter::connect(&settings).unwrap();
    let written = writer.write(&[outgoing(&out, 1, "there".into())]).unwrap();
    assert_eq!((written.delivered, written.refused.len()), (1, 0));
    let missing = writer
        .write(&[outgoing(&out, 0, "there".into()), outgoing(&out, 2, "not there".into())])
        .unwrap();
    let [(1, Refusal::Forbidden, what)] = &missing.refused[..] else {
        panic!("{missing:?}")
    };
    assert!(what.contains(&format!("{out}-2")), "{what}");
    assert_eq!(missing.delivered, 1);
}

/// Bytes that this process has in memory now.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

#[test]
fn what_a_scan_leaves_behind_is_bounded() {
    const PARTITIONS: i32 = 60;
    const LARGE: usize = 900_000;
    let Some(mut settings) = brokers() else { return };
    settings.client.insert("compression.type".into(), "none".into());
    let topic = topic(&settings, "left", PARTITIONS);
    let mut writer = RecordWriter::connect(&settings).unwrap();
    for partition in 0..PARTITIONS {
        let records: Vec<Outgoing> = (0..3).map(|_| outgoing(&topic, partition, "x".repeat(LARGE))).collect();
        assert_eq!(writer.write(&records).unwrap().delivered, 3);
    }
    drop(writer);
    let mut scan = PartitionScan::connect(&settings).unwrap();
    let mut first = |partition: i32| {
        let at = TopicPartition::new(&*topic, partition);
        assert_eq!(scan.scan(&at, NextOffset(0), NextOffset(3), 1).unwrap().len(), 1);
    };
    first(0);
    let before = resident();
    for partition in 1..PARTITIONS {
        first(partition);
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 32 << 20, "{} MiB", grown >> 20);
}
