//! Topics that there must be against those of a cluster: what to change, what nobody may change for you, what is merely worth knowing.
//!
//! A change never deletes and never lowers. What would do harm (more partitions of a keyed source, a policy that begins to delete) is a
//! finding with its fix and no change.

use std::collections::BTreeMap;

use crate::platform::Platform;
use crate::topics::{Kind, Topic};

/// A topic as the brokers describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// Name.
    pub name: String,
    /// Partitions.
    pub partitions: u32,
    /// Copies of the partition that has the fewest.
    pub replication: u16,
    /// Effective settings, broker defaults included; none where the brokers do not tell.
    pub settings: Option<BTreeMap<String, String>>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Make the topic.
    Create(Topic),
    /// Add partitions.
    Partitions {
        /// How many there are.
        before: u32,
        /// How many there will be.
        after: u32,
    },
    /// Set one setting.
    Set {
        /// Kafka's name.
        key: &'static str,
        /// What holds now.
        before: Option<String>,
        /// What will hold.
        after: String,
    },
}

/// A change that can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Topic.
    pub topic: String,
    /// What it is for.
    pub kind: Kind,
    /// What to do.
    pub step: Step,
    /// Why.
    pub why: String,
}

/// Something that is wrong, or worth knowing, with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Topic; empty when it is about all.
    pub topic: String,
    /// What is so.
    pub problem: String,
    /// What to do.
    pub fix: String,
}

/// What came out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Changes, in the order in which they are to be made.
    pub changes: Vec<Change>,
    /// What is wrong and is not changed for you.
    pub refused: Vec<Finding>,
    /// Worth knowing; nothing is wrong.
    pub notes: Vec<Finding>,
    /// Topics whose settings the brokers do not tell: nothing can be said of those.
    pub untold: usize,
}

/// How a value is held against what is wanted.
enum Rule {
    /// At least; -1 is without end.
    AtLeast,
    /// Exactly.
    Exactly,
}

// === impl Live ===

impl Live {
    /// Effective value of a setting.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.settings.as_ref()?.get(key).map(String::as_str)
    }
}

// === impl Change ===

impl Change {
    /// The change in words, before and after.
    pub fn text(&self) -> String {
        match &self.step {
            Step::Create(topic) => {
                let copies = topic.replication.map_or_else(String::new, |copies| format!(", {copies} copies"));
                let settings: Vec<String> = topic.settings.iter().map(|set| format!("{}={}", set.key, set.value)).collect();
                format!("create with {} partitions{copies}: {}", topic.partitions, settings.join(" "))
            }
            Step::Partitions { before, after } => format!("partitions {before} -> {after}"),
            Step::Set { key, before, after } => format!("{key} {} -> {after}", before.as_deref().unwrap_or("(not told)")),
        }
    }

    fn sets(&self, topic: &str, name: &str) -> bool {
        self.topic == topic && matches!(self.step, Step::Set { key, .. } if key == name)
    }

    /// As a finding of a check.
    pub fn finding(&self) -> Finding {
        let problem = match &self.step {
            Step::Create(topic) => format!("does not exist ({})", topic.purpose()),
            Step::Partitions { before, after } => format!("has {before} partitions and needs {after}: {}", self.why),
            Step::Set { key, before, after } => {
                format!(
                    "has {key}={} and needs {after}: {}",
                    before.as_deref().unwrap_or("(not told)"),
                    self.why
                )
            }
        };
        Finding {
            topic: self.topic.clone(),
            problem,
            fix: "tidegate topics apply --execute".to_owned(),
        }
    }
}

/// Holds topics against a cluster. `widen_sources` allows more partitions for source topics that are there.
pub fn compare(platform: Platform, wanted: &[Topic], live: &[Live], widen_sources: bool) -> Comparison {
    let mut found = Comparison::default();
    for topic in wanted {
        match live.iter().find(|live| live.name == topic.name) {
            None if platform.is_event_hubs() => found.refused.push(Finding {
                topic: topic.name.clone(),
                problem: format!("does not exist ({})", topic.purpose()),
                fix: "event hubs are made by Azure's own API: tidegate topics render --to terraform".to_owned(),
            }),
            None => found.changes.push(Change {
                topic: topic.name.clone(),
                kind: topic.kind,
                step: Step::Create(topic.clone()),
                why: topic.purpose(),
            }),
            Some(live) => {
                partitions(platform, topic, live, widen_sources, &mut found);
                copies(topic, live, &mut found);
                settings(platform, topic, live, &mut found);
            }
        }
    }
    // Creations first, partitions next, settings last; within each the order of the topics stays.
    found.changes.sort_by_key(|change| match change.step {
        Step::Create(_) => 0,
        Step::Partitions { .. } => 1,
        Step::Set { .. } => 2,
    });
    found
}

