//! The metrics of all roles, typed. Names start with `tidegate_`, units are base units, counters end in `_total`.
//!
//! Methods take counts, because roles call them once per batch and not once per record. One [`Metrics`] belongs to one process;
//! clones share their series. The roles' metrics are in [`validating`], [`landing`], [`promising`],
//! [`scheduling`] and [`accounting`].

pub mod accounting;
pub mod landing;
mod meter;
pub mod promising;
mod readiness;
pub mod reference;
pub mod scheduling;
pub mod validating;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::{CounterVec, Encoder, Gauge, GaugeVec, IntCounterVec, IntGaugeVec, Registry, TextEncoder};
use tidegate_flow::{Remedy, TopicPartition, WorldError};

pub use accounting::Accounting;
pub use landing::SlotOutcome;
pub use meter::{Definition, Kind};
pub use promising::ObjectiveStatus;
pub use scheduling::{BudgetBurn, MissedCause, RunOutcome};
pub use validating::{BatchOutcome, DeliveryMode, TransactionOutcome};

use accounting::Accounts;
use landing::Landing;
use meter::Meter;
use promising::Promising;
use readiness::Readiness;
use scheduling::Scheduling;
use validating::Validating;

/// Content type of [`Metrics::render`]: Prometheus' text format 0.0.4.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Every metric of the process.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    definitions: Arc<[Definition]>,
    shared: Shared,
    validating: Validating,
    landing: Landing,
    promising: Promising,
    scheduling: Scheduling,
    accounts: Accounts,
    readiness: Readiness,
}

/// An outside party that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Port {
    /// Kafka.
    Kafka,
    /// The lake's object store.
    Lake,
    /// The schema registry.
    Schemas,
    /// The repository of contracts.
    Contracts,
    /// The query engine over the lake.
    Query,
}

/// What came of asking for a new snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refresh {
    /// The same commit.
    Unchanged,
    /// A newer one is in force.
    Loaded,
    /// It does not compile, or is not a descendant: the last good one stays.
    Refused,
    /// The repository could not be read.
    Failed,
}

/// What came of asking the schema registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SchemaAnswer {
    /// A schema.
    Found,
    /// There is none of that id.
    Unknown,
    /// There is one that cannot be used.
    Unusable,
    /// No answer, or not one to rely on.
    Failed,
}

#[derive(Debug, Clone)]
struct Shared {
    world_errors: IntCounterVec,
    snapshot_info: IntGaugeVec,
    snapshot_refreshes: IntCounterVec,
    snapshot_age: Gauge,
    snapshot_confirmed: Arc<AtomicI64>,
    snapshot_commit: Arc<Mutex<Option<String>>>,
    schema_requests: IntCounterVec,
    partition_paused: IntGaugeVec,
    partition_halted: IntGaugeVec,
    partition_quarantined: IntGaugeVec,
    partition_lag: IntGaugeVec,
    partition_undecided: GaugeVec,
    partition_committed: GaugeVec,
    buffer_bytes: IntGaugeVec,
    buffer_budget: IntGaugeVec,
    thread_busy: CounterVec,
    registry_requests: IntCounterVec,
    registry_connections: IntGaugeVec,
    registry_refused: IntCounterVec,
}

// === impl Metrics ===

impl Metrics {
    /// All metrics, at zero. `version` and `commit` are those of the executable.
    pub fn new(version: &str, commit: &str) -> Self {
        let mut meter = Meter::new();
        let build = meter.gauge_vec(
            "build_info",
            "Always 1; version and commit of the executable",
            &["version", "commit"],
        );
        build.with_label_values(&[version, commit]).set(1);
        let shared = Shared::new(&mut meter);
        // There from the start, so that the first increase is seen.
        for outcome in [Refresh::Unchanged, Refresh::Loaded, Refresh::Refused, Refresh::Failed] {
            shared.snapshot_refreshes.with_label_values(&[outcome.as_str()]);
        }
        let validating = Validating::new(&mut meter);
        let landing = Landing::new(&mut meter);
        let promising = Promising::new(&mut meter);
        let scheduling = Scheduling::new(&mut meter);
        let accounts = Accounts::new(&mut meter);
        let readiness = Readiness::new(&mut meter);
        let (registry, definitions) = meter.finish();
        Metrics {
            registry,
            definitions: definitions.into(),
            shared,
            validating,
            landing,
            promising,
            scheduling,
            accounts,
            readiness,
        }
    }

