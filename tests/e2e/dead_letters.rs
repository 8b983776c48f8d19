//! Dead letters from beginning to end: they come, are seen in groups, repaired, sent back, valid, landed, audited; and open again when they
//! come back.

use bytes::Bytes;
use serde_json::Value;
use tidegate_flow::ports::{Cluster as _, NewTopic};
use tidegate_flow::record::{Outgoing, header_text};
use tidegate_flow::{TopicPartition, stamp};
use tidegate_kafka::RecordWriter;
use tidegate_tests::process::Role;
use tidegate_tests::stand::Stand;
use tidegate_tests::wait::wait;
use tidegate_tests::world::{Shape, World};

const REPAIR: &str =
    "tidegate: repair/v1\ndescription: totals came as text\nsteps:\n  - cast: /total\n    to: number\n    when: value.channel == 'web'\n";

/// An order as the example contract has it, but for channel and total.
pub(crate) fn order(number: usize, channel: &str, total: &str) -> String {
    format!(
        r#"{{"order_id":"6b1f4f0e-6f1f-4d5c-9b0a-{number:012x}","placed_at":"2026-11-21T08:15:30.123Z","channel":"{channel}","customer":{{"customer_id":7,"email":"ada@example.com","country":"NO"}},"currency":"EUR","lines":[{{"sku":"LMP-10442","qty":2,"price":49.90}}],"total":{total}}}"#
    )
}

/// Writes to the first source, from partition to partition.
pub(crate) fn write(world: &World, values: impl IntoIterator<Item = String>) {
    let source = &world.sources()[0];
    let records: Vec<Outgoing> = values
        .into_iter()
        .enumerate()
        .map(|(number, value)| Outgoing {
            to: TopicPartition {
                topic: source.clone(),
                partition: i32::try_from(number).unwrap() % world.partitions(),
            },
            timestamp: None,
            key: Some(Bytes::from(format!("order-{number}"))),
            value: Some(Bytes::from(value)),
            headers: Vec::new(),
        })
        .collect();
    let delivery = RecordWriter::connect(&world.kafka).unwrap().write(&records).unwrap();
    assert_eq!(delivery.delivered, records.len());
}

fn run(world: &World, args: &[&str], code: i32) -> String {
    let (found, out, err) = world.run(args);
    assert_eq!(found, code, "{args:?}\n{out}\n{err}");
    out
}

fn groups(world: &World, code: i32) -> Vec<Value> {
    let out = run(world, &["dlq", "ls", "--all", "--output", "json"], code);
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(document["complete"], true, "{out}");
    document["groups"].as_array().unwrap().clone()
}

fn wait_for_records(world: &World, topic: &str, count: usize, validator: &mut Role) {
    wait(&format!("{count} records of {topic}"), &mut [validator], || {
        Ok(world.read(topic).len() >= count)
    });
}

