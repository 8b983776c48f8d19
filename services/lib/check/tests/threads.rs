//! Verdicts depend on bytes, plan and `now` alone: not on the order of records, not on what a judge saw before, not on the number of threads
//! that share the plans.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::thread;

use tidegate_check::{Judge, Plan, Verdict, compile};

use support::{Event, Schemas, corpus};

struct Case {
    plan: Plan,
    schemas: Schemas,
    events: Vec<Event>,
}

/// Every case, each event also changed in a few places.
fn cases() -> Vec<Case> {
    let mut folders: Vec<_> = fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let mut random = Random(7);
    let folders = folders.into_iter().filter(|path| path.join("events.jsonl").exists());
    folders
        .map(|folder| {
            let contract = support::contract(
                &folder.file_name().unwrap().to_string_lossy(),
                &fs::read_to_string(folder.join("contract.odcs.yaml")).unwrap(),
            );
            let lines = fs::read_to_string(folder.join("events.jsonl")).unwrap();
            let changes = 0..6;
            let events = changes.flat_map(|change| lines.lines().map(move |line| (change, Event::read(line))));
            Case {
                plan: compile(&contract, 0).unwrap(),
                schemas: Schemas::read(&folder.join("schemas.json")),
                events: events.map(|(change, event)| changed(event, change, &mut random)).collect(),
            }
        })
        .collect()
}

fn changed(mut event: Event, change: usize, random: &mut Random) -> Event {
    const TELLING: &[u8] = b"\"{}[],:0 9e-nt\0\x01x";
    if let Some(value) = event.value.as_mut().filter(|value| !value.is_empty()) {
        for _ in 0..change {
            let at = random.below(value.len());
            value[at] = TELLING[random.below(TELLING.len())];
        }
    }
    event
}

/// Positions of all events, in an order of their own for each seed.
fn shuffled(cases: &[Case], seed: u64) -> Vec<(usize, usize)> {
    let mut order: Vec<_> = (0..cases.len())
        .flat_map(|case| (0..cases[case].events.len()).map(move |event| (case, event)))
        .collect();
    let mut random = Random(seed);
    for at in (1..order.len()).rev() {
        order.swap(at, random.below(at + 1));
    }
    order
}

fn judge_all(cases: &[Case], order: &[(usize, usize)]) -> Vec<((usize, usize), Verdict)> {
    let mut judge = Judge::new();
    let verdict = |at: &(usize, usize)| {
        let case = &cases[at.0];
        (*at, case.events[at.1].judge(&mut judge, &case.plan, &case.schemas, &mut ()))
    };
    order.iter().map(verdict).collect()
}

/// A linear congruential generator: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

#[test]
fn any_order_on_any_number_of_threads_gives_the_same_verdicts() {
    let cases = cases();
    // Each record alone, on a judge that has seen nothing.
    let mut alone: Vec<_> = shuffled(&cases, 1)
        .iter()
        .flat_map(|at| judge_all(&cases, std::slice::from_ref(at)))
        .collect();
    alone.sort_by_key(|(at, _)| *at);
    let invalid = alone
        .iter()
        .filter(|(_, verdict)| matches!(verdict, Verdict::Invalid { .. }))
        .count();
    let valid = alone.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Valid { .. })).count();
    assert!(valid > 200 && invalid > 500, "{valid} valid, {invalid} invalid: a mix says more");
    for threads in [1, 2, 8] {
        let order = shuffled(&cases, threads as u64 + 100);
        let mut together = thread::scope(|scope| {
            let workers: Vec<_> = order
                .chunks(order.len().div_ceil(threads))
                .map(|part| scope.spawn(|| judge_all(&cases, part)))
                .collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
        });
        together.sort_by_key(|(at, _)| *at);
        assert_eq!(together.len(), alone.len());
        for (together, alone) in together.iter().zip(&alone) {
            assert_eq!(together, alone, "on {threads} threads");
        }
    }
}

#[test]
fn the_corpus_forwards_and_backwards() {
    let cases = cases();
    let mut order = shuffled(&cases, 1);
    order.sort_unstable();
    let forwards = judge_all(&cases, &order);
    order.reverse();
    let mut backwards = judge_all(&cases, &order);
    backwards.reverse();
    assert_eq!(forwards, backwards);
}
