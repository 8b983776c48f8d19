//! What a validator is told.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// Delivery guarantee of a deployment. Probed at start, exported, never lowered silently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Outcomes and source positions commit in one Kafka transaction.
    ExactlyOnce,
    /// Outcomes are acknowledged before positions are committed; identity headers make repeats recognisable.
    AtLeastOnce,
}

/// Where a group that never committed begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartAt {
    /// The first record that the topic still holds.
    Earliest,
    /// Records that come from now on.
    Latest,
}

/// Proven settings of a validator.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Delivery guarantee.
    pub mode: Mode,
    /// Where a new group begins.
    pub start_at: StartAt,
    /// Name of the validated topic; `{topic}` stands for the source.
    pub validated_topic: String,
    /// Name of the dead-letter topic; `{topic}` stands for the source.
    pub dead_letter_topic: String,
    /// Name of the retry topic, which only Tidegate writes to; `{topic}` stands for the source. None: nothing is replayed.
    pub retry_topic: Option<String>,
    /// The source of each retry topic that is read.
    pub retries: BTreeMap<Arc<str>, Arc<str>>,
    /// Kafka's ids of the source topics (KIP-516), as far as the brokers tell. A position that was committed for another incarnation of a
    /// topic halts its partition.
    pub topic_ids: HashMap<Arc<str>, Arc<str>>,
    /// A batch closes with this many records.
    pub batch_records_max: usize,
    /// A batch closes with this many bytes of keys and values: what bounds memory whatever the records' size.
    pub batch_bytes_max: usize,
    /// A batch closes this long after its first record came.
    pub batch_age_max: Duration,
    /// So often a partition may be begun in vain at one place before its records go one by one ([`crate::quarantine`]).
    pub crash_restarts_max: u32,
    /// A partition whose cause of trouble heals by itself is tried again after this long.
    pub retry_after: Duration,
    /// A partition that waits for somebody is tried again after this long, so that it goes on alone once that is done.
    pub operator_retry_after: Duration,
}

// === impl Mode ===

impl Mode {
    /// The name in settings, logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::ExactlyOnce => "exactly_once",
            Mode::AtLeastOnce => "at_least_once",
        }
    }
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Settings {
            mode: Mode::ExactlyOnce,
            start_at: StartAt::Earliest,
            validated_topic: "{topic}.validated".to_owned(),
            dead_letter_topic: "{topic}.dlq".to_owned(),
            retry_topic: None,
            retries: BTreeMap::new(),
            topic_ids: HashMap::new(),
            batch_records_max: 10_000,
            batch_bytes_max: 32 << 20,
            batch_age_max: Duration::from_millis(500),
            crash_restarts_max: 3,
            retry_after: Duration::from_secs(5),
            operator_retry_after: Duration::from_secs(60),
        }
    }
}

impl Settings {
    /// The validated topic of a source topic, or of its retry topic.
    pub fn validated(&self, source: &str) -> Arc<str> {
        self.validated_topic.replace("{topic}", self.source_of(source)).into()
    }

    /// The dead-letter topic of a source topic, or of its retry topic.
    pub fn dead_letters(&self, source: &str) -> Arc<str> {
        self.dead_letter_topic.replace("{topic}", self.source_of(source)).into()
    }

    /// The retry topic of a source topic, where there are any.
    pub fn retry(&self, source: &str) -> Option<Arc<str>> {
        Some(self.retry_topic.as_ref()?.replace("{topic}", source).into())
    }

    /// Reads the retry topics of these sources, too.
    pub fn with_retries_of(mut self, sources: &[Arc<str>]) -> Settings {
        self.retries = sources
            .iter()
            .filter_map(|source| Some((self.retry(source)?, source.clone())))
            .collect();
        self
    }

    /// The topic whose contracts judge what is consumed from this one.
    pub fn source_of<'t>(&'t self, consumed: &'t str) -> &'t str {
        self.retries.get(consumed).map_or(consumed, |source| source)
    }

    /// Whether only Tidegate writes to the topic.
    pub fn is_retry(&self, consumed: &str) -> bool {
        self.retries.contains_key(consumed)
    }
}
