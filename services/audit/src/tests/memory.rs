//! Memory of an audit over topics and a lake that are made up while they are read.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use tidegate_columnar::Identity;
use tidegate_flow::ports::{Cluster, Created, NewTopic, ObjectFacts, Scan, Store, TopicFacts};
use tidegate_flow::stamp::JudgedBy;
use tidegate_flow::{Header, NextOffset, Offset, Origin, Record, TopicPartition, WorldError};

use crate::plan::{Mode, Plan, TopicPlan};
use crate::report::Report;
use crate::run::{Course, Ports, audit_with};
use crate::watch::Unwatched;

/// One source record in so many is a dead letter; the last offset of so many in every topic ends a transaction.
const DEAD: i64 = 100;
const TRANSACTION: i64 = 1_000;
const SLOT: i64 = 20_000;

/// Topics and lake of `offsets` source offsets.
#[derive(Clone, Copy)]
struct Endless {
    offsets: i64,
}

fn is_marker(offset: i64) -> bool {
    offset % TRANSACTION == TRANSACTION - 1
}

impl Endless {
    fn record(topic: &str, offset: i64) -> Option<Record> {
        let source = match topic {
            "raw" => offset,
            "raw.validated" if offset % DEAD != 0 => offset,
            "raw.dlq" => offset * DEAD,
            _ => return None,
        };
        if is_marker(source) {
            return None;
        }
        let at = |topic: &str, offset| Origin {
            at: TopicPartition::new(topic, 0),
            offset: Offset(offset),
        };
        let mut headers = vec![Header::text("trace", "t")];
        if topic != "raw" {
            JudgedBy::new(None, "c0ffee", "1", 0).stamp(&mut headers, &at("raw", source));
        }
        Some(Record {
            origin: at(topic, offset),
            timestamp: Some(1),
            key: None,
            value: Some(Bytes::copy_from_slice(&source.to_le_bytes())),
            headers,
        })
    }

    fn slots(&self) -> i64 {
        self.offsets / SLOT
    }
}

impl Cluster for Endless {
    fn topics(&mut self, names: &[Arc<str>]) -> Result<Vec<TopicFacts>, WorldError> {
        let facts = |name: &Arc<str>| TopicFacts {
            topic: name.clone(),
            id: Some("id".into()),
            partitions: 1,
            cleanup_policy: Some("delete".to_owned()),
        };
        Ok(names.iter().map(facts).collect())
    }

    fn offsets(&mut self, topic: &str) -> Result<Vec<(NextOffset, NextOffset)>, WorldError> {
        let end = if topic == "raw.dlq" { self.offsets / DEAD } else { self.offsets };
        Ok(vec![(NextOffset(0), NextOffset(end))])
    }

    fn create(&mut self, _: &[NewTopic]) -> Result<(), WorldError> {
        panic!("an audit creates nothing")
    }
}

impl Scan for Endless {
    fn scan(&mut self, at: &TopicPartition, from: NextOffset, until: NextOffset, records_max: usize) -> Result<Vec<Record>, WorldError> {
        Ok((from.0..until.0)
            .filter_map(|offset| Endless::record(&at.topic, offset))
            .take(records_max)
            .collect())
    }
}

impl Store for Endless {
    fn create(&self, _: &str, _: Bytes) -> Result<Created, WorldError> {
        panic!("an audit creates nothing")
    }

    fn put(&self, _: &str, _: Bytes) -> Result<(), WorldError> {
        panic!("an audit writes nothing")
    }

    /// A file's bytes are the number of its slot.
    fn get(&self, path: &str) -> Result<Option<Bytes>, WorldError> {
        let number: i64 = path
            .rsplit('/')
            .next()
            .and_then(|name| name.split('.').next())
            .and_then(|name| name.parse().ok())
            .unwrap();
        if path.starts_with("lake/") {
            return Ok(Some(Bytes::from(number.to_string())));
        }
        let (start, end) = (number * SLOT, (number + 1) * SLOT);
        let with_row = || (start..end).filter(|&offset| offset % DEAD != 0 && !is_marker(offset));
        let (rows, last) = (with_row().count(), with_row().next_back().unwrap());
        let sha: String = <sha2::Sha256 as sha2::Digest>::digest(number.to_string())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let text = json!({"version": 1, "sources": [{"topic": "raw", "partition": 0, "last_offset": last}],
            "files": [{"path": format!("lake/{number:010}.parquet"), "rows": rows, "bytes": 1, "sha256": sha}],
            "claim": {"topic": "raw.validated", "topic_id": "id", "partition": 0, "seq": number, "start": start, "end": end,
                "records": rows, "rows": rows, "skips": {}}});
        Ok(Some(Bytes::from(text.to_string())))
    }

