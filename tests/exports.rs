//! DuckDB runs the exported tables and takes the lake's own files into them, column by column of the same type.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

use tidegate_check::input::Known;
use tidegate_check::{Input, Judge, Plan, SchemaLookup, SchemaNeed, Verdict, compile};
use tidegate_columnar::{Footer, RowBuilder, RowMeta, WriterSettings, encode};
use tidegate_contract::Contract;
use tidegate_export::{Dialect, Format, Subject, export};
use tidegate_tests::readers::duckdb;
use tidegate_tests::stand::Stand;

/// Names and texts that must be quoted, every type, and all kinds of nesting.
const EVERYTHING: &str = r#"apiVersion: v3.2.0
kind: DataContract
id: everything
version: 1.0.0
status: active
schema:
  - name: every"thing
    description: It's everything.
    properties:
      - {name: 'se"lect', physicalName: a, logicalType: boolean, description: It's "quoted".}
      - {name: i, logicalType: integer, required: true}
      - {name: big, logicalType: integer, logicalTypeOptions: {format: u64}}
      - {name: d, logicalType: number, physicalType: 'decimal(12,2)'}
      - {name: f, logicalType: number, logicalTypeOptions: {format: f32}}
      - {name: g, logicalType: number, logicalTypeOptions: {format: f64}}
      - {name: b, logicalType: string, logicalTypeOptions: {format: binary}}
      - {name: day, logicalType: date}
      - {name: tod, logicalType: time}
      - {name: at, logicalType: timestamp}
      - {name: local, logicalType: timestamp, logicalTypeOptions: {timezone: false}}
      - {name: o, logicalType: object, properties: [{name: 'in "ner', physicalName: x, logicalType: array, items: {logicalType: date}}]}
      - {name: m, logicalType: map, map: {key: {logicalType: string}, value: {logicalType: number, physicalType: 'decimal(5,1)'}}}
      - {name: any}
      - {name: v, logicalType: vector, logicalTypeOptions: {dimensions: 2}}
"#;

const EVENT: &str = r#"{"a":true,"i":1,"big":18446744073709551615,"d":12.34,"f":0.5,"g":0.25,"b":"AQI=","day":"2026-11-21","tod":"08:15:30.5",
"at":"2026-11-21T08:15:30Z","local":"2026-11-21T08:15:30","o":{"x":["2024-02-29"]},"m":{"k":1.5},"any":{"z":1},"v":[1,2]}"#;

struct Nothing;

impl SchemaLookup for Nothing {
    fn lookup(&self, _: &SchemaNeed) -> Known {
        Known::NotCached
    }
}

fn contract(text: &str) -> (Contract, Plan) {
    let (contract, diagnostics) = tidegate_contract::parse("c.odcs.yaml", text);
    let contract = contract.unwrap_or_else(|| panic!("{diagnostics:#?}"));
    let plan = compile(&contract, 0).unwrap();
    (contract, plan)
}

fn lake_file(plan: &Plan, event: &str, path: &Path) {
    let mut rows = RowBuilder::new(plan.cdc.is_some());
    let admitted = rows.admit(&plan.nodes).unwrap();
    let input = Input {
        key: Some(b"k"),
        value: Some(event.as_bytes()),
        headers: &[],
        now: 0,
    };
    rows.begin_row(admitted);
    let verdict = Judge::new().judge(plan, &input, "events", &Nothing, &mut rows);
    let Verdict::Valid { facts, .. } = verdict else {
        panic!("{verdict:#?}")
    };
    let meta = RowMeta {
        source_topic: "events",
        source_partition: 0,
        source_offset: 7,
        topic: "events.valid",
        partition: 0,
        offset: 7,
        timestamp_millis: Some(0),
        contract_version: "1.0.0",
        snapshot: "0",
    };
    rows.commit_row(&meta, &facts).unwrap();
    fs::write(
        path,
        encode(&rows.finish(), &Footer::default(), &WriterSettings::default()).unwrap(),
    )
    .unwrap();
}

#[test]
fn duckdb_takes_the_lake_into_exported_tables() {
    let Some(stand) = Stand::get() else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf();
    let example = |contract: &str, event: &str| -> (String, String) {
        let folder: PathBuf = root.join("contracts").join(contract);
        let text = fs::read_to_string(folder.join("v1.odcs.yaml")).unwrap();
        (text, fs::read_to_string(folder.join("tests/valid").join(event)).unwrap())
    };
    let cases = [
        (EVERYTHING.to_owned(), EVENT.to_owned()),
        example("shop/orders", "complete.json"),
        example("crm/customers", "create.json"),
    ];
    for (text, event) in cases {
        let (contract, plan) = contract(&text);
        let subject = Subject {
            contract: &contract,
            object: &contract.objects[0],
            plan: &plan,
        };
        let folder = tempfile::tempdir().unwrap();
        lake_file(&plan, &event, &folder.path().join("f.parquet"));
        let ddl = export(&subject, Format::Sql(Dialect::DuckDb)).unwrap().text;
        let table = format!("\"{}\"", subject.object.name.replace('"', "\"\""));
        let literal = subject.object.name.replace('\'', "''");
        // The types of the table are those that DuckDB itself reads from the file.
        let types = |from: &str| format!("{ddl}\nSELECT column_name, column_type FROM (DESCRIBE {from})");
        let of_table = duckdb(&stand, folder.path(), &types(&table));
        let of_file = duckdb(&stand, folder.path(), &types("SELECT * FROM 'f.parquet'"));
        assert_eq!(of_table, of_file, "{ddl}");
        let loaded = duckdb(
            &stand,
            folder.path(),
            &format!(
                "{ddl}\nINSERT INTO {table} BY NAME SELECT * FROM read_parquet('f.parquet', union_by_name => true, hive_partitioning => false);\nSELECT count(*), max(_tidegate_source_offset) FROM {table}"
            ),
        );
        assert_eq!(serde_json::json!(loaded), serde_json::json!([[1, 7]]), "{ddl}");
        let comments = duckdb(
            &stand,
            folder.path(),
            &format!("{ddl}\nSELECT count(*) FROM duckdb_columns() WHERE table_name = '{literal}' AND comment IS NOT NULL"),
        );
        assert!(comments[0][0].as_i64().unwrap() >= 8, "{comments:?}\n{ddl}");
    }
}
