//! What readers of a comparison get.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::Value;
use tidegate_contract::Contract;
use tidegate_diff::render::{LINES_MAX, MARKER, human, json, markdown, odcs};
use tidegate_diff::{Bump, Diff, Verdict, compare_sets};

fn contract(id: &str, version: &str, status: &str, properties: &[String]) -> Arc<Contract> {
    let mut text = format!(
        "apiVersion: v3.2.0\nkind: DataContract\nid: {id}\nversion: {version}\nstatus: {status}\nschema:\n  - name: orders\n    physicalName: {id}\n    \
         physicalType: topic\n    properties:\n"
    );
    for property in properties {
        let _ = writeln!(text, "      - {{{property}}}");
    }
    let (contract, problems) = tidegate_contract::parse(&format!("{id}/v1.odcs.yaml"), &text);
    Arc::new(contract.unwrap_or_else(|| panic!("{problems:#?}")))
}

fn one(version: &str, status: &str, property: &str) -> Arc<Contract> {
    contract("shop", version, status, &[property.to_owned()])
}

fn diff(old: &[Arc<Contract>], new: &[Arc<Contract>]) -> Diff {
    compare_sets(("main", "here"), old, new)
}

const A: &str = "name: a, logicalType: string";
const REQUIRED: &str = "name: a, logicalType: string, required: true";

#[test]
fn the_version_must_rise_as_much_as_is_demanded() {
    let old = [one("1.0.0", "active", A)];
    for (version, property, verdict) in [
        ("1.0.0", A, None),
        ("1.1.0", A, Some(Verdict::Enough)),
        ("2.0.0", REQUIRED, Some(Verdict::Enough)),
        ("1.1.0", REQUIRED, Some(Verdict::TooSmall { least: "2.0.0".into() })),
        ("1.0.0", REQUIRED, Some(Verdict::TooSmall { least: "2.0.0".into() })),
        (
            "1.0.0",
            "name: a, logicalType: string, description: d",
            Some(Verdict::TooSmall { least: "1.0.1".into() }),
        ),
        ("0.9.0", A, Some(Verdict::Backwards { least: "1.0.1".into() })),
    ] {
        let found = diff(&old, &[one(version, "active", property)]);
        assert_eq!(
            found.contracts.first().map(|contract| contract.verdict.clone()),
            verdict,
            "{version} {property}"
        );
        let same_version = version == "1.0.0" && property != A;
        assert_eq!(found.violations.len(), usize::from(same_version), "{version} {property}");
        assert_eq!(found.has_findings(), verdict.is_some_and(|verdict| verdict != Verdict::Enough));
    }
    // Nobody relies on what was never enforced.
    let found = diff(&[one("1.0.0", "proposed", A)], &[one("1.0.0", "proposed", REQUIRED)]);
    assert_eq!(found.contracts[0].verdict, Verdict::Unpublished);
    assert!(!found.has_findings() && !found.contracts[0].changes.is_empty());
    // A status is no content.
    let found = diff(&old, &[one("1.0.0", "deprecated", A)]);
    assert!(!found.has_findings() && found.contracts[0].demanded == Bump::None, "{found:#?}");
}

#[test]
fn a_promoted_proposal_shows_what_it_does_to_events() {
    let old = [one("1.0.0", "active", A), one("1.1.0", "proposed", REQUIRED)];
    let found = diff(&old, &[one("1.0.0", "deprecated", A), one("1.1.0", "active", REQUIRED)]);
    let promoted = found
        .contracts
        .iter()
        .find(|contract| &*contract.new.as_ref().unwrap().version.text == "1.1.0")
        .unwrap();
    assert_eq!(&*promoted.old.as_ref().unwrap().version.text, "1.0.0");
    assert_eq!(promoted.verdict, Verdict::TooSmall { least: "2.0.0".into() });
    // A version beside the old one says what it changes, once.
    let found = diff(&old[..1], &[one("1.0.0", "active", A), one("2.0.0", "active", REQUIRED)]);
    assert_eq!((found.contracts.len(), found.has_findings()), (1, false));
    let again = [one("1.0.0", "active", A), one("2.0.0", "active", REQUIRED)];
    assert!(diff(&again, &again).contracts.is_empty());
}

#[test]
fn contracts_come_and_go() {
    let found = diff(&[one("1.0.0", "active", A)], &[contract("crm", "1.0.0", "active", &[A.to_owned()])]);
    assert_eq!(found.contracts[0].verdict, Verdict::Gone);
    assert!(found.has_findings());
    assert!(!diff(&[one("1.0.0", "retired", A)], &[]).has_findings());
    assert!(!diff(&[one("1.0.0", "draft", A)], &[]).has_findings());
    assert_eq!(human(&diff(&[], &[])), "nothing changed\n");
}

#[test]
fn what_cannot_be_told_may_be_trusted() {
    let with = |version: &str, pattern: &str| {
        one(
            version,
            "active",
            &format!("name: a, logicalType: string, logicalTypeOptions: {{pattern: '{pattern}'}}"),
        )
    };
    let found = diff(&[with("1.0.0", "\\ba")], &[with("1.1.0", "a\\b")]);
    assert!(found.has_findings());
    let trusted = found.trusting();
    assert!(
        !trusted.has_findings() && trusted.contracts[0].demanded == Bump::Minor,
        "{trusted:#?}"
    );
    let broken = diff(&[one("1.0.0", "active", A)], &[one("1.1.0", "active", REQUIRED)]);
    assert!(broken.trusting().has_findings());
}

