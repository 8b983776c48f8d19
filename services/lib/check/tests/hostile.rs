//! Inputs that are large where a careless judge is slow: each gets its verdict in a time that grows with the bytes, not with their square.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tidegate_check::{Judge, Plan, compile};

use support::{Event, Schemas, describe};

const CONTRACT: &str = "
apiVersion: v3.2.0
kind: DataContract
id: hostile
version: 1.0.0
status: active
schema:
  - name: events
    logicalType: object
    physicalType: topic
    customProperties:
      - {property: unknownFields, vendor: tidegate, value: ignore}
    properties:
      - {name: text, logicalType: string, logicalTypeOptions: {pattern: '^(a|aa)*b?$'}}
      - {name: mail, logicalType: string, logicalTypeOptions: {format: email}}
      - {name: short, logicalType: string, logicalTypeOptions: {maxLength: 10}}
      - {name: amount, logicalType: number, logicalTypeOptions: {multipleOf: 0.01}}
      - {name: numbers, logicalType: array, logicalTypeOptions: {uniqueItems: true}, items: {name: n, logicalType: integer}}
      - {name: words, logicalType: array, logicalTypeOptions: {uniqueItems: true}, items: {name: w, logicalType: string}}
      - name: map
        logicalType: map
        map:
          key: {name: key, logicalType: string}
          value: {name: value, logicalType: integer}
";

/// A quadratic walk over the largest input here takes far longer; an honest one takes a second without optimisation on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn plan() -> Plan {
    compile(&support::contract("hostile", CONTRACT), 0).unwrap()
}

fn judged(value: String) -> Value {
    let event = Event {
        key: Some(b"k".to_vec()),
        value: Some(value.into_bytes()),
        ..Event::default()
    };
    let begin = Instant::now();
    let verdict = event.judge(&mut Judge::new(), &plan(), &Schemas::default(), &mut ());
    assert!(begin.elapsed() < PATIENCE, "{:?}", begin.elapsed());
    describe(&verdict)
}

fn invalid(reason: &str, detail: Value, rule: &str, pointer: &str) -> Value {
    json!({"verdict": "invalid", "violations": [[reason, detail, rule, pointer]]})
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(",")
}

#[test]
fn very_many_names() {
    let names = list((0..200_000).map(|at| format!("\"k{at}\":0")));
    assert_eq!(judged(format!("{{{names}}}")), json!({"verdict": "valid"}));
    let twice = invalid("undecodable", json!("duplicate_key"), "decode", "");
    assert_eq!(judged(format!("{{{names},\"k7\":0}}")), twice);
    assert_eq!(judged(format!("{{\"map\":{{{names}}}}}")), json!({"verdict": "valid"}));
}

#[test]
fn names_that_collide_where_only_ends_are_compared() {
    let names = list((0..100_000).map(|at| format!("\"abcdefgh{at:08}ijklmnop\":0")));
    assert_eq!(judged(format!("{{{names}}}")), json!({"verdict": "valid"}));
}

#[test]
fn very_many_items_that_must_differ() {
    let numbers = list((0..200_000).map(|at| at.to_string()));
    assert_eq!(judged(format!("{{\"numbers\":[{numbers}]}}")), json!({"verdict": "valid"}));
    let twice = invalid("constraint_violation", Value::Null, "uniqueItems", "/numbers");
    assert_eq!(judged(format!("{{\"numbers\":[{numbers},7.0]}}")), twice);
    let words = list((0..100_000).map(|at| format!("\"{at:0>60}\"")));
    assert_eq!(judged(format!("{{\"words\":[{words}]}}")), json!({"verdict": "valid"}));
}

#[test]
fn long_texts() {
    let long = "a".repeat(900_000);
    assert_eq!(judged(format!("{{\"text\":\"{long}\"}}")), json!({"verdict": "valid"}));
    let pattern = invalid("constraint_violation", Value::Null, "pattern", "/text");
    assert_eq!(judged(format!("{{\"text\":\"{long}c\"}}")), pattern);
    let length = invalid("constraint_violation", Value::Null, "maxLength", "/short");
    assert_eq!(judged(format!("{{\"short\":\"{}\"}}", "\\u0061".repeat(150_000))), length);
    let format = invalid("constraint_violation", Value::Null, "format", "/mail");
    assert_eq!(judged(format!("{{\"mail\":\"{}\"}}", "a@".repeat(450_000))), format);
}

#[test]
fn long_numbers() {
    let zeros = "0".repeat(900_000);
    assert_eq!(judged(format!("{{\"amount\":1.{zeros}}}")), json!({"verdict": "valid"}));
    let range = invalid("constraint_violation", json!("number_out_of_range"), "range", "/amount");
    assert_eq!(judged(format!("{{\"amount\":1{zeros}}}")), range);
    assert_eq!(judged(format!("{{\"amount\":0.{zeros}1}}")), range);
}

#[test]
fn a_flood_of_violations_is_cut() {
    let items = list((0..300_000).map(|_| "null,\"x\"".to_owned()));
    let verdict = judged(format!("{{\"numbers\":[{items}]}}"));
    assert_eq!(verdict["cut"], true);
    assert_eq!(
        verdict["violations"].as_array().unwrap().len(),
        tidegate_check::verdict::VIOLATIONS_MAX
    );
}
