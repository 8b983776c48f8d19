//! Contracts and real Parquet files in, report out.

mod completeness;
mod lake;

use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, Int64Array, ListBuilder, StringArray, StringBuilder, StructArray};
use arrow::datatypes::{DataType, Field};
use tidegate_contract::{ContractFile, Snapshot};
use tidegate_flow::{Remedy, WorldError};
use tidegate_objectives::{DeadLetters, QueryEngine, Rows, TableSpec, Traffic};

use crate::{Entry, Filter, Outcome, Report, TrafficOf, run_once};
use lake::{Stand, instants};

const SECOND: i64 = 1_000_000;
/// 2026-11-21T12:00:00Z.
const NOW: i64 = 1_795_262_400 * SECOND;

const ORDERS: &str = r"
schema:
  - name: orders
    physicalType: topic
    customProperties: [{property: tidegate.eventTime, value: placedAt}]
    properties:
      - {name: id, logicalType: integer, unique: true}
      - {name: placedAt, logicalType: timestamp}
      - name: channel
        logicalType: string
        quality:
          - {id: channel-known, metric: nullValues, mustBe: 0}
          - {id: channel-half-known, metric: nullValues, unit: percent, mustBeLessOrEqualTo: 25}
          - {id: channel-filled, metric: missingValues, arguments: {missingValues: ['', n/a, null]}, mustBeLessThan: 2, severity: warning}
          - {id: channel-valid, metric: invalidValues, arguments: {validValues: [web, store]}, mustBe: 0}
          - {id: channel-shape, metric: invalidValues, arguments: {pattern: '^[a-z/]*$'}, mustBe: 0}
      - {name: total, logicalType: number, physicalType: 'decimal(12,2)'}
      - name: ship
        logicalType: object
        properties:
          - name: city
            logicalType: string
            quality: [{id: city-known, metric: nullValues, mustBe: 0}]
      - name: later
        logicalType: string
        quality: [{id: later-known, metric: nullValues, mustBe: 0}]
    quality:
      - {id: words, type: text, description: Orders look nice.}
      - {id: enough, metric: rowCount, mustBeBetween: [4, 5]}
      - {id: pairs, metric: duplicateValues, arguments: {properties: [channel, total]}, mustBe: 0}
      - {id: sum, type: sql, query: 'SELECT sum(total) FROM {object}', mustBe: 30.30}
      - {id: own-null, type: sql, query: 'SELECT max(later) FROM {object}', mustBeGreaterThan: 1}
      - {id: broken, type: sql, query: 'SELECT count(*) FROM {object} WHERE missing = 1', mustBe: 0}
      - {id: writes, type: sql, query: 'DROP TABLE {object}', mustBe: 0, severity: info}
slaProperties:
  - {id: fresh, property: freshness, value: 15, unit: min, element: orders.placedAt, driver: operational}
  - {id: fast, property: latency, value: 10, unit: s, element: orders.placedAt}
  - {id: kept, property: retention, value: 90, unit: d}
";

fn snapshot(body: &str) -> Snapshot {
    let text = format!("apiVersion: v3.1.0\nkind: DataContract\nid: urn:shop/orders\nversion: 1.4.0\nstatus: active\n{body}");
    let files = [ContractFile {
        path: "orders.odcs.yaml".into(),
        text,
    }];
    Snapshot::build("0123abcd", &files)
        .unwrap_or_else(|problems| panic!("{problems:#?}"))
        .0
}

/// The test's own layout: the role must take whatever the sink says.
fn folder(contract: &str, object: &str, major: u64) -> String {
    format!("lake/{}/{object}/v{major}", contract.replace([':', '/'], "_"))
}

fn entry<'r>(report: &'r Report, rule: &str) -> &'r Entry {
    report
        .entries
        .iter()
        .find(|entry| &*entry.clause.rule == rule)
        .unwrap_or_else(|| panic!("no entry {rule}"))
}

fn measured<'r>(report: &'r Report, rule: &str) -> (Outcome, &'r str) {
    let entry = entry(report, rule);
    (
        entry.outcome,
        entry
            .measured
            .as_ref()
            .map_or(entry.says.as_str(), |measured| measured.value.as_str()),
    )
}

