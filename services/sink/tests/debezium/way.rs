//! The way of the records: broker, validator, sink, lake. The roles are the real ones, their world is in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tidegate_check::input::Known;
use tidegate_check::{Reason, SchemaLookup, SchemaNeed, Skip};
use tidegate_columnar::arrow::record_batch::RecordBatch;
use tidegate_contract::{ContractFile, ContractRef, Snapshot};
use tidegate_flow::ports::{Clock, Cluster, NewTopic, Scan, Store};
use tidegate_flow::{NextOffset, Record, TopicPartition, WorldError};
use tidegate_sim::{Broker, BrokerConsumer, BrokerExchange, MemoryStore};
use tidegate_sink::{Close, SkipPolicy, SnapshotRulings};
use tidegate_validator::JudgingSnapshot;

use crate::recording::{Recorded, avro_schemas};

const VALIDATOR: &str = "validator";
const SINK: &str = "sink";
const PATIENCE: Duration = Duration::from_secs(60);

/// One broker, one lake, one snapshot of contracts.
pub(crate) struct Way {
    broker: Broker,
    store: MemoryStore,
    snapshot: Arc<Snapshot>,
    schemas: Registry,
    validating: tidegate_validator::Settings,
    /// Source topics of the contracts.
    topics: Vec<Arc<str>>,
    told: Told,
}

/// The registry's schemas as the recording lists them.
struct Registry(HashMap<u32, Known>);

struct RealClock;

/// What the roles told since the beginning.
#[derive(Default)]
struct Told {
    /// Records that the validator set aside by a policy.
    set_aside: AtomicU64,
    /// Rows in the lake, and validated records that made none.
    landed: AtomicU64,
    halted: AtomicU64,
}

// === impl Way ===

impl Way {
    /// Topics for all these records, none of them written yet.
    pub(crate) fn new(contracts: &[ContractFile], records: &[&[Recorded]]) -> Way {
        let (snapshot, _) = Snapshot::build("c0ffee", contracts).unwrap_or_else(|problems| panic!("{problems:#?}"));
        let topics: Vec<Arc<str>> = snapshot.bindings.keys().cloned().collect();
        let validating = tidegate_validator::Settings {
            batch_age_max: Duration::from_millis(5),
            ..Default::default()
        };
        let mut partitions: BTreeMap<Arc<str>, i32> = BTreeMap::new();
        for record in records.iter().copied().flatten() {
            let count = partitions.entry(record.outgoing.to.topic.clone()).or_default();
            *count = (*count).max(record.outgoing.to.partition + 1);
        }
        let mut wanted = Vec::new();
        for (topic, partitions) in partitions {
            let outcomes = [validating.validated(&topic), validating.dead_letters(&topic)];
            let names = std::iter::once(topic.clone()).chain(outcomes.into_iter().filter(|_| topics.contains(&topic)));
            wanted.extend(names.map(|name| NewTopic {
                topic: name.to_string(),
                partitions,
                config: Vec::new(),
            }));
        }
        let broker = Broker::new();
        broker.cluster().create(&wanted).unwrap();
        Way {
            broker,
            store: MemoryStore::new(),
            snapshot: Arc::new(snapshot),
            schemas: Registry::recorded(),
            validating,
            topics,
            told: Told::default(),
        }
    }

    /// The snapshot that judges.
    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Puts records on the broker, all of them, at the offsets that they had.
    pub(crate) fn put(&self, records: &[Recorded]) {
        let mut next: BTreeMap<TopicPartition, i64> = BTreeMap::new();
        for record in records {
            let at = &record.outgoing.to;
            let end = next
                .entry(at.clone())
                .or_insert_with(|| self.ends(&at.topic)[usize::try_from(at.partition).unwrap()].0);
            assert_eq!(*end, record.offset, "{at}");
            *end += 1;
            self.broker.writer().write(std::slice::from_ref(&record.outgoing)).unwrap();
        }
    }

