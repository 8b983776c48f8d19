//! What a sink counts.

use std::time::Duration;

use prometheus::{GaugeVec, HistogramVec, IntCounterVec};

use super::Metrics;
use super::meter::Meter;

/// What became of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SlotOutcome {
    /// Its manifest is written.
    Committed,
}

#[derive(Debug, Clone)]
pub(super) struct Landing {
    rows: IntCounterVec,
    files: IntCounterVec,
    bytes: IntCounterVec,
    slots: IntCounterVec,
    skips: IntCounterVec,
    oldest_open: GaugeVec,
    store_seconds: HistogramVec,
}

// === impl Metrics ===

impl Metrics {
    /// A committed slot put so much into the lake.
    pub fn landed(&self, topic: &str, contract: &str, rows: u64, files: u64, bytes: u64) {
        self.landing.rows.with_label_values(&[topic, contract]).inc_by(rows);
        self.landing.files.with_label_values(&[topic, contract]).inc_by(files);
        self.landing.bytes.with_label_values(&[topic, contract]).inc_by(bytes);
    }

    /// A slot moved on.
    pub fn slot(&self, topic: &str, outcome: SlotOutcome) {
        self.landing.slots.with_label_values(&[topic, outcome.as_str()]).inc();
    }

    /// Validated records that make no row, by the policy that the manifest names.
    pub fn landing_skipped(&self, topic: &str, policy: &'static str, records: u64) {
        self.landing.skips.with_label_values(&[topic, policy]).inc_by(records);
    }

    /// Age of the oldest record that is not in the lake yet; zero when all are.
    pub fn oldest_open(&self, topic: &str, age: Duration) {
        self.landing.oldest_open.with_label_values(&[topic]).set(age.as_secs_f64());
    }

    /// A call to the store took so long. `operation` is a method of the port.
    pub fn store_call(&self, operation: &'static str, took: Duration) {
        self.landing
            .store_seconds
            .with_label_values(&[operation])
            .observe(took.as_secs_f64());
    }
}

// === impl Landing ===

impl Landing {
    pub(super) fn new(meter: &mut Meter) -> Self {
        let topic_contract = &["topic", "contract"];
        Landing {
            rows: meter.counter_vec("lake_rows_total", "Rows in committed slots", topic_contract),
            files: meter.counter_vec("lake_files_total", "Parquet files in committed slots", topic_contract),
            bytes: meter.counter_vec("lake_bytes_total", "Bytes of Parquet files in committed slots", topic_contract),
            slots: meter.counter_vec("lake_slots_total", "Slots by outcome (committed)", &["topic", "outcome"]),
            skips: meter.counter_vec(
                "lake_skips_total",
                "Validated records that make no row, by named policy",
                &["topic", "policy"],
            ),
            oldest_open: meter.number_vec(
                "lake_oldest_open_seconds",
                "Age of the oldest record that is not in the lake yet",
                &["topic"],
            ),
            store_seconds: meter.histogram_vec(
                "lake_store_seconds",
                "Time of calls to the object store",
                &["operation"],
                &[0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0],
            ),
        }
    }
}

// === impl SlotOutcome ===

impl SlotOutcome {
    /// Label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            SlotOutcome::Committed => "committed",
        }
    }
}