/// Four orders in two files of different minors; the second one's event is dated in the future.
fn orders(stand: &Stand) {
    let day = "lake/urn_shop_orders/orders/v1/date=2026-11-21";
    let totals = |values: &[i128], precision| {
        Arc::new(
            Decimal128Array::from(values.to_vec())
                .with_precision_and_scale(precision, 2)
                .unwrap(),
        ) as ArrayRef
    };
    stand.write(
        &format!("{day}/one.parquet"),
        vec![
            ("id", Arc::new(Int64Array::from(vec![1, 2, 2])) as ArrayRef),
            (
                "placedAt",
                instants(&[Some(NOW - 600 * SECOND), Some(NOW + 86_400 * SECOND), Some(NOW - 900 * SECOND)]),
            ),
            ("channel", Arc::new(StringArray::from(vec![Some("web"), Some("n/a"), Some("web")]))),
            ("total", totals(&[1010, 0, 1010], 12)),
            (
                "_tidegate_timestamp",
                instants(&[Some(NOW - 595 * SECOND), Some(NOW - 800 * SECOND), Some(NOW - 880 * SECOND)]),
            ),
            ("_op", Arc::new(StringArray::from(vec![None::<&str>; 3]))),
        ],
    );
    let city = (
        Arc::new(Field::new("city", DataType::Utf8, true)),
        Arc::new(StringArray::from(vec![None, Some("Ulm")])) as ArrayRef,
    );
    stand.write(
        &format!("{day}/two.parquet"),
        vec![
            ("id", Arc::new(Int64Array::from(vec![Some(4), None])) as ArrayRef),
            ("channel", Arc::new(StringArray::from(vec![None::<&str>; 2]))),
            ("total", totals(&[1010, 0], 14)),
            ("ship", Arc::new(StructArray::from(vec![city]))),
            ("_tidegate_timestamp", instants(&[Some(NOW - 3600 * SECOND), Some(NOW)])),
            ("_op", Arc::new(StringArray::from(vec![None, Some("tombstone")]))),
        ],
    );
}

#[test]
fn promises_met_broken_and_untold() {
    let stand = Stand::new();
    orders(&stand);
    let report = run_once(&snapshot(ORDERS), &stand.lake, &folder, NOW, &Filter::default());
    assert_eq!(measured(&report, "enough"), (Outcome::Pass, "4"), "the tombstone is no order");
    assert_eq!(measured(&report, "unique"), (Outcome::Fail, "1"), "nulls repeat nothing");
    assert_eq!(measured(&report, "pairs"), (Outcome::Fail, "1"));
    assert_eq!(measured(&report, "channel-known"), (Outcome::Fail, "1"));
    assert_eq!(measured(&report, "channel-half-known"), (Outcome::Pass, "25"));
    assert_eq!(measured(&report, "channel-filled"), (Outcome::Warn, "2"));
    assert_eq!(measured(&report, "channel-valid"), (Outcome::Fail, "1"));
    assert_eq!(measured(&report, "channel-shape"), (Outcome::Pass, "0"));
    assert_eq!(
        measured(&report, "city-known"),
        (Outcome::Fail, "1"),
        "three orders have no ship at all"
    );
    assert_eq!(measured(&report, "later-known"), (Outcome::Fail, "4"), "no file has the column");
    assert_eq!(measured(&report, "sum"), (Outcome::Pass, "30.30"));
    assert_eq!(measured(&report, "own-null"), (Outcome::Error, "the query gave null"));
    assert_eq!(entry(&report, "broken").outcome, Outcome::Error);
    assert!(
        entry(&report, "broken").says.contains("missing"),
        "{}",
        entry(&report, "broken").says
    );
    assert_eq!(
        measured(&report, "writes"),
        (Outcome::Error, "only a SELECT or WITH query may run here, not DROP")
    );
    // The event dated tomorrow counts from its record, 800 s ago; the newest is the one of 600 s ago.
    assert_eq!(measured(&report, "fresh"), (Outcome::Pass, "600"));
    assert_eq!(measured(&report, "fast"), (Outcome::Fail, "20"));
    assert_eq!(
        report.not_executed.iter().map(|skipped| &*skipped.clause.rule).collect::<Vec<_>>(),
        ["words", "kept"]
    );
    assert_eq!(report.exit_code(), 1);
}