    /// Runs a validator and then a sink until everything is where it belongs, and stops them. May be called again when more was put.
    pub(crate) fn run(&self) {
        self.work("the validator", |stop| self.validate(stop), || self.all_judged());
        let validated = self.outcomes(true).len() as u64;
        let judged = validated + self.outcomes(false).len() as u64 + self.told.set_aside.load(Ordering::Acquire);
        assert_eq!(judged, self.source_records(), "every record has one outcome");
        self.work(
            "the sink",
            |stop| self.sink(stop),
            || self.told.landed.load(Ordering::Acquire) >= validated,
        );
        assert_eq!(
            self.told.landed.load(Ordering::Acquire),
            validated,
            "lake rows = validated records minus skips"
        );
        assert_eq!(self.told.halted.load(Ordering::Acquire), 0, "no partition waits for somebody");
    }

    /// Everything in the lake, file by file.
    pub(crate) fn landed(&self) -> Vec<RecordBatch> {
        let paths = self.store.list("lake/").unwrap().into_iter().map(|facts| facts.path);
        let read = |path: String| {
            let bytes = self.store.get(&path).unwrap().unwrap();
            let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap();
            reader.map(Result::unwrap).collect::<Vec<_>>()
        };
        paths.flat_map(read).collect()
    }

    /// All validated records, or all dead letters.
    pub(crate) fn outcomes(&self, valid: bool) -> Vec<Record> {
        let topic = |source: &Arc<str>| match valid {
            true => self.validating.validated(source),
            false => self.validating.dead_letters(source),
        };
        self.topics.iter().flat_map(|source| self.scan(&topic(source))).collect()
    }

    fn scan(&self, topic: &Arc<str>) -> Vec<Record> {
        let read = |(partition, end): (usize, NextOffset)| {
            let at = TopicPartition {
                topic: topic.clone(),
                partition: i32::try_from(partition).unwrap(),
            };
            self.broker.scan().scan(&at, NextOffset(0), end, usize::MAX).unwrap()
        };
        self.ends(topic).into_iter().enumerate().flat_map(read).collect()
    }

    fn ends(&self, topic: &str) -> Vec<NextOffset> {
        self.broker
            .cluster()
            .offsets(topic)
            .unwrap()
            .into_iter()
            .map(|(_, end)| end)
            .collect()
    }

    fn source_records(&self) -> u64 {
        self.topics.iter().map(|topic| self.scan(topic).len() as u64).sum()
    }

    fn all_judged(&self) -> bool {
        self.topics.iter().all(|topic| {
            self.ends(topic).into_iter().enumerate().all(|(partition, end)| {
                let at = TopicPartition {
                    topic: topic.clone(),
                    partition: i32::try_from(partition).unwrap(),
                };
                end.0 == 0 || self.broker.committed(VALIDATOR, &at) == Some(end)
            })
        })
    }

    /// Runs a role beside this thread until `done`.
    fn work(&self, who: &str, role: impl FnOnce(&AtomicBool) + Send, done: impl Fn() -> bool) {
        let stop = AtomicBool::new(false);
        let deadline = Instant::now() + PATIENCE;
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| role(&stop));
            let in_time = loop {
                if done() {
                    break true;
                }
                if worker.is_finished() || self.told.halted.load(Ordering::Acquire) > 0 || Instant::now() > deadline {
                    break false;
                }
                std::thread::yield_now();
            };
            stop.store(true, Ordering::Release);
            worker.join().unwrap();
            assert!(in_time, "{who} got stuck");
        });
    }

    fn validate(&self, stop: &AtomicBool) {
        let mut exchange = BrokerExchange::join(&self.broker, VALIDATOR, &self.topics, Some("validator-0"));
        let mut contracts = Fixed(Arc::new(JudgingSnapshot::compile(self.snapshot.clone()).unwrap()));
        let parts = tidegate_validator::Parts {
            exchange: &mut exchange,
            contracts: &mut contracts,
            schemas: &self.schemas,
            clock: &RealClock,
            meter: &self.told,
        };
        tidegate_validator::run(&self.validating, parts, stop).unwrap();
    }

    fn sink(&self, stop: &AtomicBool) {
        let topics: Vec<Arc<str>> = self.topics.iter().map(|topic| self.validating.validated(topic)).collect();
        let mut consumer = BrokerConsumer::join(&self.broker, SINK, &topics);
        let mut rulings = SnapshotRulings::new(|| self.snapshot.clone(), &self.schemas);
        let mut settings = tidegate_sink::Settings {
            poll_wait: Duration::from_millis(5),
            ..Default::default()
        };
        settings.limits.age_max = Duration::from_millis(20);
        // Several slots for most partitions.
        settings.limits.rows_max = 4;
        settings.poll_records = 7;
        let parts = tidegate_sink::Parts {
            consumer: &mut consumer,
            cluster: &mut self.broker.cluster(),
            store: &self.store,
            rulings: &mut rulings,
            clock: &RealClock,
            metrics: &self.told,
        };
        tidegate_sink::run(&settings, parts, stop).unwrap();
    }
}