#[test]
fn dead_letters_are_seen_repaired_sent_back_and_open_again() {
    let Some(stand) = Stand::get() else { return };
    let mut shape = Shape::whole("s3", "exactly_once");
    (shape.topics, shape.partitions) = (&["orders"], 2);
    let world = World::new(stand, shape);
    let source = world.sources()[0].to_string();
    let text = std::fs::read_to_string(world.config()).unwrap();
    let text = text.replace("validator:\n", "validator:\n  retry_topic: \"{topic}.retry\"\n");
    let state = format!("{}state", world.prefix);
    std::fs::write(world.config(), format!("{text}dead_letters:\n  state_topic: {state}\n")).unwrap();

    // Without its retry topic a validator says what to create.
    let (code, _, err) = world.run(&["validate"]);
    assert!(code == 78 && err.contains(".retry does not exist"), "{err}");
    let topic = |topic: String, partitions, policy: &str| NewTopic {
        topic,
        partitions,
        config: vec![("cleanup.policy".to_owned(), policy.to_owned())],
    };
    let topics = [
        topic(format!("{source}.retry"), 2, "delete"),
        topic(format!("{source}.parked"), 2, "delete"),
    ];
    world.cluster().create(&topics).unwrap();

    let mut validator = world.start("validator", "validate");
    // Of the web the totals are text, of the shop the channel is one that nobody knows; the others are good.
    let web = (0..40).map(|number| order(number, "web", "\"99.80\""));
    let unknown = (40..50).map(|number| order(number, "fax", "99.80"));
    let good = (50..60).map(|number| order(number, "web", "99.80"));
    write(&world, web.chain(unknown).chain(good));
    let (dead, valid) = (format!("{source}.dlq"), format!("{source}.validated"));
    wait_for_records(&world, &dead, 50, &mut validator);

    // Without the state topic it still counts, and says what to create to keep it.
    let out = run(&world, &["dlq", "ls"], 1);
    assert!(out.contains("cleanup.policy=compact"), "{out}");
    let (code, _, err) = world.run(&["dlq", "mark", "0000", "--state", "known"]);
    assert!(code == 2 && err.contains("cleanup.policy=compact"), "{err}");
    let (code, out, err) = world.run(&["dlq", "count"]);
    assert!(code == 2 && out.is_empty() && err.contains("cleanup.policy=compact"), "{out}{err}");
    world.cluster().create(&[topic(state, 1, "compact")]).unwrap();
    // A schedule that counts does not fail for what it finds, tells what it could not finish, and leaves nothing to count.
    let (code, part, err) = world.run(&["dlq", "count", "--max", "1"]);
    assert!(code == 2 && part.contains("incomplete"), "{part}{err}");
    let counted = |out: String| -> u64 {
        let document: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&document["kept"], &document["groups"]), (&true.into(), &2.into()), "{out}");
        document["counted"].as_u64().unwrap()
    };
    let count = ["dlq", "count", "--output", "json"];
    assert!(counted(run(&world, &count, 0)) >= 40, "what --max left out");
    assert_eq!(counted(run(&world, &count, 0)), 0);

    let found = groups(&world, 1);
    assert_eq!(found.len(), 2, "{found:#?}");
    let (totals, channels) = (&found[0], &found[1]);
    assert_eq!(
        (&totals["count"], &totals["path"], &totals["reason"]),
        (&40.into(), &"/total".into(), &"type_mismatch".into())
    );
    assert_eq!((&channels["count"], &channels["path"]), (&10.into(), &"/channel".into()));
    let example = totals["example"].as_str().unwrap();
    assert!(example.contains("\"email\": string(15)") && !example.contains("ada"), "{example}");
    let group = totals["group"].as_str().unwrap();
    let shown = run(&world, &["dlq", "show", &group[..6]], 0);
    assert!(
        shown.contains("- cast: /total") && shown.contains(&source) && !shown.contains("ada@"),
        "{shown}"
    );
    let exported = run(&world, &["dlq", "export", group], 0);
    assert_eq!(exported.lines().count(), 40);
    assert!(
        !exported.contains("ada@example.com") && !exported.contains("order-1"),
        "values need a flag"
    );
    let (code, some, _) = world.run(&["dlq", "export", group, "--values", "--limit", "3"]);
    assert!(
        code == 2 && some.lines().count() == 3 && some.contains("ada@example.com"),
        "not all of them: {code}"
    );
    let (code, some, err) = world.run(&["dlq", "export", group, "--max", "7"]);
    assert!(
        code == 2 && some.lines().count() <= 7 && err.contains("stopped at --max 7"),
        "{err}"
    );
    run(
        &world,
        &["dlq", "mark", group, "--state", "fixing", "--note", "INC-42", "--by", "me"],
        0,
    );
    assert_eq!(groups(&world, 1)[0]["state"], "fixing");

    // A wrong repair file is refused with its place; a dry run sends nothing and says what would happen.
    let repair = world.folder.path().join("totals.repair.yaml");
    let repair = repair.to_str().unwrap();
    std::fs::write(repair, REPAIR.replace("to: number", "to: money")).unwrap();
    let (code, _, err) = world.run(&["replay", "--topic", &source, "--repair", repair]);
    assert!(code == 2 && err.contains(":5:9") && err.contains("TG0401"), "{err}");
    std::fs::write(repair, REPAIR.replace("value.channel", "value.chanel")).unwrap();
    let (code, _, err) = world.run(&["replay", "--topic", &source, "--repair", repair]);
    assert!(code == 2 && err.contains(":6:11"), "{err}");
    std::fs::write(repair, REPAIR).unwrap();
    let dry = run(&world, &["replay", "--topic", &source, "--repair", repair], 1);
    assert!(dry.contains("would be valid") && dry.contains("would be invalid again"), "{dry}");
    assert!(dry.contains("/total: string(5) → number") && !dry.contains("99.80"), "{dry}");
    // What no letter is of is no answer, and a fingerprint may be written in capitals.
    let (code, out, _) = world.run(&["replay", "--topic", &source, "--fingerprint", "ffffffffffff"]);
    assert!(code == 2 && out.contains("No dead letter is meant"), "{out}");
    let dry = run(
        &world,
        &[
            "replay",
            "--topic",
            &source,
            "--fingerprint",
            &group.to_uppercase(),
            "--repair",
            repair,
        ],
        0,
    );
    assert!(dry.contains("would be valid"), "{dry}");
    let (code, _, err) = world.run(&["replay", "--topic", &source, "--target", &format!("{source}.parked")]);
    assert!(code == 2 && err.contains("the parked topic of"), "{err}");
    let (code, _, err) = world.run(&["replay", "--resume", "20261121-000000", "--repair", repair]);
    assert!(code == 2 && err.contains("cannot be used with"), "{err}");
    // More than it may read: nothing is read, and nothing is sent.
    let (code, out, err) = world.run(&["replay", "--topic", &source, "--execute", "--read-max", "49"]);
    assert!(code == 2 && out.is_empty() && err.contains("more than --read-max 49"), "{err}");
    assert!(err.contains(&format!("of {source}.dlq (dead letters)")), "{err}");
    assert!(world.read(&format!("{source}.retry")).is_empty());

    // Only the group, for real; stopped in the middle by a kill, gone on by its id.
    let args = [
        "replay",
        "--topic",
        &source,
        "--fingerprint",
        group,
        "--repair",
        repair,
        "--execute",
        "--rate",
        "8",
        "--reason",
        "INC-42",
    ];
    let log = {
        let mut all: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        all.extend(["--config".to_owned(), world.config().to_str().unwrap().to_owned()]);
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let role = Role::start(world.folder.path(), "replay", &all, &world.variables());
        wait_for_records(&world, &format!("{source}.retry"), 3, &mut validator);
        let log = role.log();
        role.kill();
        log
    };
    let id = log
        .split("--resume ")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next())
        .unwrap_or_else(|| panic!("{log}"));
    let ended = run(&world, &["replay", "--resume", id, "--output", "json"], 0);
    let ended: Value = serde_json::from_str(&ended).unwrap();
    assert_eq!(
        (&ended["counts"]["sent"], &ended["counts"]["repaired"], &ended["complete"]),
        (&40.into(), &40.into(), &true.into())
    );
    assert_eq!(
        (&ended["dry_run"], &ended["topic"], &ended["ended"]),
        (&false.into(), &Value::from(&*source), &"finished".into())
    );
    let (code, _, err) = world.run(&["replay", "--resume", id]);
    assert!(code == 2 && err.contains("is finished"), "its record stays as it is: {err}");
    let again = run(&world, &args, 0);
    assert!(
        again.contains("0 sent") && again.contains("40 had been sent back before"),
        "{again}"
    );

    wait_for_records(&world, &valid, 50, &mut validator);
    let back = world.read(&format!("{source}.retry"));
    assert_eq!(back.len(), 40, "nothing twice");
    let validated = world.read(&valid);
    let repaired: Vec<_> = validated
        .iter()
        .filter(|record| header_text(&record.headers, stamp::REPLAY) == Some(id))
        .collect();
    assert_eq!((validated.len(), repaired.len()), (50, 40));
    assert!(
        repaired
            .iter()
            .all(|record| record.value.as_ref().unwrap().ends_with(b"\"total\":99.80}"))
    );

    run(&world, &["dlq", "mark", group, "--state", "fixed"], 0);
    let shown = run(&world, &["dlq", "show", group], 0);
    assert!(
        shown.contains("before     fixing by me at") && shown.contains("INC-42"),
        "what was said before is kept: {shown}"
    );
    let state_of = |found: &[Value]| found.iter().find(|one| one["group"] == group).unwrap()["state"].clone();
    assert_eq!(state_of(&groups(&world, 1)), "fixed");

    // It lands, and the audit accounts for every record of both ways.
    let mut sink = world.start("sink", "sink");
    wait("every row", &mut [&mut sink], || world.is_settled("sink", &world.validated()));
    assert!(sink.stop().success());
    run(&world, &["audit"], 0);
    let quick = run(&world, &["audit", "--quick"], 2);
    assert!(
        quick.contains("records of other sources"),
        "a count cannot tell the two ways apart, and says so: {quick}"
    );

    // It comes back.
    write(&world, [order(99, "web", "\"1.00\"")]);
    wait_for_records(&world, &dead, 51, &mut validator);
    assert_eq!(state_of(&groups(&world, 1)), "reopened");
    assert!(validator.stop().success());
}
