//! One validator on the in-memory broker: topics, contracts from text, a registry, and a process that can die at any call.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tidegate_check::input::Known;
use tidegate_check::{Reason, SchemaLookup, SchemaNeed, Skip};
use tidegate_contract::{ContractFile, ContractRef, Severity, Snapshot};
use tidegate_flow::ports::{
    Clock, Cluster, Committed, Consumer, Delivery, Exchange, FaultClass, NewTopic, Polled, Refusal, Scan, TransactionFault,
};
use tidegate_flow::record::{Outgoing, header_text};
use tidegate_flow::{Header, NextOffset, Position, Record, Remedy, TopicPartition, WorldError, stamp};
use tidegate_sim::{Broker, BrokerExchange};
use tidegate_validator::{Contracts, JudgingSnapshot, Meter, Mode, Parts, Schemas, Settings, run};

pub(crate) mod measured;

/// Group of the validators.
pub(crate) const GROUP: &str = "g";

/// Looks at a batch that is about to be sent.
pub(crate) type AtSend = Box<dyn Fn(&[Outgoing]) + Send + Sync>;

/// Everything outside of the process.
pub(crate) struct Stage {
    pub(crate) broker: Broker,
    pub(crate) settings: Settings,
    pub(crate) snapshot: Arc<JudgingSnapshot>,
    pub(crate) topics: Vec<Arc<str>>,
    pub(crate) registry: Registry,
    /// Partitions that were held, for whom, why.
    pub(crate) held: Mutex<Vec<(TopicPartition, bool, String)>>,
    /// Transactions that were committed, or positions without one; and those of them without a record.
    pub(crate) commits: AtomicUsize,
    pub(crate) empty_commits: AtomicUsize,
    /// May end the process.
    pub(crate) at_send: Option<AtSend>,
    /// Takes memory and time as a client does.
    pub(crate) copies: bool,
    /// Whoever reads this partition ends, before a record comes.
    pub(crate) bomb: Option<TopicPartition>,
    /// Larger records are refused by the brokers: bytes of key, value and headers.
    pub(crate) record_max: usize,
    /// Brokers do not take this value, and do not say for what reason, as long as the flag is set.
    pub(crate) unwelcome: Option<(bytes::Bytes, AtomicBool)>,
    /// The ends of this partition cannot be had, and whose fault that is; none any more when it is taken away.
    pub(crate) endless: Mutex<Option<(TopicPartition, Remedy)>>,
    /// What brokers say to who asks for the id of a topic.
    pub(crate) topic_id: Mutex<Option<Arc<str>>>,
    /// The process ends when it polls.
    pub(crate) dies: AtomicBool,
    /// Positions without records that the group refused: all but the first when it is there.
    pub(crate) refused: Option<AtomicUsize>,
}

/// What a registry knows, and what becomes of who asks.
#[derive(Default)]
pub(crate) struct Registry {
    pub(crate) schemas: HashMap<u32, Known>,
    /// By the names that the corpus gives them.
    pub(crate) others: HashMap<String, Known>,
    /// Looking this one up ends the process, so many times.
    pub(crate) poison: Option<u32>,
    pub(crate) doses: AtomicI64,
    pub(crate) down: AtomicBool,
    asked: Mutex<BTreeMap<String, usize>>,
    pub(crate) questions: AtomicUsize,
}

/// What a process ends with that is killed.
pub(crate) struct Killed;

/// Ends the process: nothing of it is told, as with kill -9.
pub(crate) fn die() -> ! {
    std::panic::resume_unwind(Box::new(Killed))
}

// === impl Registry ===

impl SchemaLookup for Registry {
    fn lookup(&self, need: &SchemaNeed) -> Known {
        if let (SchemaNeed::Id(id), Some(poison)) = (need, self.poison)
            && *id == poison
            && self.doses.fetch_sub(1, Ordering::AcqRel) > 0
        {
            die();
        }
        if !self.asked.lock().unwrap().contains_key(&format!("{need:?}")) {
            return Known::NotCached;
        }
        match need {
            SchemaNeed::Id(id) => self.schemas.get(id).cloned().unwrap_or(Known::Unknown),
            other => self.others.get(&name(other)).cloned().unwrap_or(Known::Unknown),
        }
    }
}

