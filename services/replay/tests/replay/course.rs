//! A replay from its beginning to its end: killed, beside another one, with validator and audit around it, and what a look counts.

use crate::stage::*;

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
        earlier: Vec::new(),
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
