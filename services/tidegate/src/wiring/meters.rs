//! The roles' numbers into Prometheus metrics and health.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use tidegate_check::{Reason, Skip};
use tidegate_contract::ContractRef;
use tidegate_flow::{TopicPartition, WorldError};
use tidegate_sink::Progress;
use tidegate_telemetry::metrics::{BatchOutcome, Port, SlotOutcome};
use tidegate_telemetry::{Health, Metrics, Pulse};

/// A role's loop must turn at least this often to count as live. A commit may take the transaction timeout and some retries.
const TURN_MAX: Duration = Duration::from_secs(120);

/// For the validator.
pub(crate) struct ValidatorMeter {
    metrics: Metrics,
    health: Health,
    pulse: Pulse,
    held: Mutex<BTreeSet<TopicPartition>>,
}

/// For the sink.
pub(crate) struct SinkMeter {
    metrics: Metrics,
    health: Health,
    pulse: Pulse,
    /// What does not go on, as it was shown.
    held: Mutex<BTreeMap<TopicPartition, Progress>>,
}

// === impl ValidatorMeter ===

impl ValidatorMeter {
    pub(crate) fn new(metrics: &Metrics, health: &Health, name: &str) -> Self {
        let pulse = health.pulse(name, TURN_MAX);
        ValidatorMeter {
            metrics: metrics.clone(),
            health: health.clone(),
            pulse,
            held: Mutex::new(BTreeSet::new()),
        }
    }
}

impl tidegate_validator::Meter for ValidatorMeter {
    fn validated(&self, topic: &str, contract: &ContractRef, records: u64) {
        self.metrics.consumed(topic, records);
        self.metrics.validated(topic, contract, records);
        self.metrics.outcomes(topic, Some(contract), records, 0);
    }

    fn dead_letters(&self, topic: &str, contract: Option<&ContractRef>, reason: Reason, records: u64) {
        self.metrics.consumed(topic, records);
        self.metrics.dead_letters(topic, contract, reason, records);
        self.metrics.outcomes(topic, contract, 0, records);
    }

    fn noted(&self, topic: &str, contract: &ContractRef, severity: tidegate_contract::Severity) {
        self.metrics.noted(topic, contract, severity, 1);
    }

    fn switched_off(&self, contract: &ContractRef, rule: &str, records: u64) {
        self.metrics.switched_off(contract, rule, records);
    }

    fn shadowed(&self, topic: &str, contract: &ContractRef, valid: u64, invalid: u64) {
        self.metrics.shadowed(topic, contract, valid, invalid);
    }

    fn skipped(&self, topic: &str, policy: Skip, records: u64) {
        self.metrics.consumed(topic, records);
        self.metrics.skipped(topic, policy, records);
    }

    fn committed(&self, records: usize, judging_micros: i64) {
        self.metrics.batch(
            BatchOutcome::Committed,
            records,
            Duration::from_micros(u64::try_from(judging_micros).unwrap_or(0)),
        );
    }

    fn aborted(&self) {
        self.metrics.batch(BatchOutcome::Aborted, 0, Duration::ZERO);
    }

    fn held(&self, at: &TopicPartition, operator: bool, why: &str) {
        self.held.lock().expect("no panic happens while it is held").insert(at.clone());
        self.metrics.partition_paused(at, !operator);
        self.metrics.partition_halted(at, operator);
        if operator {
            self.health.hinder(&format!("partition {at}"), why);
        }
    }

    fn released(&self, at: &TopicPartition) {
        if self.held.lock().expect("no panic happens while it is held").remove(at) {
            self.metrics.partition_paused(at, false);
            self.metrics.partition_halted(at, false);
            self.health.clear(&format!("partition {at}"));
        }
    }

    fn quarantined(&self, at: &TopicPartition, is: bool) {
        self.metrics.partition_quarantined(at, is);
    }

    fn buffered(&self, bytes: usize) {
        self.metrics.buffered("validator", bytes);
    }

    fn assigned(&self, partitions: usize) {
        self.metrics.assigned(partitions);
    }

    fn given_up(&self, partitions: usize, lost: bool) {
        match lost {
            true => self.metrics.lost(partitions),
            false => self.metrics.revoked(partitions),
        }
    }

    fn trouble(&self, error: &WorldError) {
        self.metrics.world_error(Port::Kafka, error);
    }

    fn turned(&self, ready: Result<(), &str>) {
        self.pulse.beat();
        match ready {
            Ok(()) => self.health.clear("kafka"),
            Err(why) => self.health.hinder("kafka", why),
        }
        self.health.clear("starting");
    }

    fn snapshot(&self, commit: &str) {
        self.metrics.snapshot(commit, super::clock::now_micros());
    }
}

// === impl SinkMeter ===

