//! `tidegate preview` and `tidegate infer` as a user runs them, hostile inputs included.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const OLD: &str = "apiVersion: v3.2.0
kind: DataContract
id: orders
version: 1.0.0
status: active
schema:
  - name: orders
    physicalType: topic
    properties:
      - {name: id, logicalType: string, required: true}
      - {name: email, logicalType: string, classification: confidential}
      - {name: qty, logicalType: integer, logicalTypeOptions: {format: i64, minimum: 5}}
";

fn run(folder: &Path, args: &[&str], input: &[u8]) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "old.odcs.yaml", OLD);
    let new = OLD
        .replace("version: 1.0.0", "version: 1.1.0")
        .replace(
            "classification: confidential}",
            "classification: confidential, logicalTypeOptions: {maxLength: 12}}",
        )
        .replace("minimum: 5", "minimum: 3");
    write(folder.path(), "new.odcs.yaml", &new);
    folder
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

const EVENTS: &str = r#"{"id":"1","email":"canary@example.com","qty":9}
{"id":"2","qty":4}
{"id":"3","email":"a@b.no","qty":7}
not json

@{"value":"{\"id\":\"6\",\"email\":\"canary2@example.com\"}","headers":[["app","till"]]}
{"qty":2}
"#;

#[test]
fn counts_limits_and_masks() {
    let folder = folder();
    let here = folder.path();
    write(here, "events.jsonl", EVENTS);
    let base = [
        "preview",
        "--old",
        "old.odcs.yaml",
        "--new",
        "new.odcs.yaml",
        "events.jsonl",
        "--producer-header",
        "app",
    ];
    let with = |more: &[&str]| run(here, &[&base[..], more].concat(), b"");
    let (code, out, err) = with(&["--output", "json"]);
    assert_eq!(code, 0, "{err}");
    let report = json(&out);
    for (name, count) in [
        ("events", 6),
        ("newly_failing", 2),
        ("newly_passing", 1),
        ("still_passing", 1),
        ("still_failing", 2),
        ("undecided", 0),
    ] {
        assert_eq!(report[name], count, "{name}: {out}");
    }
    let rule = &report["rules"]["newly_failing"]["list"][0];
    assert_eq!(
        (&rule["rule"], &rule["path"], &rule["events"]),
        (&"maxLength".into(), &"/email".into(), &2.into())
    );
    assert_eq!(
        rule["examples"][1],
        serde_json::json!({"position": "events.jsonl:6", "pointer": "/email", "value": "***"})
    );
    assert_eq!(report["rules"]["newly_passing"]["list"][0]["rule"], "minimum");
    assert_eq!(
        report["producers"][0],
        serde_json::json!({"producer": "(none)", "events": 5, "newly_failing": 1, "newly_passing": 1})
    );
    assert_eq!(report["producers"][1]["producer"], "till");
    for output in ["human", "json", "markdown"] {
        let (_, out, err) = with(&["--output", output]);
        assert!(!out.contains("canary") && !err.contains("canary"), "{out}{err}");
        assert!(out.lines().count() <= 40 || output == "json");
    }
    for (limit, expected) in [("2", 0), ("1", 1), ("33.4%", 0), ("0.1%", 1)] {
        let (code, out, _) = with(&["--max-newly-failing", limit]);
        assert_eq!(code, expected, "{limit}: {out}");
    }
    let (code, _, err) = with(&["--max-newly-failing", "lots"]);
    assert!(code == 2 && err.contains("neither a number"), "{err}");
    let (_, out, _) = with(&["--max-events", "2", "--output", "json"]);
    assert_eq!(
        (&json(&out)["events"], &json(&out)["inputs"][0]["stopped"]),
        (&2.into(), &"max_events".into())
    );
}

#[test]
fn inputs_that_are_not_what_they_should_be() {
    let folder = folder();
    let here = folder.path();
    let base = ["preview", "--old", "old.odcs.yaml", "--new", "new.odcs.yaml"];
    let preview = |input: &str, bytes: &[u8], more: &[&str]| run(here, &[&base[..], &[input], more].concat(), bytes);
    // Nothing is no pass.
    let (code, out, _) = preview("-", b"", &["--max-newly-failing", "1"]);
    assert!(code == 2 && out.contains("could not tell"), "{out}");
    assert_eq!(preview("-", b"", &[]).0, 0);
    let mut bytes = b"\xff\xfe\n{\"id\":\"1\"".to_vec();
    bytes.extend_from_slice(b"\n{\"id\":\"2\"}\n{\"id\":\"3\"");
    let (code, out, _) = preview("-", &bytes, &["--output", "json"]);
    assert_eq!(
        (code, &json(&out)["still_failing"], &json(&out)["still_passing"]),
        (0, &3.into(), &1.into())
    );
    let mut huge = vec![b'7'; 70 << 20];
    huge.extend_from_slice(b"\n{\"id\":\"2\"}\n");
    let (code, out, _) = preview("-", &huge, &["--output", "json"]);
    assert_eq!(
        (code, &json(&out)["reasons"]["still_failing"]["size_violation"]),
        (0, &1.into()),
        "{out}"
    );
    for (input, bytes, said) in [
        ("missing.jsonl", &b""[..], "missing.jsonl: cannot be read"),
        ("-", b"\x1f\x8b\x08\x00", "is compressed"),
        ("-", b"PAR1\x00", "is Parquet"),
        ("-", b"@{\"vlaue\":1}", "-:1: what follows @"),
        ("topic:", b"", "write topic:NAME"),
        ("topic:orders", b"", "no Kafka brokers are named"),
        ("not-ours.parquet", b"", "not a parquet file"),
        ("empty", b"", "holds no Parquet file"),
    ] {
        write(here, "not-ours.parquet", "PAR1 this is none");
        std::fs::create_dir_all(here.join("empty")).unwrap();
        let (code, out, err) = preview(input, bytes, &[]);
        assert!(code == 2 && err.contains(said) && out.is_empty(), "{input}: {code} {err}");
    }
    write(here, "new.odcs.yaml", &OLD.replace("minimum: 5", "minimum: five"));
    let (code, _, err) = preview("-", b"{}", &[]);
    assert!(code == 2 && err.contains("new.odcs.yaml"), "{err}");
}

