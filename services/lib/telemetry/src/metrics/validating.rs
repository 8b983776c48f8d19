//! What a validator counts.

use std::time::Duration;

use prometheus::{Histogram, HistogramVec, IntCounterVec, IntGaugeVec};
use tidegate_check::{Reason, Skip};
use tidegate_contract::{ContractRef, Severity};

use super::Metrics;
use super::meter::Meter;

/// How outcomes and positions become durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryMode {
    /// One Kafka transaction for both.
    ExactlyOnce,
    /// Outcomes first, positions after; duplicates carry the same identity.
    AtLeastOnce,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BatchOutcome {
    /// Outcomes and positions are durable.
    Committed,
    /// None of it is; its records are read again.
    Aborted,
}

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransactionOutcome {
    /// Quickly and definitely committed.
    Committed,
    /// Committed, but so slowly that the producer was renewed.
    CommittedLate,
    /// Aborted.
    Aborted,
    /// The producer was lost with it.
    Fenced,
}

#[derive(Debug, Clone)]
pub(super) struct Validating {
    consumed: IntCounterVec,
    validated: IntCounterVec,
    dead_letters: IntCounterVec,
    skipped: IntCounterVec,
    noted: IntCounterVec,
    shadowed: IntCounterVec,
    switched_off: IntCounterVec,
    batches: IntCounterVec,
    batch_records: Histogram,
    judge_seconds: Histogram,
    transactions: IntCounterVec,
    transaction_seconds: HistogramVec,
    delivery_mode: IntGaugeVec,
    rebalances: IntCounterVec,
    outcomes: IntCounterVec,
    sends_refused: IntCounterVec,
}

// === impl Metrics ===

impl Metrics {
    /// Records were read from a source topic. Counted when their batch commits, so that a repeated batch does not count twice.
    pub fn consumed(&self, topic: &str, records: u64) {
        self.validating.consumed.with_label_values(&[topic]).inc_by(records);
    }

    /// Records passed under a contract version.
    pub fn validated(&self, topic: &str, contract: &ContractRef, records: u64) {
        self.validating
            .validated
            .with_label_values(&[topic, &*contract.id, &*contract.version])
            .inc_by(records);
    }

    /// Records became dead letters; `reason` is that of the first violation. Without a bound contract the labels are empty.
    pub fn dead_letters(&self, topic: &str, contract: Option<&ContractRef>, reason: Reason, records: u64) {
        let (id, version) = contract.map_or(("", ""), |reference| (&*reference.id, &*reference.version));
        self.validating
            .dead_letters
            .with_label_values(&[topic, id, version, reason.as_str()])
            .inc_by(records);
    }

    /// Records of a topic got an outcome under a contract version, or (labels empty) under none. 0 makes the two series exist, so that the
    /// first increase is seen: Prometheus counts from the first value on.
    pub fn outcomes(&self, topic: &str, contract: Option<&ContractRef>, valid: u64, dead: u64) {
        let (id, version) = contract.map_or(("", ""), |reference| (&*reference.id, &*reference.version));
        for (outcome, records) in [("valid", valid), ("dead", dead)] {
            self.validating
                .outcomes
                .with_label_values(&[topic, id, version, outcome])
                .inc_by(records);
        }
    }

    /// Records that the brokers or the client did not take, by topic and by what was said (too_large, too_large_together, forbidden, other).
    pub fn sends_refused(&self, topic: &str, refusal: &'static str, records: u64) {
        self.validating.sends_refused.with_label_values(&[topic, refusal]).inc_by(records);
    }

    /// Records have no outcome record, by a named policy.
    pub fn skipped(&self, topic: &str, policy: Skip, records: u64) {
        self.validating.skipped.with_label_values(&[topic, policy.as_str()]).inc_by(records);
    }

