//! Arrow and Parquet exports are the schemas of the files that the sink writes.
#![allow(clippy::unwrap_used, reason = "tests")]

use bytes::Bytes;
use fastrand::Rng;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::schema::printer::print_schema;
use proptest::prelude::*;
use tidegate_check::input::Known;
use tidegate_check::{Input, Judge, Plan, SchemaLookup, SchemaNeed, Verdict, compile};
use tidegate_columnar::{Footer, RowBuilder, RowMeta, WriterSettings, encode};
use tidegate_contract::Contract;
use tidegate_export::{Format, Subject, columns, export};
use tidegate_sim::variety::{Shape, Taste};

struct Nothing;

impl SchemaLookup for Nothing {
    fn lookup(&self, _: &SchemaNeed) -> Known {
        Known::NotCached
    }
}

fn contract(text: &str) -> (Contract, Plan) {
    let contract = tidegate_contract::parse("c.odcs.yaml", text).0.unwrap();
    let plan = compile(&contract, 0).unwrap();
    (contract, plan)
}

/// A file as the sink writes it, with the valid ones of the events.
fn lake_file(plan: &Plan, events: &[String]) -> Bytes {
    let mut rows = RowBuilder::new(plan.cdc.is_some());
    let admitted = rows.admit(&plan.nodes).unwrap();
    for (offset, event) in (0..).zip(events) {
        let input = Input {
            key: Some(b"k"),
            value: Some(event.as_bytes()),
            headers: &[],
            now: 0,
        };
        rows.begin_row(admitted);
        match Judge::new().judge(plan, &input, "events", &Nothing, &mut rows) {
            Verdict::Valid { facts, .. } => {
                let meta = RowMeta {
                    source_topic: "events",
                    source_partition: 0,
                    source_offset: offset,
                    topic: "events.valid",
                    partition: 0,
                    offset,
                    timestamp_millis: Some(0),
                    contract_version: "1.0.0",
                    snapshot: "0",
                };
                rows.commit_row(&meta, &facts).unwrap();
            }
            _ => rows.discard_row(),
        }
    }
    Bytes::from(encode(&rows.finish(), &Footer::default(), &WriterSettings::default()).unwrap())
}

fn check(contract: &Contract, plan: &Plan, events: &[String]) {
    let subject = Subject {
        contract,
        object: &contract.objects[0],
        plan,
    };
    let file = ParquetRecordBatchReaderBuilder::try_new(lake_file(plan, events)).unwrap();
    let mut message = Vec::new();
    print_schema(&mut message, file.parquet_schema().root_schema());
    assert_eq!(export(&subject, Format::Parquet).unwrap().text, String::from_utf8(message).unwrap());
    assert_eq!(**file.schema(), columns::schema(&subject).unwrap());
    let arrow: serde_json::Value = serde_json::from_str(&export(&subject, Format::Arrow).unwrap().text).unwrap();
    let names: Vec<&str> = arrow["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field["name"].as_str().unwrap())
        .collect();
    let expected: Vec<&String> = file.schema().fields().iter().map(|field| field.name()).collect();
    assert_eq!(names, expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn files_have_the_exported_schema(seed: u64) {
        let mut rng = Rng::with_seed(seed);
        let shape = Shape::random(&mut rng, Taste { odd_names: true, subtle: true });
        let (contract, plan) = contract(&shape.yaml());
        let events: Vec<String> = (0..10).map(|_| shape.event(&mut rng).text(&mut rng)).collect();
        check(&contract, &plan, &events);
    }
}

#[test]
fn change_events_have_their_columns() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../contracts/crm/customers");
    let (contract, plan) = contract(&std::fs::read_to_string(folder.join("v1.odcs.yaml")).unwrap());
    let event = std::fs::read_to_string(folder.join("tests/valid/create.json")).unwrap();
    check(&contract, &plan, &[event]);
}

#[test]
fn arrow_is_written_with_every_parameter() {
    let text = "apiVersion: v3.2.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\nschema:\n  - name: a\n    properties:\n\
                \x20     - {name: d, logicalType: number, physicalType: 'decimal(9,2)'}\n\
                \x20     - {name: t, logicalType: timestamp}\n\
                \x20     - {name: l, logicalType: timestamp, logicalTypeOptions: {timezone: false}}\n\
                \x20     - {name: m, logicalType: map, map: {key: {logicalType: string}, value: {logicalType: time}}}\n";
    let (contract, plan) = contract(text);
    let subject = Subject {
        contract: &contract,
        object: &contract.objects[0],
        plan: &plan,
    };
    let document: serde_json::Value = serde_json::from_str(&export(&subject, Format::Arrow).unwrap().text).unwrap();
    let of = |at: usize| document["fields"][at]["type"].to_string();
    assert_eq!(of(0), r#"{"name":"decimal","precision":9,"scale":2,"bitWidth":128}"#);
    assert_eq!(of(1), r#"{"name":"timestamp","unit":"MICROSECOND","timezone":"UTC"}"#);
    assert_eq!(of(2), r#"{"name":"timestamp","unit":"MICROSECOND"}"#);
    assert_eq!(of(3), r#"{"name":"map","keysSorted":false}"#);
    let entries = &document["fields"][3]["children"][0];
    assert_eq!((&entries["name"], &entries["nullable"]), (&"key_value".into(), &false.into()));
    assert_eq!(
        entries["children"][1]["type"].to_string(),
        r#"{"name":"time","unit":"MICROSECOND","bitWidth":64}"#
    );
}
