//! Rights, as the brokers themselves say them: the table of docs/operate.md#rights, row by row.

use std::sync::Arc;

use tidegate_kafka::{Operation, TopicAdmin, TopicRights, open_transactional_id};
use tidegate_validator::Mode;

use super::Patient;
use super::report::Line;
use crate::cli::DoctorRole;
use crate::commands::unique;
use crate::config::Config;

use Operation::{Describe, DescribeConfigs, Read, Write};

/// What one role needs on one topic.
#[derive(Debug, PartialEq, Eq)]
struct Need {
    role: &'static str,
    topic: String,
    operations: &'static [Operation],
}

pub(super) fn lines(patient: &Patient, admin: &TopicAdmin, sources: &[Arc<str>]) -> Vec<Line> {
    let config = &patient.config;
    let mut lines = Vec::new();
    let needs = needs(config, &patient.roles, sources);
    let names: Vec<String> = needs.iter().map(|need| need.topic.clone()).collect();
    let answers = match admin.rights(&names) {
        Ok(answers) => answers,
        Err(error) => return vec![Line::wrong(error.to_string(), "see whether the brokers are well")],
    };
    let mut untold = 0;
    for (need, answer) in needs.iter().zip(answers) {
        match answer {
            TopicRights::Allowed(allowed) => {
                let missing: Vec<&str> = need
                    .operations
                    .iter()
                    .filter(|needed| !allowed.contains(needed))
                    .map(|needed| needed.as_str())
                    .collect();
                if !missing.is_empty() {
                    lines.push(lacking(need, &missing.join(", ")));
                }
            }
            TopicRights::Forbidden => lines.push(lacking(
                need,
                &need.operations.iter().map(|needed| needed.as_str()).collect::<Vec<_>>().join(", "),
            )),
            TopicRights::Untold => untold += 1,
            // Said by the check of topics.
            TopicRights::Missing => {}
        }
    }
    for (role, group, operation) in groups(config, &patient.roles) {
        let missing = match admin.group(&group) {
            Ok(None) => true,
            Ok(Some(state)) => state.allowed.is_some_and(|allowed| !allowed.contains(&operation)),
            Err(error) => {
                lines.push(Line::wrong(error.to_string(), "see whether the brokers are well"));
                false
            }
        };
        if missing {
            lines.push(Line::wrong(
                format!("the {role} lacks {} on group {group}", operation.as_str()),
                format!(
                    "kafka-acls.sh --add --allow-principal User:… --operation {} --group {group}",
                    tool_word(operation)
                ),
            ));
        }
    }
    if patient.has(DoctorRole::Validator) && config.validator.mode == Mode::ExactlyOnce {
        let group = &config.validator_group;
        if let Err(error) = open_transactional_id(patient.kafka(), &format!("{group}-doctor-{}", unique())) {
            lines.push(Line::wrong(
                format!("the validator cannot open transactional ids {group}-*: {error}"),
                format!("kafka-acls.sh --add --allow-principal User:… --operation Write --transactional-id {group}- --resource-pattern-type prefixed"),
            ));
        }
    }
    if untold > 0 {
        lines.push(Line::skipped(format!(
            "not checked: these brokers do not tell the rights on {untold} of {} topics",
            needs.len()
        )));
    }
    if lines.is_empty() {
        let roles: Vec<&str> = patient.roles.iter().map(|role| name(*role)).collect();
        lines.push(Line::ok(format!("these credentials may do what {} needs", roles.join(", "))));
    }
    lines
}

fn lacking(need: &Need, operations: &str) -> Line {
    let words: Vec<&str> = need
        .operations
        .iter()
        .filter(|needed| operations.split(", ").any(|word| word == needed.as_str()))
        .map(|needed| tool_word(*needed))
        .collect();
    let options: Vec<String> = words.iter().map(|word| format!("--operation {word}")).collect();
    let what = format!("the {} lacks {operations} on topic {}", need.role, need.topic);
    let fix = format!(
        "kafka-acls.sh --add --allow-principal User:… {} --topic {}",
        options.join(" "),
        need.topic
    );
    // A role starts without it and cannot tell a compacted topic.
    match operations == DescribeConfigs.as_str() {
        true => Line::warning(what, fix),
        false => Line::wrong(what, fix),
    }
}

/// The word of Kafka's own tool.
fn tool_word(operation: Operation) -> &'static str {
    match operation {
        Read => "Read",
        Write => "Write",
        Operation::Create => "Create",
        Describe => "Describe",
        DescribeConfigs => "DescribeConfigs",
    }
}

fn name(role: DoctorRole) -> &'static str {
    match role {
        DoctorRole::Validator => "the validator",
        DoctorRole::Sink => "the sink",
        DoctorRole::Audit => "the audit",
    }
}

fn needs(config: &Config, roles: &[DoctorRole], sources: &[Arc<str>]) -> Vec<Need> {
    let mut needs: Vec<Need> = Vec::new();
    let mut need = |role: &'static str, topic: &str, operations: &'static [Operation]| {
        let new = Need {
            role,
            topic: topic.to_owned(),
            operations,
        };
        // A shared topic is needed once.
        if !needs.contains(&new) {
            needs.push(new);
        }
    };
    for source in sources {
        let (validated, dead) = (config.validator.validated(source), config.validator.dead_letters(source));
        if roles.contains(&DoctorRole::Validator) {
            need("validator", source, &[Read, DescribeConfigs]);
            need("validator", &validated, &[Write, Read, DescribeConfigs]);
            need("validator", &dead, &[Write, Read, DescribeConfigs]);
            if let Some(retry) = config.validator.retry(source) {
                need("validator", &retry, &[Read, DescribeConfigs]);
            }
        }
        if roles.contains(&DoctorRole::Sink) {
            need("sink", &validated, &[Read, DescribeConfigs]);
        }
        if roles.contains(&DoctorRole::Audit) {
            for topic in [&**source, &validated, &dead] {
                need("audit", topic, &[Read, DescribeConfigs]);
            }
        }
    }
    if roles.contains(&DoctorRole::Validator) && config.validator.mode == Mode::ExactlyOnce {
        need("validator", &config.probe_topic, &[Read, Write, DescribeConfigs]);
    }
    needs
}

fn groups(config: &Config, roles: &[DoctorRole]) -> Vec<(&'static str, String, Operation)> {
    let mut groups = Vec::new();
    if roles.contains(&DoctorRole::Validator) {
        groups.push(("validator", config.validator_group.clone(), Read));
    }
    if roles.contains(&DoctorRole::Sink) {
        groups.push(("sink", config.sink_group.clone(), Read));
    }
    if roles.contains(&DoctorRole::Audit) {
        groups.push(("audit", config.validator_group.clone(), Describe));
    }
    groups
}
