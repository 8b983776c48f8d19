//! Outcomes that nobody answers for, on the in-memory broker.

#![allow(clippy::unwrap_used, reason = "tests")]

use bytes::Bytes;
use tidegate_audit::{Mode, Plan, Ports, Report, TopicPlan, audit, keyless_tombstone};
use tidegate_flow::ports::{Cluster as _, NewTopic};
use tidegate_flow::record::Outgoing;
use tidegate_flow::stamp::JudgedBy;
use tidegate_flow::{Offset, Origin, TopicPartition};
use tidegate_sim::Broker;

/// Sources `a` of four partitions and `b` of two, one dead-letter topic of six for both.
struct World {
    broker: Broker,
    plan: Plan,
}

impl World {
    /// One record in `a-0` and `b-0`, both dead letters.
    fn new() -> World {
        let broker = Broker::new();
        let topics = [("a", 4), ("a.validated", 4), ("b", 2), ("b.validated", 2), ("dlq", 6)];
        let topics = topics.map(|(topic, partitions)| NewTopic {
            topic: topic.to_owned(),
            partitions,
            config: Vec::new(),
        });
        broker.cluster().create(&topics).unwrap();
        let plan = |source: &str| TopicPlan::new(source, format!("{source}.validated"), "dlq");
        let world = World {
            broker,
            plan: Plan {
                mode: Mode::ExactlyOnce,
                topics: vec![plan("a"), plan("b")],
            },
        };
        for source in ["a", "b"] {
            world.write(source, 0, None);
            world.write("dlq", 0, Some((source, 0)));
        }
        world
    }

    fn write(&self, topic: &str, partition: i32, origin: Option<(&str, i32)>) {
        let mut headers = Vec::new();
        if let Some((source, partition)) = origin {
            let origin = Origin {
                at: TopicPartition::new(source, partition),
                offset: Offset(0),
            };
            JudgedBy::new(None, "c0ffee", "1", 0).stamp(&mut headers, &origin);
        }
        let record = Outgoing {
            to: TopicPartition::new(topic, partition),
            timestamp: Some(1),
            key: None,
            value: Some(Bytes::from_static(b"x")),
            headers,
        };
        self.broker.writer().write(&[record]).unwrap();
    }

    fn audit(&self) -> Report {
        let (mut cluster, mut scan) = (self.broker.cluster(), self.broker.scan());
        let ports = Ports {
            cluster: &mut cluster,
            scan: &mut scan,
            store: None,
        };
        audit(&self.plan, ports, &keyless_tombstone)
    }

    /// The lines of what is wrong.
    fn findings(&self) -> Vec<String> {
        let report = self.audit();
        assert_eq!(
            report.exit_code(),
            u8::from(!report.findings().is_empty()),
            "{:#}",
            report.to_json()
        );
        report.findings()
    }
}

#[test]
fn outcomes_of_two_sources_share_a_topic() {
    assert_eq!(World::new().findings(), Vec::<String>::new());
}

#[test]
fn an_outcome_of_a_source_that_nobody_knows_is_misplaced() {
    for topic in ["a.validated", "dlq"] {
        let world = World::new();
        world.write(topic, 0, Some(("nothing", 0)));
        let at = if topic == "dlq" { 2 } else { 0 };
        assert_eq!(world.findings(), [format!("a-0: 1 misplaced: {at}")], "{topic}");
    }
}

/// `dlq-3` is read for `a-3` only, and `dlq-5` for nobody.
#[test]
fn an_outcome_where_its_source_has_no_partition_is_misplaced() {
    for partition in [3, 5] {
        let world = World::new();
        world.write("dlq", partition, Some(("b", 1)));
        assert_eq!(world.findings(), [format!("a-{partition}: 1 misplaced: 0")]);
    }
}

#[test]
fn outcomes_of_sources_that_are_not_audited_are_none_of_its_business() {
    let mut world = World::new();
    world.plan.topics.truncate(1);
    assert_eq!(world.findings(), ["a-0: 1 misplaced: 1"]);
    world.plan.topics[0].others = true;
    world.write("dlq", 5, Some(("c", 5)));
    assert_eq!(world.findings(), Vec::<String>::new());
    // Its own ones have no business elsewhere all the same.
    world.write("dlq", 5, Some(("a", 0)));
    world.write("dlq", 2, Some(("a", 1)));
    assert_eq!(world.findings(), ["a-2: 1 misplaced: 0", "a-5: 1 misplaced: 1"]);
}
