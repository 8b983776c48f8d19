//! A record that kills the process (I20): found after a handful of starts, given up alone, and nobody else with it.

#![allow(clippy::unwrap_used, reason = "tests")]

mod stage;

use std::sync::atomic::{AtomicI64, Ordering};

use stage::{GROUP, Stage, contract, die};
use tidegate_flow::ports::Consumer;
use tidegate_flow::{NextOffset, Position, TopicPartition};
use tidegate_validator::Mode;
use tidegate_validator::ledger::Note;
use tidegate_validator::quarantine::Crashes;

const POISON: u32 = 666;
const MODES: [Mode; 2] = [Mode::ExactlyOnce, Mode::AtLeastOnce];

/// `events` judges JSON and Avro frames; frames name schema 666, and asking for that one ends the process.
fn stage(mode: Mode) -> Stage {
    stage_with(mode, "")
}

/// With more properties of the contract of `events`.
fn stage_with(mode: Mode, properties: &str) -> Stage {
    let mut stage = Stage::new(2, &stage_files(properties));
    stage.settings.mode = mode;
    stage.registry.poison = Some(POISON);
    stage.registry.doses = AtomicI64::new(i64::MAX);
    stage
}

fn stage_files(properties: &str) -> [(&'static str, String); 2] {
    let body = "    customProperties:\n      - {property: encodings, vendor: tidegate, value: [json, avro]}\n    \
                properties:\n      - {name: n, logicalType: integer, required: true}";
    let mut events = contract("events", body);
    events.1 = events.1.replacen("status: active\n", &format!("status: active\n{properties}"), 1);
    [events, contract("others", body)]
}

fn good(n: i64) -> String {
    format!(r#"{{"n":{n}}}"#)
}

fn poison() -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend(POISON.to_be_bytes());
    bytes.push(2);
    bytes
}

fn at() -> TopicPartition {
    TopicPartition::new("events", 0)
}

/// Good records on both topics, with the poison at offset 40 of one partition.
fn fill(stage: &Stage) {
    for n in 0..100 {
        match n {
            40 => stage.write("events", 0, poison()),
            n => stage.write("events", 0, good(n)),
        }
        stage.write("events", 1, good(n));
        stage.write("others", 0, good(n));
    }
}

/// Starts processes until one is stopped in good order; how many died.
fn deaths(stage: &Stage, done: impl Fn(&Stage) -> bool + Copy) -> usize {
    let mut deaths = 0;
    while !stage.live(done) {
        deaths += 1;
        assert!(deaths < 30, "dies for ever: {:?}", stage.note(&at()));
    }
    deaths
}

/// Each record has one outcome; the suspects are these.
fn prove(stage: &Stage, suspects: &[i64]) {
    for (topic, partition) in [("events", 0), ("events", 1), ("others", 0)] {
        for ((of, offset), said) in stage.outcomes(topic).into_iter().filter(|((of, _), _)| *of == partition) {
            let is_suspect = topic == "events" && of == 0 && suspects.contains(&offset);
            let expected = if is_suspect { "crash_suspect" } else { "valid" };
            assert_eq!(said, [expected], "{topic} {of} {offset}");
        }
    }
    let count = |topic: &str| stage.outcomes(topic).len();
    assert_eq!((count("events"), count("others")), (200, 100));
}

#[test]
fn i20_a_record_that_kills_whoever_judges_it_becomes_a_dead_letter() {
    for mode in MODES {
        let stage = stage(mode);
        fill(&stage);
        let deaths = deaths(&stage, Stage::is_through);
        assert_eq!(deaths, 6, "three in vain, three with it alone in hand");
        prove(&stage, &[40]);
        let letters = stage.read("events.dlq");
        assert_eq!(letters[0].value.as_deref(), Some(&*poison()), "the bytes are kept");
        assert_eq!(stage.note(&at()).c, None, "nothing is counted any more");
        // What comes later goes as ever.
        (100..400).for_each(|n| stage.write("events", 0, good(n)));
        let before = stage.commits.load(Ordering::Acquire);
        stage.run_through();
        assert!(stage.commits.load(Ordering::Acquire) - before < 20);
    }
}

#[test]
fn i20_two_that_kill_are_both_found() {
    let stage = stage(Mode::ExactlyOnce);
    fill(&stage);
    stage.write("events", 0, poison());
    stage.write("events", 0, poison());
    stage.write("events", 0, good(1));
    deaths(&stage, Stage::is_through);
    let said = stage.outcomes("events");
    for (offset, expected) in [
        (40, "crash_suspect"),
        (100, "crash_suspect"),
        (101, "crash_suspect"),
        (102, "valid"),
    ] {
        assert_eq!(said[&(0, offset)], [expected], "{offset}");
    }
}

/// Whoever was alone in hand when a process was killed by somebody else is judged again.
#[test]
fn i20_an_innocent_record_that_was_in_hand_passes() {
    for mode in MODES {
        let stage = stage(mode);
        fill(&stage);
        // Dies in vain three times and once with the record alone in hand, and of nothing after that.
        stage.registry.doses.store(4, Ordering::Release);
        let deaths = deaths(&stage, Stage::is_through);
        assert_eq!(deaths, 4);
        let said = stage.outcomes("events");
        assert_eq!(
            said[&(0, 40)],
            ["registry_schema_unknown unknown_schema"],
            "{mode:?}: judged, not given up"
        );
        assert_eq!(stage.note(&at()).c, None);
    }
}

/// A process that dies of sending would die of sending the dead letter, too. In at_least_once the outcome may have left.
#[test]
fn i20_a_process_that_dies_of_sending_halts_the_partition_and_the_others_go_on() {
    for mode in MODES {
        let mut stage = stage(mode);
        stage.registry.poison = None;
        stage.at_send = Some(Box::new(|batch| {
            let kills = |one: &tidegate_flow::record::Outgoing| {
                one.value.as_deref() == Some(good(40).as_bytes()) && *one.to.topic != *"others.validated" && one.to.partition == 0
            };
            if batch.iter().any(kills) {
                die();
            }
        }));
        for n in 0..100 {
            stage.write("events", 0, good(n));
            stage.write("others", 0, good(n));
        }
        let is_held = |stage: &Stage| {
            let held = stage.held.lock().unwrap();
            held.iter()
                .any(|(held, operator, why)| *held == at() && *operator && why.contains("record 40 alone in hand"))
        };
        let others = |stage: &Stage| {
            stage
                .positions()
                .iter()
                .all(|(at, committed, end)| *at.topic != *"others" || committed == end)
        };
        let deaths = deaths(&stage, |stage| is_held(stage) && others(stage));
        assert!((5..=9).contains(&deaths), "{deaths}");
        assert_eq!(stage.broker.committed(GROUP, &at()), Some(NextOffset(40)), "right in front of it");
        assert!(stage.outcomes("others").values().all(|said| *said == ["valid"]));
        assert_eq!(stage.outcomes("others").len(), 100);
        // Held, it costs no further process.
        stage.held.lock().unwrap().clear();
        assert!(stage.live(is_held));
        // A new build starts anew: it may have been mended.
        stage.at_send = None;
        let mut note = stage.note(&at());
        note.c.as_mut().unwrap().e = "another".to_owned();
        let mut member = tidegate_sim::BrokerConsumer::join(&stage.broker, GROUP, &[]);
        let position = Position {
            at: at(),
            next: NextOffset(40),
            metadata: note.write(),
        };
        member.commit(&[position]).unwrap();
        drop(member);
        stage.run_through();
        assert_eq!(stage.outcomes("events")[&(0, 40)], ["valid"]);
    }
}

/// Its dead letter may not leave: the contract of its topic halts in front of one. Then the partition waits, and the processes live.
#[test]
fn i20_a_suspect_whose_dead_letter_may_not_leave_costs_no_further_process() {
    for mode in MODES {
        let mut stage = stage_with(
            mode,
            "customProperties:\n  - {property: onFailure, vendor: tidegate, value: stop}\n",
        );
        stage.settings.operator_retry_after = std::time::Duration::from_millis(10);
        fill(&stage);
        let is_held = |stage: &Stage| {
            let held = stage.held.lock().unwrap();
            held.iter()
                .any(|(held, operator, why)| *held == at() && *operator && why.contains("crash_suspect"))
        };
        deaths(&stage, is_held);
        for _ in 0..3 {
            stage.held.lock().unwrap().clear();
            // Asked again and again.
            let again = |stage: &Stage| stage.held.lock().unwrap().iter().filter(|(held, ..)| *held == at()).count() > 5;
            assert!(stage.live(again), "{mode:?}: another process died of it");
        }
        assert_eq!(
            stage.note(&at()).c.map(|crashes| crashes.a),
            Some(3),
            "it is still known for what it is"
        );
    }
}

/// Records that kill in several partitions: whatever lies beside them gets its turn before them.
#[test]
fn i20_what_lies_beside_several_that_kill_is_never_parked() {
    for mode in MODES {
        let mut stage = Stage::new(4, &stage_files(""));
        stage.settings.mode = mode;
        stage.settings.operator_retry_after = std::time::Duration::from_millis(300);
        stage.registry.poison = Some(POISON);
        stage.registry.doses = AtomicI64::new(i64::MAX);
        for partition in 0..4 {
            stage.write("events", partition, poison());
            for n in 0..150 {
                stage.write("events", partition, good(n));
                stage.write("others", partition, good(n));
            }
        }
        let mut deaths = 0;
        while !stage.live(Stage::is_through) {
            deaths += 1;
            assert!(deaths < 40, "{:?}", stage.positions());
        }
        let held = stage.held.lock().unwrap();
        assert!(held.iter().all(|(at, ..)| *at.topic == *"events"), "{mode:?}: {held:?}");
        let said = stage.outcomes("events");
        assert!((0..4).all(|partition| said[&(partition, 0)] == ["crash_suspect"]), "{mode:?}");
        assert_eq!(said.values().filter(|said| *said == &["valid"]).count(), 600);
    }
}

/// A batch that kills whoever unpacks it (I19) never brings a record in hand: its partition is put off, and the others go on.
#[test]
fn i19_a_partition_that_kills_whoever_reads_it_is_parked() {
    for mode in MODES {
        let mut stage = stage(mode);
        stage.registry.poison = None;
        stage.bomb = Some(at());
        stage.settings.operator_retry_after = std::time::Duration::from_millis(400);
        (0..20).for_each(|n| {
            stage.write("events", 0, good(n));
            stage.write("events", 1, good(n));
            stage.write("others", 0, good(n));
        });
        let others = |stage: &Stage| {
            stage
                .positions()
                .iter()
                .all(|(of, committed, end)| *of == at() || committed == end || *end == 0)
        };
        let deaths = deaths(&stage, others);
        assert!((6..=12).contains(&deaths), "{deaths}");
        assert_eq!(stage.broker.committed(GROUP, &at()), Some(NextOffset(0)), "nothing of it is lost");
        let held = stage
            .held
            .lock()
            .unwrap()
            .iter()
            .any(|(of, operator, why)| *of == at() && *operator && why.contains("before a record was in hand"));
        assert!(held, "somebody is told");
        // With more memory it is just read.
        stage.bomb = None;
        stage.run_through();
        assert_eq!(stage.outcomes("events").len(), 40);
        assert_eq!(stage.note(&at()).c, None);
    }
}

/// Nothing is paid for it while partitions move: one commit for each takeover.
#[test]
fn a_healthy_worker_pays_one_commit_for_a_takeover() {
    for mode in MODES {
        let mut stage = stage(mode);
        stage.settings.batch_records_max = 10;
        (0..200).for_each(|n| stage.write("others", 0, good(n)));
        stage.run_through();
        assert_eq!(stage.empty_commits.load(Ordering::Acquire), 1, "{mode:?}");
        assert!(stage.commits.load(Ordering::Acquire) > 20);
        assert_eq!(stage.note(&TopicPartition::new("others", 0)).c, None);
    }
}

/// A partition that waits for its registry while somebody restarts the worker again and again is not one that kills it.
#[test]
fn starts_that_end_in_good_order_are_not_counted() {
    for mode in MODES {
        let stage = stage(mode);
        stage.registry.down.store(true, Ordering::Release);
        let frame = vec![0, 0, 0, 0, 9, 2];
        stage.write("events", 0, frame);
        for _ in 0..6 {
            stage.held.lock().unwrap().clear();
            assert!(stage.live(|stage| !stage.held.lock().unwrap().is_empty()));
        }
        assert_eq!(stage.note(&at()).c, None, "{mode:?}");
        // Killed instead of stopped it is counted, walked alone, and still not given up.
        let mut note = Note::new("c0ffee", None);
        note.c = Some(Crashes {
            n: 8,
            o: Some(0),
            a: 1,
            e: tidegate_check::ENGINE_VERSION.to_owned(),
            ..Crashes::default()
        });
        let mut member = tidegate_sim::BrokerConsumer::join(&stage.broker, GROUP, &[]);
        let position = Position {
            at: at(),
            next: NextOffset(0),
            metadata: note.write(),
        };
        member.commit(&[position]).unwrap();
        drop(member);
        stage.held.lock().unwrap().clear();
        assert!(stage.live(|stage| !stage.held.lock().unwrap().is_empty()));
        assert_eq!(
            stage.note(&at()).c.map(|crashes| crashes.a),
            Some(0),
            "it waited, and nobody died of it"
        );
        stage.registry.down.store(false, Ordering::Release);
        stage.run_through();
        assert_eq!(stage.outcomes("events")[&(0, 0)], ["registry_schema_unknown unknown_schema"]);
    }
}
