use super::*;
use crate::render::tests::spec;
use crate::topics::{NO_LIMIT, Spec};

/// A cluster that has what is wanted.
fn made(topics: &[Topic]) -> Vec<Live> {
    let settings = |topic: &Topic| topic.settings.iter().map(|set| (set.key.to_owned(), set.value.clone())).collect();
    topics
        .iter()
        .map(|topic| Live {
            name: topic.name.clone(),
            partitions: topic.partitions,
            replication: topic.replication.unwrap_or(3),
            settings: Some(settings(topic)),
        })
        .collect()
}

fn wanted(spec: &Spec) -> Vec<Topic> {
    spec.topics(&BTreeMap::new())
}

fn change(live: &mut [Live], topic: &str, key: &str, value: &str) {
    let topic = live.iter_mut().find(|live| live.name == topic).unwrap();
    topic.settings.as_mut().unwrap().insert(key.to_owned(), value.to_owned());
}

#[test]
fn nothing_is_there_then_everything_and_then_there_is_nothing_to_do() {
    for platform in Platform::ALL {
        let spec = spec(platform, &["orders", "customers"]);
        let topics = wanted(&spec);
        let empty = compare(platform, &topics, &[], false);
        let told = empty.changes.len() + empty.refused.len();
        assert_eq!(told, topics.len());
        assert_eq!(empty.changes.is_empty(), platform.is_event_hubs(), "hubs are not made by this API");
        assert_eq!(
            compare(platform, &topics, &made(&topics), false),
            Comparison::default(),
            "{platform:?}"
        );
    }
}

#[test]
fn values_are_raised_and_never_lowered() {
    let spec = spec(Platform::Kafka, &["orders"]);
    let topics = wanted(&spec);
    for (key, low, high) in [
        ("retention.ms", "3600000", "-1"),
        ("retention.ms", "604799999", "604800001"),
        ("max.message.bytes", "1048588", "9999999"),
        ("min.insync.replicas", "1", "3"),
        ("message.timestamp.after.max.ms", "3600000", NO_LIMIT),
        ("message.timestamp.before.max.ms", "0", NO_LIMIT),
    ] {
        let mut live = made(&topics);
        change(&mut live, "orders.dlq", key, high);
        assert_eq!(
            compare(Platform::Kafka, &topics, &live, false),
            Comparison::default(),
            "{key}={high} stays"
        );
        change(&mut live, "orders.dlq", key, low);
        let found = compare(Platform::Kafka, &topics, &live, false);
        let [only] = &found.changes[..] else { panic!("{found:?}") };
        let before = Some(low.to_owned());
        assert!(
            matches!(&only.step, Step::Set { key: k, before: b, .. } if *k == key && *b == before),
            "{only:?}"
        );
        assert!(only.text().contains(&format!("{key} {low} -> ")) && found.refused.is_empty());
    }
}

#[test]
fn what_would_do_harm_is_refused_with_its_fix() {
    let mut plan = spec(Platform::Kafka, &["orders"]);
    let topics = wanted(&plan);
    let refused = |live: &[Live], topics: &[Topic]| {
        let found = compare(Platform::Kafka, topics, live, false);
        assert!(found.changes.is_empty(), "{found:?}");
        let [only] = &found.refused[..] else { panic!("{found:?}") };
        assert!(!only.fix.is_empty());
        format!("{} {} {}", only.topic, only.problem, only.fix)
    };
    let mut live = made(&topics);
    change(&mut live, "orders.validated", "cleanup.policy", "compact");
    assert!(refused(&live, &topics).contains("is not changed for you"));

    let mut live = made(&topics);
    live.iter_mut().find(|live| live.name == "orders.dlq").unwrap().partitions = 12;
    assert!(refused(&live, &topics).contains("cannot be taken away"));

    let mut live = made(&topics);
    live.iter_mut().find(|live| live.name == "orders.dlq").unwrap().replication = 1;
    assert!(refused(&live, &topics).contains("1 copies"));
    change(&mut live, "orders.dlq", "min.insync.replicas", "1");
    let found = compare(Platform::Kafka, &topics, &live, false);
    assert!(
        found.changes.is_empty() && found.refused[1].problem.contains("nothing could be written"),
        "{found:?}"
    );

    // A source that was said to have more partitions than it has.
    let live = made(&topics);
    let said = BTreeMap::from([("orders".to_owned(), 12)]);
    plan.sources[0].partitions = Some(12);
    let mut kept = plan.clone();
    kept.adopt(&live, false);
    assert!(refused(&live, &kept.topics(&said)).contains("order of a key's events is lost"));
    plan.adopt(&live, true);
    let found = compare(Platform::Kafka, &plan.topics(&said), &live, true);
    assert!(found.refused.is_empty());
    assert_eq!(found.changes.len(), 5, "source and its four mirrors: {found:?}");
    assert_eq!(found.changes[0].text(), "partitions 6 -> 12");
}

