//! The report as JUnit's XML: a suite a contract version, a case a clause. What is broken is a failure, what could not be told an error, a
//! broken warning passes with its text, and what is not executed is skipped.

use std::fmt::Write as _;

use tidegate_contract::ContractRef;
use tidegate_objectives::completeness::Accounted;

use crate::report::{Counts, Entry, Outcome, Report};

// === impl Report ===

impl Report {
    /// The document.
    pub fn to_junit(&self) -> String {
        let counted = |counts: Counts| {
            let tests = counts.pass + counts.warn + counts.fail + counts.error + counts.skip;
            format!(
                "tests=\"{tests}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"",
                counts.fail, counts.error, counts.skip
            )
        };
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {}>\n",
            counted(self.counts())
        );
        for contract in self.contracts() {
            let part = self.of(&contract);
            let name = escaped(&contract.to_string());
            let _ = writeln!(out, "  <testsuite name=\"{name}\" {}>", counted(part.counts()));
            for entry in &part.entries {
                let text = escaped(&entry.says);
                let kind = escaped(&entry.clause.metric);
                let mut said = partitions(entry).iter().map(|line| escaped(line)).collect::<Vec<_>>().join("\n");
                let mut inside = match entry.outcome {
                    Outcome::Pass => String::new(),
                    Outcome::Warn => {
                        said = [text, said]
                            .into_iter()
                            .filter(|part| !part.is_empty())
                            .collect::<Vec<_>>()
                            .join("\n");
                        String::new()
                    }
                    Outcome::Fail => format!("<failure message=\"{text}\" type=\"{kind}\"/>"),
                    Outcome::Error => format!("<error message=\"{text}\" type=\"{kind}\"/>"),
                };
                if !said.is_empty() {
                    let _ = write!(inside, "<system-out>{said}</system-out>");
                }
                case(&mut out, &name, &entry.clause, &inside);
            }
            for skipped in &part.not_executed {
                let inside = format!("<skipped message=\"{}\"/>", escaped(&skipped.why));
                case(&mut out, &name, &skipped.clause, &inside);
            }
            out.push_str("  </testsuite>\n");
        }
        out.push_str("</testsuites>\n");
        out
    }

    /// Contract versions in the report's order.
    pub fn contracts(&self) -> Vec<ContractRef> {
        let mut contracts: Vec<ContractRef> = Vec::new();
        let judged = self.entries.iter().map(|entry| &entry.clause.contract);
        for contract in judged.chain(self.not_executed.iter().map(|skipped| &skipped.clause.contract)) {
            if !contracts.contains(contract) {
                contracts.push(contract.clone());
            }
        }
        contracts
    }

    /// What it says of one contract version.
    pub fn of(&self, contract: &ContractRef) -> Report {
        let mut part = self.clone();
        part.entries.retain(|entry| entry.clause.contract == *contract);
        part.not_executed.retain(|skipped| skipped.clause.contract == *contract);
        part
    }
}

/// What became of the records of each partition, where that is what the clause is about.
fn partitions(entry: &Entry) -> Vec<String> {
    let known = entry.completeness.iter().flat_map(|known| &known.partitions);
    known.map(Accounted::line).collect()
}

fn case(out: &mut String, suite: &str, clause: &tidegate_objectives::Clause, inside: &str) {
    let place = clause.id.split_once('/').map_or(&*clause.rule, |(_, place)| place);
    let _ = writeln!(
        out,
        "    <testcase classname=\"{suite}\" name=\"{}\" file=\"{}\" line=\"{}\">{inside}</testcase>",
        escaped(place),
        escaped(&clause.location.file),
        clause.location.line
    );
}

/// For XML's and HTML's text and attributes; control characters, which XML cannot hold, become U+FFFD.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(' '),
            control if control.is_control() || matches!(control, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}
