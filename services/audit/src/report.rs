//! What an audit found.

use serde::{Deserialize, Serialize};

use crate::plan::Mode;

mod count;
mod files;
mod lake;
mod source;

pub use count::CountLedger;
pub use files::FilesLedger;
pub use lake::LakeLedger;
pub use source::SourceLedger;

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
    /// What a reader should know of a count, and what makes it neither wrong nor incomplete.
    pub notes: Vec<String>,
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
            notes: Vec::new(),
            was_stopped: false,
            is_quick: false,
            is_partial: false,
        }
    }

    /// Names every accepted loss with its reason, and those that never took effect.
    pub(crate) fn note_losses(&mut self) {
        let judging = self.sources.iter().map(|source| {
            let at = format!("{}-{}", source.topic, source.partition);
            (at, "never judged", &source.accepted_losses, &source.idle_losses)
        });
        let landing = self.lake.iter().map(|lake| {
            let at = format!("{}-{} in the lake", lake.topic, lake.partition);
            (at, "never landed", &lake.accepted_losses, &lake.idle_losses)
        });
        let notes = judging.chain(landing).flat_map(|(at, what, accepted, idle)| {
            let named = accepted.iter().map(move |loss| {
                format!(
                    "{at}: {} offsets from {} to {} were {what}, accepted by {}: {}",
                    loss.offsets, loss.from, loss.to, loss.accepted_by, loss.reason
                )
            });
            named.chain(idle.iter().cloned()).collect::<Vec<_>>()
        });
        let notes: Vec<String> = notes.collect();
        self.notes.extend(notes);
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
        let counts = self.counts.iter().flat_map(|count| {
            let at = format!("{}-{}", count.topic, count.partition);
            let breaches = count.breaches().into_iter().filter(|(_, count)| *count > 0);
            breaches.map(move |(name, count)| format!("{at}: {count} {name} by count"))
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
        sources.chain(counts).chain(lake).chain(self.files.findings()).collect()
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
