//! Partitions that wait for the world: only they wait, they go on by themselves, and nobody takes them for partitions that kill.

#![allow(clippy::unwrap_used, reason = "tests")]

mod stage;

use std::sync::atomic::{AtomicUsize, Ordering};

use stage::{GROUP, Stage, contract};
use tidegate_flow::{NextOffset, Remedy, TopicPartition};
use tidegate_validator::Mode;

const MODES: [Mode; 2] = [Mode::ExactlyOnce, Mode::AtLeastOnce];

fn stage(mode: Mode) -> Stage {
    let body = "    customProperties:\n      - {property: encodings, vendor: tidegate, value: [json, avro]}\n    \
                properties:\n      - {name: n, logicalType: integer, required: true}";
    let mut stage = Stage::new(2, &[contract("events", body), contract("others", body)]);
    stage.settings.mode = mode;
    stage
}

fn fill(stage: &Stage) {
    for n in 0..50 {
        for (topic, partition) in [("events", 0), ("events", 1), ("others", 0)] {
            stage.write(topic, partition, format!(r#"{{"n":{n}}}"#));
        }
    }
}

fn at() -> TopicPartition {
    TopicPartition::new("events", 0)
}

/// Everything but one partition.
fn others_are_through(stage: &Stage) -> bool {
    stage.positions().iter().all(|(of, committed, end)| *of == at() || committed == end)
}

#[test]
fn a_partition_whose_ends_cannot_be_had_keeps_no_other_from_starting() {
    for mode in MODES {
        for remedy in [Remedy::Retry, Remedy::Operator] {
            let stage = stage(mode);
            fill(&stage);
            *stage.endless.lock().unwrap() = Some((at(), remedy));
            assert!(stage.live(|stage| others_are_through(stage) && !stage.held.lock().unwrap().is_empty()));
            let held = std::mem::take(&mut *stage.held.lock().unwrap());
            let is_told = |(of, operator, why): &(TopicPartition, bool, String)| {
                *of == at() && *operator == (remedy == Remedy::Operator) && why.contains("has no leader")
            };
            assert!(held.iter().all(is_told), "{held:?}");
            // It goes on in the same process, too.
            let heals = |stage: &Stage| {
                if !stage.held.lock().unwrap().is_empty() {
                    *stage.endless.lock().unwrap() = None;
                }
                stage.is_through()
            };
            assert!(stage.live(heals), "{mode:?} {remedy:?}");
            assert_eq!(stage.outcomes("events").len(), 100);
        }
    }
}

#[test]
fn nothing_leaves_while_brokers_do_not_say_whether_the_topic_is_the_same() {
    for mode in MODES {
        let mut stage = stage(mode);
        fill(&stage);
        stage.settings.topic_ids = stage.topics.iter().map(|topic| (topic.clone(), "id-1".into())).collect();
        assert!(stage.live(|stage| stage.held.lock().unwrap().len() > 5));
        assert!(
            stage.outcomes("events").is_empty() && stage.outcomes("others").is_empty(),
            "{mode:?}"
        );
        let held = std::mem::take(&mut *stage.held.lock().unwrap());
        assert!(
            held.iter().all(|(_, operator, why)| !operator && why.contains("still the same")),
            "{held:?}"
        );

        *stage.topic_id.lock().unwrap() = Some("id-2".into());
        assert!(stage.live(|stage| !stage.held.lock().unwrap().is_empty()));
        assert!(stage.outcomes("events").is_empty(), "{mode:?}: another topic");
        assert!(stage.held.lock().unwrap().iter().all(|(_, operator, _)| *operator));

        *stage.topic_id.lock().unwrap() = Some("id-1".into());
        stage.run_through();
        assert_eq!(stage.outcomes("events").len(), 100);
    }
}

/// A frame whose schema cannot be had holds its partition; whoever is killed meanwhile did not die of it.
#[test]
fn who_is_killed_while_a_partition_waits_is_not_counted_against_it() {
    for mode in MODES {
        let mut stage = stage(mode);
        // Long enough that it waits when the process ends.
        stage.settings.retry_after = std::time::Duration::from_secs(1);
        stage.registry.down.store(true, Ordering::Release);
        stage.write("events", 0, vec![0, 0, 0, 0, 9, 2]);
        for _ in 0..9 {
            stage.held.lock().unwrap().clear();
            let lived = stage.live(|stage| {
                let is_held = !stage.held.lock().unwrap().is_empty();
                stage.dies.fetch_or(is_held, Ordering::AcqRel);
                false
            });
            assert!(!lived);
            stage.dies.store(false, Ordering::Release);
        }
        let noted = stage.note(&at()).c;
        assert!(noted.as_ref().is_none_or(|crashes| crashes.n == 0), "{mode:?}: {noted:?}");
        stage.registry.down.store(false, Ordering::Release);
        stage.run_through();
        assert_eq!(stage.outcomes("events")[&(0, 0)], ["registry_schema_unknown unknown_schema"]);
        assert_eq!(stage.broker.committed(GROUP, &at()), Some(NextOffset(1)));
    }
}

/// The note of a start is taken back once for each wait, not at each turn.
#[test]
fn who_may_not_note_anything_asks_once_for_each_wait() {
    for mode in MODES {
        let mut stage = stage(mode);
        stage.settings.retry_after = std::time::Duration::from_millis(200);
        stage.registry.down.store(true, Ordering::Release);
        stage.refused = Some(AtomicUsize::new(0));
        stage.write("events", 0, vec![0, 0, 0, 0, 9, 2]);
        assert!(stage.live(|stage| stage.held.lock().unwrap().len() > 3));
        let (refused, waits) = (
            stage.refused.as_ref().unwrap().load(Ordering::Acquire),
            stage.held.lock().unwrap().len(),
        );
        // And once more at the end.
        assert!(refused > 1 && refused <= waits + 1, "{mode:?}: {refused} of {waits}");
    }
}
