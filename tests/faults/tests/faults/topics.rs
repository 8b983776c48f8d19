//! What happens to topics while roles depend on them: what nobody may guess about halts the partition, says so, and loses nothing.

use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tidegate_faults::{Broker, Scene, Story, prove, segment};
use tidegate_flow::ports::{Cluster as _, NewTopic};
use tidegate_flow::record::Outgoing;
use tidegate_flow::stamp;
use tidegate_kafka::RecordWriter;
use tidegate_sim::traffic::{Expected, Planted};
use tidegate_tests::planted::{prove_audit, prove_topics};
use tidegate_tests::process::Role;
use tidegate_tests::stand::Stand;
use tidegate_tests::wait::wait;

const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";
const CONFIGS: &str = "kafka.admin.ConfigCommand";
const PERMISSIONS: &str = "org.apache.kafka.tools.AclCommand";
const GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
const DELETE_RECORDS: &str = "org.apache.kafka.tools.DeleteRecordsCommand";

pub(crate) fn stories<'a>(stand: &'a Stand, broker: &'a Arc<Mutex<Broker>>) -> Vec<Story<'a>> {
    // Prepared with the broker down, before anybody else needs it.
    let corrupt = Corrupt::prepare(Scene::new(stand, broker, &["orders"], 2, 11));
    let scene = move |seed| Scene::new(stand, broker, &["orders"], 2, seed);
    vec![
        ("corrupt batch".to_owned(), Box::new(move || corrupt.play())),
        ("retention".to_owned(), Box::new(move || retention(scene(12)))),
        (
            "recreated while stopped".to_owned(),
            Box::new(move || recreated_while_stopped(scene(13))),
        ),
        (
            "recreated while running".to_owned(),
            Box::new(move || recreated_while_running(scene(14))),
        ),
        ("dead letters missing".to_owned(), Box::new(move || dead_letters_missing(scene(15)))),
        (
            "dead letters forbidden".to_owned(),
            Box::new(move || dead_letters_forbidden(scene(16))),
        ),
        ("too large".to_owned(), Box::new(move || too_large(scene(17)))),
        ("partitions differ".to_owned(), Box::new(move || partitions_differ(scene(18)))),
        (
            "proofs are red of a double".to_owned(),
            Box::new(move || red_of_a_double(scene(19))),
        ),
        ("proofs are red of a loss".to_owned(), Box::new(move || red_of_a_loss(scene(20)))),
    ]
}

/// F21: a batch whose bytes have changed on the broker's disk.
struct Corrupt {
    scene: Scene,
    /// Offset of the first record that cannot be read.
    at: i64,
}

impl Corrupt {
    fn prepare(mut scene: Scene) -> Corrupt {
        scene.produce(300);
        scene.produce(300);
        let source = scene.world.sources()[0].clone();
        let mut broker = scene.broker();
        broker.stop();
        let at = corrupt_second_batch(&segment(&broker.partition(&source, 0)));
        broker.up();
        drop(broker);
        Corrupt { scene, at }
    }

    fn play(mut self) {
        self.scene.start_worker();
        let world = &self.scene.world;
        let worker = &mut self.scene.workers[0];
        let log = worker.log_path();
        let said = |words: &str| std::fs::read_to_string(&log).unwrap().contains(words);
        wait("the partition to be halted", &mut [worker], || Ok(said("probably a corrupt batch")));
        let source = world.sources()[0].clone();
        assert!(said(&format!("{source}-0: there are records at {}", self.at)), "the place is told");
        let positions = world.positions("validator", &world.sources()).unwrap();
        prove(|| {
            assert_eq!(
                positions[0].1.unwrap().0,
                self.at,
                "what could be read before it has its outcome, and nothing was passed over"
            );
        });
        wait_for_the_other_partition(&self.scene);
        let (code, out, err) = world.run(&["audit"]);
        assert!(code == 2 && out.contains("incomplete"), "{code}\n{out}\n{err}");
    }
}

/// Changes one byte in the middle of the second batch of a segment; answers with the batch's first offset.
fn corrupt_second_batch(segment: &Path) -> i64 {
    let mut bytes = std::fs::read(segment).unwrap();
    // A batch begins with its offset (8 bytes) and its length behind that (4 bytes).
    let length = |at: usize| i32::from_be_bytes(bytes[at + 8..at + 12].try_into().unwrap());
    let second = 12 + usize::try_from(length(0)).unwrap();
    let middle = second + 12 + usize::try_from(length(second)).unwrap() / 2;
    let at = i64::from_be_bytes(bytes[second..second + 8].try_into().unwrap());
    bytes[middle] ^= 0x55;
    std::fs::write(segment, bytes).unwrap();
    at
}

