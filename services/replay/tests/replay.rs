//! Replays on the in-memory broker: killed between any two calls, beside another replay, and with the validator and the audit around them.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tidegate_check::input::Known;
use tidegate_check::{Input, Judge, Reason, SchemaLookup, SchemaNeed, Skip, Verdict};
use tidegate_contract::{Contract, ContractFile, ContractRef, Severity, Snapshot};
use tidegate_flow::ports::{Clock, Cluster as _, Committed, Delivery, FaultClass, NewTopic, Relay, Scan as _, TransactionFault};
use tidegate_flow::record::{Outgoing, header_text};
use tidegate_flow::stamp::{self, JudgedBy};
use tidegate_flow::{Header, NextOffset, Offset, Origin, Position, Record, TopicPartition, WorldError};
use tidegate_repair::Repair;
use tidegate_replay::order::Keys;
use tidegate_replay::ports::Unwatched;
use tidegate_replay::rehearse::{self, Bounds, rehearse};
use tidegate_replay::run::{Ended, Pace, Ports, replay, transactional_id};
use tidegate_replay::{
    Board, Contracts, Counts, Earlier, Filter, Fold, Job, Letter, Mark, Ruling, Said, Standing, Stretch, fold, mark, survey,
};
use tidegate_sim::{Broker, BrokerExchange, BrokerRelay, ManualClock};
use tidegate_validator::{JudgingSnapshot, Meter, Parts, Schemas, Settings};

const STATE: &str = "tidegate.dead-letters";
const PARTITIONS: i32 = 2;
const CONTRACT: &str = "apiVersion: v3.1.0\nkind: DataContract\nid: orders\nversion: 1.0.0\nstatus: active\nschema:\n  - name: orders\n    physicalType: topic\n    properties:\n      - name: channel\n        logicalType: string\n      - name: amount\n        logicalType: number\n        required: true\n";
const CASTS: &str = "tidegate: repair/v1\nsteps:\n  - cast: /amount\n    to: number\n    when: value.channel == 'web'\n";

fn broker() -> Broker {
    let broker = Broker::new();
    let topic = |topic: &str, partitions, policy: &str| NewTopic {
        topic: topic.to_owned(),
        partitions,
        config: vec![("cleanup.policy".to_owned(), policy.to_owned())],
    };
    let mut topics: Vec<NewTopic> = ["orders", "orders.validated", "orders.dlq", "orders.retry", "orders.parked"]
        .iter()
        .map(|name| topic(name, PARTITIONS, "delete"))
        .collect();
    topics.push(topic(STATE, 1, "compact"));
    broker.cluster().create(&topics).unwrap();
    broker
}

fn event(partition: i32, key: &str, value: &str) -> Outgoing {
    Outgoing {
        to: TopicPartition::new("orders", partition),
        timestamp: Some(1_700_000_000_000),
        key: Some(Bytes::from(key.to_owned())),
        value: Some(Bytes::from(value.to_owned())),
        headers: vec![Header::text("trace", "t1"), Header::text("tidegate.reason", "forged")],
    }
}

fn read(broker: &Broker, topic: &str) -> Vec<Record> {
    let ends = broker.cluster().offsets(topic).unwrap();
    (0..)
        .zip(ends)
        .flat_map(|(partition, (low, end))| {
            broker
                .scan()
                .scan(&TopicPartition::new(topic, partition), low, end, usize::MAX)
                .unwrap()
        })
        .collect()
}

/// Dead letters as the validator writes them, of sources `0..count` of each partition.
fn dead_letters(broker: &Broker, count: i64) {
    dead_letters_of(broker, "orders", count, r#"{"channel":"web","amount":"1"}"#);
}

fn dead_letters_of(broker: &Broker, source: &str, count: i64, value: &str) {
    let outgoing = |partition: i32, offset: i64| {
        let origin = Origin {
            at: TopicPartition::new(source, partition),
            offset: Offset(offset),
        };
        let contract = ContractRef {
            id: "orders".into(),
            version: "1.0.0".into(),
        };
        let mut headers = vec![Header::text("trace", "t1")];
        JudgedBy::new(Some(&contract), "c0ffee", "3", 5).stamp(&mut headers, &origin);
        headers.push(Header::text(stamp::REASON, "type_mismatch"));
        Outgoing {
            to: TopicPartition::new("orders.dlq", partition),
            timestamp: Some(7),
            key: Some(Bytes::from(format!("k{}", offset % 5))),
            value: Some(Bytes::from(value.to_owned())),
            headers,
        }
    };
    let all: Vec<Outgoing> = (0..PARTITIONS)
        .flat_map(|partition| (0..count).map(move |offset| outgoing(partition, offset)))
        .collect();
    broker.writer().write(&all).unwrap();
}

fn ids(broker: &Broker, topics: &[&str]) -> BTreeMap<String, String> {
    let names: Vec<Arc<str>> = topics.iter().map(|topic| Arc::from(*topic)).collect();
    let facts = broker.cluster().topics(&names).unwrap();
    facts
        .into_iter()
        .map(|facts| (facts.topic.to_string(), facts.id.unwrap().to_string()))
        .collect()
}

fn job(broker: &Broker, id: &str) -> Job {
    let ends = broker.cluster().offsets("orders.dlq").unwrap();
    Job {
        v: 1,
        id: id.to_owned(),
        source: "orders".to_owned(),
        dead_letters: "orders.dlq".to_owned(),
        target: "orders.retry".to_owned(),
        parked: Some("orders.parked".to_owned()),
        attempts_max: 3,
        group: tidegate_replay::run::group(id),
        filter: Filter::default(),
        repair: None,
        stretches: (0..)
            .zip(ends)
            .map(|(partition, (low, end))| Stretch {
                partition,
                from: low.0,
                until: end.0,
            })
            .collect(),
        topic_ids: ids(broker, &["orders.dlq", "orders.retry", "orders.parked"]),
        again: false,
        only_valid: false,
        snapshot: "c0ffee".to_owned(),
        by: "test".to_owned(),
        reason: None,
        begun: 0,
        at: 0,
        finished: false,
        counts: Counts::default(),
    }
}

fn snapshot() -> Arc<JudgingSnapshot> {
    let files = [ContractFile {
        path: "orders.odcs.yaml".into(),
        text: CONTRACT.to_owned(),
    }];
    let (snapshot, _) = Snapshot::build("c0ffee", &files).unwrap();
    Arc::new(JudgingSnapshot::compile(Arc::new(snapshot)).unwrap())
}

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

/// The contract above.
struct Orders(Arc<Contract>, Judge);

impl Orders {
    fn new() -> Orders {
        Orders(snapshot().snapshot.contracts[0].clone(), Judge::new())
    }
}

impl Contracts for Orders {
    fn judge(&mut self, topic: &str, record: &Record) -> Result<Ruling, WorldError> {
        let plan = tidegate_check::compile(&self.0, 0).unwrap();
        let input = Input {
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &[],
            now: 0,
        };
        Ok(match self.1.judge(&plan, &input, topic, &NoSchemas, &mut ()) {
            Verdict::Valid { .. } => Ruling::Valid,
            Verdict::Invalid { violations, .. } => Ruling::Invalid {
                reason: violations[0].reason.as_str().to_owned(),
                rule: violations[0].rule.to_string(),
                pointer: violations[0].pointer.clone(),
            },
            other => panic!("{other:?}"),
        })
    }

    fn object(&mut self, _: &str, _: &Record) -> Result<Option<(Arc<Contract>, usize)>, WorldError> {
        Ok(Some((self.0.clone(), 0)))
    }

    fn has_field(&self, _: &str, _: Option<&ContractRef>, name: &str) -> bool {
        ["channel", "amount"].contains(&name)
    }
}

/// Dies in front of or behind one call: nothing that comes later is heard of.
struct Dying<'a> {
    inner: BrokerRelay,
    left: &'a mut i64,
    dead: bool,
}

