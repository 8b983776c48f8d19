//! Claims of a former owner that together need more memory than there is.

use super::left_behind::*;
use super::world::*;
use crate::run::Settings;
use crate::slot::Limits;

const PARTITIONS: i32 = 8;
const RECORDS: i64 = 40;

/// Every partition has a claim of all its records, and no file.
fn claimed(topic: &Topic) -> MemoryStore {
    let store = MemoryStore::default();
    assert!(work(topic, &OnlyChain(&store), &mut TestRulings::new(false), &settings(40)));
    assert_eq!(store.objects.lock().unwrap().len(), PARTITIONS as usize, "claims and nothing else");
    store
}

fn budget(bytes: usize) -> Settings {
    let settings = settings(40);
    Settings {
        limits: Limits {
            bytes_total_max: bytes,
            ..settings.limits
        },
        ..settings
    }
}

/// Bytes of one claim's rows.
fn claim_bytes() -> usize {
    let store = MemoryStore::default();
    most_held(
        &Topic::orders(1, RECORDS),
        &OnlyChain(&store),
        &mut TestRulings::new(false),
        &settings(40),
    )
}

/// One claim more than the budget, and what a single poll brings of each partition before the budget is looked at.
fn bound(budget: usize, one: usize) -> usize {
    budget + one + one * settings(40).poll_records * PARTITIONS as usize / RECORDS as usize
}

#[test]
fn claims_that_are_too_large_together_are_finished_one_after_another() {
    let (topic, one) = (Topic::orders(PARTITIONS, RECORDS), claim_bytes());
    for budget_bytes in [one / 4, 3 * one] {
        let store = claimed(&topic);
        let held = most_held(&topic, &store, &mut TestRulings::new(false), &budget(budget_bytes));
        (0..PARTITIONS).for_each(|partition| assert_exact(&store, &topic, partition));
        assert!(held <= bound(budget_bytes, one), "{held} of {budget_bytes}");
    }
}

/// Or else each of them would be gathered whole.
#[test]
fn claims_that_the_store_does_not_take_stay_within_the_budget() {
    let (topic, one) = (Topic::orders(PARTITIONS, RECORDS), claim_bytes());
    let store = claimed(&topic);
    let held = most_held(&topic, &OnlyChain(&store), &mut TestRulings::new(false), &budget(2 * one));
    assert!(held <= bound(2 * one, one), "{held} with claims of {one}");
}

#[test]
fn claims_that_wait_for_a_snapshot_give_their_memory_to_others() {
    let mut topic = Topic::orders(PARTITIONS, RECORDS);
    for records in topic.records.values_mut() {
        let half = Topic::orders(1, 0).push(0, 0, 0, "1.1.0", None).headers.clone();
        let record = &mut records[RECORDS as usize - 5];
        record.headers[1] = half[1].clone();
    }
    let (store, one) = (claimed(&topic), claim_bytes());
    let mut late = TestRulings::new(false);
    late.late = Some("1.1.0");
    late.commits = std::iter::repeat_n("old", 40).chain(["new"]).collect();
    let held = most_held(&topic, &store, &mut late, &budget(one / 4));
    (0..PARTITIONS).for_each(|partition| assert_exact(&store, &topic, partition));
    assert!(held <= bound(one / 4, one), "{held} with claims of {one}");
}
