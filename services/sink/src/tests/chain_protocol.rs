use std::sync::Mutex;
use std::time::Duration;

use super::left_behind::*;
use super::world::*;
use crate::chain::{read_claim, read_manifest};

/// Whether a combination is tried. All of them take half a minute without optimisation, so by default one of `sample` is, evenly over both
/// dimensions; `TIDEGATE_EVERY_COMBINATION=1` tries all. A slot of one day takes 3 store calls, so a sample of 3 would always meet the same
/// pairs of calls.
fn is_tried(combination: usize, sample: usize) -> bool {
    combination.is_multiple_of(sample) || std::env::var_os("TIDEGATE_EVERY_COMBINATION").is_some()
}

/// Store calls of an undisturbed run.
fn calls(topic: &Topic, records_max: u64) -> usize {
    let store = MemoryStore::default();
    let counting = FaultyStore::new(&store, usize::MAX, Fault::Crash { after: false });
    assert!(work(topic, &counting, &mut TestRulings::new(false), &settings(records_max)));
    counting.calls.into_inner()
}

#[test]
fn every_record_lands_once_under_its_day() {
    let topic = Topic::orders(3, 50);
    let store = MemoryStore::default();
    let commits = work_at(&topic, &store, &mut TestRulings::new(false), &settings(16), NOON).unwrap();
    for partition in 0..3 {
        assert_exact(&store, &topic, partition);
        let (_, manifests) = lake(&store, partition);
        assert_eq!(manifests.len(), 4);
        let last = manifests.last().unwrap();
        assert_eq!(commits.iter().rfind(|(at, _)| *at == partition), Some(&(partition, last.claim.end)));
        assert_eq!(
            last.claim.files.iter().map(|file| &*file.bucket).collect::<Vec<_>>(),
            ["date=2026-11-20", "date=2026-11-21"]
        );
        assert_eq!(
            (last.min_event_time_micros, last.max_event_time_micros),
            (Some(NOON - DAY), Some(NOON))
        );
        assert_eq!(last.sources[0].last_offset, 49);
        assert_eq!(last.contract_versions, ["orders@1.0.0"]);
    }
}

#[test]
fn a_second_run_adds_nothing_and_takes_few_requests() {
    let topic = Topic::orders(1, 200);
    let store = MemoryStore::default();
    assert!(work(&topic, &store, &mut TestRulings::new(false), &settings(1)));
    let before = store.objects.lock().unwrap().clone();
    let counting = FaultyStore::new(&store, usize::MAX, Fault::Crash { after: false });
    assert!(work(&topic, &counting, &mut TestRulings::new(false), &settings(1)));
    assert_eq!(*store.objects.lock().unwrap(), before);
    assert!(counting.calls.into_inner() < 20, "200 slots");
}

#[test]
fn a_crash_at_any_store_call_is_finished_by_the_next_worker() {
    let topic = Topic::orders(2, 17);
    for at in 0..calls(&topic, 6) {
        for after in [false, true] {
            for (other, (records_max, later)) in [(6, 0), (4, DAY), (100, -DAY)].into_iter().enumerate() {
                if !is_tried(at + usize::from(after) + other, 3) {
                    continue;
                }
                let store = MemoryStore::default();
                let faulty = FaultyStore::new(&store, at, Fault::Crash { after });
                assert!(
                    !work(&topic, &faulty, &mut TestRulings::new(false), &settings(6)),
                    "call {at} crashes"
                );
                // The next worker has other limits and another clock; the claims that are there bind it all the same.
                let next = work_at(&topic, &store, &mut TestRulings::new(false), &settings(records_max), NOON + later);
                assert!(next.is_some());
                (0..2).for_each(|partition| assert_exact(&store, &topic, partition));
            }
        }
    }
}

#[test]
fn two_crashes_in_a_row_are_finished_too() {
    let topic = Topic::orders_of_one_day(9);
    let most = calls(&topic, 4);
    for first in 0..most {
        for second in 0..most + 4 {
            let store = MemoryStore::default();
            work(
                &topic,
                &FaultyStore::new(&store, first, Fault::Crash { after: true }),
                &mut TestRulings::new(false),
                &settings(4),
            );
            work(
                &topic,
                &FaultyStore::new(&store, second, Fault::Crash { after: true }),
                &mut TestRulings::new(false),
                &settings(3),
            );
            assert!(work(&topic, &store, &mut TestRulings::new(false), &settings(5)));
            assert_exact(&store, &topic, 0);
        }
    }
}

