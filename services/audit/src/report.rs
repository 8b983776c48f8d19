//! What an audit found.

use std::collections::BTreeMap;

use serde::Serialize;
use tidegate_flow::{NextOffset, TopicPartition};

use crate::plan::Mode;

/// Format version of [`Report::to_json`].
const VERSION: u32 = 1;

/// The ledger of all audited topics.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Format version.
    pub version: u32,
    /// `exactly_once` or `at_least_once`.
    pub mode: &'static str,
    /// Source partitions against their outcomes.
    pub sources: Vec<SourceLedger>,
    /// Validated partitions against the lake.
    pub lake: Vec<LakeLedger>,
    /// Files of the lake.
    pub files: FilesLedger,
    /// What could not be looked at, and why. A clean ledger with an entry here proves nothing.
    pub incomplete: Vec<String>,
}

/// How many, and the first few offsets of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Examples {
    /// How many.
    pub count: u64,
    /// The first, at most [`Examples::KEPT`].
    pub first: Vec<i64>,
}

/// One source partition.
#[derive(Debug, Clone, Serialize)]
pub struct SourceLedger {
    /// Source topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// First audited offset.
    pub from: i64,
    /// Audited up to here.
    pub until: i64,
    /// Source offsets that a read_committed reader sees.
    pub visible: u64,
    /// Of them, validated.
    pub validated: u64,
    /// Dead-lettered.
    pub dead_lettered: u64,
    /// Without an outcome, by the policy that explains it.
    pub skipped: BTreeMap<String, u64>,
    /// Without an outcome so far, at or past the committed position.
    pub pending: u64,
    /// Offsets with more than one outcome of the same class; only counted in `at_least_once`, where it is no breach.
    pub repeated: u64,
    /// Breach: no outcome, and nothing explains it.
    pub missing: Examples,
    /// Breach: more than one outcome of the same class in `exactly_once`.
    pub doubled: Examples,
    /// Breach: validated and dead-lettered.
    pub two_classes: Examples,
    /// Breach: an outcome with other bytes than its source, or repeats that differ.
    pub changed: Examples,
    /// Breach: an outcome of an offset that no reader sees in the source.
    pub invented: Examples,
    /// Breach: a lower source offset after a higher one in an outcome topic, in `exactly_once`.
    pub out_of_order: Examples,
    /// Breach: records of the outcome topics (their own offsets) that carry no readable identity.
    pub unstamped: Examples,
}

/// One partition of a validated topic in the lake.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LakeLedger {
    /// Validated topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// End of the last committed slot; none without a chain.
    pub landed_until: Option<i64>,
    /// Validated records below that.
    pub records: u64,
    /// Of them, with a row.
    pub rows: u64,
    /// Of them, without a row, as the manifests count them by policy.
    pub skipped: BTreeMap<String, u64>,
    /// Validated records past the last committed slot.
    pub pending: u64,
    /// Breach: slots (their starts) with fewer rows than records less skips; the count is in records.
    pub missing: Examples,
    /// Breach: slots (their starts) whose rows and skips exceed their records; the count is in records.
    pub surplus: Examples,
    /// Breach: a second row of one validated record.
    pub doubled: Examples,
    /// Breach: a second row of one source offset (offsets of the source).
    pub doubled_origin: Examples,
    /// Breach: rows of offsets that no reader sees in the validated topic; only a count.
    pub invented: u64,
    /// Breach: stretches of offsets (their starts) in which rows name another origin than their record does.
    pub wrong_origin: Examples,
    /// Breach: slots (their starts) that do not begin where the one before ended, or whose numbers contradict each other.
    pub chain_breaks: Examples,
}

/// The files below `lake/`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct FilesLedger {
    /// Parquet files read.
    pub read: u64,
    /// Their rows.
    pub rows: u64,
    /// Files of topics, or of earlier topics of the same name, that this audit is not about.
    pub elsewhere: u64,
    /// Breach: cannot be read as a file of the lake, with the reason.
    pub unreadable: Vec<String>,
    /// Breach: a manifest names it and it is not there.
    pub missing: Vec<String>,
    /// Breach: other bytes or another number of rows than the manifest says.
    pub changed: Vec<String>,
    /// Breach: manifests that cannot be read.
    pub manifests_unreadable: Vec<String>,
}

/// A line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// `topic-partition`.
    pub at: String,
    /// `source` or `lake`.
    pub what: &'static str,
    /// Name and number of each column; names are the same for all rows of one `what`.
    pub cells: Vec<(&'static str, u64)>,
    /// Nothing is wrong in this line.
    pub clean: bool,
}

// === impl Report ===

impl Report {
    pub(crate) fn new(mode: Mode) -> Self {
        let mode = match mode {
            Mode::ExactlyOnce => "exactly_once",
            Mode::AtLeastOnce => "at_least_once",
        };
        Report {
            version: VERSION,
            mode,
            sources: Vec::new(),
            lake: Vec::new(),
            files: FilesLedger::default(),
            incomplete: Vec::new(),
        }
    }

