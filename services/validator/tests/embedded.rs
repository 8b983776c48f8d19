//! The validator on the in-memory broker: every planted event gets exactly one outcome, the right one, byte for byte.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tidegate_check::input::Known;
use tidegate_check::{Reason, SchemaLookup, SchemaNeed, Skip};
use tidegate_contract::{ContractFile, ContractRef, Snapshot};
use tidegate_flow::ports::{Clock, Cluster, Committed, Consumer, Delivery, Exchange, NewTopic, Polled, Scan, TransactionFault};
use tidegate_flow::record::{Outgoing, header_text};
use tidegate_flow::{NextOffset, Offset, Position, Record, Remedy, TopicPartition, WorldError, stamp};
use tidegate_sim::traffic::{Expected, Planted, Route, Traffic};
use tidegate_sim::{Broker, BrokerExchange, ManualClock};
use tidegate_validator::{Contracts, JudgingSnapshot, Meter, Mode, Parts, Schemas, Settings, run};

const SCHEMA: u32 = 7;

/// One Avro schema, and an outage that can be switched on.
struct OneSchema {
    schema: Arc<tidegate_codec::avro::Schema>,
    asked: std::sync::Mutex<BTreeSet<u32>>,
    down: AtomicBool,
}

impl SchemaLookup for OneSchema {
    fn lookup(&self, need: &SchemaNeed) -> Known {
        match need {
            SchemaNeed::Id(id) if !self.asked.lock().unwrap().contains(id) => Known::NotCached,
            SchemaNeed::Id(SCHEMA) => Known::Avro(self.schema.clone()),
            _ => Known::Unknown,
        }
    }
}

impl Schemas for OneSchema {
    fn fetch(&self, need: &SchemaNeed) -> Result<(), WorldError> {
        if self.down.load(Ordering::Acquire) {
            return Err(WorldError::new(Remedy::Retry, "registry down"));
        }
        let SchemaNeed::Id(id) = need else {
            panic!("only ids are used here")
        };
        self.asked.lock().unwrap().insert(*id);
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

/// Remembers the contracts in force.
#[derive(Default)]
struct Quiet(std::sync::Mutex<String>);

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
    fn trouble(&self, _: &tidegate_flow::WorldError) {}
    fn turned(&self, _: Result<(), &str>) {}
    fn snapshot(&self, commit: &str) {
        *self.0.lock().unwrap() = commit.to_owned();
    }
}

/// A newer commit beside an older one that can still be had.
struct Two {
    old: Arc<JudgingSnapshot>,
    new: Arc<JudgingSnapshot>,
}

impl Contracts for Two {
    fn latest(&mut self) -> Arc<JudgingSnapshot> {
        self.new.clone()
    }

    fn at(&mut self, commit: &str) -> Option<Arc<JudgingSnapshot>> {
        (commit == &**self.old.commit()).then(|| self.old.clone())
    }
}

fn snapshot() -> Arc<JudgingSnapshot> {
    snapshot_of("c0ffee", |text| text)
}

fn snapshot_of(commit: &str, edit: impl Fn(String) -> String) -> Arc<JudgingSnapshot> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts");
    let files: Vec<ContractFile> = ["shop/orders/v1", "payments/payments/v2", "crm/customers/v1"]
        .iter()
        .map(|name| format!("{name}.odcs.yaml"))
        .map(|path| ContractFile {
            text: edit(std::fs::read_to_string(root.join(&path)).unwrap()),
            path: path.into(),
        })
        .collect();
    let (snapshot, _) = Snapshot::build(commit, &files).unwrap();
    Arc::new(JudgingSnapshot::compile(Arc::new(snapshot)).unwrap())
}

fn schemas() -> OneSchema {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/payments/payment.avsc")).unwrap();
    let schema = Arc::new(tidegate_codec::avro::Schema::parse(&text, &[]).unwrap());
    OneSchema {
        schema,
        asked: std::sync::Mutex::default(),
        down: AtomicBool::new(false),
    }
}

fn route() -> Route {
    Route {
        prefix: String::new(),
        partitions: 3,
        payment_schema: SCHEMA,
        fault_every: 12,
    }
}

