//! The audit against a real broker (`tests/run` starts one): what compaction, aborted transactions and ends of transactions look like from outside.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tidegate_audit::{Course, Mode, Plan, Ports, Report, TopicPlan, Unwatched, audit_along, keyless_tombstone};
use tidegate_flow::ports::{Cluster as _, Exchange as _, NewTopic, Scan as _};
use tidegate_flow::record::Outgoing;
use tidegate_flow::stamp::JudgedBy;
use tidegate_flow::{Record, TopicPartition};
use tidegate_kafka::{ClusterClient, Delivering, GroupExchange, PartitionScan, RecordWriter, Settings, offsets_at};

/// A cleaner looks every fifteen seconds, and may look at any moment. So that it finds nothing before the test wants it to, all records lie in the
/// newest segment, which is never compacted, until one comes that is so much later than the first.
const SEGMENT: Duration = Duration::from_secs(40 * 60);
/// How long before now the first records are. A transaction's end has the time of its commit, and must not be a segment later.
const BEFORE: Duration = Duration::from_secs(20 * 60);
/// How long after now the last ones are: a segment after the first, and within the hour that a broker accepts.
const AFTER: Duration = Duration::from_secs(50 * 60);

const COMPACTED_WITHIN: Duration = Duration::from_secs(120);

struct World {
    settings: Settings,
    cluster: ClusterClient,
    scan: PartitionScan,
    raw: Arc<str>,
    /// When the test began, in milliseconds.
    now: i64,
    exchange: GroupExchange,
    /// Outcomes written.
    outcomes: usize,
}

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

fn event(topic: &Arc<str>, key: &str, value: &str, timestamp: i64) -> Outgoing {
    Outgoing {
        to: TopicPartition::new(topic.clone(), 0),
        timestamp: Some(timestamp),
        key: Some(Bytes::from(key.to_owned())),
        value: Some(Bytes::from(value.to_owned())),
        headers: Vec::new(),
    }
}

impl World {
    fn new(settings: Settings) -> World {
        let raw: Arc<str> = format!("audit-{}", std::process::id()).into();
        let mut cluster = ClusterClient::connect(&settings).unwrap();
        let segment = SEGMENT.as_millis().to_string();
        let compacted = [
            ("cleanup.policy", "compact"),
            ("segment.ms", segment.as_str()),
            ("min.cleanable.dirty.ratio", "0.001"),
        ];
        let topic = |name: String, config: &[(&str, &str)]| NewTopic {
            topic: name,
            partitions: 1,
            config: config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        };
        let topics = [
            topic(raw.to_string(), &compacted),
            topic(format!("{raw}.validated"), &[]),
            topic(format!("{raw}.dlq"), &[]),
        ];
        cluster.create(&topics).unwrap();
        let transactional = Delivering::Transactional(format!("{raw}-producer"));
        let exchange = GroupExchange::join(
            &settings,
            "test",
            &format!("{raw}-group"),
            std::slice::from_ref(&raw),
            transactional,
        )
        .unwrap();
        World {
            scan: PartitionScan::connect(&settings).unwrap(),
            settings,
            cluster,
            raw,
            now: i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap(),
            exchange,
            outcomes: 0,
        }
    }

    fn transaction(&mut self, batch: Vec<Outgoing>, commit: bool) {
        let count = batch.len();
        self.exchange.begin().unwrap();
        assert_eq!(self.exchange.send(batch).unwrap().delivered, count);
        match commit {
            true => self.exchange.commit_transaction().unwrap(),
            false => self.exchange.abort_transaction().unwrap(),
        };
    }

    fn committed(&mut self) -> Vec<Record> {
        let raw = self.raw.clone();
        self.committed_to(&raw)
    }

    fn committed_to(&mut self, topic: &Arc<str>) -> Vec<Record> {
        let (low, end) = self.cluster.offsets(topic).unwrap()[0];
        self.scan
            .scan(&TopicPartition::new(topic.clone(), 0), low, end, usize::MAX)
            .unwrap()
    }

    /// What is there once so many records can be seen: a transaction is committed before its partitions have their markers.
    fn seen(&mut self, topic: &Arc<str>, count: usize) -> Vec<Record> {
        let deadline = Instant::now() + COMPACTED_WITHIN;
        loop {
            let records = self.committed_to(topic);
            if records.len() >= count {
                return records;
            }
            assert!(Instant::now() < deadline, "{} of {count} are seen", records.len());
        }
    }

