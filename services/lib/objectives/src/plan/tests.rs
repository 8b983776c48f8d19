use tidegate_contract::ContractFile;

use super::*;

const HEAD: &str = "apiVersion: v3.1.0\nkind: DataContract\nid: shop\n";

const SHOP: &str = r#"version: 2.1.0
status: active
schema:
  - name: orders
    physicalType: topic
    physicalName: shop.orders
    customProperties:
      - {property: tidegate.eventTime, value: placed_at}
    properties:
      - name: order_id
        logicalType: string
        unique: true
      - name: placed_at
        logicalType: timestamp
      - name: day
        logicalType: date
      - name: total
        logicalType: number
        physicalType: decimal(12,2)
      - name: ship
        logicalType: object
        properties:
          - name: city
            logicalType: string
            quality:
              - {id: city-known, metric: nullValues, mustBe: 0}
              - {id: city-shape, metric: invalidValues, arguments: {pattern: '^\w+$'}, mustBe: 0, severity: warning}
      - name: lines
        logicalType: array
        items:
          logicalType: object
          properties:
            - name: sku
              logicalType: string
              quality:
                - {id: sku-known, metric: nullValues, mustBe: 0}
    quality:
      - {id: cel, type: custom, engine: cel, implementation: value.total > 0.0}
      - {id: words, type: text, description: Orders look nice.}
      - {id: some, metric: rowCount, mustBeGreaterThan: 0}
      - {id: pairs, metric: duplicateValues, arguments: {properties: [order_id, total]}, mustBe: 0}
      - {id: query, type: sql, query: 'SELECT count(*) FROM {object} WHERE total < 0', mustBe: 0}
      - {id: write, type: sql, query: 'DELETE FROM {object}', mustBe: 0}
slaProperties:
  - {id: fresh, property: freshness, value: 1, unit: h}
  - {id: by-topic, property: freshness, value: PT1H, element: shop.orders.placed_at}
  - {id: by-day, property: freshness, value: 1, unit: d, element: orders.day}
  - {id: slow-day, property: latency, value: 1, unit: h, element: orders.day}
  - {id: nowhere, property: freshness, value: 1, unit: h, element: parcels}
  - {id: keep, property: retention, value: 1, unit: y, driver: regulatory}
"#;

fn plans(files: &[(&str, &str)]) -> Vec<Plan> {
    let files: Vec<ContractFile> = files
        .iter()
        .map(|(path, text)| ContractFile {
            path: format!("{path}.odcs.yaml").into(),
            text: format!("{HEAD}{text}"),
        })
        .collect();
    let (built, _) = Snapshot::build("commit", &files).unwrap_or_else(|problems| panic!("{problems:#?}"));
    snapshot(&built, &|contract, object, major| format!("lake/{contract}/{object}/v{major}"))
}

fn shown(plan: &Plan) -> Vec<String> {
    let show = |planned: &Planned| {
        let clause = planned.clause();
        match planned {
            Planned::Judge(objective) => format!("judge {} on {}", clause.id.split_once('/').unwrap().1, objective.table),
            Planned::Undecidable { why, .. } => format!("undecidable {}: {why}", clause.rule),
            Planned::NotExecuted { why, .. } => format!("skip {}: {why}", clause.rule),
        }
    };
    plan.clauses.iter().map(show).collect()
}

#[test]
fn every_clause_has_a_place() {
    let plans = plans(&[("shop", SHOP)]);
    let [plan] = &plans[..] else { panic!("one plan") };
    let expected = [
        "skip words: free text, or a rule for another tool's engine",
        "judge orders#some on orders",
        "judge orders#pairs on orders",
        "judge orders#query on orders",
        "undecidable write: only a SELECT or WITH query may run here, not DELETE",
        "judge orders.order_id#unique on orders",
        "judge orders.ship.city#city-known on orders",
        "judge orders.ship.city#city-shape on orders",
        "skip sku-known: the property is inside of a list or a map; Tidegate's lake queries do not look into those",
        "judge orders#fresh on orders.log",
        "judge orders.placed_at#by-topic on orders.log",
        "judge orders.day#by-day on orders.log",
        "undecidable slow-day: `day` is a date: without a time of day there is no latency",
        "undecidable nowhere: `element` names `parcels`, which is no object of the contract: write `object` or `object.property`",
        "skip keep: `retention` could mean that rows are kept at least so long, or at most: say `valueExt: min` or `valueExt: max`",
    ];
    assert_eq!(shown(plan), expected);
    assert_eq!(plan.per_record, 1);
    let Planned::Judge(city) = &plan.clauses[7] else { panic!("judged") };
    assert_eq!(
        (city.clause.severity, &*city.clause.location.file),
        (Severity::Warning, "shop.odcs.yaml")
    );
    let question = sql::question(city, 0, &crate::Traffic::default()).sql().unwrap();
    assert!(
        question.contains("regexp_like(get_field(\"ship\", 'city')")
            && question.ends_with("count(*) FILTER (WHERE \"ship\" IS NOT NULL) AS \"rows\" FROM \"orders\""),
        "{question}"
    );
    assert!(!question.contains(r"\w"), "rewritten to the ASCII that ECMA means: {question}");
    let Planned::NotExecuted { clause, .. } = &plan.clauses[14] else {
        panic!("skipped")
    };
    assert_eq!(clause.driver.as_deref(), Some("regulatory"));
}

