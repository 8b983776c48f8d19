//! The validator on the in-memory broker with records of several framings in one topic: each is opened as it says, what it needs is
//! fetched, and a schema that nobody can give holds the partition and dead-letters nothing.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tidegate_check::input::Known;
use tidegate_check::{Reason, SchemaLookup, SchemaNeed, Skip};
use tidegate_codec::{avro, protobuf};
use tidegate_contract::{ContractFile, ContractRef, Snapshot};
use tidegate_flow::ports::{Clock, Cluster, NewTopic, Scan};
use tidegate_flow::record::{Header, Outgoing, header_text};
use tidegate_flow::{NextOffset, Record, Remedy, TopicPartition, WorldError, stamp};
use tidegate_sim::{Broker, BrokerExchange};
use tidegate_validator::{Contracts, JudgingSnapshot, Meter, Parts, Schemas, Settings, run};

const CONTRACT: &str = "
apiVersion: v3.2.0
kind: DataContract
id: formats
version: 1.0.0
status: active
schema:
  - name: events
    physicalType: topic
    customProperties:
      - {property: encodings, vendor: tidegate, value: [json, confluent-protobuf, glue-avro, cloudevents]}
    properties:
      - {name: order_id, logicalType: string, required: true}
      - {name: quantity, logicalType: integer, logicalTypeOptions: {format: i64, maximum: 100}}
";
const PROTO: &str = "syntax = \"proto3\"; package shop; message Other {} message Order { string order_id = 1; int64 quantity = 2; }";
const AVRO: &str = r#"{"type":"record","name":"O","fields":[{"name":"order_id","type":"string"},{"name":"quantity","type":"long"}]}"#;

/// Schemas that come when they are fetched, and one kind that cannot be had at first.
struct Fetched {
    all: HashMap<SchemaNeed, Known>,
    known: Mutex<HashMap<SchemaNeed, Known>>,
    no_files: AtomicBool,
}

impl SchemaLookup for Fetched {
    fn lookup(&self, need: &SchemaNeed) -> Known {
        self.known.lock().unwrap().get(need).cloned().unwrap_or(Known::NotCached)
    }
}

impl Schemas for Fetched {
    fn fetch(&self, need: &SchemaNeed) -> Result<(), WorldError> {
        if matches!(need, SchemaNeed::Glue(_)) && self.no_files.load(Ordering::Acquire) {
            return Err(WorldError::new(Remedy::Retry, "no folder of schema files"));
        }
        let known = self.all.get(need).cloned().unwrap_or(Known::Unknown);
        self.known.lock().unwrap().insert(need.clone(), known);
        Ok(())
    }
}

struct Fixed(Arc<JudgingSnapshot>);

impl Contracts for Fixed {
    fn latest(&mut self) -> Arc<JudgingSnapshot> {
        self.0.clone()
    }

    fn at(&mut self, _: &str) -> Option<Arc<JudgingSnapshot>> {
        None
    }
}

struct Quiet;

impl Meter for Quiet {
    fn validated(&self, _: &str, _: &ContractRef, _: u64) {}
    fn dead_letters(&self, _: &str, _: Option<&ContractRef>, _: Reason, _: u64) {}
    fn noted(&self, _: &str, _: &ContractRef, _: tidegate_contract::Severity) {}
    fn shadowed(&self, _: &str, _: &ContractRef, _: u64, _: u64) {}
    fn skipped(&self, _: &str, _: Skip, _: u64) {}
    fn committed(&self, _: usize, _: i64) {}
    fn aborted(&self) {}
    fn held(&self, _: &TopicPartition, _: bool, _: &str) {}
    fn released(&self, _: &TopicPartition) {}
    fn assigned(&self, _: usize) {}
    fn given_up(&self, _: usize, _: bool) {}
    fn trouble(&self, _: &WorldError) {}
    fn turned(&self, _: Result<(), &str>) {}
    fn snapshot(&self, _: &str) {}
}

struct RealClock;

impl Clock for RealClock {
    fn now_micros(&self) -> i64 {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_micros() as i64
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration.min(Duration::from_millis(10)));
    }
}

fn record(value: &[u8], headers: &[(&str, &str)]) -> Outgoing {
    Outgoing {
        to: TopicPartition::new("events", 0),
        timestamp: Some(1),
        key: Some(b"k".to_vec().into()),
        value: Some(value.to_vec().into()),
        headers: headers
            .iter()
            .map(|(name, value)| Header {
                name: (*name).into(),
                value: Some(value.as_bytes().to_vec().into()),
            })
            .collect(),
    }
}

