//! The executable as a user runs it, without any server: the demo, offline judging, and what bad input gets.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn tidegate(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn contracts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts")
}

#[test]
fn the_demo_finds_what_it_planted_and_its_lake_can_be_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let (code, out, err) = tidegate(folder.path(), &["demo", "--seconds", "3", "--check", "--rate", "400"]);
    assert_eq!(code, 0, "{out}\n{err}");
    assert!(
        out.contains("first dead letter") && out.contains("audit: clean") && !out.contains("DIFFERS"),
        "{out}"
    );
    // The commands that it names work as printed.
    let (code, out, err) = tidegate(
        folder.path(),
        &["check", "demo-lake/contracts/shop/orders/v1.odcs.yaml", "demo-lake/orders.jsonl"],
    );
    assert_eq!(code, 1, "{err}");
    assert!(out.contains("1 valid, 1 invalid"), "{out}");
    let (code, out, err) = tidegate(
        folder.path(),
        &["sla", "run", "--once", "--contracts", "demo-lake/contracts", "--lake", "demo-lake"],
    );
    assert_eq!(code, 0, "{out}\n{err}");
    // A folder of somebody else is never emptied.
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("precious"), "x").unwrap();
    let (code, _, err) = tidegate(folder.path(), &["demo", "--seconds", "1", "--lake", "other"]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("not from a demo") && other.join("precious").exists(), "{err}");
}

#[test]
fn a_malformed_contract_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let contract = "apiVersion: v3.2.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\nschema:\n  - name: a\n    properties:\n      - name: x\n        logicalTyp: string\n";
    std::fs::write(folder.path().join("a.odcs.yaml"), contract).unwrap();
    std::fs::write(folder.path().join("e.jsonl"), "{}\n").unwrap();
    let (code, _, err) = tidegate(folder.path(), &["check", "a.odcs.yaml", "e.jsonl"]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("a.odcs.yaml:10:9") && err.contains("logicalType"), "{err}");
}

#[test]
fn check_says_for_each_event_what_and_where() {
    let folder = tempfile::tempdir().unwrap();
    let contract = contracts().join("shop/orders/v1.odcs.yaml");
    let events = "{\"order_id\":1}\nnot json\n@{\"key\":null,\"value\":null}\n";
    std::fs::write(folder.path().join("e.jsonl"), events).unwrap();
    let (code, out, _) = tidegate(folder.path(), &["check", contract.to_str().unwrap(), "e.jsonl"]);
    assert_eq!(code, 1, "{out}");
    for part in [
        "e.jsonl:1: error: type_mismatch at /order_id",
        "e.jsonl:1: error: required_missing",
        "e.jsonl:2: error: undecodable/syntax",
        "tombstone_without_key",
        "0 valid, 3 invalid",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    let (code, out, _) = tidegate(folder.path(), &["check", contract.to_str().unwrap(), "e.jsonl", "--output", "json"]);
    assert_eq!(code, 1);
    let lines: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[1]["violations"][0]["detail"]), (3, &"syntax".into()));
}

#[test]
fn a_typo_in_a_wrapped_event_is_misuse_and_not_a_valid_event() {
    let folder = tempfile::tempdir().unwrap();
    let contract = contracts().join("shop/orders/v1.odcs.yaml");
    for line in ["@{\"key\":\"x\",\"valu\":\"{}\"}", "@[1]", "@nonsense"] {
        std::fs::write(folder.path().join("e.jsonl"), line).unwrap();
        let (code, _, err) = tidegate(folder.path(), &["check", contract.to_str().unwrap(), "e.jsonl"]);
        assert_eq!(code, 2, "{line}: {err}");
        assert!(err.contains("e.jsonl:1"), "{err}");
    }
}

#[test]
fn an_unknown_key_of_the_config_is_refused_before_any_connection() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("t.yaml"),
        "kafka:\n  brokers: 127.0.0.1:1\ncontracts: .\nvalidator:\n  modus: x\n",
    )
    .unwrap();
    for command in ["validate", "sink"] {
        let (code, _, err) = tidegate(folder.path(), &[command, "--config", "t.yaml"]);
        assert_eq!(code, 78, "{err}");
        assert!(err.contains("t.yaml:5:3") && err.contains("modus"), "{err}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_output_quietly() {
    let folder = tempfile::tempdir().unwrap();
    let contract = contracts().join("shop/orders/v1.odcs.yaml");
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["check", contract.to_str().unwrap(), "-"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut input = child.stdin.take().unwrap();
    for _ in 0..1000 {
        if input.write_all(b"nonsense\n").is_err() {
            break;
        }
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// The example with an event schema, found in `schemas/` beside `contracts/`; what it says stands beside what the contract says.
#[test]
fn an_event_schema_is_enforced_with_its_contract() {
    let tickets = contracts().join("support/tickets");
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events.jsonl");
    let mut lines = String::new();
    let mut count = 0;
    for kind in ["valid", "invalid"] {
        let mut files: Vec<PathBuf> = std::fs::read_dir(tickets.join("tests").join(kind))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        for file in &files {
            lines += &std::fs::read_to_string(file).unwrap().replace('\n', " ");
            lines.push('\n');
        }
        count += files.len();
    }
    std::fs::write(&events, lines).unwrap();
    let contract = tickets.join("v1.odcs.yaml");
    let (code, out, err) = tidegate(folder.path(), &["check", contract.to_str().unwrap(), "events.jsonl"]);
    assert_eq!(code, 1, "{err}");
    assert!(out.contains(&format!("tickets@1.0.0: 4 valid, {} invalid", count - 4)), "{out}");
    for part in [
        "rule `schema:oneOf`",
        "rule `schema:pattern`",
        "at /contact/*: rule `schema:additionalProperties`",
    ] {
        assert!(out.contains(part) && !out.contains("pager"), "{part}: {out}");
    }

    // A schema that is missing, and one that is broken, with their places.
    let copy = folder.path().join("tickets.odcs.yaml");
    std::fs::copy(&contract, &copy).unwrap();
    let (code, _, err) = tidegate(folder.path(), &["check", "tickets.odcs.yaml", "events.jsonl"]);
    assert!(
        code == 2 && err.contains("TG0155") && err.contains("tickets.odcs.yaml:32"),
        "{code} {err}"
    );
    std::fs::create_dir_all(folder.path().join("schemas/support")).unwrap();
    let broken =
        "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \"$ref\": \"https://example.com/remote.json\"\n}\n";
    std::fs::write(folder.path().join("schemas/support/ticket.schema.json"), broken).unwrap();
    let (code, _, err) = tidegate(folder.path(), &["check", "tickets.odcs.yaml", "events.jsonl"]);
    assert!(
        code == 2 && err.contains("TG0205") && err.contains("schemas/support/ticket.schema.json:3"),
        "{code} {err}"
    );
}
