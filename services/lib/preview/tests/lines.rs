//! Lines of a file under two contracts: what is told, what is shown, and what is not known.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tidegate_check::input::Known;
use tidegate_check::{SchemaLookup, SchemaNeed};
use tidegate_contract::Contract;
use tidegate_flow::WorldError;
use tidegate_preview::line::LineFeed;
use tidegate_preview::run::{Bounds, Ran};
use tidegate_preview::{Asked, Change, Conclusion, Fetched, InputReport, Limit, Pair, Report, Schemas, Side, Stopped, Tally, render, run};

const NOW: i64 = 1_700_000_100_000_000;

struct NoSchemas;

impl SchemaLookup for NoSchemas {
    fn lookup(&self, _: &SchemaNeed) -> Known {
        Known::Unknown
    }
}

impl Schemas for NoSchemas {
    fn fetch(&self, _: &SchemaNeed) -> Result<Fetched, WorldError> {
        Ok(Fetched::NoSource)
    }
}

/// A contract on topic t: lines of the top level, and of the object.
fn contract(version: &str, top: &str, object: &str) -> Arc<Contract> {
    let text = format!(
        "apiVersion: v3.2.0\nkind: DataContract\nid: t\nversion: {version}\nstatus: active\n{top}schema:\n  - name: t\n    physicalName: t\n    \
         physicalType: topic\n{object}"
    );
    let (contract, problems) = tidegate_contract::parse("t.odcs.yaml", &text);
    Arc::new(contract.unwrap_or_else(|| panic!("{problems:#?}\n{text}")))
}

fn pair(old: Arc<Contract>, new: Arc<Contract>) -> Pair {
    Pair {
        old: Side::new("old", &[old]).unwrap(),
        new: Side::new("new", &[new]).unwrap(),
    }
}

fn judged(pair: &Pair, lines: &str, events_max: u64) -> Ran {
    let bounds = Bounds { events_max, threads: 2 };
    let mut feed = LineFeed::new("e.jsonl", "t", NOW, lines.as_bytes());
    run(pair, &mut feed, &Asked::default(), &NoSchemas, bounds, &mut |_| true).unwrap()
}

fn tally(pair: &Pair, lines: &str) -> Tally {
    judged(pair, lines, u64::MAX).tally
}

fn report(pair: &Pair, lines: &str, events_max: u64, limit: &str) -> Report {
    let ran = judged(pair, lines, events_max);
    Report {
        sides: ("old".into(), "new".into()),
        inputs: vec![InputReport {
            name: "e.jsonl".into(),
            kind: "lines",
            now: "then".into(),
            unknown: Vec::new(),
            stopped: ran.cut.then_some(Stopped::Events),
            tally: ran.tally,
        }],
        notes: vec!["a note".into()],
        limit: Some(limit.parse::<Limit>().unwrap()),
    }
}

#[test]
fn an_event_of_a_topic_that_nobody_binds_is_undecided() {
    let same = |version| contract(version, "", "    properties:\n      - {name: a}\n");
    let tally = tally(
        &pair(same("1.0.0"), same("1.1.0")),
        "@{\"value\": \"{}\", \"topic\": \"zzz\"}\n{}\n",
    );
    assert_eq!((tally.of(Change::Undecided), tally.of(Change::StillPassing)), (1, 1), "{tally:?}");
    assert_eq!(tally.of(Change::StillFailing), 0);
    assert!(tally.undecided_for().all(|(why, _)| why.contains("neither side binds")));
}

#[test]
fn a_rule_that_reads_the_version_is_judged_again() {
    let with = |version| {
        let rule = "    quality:\n      - {id: r, type: custom, engine: cel, implementation: \"meta.version == '1.0.0'\"}\n";
        contract(version, "", &format!("{rule}    properties:\n      - {{name: a}}\n"))
    };
    let found = tally(&pair(with("1.0.0"), with("1.1.0")), "{}\n{}\n");
    assert_eq!(found.of(Change::NewlyFailing), 2, "{found:?}");
    let found = tally(&pair(with("1.0.0"), with("1.0.0")), "{}\n");
    assert_eq!(found.of(Change::StillPassing), 1);
}

