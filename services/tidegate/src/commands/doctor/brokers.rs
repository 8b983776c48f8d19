//! Signing in, topics, transactions and groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_flow::TopicPartition;
use tidegate_flow::ports::Cluster as _;
use tidegate_kafka::{ClusterClient, TopicAdmin, Transactions, group_positions, probe_transactions};
use tidegate_platform::Spec;

use super::report::Line;
use super::{Patient, network};
use crate::cli::DoctorRole;
use crate::commands::{topics as topics_command, unique};

/// Whom the brokers let in, and whether the names that they tell clients are reached.
pub(super) fn sign_in(patient: &Patient) -> (Vec<Line>, Option<TopicAdmin>) {
    let connected = TopicAdmin::connect(patient.kafka()).and_then(|admin| Ok((admin.brokers()?, admin)));
    let (told, admin) = match connected {
        Ok(found) => found,
        Err(error) => {
            return (
                vec![Line::wrong(
                    error.to_string(),
                    "docs/security.md has an example for each kind of brokers, and what each refusal means",
                )],
                None,
            );
        }
    };
    let mut lines = vec![Line::ok(format!("the brokers let us in; {} are told to clients", told.len()))];
    let named = network::named(&patient.kafka().brokers);
    for (host, port) in told.iter().filter(|told| !named.contains(told)) {
        if network::answers(host, *port).is_err() {
            lines.push(Line::wrong(
                format!("the brokers tell clients to connect to {host}:{port}, which is not reached from here"),
                "mend advertised.listeners of the brokers, or the DNS and routes of this network: roles connect to what they are told",
            ));
        }
    }
    (lines, Some(admin))
}

/// Topics as they should be.
pub(super) fn topics(patient: &Patient, admin: &TopicAdmin, spec: Spec, said: &BTreeMap<String, u32>) -> Vec<Line> {
    let compared = match topics_command::compared_with(&patient.config, spec, said, admin, false) {
        Ok(compared) => compared,
        Err(error) => {
            return vec![Line::wrong(
                format!("{error:#}"),
                "give the rights of docs/operate.md#rights; or see whether the brokers are well",
            )];
        }
    };
    let named = |topic: &str| if topic.is_empty() { String::new() } else { format!("{topic} ") };
    // The probe topic is made by the first validator where it may; a proof of transactions is a check of its own.
    let is_probe = |topic: &str| topic == patient.config.probe_topic;
    let is_state = |topic: &str| topic == patient.config.state_topic;
    let mut lines: Vec<Line> = topics_command::findings(&compared)
        .iter()
        .map(|finding| {
            let what = format!("{}{}", named(&finding.topic), finding.problem);
            match is_probe(&finding.topic) || is_state(&finding.topic) {
                // Roles run without them: a validator makes its probe topic, and only `dlq` and `replay` need the state.
                true => Line::warning(what, finding.fix.clone()),
                false => Line::wrong(what, finding.fix.clone()),
            }
        })
        .collect();
    for state in &compared.states {
        if state.leaderless > 0 {
            lines.push(Line::wrong(
                format!(
                    "{} has {} partitions without a leader: nothing is read or written there",
                    state.topic, state.leaderless
                ),
                "bring the brokers back that hold them",
            ));
        } else if state.under_replicated > 0 {
            lines.push(Line::warning(
                format!(
                    "{} has {} partitions with copies that lag behind",
                    state.topic, state.under_replicated
                ),
                "look at the brokers: with one more that fails, writing may stop",
            ));
        }
    }
    let notes = compared.found.notes.iter();
    lines.extend(notes.map(|note| Line::warning(format!("{}{}", named(&note.topic), note.problem), note.fix.clone())));
    if lines.is_empty() && compared.topics > 0 {
        lines.push(Line::ok(format!("{} topics are as they should be", compared.topics)));
    }
    if !compared.hidden.is_empty() {
        // Whether a role needs them is what the check of rights tells.
        lines.push(Line::skipped(format!(
            "not looked at, since these credentials may not know of them: {}",
            compared.hidden.join(", ")
        )));
    }
    lines
}

/// One transaction committed, one aborted, both read back.
pub(super) fn transactions(patient: &Patient) -> Vec<Line> {
    let topic = &patient.config.probe_topic;
    match probe_transactions(patient.kafka(), topic, &unique()) {
        Ok(Transactions::Proved) => vec![Line::ok(format!("transactions hold, proved on {topic}"))],
        Ok(Transactions::Refuted(why)) => vec![Line::wrong(
            format!("these brokers do not hold exactly_once: {why}"),
            "set validator.mode to at_least_once (the lake stays exact), or take brokers with transactions",
        )],
        Err(error) => vec![Line::wrong(
            error.to_string(),
            format!("give WRITE and READ on {topic}, CREATE if it is to be made, and WRITE on transactional ids tidegate-probe-*"),
        )],
    }
}

