//! GitLab's code quality report: a list of findings in the shape of Code Climate's issues.

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tidegate_contract::{Diagnostic, Level};

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
            description: text(one),
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
    use super::super::tests::one;
    use super::*;

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
            (Some("TG0117"), Some("minor"), Some("50% of:\nit (mend)"))
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
