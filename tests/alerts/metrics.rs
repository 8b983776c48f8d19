//! docs/metrics.md, and that each metric is fed.

use std::path::Path;

use tidegate_telemetry::Metrics;
use tidegate_telemetry::metrics::reference::reference;
use tidegate_tests::world::root;

fn page() -> String {
    std::fs::read_to_string(root().join("services/tidegate/docs/metrics.md")).unwrap()
}

#[test]
fn the_page_lists_what_there_is_and_who_feeds_it() {
    let page = page();
    for line in reference().lines().filter(|line| line.starts_with("| `")) {
        let begins = line.strip_suffix(" |").unwrap();
        let row = page
            .lines()
            .find(|row| row.starts_with(begins))
            .unwrap_or_else(|| panic!("docs/metrics.md has no row\n{line}"));
        let fed = row[begins.len()..].trim_matches([' ', '|']);
        assert!(!fed.is_empty() && fed != "-", "docs/metrics.md does not say who feeds\n{row}");
    }
    let metrics = Metrics::new("", "");
    for row in page.lines().filter_map(|row| row.strip_prefix("| `tidegate_")) {
        let name = format!("tidegate_{}", row.split('`').next().unwrap());
        assert!(
            metrics.definitions().iter().any(|one| one.name == name),
            "docs/metrics.md: there is no {name}"
        );
    }
}

/// Every method of `Metrics` that takes a number is called by something that runs.
#[test]
fn every_metric_is_fed_by_a_role() {
    let telemetry = root().join("services/lib/telemetry/src");
    let mut methods = Vec::new();
    for file in sources(&telemetry).into_iter().filter(|(path, _)| path.contains("/metrics")) {
        methods.extend(file.1.lines().filter_map(|line| {
            let rest = line.strip_prefix("    pub fn ")?;
            let (name, arguments) = rest.split_once('(')?;
            (arguments.starts_with("&self,") || arguments.is_empty()).then(|| name.to_owned())
        }));
    }
    methods.retain(|name| !["render", "definitions", "new"].contains(&name.as_str()));
    assert!(methods.len() > 30, "{methods:?}");
    let roles: String = ["tidegate/src", "sla/src"]
        .iter()
        .flat_map(|folder| sources(&root().join("services").join(folder)))
        .filter(|(path, _)| !path.ends_with("tests.rs") && !path.contains("/tests/"))
        .map(|(_, text)| text.split("#[cfg(test)]").next().unwrap().to_owned())
        .collect();
    for method in methods {
        let is_called = [
            format!("metrics.{method}("),
            format!("metrics\n            .{method}("),
            format!("metrics\n                .{method}("),
        ]
        .iter()
        .any(|call| roles.contains(call));
        // Taken back by whoever shows it; nothing is counted.
        assert!(is_called || method.ends_with("_gone"), "nothing calls Metrics::{method}");
    }
}

fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
    found
}
