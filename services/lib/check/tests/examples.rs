//! The events beside the example contracts in `contracts/`: the valid ones pass, the invalid ones trip what their file name says.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tidegate_check::{Judge, Plan, Verdict, compile};

use support::{Event, Schemas};

const SCHEMA_ID: u32 = 7;

fn contracts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../contracts")
}

/// Judges every event of a contract; answers how many there were and what went otherwise than its name says.
fn judge_all(file: &str, encode: &dyn Fn(Vec<u8>) -> Vec<u8>, schemas: &Schemas) -> (usize, Vec<String>) {
    let file = contracts().join(format!("{file}.odcs.yaml"));
    let folder = file.parent().unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let contract = support::contract_with(folder.to_str().unwrap(), &text, &contracts().join("../schemas"));
    let plan = compile(&contract, 0).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let (mut seen, mut wrong) = (0, Vec::new());
    for kind in ["valid", "invalid"] {
        for entry in fs::read_dir(folder.join("tests").join(kind)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let verdict = judge_one(&plan, encode(fs::read(&path).unwrap()), schemas);
            let is_right = match kind {
                "valid" => matches!(&verdict, Verdict::Valid { .. }),
                _ => trips(&verdict, &name),
            };
            if !is_right {
                wrong.push(format!("{kind}/{name}: {}", support::describe(&verdict)));
            }
            seen += 1;
        }
    }
    (seen, wrong)
}

fn judge_one(plan: &Plan, value: Vec<u8>, schemas: &Schemas) -> Verdict {
    let event = Event {
        key: Some(b"k".to_vec()),
        value: Some(value),
        now: 1_795_248_960_000_000,
        ..Event::default()
    };
    event.judge(&mut Judge::new(), plan, schemas, &mut ())
}

/// Every violation has the reason that the name starts with; a rule of the contract must be the one that is named.
fn trips(verdict: &Verdict, name: &str) -> bool {
    let Verdict::Invalid { violations, .. } = verdict else {
        return false;
    };
    let (reason, what) = name.split_once('.').unwrap();
    let rule = what.split('.').next().unwrap();
    let named_rule = reason != "semantic_violation" || violations.iter().any(|one| &*one.rule == rule);
    named_rule && violations.iter().all(|one| one.reason.as_str() == reason)
}

#[test]
fn orders() {
    let (seen, wrong) = judge_all("shop/orders/v1", &|bytes| bytes, &Schemas::default());
    assert!(seen >= 20 && wrong.is_empty(), "{} of {seen}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn customers() {
    let (seen, wrong) = judge_all("crm/customers/v1", &|bytes| bytes, &Schemas::default());
    assert!(seen >= 15 && wrong.is_empty(), "{} of {seen}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn tickets() {
    let (seen, wrong) = judge_all("support/tickets/v1", &|bytes| bytes, &Schemas::default());
    assert!(seen >= 8 && wrong.is_empty(), "{} of {seen}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn payments() {
    let schema = fs::read_to_string(contracts().join("../schemas/payments/payment.avsc")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let mut schemas = Schemas::default();
    schemas.add(SCHEMA_ID, &schema);
    let encode = |bytes: Vec<u8>| framed(&schema, &serde_json::from_slice(&bytes).unwrap());
    let (seen, wrong) = judge_all("payments/payments/v2", &encode, &schemas);
    assert!(seen >= 10 && wrong.is_empty(), "{} of {seen}:\n{}", wrong.len(), wrong.join("\n"));
}

/// The record in Confluent framing.
fn framed(schema: &Value, record: &Value) -> Vec<u8> {
    let mut out = vec![0];
    out.extend(SCHEMA_ID.to_be_bytes());
    for field in schema["fields"].as_array().unwrap() {
        encode(&field["type"], &record[field["name"].as_str().unwrap()], &mut out);
    }
    out
}

/// The few types that the schema of payments uses.
fn encode(schema: &Value, value: &Value, out: &mut Vec<u8>) {
    let kind = schema["type"].as_str().or(schema.as_str());
    match kind {
        Some("string") => bytes(value.as_str().unwrap().as_bytes(), out),
        Some("long") => long(value.as_i64().unwrap(), out),
        Some("bytes") => {
            let (whole, cents) = value.as_str().unwrap().split_once('.').unwrap();
            let unscaled: i64 = format!("{whole}{cents}").parse().unwrap();
            bytes(&unscaled.to_be_bytes(), out);
        }
        Some("enum") => {
            let symbols = schema["symbols"].as_array().unwrap();
            long(symbols.iter().position(|symbol| symbol == value).unwrap() as i64, out);
        }
        // ["null", "string"]
        None if value.is_null() => long(0, out),
        None => {
            long(1, out);
            encode(&schema[1], value, out);
        }
        Some(other) => panic!("{other}"),
    }
}

fn bytes(value: &[u8], out: &mut Vec<u8>) {
    long(value.len() as i64, out);
    out.extend(value);
}

/// Zigzag and base 128, as in the specification of Avro.
fn long(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}