#[test]
fn a_lost_answer_at_any_store_call_is_asked_again() {
    let topic = Topic::orders(2, 11);
    for at in 0..calls(&topic, 6) {
        for after in [false, true] {
            let store = MemoryStore::default();
            let faulty = FaultyStore::new(&store, at, Fault::Fail { after });
            // Stopping while a retry is due is allowed to leave the rest to the next worker.
            assert!(work(&topic, &faulty, &mut TestRulings::new(false), &settings(6)));
            assert!(work(&topic, &store, &mut TestRulings::new(false), &settings(6)));
            (0..2).for_each(|partition| assert_exact(&store, &topic, partition));
        }
    }
}

/// At each store call of one worker another one runs, with other slot ends and another clock, up to each of its own store calls.
#[test]
fn two_workers_race_at_every_pair_of_store_calls() {
    let topic = Topic::orders_of_one_day(11);
    let most = calls(&topic, 3).max(calls(&topic, 5)) + 6;
    let (mut tried, mut followed) = (0, 0);
    for at in 0..most {
        for crash in (0..most).filter(|crash| is_tried(at + crash, 4)) {
            tried += 1;
            let store = MemoryStore::default();
            let other = || {
                let faulty = FaultyStore::new(&store, crash, Fault::Crash { after: true });
                work_at(&topic, &faulty, &mut TestRulings::new(false), &settings(5), NOON + DAY);
            };
            let racing = FaultyStore::new(&store, at, Fault::First(Mutex::new(Some(Box::new(other)))));
            // Closes by age before it stops, so that it has the time to follow whatever it finds.
            let mut patient = settings(3);
            patient.limits.age_max = Duration::from_secs(2);
            assert!(work(&topic, &racing, &mut TestRulings::new(false), &patient), "{at} {crash}");
            assert_exact(&store, &topic, 0);
            let (_, manifests) = lake(&store, 0);
            followed += usize::from(manifests.iter().any(|manifest| manifest.claim.now_micros > NOON + DAY / 2));
        }
    }
    assert!(
        followed * 20 > tried,
        "the other worker wins often enough to matter: {followed} of {tried}"
    );
}

#[test]
fn records_that_differ_from_the_claim_halt_before_anything_is_written() {
    let topic = Topic::orders(1, 9);
    let store = MemoryStore::default();
    // Dies right after its first claim: exists(manifest 0), get(claim 0), create(claim 0).
    assert!(!work(
        &topic,
        &FaultyStore::new(&store, 2, Fault::Crash { after: true }),
        &mut TestRulings::new(false),
        &settings(5)
    ));
    assert!(read_claim(&store, &chain(0), 0).unwrap().is_some());
    let mut changed = topic.clone();
    changed.records.get_mut(&0).unwrap()[3].value = Some("77,5".into());
    let mut shorter = topic.clone();
    shorter.records.get_mut(&0).unwrap().remove(4);
    let mut deleted = topic.clone();
    deleted.low = 2;
    for other in [changed, shorter, deleted] {
        let before = store.objects.lock().unwrap().clone();
        assert!(work(&other, &store, &mut TestRulings::new(false), &settings(5)));
        assert_eq!(*store.objects.lock().unwrap(), before, "nothing was written");
    }
    assert!(work(&topic, &store, &mut TestRulings::new(false), &settings(5)));
    assert_exact(&store, &topic, 0);
}

#[test]
fn a_topic_that_lost_records_or_went_backwards_halts() {
    let mut topic = Topic::orders(1, 20);
    let store = MemoryStore::default();
    assert!(work(&topic, &store, &mut TestRulings::new(false), &settings(5)));
    let before = store.objects.lock().unwrap().clone();
    let mut deleted = topic.clone();
    (20..30).for_each(|number| {
        deleted.push(0, number + 10, number, "1.0.0", Some("1,1"));
    });
    deleted.low = 28;
    assert!(work(&deleted, &store, &mut TestRulings::new(false), &settings(5)));
    topic.records.get_mut(&0).unwrap().truncate(3);
    assert!(work(&topic, &store, &mut TestRulings::new(false), &settings(5)));
    assert_eq!(*store.objects.lock().unwrap(), before);
}

#[test]
fn an_empty_chain_starts_where_the_partition_starts() {
    let mut topic = Topic::orders(1, 20);
    topic.low = 10;
    topic.records.get_mut(&0).unwrap().retain(|record| record.origin.offset.0 >= 10);
    let store = MemoryStore::default();
    assert!(work(&topic, &store, &mut TestRulings::new(false), &settings(5)));
    assert_exact(&store, &topic, 0);
    assert_eq!(read_manifest(&store, &chain(0), 0).unwrap().unwrap().claim.start, 10);
}

#[test]
fn a_compacted_topic_is_refused() {
    for policy in ["compact", "compact,delete"] {
        let topic = Topic {
            cleanup_policy: Some(policy.into()),
            ..Topic::orders(1, 5)
        };
        let store = MemoryStore::default();
        assert!(work(&topic, &store, &mut TestRulings::new(false), &settings(5)));
        assert!(store.objects.lock().unwrap().is_empty());
    }
}
