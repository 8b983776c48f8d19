//! Rows that are seen at once get the verdicts that reading each field and asking each rule gives.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::select;
use tidegate_check::{Judge, Plan, Verdict, compile};

use support::{Event, Schemas, contract};

/// Fields whose clauses and rules meet: what is left of both is one range, several, some texts, or nothing.
const PROPERTIES: &str = "
      - {name: n, logicalType: integer, logicalTypeOptions: {format: i32, minimum: 1, maximum: 20}}
      - {name: wide, logicalType: integer}
      - {name: total, logicalType: number, physicalType: \"decimal(6,2)\", logicalTypeOptions: {minimum: 0}}
      - {name: share, logicalType: number, logicalTypeOptions: {format: f64, maximum: 10}}
      - {name: flag, logicalType: boolean}
      - {name: kind, logicalType: string, enum: [{value: one}, {value: two}, {value: three}, {value: \"a long one of them\"}]}
      - {name: code, logicalType: string, logicalTypeOptions: {pattern: \"^[A-C]-[0-9]{2}$\"}}
      - {name: other, logicalType: string, logicalTypeOptions: {pattern: \"^[A-C]-[0-9]{2}$\"}}
      - {name: id, logicalType: string, logicalTypeOptions: {format: uuid}}
      - {name: mail, logicalType: string, logicalTypeOptions: {format: email}}
      - {name: free, logicalType: string, logicalTypeOptions: {minLength: 1, maxLength: 12}}
      - {name: at, logicalType: timestamp}
      - {name: end, logicalType: timestamp}
      - name: who
        logicalType: object
        required: WHO
        properties:
          - {name: kind, logicalType: string, enum: [{value: three}, {value: four}]}
          - {name: code, logicalType: string, logicalTypeOptions: {pattern: \"^[A-Z]{2}$\"}}
          - {name: n, logicalType: integer}
          - {name: at, logicalType: timestamp}
      - name: lines
        logicalType: array
        logicalTypeOptions: {maxItems: 2}
        items:
          logicalType: object
          properties:
            - {name: n, logicalType: integer, required: true}
";

const RULES: &[&str] = &[
    "value.n >= 2",
    "value.n < 20",
    "value.n != 1",
    "value.n != 7",
    "value.n in [2, 3, 4, 7]",
    "!(value.n in [3, 19, 20])",
    "value.n > 30",
    "value.n != 20",
    "value.n in [2, 4]",
    "value.wide > 0",
    "value.wide <= 9223372036854775807",
    "value.wide != 5",
    "value.wide == 6",
    "value.total > 0.1",
    "value.total <= 99.99",
    "value.total != 0.3",
    "value.share < 2.5",
    "value.share >= 0.0",
    "value.share > -1.0",
    "value.flag in [true, false]",
    "value.flag",
    "value.flag == true",
    "value.kind != 'two'",
    "value.kind in ['one', 'three', 'seven', 'a long one of them']",
    "!(value.kind in ['three', 'none'])",
    "value.kind > 'one'",
    "value.kind == 'nothing'",
    "value.code != 'A-01'",
    "value.code != 'none'",
    "value.code in ['A-02', 'B-10', 'none']",
    "value.code > '9'",
    "value.code < 'C-50'",
    "value.code > 'B'",
    "value.code != value.other",
    "value.id != '00000000-0000-4000-a000-000000000000'",
    "value.id != value.code",
    "value.mail != 'a@example.com'",
    "value.mail in ['b@example.com', 'nobody']",
    "value.free != 'hidden'",
    "value.free in ['shown', 'hidden', 'a longer text than is allowed']",
    "value.at >= timestamp('2020-01-01T00:00:00Z')",
    "value.at != timestamp('2026-01-01T00:00:00Z')",
    "value.at < timestamp('9999-12-31T23:59:59Z')",
    "value.at <= value.end",
    "value.kind != value.who.kind",
    "value.kind != value.free",
    "value.code != value.who.code",
    "value.who.kind != value.who.code",
    "value.who.n > 1",
    "value.n <= value.who.n",
    "has(value.free)",
    "has(value.at)",
    "has(value.who)",
    "has(value.who.at)",
    "value.free != null",
    "value.lines.all(line, line.n > 0)",
    "value.n < 5 || value.flag",
    "value.free.startsWith('s')",
];

fn contract_of(rules: &[usize], who_required: bool) -> String {
    let mut text = String::from(
        "apiVersion: v3.2.0\nkind: DataContract\nid: c\nversion: \"1.0.0\"\nstatus: active\nschema:\n  - name: c\n    physicalType: topic\n    \
         customProperties:\n      - {property: eventTime, vendor: tidegate, value: end}\n",
    );
    if !rules.is_empty() {
        text.push_str("    quality:\n");
    }
    for rule in rules {
        let severity = if rule % 3 == 0 { "warning" } else { "error" };
        writeln!(
            text,
            "      - {{id: r{rule}, type: custom, engine: cel, severity: {severity}, implementation: \"{}\"}}",
            RULES[*rule]
        )
        .unwrap();
    }
    text + "    properties:" + &PROPERTIES.replace("WHO", if who_required { "true" } else { "false" })
}

/// A field with one of its usual values, one at an edge, null, or nothing.
fn field(name: &'static str, usual: &'static [&'static str], odd: &'static [&'static str]) -> impl Strategy<Value = String> {
    let value = prop_oneof![12 => select(usual), 1 => select(odd), 1 => Just("null"), 1 => Just("")];
    value.prop_map(move |value| match value {
        "" => String::new(),
        value => format!("\"{name}\":{value}"),
    })
}

fn event() -> impl Strategy<Value = String> {
    const INSTANTS: &[&str] = &[
        "\"2026-01-01T00:00:00Z\"",
        "\"2026-01-01T01:00:00.000001+01:00\"",
        "\"2020-01-01T00:00:00Z\"",
    ];
    const ODD_INSTANTS: &[&str] = &[
        "\"2019-12-31T23:59:59.999999Z\"",
        "\"9999-12-31T23:59:59Z\"",
        "\"0000-01-01T00:00:00Z\"",
    ];
    let who = (
        field("kind", &["\"four\"", "\"three\""], &["\"one\""]),
        field("code", &["\"AB\"", "\"ZZ\""], &["\"A-01\""]),
        field("n", &["2", "3", "100"], &["1", "-1"]),
        field("at", INSTANTS, ODD_INSTANTS),
    )
        .prop_map(|(kind, code, n, at)| format!("\"who\":{{{}}}", listed([kind, code, n, at])));
    let first = (
        field("n", &["2", "4", "7"], &["1", "3", "19", "20", "21", "2.0", "\"2\""]),
        field("wide", &["6"], &["0", "5", "1", "9223372036854775807", "9223372036854775808", "-7"]),
        field(
            "total",
            &["0.2", "12.34", "99.99"],
            &["0.1", "0.3", "100", "0.10", "0.11", "12.345", "-1"],
        ),
        field(
            "share",
            &["1.5", "2.4999999999999996"],
            &["2.5", "0", "-0.0", "10", "10.1", "1e0", "-1"],
        ),
        field("flag", &["true", "false"], &["1"]),
        field(
            "kind",
            &["\"one\"", "\"three\"", "\"a long one of them\""],
            &["\"two\"", "\"on\\u0065\"", "\"nothing\""],
        ),
    );
    let second = (
        field("other", &["\"B-10\"", "\"A-99\""], &["\"A-02\""]),
        field(
            "code",
            &["\"A-02\"", "\"B-10\"", "\"C-49\""],
            &["\"A-01\"", "\"C-50\"", "\"C-99\"", "\"D-00\""],
        ),
        field(
            "id",
            &["\"10000000-0000-4000-a000-000000000000\""],
            &["\"00000000-0000-4000-a000-000000000000\"", "\"x\""],
        ),
        field(
            "mail",
            &["\"b@example.com\"", "\"c@example.com\""],
            &["\"a@example.com\"", "\"nobody\""],
        ),
        field(
            "free",
            &["\"shown\"", "\"sh\\u006fwn\"", "\"s\u{e9}\""],
            &["\"hidden\"", "\"h\\u0069dden\"", "\"\"", "\"one\"", "\"three\""],
        ),
        field("at", INSTANTS, ODD_INSTANTS),
        field("end", INSTANTS, ODD_INSTANTS),
    );
    let lines = field(
        "lines",
        &["[]", "[{\"n\":1}]", "[{\"n\":1},{\"n\":2}]"],
        &["[{\"n\":0}]", "[{}]", "[{\"n\":1},{\"n\":1},{\"n\":1}]"],
    );
    let spoilt = prop_oneof![8 => Just(""), 1 => Just(",\"n\":2"), 1 => Just(",\"x\":1"), 1 => Just(","), 1 => Just("}")];
    (
        first,
        second,
        prop_oneof![9 => who, 1 => Just(String::new())],
        lines,
        spoilt,
        any::<bool>(),
    )
        .prop_map(|(a, b, who, lines, spoilt, spaced)| {
            let text = format!(
                "{{{}{spoilt}}}",
                listed([a.0, a.1, a.2, a.3, a.4, a.5, b.0, b.1, b.2, b.3, b.4, b.5, b.6, who, lines])
            );
            if spaced {
                text.replace("\":", "\": ").replace(",\"", ", \"")
            } else {
                text
            }
        })
}

fn listed<const N: usize>(fields: [String; N]) -> String {
    fields.into_iter().filter(|field| !field.is_empty()).collect::<Vec<_>>().join(",")
}

fn verdict(judge: &mut Judge, plan: &Plan, text: &str) -> Verdict {
    Event::read(text).judge(judge, plan, &Schemas::default(), &mut ())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_seen_at_once_are_those_that_hold(
        rules in prop::collection::btree_set(0..RULES.len(), 0..14),
        who_required in any::<bool>(),
        events in prop::collection::vec(event(), 6),
    ) {
        let rules: Vec<usize> = rules.into_iter().collect();
        let plan = compile(&contract("case", &contract_of(&rules, who_required)), 0).unwrap();
        let (mut judge, mut thorough) = (Judge::new(), Judge::thorough());
        for event in &events {
            prop_assert_eq!(verdict(&mut judge, &plan, event), verdict(&mut thorough, &plan, event), "{} by {:?}", event, rules);
        }
    }
}

/// A value whose rules are answered is kept nowhere, however it is written: not in the place of another one either.
#[test]
fn what_is_not_kept_takes_no_place() {
    let number = |rule: &str| RULES.iter().position(|known| *known == rule).unwrap();
    let rules = [number("value.code > 'B'"), number("value.code != value.who.code")];
    let plan = compile(&contract("case", &contract_of(&rules, false)), 0).unwrap();
    for between in ["", " ", "\t"] {
        let event = r#"{"kind":"one","code":"A-02","end":"2026-01-01T00:00:00Z","who":{"kind":"four","code":"ZZ"}}"#;
        let event = event.replace("\":", &format!("\":{between}"));
        // The order of fields is learned first.
        for _ in 0..3 {
            let verdict = verdict(&mut Judge::new(), &plan, &event);
            assert!(matches!(verdict, Verdict::Invalid { .. }), "{event}");
        }
    }
}

/// Each rule alone, on values at its edge and beside it.
#[test]
fn every_rule_alone_is_asked() {
    let template = [
        ("n", vec!["2", "7", "3", "1", "20", "null"]),
        ("wide", vec!["6", "5", "0", "null"]),
        ("total", vec!["0.2", "0.1", "0.11", "0.3", "99.99", "100", "null"]),
        ("share", vec!["1.5", "2.5", "0", "-0.0", "-1", "null"]),
        ("flag", vec!["true", "false", "null"]),
        ("kind", vec!["\"one\"", "\"two\"", "\"three\"", "null"]),
        ("code", vec!["\"A-02\"", "\"A-01\"", "\"C-50\"", "\"C-49\"", "null"]),
        ("other", vec!["\"B-10\"", "\"A-02\"", "null"]),
        (
            "id",
            vec![
                "\"10000000-0000-4000-a000-000000000000\"",
                "\"00000000-0000-4000-a000-000000000000\"",
                "null",
            ],
        ),
        ("mail", vec!["\"b@example.com\"", "\"a@example.com\"", "null"]),
        ("free", vec!["\"shown\"", "\"hidden\"", "\"one\"", "null"]),
        (
            "at",
            vec![
                "\"2020-01-01T00:00:00Z\"",
                "\"2026-01-01T00:00:00Z\"",
                "\"2019-12-31T23:59:59.999999Z\"",
                "null",
            ],
        ),
        ("end", vec!["\"2026-01-01T00:00:00Z\"", "\"2019-01-01T00:00:00Z\"", "null"]),
        (
            "who",
            vec![
                "{\"kind\":\"four\",\"code\":\"AB\",\"n\":5}",
                "{\"kind\":\"three\",\"n\":1}",
                "null",
            ],
        ),
        ("lines", vec!["[{\"n\":1}]", "[{\"n\":0}]", "null"]),
    ];
    let (mut valid, mut invalid) = (0, 0);
    for (rule, expression) in RULES.iter().enumerate() {
        let plan = compile(&contract("case", &contract_of(&[rule], false)), 0).unwrap();
        for (changed, (_, values)) in template.iter().enumerate() {
            for value in values {
                let fields = template.iter().enumerate().map(|(at, (name, usual))| {
                    let value = if at == changed { value } else { &usual[0] };
                    format!("\"{name}\":{value}")
                });
                let event = format!("{{{}}}", fields.collect::<Vec<_>>().join(","));
                let quick = verdict(&mut Judge::new(), &plan, &event);
                assert_eq!(quick, verdict(&mut Judge::thorough(), &plan, &event), "{event} by {expression}");
                match quick {
                    Verdict::Valid { .. } => valid += 1,
                    _ => invalid += 1,
                }
            }
        }
    }
    assert!(valid > 1000 && invalid > 100, "both are seen: {valid} valid, {invalid} not");
}
