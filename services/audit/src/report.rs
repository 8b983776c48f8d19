//! What an audit found.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
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
    /// Source partitions by count, of a quick audit.
    pub counts: Vec<CountLedger>,
    /// Validated partitions against the lake.
    pub lake: Vec<LakeLedger>,
    /// Files of the lake.
    pub files: FilesLedger,
    /// What could not be looked at, and why. A clean ledger with an entry here proves nothing.
    pub incomplete: Vec<String>,
    /// Whoever watched ended it: the ledgers of some partitions are not there.
    pub was_stopped: bool,
    /// Records were counted by the manifests, not read.
    pub is_quick: bool,
    /// Only a part of some partitions was asked for.
    pub is_partial: bool,
}

/// How many, and the first few offsets of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Examples {
    /// How many.
    pub count: u64,
    /// The first, at most [`Examples::KEPT`].
    pub first: Vec<i64>,
}

/// One source partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Without an outcome now, which may have been removed by retention or compaction of an outcome topic. Nothing is proved about these.
    pub unseen: BTreeMap<String, u64>,
    /// Without an outcome, and what the record says of itself cannot be told now, by the reason. Nothing is proved about these.
    pub untold: BTreeMap<String, u64>,
    /// Offsets of the range without a visible record: `aborted`, `control` (ends of transactions), `compaction` (or a control record, on a
    /// compacted topic), `control_or_aborted` where uncommitted records are not read. With `visible` they are all offsets of the range.
    pub gaps: BTreeMap<String, u64>,
    /// Offsets with an outcome whose record compaction of the source has removed: their bytes cannot be compared.
    pub compacted: u64,
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
    /// Breach: records of the outcome topics (their own offsets) whose source lies in another partition.
    pub misplaced: Examples,
}

/// One partition of a validated topic in the lake.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LakeLedger {
    /// Validated topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// First audited offset.
    pub from: i64,
    /// Audited up to here.
    pub until: i64,
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
    /// Offsets between the last committed slot and the first offset of the topic: removed before they landed. One may be the end of the
    /// last transaction; about more nothing is proved.
    pub removed_before_landing: u64,
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
    /// Breach: slots (their starts) whose manifest names other last source offsets than the records have.
    pub wrong_marks: Examples,
}

/// One source partition by count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CountLedger {
    /// Source topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// First counted source offset.
    pub from: i64,
    /// Counted up to here: past the last source offset that the chain knows.
    pub until: i64,
    /// Source offsets between.
    pub offsets: u64,
    /// Validated records of them, by the manifests; repeats count once.
    pub landed: u64,
    /// Source offsets of them with a dead letter.
    pub dead_lettered: u64,
    /// Source offsets behind, which the chain does not know yet.
    pub uncounted: u64,
    /// Offsets that are neither. Nothing is proved about these.
    pub unaccounted: u64,
    /// Breach: more outcomes than offsets.
    pub surplus: u64,
    /// Breach: dead letters of an offset that has one, in `exactly_once`.
    pub doubled: u64,
}

/// The files below `lake/`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesLedger {
    /// Parquet files read.
    pub read: u64,
    /// Their rows.
    pub rows: u64,
    /// Files of topics, or of earlier topics of the same name, that this audit is not about.
    pub elsewhere: u64,
    /// Files of a claim that was never committed, of an earlier topic of the same name: nobody will commit it any more.
    pub orphaned: u64,
    /// Files of slots outside of the audited range.
    pub outside: u64,
    /// Breach: cannot be read as a file of the lake, with the reason.
    pub unreadable: Vec<String>,
    /// Breach: a manifest names it and it is not there.
    pub missing: Vec<String>,
    /// Breach: other bytes or another number of rows than the manifest says.
    pub changed: Vec<String>,
    /// Breach: rows of another partition than the manifest that names the file.
    pub misfiled: Vec<String>,
    /// Breach: manifests, or claims without one, that cannot be read.
    pub manifests_unreadable: Vec<String>,
}

