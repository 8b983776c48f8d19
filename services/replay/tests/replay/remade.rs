//! Topics that are shared, made anew or shortened, others that take over, and letters that are not like the rest.

use crate::stage::*;

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