impl SinkMeter {
    pub(crate) fn new(metrics: &Metrics, health: &Health) -> Self {
        SinkMeter {
            metrics: metrics.clone(),
            health: health.clone(),
            pulse: health.pulse("sink", TURN_MAX),
            held: Mutex::default(),
        }
    }
}

impl tidegate_sink::Metrics for SinkMeter {
    fn slot(&self, at: &TopicPartition, why: tidegate_sink::Close) {
        tracing::debug!(partition = %at, why = why.as_str(), "slot committed");
        self.metrics.slot(&at.topic, SlotOutcome::Committed);
    }

    fn file(&self, topic: &str, contract: &str, rows: u64, bytes: u64) {
        self.metrics.landed(topic, contract, rows, 1, bytes);
    }

    fn skipped(&self, topic: &str, policy: tidegate_sink::batch::SkipPolicy, records: u64) {
        self.metrics.landing_skipped(topic, policy.as_str(), records);
    }

    fn retried(&self, at: &TopicPartition) {
        tracing::debug!(partition = %at, "a call failed and is tried again");
    }

    fn oldest_open(&self, age: Duration) {
        self.metrics.oldest_open("", age);
    }

    fn open_bytes(&self, bytes: usize) {
        self.metrics.buffered("sink", bytes);
    }

    fn halted(&self, partitions: usize) {
        match partitions {
            0 => self.health.clear("halted"),
            _ => self
                .health
                .hinder("halted", format!("{partitions} partitions wait for an operator; the log says why")),
        }
    }

    fn waiting_for_snapshot(&self, partitions: usize) {
        match partitions {
            0 => self.health.clear("contracts"),
            _ => self.health.hinder(
                "contracts",
                format!("{partitions} partitions wait for a contract version that is not in the snapshot yet"),
            ),
        }
    }

    fn standing(&self, partitions: &mut dyn Iterator<Item = (&TopicPartition, Progress)>) {
        let mut held = self.held.lock().expect("no panic happens while it is held");
        let mut seen = BTreeSet::new();
        for (at, progress) in partitions {
            let before = match progress {
                Progress::Going => held.remove(at),
                Progress::Waiting | Progress::Halted => {
                    seen.insert(at.clone());
                    held.insert(at.clone(), progress)
                }
            };
            if before.unwrap_or(Progress::Going) != progress {
                self.metrics.partition_paused(at, progress == Progress::Waiting);
                self.metrics.partition_halted(at, progress == Progress::Halted);
            }
        }
        // What was given up has no numbers any more.
        held.retain(|at, _| seen.contains(at));
    }

    fn ready(&self, ready: bool) {
        self.pulse.beat();
        self.health.clear("starting");
        match ready {
            true => self.health.clear("progress"),
            false => self
                .health
                .hinder("progress", "not every partition makes progress; the log says why"),
        }
    }
}

#[cfg(test)]
mod tests {
    use tidegate_sink::Metrics as _;

    use super::*;

    fn shown(metrics: &Metrics, name: &str, partition: i32) -> Option<String> {
        let begins = format!("tidegate_partition_{name}{{partition=\"{partition}\",topic=\"orders.validated\"}} ");
        let text = metrics.render(0);
        text.lines().find_map(|line| line.strip_prefix(&begins)).map(str::to_owned)
    }

    #[test]
    fn partitions_of_the_sink_that_stand_are_shown_until_they_go_on_or_go() {
        let (metrics, health) = (Metrics::new("", ""), Health::starting());
        let meter = SinkMeter::new(&metrics, &health);
        let at = [0, 1, 2].map(|partition| TopicPartition::new("orders.validated", partition));
        let tell = |standing: &[(usize, Progress)]| meter.standing(&mut standing.iter().map(|(index, progress)| (&at[*index], *progress)));
        let both = |partition| (shown(&metrics, "paused", partition), shown(&metrics, "halted", partition));
        let is = |paused: &str, halted: &str| (Some(paused.to_owned()), Some(halted.to_owned()));

        tell(&[(0, Progress::Going), (1, Progress::Waiting), (2, Progress::Halted)]);
        assert_eq!(both(0), (None, None), "nothing was ever in its way");
        assert_eq!((both(1), both(2)), (is("1", "0"), is("0", "1")));
        tell(&[(0, Progress::Going), (1, Progress::Halted), (2, Progress::Going)]);
        assert_eq!((both(1), both(2)), (is("0", "1"), is("0", "0")));
        // Given up: the consumer takes the numbers away, and they do not come back.
        metrics.partition_gone(&at[1]);
        tell(&[(0, Progress::Going)]);
        assert_eq!(both(1), (None, None));
        // Taken over again and still halted.
        tell(&[(1, Progress::Halted)]);
        assert_eq!(both(1), is("0", "1"));
    }
}
