//! A rough look at the cost of one verdict: `cargo test --release -p tidegate-check --test speed -- --ignored --nocapture`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a measurement for a person"
)]

mod support;

use std::time::Instant;

use support::{Event, Schemas, corpus};
use tidegate_check::{Judge, compile};

#[test]
#[ignore = "prints numbers, decides nothing"]
fn cost_of_a_verdict() {
    for case in [
        "nested", "arrays", "string", "integer", "decimal", "enum", "cel", "cdc", "cdc-flat", "avro",
    ] {
        let folder = corpus().join(case);
        let text = std::fs::read_to_string(folder.join("contract.odcs.yaml")).unwrap();
        let plan = compile(&support::contract(case, &text), 0).unwrap();
        let schemas = Schemas::read(&folder.join("schemas.json"));
        let event = Event::read(
            std::fs::read_to_string(folder.join("events.jsonl"))
                .unwrap()
                .lines()
                .next()
                .unwrap(),
        );
        let mut judge = Judge::new();
        let rounds = 200_000;
        let start = Instant::now();
        for _ in 0..rounds {
            std::hint::black_box(event.judge(&mut judge, &plan, &schemas, &mut ()));
        }
        let each = start.elapsed().as_nanos() as f64 / f64::from(rounds);
        println!("{case:>10} {each:8.0} ns/event, {} bytes", event.value.as_ref().map_or(0, Vec::len));
    }
}
