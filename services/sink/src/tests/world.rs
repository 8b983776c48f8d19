//! A store, a topic, a clock and contracts in memory. Small on purpose; the simulator has the full semantics.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tidegate_check::plan::{Kind, LeafType, Node};
use tidegate_check::verdict::{Facts, Op};
use tidegate_check::{Input, Reason, RowSink, SchemaNeed, Verdict, Violation};
use tidegate_codec::Scalar;
use tidegate_columnar::RowBuilder;
use tidegate_contract::model::LakeBucket;
use tidegate_contract::{ContractRef, Severity};
use tidegate_flow::ports::{Clock, Cluster, Committed, Consumer, Created, NewTopic, ObjectFacts, Polled, Store, TopicFacts};
use tidegate_flow::record::Position;
use tidegate_flow::{Header, NextOffset, Offset, Origin, Record, Remedy, TopicPartition, WorldError, stamp};

use crate::batch::SkipPolicy;
use crate::metrics::{Metrics, Progress};
use crate::rulings::{Bound, Rulings};
use crate::run::{Parts, Settings, run};
use crate::slot::{Close, Limits};

pub(super) const TOPIC: &str = "orders.validated";
pub(super) const DAY: i64 = 86_400_000_000;
/// 2026-11-21T10:00:00Z.
pub(super) const NOON: i64 = 1_795_255_200_000_000;

pub(super) const ID: &str = "8Nq-Zw_XQLyPdpW0iUTMvA";
pub(super) const NEW_ID: &str = "9Nq-Zw_XQLyPdpW0iUTMvA";

/// Objects by path.
#[derive(Default)]
pub(super) struct MemoryStore {
    pub(super) objects: Mutex<BTreeMap<String, Bytes>>,
}

/// What a store does at one of its calls.
pub(super) enum Fault<'a> {
    /// The process dies before the call reaches the store, or right after.
    Crash { after: bool },
    /// The call fails; with `after`, it was done all the same.
    Fail { after: bool },
    /// Something else happens first.
    First(Mutex<Option<Box<dyn FnOnce() + Send + 'a>>>),
}

/// A store that misbehaves at its n-th call.
pub(super) struct FaultyStore<'a> {
    pub(super) inner: &'a MemoryStore,
    pub(super) at: usize,
    pub(super) calls: AtomicUsize,
    pub(super) fault: Fault<'a>,
}

/// The validated topic: partition to records; the end may lie past the last record.
#[derive(Default, Clone)]
pub(super) struct Topic {
    pub(super) records: BTreeMap<i32, Vec<Record>>,
    pub(super) low: i64,
    pub(super) cleanup_policy: Option<String>,
    /// What the topic is once the flag is set, under another id.
    pub(super) again: Option<(Arc<AtomicBool>, Box<Topic>)>,
    /// How many questions are answered with the id before it is left out, and how often it is left out then.
    pub(super) ids_left_out: Arc<Mutex<(usize, usize)>>,
}

pub(super) struct TestConsumer<'a> {
    topic: &'a Topic,
    stop: &'a AtomicBool,
    clock: &'a TestClock,
    events: VecDeque<Polled>,
    positions: BTreeMap<i32, i64>,
    paused: BTreeSet<i32>,
    idle: usize,
    pub(super) commits: Vec<(i32, i64)>,
    pub(super) closed: bool,
}

pub(super) struct TestClock(AtomicI64);

/// Values are `<id>,<event time or ->`; `!` breaks the contract, `?` needs a schema, `bad` columns do not fit.
pub(super) struct TestRulings {
    pub(super) bounds: Vec<Arc<Bound>>,
    pub(super) commits: VecDeque<&'static str>,
    /// Versions that only the last commit holds.
    pub(super) late: Option<&'static str>,
    pub(super) fetched: usize,
}

struct TestCluster<'a>(&'a Topic);

// === impl MemoryStore ===