#[test]
fn freshness_goes_stale_whatever_the_future_holds() {
    let stand = Stand::new();
    orders(&stand);
    let only = Filter {
        rule: Some("fresh".into()),
        ..Filter::default()
    };
    let at = |now| run_once(&snapshot(ORDERS), &stand.lake, &folder, now, &only);
    let limit = NOW + 300 * SECOND;
    assert_eq!((measured(&at(limit), "fresh"), at(limit).exit_code()), ((Outcome::Pass, "900"), 0));
    assert_eq!(
        (measured(&at(limit + 1), "fresh"), at(limit + 1).exit_code()),
        ((Outcome::Fail, "900.000001"), 1)
    );
    // On the day that the false date names it is no fresher for it.
    assert_eq!(measured(&at(NOW + 86_400 * SECOND), "fresh").0, Outcome::Fail);
    // Before everything there is nothing to go by.
    assert_eq!(
        (
            measured(&at(NOW - 86_400 * SECOND), "fresh").0,
            at(NOW - 86_400 * SECOND).exit_code()
        ),
        (Outcome::Error, 2)
    );
}

#[test]
fn latency_within_its_limit() {
    let stand = Stand::new();
    orders(&stand);
    let body = ORDERS.replace("latency, value: 10", "latency, value: 20");
    let report = run_once(
        &snapshot(&body),
        &stand.lake,
        &folder,
        NOW,
        &Filter {
            rule: Some("fast".into()),
            ..Filter::default()
        },
    );
    assert_eq!((measured(&report, "fast"), report.exit_code()), ((Outcome::Pass, "20"), 0));
    assert!(
        entry(&report, "fast").says.contains("2 rows without a time are left out"),
        "{}",
        entry(&report, "fast").says
    );
}

#[test]
fn an_empty_lake_tells_nothing() {
    let stand = Stand::new();
    let report = run_once(&snapshot(ORDERS), &stand.lake, &folder, NOW, &Filter::default());
    assert!(
        report
            .entries
            .iter()
            .all(|entry| entry.outcome == Outcome::Error && entry.measured.is_none()),
        "{report:#?}"
    );
    assert_eq!(entry(&report, "enough").says, "the lake has no file for orders.log");
    assert_eq!(report.exit_code(), 2);
}

const CUSTOMERS: &str = r"
schema:
  - name: customers
    physicalType: topic
    customProperties: [{property: tidegate.cdc, value: debezium}]
    properties:
      - {name: id, logicalType: integer, primaryKey: true}
      - name: email
        logicalType: string
        unique: true
        quality: [{id: email-known, metric: nullValues, mustBe: 0}]
      - name: note
        logicalType: string
        quality: [{id: note-known, metric: nullValues, mustBe: 0}]
    quality:
      - {id: current, metric: rowCount, mustBe: 2}
      - {id: changes, type: sql, query: 'SELECT count(*) FROM `customers.log`', mustBe: 10}
slaProperties:
  - {id: fresh, property: freshness, value: 1, unit: min}
  - {id: fast, property: latency, value: 5, unit: s}
";

