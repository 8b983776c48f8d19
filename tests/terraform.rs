//! The Terraform modules are formatted, valid, documented, give no wildcard, and apply cleanly, as far as no cloud is needed.
//!
//! `infra/terraform/tests/check.py` does the work; `just terraform` runs the same by hand. What is skipped for a missing tool says so.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::Command;

use tidegate_tests::process::executable;

fn check(names: &[&str]) -> Option<String> {
    check_with(names, &[])
}

fn check_with(names: &[&str], more: &[&str]) -> Option<String> {
    if Command::new("python3").arg("--version").output().is_err() {
        assert!(std::env::var("CI").is_err(), "under CI python3 must be there");
        eprintln!("SKIPPED: terraform {names:?}: python3 is not there");
        return None;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let args = names.iter().chain(more);
    let answer = Command::new("python3")
        .arg(root.join("infra/terraform/tests/check.py"))
        .args(args)
        .current_dir(root)
        .output()
        .expect("it answered a moment ago");
    let told = format!(
        "{}{}",
        String::from_utf8_lossy(&answer.stdout),
        String::from_utf8_lossy(&answer.stderr)
    );
    assert!(answer.status.success(), "{told}");
    for name in names {
        let line = format!("terraform {name}: ");
        assert!(told.lines().any(|told| told.starts_with(&line)), "{name} said nothing:\n{told}");
    }
    eprintln!("{told}");
    Some(told)
}

#[test]
fn pages_schemas_and_the_checks_themselves() {
    let Some(told) = check(&["documents", "overlays", "azure-schema", "self"]) else {
        return;
    };
    assert!(!told.contains("SKIPPED"), "these need Python and nothing else:\n{told}");
}

#[test]
fn formatted_and_tested_with_mock_providers() {
    check(&["format", "plain", "aws"]);
}

#[test]
fn no_right_is_a_wildcard() {
    check(&["rights"]);
}

#[test]
fn applies_to_a_server_and_the_second_plan_is_clean() {
    check(&["apply"]);
}

#[test]
fn the_modules_make_the_topics_that_are_rendered() {
    check_with(&["contracts"], &["--binary", executable().to_str().unwrap()]);
}

#[test]
fn azure_by_its_own_provider_where_that_was_built() {
    check(&["azure"]);
}

#[test]
fn the_executable_takes_the_config_that_terraform_writes() {
    let folder = tempfile::tempdir().unwrap();
    check_with(&["configs"], &["--out", folder.path().to_str().unwrap()]);
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("contracts");
    let read = |config: &Path| {
        let answer = Command::new(executable())
            .args(["audit", "--brokers", "127.0.0.1:1", "--config"])
            .arg(config)
            .arg("--contracts")
            .arg(&contracts)
            .output()
            .unwrap();
        String::from_utf8_lossy(&answer.stderr).into_owned()
    };
    for file in std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
        let config = file.path();
        let name = config.file_name().unwrap().to_str().unwrap();
        // It is read to its end, and then nobody is at that port.
        let told = read(&config);
        assert!(!told.contains(name) && told.contains("error:"), "{name}: {told}");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, text.replace("\"group\"", "\"grup\"")).unwrap();
        let told = read(&config);
        assert!(told.contains(name) && told.contains("grup"), "{name}: {told}");
    }
}
