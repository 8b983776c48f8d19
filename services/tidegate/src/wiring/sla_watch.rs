//! Shows the scheduled check of SLAs in metrics and health: how each objective stands, its budget, the runs.

use std::collections::BTreeSet;
use std::time::Duration;

use tidegate_flow::WorldError;
use tidegate_objectives::completeness::{Completeness, Counts};
use tidegate_objectives::traffic::WINDOWS;
use tidegate_sla::roster::{Due, Roster};
use tidegate_sla::{Entry, Missed, Outcome, Report, Watch};
use tidegate_telemetry::metrics::{Accounting, BudgetBurn, MissedCause, ObjectiveStatus, Port, RunOutcome};
use tidegate_telemetry::{Health, Metrics, Pulse};

/// A run that takes longer hangs: each of its queries ends after five minutes.
const RUN_MAX: Duration = Duration::from_secs(1800);

/// Metrics and health of the check.
#[derive(Debug)]
pub(crate) struct SlaWatch {
    metrics: Metrics,
    health: Health,
    pulse: Pulse,
    shown: BTreeSet<(String, String)>,
    contracts: BTreeSet<String>,
    /// Whose numbers of the last look stand: contract, objective, source topic, partition.
    accounted: BTreeSet<(String, String, String, i32)>,
}

// === impl SlaWatch ===

impl SlaWatch {
    pub(crate) fn new(metrics: &Metrics, health: &Health) -> Self {
        SlaWatch {
            metrics: metrics.clone(),
            health: health.clone(),
            pulse: health.pulse("sla", RUN_MAX),
            shown: BTreeSet::new(),
            contracts: BTreeSet::new(),
            accounted: BTreeSet::new(),
        }
    }

    /// Shows what became of the records of each partition. Nothing known takes the numbers of the look before away.
    fn account(&mut self, contract: &str, objective: &str, known: Option<&Completeness>) {
        let is_of = |series: &(String, String, String, i32)| series.0 == contract && series.1 == objective;
        let before: BTreeSet<_> = self.accounted.iter().filter(|series| is_of(series)).cloned().collect();
        let mut now = BTreeSet::new();
        for one in known.iter().flat_map(|known| &known.partitions) {
            // The counters exist from the first look on, so that their first increase is seen.
            let mut breaches = vec![("missing", one.counts.missing)];
            breaches.extend(&one.amiss);
            let is_told = one.unknown.is_none() || one.until > one.from;
            let records = one.counts.named();
            self.metrics.accounted(Accounting {
                contract,
                objective,
                topic: &one.topic,
                partition: one.partition,
                records: if is_told { &records } else { &[] },
                breaches: &breaches,
            });
            if is_told {
                now.insert((contract.to_owned(), objective.to_owned(), one.topic.clone(), one.partition));
            }
        }
        for (contract, objective, topic, partition) in before.difference(&now) {
            let fates = Counts::default().named().map(|(fate, _)| fate);
            self.metrics.accounted_gone(contract, objective, topic, *partition, &fates);
        }
        self.accounted.retain(|series| !is_of(series));
        self.accounted.extend(now);
    }
}

impl Watch for SlaWatch {
    fn beat(&mut self) {
        self.pulse.beat();
    }

    fn follows(&mut self, roster: &Roster) {
        self.health.clear("starting");
        for series in self.shown.clone() {
            if !roster.promises().contains(&series) {
                self.account(&series.0, &series.1, None);
                self.metrics.objective_gone(&series.0, &series.1);
                self.metrics.budget_gone(&series.0, &series.1, &WINDOWS.map(|(name, _)| name));
            }
        }
        self.shown.retain(|series| roster.promises().contains(series));
        let contracts: BTreeSet<String> = roster.jobs().iter().map(|job| job.contract.to_string()).collect();
        for gone in self.contracts.difference(&contracts) {
            self.metrics.run_gone(gone);
        }
        for contract in &contracts {
            for cause in [MissedCause::Away, MissedCause::Busy] {
                self.metrics.runs_missed(contract, cause, 0);
            }
        }
        self.contracts = contracts;
    }

    fn planned(&mut self, contract: &str, next: i64, interval: f64) {
        self.metrics.run_planned(contract, next, interval);
    }

    fn missed(&mut self, contract: &str, cause: Missed, runs: u64) {
        let cause = match cause {
            Missed::Away => MissedCause::Away,
            Missed::Busy => MissedCause::Busy,
        };
        self.metrics.runs_missed(contract, cause, runs);
    }

