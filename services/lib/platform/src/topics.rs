//! Which topics there must be, and why each setting is what it is.

use std::collections::BTreeMap;

use crate::compare::Live;
use crate::duration;
use crate::platform::Platform;

/// The largest number of Kafka's configuration: no limit.
pub const NO_LIMIT: &str = "9223372036854775807";
/// What an outcome may be larger than its source: Tidegate's headers.
pub const HEADERS_BYTES: u64 = 65_536;
/// Kafka's own default of `max.message.bytes`.
pub const RECORD_BYTES: u64 = 1_048_588;

/// What a topic is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Written by producers, bound by a contract.
    Source,
    /// Records that passed.
    Validated,
    /// Records that did not.
    DeadLetter,
    /// Dead letters on their way back.
    Retry,
    /// Dead letters that came back too often.
    Parked,
    /// Transactions are proved here at each start.
    Probe,
    /// States of groups of dead letters, and replays.
    State,
}

/// A source with the names of its topics, and what was said about it.
#[derive(Debug, Clone)]
pub struct Source {
    /// Topic that a contract binds.
    pub name: String,
    /// Topic of what passed.
    pub validated: String,
    /// Topic of what did not.
    pub dead_letters: String,
    /// Topic of replays, if there are any.
    pub retry: Option<String>,
    /// Topic of what came back too often, if there are replays.
    pub parked: Option<String>,
    /// Partitions, if somebody said so; else what the live topic has, else [`Spec::partitions`].
    pub partitions: Option<u32>,
    /// Retention of the source in milliseconds.
    pub retention: u64,
    /// Retention of validated records.
    pub validated_retention: u64,
    /// Retention of dead letters, retries and parked records.
    pub dead_letter_retention: u64,
    /// Largest record of the source.
    pub record_bytes: u64,
}

/// What holds for a whole deployment.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Where the topics are.
    pub platform: Platform,
    /// Sources.
    pub sources: Vec<Source>,
    /// Whether source topics are ours to make and to widen; else they are only looked at.
    pub with_sources: bool,
    /// Partitions of sources about which nothing was said.
    pub partitions: u32,
    /// Copies of each partition.
    pub replication: u16,
    /// Copies that must have a record before it counts.
    pub in_sync: u16,
    /// How far ahead of the broker's clock a record of a source may be, in milliseconds. None: no limit.
    pub ahead: Option<u64>,
    /// Topic for the proof of transactions; none in `at_least_once`.
    pub probe: Option<String>,
    /// Compacted topic of states.
    pub state: String,
}

/// One setting with the reason that people read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Kafka's name.
    pub key: &'static str,
    /// Value.
    pub value: String,
    /// Why.
    pub why: &'static str,
}

/// A topic that there must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Name.
    pub name: String,
    /// What it is for.
    pub kind: Kind,
    /// Source topics that it serves.
    pub of: Vec<String>,
    /// Partitions.
    pub partitions: u32,
    /// Partitions that somebody said on purpose (sources only).
    pub said: Option<u32>,
    /// Copies; none where the platform decides.
    pub replication: Option<u16>,
    /// Settings in the order in which they are written; none by this API on Event Hubs.
    pub settings: Vec<Setting>,
    /// Retention in milliseconds; none where it is compacted.
    pub retention: Option<u64>,
    /// Largest record.
    pub record_bytes: u64,
}

// === impl Kind ===

impl Kind {
    /// The word in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Source => "source",
            Kind::Validated => "validated",
            Kind::DeadLetter => "dead letters",
            Kind::Retry => "retry",
            Kind::Parked => "parked",
            Kind::Probe => "probe",
            Kind::State => "state",
        }
    }

    /// Whether an outcome or replay keeps its source's partition number here.
    pub const fn mirrors(self) -> bool {
        matches!(self, Kind::Validated | Kind::DeadLetter | Kind::Retry | Kind::Parked)
    }

    const fn is_compacted(self) -> bool {
        matches!(self, Kind::State)
    }
}

// === impl Topic ===

impl Topic {
    /// The value of a setting.
    pub fn setting(&self, key: &str) -> Option<&str> {
        self.settings
            .iter()
            .find(|setting| setting.key == key)
            .map(|setting| &*setting.value)
    }

    /// What it is for, in words.
    pub fn purpose(&self) -> String {
        match self.kind {
            Kind::Source => "source, written by producers".to_owned(),
            Kind::Probe => "transactions are proved here at each start".to_owned(),
            Kind::State => "states of dead-letter groups, counts, replays".to_owned(),
            kind => format!("{} of {}", kind.as_str(), self.of.join(", ")),
        }
    }
}

// === impl Spec ===

impl Spec {
    /// Takes partitions and sizes of source topics that are there already: outcomes must fit those, whatever was said.
    pub fn adopt(&mut self, live: &[Live], widen_sources: bool) {
        for source in &mut self.sources {
            let Some(found) = live.iter().find(|topic| topic.name == source.name) else {
                continue;
            };
            let grows = widen_sources && self.with_sources && source.partitions.is_some_and(|said| said > found.partitions);
            if !grows {
                source.partitions = Some(found.partitions);
            }
            let bytes = found.value("max.message.bytes").and_then(|bytes| bytes.parse().ok()).unwrap_or(0);
            source.record_bytes = source.record_bytes.max(bytes);
        }
    }

