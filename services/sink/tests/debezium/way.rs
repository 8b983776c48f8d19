//! The way of the records: broker, validator, sink, lake. The roles are the real ones, their world is in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use tidegate_check::input::Known;
use tidegate_check::{Reason, SchemaLookup, SchemaNeed, Skip};
use tidegate_columnar::arrow::record_batch::RecordBatch;
use tidegate_contract::{ContractFile, ContractRef, Snapshot};
use tidegate_flow::ports::{Clock, Cluster, NewTopic, Scan, Store};
use tidegate_flow::{NextOffset, Record, TopicPartition, WorldError};
use tidegate_sim::{Broker, BrokerConsumer, BrokerExchange, MemoryStore};
use tidegate_sink::{Close, SkipPolicy, SnapshotRulings};
use tidegate_validator::JudgingSnapshot;

use crate::recording::{Recorded, lines};

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
}

/// The registry's schemas as the recording lists them.
struct Registry(HashMap<u32, Known>);

struct RealClock;

/// What became of records, by the numbers that the roles tell.
#[derive(Default)]
struct Told {
    skipped: AtomicU64,
    rows: AtomicU64,
    halted: AtomicBool,
}

// === impl Way ===

impl Way {
    /// Topics for all these records, none of them written yet.
    pub(crate) fn new(contracts: &[ContractFile], records: &[&[Recorded]]) -> Way {
        let (snapshot, _) = Snapshot::build("c0ffee", contracts).unwrap_or_else(|problems| panic!("{problems:#?}"));
        let topics: Vec<Arc<str>> = snapshot.bindings.keys().cloned().collect();
        let validating = tidegate_validator::Settings { batch_age_max: Duration::from_millis(5), ..Default::default() };
        let mut partitions: BTreeMap<Arc<str>, i32> = BTreeMap::new();
        for record in records.iter().copied().flatten() {
            let count = partitions.entry(record.outgoing.to.topic.clone()).or_default();
            *count = (*count).max(record.outgoing.to.partition + 1);
        }
        let mut wanted = Vec::new();
        for (topic, partitions) in partitions {
            let outcomes = [validating.validated(&topic), validating.dead_letters(&topic)];
            let names = std::iter::once(topic.clone()).chain(outcomes.into_iter().filter(|_| topics.contains(&topic)));
            wanted.extend(names.map(|name| NewTopic { topic: name.to_string(), partitions, config: Vec::new() }));
        }
        let broker = Broker::new();
        broker.cluster().create(&wanted).unwrap();
        Way { broker, store: MemoryStore::new(), snapshot: Arc::new(snapshot), schemas: Registry::recorded(), validating, topics }
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
            let end = next.entry(at.clone()).or_insert_with(|| self.ends(&at.topic)[usize::try_from(at.partition).unwrap()].0);
            assert_eq!(*end, record.offset, "{at}");
            *end += 1;
            self.broker.writer().write(std::slice::from_ref(&record.outgoing)).unwrap();
        }
    }

    /// Runs a validator and then a sink until everything is where it belongs. May be called again when more was put.
    pub(crate) fn run(&self) {
        let validating = Told::default();
        let skipped_before = self.source_records() - self.outcomes();
        self.work(|stop| self.validate(&validating, stop), || self.all_judged());
        let skipped = validating.skipped.load(Ordering::Acquire);
        assert_eq!(self.outcomes() + skipped, self.source_records() - (skipped_before - self.unjudged(skipped_before)));
        let validated: usize = self.outcome_records(true).len();
        let sinking = Told::default();
        let landed_before: u64 = self.landed().iter().map(|batch| batch.num_rows() as u64).sum();
        let _ = (validated, landed_before, &sinking);
        todo!()
    }
}
