//! What the scheduled check of service levels shows beside the objectives: budgets and runs.

use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec};

use super::Metrics;
use super::meter::Meter;

/// How an error budget burns. Ratios are of 1: a share of bad records, not percent.
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetBurn<'a> {
    /// Contract id.
    pub contract: &'a str,
    /// `v<major>/<object>[.<property>]#<rule>`.
    pub objective: &'a str,
    /// Share of records that may be bad.
    pub budget: f64,
    /// What is left of the budget over the objective's whole window, of 1; below 0 when it is overspent.
    pub remaining: f64,
    /// Window as a label (`5m`, `30m`, `1h`, `6h`, `3d`), good records, bad records.
    pub windows: &'a [(&'static str, u64, u64)],
}

/// How a scheduled run came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunOutcome {
    /// Every promise of severity error holds.
    Met,
    /// One is broken.
    Breached,
    /// None is, and one could not be told.
    Unknown,
}

/// Why a run did not take place at its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MissedCause {
    /// Nobody was there: the process was down.
    Away,
    /// An earlier run was still under way.
    Busy,
}

#[derive(Debug, Clone)]
pub(super) struct Scheduling {
    pub(super) limit: GaugeVec,
    budget: GaugeVec,
    remaining: GaugeVec,
    burn: GaugeVec,
    records: IntGaugeVec,
    runs: IntCounterVec,
    missed: IntCounterVec,
    last: GaugeVec,
    next: GaugeVec,
    interval: GaugeVec,
    seconds: GaugeVec,
}

// === impl Metrics ===

impl Metrics {
    /// What an objective's measured number is held against, in the same unit. Only for limits that are one number.
    pub fn objective_limit(&self, contract: &str, objective: &str, limit: f64) {
        self.scheduling.limit.with_label_values(&[contract, objective]).set(limit);
    }

    /// How the budget of an objective burns. A burn rate of 1 spends exactly the budget over the objective's window; a window without a
    /// record burns nothing.
    pub fn budget(&self, of: &BudgetBurn<'_>) {
        let labels = [of.contract, of.objective];
        self.scheduling.budget.with_label_values(&labels).set(of.budget);
        self.scheduling.remaining.with_label_values(&labels).set(of.remaining);
        for (window, good, bad) in of.windows {
            let total = good + bad;
            let share = if total == 0 { 0.0 } else { *bad as f64 / total as f64 };
            self.scheduling
                .burn
                .with_label_values(&[of.contract, of.objective, window])
                .set(share / of.budget);
            for (result, count) in [("good", *good), ("bad", *bad)] {
                self.scheduling
                    .records
                    .with_label_values(&[of.contract, of.objective, window, result])
                    .set(i64::try_from(count).unwrap_or(i64::MAX));
            }
        }
    }

    /// The budget of an objective is in no contract any more, or cannot be told now: an old rate would look like a new one.
    pub fn budget_gone(&self, contract: &str, objective: &str, windows: &[&'static str]) {
        // Errors only say that there was no such series.
        let _ = self.scheduling.budget.remove_label_values(&[contract, objective]);
        let _ = self.scheduling.remaining.remove_label_values(&[contract, objective]);
        for window in windows {
            let _ = self.scheduling.burn.remove_label_values(&[contract, objective, window]);
            for result in ["good", "bad"] {
                let _ = self.scheduling.records.remove_label_values(&[contract, objective, window, result]);
            }
        }
    }

    /// A scheduled run of a contract ended at `now` (microseconds since the epoch) after `seconds`.
    pub fn run_ended(&self, contract: &str, outcome: RunOutcome, seconds: f64, now: i64) {
        self.scheduling.runs.with_label_values(&[contract, outcome.as_str()]).inc();
        self.scheduling.last.with_label_values(&[contract]).set(now as f64 / 1e6);
        self.scheduling.seconds.with_label_values(&[contract]).set(seconds);
    }

    /// Runs of a contract did not take place at their time. 0 makes the series exist, so that its first increase is seen.
    pub fn runs_missed(&self, contract: &str, cause: MissedCause, runs: u64) {
        self.scheduling.missed.with_label_values(&[contract, cause.as_str()]).inc_by(runs);
    }

    /// When a contract is looked at next (microseconds since the epoch), and how long after that again (seconds).
    pub fn run_planned(&self, contract: &str, next: i64, interval: f64) {
        self.scheduling.next.with_label_values(&[contract]).set(next as f64 / 1e6);
        self.scheduling.interval.with_label_values(&[contract]).set(interval);
    }

    /// A contract is looked at no more.
    pub fn run_gone(&self, contract: &str) {
        // Errors only say that there was no such series.
        for gauge in [
            &self.scheduling.last,
            &self.scheduling.next,
            &self.scheduling.interval,
            &self.scheduling.seconds,
        ] {
            let _ = gauge.remove_label_values(&[contract]);
        }
    }
}

// === impl Scheduling ===

impl Scheduling {
    pub(super) fn new(meter: &mut Meter) -> Self {
        let (contract, objective) = (&["contract"], &["contract", "objective"]);
        Scheduling {
            limit: meter.number_vec(
                "objective_limit",
                "What an objective's measured number is held against, in the same unit",
                objective,
            ),
            budget: meter.number_vec(
                "error_budget_ratio",
                "Share of the records that may be bad, such as 0.001 for 0.1 percent",
                objective,
            ),
            remaining: meter.number_vec(
                "error_budget_remaining_ratio",
                "What is left of the budget over the objective's whole window; below 0 when it is overspent",
                objective,
            ),
            burn: meter.number_vec(
                "error_budget_burn_rate",
                "Share of bad records in a window (5m, 30m, 1h, 6h, 3d) divided by the budget; 1 spends it exactly",
                &["contract", "objective", "window"],
            ),
            records: meter.gauge_vec(
                "error_budget_records",
                "Records of these windows, by result (good, bad): a rate of few records says little",
                &["contract", "objective", "window", "result"],
            ),
            runs: meter.counter_vec(
                "sla_runs_total",
                "Scheduled looks at a contract, by outcome (met, breached, unknown)",
                &["contract", "outcome"],
            ),
            missed: meter.counter_vec(
                "sla_runs_missed_total",
                "Looks that did not take place at their time, by cause (away: nobody was there; busy: an earlier one took too long)",
                &["contract", "cause"],
            ),
            last: meter.number_vec(
                "sla_last_run_timestamp_seconds",
                "When a contract was looked at last, as Unix time",
                contract,
            ),
            next: meter.number_vec(
                "sla_next_run_timestamp_seconds",
                "When a contract is to be looked at next, as Unix time",
                contract,
            ),
            interval: meter.number_vec(
                "sla_schedule_interval_seconds",
                "Time between the next two looks at a contract by its schedule",
                contract,
            ),
            seconds: meter.number_vec("sla_run_seconds", "How long the last look at a contract took", contract),
        }
    }
}

// === impl RunOutcome ===

impl RunOutcome {
    /// Label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            RunOutcome::Met => "met",
            RunOutcome::Breached => "breached",
            RunOutcome::Unknown => "unknown",
        }
    }
}

// === impl MissedCause ===

impl MissedCause {
    /// Label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            MissedCause::Away => "away",
            MissedCause::Busy => "busy",
        }
    }
}