    fn ended(&mut self, due: &Due, report: &Report, seconds: f64) {
        for entry in &report.entries {
            let (contract, objective) = (entry.clause.contract.id.to_string(), entry.clause.label());
            show(&self.metrics, &contract, &objective, entry, report.observed_at);
            self.account(&contract, &objective, entry.completeness.as_ref());
            self.shown.insert((contract, objective));
        }
        let outcome = match report.exit_code() {
            0 => RunOutcome::Met,
            1 => RunOutcome::Breached,
            _ => RunOutcome::Unknown,
        };
        self.metrics.run_ended(&due.contract, outcome, seconds, report.observed_at);
        let counts = report.counts();
        tracing::info!(
            contract = %due.contract, major = due.major, outcome = outcome.as_str(), pass = counts.pass, warn = counts.warn, fail = counts.fail,
            unknown = counts.error, seconds, "looked at"
        );
        for entry in report
            .entries
            .iter()
            .filter(|entry| matches!(entry.outcome, Outcome::Fail | Outcome::Error))
        {
            tracing::warn!(clause = %entry.clause.id, status = entry.outcome.as_str(), "{}", entry.says);
        }
    }

    fn history_away(&mut self, error: &WorldError) {
        self.metrics.world_error(Port::Lake, error);
        self.health.hinder("history", error.what.clone());
    }

    fn history_well(&mut self) {
        self.health.clear("history");
    }
}

fn show(metrics: &Metrics, contract: &str, objective: &str, entry: &Entry, now: i64) {
    let status = match entry.outcome {
        Outcome::Pass => ObjectiveStatus::Met,
        Outcome::Warn | Outcome::Fail => ObjectiveStatus::Breached,
        Outcome::Error => ObjectiveStatus::Unknown,
    };
    // Percent is shown as a ratio, as every metric.
    let percent = entry.measured.as_ref().is_some_and(|measured| measured.unit == "percent");
    let based = |number: f64| if percent { number / 100.0 } else { number };
    metrics.objective(contract, objective, status, entry.number().map(based), now);
    if let Some(limit) = entry.measured.as_ref().and_then(|measured| measured.limit_number) {
        metrics.objective_limit(contract, objective, based(limit));
    }
    match entry.measured.as_ref().and_then(|measured| measured.budget.as_ref()) {
        Some(budget) => metrics.budget(&BudgetBurn {
            contract,
            objective,
            budget: budget.allowed,
            remaining: budget.remaining(),
            windows: &budget.windows,
        }),
        None => metrics.budget_gone(contract, objective, &WINDOWS.map(|(name, _)| name)),
    }
}

#[cfg(test)]
mod tests {
    use tidegate_objectives::completeness::Accounted;

    use super::*;

    fn accounted(partition: i32, missing: u64, unknown: Option<&str>) -> Accounted {
        Accounted {
            topic: "orders".to_owned(),
            partition,
            until: if unknown.is_some() { 0 } else { 9 },
            counts: Counts {
                raw: 9,
                validated: 9 - missing,
                missing,
                ..Counts::default()
            },
            unknown: unknown.map(str::to_owned),
            ..Accounted::default()
        }
    }

    #[test]
    fn numbers_of_a_look_stand_until_the_next_and_breaches_for_ever() {
        let metrics = Metrics::new("", "");
        let mut watch = SlaWatch::new(&metrics, &Health::starting());
        let mut look = |partitions: Vec<Accounted>| {
            let known = Completeness { partitions };
            let known = (!known.partitions.is_empty()).then_some(&known);
            watch.account("orders", "v1/orders#x", known);
            let text = metrics.render(0);
            let lines = |name: &str| {
                text.lines()
                    .filter(|line| line.starts_with(name))
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            (
                lines("tidegate_completeness_records{"),
                lines("tidegate_completeness_breaches_total{"),
            )
        };
        let (records, breaches) = look(vec![accounted(0, 0, None), accounted(1, 2, None)]);
        assert_eq!(
            (records.len(), breaches.len()),
            (12, 2),
            "the series of what is not missing exist, too"
        );
        assert!(breaches[0].ends_with(" 0") && breaches[1].ends_with(" 2"), "{breaches:?}");
        // One cannot be told now: its old numbers would look like new ones.
        let (records, breaches) = look(vec![accounted(0, 0, None), accounted(1, 0, Some("no answer"))]);
        assert!(
            records.len() == 6 && records.iter().all(|line| line.contains("partition=\"0\"")),
            "{records:?}"
        );
        assert!(breaches[1].ends_with(" 2"), "{breaches:?}");
        let (records, breaches) = look(Vec::new());
        assert_eq!((records.len(), breaches.len()), (0, 2));
    }
}
