//! Service levels decided beside real brokers: `sla serve` by its schedule, completeness by partition, and records that were lost.

use std::process::Command;

use serde_json::Value;
use tidegate_tests::planted::Producing;
use tidegate_tests::process::{Role, executable};
use tidegate_tests::stand::Stand;
use tidegate_tests::wait::wait;
use tidegate_tests::world::{Shape, World, root};

use crate::refusals::{address, get};

const EVENTS: u64 = 3_000;
const LOST: u64 = 5;
const COMPLETENESS: &str = "tidegate-completeness";

/// Beside those of the example: what a running system keeps, and what no system with a dead letter does.
const PROMISES: &str = "slaProperties:
  - {id: much, property: throughput, value: 1, unit: records/h}
  - {id: too-much, property: throughput, value: 1000000, unit: records/s}
  - {id: few-errors, property: errorRate, value: 50, unit: percent}
  - {id: no-errors, property: errorRate, value: 0.001, unit: percent}
";

/// Roles work by the world's own contracts, the checks by these.
fn promises(world: &World) -> String {
    let text = std::fs::read_to_string(root().join("contracts/shop/orders/v1.odcs.yaml")).unwrap();
    let bound = text.replace("physicalName: orders\n", &format!("physicalName: {}\n", world.sources()[0]));
    let more = bound.replacen("slaProperties:\n", PROMISES, 1);
    assert!(more != bound && bound != text, "the example is another one than this test thinks");
    let folder = world.folder.path().join("promises");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("orders.odcs.yaml"), more).unwrap();
    folder.to_str().unwrap().to_owned()
}

fn serve(world: &World, contracts: &str) -> Role {
    let config = world.config();
    let args = ["sla", "serve", "--config", config.to_str().unwrap(), "--contracts", contracts];
    let args = [&args[..], &["--schedule", "* * * * *", "--jitter", "0"]].concat();
    Role::start(world.folder.path(), "sla", &args, &world.variables())
}

/// Sum of a metric over its series that have all of these labels; none when there is no such series.
fn metric(text: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let of = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{'));
    let chosen = of.filter(|line| labels.iter().all(|(label, value)| line.contains(&format!("{label}=\"{value}\""))));
    let numbers: Vec<f64> = chosen.map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    (!numbers.is_empty()).then(|| numbers.iter().sum())
}

fn status(text: &str, rule: &str, status: &str) -> bool {
    let objective = format!("v1/orders#{rule}");
    let whole = format!("v1/#{rule}");
    [objective, whole].iter().any(|objective| {
        let labels = [("objective", objective.as_str()), ("status", status)];
        metric(text, "tidegate_objective_status", &labels) == Some(1.0)
    })
}

fn records(text: &str, fate: &str) -> Option<f64> {
    metric(text, "tidegate_completeness_records", &[("fate", fate)])
}

/// The completeness of one look.
fn look(world: &World, contracts: &str, more: &[&str]) -> (i32, Value) {
    let args = [
        "sla",
        "run",
        "--once",
        "--rule",
        COMPLETENESS,
        "--output",
        "json",
        "--contracts",
        contracts,
    ];
    let (code, out, err) = world.run(&[&args[..], more].concat());
    let documents: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}\n{err}"));
    (code, documents[0]["results"][0].clone())
}

/// An operator who means well moves a group past what it has not judged.
fn skip_the_rest(world: &World) -> anyhow::Result<bool> {
    let output = Command::new("java")
        .args(["-XX:TieredStopAtLevel=1", "-Xmx128m", "-cp"])
        .arg(format!("{}/*", world.stand.text("kafka", "libs")))
        .args([
            "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
            "--bootstrap-server",
            world.stand.text("kafka", "bootstrap"),
            "--group",
            &world.group("validator"),
            "--topic",
            &world.sources()[0],
            "--reset-offsets",
            "--to-latest",
            "--execute",
        ])
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    Ok(output.status.success() && !said.contains("Error"))
}

