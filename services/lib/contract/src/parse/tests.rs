use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::OnFailure;
use crate::model::*;
use crate::yaml;

mod settings;

const ORDERS: &str = include_str!("../../../../../contracts/shop/orders/v1.odcs.yaml");
const CUSTOMERS: &str = include_str!("../../../../../contracts/crm/customers/v1.odcs.yaml");
const PAYMENTS: &str = include_str!("../../../../../contracts/payments/payments/v2.odcs.yaml");

const HEAD: &str = "apiVersion: v3.2.0\nkind: DataContract\nid: c\nversion: \"1.0.0\"\nstatus: active\n";

fn good(text: &str) -> Contract {
    let (contract, diagnostics) = parse("f", text);
    contract.unwrap_or_else(|| panic!("{text}\n{}", crate::render_lines(&diagnostics)))
}

/// One line each, without the file name.
fn said(text: &str, level: Level) -> Vec<String> {
    let (contract, diagnostics) = parse("f", text);
    let errors = diagnostics.iter().filter(|one| one.level == Level::Error).count();
    assert_eq!(contract.is_none(), errors > 0);
    let of_level = diagnostics.iter().filter(|one| one.level == level);
    of_level
        .map(|one| format!("{}:{} {} ({})", one.location.line, one.location.column, one.problem, one.help))
        .collect()
}

fn errors(text: &str) -> Vec<String> {
    said(text, Level::Error)
}

/// The properties of an object, one a line in flow style, under a good head; the first is on line 10.
fn with_properties(properties: &str) -> String {
    let lines: String = properties.lines().map(|line| format!("      - {line}\n")).collect();
    format!("{HEAD}schema:\n  - name: o\n    physicalType: topic\n    properties:\n{lines}")
}

fn first_type(line: &str) -> LogicalType {
    good(&with_properties(line)).objects[0].properties[0].logical_type.clone()
}

fn one_error(text: &str, parts: &[&str]) {
    let errors = errors(text);
    assert_eq!(errors.len(), 1, "{text}\n{errors:#?}");
    for part in parts {
        assert!(errors[0].contains(part), "{} lacks {part}", errors[0]);
    }
}

fn property_error(line: &str, parts: &[&str]) {
    one_error(&with_properties(line), parts);
}

fn rule_error(rule: &str, parts: &[&str]) {
    one_error(
        &with_properties(&format!("{{name: a, logicalType: boolean, quality: [{rule}]}}")),
        parts,
    );
}

#[test]
fn the_examples_load_without_errors_or_warnings() {
    for (text, topic, rules) in [(ORDERS, "orders", 5), (CUSTOMERS, "customers", 4), (PAYMENTS, "payments", 3)] {
        let (contract, diagnostics) = parse("f", text);
        let contract = contract.unwrap_or_else(|| panic!("{}", crate::render_lines(&diagnostics)));
        assert!(diagnostics.is_empty(), "{}", crate::render_lines(&diagnostics));
        assert_eq!(contract.objects[0].topic.as_deref(), Some(topic));
        assert_eq!(contract.objects[0].quality.len(), rules);
        assert_eq!(contract.sla.len(), 2);
        assert!(contract.objects[0].settings.event_time.is_some());
    }
}

#[test]
fn the_model_of_an_example() {
    let contract = good(ORDERS);
    assert_eq!(contract.reference().to_string(), "orders@1.2.0");
    assert_eq!(
        (contract.status, contract.team.as_deref(), contract.domain.as_deref()),
        (Status::Active, Some("shop-checkout"), Some("shop"))
    );
    let object = &contract.objects[0];
    assert_eq!(object.settings.unknown_fields, UnknownFields::Warn);
    let key = object.primary_key();
    assert_eq!((key.len(), &*key[0].name, key[0].primary_key), (1, "order_id", Some(1)));
    assert_eq!(object.property("total").unwrap().decimal(), Some((12, 2)));
    assert!(matches!(
        &object.property("customer.email").unwrap().logical_type,
        LogicalType::String { max_length: Some(254), .. }
    ));
    assert_eq!(object.property("customer.nobody").map(|property| &property.name), None);
    let LogicalType::Array {
        items: Some(item),
        min_items: Some(1),
        ..
    } = &object.property("lines").unwrap().logical_type
    else {
        panic!()
    };
    assert!(matches!(&item.logical_type, LogicalType::Object { properties, .. } if properties.len() == 3));
    assert!(matches!(&object.property("labels").unwrap().logical_type, LogicalType::Map { .. }));
    assert_eq!(object.property("channel").unwrap().enumeration.len(), 4);
    assert_eq!(object.quality[3].kind_name(), "library");
    assert_eq!(object.quality[3].threshold, Some(Threshold::GreaterThan(0.0)));
    assert_eq!(
        (&*contract.sla[1].property, contract.sla[1].unit.as_deref()),
        ("latency", Some("min"))
    );
    let place = &object.property("customer.country").unwrap().location;
    assert!(
        ORDERS.lines().nth(place.line as usize - 1).unwrap().contains("name: country"),
        "{place:?}"
    );
    let named = contract
        .document
        .at_pointer(&format!("{}/name", place.pointer))
        .and_then(yaml::Node::as_str);
    assert_eq!(named, Some("country"));
}

