//! Every clause that is said to be executed on each record has a corpus folder that shows it, passing and failing.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;

use serde_json::Value;
use tidegate_contract::coverage::{CLAUSES, Runs, Scope};

/// Options whose violations are called as the option.
const NAMED: [&str; 17] = [
    "minLength",
    "maxLength",
    "pattern",
    "multipleOf",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minProperties",
    "maxProperties",
    "minItems",
    "maxItems",
    "uniqueItems",
    "dimensions",
    "required",
    "enum",
    "format",
];

#[test]
fn every_executed_clause_is_shown() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for clause in CLAUSES {
        let Runs::Record(case) = clause.runs else { continue };
        seen += 1;
        let folder = support::corpus().join(case);
        let Ok(contract) = fs::read_to_string(folder.join("contract.odcs.yaml")) else {
            wrong.push(format!("{clause:?}: no folder"));
            continue;
        };
        let verdicts: Vec<Value> = fs::read_to_string(folder.join("verdicts.jsonl"))
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let has = |kind: &str| verdicts.iter().any(|verdict| verdict["verdict"] == kind);
        if !has("valid") || !has("invalid") {
            wrong.push(format!("{clause:?}: needs a valid and an invalid event"));
        }
        if !contract.contains(&format!("{}:", clause.key)) {
            wrong.push(format!("{clause:?}: the contract does not say it"));
        }
        if let Scope::Options(kind) = clause.scope
            && !contract.contains(&format!("logicalType: {kind}"))
        {
            wrong.push(format!("{clause:?}: no property of the type"));
        }
        let violated = |rule: &str| {
            let violations = verdicts
                .iter()
                .flat_map(|verdict| verdict["violations"].as_array().into_iter().flatten());
            violations.into_iter().any(|violation| violation[2] == rule)
        };
        // A width or form that does not fit is called after the type or range.
        let names: &[&str] = if clause.key == "format" {
            &["format", "range", "type"]
        } else {
            &[clause.key]
        };
        if NAMED.contains(&clause.key) && !names.iter().any(|name| violated(name)) {
            wrong.push(format!("{clause:?}: no event breaks it"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 50, "{seen}");
}