#[test]
fn the_broker_decides_service_levels_by_schedule_and_a_lost_record_is_told() {
    let Some(stand) = Stand::get() else { return };
    let shape = Shape {
        topics: &["orders"],
        partitions: 3,
        sink: "  slot_rows: 2000\n  slot_age_ms: 500\n",
        ..Shape::whole("s3", "exactly_once")
    };
    let world = World::new(stand, shape);
    let contracts = promises(&world);
    let mut producing = Producing::new(&world, 77);
    producing.write(EVENTS);
    let mut validator = world.start("validator", "validate");
    let mut sink = world.start("sink", "sink");
    wait("every outcome", &mut [&mut validator, &mut sink], || {
        world.is_settled("validator", &world.sources())
    });
    wait("every row", &mut [&mut validator, &mut sink], || {
        world.is_settled("sink", &world.validated())
    });

    let mut checks = serve(&world, &contracts);
    let metrics = |checks: &Role| get(&address(&checks.log()), "/metrics").1;
    wait("an address", &mut [&mut checks], || Ok(checks_listen(&world)));
    let mut page = String::new();
    wait("the first look", &mut [&mut validator, &mut sink], || {
        page = metrics(&checks);
        Ok(metric(&page, "tidegate_sla_runs_total", &[]).is_some_and(|runs| runs > 0.0))
    });
    for (rule, wanted) in [
        ("much", "met"),
        ("too-much", "breached"),
        ("few-errors", "met"),
        ("no-errors", "breached"),
        (COMPLETENESS, "met"),
    ] {
        assert!(status(&page, rule, wanted), "{rule} is not {wanted}:\n{page}");
    }
    // The same numbers as in the topics, which nobody has to take our word for.
    let source = &world.sources()[0];
    let dead = world.read(&format!("{source}.dlq")).len();
    let valid = world.read(&format!("{source}.validated")).len();
    assert!(dead > 0 && valid > 0);
    let (code, result) = look(&world, &contracts, &[]);
    let of = |result: &Value, name: &str| result["tidegate"]["completeness"][name].as_u64().unwrap();
    let counts = ["raw", "validated", "dead_lettered", "skipped", "pending", "missing"].map(|fate| of(&result, fate));
    assert_eq!((code, counts), (0, [EVENTS, valid as u64, dead as u64, 0, 0, 0]), "{result}");
    // Who serves goes on from look to look, so how much the last one saw depends on when it was; its sum never does.
    let seen = |fate| records(&page, fate).unwrap_or_else(|| panic!("no {fate}:\n{page}"));
    assert_eq!(seen("raw"), seen("validated") + seen("dead_lettered") + seen("skipped"), "{page}");
    assert_eq!((seen("pending"), seen("missing")), (0.0, 0.0), "{page}");
    let share = metric(&page, "tidegate_objective_measured", &[("objective", "v1/#no-errors")])
        .or_else(|| metric(&page, "tidegate_objective_measured", &[("objective", "v1/orders#no-errors")]));
    let expected = dead as f64 / EVENTS as f64;
    assert!((share.unwrap() - expected).abs() < 1e-9, "{share:?} {expected}");

    // What waits for a validator is pending, and no loss.
    assert!(validator.stop().success());
    producing.write(LOST);
    let (code, result) = look(&world, &contracts, &[]);
    assert_eq!((code, of(&result, "pending"), of(&result, "missing")), (0, LOST, 0), "{result}");
    assert_eq!((result["status"].as_str(), of(&result, "raw")), (Some("pass"), EVENTS + LOST));

    // Moved past them, nobody will ever judge them.
    wait("an idle group", &mut [&mut sink], || skip_the_rest(&world));
    let (code, result) = look(&world, &contracts, &[]);
    assert_eq!((code, of(&result, "pending"), of(&result, "missing")), (1, 0, LOST), "{result}");
    assert_eq!(result["measure"]["unit"], "records");
    let partitions = result["tidegate"]["completeness"]["partitions"].as_array().unwrap();
    let firsts = |one: &Value| {
        one["missingFirst"]
            .as_array()
            .unwrap()
            .iter()
            .map(|at| at.as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    let named: usize = partitions.iter().map(|one| firsts(one).len()).sum();
    assert_eq!((partitions.len(), named as u64), (3, LOST));
    for one in partitions {
        let until = one["until"].as_i64().unwrap();
        let missing = one["missing"].as_i64().unwrap();
        assert_eq!(
            firsts(one),
            (until - missing..until).collect::<Vec<_>>(),
            "the last ones of the partition: {one}"
        );
    }
    for (output, words) in [
        ("human", "What became of the records:"),
        ("junit", "<failure message="),
        ("html", "<summary>partitions</summary>"),
    ] {
        let args = [
            "sla",
            "run",
            "--once",
            "--rule",
            COMPLETENESS,
            "--contracts",
            &contracts,
            "--output",
            output,
        ];
        let (code, out, err) = world.run(&args);
        assert!(
            code == 1 && out.contains(words) && out.contains("missing"),
            "{output} {code}: {out}\n{err}"
        );
    }

    // Who serves tells of it at its next look, in what the alert counts.
    wait("the next look", &mut [&mut checks, &mut sink], || {
        page = get(&address(&std::fs::read_to_string(world.folder.path().join("sla.log"))?), "/metrics").1;
        Ok(metric(&page, "tidegate_completeness_breaches_total", &[("breach", "missing")]) == Some(LOST as f64))
    });
    // The look after that finds nothing new and holds again; the counter and the log keep what was found.
    let log = checks.log();
    assert!(
        log.lines().any(|line| line.contains(COMPLETENESS) && line.contains("5 missing")),
        "{log}"
    );
    assert!(checks.stop().success(), "SIGTERM ends it well");
    assert!(sink.stop().success());

    // Nobody to ask: unknown, and never met.
    let (code, result) = look(&world, &contracts, &["--brokers", "127.0.0.1:1"]);
    assert_eq!((code, result["status"].as_str()), (2, Some("error")), "{result}");
    assert!(result.get("measure").is_none(), "{result}");

    the_history_has_it(&world);
}

fn checks_listen(world: &World) -> bool {
    let log = std::fs::read_to_string(world.folder.path().join("sla.log")).unwrap_or_default();
    log.contains("address")
}

fn the_history_has_it(world: &World) {
    let config = world.config();
    let output = Command::new(executable())
        .args([
            "sla",
            "history",
            "--output",
            "json",
            "--rule",
            COMPLETENESS,
            "--config",
            config.to_str().unwrap(),
        ])
        .envs(world.variables())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("\"fail\"") && text.contains("\"pass\""),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