fn name(need: &SchemaNeed) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    match need {
        SchemaNeed::Id(id) => id.to_string(),
        SchemaNeed::Guid(guid) => format!("guid:{}", hex(guid)),
        SchemaNeed::Glue(uuid) => format!("glue:{}", hex(uuid)),
        SchemaNeed::GlobalId(id) => format!("global:{id}"),
        SchemaNeed::ContentId(id) => format!("content:{id}"),
        SchemaNeed::File { file, message } => format!("file:{file}:{message}"),
    }
}

impl Schemas for &Registry {
    fn fetch(&self, need: &SchemaNeed) -> Result<(), WorldError> {
        self.questions.fetch_add(1, Ordering::AcqRel);
        if self.down.load(Ordering::Acquire) {
            return Err(WorldError::new(Remedy::Retry, "registry down"));
        }
        *self.asked.lock().unwrap().entry(format!("{need:?}")).or_default() += 1;
        Ok(())
    }
}

impl SchemaLookup for &Registry {
    fn lookup(&self, need: &SchemaNeed) -> Known {
        (**self).lookup(need)
    }
}

struct Fixed(Arc<JudgingSnapshot>);

impl Contracts for Fixed {
    fn latest(&mut self) -> Arc<JudgingSnapshot> {
        self.0.clone()
    }

    fn at(&mut self, commit: &str) -> Option<Arc<JudgingSnapshot>> {
        (commit == &**self.0.commit()).then(|| self.0.clone())
    }
}

pub(crate) struct RealClock;

impl Clock for RealClock {
    fn now_micros(&self) -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.unwrap().as_micros() as i64
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration.min(Duration::from_millis(5)));
    }
}

struct Watching<'a>(&'a Stage);

impl Meter for Watching<'_> {
    fn validated(&self, _: &str, _: &ContractRef, _: u64) {}
    fn dead_letters(&self, _: &str, _: Option<&ContractRef>, _: Reason, _: u64) {}
    fn noted(&self, _: &str, _: &ContractRef, _: Severity) {}
    fn shadowed(&self, _: &str, _: &ContractRef, _: u64, _: u64) {}
    fn skipped(&self, _: &str, _: Skip, _: u64) {}
    fn committed(&self, _: usize, _: i64) {}
    fn aborted(&self) {}
    fn held(&self, at: &TopicPartition, operator: bool, why: &str) {
        self.0.held.lock().unwrap().push((at.clone(), operator, why.to_owned()));
    }
    fn released(&self, _: &TopicPartition) {}
    fn assigned(&self, _: usize) {}
    fn given_up(&self, _: usize, _: bool) {}
    fn trouble(&self, _: &WorldError) {}
    fn turned(&self, _: Result<(), &str>) {}
    fn snapshot(&self, _: &str) {}
}

/// The member and producer of a process.
struct Pair<'a> {
    stage: &'a Stage,
    inner: BrokerExchange,
    sent: usize,
    reads_bomb: bool,
}

