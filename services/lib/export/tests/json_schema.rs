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
use tidegate_check::input::Known;
use tidegate_check::plan::{Kind, LeafType};
use tidegate_check::{Input, Judge, Plan, Reason, SchemaLookup, SchemaNeed, Verdict, Violation, compile};
use tidegate_contract::{Contract, Severity};
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
    let validator = jsonschema::options()
        .build(&document)
        .unwrap_or_else(|error| panic!("{error}\n{}", export.text));
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
fn class(export: &Export, plan: &Plan, verdict: &Verdict, refused_at: &[String]) -> Option<Class> {
    let Verdict::Invalid { violations, .. } = verdict else {
        // The schema refuses more digits than a float has; nothing else may be refused that is valid.
        let float = |pointer: &String| float_at(plan, pointer);
        return (matches!(verdict, Verdict::Valid { .. }) && !refused_at.is_empty() && refused_at.iter().all(float))
            .then_some(Class::FloatDigits);
    };
    if violations.iter().any(|violation| violation.reason == Reason::Undecodable) {
        return Some(Class::Decoder);
    }
    let errors = || violations.iter().filter(|violation| violation.severity == Severity::Error);
    let unsaid = |violation: &Violation| {
        // What a gap names is an option or a rule; types and nulls are always said, but for dates by pattern.
        let says_more = matches!(
            violation.reason,
            Reason::ConstraintViolation | Reason::SemanticViolation | Reason::LimitExceeded
        ) || &*violation.rule == "format";
        says_more && export.gaps.iter().any(|gap| gap.location == violation.location)
    };
    if errors().all(unsaid) {
        return Some(Class::Gap);
    }
    errors()
        .all(|violation| unsaid(violation) || float_at(plan, &violation.pointer))
        .then_some(Class::FloatDigits)
}

/// Whether the value there is a float. Pointers of schema and judge differ in the keys of maps alone.
fn float_at(plan: &Plan, pointer: &str) -> bool {
    let mut node = 0;
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        node = match &plan.nodes[node].kind {
            Kind::Object(children) => match children.iter().find(|child| *plan.nodes[**child].wire_name == *step) {
                Some(child) => *child,
                None => return false,
            },
            Kind::Array(item) => *item,
            Kind::Map(_, value) => *value,
            Kind::Leaf(_) | Kind::Any => return false,
        };
    }
    matches!(plan.nodes[node].kind, Kind::Leaf(LeafType::F32 | LeafType::F64))
}

/// Judges by both; a difference without a class is returned as a report.
fn compare(plan: &Plan, export: &Export, validator: &jsonschema::Validator, event: &str) -> Result<(bool, Option<Class>), String> {
    let verdict = judged(plan, event.as_bytes());
    let valid = matches!(verdict, Verdict::Valid { .. });
    let Ok(document) = serde_json::from_str::<serde_json::Value>(event) else {
        return if valid {
            Err(format!("serde_json refuses a valid event: {event}"))
        } else {
            Ok((false, None))
        };
    };
    let accepted = validator.is_valid(&document);
    if accepted == valid {
        return Ok((valid, None));
    }
    let refused_at: Vec<String> = validator
        .iter_errors(&document)
        .map(|error| error.instance_path().to_string())
        .collect();
    match class(export, plan, &verdict, &refused_at) {
        Some(class) => Ok((valid, Some(class))),
        None => {
            let errors: Vec<String> = validator
                .iter_errors(&document)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            Err(format!(
                "judge {verdict:#?}\nschema accepts: {accepted} {errors:?}\n{event}\n{}",
                export.text
            ))
        }
    }
}

#[test]
fn corpora_are_accepted_alike() {
    let mut seen = BTreeMap::<(bool, Option<Class>), usize>::new();
    let mut wrong = Vec::new();
    let mut cases: Vec<PathBuf> = fs::read_dir(root().join("tests/corpus"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    // What an event schema says beside the contract is no part of the export.
    let alone = |case: &&PathBuf| case.join("events.jsonl").exists() && !case.join("schemas").exists();
    for case in cases.iter().filter(alone) {
        let (contract, plan) = contract(&fs::read_to_string(case.join("contract.odcs.yaml")).unwrap());
        let by_status = tidegate_check::verdict_for_status(&plan).is_some();
        if plan.cdc.is_some() || by_status {
            continue;
        }
        let (export, validator) = schema(&contract, &plan);
        for line in fs::read_to_string(case.join("events.jsonl"))
            .unwrap()
            .lines()
            .filter(|line| !line.starts_with('@'))
        {
            match compare(&plan, &export, &validator, line) {
                Ok(outcome) => *seen.entry(outcome).or_default() += 1,
                Err(report) => wrong.push(format!("{}: {report}", case.display())),
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n\n"));
    assert!(seen[&(true, None)] > 50 && seen[&(false, None)] > 100, "{seen:?}");
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
            compare(&plan, &export, &validator, &event).unwrap();
            seen += 1;
        }
    }
    assert!(seen > 15);
}

const FLOATS: &str = "apiVersion: v3.2.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\nschema:\n  - name: a\n    properties:\n\
    \x20     - {name: d, logicalType: number, logicalTypeOptions: {format: f64, maximum: 0.3}}\n\
    \x20     - {name: f, logicalType: number, logicalTypeOptions: {format: f32, maximum: 0.1}}\n";

/// The differences that have a class are there, and are told from others.
#[test]
fn floats_differ_in_digits_that_they_do_not_have() {
    let (contract, plan) = contract(FLOATS);
    let (export, validator) = schema(&contract, &plan);
    let compare = |event| compare(&plan, &export, &validator, event);
    assert_eq!(compare(r#"{"d":0.3,"f":0.05}"#), Ok((true, None)));
    assert_eq!(compare(r#"{"d":0.30000000000000001}"#), Ok((true, Some(Class::FloatDigits))));
    assert_eq!(compare(r#"{"d":0.31}"#), Ok((false, None)));
    // The nearest float is above the limit.
    assert_eq!(compare(r#"{"f":0.1}"#), Ok((false, Some(Class::Gap))));
    assert_eq!(compare(r#"{"d":1,"d":0.1}"#), Ok((false, Some(Class::Decoder))));
    assert!(compare(r#"{"d":"x"}"#).is_ok_and(|outcome| outcome == (false, None)));
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
        for at in 0..40 {
            let event = if at % 2 == 0 { shape.event(&mut rng) } else { shape.near_event(&mut rng) };
            let event = event.text(&mut rng);
            match compare(&plan, &export, &validator, &event) {
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
}