/// Many changes of many contracts, worst first, in 40 lines; what is left out is counted.
#[test]
fn a_comment_has_forty_lines_at_most() {
    let many = |count: usize, required: bool| -> Vec<String> {
        (0..count)
            .map(|at| {
                let more = if required && at % 3 == 0 {
                    ", required: true"
                } else {
                    ", description: d"
                };
                format!("name: p{at}, logicalType: string{}", if required { more } else { "" })
            })
            .collect()
    };
    for contracts in [1, 3, 30] {
        for properties in [1, 40, 200] {
            let side = |version: &str, changed: bool| -> Vec<Arc<Contract>> {
                let of = |at| contract(&format!("c{at}"), version, "active", &many(properties, changed));
                (0..contracts).map(of).collect()
            };
            let found = diff(&side("1.0.0", false), &side("1.0.0", true));
            let text = markdown(&found);
            assert!(text.lines().count() <= LINES_MAX, "{} lines\n{text}", text.lines().count());
            assert!(text.starts_with(MARKER));
            let rows = text
                .lines()
                .filter(|line| line.starts_with("| 🔴") || line.starts_with("| ⚪"))
                .count();
            let all = found.changes().count();
            if rows < all {
                assert!(text.contains(&format!("… and {} more", all - rows)), "{text}");
                assert!(rows >= 15, "{text}");
            }
            // Worst first.
            let lines: Vec<&str> = text.lines().collect();
            let first_mild = lines.iter().position(|line| line.starts_with("| ⚪")).unwrap_or(usize::MAX);
            let last_bad = lines.iter().rposition(|line| line.starts_with("| 🔴")).unwrap_or(0);
            assert!(last_bad < first_mild, "{text}");
        }
    }
}

#[test]
fn texts_of_a_contract_are_no_markup() {
    let hostile = "name: 'a|b\\n<img src=x> @everyone `', logicalType: string";
    let hostile = hostile.replace("'", "\"");
    let found = diff(
        &[one("1.0.0", "active", A)],
        &[contract("shop", "1.0.0", "active", &[A.to_owned(), hostile])],
    );
    let text = markdown(&found);
    assert!(!text.contains("<img") && !text.contains("@everyone"), "{text}");
    let row = text.lines().find(|line| line.contains("img")).unwrap();
    assert_eq!(row.replace("\\|", "").matches('|').count(), 6, "{row}");
    assert!(human(&found).lines().count() < 10);
}

#[test]
fn the_document_is_as_its_schema_says() {
    let found = diff(
        &[one("1.0.0", "active", A), contract("gone", "1.0.0", "active", &[A.to_owned()])],
        &[
            one("1.0.0", "active", REQUIRED),
            contract("new", "1.0.0", "active", &[A.to_owned()]),
        ],
    );
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../schemas/formats/diff.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let document = json(&found);
    assert_eq!(document["findings"], true);
    assert_eq!(document["contracts"].as_array().unwrap().len(), 3);
    assert_eq!(document["violations"][0]["code"], "TG0140");
    conforms(&document, &schema, &schema, "");
    // The check itself: what the schema does not know is found.
    let mut other = document;
    other["contracts"][0]["verdict"] = Value::from("maybe");
    assert!(std::panic::catch_unwind(|| conforms(&other, &schema, &schema, "")).is_err());
}

/// The part of JSON Schema that our own format uses.
fn conforms(value: &Value, schema: &Value, root: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        return conforms(value, root.pointer(reference.trim_start_matches('#')).unwrap(), root, at);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let fits = |choice: &Value| (choice["type"] == "null") == value.is_null();
        return conforms(value, choices.iter().find(|choice| fits(choice)).unwrap(), root, at);
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
        items
            .iter()
            .for_each(|item| conforms(item, &schema["items"], root, &format!("{at}/-")));
    }
    if let Value::Object(fields) = value {
        for (name, field) in fields {
            let known = schema["properties"].get(name);
            conforms(
                field,
                known.unwrap_or_else(|| panic!("{at}/{name} is not in the schema")),
                root,
                &format!("{at}/{name}"),
            );
        }
        for required in schema["required"].as_array().unwrap() {
            assert!(fields.contains_key(required.as_str().unwrap()), "{at} lacks {required}");
        }
    }
}

#[test]
fn the_standards_own_shape() {
    let found = diff(&[one("1.0.0", "active", A)], &[one("2.0.0", "active", REQUIRED)]);
    let documents = odcs(&found);
    let document = &documents[0];
    assert_eq!(
        (&document["kind"], &document["sourceKind"]),
        (&Value::from("MetadataDifference"), &Value::from("DataContract"))
    );
    assert_eq!(document["source1"]["version"], "1.0.0");
    assert_eq!(
        (&document["impact"]["major"], &document["suggestedVersion"]),
        (&Value::from(2), &Value::from("2.0.0"))
    );
    let list = document["diffs"].as_array().unwrap();
    let entry = list.iter().find(|entry| entry["field"] == "required").unwrap();
    assert_eq!(
        (&entry["type"], &entry["section"], &entry["field"]),
        (&Value::from("ADD"), &Value::from("schema"), &Value::from("required"))
    );
    assert_eq!(
        (&entry["path"], &entry["impactLevel"]),
        (&Value::from("/schema/0/properties/0/required"), &Value::from("MAJOR"))
    );
}
