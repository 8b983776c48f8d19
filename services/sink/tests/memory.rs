//! Memory of a sink under a burst while its store is down: a child process with 500 partitions, records of 10 MB and ten times its budget
//! waiting, measured by the kernel. Slots that wait for the store count; partitions are paused, and go on when the store is back.

#![allow(clippy::unwrap_used, reason = "tests")]
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidegate_check::input::Known;
use tidegate_check::{SchemaLookup, SchemaNeed};
use tidegate_contract::{ContractFile, ContractRef, Snapshot};
use tidegate_flow::ports::{Clock, Cluster, Committed, Consumer, Created, NewTopic, ObjectFacts, Polled, Store};
use tidegate_flow::record::Outgoing;
use tidegate_flow::{NextOffset, Offset, Origin, Position, Remedy, TopicPartition, WorldError, stamp};
use tidegate_sim::{Broker, BrokerConsumer, MemoryStore};
use tidegate_sink::{Close, Limits, Parts, Settings, SkipPolicy, SnapshotRulings};

const MIB: usize = 1 << 20;
const BUDGET: usize = 144 * MIB;
const PARTITIONS: i32 = 500;
const LARGE: usize = 10_000_000;
const TOPIC: &str = "events.validated";

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

/// Copies what it polls, as a Kafka client does, one large record at a time.
struct Copying(BrokerConsumer);

impl Consumer for Copying {
    fn poll(&mut self, _: usize, wait: Duration) -> Result<Polled, WorldError> {
        let mut polled = self.0.poll(1, wait)?;
        if let Polled::Records(records) = &mut polled {
            for record in records {
                record.value = record.value.as_ref().map(|value| Bytes::copy_from_slice(value));
            }
        }
        Ok(polled)
    }

    fn start(&mut self, positions: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        self.0.start(positions)
    }

    fn seek(&mut self, positions: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        self.0.seek(positions)
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), WorldError> {
        self.0.pause(partitions)
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), WorldError> {
        self.0.resume(partitions)
    }

    fn assignment(&self) -> Vec<TopicPartition> {
        self.0.assignment()
    }

    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Committed>, WorldError> {
        self.0.committed(partitions)
    }

    fn commit(&mut self, positions: &[Position]) -> Result<(), WorldError> {
        self.0.commit(positions)
    }

    fn watermarks(&mut self, partition: &TopicPartition) -> Result<(NextOffset, NextOffset), WorldError> {
        self.0.watermarks(partition)
    }

    fn close(&mut self) {
        self.0.close();
    }
}

/// A store that takes nothing until it is up. Chains can be read all the time.
struct Lake {
    inner: MemoryStore,
    up: AtomicBool,
}

impl Lake {
    fn answer(&self) -> Result<(), WorldError> {
        match self.up.load(Ordering::Acquire) {
            true => Ok(()),
            false => Err(WorldError::new(Remedy::Retry, "503")),
        }
    }
}

impl Store for Lake {
    fn create(&self, path: &str, bytes: Bytes) -> Result<Created, WorldError> {
        self.answer()?;
        self.inner.create(path, bytes)
    }

    fn put(&self, path: &str, bytes: Bytes) -> Result<(), WorldError> {
        self.answer()?;
        self.inner.put(path, bytes)
    }

    fn get(&self, path: &str) -> Result<Option<Bytes>, WorldError> {
        self.inner.get(path)
    }

