//! The section `topics`: what topics are to be like. Partitions and retention belong to a deployment, not to a contract: the same contract has
//! three partitions in a test cluster and thirty in production.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{anyhow, bail};
use serde::Deserialize;
use tidegate_platform::topics::RECORD_BYTES;
use tidegate_platform::{Source, Spec, duration};

use super::Config;
use crate::cli::TopicsArgs;

const WEEK: &str = "7d";

/// As written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TopicsSection {
    partitions: Option<u32>,
    replication_factor: Option<u16>,
    min_insync_replicas: Option<u16>,
    retention: Option<String>,
    validated_retention: Option<String>,
    dead_letter_retention: Option<String>,
    max_record_bytes: Option<u64>,
    source_timestamps_ahead: Option<String>,
    sources: BTreeMap<String, SourceSection>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SourceSection {
    partitions: Option<u32>,
    retention: Option<String>,
    validated_retention: Option<String>,
    dead_letter_retention: Option<String>,
    max_record_bytes: Option<u64>,
}

// === impl TopicsSection ===

impl TopicsSection {
    /// How long the dead letters of a source topic are kept, in milliseconds; what no command line said.
    pub(crate) fn dead_letters_kept(&self, source: &str) -> anyhow::Result<u64> {
        let own = self.sources.get(source).and_then(|source| source.dead_letter_retention.as_ref());
        let said = own.or(self.dead_letter_retention.as_ref()).or(self.retention.as_ref());
        let text = said.map_or(WEEK, String::as_str);
        duration::millis(text).ok_or_else(|| anyhow!("topics.dead_letter_retention: `{text}` is no time such as 7d, 36h or 90m"))
    }

    /// The topics of these sources, and what was said about their partitions.
    pub(crate) fn spec(&self, config: &Config, sources: &[Arc<str>], args: &TopicsArgs) -> anyhow::Result<(Spec, BTreeMap<String, u32>)> {
        if let Some(unbound) = self.sources.keys().find(|name| sources.iter().all(|source| **source != ***name)) {
            bail!(
                "topics.sources.{unbound}: no contract binds this topic; bound are {}",
                sources.iter().map(|source| &**source).collect::<Vec<_>>().join(", ")
            );
        }
        let retention = args.retention.as_ref().or(self.retention.as_ref());
        let time = |key: &str, said: [Option<&String>; 2]| -> anyhow::Result<u64> {
            let text = said.into_iter().flatten().next().or(retention).map_or(WEEK, String::as_str);
            duration::millis(text).ok_or_else(|| anyhow!("topics.{key}: `{text}` is no time such as 7d, 36h or 90m"))
        };
        let mut said = BTreeMap::new();
        let of = |name: &Arc<str>| -> anyhow::Result<Source> {
            let own = self.sources.get(&**name).cloned().unwrap_or_default();
            let replays = config.validator.retry(name);
            Ok(Source {
                name: name.to_string(),
                validated: config.validator.validated(name).to_string(),
                dead_letters: config.validator.dead_letters(name).to_string(),
                parked: replays.is_some().then(|| config.parked_topic.replace("{topic}", name)),
                retry: replays.map(|topic| topic.to_string()),
                partitions: own.partitions,
                retention: time("retention", [own.retention.as_ref(), None])?,
                validated_retention: time(
                    "validated_retention",
                    [own.validated_retention.as_ref(), self.validated_retention.as_ref()],
                )?,
                dead_letter_retention: time(
                    "dead_letter_retention",
                    [own.dead_letter_retention.as_ref(), self.dead_letter_retention.as_ref()],
                )?,
                record_bytes: own.max_record_bytes.or(self.max_record_bytes).unwrap_or(RECORD_BYTES),
            })
        };
        let sources = sources.iter().map(of).collect::<anyhow::Result<Vec<Source>>>()?;
        said.extend(sources.iter().filter_map(|source| Some((source.name.clone(), source.partitions?))));
        let ahead = match self.source_timestamps_ahead.as_deref() {
            None => None,
            Some(text) => {
                Some(duration::millis(text).ok_or_else(|| anyhow!("topics.source_timestamps_ahead: `{text}` is no time such as 1h"))?)
            }
        };
        let spec = Spec {
            platform: config.platform(),
            sources,
            with_sources: !args.without_sources,
            partitions: args.partitions.or(self.partitions).unwrap_or(6),
            replication: args.replication_factor.or(self.replication_factor).unwrap_or(3),
            in_sync: args.min_insync_replicas.or(self.min_insync_replicas).unwrap_or(2),
            ahead,
            probe: (config.validator.mode == tidegate_validator::Mode::ExactlyOnce).then(|| config.probe_topic.clone()),
            state: config.state_topic.clone(),
        };
        if spec.partitions == 0 || spec.replication == 0 || spec.in_sync == 0 || said.values().any(|partitions| *partitions == 0) {
            bail!("topics: partitions, replication_factor and min_insync_replicas are 1 or more");
        }
        Ok((spec, said))
    }
}
