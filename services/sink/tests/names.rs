//! Names from outside in the lake (I30): contracts, objects and topics with names made to climb, hide or collide land below `lake/`, each in a
//! folder of its own.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidegate_check::input::Known;
use tidegate_check::{SchemaLookup, SchemaNeed};
use tidegate_contract::{ContractFile, ContractRef, Snapshot};
use tidegate_flow::ports::{Clock, Cluster, NewTopic, Store};
use tidegate_flow::record::Outgoing;
use tidegate_flow::{Offset, Origin, TopicPartition, WorldError, stamp};
use tidegate_sim::{Broker, BrokerConsumer, MemoryStore};
use tidegate_sink::{Limits, Parts, Settings, SnapshotRulings};

struct NoSchemas;

impl SchemaLookup for NoSchemas {
    fn lookup(&self, _: &SchemaNeed) -> Known {
        Known::Unknown
    }
}

impl tidegate_sink::Schemas for NoSchemas {
    fn fetch(&self, _: &SchemaNeed) -> Result<(), WorldError> {
        Ok(())
    }
}

struct RealClock;

impl Clock for RealClock {
    fn now_micros(&self) -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.unwrap().as_micros() as i64
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration.min(Duration::from_millis(5)));
    }
}

#[test]
fn i30_names_made_to_climb_hide_or_collide() {
    let long = "x".repeat(300);
    let longer = format!("{}y", "x".repeat(299));
    let names = [
        "..",
        "../../etc/passwd",
        "a/b",
        "a%2Fb",
        "/",
        "_hidden",
        ".hidden",
        "hidden",
        "a=b",
        "date=2026-01-01",
        "\u{1f30a}",
        "e\u{301}",
        "\u{e9}",
        "con",
        "a b",
        "a\\\\b",
        "a~b",
        &long,
        &longer,
    ];
    let broker = Broker::new();
    let (mut files, mut topics) = (Vec::new(), Vec::new());
    for (at, name) in names.iter().enumerate() {
        // Kafka takes letters, digits, dots, dashes and underlines, up to 249 of them.
        let topic = format!("..t{at}{}.validated", "._-".repeat(60));
        let source = topic.trim_end_matches(".validated").to_owned();
        files.push(ContractFile {
            path: format!("c{at}.odcs.yaml").as_str().into(),
            text: format!(
                "apiVersion: v3.2.0\nkind: DataContract\nid: \"{name}\"\nname: n\nversion: 1.0.0\nstatus: active\nschema:\n  - name: \"{name}\"\n    \
                 physicalName: \"{source}\"\n    physicalType: topic\n    properties:\n      - {{name: id, logicalType: integer}}\n"
            ),
        });
        topics.push((Arc::<str>::from(topic), source, name.replace("\\\\", "\\")));
    }
    let (snapshot, _) = Snapshot::build("c0ffee", &files).unwrap_or_else(|problems| panic!("{problems:?}"));
    let snapshot = Arc::new(snapshot);
    for (topic, source, id) in &topics {
        let created = NewTopic {
            topic: topic.to_string(),
            partitions: 1,
            config: Vec::new(),
        };
        broker.cluster().create(&[created]).unwrap();
        let contract = ContractRef {
            id: id.as_str().into(),
            version: "1.0.0".into(),
        };
        let mut headers = Vec::new();
        let origin = Origin {
            at: TopicPartition::new(source.as_str(), 0),
            offset: Offset(0),
        };
        stamp::JudgedBy::new(Some(&contract), "c0ffee", tidegate_check::ENGINE_VERSION, 5).stamp(&mut headers, &origin);
        let record = Outgoing {
            to: TopicPartition::new(topic.clone(), 0),
            timestamp: Some(1_700_000_000_000),
            key: None,
            value: Some(Bytes::from_static(br#"{"id":1}"#)),
            headers,
        };
        broker.writer().write(&[record]).unwrap();
    }
    let store = MemoryStore::new();
    let settings = Settings {
        limits: Limits {
            rows_max: 1,
            ..Limits::default()
        },
        poll_wait: Duration::from_millis(5),
        ..Settings::default()
    };
    let subscribed: Vec<Arc<str>> = topics.iter().map(|(topic, ..)| topic.clone()).collect();
    let stop = AtomicBool::new(false);
    let files_in = |store: &MemoryStore| store.list("lake/").unwrap().len();
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let mut consumer = BrokerConsumer::join(&broker, "sinks", &subscribed);
            let mut rulings = SnapshotRulings::new(|| snapshot.clone(), &NoSchemas);
            let parts = Parts {
                consumer: &mut consumer,
                cluster: &mut broker.cluster(),
                store: &store,
                rulings: &mut rulings,
                clock: &RealClock,
                metrics: &(),
            };
            tidegate_sink::run(&settings, parts, &stop).unwrap();
        });
        let deadline = Instant::now() + Duration::from_secs(60);
        while files_in(&store) < names.len() && Instant::now() < deadline && !worker.is_finished() {
            std::thread::sleep(Duration::from_millis(1));
        }
        stop.store(true, Ordering::Release);
    });
    let paths: Vec<String> = store.list("").unwrap().into_iter().map(|facts| facts.path).collect();
    let mut folders = BTreeSet::new();
    for path in &paths {
        assert!(path.starts_with("lake/") || path.starts_with("chain/"), "{path}");
        for part in path.split('/') {
            assert!(
                !part.is_empty() && part.len() <= 255 && !part.starts_with(['.', '_']),
                "{part:?} of {path}"
            );
            assert!(
                part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._%=~".contains(&byte)),
                "{part:?} of {path}"
            );
        }
        if path.starts_with("lake/") {
            folders.insert(path.rsplit_once("/date=").map_or(path.as_str(), |(folder, _)| folder).to_owned());
        }
    }
    assert_eq!(folders.len(), names.len(), "each has a folder of its own: {folders:#?}");
}