#[test]
fn only_the_highest_enforced_version_of_a_major_speaks() {
    let minimal = |version: &str, status: &str, topic: &str| {
        format!(
            "version: {version}\nstatus: {status}\nschema:\n  - name: orders\n    physicalType: topic\n    physicalName: {topic}\n    properties: \
             [{{name: a, logicalType: string}}]\n    quality: [{{id: some, metric: rowCount, mustBeGreaterThan: 0}}]\n"
        )
    };
    let texts = [
        minimal("1.2.0", "active", "a"),
        minimal("1.10.0", "deprecated", "a"),
        minimal("1.11.0", "proposed", "a"),
        minimal("2.0.0", "retired", "b"),
        minimal("3.0.0", "active", "c"),
    ];
    let files: Vec<(String, &str)> = texts
        .iter()
        .enumerate()
        .map(|(at, text)| (format!("f{at}"), text.as_str()))
        .collect();
    let plans = plans(&files.iter().map(|(path, text)| (path.as_str(), *text)).collect::<Vec<_>>());
    let all: Vec<(String, String)> = plans
        .iter()
        .map(|plan| (plan.contract.version.to_string(), shown(plan).join("|")))
        .collect();
    let of = |version: &str| all.iter().find(|(known, _)| known == version).unwrap().1.as_str();
    assert_eq!(
        of("1.2.0"),
        "skip contract: version 1.10.0 of the same major speaks about the same rows"
    );
    assert_eq!(of("1.10.0"), "judge orders#some on orders");
    assert_eq!(
        of("1.11.0"),
        "skip contract: the contract is proposed: events that only it judges do not reach the lake"
    );
    assert_eq!(of("2.0.0"), "skip contract: the contract is retired");
    assert_eq!(of("3.0.0"), "judge orders#some on orders");
}

#[test]
fn a_change_log_is_folded_by_its_key_or_not_counted() {
    let text = |key: &str| {
        format!(
            "version: 1.0.0\nstatus: active\nschema:\n  - name: customers\n    physicalType: topic\n    customProperties: [{{property: tidegate.cdc, value: \
             debezium}}]\n    properties: [{{name: id, logicalType: integer{key}}}]\n    quality: [{{id: some, metric: rowCount, mustBeGreaterThan: 0}}]\n\
             slaProperties: [{{id: slow, property: latency, value: 1, unit: h}}]\n"
        )
    };
    let keyed = plans(&[("a", &text(", primaryKey: true"))]);
    assert_eq!(
        shown(&keyed[0]),
        ["judge customers#some on customers", "judge customers#slow on customers.log"]
    );
    let Planned::Judge(slow) = &keyed[0].clauses[1] else {
        panic!("judged")
    };
    assert!(matches!(slow.probe, Probe::Latency(crate::EventTime::SourceTime)));
    let unkeyed = plans(&[("a", &text(""))]);
    assert_eq!(
        shown(&unkeyed[0])[0],
        "skip some: the object is a change log without a primary key: rows cannot be told from their changes"
    );
}

#[test]
fn a_primary_key_is_a_question_about_events_and_not_about_changes() {
    let text = |settings: &str| {
        format!(
            "version: 1.0.0\nstatus: active\nschema:\n  - name: o\n    physicalType: topic\n{settings}    properties:\n      \
             - {{name: b, logicalType: string, primaryKey: true, primaryKeyPosition: 2}}\n      \
             - {{name: a, logicalType: string, primaryKey: true, primaryKeyPosition: 1}}\n"
        )
    };
    let events = plans(&[("shop", &text(""))]);
    assert_eq!(shown(&events[0]), ["judge o#primaryKey on o"]);
    let Planned::Judge(objective) = &events[0].clauses[0] else {
        panic!("judged")
    };
    assert!(
        format!("{:?}", objective.probe).find("\"a\"") < format!("{:?}", objective.probe).find("\"b\""),
        "in key order"
    );
    let changes = plans(&[("shop", &text("    customProperties: [{property: tidegate.cdc, value: debezium}]\n"))]);
    assert!(shown(&changes[0]).is_empty());
}
