//! Roles that do no work say so in their metrics, whatever they wait for.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tidegate_flow::TopicPartition;
use tidegate_flow::ports::Exchange as _;
use tidegate_flow::record::Outgoing;
use tidegate_kafka::{Delivering, GroupExchange, RecordWriter};
use tidegate_tests::process::Role;
use tidegate_tests::stand::Stand;
use tidegate_tests::world::{Shape, World, root};

use crate::told::{ask, free};

/// Waits until each of these series has this number.
fn shown(role: &mut Role, at: SocketAddr, series: &[(&str, &str)]) {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        let text = ask(at, "/metrics").unwrap_or_default();
        let has = |(name, number): &(&str, &str)| {
            let mut found = text.lines().filter_map(|line| line.strip_prefix(*name)?.strip_prefix(' '));
            found.any(|value| value == *number || (*number == ">0" && value.parse::<f64>().is_ok_and(|value| value > 0.0)))
        };
        if series.iter().all(has) {
            return;
        }
        role.assert_running();
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("tidegate_")).collect();
        assert!(
            Instant::now() < deadline,
            "{series:?} are not in\n{}\n{}",
            lines.join("\n"),
            role.tail()
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// One source of two partitions; none where there are no real servers.
fn orders() -> Option<World> {
    let shape = Shape {
        topics: &["orders"],
        partitions: 2,
        ..Shape::whole("s3", "exactly_once")
    };
    Some(World::new(Stand::get()?, shape))
}

/// Nobody listens where the brokers should be, or where the store should be.
#[test]
fn a_role_that_waits_at_its_start_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let contracts = root().join("contracts");
    for (command, role) in [("validate", "validator"), ("sink", "sink")] {
        let (http, nobody) = (free(), free().to_string());
        let env = [
            ("TIDEGATE_BROKERS", nobody.as_str()),
            ("TIDEGATE_CONTRACTS", contracts.to_str().unwrap()),
            ("TIDEGATE_LAKE", folder.path().to_str().unwrap()),
            ("TIDEGATE_HTTP", &http.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut process = Role::start(folder.path(), role, &[command], &env);
        let ready = format!("tidegate_ready{{role=\"{role}\"}}");
        let errors = "tidegate_world_errors_total{port=\"kafka\",remedy=\"retry\"}";
        shown(&mut process, http, &[(&ready, "0"), (errors, ">0")]);
        assert!(process.stop().success());
    }
}

#[test]
fn a_halted_partition_of_the_sink_is_seen() {
    let Some(world) = orders() else { return };
    let http = free();
    let mut sink = world.start_in(world.folder.path(), "sink", "sink", &[("TIDEGATE_HTTP", &http.to_string())]);
    shown(&mut sink, http, &[("tidegate_ready{role=\"sink\"}", "1")]);
    // Written by somebody else than a validator.
    let validated = world.validated().remove(0);
    let mut writer = RecordWriter::connect(&world.kafka).unwrap();
    let stranger = Outgoing {
        to: TopicPartition::new(&*validated, 1),
        timestamp: None,
        key: None,
        value: Some((&b"{}"[..]).into()),
        headers: Vec::new(),
    };
    writer.write(&[stranger]).unwrap();
    let of = |name: &str| format!("tidegate_partition_{name}{{partition=\"1\",topic=\"{validated}\"}}");
    let (halted, paused) = (of("halted"), of("paused"));
    shown(
        &mut sink,
        http,
        &[(&halted, "1"), (&paused, "0"), ("tidegate_ready{role=\"sink\"}", "0")],
    );
    let text = ask(http, "/metrics").unwrap();
    assert!(
        !text.contains("tidegate_partition_halted{partition=\"0\""),
        "the other one goes on: {text}"
    );
    assert!(sink.stop().success());
}

/// A transaction that nobody ends hides what is behind it, and no lag tells: seen where it stands, by whoever reads or writes there.
#[test]
fn a_transaction_that_stays_open_is_seen() {
    let Some(world) = orders() else { return };
    let (at_validator, at_sink) = (free(), free());
    let role = |name: &str, command: &str, at: SocketAddr| {
        world.start_in(world.folder.path(), name, command, &[("TIDEGATE_HTTP", &at.to_string())])
    };
    let mut validator = role("validator", "validate", at_validator);
    let mut sink = role("sink", "sink", at_sink);
    let source = world.sources().remove(0).to_string();
    let of = |topic: &str, partition: i32| format!("tidegate_partition_undecided_seconds{{partition=\"{partition}\",topic=\"{topic}\"}}");
    let [validated, letters] = ["validated", "dlq"].map(|kind| format!("{source}.{kind}"));
    let all = [&source, &validated, &letters].map(|topic| of(topic, 1));
    shown(&mut validator, at_validator, &all.each_ref().map(|series| (series.as_str(), "0")));

    let id = format!("{}-open", world.prefix);
    let mut open = GroupExchange::join(
        &world.kafka,
        "open",
        &id,
        &[source.as_str().into()],
        Delivering::Transactional(id.clone()),
    )
    .unwrap();
    open.begin().unwrap();
    let records = [&source, &validated, &letters].map(|topic| Outgoing {
        to: TopicPartition::new(topic.as_str(), 1),
        timestamp: None,
        key: None,
        value: Some((&b"{}"[..]).into()),
        headers: Vec::new(),
    });
    open.send(records.to_vec()).unwrap();
    shown(&mut validator, at_validator, &all.each_ref().map(|series| (series.as_str(), ">0")));
    shown(&mut sink, at_sink, &[(&of(&validated, 1), ">0"), (&of(&validated, 0), "0")]);
    open.abort_transaction().unwrap();
    shown(&mut validator, at_validator, &all.each_ref().map(|series| (series.as_str(), "0")));
    shown(&mut sink, at_sink, &[(&of(&validated, 1), "0")]);
    assert!(validator.stop().success() && sink.stop().success());
}
