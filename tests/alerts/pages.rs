//! Files that must agree with what is rendered: runbooks, the manifests' PrometheusRule, the rules that the Terraform module takes.

use std::collections::BTreeSet;

use serde_json::Value;
use tidegate_tests::world::root;

use crate::rendered;

const SECTIONS: [&str; 7] = [
    "Meaning",
    "Impact",
    "First five minutes",
    "Likely causes",
    "Mitigate",
    "Replay and close",
    "Escalate",
];

fn alerts(args: &[&str]) -> Vec<Value> {
    let contracts = root().join("tests/alerts/contracts");
    let all = [&[contracts.to_str().unwrap(), "--output", "json", "--kubernetes"], args].concat();
    let document: Value = serde_json::from_str(&rendered(&all)).unwrap();
    let groups = document["rules"]["groups"].as_array().unwrap().clone();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let folder = root().join("infra/runbooks");
    let page = std::fs::read_to_string(root().join("services/tidegate/docs/alerts.md")).unwrap();
    let index = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let rules = [alerts(&[]), alerts(&["--sla", "job"])].concat();
    let names: BTreeSet<String> = rules.iter().map(|rule| rule["alert"].as_str().unwrap().to_owned()).collect();
    for name in &names {
        let text = std::fs::read_to_string(folder.join(format!("{name}.md"))).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(found, SECTIONS, "{name}");
        assert!(text.starts_with(&format!("# {name}\n")), "{name}");
        assert!(
            index.contains(&format!("({name}.md)")),
            "infra/runbooks/README.md does not name {name}"
        );
        assert!(page.contains(&format!("| `{name}` |")), "docs/alerts.md does not name {name}");
    }
    for entry in std::fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let stem = name.strip_suffix(".md").unwrap();
        assert!(stem == "README" || names.contains(stem), "{name}: no alert of that name");
    }
    for rule in rules {
        let link = rule["annotations"]["runbook_url"].as_str().unwrap();
        assert!(root().join(link).exists(), "{link}");
    }
}

#[test]
fn the_manifests_hold_what_is_rendered() {
    for (component, sla) in [("monitoring", "job"), ("sla-serve", "serve")] {
        let file = format!("infra/k8s/components/{component}/rules.yaml");
        let written = std::fs::read_to_string(root().join(&file)).unwrap();
        let expected = rendered(&["--form", "prometheus-rule", "--kubernetes", "--sla", sla, "--runbooks", "runbooks"]);
        assert!(
            written.ends_with(&expected),
            "write it anew below its comment: tidegate alerts render --form prometheus-rule --kubernetes --sla {sla} --runbooks runbooks >> {file}"
        );
    }
}

/// The conditions of infra/terraform/modules/alerts/variables.tf.
#[test]
fn the_terraform_module_takes_what_is_rendered() {
    let rules = alerts(&["--runbooks", "https://git.example.com/tidegate/runbooks"]);
    for rule in &rules {
        let severity = rule["labels"]["severity"].as_str().unwrap();
        assert!(["page", "ticket", "info"].contains(&severity), "{rule}");
        assert!(!rule["annotations"]["summary"].as_str().unwrap().is_empty(), "{rule}");
        assert!(
            rule["annotations"]["runbook_url"].as_str().unwrap().starts_with("https://git."),
            "{rule}"
        );
    }
    let module = std::fs::read_to_string(root().join("infra/terraform/modules/alerts/variables.tf")).unwrap();
    assert!(
        module.contains(r#"contains(["page", "ticket", "info"]"#) && module.contains(r#"regex("^https://", rule.annotations.runbook_url)"#)
    );
    // What the module's own tests take for rules are alerts that exist.
    let names: BTreeSet<&str> = rules.iter().map(|rule| rule["alert"].as_str().unwrap()).collect();
    let sample = std::fs::read_to_string(root().join("infra/terraform/tests/rules/orders.yaml")).unwrap();
    for line in sample.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(
            names.contains(line),
            "infra/terraform/tests/rules/orders.yaml: {line} is rendered by nothing"
        );
    }
}