impl Dying<'_> {
    /// Counts one step; whether the process is dead now.
    fn step(&mut self) -> bool {
        *self.left -= 1;
        self.dead |= *self.left == 0;
        self.dead
    }

    fn fault() -> TransactionFault {
        TransactionFault {
            class: FaultClass::Fatal,
            what: "killed".to_owned(),
            operator: false,
        }
    }

    fn call<T>(&mut self, call: impl FnOnce(&mut BrokerRelay) -> Result<T, TransactionFault>) -> Result<T, TransactionFault> {
        if self.step() {
            return Err(Self::fault());
        }
        let answer = call(&mut self.inner);
        if self.step() { Err(Self::fault()) } else { answer }
    }
}

impl Relay for Dying<'_> {
    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Committed>, WorldError> {
        self.inner.committed(partitions)
    }
    fn begin(&mut self) -> Result<(), TransactionFault> {
        self.call(|relay| relay.begin())
    }
    fn send(&mut self, batch: Vec<Outgoing>) -> Result<Delivery, TransactionFault> {
        self.call(|relay| relay.send(batch))
    }
    fn send_offsets(&mut self, positions: &[Position]) -> Result<(), TransactionFault> {
        self.call(|relay| relay.send_offsets(positions))
    }
    fn commit_transaction(&mut self) -> Result<bool, TransactionFault> {
        self.call(|relay| relay.commit_transaction())
    }
    fn renew(&mut self) -> Result<(), WorldError> {
        panic!("a process that was killed opens nothing")
    }
}

fn go(broker: &Broker, job: &mut Job, repair: Option<&Repair>, relay: &mut dyn Relay, rate: Option<u64>) -> Result<Ended, WorldError> {
    let pace = Pace { rate, accept_gone: false };
    go_at(broker, job, repair, relay, pace)
}

fn go_at(broker: &Broker, job: &mut Job, repair: Option<&Repair>, relay: &mut dyn Relay, pace: Pace) -> Result<Ended, WorldError> {
    let earlier = Earlier::of(&board(broker), job);
    let ports = Ports {
        cluster: &mut broker.cluster(),
        scan: &mut broker.scan(),
        relay,
        contracts: &mut Orders::new(),
        clock: &ManualClock::at(1_000_000),
        watch: &mut Unwatched,
    };
    replay(job, repair, STATE, pace, &earlier, ports, &AtomicBool::new(false))
}

fn run_whole(broker: &Broker, id: &str, repair: Option<&Repair>) -> Job {
    let mut job = job(broker, id);
    let mut relay = BrokerRelay::open(broker, &job.group, &transactional_id("orders.dlq"));
    assert_eq!(go(broker, &mut job, repair, &mut relay, None).unwrap(), Ended::Finished);
    job
}

fn board(broker: &Broker) -> Board {
    let bounds = broker.cluster().offsets(STATE).unwrap()[0];
    Board::read(&mut broker.scan(), STATE, bounds).unwrap()
}

