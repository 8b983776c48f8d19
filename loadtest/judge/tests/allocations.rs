//! A valid event allocates nothing: counted by an allocator, after one pass over the same events with the same plan.
//! A text with escapes is copied when a rule or a row sink wants it.

#![allow(clippy::unwrap_used, reason = "tests")]

use tidegate_check::{Judge, Plan, Verdict};
use tidegate_judge_bench::contracts::Plans;
use tidegate_judge_bench::data::judge;
use tidegate_judge_bench::orders::{Fault, Order, orders};
use tidegate_judge_bench::records::Records;
use tidegate_judge_bench::written;

const EVENTS: usize = 300;

fn valid_orders() -> Vec<Order> {
    orders(7, EVENTS, 0, &Fault::ALL)
}

/// Judges every record twice and counts in the second pass.
fn assert_allocates_nothing(plan: &Plan, plans: &Plans, keys: Option<&Records>, values: &Records) {
    let mut one = Judge::new();
    let (mut most, mut total, mut first) = (0, 0, None);
    for pass in 0..2 {
        for index in 0..values.len() {
            let (key, value) = (keys.map(|keys| keys.get(index)), values.get(index));
            let mut valid = false;
            let counted = allocation_counter::measure(|| {
                let verdict = judge(&mut one, plan, &plans.schemas, key, value);
                valid = matches!(verdict, Verdict::Valid { .. });
            });
            assert!(valid, "event {index}");
            if pass == 1 && counted.count_total > 0 {
                most = most.max(counted.count_total);
                total += counted.count_total;
                first.get_or_insert(index);
            }
        }
    }
    assert_eq!(
        total,
        0,
        "{total} allocations over {} valid events, {most} at the most in one; the first at event {first:?}",
        values.len()
    );
}

#[test]
fn the_counter_counts() {
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(vec![1_u8])));
    assert_eq!(counted.count_total, 1);
}

#[test]
fn a_json_event() {
    let plans = Plans::compile().unwrap();
    assert_allocates_nothing(&plans.json, &plans, None, &written::json(&valid_orders()));
}

#[test]
fn a_json_event_with_rules() {
    let plans = Plans::compile().unwrap();
    assert_allocates_nothing(plans.json_rules().unwrap(), &plans, None, &written::json(&valid_orders()));
}

#[test]
fn an_avro_event() {
    let plans = Plans::compile().unwrap();
    assert_allocates_nothing(&plans.avro, &plans, None, &written::avro(&valid_orders()));
}

#[test]
fn a_row() {
    let plans = Plans::compile().unwrap();
    assert_allocates_nothing(&plans.rows, &plans, None, &written::rows(&valid_orders()));
}

#[test]
fn a_change() {
    let plans = Plans::compile().unwrap();
    let changes = written::changes(&valid_orders(), false);
    assert_allocates_nothing(&plans.changes, &plans, Some(&changes.keys), &changes.values);
}

#[test]
fn a_change_with_its_old_row() {
    let plans = Plans::compile().unwrap();
    let changes = written::changes(&valid_orders(), true);
    assert_allocates_nothing(&plans.changes, &plans, Some(&changes.keys), &changes.values);
}
