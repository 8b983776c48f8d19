//! `onFailure: stop` on the in-memory broker: a partition halts in front of what its contract refuses, and goes on under contracts that take it.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tidegate_check::input::Known;
use tidegate_check::{Reason, SchemaLookup, SchemaNeed, Skip};
use tidegate_contract::{ContractFile, ContractRef, Severity, Snapshot};
use tidegate_flow::ports::{Clock, Cluster, NewTopic, Scan};
use tidegate_flow::record::Outgoing;
use tidegate_flow::{NextOffset, TopicPartition, WorldError};
use tidegate_sim::{Broker, BrokerExchange};
use tidegate_validator::{Contracts, JudgingSnapshot, Meter, Mode, Parts, Schemas, Settings, run};

const TOPIC: &str = "numbers";

struct NoSchemas;

impl SchemaLookup for NoSchemas {
    fn lookup(&self, _: &SchemaNeed) -> Known {
        Known::Unknown
    }
}

impl Schemas for NoSchemas {
    fn fetch(&self, _: &SchemaNeed) -> Result<(), WorldError> {
        Ok(())
    }
}

/// The snapshot in force, which a test replaces; earlier ones can still be had.
struct InForce(Arc<Mutex<Vec<Arc<JudgingSnapshot>>>>);

impl Contracts for InForce {
    fn latest(&mut self) -> Arc<JudgingSnapshot> {
        self.0.lock().unwrap().last().unwrap().clone()
    }

    fn at(&mut self, commit: &str) -> Option<Arc<JudgingSnapshot>> {
        self.0
            .lock()
            .unwrap()
            .iter()
            .find(|snapshot| &**snapshot.commit() == commit)
            .cloned()
    }
}

/// What was said about held partitions.
#[derive(Default)]
struct Held(Mutex<Vec<(TopicPartition, bool, String)>>);

impl Meter for Held {
    fn validated(&self, _: &str, _: &ContractRef, _: u64) {}
    fn dead_letters(&self, _: &str, _: Option<&ContractRef>, _: Reason, _: u64) {}
    fn noted(&self, _: &str, _: &ContractRef, _: Severity) {}
    fn shadowed(&self, _: &str, _: &ContractRef, _: u64, _: u64) {}
    fn skipped(&self, _: &str, _: Skip, _: u64) {}
    fn committed(&self, _: usize, _: i64) {}
    fn aborted(&self) {}
    fn held(&self, at: &TopicPartition, operator: bool, why: &str) {
        self.0.lock().unwrap().push((at.clone(), operator, why.to_owned()));
    }
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
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.unwrap().as_micros() as i64
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration.min(Duration::from_millis(10)));
    }
}

/// One contract for `n` up to a limit.
fn snapshot(commit: &str, version: &str, status: &str, on_failure: &str, maximum: u32) -> Arc<JudgingSnapshot> {
    let text = format!(
        "apiVersion: v3.2.0\nkind: DataContract\nid: numbers\nversion: {version}\nstatus: {status}\n\
         customProperties: [{{property: onFailure, vendor: tidegate, value: {on_failure}}}]\nschema:\n  - name: {TOPIC}\n    \
         physicalType: topic\n    properties:\n      - {{name: n, logicalType: integer, logicalTypeOptions: {{maximum: {maximum}}}}}\n"
    );
    let file = ContractFile {
        path: "numbers.odcs.yaml".into(),
        text,
    };
    let (snapshot, _) = Snapshot::build(commit, &[file]).unwrap_or_else(|problems| panic!("{problems:?}"));
    Arc::new(JudgingSnapshot::compile(Arc::new(snapshot)).unwrap())
}

fn settings(mode: Mode) -> Settings {
    Settings {
        mode,
        batch_age_max: Duration::from_millis(5),
        operator_retry_after: Duration::from_millis(20),
        ..Settings::default()
    }
}

fn broker(settings: &Settings) -> Broker {
    let broker = Broker::new();
    let name = |topic: &str| NewTopic {
        topic: topic.to_owned(),
        partitions: 2,
        config: Vec::new(),
    };
    let topics = [name(TOPIC), name(&settings.validated(TOPIC)), name(&settings.dead_letters(TOPIC))];
    broker.cluster().create(&topics).unwrap();
    broker
}

fn send(broker: &Broker, partition: i32, values: &[&str]) {
    let one = |value: &&str| Outgoing {
        to: TopicPartition::new(TOPIC, partition),
        timestamp: Some(1),
        key: Some("k".into()),
        value: Some(value.to_string().into()),
        headers: Vec::new(),
    };
    let records: Vec<Outgoing> = values.iter().map(one).collect();
    broker.writer().write(&records).unwrap();
}

/// Values of a partition, as text.
fn read(broker: &Broker, topic: &str, partition: i32) -> Vec<String> {
    let end = broker.cluster().offsets(topic).unwrap()[partition as usize].1;
    let at = TopicPartition::new(topic, partition);
    let records = broker.scan().scan(&at, NextOffset(0), end, usize::MAX).unwrap();
    let text = |value: Option<bytes::Bytes>| String::from_utf8(value.unwrap().to_vec()).unwrap();
    records.into_iter().map(|record| text(record.value)).collect()
}

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not come in time");
        std::thread::yield_now();
    }
}

/// Runs a validator while `test` looks at what it does.
fn running(broker: &Broker, settings: &Settings, contracts: &Arc<Mutex<Vec<Arc<JudgingSnapshot>>>>, held: &Held, test: impl FnOnce()) {
    /// Ends the worker also when the test fails.
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let transactional = (settings.mode == Mode::ExactlyOnce).then_some("t");
            let mut exchange = BrokerExchange::join(broker, "g", &[Arc::from(TOPIC)], transactional);
            let mut contracts = InForce(contracts.clone());
            let parts = Parts {
                exchange: &mut exchange,
                contracts: &mut contracts,
                schemas: &NoSchemas,
                clock: &RealClock,
                meter: held,
            };
            run(settings, parts, &stop).unwrap();
        });
        let _stop = Stop(&stop);
        test();
    });
}

