//! All inputs of a run.

use crate::contracts::Registry;
use crate::orders::{Fault, orders};
use crate::records::Records;
use crate::written::{self, Changes};
use tidegate_check::{Input, Judge, Plan, Verdict};

/// Orders of a thousand that are faulty.
const FAULTY: u32 = 30;

/// Inputs, all from the same orders except for `poison`.
#[derive(Debug)]
pub struct Data {
    /// What is wrong with each order.
    pub faults: Vec<Option<Fault>>,
    /// JSON events.
    pub json: Records,
    /// JSON events, each with a fault that the schema or the syntax shows.
    pub poison: Records,
    /// Avro frames.
    pub avro: Records,
    /// Rows as JSON events.
    pub rows: Records,
    /// Change events with the default replica identity.
    pub changes: Changes,
    /// Change events with replica identity FULL.
    pub full_changes: Changes,
}

/// What a judge said of many records.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Valid.
    pub valid: u64,
    /// Violations, of all.
    pub violations: u64,
}

// === impl Data ===

impl Data {
    /// `events` of each kind.
    pub fn make(seed: u64, events: usize) -> Data {
        let good = orders(seed, events, FAULTY, &Fault::ALL);
        let bad = orders(seed.wrapping_add(1), events, 1000, Fault::of_schema());
        Data {
            faults: good.iter().map(|order| order.fault).collect(),
            json: written::json(&good),
            poison: written::json(&bad),
            avro: written::avro(&good),
            rows: written::rows(&good),
            changes: written::changes(&good, false),
            full_changes: written::changes(&good, true),
        }
    }
}

/// A record as a judge takes it.
pub fn input<'a>(key: Option<&'a [u8]>, value: &'a [u8]) -> Input<'a> {
    Input {
        key,
        value: Some(value),
        headers: &[],
        now: 1_780_000_000_000_000,
    }
}

/// Judges one record.
pub fn judge(judge: &mut Judge, plan: &Plan, schemas: &Registry, key: Option<&[u8]>, value: &[u8]) -> Verdict {
    judge.judge(plan, &input(key, value), "bench.orders", schemas, &mut ())
}

// === impl Tally ===

impl Tally {
    /// Counts one verdict.
    pub fn count(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Valid { .. } => self.valid += 1,
            Verdict::Invalid { violations, .. } => self.violations += violations.len() as u64,
            Verdict::Skipped(_) | Verdict::Need(_) => {}
        }
    }
}
