//! Findings for machines: our own JSON, GitHub's workflow commands, SARIF 2.1.0 (OASIS), JUnit, GitLab, Azure Pipelines.

use std::collections::BTreeSet;

use serde::Serialize;
use tidegate_contract::codes::{self, Code};
use tidegate_contract::{Diagnostic, Level};

mod azure;
mod gitlab;
mod junit;

pub(crate) use azure::azure;
pub(crate) use gitlab::gitlab;
pub(crate) use junit::{escaped, junit};

/// One finding.
#[derive(Debug, Serialize)]
pub(crate) struct Finding<'a> {
    code: &'a str,
    level: &'static str,
    file: &'a str,
    line: u32,
    column: u32,
    /// JSON Pointer in the contract.
    pointer: &'a str,
    problem: &'a str,
    help: &'a str,
}

pub(crate) fn document(found: &[Diagnostic]) -> Vec<Finding<'_>> {
    found
        .iter()
        .map(|one| Finding {
            code: one.code,
            level: one.level.as_str(),
            file: &one.location.file,
            line: one.location.line,
            column: one.location.column,
            pointer: &one.location.pointer,
            problem: &one.problem,
            help: &one.help,
        })
        .collect()
}

/// Workflow commands: GitHub shows each as an annotation at its line, and only the first ten of a kind, so errors come first.
pub(crate) fn github(found: &[Diagnostic]) -> Vec<String> {
    // As GitHub's own toolkit escapes them.
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let mut sorted: Vec<&Diagnostic> = found.iter().collect();
    sorted.sort_by_key(|one| one.level);
    sorted
        .into_iter()
        .map(|one| {
            let command = match one.level {
                Level::Error => "error",
                Level::Warning => "warning",
                Level::Note => "notice",
            };
            format!(
                "::{command} file={},line={},col={},title={}::{}",
                property(&one.location.file),
                one.location.line,
                one.location.column,
                property(one.code),
                data(&text(one))
            )
        })
        .collect()
}

/// Text that the services read beside commands: GitHub takes a line that begins with `::` for one, Azure's agent looks for `##vso[` and `##[`
/// anywhere in a line. A zero-width space keeps somebody's text from being a command.
pub(crate) fn without_commands(text: &str) -> String {
    let text = text.replace("##vso[", "##\u{200b}vso[").replace("##[", "##\u{200b}[");
    let lines = text.split_inclusive('\n').map(|line| match line.trim_start().starts_with("::") {
        true => line.replacen("::", ":\u{200b}:", 1),
        false => line.to_owned(),
    });
    lines.collect()
}

/// Text for people, which a service may be the one to print.
pub(crate) fn harmless(text: String) -> String {
    let is_set = |name: &str| std::env::var(name).is_ok_and(|value| value.eq_ignore_ascii_case("true"));
    match is_set("GITHUB_ACTIONS") || is_set("TF_BUILD") {
        true => without_commands(&text),
        false => text,
    }
}

/// A SARIF log with one run.
#[derive(Debug, Serialize)]
pub(crate) struct Sarif<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Debug, Serialize)]
struct Run<'a> {
    tool: Tool,
    results: Vec<SarifResult<'a>>,
    #[serde(rename = "columnKind")]
    column_kind: &'static str,
}

#[derive(Debug, Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    short_description: Text<'static>,
    full_description: Text<'static>,
}

#[derive(Debug, Serialize)]
struct Text<'a> {
    text: std::borrow::Cow<'a, str>,
}

/// `result` of the standard.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult<'a> {
    rule_id: &'a str,
    level: &'static str,
    message: Text<'a>,
    locations: [Place; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    physical_location: PhysicalLocation,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: Artifact,
    region: Region,
}

#[derive(Debug, Serialize)]
struct Artifact {
    uri: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    start_column: u32,
}

pub(crate) fn sarif(found: &[Diagnostic]) -> Sarif<'_> {
    let used: BTreeSet<&str> = found.iter().map(|one| one.code).collect();
    let rules = used.into_iter().filter_map(code).map(|code| Rule {
        id: code.id,
        short_description: Text { text: code.title.into() },
        full_description: Text {
            text: code.explanation.into(),
        },
    });
    let results = found.iter().map(|one| SarifResult {
        rule_id: one.code,
        level: one.level.as_str(),
        message: Text { text: text(one).into() },
        locations: [Place {
            physical_location: PhysicalLocation {
                artifact_location: Artifact {
                    uri: uri(&one.location.file),
                },
                region: Region {
                    start_line: one.location.line.max(1),
                    start_column: one.location.column.max(1),
                },
            },
        }],
    });
    Sarif {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "tidegate",
                    version: env!("CARGO_PKG_VERSION"),
                    rules: rules.collect(),
                },
            },
            results: results.collect(),
            column_kind: "unicodeCodePoints",
        }],
    }
}

fn code(id: &str) -> Option<&'static Code> {
    codes::explain(id)
        .or_else(|| tidegate_check::codes::explain(id))
        .or_else(|| crate::review::codes::explain(id))
}

pub(crate) fn text(one: &Diagnostic) -> String {
    match one.help.as_str() {
        "" => one.problem.clone(),
        help => format!("{} ({help})", one.problem),
    }
}

/// A path as a relative reference (RFC 3986): everything but unreserved characters and `/` is written as its bytes.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use tidegate_contract::Location;

    use super::*;

    pub(super) fn one() -> Vec<Diagnostic> {
        vec![Diagnostic {
            code: "TG0117",
            level: Level::Warning,
            location: Location {
                file: "a b,c.odcs.yaml".into(),
                line: 3,
                column: 7,
                pointer: "/schema/0".into(),
            },
            problem: "50% of:\nit".into(),
            help: "mend".into(),
        }]
    }

    #[test]
    fn annotations_are_escaped() {
        let expected = "::warning file=a b%2Cc.odcs.yaml,line=3,col=7,title=TG0117::50%25 of:%0Ait (mend)";
        assert_eq!(github(&one()), [expected]);
    }

    #[test]
    fn sarif_names_rule_place_and_message() {
        let found = one();
        let log = serde_json::to_value(sarif(&found)).unwrap();
        assert_eq!(log["version"], "2.1.0");
        let run = &log["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"][0]["id"], "TG0117");
        let result = &run["results"][0];
        assert_eq!(
            (result["ruleId"].as_str(), result["level"].as_str()),
            (Some("TG0117"), Some("warning"))
        );
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20b%2Cc.odcs.yaml");
        assert_eq!(
            (place["region"]["startLine"].as_u64(), place["region"]["startColumn"].as_u64()),
            (Some(3), Some(7))
        );
    }
}