    /// Prometheus' text format. `now` is in microseconds since the epoch; ages are counted from it.
    pub fn render(&self, now: i64) -> String {
        let confirmed = self.shared.snapshot_confirmed.load(Ordering::Relaxed);
        if confirmed != i64::MIN {
            self.shared.snapshot_age.set((now - confirmed).max(0) as f64 / 1e6);
        }
        self.readiness.look();
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&self.registry.gather(), &mut text)
            .expect("writing to memory cannot fail");
        String::from_utf8(text).expect("label values and help texts are UTF-8")
    }

    /// What every metric is called and means, in the order of the reference page.
    pub fn definitions(&self) -> &[Definition] {
        &self.definitions
    }

    /// A call to the outside world failed.
    pub fn world_error(&self, port: Port, error: &WorldError) {
        self.shared
            .world_errors
            .with_label_values(&[port.as_str(), remedy_name(error.remedy)])
            .inc();
    }

    /// This commit's snapshot is in force and was found current at `confirmed` (microseconds since the epoch).
    pub fn snapshot(&self, commit: &str, confirmed: i64) {
        let mut current = self.shared.snapshot_commit.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_deref() != Some(commit) {
            // One series at a time: the old commit's would stay at 1 for ever.
            self.shared.snapshot_info.reset();
            self.shared.snapshot_info.with_label_values(&[commit]).set(1);
            *current = Some(commit.to_owned());
        }
        self.shared.snapshot_confirmed.store(confirmed, Ordering::Relaxed);
    }

    /// The repository of contracts was asked.
    pub fn snapshot_refresh(&self, outcome: Refresh) {
        self.shared.snapshot_refreshes.with_label_values(&[outcome.as_str()]).inc();
    }

    /// The contract registry has answered a request; `route` is a pattern, never what was asked for.
    pub fn registry_request(&self, route: &'static str, status: u16) {
        self.shared.registry_requests.with_label_values(&[route, &status.to_string()]).inc();
    }

    /// Connections to the contract registry: open now, and turned away since its start.
    pub fn registry_connections(&self, open: usize, refused: u64) {
        let none: &[&str] = &[];
        let open = i64::try_from(open).unwrap_or(i64::MAX);
        self.shared.registry_connections.with_label_values(none).set(open);
        let counted = self.shared.registry_refused.with_label_values(none);
        counted.inc_by(refused.saturating_sub(counted.get()));
    }

    /// The schema registry was asked.
    pub fn schema_request(&self, answer: SchemaAnswer) {
        self.shared.schema_requests.with_label_values(&[answer.as_str()]).inc();
    }

    /// A partition waits for the outside world (or no longer).
    pub fn partition_paused(&self, at: &TopicPartition, paused: bool) {
        partition_gauge(&self.shared.partition_paused, at, i64::from(paused));
    }

    /// A partition was stopped for an operator (or no longer).
    pub fn partition_halted(&self, at: &TopicPartition, halted: bool) {
        partition_gauge(&self.shared.partition_halted, at, i64::from(halted));
    }

    /// The records of a partition go one by one, because processes died there (or no longer).
    pub fn partition_quarantined(&self, at: &TopicPartition, quarantined: bool) {
        partition_gauge(&self.shared.partition_quarantined, at, i64::from(quarantined));
    }

    /// Bytes of records in a role's buffers.
    pub fn buffered(&self, role: &'static str, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.shared.buffer_bytes.with_label_values(&[role]).set(bytes);
    }

    /// How many bytes a role's buffers may hold.
    pub fn buffer_budget(&self, role: &'static str, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.shared.buffer_budget.with_label_values(&[role]).set(bytes);
    }

    /// Records between the position and the end of a partition.
    pub fn partition_lag(&self, at: &TopicPartition, records: i64) {
        partition_gauge(&self.shared.partition_lag, at, records);
    }

    /// The lag cannot be told now: an old one would look like a new one.
    pub fn partition_lag_unknown(&self, at: &TopicPartition) {
        // An error only says that there was no such series.
        let _ = self
            .shared
            .partition_lag
            .remove_label_values(&[&*at.topic, &at.partition.to_string()]);
    }

    /// For so long nothing of a partition has been decided although its log goes on; zero where nothing is undecided.
    pub fn partition_undecided(&self, at: &TopicPartition, undecided: Duration) {
        self.shared
            .partition_undecided
            .with_label_values(&[&*at.topic, &at.partition.to_string()])
            .set(undecided.as_secs_f64());
    }

    /// It cannot be told now, or is somebody else's to tell.
    pub fn partition_undecided_unknown(&self, at: &TopicPartition) {
        // An error only says that there was no such series.
        let _ = self
            .shared
            .partition_undecided
            .remove_label_values(&[&*at.topic, &at.partition.to_string()]);
    }

    /// The position of a partition moved, or was taken over, at `now` (microseconds since the epoch).
    pub fn partition_committed(&self, at: &TopicPartition, now: i64) {
        self.shared
            .partition_committed
            .with_label_values(&[&*at.topic, &at.partition.to_string()])
            .set(now as f64 / 1e6);
    }

    /// A partition went to somebody else: its gauges would lie from now on.
    pub fn partition_gone(&self, at: &TopicPartition) {
        for gauge in [
            &self.shared.partition_paused,
            &self.shared.partition_halted,
            &self.shared.partition_quarantined,
            &self.shared.partition_lag,
        ] {
            // An error only says that there was no such series.
            let _ = gauge.remove_label_values(&[&*at.topic, &at.partition.to_string()]);
        }
        for gauge in [&self.shared.partition_undecided, &self.shared.partition_committed] {
            let _ = gauge.remove_label_values(&[&*at.topic, &at.partition.to_string()]);
        }
    }

    /// A worker thread was busy, not waiting, for so long.
    pub fn thread_busy(&self, role: &'static str, seconds: f64) {
        self.shared.thread_busy.with_label_values(&[role]).inc_by(seconds.max(0.0));
    }
}

