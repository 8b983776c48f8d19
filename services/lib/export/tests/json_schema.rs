//! The exported JSON Schema, run by the `jsonschema` crate, accepts what the judge accepts: on every corpus, on the example contracts and on
//! random contracts with random events.
//!
//! Where the two may differ, the difference has a class with a reason, and only in one direction where that is all the reason explains.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use proptest::prelude::*;
use tidegate_check::{Input, Judge, Plan, Reason, SchemaLookup, SchemaNeed, Verdict, compile, input::Known};
use tidegate_contract::Contract;
use tidegate_export::{Export, Format, Subject, export};
use tidegate_sim::variety::{Shape, Taste};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

struct Nothing;

impl SchemaLookup for Nothing {
    fn lookup(&self, _: &SchemaNeed) -> Known {
        Known::NotCached
    }
}

fn contract(text: &str) -> (Contract, Plan) {
    let (contract, diagnostics) = tidegate_contract::parse("c.odcs.yaml", text);
    let contract = contract.unwrap_or_else(|| panic!("{diagnostics:#?}\n{text}"));
    let plan = compile(&contract, 0).unwrap_or_else(|problems| panic!("{problems:#?}\n{text}"));
    (contract, plan)
}

fn schema(contract: &Contract, plan: &Plan) -> (Export, jsonschema::Validator) {
    let subject = Subject {
        contract,
        object: &contract.objects[0],
        plan,
    };
    let export = export(&subject, Format::JsonSchema).unwrap();
    let document: serde_json::Value = serde_json::from_str(&export.text).unwrap();
    jsonschema::meta::validate(&document).unwrap_or_else(|error| panic!("{error}\n{}", export.text));
    let validator = jsonschema::options().build(&document).unwrap_or_else(|error| panic!("{error}\n{}", export.text));
    (export, validator)
}

fn judged(plan: &Plan, event: &[u8]) -> Verdict {
    let input = Input {
        key: Some(b"k"),
        value: Some(event),
        headers: &[],
        now: 0,
    };
    Judge::new().judge(plan, &input, "events", &Nothing, &mut ())
}

/// Why the two may differ on an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// The schema says that it leaves a clause out, and the judge broke nothing else.
    Gap,
    /// What the decoder refuses and no schema sees: a name twice, nesting, a number whose exponent is out of all bounds.
    Decoder,
    /// The text of a float has more digits than the float; the judge compares the float, the schema the digits.
    FloatDigits,
}

/// The class of a difference; none is a mistake of one of the two.
fn class(export: &Export, verdict: &Verdict, accepted: bool, shape_has_floats: bool) -> Option<Class> {
    match verdict {
        Verdict::Invalid { violations, .. } if accepted => {
            if violations.iter().any(|violation| violation.reason == Reason::Undecodable) {
                return Some(Class::Decoder);
            }
            let explained = |violation: &tidegate_check::Violation| {
                export.gaps.iter().any(|gap| {
                    gap.location == violation.location || (gap.path.is_empty() && violation.reason == Reason::SemanticViolation)
                })
            };
            let errors = violations.iter().filter(|violation| violation.severity == tidegate_contract::Severity::Error);
            if errors.clone().all(explained) {
                return Some(Class::Gap);
            }
            shape_has_floats.then_some(Class::FloatDigits)
        }
        Verdict::Valid { .. } if !accepted => shape_has_floats.then_some(Class::FloatDigits),
        _ => None,
    }
}

/// Judges by both; a difference without a class is returned as a report.
fn compare(plan: &Plan, export: &Export, validator: &jsonschema::Validator, event: &str, floats: bool) -> Result<(bool, Option<Class>), String> {
    let verdict = judged(plan, event.as_bytes());
    let valid = matches!(verdict, Verdict::Valid { .. });
    let Ok(document) = serde_json::from_str::<serde_json::Value>(event) else {
        return if valid { Err(format!("serde_json refuses a valid event: {event}")) } else { Ok((false, None)) };
    };
    let accepted = validator.is_valid(&document);
    if accepted == valid {
        return Ok((valid, None));
    }
    match class(export, &verdict, accepted, floats) {
        Some(class) => Ok((valid, Some(class))),
        None => {
            let errors: Vec<String> = validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
            Err(format!("judge {verdict:#?}\nschema accepts: {accepted} {errors:?}\n{event}\n{}", export.text))
        }
    }
}