    /// Everything was looked at and nothing is wrong.
    pub fn clean(&self) -> bool {
        self.exit_code() == 0
    }

    /// Nothing is wrong in what was looked at. See [`Report::incomplete`] for what was not.
    fn is_without_findings(&self) -> bool {
        self.sources.iter().all(SourceLedger::clean) && self.lake.iter().all(LakeLedger::clean) && self.files.clean()
    }

    /// 0 clean, 1 findings, 2 could not tell.
    pub fn exit_code(&self) -> u8 {
        match (self.is_without_findings(), self.incomplete.is_empty()) {
            (false, _) => 1,
            (true, false) => 2,
            (true, true) => 0,
        }
    }

    /// The whole ledger; `clean` and `exit_code` lead.
    pub fn to_json(&self) -> serde_json::Value {
        let body = serde_json::to_value(self).expect("names and numbers always become JSON");
        let mut all = serde_json::json!({"clean": self.clean(), "exit_code": self.exit_code()});
        if let (Some(all), serde_json::Value::Object(body)) = (all.as_object_mut(), body) {
            all.extend(body);
        }
        all
    }

    /// One line for each partition, sources first.
    pub fn rows(&self) -> Vec<Row> {
        self.sources
            .iter()
            .map(SourceLedger::row)
            .chain(self.lake.iter().map(LakeLedger::row))
            .collect()
    }
}

// === impl Examples ===

impl Examples {
    /// Most offsets kept.
    pub const KEPT: usize = 20;

    /// One more; the first few are kept.
    pub(crate) fn add(&mut self, offset: i64) {
        self.count += 1;
        if self.first.len() < Examples::KEPT {
            self.first.push(offset);
        }
    }

    pub(crate) fn merge(&mut self, other: Examples) {
        self.count += other.count;
        let room = Examples::KEPT - self.first.len();
        self.first.extend(other.first.into_iter().take(room));
    }

    /// As [`Examples::add`], when the offset stands for several.
    pub(crate) fn add_many(&mut self, offset: i64, count: u64) {
        if count > 0 {
            self.add(offset);
            self.count += count - 1;
        }
    }
}

// === impl SourceLedger ===

impl SourceLedger {
    pub(crate) fn new(at: &TopicPartition, from: NextOffset, until: NextOffset) -> Self {
        SourceLedger {
            topic: at.topic.to_string(),
            partition: at.partition,
            from: from.0,
            until: until.0,
            visible: 0,
            validated: 0,
            dead_lettered: 0,
            skipped: BTreeMap::new(),
            pending: 0,
            repeated: 0,
            missing: Examples::default(),
            doubled: Examples::default(),
            two_classes: Examples::default(),
            changed: Examples::default(),
            invented: Examples::default(),
            out_of_order: Examples::default(),
            unstamped: Examples::default(),
        }
    }

    /// No breach.
    pub fn clean(&self) -> bool {
        self.breaches().iter().all(|(_, count)| *count == 0)
    }

    fn breaches(&self) -> [(&'static str, u64); 7] {
        [
            ("missing", self.missing.count),
            ("doubled", self.doubled.count),
            ("two_classes", self.two_classes.count),
            ("changed", self.changed.count),
            ("invented", self.invented.count),
            ("out_of_order", self.out_of_order.count),
            ("unstamped", self.unstamped.count),
        ]
    }

    fn row(&self) -> Row {
        let mut cells = vec![
            ("visible", self.visible),
            ("validated", self.validated),
            ("dead_lettered", self.dead_lettered),
            ("skipped", self.skipped.values().sum()),
            ("pending", self.pending),
            ("repeated", self.repeated),
        ];
        cells.extend(self.breaches());
        Row {
            at: format!("{}-{}", self.topic, self.partition),
            what: "source",
            cells,
            clean: self.clean(),
        }
    }
}

// === impl LakeLedger ===

impl LakeLedger {
    /// No breach.
    pub fn clean(&self) -> bool {
        self.breaches().iter().all(|(_, count)| *count == 0)
    }

    fn breaches(&self) -> [(&'static str, u64); 7] {
        [
            ("missing", self.missing.count),
            ("surplus", self.surplus.count),
            ("doubled", self.doubled.count),
            ("doubled_origin", self.doubled_origin.count),
            ("invented", self.invented),
            ("wrong_origin", self.wrong_origin.count),
            ("chain_breaks", self.chain_breaks.count),
        ]
    }

    fn row(&self) -> Row {
        let mut cells = vec![
            ("records", self.records),
            ("rows", self.rows),
            ("skipped", self.skipped.values().sum()),
            ("pending", self.pending),
        ];
        cells.extend(self.breaches());
        Row {
            at: format!("{}-{}", self.topic, self.partition),
            what: "lake",
            cells,
            clean: self.clean(),
        }
    }
}

// === impl FilesLedger ===

impl FilesLedger {
    /// No breach.
    pub fn clean(&self) -> bool {
        self.unreadable.is_empty() && self.missing.is_empty() && self.changed.is_empty() && self.manifests_unreadable.is_empty()
    }
}