#[test]
fn a_value_is_shown_only_if_both_contracts_declare_it_and_neither_classifies_it() {
    let with = |properties: &str| contract("1.0.0", "", &format!("    properties:\n{properties}"));
    let tight = "logicalType: string, logicalTypeOptions: {maxLength: 3}";
    let open = "logicalType: string";
    for (old, new, shown) in [
        (format!("name: ssn, {open}"), format!("name: ssn, {tight}"), true),
        (
            format!("name: ssn, classification: public, {open}"),
            format!("name: ssn, classification: public, {tight}"),
            true,
        ),
        // Whoever writes the new contract does not decide alone.
        (
            format!("name: ssn, classification: restricted, {open}"),
            format!("name: ssn, {tight}"),
            false,
        ),
        (
            format!("name: ssn, {open}"),
            format!("name: ssn, classification: restricted, {tight}"),
            false,
        ),
        (
            format!("name: a, physicalName: ssn, classification: restricted, {open}"),
            format!("name: b, physicalName: ssn, {tight}"),
            false,
        ),
        (
            format!("name: a, physicalName: ssn, {open}"),
            format!("name: b, physicalName: ssn, {tight}"),
            true,
        ),
        ("name: other".to_owned(), format!("name: ssn, {tight}"), false),
    ] {
        let pair = pair(with(&format!("      - {{{old}}}\n")), with(&format!("      - {{{new}}}\n")));
        let tally = tally(&pair, "{\"ssn\": \"123-45-6789\"}\n");
        let rules = tally.rules(Change::NewlyFailing);
        let value = rules[0].1.examples[0].value.as_ref().map(|(_, value)| value.as_str());
        let expected = if shown { "\"123-45-6789\"" } else { "***" };
        assert_eq!(value, Some(expected), "{old} -> {new}");
    }
}

#[test]
fn a_version_that_halts_is_told_with_its_events() {
    let stop = "customProperties:\n  - {property: onFailure, vendor: tidegate, value: stop}\n";
    let properties = "    properties:\n      - {name: a, logicalType: integer}\n";
    let pair = pair(contract("1.0.0", "", properties), contract("2.0.0", stop, properties));
    let report = report(&pair, "{\"a\": 1}\n{\"a\": \"x\"}\n{\"a\": \"y\"}\n", u64::MAX, "0");
    let total = report.total();
    let halting: Vec<_> = total.halting_versions().map(|(version, count)| (version, count.events)).collect();
    assert_eq!(halting, [("t@2.0.0", 2)]);
    for text in [render::human(&report), render::markdown(&report)] {
        assert!(text.contains("onFailure: stop") && text.contains("2 events fail"), "{text}");
    }
    // A record that no object of the topic judges halts it as well, under whichever contract of the topic says so.
    let typed = |id: &str, top: &str| {
        let by = format!(
            "    customProperties:\n      - {{property: discriminator, vendor: tidegate, value: {{from: pointer, name: /k, value: {id}}}}}\n"
        );
        let text = format!(
            "apiVersion: v3.2.0\nkind: DataContract\nid: {id}\nversion: 1.0.0\nstatus: active\n{top}schema:\n  - name: {id}\n    \
             physicalName: t\n    physicalType: topic\n{by}    properties:\n      - {{name: k}}\n"
        );
        Arc::new(tidegate_contract::parse("c.odcs.yaml", &text).0.unwrap())
    };
    let side = |name: &str, contracts: &[Arc<Contract>]| Side::new(name, contracts).unwrap();
    let newcomer = Pair {
        old: side("old", &[typed("x", "")]),
        new: side("new", &[typed("x", ""), typed("y", stop)]),
    };
    let counts = tally(&newcomer, "{\"k\": \"x\"}\n{\"k\": \"z\"}\n");
    let halting: Vec<_> = counts.halting_versions().map(|(version, count)| (version, count.events)).collect();
    assert_eq!((counts.of(Change::StillFailing), halting), (1, vec![("y@1.0.0", 1)]));
    // Under `continue` nothing halts.
    let back = Pair {
        old: Side::new("old", &[contract("1.0.0", stop, properties)]).unwrap(),
        new: Side::new("new", &[contract("1.1.0", "", properties)]).unwrap(),
    };
    assert_eq!(tally(&back, "{\"a\": \"x\"}\n").halting_versions().count(), 0);
}