fn broker_with(events: usize, seed: u64) -> (Broker, Vec<Planted>, Settings) {
    let broker = Broker::new();
    let settings = Settings {
        batch_age_max: Duration::from_millis(20),
        batch_records_max: 500,
        ..Settings::default()
    };
    let mut topics = Vec::new();
    for topic in route().topics() {
        for name in [
            topic.clone(),
            settings.validated(&topic).to_string(),
            settings.dead_letters(&topic).to_string(),
        ] {
            topics.push(NewTopic {
                topic: name,
                partitions: 3,
                config: Vec::new(),
            });
        }
    }
    broker.cluster().create(&topics).unwrap();
    let mut traffic = Traffic::new(route(), seed);
    let planted: Vec<Planted> = (0..events as i64).map(|i| traffic.next(1_700_000_000_000_000 + i * 1000)).collect();
    let records: Vec<Outgoing> = planted.iter().map(|planted| planted.record.clone()).collect();
    broker.writer().write(&records).unwrap();
    (broker, planted, settings)
}

fn topics() -> Vec<Arc<str>> {
    route().topics().iter().map(|topic| Arc::from(topic.as_str())).collect()
}

fn all_committed(broker: &Broker, group: &str) -> bool {
    topics().iter().all(|topic| {
        let ends = broker.cluster().offsets(topic).unwrap();
        ends.iter().enumerate().all(|(partition, (_, end))| {
            let at = TopicPartition {
                topic: topic.clone(),
                partition: partition as i32,
            };
            end.0 == 0 || broker.committed(group, &at) == Some(*end)
        })
    })
}

fn work(broker: &Broker, settings: &Settings, schemas: &OneSchema, id: &str, stop: &AtomicBool) {
    let transactional = (settings.mode == Mode::ExactlyOnce).then_some(id);
    let mut exchange = BrokerExchange::join(broker, "g", &topics(), transactional);
    let mut contracts = Fixed(snapshot());
    let clock = RealClock;
    let parts = Parts {
        exchange: &mut exchange,
        contracts: &mut contracts,
        schemas,
        clock: &clock,
        meter: &Quiet::default(),
    };
    run(settings, parts, stop).unwrap();
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

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not come in time");
        std::thread::yield_now();
    }
}

fn read_all(broker: &Broker, topic: &str) -> Vec<Record> {
    let ends = broker.cluster().offsets(topic).unwrap();
    let mut scan = broker.scan();
    (0..ends.len())
        .flat_map(|partition| {
            scan.scan(
                &TopicPartition::new(topic, partition as i32),
                NextOffset(0),
                ends[partition].1,
                usize::MAX,
            )
            .unwrap()
        })
        .collect()
}

/// Every planted event has exactly its outcome, unchanged, in order, on its partition.
fn prove(broker: &Broker, planted: &[Planted], settings: &Settings) {
    let mut next: HashMap<TopicPartition, i64> = HashMap::new();
    let mut expected: BTreeMap<(TopicPartition, Offset), &Planted> = BTreeMap::new();
    for event in planted {
        let offset = next.entry(event.record.to.clone()).or_default();
        expected.insert((event.record.to.clone(), Offset(*offset)), event);
        *offset += 1;
    }
    for topic in topics() {
        for (outcome_topic, valid) in [(settings.validated(&topic), true), (settings.dead_letters(&topic), false)] {
            let mut last: HashMap<TopicPartition, Offset> = HashMap::new();
            for record in read_all(broker, &outcome_topic) {
                let origin = stamp::read(&record.headers).unwrap().origin;
                let event = expected
                    .remove(&(origin.at.clone(), origin.offset))
                    .unwrap_or_else(|| panic!("{origin:?} twice or never planted"));
                assert_eq!(record.origin.at.partition, origin.at.partition);
                assert_eq!(
                    (&record.key, &record.value, record.timestamp),
                    (&event.record.key, &event.record.value, event.record.timestamp)
                );
                assert_eq!(&record.headers[..event.record.headers.len()], &event.record.headers[..]);
                let found = match valid {
                    true => Expected::Valid,
                    false => Expected::DeadLetter(
                        Reason::from_name(header_text(&record.headers, stamp::REASON).unwrap())
                            .unwrap()
                            .as_str(),
                    ),
                };
                assert_eq!(
                    found,
                    event.expected,
                    "{} {:?}",
                    header_text(&record.headers, stamp::ERRORS).unwrap_or_default(),
                    event.record.value
                );
                let earlier = last.insert(record.origin.at.clone(), origin.offset);
                assert!(earlier.is_none_or(|earlier| earlier < origin.offset), "source order is kept");
            }
        }
    }
    assert!(
        expected.values().all(|event| matches!(event.expected, Expected::Skipped(_))),
        "{:?}",
        expected.values().find(|e| !matches!(e.expected, Expected::Skipped(_)))
    );
}

