//! Each drill shows what it says, and names a runbook that is there.

use std::process::Command;

use tidegate_tests::process::executable;
use tidegate_tests::world::root;

fn demo(args: &[&str]) -> (i32, String) {
    let lake = tempfile::tempdir().unwrap();
    let output = Command::new(executable())
        .args(["demo", "--lake", lake.path().join("lake").to_str().unwrap()])
        .args(args)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap_or(-1), text)
}

fn shows(drill: &str) {
    // A slow machine may need longer than the shortest that is enough elsewhere.
    let runs = ["12", "40"].map(|seconds| (seconds, ["--drill", drill, "--check", "--seconds", seconds]));
    let mut said = String::new();
    for (_, args) in runs {
        let (code, text) = demo(&args);
        let runbook = text
            .lines()
            .find_map(|line| line.trim().strip_prefix("runbook"))
            .map(str::trim)
            .unwrap_or_default()
            .to_owned();
        assert!(runbook.starts_with("infra/runbooks/") && root().join(&runbook).exists(), "{text}");
        if code == 0 {
            return;
        }
        said = text;
    }
    panic!("{drill} does not show:\n{said}");
}

#[test]
fn a_broken_producer_shows() {
    shows("broken-producer");
}

#[test]
fn a_changed_schema_shows() {
    shows("schema-change");
}

#[test]
fn a_stuck_partition_shows() {
    shows("stuck-partition");
}

#[test]
fn late_data_shows() {
    shows("late-data");
}

#[test]
fn traffic_that_stops_shows() {
    shows("traffic-stops");
}

#[test]
fn a_store_that_is_away_shows() {
    shows("store-unreachable");
}

#[test]
fn every_drill_is_listed_and_tested() {
    let (code, help) = demo(&["--help"]);
    assert_eq!(code, 0);
    let tested = include_str!("drills.rs");
    let page = std::fs::read_to_string(root().join("services/tidegate/docs/alerts.md")).unwrap();
    let listed = help.split("--drill <NAME>").nth(1).unwrap().split("--brokers").next().unwrap();
    let names: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- "))
        .map(|line| line.split(':').next().unwrap())
        .collect();
    assert_eq!(names.len(), 6, "{help}");
    for name in names {
        assert!(tested.contains(&format!("shows(\"{name}\")")), "{name} has no test");
        assert!(page.contains(&format!("`{name}`")), "docs/alerts.md does not name {name}");
    }
}
