//! Alertmanager: who is told of what, and which alert is only a consequence of another.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidegate_contract::{Contract, Snapshot};

use crate::Options;
use crate::owner::{Channel, Owner};
use crate::promql::quoted;

/// What Alertmanager needs to know beside the contracts.
#[derive(Debug, Clone, Default)]
pub struct Routing {
    /// Told of every alert, in addition to the channels of the contracts.
    pub webhook: Option<String>,
    /// File on Alertmanager's machine that holds the address of Slack's incoming webhook; without it Slack channels are not told.
    pub slack_url_file: Option<String>,
    /// Mail server (host:port) and sender; without them mail addresses are not told.
    pub mail: Option<(String, String)>,
    /// Slack channel of the platform team.
    pub platform_slack: Option<String>,
}

/// A configuration of Alertmanager and what it leaves open.
#[derive(Debug, Clone)]
pub struct Routes {
    /// The configuration.
    pub config: Value,
    /// Channels that cannot be told as things are.
    pub notes: Vec<String>,
    /// Teams that nobody is told for. Not empty: alerts get lost.
    pub silent: Vec<String>,
}

/// While the first fires, the second is only its consequence: source and target matchers, and labels that must be equal.
type Consequence = (&'static [&'static str], &'static [&'static str], &'static [&'static str]);

/// Somebody is woken.
const PAGES: &str = "severity=\"page\"";

/// One cause, one alert. A ticket mutes no page: see [`consequences`].
const CONSEQUENCES: &[Consequence] = &[
    (
        &["alertname=\"ContractErrorBudgetFastBurn\""],
        &["alertname=~\"ContractErrorBudgetBurn|ContractErrorBudgetSlowBurn\""],
        &["contract", "major"],
    ),
    (
        &["alertname=\"ContractErrorBudgetBurn\""],
        &["alertname=\"ContractErrorBudgetSlowBurn\""],
        &["contract", "major"],
    ),
    // A page mutes the tickets on the same promise.
    (
        &["slo=~\".+\"", PAGES],
        &["severity=~\"ticket|info\""],
        &["contract", "major", "topic", "slo"],
    ),
    (
        &["alertname=~\"ContractFreshnessBreach|ContractLatencyBreach\""],
        &["alertname=\"ContractBreachPredicted\""],
        &["contract", "major", "slo"],
    ),
    (
        &["alertname=\"ContractTrafficAbsent\""],
        &["alertname=~\"ContractFreshnessBreach|ContractBreachPredicted\""],
        &["contract", "major"],
    ),
    (
        &["alertname=\"DeadLetterWriteFailing\""],
        &["alertname=~\"TidegatePartitionHalted|TidegatePartitionPaused|ValidatorStuck|ValidatorLagGrowing\""],
        &["topic"],
    ),
    (
        &["alertname=\"TidegatePartitionHalted\""],
        &["alertname=~\"ValidatorStuck|ValidatorLagGrowing|SinkStuck|SinkLagGrowing\""],
        &["topic"],
    ),
    (
        &["alertname=\"ValidatorStuck\""],
        &["alertname=~\"TidegatePartitionPaused|ValidatorLagGrowing\""],
        &["topic"],
    ),
    (
        &["alertname=\"SinkStuck\""],
        &["alertname=~\"TidegatePartitionPaused|SinkLagGrowing\""],
        &["topic"],
    ),
    (
        &["alertname=\"TidegateValidatorDown\""],
        &[
            "alertname=~\"ContractTrafficAbsent|ContractFreshnessBreach|ContractLatencyBreach|ContractBreachPredicted|ValidatorLagGrowing|ValidatorStuck|TidegatePartitionHalted|TidegatePartitionPaused\"",
        ],
        &[],
    ),
    (
        &["alertname=~\"TidegateSinkDown|TidegateSinkBacklog\""],
        &["alertname=~\"ContractFreshnessBreach|ContractLatencyBreach|ContractBreachPredicted\""],
        &[],
    ),
    (
        &["alertname=~\"TidegateSinkDown|TidegateSinkBacklog\""],
        &["alertname=\"TidegateWorldFailing\"", "port=\"lake\""],
        &[],
    ),
    (
        &["alertname=\"TidegateSinkDown\""],
        &["alertname=~\"TidegateSinkBacklog|SinkStuck|SinkLagGrowing\""],
        &[],
    ),
    (
        &["alertname=\"TidegateKafkaFailing\""],
        &[
            "alertname=~\"TidegateNotReady|ValidatorLagGrowing|ValidatorStuck|SinkLagGrowing|SinkStuck|TidegateBatchesAborting|TidegatePartitionPaused|TidegateSinkBacklog|TidegateCompletenessUnknown|ContractTrafficAbsent|ContractFreshnessBreach|ContractBreachPredicted\"",
        ],
        &[],
    ),
    (
        &[
            "alertname=~\"TidegateContractsRefused|TidegateContractsNotFetched|TidegateWorldFailing\"",
            "port=~\"|contracts\"",
        ],
        &["alertname=~\"TidegateContractsStale|TidegateContractsDiffer\""],
        &[],
    ),
];

