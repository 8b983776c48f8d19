//! Traffic whose outcome is known, and the proof that each event got it, once and unchanged.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidegate_check::Reason;
use tidegate_flow::ports::{Cluster as _, Scan as _};
use tidegate_flow::record::{Outgoing, header_text};
use tidegate_flow::{NextOffset, Origin, Record, TopicPartition, stamp};
use tidegate_kafka::{PartitionScan, RecordWriter};
use tidegate_sim::traffic::{Expected, Planted, Route, Traffic};

use crate::readers::duckdb;
use crate::world::World;

/// Topic, partition, key and value: what a partition holds twice has the same outcome each time.
type Content = (TopicPartition, Option<Bytes>, Option<Bytes>);

/// Writes events and remembers what must become of each, by its content.
#[derive(Debug)]
pub struct Producing {
    traffic: Traffic,
    writer: RecordWriter,
    planted: HashMap<Content, Planted>,
    written: u64,
    orders_only: bool,
}

/// What became of the events.
#[derive(Debug, Clone, Copy)]
pub struct Proof {
    /// Events in the sources.
    pub events: usize,
    /// Of them, with an outcome.
    pub outcomes: usize,
    /// Outcomes that were there again, identical (`at_least_once`).
    pub repeated: usize,
}

/// A source record and what must become of it.
#[derive(Debug)]
pub struct Located {
    /// As it lies in the source topic.
    pub record: Record,
    /// What must become of it.
    pub expected: Expected,
    /// Valid, and makes no row of its own.
    pub rowless: bool,
}

// === impl Producing ===

impl Producing {
    /// One idempotent producer keeps the order of a partition; one event in 30 is faulty.
    pub fn new(world: &World, seed: u64) -> Producing {
        let route = Route {
            prefix: world.prefix.clone(),
            partitions: world.partitions(),
            payment_schema: world.payment_schema,
            fault_every: 30,
        };
        Producing {
            traffic: Traffic::new(route, seed),
            writer: RecordWriter::connect(&world.kafka).unwrap(),
            planted: HashMap::new(),
            written: 0,
            orders_only: world.sources().len() == 1,
        }
    }

    /// Events that are not written yet, and not expected either.
    pub fn draw(&mut self, events: u64) -> Vec<Planted> {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let now = i64::try_from(now.as_micros()).unwrap();
        let draw = |_| match self.orders_only {
            true => self.traffic.next_order(now),
            false => self.traffic.next(now),
        };
        (0..events).map(draw).collect()
    }

    /// Writes so many events and waits until the brokers have them.
    pub fn write(&mut self, events: u64) {
        let mut left = events;
        while left > 0 {
            let batch = self.draw(left.min(10_000));
            left -= batch.len() as u64;
            self.write_these(batch);
        }
    }

    /// Writes these events.
    pub fn write_these(&mut self, batch: Vec<Planted>) {
        let records: Vec<Outgoing> = batch.iter().map(|event| event.record.clone()).collect();
        match self.writer.write(&records) {
            Ok(delivery) => assert_eq!(delivery.delivered, records.len(), "{:?}", delivery.refused.first()),
            // Nothing is given up by the client while the brokers are away; it only takes longer.
            Err(_) => while self.writer.write(&[]).is_err() {},
        }
        self.expect(batch);
    }

    /// Somebody else has written these.
    pub fn expect(&mut self, batch: Vec<Planted>) {
        self.written += batch.len() as u64;
        let by_content = |event: Planted| {
            let record = &event.record;
            ((record.to.clone(), record.key.clone(), record.value.clone()), event)
        };
        self.planted.extend(batch.into_iter().map(by_content));
    }

    /// Events that the sources must hold by now.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Every record that the sources hold, with what must become of it.
    pub fn located(&self, world: &World) -> BTreeMap<Origin, Located> {
        let mut located = BTreeMap::new();
        for source in world.sources() {
            for record in world.read(&source) {
                let content = (record.origin.at.clone(), record.key.clone(), record.value.clone());
                let planted = self.planted.get(&content);
                let planted = planted.unwrap_or_else(|| panic!("{:?} was never written", record.origin));
                let found = Located {
                    expected: planted.expected,
                    rowless: planted.rowless,
                    record,
                };
                located.insert(found.record.origin.clone(), found);
            }
        }
        located
    }
}