    fn exists(&self, path: &str) -> Result<bool, WorldError> {
        self.inner.exists(path)
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectFacts>, WorldError> {
        self.inner.list(prefix)
    }
}

#[derive(Default)]
struct Numbers {
    rows: AtomicU64,
    held: AtomicUsize,
    most: AtomicUsize,
    why: Mutex<BTreeSet<Close>>,
    turns: AtomicU64,
}

impl tidegate_sink::Metrics for Numbers {
    fn slot(&self, _: &TopicPartition, why: Close) {
        self.why.lock().unwrap().insert(why);
    }
    fn file(&self, _: &str, _: &str, rows: u64, _: u64) {
        self.rows.fetch_add(rows, Ordering::AcqRel);
    }
    fn skipped(&self, _: &str, _: SkipPolicy, _: u64) {}
    fn retried(&self, _: &TopicPartition) {}
    fn oldest_open(&self, _: Duration) {}
    fn open_bytes(&self, bytes: usize) {
        self.held.store(bytes, Ordering::Release);
        self.most.fetch_max(bytes, Ordering::AcqRel);
        self.turns.fetch_add(1, Ordering::AcqRel);
    }
    fn halted(&self, partitions: usize) {
        assert_eq!(partitions, 0);
    }
    fn waiting_for_snapshot(&self, _: usize) {}
    fn ready(&self, _: bool) {}
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

/// The most that the process ever had in memory, bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

fn again(test: &str) {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn snapshot() -> Arc<Snapshot> {
    let file = ContractFile {
        path: "events.odcs.yaml".into(),
        text: "apiVersion: v3.2.0\nkind: DataContract\nid: events\nname: events\nversion: 1.0.0\nstatus: active\nschema:\n  - name: events\n    \
               physicalType: topic\n    properties:\n      - {name: s, logicalType: string, required: true}\n"
            .to_owned(),
    };
    Arc::new(
        Snapshot::build("c0ffee", &[file])
            .unwrap_or_else(|problems| panic!("{problems:?}"))
            .0,
    )
}

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(600);
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not come in time");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_burst_while_the_store_is_down_stays_within_the_budget_and_goes_on_afterwards() {
    again("child_takes_a_burst");
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn child_takes_a_burst() {
    let broker = Broker::new();
    let topic = NewTopic {
        topic: TOPIC.to_owned(),
        partitions: PARTITIONS,
        config: Vec::new(),
    };
    broker.cluster().create(&[topic]).unwrap();
    let contract = ContractRef {
        id: "events".into(),
        version: "1.0.0".into(),
    };
    let judged = stamp::JudgedBy::new(Some(&contract), "c0ffee", tidegate_check::ENGINE_VERSION, 5);
    let write = |partition: i32, offset: i64, value: &Bytes| {
        let mut headers = Vec::new();
        let at = TopicPartition::new("events", partition);
        judged.stamp(
            &mut headers,
            &Origin {
                at,
                offset: Offset(offset),
            },
        );
        let record = Outgoing {
            to: TopicPartition::new(TOPIC, partition),
            timestamp: Some(1_700_000_000_000),
            key: None,
            value: Some(value.clone()),
            headers,
        };
        broker.writer().write(&[record]).unwrap();
    };
    let large = Bytes::from(format!(r#"{{"s":"{}"}}"#, "x".repeat(LARGE)));
    let small = Bytes::from_static(br#"{"s":"y"}"#);
    let bursts = 10 * BUDGET / LARGE;
    for partition in 0..PARTITIONS {
        write(partition, 0, &small);
        if (partition as usize) < bursts {
            write(partition, 1, &large);
        }
    }
    let lake = Lake {
        inner: MemoryStore::new(),
        up: AtomicBool::new(false),
    };
    // What `memory.budget_mib: 144` would give: a third for all slots, an eighth for one. Slots of one large record close at once.
    let settings = Settings {
        limits: Limits {
            bytes_max: 8 * MIB,
            bytes_total_max: BUDGET / 3,
            age_max: Duration::from_secs(3),
            ..Limits::default()
        },
        poll_wait: Duration::from_millis(5),
        retry: (Duration::from_millis(20), Duration::from_millis(100)),
        ..Settings::default()
    };
    let (numbers, stop, schemas, snapshot) = (Numbers::default(), AtomicBool::new(false), NoSchemas, snapshot());
    let before = peak();
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let mut consumer = Copying(BrokerConsumer::join(&broker, "sinks", &[Arc::from(TOPIC)]));
            let mut rulings = SnapshotRulings::new(|| snapshot.clone(), &schemas);
            let parts = Parts {
                consumer: &mut consumer,
                cluster: &mut broker.cluster(),
                store: &lake,
                rulings: &mut rulings,
                clock: &RealClock,
                metrics: &numbers,
            };
            tidegate_sink::run(&settings, parts, &stop).unwrap();
        });
        let stop_last = StopLast(&stop);
        wait_for("pressure", || {
            worker.is_finished() || numbers.held.load(Ordering::Acquire) > settings.limits.bytes_total_max
        });
        // The store stays down, and nothing more comes in.
        let turns = numbers.turns.load(Ordering::Acquire);
        wait_for("some turns", || {
            worker.is_finished() || numbers.turns.load(Ordering::Acquire) > turns + 50
        });
        assert!(
            numbers.most.load(Ordering::Acquire) < settings.limits.bytes_total_max + 2 * LARGE,
            "one record too many at most"
        );
        assert_eq!(numbers.rows.load(Ordering::Acquire), 0);
        lake.up.store(true, Ordering::Release);
        // All of it would take this test minutes without optimisation.
        let many = PARTITIONS as u64 + 20;
        wait_for("rows", || worker.is_finished() || numbers.rows.load(Ordering::Acquire) >= many);
        drop(stop_last);
    });
    let grown = peak() - before;
    assert!(grown < BUDGET, "{} MiB of {} MiB", grown / MIB, BUDGET / MIB);
    assert!(grown > BUDGET / 4, "nothing was measured");
}

/// Ends the worker also when the test fails.
struct StopLast<'a>(&'a AtomicBool);

impl Drop for StopLast<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
