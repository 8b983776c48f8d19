//! Each clause, with what changing it means for both sides and for the version.
#![allow(clippy::unwrap_used, reason = "tests")]

use tidegate_contract::Contract;
use tidegate_diff::Grade::{self, Both, Loosens, None, Tightens, Undetermined};
use tidegate_diff::{Bump, Change, compare};

fn contract(body: &str) -> Contract {
    let text = format!("apiVersion: v3.2.0\nkind: DataContract\nid: shop\nversion: 1.0.0\n{body}");
    let (contract, problems) = tidegate_contract::parse("c.odcs.yaml", &text);
    contract.unwrap_or_else(|| panic!("{problems:#?}\n{text}"))
}

/// A contract with one object; `settings` are lines of custom properties, `rest` are lines of the object behind its properties.
fn object(settings: &[&str], properties: &[&str], rest: &str) -> Contract {
    let mut body = String::from("status: active\nschema:\n  - name: orders\n    physicalType: topic\n");
    if !settings.is_empty() {
        body.push_str("    customProperties:\n");
        for setting in settings {
            body.push_str(&format!("      - {{vendor: tidegate, {setting}}}\n"));
        }
    }
    body.push_str("    properties:\n");
    for property in properties {
        body.push_str(&format!("      - {{{property}}}\n"));
    }
    body.push_str(rest);
    contract(&body)
}