#[test]
fn a_version_that_is_not_enforced_refuses_nothing_and_says_what_it_would() {
    let folder = folder();
    let here = folder.path();
    write(
        here,
        "new.odcs.yaml",
        &OLD.replace("status: active", "status: proposed")
            .replace("minimum: 5", "minimum: 9"),
    );
    let args = [
        "preview",
        "--old",
        "old.odcs.yaml",
        "--new",
        "new.odcs.yaml",
        "-",
        "--output",
        "json",
    ];
    let events = b"{\"id\":\"1\",\"qty\":7}\n{\"id\":\"1\",\"qty\":9}\n";
    let report = json(&run(here, &args, events).1);
    assert_eq!((&report["newly_failing"], &report["still_passing"]), (&0.into(), &2.into()));
    assert_eq!(
        report["unenforced"],
        serde_json::json!([{"version": "orders@1.0.0", "status": "proposed", "would_refuse": 1}])
    );
    let report = json(&run(here, &[&args[..], &["--enforce"]].concat(), events).1);
    assert_eq!((&report["newly_failing"], &report["still_passing"]), (&1.into(), &1.into()));
}

#[test]
fn what_is_inferred_is_clean_and_accepts() {
    let folder = folder();
    let here = folder.path();
    let mut events = String::new();
    for number in 0..500 {
        let when = if number % 10 == 0 {
            String::new()
        } else {
            format!(",\"at\":\"2026-11-21T09:00:{:02}Z\"", number % 60)
        };
        events.push_str(&format!(
            "{{\"id\":{number},\"mail\":\"canary{number}@example.com\"{when},\"total\":{number}.25}}\n"
        ));
    }
    write(here, "events.jsonl", &events);
    let (code, out, err) = run(here, &["infer", "events.jsonl", "--out", "draft.odcs.yaml"], b"");
    assert!(code == 0 && out.is_empty(), "{err}");
    let draft = std::fs::read_to_string(here.join("draft.odcs.yaml")).unwrap();
    assert!(
        draft.contains("# seen in 450 of 500") && draft.contains("looks like personal data") && !draft.contains("canary"),
        "{draft}"
    );
    let (code, _, err) = run(here, &["lint", "draft.odcs.yaml", "--deny", "warnings"], b"");
    assert_eq!(code, 0, "{err}");
    let (code, out, _) = run(here, &["check", "draft.odcs.yaml", "events.jsonl"], b"");
    assert!(code == 0 && out.contains("500 valid, 0 invalid"), "{out}");
    let (code, out, _) = run(here, &["infer", "events.jsonl", "--sample", "7", "--id", "other"], b"");
    assert!(
        code == 0 && out.contains("# Made from 7 events.") && out.contains("id: other"),
        "{out}"
    );
    for (input, bytes, said) in [
        ("-", &b""[..], "there was no event"),
        (
            "-",
            b"\x00\x00\x00\x00\x07abc\n",
            "Avro and Protobuf are inferred from their schemas",
        ),
        ("-", b"PAR1", "is Parquet"),
        ("bad.avsc", b"", "is no Avro schema"),
        ("list.json", b"", "write one event a line"),
        ("dead-letters:x", b"", "name the source topic"),
    ] {
        write(here, "bad.avsc", "{\"type\": \"string\"}");
        write(here, "list.json", "[{}, {}]");
        let (code, out, err) = run(here, &["infer", input], bytes);
        assert!(code == 2 && err.contains(said) && out.is_empty(), "{input}: {code} {err}");
    }
}

/// A name that is nearly right would judge nothing, and pass every gate.
#[test]
fn a_topic_that_neither_side_binds_passes_no_gate() {
    let folder = folder();
    let base = [
        "preview",
        "--old",
        "old.odcs.yaml",
        "--new",
        "new.odcs.yaml",
        "-",
        "--max-newly-failing",
        "0",
    ];
    let preview = |more: &[&str], input: &[u8]| run(folder.path(), &[&base[..], more].concat(), input);
    let (code, out, err) = preview(&["--topic", "order"], b"{\"id\": \"a\", \"qty\": 7}\n");
    assert!(
        code == 2 && out.is_empty() && err.contains("did you mean `orders`?"),
        "{code} {out}{err}"
    );
    assert_eq!(preview(&["--topic", "orders"], b"{\"id\": \"a\", \"qty\": 7}\n").0, 0);
    let (code, out, err) = preview(&[], b"@{\"value\": \"{}\", \"topic\": \"zzz\"}\n");
    assert!(
        code == 2 && out.contains("1 event undecided: neither side binds"),
        "{code} {out}{err}"
    );
    // What was not looked at is within no limit.
    let lines = b"{\"id\": \"a\"}\n{\"id\": \"b\"}\n{\"qty\": 1}\n";
    let (code, out, _) = preview(&["--max-events", "2"], lines);
    assert!(
        code == 2 && out.contains("only the first 2 events of the file were seen"),
        "{code} {out}"
    );
}
