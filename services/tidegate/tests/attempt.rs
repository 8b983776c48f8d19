//! `try` and `export` as a contract author runs them.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

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

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A valid order with one piece replaced.
fn order(from: &str, to: &str) -> String {
    let event = std::fs::read_to_string(root().join("contracts/shop/orders/tests/valid/complete.json")).unwrap();
    assert!(event.contains(from), "{event}");
    event.replacen(from, to, 1)
}

#[test]
fn a_valid_event_is_called_valid() {
    let (code, out, err) = tidegate(
        &root(),
        &[
            "try",
            "contracts",
            "--object",
            "orders",
            "contracts/shop/orders/tests/valid/complete.json",
        ],
    );
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.ends_with("complete.json: valid under orders@1.2.0 `orders`\n"), "{out}");
}

#[test]
fn the_wrong_value_is_marked_in_event_and_contract() {
    let folder = tempfile::tempdir().unwrap();
    let contract = root().join("contracts/shop/orders/v1.odcs.yaml");
    let contract = contract.to_str().unwrap();
    // One line of several kB, with characters of several bytes before the place.
    let filler = "é漢".repeat(2_000);
    let event = format!(
        "{{\"more\":\"{filler}\",\"order_id\":17,\"lines\":[{}],\"z\":\"{filler}\"}}",
        "{\"sku\":\"bad\"}"
    );
    std::fs::write(folder.path().join("e.json"), &event).unwrap();
    let (code, out, _) = tidegate(folder.path(), &["try", contract, "e.json"]);
    assert_eq!(code, 1, "{out}");
    let column = event[..event.find("17,").unwrap()].chars().count() + 1;
    let lines: Vec<&str> = out.lines().collect();
    let at = lines
        .iter()
        .position(|line| line.contains(&format!("--> e.json:1:{column}")))
        .unwrap();
    assert!(
        lines[at - 1].starts_with("error[type_mismatch]: `order_id` is not a string"),
        "{out}"
    );
    let shown = lines[at + 2].find("17,").unwrap();
    let marked = lines[at + 3].find("^^ another type").unwrap();
    // Columns on the screen: wide characters take two.
    let width = |text: &str| text.chars().map(|c| if c == '漢' { 2 } else { 1 }).sum::<usize>();
    assert_eq!(width(&lines[at + 2][..shown]), width(&lines[at + 3][..marked]), "{out}");
    assert!(lines[at + 2].chars().count() < 200, "{out}");
    assert!(out.contains("v1.odcs.yaml:42:9") && out.contains("logicalType: string"), "{out}");
    // A field that is missing is shown as the braces of its object.
    assert!(
        out.contains("`qty` is required and not there") && out.contains("no `qty` in here"),
        "{out}"
    );
    assert!(
        out.contains("= pointer: /lines/0/qty") && out.contains("= detail: missing"),
        "{out}"
    );
    assert!(out.trim_end().ends_with("under orders@1.2.0 `orders`"), "{out}");
}

#[test]
fn programs_get_the_same_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let contract = root().join("contracts/shop/orders/v1.odcs.yaml");
    let event = order("\"currency\"", "\n \"currency\"").replacen("\"EUR\"", "\"XXX\"", 1);
    std::fs::write(folder.path().join("e.json"), &event).unwrap();
    let (code, out, _) = tidegate(folder.path(), &["try", contract.to_str().unwrap(), "e.json", "--output", "json"]);
    assert_eq!(code, 1, "{out}");
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&document["verdict"], &document["cut"]), (&"invalid".into(), &false.into()));
    let violation = &document["violations"][0];
    assert_eq!((&violation["rule"], &violation["pointer"]), (&"enum".into(), &"/currency".into()));
    let span = &violation["event"]["span"];
    let at = |name: &str| usize::try_from(span[name].as_u64().unwrap()).unwrap();
    assert_eq!(&event[at("start")..at("end")], "\"XXX\"");
    let line = event.lines().nth(at("line") - 1).unwrap();
    assert!(
        line.chars().skip(at("column") - 1).collect::<String>().starts_with("\"XXX\""),
        "{line}"
    );
    assert_eq!(violation["contract"]["line"], 93);
}

#[test]
fn classified_values_can_be_hidden() {
    let folder = tempfile::tempdir().unwrap();
    let contract = root().join("contracts/shop/orders/v1.odcs.yaml");
    let contract = contract.to_str().unwrap();
    let event = r#"{"customer":{"customer_id":1,"email":"secret at example.com"},"total":"x"}"#;
    std::fs::write(folder.path().join("e.json"), event).unwrap();
    let (_, open, _) = tidegate(folder.path(), &["try", contract, "e.json"]);
    let (_, hidden, _) = tidegate(folder.path(), &["try", contract, "e.json", "--redact"]);
    assert!(open.contains("secret at example.com"), "{open}");
    assert!(!hidden.contains("secret") && hidden.contains("***********************"), "{hidden}");
    assert!(
        hidden.contains("\"customer_id\":1") && hidden.contains("breaks `format`"),
        "{hidden}"
    );
    // What cannot be read is hidden as a whole.
    std::fs::write(folder.path().join("e.json"), "{\"customer\":{\"email\":\"secret\"},,}").unwrap();
    let (code, hidden, _) = tidegate(folder.path(), &["try", contract, "e.json", "--redact"]);
    assert!(
        code == 1 && !hidden.contains("secret") && hidden.contains("reading stopped here: syntax"),
        "{hidden}"
    );
}