    /// What a validator writes for these records.
    fn validate(&mut self, records: &[Record]) {
        let topic: Arc<str> = format!("{}.validated", self.raw).into();
        let outgoing = records.iter().map(|record| {
            let mut headers = record.headers.clone();
            JudgedBy::new(None, "c0ffee", "1", 0).stamp(&mut headers, &record.origin);
            Outgoing {
                to: TopicPartition::new(topic.clone(), 0),
                timestamp: record.timestamp,
                key: record.key.clone(),
                value: record.value.clone(),
                headers,
            }
        });
        let outgoing: Vec<Outgoing> = outgoing.collect();
        self.outcomes += outgoing.len();
        self.transaction(outgoing, true);
        let outcomes = self.outcomes;
        self.seen(&topic, outcomes);
    }

    fn audit(&mut self) -> Report {
        let raw = self.raw.clone();
        let plan = Plan {
            mode: Mode::ExactlyOnce,
            topics: vec![TopicPlan::new(raw.clone(), format!("{raw}.validated"), format!("{raw}.dlq"))],
        };
        let mut uncommitted = PartitionScan::connect_uncommitted(&self.settings).unwrap();
        let mut watch = Unwatched;
        let course = Course {
            uncommitted: Some(&mut uncommitted),
            ..Course::watched_by(&mut watch)
        };
        let ports = Ports {
            cluster: &mut self.cluster,
            scan: &mut self.scan,
            store: None,
        };
        audit_along(&plan, ports, &keyless_tombstone, course).unwrap()
    }
}

#[test]
fn compaction_is_told_from_aborted_records_and_from_breaches() {
    let Some(settings) = brokers() else { return };
    let mut world = World::new(settings);
    let raw = world.raw.clone();
    let first = world.now - i64::try_from(BEFORE.as_millis()).unwrap();
    let last = world.now + i64::try_from(AFTER.as_millis()).unwrap();
    let keyed = |from: i64| {
        (from..from + 20)
            .map(|n| event(&raw, &format!("k{}", n % 4), &n.to_string(), first + n))
            .collect()
    };
    world.transaction(keyed(0), true);
    world.transaction((0..3).map(|n| event(&raw, "never", &n.to_string(), first + 50)).collect(), false);
    world.transaction(keyed(100), true);
    let records = world.seen(&raw, 40);
    assert_eq!(records.len(), 40);
    world.validate(&records);
    let report = world.audit();
    assert!(report.clean(), "{:#}", report.to_json());
    // One end for each of the three transactions, which on a compacted topic may be anything that is gone.
    assert_eq!((report.sources[0].gaps["aborted"], report.sources[0].gaps["compaction"]), (3, 3));

    let at = TopicPartition::new(raw.clone(), 0);
    // The end of a transaction has the time of its commit, which is later than all of them.
    let time = |millis| {
        offsets_at(&world.settings, std::slice::from_ref(&at), millis).unwrap()[0]
            .1
            .map(|next| next.0)
    };
    assert_eq!(
        (time(0), time(first + 5), time(first + 200), time(i64::MAX / 2)),
        (Some(0), Some(5), Some(20), None)
    );

    // A record so much later begins another segment, and what came before may be compacted.
    let mut producer = RecordWriter::connect(&world.settings).unwrap();
    let deadline = Instant::now() + COMPACTED_WITHIN;
    let mut number = 0;
    while world.committed().iter().filter(|record| record.origin.offset.0 < 46).count() > 10 {
        assert!(Instant::now() < deadline, "nothing was compacted");
        number += 1;
        producer
            .write(&[event(&raw, &format!("tick{number}"), "x", last + number)])
            .unwrap();
        std::thread::sleep(Duration::from_millis(500));
    }
    let ticks: Vec<Record> = world
        .committed()
        .into_iter()
        .filter(|record| record.origin.offset.0 >= 46)
        .collect();
    let report = world.audit();
    assert_eq!(
        report.sources[0].missing.count,
        ticks.len() as u64,
        "what is there owes its outcome: {:#}",
        report.to_json()
    );
    world.validate(&ticks);
    let report = world.audit();
    let source = &report.sources[0];
    assert!(report.clean(), "{:#}", report.to_json());
    assert!(source.compacted >= 30, "{:#}", report.to_json());
    assert_eq!(
        source.visible + source.gaps.values().sum::<u64>(),
        u64::try_from(source.until - source.from).unwrap()
    );
    assert_eq!(source.validated, source.visible);
}