impl MemoryStore {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.objects.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Store for MemoryStore {
    fn create(&self, path: &str, bytes: Bytes) -> Result<Created, WorldError> {
        let mut objects = self.lock();
        if objects.contains_key(path) {
            return Ok(Created::Exists);
        }
        objects.insert(path.to_owned(), bytes);
        Ok(Created::New)
    }
    fn put(&self, path: &str, bytes: Bytes) -> Result<(), WorldError> {
        self.lock().insert(path.to_owned(), bytes);
        Ok(())
    }
    fn get(&self, path: &str) -> Result<Option<Bytes>, WorldError> {
        Ok(self.lock().get(path).cloned())
    }
    fn exists(&self, path: &str) -> Result<bool, WorldError> {
        Ok(self.lock().contains_key(path))
    }
    fn list(&self, prefix: &str) -> Result<Vec<ObjectFacts>, WorldError> {
        let facts = |(path, bytes): (&String, &Bytes)| ObjectFacts {
            path: path.clone(),
            size: bytes.len() as u64,
        };
        Ok(self
            .lock()
            .iter()
            .filter(|(path, _)| path.starts_with(&format!("{prefix}/")))
            .map(facts)
            .collect())
    }
}

// === impl FaultyStore ===

impl<'a> FaultyStore<'a> {
    pub(super) fn new(inner: &'a MemoryStore, at: usize, fault: Fault<'a>) -> Self {
        FaultyStore {
            inner,
            at,
            calls: AtomicUsize::new(0),
            fault,
        }
    }

    fn call<T>(&self, call: impl FnOnce() -> Result<T, WorldError>) -> Result<T, WorldError> {
        if self.calls.fetch_add(1, Ordering::SeqCst) != self.at {
            return call();
        }
        match &self.fault {
            Fault::Crash { after } => {
                if *after {
                    call()?;
                }
                resume_unwind(Box::new("crash"))
            }
            Fault::Fail { after } => {
                if *after {
                    call()?;
                }
                Err(WorldError::new(Remedy::Retry, "the store did not answer"))
            }
            Fault::First(other) => {
                let other = other.lock().unwrap().take();
                if let Some(other) = other {
                    other();
                }
                call()
            }
        }
    }
}

/// A store that takes what is small: the chain, and no file.
pub(super) struct OnlyChain<'a>(pub(super) &'a MemoryStore);

impl Store for OnlyChain<'_> {
    fn create(&self, path: &str, bytes: Bytes) -> Result<Created, WorldError> {
        match path.starts_with("lake/") {
            true => Err(WorldError::new(Remedy::Retry, "too large for now")),
            false => self.0.create(path, bytes),
        }
    }
    fn put(&self, path: &str, bytes: Bytes) -> Result<(), WorldError> {
        self.0.put(path, bytes)
    }
    fn get(&self, path: &str) -> Result<Option<Bytes>, WorldError> {
        self.0.get(path)
    }
    fn exists(&self, path: &str) -> Result<bool, WorldError> {
        self.0.exists(path)
    }
    fn list(&self, prefix: &str) -> Result<Vec<ObjectFacts>, WorldError> {
        self.0.list(prefix)
    }
}

impl Store for FaultyStore<'_> {
    fn create(&self, path: &str, bytes: Bytes) -> Result<Created, WorldError> {
        self.call(|| self.inner.create(path, bytes))
    }
    fn put(&self, path: &str, bytes: Bytes) -> Result<(), WorldError> {
        self.call(|| self.inner.put(path, bytes))
    }
    fn get(&self, path: &str) -> Result<Option<Bytes>, WorldError> {
        self.call(|| self.inner.get(path))
    }
    fn exists(&self, path: &str) -> Result<bool, WorldError> {
        self.call(|| self.inner.exists(path))
    }
    fn list(&self, prefix: &str) -> Result<Vec<ObjectFacts>, WorldError> {
        self.call(|| self.inner.list(prefix))
    }
}

// === impl Topic ===

impl Topic {
    /// Adds a stamped record to partition `partition` at `offset`; its source is `raw` at `source`.
    pub(super) fn push(&mut self, partition: i32, offset: i64, source: i64, version: &str, value: Option<&str>) -> &mut Record {
        let headers = vec![
            Header::text(stamp::ORIGIN, format!("raw:{partition}:{source}")),
            Header::text(stamp::CONTRACT, format!("orders@{version}")),
            Header::text(stamp::JUDGE, "c0ffee/0.1.0"),
        ];
        let record = Record {
            origin: Origin {
                at: TopicPartition::new(TOPIC, partition),
                offset: Offset(offset),
            },
            timestamp: Some(NOON / 1_000),
            key: Some(Bytes::from_static(b"k")),
            value: value.map(|value| Bytes::from(value.to_owned())),
            headers,
        };
        let records = self.records.entry(partition).or_default();
        records.push(record);
        records.last_mut().unwrap()
    }