    fn exists(&self, _: &str) -> Result<bool, WorldError> {
        Ok(true)
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectFacts>, WorldError> {
        let name = |number| match prefix {
            "chain/" => format!("chain/{number:010}.manifest.json"),
            _ => format!("lake/{number:010}.parquet"),
        };
        let object = |number| ObjectFacts {
            path: name(number),
            size: 1,
        };
        Ok((0..self.slots()).map(object).collect())
    }
}

fn rows(bytes: Bytes, each: &mut dyn FnMut(&Identity)) -> Result<u64, String> {
    let number: i64 = std::str::from_utf8(&bytes).unwrap().parse().unwrap();
    let (topic, source, text): (Arc<str>, Arc<str>, Arc<str>) = ("raw.validated".into(), "raw".into(), "1".into());
    let mut rows = 0;
    for offset in number * SLOT..(number + 1) * SLOT {
        if offset % DEAD != 0 && !is_marker(offset) {
            rows += 1;
            each(&Identity {
                source_topic: source.clone(),
                source_partition: 0,
                source_offset: offset,
                topic: topic.clone(),
                partition: 0,
                offset,
                contract_version: text.clone(),
                snapshot: text.clone(),
            });
        }
    }
    Ok(rows)
}

/// The quick audit reads dead letters alone, and its answer here is that ends of transactions are not accounted for.
#[test]
fn a_count_reads_a_hundredth() {
    let plan = Plan {
        mode: Mode::ExactlyOnce,
        topics: vec![TopicPlan::new("raw", "raw.validated", "raw.dlq")],
    };
    let world = Endless { offsets: 100_000 };
    let (mut cluster, mut scan) = (world, world);
    let ports = || (Some(&world as &dyn Store), super::world::Keeper::default());
    let (store, mut quick) = ports();
    let begun = std::time::Instant::now();
    let report = crate::quick::count(
        &plan,
        Ports {
            cluster: &mut cluster,
            scan: &mut scan,
            store,
        },
        &mut quick,
    );
    let quickly = begun.elapsed();
    let count = &report.counts[0];
    assert_eq!(
        (count.landed + count.dead_lettered, count.unaccounted, count.uncounted),
        (99_900, 99, 1)
    );
    let (store, mut full) = ports();
    let begun = std::time::Instant::now();
    let ports = Ports {
        cluster: &mut cluster,
        scan: &mut scan,
        store,
    };
    audit_with(&plan, ports, &|_: &Record| None, Course::watched_by(&mut full), &rows).unwrap();
    eprintln!(
        "{} records in {quickly:?}, {} in {:?} in full",
        quick.read,
        full.read,
        begun.elapsed()
    );
    assert!(quick.read * 100 < full.read, "{} of {}", quick.read, full.read);
}

/// The report, and the most bytes that were allocated at once.
fn audit(offsets: i64, window: i64) -> (Report, u64) {
    let plan = Plan {
        mode: Mode::ExactlyOnce,
        topics: vec![TopicPlan::new("raw", "raw.validated", "raw.dlq")],
    };
    let world = Endless { offsets };
    let (mut cluster, mut scan, mut uncommitted, mut watch) = (world, world, world, Unwatched);
    let mut report = None;
    let spent = allocation_counter::measure(|| {
        let ports = Ports {
            cluster: &mut cluster,
            scan: &mut scan,
            store: Some(&world),
        };
        let mut course = Course::watched_by(&mut watch);
        course.window = window;
        course.uncommitted = Some(&mut uncommitted);
        let none = |_: &Record| None;
        report = Some(audit_with(&plan, ports, &none, course, &rows).unwrap());
    });
    (report.unwrap(), spent.bytes_max)
}

/// A window and a batch, and less than a byte for each further record: 10^8 of them in one partition are under 100 MB.
#[test]
fn memory_is_a_window_and_a_few_bits_a_record() {
    let (few, many) = (40_000, 200_000);
    let ((report, less), (_, more)) = (audit(few, 1 << 13), audit(many, 1 << 13));
    assert!(report.clean(), "{:#}", report.to_json());
    let (source, lake) = (&report.sources[0], &report.lake[0]);
    assert_eq!((source.visible, source.dead_lettered, lake.rows), (39_960, 400, 39_560));
    eprintln!("{less} bytes for {few} offsets, {more} for {many}");
    assert!(less < 8 << 20, "{less} bytes for {few} offsets");
    let further = more - less;
    assert!(further < (many - few) as u64, "{further} bytes for {} further offsets", many - few);
}

/// By hand, optimised: `TIDEGATE_AUDIT_OFFSETS=100000000 cargo test --release -p tidegate-audit -- --ignored --nocapture by_hand`.
#[test]
#[ignore = "as long as somebody likes"]
fn memory_by_hand() {
    let offsets = std::env::var("TIDEGATE_AUDIT_OFFSETS").map_or(10_000_000, |text| text.parse().unwrap());
    let begun = std::time::Instant::now();
    let (report, most) = audit(offsets, crate::window::WINDOW);
    assert!(report.clean(), "{:#}", report.to_json());
    eprintln!("{offsets} offsets: at most {} MiB, {:?}", most >> 20, begun.elapsed());
}