/// How groups stand, and how far behind they are.
pub(super) fn groups(patient: &Patient, admin: &TopicAdmin, sources: &[Arc<str>]) -> Vec<Line> {
    let config = &patient.config;
    let mut lines = Vec::new();
    let mut cluster = match ClusterClient::connect(patient.kafka()) {
        Ok(cluster) => cluster,
        Err(error) => return vec![Line::wrong(error.to_string(), "see the lines above")],
    };
    if patient.has(DoctorRole::Validator) {
        let topics: Vec<Arc<str>> = sources
            .iter()
            .cloned()
            .chain(sources.iter().filter_map(|source| config.validator.retry(source)))
            .collect();
        lines.push(group(patient, admin, &mut cluster, &config.validator_group, &topics, true));
    }
    if patient.has(DoctorRole::Sink) && config.lake.is_some() {
        let topics: Vec<Arc<str>> = sources.iter().map(|source| config.validator.validated(source)).collect();
        // The chain in the lake says how far a sink is; its group is a hint.
        lines.push(group(patient, admin, &mut cluster, &config.sink_group, &topics, false));
    }
    match lines.is_empty() {
        true => vec![Line::skipped("not checked: none of the roles has a group")],
        false => lines,
    }
}

fn group(patient: &Patient, admin: &TopicAdmin, cluster: &mut ClusterClient, group: &str, topics: &[Arc<str>], decides: bool) -> Line {
    let state = match admin.group(group) {
        Ok(Some(state)) => state,
        Ok(None) => {
            return Line::wrong(
                format!("no permission to look at group {group}"),
                format!("give READ on group {group}"),
            );
        }
        Err(error) => return Line::wrong(error.to_string(), "see whether the brokers are well"),
    };
    if state.members > 0 && !state.assignor.is_empty() && state.assignor != "cooperative-sticky" {
        return Line::wrong(
            format!(
                "group {group} is used by {} members of another kind ({})",
                state.members, state.assignor
            ),
            "give this deployment a group of its own, or stop who else uses it",
        );
    }
    let behind = match behind(patient, cluster, group, topics) {
        Ok(behind) => behind,
        Err(error) => return Line::wrong(error.to_string(), format!("give READ on group {group} and on its topics")),
    };
    if decides && behind.lost > 0 {
        return Line::wrong(
            format!(
                "group {group} stands before the beginning of {} partitions: records were deleted before they were judged",
                behind.lost
            ),
            "docs/operate.md, \"the position is outside of what the broker still holds\"; raise the source's retention",
        );
    }
    let says = format!(
        "group {group} is {}, {} members, {} records behind",
        state.state, state.members, behind.records
    );
    match (state.members, behind.begun) {
        (0, false) => Line::ok(format!("group {group} has not begun")),
        (0, true) if behind.records > 0 => Line::warning(format!("{says}, and nobody works on it"), "start the role, or look why it ended"),
        _ => Line::ok(says),
    }
}

/// How far a group is behind.
struct Behind {
    records: i64,
    /// It has a position somewhere.
    begun: bool,
    /// Partitions whose position is gone.
    lost: usize,
}

fn behind(patient: &Patient, cluster: &mut ClusterClient, group: &str, topics: &[Arc<str>]) -> Result<Behind, tidegate_flow::WorldError> {
    let mut ends = BTreeMap::new();
    for fact in cluster.topics(topics)? {
        for (partition, range) in cluster.offsets(&fact.topic)?.into_iter().enumerate() {
            let partition = i32::try_from(partition).expect("Kafka counts partitions in 32 bits");
            ends.insert((fact.topic.clone(), partition), range);
        }
    }
    let partitions: Vec<TopicPartition> = ends
        .keys()
        .map(|(topic, partition)| TopicPartition {
            topic: topic.clone(),
            partition: *partition,
        })
        .collect();
    let mut found = Behind {
        records: 0,
        begun: false,
        lost: 0,
    };
    if partitions.is_empty() {
        return Ok(found);
    }
    for (at, position) in group_positions(patient.kafka(), group, &partitions)? {
        let Some((first, end)) = ends.get(&(at.topic.clone(), at.partition)) else {
            continue;
        };
        found.begun |= position.is_some();
        found.lost += usize::from(position.is_some_and(|next| next.0 < first.0));
        found.records += (end.0 - position.map_or(first.0, |next| next.0)).max(0);
    }
    Ok(found)
}
