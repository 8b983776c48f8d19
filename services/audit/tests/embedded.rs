//! The audit on the in-memory broker: every gap in the offsets of a source is what it is told to be, and explains no breach that it is not.

#![allow(clippy::unwrap_used, reason = "tests")]

use bytes::Bytes;
use tidegate_audit::report::SourceLedger;
use tidegate_audit::{Course, Mode, Plan, Ports, Report, TopicPlan, Unwatched, audit_along, keyless_tombstone};
use tidegate_flow::ports::{Cluster as _, NewTopic, Scan as _};
use tidegate_flow::record::Outgoing;
use tidegate_flow::stamp::JudgedBy;
use tidegate_flow::{NextOffset, Record, TopicPartition};
use tidegate_sim::{Broker, TransactionalWriter};

struct World {
    broker: Broker,
    producer: TransactionalWriter,
    outcomes: TransactionalWriter,
}

fn at(topic: &str) -> TopicPartition {
    TopicPartition::new(topic, 0)
}

fn event(key: &str, value: Option<&str>) -> Outgoing {
    Outgoing {
        to: at("raw"),
        timestamp: Some(1),
        key: (!key.is_empty()).then(|| Bytes::from(key.to_owned())),
        value: value.map(|value| Bytes::from(value.to_owned())),
        headers: Vec::new(),
    }
}

impl World {
    fn new(policy: &str) -> World {
        let broker = Broker::new();
        let topics = [("raw", policy), ("raw.validated", "delete"), ("raw.dlq", "delete")].map(|(topic, policy)| NewTopic {
            topic: topic.to_owned(),
            partitions: 1,
            config: vec![("cleanup.policy".to_owned(), policy.to_owned())],
        });
        broker.cluster().create(&topics).unwrap();
        World {
            producer: broker.transactional_writer("producer"),
            outcomes: broker.transactional_writer("validator"),
            broker,
        }
    }

    /// A transaction of the producer.
    fn write(&self, events: &[Outgoing], commit: bool) {
        self.producer.write(events).unwrap();
        self.producer.end(commit);
    }

    /// What a validator that sees these records writes.
    fn validate(&self, records: &[Record], topic: &str) {
        let outgoing = records.iter().map(|record| {
            let mut headers = record.headers.clone();
            JudgedBy::new(None, "c0ffee", "1", 0).stamp(&mut headers, &record.origin);
            Outgoing {
                to: at(topic),
                timestamp: record.timestamp,
                key: record.key.clone(),
                value: record.value.clone(),
                headers,
            }
        });
        self.outcomes.write(&outgoing.collect::<Vec<_>>()).unwrap();
        self.outcomes.end(true);
    }

    fn committed(&self) -> Vec<Record> {
        let end = self.broker.cluster().offsets("raw").unwrap()[0].1;
        self.broker.scan().scan(&at("raw"), NextOffset(0), end, usize::MAX).unwrap()
    }

    fn uncommitted(&self) -> Vec<Record> {
        let end = self.broker.cluster().offsets("raw").unwrap()[0].1;
        self.broker
            .uncommitted_scan()
            .scan(&at("raw"), NextOffset(0), end, usize::MAX)
            .unwrap()
    }

    fn audit(&self) -> Report {
        self.audit_with(true, |_| ())
    }

    fn audit_with(&self, uncommitted: bool, change: impl FnOnce(&mut TopicPlan)) -> Report {
        let mut topic = TopicPlan::new("raw", "raw.validated", "raw.dlq");
        change(&mut topic);
        let plan = Plan {
            mode: Mode::ExactlyOnce,
            topics: vec![topic],
        };
        let (mut cluster, mut scan, mut all) = (self.broker.cluster(), self.broker.scan(), self.broker.uncommitted_scan());
        let ports = Ports {
            cluster: &mut cluster,
            scan: &mut scan,
            store: None,
        };
        let mut watch = Unwatched;
        let mut course = Course::watched_by(&mut watch);
        course.window = 7;
        course.uncommitted = if uncommitted { Some(&mut all) } else { None };
        audit_along(&plan, ports, &keyless_tombstone, course).unwrap()
    }
}

/// The gaps by name; together with the visible records they are the whole range.
fn gaps(source: &SourceLedger) -> Vec<(&str, u64)> {
    assert_eq!(
        source.visible + source.gaps.values().sum::<u64>(),
        u64::try_from(source.until - source.from).unwrap()
    );
    source.gaps.iter().map(|(name, count)| (&**name, *count)).collect()
}

/// Three committed transactions, one aborted one between.
fn with_transactions() -> World {
    let world = World::new("delete");
    world.write(&[event("a", Some("1")), event("b", Some("2"))], true);
    world.write(&[event("c", Some("3")), event("d", Some("4")), event("e", Some("5"))], false);
    world.write(&[event("f", Some("6"))], true);
    world.write(&(0..20).map(|n| event("g", Some(&n.to_string()))).collect::<Vec<_>>(), true);
    world
}