#[test]
fn every_problem_at_once_in_file_order() {
    let text = "apiVersion: v3.2.0\nkind: DataContract\nid: orders\nversion: one\nstatus: aktive\nownr: me\nschema:\n  - name: orders\n    \
                physicalType: topic\n    propertys: []\n    properties:\n      - name: a\n        logicalType: strng\n        requierd: true\n      \
                - logicalType: integer\n        logicalTypeOptions: {format: int64, minimum: '3'}\n";
    let errors = errors(text);
    let starts: Vec<&str> = errors.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(starts, ["4:10", "5:9", "6:1", "10:5", "13:22", "14:9", "15:9"], "{errors:#?}");
    assert!(
        errors[3].contains("did you mean `properties`?") && errors[5].contains("did you mean `required`?"),
        "{errors:#?}"
    );
}

#[test]
fn consequences_of_an_earlier_error_are_not_reported() {
    // The event time is fine once the misspelt type is; nothing is said about it.
    let text = format!(
        "{HEAD}schema:\n  - name: o\n    physicalType: topic\n    customProperties: [{{property: eventTime, vendor: tidegate, value: at}}]\n    \
         properties:\n      - {{name: at, logicalType: timestmp}}\n"
    );
    one_error(&text, &["timestmp", "did you mean `timestamp`?"]);
    property_error(
        "{name: a, logicalType: string, logicalTypeOptions: [x]}",
        &["expected a mapping, found a list"],
    );
    property_error(
        "{name: a, logicalType: date, logicalTypeOptions: {format: YYYY-MM-dd, minimum: 2020-01-01}}",
        &["week year"],
    );
}

#[test]
fn the_head_of_the_file() {
    let head = |from: &str, to: &str| HEAD.replace(from, to);
    one_error(
        &head("v3.2.0", "v9.0.0"),
        &["v9.0.0", "`v3.2.0`, `v3.1.0`, `v3.0.2`, `v3.0.1`, `v3.0.0`"],
    );
    one_error(&head("v3.2.0", "3.1.0"), &["write `v3.1.0`"]);
    one_error(&head("v3.2.0", "v2.2.2"), &["convert"]);
    one_error(&head("DataContract", "DataProduct"), &["2:7", "not a data contract"]);
    one_error(&head("apiVersion: v3.2.0\n", ""), &["no `apiVersion`"]);
    one_error(&head("id: c\n", ""), &["no `id`"]);
    one_error(&head("id: c", "id: 17"), &["quote it: '17'"]);
    one_error(&head("status: active\n", ""), &["no `status`"]);
    one_error(
        &head("active", "live"),
        &["`draft`, `proposed`, `active`, `deprecated`, `retired`", "write `active`"],
    );
    one_error(&head("\"1.0.0\"", "1.0.0-rc1"), &["MAJOR.MINOR.PATCH"]);
    one_error("[1, 2]", &["a contract is a mapping"]);
    for (written, status) in [("Active", Status::Active), ("RETIRED", Status::Retired), ("Draft", Status::Draft)] {
        assert_eq!(good(&head("active", written)).status, status);
    }
    let contract = good(&head("\"1.0.0\"", "1.10"));
    assert_eq!(
        (&*contract.version.text, contract.version.major, contract.version.minor),
        ("1.10", 1, 10)
    );
    assert_eq!(
        said(&head("\"1.0.0\"", "1.10"), Level::Warning),
        ["4:10 the version `1.10` is written as a number (quote it: '1.10')"]
    );
}