impl Exchange for Pair<'_> {
    fn begin(&mut self) -> Result<(), TransactionFault> {
        self.sent = 0;
        self.inner.begin()
    }

    fn send(&mut self, mut batch: Vec<Outgoing>) -> Result<Delivery, TransactionFault> {
        self.sent += batch.len();
        if let Some(look) = &self.stage.at_send {
            look(&batch);
        }
        if self.stage.copies {
            // A client copies what it sends, and nobody keeps it here.
            let queue: Vec<Vec<u8>> = batch
                .iter()
                .map(|one| one.value.as_ref().map_or_else(Vec::new, |value| value.to_vec()))
                .collect();
            assert!(queue.iter().all(|copy| copy.len() < usize::MAX));
            batch.iter_mut().for_each(|one| one.value = None);
        }
        let large = |one: &Outgoing| {
            let headers = one
                .headers
                .iter()
                .map(|header| header.name.len() + header.value.as_ref().map_or(0, |value| value.len()));
            let of = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or(0, |bytes| bytes.len());
            of(&one.key) + of(&one.value) + headers.sum::<usize>() > self.stage.record_max
        };
        if let Some((value, is_refused)) = &self.stage.unwelcome
            && is_refused.load(Ordering::Acquire)
            && let Some(index) = batch.iter().position(|one| one.value.as_ref() == Some(value))
        {
            return Ok(Delivery {
                delivered: batch.len() - 1,
                refused: vec![(index, Refusal::Other, "no reason given".to_owned())],
            });
        }
        let refused: Vec<usize> = (0..batch.len()).filter(|&index| large(&batch[index])).collect();
        if refused.is_empty() {
            return self.inner.send(batch);
        }
        let taken = batch.iter().filter(|one| !large(one)).cloned().collect();
        let mut delivery = self.inner.send(taken)?;
        delivery.refused = refused
            .into_iter()
            .map(|index| (index, Refusal::TooLarge, "message too large".to_owned()))
            .collect();
        Ok(delivery)
    }

    fn send_offsets(&mut self, positions: &[Position]) -> Result<(), TransactionFault> {
        if self.is_refused() {
            return Err(TransactionFault {
                class: FaultClass::Abortable,
                operator: true,
                what: "positions are refused".to_owned(),
            });
        }
        self.inner.send_offsets(positions)
    }

    fn commit_transaction(&mut self) -> Result<bool, TransactionFault> {
        self.stage.commits.fetch_add(1, Ordering::AcqRel);
        self.stage.empty_commits.fetch_add(usize::from(self.sent == 0), Ordering::AcqRel);
        self.inner.commit_transaction()
    }

    fn abort_transaction(&mut self) -> Result<bool, TransactionFault> {
        self.inner.abort_transaction()
    }

    fn renew(&mut self) -> Result<(), WorldError> {
        self.inner.renew()
    }
}

impl Consumer for Pair<'_> {
    fn poll(&mut self, records_max: usize, wait: Duration) -> Result<Polled, WorldError> {
        if self.reads_bomb || self.stage.dies.load(Ordering::Acquire) {
            die();
        }
        let records_max = if self.stage.copies {
            records_max.min(POLL_RECORDS)
        } else {
            records_max
        };
        let mut polled = self.inner.poll(records_max, wait)?;
        if let (true, Polled::Records(records)) = (self.stage.copies, &mut polled) {
            for record in records {
                record.value = record.value.as_ref().map(|value| bytes::Bytes::copy_from_slice(value));
            }
        }
        Ok(polled)
    }

    fn start(&mut self, positions: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        self.reads_bomb |= positions.iter().any(|(at, _)| Some(at) == self.stage.bomb.as_ref());
        self.inner.start(positions)
    }

    fn seek(&mut self, positions: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        self.inner.seek(positions)
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), WorldError> {
        self.inner.pause(partitions)
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), WorldError> {
        self.inner.resume(partitions)
    }

    fn assignment(&self) -> Vec<TopicPartition> {
        self.inner.assignment()
    }

    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Committed>, WorldError> {
        self.inner.committed(partitions)
    }

    fn commit(&mut self, positions: &[Position]) -> Result<(), WorldError> {
        if self.is_refused() {
            return Err(WorldError::new(Remedy::Operator, "positions are refused"));
        }
        self.stage.commits.fetch_add(1, Ordering::AcqRel);
        self.stage.empty_commits.fetch_add(usize::from(self.sent == 0), Ordering::AcqRel);
        self.sent = 0;
        self.inner.commit(positions)
    }

    fn watermarks(&mut self, partition: &TopicPartition) -> Result<(NextOffset, NextOffset), WorldError> {
        match &*self.stage.endless.lock().unwrap() {
            Some((at, remedy)) if at == partition => Err(WorldError::new(*remedy, format!("{at} has no leader"))),
            _ => self.inner.watermarks(partition),
        }
    }

    fn topic_id(&mut self, _: &str) -> Option<Arc<str>> {
        self.stage.topic_id.lock().unwrap().clone()
    }

    fn close(&mut self) {
        self.inner.close();
    }
}