#[test]
fn two_workers_and_one_that_leaves_give_every_event_its_outcome() {
    for mode in [Mode::ExactlyOnce, Mode::AtLeastOnce] {
        let (broker, planted, mut settings) = broker_with(20_000, 3);
        settings.mode = mode;
        let schemas = schemas();
        let stop = AtomicBool::new(false);
        let stop_first = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| work(&broker, &settings, &schemas, "a", &stop_first));
            scope.spawn(|| work(&broker, &settings, &schemas, "b", &stop));
            wait_for("the first commit", || {
                topics().iter().any(|t| {
                    broker
                        .committed(
                            "g",
                            &TopicPartition {
                                topic: t.clone(),
                                partition: 0,
                            },
                        )
                        .is_some()
                })
            });
            stop_first.store(true, Ordering::Release);
            wait_for("the end", || all_committed(&broker, "g"));
            stop.store(true, Ordering::Release);
        });
        prove(&broker, &planted, &settings);
    }
}

#[test]
fn a_registry_outage_holds_only_what_needs_it_and_dead_letters_nothing() {
    let (broker, planted, mut settings) = broker_with(3_000, 5);
    settings.retry_after = Duration::from_millis(30);
    let schemas = schemas();
    schemas.down.store(true, Ordering::Release);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| work(&broker, &settings, &schemas, "a", &stop));
        let done = |topic: &str| {
            let ends = broker.cluster().offsets(topic).unwrap();
            ends.iter()
                .enumerate()
                .all(|(p, (_, end))| broker.committed("g", &TopicPartition::new(topic, p as i32)) == Some(*end))
        };
        wait_for("orders and customers", || done("orders") && done("customers"));
        assert!(!done("payments"));
        let dead = read_all(&broker, "payments.dlq");
        assert!(
            dead.iter()
                .all(|record| header_text(&record.headers, stamp::REASON) == Some("unknown_framing")),
            "an outage is not bad data"
        );
        schemas.down.store(false, Ordering::Release);
        wait_for("payments", || done("payments"));
        stop.store(true, Ordering::Release);
    });
    prove(&broker, &planted, &settings);
}

/// Looks over the worker's shoulder: in at_least_once nothing may leave whose snapshot is not recorded beside the group's position.
struct Watched(BrokerExchange);

impl Exchange for Watched {
    fn begin(&mut self) -> Result<(), TransactionFault> {
        self.0.begin()
    }

    fn send(&mut self, batch: Vec<Outgoing>) -> Result<Delivery, TransactionFault> {
        for outgoing in &batch {
            let stamp = stamp::read(&outgoing.headers).unwrap();
            let committed = self.0.committed(std::slice::from_ref(&stamp.origin.at)).unwrap();
            let note = tidegate_validator::ledger::Note::read(&committed[0].metadata).map(|note| note.s);
            assert_eq!(
                note.as_deref(),
                Some(&*stamp.commit),
                "a record left before its snapshot was recorded"
            );
        }
        self.0.send(batch)
    }

    fn send_offsets(&mut self, positions: &[Position]) -> Result<(), TransactionFault> {
        self.0.send_offsets(positions)
    }

    fn commit_transaction(&mut self) -> Result<bool, TransactionFault> {
        self.0.commit_transaction()
    }

    fn abort_transaction(&mut self) -> Result<bool, TransactionFault> {
        self.0.abort_transaction()
    }