#[test]
fn a_change_log_is_judged_as_the_table_that_it_amounts_to() {
    let stand = Stand::new();
    // Operation, id, email, note, whether the note was not sent.
    type Change<'c> = (&'c str, Option<i64>, Option<&'c str>, Option<&'c str>, bool);
    let changes: [Change<'_>; 10] = [
        ("c", Some(9), Some("z@x"), Some("n"), false),
        ("t", None, None, None, false),
        ("c", Some(1), Some("a@x"), Some("n"), false),
        ("c", Some(2), None, Some("n"), false),
        // The source did not send the note: not null, not known.
        ("u", Some(2), Some("b@x"), None, true),
        ("c", Some(3), Some("b@x"), None, false),
        ("d", Some(3), None, None, false),
        ("u", Some(1), Some("c@x"), Some("m"), false),
        // A flattened row whose delete only its tombstone tells.
        ("c", Some(4), Some("b@x"), None, false),
        ("tombstone", Some(4), None, None, false),
    ];
    let mut unavailable = ListBuilder::new(StringBuilder::new()).with_field(Field::new("element", DataType::Utf8, true));
    for (.., gone) in &changes {
        if *gone {
            unavailable.values().append_value("note");
        }
        unavailable.append(*gone);
    }
    let times: Vec<Option<i64>> = (0..10).map(|at| Some(NOW - 20 * SECOND + at * SECOND)).collect();
    let arrivals: Vec<Option<i64>> = times.iter().map(|time| time.map(|time| time + 3 * SECOND)).collect();
    stand.write(
        "lake/urn_shop_orders/customers/v1/date=2026-11-21/one.parquet",
        vec![
            (
                "id",
                Arc::new(changes.iter().map(|change| change.1).collect::<Int64Array>()) as ArrayRef,
            ),
            ("email", Arc::new(changes.iter().map(|change| change.2).collect::<StringArray>())),
            ("note", Arc::new(changes.iter().map(|change| change.3).collect::<StringArray>())),
            (
                "_op",
                Arc::new(changes.iter().map(|change| Some(change.0)).collect::<StringArray>()),
            ),
            ("_source_time", instants(&times)),
            ("_unavailable", Arc::new(unavailable.finish())),
            ("_tidegate_timestamp", instants(&arrivals)),
            ("_tidegate_offset", Arc::new(Int64Array::from_iter_values(0..10))),
        ],
    );
    let report = run_once(
        &snapshot(&CUSTOMERS.replace('`', "\"")),
        &stand.lake,
        &folder,
        NOW,
        &Filter::default(),
    );
    for (rule, value) in [
        ("current", "2"),
        ("changes", "10"),
        ("email-known", "0"),
        ("note-known", "0"),
        ("unique", "0"),
        ("fresh", "11"),
        ("fast", "3"),
    ] {
        assert_eq!(measured(&report, rule), (Outcome::Pass, value), "{rule}");
    }
    assert_eq!(
        entry(&report, "note-known").measured.as_ref().unwrap().says,
        "0 of 1 rows, as promised (= 0)"
    );
    assert_eq!(report.exit_code(), 0);
}

#[test]
fn plain_events_have_no_unavailable_column_and_cdc_files_may_lack_it() {
    let stand = Stand::new();
    stand.write(
        "lake/urn_shop_orders/customers/v1/date=2026-11-21/one.parquet",
        vec![
            ("id", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef),
            ("email", Arc::new(StringArray::from(vec!["a", "b"]))),
        ],
    );
    let report = run_once(
        &snapshot(&CUSTOMERS.replace('`', "\"")),
        &stand.lake,
        &folder,
        NOW,
        &Filter::default(),
    );
    assert_eq!(measured(&report, "current"), (Outcome::Pass, "2"));
    assert_eq!(measured(&report, "note-known"), (Outcome::Fail, "2"));
    assert_eq!(measured(&report, "fresh"), (Outcome::Error, "none of 2 rows has an event time"));
}

/// An engine that never answers.
struct Away;

impl QueryEngine for Away {
    fn query(&self, _: &[TableSpec], _: &str) -> Result<Rows, WorldError> {
        Err(WorldError::new(Remedy::Retry, "the store is away"))
    }
}

#[test]
fn an_outage_is_not_a_breach() {
    let report = run_once(&snapshot(ORDERS), &Away, &folder, NOW, &Filter::default());
    assert_eq!((report.counts().fail, report.counts().pass, report.exit_code()), (0, 0, 2));
    assert_eq!(entry(&report, "fresh").says, "the store is away");
}

