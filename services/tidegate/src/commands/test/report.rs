//! Results of tests: for a terminal, as one JSON document, as JUnit's XML.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tidegate_contract::{Diagnostic, Level};
use tidegate_diff::render::one_line;

use super::Tests;
use super::suite::Kind;
use crate::commands::lint::formats::{self, escaped};

/// A line for each contract, and the sum.
pub(super) fn human(tests: &Tests) -> String {
    let mut out = String::new();
    for tested in &tests.contracts {
        let (valid, invalid) = (tested.count(Kind::Valid), tested.count(Kind::Invalid));
        let failed = tested.failures().count();
        let result = match (valid + invalid, failed) {
            (0, _) => "no tests".to_owned(),
            (_, 0) => format!("{valid} valid, {invalid} invalid, all as expected"),
            (_, failed) => format!("{valid} valid, {invalid} invalid, {failed} otherwise than expected"),
        };
        let _ = writeln!(
            out,
            "{} ({}): {result}",
            one_line(&tested.contract.to_string()),
            one_line(&tested.file)
        );
    }
    let _ = writeln!(out, "{}", tests.sentence());
    out
}

/// `schemas/formats/test-report.schema.json`.
pub(super) fn json(tests: &Tests, refused: &[Diagnostic]) -> Value {
    let contracts: Vec<Value> = tests
        .contracts
        .iter()
        .map(|tested| {
            let cases: Vec<Value> = tested
                .trial
                .tried
                .iter()
                .map(|tried| {
                    json!({
                        "event": format!("{}/{}", tried.kind.folder(), tried.name),
                        "file": tried.file,
                        "passed": tried.failure.is_none(),
                        "code": tried.failure.as_ref().map(|failure| failure.code),
                        "problem": tried.failure.as_ref().map(|failure| failure.problem.as_str()),
                    })
                })
                .collect();
            json!({
                "id": &*tested.contract.id,
                "version": &*tested.contract.version,
                "file": &*tested.file,
                "fingerprints": tested.trial.fingerprints,
                "events": cases,
                "untested": tested.trial.untested,
            })
        })
        .collect();
    let found: Vec<Diagnostic> = refused.iter().cloned().chain(tests.found()).collect();
    json!({
        "format": "tidegate.test/1",
        "failed": !refused.is_empty() || tests.has_failures(),
        "events": tests.events(),
        "failures": tests.failures(),
        "contracts": contracts,
        "findings": formats::document(&found),
    })
}

/// One suite a contract, one case an event; whatever else is wrong is a case of its own.
pub(super) fn junit(tests: &Tests, refused: &[Diagnostic]) -> String {
    let mut suites = String::new();
    let (mut all, mut failed) = (0, 0);
    let failure = |one: &Diagnostic| {
        let body = format!("{}: {}", one.location, formats::text(one));
        format!(
            "<failure message=\"{}\" type=\"{}\">{}</failure>",
            escaped(&one.problem),
            one.code,
            escaped(&body)
        )
    };
    let mut write = |name: &str, cases: Vec<(String, String, Option<&Diagnostic>)>| {
        let failures = cases.iter().filter(|(.., one)| one.is_some()).count();
        let counts = format!("tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\"", cases.len());
        let _ = writeln!(suites, "  <testsuite name=\"{}\" {counts}>", escaped(name));
        for (case, file, one) in &cases {
            let head = format!(
                "classname=\"{}\" name=\"{}\" file=\"{}\"",
                escaped(name),
                escaped(case),
                escaped(file)
            );
            let _ = match one {
                Some(one) => writeln!(suites, "    <testcase {head}>{}</testcase>", failure(one)),
                None => writeln!(suites, "    <testcase {head}/>"),
            };
        }
        suites.push_str("  </testsuite>\n");
        (all, failed) = (all + cases.len(), failed + failures);
    };
    for tested in &tests.contracts {
        let name = tested.contract.to_string();
        let events = tested.trial.tried.iter().map(|tried| {
            let case = format!("{}/{}", tried.kind.folder(), tried.name);
            (case, tried.file.clone(), tried.failure.as_ref())
        });
        let others = tested
            .found
            .iter()
            .chain(&tested.trial.found)
            .filter(|one| one.level == Level::Error);
        let others = others.map(|one| (format!("{} {}", one.code, one.location), one.location.file.to_string(), Some(one)));
        write(&name, events.chain(others).collect());
    }
    if !refused.is_empty() {
        let cases = refused
            .iter()
            .map(|one| (format!("{} {}", one.code, one.location), one.location.file.to_string(), Some(one)));
        write("contracts that do not load", cases.collect());
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"{all}\" failures=\"{failed}\" errors=\"0\" skipped=\"0\">\n{suites}</testsuites>\n"
    )
}