fn committed(broker: &Broker, partition: i32) -> Option<i64> {
    broker.committed("g", &TopicPartition::new(TOPIC, partition)).map(|next| next.0)
}

#[test]
fn a_partition_halts_in_front_of_what_is_refused_and_goes_on_under_contracts_that_take_it() {
    for (mode, word) in [
        (Mode::ExactlyOnce, "stop"),
        (Mode::AtLeastOnce, "stop"),
        (Mode::ExactlyOnce, "hold_key"),
    ] {
        let settings = settings(mode);
        let (validated, dead) = (settings.validated(TOPIC), settings.dead_letters(TOPIC));
        let broker = broker(&settings);
        send(&broker, 0, &[r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":50}"#, r#"{"n":3}"#]);
        send(&broker, 1, &[r#"{"n":7}"#]);
        let contracts = Arc::new(Mutex::new(vec![snapshot("one", "1.0.0", "active", word, 10)]));
        let held = Held::default();
        running(&broker, &settings, &contracts, &held, || {
            wait_for("the halt, twice", || held.0.lock().unwrap().len() >= 2);
            // The other partition goes on, whatever comes.
            send(&broker, 1, &[r#"{"n":8}"#]);
            wait_for("the other partition", || read(&broker, &validated, 1).len() == 2);
            assert_eq!(committed(&broker, 0), Some(2), "right in front of the record");
            assert_eq!(read(&broker, &validated, 0), [r#"{"n":1}"#, r#"{"n":2}"#]);
            assert!(read(&broker, &dead, 0).is_empty(), "{word}: no dead letter");
            let (at, operator, why) = held.0.lock().unwrap()[0].clone();
            assert!(at.partition == 0 && operator, "somebody must help");
            for part in ["record 2 ", "numbers@1.0.0", "constraint_violation at /n", "onFailure: continue"] {
                assert!(why.contains(part), "{part}: {why}");
            }
            assert!(!why.contains("50"), "no content: {why}");
            contracts.lock().unwrap().push(snapshot("two", "1.1.0", "active", word, 100));
            wait_for("the rest", || committed(&broker, 0) == Some(4));
            assert_eq!(read(&broker, &validated, 0).len(), 4);
            assert!(read(&broker, &dead, 0).is_empty());
        });
    }
}

#[test]
fn letting_it_go_makes_it_a_dead_letter() {
    let settings = settings(Mode::ExactlyOnce);
    let broker = broker(&settings);
    send(&broker, 0, &["{", r#"{"n":1}"#]);
    let contracts = Arc::new(Mutex::new(vec![snapshot("one", "1.0.0", "deprecated", "stop", 10)]));
    let held = Held::default();
    running(&broker, &settings, &contracts, &held, || {
        wait_for("the halt", || !held.0.lock().unwrap().is_empty());
        assert!(
            held.0.lock().unwrap()[0].2.contains("(undecodable)"),
            "what cannot be read halts as well"
        );
        assert_eq!(committed(&broker, 0), Some(0));
        contracts.lock().unwrap().push(snapshot("two", "1.0.1", "active", "continue", 10));
        wait_for("the rest", || committed(&broker, 0) == Some(2));
        assert_eq!(read(&broker, &settings.dead_letters(TOPIC), 0), ["{"]);
        assert_eq!(read(&broker, &settings.validated(TOPIC), 0), [r#"{"n":1}"#]);
    });
}

#[test]
fn what_is_only_counted_or_retired_halts_nothing() {
    for (status, is_validated) in [("proposed", true), ("retired", false)] {
        let settings = settings(Mode::ExactlyOnce);
        let broker = broker(&settings);
        send(&broker, 0, &[r#"{"n":50}"#, r#"{"n":1}"#]);
        let contracts = Arc::new(Mutex::new(vec![snapshot("one", "1.0.0", status, "stop", 10)]));
        let held = Held::default();
        running(&broker, &settings, &contracts, &held, || {
            wait_for("all of it", || committed(&broker, 0) == Some(2));
            let passed = read(&broker, &settings.validated(TOPIC), 0).len();
            assert_eq!(passed == 2, is_validated, "{status}");
            assert!(held.0.lock().unwrap().is_empty());
        });
    }
}

/// In at_least_once the records behind the committed position are judged by the recorded contracts after a restart. Those halted here,
/// so nothing has left, and the mended ones may judge.
#[test]
fn a_restart_with_mended_contracts_goes_on() {
    let settings = settings(Mode::AtLeastOnce);
    let broker = broker(&settings);
    send(&broker, 0, &[r#"{"n":1}"#, r#"{"n":50}"#, r#"{"n":3}"#]);
    let contracts = Arc::new(Mutex::new(vec![snapshot("one", "1.0.0", "active", "stop", 10)]));
    let held = Held::default();
    running(&broker, &settings, &contracts, &held, || {
        wait_for("the halt", || {
            !held.0.lock().unwrap().is_empty() && committed(&broker, 0) == Some(1)
        });
    });
    contracts.lock().unwrap().push(snapshot("two", "1.1.0", "active", "stop", 100));
    let held = Held::default();
    running(&broker, &settings, &contracts, &held, || {
        wait_for("the rest", || committed(&broker, 0) == Some(3));
        assert_eq!(read(&broker, &settings.validated(TOPIC), 0).len(), 3);
        assert!(read(&broker, &settings.dead_letters(TOPIC), 0).is_empty());
    });
}