/// One route for each team, by the support channels of its contracts. Teams whose channels cannot be told fall to the platform's receiver.
pub fn routes(snapshot: &Snapshot, options: &Options, routing: &Routing) -> Routes {
    let mut teams: BTreeMap<String, Vec<Channel>> = BTreeMap::new();
    for contract in &snapshot.contracts {
        let (team, channels) = told(contract, options);
        let known = teams.entry(team).or_default();
        for channel in channels {
            if !known.contains(&channel) {
                known.push(channel);
            }
        }
    }
    let mut notes = Vec::new();
    let mut platform = receiver(
        "platform",
        &teams.remove(&options.platform_team).unwrap_or_default(),
        routing,
        &mut notes,
    );
    if let Some(channel) = &routing.platform_slack {
        add(&mut platform, "slack_configs", slack(channel, routing));
    }
    let platform_is_told = is_told(&platform);
    let mut silent = Vec::new();
    if !platform_is_told {
        silent.push(options.platform_team.clone());
    }
    let (mut receivers, mut children) = (vec![platform], Vec::new());
    for (team, channels) in teams {
        let name = format!("team-{team}");
        let made = receiver(&name, &channels, routing, &mut notes);
        if is_told(&made) {
            children.push(json!({ "receiver": name, "matchers": [format!("team={}", quoted(&team))] }));
            receivers.push(made);
        } else {
            match platform_is_told {
                true => notes.push(format!(
                    "team {team}: no channel that can be told, its alerts go to {}",
                    options.platform_team
                )),
                false => silent.push(team),
            }
        }
    }
    let times = options.times;
    let mut config = json!({
        "route": {
            "receiver": "platform",
            "group_by": ["contract", "slo"],
            "group_wait": times.text(30),
            "group_interval": times.text(300),
            "repeat_interval": times.text(14_400),
            "routes": children,
        },
        "receivers": receivers,
        "inhibit_rules": consequences(),
    });
    if let Some((host, from)) = &routing.mail {
        config["global"] = json!({ "smtp_smarthost": host, "smtp_from": from });
    }
    Routes { config, notes, silent }
}

fn told(contract: &Contract, options: &Options) -> (String, Vec<Channel>) {
    let owner = Owner::of(contract);
    let team = owner.team.unwrap_or_else(|| options.platform_team.clone());
    // Announcements are for those who read the data.
    let channels = owner.channels.into_iter().filter(|channel| channel.scope != "announcements");
    (team, channels.collect())
}

fn receiver(name: &str, channels: &[Channel], routing: &Routing, notes: &mut Vec<String>) -> Value {
    let mut made = json!({ "name": name });
    for channel in channels {
        let mail = match channel.url.strip_prefix("mailto:") {
            Some(address) => address,
            None => &channel.name,
        };
        match channel.tool.as_str() {
            "slack" if routing.slack_url_file.is_some() => add(&mut made, "slack_configs", slack(&channel.name, routing)),
            "email" if routing.mail.is_some() && mail.contains('@') => {
                add(&mut made, "email_configs", json!({ "to": mail, "send_resolved": true }));
            }
            "slack" => notes.push(format!("{name}: Slack channel {} is told with --slack-url-file", channel.name)),
            "email" => notes.push(format!("{name}: {} is told with --smtp and --mail-from", channel.name)),
            other => notes.push(format!(
                "{name}: {} ({other}) cannot be told by Alertmanager; use --webhook",
                channel.name
            )),
        }
    }
    if let Some(url) = &routing.webhook {
        add(&mut made, "webhook_configs", json!({ "url": url, "send_resolved": true }));
    }
    made
}

fn slack(channel: &str, routing: &Routing) -> Value {
    json!({
        "api_url_file": routing.slack_url_file,
        "channel": channel,
        "send_resolved": true,
        "title": "{{ .CommonLabels.alertname }} ({{ .CommonLabels.severity }})",
        "text": "{{ range .Alerts }}{{ .Annotations.summary }}\n{{ with .Annotations.reasons }}{{ . }}\n{{ end }}{{ with .Annotations.command }}`{{ . }}`\n{{ end }}{{ .Annotations.runbook_url }}\n{{ end }}",
    })
}

fn add(receiver: &mut Value, kind: &str, config: Value) {
    let entries = receiver.as_object_mut().expect("a receiver is a mapping");
    let list = entries.entry(kind).or_insert_with(|| json!([]));
    list.as_array_mut().expect("configs are lists").push(config);
}

/// Beside its name there is a way to tell it.
fn is_told(receiver: &Value) -> bool {
    receiver.as_object().is_some_and(|entries| entries.len() > 1)
}

/// Each consequence in two rules: what pages mutes anything, what does not page mutes no page.
fn consequences() -> Vec<Value> {
    let rule = |(source, target, equal): &Consequence, from: &str, to: Option<&str>| {
        let mut rule = json!({
            "source_matchers": source.iter().copied().chain((!source.contains(&from)).then_some(from)).collect::<Vec<_>>(),
            "target_matchers": target.iter().copied().chain(to).collect::<Vec<_>>(),
        });
        if !equal.is_empty() {
            rule["equal"] = json!(equal);
        }
        rule
    };
    let both = |consequence: &Consequence| {
        let mut rules = vec![rule(consequence, PAGES, None)];
        if !consequence.0.contains(&PAGES) {
            rules.push(rule(consequence, "severity!=\"page\"", Some("severity!=\"page\"")));
        }
        rules
    };
    CONSEQUENCES.iter().flat_map(both).collect()
}