    /// Every topic, sources first, each once. A topic that several sources share fits all of them. `said` holds, by source, what was said
    /// before [`Spec::adopt`].
    pub fn topics(&self, said: &BTreeMap<String, u32>) -> Vec<Topic> {
        let mut topics: Vec<Topic> = Vec::new();
        for source in &self.sources {
            let outcome = source.record_bytes + HEADERS_BYTES;
            let rows = [
                (Some(&source.name), Kind::Source, source.retention, source.record_bytes),
                (Some(&source.validated), Kind::Validated, source.validated_retention, outcome),
                (Some(&source.dead_letters), Kind::DeadLetter, source.dead_letter_retention, outcome),
                (source.retry.as_ref(), Kind::Retry, source.dead_letter_retention, outcome),
                (source.parked.as_ref(), Kind::Parked, source.dead_letter_retention, outcome),
            ];
            for (name, kind, retention, record_bytes) in rows {
                let Some(name) = name else { continue };
                if kind == Kind::Source && !self.with_sources {
                    continue;
                }
                let partitions = source.partitions.unwrap_or(self.partitions);
                match topics.iter_mut().find(|topic| topic.name == *name && topic.kind == kind) {
                    Some(shared) => {
                        shared.of.push(source.name.clone());
                        shared.partitions = shared.partitions.max(partitions);
                        shared.retention = shared.retention.max(Some(retention));
                        shared.record_bytes = shared.record_bytes.max(record_bytes);
                    }
                    None => topics.push(Topic {
                        name: name.clone(),
                        kind,
                        of: vec![source.name.clone()],
                        partitions,
                        said: (kind == Kind::Source).then(|| said.get(&source.name).copied()).flatten(),
                        replication: None,
                        settings: Vec::new(),
                        retention: Some(retention),
                        record_bytes,
                    }),
                }
            }
        }
        topics.sort_by_key(|topic| (topic.kind != Kind::Source, topic.of.first().cloned(), topic.kind));
        let internal = |name: &String, kind: Kind, retention| Topic {
            name: name.clone(),
            kind,
            of: Vec::new(),
            partitions: 1,
            said: None,
            replication: None,
            settings: Vec::new(),
            retention,
            record_bytes: RECORD_BYTES,
        };
        topics.extend(self.probe.iter().map(|name| internal(name, Kind::Probe, Some(3_600_000))));
        topics.push(internal(&self.state, Kind::State, None));
        for topic in &mut topics {
            topic.replication = self.platform.limits().says_replication.then_some(self.replication);
            topic.settings = self.settings(topic);
        }
        topics
    }

    /// Sources that are not ours to make and that are not there.
    pub fn missing_sources(&self, live: &[Live]) -> Vec<crate::compare::Finding> {
        let is_there = |name: &String| live.iter().any(|topic| topic.name == *name);
        let missing = self.sources.iter().filter(|source| !self.with_sources && !is_there(&source.name));
        missing
            .map(|source| crate::compare::Finding {
                topic: source.name.clone(),
                problem: "does not exist; a contract binds it".to_owned(),
                fix: "let its producers create it, leave out --without-sources, or take the contract out of the snapshot".to_owned(),
            })
            .collect()
    }

    fn settings(&self, topic: &Topic) -> Vec<Setting> {
        let can = self.platform.limits().topic_settings;
        let ahead = match (topic.kind, self.ahead) {
            (Kind::Source, Some(ahead)) => ahead.to_string(),
            _ => NO_LIMIT.to_owned(),
        };
        let all = [
            policy(topic.kind),
            topic.retention.map(|millis| Setting {
                key: "retention.ms",
                value: millis.to_string(),
                why: "counted from the timestamps of the source records, so old events that are validated today have little left of it",
            }),
            (topic.kind != Kind::Probe && topic.kind != Kind::State).then(|| Setting {
                key: "max.message.bytes",
                value: topic.record_bytes.to_string(),
                why: match topic.kind {
                    Kind::Source => "the largest record that producers may send",
                    _ => "the source's limit and 64 KiB for headers: a record that came in must be able to leave",
                },
            }),
            Some(Setting {
                key: "min.insync.replicas",
                value: self.in_sync.to_string(),
                why: "a record counts when so many copies have it",
            }),
            Some(Setting {
                key: "message.timestamp.type",
                value: "CreateTime".to_owned(),
                why: "outcomes keep the time of their source record; LogAppendTime would overwrite it",
            }),
            Some(Setting {
                key: "message.timestamp.before.max.ms",
                value: NO_LIMIT.to_owned(),
                why: "no limit, on purpose: a late event must reach its contract, and its outcome must be written, however old it is",
            }),
            Some(Setting {
                key: "message.timestamp.after.max.ms",
                value: ahead.clone(),
                why: match (topic.kind, self.ahead) {
                    (Kind::Source, Some(_)) => {
                        "on purpose: producers whose clock is wrong are refused; a record far ahead would never age out"
                    }
                    (Kind::Source, None) => {
                        "no limit, on purpose: Kafka 4 would refuse events an hour ahead at the producer, where no contract sees them"
                    }
                    _ => {
                        "no limit, on purpose: Kafka 4's hour would refuse the outcome of a record that its source took, and halt the partition"
                    }
                },
            }),
            Some(Setting {
                key: "message.timestamp.difference.max.ms",
                value: ahead,
                why: "on purpose: late and early events must reach their contract (this platform knows no limits apart for before and after)",
            }),
        ];
        // Records of our own topics are of now, and a validator that makes its probe topic says no more than this.
        let matters = |key: &str| match topic.kind {
            Kind::Probe => matches!(key, "cleanup.policy" | "retention.ms"),
            Kind::State => !key.starts_with("message.timestamp"),
            _ => true,
        };
        let mut settings: Vec<Setting> = all.into_iter().flatten().collect();
        settings.retain(|setting| can.contains(&setting.key) && matters(setting.key));
        settings
    }