    /// `count` good records over three days, with a gap of one offset behind every fourth, as transactions leave them.
    pub(super) fn orders(partitions: i32, count: i64) -> Topic {
        let mut topic = Topic {
            cleanup_policy: Some("delete".into()),
            ..Topic::default()
        };
        for partition in 0..partitions {
            for number in 0..count {
                let value = format!("{number},{}", NOON - DAY * (number % 3));
                topic.push(partition, number + number / 4, number, "1.0.0", Some(&value));
            }
        }
        topic
    }

    /// The same of one day, where every pair of calls is tried and each file costs.
    pub(super) fn orders_of_one_day(count: i64) -> Topic {
        let mut topic = Topic {
            cleanup_policy: Some("delete".into()),
            ..Topic::default()
        };
        for number in 0..count {
            topic.push(0, number + number / 4, number, "1.0.0", Some(&format!("{number},{NOON}")));
        }
        topic
    }

    /// The topic will be deleted and made again as this when the answer is set.
    pub(super) fn made_anew_as(&mut self, again: Topic) -> Arc<AtomicBool> {
        let flag = Arc::new(AtomicBool::new(false));
        self.again = Some((flag.clone(), Box::new(again)));
        flag
    }

    fn now(&self) -> (&Topic, &'static str) {
        match &self.again {
            Some((flag, again)) if flag.load(Ordering::SeqCst) => (again, NEW_ID),
            _ => (self, ID),
        }
    }

    fn end(&self, partition: i32) -> i64 {
        // A control record stands behind the last record.
        self.records
            .get(&partition)
            .and_then(|records| records.last())
            .map_or(0, |record| record.origin.offset.0 + 2)
    }
}

// === impl TestConsumer ===

impl<'a> TestConsumer<'a> {
    fn new(topic: &'a Topic, stop: &'a AtomicBool, clock: &'a TestClock) -> Self {
        let assigned = topic
            .records
            .keys()
            .map(|&partition| TopicPartition::new(TOPIC, partition))
            .collect();
        TestConsumer {
            topic,
            stop,
            clock,
            events: VecDeque::from([Polled::Assigned(assigned)]),
            positions: BTreeMap::new(),
            paused: BTreeSet::new(),
            idle: 0,
            commits: Vec::new(),
            closed: false,
        }
    }
}

impl Consumer for TestConsumer<'_> {
    fn poll(&mut self, records_max: usize, _: Duration) -> Result<Polled, WorldError> {
        self.clock.0.fetch_add(1_000_000, Ordering::SeqCst);
        if let Some(event) = self.events.pop_front() {
            return Ok(event);
        }
        let mut polled = Vec::new();
        for (partition, position) in &mut self.positions {
            if self.paused.contains(partition) {
                continue;
            }
            let from = *position;
            let due = self.topic.now().0.records[partition]
                .iter()
                .filter(|record| record.origin.offset.0 >= from);
            for record in due.take(records_max) {
                *position = record.origin.offset.0 + 1;
                polled.push(record.clone());
            }
        }
        match polled.is_empty() {
            true => self.idle += 1,
            false => self.idle = 0,
        }
        if self.idle > 5 {
            self.stop.store(true, Ordering::SeqCst);
        }
        Ok(Polled::Records(polled))
    }
    fn start(&mut self, positions: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        self.seek(positions)
    }
    fn seek(&mut self, positions: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        for (at, next) in positions {
            assert!(next.0 >= self.topic.now().0.low, "out of range");
            self.positions.insert(at.partition, next.0);
        }
        Ok(())
    }
    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), WorldError> {
        self.paused.extend(partitions.iter().map(|at| at.partition));
        Ok(())
    }
    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), WorldError> {
        partitions.iter().for_each(|at| {
            self.paused.remove(&at.partition);
        });
        Ok(())
    }
    fn assignment(&self) -> Vec<TopicPartition> {
        self.topic
            .records
            .keys()
            .map(|&partition| TopicPartition::new(TOPIC, partition))
            .collect()
    }
    fn committed(&mut self, _: &[TopicPartition]) -> Result<Vec<Committed>, WorldError> {
        Ok(Vec::new())
    }
    fn commit(&mut self, positions: &[Position]) -> Result<(), WorldError> {
        self.commits
            .extend(positions.iter().map(|position| (position.at.partition, position.next.0)));
        Ok(())
    }
    fn watermarks(&mut self, partition: &TopicPartition) -> Result<(NextOffset, NextOffset), WorldError> {
        let topic = self.topic.now().0;
        Ok((NextOffset(topic.low), NextOffset(topic.end(partition.partition))))
    }
    fn close(&mut self) {
        self.closed = true;
    }
}

// === impl TestClock ===

