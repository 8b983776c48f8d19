//! Alerts as they are written, as they fire, and as they are told: by the tools of Prometheus and Alertmanager, and by both at work.

#![allow(clippy::unwrap_used, reason = "tests")]

mod drills;
mod metrics;
mod pages;
mod standing;
mod told;

use std::process::Command;

use tidegate_tests::process::executable;
use tidegate_tests::script::run;

fn tool(command: &str) {
    run("alerts/alerts.py", &[command, "--binary", &executable().display().to_string()]);
}

#[test]
fn each_alert_fires_when_it_should_and_keeps_quiet_when_not() {
    tool("rules");
}

#[test]
fn each_team_is_told_by_its_own_receiver() {
    tool("routes");
}

#[test]
fn dashboards_show_what_there_is() {
    tool("dashboards");
}

/// What `alerts render` prints.
fn rendered(args: &[&str]) -> String {
    let output = Command::new(executable()).args(["alerts", "render"]).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
