//! `tidegate lint` and `explain` as a user runs them.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::{Command, Stdio};

const CONTRACT: &str = "apiVersion: v3.2.0
kind: DataContract
id: orders
version: 1.0.0
status: active
schema:
  - name: orders
    physicalType: topic
    customProperties:
      - {vendor: tidegate, property: key, value: {encoding: string, property: id}}
    properties:
      - {name: id, logicalType: string, required: true}
      - {name: total, logicalType: number, physicalType: 'decimal(12,2)', transformLogic: a + b}
    quality:
      - {id: positive, type: custom, engine: cel, implementation: value.total > 0.0}
";

fn tidegate(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(args)
        .current_dir(folder)
        .env_remove("NO_COLOR")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

#[test]
fn a_clean_contract_still_says_what_nobody_executes() {
    let folder = folder(&[("shop/orders.odcs.yaml", CONTRACT), ("shop/.hidden/x.odcs.yaml", "nonsense")]);
    let (code, out, err) = tidegate(folder.path(), &["lint"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    for part in [
        "note[TG0127]: transformations are not executed",
        "--> shop/orders.odcs.yaml:13:75",
        "1 contract file: 0 errors, 0 warnings, 1 note",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    let (code, out, _) = tidegate(folder.path(), &["lint", "shop", "--no-notes", "--deny", "warnings"]);
    assert_eq!(code, 0, "notes are no warnings: {out}");
}

#[test]
fn errors_of_reading_of_rules_and_between_files_are_all_said() {
    let broken_rule = CONTRACT
        .replace("value.total > 0.0", "value.totl > 0.0")
        .replace("id: orders", "id: other");
    let unknown_key = CONTRACT
        .replace("required: true", "requird: true")
        .replace("id: orders", "id: third");
    let rival = CONTRACT.replace("id: orders", "id: rival");
    let folder = folder(&[
        ("a.odcs.yaml", CONTRACT),
        ("b.odcs.yaml", &broken_rule),
        ("c.odcs.yaml", &unknown_key),
        ("d.odcs.yaml", &rival),
    ]);
    let (code, out, _) = tidegate(folder.path(), &["lint", "."]);
    assert_eq!(code, 1, "{out}");
    for part in [
        "error[TG0201]",
        "b.odcs.yaml:15:9",
        "error[TG0107]",
        "did you mean `required`",
        "error[TG0141]",
        "two contracts for major 1",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
}

#[test]
fn warnings_can_be_denied_and_kill_switches_are_told_by_the_day() {
    let switched = CONTRACT.replace(
        "schema:\n",
        "customProperties:\n  - {vendor: tidegate, property: killSwitches, value: [{rule: positive, until: '2026-03-10', reason: known}]}\nschema:\n",
    );
    let folder = folder(&[("a.odcs.yaml", &switched)]);
    let on = |today: &str, deny: &[&str]| {
        let args = [&["lint", "--today", today], deny].concat();
        let (code, out, _) = tidegate(folder.path(), &args);
        (code, out)
    };
    let deny = ["--deny", "warnings"];
    let (code, out) = on("2026-01-01", &deny);
    assert!(
        code == 0 && out.contains("note[TG0148]: rule `positive` is switched off until 2026-03-10"),
        "{out}"
    );
    let (code, out) = on("2026-03-05", &deny);
    assert!(code == 1 && out.contains("ends soon"), "{out}");
    let (code, out) = on("2026-03-10", &[]);
    assert!(code == 0 && out.contains("warning[TG0148]") && out.contains("ended at"), "{out}");
    assert_eq!(on("someday", &[]).0, 2);
}

#[test]
fn findings_for_machines() {
    let broken = CONTRACT.replace("status: active", "status: aktive");
    let folder = folder(&[("a.odcs.yaml", &broken)]);
    let by = |output: &str| {
        let (code, out, _) = tidegate(folder.path(), &["lint", "a.odcs.yaml", "--output", output]);
        assert_eq!(code, 1);
        out
    };
    let json: serde_json::Value = serde_json::from_str(&by("json")).unwrap();
    let first = &json[0];
    assert_eq!(
        (
            first["code"].as_str(),
            first["level"].as_str(),
            first["line"].as_u64(),
            first["column"].as_u64()
        ),
        (Some("TG0110"), Some("error"), Some(5), Some(9))
    );
    let github = by("github");
    assert!(
        github.starts_with("::error file=a.odcs.yaml,line=5,col=9,title=TG0110::"),
        "{github}"
    );
    let azure = by("azure");
    assert!(
        azure.starts_with("##vso[task.logissue type=error;sourcepath=a.odcs.yaml;linenumber=5;columnnumber=9;code=TG0110]"),
        "{azure}"
    );
    let gitlab: serde_json::Value = serde_json::from_str(&by("gitlab")).unwrap();
    assert_eq!(
        (&gitlab[0]["check_name"], &gitlab[0]["severity"]),
        (&"TG0110".into(), &"major".into())
    );
    let junit = by("junit");
    assert!(junit.starts_with("<?xml") && junit.contains("type=\"TG0110\">"), "{junit}");
    let sarif: serde_json::Value = serde_json::from_str(&by("sarif")).unwrap();
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "TG0110");
    assert_eq!(sarif["runs"][0]["tool"]["driver"]["rules"][0]["id"], "TG0110");
}

#[test]
fn misuse_is_told_from_findings() {
    let folder = folder(&[("notes.txt", "x")]);
    for args in [
        &["lint"][..],
        &["lint", "missing.odcs.yaml"],
        &["lint", "--output", "xml"],
        &["lint", "--deny", "notes"],
    ] {
        let (code, _, err) = tidegate(folder.path(), args);
        assert_eq!(code, 2, "{args:?}: {err}");
        assert!(!err.is_empty());
    }
}

#[test]
fn every_code_is_explained() {
    let folder = folder(&[]);
    let (code, all, _) = tidegate(folder.path(), &["explain"]);
    assert_eq!(code, 0);
    assert!(all.contains("TG0101") && all.contains("TG0201"), "{all}");
    for id in all.lines().filter_map(|line| line.split_whitespace().next()) {
        let (code, out, _) = tidegate(folder.path(), &["explain", id]);
        assert!(code == 0 && out.starts_with(id) && out.lines().count() > 2, "{out}");
    }
    assert_eq!(tidegate(folder.path(), &["explain", "TG9999"]).0, 2);
}

#[test]
fn the_examples_of_this_project_have_no_error() {
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts");
    let (code, out, err) = tidegate(Path::new("."), &["lint", contracts.to_str().unwrap()]);
    assert_eq!(code, 0, "{out}{err}");
}

#[test]
fn check_takes_the_object_that_the_event_names() {
    let shared = CONTRACT.replace(
        "    customProperties:\n",
        "    customProperties:\n      - {vendor: tidegate, property: discriminator, value: {from: header, name: kind, value: order}}\n",
    ) + "  - name: refunds
    physicalName: orders
    physicalType: topic
    customProperties:
      - {vendor: tidegate, property: discriminator, value: {from: header, name: kind, value: refund}}
    properties:
      - {name: refund, logicalType: string, required: true}
";
    let events = "@{\"key\": \"a\", \"value\": \"{\\\"id\\\": \\\"a\\\", \\\"total\\\": 1}\", \"headers\": [[\"kind\", \"order\"]]}
@{\"key\": \"a\", \"value\": \"{\\\"refund\\\": \\\"a\\\"}\", \"headers\": [[\"kind\", \"refund\"]]}
@{\"key\": \"a\", \"value\": \"{\\\"refund\\\": \\\"a\\\"}\", \"headers\": [[\"kind\", \"order\"]]}
{\"id\": \"a\"}
";
    let folder = folder(&[("a.odcs.yaml", &shared), ("e.jsonl", events)]);
    let (code, out, err) = tidegate(folder.path(), &["check", "a.odcs.yaml", "e.jsonl"]);
    assert_eq!(code, 1, "{out}{err}");
    for part in [
        "e.jsonl:3: error: required_missing",
        "e.jsonl:4: error: unplanned_event",
        "2 valid, 2 invalid",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    assert!(err.is_empty(), "{err}");
}