fn partitions(platform: Platform, topic: &Topic, live: &Live, widen_sources: bool, found: &mut Comparison) {
    let (before, after) = (
        live.partitions,
        topic.said.filter(|_| topic.kind == Kind::Source).unwrap_or(topic.partitions),
    );
    let finding = |problem: String, fix: &str| Finding {
        topic: topic.name.clone(),
        problem,
        fix: fix.to_owned(),
    };
    if before == after {
        return;
    }
    if before > after {
        let shared = topic.of.len() > 1;
        if topic.kind == Kind::Source {
            found.notes.push(finding(
                format!(
                    "has {before} partitions and the config says {after}: partitions cannot be taken away, so its outcomes get {before}"
                ),
                "say what the topic has under topics.sources",
            ));
        } else if !shared {
            found.refused.push(finding(
                format!("has {before} partitions and needs {after}: partitions cannot be taken away, and a role refuses to start with them unequal"),
                match topic.kind.mirrors() {
                    true => "give the source as many, or, while nothing in it is needed, delete the topic and let apply make it anew",
                    false => "name another topic in the config, or, while nothing in it is needed, delete it and let apply make it anew",
                },
            ));
        }
        return;
    }
    match topic.kind {
        Kind::Source if !widen_sources => found.refused.push(finding(
            format!(
                "has {before} partitions and the config says {after}: with more, a key moves to another partition while its older records stay where \
                 they are, so the order of a key's events is lost across the change"
            ),
            "drain producers and validators first, then tidegate topics apply --widen-sources --execute; or say what the topic has",
        )),
        _ if platform.is_event_hubs() => found.refused.push(finding(
            format!("has {before} partitions and needs {after}: an outcome keeps the partition of its source record"),
            "raise partition_count through Azure (Premium), or make the hub anew",
        )),
        Kind::Probe | Kind::State => {}
        kind => found.changes.push(Change {
            topic: topic.name.clone(),
            kind,
            step: Step::Partitions { before, after },
            why: match kind {
                Kind::Source => "said on purpose; keys move to other partitions from here on, and their order is not kept across the change".to_owned(),
                _ => "an outcome keeps the partition of its source record, so nothing moves".to_owned(),
            },
        }),
    }
}

fn copies(topic: &Topic, live: &Live, found: &mut Comparison) {
    // The probe topic is made by validators with what the brokers take, and keeps nothing.
    let Some(wanted) = topic.replication.filter(|_| topic.kind != Kind::Probe) else {
        return;
    };
    if live.replication < wanted {
        found.refused.push(Finding {
            topic: topic.name.clone(),
            problem: format!("has {} copies of a partition and needs {wanted}", live.replication),
            fix: "copies are added by kafka-reassign-partitions.sh; or lower topics.replication_factor if that many are meant".to_owned(),
        });
    }
}