fn read(broker: &Broker, topic: &str) -> Vec<Record> {
    let end = broker.cluster().offsets(topic).unwrap()[0].1;
    broker
        .scan()
        .scan(&TopicPartition::new(topic, 0), NextOffset(0), end, usize::MAX)
        .unwrap()
}

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not come in time");
        std::thread::yield_now();
    }
}

#[test]
fn every_framing_gets_its_outcome_and_a_missing_schema_holds() {
    let broker = Broker::new();
    let settings = Settings {
        batch_age_max: Duration::from_millis(20),
        retry_after: Duration::from_millis(30),
        ..Settings::default()
    };
    let (validated, dead) = (settings.validated("events"), settings.dead_letters("events"));
    let topics = ["events".to_owned(), validated.to_string(), dead.to_string()].map(|topic| NewTopic {
        topic,
        partitions: 1,
        config: Vec::new(),
    });
    broker.cluster().create(&topics).unwrap();

    let event = [("ce_specversion", "1.0"), ("ce_id", "1"), ("ce_source", "/s"), ("ce_type", "t")];
    let order = |quantity: u8| [&[0, 0, 0, 0, 7, 2, 2, 10, 1, b'a', 16][..], &[quantity]].concat();
    let glue = |datum: &[u8]| [&[3, 0][..], &[9; 16], datum].concat();
    let before = [
        record(br#"{"order_id":"a"}"#, &[]),
        record(&order(7), &[]),
        record(&order(101), &[]),
        record(&[0, 0, 0, 0, 8, 0], &[]),
        record(br#"{"order_id":"a"}"#, &event),
        record(br#"{"order_id":"a"}"#, &event[..3]),
        record(
            br#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"order_id":"a"}}"#,
            &[("content-type", "application/cloudevents+json")],
        ),
        record(b"\x01nothing", &[]),
    ];
    let after = [
        record(&glue(&[2, b'a', 14]), &[]),
        record(&glue(&[2, b'a']), &[]),
        record(b"{}", &[]),
    ];
    broker.writer().write(&before).unwrap();
    broker.writer().write(&after).unwrap();

    let all = HashMap::from([
        (
            SchemaNeed::Id(7),
            Known::Protobuf(Arc::new(protobuf::Schema::parse(PROTO, &[]).unwrap())),
        ),
        (
            SchemaNeed::Glue([9; 16]),
            Known::Avro(Arc::new(avro::Schema::parse(AVRO, &[]).unwrap())),
        ),
    ]);
    let schemas = Fetched {
        all,
        known: Mutex::default(),
        no_files: AtomicBool::new(true),
    };
    let file = ContractFile {
        text: CONTRACT.to_owned(),
        path: "formats.odcs.yaml".into(),
    };
    let (snapshot, _) = Snapshot::build("c0ffee", &[file]).unwrap();
    let snapshot = Arc::new(JudgingSnapshot::compile(Arc::new(snapshot)).unwrap());
    let stop = AtomicBool::new(false);
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut exchange = BrokerExchange::join(&broker, "g", &["events".into()], Some("a"));
            let mut contracts = Fixed(snapshot);
            let parts = Parts {
                exchange: &mut exchange,
                contracts: &mut contracts,
                schemas: &schemas,
                clock: &RealClock,
                meter: &Quiet,
            };
            run(&settings, parts, &stop).unwrap();
        });
        let committed = || broker.committed("g", &TopicPartition::new("events", 0)).map_or(0, |next| next.0);
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_for("everything before the schema that is missing", || {
                committed() == before.len() as i64
            });
            assert_eq!(read(&broker, &validated).len(), 4);
            assert_eq!(read(&broker, &dead).len(), 4);
            schemas.no_files.store(false, Ordering::Release);
            wait_for("the end", || committed() == (before.len() + after.len()) as i64);
        }));
        stop.store(true, Ordering::Release);
        checked
    });
    ended.unwrap();

    let origin = |record: &Record| stamp::read(&record.headers).unwrap().origin.offset.0;
    let valid: Vec<i64> = read(&broker, &validated).iter().map(origin).collect();
    assert_eq!(valid, [0, 1, 4, 6, 8]);
    let reasons: Vec<(i64, String)> = read(&broker, &dead)
        .iter()
        .map(|record| (origin(record), header_text(&record.headers, stamp::REASON).unwrap().to_owned()))
        .collect();
    let expected = [
        (2, "constraint_violation"),
        (3, "registry_schema_unknown"),
        (5, "header_missing"),
        (7, "unknown_framing"),
        (9, "undecodable"),
        (10, "required_missing"),
    ];
    assert_eq!(reasons, expected.map(|(offset, reason)| (offset, reason.to_owned())));
}