    /// What the platform cannot hold of these topics, and what was said that cannot be meant; each with its fix.
    pub fn problems(&self, topics: &[Topic]) -> Vec<crate::compare::Finding> {
        let mut found = Vec::new();
        let limits = self.platform.limits();
        let title = self.platform.title();
        let mut say = |topic: &str, problem: String, fix: String| {
            found.push(crate::compare::Finding {
                topic: topic.to_owned(),
                problem,
                fix,
            });
        };
        if let Some(max) = limits.topics_max.filter(|max| topics.len() > *max) {
            say(
                "",
                format!("{} topics are needed and {title} takes {max}", topics.len()),
                "let sources share a dead-letter topic (validator.dead_letter_topic without {topic}), take a larger tier, or split the contracts \
                 over two deployments"
                    .to_owned(),
            );
        }
        if limits.says_replication && self.in_sync > self.replication {
            say(
                "",
                format!(
                    "min.insync.replicas {} is more than {} copies: nothing could be written",
                    self.in_sync, self.replication
                ),
                "lower topics.min_insync_replicas, or raise topics.replication_factor".to_owned(),
            );
        }
        for topic in topics {
            if let Some(max) = limits.partitions_max.filter(|max| topic.partitions > *max) {
                say(
                    &topic.name,
                    format!("needs {} partitions and {title} takes {max}", topic.partitions),
                    "give the source fewer partitions, or take a larger tier".to_owned(),
                );
            }
            if let Some(max) = limits
                .retention_max
                .filter(|max| topic.retention.is_some_and(|retention| retention > *max))
            {
                say(
                    &topic.name,
                    format!(
                        "is to be kept for {} and {title} keeps {} at most",
                        duration::text(topic.retention.unwrap_or(0)),
                        duration::text(max)
                    ),
                    "lower its retention under topics, or take a larger tier".to_owned(),
                );
            }
            // Where nobody may set the size there is nothing to set wrongly; the platform's own limit holds for outcomes too.
            if let Some(max) = limits
                .record_bytes_max
                .filter(|max| !limits.topic_settings.is_empty() && topic.record_bytes > *max)
            {
                say(
                    &topic.name,
                    format!("is to take records of {} bytes and {title} takes {max}", topic.record_bytes),
                    format!("lower topics.max_record_bytes to {} at most", max - HEADERS_BYTES),
                );
            }
            if topics.iter().filter(|other| other.name == topic.name).map(|other| other.kind).max() != Some(topic.kind) {
                say(
                    &topic.name,
                    "is meant to be two things at once".to_owned(),
                    "give the topics of Tidegate names that no contract binds".to_owned(),
                );
            }
            if !is_name(&topic.name) {
                say(
                    &topic.name,
                    "is no name of a topic: letters, digits, '.', '_' and '-', 249 at most".to_owned(),
                    "change physicalName of the contract, or the template".to_owned(),
                );
            }
            if topic.kind != Kind::State && topic.retention.is_some_and(|retention| retention < 3_600_000) {
                say(
                    &topic.name,
                    "is kept for less than an hour: what is deleted before it was read halts its partition".to_owned(),
                    "raise its retention under topics".to_owned(),
                );
            }
        }
        found
    }
}

fn policy(kind: Kind) -> Option<Setting> {
    Some(Setting {
        key: "cleanup.policy",
        value: if kind.is_compacted() { "compact" } else { "delete" }.to_owned(),
        why: match kind {
            Kind::Source => "each event is judged once; compaction would drop some before",
            Kind::State => "compaction alone: what is deleted by age would be forgotten",
            Kind::Probe => "nothing here is worth keeping",
            _ => "compaction would drop records before they are in the lake or cleared",
        },
    })
}

/// Kafka's rule (`Topic.validate`).
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 249
        && name != "."
        && name != ".."
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}