#[test]
fn a_broken_warning_does_not_fail() {
    let stand = Stand::new();
    orders(&stand);
    let only = Filter {
        rule: Some("channel-filled".into()),
        ..Filter::default()
    };
    let report = run_once(&snapshot(ORDERS), &stand.lake, &folder, NOW, &only);
    assert_eq!((report.counts().warn, report.entries.len(), report.exit_code()), (1, 1, 0));
    let other = Filter {
        contract: Some("another".into()),
        ..Filter::default()
    };
    assert!(run_once(&snapshot(ORDERS), &stand.lake, &folder, NOW, &other).entries.is_empty());
}

#[test]
fn the_document_is_oors_with_exact_numbers_and_no_event_content() {
    let stand = Stand::new();
    orders(&stand);
    let report = run_once(&snapshot(ORDERS), &stand.lake, &folder, NOW, &Filter::default());
    let documents = report.to_json();
    let document = &documents[0];
    assert_eq!(documents.as_array().unwrap().len(), 1);
    assert_eq!(
        (document["kind"].as_str(), document["observedAt"].as_str()),
        (Some("ObservabilityResults"), Some("2026-11-21T12:00:00Z"))
    );
    assert_eq!(
        document["contract"],
        serde_json::json!({ "contractID": "urn:shop/orders", "standard": "ODCS v3.1.0", "version": "1.4.0" })
    );
    let results = document["results"].as_array().unwrap();
    assert_eq!(results.len(), report.entries.len() + report.not_executed.len());
    let result = |rule: &str| results.iter().find(|result| result["tidegate"]["rule"] == rule).unwrap();
    assert_eq!(result("sum")["measure"]["value"].to_string(), "30.30");
    assert_eq!(
        (result("fresh")["tidegate"]["driver"].as_str(), result("kept")["status"].as_str()),
        (Some("operational"), Some("skip"))
    );
    assert_eq!(
        result("channel-known")["target"],
        serde_json::json!({ "resourceType": "property", "resourceIdentifier": "orders.channel" })
    );
    assert_eq!(result("fresh")["tidegate"]["location"]["file"], "orders.odcs.yaml");
    let counted: u64 = document["tidegate"]["counts"]
        .as_object()
        .unwrap()
        .values()
        .map(|count| count.as_u64().unwrap())
        .sum();
    assert_eq!(counted as usize, results.len());
    described(&documents, &schema());
}

#[test]
fn the_table_shows_what_was_measured_and_nothing_that_drives_a_terminal() {
    let stand = Stand::new();
    orders(&stand);
    let body = ORDERS.replace("{id: enough,", "{id: \"eno\\e[31mugh\",");
    let rows = run_once(&snapshot(&body), &stand.lake, &folder, NOW, &Filter::default()).rows();
    let row = rows.iter().find(|row| row[3].starts_with("eno")).unwrap();
    assert_eq!(
        row,
        &[
            "pass",
            "urn:shop/orders@1.4.0",
            "orders",
            "eno\\u{1b}[31mugh (rowCount)",
            "4 rows",
            "between 4 and 5 rows",
            row[6].as_str()
        ]
    );
    assert!(rows.iter().flatten().all(|cell| !cell.contains(char::is_control)));
}

fn schema() -> serde_json::Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/formats/sla-report.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Holds the document against what the schema says, as far as the schema goes: required keys, described keys only, constants and choices.
fn described(documents: &serde_json::Value, schema: &serde_json::Value) {
    fn walk(value: &serde_json::Value, of: &serde_json::Value, root: &serde_json::Value, at: &str) {
        let of = match of["$ref"].as_str() {
            Some(name) => root.pointer(name.strip_prefix('#').unwrap()).unwrap(),
            None => of,
        };
        if let Some(choices) = of["enum"].as_array() {
            assert!(choices.contains(value), "{at}: {value}");
        }
        if let Some(wanted) = of.get("const") {
            assert_eq!(value, wanted, "{at}");
        }
        for name in of["required"].as_array().into_iter().flatten() {
            assert!(value.get(name.as_str().unwrap()).is_some(), "{at} lacks {name}");
        }
        for (name, inner) in value.as_object().into_iter().flatten() {
            let known = of["properties"].get(name).or_else(|| of.get("additionalProperties"));
            walk(
                inner,
                known.unwrap_or_else(|| panic!("{at}.{name} is not described")),
                root,
                &format!("{at}.{name}"),
            );
        }
        for (place, inner) in value.as_array().into_iter().flatten().enumerate() {
            walk(inner, &of["items"], root, &format!("{at}[{place}]"));
        }
    }
    walk(documents, schema, schema, "$");
}