#[test]
fn killed_between_any_two_calls_it_goes_on_and_sends_each_dead_letter_once() {
    let letters = 23;
    let mut steps = 0;
    for kill_at in 1.. {
        let broker = broker();
        dead_letters(&broker, letters);
        let first = job(&broker, "r1");
        let mut left = kill_at;
        let mut was_killed = false;
        loop {
            // Whoever comes next knows what the state topic says; before the first commit that is nothing, and the job begins anew.
            let mut job = board(&broker).jobs.get("r1").cloned().unwrap_or_else(|| first.clone());
            let mut relay = Dying {
                inner: BrokerRelay::open(&broker, &job.group, &transactional_id("orders.dlq")),
                left: &mut left,
                dead: false,
            };
            // Eight records a transaction.
            match go(&broker, &mut job, None, &mut relay, Some(32)) {
                Ok(ended) => {
                    assert_eq!(ended, Ended::Finished);
                    break;
                }
                Err(error) => {
                    assert!(error.what.contains("killed"), "{error}");
                    was_killed = true;
                }
            }
        }
        let mut sent = BTreeMap::new();
        for record in read(&broker, "orders.retry") {
            let of = header_text(&record.headers, stamp::RETRY_OF).unwrap().to_owned();
            assert_eq!(header_text(&record.headers, stamp::ATTEMPTS), Some("1"));
            *sent.entry(of).or_insert(0) += 1;
        }
        assert_eq!(sent.len() as i64, letters * i64::from(PARTITIONS), "killed at {kill_at}");
        assert!(sent.values().all(|times| *times == 1), "killed at {kill_at}: {sent:?}");
        let job = &board(&broker).jobs["r1"];
        assert!(
            job.finished && job.counts.sent == sent.len() as u64 && job.counts.seen == sent.len() as u64,
            "{job:?}"
        );
        steps = kill_at;
        if !was_killed {
            break;
        }
    }
    // Three full batches in each partition, one to finish: four calls, each of which can be died in front of and behind.
    assert!(steps > 2 * 4 * 6, "only {steps} places to die at");
}

#[test]
fn another_replay_sends_nothing_again_and_fences_the_one_at_work() {
    let broker = broker();
    dead_letters(&broker, 10);
    let mut first = job(&broker, "r1");
    let mut relay = BrokerRelay::open(&broker, &first.group, &transactional_id("orders.dlq"));
    let second = run_whole(&broker, "r2", None);
    assert_eq!((second.counts.sent, second.counts.before), (20, 0));
    assert_eq!(go(&broker, &mut first, None, &mut relay, None).unwrap(), Ended::TakenOver);
    let third = run_whole(&broker, "r3", None);
    assert_eq!((third.counts.sent, third.counts.before), (0, 20));
    assert_eq!(read(&broker, "orders.retry").len(), 20);
}

#[test]
fn a_dead_letter_that_was_written_twice_goes_back_once() {
    let broker = broker();
    dead_letters(&broker, 3);
    dead_letters(&broker, 3);
    let done = run_whole(&broker, "r1", None);
    assert_eq!((done.counts.sent, done.counts.before), (6, 6));
    assert_eq!(read(&broker, "orders.retry").len(), 6);
    dead_letters(&broker, 3);
    assert_eq!(run_whole(&broker, "r2", None).counts.sent, 0);
}

#[test]
fn what_earlier_replays_sent_must_be_known() {
    let broker = broker();
    dead_letters(&broker, 1);
    let mut job = job(&broker, "r1");
    struct Aged(tidegate_sim::BrokerCluster);
    impl tidegate_flow::ports::Cluster for Aged {
        fn topics(&mut self, names: &[Arc<str>]) -> Result<Vec<tidegate_flow::ports::TopicFacts>, WorldError> {
            self.0.topics(names)
        }
        fn offsets(&mut self, topic: &str) -> Result<Vec<(NextOffset, NextOffset)>, WorldError> {
            let aged = |(_, end): (NextOffset, NextOffset)| (NextOffset(7), NextOffset(end.0.max(7)));
            Ok(self.0.offsets(topic)?.into_iter().map(aged).collect())
        }
        fn create(&mut self, _: &[NewTopic]) -> Result<(), WorldError> {
            unreachable!("nothing is made here")
        }
    }
    let mut go = |accept_gone| {
        let mut relay = BrokerRelay::open(&broker, &job.group, &transactional_id("orders.dlq"));
        let ports = Ports {
            cluster: &mut Aged(broker.cluster()),
            scan: &mut broker.scan(),
            relay: &mut relay,
            contracts: &mut Orders::new(),
            clock: &ManualClock::at(0),
            watch: &mut Unwatched,
        };
        let pace = Pace { rate: None, accept_gone };
        replay(&mut job, None, STATE, pace, &Earlier::default(), ports, &AtomicBool::new(false))
    };
    let error = go(false).unwrap_err();
    assert!(error.what.contains("--accept-unknown"), "{error}");
    assert!(read(&broker, "orders.retry").is_empty());
    assert_eq!(go(true).unwrap(), Ended::Finished);
}

