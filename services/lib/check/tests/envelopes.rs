//! Envelopes that are as the last ones were get the verdicts that reading each of them anew gives.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;
use tidegate_check::{Judge, Verdict, compile};
use tidegate_contract::SchemaFolder;

use support::{Event, Recorder, Schemas, contract};

const CONTRACT: &str = "
apiVersion: v3.2.0
kind: DataContract
id: c
version: \"1.0.0\"
status: active
schema:
  - name: c
    physicalType: topic
    customProperties:
      - {property: cdc, vendor: tidegate, value: debezium}
      - {property: unknownFields, vendor: tidegate, value: fail}
      - {property: eventTime, vendor: tidegate, value: at}
    quality:
      - {id: positive, type: custom, engine: cel, implementation: value.n > 0}
      - {id: ordered, type: custom, engine: cel, implementation: value.n <= value.m}RULE
    properties:
      - {name: id, logicalType: integer, primaryKey: true, required: true}
      - {name: part, logicalType: string, primaryKey: true, logicalTypeOptions: {maxLength: 3}}
      - {name: n, logicalType: integer, required: true}
      - {name: m, logicalType: integer}
      - {name: text, logicalType: string}
      - {name: at, logicalType: timestamp, physicalType: timestamptz}
      - {name: tags, logicalType: array, items: {logicalType: string}}
      - {name: codes, logicalType: array, items: {logicalType: integer}}
      - name: inner
        logicalType: object
        properties:
          - {name: n, logicalType: integer, required: true}
";

/// A rule that is asked on some operations only, one that reads the old row, and one that reads the source.
const RULES: [&str; 4] = [
    "",
    "\n      - {id: creates, type: custom, engine: cel, implementation: value.n < 9, customProperties: \
     [{property: operations, vendor: tidegate, value: [create]}]}",
    "\n      - {id: grows, type: custom, engine: cel, implementation: value.n >= before.n}",
    "\n      - {id: table, type: custom, engine: cel, implementation: \"source.table == 't' && source.transaction != '8'\"}",
];

const PLACEHOLDER: &str = "\"__debezium_unavailable_value\"";

fn codes() -> String {
    let codes: Vec<String> = PLACEHOLDER.trim_matches('"').bytes().map(|byte| byte.to_string()).collect();
    format!("[{}]", codes.join(","))
}

fn row() -> impl Strategy<Value = String> {
    let codes = codes();
    let field = |name: &'static str, usual: Vec<String>, odd: Vec<String>| {
        prop_oneof![15 => select(usual), 1 => select(odd)].prop_map(move |value| format!("\"{name}\":{value}"))
    };
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let fields = (
        field("id", texts(&["1", "2"]), texts(&["null", "\"1\"", "1.0", "-3"])),
        field("part", texts(&["\"a\"", "null"]), texts(&["\"long\"", "\"\\u0061\"", PLACEHOLDER])),
        field("n", texts(&["1", "5"]), texts(&["0", "10", "null", "12345678901234567890"])),
        field("m", texts(&["6", "9"]), texts(&["0", "null"])),
        field(
            "text",
            texts(&["\"x\"", "null"]),
            texts(&[PLACEHOLDER, "\"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==\"", "\"\\n\""]),
        ),
        field(
            "at",
            texts(&["\"2026-01-01T00:00:00Z\""]),
            texts(&["\"yesterday\"", "null", PLACEHOLDER]),
        ),
        field(
            "tags",
            texts(&["[]", "[\"a\"]", "null"]),
            vec![format!("[{PLACEHOLDER}]"), "[1]".to_owned()],
        ),
        field("codes", texts(&["[1,2]", "[]"]), vec![codes, "[\"1\"]".to_owned()]),
        field(
            "inner",
            texts(&["{\"n\":1}", "null"]),
            texts(&["{}", "{\"n\":1,\"n\":1}", "{\"n\":1,\"o\":1}"]),
        ),
    );
    (
        fields,
        prop_oneof![20 => Just(""), 1 => Just(",\"more\":1"), 1 => Just(",\"id\":1"), 1 => Just(","), 1 => Just("]")],
    )
        .prop_map(|(f, spoilt)| {
            format!(
                "{{{},{},{},{},{},{},{},{},{}{spoilt}}}",
                f.0, f.1, f.2, f.3, f.4, f.5, f.6, f.7, f.8
            )
        })
}