fn settings(platform: Platform, topic: &Topic, live: &Live, found: &mut Comparison) {
    if live.settings.is_none() {
        if !platform.is_event_hubs() {
            found.untold += 1;
            found.notes.push(Finding {
                topic: topic.name.clone(),
                problem: "the brokers do not tell its settings".to_owned(),
                fix: "give the right DESCRIBE_CONFIGS, so that they can be checked".to_owned(),
            });
        }
        return;
    }
    for setting in &topic.settings {
        // Brokers before Kafka 3.6 have one limit for both directions.
        const BOTH: &str = "message.timestamp.difference.max.ms";
        let is_limit = setting.key.starts_with("message.timestamp.") && setting.key.ends_with(".max.ms");
        let key = if is_limit && live.value(setting.key).is_none() {
            BOTH
        } else {
            setting.key
        };
        let Some(before) = live.value(key) else {
            found.notes.push(Finding {
                topic: topic.name.clone(),
                problem: format!("these brokers do not know {key}"),
                fix: "nothing to do if they mean it; see their documentation".to_owned(),
            });
            continue;
        };
        let rule = match setting.key {
            "cleanup.policy" | "message.timestamp.type" => Rule::Exactly,
            _ => Rule::AtLeast,
        };
        let enough = match rule {
            Rule::Exactly => same_list(before, &setting.value),
            Rule::AtLeast => at_least(before, &setting.value),
        };
        if enough {
            continue;
        }
        let finding = |problem: String, fix: String| Finding {
            topic: topic.name.clone(),
            problem,
            fix,
        };
        let by_hand = format!(
            "kafka-configs.sh --alter --topic {} --add-config {}={}",
            topic.name, setting.key, setting.value
        );
        match (setting.key, topic.kind) {
            ("cleanup.policy", Kind::Source) => found.notes.push(finding(
                format!("has cleanup.policy={before}: {}", setting.why),
                "leave it if its producers mean it; a record that is compacted away before it is read is never judged".to_owned(),
            )),
            ("message.timestamp.type", Kind::Source) => found.notes.push(finding(
                format!("has message.timestamp.type={before}: latency and windows then count from the broker's clock, not the producer's"),
                "leave it if its producers mean it".to_owned(),
            )),
            ("cleanup.policy", _) if platform.limits().policy_is_final => found.refused.push(finding(
                format!("has cleanup.policy={before} and needs {}: {}", setting.value, setting.why),
                format!(
                    "{} fixes it when the topic is made: delete the topic while nothing in it is needed, and make it anew",
                    platform.title()
                ),
            )),
            // From `compact` to `delete` the brokers begin to delete by age what they kept until now.
            ("cleanup.policy", kind) if kind != Kind::State => found.refused.push(finding(
                format!("has cleanup.policy={before} and needs {}: {}", setting.value, setting.why),
                format!("it is not changed for you, since old records would begin to be deleted; when that is meant: {by_hand}"),
            )),
            ("min.insync.replicas", _) if setting.value.parse::<u16>().is_ok_and(|wanted| wanted > live.replication) => {
                found.refused.push(finding(
                    format!(
                        "has min.insync.replicas={before} and needs {}, and only {} copies: with that nothing could be written",
                        setting.value, live.replication
                    ),
                    "add copies with kafka-reassign-partitions.sh first; or lower topics.min_insync_replicas if that is meant".to_owned(),
                ));
            }
            (_, kind) if found.changes.iter().all(|change| !change.sets(&topic.name, key)) => found.changes.push(Change {
                topic: topic.name.clone(),
                kind,
                step: Step::Set {
                    key,
                    before: Some(before.to_owned()),
                    after: setting.value.clone(),
                },
                why: setting.why.to_owned(),
            }),
            // Said already, by the other direction.
            _ => {}
        }
    }
    if live.value("unclean.leader.election.enable") == Some("true") && topic.kind != Kind::Probe {
        found.notes.push(Finding {
            topic: topic.name.clone(),
            problem: "has unclean.leader.election.enable=true: acknowledged records can be lost when brokers fail".to_owned(),
            fix: format!(
                "kafka-configs.sh --alter --topic {} --add-config unclean.leader.election.enable=false",
                topic.name
            ),
        });
    }
    if topic.kind.mirrors() && live.value("retention.bytes").is_some_and(|bytes| bytes != "-1") {
        found.notes.push(Finding {
            topic: topic.name.clone(),
            problem: format!(
                "has retention.bytes={}: records may be deleted by size before their retention is over",
                live.value("retention.bytes").unwrap_or_default()
            ),
            fix: "make sure that it holds what comes in while a sink stands still, or set it to -1".to_owned(),
        });
    }
}

/// A policy is a list whose order says nothing.
fn same_list(a: &str, b: &str) -> bool {
    let parts = |text: &str| {
        let mut parts: Vec<String> = text.split(',').map(|part| part.trim().to_owned()).collect();
        parts.sort();
        parts
    };
    parts(a) == parts(b)
}

/// Whether the value that holds is no less than the one that is wanted. -1 is without end.
fn at_least(holds: &str, wanted: &str) -> bool {
    let number = |text: &str| {
        text.trim()
            .parse::<i64>()
            .ok()
            .map(|number| if number < 0 { i64::MAX } else { number })
    };
    match (number(holds), number(wanted)) {
        (Some(holds), Some(wanted)) => holds >= wanted,
        // What is no number cannot be told to be enough.
        _ => false,
    }
}

#[cfg(test)]
mod tests;