#[test]
fn every_accepted_edition_loads() {
    for version in ["v3.0.0", "v3.0.1", "v3.0.2", "v3.1.0", "v3.2.0"] {
        let text = with_properties("{name: a, logicalType: string}").replace("v3.2.0", version);
        assert_eq!(&*good(&text).api_version, version);
    }
    let newer = |line: &str, version: &str| with_properties(line).replace("v3.2.0", version);
    one_error(
        &newer("{name: a, logicalType: vector, logicalTypeOptions: {dimensions: 2}}", "v3.1.0"),
        &["came with apiVersion v3.2.0"],
    );
    // Examples of the standard itself do these two.
    let timestamp = newer("{name: a, logicalType: timestamp}", "v3.0.2");
    assert!(errors(&timestamp).is_empty() && said(&timestamp, Level::Warning)[0].contains("came with apiVersion v3.1.0"));
    let bare = newer("{name: a, logicalType: object, logicalTypeOptions: {required: [b]}}", "v3.0.2");
    assert!(errors(&bare).is_empty() && said(&bare, Level::Warning)[0].contains("nothing checks it"));
    one_error(
        &newer("{name: a, logicalType: string, enum: [x]}", "v3.1.0"),
        &["`enum` of a property came with apiVersion v3.2.0"],
    );
    // What the schema of v3.0 lets through is only worth a warning there.
    let open = "{name: a, logicalType: string, quality: [{rule: nullCheck, mustBe: 0, color: red}]}";
    assert_eq!(errors(&newer(open, "v3.0.2")), Vec::<String>::new());
    assert_eq!(said(&newer(open, "v3.0.2"), Level::Warning).len(), 2);
}

#[test]
fn options_of_each_type() {
    assert!(matches!(
        first_type("{name: a, logicalType: string, logicalTypeOptions: {minLength: 1, pattern: '^a', format: uuid}}"),
        LogicalType::String {
            min_length: Some(1),
            max_length: None,
            pattern: Some(_),
            format: Some(_)
        }
    ));
    let LogicalType::Number { bounds, multiple_of, .. } =
        first_type("{name: a, logicalType: number, logicalTypeOptions: {minimum: 0x10, exclusiveMaximum: +10.50e2, multipleOf: .5}}")
    else {
        panic!()
    };
    assert_eq!(bounds.minimum.as_deref(), Some("16"));
    assert_eq!(bounds.exclusive_maximum.as_deref(), Some("10.50e2"));
    assert_eq!(multiple_of.as_deref(), Some("0.5"));
    assert!(matches!(
        first_type("{name: a, logicalType: vector, logicalTypeOptions: {dimensions: 3, elementType: float32}}"),
        LogicalType::Vector { dimensions: 3, .. }
    ));
    let LogicalType::Object { properties, .. } =
        first_type("{name: a, logicalType: object, properties: [{name: b, logicalType: boolean}], logicalTypeOptions: {required: [b]}}")
    else {
        panic!()
    };
    assert!(properties[0].required);

    property_error(
        "{name: a, logicalType: string, logicalTypeOptions: {minLenght: 1}}",
        &["10:", "did you mean `minLength`?"],
    );
    property_error(
        "{name: a, logicalType: integer, logicalTypeOptions: {maxLength: 1}}",
        &["not a key of the options of an integer"],
    );
    property_error(
        "{name: a, logicalType: integer, logicalTypeOptions: {format: int64}}",
        &["write `i64`"],
    );
    property_error(
        "{name: a, logicalType: string, logicalTypeOptions: {minLength: 5, maxLength: 4}}",
        &["nothing would pass"],
    );
    property_error("{name: a, logicalType: string, logicalTypeOptions: {minLength: -1}}", &["negative"]);
    property_error(
        "{name: a, logicalType: string, logicalTypeOptions: {pattern: '(?=a)'}}",
        &["look-ahead", "CEL"],
    );
    property_error(
        "{name: a, logicalType: number, logicalTypeOptions: {minimum: 2, exclusiveMaximum: 2.0}}",
        &["nothing would pass"],
    );
    property_error("{name: a, logicalType: number, logicalTypeOptions: {multipleOf: 0}}", &["above 0"]);
    property_error("{name: a, logicalType: number, logicalTypeOptions: {minimum: .inf}}", &["finite"]);
    property_error(
        "{name: a, logicalType: number, physicalType: 'decimal(40,2)'}",
        &["cannot be stored"],
    );
    property_error(
        "{name: a, logicalType: date, logicalTypeOptions: {minimum: 21.11.2026}}",
        &["2026-11-21"],
    );
    property_error(
        "{name: a, logicalType: timestamp, logicalTypeOptions: {defaultTimezone: Europe/Berlin}}",
        &["fixed offset"],
    );
    property_error(
        "{name: a, logicalType: timestamp, logicalTypeOptions: {format: yyyy-MM-dd}}",
        &["does not say the hour"],
    );
    property_error("{name: a, logicalType: boolean, logicalTypeOptions: {format: x}}", &["it has none"]);
    property_error("{name: a, logicalType: vector}", &["no `dimensions`"]);
    property_error("{name: a, logicalType: map}", &["no `map`"]);
    property_error("{name: a, logicalType: array, properties: [{name: b}]}", &["put them under `items"]);
    property_error("{name: a, logicalTypeOptions: {maxLength: 1}}", &["without a logicalType"]);
    property_error("{name: a, logicalType: decimal}", &["decimal(precision,scale)"]);
    property_error(
        "{name: a, logicalType: object, properties: [{name: b, logicalType: date}], logicalTypeOptions: {required: [c]}}",
        &["`c`"],
    );
    property_error("{name: a, logicalType: boolean, required: yes}", &["write true"]);
}