impl Pair<'_> {
    fn is_refused(&self) -> bool {
        let refused = self.stage.refused.as_ref().filter(|_| self.sent == 0);
        refused.is_some_and(|refused| self.stage.commits.load(Ordering::Acquire) > 0 && refused.fetch_add(1, Ordering::AcqRel) < usize::MAX)
    }
}

/// What one poll of the client brings of the largest records: it stops past 8 MiB.
const POLL_RECORDS: usize = 1;

// === impl Stage ===

impl Stage {
    /// Topics with so many partitions each, and the contracts of these files (`path`, text).
    pub(crate) fn new(partitions: i32, files: &[(&str, String)]) -> Stage {
        let files: Vec<ContractFile> = files
            .iter()
            .map(|(path, text)| ContractFile {
                path: (*path).into(),
                text: text.clone(),
            })
            .collect();
        let (snapshot, _) = Snapshot::build("c0ffee", &files).unwrap_or_else(|problems| panic!("{problems:?}"));
        let snapshot = Arc::new(JudgingSnapshot::compile(Arc::new(snapshot)).unwrap_or_else(|problems| panic!("{problems:?}")));
        let settings = Settings {
            batch_age_max: Duration::from_millis(5),
            retry_after: Duration::from_millis(20),
            operator_retry_after: Duration::from_millis(20),
            ..Settings::default()
        };
        let topics = snapshot.topics();
        let broker = Broker::new();
        for topic in &topics {
            for name in [topic.clone(), settings.validated(topic), settings.dead_letters(topic)] {
                let topic = NewTopic {
                    topic: name.to_string(),
                    partitions,
                    config: Vec::new(),
                };
                broker.cluster().create(&[topic]).unwrap();
            }
        }
        Stage {
            broker,
            settings,
            snapshot,
            topics,
            registry: Registry::default(),
            held: Mutex::default(),
            commits: AtomicUsize::new(0),
            empty_commits: AtomicUsize::new(0),
            at_send: None,
            copies: false,
            bomb: None,
            record_max: usize::MAX,
            unwelcome: None,
            endless: Mutex::default(),
            topic_id: Mutex::default(),
            refused: None,
            dies: AtomicBool::new(false),
        }
    }

    pub(crate) fn write(&self, topic: &str, partition: i32, value: impl Into<bytes::Bytes>) {
        self.write_record(topic, partition, Some(b"k".as_slice().into()), Some(value.into()), Vec::new());
    }

    pub(crate) fn write_record(
        &self,
        topic: &str,
        partition: i32,
        key: Option<bytes::Bytes>,
        value: Option<bytes::Bytes>,
        headers: Vec<Header>,
    ) {
        let to = TopicPartition::new(topic, partition);
        let record = Outgoing {
            to,
            timestamp: Some(1_700_000_000_000),
            key,
            value,
            headers,
        };
        self.broker.writer().write(&[record]).unwrap();
    }