/// Runs the validator until everything in the source and retry topics has its outcome.
fn validate(broker: &Broker) -> Settings {
    struct Fixed(Arc<JudgingSnapshot>);
    impl tidegate_validator::Contracts for Fixed {
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
        fn noted(&self, _: &str, _: &ContractRef, _: Severity) {}
        fn shadowed(&self, _: &str, _: &ContractRef, _: u64, _: u64) {}
        fn skipped(&self, _: &str, _: Skip, _: u64) {}
        fn committed(&self, _: usize, _: i64) {}
        fn aborted(&self) {}
        fn held(&self, at: &TopicPartition, _: bool, why: &str) {
            panic!("{at} is held: {why}")
        }
        fn released(&self, _: &TopicPartition) {}
        fn assigned(&self, _: usize) {}
        fn given_up(&self, _: usize, _: bool) {}
        fn trouble(&self, _: &WorldError) {}
        fn turned(&self, _: Result<(), &str>) {}
        fn snapshot(&self, _: &str) {}
    }
    struct Now;
    impl Clock for Now {
        fn now_micros(&self) -> i64 {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            since.unwrap().as_micros() as i64
        }
        fn sleep(&self, _: Duration) {
            std::thread::yield_now();
        }
    }
    let settings = Settings {
        retry_topic: Some("{topic}.retry".to_owned()),
        batch_age_max: Duration::from_millis(10),
        ..Settings::default()
    }
    .with_retries_of(&["orders".into()]);
    let topics: Vec<Arc<str>> = vec!["orders".into(), "orders.retry".into()];
    let ends: Vec<(TopicPartition, NextOffset)> = topics
        .iter()
        .flat_map(|topic| {
            let ends = broker.cluster().offsets(topic).unwrap();
            (0..)
                .zip(ends)
                .map(|(partition, (_, end))| (TopicPartition::new(topic.clone(), partition), end))
        })
        .collect();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut exchange = BrokerExchange::join(broker, "g", &topics, Some("v"));
            let parts = Parts {
                exchange: &mut exchange,
                contracts: &mut Fixed(snapshot()),
                schemas: &NoSchemas,
                clock: &Now,
                meter: &Quiet,
            };
            tidegate_validator::run(&settings, parts, &stop).unwrap();
        });
        let is_through = |(at, end): &(TopicPartition, NextOffset)| {
            // The last offset may be the mark of a transaction.
            let last = broker.scan().scan(at, NextOffset(0), *end, usize::MAX).unwrap();
            let next = last.last().map_or(0, |record| record.origin.offset.0 + 1);
            broker.committed("g", at).is_some_and(|committed| committed.0 >= next)
        };
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        while !ends.iter().all(is_through) {
            assert!(std::time::Instant::now() < deadline, "the validator does not get through");
            std::thread::yield_now();
        }
        stop.store(true, Ordering::Release);
    });
    settings
}

fn assert_audit_clean(broker: &Broker, settings: &Settings) {
    let topic = |source: &str| tidegate_audit::TopicPlan {
        landed: false,
        retry: settings.is_retry(source),
        ..tidegate_audit::TopicPlan::new(source, settings.validated(source), settings.dead_letters(source))
    };
    let plan = tidegate_audit::Plan {
        mode: tidegate_audit::Mode::ExactlyOnce,
        topics: vec![topic("orders"), topic("orders.retry")],
    };
    let ports = tidegate_audit::Ports {
        cluster: &mut broker.cluster(),
        scan: &mut broker.scan(),
        store: None,
    };
    let report = tidegate_audit::audit(&plan, ports, &tidegate_audit::keyless_tombstone);
    assert_eq!(report.exit_code(), 0, "{:#}", report.to_json());
}

