use super::*;
use crate::coverage::CLAUSES;

const DAY: i64 = 86_400_000_000;

fn contract(schema: &str) -> Contract {
    let text = format!("apiVersion: v3.2.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\n{schema}");
    let (contract, diagnostics) = crate::parse("a.odcs.yaml", &text);
    contract.unwrap_or_else(|| panic!("{}", crate::render_lines(&diagnostics)))
}

fn said(schema: &str, now: i64) -> String {
    crate::render_lines(&lint(&contract(schema), now))
}

/// Every clause that nobody executes is said, at its own place.
#[test]
fn a_note_for_every_clause_that_nobody_executes() {
    let text = "
roles: [{role: reader}]
servers:
  - {server: s, type: kafka, host: 'h:1', format: json, encoding: utf-8, roles: [{role: reader}]}
schema:
  - name: o
    physicalType: topic
    deprecated: true
    relationships: [{from: a, to: b.c}]
    properties:
      - name: a
        logicalType: string
        deprecated: true
        partitioned: true
        partitionKeyPosition: 1
        encryptedName: b
        transformSourceObjects: [x]
        transformLogic: y
        examples: [z]
        relationships: [{to: b.c}]
      - {name: t, logicalType: time, logicalTypeOptions: {timezone: true, defaultTimezone: UTC}}
      - {name: v, logicalType: vector, logicalTypeOptions: {dimensions: 2, normalized: true}}
    quality:
      - {metric: rowCount, mustBeGreaterThan: 0, scheduler: cron, schedule: '0 20 * * *'}
slaProperties:
  - {property: latency, value: 4, unit: h, element: o, valueExt: 5, scheduler: cron, schedule: '0 20 * * *'}
";
    let notes = said(text, 0);
    let mut expected = 0;
    for clause in CLAUSES {
        if let Runs::Nobody(why) = clause.runs {
            assert!(notes.contains(why), "{:?} {} is not said:\n{notes}", clause.scope, clause.key);
            expected += 1;
        }
    }
    assert!(expected > 15);
    assert!(
        notes.contains("a.odcs.yaml:22:9: note[TG0127]: transformations"),
        "at its place: {notes}"
    );
    assert!(notes.contains("speaks of many rows"), "{notes}");
}

#[test]
fn flags_that_are_off_ask_for_nothing() {
    let notes = said(
        "schema:\n  - {name: o, properties: [{name: a, logicalType: boolean, partitioned: false, deprecated: false, examples: []}]}\n",
        0,
    );
    assert_eq!(notes, "");
}

#[test]
fn what_the_lake_measures_is_said() {
    let notes = said(
        "schema:
  - name: o
    properties:
      - {name: a, logicalType: boolean, unique: true}
      - {name: b, logicalType: boolean, primaryKey: true}
      - name: c
        logicalType: boolean
        quality:
          - {id: few, metric: nullValues, mustBeLessThan: 5, unit: percent}
          - {id: none, metric: nullValues, mustBe: 0}
    quality:
      - {id: sums, type: sql, query: SELECT 1, mustBe: 1}
",
        0,
    );
    let expected = [
        "`unique` is measured",
        "`primaryKey` is measured",
        "rule `few` speaks",
        "rule `sums` is SQL",
    ];
    for words in expected {
        assert!(notes.contains(words), "{words}: {notes}");
    }
    assert_eq!(notes.lines().count(), expected.len(), "{notes}");
}

#[test]
fn options_without_effect() {
    let notes = said(
        "schema:
  - name: o
    properties:
      - {name: a, logicalType: string, logicalTypeOptions: {format: binary, maxLength: 3}}
      - {name: b, logicalType: string, physicalType: varchar(10)}
      - {name: c, logicalType: string, physicalType: varchar(10), logicalTypeOptions: {maxLength: 10}}
      - {name: d, logicalType: integer, physicalType: int}
      - {name: e, logicalType: string, logicalTypeOptions: {format: password}}
",
        0,
    );
    for words in [
        "a.odcs.yaml:9:77: warning[TG0151]: `maxLength`",
        "maxLength: 10",
        "width of physicalType `int`",
        "format: i32",
        "`format: password`",
    ] {
        assert!(notes.contains(words), "{words}: {notes}");
    }
    assert_eq!(notes.lines().count(), 4, "{notes}");
}

#[test]
fn kill_switches_are_told_by_their_end() {
    let text = |until: &str| {
        format!(
            "customProperties:
  - property: killSwitches
    vendor: tidegate
    value:
      - {{rule: r, until: '{until}', reason: producer is mending}}
schema:
  - name: o
    properties: [{{name: a, logicalType: boolean}}]
    quality: [{{id: r, type: custom, engine: cel, implementation: value.a}}]
"
        )
    };
    let at = |until: &str| said(&text(until), 20_000 * DAY);
    assert!(at("2024-10-04").contains("warning[TG0148]: the kill switch of rule `r` ended at 2024-10-04"));
    assert!(at("2024-10-05").contains("warning[TG0148]: the kill switch of rule `r` ends soon"));
    assert!(at("2025-10-05").contains("note[TG0148]: rule `r` is switched off until 2025-10-05"));
}

#[test]
fn change_topics_and_unchecked_keys() {
    let cdc = "schema:
  - name: o
    physicalType: topic
    customProperties: [{property: cdc, value: debezium, vendor: tidegate}]
    properties: [{name: a, logicalType: boolean, primaryKey: true}]
";
    assert!(said(cdc, 0).contains("7:5: warning[TG0152]"), "{}", said(cdc, 0));
    let with = |word: &str| {
        said(
            &format!("customProperties: [{{property: onFailure, vendor: tidegate, value: {word}}}]\n{cdc}"),
            0,
        )
    };
    assert!(with("continue").contains("warning[TG0152]") && !with("stop").contains("TG0152"));
    let held = with("hold_key");
    assert!(
        held.contains("6:20: warning[TG0127]: keys are not held one by one yet") && !held.contains("TG0152"),
        "{held}"
    );
    let plain = "schema:\n  - {name: o, physicalType: topic, properties: [{name: a, logicalType: boolean}]}\n";
    assert!(said(plain, 0).contains("keys of this topic are not checked"));
}

#[test]
fn variables_are_not_expanded_and_secrets_are_errors() {
    let notes = said(
        "servers:
  - server: s
    type: kafka
    host: '${BROKER}:9092'
    customProperties: [{property: user, value: '${USER}'}]
  - {server: t, type: s3, location: 's3://b', secretKey: abc, accessToken: '${TOKEN}'}
schema:
  - name: o
    businessName: 'orders of ${ENV}'
    properties:
      - {name: a, logicalType: string, enum: ['${A}'], logicalTypeOptions: {pattern: '^a{2}$'}}
    quality: [{id: q, type: sql, query: 'SELECT ${TABLE} FROM ${object}', mustBe: 0}]
    customProperties: [{property: url, value: 'jdbc:x?user=u&password=p'}]
",
        0,
    );
    for words in [
        "9:11: note[TG0153]: `${BROKER}`",
        "note[TG0153]: `${USER}`",
        "error[TG0154]: `secretKey`",
        "note[TG0153]: `${TOKEN}`",
        "warning[TG0153]: `${ENV}`",
        "warning[TG0153]: `${A}`",
        "error[TG0154]: `value`",
    ] {
        assert!(notes.contains(words), "{words}: {notes}");
    }
    assert_eq!(notes.matches("TG0153").count() + notes.matches("TG0154").count(), 7, "{notes}");
}