fn has_floats(plan: &Plan) -> bool {
    use tidegate_check::plan::{Kind, LeafType};
    plan.nodes.iter().any(|node| matches!(node.kind, Kind::Leaf(LeafType::F32 | LeafType::F64)))
}

#[test]
fn corpora_are_accepted_alike() {
    let mut seen = BTreeMap::<(bool, Option<Class>), usize>::new();
    let mut wrong = Vec::new();
    let mut cases: Vec<PathBuf> = fs::read_dir(root().join("tests/corpus")).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    for case in cases.iter().filter(|case| case.join("events.jsonl").exists()) {
        let (contract, plan) = contract(&fs::read_to_string(case.join("contract.odcs.yaml")).unwrap());
        let by_status = tidegate_check::verdict_for_status(&plan).is_some();
        if plan.cdc.is_some() || by_status {
            continue;
        }
        let (export, validator) = schema(&contract, &plan);
        for line in fs::read_to_string(case.join("events.jsonl")).unwrap().lines().filter(|line| !line.starts_with('@')) {
            match compare(&plan, &export, &validator, line, has_floats(&plan)) {
                Ok(outcome) => *seen.entry(outcome).or_default() += 1,
                Err(report) => wrong.push(format!("{}: {report}", case.display())),
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n\n"));
    assert!(seen[&(true, None)] > 50 && seen[&(false, None)] > 100, "{seen:?}");
    println!("{seen:?}");
}

#[test]
fn examples_are_accepted_alike() {
    let folder = root().join("contracts/shop/orders");
    let (contract, plan) = contract(&fs::read_to_string(folder.join("v1.odcs.yaml")).unwrap());
    let (export, validator) = schema(&contract, &plan);
    let mut seen = 0;
    for kind in ["valid", "invalid"] {
        for entry in fs::read_dir(folder.join("tests").join(kind)).unwrap() {
            let event = fs::read_to_string(entry.unwrap().path()).unwrap();
            compare(&plan, &export, &validator, &event, false).unwrap();
            seen += 1;
        }
    }
    assert!(seen > 15);
}

/// How many random contracts; each gets 40 events.
const CONTRACTS: u32 = 400;

#[test]
fn random_contracts_are_accepted_alike() {
    let seen = std::cell::RefCell::new(BTreeMap::<(bool, Option<Class>), usize>::new());
    let config = ProptestConfig {
        cases: CONTRACTS,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(seed: u64, subtle: bool)| {
        let mut rng = Rng::with_seed(seed);
        let shape = Shape::random(&mut rng, Taste { odd_names: true, subtle });
        let text = shape.yaml();
        let (contract, plan) = contract(&text);
        let (export, validator) = schema(&contract, &plan);
        let floats = has_floats(&plan);
        for at in 0..40 {
            let event = if at % 2 == 0 { shape.event(&mut rng) } else { shape.near_event(&mut rng) };
            let event = event.text(&mut rng);
            match compare(&plan, &export, &validator, &event, floats) {
                Ok(outcome) => *seen.borrow_mut().entry(outcome).or_default() += 1,
                Err(report) => prop_assert!(false, "{}\n{}", report, text),
            }
        }
    });
    let seen = seen.into_inner();
    let of = |outcome| seen.get(&outcome).copied().unwrap_or(0);
    // A generator that only makes one kind of event would prove nothing.
    assert!(of((true, None)) > 2_000 && of((false, None)) > 4_000, "{seen:?}");
    let all: usize = seen.values().sum();
    assert!(of((false, None)) + of((true, None)) > all * 9 / 10, "{seen:?}");
    println!("{seen:?}");
}
