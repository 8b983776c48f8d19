//! What is said before and after: how much would be read, and what could not be read.

use tidegate_replay::Effort;

use crate::stage::*;

#[test]
fn how_much_would_be_read_is_known_before_anything_is() {
    let broker = broker();
    dead_letters(&broker, 30);
    run_whole(&broker, "first", None);
    broker
        .writer()
        .write(
            &(0..50)
                .map(|_| Outgoing {
                    to: TopicPartition::new("orders.validated", 1),
                    ..event(1, "k", "{}")
                })
                .collect::<Vec<_>>(),
        )
        .unwrap();
    let mut job = job(&broker, "second");
    let of = |job: &Job, order_max| Effort::of(&mut broker.cluster(), job, "orders.validated", order_max).unwrap();
    let offsets = |effort: &Effort| {
        effort
            .parts
            .iter()
            .map(|(topic, _, offsets)| (topic.clone(), *offsets))
            .collect::<BTreeMap<_, _>>()
    };
    let effort = of(&job, 20);
    let found = offsets(&effort);
    assert_eq!(
        (found["orders.dlq"], found["orders.validated"], found["orders.parked"]),
        (60, 20, 0)
    );
    assert!(found["orders.retry"] >= 60, "{found:?}");
    assert_eq!(effort.total(), found.values().sum::<i64>());
    let text = effort.to_string();
    assert!(
        text.starts_with("60 of orders.dlq (dead letters), ") && text.ends_with(", 20 of orders.validated (newer events of the same keys)"),
        "{text}"
    );
    assert!(!text.contains("parked"), "nothing is there: {text}");
    assert_eq!(offsets(&of(&job, 0)).get("orders.validated"), None);
    job.stretches = vec![Stretch {
        partition: 1,
        from: 10,
        until: 15,
    }];
    assert_eq!(offsets(&of(&job, 0))["orders.dlq"], 5);
}

/// Records of the dead-letter topic that are no dead letters of ours, or of a later version: counted, and left where they are.
#[test]
fn what_cannot_be_read_is_counted_and_stays() {
    let broker = broker();
    dead_letters(&broker, 3);
    let foreign = Outgoing {
        to: TopicPartition::new("orders.dlq", 1),
        ..event(1, "k", "{}")
    };
    broker.writer().write(&[foreign]).unwrap();
    let job = run_whole(&broker, "all", None);
    assert_eq!(
        (job.counts.seen, job.counts.meant, job.counts.sent, job.counts.unreadable),
        (7, 6, 6, 1)
    );
    assert_eq!(board(&broker).jobs["all"].counts, job.counts, "and kept");
}

/// A header that does not say how often must not let a dead letter go round for ever.
#[test]
fn a_letter_that_does_not_say_how_often_it_went_back_is_parked() {
    let broker = broker();
    dead_letters(&broker, 1);
    let mut odd = read(&broker, "orders.dlq").remove(0);
    odd.headers.push(Header::text(stamp::ATTEMPTS, "many"));
    let letter = Letter::read(&odd).unwrap();
    assert_eq!(letter.attempts, tidegate_replay::letter::ATTEMPTS_UNKNOWN);
    let odd = Outgoing {
        to: odd.origin.at.clone(),
        timestamp: odd.timestamp,
        key: Some(Bytes::from_static(b"odd")),
        value: odd.value.clone(),
        headers: odd.headers.clone(),
    };
    broker.writer().write(&[odd]).unwrap();
    let job = run_whole(&broker, "all", None);
    assert_eq!((job.counts.sent, job.counts.parked), (2, 1));
    let parked = read(&broker, "orders.parked");
    assert_eq!(parked[0].key.as_deref(), Some(b"odd".as_slice()));
}