const PROMISES: &str = r"
schema:
  - name: orders
    physicalType: topic
    properties:
      - {name: id, logicalType: integer}
      - {name: at, logicalType: timestamp}
slaProperties:
  - {id: rhythm, property: frequency, value: 10, unit: min, valueExt: PT1H}
  - {id: rhythm-kept, property: fy, value: 30, unit: min, valueExt: PT1H}
  - {id: rate, property: throughput, value: 5, unit: records/h}
  - {id: rate-broken, property: throughput, value: 1, unit: records/min}
  - {id: errors, property: errorRate, value: 20, unit: percent, valueExt: P1D}
  - {id: errors-broken, property: er, value: 10%, valueExt: P1D}
  - {id: up, property: availability, value: 80%, valueExt: P1D}
  - {id: kept-long, property: retention, value: 1, unit: h, valueExt: min}
  - {id: kept-short, property: retention, value: 1, unit: h, valueExt: max}
  - {id: by-eleven, property: timeOfAvailability, value: '11:00Z', element: orders.at}
  - {id: supported, property: endOfSupport, value: '2026-11-21'}
  - {id: over, property: el, value: '2026-11-20'}
  - {id: unclear, property: errorRate, value: 0.1}
  - {id: odd, property: generalAvailability, value: '2020-01-01'}
";

#[test]
fn every_promise_that_observations_decide_over_real_files() {
    let stand = Stand::new();
    let minutes = |ago: &[i64]| instants(&ago.iter().map(|ago| Some(NOW - ago * 60 * SECOND)).collect::<Vec<_>>());
    // The record timestamps; one row belongs to yesterday.
    let arrived = [1500, 58, 50, 42, 20, 2];
    stand.write(
        "lake/urn_shop_orders/orders/v1/date=2026-11-21/one.parquet",
        vec![
            ("id", Arc::new(Int64Array::from_iter_values(0..6)) as ArrayRef),
            ("at", minutes(&[1500, 58, 50, 42, 20, 2])),
            ("_tidegate_timestamp", minutes(&arrived)),
        ],
    );
    // A dead letter in a minute in which nothing passed.
    let traffic = Traffic {
        waiting: Some(false),
        first_files_kept: Some(true),
        completeness: None,
        dead_letters: Some(DeadLetters {
            since: i64::MIN,
            minutes: [(tidegate_objectives::traffic::minute(NOW - 30 * 60 * SECOND), 1)].into(),
        }),
        why: None,
    };
    let pass = |traffic: TrafficOf<'_>| crate::run(&snapshot(PROMISES), &stand.lake, &folder, traffic, NOW, &Filter::default());
    let report = pass(&|_, _, _, _| traffic.clone());
    for (rule, outcome, value) in [
        // 42 to 20 minutes ago.
        ("rhythm", Outcome::Fail, "1320"),
        ("rhythm-kept", Outcome::Pass, "1320"),
        ("rate", Outcome::Pass, "5"),
        ("rate-broken", Outcome::Fail, "0.08333333333333333"),
        ("errors", Outcome::Pass, "16.666666666666668"),
        ("errors-broken", Outcome::Fail, "16.666666666666668"),
        ("up", Outcome::Pass, "83.33333333333333"),
        ("kept-long", Outcome::Pass, "90000"),
        ("kept-short", Outcome::Fail, "90000"),
        ("by-eleven", Outcome::Pass, "100"),
        ("supported", Outcome::Pass, "43200"),
        ("over", Outcome::Fail, "-43200"),
    ] {
        assert_eq!(measured(&report, rule), (outcome, value), "{rule}: {}", entry(&report, rule).says);
    }
    assert_eq!(entry(&report, "unclear").outcome, Outcome::Error);
    assert!(report.not_executed.iter().any(|skipped| &*skipped.clause.rule == "odd"));
    described(&report.to_json(), &schema());
    // Where nobody counts dead letters, nothing is promised kept by them.
    let blind = pass(&|_, _, _, _| Traffic::default());
    for rule in ["errors", "up"] {
        assert_eq!(entry(&blind, rule).outcome, Outcome::Error, "{rule}");
    }
    assert_eq!(entry(&blind, "kept-long").outcome, Outcome::Pass, "the oldest row is old enough");
}