#[test]
fn exclusive_limits_were_truth_values_before_v3_1() {
    let line =
        "{name: a, logicalType: integer, logicalTypeOptions: {minimum: 5, exclusiveMinimum: true, maximum: 9, exclusiveMaximum: false}}";
    let old = with_properties(line).replace("v3.2.0", "v3.0.1");
    let LogicalType::Integer { bounds, .. } = good(&old).objects[0].properties[0].logical_type.clone() else {
        panic!()
    };
    assert_eq!((bounds.minimum, bounds.exclusive_minimum), (None, Some("5".into())));
    assert_eq!((bounds.maximum, bounds.exclusive_maximum), (Some("9".into()), None));
    assert_eq!(errors(&with_properties(line)).len(), 2);
    let dates = "{name: a, logicalType: date, logicalTypeOptions: {exclusiveMinimum: 2020-01-01, maximum: 2020-01-01}}";
    property_error(dates, &["nothing would pass"]);
}

#[test]
fn enums_in_both_forms() {
    let both = "{name: a, logicalType: string, enum: [{value: x, label: X}, NO, '1']}";
    let texts = ["x", "NO", "1"].map(|text| Literal::String(text.into()));
    assert_eq!(good(&with_properties(both)).objects[0].properties[0].enumeration, texts);
    property_error("{name: a, logicalType: string, enum: [1]}", &["quote it: '1'"]);
    property_error("{name: a, logicalType: integer, enum: [1.5]}", &["does not allow"]);
    property_error("{name: a, logicalType: string, enum: []}", &["allows nothing"]);
    let misspelt = errors(&with_properties("{name: a, logicalType: string, enum: [{valu: x}]}"));
    assert!(
        misspelt.len() == 2 && misspelt.iter().any(|one| one.contains("did you mean `value`?")),
        "{misspelt:#?}"
    );
}

#[test]
fn notes_say_what_is_not_checked() {
    let text = with_properties(
        "{name: a, logicalType: integer}\n{name: b, logicalType: number}\n{name: c}\n{name: d, logicalType: string, logicalTypeOptions: {format: iban}}",
    );
    let notes = said(&text, Level::Note);
    for (line, part) in [
        "any 64-bit integer",
        "precision and scale",
        "without a logicalType",
        "`iban` is not executed",
    ]
    .iter()
    .enumerate()
    {
        assert!(
            notes[line].contains(part) && notes[line].starts_with(&format!("{}:", 10 + line)),
            "{notes:#?}"
        );
    }
    let rules = with_properties(
        "{name: a, logicalType: boolean, quality: [{type: text, description: x}, {type: custom, engine: soda, implementation: x}, {metric: freshness, mustBe: 1}]}",
    );
    assert_eq!(said(&rules, Level::Note).len(), 3, "{:#?}", said(&rules, Level::Note));
    let contract = good(&rules);
    assert!(
        contract.objects[0].properties[0]
            .quality
            .iter()
            .all(|rule| rule.kind_name() == "not executed")
    );
}

