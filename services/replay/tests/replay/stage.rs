//! Topics, dead letters as the validator writes them, a process that dies at any call, and who else is around.

pub(crate) use std::collections::BTreeMap;
pub(crate) use std::sync::Arc;
pub(crate) use std::sync::atomic::{AtomicBool, Ordering};
pub(crate) use std::time::Duration;

pub(crate) use bytes::Bytes;
pub(crate) use tidegate_check::input::Known;
pub(crate) use tidegate_check::{Input, Judge, Reason, SchemaLookup, SchemaNeed, Skip, Verdict};
pub(crate) use tidegate_contract::{Contract, ContractFile, ContractRef, Severity, Snapshot};
pub(crate) use tidegate_flow::ports::{Clock, Cluster as _, Committed, Delivery, FaultClass, NewTopic, Relay, Scan as _, TransactionFault};
pub(crate) use tidegate_flow::record::{Outgoing, header_text};
pub(crate) use tidegate_flow::stamp::{self, JudgedBy};
pub(crate) use tidegate_flow::{Header, NextOffset, Offset, Origin, Position, Record, TopicPartition, WorldError};
pub(crate) use tidegate_repair::Repair;
pub(crate) use tidegate_replay::order::Keys;
pub(crate) use tidegate_replay::ports::Unwatched;
pub(crate) use tidegate_replay::rehearse::{self, Bounds, rehearse};
pub(crate) use tidegate_replay::run::{Ended, Pace, Ports, replay, transactional_id};
pub(crate) use tidegate_replay::{
    Board, Contracts, Counts, Earlier, Filter, Fold, Job, Letter, Mark, Ruling, Said, Standing, Stretch, fold, mark, survey,
};
pub(crate) use tidegate_sim::{Broker, BrokerExchange, BrokerRelay, ManualClock};
pub(crate) use tidegate_validator::{JudgingSnapshot, Meter, Parts, Schemas, Settings};

pub(crate) const STATE: &str = "tidegate.dead-letters";
pub(crate) const PARTITIONS: i32 = 2;
pub(crate) const CONTRACT: &str = "apiVersion: v3.1.0\nkind: DataContract\nid: orders\nversion: 1.0.0\nstatus: active\nschema:\n  - name: orders\n    physicalType: topic\n    properties:\n      - name: channel\n        logicalType: string\n      - name: amount\n        logicalType: number\n        required: true\n";
pub(crate) const CASTS: &str = "tidegate: repair/v1\nsteps:\n  - cast: /amount\n    to: number\n    when: value.channel == 'web'\n";

pub(crate) fn broker() -> Broker {
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

pub(crate) fn event(partition: i32, key: &str, value: &str) -> Outgoing {
    Outgoing {
        to: TopicPartition::new("orders", partition),
        timestamp: Some(1_700_000_000_000),
        key: Some(Bytes::from(key.to_owned())),
        value: Some(Bytes::from(value.to_owned())),
        headers: vec![Header::text("trace", "t1"), Header::text("tidegate.reason", "forged")],
    }
}

pub(crate) fn read(broker: &Broker, topic: &str) -> Vec<Record> {
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
pub(crate) fn dead_letters(broker: &Broker, count: i64) {
    dead_letters_of(broker, "orders", count, r#"{"channel":"web","amount":"1"}"#);
}

pub(crate) fn dead_letters_of(broker: &Broker, source: &str, count: i64, value: &str) {
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

pub(crate) fn ids(broker: &Broker, topics: &[&str]) -> BTreeMap<String, String> {
    let names: Vec<Arc<str>> = topics.iter().map(|topic| Arc::from(*topic)).collect();
    let facts = broker.cluster().topics(&names).unwrap();
    facts
        .into_iter()
        .map(|facts| (facts.topic.to_string(), facts.id.unwrap().to_string()))
        .collect()
}

pub(crate) fn job(broker: &Broker, id: &str) -> Job {
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

pub(crate) fn snapshot() -> Arc<JudgingSnapshot> {
    let files = [ContractFile {
        path: "orders.odcs.yaml".into(),
        text: CONTRACT.to_owned(),
    }];
    let (snapshot, _) = Snapshot::build("c0ffee", &files).unwrap();
    Arc::new(JudgingSnapshot::compile(Arc::new(snapshot)).unwrap())
}

pub(crate) struct NoSchemas;

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
pub(crate) struct Orders(pub(crate) Arc<Contract>, pub(crate) Judge);

impl Orders {
    pub(crate) fn new() -> Orders {
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
pub(crate) struct Dying<'a> {
    pub(crate) inner: BrokerRelay,
    pub(crate) left: &'a mut i64,
    pub(crate) dead: bool,
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

pub(crate) fn go(
    broker: &Broker,
    job: &mut Job,
    repair: Option<&Repair>,
    relay: &mut dyn Relay,
    rate: Option<u64>,
) -> Result<Ended, WorldError> {
    let pace = Pace { rate, accept_gone: false };
    go_at(broker, job, repair, relay, pace)
}

pub(crate) fn go_at(
    broker: &Broker,
    job: &mut Job,
    repair: Option<&Repair>,
    relay: &mut dyn Relay,
    pace: Pace,
) -> Result<Ended, WorldError> {
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

pub(crate) fn run_whole(broker: &Broker, id: &str, repair: Option<&Repair>) -> Job {
    let mut job = job(broker, id);
    let mut relay = BrokerRelay::open(broker, &job.group, &transactional_id("orders.dlq"));
    assert_eq!(go(broker, &mut job, repair, &mut relay, None).unwrap(), Ended::Finished);
    job
}

pub(crate) fn board(broker: &Broker) -> Board {
    let bounds = broker.cluster().offsets(STATE).unwrap()[0];
    Board::read(&mut broker.scan(), STATE, bounds).unwrap()
}

/// Runs the validator until everything in the source and retry topics has its outcome.
pub(crate) fn validate(broker: &Broker) -> Settings {
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

pub(crate) fn assert_audit_clean(broker: &Broker, settings: &Settings) {
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

/// How many records the retry topic holds.
pub(crate) fn sent(broker: &Broker) -> usize {
    read(broker, "orders.retry").len()
}
