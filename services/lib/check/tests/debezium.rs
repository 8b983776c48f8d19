//! Every record of the recorded Debezium corpus gets the right verdict under the contracts of its tables.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use tidegate_check::{Judge, Plan, compile};
use tidegate_contract::model::{BinaryMode, CdcFormat, DecimalMode};

use support::{Event, Recorder, Schemas, corpus, describe};

/// A recording and the connector's form of its rows.
const RECORDINGS: [(&str, CdcFormat); 11] = [
    ("pg-schema.jsonl.gz", CdcFormat::Debezium),
    ("pg-plain.jsonl", CdcFormat::Debezium),
    ("pg-plain-after-crash.jsonl", CdcFormat::Debezium),
    ("pg-flat.jsonl", CdcFormat::DebeziumFlat),
    ("pg-flat-after-crash.jsonl", CdcFormat::DebeziumFlat),
    ("pg-flat-default.jsonl", CdcFormat::DebeziumFlat),
    ("pg-string.jsonl.gz", CdcFormat::Debezium),
    ("pg-double.jsonl.gz", CdcFormat::Debezium),
    ("pg-avro.jsonl", CdcFormat::Debezium),
    ("maria-schema.jsonl.gz", CdcFormat::Debezium),
    ("maria-plain.jsonl", CdcFormat::Debezium),
];

fn folder() -> PathBuf {
    corpus().join("debezium")
}