// === proofs ===

/// So late may the brokers end a transaction that is decided.
const MARKERS_MAX: Duration = Duration::from_secs(240);

/// Waits until as many events as have outcomes can be seen to have one: after a crash of brokers a group's positions may be seen before the
/// outcomes of the same transaction, since each partition gets its marker by itself. What is not there by [`MARKERS_MAX`] is lost, or hidden by
/// a transaction that hangs; until then who waits is told what is missing.
pub fn await_outcomes(world: &World, planted: &BTreeMap<Origin, Located>) {
    let wanted: HashSet<&Origin> = planted
        .iter()
        .filter(|(_, event)| !matches!(event.expected, Expected::Skipped(_)))
        .map(|(origin, _)| origin)
        .collect();
    let begun = Instant::now();
    let mut told = Duration::from_secs(30);
    loop {
        let sources = world.sources();
        let topics = sources
            .iter()
            .flat_map(|source| [format!("{source}.validated"), format!("{source}.dlq")]);
        let seen: HashSet<Origin> = topics
            .flat_map(|topic| world.read(&topic))
            .map(|record| stamp::read(&record.headers).expect("every outcome is stamped").origin)
            .collect();
        let missing: Vec<&&Origin> = wanted.iter().filter(|origin| !seen.contains(**origin)).collect();
        if missing.is_empty() {
            return;
        }
        if begun.elapsed() > MARKERS_MAX {
            tell_hanging(world, &missing);
            return;
        }
        if begun.elapsed() > told {
            told = begun.elapsed() + Duration::from_secs(30);
            let some: Vec<_> = missing.iter().take(3).collect();
            eprintln!(
                "{:.0?}: {} of {} outcomes not seen, such as {some:?}",
                begun.elapsed(),
                missing.len(),
                wanted.len()
            );
        }
    }
}

/// Fails with the place when what is missing is written and stands behind a transaction that the brokers do not end: no loss, and nobody can
/// read it (`services/ARCHITECTURE.md`, "Not there yet"; KAFKA-20734).
fn tell_hanging(world: &World, missing: &[&&Origin]) {
    let mut scan = PartitionScan::connect_uncommitted(&world.kafka).unwrap();
    let mut hanging = Vec::new();
    for source in world.sources() {
        for topic in [format!("{source}.validated"), format!("{source}.dlq")] {
            for (partition, (low, stable)) in (0..).zip(world.cluster().offsets(&topic).unwrap()) {
                let at = TopicPartition::new(topic.as_str(), partition);
                let all = scan.scan(&at, low, NextOffset(i64::MAX), usize::MAX).unwrap();
                let is_missing = |record: &&Record| {
                    let origin = stamp::read(&record.headers).expect("every outcome is stamped").origin;
                    missing.iter().any(|one| ***one == origin)
                };
                let count = all
                    .iter()
                    .filter(is_missing)
                    .filter(|record| record.origin.offset.0 >= stable.0)
                    .count();
                if count > 0 {
                    hanging.push(format!(
                        "{at}: {count} of them at or behind {}, where what is decided ends",
                        stable.0
                    ));
                }
            }
        }
    }
    assert!(
        hanging.is_empty(),
        "{} outcomes are written and {MARKERS_MAX:?} later not visible, since a transaction hangs: {}",
        missing.len(),
        hanging.join("; ")
    );
}