/// F18: records are deleted before they were judged.
fn retention(mut scene: Scene) {
    scene.start_worker();
    scene.produce(300);
    scene.settle();
    let before = scene.world.positions("validator", &scene.world.sources()).unwrap();
    // Stopped rather than frozen: what the brokers had answered before would still be read.
    assert!(scene.workers.remove(0).stop().success());
    scene.produce(300);
    let source = scene.world.sources()[0].clone();
    let until = before[0].1.unwrap().0 + 100;
    delete_records(&scene, &source, 0, until);
    scene.start_worker();
    says(&scene.workers[0], "is outside of what the broker still holds");
    let lost = format!(
        "{source}-0: position {} is outside of what the broker still holds ({until} to ",
        before[0].1.unwrap().0
    );
    says(&scene.workers[0], &lost);
    wait_for_the_other_partition(&scene);
    let positions = scene.world.positions("validator", &scene.world.sources()).unwrap();
    prove(|| {
        assert_eq!(positions[0].1, before[0].1, "nothing was passed over by itself");
        // Nor does the audit call that clean: nobody looked at what is gone.
        let (code, out, err) = scene.world.run(&["audit", "--output", "json"]);
        assert_eq!(code, 2, "{out}\n{err}");
        assert!(out.contains("\"removed_before_judging\":100"), "{out}");
    });

    // The manual has `tidegate resume` for this, which records the gap; Kafka's own tools move the position, too.
    assert!(scene.workers.remove(0).stop().success());
    let group = scene.world.group("validator");
    admin(
        &scene,
        GROUPS,
        &[
            "--group",
            &group,
            "--topic",
            &format!("{source}:0"),
            "--reset-offsets",
            "--to-earliest",
            "--execute",
        ],
    );
    scene.start_worker();
    scene.settle();
    assert!(scene.workers.remove(0).stop().success());
    prove(|| prove_audit(&scene.world));
}

/// F19: the topic is another one of the same name when the validator comes back, and the brokers have deleted the group's positions with
/// the old one.
fn recreated_while_stopped(mut scene: Scene) {
    scene.start_worker();
    scene.produce(300);
    scene.settle();
    assert!(scene.workers.remove(0).stop().success());
    recreate(&mut scene);
    scene.produce(600);
    let before = outcomes(&scene);
    let (code, _, err) = scene.world.run(&["validate"]);
    assert!(
        code == 78 && err.contains("The source was deleted and created again"),
        "{code}: {err}"
    );
    prove(|| assert_eq!(outcomes(&scene), before, "nothing of the new topic was judged"));
}

/// F19: the same under the eyes of a validator.
fn recreated_while_running(mut scene: Scene) {
    scene.start_worker();
    scene.produce(300);
    scene.settle();
    let before = outcomes(&scene);
    scene.workers[0].signal("STOP");
    recreate(&mut scene);
    scene.produce(600);
    scene.workers[0].signal("CONT");
    says(&scene.workers[0], "created again");
    assert!(scene.workers.remove(0).stop().success());
    prove(|| assert_eq!(outcomes(&scene), before, "nothing of the new topic was judged"));
}

fn recreate(scene: &mut Scene) {
    let source = scene.world.sources()[0].clone();
    admin(scene, TOPICS, &["--delete", "--topic", &source]);
    let world = &scene.world;
    wait("the topic to be gone", &mut [], || {
        Ok(world.cluster().topics(&world.sources())?.is_empty())
    });
    let new = NewTopic {
        topic: source.to_string(),
        partitions: 2,
        config: Vec::new(),
    };
    world.cluster().create(&[new]).unwrap();
}

fn outcomes(scene: &Scene) -> i64 {
    let source = &scene.world.sources()[0];
    let mut cluster = scene.world.cluster();
    ["validated", "dlq"]
        .iter()
        .flat_map(|kind| cluster.offsets(&format!("{source}.{kind}")).unwrap())
        .map(|(_, end)| end.0)
        .sum()
}

/// F16: the dead-letter topic is gone.
fn dead_letters_missing(mut scene: Scene) {
    scene.start_worker();
    says(&scene.workers[0], "partitions assigned");
    let topic = format!("{}.dlq", scene.world.sources()[0]);
    admin(&scene, TOPICS, &["--delete", "--topic", &topic]);
    scene.produce(600);
    says(&scene.workers[0], "partition paused; nothing is lost");
    // Not made by asking for it either, with the broker's own number of partitions.
    let missing = [topic.as_str().into()];
    prove(|| assert_eq!(scene.world.cluster().topics(&missing).unwrap(), [], "nobody has made it"));
    let new = NewTopic {
        topic,
        partitions: 2,
        config: Vec::new(),
    };
    scene.world.cluster().create(&[new]).unwrap();
    // It goes on by itself.
    scene.end();
}

/// F16: the dead-letter topic may not be written to.
fn dead_letters_forbidden(mut scene: Scene) {
    scene.start_worker();
    scene.produce(300);
    scene.settle();
    let topic = format!("{}.dlq", scene.world.sources()[0]);
    let rule = ["--deny-principal", "User:ANONYMOUS", "--operation", "Write", "--topic", &topic];
    admin(&scene, PERMISSIONS, &[&["--add"], &rule[..]].concat());
    scene.produce(600);
    says(&scene.workers[0], "partition paused; nothing is lost");
    admin(&scene, PERMISSIONS, &[&["--remove", "--force"], &rule[..]].concat());
    scene.end();
}