    fn renew(&mut self) -> Result<(), WorldError> {
        self.0.renew()
    }
}

impl Consumer for Watched {
    fn poll(&mut self, records_max: usize, wait: Duration) -> Result<Polled, WorldError> {
        self.0.poll(records_max, wait)
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

/// A worker that is gone recorded this commit at the front of every partition.
fn noted(broker: &Broker, commit: &str) -> Vec<TopicPartition> {
    let mut before = tidegate_sim::BrokerConsumer::join(broker, "g", &topics());
    let Polled::Assigned(partitions) = before.poll(1, Duration::ZERO).unwrap() else {
        panic!("a first member gets partitions")
    };
    let note = tidegate_validator::ledger::Note::new(commit, None).write();
    let notes: Vec<Position> = partitions
        .iter()
        .map(|at| Position {
            at: at.clone(),
            next: NextOffset(0),
            metadata: note.clone(),
        })
        .collect();
    before.commit(&notes).unwrap();
    partitions
}

/// The recorded snapshot is still in force when the partitions are taken over, and a newer one comes before what is open is judged.
#[test]
fn an_open_range_keeps_its_snapshot_when_a_newer_one_comes_after_the_takeover() {
    struct Later(Two, bool);
    impl Contracts for Later {
        fn latest(&mut self) -> Arc<JudgingSnapshot> {
            match std::mem::replace(&mut self.1, true) {
                false => self.0.old.clone(),
                true => self.0.new.clone(),
            }
        }
        fn at(&mut self, commit: &str) -> Option<Arc<JudgingSnapshot>> {
            self.0.at(commit)
        }
    }
    let (broker, planted, mut settings) = broker_with(1_000, 11);
    settings.mode = Mode::AtLeastOnce;
    let old = snapshot();
    let new = snapshot_of("decade", |text| text.replace("status: active", "status: retired"));
    noted(&broker, old.commit());
    let (schemas, stop) = (schemas(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let parts = Parts {
                exchange: &mut Watched(BrokerExchange::join(&broker, "g", &topics(), None)),
                contracts: &mut Later(Two { old, new }, false),
                schemas: &schemas,
                clock: &RealClock,
                meter: &Quiet::default(),
            };
            run(&settings, parts, &stop).unwrap();
        });
        wait_for("the open range", || all_committed(&broker, "g"));
        stop.store(true, Ordering::Release);
    });
    prove(&broker, &planted, &settings);
}

#[test]
fn a_worker_without_records_takes_newer_contracts_up() {
    struct Switched<'s>(Two, &'s AtomicBool);
    impl Contracts for Switched<'_> {
        fn latest(&mut self) -> Arc<JudgingSnapshot> {
            match self.1.load(Ordering::Acquire) {
                false => self.0.old.clone(),
                true => self.0.new.clone(),
            }
        }
        fn at(&mut self, commit: &str) -> Option<Arc<JudgingSnapshot>> {
            self.0.at(commit)
        }
    }
    let (broker, _, settings) = broker_with(0, 1);
    let (old, new) = (snapshot(), snapshot_of("decade", |text| text));
    let (schemas, stop, switched, meter) = (schemas(), AtomicBool::new(false), AtomicBool::new(false), Quiet::default());
    let in_force = |commit: &str| *meter.0.lock().unwrap() == *commit;
    let first = old.commit().clone();
    let mut contracts = Switched(Two { old, new }, &switched);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let parts = Parts {
                exchange: &mut BrokerExchange::join(&broker, "g", &topics(), Some("w")),
                contracts: &mut contracts,
                schemas: &schemas,
                clock: &RealClock,
                meter: &meter,
            };
            run(&settings, parts, &stop).unwrap();
        });
        wait_for("the first contracts", || in_force(&first));
        switched.store(true, Ordering::Release);
        wait_for("the newer contracts", || in_force("decade"));
        stop.store(true, Ordering::Release);
    });
}

