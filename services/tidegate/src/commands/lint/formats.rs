//! Findings for machines: our own JSON, GitHub's workflow commands, SARIF 2.1.0 (OASIS), JUnit, GitLab, Azure Pipelines.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;
use tidegate_contract::codes::{self, Code};
use tidegate_contract::{Diagnostic, Level, is_disguise, is_unseen};
use tidegate_diff::render::one_line;

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

/// For services that show the first findings only: errors first, where nobody has put those on changed lines first ([`crate::review::changed`]).
pub(crate) fn worst_first(mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    found.sort_by_key(|one| one.level);
    found
}

/// Workflow commands, in the order of the findings: GitHub shows each as an annotation at its line, and only the first ten of a kind and fifty in all.
pub(crate) fn github(found: &[Diagnostic]) -> Vec<String> {
    // As GitHub's own toolkit escapes them.
    let data = |text: &str| printable(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    found
        .iter()
        .map(|one| {
            let command = match one.level {
                Level::Error => "error",
                Level::Warning => "warning",
                Level::Note => "notice",
            };
            // The runner's first form of commands, `##[…]`, is one anywhere in a line.
            format!(
                "::{command} file={},line={},col={},title={}::{}",
                without_commands(&property(&one.location.file)),
                one.location.line,
                one.location.column,
                property(one.code),
                without_commands(&data(&text(one)))
            )
        })
        .collect()
}

/// Text without what commands a terminal or turns the direction of text; line ends stay.
pub(crate) fn printable(text: &str) -> String {
    let lines = text.split_inclusive(['\r', '\n']);
    lines
        .flat_map(|line| {
            let body = line.trim_end_matches(['\r', '\n']);
            [one_line(body), line[body.len()..].to_owned()]
        })
        .collect()
}

/// Text that the services read beside commands: GitHub takes a line that begins with `::` for one, and it and Azure's agent look for `##[` and
/// `##vso[` anywhere in a line, in any case of letters. A space keeps somebody's text from being a command: an agent that compares as its
/// language does would not see one of no width.
pub(crate) fn without_commands(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // .NET, in which both are written, ends a line at a carriage return as well.
    for line in text.split_inclusive(['\r', '\n']) {
        // What stands before a character, as far as it is seen; none at the start of the line.
        let mut last = None;
        let mut colons = 0;
        for c in line.chars() {
            let is_command = match c {
                '#' => last == Some('#'),
                ':' => last == Some(':') && colons == 1,
                _ => false,
            };
            if is_command {
                out.push(' ');
            }
            out.push(c);
            if is_unseen(c) || (last.is_none() && c.is_whitespace()) {
                continue;
            }
            // Only those that the line begins with.
            colons = match (last, c) {
                (None, ':') => 1,
                _ => 0,
            };
            last = Some(c);
        }
    }
    out
}

/// Text for people, which a service may be the one to print.
pub(crate) fn harmless(text: String) -> String {
    let is_set = |name: &str| std::env::var(name).is_ok_and(|value| value.eq_ignore_ascii_case("true"));
    match is_set("GITHUB_ACTIONS") || is_set("TF_BUILD") {
        true => without_commands(&text),
        false => text,
    }
}

/// JSON that a service may print in its log, or a terminal: whatever commands either is written as the escape that means the same.
pub(crate) fn printed_json(document: &impl Serialize) -> serde_json::Result<String> {
    let text = serde_json::to_string_pretty(document)?;
    let mut out = String::with_capacity(text.len() + 1);
    let mut last = ' ';
    // Outside of strings there is neither a number sign nor anything but ASCII.
    for c in text.chars() {
        match c {
            '#' if last == '#' => out.push_str("\\u0023"),
            '\n' => out.push(c),
            c if is_disguise(c) => {
                // All of them are in the basic plane.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
        last = if is_unseen(c) { last } else { c };
    }
    out.push('\n');
    Ok(out)
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
    use std::collections::BTreeMap;

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

    /// Names and texts that somebody wrote to command the service that prints them.
    pub(super) fn hostile() -> Vec<Diagnostic> {
        let texts = [
            "a\n::error file=x::y\r::add-mask::z\r\n##vso[task.setvariable variable=PATH]/tmp/x",
            "%0A::stop-commands::t ##[add-mask]x ###[error]y ##VSO[task.complete]done",
            "100% \u{1b}[31m\u{202e}x\u{200b}; ] , : ::set-env name=A::b",
        ];
        let one = |text: &str| Diagnostic {
            location: Location {
                file: format!("c/{text}.odcs.yaml").into(),
                ..one().remove(0).location
            },
            problem: text.to_owned(),
            help: text.to_owned(),
            ..one().remove(0)
        };
        texts.map(one).to_vec()
    }

    /// Reads a command as GitHub's runner does: properties up to `::`, then data.
    fn read_github(line: &str) -> (BTreeMap<String, String>, String) {
        let undone = |text: &str| {
            text.replace("%3A", ":")
                .replace("%2C", ",")
                .replace("%0D", "\r")
                .replace("%0A", "\n")
                .replace("%25", "%")
        };
        let (head, data) = line.strip_prefix("::warning ").unwrap().split_once("::").unwrap();
        let properties = head.split(',').map(|part| part.split_once('=').unwrap());
        (
            properties.map(|(name, value)| (name.to_owned(), undone(value))).collect(),
            undone(data),
        )
    }

    #[test]
    fn hostile_names_command_nothing() {
        let found = hostile();
        let lines = github(&found);
        assert_eq!(lines.len(), found.len());
        for (line, one) in lines.iter().zip(&found) {
            assert!(!line.contains(['\n', '\r', '\u{1b}', '\u{202e}']), "{line:?}");
            assert!(
                !line.to_lowercase().contains("##[") && !line.to_lowercase().contains("##vso["),
                "{line}"
            );
            let (properties, data) = read_github(line);
            let names: Vec<&str> = properties.keys().map(String::as_str).collect();
            assert_eq!(names, ["col", "file", "line", "title"], "{line}");
            // What was written is what is shown, but for the spaces that break commands.
            let plain = |text: &str| printable(text).replace(' ', "");
            assert_eq!(plain(&data), plain(&text(one)), "{line}");
            assert_eq!(plain(&properties["file"]), plain(&one.location.file), "{line}");
        }
    }

    #[test]
    fn no_line_of_text_is_a_command() {
        for one in hostile() {
            let shown = without_commands(&one.problem);
            for line in shown.split(['\r', '\n']) {
                assert!(!line.trim_start().starts_with("::"), "{line}");
                assert!(!line.contains("##"), "{line}");
            }
        }
        assert_eq!(without_commands("a::b # c\n  ::d\n:::e"), "a::b # c\n  : :d\n: ::e");
        // Agents compare as a language does, to which these are nothing.
        for unseen in [
            "\u{200b}::error::x",
            ":\u{ad}:error::x",
            "#\u{200d}#[error]x",
            " \u{feff} ::x",
            "#\u{7f}#vso[a]",
        ] {
            let seen = without_commands(unseen).replace(is_unseen, "");
            assert!(
                !seen.trim_start().starts_with("::") && !seen.contains("##"),
                "{unseen:?} became {seen:?}"
            );
        }
    }

    #[test]
    fn json_means_the_same_and_commands_nothing() {
        let found = hostile();
        for text in [
            printed_json(&document(&found)).unwrap(),
            printed_json(&gitlab(&found)).unwrap(),
            printed_json(&sarif(&found)).unwrap(),
        ] {
            assert!(!text.chars().any(|c| is_disguise(c) && c != '\n'), "{text:?}");
            assert!(!text.replace(is_unseen, "").contains("##"), "{text}");
            assert!(text.lines().all(|line| !line.trim_start().starts_with("::")), "{text}");
        }
        let document = serde_json::to_value(document(&found)).unwrap();
        let read: serde_json::Value = serde_json::from_str(&printed_json(&document).unwrap()).unwrap();
        assert_eq!(read, document);
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
