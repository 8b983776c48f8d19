use tidegate_contract::{ContractFile, Snapshot};

use super::*;

const CONTRACT: &str = "apiVersion: v3.2.0
kind: DataContract
id: ID
name: Orders
version: VERSION
status: STATUS
description: {purpose: 'Every order {{ once }}.'}
team: {name: TEAM}
support:
  - {channel: '#shop', tool: slack, scope: interactive}
  - {channel: readers, tool: slack, scope: announcements}
  - {channel: Shop, tool: email, url: 'mailto:shop@example.com'}
  - {channel: Shop, tool: teams}
schema:
  - name: orders
    physicalName: TOPIC
    physicalType: topic
    properties:
      - {name: at, logicalType: timestamp, required: true}
slaProperties:
  - {id: fresh, property: freshness, value: 15, unit: min, element: orders.at, driver: regulatory}
  - {id: late, property: latency, value: 30, unit: s, element: orders.at}
  - {id: often, property: frequency, value: 1, unit: h}
  - {id: errors, property: errorRate, value: 0.5, unit: '%'}
";

fn contract(id: &str, version: &str, status: &str, team: &str, topic: &str) -> ContractFile {
    let text = CONTRACT
        .replace("ID", id)
        .replace("VERSION", version)
        .replace("STATUS", status)
        .replace("TEAM", team)
        .replace("TOPIC", topic);
    ContractFile {
        path: format!("{id}/{version}.odcs.yaml").into(),
        text,
    }
}

fn snapshot(files: &[ContractFile]) -> Snapshot {
    Snapshot::build("c0ffee", files).unwrap().0
}

fn shop() -> Snapshot {
    snapshot(&[
        contract("orders", "1.2.0", "active", "shop", "orders"),
        contract("orders", "1.1.0", "deprecated", "shop", "orders"),
        contract("orders", "2.0.0", "proposed", "shop", "orders"),
        contract("old", "1.0.0", "retired", "shop", "old"),
        contract("a.b", "3.0.0", "active", "crm", "a.b"),
    ])
}

fn alert<'a>(groups: &'a [Group], group: &str, name: &str) -> &'a Alert {
    let group = groups.iter().find(|one| one.name == group).unwrap();
    group.alerts.iter().find(|alert| alert.name == name).unwrap()
}

#[test]
fn what_is_enforced_gets_alerts_once_a_major_version() {
    let groups = rules(Some(&shop()), &Options::default());
    let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(
        names,
        ["tidegate", "contract-a.b-v3", "contract-orders-v1", "topic-a.b", "topic-orders"]
    );
    let names: Vec<String> = rules(
        None,
        &Options {
            kubernetes: true,
            ..Options::default()
        },
    )
    .into_iter()
    .map(|group| group.name)
    .collect();
    assert_eq!(names, ["tidegate", "tidegate-kubernetes"]);
}

#[test]
fn jobs_are_looked_for_where_checks_are_jobs() {
    let names = |sla_every| {
        let options = Options {
            kubernetes: true,
            sla_every,
            ..Options::default()
        };
        let groups = rules(None, &options);
        groups[1].alerts.iter().map(|alert| alert.name).collect::<Vec<_>>()
    };
    assert_eq!(
        names(None),
        ["TidegateContractsNotFetched", "TidegateSlaCheckFailed", "TidegateSlaCheckMissing"]
    );
    assert_eq!(names(Some(900)), ["TidegateContractsNotFetched"]);
}

