//! The flags of `tidegate preview`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use tidegate_preview::{Asked, Limit};

use super::Request;
use crate::cli::RoleArgs;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate preview --old main:contracts --new contracts --topic orders events.jsonl
  tidegate preview --old old.odcs.yaml --new new.odcs.yaml topic:orders --brokers kafka:9092 --last 100000
  tidegate preview --old main:contracts --new contracts dead-letters:orders.dlq --config tidegate.yaml
  kcat -C -t orders -e | tidegate preview --old old.odcs.yaml --new new.odcs.yaml -

An input is a file with one event a line (`-` is standard input; a line that begins with @ holds key, value and headers, see docs/preview.md),
topic:NAME or dead-letters:NAME, either with a range: topic:orders:0=100..200. Reads only.
Exit 0: made, and within --max-newly-failing; 1: more events newly fail; 2: misuse, contracts that do not load, or it could not be told.")]
pub(crate) struct PreviewArgs {
    /// Contracts in force: a file, a folder, or REF:PATH of a Git repository.
    #[arg(long, value_name = "SPEC")]
    pub(crate) old: String,
    /// Contracts as they would be.
    #[arg(long, value_name = "SPEC")]
    pub(crate) new: String,
    /// Where events come from.
    #[arg(required = true, value_name = "INPUT")]
    pub(crate) inputs: Vec<String>,
    /// Topic of events in files; needed when the contracts bind several.
    #[arg(long)]
    pub(crate) topic: Option<String>,
    /// Of topics: only the newest N offsets, shared out over the partitions; default: --max-events.
    #[arg(long, value_name = "N", conflicts_with = "since")]
    pub(crate) last: Option<u64>,
    /// Of topics: only records from this time on (RFC 3339), or of so long (30m, 24h, 7d).
    #[arg(long, value_name = "TIME|DURATION")]
    pub(crate) since: Option<String>,
    /// Stop after so many events.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) max_events: u64,
    /// Stop after so long (90s, 5m, 1h).
    #[arg(long, default_value = "10m", value_parser = duration)]
    pub(crate) max_time: Duration,
    /// Exit 1 when more events newly fail: a share of those that could be told (0.1%) or a number.
    #[arg(long, value_name = "LIMIT")]
    pub(crate) max_newly_failing: Option<Limit>,
    /// Judge proposed and draft versions of the new side as if they were active.
    #[arg(long)]
    pub(crate) enforce: bool,
    /// Header whose text names the producer: counts by producer.
    #[arg(long, value_name = "NAME")]
    pub(crate) producer_header: Option<String>,
    /// Show no value of any event, not even of unclassified properties.
    #[arg(long)]
    pub(crate) hide_values: bool,
    /// The clock that rules see (RFC 3339); default: now, and for dead letters the time at which each was judged.
    #[arg(long)]
    pub(crate) now: Option<String>,
    /// Judging threads; default: those of the machine.
    #[arg(long)]
    pub(crate) threads: Option<usize>,
    #[arg(long, default_value = "human")]
    pub(crate) output: PreviewOutput,
    /// Config file (YAML), for brokers and registry.
    #[arg(long, short, env = "TIDEGATE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Kafka brokers, host:port, comma separated.
    #[arg(long, env = "TIDEGATE_BROKERS")]
    pub(crate) brokers: Option<String>,
    /// Schema registry with Confluent's API.
    #[arg(long, env = "TIDEGATE_REGISTRY")]
    pub(crate) registry: Option<String>,
    /// Folder of schema files.
    #[arg(long, env = "TIDEGATE_SCHEMA_FILES")]
    pub(crate) schema_files: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PreviewOutput {
    Human,
    Json,
    Markdown,
}

// === impl PreviewArgs ===

impl PreviewArgs {
    pub(super) fn request(&self) -> anyhow::Result<Request> {
        let now = match &self.now {
            None => None,
            Some(text) => {
                let at: jiff::Timestamp = text.parse().with_context(|| format!("--now: `{text}` is not an RFC 3339 time"))?;
                Some(at.as_microsecond())
            }
        };
        Ok(Request {
            inputs: self.inputs.clone(),
            topic: self.topic.clone(),
            last: self.last,
            since: self.since.clone(),
            max_events: self.max_events,
            max_time: self.max_time,
            max_newly_failing: self.max_newly_failing,
            now,
            asked: Asked {
                enforce: self.enforce,
                producer_header: self.producer_header.as_deref().map(Into::into),
                hide_values: self.hide_values,
            },
            threads: self.threads,
            role: RoleArgs {
                config: self.config.clone(),
                brokers: self.brokers.clone(),
                registry: self.registry.clone(),
                schema_files: self.schema_files.clone(),
                ..RoleArgs::default()
            },
        })
    }
}

/// `90s`, `5m`, `24h`, `7d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no duration such as 90s, 5m, 24h or 7d");
    let (digits, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    count.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(604_800)));
        for bad in ["", "5", "m", "5 m", "-1s", "1y", "99999999999999999999s", "1é"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