/// Every event has its outcome and no other, byte for byte; in at_least_once it may be there again, identical.
pub fn prove_topics(world: &World, planted: &BTreeMap<Origin, Located>) -> Proof {
    let mut found: BTreeMap<Origin, Expected> = BTreeMap::new();
    let mut repeated = 0;
    for source in world.sources() {
        for (topic, valid) in [(format!("{source}.validated"), true), (format!("{source}.dlq"), false)] {
            for record in world.read(&topic) {
                let origin = stamp::read(&record.headers).expect("every outcome is stamped").origin;
                let event = planted
                    .get(&origin)
                    .unwrap_or_else(|| panic!("{topic}: {origin:?} was never written"));
                assert_unchanged(&record, event);
                let outcome = match valid {
                    true => Expected::Valid,
                    false => Expected::DeadLetter(reason(&record)),
                };
                if let Some(earlier) = found.insert(origin.clone(), outcome) {
                    assert_eq!(earlier, outcome, "{origin:?} got two classes");
                    assert_eq!(world.mode(), "at_least_once", "{origin:?} is doubled");
                    repeated += 1;
                }
            }
        }
    }
    for (origin, event) in planted {
        match event.expected {
            Expected::Skipped(_) => assert!(!found.contains_key(origin), "{origin:?} should have been skipped"),
            expected => assert_eq!(found.get(origin), Some(&expected), "{origin:?}"),
        }
    }
    Proof {
        events: planted.len(),
        outcomes: found.len(),
        repeated,
    }
}

fn assert_unchanged(record: &Record, event: &Located) {
    let original = &event.record;
    assert_eq!(
        (&record.key, &record.value, record.timestamp),
        (&original.key, &original.value, original.timestamp)
    );
    assert_eq!(record.headers[..original.headers.len()], original.headers[..]);
    assert_eq!(record.origin.at.partition, original.origin.at.partition);
}

fn reason(record: &Record) -> &'static str {
    Reason::from_name(header_text(&record.headers, stamp::REASON).unwrap())
        .unwrap()
        .as_str()
}

/// The audit finds nothing, and nothing that it could not look at.
pub fn prove_audit(world: &World) {
    let (code, out, err) = world.run(&["audit", "--output", "json"]);
    assert_eq!(code, 0, "the audit is not clean:\n{out}\n{err}");
}

/// DuckDB counts over the plain glob what was validated once, less what the manifests say makes no row.
pub fn prove_lake(world: &World, planted: &BTreeMap<Origin, Located>) {
    let store = world.lake();
    let folder = world.folder.path().join("copy");
    for object in store.list("lake/").unwrap() {
        let path = folder.join(&object.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, store.get(&object.path).unwrap().unwrap()).unwrap();
    }
    let mut skipped: BTreeMap<String, u64> = BTreeMap::new();
    for object in store
        .list("chain/")
        .unwrap()
        .iter()
        .filter(|object| object.path.ends_with(".manifest.json"))
    {
        let manifest: serde_json::Value = serde_json::from_slice(&store.get(&object.path).unwrap().unwrap()).unwrap();
        for (policy, count) in manifest["claim"]["skips"].as_object().into_iter().flatten() {
            *skipped.entry(policy.clone()).or_default() += count.as_u64().unwrap();
        }
    }
    let valid = planted.values().filter(|event| event.expected == Expected::Valid).count() as u64;
    let rowless = planted
        .values()
        .filter(|event| event.expected == Expected::Valid && event.rowless)
        .count() as u64;
    assert_eq!(skipped.get("tombstone_after_delete").copied().unwrap_or(0), rowless, "{skipped:?}");
    let sql = "SELECT count(*), count(DISTINCT (_tidegate_source_topic, _tidegate_source_partition, _tidegate_source_offset)) \
               FROM read_parquet('copy/lake/**/*.parquet', union_by_name = true)";
    let rows = duckdb(&world.stand, world.folder.path(), sql);
    assert_eq!(rows[0][0], valid - rowless, "rows under the plain glob");
    assert_eq!(rows[0][1], valid - rowless, "rows of different source records");
    let sql = "SELECT count(*) FROM read_parquet('copy/lake/orders/**/*.parquet') WHERE total IS NULL OR placed_at IS NULL";
    assert_eq!(
        duckdb(&world.stand, world.folder.path(), sql)[0][0],
        0,
        "required columns hold values"
    );
}