fn records(name: &str) -> Vec<Value> {
    let file = File::open(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let reader: Box<dyn Read> = if name.ends_with(".gz") {
        Box::new(flate2::read::GzDecoder::new(file))
    } else {
        Box::new(file)
    };
    BufReader::new(reader)
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect()
}

fn bytes(record: &Value, field: &str) -> Option<Vec<u8>> {
    record[field].as_str().map(|text| BASE64.decode(text).unwrap())
}

/// The plan of a table; the contracts are written for the plain recordings, others differ in the connector's settings alone.
fn plan(table: &str, recording: &str, format: CdcFormat) -> Plan {
    let text =
        fs::read_to_string(folder().join(format!("contracts/{table}.odcs.yaml"))).unwrap_or_else(|_| panic!("no contract for {table}"));
    let mut contract = support::contract(table, &text);
    let settings = &mut contract.objects[0].settings;
    settings.cdc = Some(format);
    if recording.starts_with("pg-string") {
        settings.decimals = DecimalMode::String;
    }
    if recording.starts_with("pg-double") {
        settings.decimals = DecimalMode::Double;
        settings.binary = BinaryMode::Hex;
    }
    compile(&contract, 0).unwrap_or_else(|problems| panic!("{table}: {problems:#?}"))
}

/// The operation that a JSON value names, read without anything of ours; none for flattened rows that do not say it and for Avro.
fn op(value: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(value).ok()?;
    let payload = value.get("payload").filter(|_| value.get("schema").is_some()).unwrap_or(&value);
    let op = payload.get("op").or_else(|| payload.get("__op"))?;
    op.as_str().map(str::to_owned)
}

/// A converter with schemas writes null as a block with a null payload.
fn is_null_document(value: &[u8]) -> bool {
    serde_json::from_slice::<Value>(value).is_ok_and(|value| value.get("payload").is_some_and(Value::is_null))
}

#[test]
fn every_record_gets_the_right_verdict() {
    let mut schemas = Schemas::default();
    let listed: Value = serde_json::from_str(&fs::read_to_string(folder().join("avro-schemas.json")).unwrap()).unwrap();
    for schema in listed.as_array().unwrap() {
        schemas.add(u32::try_from(schema["id"].as_u64().unwrap()).unwrap(), &schema["schema"]);
    }
    let mut judge = Judge::new();
    let mut outside: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (recording, format) in RECORDINGS {
        let mut plans: BTreeMap<String, Plan> = BTreeMap::new();
        for record in records(recording) {
            let topic = record["topic"].as_str().unwrap().to_owned();
            let parts: Vec<&str> = topic.splitn(2, '.').collect();
            // Heartbeats, transactions, messages and schema changes lie on topics of no table; any contract of the connector will do.
            let is_table = parts.len() == 2 && (parts[1].starts_with("shop.") || parts[1].starts_with("inv."));
            let table = if is_table {
                parts[1]
            } else if recording.starts_with("maria") {
                "inv.zz_end"
            } else {
                "shop.zz_end"
            };
            let format = if is_table { format } else { CdcFormat::Debezium };
            let plan = plans
                .entry(format!("{table}{format:?}"))
                .or_insert_with(|| plan(table, recording, format));
            let headers = record["headers"].as_array().unwrap().iter();
            let event = Event {
                key: bytes(&record, "key_b64"),
                value: bytes(&record, "value_b64"),
                headers: headers
                    .map(|pair| {
                        (
                            pair[0].as_str().unwrap().to_owned(),
                            pair[1].as_str().map(|text| BASE64.decode(text).unwrap()),
                        )
                    })
                    .collect(),
                now: 0,
                topic: Some(topic.clone()),
            };
            let mut row = Recorder::default();
            let verdict = describe(&event.judge(&mut judge, plan, &schemas, &mut row));
            seen += 1;
            let place = format!("{recording} {topic} offset {}", record["offset"]);
            let is_control = topic.starts_with("__debezium-heartbeat") || topic.ends_with(".transaction") || parts.len() == 1;
            let is_signal = table == "shop.signals";
            match verdict["verdict"].as_str().unwrap() {
                "skipped" => {
                    let expected = if is_control || is_signal {
                        "cdc_control"
                    } else {
                        "tombstone_keyless"
                    };
                    let allowed = is_control || is_signal || (event.key.is_none() && event.value.as_deref().is_none_or(is_null_document));
                    if !allowed || verdict["policy"] != expected {
                        wrong.push(format!("{place}: {verdict}"));
                    }
                }
                "valid" => {
                    let said = event.value.as_deref().map_or(Some(String::from("tombstone")), op);
                    let found = verdict["op"].as_str().map(str::to_owned);
                    let agrees = said.is_none() || said == found;
                    // Of the signal table only what has the form of a signal is one.
                    // Of a row that was flattened away the key is left.
                    let is_deleted =
                        found.as_deref() == Some("tombstone") && format == CdcFormat::DebeziumFlat && !plan.primary_key.is_empty();
                    let has_row = is_deleted || matches!(found.as_deref(), Some("c" | "u" | "r" | "d") | None);
                    let row_as_expected = row.is_balanced() && row.calls.is_empty() != has_row;
                    if is_control || !agrees || !row_as_expected || (is_signal && found.as_deref() != Some("tombstone")) {
                        wrong.push(format!("{place}: {verdict}, the event says {said:?}, row {:?}", row.calls));
                    }
                }
                "invalid" => {
                    *outside
                        .entry((recording.to_owned(), table.to_owned(), verdict["violations"].to_string()))
                        .or_default() += 1;
                }
                _ => wrong.push(format!("{place}: {verdict}")),
            }
        }
    }
    let mut expected: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    for line in fs::read_to_string(folder().join("contracts/outside.jsonl")).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        for recording in line["recordings"].as_array().unwrap() {
            let key = (
                recording.as_str().unwrap().to_owned(),
                line["table"].as_str().unwrap().to_owned(),
                line["violations"].to_string(),
            );
            *expected.entry(key).or_default() += usize::try_from(line["count"].as_u64().unwrap_or(1)).unwrap();
        }
    }
    for (key, count) in &outside {
        if expected.get(key) != Some(count) {
            wrong.push(format!("outside {count} times, listed {:?}: {key:?}", expected.get(key)));
        }
    }
    for key in expected.keys().filter(|key| !outside.contains_key(*key)) {
        wrong.push(format!("listed as outside and judged otherwise: {key:?}"));
    }
    assert!(
        wrong.is_empty(),
        "{} problems in {seen} records:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(seen > 1200, "{seen} records");
}