/// A line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// `topic-partition`.
    pub at: String,
    /// `source`, `count` or `lake`.
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
            counts: Vec::new(),
            lake: Vec::new(),
            files: FilesLedger::default(),
            incomplete: Vec::new(),
            was_stopped: false,
            is_quick: false,
            is_partial: false,
        }
    }

    /// Everything was looked at and nothing is wrong.
    pub fn clean(&self) -> bool {
        self.exit_code() == 0
    }

    /// Nothing is wrong in what was looked at. See [`Report::incomplete`] for what was not.
    fn is_without_findings(&self) -> bool {
        let counts = self.counts.iter().all(CountLedger::clean);
        counts && self.sources.iter().all(SourceLedger::clean) && self.lake.iter().all(LakeLedger::clean) && self.files.clean()
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

    /// A line for each kind of breach in each partition, with the first offsets, and one for each file that is not as it should be.
    pub fn findings(&self) -> Vec<String> {
        let line = |at: String, name: &str, examples: &Examples| {
            let first: Vec<String> = examples.first.iter().map(i64::to_string).collect();
            let more = if examples.count > examples.first.len() as u64 {
                ", …"
            } else {
                ""
            };
            (examples.count > 0).then(|| format!("{at}: {} {name}: {}{more}", examples.count, first.join(", ")))
        };
        let sources = self.sources.iter().flat_map(|source| {
            let at = format!("{}-{}", source.topic, source.partition);
            source
                .examples()
                .into_iter()
                .filter_map(move |(name, examples)| line(at.clone(), name, examples))
        });
        let lake = self.lake.iter().flat_map(|lake| {
            let at = format!("{}-{} in the lake", lake.topic, lake.partition);
            let invented = (lake.invented > 0).then(|| format!("{at}: {} invented", lake.invented));
            let others = lake
                .examples()
                .into_iter()
                .filter_map(move |(name, examples)| line(at.clone(), name, examples));
            others.chain(invented)
        });
        sources.chain(lake).chain(self.files.findings()).collect()
    }

    /// One line for each partition, sources first.
    pub fn rows(&self) -> Vec<Row> {
        self.sources
            .iter()
            .map(SourceLedger::row)
            .chain(self.counts.iter().map(CountLedger::row))
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

    pub(crate) fn merge(&mut self, other: &Examples) {
        self.count += other.count;
        let room = Examples::KEPT.saturating_sub(self.first.len());
        self.first.extend(other.first.iter().take(room));
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
            unseen: BTreeMap::new(),
            untold: BTreeMap::new(),
            gaps: BTreeMap::new(),
            compacted: 0,
            repeated: 0,
            missing: Examples::default(),
            doubled: Examples::default(),
            two_classes: Examples::default(),
            changed: Examples::default(),
            invented: Examples::default(),
            out_of_order: Examples::default(),
            unstamped: Examples::default(),
            misplaced: Examples::default(),
        }
    }

    /// Adds what another part of the partition holds.
    pub(crate) fn merge(&mut self, part: &SourceLedger) {
        self.visible += part.visible;
        self.validated += part.validated;
        self.dead_lettered += part.dead_lettered;
        self.pending += part.pending;
        self.compacted += part.compacted;
        self.repeated += part.repeated;
        add(&mut self.skipped, &part.skipped);
        add(&mut self.unseen, &part.unseen);
        add(&mut self.untold, &part.untold);
        add(&mut self.gaps, &part.gaps);
        self.missing.merge(&part.missing);
        self.doubled.merge(&part.doubled);
        self.two_classes.merge(&part.two_classes);
        self.changed.merge(&part.changed);
        self.invented.merge(&part.invented);
        self.out_of_order.merge(&part.out_of_order);
        self.unstamped.merge(&part.unstamped);
        self.misplaced.merge(&part.misplaced);
    }

    /// No breach.
    pub fn clean(&self) -> bool {
        self.breaches().iter().all(|(_, count)| *count == 0)
    }

    fn breaches(&self) -> Vec<(&'static str, u64)> {
        self.examples().iter().map(|(name, examples)| (*name, examples.count)).collect()
    }

    fn gap(&self, what: &str) -> u64 {
        self.gaps.get(what).copied().unwrap_or(0)
    }

    fn examples(&self) -> [(&'static str, &Examples); 8] {
        [
            ("missing", &self.missing),
            ("doubled", &self.doubled),
            ("two_classes", &self.two_classes),
            ("changed", &self.changed),
            ("invented", &self.invented),
            ("out_of_order", &self.out_of_order),
            ("unstamped", &self.unstamped),
            ("misplaced", &self.misplaced),
        ]
    }

    fn row(&self) -> Row {
        let mut cells = vec![
            ("visible", self.visible),
            ("validated", self.validated),
            ("dead_lettered", self.dead_lettered),
            ("skipped", self.skipped.values().sum()),
            ("pending", self.pending),
            ("unseen", self.unseen.values().sum()),
            ("untold", self.untold.values().sum()),
            ("control", self.gap("control")),
            ("aborted", self.gap("aborted")),
            ("control_or_aborted", self.gap("control_or_aborted")),
            ("compaction", self.gap("compaction")),
            ("compacted", self.compacted),
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

// === impl CountLedger ===

impl CountLedger {
    /// No breach.
    pub fn clean(&self) -> bool {
        self.surplus == 0 && self.doubled == 0
    }

    fn row(&self) -> Row {
        let cells = vec![
            ("offsets", self.offsets),
            ("landed", self.landed),
            ("dead_lettered", self.dead_lettered),
            ("uncounted", self.uncounted),
            ("unaccounted", self.unaccounted),
            ("surplus", self.surplus),
            ("doubled", self.doubled),
        ];
        Row {
            at: format!("{}-{}", self.topic, self.partition),
            what: "count",
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

    fn breaches(&self) -> Vec<(&'static str, u64)> {
        let mut breaches: Vec<_> = self.examples().iter().map(|(name, examples)| (*name, examples.count)).collect();
        breaches.push(("invented", self.invented));
        breaches
    }

    fn examples(&self) -> [(&'static str, &Examples); 7] {
        [
            ("missing", &self.missing),
            ("surplus", &self.surplus),
            ("doubled", &self.doubled),
            ("doubled_origin", &self.doubled_origin),
            ("wrong_origin", &self.wrong_origin),
            ("chain_breaks", &self.chain_breaks),
            ("wrong_marks", &self.wrong_marks),
        ]
    }

    fn row(&self) -> Row {
        let mut cells = vec![
            ("records", self.records),
            ("rows", self.rows),
            ("skipped", self.skipped.values().sum()),
            ("pending", self.pending),
            ("removed_before_landing", self.removed_before_landing),
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
        let breaches = [
            &self.unreadable,
            &self.missing,
            &self.changed,
            &self.misfiled,
            &self.manifests_unreadable,
        ];
        breaches.iter().all(|paths| paths.is_empty())
    }

    fn findings(&self) -> impl Iterator<Item = String> {
        let lists = [
            ("cannot be read", &self.unreadable),
            ("is named by a manifest and is not there", &self.missing),
            ("holds other bytes or another number of rows than its manifest says", &self.changed),
            ("holds rows of another partition", &self.misfiled),
            ("is no document of the chain", &self.manifests_unreadable),
        ];
        lists
            .into_iter()
            .flat_map(|(what, paths)| paths.iter().map(move |path| format!("{path}: {what}")))
    }

    /// Adds what was found in other files.
    pub(crate) fn merge(&mut self, part: &FilesLedger) {
        self.read += part.read;
        self.rows += part.rows;
        self.elsewhere += part.elsewhere;
        self.orphaned += part.orphaned;
        self.outside += part.outside;
        self.unreadable.extend_from_slice(&part.unreadable);
        self.missing.extend_from_slice(&part.missing);
        self.changed.extend_from_slice(&part.changed);
        self.misfiled.extend_from_slice(&part.misfiled);
        self.manifests_unreadable.extend_from_slice(&part.manifests_unreadable);
    }
}

fn add(counts: &mut BTreeMap<String, u64>, more: &BTreeMap<String, u64>) {
    for (name, count) in more {
        *counts.entry(name.clone()).or_default() += count;
    }
}