#[test]
fn what_was_cut_is_within_no_limit() {
    let with = |version: &str, more: &str| {
        contract(
            version,
            "",
            &format!("    properties:\n      - {{name: a, logicalType: string{more}}}\n"),
        )
    };
    let pair = pair(with("1.0.0", ""), with("2.0.0", ", logicalTypeOptions: {maxLength: 1}"));
    let lines = "{\"a\": \"x\"}\n{\"a\": \"y\"}\n{\"a\": \"long\"}\n";
    let of = |events_max: u64, limit: &str| report(&pair, lines, events_max, limit);
    // The one that fails is the last: the first two say nothing about it.
    let cut = of(2, "0");
    assert_eq!((cut.conclusion(), cut.exit_code()), (Some(Conclusion::CouldNotTell), 2));
    for text in [render::human(&cut), render::markdown(&cut)] {
        assert!(text.contains("only the first 2 events") && text.contains("--max-events"), "{text}");
    }
    assert_eq!(render::json(&cut)["cut"], true);
    let whole = of(3, "1");
    assert_eq!((whole.conclusion(), whole.exit_code()), (Some(Conclusion::Within), 0));
    assert_eq!(of(3, "0").exit_code(), 1);
    // What exceeds a limit exceeds it however much more there is.
    assert_eq!(report(&pair, "{\"a\": \"long\"}\n{}\n{}\n", 1, "0").exit_code(), 1);
    let unlimited = Report { limit: None, ..of(2, "0") };
    assert_eq!(unlimited.exit_code(), 0);
}

#[test]
fn the_document_is_as_its_schema_says() {
    let stop = "customProperties:\n  - {property: onFailure, vendor: tidegate, value: stop}\n";
    let with = |version: &str, top: &str, more: &str| {
        contract(
            version,
            top,
            &format!("    properties:\n      - {{name: a, logicalType: integer{more}}}\n"),
        )
    };
    let pair = pair(
        with("1.0.0", "", ", logicalTypeOptions: {maximum: 5}"),
        with("2.0.0", stop, ", logicalTypeOptions: {minimum: 3}"),
    );
    let lines = "{\"a\": 1}\n{\"a\": 9}\n{\"a\": 4}\n{\"a\": \"x\"}\n@{\"topic\": \"zzz\", \"value\": \"{}\"}\n{\"a\": 4}\n";
    let document = render::json(&report(&pair, lines, 5, "1"));
    for (name, count) in [
        ("newly_failing", 1),
        ("newly_passing", 1),
        ("still_passing", 1),
        ("still_failing", 1),
        ("undecided", 1),
    ] {
        assert_eq!(document[name], count, "{name}: {document:#}");
    }
    assert!(document["halting"].as_array().is_some_and(|list| list.len() == 1));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../schemas/formats/preview-report.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    conforms(&document, &schema, &schema, "");
    // The check itself: a word, a type and a member that the schema does not know are found.
    for (pointer, value) in [
        ("/conclusion", Value::from("maybe")),
        ("/events", Value::from("5")),
        ("/more", Value::from(1)),
    ] {
        let mut other = document.clone();
        other[&pointer[1..]] = value;
        assert!(
            std::panic::catch_unwind(|| conforms(&other, &schema, &schema, "")).is_err(),
            "{pointer}"
        );
    }
    let mut other = document;
    other.as_object_mut().unwrap().remove("cut");
    assert!(std::panic::catch_unwind(|| conforms(&other, &schema, &schema, "")).is_err());
}

/// The part of JSON Schema that our own format uses.
fn conforms(value: &Value, schema: &Value, root: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        return conforms(value, root.pointer(reference.trim_start_matches('#')).unwrap(), root, at);
    }
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{at}: {value} is none of {words:?}");
    }
    if let Some(constant) = schema.get("const") {
        assert_eq!(value, constant, "{at}");
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = match &schema["type"] {
        Value::String(wanted) => wanted == kind,
        Value::Array(wanted) => wanted.iter().any(|one| one == kind),
        _ => true,
    };
    assert!(fits, "{at}: {kind}, not {}", schema["type"]);
    if let Value::Array(items) = value {
        for item in items {
            conforms(item, &schema["items"], root, &format!("{at}/-"));
        }
    }
    if let Value::Object(fields) = value {
        for (name, field) in fields {
            let known = schema["properties"].get(name).or(schema.get("additionalProperties"));
            let known = known.unwrap_or_else(|| panic!("{at}/{name} is not in the schema"));
            conforms(field, known, root, &format!("{at}/{name}"));
        }
        for required in schema["required"].as_array().into_iter().flatten() {
            assert!(fields.contains_key(required.as_str().unwrap()), "{at} lacks {required}");
        }
    }
}