#[test]
fn repaired_dead_letters_become_valid_and_broken_ones_come_back_until_they_are_parked() {
    let broker = broker();
    broker
        .writer()
        .write(&[
            event(0, "a", r#"{"channel":"web","amount":"1.50"}"#),
            event(1, "b", r#"{ "channel":"shop", "amount":"2" }"#),
            event(0, "a", r#"{"channel":"web","amount":3}"#),
        ])
        .unwrap();
    let settings = validate(&broker);
    assert_eq!((read(&broker, "orders.dlq").len(), read(&broker, "orders.validated").len()), (2, 1));

    let repair = Repair::parse("r.yaml", CASTS).unwrap();
    let plan = job(&broker, "dry");
    let bounds = Bounds {
        judged_max: 100,
        order_max: 100,
        pairs_max: 10,
        values: false,
        accept_gone: false,
        now: 0,
    };
    let ports = rehearse::Ports {
        cluster: &mut broker.cluster(),
        scan: &mut broker.scan(),
        contracts: &mut Orders::new(),
        watch: &mut Unwatched,
    };
    let dry = rehearse(&plan, Some(&repair), "orders.validated", bounds, &Earlier::default(), ports).unwrap();
    assert_eq!((dry.counts.sent, dry.counts.repaired), (2, 1));
    assert_eq!(dry.rulings[&Ruling::Valid], 1);
    assert_eq!(dry.newer.unwrap().keys, 1, "the second event of key a is newer than its first");
    let changed = dry
        .pairs
        .iter()
        .find_map(|pair| pair.changes.as_ref().filter(|changes| !changes.is_empty()));
    assert_eq!(changed.unwrap(), &["/amount: string(4) → number"]);
    assert!(read(&broker, "orders.retry").is_empty(), "a dry run sends nothing");

    let done = run_whole(&broker, "r1", Some(&repair));
    assert_eq!((done.counts.sent, done.counts.repaired), (2, 1));
    let back = read(&broker, "orders.retry");
    let whole = back.iter().find(|record| record.origin.at.partition == 1).unwrap();
    assert_eq!(
        whole.value.as_deref(),
        Some(&br#"{ "channel":"shop", "amount":"2" }"#[..]),
        "the original bytes"
    );
    assert_eq!((whole.timestamp, whole.key.as_deref()), (Some(1_700_000_000_000), Some(&b"b"[..])));
    assert_eq!(header_text(&whole.headers, "forged.tidegate.reason"), Some("forged"));
    assert_eq!(header_text(&whole.headers, stamp::REPAIR), None, "it was not changed");

    validate(&broker);
    let valid = read(&broker, "orders.validated");
    let repaired = valid
        .iter()
        .find(|record| header_text(&record.headers, stamp::REPLAY) == Some("r1"))
        .unwrap();
    assert_eq!(repaired.value.as_deref(), Some(&br#"{"channel":"web","amount":1.50}"#[..]));
    assert_eq!(
        header_text(&repaired.headers, stamp::ORIGIN),
        Some("orders.retry:0:0"),
        "an identity of its own"
    );
    assert_eq!(header_text(&repaired.headers, stamp::FIRST_ORIGIN), Some("orders:0:0"));
    assert_eq!(header_text(&repaired.headers, stamp::REPAIR), Some(&*repair.sha256));
    let own: Vec<&str> = stamp::own_headers(&repaired.headers).iter().map(|header| &*header.name).collect();
    assert_eq!(own, ["trace", "forged.tidegate.reason"]);
    assert_audit_clean(&broker, &settings);

    // The other one comes back with its attempt counted, and again, until it is parked.
    for attempt in 1..=3 {
        let last = read(&broker, "orders.dlq").pop().unwrap();
        assert_eq!(Letter::read(&last).unwrap().attempts, attempt);
        assert_eq!(Letter::read(&last).unwrap().first_origin(), "orders:1:0");
        let done = run_whole(&broker, &format!("again-{attempt}"), Some(&repair));
        let wanted = if attempt < 3 { (1, 0) } else { (0, 1) };
        assert_eq!((done.counts.sent, done.counts.parked), wanted, "{done:?}");
        validate(&broker);
    }
    let parked = read(&broker, "orders.parked");
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].value.as_deref(), Some(&br#"{ "channel":"shop", "amount":"2" }"#[..]));
    assert_eq!(run_whole(&broker, "last", Some(&repair)).counts.parked, 0, "it is parked once");
    assert_audit_clean(&broker, &settings);
}

#[test]
fn a_look_counts_what_came_since_and_what_was_fixed_opens_again() {
    let broker = broker();
    dead_letters(&broker, 6);
    let topics: Vec<Arc<str>> = vec!["orders.dlq".into()];
    let has_field = |_: &str, _: Option<&ContractRef>, _: &str| true;
    let look = |board: &Board, max: i64| {
        survey::survey(
            &mut broker.cluster(),
            &mut broker.scan(),
            &topics,
            board,
            max,
            &has_field,
            &mut Unwatched,
        )
        .unwrap()
    };
    let bounded = look(&Board::default(), 4);
    assert_eq!((bounded.read, bounded.unread), (4, 8), "the bound holds, and is told");
    let first = look(&Board::default(), 100);
    assert_eq!((first.read, first.unread, first.fresh.len()), (12, 0, 2));
    let kept: Vec<Outgoing> = first
        .folds
        .iter()
        .map(|fold| tidegate_replay::board::fold_record(STATE, fold).unwrap())
        .collect();
    broker.writer().write(&kept).unwrap();
    // A slow writer comes late with less.
    let late = tidegate_replay::board::fold_record(
        STATE,
        &Fold::new(
            &TopicPartition::new("orders.dlq", 0),
            first.folds[0].topic_id.as_deref(),
            NextOffset(0),
        ),
    );
    broker.writer().write(&[late.unwrap()]).unwrap();
    let kept = board(&broker);
    let second = look(&kept, 100);
    assert_eq!((second.read, second.folds.clone()), (0, first.folds.clone()));
    let groups = fold::merged(&second.folds);
    let (fingerprint, group) = groups.iter().next().unwrap();
    assert_eq!(group.count, 12);
    let said = Mark {
        v: 1,
        fingerprint: fingerprint.clone(),
        state: Said::Fixed,
        until: None,
        note: None,
        by: "test".to_owned(),
        at: 9,
        ends: second
            .folds
            .iter()
            .map(|fold| (format!("{}:{}", fold.topic, fold.partition), fold.next))
            .collect(),
        ids: ids(&broker, &["orders.dlq"]),
    };
    broker.writer().write(&[tidegate_replay::board::mark_record(STATE, &said)]).unwrap();
    let kept = board(&broker);
    assert_eq!(mark::standing(kept.marks.get(fingerprint), group, 10), Standing::Fixed);
    dead_letters(&broker, 1);
    let third = look(&kept, 100);
    let groups = fold::merged(&third.folds);
    assert_eq!((third.read, groups[fingerprint].count), (2, 14));
    assert_eq!(
        mark::standing(kept.marks.get(fingerprint), &groups[fingerprint], 10),
        Standing::Reopened
    );
    assert_eq!(third.fresh.len(), 2, "what came since is kept, however little");

    // In a topic that was made anew everything came since, wherever it lies.
    broker.remake("orders.dlq");
    dead_letters(&broker, 2);
    let fourth = look(&kept, 100);
    let groups = fold::merged(&fourth.folds);
    assert_eq!(groups[fingerprint].count, 4);
    let mut mark = kept.marks[fingerprint].clone();
    assert_eq!(mark.standing(&groups[fingerprint], 10), Standing::Fixed, "by offsets alone");
    mark.forget_remade(&fourth.folds);
    assert_eq!(mark.standing(&groups[fingerprint], 10), Standing::Reopened);
}

#[test]
fn what_went_before_it_was_counted_is_told() {
    let broker = broker();
    dead_letters(&broker, 6);
    let topics: Vec<Arc<str>> = vec!["orders.dlq".into()];
    let has_field = |_: &str, _: Option<&ContractRef>, _: &str| true;
    let look = |board: &Board| {
        survey::survey(
            &mut broker.cluster(),
            &mut broker.scan(),
            &topics,
            board,
            100,
            &has_field,
            &mut Unwatched,
        )
        .unwrap()
    };
    let mut board = Board::default();
    for fold in look(&board).folds {
        board.folds.insert((fold.topic.clone(), fold.partition), fold);
    }
    dead_letters(&broker, 6);
    broker.expire(&TopicPartition::new("orders.dlq", 0), NextOffset(9));
    let second = look(&board);
    let counts: Vec<(u64, i64)> = second
        .folds
        .iter()
        .map(|fold| (fold.groups.values().map(|group| group.count).sum(), fold.skipped))
        .collect();
    assert_eq!((counts, second.removed), (vec![(9, 3), (12, 0)], 6));
}

#[test]
fn newer_events_are_found_at_the_end_of_the_validated_topic_and_the_bound_is_told() {
    let broker = broker();
    dead_letters(&broker, 1);
    let letter = read(&broker, "orders.dlq").remove(0);
    let mut keys = Keys::default();
    keys.add(&Letter::read(&letter).unwrap());
    let look = |max| {
        keys.look(
            &mut broker.cluster(),
            &mut broker.scan(),
            ("orders", "orders.validated"),
            max,
            &mut Unwatched,
        )
        .unwrap()
        .unwrap()
    };
    assert_eq!(look(10).keys, 0);
    let valid = |offset: i64, key: &str| {
        let mut headers = Vec::new();
        let at = TopicPartition::new("orders", 0);
        JudgedBy::new(None, "c", "3", 0).stamp(
            &mut headers,
            &Origin {
                at,
                offset: Offset(offset),
            },
        );
        Outgoing {
            to: TopicPartition::new("orders.validated", 0),
            timestamp: None,
            key: Some(Bytes::from(key.to_owned())),
            value: None,
            headers,
        }
    };
    broker
        .writer()
        .write(&[valid(5, "k0"), valid(6, "other"), valid(7, "other")])
        .unwrap();
    assert_eq!((look(10).keys, look(10).unseen), (1, 0));
    assert_eq!((look(2).keys, look(2).unseen), (0, 1));
}

/// How many records the retry topic holds.
fn sent(broker: &Broker) -> usize {
    read(broker, "orders.retry").len()
}

#[test]
fn letters_of_another_source_in_a_shared_topic_stay_where_they_are() {
    let broker = broker();
    dead_letters(&broker, 3);
    dead_letters_of(&broker, "pay", 5, "{}");
    let done = run_whole(&broker, "r1", None);
    assert_eq!((done.counts.meant, done.counts.sent), (6, 6), "{done:?}");
    assert!(
        read(&broker, "orders.retry")
            .iter()
            .all(|record| { header_text(&record.headers, stamp::FIRST_ORIGIN).unwrap().starts_with("orders:") })
    );
}

#[test]
fn what_went_to_a_topic_that_was_made_anew_does_not_go_again_unasked() {
    for has_ids in [true, false] {
        let broker = broker();
        dead_letters(&broker, 4);
        let run = |id: &str, accept_gone| {
            let mut job = job(&broker, id);
            if !has_ids {
                job.topic_ids.clear();
            }
            let mut relay = BrokerRelay::open(&broker, &job.group, &transactional_id("orders.dlq"));
            let pace = Pace { rate: None, accept_gone };
            assert_eq!(go_at(&broker, &mut job, None, &mut relay, pace).unwrap(), Ended::Finished);
            job.counts
        };
        assert_eq!(run("r1", false).sent, 8);
        broker.remake("orders.retry");
        // These lie behind everything that the first one looked at.
        dead_letters_of(&broker, "orders", 1, "{}");
        let second = run("r2", false);
        assert_eq!((second.sent, second.stayed), (2, 8), "{second:?}, ids: {has_ids}");
        assert_eq!(run("r3", true).sent, 8, "asked for, they go");
    }
}

#[test]
fn what_retention_has_taken_from_the_retry_topic_holds_up_only_what_may_have_been_sent() {
    let broker = broker();
    dead_letters(&broker, 4);
    assert_eq!(run_whole(&broker, "r1", None).counts.sent, 8);
    for partition in 0..PARTITIONS {
        broker.expire(&TopicPartition::new("orders.retry", partition), NextOffset(2));
    }
    dead_letters_of(&broker, "orders", 3, "{}");
    let second = run_whole(&broker, "r2", None);
    assert_eq!((second.counts.sent, second.counts.before, second.counts.stayed), (6, 4, 4));
}

#[test]
fn a_new_letter_in_the_place_of_an_old_one_goes_back() {
    let broker = broker();
    dead_letters(&broker, 2);
    assert_eq!(
        run_whole(&broker, "r1", Some(&Repair::parse("r.yaml", CASTS).unwrap())).counts.sent,
        4
    );
    // The source was made anew: the same offsets, other events.
    dead_letters_of(&broker, "orders", 2, r#"{"channel":"web","amount":"2"}"#);
    let second = run_whole(&broker, "r2", None);
    assert_eq!((second.counts.sent, second.counts.before), (4, 4));
    assert_eq!(run_whole(&broker, "r3", None).counts.sent, 0);
}

#[test]
fn the_bytes_that_failed_first_go_again_when_that_is_asked_for() {
    let broker = broker();
    broker
        .writer()
        .write(&[event(0, "a", r#"{"channel":"shop","amount":"1"}"#)])
        .unwrap();
    validate(&broker);
    let wrong = Repair::parse("r.yaml", "tidegate: repair/v1\nsteps:\n  - set: /channel\n    value: WIPED\n").unwrap();
    run_whole(&broker, "r1", Some(&wrong));
    validate(&broker);
    assert_eq!(read(&broker, "orders.dlq").len(), 2, "it came back with the wrong value");
    let mut again = job(&broker, "r2");
    again.again = true;
    let mut relay = BrokerRelay::open(&broker, &again.group, &transactional_id("orders.dlq"));
    // Stopped after each step and gone on with, it goes once.
    for _ in 0..2 {
        again.finished = false;
        assert_eq!(go(&broker, &mut again, None, &mut relay, None).unwrap(), Ended::Finished);
        broker.forget_positions(&again.group);
        again.counts = Counts::default();
    }
    let back = read(&broker, "orders.retry");
    assert_eq!(back.len(), 2);
    assert_eq!(back[1].value.as_deref(), Some(&br#"{"channel":"shop","amount":"1"}"#[..]));
    assert_eq!(header_text(&back[1].headers, stamp::FIRST_ORIGIN), Some("orders:0:0"));
}

#[test]
fn what_was_parked_goes_back_once_more_attempts_are_allowed() {
    let broker = broker();
    dead_letters(&broker, 1);
    let run = |id: &str, attempts| {
        let mut job = job(&broker, id);
        job.attempts_max = attempts;
        let mut relay = BrokerRelay::open(&broker, &job.group, &transactional_id("orders.dlq"));
        assert_eq!(go(&broker, &mut job, None, &mut relay, None).unwrap(), Ended::Finished);
        job.counts
    };
    // None may be sent at all.
    assert_eq!((run("r1", 0).parked, run("r2", 0).before), (2, 2));
    assert_eq!(run("r3", 1).sent, 2);
    assert_eq!(run("r4", 1).before, 2);
}

#[test]
fn a_replay_goes_on_only_where_its_positions_mean_something() {
    let broker = broker();
    dead_letters(&broker, 4);
    let mut done = run_whole(&broker, "r1", None);
    broker.forget_positions(&done.group);
    let mut relay = BrokerRelay::open(&broker, &done.group, &transactional_id("orders.dlq"));
    let error = go(&broker, &mut done, None, &mut relay, None).unwrap_err();
    assert!(
        error.what.contains("positions") && error.remedy == tidegate_flow::Remedy::Operator,
        "{error}"
    );
    assert_eq!(board(&broker).jobs["r1"].counts.sent, 8, "its record is as it was");

    let mut second = job(&broker, "r2");
    broker.remake("orders.dlq");
    dead_letters(&broker, 4);
    let mut relay = BrokerRelay::open(&broker, &second.group, &transactional_id("orders.dlq"));
    let error = go(&broker, &mut second, None, &mut relay, None).unwrap_err();
    assert!(error.what.contains("orders.dlq was deleted and made anew"), "{error}");
    assert_eq!(sent(&broker), 8);
}

/// Answers as the client does when another one has taken over: deliveries fail, and only the client itself knows why.
struct Purged(BrokerRelay, u32);

impl Relay for Purged {
    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Committed>, WorldError> {
        self.0.committed(partitions)
    }
    fn begin(&mut self) -> Result<(), TransactionFault> {
        self.0.begin()
    }
    fn send(&mut self, batch: Vec<Outgoing>) -> Result<Delivery, TransactionFault> {
        match self.0.was_taken_over() {
            true => Ok(Delivery {
                delivered: 0,
                refused: vec![(0, tidegate_flow::ports::Refusal::Other, "PurgeQueue".to_owned())],
            }),
            false => self.0.send(batch),
        }
    }
    fn send_offsets(&mut self, positions: &[Position]) -> Result<(), TransactionFault> {
        self.0.send_offsets(positions)
    }
    fn commit_transaction(&mut self) -> Result<bool, TransactionFault> {
        self.0.commit_transaction()
    }
    fn renew(&mut self) -> Result<(), WorldError> {
        self.1 += 1;
        self.0.renew()
    }
    fn was_taken_over(&self) -> bool {
        self.0.was_taken_over()
    }
}

#[test]
fn a_replay_that_was_taken_over_does_not_take_back() {
    let broker = broker();
    dead_letters(&broker, 4);
    let mut first = job(&broker, "r1");
    let mut relay = Purged(BrokerRelay::open(&broker, &first.group, &transactional_id("orders.dlq")), 0);
    assert_eq!(run_whole(&broker, "r2", None).counts.sent, 8);
    assert_eq!(go(&broker, &mut first, None, &mut relay, None).unwrap(), Ended::TakenOver);
    assert_eq!((relay.1, sent(&broker)), (0, 8));
}

/// Refuses what lies below the beginning of a partition, as brokers do.
struct Strict(tidegate_sim::BrokerCluster, tidegate_sim::BrokerScan);

impl tidegate_flow::ports::Scan for Strict {
    fn scan(&mut self, at: &TopicPartition, from: NextOffset, until: NextOffset, max: usize) -> Result<Vec<Record>, WorldError> {
        let (low, _) = self.0.offsets(&at.topic)?[at.partition as usize];
        match from < low && from < until {
            true => Err(WorldError::new(tidegate_flow::Remedy::Retry, "No offset to automatically reset to")),
            false => self.1.scan(at, from, until, max),
        }
    }
}

/// Removes dead letters once the first of them were sent.
struct Ageing<'a>(&'a Broker, i64);

impl tidegate_replay::Watch for Ageing<'_> {
    fn read(&mut self, at: &TopicPartition, _: NextOffset, _: NextOffset, _: usize) -> bool {
        if *at.topic == *"orders.dlq" && self.1 > 0 {
            self.0.expire(at, NextOffset(std::mem::take(&mut self.1)));
        }
        true
    }
}

#[test]
fn a_replay_goes_on_behind_what_retention_has_removed() {
    for rate in [None, Some(8)] {
        let broker = broker();
        dead_letters(&broker, 10);
        let mut job = job(&broker, "r1");
        let mut relay = BrokerRelay::open(&broker, &job.group, &transactional_id("orders.dlq"));
        if rate.is_none() {
            broker.expire(&TopicPartition::new("orders.dlq", 0), NextOffset(7));
        }
        let ports = Ports {
            cluster: &mut broker.cluster(),
            scan: &mut Strict(broker.cluster(), broker.scan()),
            relay: &mut relay,
            contracts: &mut Orders::new(),
            clock: &ManualClock::at(1_000_000),
            // Two records a transaction: two are sent, five go.
            watch: &mut Ageing(&broker, if rate.is_some() { 7 } else { 0 }),
        };
        let pace = Pace { rate, accept_gone: false };
        let ended = replay(&mut job, None, STATE, pace, &Earlier::default(), ports, &AtomicBool::new(false)).unwrap();
        let wanted = if rate.is_some() { (15, 5) } else { (13, 7) };
        assert_eq!((ended, job.counts.sent, job.counts.expired), (Ended::Finished, wanted.0, wanted.1));
        assert_eq!(sent(&broker), wanted.0 as usize);
    }
}

/// Refuses one record, first together with its neighbours, and counts transactions.
struct Narrow(BrokerRelay, u32);

impl Relay for Narrow {
    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Committed>, WorldError> {
        self.0.committed(partitions)
    }
    fn begin(&mut self) -> Result<(), TransactionFault> {
        self.0.begin()
    }
    fn send(&mut self, batch: Vec<Outgoing>) -> Result<Delivery, TransactionFault> {
        let large = batch
            .iter()
            .position(|one| header_text(&one.headers, stamp::RETRY_OF) == Some("orders:0:0"));
        match large {
            Some(index) => Ok(Delivery {
                delivered: 0,
                refused: vec![(index, tidegate_flow::ports::Refusal::TooLargeTogether, "too large".to_owned())],
            }),
            None => self.0.send(batch),
        }
    }
    fn send_offsets(&mut self, positions: &[Position]) -> Result<(), TransactionFault> {
        self.0.send_offsets(positions)
    }
    fn commit_transaction(&mut self) -> Result<bool, TransactionFault> {
        self.1 += 1;
        self.0.commit_transaction()
    }
    fn renew(&mut self) -> Result<(), WorldError> {
        self.0.renew()
    }
}

#[test]
fn one_large_record_does_not_make_the_others_slow() {
    let broker = broker();
    dead_letters(&broker, 400);
    let mut job = job(&broker, "r1");
    let mut relay = Narrow(BrokerRelay::open(&broker, &job.group, &transactional_id("orders.dlq")), 0);
    assert_eq!(go(&broker, &mut job, None, &mut relay, None).unwrap(), Ended::Finished);
    assert_eq!((job.counts.sent, job.counts.stayed), (799, 1));
    assert!(relay.1 < 20, "{} transactions", relay.1);
}

#[test]
fn only_what_would_be_valid_is_sent_when_that_is_asked_for() {
    let broker = broker();
    dead_letters(&broker, 2);
    dead_letters_of(&broker, "orders", 3, r#"{"channel":"shop","amount":"1"}"#);
    let repair = Repair::parse("r.yaml", CASTS).unwrap();
    let mut job = job(&broker, "r1");
    job.only_valid = true;
    let bounds = Bounds {
        judged_max: 1,
        order_max: 0,
        pairs_max: 0,
        values: false,
        accept_gone: false,
        now: 0,
    };
    let ports = rehearse::Ports {
        cluster: &mut broker.cluster(),
        scan: &mut broker.scan(),
        contracts: &mut Orders::new(),
        watch: &mut Unwatched,
    };
    let dry = rehearse(&job, Some(&repair), "orders.validated", bounds, &Earlier::default(), ports).unwrap();
    let mut relay = BrokerRelay::open(&broker, &job.group, &transactional_id("orders.dlq"));
    assert_eq!(go(&broker, &mut job, Some(&repair), &mut relay, None).unwrap(), Ended::Finished);
    assert_eq!((job.counts.sent, job.counts.stayed), (4, 6), "{:?}", job.counts);
    assert_eq!((dry.counts.sent, dry.counts.stayed), (4, 6), "a dry run says the same");
}

#[test]
fn letters_that_no_contract_would_judge_stay_and_hold_nobody_up() {
    struct Few(Orders);
    impl Contracts for Few {
        fn judge(&mut self, topic: &str, record: &Record) -> Result<Ruling, WorldError> {
            self.0.judge(topic, record)
        }
        fn object(&mut self, topic: &str, record: &Record) -> Result<Option<(Arc<Contract>, usize)>, WorldError> {
            match record.value.as_deref() == Some(b"{}") {
                true => Ok(None),
                false => self.0.object(topic, record),
            }
        }
        fn has_field(&self, topic: &str, contract: Option<&ContractRef>, name: &str) -> bool {
            self.0.has_field(topic, contract, name)
        }
    }
    let broker = broker();
    dead_letters_of(&broker, "orders", 1, "{}");
    dead_letters_of(&broker, "orders", 2, r#"{"channel":"web","amount":"1"}"#);
    let mut job = job(&broker, "r1");
    let mut relay = BrokerRelay::open(&broker, &job.group, &transactional_id("orders.dlq"));
    let repair = Repair::parse("r.yaml", CASTS).unwrap();
    let mut run = |repair: &Repair, job: &mut Job| {
        let ports = Ports {
            cluster: &mut broker.cluster(),
            scan: &mut broker.scan(),
            relay: &mut relay,
            contracts: &mut Few(Orders::new()),
            clock: &ManualClock::at(1_000_000),
            watch: &mut Unwatched,
        };
        let pace = Pace {
            rate: None,
            accept_gone: false,
        };
        replay(job, Some(repair), STATE, pace, &Earlier::default(), ports, &AtomicBool::new(false))
    };
    let wrong = Repair::parse("r.yaml", &CASTS.replace("value.channel", "value.chanel")).unwrap();
    let error = run(&wrong, &mut job.clone()).unwrap_err();
    assert!(error.what.contains("r.yaml"), "a mistake in the file is one all the same: {error}");
    assert_eq!(run(&repair, &mut job).unwrap(), Ended::Finished);
    assert_eq!((job.counts.sent, job.counts.stayed), (4, 2), "{:?}", job.counts);
}