#[test]
fn ends_of_transactions_and_aborted_records_are_told_apart() {
    let world = with_transactions();
    world.validate(&world.committed(), "raw.validated");
    let report = world.audit();
    assert!(report.clean(), "{:#}", report.to_json());
    assert_eq!(gaps(&report.sources[0]), [("aborted", 3), ("control", 4)]);
    let report = world.audit_with(false, |_| ());
    assert_eq!(gaps(&report.sources[0]), [("control_or_aborted", 7)]);
    // The end of an idle topic lies past every position: nothing is owed there.
    let report = world.audit_with(true, |topic| {
        topic.positions.insert(0, NextOffset(29));
    });
    assert_eq!((report.exit_code(), report.sources[0].pending), (0, 0));
}

/// Only a validator that reads uncommitted records gives an aborted one an outcome.
#[test]
fn an_outcome_of_an_aborted_record_is_invented() {
    for policy in ["delete", "compact"] {
        let world = World::new(policy);
        world.write(&[event("a", Some("1"))], true);
        world.write(&[event("b", Some("2"))], false);
        world.validate(&world.uncommitted(), "raw.validated");
        let report = world.audit();
        assert_eq!(report.sources[0].invented.first, [2], "{policy}: {:#}", report.to_json());
        assert_eq!(report.exit_code(), 1);
    }
}

#[test]
fn what_compaction_removed_is_told_and_no_invention() {
    let world = World::new("compact,delete");
    let events: Vec<Outgoing> = ["a", "b", "a", "c", "a", "b"].iter().map(|key| event(key, Some("x"))).collect();
    world.write(&events, true);
    world.validate(&world.committed(), "raw.validated");
    assert_eq!(
        gaps(&world.audit().sources[0]),
        [("compaction", 1)],
        "the end of the transaction may be that, too"
    );
    world.broker.compact(&at("raw"), NextOffset(6));
    let report = world.audit();
    let source = &report.sources[0];
    assert!(report.clean(), "{:#}", report.to_json());
    assert_eq!((gaps(source), source.compacted, source.validated), (vec![("compaction", 4)], 3, 3));
    // What is still there owes its outcome as ever.
    world.write(&[event("d", Some("x"))], true);
    assert_eq!(world.audit().sources[0].missing.first, [7]);
}

#[test]
fn skips_by_policy_are_counted_by_it() {
    let world = World::new("delete");
    world.write(&[event("a", Some("1")), event("", None)], true);
    world.validate(&world.committed()[..1], "raw.dlq");
    let report = world.audit();
    assert!(report.clean(), "{:#}", report.to_json());
    assert_eq!(report.sources[0].skipped, [("tombstone_keyless".to_owned(), 1)].into());
    assert_eq!(report.sources[0].dead_lettered, 1);
}

#[test]
fn retention_is_told_on_either_side() {
    let world = with_transactions();
    world.validate(&world.committed(), "raw.validated");
    world.broker.expire(&at("raw"), NextOffset(4));
    let report = world.audit();
    assert!(report.clean(), "{:#}", report.to_json());
    assert_eq!(
        (report.sources[0].from, gaps(&report.sources[0])),
        (4, vec![("aborted", 2), ("control", 3)])
    );
    // A range that reaches below is answered as far as there is anything.
    let report = world.audit_with(true, |topic| {
        topic.ranges.insert(0, (NextOffset(0), NextOffset(10)));
    });
    assert_eq!(report.exit_code(), 2);
    assert!(report.incomplete[0].contains("only 4 to"), "{:?}", report.incomplete);
    // The validated topic goes further than its source: nobody can tell what became of the records between.
    world.broker.expire(&at("raw.validated"), NextOffset(10));
    let report = world.audit();
    assert_eq!(
        (report.exit_code(), report.sources[0].unseen["retention"] > 0),
        (2, true),
        "{:#}",
        report.to_json()
    );
    assert_eq!(report.sources[0].missing.count, 0);
}

/// Counts what is read.
#[derive(Default)]
struct Count(usize);

impl tidegate_audit::Watch for Count {
    fn records(&mut self, _: &TopicPartition, _: NextOffset, _: NextOffset, count: usize) -> bool {
        self.0 += count;
        true
    }
}

#[test]
fn a_range_reads_only_its_stretch_of_the_outcomes() {
    let world = World::new("delete");
    let events: Vec<Outgoing> = (0..20_000).map(|n| event("k", Some(&n.to_string()))).collect();
    events.chunks(999).for_each(|events| world.write(events, true));
    let mut records = world.committed();
    let lost = records.remove(10_015).origin.offset;
    records.chunks(700).for_each(|records| world.validate(records, "raw.validated"));
    let mut topic = TopicPlan::new("raw", "raw.validated", "raw.dlq");
    topic.ranges.insert(0, (NextOffset(lost.0 - 5), NextOffset(lost.0 + 5)));
    let plan = Plan {
        mode: Mode::ExactlyOnce,
        topics: vec![topic],
    };
    let (mut cluster, mut scan, mut watch) = (world.broker.cluster(), world.broker.scan(), Count::default());
    let ports = Ports {
        cluster: &mut cluster,
        scan: &mut scan,
        store: None,
    };
    let mut course = Course::watched_by(&mut watch);
    course.window = 64;
    let report = audit_along(&plan, ports, &keyless_tombstone, course).unwrap();
    let source = &report.sources[0];
    assert_eq!(
        (source.visible, source.validated, source.missing.first.as_slice()),
        (10, 9, [lost.0].as_slice())
    );
    assert!(watch.0 < 3_000, "{} records were read for ten", watch.0);
}
