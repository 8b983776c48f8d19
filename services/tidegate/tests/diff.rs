//! `tidegate diff` as a user runs it, on files, folders and real Git repositories.

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
    properties:
      - {name: id, logicalType: string, required: true}
      - {name: total, logicalType: number, physicalType: 'decimal(12,2)'}
";

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

fn git(folder: &Path, args: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"])
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn required(version: &str) -> String {
    let text = CONTRACT.replace("version: 1.0.0", &format!("version: {version}"));
    text.replace("physicalType: 'decimal(12,2)'}", "physicalType: 'decimal(12,2)', required: true}")
}

#[test]
fn two_files() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write(here, "old.odcs.yaml", CONTRACT);
    write(here, "small.odcs.yaml", &required("1.1.0"));
    write(here, "new.odcs.yaml", &required("2.0.0"));
    let (code, out, err) = tidegate(here, &["diff", "old.odcs.yaml", "small.odcs.yaml"]);
    assert_eq!((code, err.as_str()), (1, ""), "{out}");
    for part in [
        "orders: version 1.0.0 → 1.1.0 is too small a step: a major version is needed, write 2.0.0",
        "major  tightens",
        "`total` is required: events without it, or with null, are refused  (small.odcs.yaml:11)",
        "1 finding",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    assert_eq!(tidegate(here, &["diff", "old.odcs.yaml", "new.odcs.yaml"]).0, 0);
    let (code, out, _) = tidegate(here, &["diff", "old.odcs.yaml", "old.odcs.yaml"]);
    assert_eq!((code, out.as_str()), (0, "nothing changed\n"));
    let (code, out, _) = tidegate(here, &["diff", "old.odcs.yaml", "small.odcs.yaml", "--output", "json"]);
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &document["format"]), (1, &"tidegate.diff/1".into()));
    assert_eq!(document["contracts"][0]["changes"][0]["new"]["line"], 11);
    let (_, out, _) = tidegate(here, &["diff", "old.odcs.yaml", "small.odcs.yaml", "--output", "odcs"]);
    let documents: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(documents[0]["kind"], "MetadataDifference");
    let (_, out, _) = tidegate(here, &["diff", "old.odcs.yaml", "small.odcs.yaml", "--output", "markdown"]);
    assert!(out.starts_with("<!-- tidegate diff -->") && out.lines().count() <= 40, "{out}");
}

#[test]
fn commits_and_the_working_tree() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    git(here, &["init", "-q", "-b", "main"]);
    write(here, "contracts/shop/orders.odcs.yaml", CONTRACT);
    git(here, &["add", "--all"]);
    git(here, &["commit", "-q", "-m", "one"]);
    write(here, "contracts/shop/orders.odcs.yaml", &required("1.0.0"));
    // A published version has another content, and its version did not rise.
    for args in [
        &["diff", "--base", "main"][..],
        &["diff", "--base", "main", "contracts"],
        &["diff", "main:contracts", "contracts"],
        &["diff", "main:contracts/shop/orders.odcs.yaml", "contracts/shop/orders.odcs.yaml"],
    ] {
        let (code, out, err) = tidegate(here, args);
        assert_eq!((code, err.as_str()), (1, ""), "{args:?}: {out}");
        for part in [
            "contracts/shop/orders.odcs.yaml:1:1: orders@1.0.0 was published with another content (main:",
            "write 2.0.0",
            "(contracts/shop/orders.odcs.yaml:11)",
        ] {
            assert!(out.contains(part), "{args:?}: {part}\n{out}");
        }
    }
    // A branch of a remote, as CI has it.
    git(here, &["update-ref", "refs/remotes/origin/main", "main"]);
    let (code, out, err) = tidegate(here, &["diff", "--base", "origin/main", "contracts"]);
    assert!(code == 1 && out.contains("(origin/main:contracts)"), "{out}{err}");
    git(here, &["checkout", "-q", "-b", "branch"]);
    write(here, "contracts/shop/orders.odcs.yaml", &required("2.0.0"));
    git(here, &["commit", "-q", "-a", "-m", "two"]);
    let (code, out, _) = tidegate(&here.join("contracts"), &["diff", "main:contracts", "branch:contracts"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("version 1.0.0 → 2.0.0"), "{out}");
    // An enforced contract that is gone leaves its topic without one.
    std::fs::remove_file(here.join("contracts/shop/orders.odcs.yaml")).unwrap();
    let (code, out, _) = tidegate(here, &["diff", "--base", "main", "contracts"]);
    assert!(code == 1 && out.contains("set `status: retired` first"), "{out}");
}

#[test]
fn what_cannot_be_told_can_be_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let with = |version: &str, rule: &str| {
        let rule = format!("    quality:\n      - {{id: r, type: custom, engine: cel, implementation: '{rule}'}}\n");
        CONTRACT.replace("version: 1.0.0", &format!("version: {version}")) + &rule
    };
    write(folder.path(), "a.odcs.yaml", &with("1.0.0", "value.total > 0.0"));
    write(folder.path(), "b.odcs.yaml", &with("1.1.0", "0.0 < value.total"));
    let (code, out, _) = tidegate(folder.path(), &["diff", "a.odcs.yaml", "b.odcs.yaml"]);
    assert!(code == 1 && out.contains("undetermined"), "{out}");
    let (code, out, _) = tidegate(folder.path(), &["diff", "a.odcs.yaml", "b.odcs.yaml", "--undetermined", "minor"]);
    assert_eq!(code, 0, "{out}");
}

#[test]
fn misuse_is_told_from_findings() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.odcs.yaml", CONTRACT);
    write(
        folder.path(),
        "bad.odcs.yaml",
        &CONTRACT.replace("kind: DataContract", "kind: Poem"),
    );
    for args in [
        &["diff"][..],
        &["diff", "a.odcs.yaml"],
        &["diff", "a.odcs.yaml", "missing.odcs.yaml"],
        &["diff", "a.odcs.yaml", "main:contracts"],
        &["diff", "--base", "main", "a.odcs.yaml"],
        &["diff", "a.odcs.yaml", "bad.odcs.yaml"],
        &["diff", "a.odcs.yaml", "a.odcs.yaml", "--output", "poem"],
    ] {
        let (code, out, err) = tidegate(folder.path(), args);
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {err}");
        assert!(!err.is_empty(), "{args:?}");
    }
    let (code, out, _) = tidegate(folder.path(), &["diff", "--help"]);
    assert!(
        code == 0 && out.contains("Examples:") && out.contains("--base origin/main"),
        "{out}"
    );
}
