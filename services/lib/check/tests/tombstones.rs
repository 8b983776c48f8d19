//! A deleted row of a flattened change topic: the key is all that is left, and all that is handed on.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use serde_json::json;
use tidegate_check::{Judge, compile};

use support::{Event, Recorder, Schemas, describe};

const CONTRACT: &str = "
apiVersion: v3.2.0
kind: DataContract
id: lines
version: 1.0.0
status: active
schema:
  - name: lines
    logicalType: object
    physicalType: topic
    customProperties:
      - {property: cdc, vendor: tidegate, value: FORMAT}
      - {property: encodings, vendor: tidegate, value: [json, avro]}
    properties:
      - {name: note, logicalType: string, required: true}
      - {name: line, logicalType: integer, required: true, primaryKey: true, primaryKeyPosition: 2}
      - {name: day, physicalName: d, logicalType: date, required: true, primaryKey: true, primaryKeyPosition: 1}
";

/// The verdict of a null value under `key`, and what the row got.
fn deleted(format: &str, key: &[u8], schemas: &Schemas) -> (serde_json::Value, Vec<String>) {
    let contract = support::contract("lines", &CONTRACT.replace("FORMAT", format));
    let plan = compile(&contract, 0).unwrap();
    let event = Event {
        key: Some(key.to_vec()),
        ..Event::default()
    };
    let mut row = Recorder::default();
    let verdict = describe(&event.judge(&mut Judge::new(), &plan, schemas, &mut row));
    assert!(row.is_balanced());
    (verdict, row.calls)
}

fn schemas() -> Schemas {
    let mut schemas = Schemas::default();
    schemas.add(
        7,
        &json!({"type": "record", "name": "Key", "fields": [
            {"name": "line", "type": "int"}, {"name": "d", "type": {"type": "int", "connect.name": "io.debezium.time.Date"}}]}),
    );
    schemas.add(8, &json!("unknown"));
    schemas
}

#[test]
fn key_columns_are_handed_on_in_every_encoding() {
    let block = r#"{"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"line"},
        {"type":"int32","optional":false,"name":"io.debezium.time.Date","field":"d"}],"optional":false},"payload":{"line":2,"d":3}}"#;
    for key in [&br#"{"line":2,"d":3}"#[..], block.as_bytes(), &[0, 0, 0, 0, 7, 4, 6]] {
        let (verdict, row) = deleted("debezium-flat", key, &schemas());
        assert_eq!(verdict, json!({"verdict": "valid", "op": "tombstone"}));
        assert_eq!(
            row,
            ["0 begin", "2 Int(2)", "3 Date(3)", "0 end"],
            "{}",
            String::from_utf8_lossy(key)
        );
    }
}

#[test]
fn a_tombstone_is_no_dead_letter_whatever_its_key_is() {
    for key in [
        &b"k"[..],
        b"",
        b"7",
        br#"{"line":2}"#,
        br#"{"line":"two","d":3}"#,
        br#"{"line":2,"d":3"#,
        &[0, 0, 0, 0, 8, 4, 6],
        &[0, 0, 0, 0, 7, 4],
    ] {
        let (verdict, row) = deleted("debezium-flat", key, &schemas());
        assert_eq!(verdict, json!({"verdict": "valid", "op": "tombstone"}), "{key:?}");
        assert!(row.is_empty(), "{key:?} {row:?}");
    }
    let (verdict, row) = deleted("debezium", br#"{"line":2,"d":3}"#, &schemas());
    assert_eq!(verdict, json!({"verdict": "valid", "op": "tombstone"}));
    assert!(row.is_empty(), "behind an envelope it repeats a delete");
}

#[test]
fn a_key_whose_schema_is_not_cached_asks_for_it() {
    let (verdict, row) = deleted("debezium-flat", &[0, 0, 0, 0, 9, 4, 6], &schemas());
    assert_eq!(verdict, json!({"verdict": "need", "schema": 9}));
    assert!(row.is_empty());
}
