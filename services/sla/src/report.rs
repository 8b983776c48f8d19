//! What a pass found.

use std::sync::Arc;

use tidegate_contract::Severity;
use tidegate_objectives::{Clause, Completeness, Measured, SlaVerdict};

/// One pass over the objectives of a snapshot.
#[derive(Debug, Clone)]
pub struct Report {
    /// The instant that freshness was judged at, in microseconds since the epoch.
    pub observed_at: i64,
    /// Commit of the snapshot.
    pub commit: Arc<str>,
    /// Clauses that were judged, or should have been.
    pub entries: Vec<Entry>,
    /// Clauses that are not executed here.
    pub not_executed: Vec<NotExecuted>,
    /// CEL row rules of the contracts looked at: the validator checks them on every record.
    pub per_record: usize,
}

/// What became of one clause.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Which.
    pub clause: Clause,
    /// Result.
    pub outcome: Outcome,
    /// Value, limit and unit, when something was measured.
    pub measured: Option<Measured>,
    /// One sentence for a person, without event content.
    pub says: String,
    /// The query that was asked.
    pub evidence: Option<String>,
    /// What became of the topic's records, where that is what the clause is about and it could be looked at.
    pub completeness: Option<Completeness>,
}

/// A clause that is not executed, and why.
#[derive(Debug, Clone)]
pub struct NotExecuted {
    /// Which.
    pub clause: Clause,
    /// Why.
    pub why: String,
}

/// Result of a clause, in the words of OORS; `skip` is what [`NotExecuted`] is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// The promise holds.
    Pass,
    /// A promise of severity warning or info is broken.
    Warn,
    /// A promise is broken.
    Fail,
    /// Nobody can tell.
    Error,
}

/// How many of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// [`Outcome::Pass`].
    pub pass: usize,
    /// [`Outcome::Warn`].
    pub warn: usize,
    /// [`Outcome::Fail`].
    pub fail: usize,
    /// [`Outcome::Error`].
    pub error: usize,
    /// [`NotExecuted`].
    pub skip: usize,
}

// === impl Report ===

impl Report {
    /// Columns of [`Report::rows`].
    pub const HEADINGS: [&'static str; 7] = ["status", "contract", "element", "rule", "measured", "limit", "what"];

    /// The entries as a table, then what is not executed. Texts of contracts may hold control characters; they come out escaped.
    pub fn rows(&self) -> Vec<[String; 7]> {
        let judged = self.entries.iter().map(|entry| {
            let with_unit = |value: &str, unit: &str| {
                if unit.is_empty() {
                    value.to_owned()
                } else {
                    format!("{value} {unit}")
                }
            };
            let (value, limit) = match &entry.measured {
                Some(measured) => (with_unit(&measured.value, measured.unit), with_unit(&measured.limit, measured.unit)),
                None => ("?".to_owned(), String::new()),
            };
            row(entry.outcome.as_str(), &entry.clause, value, limit, &entry.says)
        });
        let skipped = self
            .not_executed
            .iter()
            .map(|skipped| row("skip", &skipped.clause, String::new(), String::new(), &skipped.why));
        judged.chain(skipped).collect()
    }

    /// What became of the records of each partition: one line each, and one for all that say the same.
    pub fn partitions(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for one in self
            .entries
            .iter()
            .filter_map(|entry| entry.completeness.as_ref())
            .flat_map(|known| &known.partitions)
        {
            let line = printable(&one.line());
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines
    }

    /// How many of each.
    pub fn counts(&self) -> Counts {
        let of = |outcome| self.entries.iter().filter(|entry| entry.outcome == outcome).count();
        Counts {
            pass: of(Outcome::Pass),
            warn: of(Outcome::Warn),
            fail: of(Outcome::Fail),
            error: of(Outcome::Error),
            skip: self.not_executed.len(),
        }
    }

    /// 1 when a promise of severity error is broken; else 2 when one could not be told; else 0. A broken promise is certain whatever else is unknown,
    /// so it comes first.
    pub fn exit_code(&self) -> u8 {
        match self.counts() {
            Counts { fail: 1.., .. } => 1,
            Counts { error: 1.., .. } => 2,
            _ => 0,
        }
    }
}

fn row(status: &str, clause: &Clause, measured: String, limit: String, says: &str) -> [String; 7] {
    [
        status.to_owned(),
        clause.contract.to_string(),
        clause.place(),
        clause.rule_with_metric(),
        measured,
        limit,
        says.to_owned(),
    ]
    .map(|text| printable(&text))
}

fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|character| {
            if character.is_control() {
                character.escape_default().collect::<Vec<_>>()
            } else {
                vec![character]
            }
        })
        .collect()
}

// === impl Outcome ===

impl Outcome {
    /// What a verdict comes to under a severity. Unknown is an error whatever the severity: a broken question is never passed over.
    pub fn of(verdict: &SlaVerdict, severity: Severity) -> Outcome {
        match (verdict, severity) {
            (SlaVerdict::Met(_), _) => Outcome::Pass,
            (SlaVerdict::Breached(_), Severity::Error) => Outcome::Fail,
            (SlaVerdict::Breached(_), Severity::Warning | Severity::Info) => Outcome::Warn,
            (SlaVerdict::Unknown { .. }, _) => Outcome::Error,
        }
    }

    /// As OORS writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Warn => "warn",
            Outcome::Fail => "fail",
            Outcome::Error => "error",
        }
    }
}

// === impl Entry ===

impl Entry {
    /// What was measured, where that is a number.
    pub fn number(&self) -> Option<f64> {
        let measured = self.measured.as_ref().filter(|measured| measured.numeric)?;
        measured.value.parse().ok()
    }
}
