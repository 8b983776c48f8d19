//! The short way through values that are as expected ends where the long way does, also at limits that random bytes do not meet.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use serde_json::json;
use tidegate_check::{Judge, Verdict, compile};

use support::{Event, Recorder, Schemas, contract};

/// The verdict of both ways, which must be one, and must hand on one row.
fn both(text: &str, event: &Event, schemas: &Schemas) -> Verdict {
    let plan = compile(&contract("case", text), 0).unwrap();
    let (mut short, mut long) = (Recorder::default(), Recorder::default());
    let verdict = event.judge(&mut Judge::new(), &plan, schemas, &mut short);
    assert_eq!(verdict, event.judge(&mut Judge::thorough(), &plan, schemas, &mut long));
    assert_eq!(short.calls, long.calls);
    verdict
}

fn yaml(settings: &str, properties: &str) -> String {
    format!(
        "apiVersion: v3.2.0\nkind: DataContract\nid: c\nversion: \"1.0.0\"\nstatus: active\nschema:\n  - name: c\n    physicalType: topic\n    \
         customProperties:\n{settings}    properties:\n{properties}"
    )
}

#[test]
fn items_without_bytes_cost_the_same_tokens() {
    let text = yaml(
        "      - {property: encodings, vendor: tidegate, value: [avro]}\n",
        "      - {name: l, logicalType: array, items: {logicalType: string}}\n",
    );
    let mut schemas = Schemas::default();
    schemas.add(
        1,
        &json!({"type": "record", "name": "R", "fields": [{"name": "l", "type": {"type": "array", "items": "null"}}]}),
    );
    let mut seen = [0, 0];
    for count in [1_u64, 5_000, 8_190, 10_000, 15_000, 16_000, 16_383, 16_384, 16_400, 17_000, 40_000] {
        let mut value = vec![0, 0, 0, 0, 1];
        let mut rest = count << 1;
        while rest >= 0x80 {
            value.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        value.extend([rest as u8, 0]);
        let event = Event {
            key: Some(b"k".to_vec()),
            value: Some(value),
            ..Event::default()
        };
        seen[usize::from(matches!(both(&text, &event, &schemas), Verdict::Valid { .. }))] += 1;
    }
    assert!(seen[0] > 1 && seen[1] > 3, "the limit lies between: {seen:?}");
}

#[test]
fn a_placeholder_that_is_a_uuid_is_not_sent() {
    let text = yaml(
        "      - {property: cdc, vendor: tidegate, value: debezium}\n      \
         - {property: unavailablePlaceholder, vendor: tidegate, value: 00000000-0000-0000-0000-000000000000}\n",
        "      - {name: id, logicalType: integer, primaryKey: true}\n      \
         - {name: u, logicalType: string, logicalTypeOptions: {format: uuid}}\n",
    );
    let line = r#"{"before":null,"after":{"id":1,"u":"00000000-0000-0000-0000-000000000000"},"source":{"ts_ms":1},"op":"u"}"#;
    let event = Event::read(line);
    assert!(matches!(both(&text, &event, &Schemas::default()), Verdict::Valid { .. }));
    let plan = compile(&contract("case", &text), 0).unwrap();
    let mut row = Recorder::default();
    event.judge(&mut Judge::new(), &plan, &Schemas::default(), &mut row);
    assert!(row.calls.iter().any(|call| call.ends_with("unavailable")), "{:?}", row.calls);
}

#[test]
fn one_item_too_many_is_looked_at_before_it_is_refused() {
    let text = yaml(
        "      - {property: unknownFields, vendor: tidegate, value: ignore}\n",
        "      - {name: l, logicalType: array, items: {logicalType: integer}}\n",
    );
    for end in ["1]}", "x]}"] {
        let line = format!("{{\"l\":[{}{end}", "1,".repeat(1 << 20));
        assert!(matches!(
            both(&text, &Event::read(&line), &Schemas::default()),
            Verdict::Invalid { .. }
        ));
    }
}
