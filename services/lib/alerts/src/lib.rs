//! Alerts from contracts: Prometheus rules for what contracts promise and for Tidegate itself, and Alertmanager routes to whom they name.
//!
//! Text only, no I/O: [`rules`] and [`routes`] answer documents, [`yaml::text`] writes them. The same contracts and options give the same
//! bytes. Windows and factors of error budgets are those of the SRE Workbook, chapter "Alerting on SLOs". Start at [`contract`].

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod alert;
mod contract;
mod kubernetes;
mod landing;
mod objective;
mod owner;
mod pipeline;
mod platform;
mod promql;
mod routes;
mod selection;
mod times;
pub mod yaml;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidegate_contract::Snapshot;

pub use alert::{Alert, Group, Severity};
pub use routes::{Routes, Routing, routes};
pub use selection::Match;
pub use times::Times;

/// What rules depend on beside the contracts.
#[derive(Debug, Clone)]
pub struct Options {
    /// Begins every link to a runbook; the rest is `/<alert>.md`.
    pub runbooks: String,
    /// Begins every link to a dashboard, where there are any; the rest is `/d/<uid>`.
    pub dashboards: Option<String>,
    /// Share of dead letters that a contract without `errorRate` may have, of 1.
    pub error_rate: f64,
    /// A reason that was not seen for 14 days is told of from so many records on.
    pub new_group_records: u64,
    /// Name of dead-letter topics; `{topic}` stands for the source.
    pub dead_letter_topic: String,
    /// Name of validated topics; `{topic}` stands for the source.
    pub validated_topic: String,
    /// Seconds that dead letters are kept by their topics.
    pub dead_letter_retention: u64,
    /// The same for those of single source topics.
    pub dead_letter_retentions: BTreeMap<String, u64>,
    /// Seconds after which the sink closes a slot.
    pub slot_seconds: u64,
    /// Seconds between two checks of SLAs by `sla serve`; none when no such process serves metrics.
    pub sla_every: Option<u64>,
    /// Who is told of Tidegate's own trouble.
    pub platform_team: String,
    /// Alerts on what only Kubernetes tells: the CronJob of SLA checks, the sidecar that fetches contracts.
    pub kubernetes: bool,
    /// Where Kubernetes runs Tidegate, for those.
    pub namespace: String,
    /// Which series are Tidegate's, where Prometheus knows several of it; stands in every selector. See [`Match::parse`].
    pub matches: Vec<Match>,
    /// Windows and waits.
    pub times: Times,
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Options {
            runbooks: "infra/runbooks".to_owned(),
            dashboards: None,
            error_rate: 0.001,
            new_group_records: 3,
            dead_letter_topic: "{topic}.dlq".to_owned(),
            validated_topic: "{topic}.validated".to_owned(),
            dead_letter_retention: 7 * 86_400,
            dead_letter_retentions: BTreeMap::new(),
            slot_seconds: 300,
            sla_every: Some(900),
            platform_team: "platform".to_owned(),
            kubernetes: false,
            namespace: "tidegate".to_owned(),
            matches: Vec::new(),
            times: Times::default(),
        }
    }
}

/// Rules about Tidegate itself, and about each enforced contract of the snapshot, in the order of their ids. Without a snapshot only the
/// former.
pub fn rules(snapshot: Option<&Snapshot>, options: &Options) -> Vec<Group> {
    let mut groups = vec![platform::group(snapshot, options)];
    if options.kubernetes {
        groups.push(kubernetes::group(options));
    }
    if let Some(snapshot) = snapshot {
        groups.extend(contract::groups(snapshot, options));
    }
    selection::narrow(&mut groups, &options.matches);
    groups
}

/// Promises of enforced contracts that get no alert of their own because their value cannot be read: `file:line: …`, one each.
pub fn unread(snapshot: &Snapshot) -> Vec<String> {
    contract::unread(snapshot)
}

/// A rule file of Prometheus.
pub fn rule_file(groups: &[Group]) -> Value {
    json!({ "groups": groups.iter().map(Group::to_json).collect::<Vec<_>>() })
}

/// The same as an object of the Prometheus operator.
pub fn prometheus_rule(groups: &[Group], name: &str, namespace: Option<&str>) -> Value {
    let mut metadata = json!({ "name": name });
    if let Some(namespace) = namespace {
        metadata["namespace"] = namespace.into();
    }
    json!({
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": metadata,
        "spec": rule_file(groups),
    })
}

#[cfg(test)]
mod tests;