// === impl Shared ===

impl Shared {
    fn new(meter: &mut Meter) -> Self {
        let partition = &["topic", "partition"];
        Shared {
            world_errors: meter.counter_vec(
                "world_errors_total",
                "Failed calls to the outside world, by what was called and what heals it (retry, reread, operator, bug)",
                &["port", "remedy"],
            ),
            snapshot_info: meter.gauge_vec("snapshot_info", "Always 1; the commit whose contracts are in force", &["commit"]),
            snapshot_refreshes: meter.counter_vec(
                "snapshot_refreshes_total",
                "Looks for newer contracts, by outcome (unchanged, loaded, refused, failed)",
                &["outcome"],
            ),
            snapshot_age: meter.gauge(
                "snapshot_age_seconds",
                "Time since the contracts in force were last found to be the newest",
            ),
            snapshot_confirmed: Arc::new(AtomicI64::new(i64::MIN)),
            snapshot_commit: Arc::default(),
            schema_requests: meter.counter_vec(
                "schema_requests_total",
                "Questions to the schema registry, by outcome (found, unknown, unusable, failed)",
                &["outcome"],
            ),
            partition_paused: meter.gauge_vec("partition_paused", "1 while a partition waits for the outside world", partition),
            partition_halted: meter.gauge_vec(
                "partition_halted",
                "1 while a partition is stopped and needs an operator",
                partition,
            ),
            partition_quarantined: meter.gauge_vec(
                "partition_quarantined",
                "1 while the records of a partition go one by one, because processes died with some of them in hand",
                partition,
            ),
            partition_lag: meter.gauge_vec(
                "partition_lag_records",
                "Offsets between the committed position and the end of a partition; 0 where no record is among them",
                partition,
            ),
            partition_undecided: meter.number_vec(
                "partition_undecided_seconds",
                "How long the last stable offset of a partition has stood below the end of its log; 0 where no transaction is open",
                partition,
            ),
            partition_committed: meter.number_vec(
                "partition_committed_timestamp_seconds",
                "When the position of a partition last moved, or the partition was taken over, as Unix time",
                partition,
            ),
            buffer_bytes: meter.gauge_vec(
                "buffer_bytes",
                "Bytes of records in memory: the open batch of a validator, all slots of a sink",
                &["role"],
            ),
            buffer_budget: meter.gauge_vec(
                "buffer_budget_bytes",
                "Bytes that these buffers may hold before batches and slots close early and partitions are paused",
                &["role"],
            ),
            thread_busy: meter.seconds_vec("thread_busy_seconds_total", "Time that worker threads were not waiting", &["role"]),
            registry_requests: meter.counter_vec(
                "registry_requests_total",
                "Requests to the contract registry, by route and status of the answer",
                &["route", "status"],
            ),
            registry_connections: meter.gauge_vec("registry_connections", "Open connections to the contract registry", &[]),
            registry_refused: meter.counter_vec(
                "registry_connections_refused_total",
                "Connections to the contract registry that were answered 503, or closed under TLS, because too many were open",
                &[],
            ),
        }
    }
}

// === impl Port ===

impl Port {
    /// Label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Port::Kafka => "kafka",
            Port::Lake => "lake",
            Port::Schemas => "schemas",
            Port::Contracts => "contracts",
            Port::Query => "query",
        }
    }
}

// === impl Refresh ===

impl Refresh {
    /// Label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Refresh::Unchanged => "unchanged",
            Refresh::Loaded => "loaded",
            Refresh::Refused => "refused",
            Refresh::Failed => "failed",
        }
    }
}

// === impl SchemaAnswer ===

impl SchemaAnswer {
    /// Label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            SchemaAnswer::Found => "found",
            SchemaAnswer::Unknown => "unknown",
            SchemaAnswer::Unusable => "unusable",
            SchemaAnswer::Failed => "failed",
        }
    }
}

const fn remedy_name(remedy: Remedy) -> &'static str {
    match remedy {
        Remedy::Retry => "retry",
        Remedy::Reread => "reread",
        Remedy::Operator => "operator",
        Remedy::Bug => "bug",
    }
}

fn partition_gauge(gauge: &IntGaugeVec, at: &TopicPartition, value: i64) {
    gauge.with_label_values(&[&*at.topic, &at.partition.to_string()]).set(value);
}

#[cfg(test)]
mod tests;