fn envelope() -> impl Strategy<Value = String> {
    let none = || Just("null".to_owned());
    let source = prop_oneof![
        8 => Just("{\"version\":\"3\",\"ts_ms\":1,\"snapshot\":\"false\",\"db\":\"d\",\"ts_us\":1767225600000000,\"table\":\"t\",\"lsn\":27551712,\"seq\":\"[\\\"1\\\"]\"}"),
        1 => Just("{\"version\":\"3\",\"ts_ms\":1,\"snapshot\":true,\"db\":null,\"ts_us\":17672256000000000000,\"table\":\"t\",\"lsn\":1e3,\"seq\":01}"),
        1 => Just("{\"version\":\"3\",\"ts_ms\":\"1\",\"snapshot\":\"false\",\"db\":\"d\",\"ts_us\":2,\"table\":\"t\",\"lsn\":-0,\"seq\":null}"),
        1 => Just("{\"lsn\":1,\"lsn\":2}"),
        1 => Just("null"),
    ];
    let transaction = prop_oneof![4 => Just("null"), 2 => Just("{\"id\":\"9:27\",\"order\":1}"), 1 => Just("{\"id\":\"8:27\",\"order\":1}"), 1 => Just("{\"id\":\"x\",\"order\":-1.5}")];
    let op = prop_oneof![4 => Just("\"c\""), 4 => Just("\"u\""), 2 => Just("\"r\""), 4 => Just("\"d\""), 1 => Just("\"t\""), 1 => Just("\"x\""), 1 => Just("null")];
    let before = prop_oneof![4 => none(), 2 => row()];
    let after = prop_oneof![8 => row(), 1 => none()];
    let spoilt = prop_oneof![12 => Just(""), 1 => Just("}"), 1 => Just(" \n"), 1 => Just("{")];
    let message = prop_oneof![12 => Just("null"), 1 => Just("\"x\""), 1 => Just("5"), 1 => Just("{\"prefix\":\"p\"}"), 1 => Just("{}")];
    (before, after, source, (transaction, message), op, spoilt, any::<bool>(), prop::bool::weighted(0.1)).prop_map(
        |(before, after, source, (transaction, message), op, spoilt, spaced, cut)| {
            // Deletes have their row in `before`.
            let (before, after) = match op {
                "\"d\"" => (after, "null".to_owned()),
                _ => (before, after),
            };
            let mut text = format!(
                "{{\"before\":{before},\"after\":{after},\"source\":{source},\"transaction\":{transaction},\"message\":{message},\"op\":{op},\"ts_ms\":1767225600716,\"ts_ns\":1767225600716000123}}{spoilt}"
            );
            if spaced && text.len() % 4 == 0 {
                text = text.replace("\":", "\": ").replace(",\"", ", \"");
            }
            if cut {
                text.truncate(text.len() / 2);
            }
            text
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_judge_that_has_seen_envelopes_says_what_one_that_has_not_says(
        rule in select(&RULES[..]),
        events in prop::collection::vec(envelope(), 1..24),
    ) {
        let plan = compile(&contract("case", &CONTRACT.replace("RULE", rule)), 0).unwrap();
        let mut judges = [Judge::new(), Judge::new()];
        // What it knows of envelopes is learned from one that changes nothing else.
        let usual = Event::read("{\"before\":null,\"after\":{\"id\":1,\"part\":\"a\",\"n\":1,\"m\":6,\"text\":null,\"at\":\"2026-01-01T00:00:00Z\",\
            \"tags\":[],\"codes\":[],\"inner\":null},\"source\":{\"version\":\"3\",\"ts_ms\":1,\"snapshot\":\"false\",\"db\":\"d\",\"ts_us\":2,\
            \"table\":\"t\",\"lsn\":3,\"seq\":\"4\"},\"transaction\":{\"id\":\"9:27\",\"order\":1},\"message\":null,\"op\":\"c\",\"ts_ms\":1,\"ts_ns\":1}");
        for judge in &mut judges {
            let verdict = usual.judge(judge, &plan, &Schemas::default(), &mut ());
            prop_assert!(matches!(verdict, Verdict::Valid { .. }) || rule.contains("before"), "{:?}", verdict);
        }
        for event in &events {
            let read = Event::read(event);
            let expected = {
                let mut row = Recorder::default();
                let verdict = read.judge(&mut Judge::thorough(), &plan, &Schemas::default(), &mut row);
                (verdict, row.calls)
            };
            let [judge, other] = &mut judges;
            let mut row = Recorder::default();
            prop_assert_eq!(&read.judge(judge, &plan, &Schemas::default(), &mut ()), &expected.0, "{}", event);
            prop_assert_eq!(&read.judge(other, &plan, &Schemas::default(), &mut row), &expected.0, "{} with a sink", event);
            if matches!(expected.0, Verdict::Valid { .. }) {
                prop_assert_eq!(&row.calls, &expected.1, "{}", event);
            }
        }
    }
}

/// An envelope whose names are as usual, with these rows and this operation.
fn usual(before: &str, after: &str, op: &str) -> Event {
    Event::read(&format!(
        "{{\"before\":{before},\"after\":{after},\"source\":{{\"ts_ms\":1,\"table\":\"t\",\"lsn\":3}},\"op\":\"{op}\",\"ts_ms\":1}}"
    ))
}

fn table_row(n: u8) -> String {
    format!(
        "{{\"id\":1,\"part\":\"a\",\"n\":{n},\"m\":6,\"text\":null,\"at\":\"2026-01-01T00:00:00Z\",\"tags\":[],\"codes\":[],\"inner\":null}}"
    )
}

#[test]
fn rules_about_the_old_row_are_asked_behind_usual_envelopes() {
    let plan = compile(&contract("case", &CONTRACT.replace("RULE", RULES[2])), 0).unwrap();
    let mut judge = Judge::new();
    for (before, valid) in [(table_row(1), true), (table_row(5), false)] {
        for _ in 0..2 {
            let verdict = usual(&before, &table_row(3), "u").judge(&mut judge, &plan, &Schemas::default(), &mut ());
            assert_eq!(matches!(verdict, Verdict::Valid { .. }), valid, "{before}: {verdict:?}");
        }
    }
}

#[test]
fn deletes_hand_on_their_key_alone() {
    let plan = compile(&contract("case", &CONTRACT.replace("RULE", "")), 0).unwrap();
    let (mut judge, mut before) = (Judge::new(), Recorder::default());
    usual(&table_row(0), "null", "d").judge(&mut Judge::thorough(), &plan, &Schemas::default(), &mut before);
    for _ in 0..3 {
        let mut row = Recorder::default();
        usual(&table_row(0), "null", "d").judge(&mut judge, &plan, &Schemas::default(), &mut row);
        assert_eq!(row.calls, before.calls);
    }
    let keyless = usual("{\"part\":\"a\",\"n\":0}", "null", "d");
    for _ in 0..2 {
        let verdict = keyless.judge(&mut judge, &plan, &Schemas::default(), &mut ());
        assert_eq!(verdict, keyless.judge(&mut Judge::thorough(), &plan, &Schemas::default(), &mut ()));
        assert!(matches!(verdict, Verdict::Invalid { .. }), "{verdict:?}");
    }
}

/// A list of the codes of the placeholder is a list of numbers, too; an event schema must not be asked about what was not sent.
#[test]
fn an_event_schema_is_not_asked_about_what_was_not_sent() {
    let text = "
apiVersion: v3.2.0
kind: DataContract
id: c
version: \"1.0.0\"
status: active
schema:
  - name: c
    physicalType: topic
    customProperties:
      - {property: cdc, vendor: tidegate, value: debezium}
      - {property: eventSchema, vendor: tidegate, value: row.schema.json}
    properties:
      - {name: id, logicalType: integer, primaryKey: true}
      - {name: codes, logicalType: array, items: {logicalType: integer}}
";
    let mut contract = tidegate_contract::parse("case", text).0.unwrap();
    let schemas = SchemaFolder::from_texts([(
        "row.schema.json",
        r#"{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"codes":{"maxItems":5}}}"#,
    )]);
    assert!(contract.attach_schemas(&Arc::new(schemas)).is_empty());
    let plan = compile(&contract, 0).unwrap();
    let mut judge = Judge::new();
    for codes in ["[1,2]".to_owned(), codes(), codes()] {
        let verdict = usual("null", &format!("{{\"id\":1,\"codes\":{codes}}}"), "u").judge(&mut judge, &plan, &Schemas::default(), &mut ());
        assert!(matches!(verdict, Verdict::Valid { .. }), "{codes}: {verdict:?}");
    }
}