#[test]
fn rules() {
    rule_error("{metric: nullValues}", &["no operator"]);
    rule_error(
        "{metric: nullValues, mustBe: 1, mustBeLessThan: 3}",
        &["one operator", "mustBeBetween"],
    );
    rule_error("{metric: nullValues, mustBe: none}", &["cannot be text"]);
    rule_error("{metric: nullValues, mustBeBetween: [5, 1]}", &["above"]);
    rule_error("{metric: nullValues, mustBeBetween: [1, 2, 3]}", &["two numbers"]);
    rule_error("{metric: rowCount, mustBe: 1}", &["measures an object"]);
    rule_error("{metric: missingValues, mustBe: 0}", &["needs the values"]);
    rule_error(
        "{metric: invalidValues, mustBe: 0, arguments: {validvalues: [1], pattern: x}}",
        &["did you mean `validValues`?"],
    );
    rule_error(
        "{metric: invalidValues, mustBe: 0, arguments: {pattern: '(a)\\1'}}",
        &["back-references"],
    );
    rule_error("{mustBe: 0}", &["no `metric`"]);
    rule_error("{query: SELECT 1, mustBe: 0}", &["add `type: sql`"]);
    rule_error("{type: sql, mustBe: 0}", &["no `query`"]);
    rule_error("{type: custom, engine: cel}", &["no `implementation`"]);
    rule_error(
        "{type: custom, engine: cel, implementation: value.a, mustBe: 0}",
        &["takes no operator"],
    );
    rule_error("{type: cel, implementation: value.a}", &["`type: custom` and `engine: cel`"]);
    rule_error("{metric: nullValues, mustBe: 0, unit: rowz}", &["did you mean `rows`?"]);
    let text = "{name: a, logicalType: boolean, quality: [{rule: nullValues, mustBe: 0, unit: percent, severity: WARNING}, \
                {metric: invalidvalues, arguments: {validValues: [true]}, mustBeBetween: [0, 2], severity: critical, name: n}, \
                {type: Custom, engine: CEL, implementation: value.a, severity: info, name: n}]}";
    let text = with_properties(text);
    let quality = good(&text).objects[0].properties[0].quality.clone();
    assert!(quality[0].percent && quality[0].severity == Severity::Warning);
    assert_eq!(&*quality[0].id, "/schema/0/properties/0/quality/0");
    assert_eq!(quality[1].threshold, Some(Threshold::Between(0.0, 2.0)));
    assert_eq!((quality[1].severity, &*quality[1].id), (Severity::Error, "n"));
    assert_eq!((quality[2].severity, quality[2].kind_name()), (Severity::Info, "cel"));
    let warnings = said(&text, Level::Warning);
    assert_eq!(warnings.len(), 3, "{warnings:#?}");
    let twice =
        "{name: a, logicalType: boolean, quality: [{id: x, metric: nullValues, mustBe: 0}, {id: x, metric: nullValues, mustBe: 1}]}";
    property_error(twice, &["unique in a contract", "line 10"]);
}

#[test]
fn sla_properties() {
    let sla = |lines: &[&str]| {
        let items: String = lines.iter().map(|line| format!("  - {line}\n")).collect();
        format!(
            "{}slaProperties:\n{items}",
            with_properties("{name: at, logicalType: timestamp}\n{name: n, logicalType: boolean}")
        )
    };
    let text = sla(&[
        "{property: LY, value: 5, unit: min, element: 'o.at, o'}",
        "{property: fy, value: 1, unit: d}",
        "{property: freshness, value: PT1H, element: o.at, driver: Operational}",
        "{property: Beauty, value: high}",
    ]);
    let contract = good(&text);
    let names: Vec<&str> = contract.sla.iter().map(|one| &*one.property).collect();
    assert_eq!(names, ["latency", "frequency", "freshness", "beauty"]);
    assert_eq!(contract.sla[0].elements.iter().map(|one| &**one).collect::<Vec<_>>(), ["o.at", "o"]);
    assert_eq!(&*contract.sla[1].id, "/slaProperties/1");
    assert_eq!(
        said(&text, Level::Note).iter().filter(|one| one.contains("not measured")).count(),
        1
    );
    one_error(&sla(&["{property: latency, value: 5, unit: m}"]), &["minutes or months"]);
    one_error(&sla(&["{property: latency, value: 5}"]), &["no unit"]);
    one_error(&sla(&["{property: latency, value: 5, unit: fortnight}"]), &["not a unit"]);
    one_error(&sla(&["{property: latency, value: 1, unit: month}"]), &["calendar"]);
    one_error(&sla(&["{property: latency, value: soon, unit: min}"]), &["ISO 8601"]);
    one_error(&sla(&["{property: latency}"]), &["no `value`"]);
    for (line, part) in [
        ("{property: latency, value: 5, unit: min, element: x.y}", "does not exist"),
        ("{property: latency, value: 5, unit: min, element: o.n}", "no date or timestamp"),
        (
            "{property: latency, value: 5, unit: min, scheduler: cron, schedule: 0 30 * * *}",
            "did you mean `30 0 * * *`",
        ),
        ("{property: latncy, value: 5, unit: min}", "did you mean `latency`?"),
    ] {
        let warnings = said(&sla(&[line]), Level::Warning);
        assert!(warnings.len() == 1 && warnings[0].contains(part), "{warnings:#?}");
    }
}