#[test]
fn budgets_limits_and_severities_are_those_of_the_contract() {
    let groups = rules(Some(&shop()), &Options::default());
    let burn = alert(&groups, "contract-orders-v1", "ContractErrorBudgetFastBurn");
    assert!(burn.expr.contains("> 0.072\n"), "14.4 times half a percent: {}", burn.expr);
    assert!(burn.expr.contains(r#"contract=~"orders|",version=~"1([.].+)?|""#), "{}", burn.expr);
    assert_eq!(burn.severity, Severity::Page);
    assert!(burn.labels.contains(&("team", "shop".to_owned())));
    let fresh = alert(&groups, "contract-orders-v1", "ContractFreshnessBreach");
    assert_eq!(fresh.severity, Severity::Page, "its driver is regulatory");
    assert!(fresh.annotations[0].1.contains("15 min is promised"), "{:?}", fresh.annotations);
    assert_eq!(
        alert(&groups, "contract-orders-v1", "ContractLatencyBreach").severity,
        Severity::Ticket
    );
    let absent = alert(&groups, "contract-orders-v1", "ContractTrafficAbsent");
    assert!(absent.expr.contains("[90m]"), "{}", absent.expr);
    let dotted = alert(&groups, "contract-a.b-v3", "ContractErrorBudgetFastBurn");
    assert!(dotted.expr.contains(r#"contract=~"a\\.b|""#), "{}", dotted.expr);
    let backlog = alert(&groups, "tidegate", "TidegateSinkBacklog");
    assert!(
        backlog.expr.ends_with("> 600"),
        "half of 15 minutes is below the least: {}",
        backlog.expr
    );
    let long = snapshot(&[ContractFile {
        path: "orders/1.0.0.odcs.yaml".into(),
        text: contract("orders", "1.0.0", "active", "shop", "orders")
            .text
            .replace("value: 15, unit: min", "value: 2, unit: d"),
    }]);
    let groups = rules(Some(&long), &Options::default());
    let backlog = alert(&groups, "tidegate", "TidegateSinkBacklog");
    assert!(backlog.expr.ends_with("> 1800"), "days are nobody's backlog: {}", backlog.expr);
    let without = rules(
        Some(&shop()),
        &Options {
            sla_every: None,
            ..Options::default()
        },
    );
    assert!(
        without
            .iter()
            .flat_map(|group| &group.alerts)
            .all(|alert| !alert.expr.contains("tidegate_objective"))
    );
}

#[test]
fn nothing_of_a_contract_is_run_as_a_template() {
    let text = yaml::text(&rule_file(&rules(Some(&shop()), &Options::default())));
    assert!(text.contains("Every order { { once } }."), "{text}");
}

#[test]
fn every_alert_is_told_from_the_others_and_links_to_its_runbook() {
    let groups = rules(
        Some(&shop()),
        &Options {
            kubernetes: true,
            ..Options::default()
        },
    );
    let mut seen = std::collections::BTreeSet::new();
    for group in &groups {
        for alert in &group.alerts {
            let mut labels = alert.labels.clone();
            labels.sort();
            assert!(
                labels.iter().any(|(name, team)| *name == "team" && !team.is_empty()),
                "{}",
                alert.name
            );
            assert!(seen.insert((alert.name, labels)), "{} of {} twice", alert.name, group.name);
            let runbook = format!("infra/runbooks/{}.md", alert.name);
            assert!(alert.annotations.contains(&("runbook_url", runbook)));
        }
    }
}

#[test]
fn the_same_contracts_give_the_same_bytes() {
    let files = [
        contract("b", "1.0.0", "active", "shop", "b"),
        contract("a", "1.0.0", "active", "crm", "a"),
    ];
    let mut turned = files.clone();
    turned.reverse();
    let text = |files: &[ContractFile]| {
        let snapshot = snapshot(files);
        let routing = Routing {
            webhook: Some("http://127.0.0.1:1/".into()),
            ..Routing::default()
        };
        let config = routes(&snapshot, &Options::default(), &routing).config;
        yaml::text(&rule_file(&rules(Some(&snapshot), &Options::default()))) + &yaml::text(&config)
    };
    assert_eq!(text(&files), text(&turned));
}

#[test]
fn each_team_is_told_by_its_own_channels() {
    let routing = Routing {
        slack_url_file: Some("/etc/alertmanager/slack".into()),
        mail: Some(("mail:25".into(), "tidegate@example.com".into())),
        platform_slack: Some("#platform".into()),
        ..Routing::default()
    };
    let routes = routes(&shop(), &Options::default(), &routing);
    let receivers = routes.config["receivers"].as_array().unwrap();
    let names: Vec<&str> = receivers.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["platform", "team-crm", "team-shop"]);
    let shop = &receivers[2];
    assert_eq!(
        shop["slack_configs"].as_array().unwrap().len(),
        1,
        "announcements are for readers: {shop}"
    );
    assert_eq!(shop["slack_configs"][0]["channel"], "#shop");
    assert_eq!(shop["email_configs"][0]["to"], "shop@example.com");
    assert!(routes.silent.is_empty());
    assert!(routes.notes.iter().all(|note| note.contains("(teams)")), "{:?}", routes.notes);
    assert_eq!(routes.config["route"]["routes"][1]["matchers"][0], "team=\"shop\"");
}

#[test]
fn who_promises_nothing_is_missed_by_nobody() {
    let mut file = contract("orders", "1.0.0", "active", "shop", "orders");
    let end = file.text.find("slaProperties").unwrap();
    file.text.truncate(end);
    let silent = rules(Some(&snapshot(&[file])), &Options::default());
    let names = |groups: &[Group]| -> Vec<&str> {
        let alerts = groups.iter().flat_map(|group| &group.alerts);
        alerts.map(|alert| alert.name).collect()
    };
    for name in ["SlaCheckMissing", "ContractObjectiveUnknown"] {
        assert!(!names(&silent).contains(&name), "nothing is looked at");
        assert!(names(&rules(Some(&shop()), &Options::default())).contains(&name));
    }
}

#[test]
fn dead_letters_are_near_their_end_by_their_own_topic() {
    let options = Options {
        dead_letter_retentions: [("orders".to_owned(), 14 * 86_400)].into(),
        ..Options::default()
    };
    let groups = rules(Some(&shop()), &options);
    for (group, offset) in [("contract-orders-v1", "offset 13d"), ("contract-a.b-v3", "offset 6d")] {
        let near = alert(&groups, group, "DeadLetterNearRetention");
        assert!(near.expr.contains(offset), "{}", near.expr);
        assert_eq!(near.severity, Severity::Info, "what was replayed counts as well");
    }
}

#[test]
fn rules_of_one_deployment_select_it_everywhere() {
    let options = Options {
        kubernetes: true,
        matches: vec![Match::parse("namespace=prod").unwrap()],
        ..Options::default()
    };
    for alert in rules(Some(&shop()), &options).iter().flat_map(|group| &group.alerts) {
        let reasons = alert.annotations.iter().find(|(name, _)| *name == "reasons");
        for text in [Some(&alert.expr), reasons.map(|(_, text)| text)].into_iter().flatten() {
            let mut pieces = text.split(['{', '}']);
            let mut before = pieces.next().unwrap();
            for piece in pieces {
                let is_metric = before.ends_with(|last: char| last.is_ascii_alphanumeric() || last == '_');
                assert!(!is_metric || piece.starts_with("namespace=\"prod\""), "{}: {text}", alert.name);
                before = piece;
            }
            for metric in text.match_indices("tidegate_").chain(text.match_indices("kube_")) {
                let rest = &text[metric.0..];
                let end = rest
                    .find(|one: char| !one.is_ascii_alphanumeric() && one != '_')
                    .unwrap_or(rest.len());
                assert!(rest[end..].starts_with("{namespace=\"prod\""), "{}: {text}", alert.name);
            }
            assert!(!text.contains("namespace=\"tidegate\""), "{}: {text}", alert.name);
        }
    }
}

#[test]
fn nobody_to_tell_is_said() {
    let nobody = routes(&shop(), &Options::default(), &Routing::default());
    assert_eq!(nobody.silent, ["platform", "crm", "shop"]);
    let routing = Routing {
        platform_slack: Some("#platform".into()),
        slack_url_file: Some("file".into()),
        ..Routing::default()
    };
    assert!(routes(&shop(), &Options::default(), &routing).silent.is_empty());
}

#[test]
fn a_ticket_mutes_no_page() {
    let config = routes(&shop(), &Options::default(), &Routing::default()).config;
    for rule in config["inhibit_rules"].as_array().unwrap() {
        let has = |side: &str, text: &str| rule[side].as_array().unwrap().iter().any(|matcher| matcher == text);
        assert!(
            has("source_matchers", "severity=\"page\"")
                || has("target_matchers", "severity!=\"page\"")
                || has("target_matchers", "severity=~\"ticket|info\""),
            "{rule}"
        );
    }
}

#[test]
fn a_promise_that_cannot_be_read_is_said() {
    let mut file = contract("orders", "1.0.0", "active", "shop", "orders");
    assert!(unread(&snapshot(std::slice::from_ref(&file))).is_empty());
    file.text = file.text.replace("value: 0.5, unit: '%'", "value: 5");
    let said = unread(&snapshot(&[file]));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("orders/1.0.0.odcs.yaml:24:") && said[0].contains("`errors`"),
        "{said:?}"
    );
}
