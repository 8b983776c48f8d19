//! GitLab's code quality report: a list of findings in the shape of Code Climate's issues.

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tidegate_contract::{Diagnostic, Level};
use tidegate_diff::render::one_line;

use super::text;

/// One finding.
#[derive(Debug, Serialize)]
pub(crate) struct Issue<'a> {
    description: String,
    check_name: &'a str,
    /// Equal for equal findings of two pipelines, so that a merge request shows what is new. Lines move, so they do not count.
    fingerprint: String,
    severity: &'static str,
    location: Place<'a>,
}

#[derive(Debug, Serialize)]
struct Place<'a> {
    path: &'a str,
    lines: Lines,
}

#[derive(Debug, Serialize)]
struct Lines {
    begin: u32,
}

pub(crate) fn gitlab(found: &[Diagnostic]) -> Vec<Issue<'_>> {
    let mut issues: Vec<Issue<'_>> = Vec::with_capacity(found.len());
    for one in found {
        // The same finding twice at one node is told apart by its number.
        let mut number = 0;
        let fingerprint = loop {
            let candidate = hash(one, number);
            if issues.iter().all(|issue| issue.fingerprint != candidate) {
                break candidate;
            }
            number += 1;
        };
        issues.push(Issue {
            // Shown in a list: one line, and nothing that disguises it.
            description: one_line(&text(one)),
            check_name: one.code,
            fingerprint,
            severity: match one.level {
                Level::Error => "major",
                Level::Warning => "minor",
                Level::Note => "info",
            },
            location: Place {
                path: one.location.file.strip_prefix("./").unwrap_or(&one.location.file),
                lines: Lines {
                    begin: one.location.line.max(1),
                },
            },
        });
    }
    issues
}

fn hash(one: &Diagnostic, number: usize) -> String {
    let text = format!(
        "{}\n{}\n{}\n{}\n{number}",
        one.code, one.location.file, one.location.pointer, one.problem
    );
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{hostile, one};
    use super::*;

    #[test]
    fn hostile_names_stay_inside_of_their_texts() {
        let report = serde_json::to_string_pretty(&gitlab(&hostile())).unwrap();
        let read: serde_json::Value = serde_json::from_str(&report).unwrap();
        for (issue, one) in read.as_array().unwrap().iter().zip(hostile()) {
            assert_eq!(issue["location"]["path"].as_str(), Some(&*one.location.file));
            let description = issue["description"].as_str().unwrap();
            assert!(!description.contains(['\n', '\r', '\u{1b}', '\u{202e}']), "{description:?}");
        }
        // A job's log that shows the file has no line that begins with a command.
        assert!(report.lines().all(|line| !line.trim_start().starts_with("::")), "{report}");
    }

    #[test]
    fn issues_have_what_gitlab_asks_for() {
        let mut found = one();
        found.extend(one());
        let report = serde_json::to_value(gitlab(&found)).unwrap();
        let first = &report[0];
        assert_eq!(
            (
                first["check_name"].as_str(),
                first["severity"].as_str(),
                first["description"].as_str()
            ),
            (Some("TG0117"), Some("minor"), Some("50% of: it (mend)"))
        );
        assert_eq!(
            first["location"],
            serde_json::json!({"path": "a b,c.odcs.yaml", "lines": {"begin": 3}})
        );
        assert_ne!(first["fingerprint"], report[1]["fingerprint"]);
        // A line that moved is the same finding.
        let mut moved = one();
        moved[0].location.line = 9;
        assert_eq!(
            serde_json::to_value(gitlab(&moved)).unwrap()[0]["fingerprint"],
            first["fingerprint"]
        );
    }
}