/// In at_least_once what may have left before a crash gets the class it got, whatever is in force by now; what comes later is judged
/// by the new contracts, and the group's note says so before anything of it leaves.
#[test]
fn an_open_range_is_judged_by_the_recorded_snapshot() {
    let (broker, planted, mut settings) = broker_with(3_000, 9);
    settings.mode = Mode::AtLeastOnce;
    let old = snapshot();
    let new = snapshot_of("decade", |text| text.replace("status: active", "status: retired"));
    // The worker before recorded its snapshot at the front, sent something, and died.
    let partitions = noted(&broker, old.commit());

    let schemas = schemas();
    let stop = AtomicBool::new(false);
    let later: Vec<Outgoing> = planted.iter().map(|event| event.record.clone()).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut exchange = Watched(BrokerExchange::join(&broker, "g", &topics(), None));
            let mut contracts = Two {
                old: old.clone(),
                new: new.clone(),
            };
            let parts = Parts {
                exchange: &mut exchange,
                contracts: &mut contracts,
                schemas: &schemas,
                clock: &RealClock,
                meter: &Quiet::default(),
            };
            run(&settings, parts, &stop).unwrap();
        });
        wait_for("the open range", || all_committed(&broker, "g"));
        prove(&broker, &planted, &settings);
        broker.writer().write(&later).unwrap();
        wait_for("what came later", || all_committed(&broker, "g"));
        stop.store(true, Ordering::Release);
    });
    for topic in topics() {
        let judged_by = |record: &Record| stamp::read(&record.headers).unwrap().commit;
        assert!(
            read_all(&broker, &settings.validated(&topic))
                .iter()
                .all(|record| judged_by(record) == *old.commit())
        );
        let dead = read_all(&broker, &settings.dead_letters(&topic));
        let retired = dead.iter().filter(|record| judged_by(record) == *new.commit());
        let written = later.iter().filter(|record| record.to.topic == topic).count();
        assert_eq!(retired.count(), written, "all that came later, and nothing before");
    }
    let mut after = tidegate_sim::BrokerConsumer::join(&broker, "g", &topics());
    let committed = after.committed(&partitions).unwrap();
    assert!(
        committed
            .iter()
            .filter(|c| c.next > Some(NextOffset(0)))
            .all(|c| c.metadata.contains("decade")),
        "{committed:?}"
    );
}

/// The offsets of a topic that was made anew say nothing about the old one's position.
#[test]
fn a_topic_made_anew_is_not_read_on_from_the_old_position() {
    let (broker, _, mut settings) = broker_with(300, 4);
    let facts = broker.cluster().topics(&topics()).unwrap();
    settings.topic_ids = facts.into_iter().filter_map(|fact| Some((fact.topic, fact.id?))).collect();
    assert_eq!(settings.topic_ids.len(), topics().len());
    let mut before = tidegate_sim::BrokerConsumer::join(&broker, "g", &topics());
    let Polled::Assigned(partitions) = before.poll(1, Duration::ZERO).unwrap() else {
        panic!("a first member gets partitions")
    };
    let noted = |at: &TopicPartition| {
        let id = if *at.topic == *"orders" {
            "the-old-one"
        } else {
            &*settings.topic_ids[&at.topic]
        };
        tidegate_validator::ledger::Note::new("c0ffee", Some(id)).write()
    };
    let notes: Vec<Position> = partitions
        .iter()
        .map(|at| Position {
            at: at.clone(),
            next: NextOffset(1),
            metadata: noted(at),
        })
        .collect();
    before.commit(&notes).unwrap();
    drop(before);
    let (schemas, stop) = (schemas(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| work(&broker, &settings, &schemas, "a", &stop));
        let at_end = |topic: &str| {
            let ends = broker.cluster().offsets(topic).unwrap();
            ends.iter()
                .enumerate()
                .all(|(p, (_, end))| broker.committed("g", &TopicPartition::new(topic, p as i32)) == Some(*end))
        };
        wait_for("the others", || at_end("payments") && at_end("customers"));
        stop.store(true, Ordering::Release);
    });
    assert!(read_all(&broker, "orders.validated").is_empty() && read_all(&broker, "orders.dlq").is_empty());
}

#[test]
fn the_clock_of_tests_moves_when_it_sleeps() {
    let clock = ManualClock::at(5);
    clock.sleep(Duration::from_micros(7));
    assert_eq!(clock.now_micros(), 12);
}
