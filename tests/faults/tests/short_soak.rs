//! The soak, short.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use tidegate_faults::{Plan, Spans, soak};
use tidegate_tests::stand::Stand;

#[test]
fn a_short_soak_is_clean() {
    let Some(stand) = Stand::get() else { return };
    let plan = Plan {
        length: Duration::from_secs(30),
        seed: 5,
        rate: 300,
        only: Vec::new(),
        store: "s3",
        spans: Spans::default(),
    };
    let seed = plan.seed;
    let soaked = soak(&stand, plan);
    eprintln!("seed {seed}\n{soaked}");
    assert!(soaked.ledger.trim_end().ends_with("audit: clean"), "{}", soaked.ledger);
    assert!(
        soaked.faults.values().sum::<u64>() >= 3 && !soaked.recoveries.is_empty(),
        "{soaked}"
    );
}