/// F15: records that the validated topic does not take, alone and because of what the client puts together.
fn too_large(mut scene: Scene) {
    let topic = format!("{}.validated", scene.world.sources()[0]);
    let limit = [
        "--alter",
        "--entity-type",
        "topics",
        "--entity-name",
        &topic,
        "--add-config",
        "max.message.bytes=20000",
    ];
    admin(&scene, CONFIGS, &limit);
    let mut events = scene.producing.lock().unwrap().draw(1500);
    for event in events.iter_mut().filter(|event| event.expected == Expected::Valid).step_by(400) {
        enlarge(event);
    }
    scene.producing.lock().unwrap().write_these(events);
    scene.start_worker();
    let proof = scene.end();
    assert_eq!(proof.outcomes, 1500);
}

/// A field more that no contract forbids and no compression makes small.
fn enlarge(event: &mut Planted) {
    let noise: String = std::iter::repeat_with(fastrand::alphanumeric).take(60_000).collect();
    let value = String::from_utf8(event.record.value.as_ref().unwrap().to_vec()).unwrap();
    let value = value.replacen('{', &format!(r#"{{"noise":"{noise}","#), 1);
    event.record.value = Some(Bytes::from(value));
    event.expected = Expected::DeadLetter("size_violation");
}

/// F17: the validated topic has another number of partitions.
fn partitions_differ(scene: Scene) {
    let topic = format!("{}.validated", scene.world.sources()[0]);
    admin(&scene, TOPICS, &["--alter", "--topic", &topic, "--partitions", "3"]);
    let (code, _, err) = scene.world.run(&["validate"]);
    assert_eq!(code, 78, "{err}");
    assert!(err.contains(&topic) && err.contains('3') && err.contains('2'), "{err}");
}

/// What the other stories rest on: an outcome that is there twice is found by the proof and by the audit, each by itself.
fn red_of_a_double(mut scene: Scene) {
    scene.start_worker();
    scene.produce(300);
    assert_eq!(scene.prove().outcomes, 300);
    assert!(scene.workers.remove(0).stop().success());
    let validated = scene.world.validated()[0].clone();
    let one = scene
        .world
        .read(&validated)
        .into_iter()
        .find(|record| record.origin.at.partition == 1)
        .unwrap();
    let origin = stamp::read(&one.headers).unwrap().origin;
    let again = Outgoing {
        to: one.origin.at.clone(),
        timestamp: one.timestamp,
        key: one.key,
        value: one.value,
        headers: one.headers,
    };
    let delivery = RecordWriter::connect(&scene.world.kafka).unwrap().write(&[again]).unwrap();
    assert_eq!(delivery.delivered, 1);
    are_red(&scene, &format!("{origin:?} is doubled"), "1 doubled:");
}

/// The same of an outcome that is not there.
fn red_of_a_loss(mut scene: Scene) {
    scene.start_worker();
    scene.produce(300);
    assert_eq!(scene.prove().outcomes, 300);
    assert!(scene.workers.remove(0).stop().success());
    // As one who commits positions without outcomes would leave it.
    let source = scene.world.sources()[0].clone();
    scene.produce(1);
    let (group, topic) = (scene.world.group("validator"), source.to_string());
    let args = ["--group", &group, "--topic", &topic, "--reset-offsets", "--to-latest", "--execute"];
    admin(&scene, GROUPS, &args);
    are_red(&scene, "left: None", "1 missing:");
}

/// Proof and audit find what is wrong, in these words.
fn are_red(scene: &Scene, proof: &str, audit: &str) {
    let located = scene.producing.lock().unwrap().located(&scene.world);
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| prove_topics(&scene.world, &located))).unwrap_err();
    let said = panic.downcast_ref::<String>().unwrap();
    assert!(said.contains(proof), "the proof says: {said}");
    let (code, out, err) = scene.world.run(&["audit"]);
    assert!(code == 1 && out.contains(audit), "{audit}: {code}\n{out}\n{err}");
}

pub(crate) fn delete_records(scene: &Scene, topic: &str, partition: i32, until: i64) {
    let file = scene.world.folder.path().join("delete.json");
    let request = format!(r#"{{"partitions":[{{"topic":"{topic}","partition":{partition},"offset":{until}}}],"version":1}}"#);
    std::fs::write(&file, request).unwrap();
    admin(scene, DELETE_RECORDS, &["--offset-json-file", file.to_str().unwrap()]);
}

fn admin(scene: &Scene, main_class: &str, args: &[&str]) {
    scene.broker().admin(main_class, args);
}

/// The first partition is in trouble; the second goes on to its end.
fn wait_for_the_other_partition(scene: &Scene) {
    let world = &scene.world;
    let end = world.cluster().offsets(&world.sources()[0]).unwrap()[1].1;
    wait("the other partition", &mut [], || {
        Ok(world.positions("validator", &world.sources())?[1].1 == Some(end))
    });
}

pub(crate) fn says(role: &Role, words: &str) {
    wait(words, &mut [], || Ok(role.log().contains(words)));
}