/// Clause, producers, consumers, version.
type Row = (&'static str, Grade, Grade, Bump);

fn rows(changes: &[Change]) -> Vec<Row> {
    changes
        .iter()
        .map(|change| (change.clause, change.producers, change.consumers, change.bump))
        .collect()
}

fn check(old: &Contract, new: &Contract, expected: &[Row]) {
    let changes = compare(old, new);
    assert_eq!(rows(&changes), expected, "{changes:#?}");
    // The way back is the other way round.
    let turned = |grade: Grade| match grade {
        Loosens => Tightens,
        Tightens => Loosens,
        same => same,
    };
    let mut back: Vec<(Grade, Grade)> = compare(new, old)
        .iter()
        .map(|change| (turned(change.producers), change.consumers))
        .collect();
    let mut there: Vec<(Grade, Grade)> = changes.iter().map(|change| (change.producers, change.consumers)).collect();
    // What is new cannot be relied on before, and a status has its own words: consumers are not mirrored everywhere.
    back.iter_mut().chain(&mut there).for_each(|pair| pair.1 = None);
    back.sort();
    there.sort();
    assert_eq!(back, there, "back of {changes:#?}");
}

#[test]
fn clauses_of_a_property() {
    use Bump::{Major, Minor, Patch};
    let one = |text: &str| object(&[], &[text], "");
    let typed = |kind: &str, options: &str| one(&format!("name: a, logicalType: {kind}, logicalTypeOptions: {{{options}}}"));
    for (old, new, expected) in [
        (
            one("name: a"),
            one("name: a, required: true"),
            vec![("required", Tightens, Tightens, Major)],
        ),
        (
            one("name: a, required: true"),
            one("name: a"),
            vec![("required", Loosens, Loosens, Major)],
        ),
        (one("name: a"), one("name: b, physicalName: a"), vec![("name", None, Both, Major)]),
        (
            one("name: a"),
            one("name: a, physicalName: b"),
            vec![("physicalName", Both, Both, Major)],
        ),
        (
            one("name: a, logicalType: integer"),
            one("name: a, logicalType: number, physicalType: 'decimal(38,18)'"),
            vec![("logicalType", Loosens, Both, Major)],
        ),
        (
            one("name: a, logicalType: string"),
            one("name: a, logicalType: integer"),
            vec![("logicalType", Both, Both, Major)],
        ),
        (
            one("name: a, logicalType: timestamp"),
            one("name: a, logicalType: string"),
            vec![("logicalType", Loosens, Both, Major)],
        ),
        (
            one("name: a, logicalType: number, physicalType: 'decimal(10,2)'"),
            one("name: a, logicalType: number, physicalType: 'decimal(12,2)'"),
            vec![("physicalType", Loosens, Loosens, Minor)],
        ),
        (
            one("name: a, logicalType: number, physicalType: 'decimal(10,2)'"),
            one("name: a, logicalType: number, physicalType: 'decimal(12,4)'"),
            vec![("physicalType", Loosens, Both, Major)],
        ),
        (
            typed("integer", "format: i32"),
            typed("integer", "format: i64"),
            vec![("format", Loosens, Loosens, Minor)],
        ),
        (
            typed("integer", "format: i32"),
            typed("integer", "format: u64"),
            vec![("format", Both, Both, Major)],
        ),
        (
            typed("integer", "minimum: 1, maximum: 10"),
            typed("integer", "exclusiveMinimum: 0, maximum: 9"),
            vec![("maximum", Tightens, Tightens, Major), ("exclusiveMinimum", None, None, Patch)],
        ),
        (
            typed("number", "multipleOf: 0.5, format: f64"),
            typed("number", "multipleOf: 0.25, format: f64"),
            vec![("multipleOf", Loosens, Loosens, Minor)],
        ),
        (
            typed("string", "minLength: 1, maxLength: 10"),
            typed("string", "minLength: 2, maxLength: 12"),
            vec![("minLength", Tightens, Tightens, Major), ("maxLength", Loosens, Loosens, Minor)],
        ),
        (
            typed("string", "pattern: '^[A-Z]{2}$'"),
            typed("string", "pattern: '^[A-Z]{2,3}$'"),
            vec![("pattern", Loosens, Loosens, Minor)],
        ),
        (
            typed("string", "pattern: '\\bfoo'"),
            typed("string", "pattern: 'foo\\b'"),
            vec![("pattern", Undetermined, Undetermined, Major)],
        ),
        (
            typed("string", "format: ipv4"),
            typed("string", "format: hostname"),
            vec![("format", Loosens, Loosens, Minor)],
        ),
        (
            typed("string", "format: binary, maxLength: 3"),
            typed("string", "format: byte"),
            vec![("maxLength", None, None, Patch), ("format", None, None, Patch)],
        ),
        (
            typed("date", "minimum: '2020-01-01'"),
            typed("date", "exclusiveMinimum: '2019-12-31'"),
            vec![("exclusiveMinimum", Loosens, Loosens, Minor)],
        ),
        (
            typed("date", "format: dd.MM.yyyy"),
            typed("date", "format: yyyy-MM-dd"),
            vec![("format", Both, Both, Major)],
        ),
        (
            typed("timestamp", "timezone: true"),
            typed("timestamp", "timezone: false"),
            vec![("timezone", Both, Both, Major)],
        ),
        (
            typed("timestamp", "timezone: true"),
            typed("timestamp", "defaultTimezone: '+02:00'"),
            vec![("defaultTimezone", Loosens, Loosens, Minor)],
        ),
        (
            typed("timestamp", "defaultTimezone: Etc/UTC"),
            typed("timestamp", "defaultTimezone: '+02:00'"),
            vec![("defaultTimezone", None, Both, Major)],
        ),
        (
            typed("array", "minItems: 1, uniqueItems: true"),
            typed("array", "minItems: 1"),
            vec![("uniqueItems", Loosens, Loosens, Minor)],
        ),
        (
            typed("object", "maxProperties: 3"),
            typed("object", "maxProperties: 2"),
            vec![("maxProperties", Tightens, Tightens, Major)],
        ),
        (
            typed("vector", "dimensions: 3"),
            typed("vector", "dimensions: 3, elementType: float64"),
            vec![("elementType", Loosens, Both, Major)],
        ),
        (
            one("name: a, logicalType: string, enum: [{value: x}]"),
            one("name: a, logicalType: string, enum: [{value: x}, {value: y}]"),
            vec![("enum", Loosens, Loosens, Minor)],
        ),
        (
            one("name: a, logicalType: number, enum: [{value: 1.5}, {value: 2}]"),
            one("name: a, logicalType: number, enum: [{value: 2.0}, {value: 1.50}]"),
            vec![("enum", None, None, Patch)],
        ),
        (
            one("name: a"),
            one("name: a, unique: true"),
            vec![("unique", None, Tightens, Minor)],
        ),
        (
            one("name: a"),
            one("name: a, primaryKey: true"),
            vec![("primaryKey", None, Both, Major)],
        ),
        (
            one("name: a, classification: confidential"),
            one("name: a, classification: public"),
            vec![("classification", None, Loosens, Minor)],
        ),
        (
            one("name: a"),
            one("name: a, description: d"),
            vec![("description", None, None, Patch)],
        ),
        (
            one("name: a, logicalType: string, physicalType: text"),
            one("name: a, logicalType: string, physicalType: varchar"),
            vec![("physicalType", None, None, Patch)],
        ),
    ] {
        check(&old, &new, &expected);
    }
}

#[test]
fn properties_come_and_go() {
    use Bump::{Major, Minor, Patch};
    let a = "name: a, logicalType: string";
    let with = |unknown: &str, properties: &[&str]| object(&[&format!("property: unknownFields, value: {unknown}")], properties, "");
    for (unknown, property, expected) in [
        ("ignore", "name: b, logicalType: date", (Tightens, Tightens, Minor)),
        ("ignore", "name: b, logicalType: date, required: true", (Tightens, Tightens, Major)),
        ("ignore", "name: b", (None, Tightens, Minor)),
        ("fail", "name: b, logicalType: date", (Loosens, Loosens, Minor)),
        ("fail", "name: b, logicalType: date, required: true", (Both, Both, Major)),
        (
            "fail",
            "name: b, quality: [{id: q, metric: nullValues, mustBe: 0}]",
            (Both, Both, Major),
        ),
    ] {
        let (old, new) = (with(unknown, &[a]), with(unknown, &[a, property]));
        let (producers, consumers, bump) = expected;
        check(&old, &new, &[("properties", producers, consumers, bump)]);
        let gone = compare(&new, &old);
        assert!(gone.len() == 1 && gone[0].breaks_consumers() && gone[0].bump == Major, "{gone:#?}");
    }
    check(
        &with("ignore", &[a]),
        &with("fail", &[a]),
        &[("unknownFields", Tightens, Tightens, Major)],
    );
    check(
        &with("ignore", &[a]),
        &with("warn", &[a]),
        &[("unknownFields", None, Tightens, Minor)],
    );
    let (ab, ba) = (with("ignore", &[a, "name: b"]), with("ignore", &["name: b", a]));
    check(&ab, &ba, &[("properties", None, None, Patch)]);
    // A new name of everything is told as such.
    let renamed = compare(&with("ignore", &[a]), &with("ignore", &["name: z, logicalType: string"]));
    assert!(
        renamed.iter().any(|change| change.sentence.contains("`z` looks like its new name")),
        "{renamed:#?}"
    );
    // Deep down, too.
    let nested = |inner: &str| object(&[], &[&format!("name: o, logicalType: object, properties: [{{{inner}}}]")], "");
    let changes = compare(
        &nested("name: x, logicalType: integer"),
        &nested("name: x, logicalType: integer, required: true"),
    );
    assert_eq!((changes.len(), changes[0].path.as_str()), (1, "o.x"));
    let place = changes[0].new.as_ref().unwrap();
    assert_eq!((place.line, &*place.pointer), (10, "/schema/0/properties/0/properties/0/required"));
    assert_eq!(&*changes[0].old.as_ref().unwrap().pointer, "/schema/0/properties/0/properties/0");
}

#[test]
fn rules() {
    use Bump::{Major, Minor, Patch};
    let with = |rules: &str| {
        object(
            &[],
            &["name: a, logicalType: integer", "name: b, logicalType: integer"],
            &format!("    quality:\n{rules}"),
        )
    };
    let cel = |text: &str, more: &str| {
        with(&format!(
            "      - {{id: r, type: custom, engine: cel, implementation: '{text}'{more}}}\n"
        ))
    };
    let none = object(&[], &["name: a, logicalType: integer", "name: b, logicalType: integer"], "");
    let base = cel("value.a > 0", "");
    check(&none, &base, &[("quality", Tightens, Tightens, Major)]);
    check(
        &none,
        &cel("value.a > 0", ", severity: warning"),
        &[("quality", None, Tightens, Minor)],
    );
    check(&base, &cel("value.a > 1", ""), &[("quality", Undetermined, Undetermined, Major)]);
    check(&base, &cel("value.a  >  0", ""), &[("quality", None, None, Patch)]);
    check(
        &base,
        &cel("value.a > 0", ", severity: warning"),
        &[("severity", Loosens, Loosens, Minor)],
    );
    check(
        &cel("value.a > 0", ", severity: warning"),
        &cel("value.a > 0", ", severity: info"),
        &[("severity", None, Loosens, Minor)],
    );
    check(
        &base,
        &cel("value.a > 0", ", description: why"),
        &[("description", None, None, Patch)],
    );
    let rows_of = |limit: &str| with(&format!("      - {{id: r, metric: rowCount, {limit}}}\n"));
    check(&none, &rows_of("mustBeGreaterThan: 5"), &[("quality", None, Tightens, Minor)]);
    check(
        &rows_of("mustBeGreaterThan: 5"),
        &rows_of("mustBeGreaterOrEqualTo: 5"),
        &[("quality", None, Loosens, Minor)],
    );
    let sql = |query: &str| with(&format!("      - {{id: r, type: sql, query: '{query}', mustBe: 0}}\n"));
    check(&sql("SELECT 1"), &sql("SELECT 2"), &[("quality", None, Undetermined, Minor)]);
    check(&sql("SELECT 1"), &sql("SELECT  1"), &[("quality", None, None, Patch)]);
    // Without names, rules are known by what they say.
    let unnamed = |list: &[&str]| {
        let lines: String = list
            .iter()
            .map(|limit| format!("      - {{metric: rowCount, mustBeGreaterThan: {limit}}}\n"))
            .collect();
        with(&lines)
    };
    let (both, second) = (unnamed(&["1", "2"]), unnamed(&["2"]));
    check(&both, &second, &[("quality", None, Loosens, Minor), ("quality", None, None, Patch)]);
    let values = |list: &str, more: &str| {
        let rule = format!("{{id: v, metric: invalidValues, arguments: {{validValues: [{list}]}}{more}}}");
        object(&[], &[&format!("name: a, logicalType: string, quality: [{rule}]")], "")
    };
    check(
        &values("x", ", mustBe: 0"),
        &values("x, y", ", mustBe: 0"),
        &[("quality", Loosens, Loosens, Minor)],
    );
    check(
        &values("x", ", mustBe: 0"),
        &values("x", ", mustBeLessThan: 5"),
        &[("severity", Loosens, Loosens, Minor), ("quality", None, Loosens, Minor)],
    );
}

#[test]
fn settings_and_surroundings() {
    use Bump::{Major, Minor, Patch};
    let with = |settings: &[&str]| object(settings, &["name: a, logicalType: string", "name: t, logicalType: timestamp"], "");
    let none = with(&[]);
    let check_one = |old: &str, new: &str, expected: Row| check(&with(&[old]), &with(&[new]), &[expected]);
    check_one(
        "property: encodings, value: [json]",
        "property: encodings, value: [json, glueAvro]",
        ("encodings", Loosens, Loosens, Major),
    );
    check_one(
        "property: encodings, value: [json, avro]",
        "property: encodings, value: [avro, json]",
        ("encodings", None, None, Patch),
    );
    check(
        &none,
        &with(&["property: eventTime, value: t"]),
        &[("eventTime", None, Both, Major)],
    );
    check(
        &none,
        &with(&["property: lakeBucket, value: hour"]),
        &[("lakeBucket", None, Both, Major)],
    );
    check(&none, &with(&["property: cdc, value: debezium"]), &[("cdc", Both, Both, Major)]);
    check(
        &none,
        &with(&["property: decimals, value: string"]),
        &[("decimals", None, None, Patch)],
    );
    let cdc = "property: cdc, value: debezium";
    check(
        &with(&[cdc]),
        &with(&[cdc, "property: decimals, value: string"]),
        &[("decimals", Undetermined, Undetermined, Major)],
    );
    check(
        &none,
        &with(&["property: key, value: {encoding: string, logicalType: string}"]),
        &[("key", Tightens, Tightens, Major)],
    );
    check_one(
        "property: key, value: {encoding: string, logicalType: string, logicalTypeOptions: {maxLength: 3}}",
        "property: key, value: {encoding: string, logicalType: string, logicalTypeOptions: {maxLength: 2}}",
        ("maxLength", Tightens, Tightens, Major),
    );
    let key = |schema: &str| format!("property: key, value: {{encoding: avro, logicalType: string{schema}}}");
    check(
        &with(&[&key("")]),
        &with(&[&key(", eventSchema: key.avsc")]),
        &[("key", Tightens, Tightens, Major)],
    );
    check(
        &with(&[&key(", eventSchema: key.avsc")]),
        &with(&[&key(", eventSchema: other.avsc")]),
        &[("key", Undetermined, Undetermined, Major)],
    );
    let header = |clause: &str| format!("property: requiredHeaders, value: [{{name: h{clause}}}]");
    check(&none, &with(&[&header("")]), &[("requiredHeaders", Tightens, Tightens, Major)]);
    check(
        &with(&[&header(", const: abc")]),
        &with(&[&header(", pattern: b")]),
        &[("requiredHeaders", Loosens, Loosens, Minor)],
    );
    check(
        &with(&[&header(", const: abc")]),
        &with(&[&header(", pattern: x")]),
        &[("requiredHeaders", Both, Both, Major)],
    );
    check(
        &with(&[&header("")]),
        &with(&[&header(", pattern: b")]),
        &[("requiredHeaders", Tightens, Tightens, Major)],
    );
    let kind = |value: &str| format!("property: discriminator, value: {{from: header, name: kind, value: {value}}}");
    check(&with(&[&kind("a")]), &with(&[&kind("b")]), &[("discriminator", Both, Both, Major)]);
    check(
        &none,
        &with(&["property: dataSchemas, value: ['urn:a']"]),
        &[("dataSchemas", Undetermined, Undetermined, Major)],
    );
}

#[test]
fn the_contract_itself() {
    use Bump::{Major, Minor, None as Nothing, Patch};
    let with = |status: &str, more: &str| {
        contract(&format!(
            "status: {status}\n{more}schema:\n  - name: orders\n    physicalType: topic\n    properties:\n      - {{name: a, logicalType: timestamp}}\n"
        ))
    };
    let active = with("active", "");
    check(&with("proposed", ""), &active, &[("status", Tightens, Tightens, Nothing)]);
    check(&active, &with("deprecated", ""), &[("status", None, None, Nothing)]);
    check(&active, &with("retired", ""), &[("status", Tightens, Both, Nothing)]);
    check(&active, &with("draft", ""), &[("status", Tightens, Both, Nothing)]);
    check(&with("proposed", ""), &with("draft", ""), &[("status", Tightens, None, Nothing)]);
    check(&active, &with("active", "name: x\n"), &[("name", None, None, Patch)]);
    let sla = |value: &str| {
        with(
            "active",
            &format!("slaProperties:\n  - {{property: latency, {value}, element: orders.a}}\n"),
        )
    };
    check(&active, &sla("value: 15, unit: min"), &[("slaProperties", None, Tightens, Minor)]);
    check(
        &sla("value: 15, unit: min"),
        &sla("value: 1, unit: h"),
        &[("value", None, Loosens, Minor)],
    );
    check(&sla("value: 15, unit: min"), &sla("value: PT15M"), &[("value", None, None, Patch)]);
    let scheduled = sla("value: 15, unit: min, scheduler: cron, schedule: '0 * * * *'");
    check(
        &sla("value: 15, unit: min, schedule: '0 * * * *'"),
        &scheduled,
        &[("contract", None, None, Patch)],
    );
    let retention = |value: u32| {
        with(
            "active",
            &format!("slaProperties:\n  - {{property: retention, value: {value}, unit: d}}\n"),
        )
    };
    check(&retention(1), &retention(2), &[("value", None, Undetermined, Minor)]);
    let switched = |until: &str| {
        let switch = format!(
            "customProperties:\n  - {{vendor: tidegate, property: killSwitches, value: [{{rule: r, until: '{until}', reason: known}}]}}\n"
        );
        contract(&format!(
            "status: active\n{switch}schema:\n  - name: orders\n    physicalType: topic\n    properties:\n      - {{name: a, logicalType: integer, quality: [{{id: r, metric: nullValues, mustBe: 0}}]}}\n"
        ))
    };
    check(
        &switched("2026-01-01"),
        &switched("2027-01-01"),
        &[("killSwitches", Loosens, Loosens, Minor)],
    );
    let topic = |name: &str| {
        contract(&format!(
            "status: active\nschema:\n  - name: orders\n    physicalName: {name}\n    physicalType: topic\n    properties:\n      - {{name: a}}\n"
        ))
    };
    check(&topic("a"), &topic("b"), &[("physicalName", Both, Both, Major)]);
    let object = |name: &str| {
        contract(&format!(
            "status: active\nschema:\n  - name: {name}\n    physicalName: t\n    physicalType: topic\n    properties:\n      - {{name: a}}\n"
        ))
    };
    check(&object("a"), &object("b"), &[("name", None, Both, Major)]);
}

/// The same contract in other words is the same contract.
#[test]
fn nothing_is_said_of_nothing() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let mut found = 0;
    for file in ["shop/orders/v1", "crm/customers/v1", "payments/payments/v2"] {
        let text = std::fs::read_to_string(root.join(format!("contracts/{file}.odcs.yaml"))).unwrap();
        let read = |text: &str| tidegate_contract::parse("c", text).0.unwrap();
        let commented = format!("# a comment\n{}", text.replace("\n\n", "\n# another\n\n"));
        assert_eq!(compare(&read(&text), &read(&commented)), []);
        found += 1;
    }
    assert_eq!(found, 3);
}