impl Clock for TestClock {
    fn now_micros(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
    fn sleep(&self, duration: Duration) {
        self.0.fetch_add(i64::try_from(duration.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

// === impl TestCluster ===

impl Cluster for TestCluster<'_> {
    fn topics(&mut self, names: &[Arc<str>]) -> Result<Vec<TopicFacts>, WorldError> {
        let (present, id) = self.0.now();
        let mut left_out = present.ids_left_out.lock().unwrap();
        let is_told = match &mut *left_out {
            (0, 0) => true,
            (0, missing) => {
                *missing -= 1;
                false
            }
            (told, _) => {
                *told -= 1;
                true
            }
        };
        let facts = |topic: &Arc<str>| TopicFacts {
            topic: topic.clone(),
            id: is_told.then(|| id.into()),
            partitions: 9,
            cleanup_policy: self.0.cleanup_policy.clone(),
        };
        Ok(names.iter().map(facts).collect())
    }
    fn offsets(&mut self, _: &str) -> Result<Vec<(NextOffset, NextOffset)>, WorldError> {
        Ok(Vec::new())
    }
    fn create(&mut self, _: &[NewTopic]) -> Result<(), WorldError> {
        Ok(())
    }
}

// === impl TestRulings ===

impl TestRulings {
    pub(super) fn new(cdc: bool) -> Self {
        let node = |name: &str, kind| Node {
            name: name.into(),
            wire_name: name.into(),
            kind,
        };
        let id = || node("id", Kind::Leaf(LeafType::Int { bits: 64, signed: true }));
        let bound = |number: usize, version: &str, nodes: Vec<Node>| {
            Arc::new(Bound {
                contract: ContractRef {
                    id: "orders".into(),
                    version: version.into(),
                },
                major: version.split('.').next().unwrap().parse().unwrap(),
                object: "order".into(),
                cdc,
                tombstones_repeat: cdc,
                bucket: LakeBucket::Day,
                event_time: true,
                nodes: nodes.into(),
                number,
            })
        };
        let bounds = vec![
            bound(0, "1.0.0", vec![node("row", Kind::Object(vec![1])), id()]),
            bound(
                1,
                "1.1.0",
                vec![node("row", Kind::Object(vec![1, 2])), id(), node("more", Kind::Leaf(LeafType::Str))],
            ),
            bound(
                2,
                "2.0.0",
                vec![node("row", Kind::Object(vec![1])), node("id", Kind::Leaf(LeafType::Str))],
            ),
        ];
        TestRulings {
            bounds,
            commits: VecDeque::from(["c0ffee"]),
            late: None,
            fetched: 0,
        }
    }
}

impl Rulings for TestRulings {
    fn refresh(&mut self) {
        if self.commits.len() > 1 {
            self.commits.pop_front();
        }
    }
    fn commit(&self) -> Arc<str> {
        self.commits[0].into()
    }
    fn bind(&mut self, topic: &str, contract: &ContractRef, _object: Option<&str>) -> Result<Option<Arc<Bound>>, WorldError> {
        assert_eq!(topic, "raw", "contracts bind the topic that the validator consumed");
        if self.late == Some(&*contract.version) && self.commits.len() > 1 {
            return Ok(None);
        }
        Ok(self.bounds.iter().find(|bound| bound.contract == *contract).cloned())
    }
    fn judge(&mut self, bound: &Bound, _: &str, input: &Input<'_>, row: &mut RowBuilder) -> Verdict {
        let Some(value) = input.value else {
            return Verdict::Valid {
                notes: Vec::new(),
                facts: Facts {
                    op: Some(Op::Tombstone),
                    ..Facts::default()
                },
            };
        };
        let text = std::str::from_utf8(value).unwrap();
        if text == "?" && self.fetched == 0 {
            return Verdict::Need(SchemaNeed::Id(7));
        }
        let (id, time) = text.split_once(',').unwrap_or(("0", "-"));
        row.begin(0);
        match bound.number {
            2 => row.scalar(1, &Scalar::Str(id.into())),
            _ => row.scalar(1, &Scalar::Int(id.parse().unwrap())),
        }
        row.end(0);
        if text.ends_with('!') {
            let violation = Violation {
                reason: Reason::TypeMismatch,
                detail: None,
                rule: "type".into(),
                severity: Severity::Error,
                pointer: "/id".into(),
                location: tidegate_contract::Location::default(),
            };
            return Verdict::Invalid {
                violations: vec![violation],
                cut: false,
            };
        }
        Verdict::Valid {
            notes: Vec::new(),
            facts: Facts {
                event_time: time.parse().ok(),
                ..Facts::default()
            },
        }
    }
    fn fetch(&mut self, need: &SchemaNeed) -> Result<(), WorldError> {
        assert_eq!(*need, SchemaNeed::Id(7));
        self.fetched += 1;
        Ok(())
    }
}

/// Slots of at most that many records.
pub(super) fn settings(records_max: u64) -> Settings {
    let limits = Limits {
        rows_max: records_max,
        age_max: Duration::from_secs(3_600),
        ..Limits::default()
    };
    Settings {
        limits,
        poll_records: 7,
        ..Settings::default()
    }
}

/// Runs a worker until nothing more comes; the most bytes that its slots held.
pub(super) fn most_held(topic: &Topic, store: &dyn Store, rulings: &mut dyn Rulings, settings: &Settings) -> usize {
    let most = Most::default();
    assert!(run_worker(topic, store, rulings, settings, NOON, &most).is_some());
    most.0.into_inner()
}

/// Runs a worker until nothing more comes; how its partitions stood at the end.
pub(super) fn stood(topic: &Topic, store: &dyn Store, rulings: &mut dyn Rulings, settings: &Settings) -> Vec<(i32, Progress)> {
    let stood = Stood::default();
    assert!(run_worker(topic, store, rulings, settings, NOON, &stood).is_some());
    stood.0.into_inner().unwrap()
}

#[derive(Default)]
struct Stood(Mutex<Vec<(i32, Progress)>>);

impl Metrics for Stood {
    fn slot(&self, _: &TopicPartition, _: Close) {}
    fn file(&self, _: &str, _: &str, _: u64, _: u64) {}
    fn skipped(&self, _: &str, _: SkipPolicy, _: u64) {}
    fn retried(&self, _: &TopicPartition) {}
    fn oldest_open(&self, _: Duration) {}
    fn open_bytes(&self, _: usize) {}
    fn halted(&self, _: usize) {}
    fn waiting_for_snapshot(&self, _: usize) {}
    fn standing(&self, partitions: &mut dyn Iterator<Item = (&TopicPartition, Progress)>) {
        *self.0.lock().unwrap() = partitions.map(|(at, progress)| (at.partition, progress)).collect();
    }
    fn ready(&self, _: bool) {}
}

#[derive(Default)]
struct Most(AtomicUsize);

impl Metrics for Most {
    fn slot(&self, _: &TopicPartition, _: Close) {}
    fn file(&self, _: &str, _: &str, _: u64, _: u64) {}
    fn skipped(&self, _: &str, _: SkipPolicy, _: u64) {}
    fn retried(&self, _: &TopicPartition) {}
    fn oldest_open(&self, _: Duration) {}
    fn open_bytes(&self, bytes: usize) {
        self.0.fetch_max(bytes, Ordering::SeqCst);
    }
    fn halted(&self, _: usize) {}
    fn waiting_for_snapshot(&self, _: usize) {}
    fn ready(&self, _: bool) {}
}

/// Runs a worker until the topic is read to its end. False when it crashed.
pub(super) fn work(topic: &Topic, store: &dyn Store, rulings: &mut dyn Rulings, settings: &Settings) -> bool {
    work_at(topic, store, rulings, settings, NOON).is_some()
}

/// The same with a clock of its own; answers what was committed to the group.
pub(super) fn work_at(
    topic: &Topic,
    store: &dyn Store,
    rulings: &mut dyn Rulings,
    settings: &Settings,
    now: i64,
) -> Option<Vec<(i32, i64)>> {
    run_worker(topic, store, rulings, settings, now, &())
}

fn run_worker(
    topic: &Topic,
    store: &dyn Store,
    rulings: &mut dyn Rulings,
    settings: &Settings,
    now: i64,
    metrics: &dyn Metrics,
) -> Option<Vec<(i32, i64)>> {
    let (stop, clock) = (AtomicBool::new(false), TestClock(AtomicI64::new(now)));
    let mut consumer = TestConsumer::new(topic, &stop, &clock);
    let mut cluster = TestCluster(topic);
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let parts = Parts {
            consumer: &mut consumer,
            cluster: &mut cluster,
            store,
            rulings,
            clock: &clock,
            metrics,
        };
        run(settings, parts, &stop).unwrap();
    }));
    assert!(ended.is_err() || consumer.closed);
    match ended {
        Ok(()) => Some(consumer.commits),
        Err(panic) if panic.downcast_ref::<&str>() == Some(&"crash") => None,
        Err(panic) => resume_unwind(panic),
    }
}