    /// Violations that do not stop a record.
    pub fn noted(&self, topic: &str, contract: &ContractRef, severity: Severity, violations: u64) {
        let severity = match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        };
        self.validating
            .noted
            .with_label_values(&[topic, &*contract.id, &*contract.version, severity])
            .inc_by(violations);
    }

    /// Records for which a quality rule was not asked because a kill switch is on. Rule ids are bounded by the contracts.
    pub fn switched_off(&self, contract: &ContractRef, rule: &str, records: u64) {
        self.validating
            .switched_off
            .with_label_values(&[&*contract.id, &*contract.version, rule])
            .inc_by(records);
    }

    /// What a proposed version would have said; it decides nothing.
    pub fn shadowed(&self, topic: &str, contract: &ContractRef, valid: u64, invalid: u64) {
        let count = |verdict, records| {
            self.validating
                .shadowed
                .with_label_values(&[topic, &*contract.id, &*contract.version, verdict])
                .inc_by(records);
        };
        count("valid", valid);
        count("invalid", invalid);
    }

    /// A batch was judged in `judging` and ended so. Size and time show for committed ones only: the others come again.
    pub fn batch(&self, outcome: BatchOutcome, records: usize, judging: Duration) {
        self.validating.batches.with_label_values(&[outcome.as_str()]).inc();
        if outcome == BatchOutcome::Committed {
            self.validating.batch_records.observe(records as f64);
            self.validating.judge_seconds.observe(judging.as_secs_f64());
        }
    }

    /// A transaction ended, `took` after it began.
    pub fn transaction(&self, outcome: TransactionOutcome, took: Duration) {
        self.validating.transactions.with_label_values(&[outcome.as_str()]).inc();
        self.validating
            .transaction_seconds
            .with_label_values(&[outcome.as_str()])
            .observe(took.as_secs_f64());
    }

    /// The mode that runs, as probed at the start.
    pub fn delivery_mode(&self, mode: DeliveryMode) {
        for each in [DeliveryMode::ExactlyOnce, DeliveryMode::AtLeastOnce] {
            self.validating
                .delivery_mode
                .with_label_values(&[each.as_str()])
                .set(i64::from(each == mode));
        }
    }

    /// Partitions were given.
    pub fn assigned(&self, partitions: usize) {
        self.validating
            .rebalances
            .with_label_values(&["assigned"])
            .inc_by(partitions as u64);
    }

    /// Partitions were taken back in good order.
    pub fn revoked(&self, partitions: usize) {
        self.validating.rebalances.with_label_values(&["revoked"]).inc_by(partitions as u64);
    }

    /// Partitions were lost to somebody else.
    pub fn lost(&self, partitions: usize) {
        self.validating.rebalances.with_label_values(&["lost"]).inc_by(partitions as u64);
    }
}

// === impl Validating ===

impl Validating {
    pub(super) fn new(meter: &mut Meter) -> Self {
        let transaction_buckets = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0];
        Validating {
            consumed: meter.counter_vec("records_consumed_total", "Source records whose outcome is durable", &["topic"]),
            validated: meter.counter_vec(
                "records_validated_total",
                "Records that passed, by the contract version that judged them",
                &["topic", "contract", "version"],
            ),
            dead_letters: meter.counter_vec(
                "dead_letters_total",
                "Records that became dead letters, by the reason of their first violation",
                &["topic", "contract", "version", "reason"],
            ),
            skipped: meter.counter_vec(
                "records_skipped_total",
                "Records without an outcome record, by named policy",
                &["topic", "policy"],
            ),
            noted: meter.counter_vec(
                "violations_noted_total",
                "Violations of severity warning or info, which stop nothing",
                &["topic", "contract", "version", "severity"],
            ),
            shadowed: meter.counter_vec(
                "shadow_verdicts_total",
                "Verdicts of proposed contract versions, which decide nothing",
                &["topic", "contract", "version", "verdict"],
            ),
            switched_off: meter.counter_vec(
                "rule_switched_off_records_total",
                "Records for which a quality rule was not asked because a kill switch is on",
                &["contract", "version", "rule"],
            ),
            batches: meter.counter_vec("batches_total", "Batches by outcome (committed, aborted)", &["outcome"]),
            batch_records: meter.histogram(
                "batch_records",
                "Records of a committed batch",
                &[1.0, 10.0, 100.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0, 20_000.0, 50_000.0],
            ),
            judge_seconds: meter.histogram(
                "batch_judge_seconds",
                "Time to judge a committed batch",
                &[0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0],
            ),
            transactions: meter.counter_vec(
                "transactions_total",
                "Kafka transactions by outcome (committed, committed_late, aborted, fenced)",
                &["outcome"],
            ),
            transaction_seconds: meter.histogram_vec(
                "transaction_seconds",
                "Time from begin to the definite end of a transaction",
                &["outcome"],
                &transaction_buckets,
            ),
            delivery_mode: meter.gauge_vec("delivery_mode", "1 for the delivery mode that runs", &["mode"]),
            rebalances: meter.counter_vec(
                "partitions_rebalanced_total",
                "Partitions that changed hands, by event (assigned, revoked, lost)",
                &["event"],
            ),
            outcomes: meter.counter_vec(
                "outcomes_total",
                "Records by outcome (valid, dead) and the contract version that judged them; there from the start, at 0",
                &["topic", "contract", "version", "outcome"],
            ),
            sends_refused: meter.counter_vec(
                "sends_refused_total",
                "Outcome records that were not taken, by topic and what was said (too_large, too_large_together, forbidden, other)",
                &["topic", "refusal"],
            ),
        }
    }
}

// === impl DeliveryMode ===

impl DeliveryMode {
    /// Label value, also used in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            DeliveryMode::ExactlyOnce => "exactly_once",
            DeliveryMode::AtLeastOnce => "at_least_once",
        }
    }
}

// === impl BatchOutcome ===

impl BatchOutcome {
    /// Label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            BatchOutcome::Committed => "committed",
            BatchOutcome::Aborted => "aborted",
        }
    }
}

// === impl TransactionOutcome ===

impl TransactionOutcome {
    /// Label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            TransactionOutcome::Committed => "committed",
            TransactionOutcome::CommittedLate => "committed_late",
            TransactionOutcome::Aborted => "aborted",
            TransactionOutcome::Fenced => "fenced",
        }
    }
}