#[test]
fn change_events_are_marked_inside_of_their_image() {
    let (code, out, _) = tidegate(
        &root(),
        &[
            "try",
            "contracts/crm/customers/v1.odcs.yaml",
            "contracts/crm/customers/tests/invalid/constraint_violation.id_below_one.json",
        ],
    );
    assert_eq!(code, 1);
    assert!(
        out.contains("id_below_one.json:4:11") && out.contains("= pointer: /after/id"),
        "{out}"
    );
}

#[test]
fn avro_is_shown_as_bytes_and_needs_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let contract = "apiVersion: v3.2.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\nschema:\n  - name: a\n    customProperties:\n\
                    \x20     - {property: encodings, vendor: tidegate, value: [avro]}\n    properties:\n\
                    \x20     - {name: id, logicalType: integer, required: true, logicalTypeOptions: {format: i64, minimum: 10}}\n";
    std::fs::write(folder.path().join("a.odcs.yaml"), contract).unwrap();
    std::fs::write(folder.path().join("e.bin"), [0, 0, 0, 0, 5, 6]).unwrap();
    std::fs::write(
        folder.path().join("5.avsc"),
        r#"{"type":"record","name":"A","fields":[{"name":"id","type":"long"}]}"#,
    )
    .unwrap();
    let (code, _, err) = tidegate(folder.path(), &["try", "a.odcs.yaml", "e.bin"]);
    assert!(
        code == 2 && err.contains("registry schema of id 5") && err.contains("--avro-schema"),
        "{err}"
    );
    for schema in [["--avro-schema", "5.avsc"], ["--schema-dir", "."]] {
        let (code, out, err) = tidegate(folder.path(), &["try", "a.odcs.yaml", "e.bin", schema[0], schema[1]]);
        assert_eq!(code, 1, "{err}");
        assert!(
            out.contains("000000  00 00 00 00 05 06") && out.contains("^^ breaks `minimum`, bytes 5..6"),
            "{out}"
        );
    }
}

/// Two types of events in one topic, told apart by a pointer, in Confluent's Protobuf and JSON.
fn two_types(encoding: &str) -> String {
    let object = |name: &str, least: u32| {
        format!(
            "  - name: {name}\n    physicalName: events\n    physicalType: topic\n    customProperties:\n\
             \x20     - {{property: encodings, vendor: tidegate, value: [{encoding}]}}\n\
             \x20     - {{property: discriminator, vendor: tidegate, value: {{from: pointer, name: /kind, value: {name}}}}}\n\
             \x20   properties:\n      - {{name: n, logicalType: integer, logicalTypeOptions: {{minimum: {least}}}}}\n"
        )
    };
    format!(
        "apiVersion: v3.2.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\nschema:\n{}{}",
        object("placed", 10),
        object("sent", 1)
    )
}

#[test]
fn the_event_says_which_object_judges_it() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    write("a.odcs.yaml", two_types("confluent-json").as_bytes());
    for (kind, code, said) in [("placed", 1, "under a@1.0.0 `placed`"), ("sent", 0, "valid under a@1.0.0 `sent`")] {
        write("e.bin", format!("\0\0\0\0\x07{{\"kind\": \"{kind}\", \"n\": 5}}").as_bytes());
        let (found, out, err) = tidegate(folder.path(), &["try", "a.odcs.yaml", "e.bin"]);
        assert!(found == code && out.contains(said), "{out}{err}");
        // The frame has 5 bytes, and the place counts them.
        let start = 5 + format!("{{\"kind\": \"{kind}\", \"n\": ").len();
        let place = format!("breaks `minimum`, bytes {start}..{}", start + 1);
        assert_eq!(out.contains(&place), code == 1, "{out}");
    }
    write("e.bin", b"\0\0\0\0\x07{\"kind\": \"lost\"}");
    let (code, out, _) = tidegate(folder.path(), &["try", "a.odcs.yaml", "e.bin"]);
    assert!(
        code == 1 && out.contains("error[unplanned_event]: no object of the contract describes this event"),
        "{out}"
    );
    assert!(out.trim_end().ends_with("invalid: 1 error under a@1.0.0"), "{out}");
    let (code, out, _) = tidegate(folder.path(), &["try", "a.odcs.yaml", "e.bin", "--output", "json"]);
    let document: Value = serde_json::from_str(&out).unwrap();
    assert!(
        code == 1 && document["object"].is_null() && document["violations"][0]["rule"] == "discriminator",
        "{out}"
    );
    let (code, out, _) = tidegate(folder.path(), &["try", "a.odcs.yaml", "e.bin", "--object", "sent"]);
    assert!(code == 0 && out.contains("`sent`"), "an object that is named judges: {out}");
}