// === impl Registry ===

impl Registry {
    fn recorded() -> Registry {
        let known = |text: String| Known::Avro(Arc::new(tidegate_codec::avro::Schema::parse(&text, &[]).unwrap()));
        Registry(avro_schemas().into_iter().map(|(id, text)| (id, known(text))).collect())
    }
}

impl SchemaLookup for Registry {
    fn lookup(&self, need: &SchemaNeed) -> Known {
        match need {
            SchemaNeed::Id(id) => self.0.get(id).cloned().unwrap_or(Known::Unknown),
            _ => Known::Unknown,
        }
    }
}

impl tidegate_validator::Schemas for Registry {
    fn fetch(&self, need: &SchemaNeed) -> Result<(), WorldError> {
        unreachable!("every schema is known from the start: {need:?}")
    }
}

impl tidegate_sink::Schemas for Registry {
    fn fetch(&self, need: &SchemaNeed) -> Result<(), WorldError> {
        unreachable!("every schema is known from the start: {need:?}")
    }
}

// === impl Told ===

impl tidegate_validator::Meter for Told {
    fn validated(&self, _: &str, _: &ContractRef, _: u64) {}
    fn dead_letters(&self, _: &str, _: Option<&ContractRef>, _: Reason, _: u64) {}
    fn noted(&self, _: &str, _: &ContractRef, _: tidegate_contract::Severity) {}
    fn shadowed(&self, _: &str, _: &ContractRef, _: u64, _: u64) {}
    fn skipped(&self, _: &str, _: Skip, records: u64) {
        self.set_aside.fetch_add(records, Ordering::AcqRel);
    }
    fn committed(&self, _: usize, _: i64) {}
    fn aborted(&self) {}
    fn held(&self, _: &TopicPartition, _: bool, _: &str) {
        self.halted.fetch_add(1, Ordering::AcqRel);
    }
    fn released(&self, _: &TopicPartition) {}
    fn assigned(&self, _: usize) {}
    fn given_up(&self, _: usize, _: bool) {}
    fn trouble(&self, _: &tidegate_flow::WorldError) {}
    fn turned(&self, _: Result<(), &str>) {}
    fn snapshot(&self, _: &str) {}
}

impl tidegate_sink::Metrics for Told {
    fn slot(&self, _: &TopicPartition, _: Close) {}
    fn file(&self, _: &str, _: &str, rows: u64, _: u64) {
        self.landed.fetch_add(rows, Ordering::AcqRel);
    }
    fn skipped(&self, _: &str, _: SkipPolicy, records: u64) {
        self.landed.fetch_add(records, Ordering::AcqRel);
    }
    fn retried(&self, _: &TopicPartition) {}
    fn oldest_open(&self, _: Duration) {}
    fn open_bytes(&self, _: usize) {}
    fn halted(&self, partitions: usize) {
        self.halted.fetch_max(partitions as u64, Ordering::AcqRel);
    }
    fn waiting_for_snapshot(&self, _: usize) {}
    fn ready(&self, _: bool) {}
}

/// The one snapshot that there is.
struct Fixed(Arc<JudgingSnapshot>);

impl tidegate_validator::Contracts for Fixed {
    fn latest(&mut self) -> Arc<JudgingSnapshot> {
        self.0.clone()
    }

    fn at(&mut self, _: &str) -> Option<Arc<JudgingSnapshot>> {
        None
    }
}

// === impl RealClock ===

impl Clock for RealClock {
    fn now_micros(&self) -> i64 {
        i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap()
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration.min(Duration::from_millis(5)));
    }
}
