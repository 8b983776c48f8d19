//! The short way through values that are as expected ends where the long way does, also at limits that random bytes do not meet.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_check::{Judge, Verdict, compile};

use support::{Event, Recorder, Schemas, contract};

/// The verdict of both ways, which must be one, and must hand on one row.
fn both(text: &str, event: &Event, schemas: &Schemas) -> Verdict {
    let plan = compile(&contract("case", text), 0).unwrap();
    let (mut short, mut long) = (Recorder::default(), Recorder::default());
    let verdict = event.judge(&mut Judge::new(), &plan, schemas, &mut short);
    assert_eq!(verdict, event.judge(&mut Judge::thorough(), &plan, schemas, &mut long));
    assert_eq!(short.calls, long.calls);
    assert_eq!(verdict, event.judge(&mut Judge::new(), &plan, schemas, &mut ()), "without a sink");
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

/// Rules whose questions meet: ranges, lists, what is in none of them, two fields, and such as have no quick answer.
const RULES: &[&str] = &[
    "value.n >= 1",
    "value.n < 9",
    "value.n != 5",
    "value.n in [1, 2, 3, 4, 6, 7]",
    "!(value.n in [7, 8])",
    "value.m <= value.n",
    "value.t != 'no'",
    "value.t in ['a', 'bb', 'a longer text', 'no']",
    "!(value.t in ['c', 'a longer one'])",
    "value.t != value.u",
    "value.u > 'a'",
    "value.d < 3.5",
    "value.d != 1.25",
    "!(value.d > 3.0)",
    "has(value.m)",
    "value.at >= timestamp('2026-01-01T00:00:00Z')",
    "value.at < value.end",
    "value.u != null",
    "value.u.startsWith('b') || value.n < 8",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn rules_together_say_what_each_says(
        chosen in proptest::collection::btree_set(0..RULES.len(), 1..8),
        n in prop_oneof![4 => (0_i64..10).prop_map(|n| json!(n)), 1 => Just(Value::Null), 1 => Just(json!(i64::MAX))],
        m in proptest::option::of(0_i64..10),
        t in prop_oneof![Just("a"), Just("bb"), Just("c"), Just("no"), Just("a longer text"), Just("a longer one"), Just("\u{e9}\n")],
        u in proptest::option::weighted(0.9, prop_oneof![Just("a"), Just("b"), Just("bb"), Just("a longer text")]),
        d in prop_oneof![Just("1.25"), Just("3.5"), Just("3.49"), Just("0"), Just("99999999999999.99")],
        at in prop_oneof![Just("2025-12-31T23:59:59Z"), Just("2026-01-01T00:00:00Z"), Just("2026-01-01T01:00:00+01:00")],
        end in prop_oneof![Just("2026-01-01T00:00:00.5Z"), Just("2025-01-01T00:00:00Z")],
        spaced in any::<bool>(),
    ) {
        let mut quality = String::from("    quality:\n");
        for rule in &chosen {
            quality.push_str(&format!("      - {{id: r{rule}, type: custom, engine: cel, implementation: \"{}\"}}\n", RULES[*rule]));
        }
        let text = yaml(
            "      - {property: encodings, vendor: tidegate, value: [json]}\n",
            "      - {name: n, logicalType: integer}\n      - {name: m, logicalType: integer}\n      - {name: t, logicalType: string}\n      \
             - {name: u, logicalType: string}\n      - {name: d, logicalType: number, physicalType: \"decimal(16,2)\"}\n      \
             - {name: at, logicalType: timestamp}\n      - {name: end, logicalType: timestamp}\n",
        );
        let text = text.replacen("    properties:\n", &format!("{quality}    properties:\n"), 1);
        let mut event = json!({"n": n, "t": t, "at": at, "end": end});
        if let Some(m) = m {
            event["m"] = json!(m);
        }
        event["u"] = json!(u);
        let value = event.to_string().replacen('{', &format!("{{\"d\":{d},"), 1);
        let value = if spaced { value.replace("\":", "\": ").replace(",\"", ", \"") } else { value };
        let event = Event { key: Some(b"k".to_vec()), value: Some(value.into_bytes()), ..Event::default() };
        both(&text, &event, &Schemas::default());
    }
}

#[test]
fn a_placeholder_in_base64_is_not_sent() {
    let text = yaml(
        "      - {property: cdc, vendor: tidegate, value: debezium}\n",
        "      - {name: id, logicalType: integer, primaryKey: true}\n      - {name: note, logicalType: string}\n",
    );
    let line = r#"{"before":null,"after":{"id":1,"note":"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="},"source":{"ts_ms":1},"op":"u"}"#;
    assert!(matches!(
        both(&text, &Event::read(line), &Schemas::default()),
        Verdict::Valid { .. }
    ));
}

#[test]
fn fields_past_the_first_word_are_counted_and_missed() {
    let fields: String = (0..66)
        .map(|at| format!("      - {{name: f{at}, logicalType: string, required: {}}}\n", at < 64))
        .collect();
    let limits = "      - {property: encodings, vendor: tidegate, value: [json]}\n";
    let text = yaml(limits, &fields);
    let plan = compile(&contract("case", &text), 0).unwrap();
    let whole: Vec<String> = (0..66).rev().map(|at| format!("\"f{at}\":\"a\"")).collect();
    for (value, valid) in [
        (r#"{"f64":"a","f65":"b"}"#.to_owned(), false),
        (r#"{"f64":"a"}"#.to_owned(), false),
        (r#"{"f64":"a"}"#.to_owned(), false),
        (r#"{"f64":"a","f65":"b","f65":"c"}"#.to_owned(), false),
        (format!("{{{}}}", whole.join(",")), true),
        (format!("{{{}}}", whole.join(",")), true),
    ] {
        let event = Event {
            key: Some(b"k".to_vec()),
            value: Some(value.clone().into_bytes()),
            ..Event::default()
        };
        // One plan for all, since it remembers what followed what.
        let verdict = event.judge(&mut Judge::new(), &plan, &Schemas::default(), &mut ());
        assert_eq!(
            verdict,
            event.judge(&mut Judge::thorough(), &plan, &Schemas::default(), &mut ()),
            "{value}"
        );
        assert_eq!(matches!(verdict, Verdict::Valid { .. }), valid, "{value}");
    }
}

#[test]
fn records_of_nulls_end_where_the_tokens_do() {
    let text = yaml(
        "      - {property: encodings, vendor: tidegate, value: [avro]}\n      - {property: unknownFields, vendor: tidegate, value: ignore}\n",
        "      - {name: l, logicalType: string}\n",
    );
    let mut seen = [0, 0];
    for count in [10, 8_189, 8_190, 8_191, 8_192, 9_000] {
        let fields: Vec<_> = (0..count).map(|at| json!({"name": format!("n{at}"), "type": "null"})).collect();
        let mut schemas = Schemas::default();
        schemas.add(1, &json!({"type": "record", "name": "R", "fields": fields}));
        let event = Event {
            key: Some(b"k".to_vec()),
            value: Some(vec![0, 0, 0, 0, 1]),
            ..Event::default()
        };
        seen[usize::from(matches!(both(&text, &event, &schemas), Verdict::Valid { .. }))] += 1;
    }
    assert!(seen[0] > 0 && seen[1] > 0, "the limit lies between: {seen:?}");
}

#[test]
fn schemas_that_name_one_type_again_and_again_are_looked_at_once() {
    let text = yaml(
        "      - {property: encodings, vendor: tidegate, value: [avro]}\n      - {property: unknownFields, vendor: tidegate, value: ignore}\n",
        "      - {name: l, logicalType: string}\n      - {name: b, logicalType: array, items: {logicalType: object, properties: [{name: x, logicalType: string}]}}\n",
    );
    let three = |of: &str| json!([{"name": "a", "type": of}, {"name": "b", "type": of}, {"name": "c", "type": of}]);
    let mut fields = vec![json!({"name": "f30", "type": {"type": "record", "name": "R30", "fields": [{"name": "x", "type": "long"}]}})];
    for level in (1..30).rev() {
        let record = json!({"type": "record", "name": format!("R{level}"), "fields": three(&format!("R{}", level + 1))});
        fields.push(json!({"name": format!("f{level}"), "type": record}));
    }
    // And a list whose items have more bytes than can be counted.
    let fixed: Vec<_> = (0..128).map(|at| json!({"name": format!("x{at}"), "type": "F"})).collect();
    let first = json!({"name": "first", "type": {"type": "fixed", "name": "F", "size": 1 << 30}});
    let of_fixed = [&[first][..], &fixed].concat();
    let a = json!({"type": "record", "name": "A", "fields": of_fixed});
    let of_a: Vec<_> = (0..128)
        .map(|at| json!({"name": format!("y{at}"), "type": if at == 0 { a.clone() } else { json!("A") }}))
        .collect();
    let mut schemas = Schemas::default();
    schemas.add(1, &json!({"type": "record", "name": "T", "fields": fields}));
    let list = json!({"type": "array", "items": {"type": "record", "name": "B", "fields": of_a}});
    schemas.add(2, &json!({"type": "record", "name": "L", "fields": [{"name": "b", "type": list}]}));
    for value in [vec![0, 0, 0, 0, 1, 2, 2], vec![0, 0, 0, 0, 2, 0x80, 0x80, 0x80, 0x01, 0]] {
        let event = Event {
            key: Some(b"k".to_vec()),
            value: Some(value),
            ..Event::default()
        };
        assert!(matches!(both(&text, &event, &schemas), Verdict::Invalid { .. }));
    }
}