#[test]
fn protobuf_in_a_frame_is_read_with_a_file_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    write("a.odcs.yaml", two_types("confluent-protobuf").as_bytes());
    write("e.bin", b"\0\0\0\0\x07\0\x0a\x06placed\x10\x05");
    let (code, _, err) = tidegate(folder.path(), &["try", "a.odcs.yaml", "e.bin"]);
    assert!(
        code == 2 && err.contains("registry schema of id 7") && err.contains("7.avsc or 7.proto"),
        "{err}"
    );
    write(
        "7.proto",
        b"syntax = \"proto3\"; import \"none.proto\"; message E { string kind = 1; int32 n = 2; }",
    );
    let (code, out, err) = tidegate(folder.path(), &["try", "a.odcs.yaml", "e.bin", "--schema-dir", "."]);
    assert!(
        code == 2 && out.is_empty() && err.contains("7.proto"),
        "a file that cannot be used is said: {out}{err}"
    );
    write("7.proto", b"syntax = \"proto3\"; message E { string kind = 1; int32 n = 2; }");
    let (code, out, err) = tidegate(folder.path(), &["try", "a.odcs.yaml", "e.bin", "--schema-dir", "."]);
    assert!(
        code == 1 && out.contains("breaks `minimum`, bytes 15..16") && out.contains("`placed`"),
        "{out}{err}"
    );
    let secret = two_types("confluent-protobuf").replace("{name: n, ", "{name: n, classification: secret, ");
    write("a.odcs.yaml", secret.as_bytes());
    let (code, out, _) = tidegate(folder.path(), &["try", "a.odcs.yaml", "e.bin", "--schema-dir", ".", "--redact"]);
    assert!(
        code == 1 && out.contains("** **") && !out.contains("70 6c"),
        "all of it is hidden: {out}"
    );
}

#[test]
fn misuse_is_told_and_never_a_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let contract = root().join("contracts/shop/orders/v1.odcs.yaml");
    let contract = contract.to_str().unwrap();
    std::fs::write(folder.path().join("e.json"), "{}").unwrap();
    let cases: [&[&str]; 6] = [
        &["try", contract, "none.json"],
        &["try", contract, "e.json", "--object", "other"],
        &["try", contract, "e.json", "--header", "novalue"],
        &["try", contract, "e.json", "--now", "today"],
        &["try", ".", "e.json", "--object", "orders"],
        &["try", contract, "e.json", "--avro-schema", "e.json"],
    ];
    for args in cases {
        let (code, out, err) = tidegate(folder.path(), args);
        assert!(code == 2 && out.is_empty() && err.starts_with("error: "), "{args:?} {out} {err}");
    }
}

#[test]
fn exports_go_to_files_and_say_what_they_leave_out() {
    let folder = tempfile::tempdir().unwrap();
    let contract = root().join("contracts/shop/orders/v1.odcs.yaml");
    let contract = contract.to_str().unwrap();
    let (code, out, err) = tidegate(folder.path(), &["export", contract, "--to", "json-schema", "--out", "s.json"]);
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    assert!(
        err.contains("v1.odcs.yaml:140:9: (event): rule `orders-quantities-positive` is not said"),
        "{err}"
    );
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(folder.path().join("s.json")).unwrap()).unwrap();
    assert_eq!(schema["properties"]["customer"]["properties"]["customer_id"]["minimum"], 1);
    for (to, part) in [
        ("avro", "\"timestamp-micros\""),
        ("arrow", "\"MICROSECOND\""),
        ("parquet", "OPTIONAL INT64 total (DECIMAL(12,2));"),
        ("markdown", "| `lines[].price` | decimal(12,2) | yes | ≥ 0 |"),
        ("sql", "\"total\" DECIMAL(12,2)"),
    ] {
        let (code, out, err) = tidegate(folder.path(), &["export", contract, "--to", to]);
        assert!(code == 0 && out.contains(part), "{to} {out} {err}");
    }
    let (_, out, _) = tidegate(folder.path(), &["export", contract, "--to", "sql", "--dialect", "snowflake"]);
    assert!(out.contains("\"placed_at\" TIMESTAMP_TZ(6)"), "{out}");
    let (code, _, err) = tidegate(folder.path(), &["export", contract, "--to", "xml"]);
    assert!(code == 2 && err.contains("possible values"), "{err}");
}