    /// One process, until `done` or its death. True: it was stopped in good order.
    pub(crate) fn live(&self, done: impl Fn(&Stage) -> bool) -> bool {
        /// Ends the worker also when the test fails.
        struct Stop<'a>(&'a AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Release);
            }
        }
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| self.work(&stop));
            let _stop = Stop(&stop);
            let deadline = Instant::now() + Duration::from_secs(600);
            while !done(self) && !worker.is_finished() {
                assert!(
                    Instant::now() < deadline,
                    "it did not come in time: {:?}; held {:?}",
                    self.positions(),
                    self.held.lock().unwrap().last()
                );
                std::thread::sleep(Duration::from_millis(1));
            }
            stop.store(true, Ordering::Release);
            match worker.join() {
                Ok(answer) => {
                    answer.unwrap();
                    true
                }
                Err(cause) if cause.is::<Killed>() => false,
                Err(cause) => std::panic::resume_unwind(cause),
            }
        })
    }

    fn work(&self, stop: &AtomicBool) -> Result<(), WorldError> {
        let transactional = (self.settings.mode == Mode::ExactlyOnce).then_some("t");
        let mut exchange = Pair {
            stage: self,
            inner: BrokerExchange::join(&self.broker, GROUP, &self.topics, transactional),
            sent: 0,
            reads_bomb: false,
        };
        let parts = Parts {
            exchange: &mut exchange,
            contracts: &mut Fixed(self.snapshot.clone()),
            schemas: &&self.registry,
            clock: &RealClock,
            meter: &Watching(self),
        };
        run(&self.settings, parts, stop)
    }

    /// Everything has a committed outcome.
    pub(crate) fn is_through(&self) -> bool {
        self.positions().iter().all(|(_, committed, end)| *end == 0 || committed == end)
    }

    /// Committed position and end of each partition.
    pub(crate) fn positions(&self) -> Vec<(TopicPartition, i64, i64)> {
        let mut positions = Vec::new();
        for topic in &self.topics {
            for (partition, (_, end)) in self.broker.cluster().offsets(topic).unwrap().iter().enumerate() {
                let at = TopicPartition::new(topic.clone(), partition as i32);
                let committed = self.broker.committed(GROUP, &at).map_or(0, |next| next.0);
                positions.push((at, committed, end.0));
            }
        }
        positions
    }

    /// Runs a process to the end of what is there; it must not die.
    pub(crate) fn run_through(&self) {
        assert!(self.live(Stage::is_through), "the process died");
    }

    /// The text beside a position.
    pub(crate) fn note(&self, at: &TopicPartition) -> tidegate_validator::ledger::Note {
        let mut reader = tidegate_sim::BrokerConsumer::join(&self.broker, GROUP, &[]);
        let committed = reader.committed(std::slice::from_ref(at)).unwrap();
        tidegate_validator::ledger::Note::read(&committed[0].metadata).expect("our own note")
    }

    /// What stands in a topic.
    pub(crate) fn read(&self, topic: &str) -> Vec<Record> {
        let ends = self.broker.cluster().offsets(topic).unwrap();
        let one = |partition: usize| {
            let at = TopicPartition::new(topic, partition as i32);
            self.broker.scan().scan(&at, NextOffset(0), ends[partition].1, usize::MAX).unwrap()
        };
        (0..ends.len()).flat_map(one).collect()
    }

    /// What became of each record of a topic: `valid`, or reason and detail of its dead letter.
    pub(crate) fn outcomes(&self, topic: &str) -> BTreeMap<(i32, i64), Vec<String>> {
        let mut outcomes: BTreeMap<(i32, i64), Vec<String>> = BTreeMap::new();
        for record in self.read(&self.settings.validated(topic)) {
            let origin = stamp::read(&record.headers).unwrap().origin;
            outcomes
                .entry((origin.at.partition, origin.offset.0))
                .or_default()
                .push("valid".to_owned());
        }
        for record in self.read(&self.settings.dead_letters(topic)) {
            let origin = stamp::read(&record.headers).unwrap().origin;
            let reason = header_text(&record.headers, stamp::REASON).unwrap();
            let said = match header_text(&record.headers, stamp::DETAIL) {
                Some(detail) => format!("{reason} {detail}"),
                None => reason.to_owned(),
            };
            outcomes.entry((origin.at.partition, origin.offset.0)).or_default().push(said);
        }
        outcomes
    }
}

/// A contract of one topic: properties and further keys of the object as YAML lines, indented by four.
pub(crate) fn contract(topic: &str, body: &str) -> (&'static str, String) {
    let path: &'static str = Box::leak(format!("{topic}.odcs.yaml").into_boxed_str());
    let text = format!(
        "apiVersion: v3.2.0\nkind: DataContract\nid: {topic}\nname: {topic}\nversion: 1.0.0\nstatus: active\nschema:\n  - name: {topic}\n    \
         physicalType: topic\n{body}\n"
    );
    (path, text)
}

/// A folder of `tests/corpus`.
pub(crate) fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus").join(name)
}