#[test]
fn outcomes_follow_the_source_that_is_there() {
    let mut plan = spec(Platform::Kafka, &["orders"]);
    let mut live = made(&wanted(&plan));
    let source = live.iter_mut().find(|live| live.name == "orders").unwrap();
    source.partitions = 24;
    change(&mut live, "orders", "max.message.bytes", "5000000");
    plan.adopt(&live, false);
    let found = compare(Platform::Kafka, &wanted(&plan), &live, false);
    assert!(found.refused.is_empty());
    let of = |topic: &str| {
        found
            .changes
            .iter()
            .filter(|change| change.topic == topic)
            .map(Change::text)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        of("orders.validated"),
        ["partitions 6 -> 24", "max.message.bytes 1114124 -> 5065536"]
    );
    assert_eq!(of("orders"), Vec::<String>::new());
}

#[test]
fn a_source_is_its_producers_own() {
    let mut plan = spec(Platform::Kafka, &["orders"]);
    let mut live = made(&wanted(&plan));
    change(&mut live, "orders", "cleanup.policy", "compact");
    change(&mut live, "orders", "message.timestamp.type", "LogAppendTime");
    let found = compare(Platform::Kafka, &wanted(&plan), &live, false);
    assert!(
        found.changes.is_empty() && found.refused.is_empty() && found.notes.len() == 2,
        "{found:?}"
    );
    plan.with_sources = false;
    assert!(wanted(&plan).iter().all(|topic| topic.kind != Kind::Source));
    assert!(plan.missing_sources(&live).is_empty());
    assert_eq!(plan.missing_sources(&[]).len(), 1);
}

#[test]
fn a_shared_topic_fits_its_largest_source() {
    let mut plan = spec(Platform::Kafka, &["orders", "customers"]);
    for (source, partitions) in plan.sources.iter_mut().zip([12, 3]) {
        "dead".clone_into(&mut source.dead_letters);
        source.partitions = Some(partitions);
    }
    plan.sources[1].dead_letter_retention = 999_999_999_999;
    let topics = wanted(&plan);
    let shared: Vec<&Topic> = topics.iter().filter(|topic| topic.name == "dead").collect();
    let [shared] = &shared[..] else { panic!("{shared:?}") };
    assert_eq!((shared.partitions, shared.retention), (12, Some(999_999_999_999)));
    assert_eq!(shared.of, ["orders", "customers"]);
}

#[test]
fn what_a_platform_cannot_hold_is_said_before_it_is_asked() {
    let says = |spec: &Spec, part: &str| {
        let problems = spec.problems(&wanted(spec));
        assert!(problems.iter().any(|found| found.problem.contains(part)), "{part}: {problems:?}");
    };
    for platform in Platform::ALL {
        assert_eq!(
            spec(platform, &["orders"]).problems(&wanted(&spec(platform, &["orders"]))),
            [],
            "{platform:?}"
        );
    }
    says(
        &spec(Platform::EventHubsStandard, &["a", "b"]),
        "12 topics are needed and Event Hubs Standard takes 10",
    );
    let mut wide = spec(Platform::EventHubsStandard, &["a"]);
    wide.partitions = 33;
    wide.sources[0].dead_letter_retention = 8 * 86_400_000;
    says(&wide, "33 partitions");
    says(&wide, "8d and Event Hubs Standard keeps 7d");
    let mut large = spec(Platform::MskServerless, &["a"]);
    large.sources[0].record_bytes = 8_388_608;
    says(&large, "8454144 bytes");
    let mut strict = spec(Platform::Kafka, &["a"]);
    strict.in_sync = 4;
    says(&strict, "more than 3 copies");
    let mut twice = spec(Platform::Kafka, &["a", "a.dlq"]);
    says(&twice, "two things at once");
    twice.sources.truncate(1);
    "a b".clone_into(&mut twice.sources[0].name);
    says(&twice, "no name of a topic");
}

#[test]
fn settings_that_nobody_tells_are_never_fine() {
    let spec = spec(Platform::Kafka, &["orders"]);
    let topics = wanted(&spec);
    let mut live = made(&topics);
    live[0].settings = None;
    let found = compare(Platform::Kafka, &topics, &live, false);
    assert_eq!((found.untold, found.notes.len()), (1, 1));
    let hubs = crate::render::tests::spec(Platform::EventHubsPremium, &["orders"]);
    let topics = wanted(&hubs);
    let mut live = made(&topics);
    live[0].settings = None;
    assert_eq!(
        compare(Platform::EventHubsPremium, &topics, &live, false),
        Comparison::default(),
        "there is nothing to tell"
    );
}

#[test]
fn older_brokers_have_one_limit_for_both_directions() {
    let spec = spec(Platform::Kafka, &["orders"]);
    let topics = wanted(&spec);
    let mut live = made(&topics);
    for topic in &mut live {
        let settings = topic.settings.as_mut().unwrap();
        if settings.remove("message.timestamp.before.max.ms").is_some() {
            settings.remove("message.timestamp.after.max.ms");
            settings.insert("message.timestamp.difference.max.ms".to_owned(), NO_LIMIT.to_owned());
        }
    }
    assert_eq!(compare(Platform::Kafka, &topics, &live, false), Comparison::default());
    change(&mut live, "orders.dlq", "message.timestamp.difference.max.ms", "3600000");
    let found = compare(Platform::Kafka, &topics, &live, false);
    let texts: Vec<String> = found.changes.iter().map(Change::text).collect();
    assert_eq!(texts, [format!("message.timestamp.difference.max.ms 3600000 -> {NO_LIMIT}")]);
}