#[test]
fn names_are_told_apart() {
    let two = |a: &str, b: &str| with_properties(&format!("{{{a}, logicalType: boolean}}\n{{{b}, logicalType: boolean}}"));
    one_error(&two("name: a", "name: a"), &["11:16", "the first is at line 10"]);
    one_error(
        &two("name: a, physicalName: x", "name: b, physicalName: x"),
        &["reads the field `x`"],
    );
    assert!(said(&two("name: a", "name: A"), Level::Warning)[0].contains("differ only in case"));
    property_error("{name: _tidegate_offset, logicalType: boolean}", &["column of Tidegate"]);
    property_error("{logicalType: boolean}", &["no `name`"]);
    let object = |name: &str, topic: &str| format!("  - {{name: {name}, physicalName: {topic}, physicalType: topic}}\n");
    one_error(
        &format!("{HEAD}schema:\n{}{}", object("a", "t"), object("b", "t")),
        &["bound to topic `t`", "line 7"],
    );
    one_error(
        &format!("{HEAD}schema:\n{}{}", object("a", "t"), object("a", "u")),
        &["second object is named"],
    );
    one_error(&format!("{HEAD}schema:\n{}", object("a", "'a topic'")), &["not a legal topic name"]);
    one_error(
        &format!("{HEAD}servers: [{{server: s, type: kafka, host: h, topic: t}}]\n"),
        &["`physicalName` of the object"],
    );
}

#[test]
fn a_flood_of_problems_is_cut() {
    let properties: String = (0..2000)
        .map(|index| format!("{{name: p{index}, logicalType: x{index}}}\n"))
        .collect();
    let errors = errors(&with_properties(&properties));
    assert_eq!(errors.len(), 501);
    assert!(errors.iter().any(|one| one.contains("the rest is not listed")));
}

#[test]
fn problems_never_carry_control_characters() {
    let text = with_properties("{name: a, logicalType: \"\\e[31mred\\x07\\u202e\"}");
    assert!(
        errors(&text)[0].chars().all(|c| !c.is_control() && c != '\u{202e}'),
        "{:?}",
        errors(&text)
    );
}

/// Cuts, repeats, swaps and rewrites pieces of a good contract.
fn mutated() -> impl Strategy<Value = String> {
    let edit = (
        0usize..12_000,
        0usize..12_000,
        0usize..60,
        "[-a-z0-9:{}\\[\\]&*!|>#'\"\n ,.~?%]{0,8}",
        0u8..4,
    );
    (0usize..3, proptest::collection::vec(edit, 1..6)).prop_map(|(which, edits)| {
        let mut chars: Vec<char> = [ORDERS, CUSTOMERS, PAYMENTS][which].chars().collect();
        for (at, other, length, text, kind) in edits {
            let at = at % (chars.len() + 1);
            let end = (at + length).min(chars.len());
            match kind {
                0 => drop(chars.drain(at..end)),
                1 => drop(chars.splice(at..at, text.chars())),
                2 => drop(chars.splice(at..end, text.chars())),
                _ => {
                    let piece: Vec<char> = chars[at..end].to_vec();
                    let other = other % (chars.len() + 1);
                    chars.splice(other..other, piece);
                }
            }
        }
        chars.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn mutated_contracts_never_panic_and_every_problem_has_a_place(text in mutated()) {
        let (contract, diagnostics) = parse("f", &text);
        prop_assert_eq!(contract.is_none(), diagnostics.iter().any(|one| one.level == Level::Error));
        let lines = u32::try_from(text.split('\n').count()).unwrap();
        for one in &diagnostics {
            prop_assert!((1..=lines).contains(&one.location.line), "{:?} of {} lines", one, lines);
            prop_assert!(one.location.column >= 1 && !one.problem.is_empty());
        }
        let sources = std::collections::BTreeMap::from([(Arc::from("f"), text)]);
        let shown = crate::render(&diagnostics, &sources, false);
        prop_assert_eq!(shown.matches("--> f:").count(), diagnostics.len());
    }
}
