//! What rules and `uniqueItems` look at is kept without an allocation, and within bounds.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fmt::Write as _;

use serde_json::json;
use tidegate_check::{Judge, Plan, Verdict, compile};

use support::{Event, Schemas, describe};

fn plan(quality: &[&str], settings: &str, properties: &str) -> Plan {
    let mut text = String::from(
        "apiVersion: v3.2.0\nkind: DataContract\nid: captures\nversion: 1.0.0\nstatus: active\nschema:\n  - name: events\n    \
         logicalType: object\n    physicalType: topic\n",
    );
    text.push_str(settings);
    text.push_str("    quality:\n");
    for (at, rule) in quality.iter().enumerate() {
        let _ = writeln!(text, "      - {{id: r{at}, type: custom, engine: cel, implementation: \"{rule}\"}}");
    }
    text.push_str("    properties:\n");
    text.push_str(properties);
    compile(&support::contract("captures", &text), 0).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn event(value: &str) -> Event {
    Event {
        key: Some(b"k".to_vec()),
        value: Some(value.as_bytes().to_vec()),
        ..Event::default()
    }
}

const PROPERTIES: &str = "
      - {name: id, logicalType: integer, required: true, primaryKey: true, primaryKeyPosition: 1}
      - {name: n, logicalType: integer}
      - {name: d, logicalType: number, physicalType: 'decimal(10,2)'}
      - {name: wide, logicalType: number, physicalType: 'decimal(38,2)'}
      - {name: s, logicalType: string}
      - {name: at, logicalType: timestamp}
      - {name: o, logicalType: object, properties: [{name: s, logicalType: string}, {name: gone, logicalType: integer}]}
      - name: l
        logicalType: array
        logicalTypeOptions: {uniqueItems: true}
        items: {name: i, logicalType: object, properties: [{name: q, logicalType: integer}, {name: s, logicalType: string}]}
      - {name: m, logicalType: map, map: {key: {name: k, logicalType: string}, value: {name: v, logicalType: integer}}}
";

const RULES: [&str; 12] = [
    "value.n > 3 && value.n < 10",
    "value.d <= value.wide",
    "value.d * 2.0 < 100.0",
    "value.s in ['a', 'b'] || value.s.matches('^x+$')",
    "value.at + duration('1h') > timestamp('2020-01-01T00:00:00Z')",
    "value.o.s != value.s && !has(value.o.gone)",
    "value.o.gone > 1 || value.n > 3",
    "value.l.all(x, x.q > 0 && x.s != '')",
    "size(value.l.filter(x, x.q > 1)) == 1 && 2 in value.l.map(x, x.q)",
    "value.m.b == 2 && 'a' in value.m && value.m.exists(k, k == 'a')",
    "math.greatest(value.l.map(x, x.q)) == 2 && double(value.n) < 10.5",
    "value.at.getFullYear() == 2026",
];

const VALUE: &str = r#"{"id":1,"n":7,"d":1.50,"wide":123456789012345678901234567890.12,"s":"xxx","at":"2026-11-21T08:15:30Z","o":{"s":"q"},
    "l":[{"q":1,"s":"a"},{"q":2,"s":"b"}],"m":{"b":2,"a":1}}"#;

fn assert_allocates_nothing(plan: &Plan, event: &Event, expected: &str) {
    for form in plan.rule_forms() {
        assert_eq!(form.interpreted, None, "{}", form.id);
    }
    let mut judge = Judge::new();
    let schemas = Schemas::default();
    for _ in 0..2 {
        let verdict = event.judge(&mut judge, plan, &schemas, &mut ());
        assert_eq!(describe(&verdict)["verdict"], expected, "{verdict:?}");
    }
    let counted = allocation_counter::measure(|| drop(event.judge(&mut judge, plan, &schemas, &mut ())));
    assert_eq!(counted.count_total, 0);
}

#[test]
fn rules_of_a_valid_event_allocate_nothing() {
    assert_allocates_nothing(&plan(&RULES, "", PROPERTIES), &event(VALUE), "valid");
}

#[test]
fn the_old_row_is_captured_into_room_that_is_there() {
    let settings = "    customProperties:\n      - {property: cdc, vendor: tidegate, value: debezium}\n";
    let properties = "      - {name: id, logicalType: integer, required: true, primaryKey: true, primaryKeyPosition: 1}\n      \
                      - {name: n, logicalType: integer}\n      - {name: s, logicalType: string}\n";
    let rules = [
        "op != 'u' || before == null || value.n > before.n",
        "before.s != value.s",
        "source.table == 'orders'",
    ];
    let plan = plan(&rules, settings, properties);
    let change = |n: i64| {
        event(
            &json!({"before": {"id": 1, "n": 1, "s": "old"}, "after": {"id": 1, "n": n, "s": "new"}, "op": "u", "ts_ms": 1,
                "source": {"table": "orders"}})
            .to_string(),
        )
    };
    assert_allocates_nothing(&plan, &change(2), "valid");
    let verdict = change(0).judge(&mut Judge::new(), &plan, &Schemas::default(), &mut ());
    assert!(matches!(verdict, Verdict::Invalid { .. }), "{verdict:?}");
}

/// Objects without a field cost a writer two bytes each, and whoever captures a thousand fields of each a thousand places.
#[test]
fn captures_are_bounded() {
    let fields: Vec<String> = (0..1000).map(|at| format!("{{name: f{at}, logicalType: string}}")).collect();
    let properties = format!(
        "      - name: l\n        logicalType: array\n        logicalTypeOptions: {{uniqueItems: true}}\n        items: {{name: i, \
         logicalType: object, properties: [{}]}}\n      - {{name: n, logicalType: integer}}\n",
        fields.join(", ")
    );
    let plan = plan(&["value.l.all(x, !has(x.f0))", "value.n > 0"], "", &properties);
    let mut judge = Judge::new();
    let mut judged = |objects: usize| {
        let objects: Vec<String> = (0..objects).map(|at| format!("{{\"f1\":\"{at}\"}}")).collect();
        let event = event(&format!("{{\"l\":[{}],\"n\":1}}", objects.join(",")));
        describe(&event.judge(&mut judge, &plan, &Schemas::default(), &mut ()))
    };
    assert_eq!(judged(100)["verdict"], "valid");
    assert_eq!(
        judged(5000)["violations"],
        json!([
            ["limit_exceeded", "too_large", "uniqueItems", "/l"],
            ["limit_exceeded", "rule_budget", "r0", ""],
            ["limit_exceeded", "rule_budget", "r1", ""]
        ])
    );
    assert_eq!(judged(100)["verdict"], "valid");
}