/// Answers from the lake, and counts the statements.
struct Counting<'a>(&'a Stand, std::cell::RefCell<Vec<String>>);

impl QueryEngine for Counting<'_> {
    fn query(&self, tables: &[TableSpec], sql: &str) -> Result<Rows, WorldError> {
        self.1.borrow_mut().push(sql.to_owned());
        self.0.lake.query(tables, sql)
    }
}

#[test]
fn rules_share_scans_and_say_what_they_say_alone() {
    let stand = Stand::new();
    orders(&stand);
    // Without the rule whose statement cannot be planned: it is alone anyway.
    let counting = Counting(&stand, Default::default());
    let together = run_once(&snapshot(ORDERS), &counting, &folder, NOW, &Filter::default());
    let asked = counting.1.into_inner();
    let fused: Vec<&String> = asked.iter().filter(|sql| sql.contains("\"c0\"")).collect();
    assert_eq!(fused.len(), 2, "one scan of the rows, one of the log: {asked:#?}");
    for entry in &together.entries {
        let alone = Filter {
            rule: Some(entry.clause.rule.clone()),
            ..Filter::default()
        };
        let alone = run_once(&snapshot(ORDERS), &stand.lake, &folder, NOW, &alone);
        let alone = alone.entries.iter().find(|other| other.clause.id == entry.clause.id).unwrap();
        assert_eq!((alone.outcome, &alone.says), (entry.outcome, &entry.says), "{}", entry.clause.id);
    }
}

#[test]
fn a_question_that_fails_takes_no_other_along() {
    let stand = Stand::new();
    orders(&stand);
    struct Refusing<'a>(&'a Stand);
    impl QueryEngine for Refusing<'_> {
        fn query(&self, tables: &[TableSpec], sql: &str) -> Result<Rows, WorldError> {
            match sql.contains("regexp_like") {
                true => Err(WorldError::new(Remedy::Operator, "no such function")),
                false => self.0.lake.query(tables, sql),
            }
        }
    }
    let report = run_once(&snapshot(ORDERS), &Refusing(&stand), &folder, NOW, &Filter::default());
    assert_eq!(entry(&report, "channel-shape").says, "no such function");
    assert_eq!(measured(&report, "channel-known").0, Outcome::Fail);
    assert_eq!(measured(&report, "enough").0, Outcome::Pass);
}

#[test]
fn junit_and_page_say_the_same_and_escape_everything() {
    let stand = Stand::new();
    orders(&stand);
    let body = ORDERS.replace("{id: enough,", "{id: \"<b>&\\\"eno\\e[31mugh\",");
    let report = run_once(&snapshot(&body), &stand.lake, &folder, NOW, &Filter::default());
    let counts = report.counts();
    let junit = report.to_junit();
    assert_eq!(junit.matches("<failure ").count(), counts.fail);
    assert_eq!(junit.matches("<error ").count(), counts.error);
    assert_eq!(junit.matches("<skipped ").count(), counts.skip);
    assert!(junit.contains("&lt;b&gt;&amp;&quot;eno\u{fffd}[31mugh"), "{junit}");
    let page = report.to_html();
    assert!(page.contains("&lt;b&gt;&amp;") && !page.contains("<b>&") && !page.contains('\u{1b}'));
    for outside in ["http://", "https://", "<script", "src=", "url("] {
        assert!(!page.contains(outside), "the page needs {outside}");
    }
}
