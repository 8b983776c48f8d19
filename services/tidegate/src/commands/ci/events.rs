//! What the change would do to events that really came, as one more check of the review.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tidegate_contract::{Contract, Status};
use tidegate_diff::Diff;
use tidegate_preview::{Asked, Change, Conclusion, Limit, Pair, Report, Side, Stopped};

use super::{State, Step};
use crate::cli::RoleArgs;
use crate::commands::lint::count;
use crate::commands::preview::{Request, duration, preview};

/// The flags of `tidegate ci` about events.
#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// Judge these events by the contracts before and after the change: a file with one event a line, a folder of the lake, topic:NAME,
    /// dead-letters:NAME, with ranges as for `tidegate preview`; may be given again.
    #[arg(long = "preview", value_name = "INPUT")]
    inputs: Vec<String>,
    /// Topic of events in files; needed when the contracts bind several.
    #[arg(long, value_name = "TOPIC", requires = "inputs")]
    preview_topic: Option<String>,
    /// Findings when more events newly fail: a share of those that could be told (0.1%) or a number.
    #[arg(long, value_name = "LIMIT", requires = "inputs")]
    max_newly_failing: Option<Limit>,
    /// Of topics: only records of so long, or from this time on (24h, 7d, RFC 3339); default: the newest --max-events.
    #[arg(long, value_name = "TIME|DURATION", requires = "inputs")]
    since: Option<String>,
    /// Judge so many events at most.
    #[arg(long, default_value_t = 500_000)]
    max_events: u64,
    /// Judge for so long at most (90s, 5m).
    #[arg(long, default_value = "5m", value_parser = duration)]
    max_time: Duration,
    /// Header whose text names the producer: counts by producer.
    #[arg(long, value_name = "NAME", requires = "inputs")]
    producer_header: Option<String>,
    /// Show values of unclassified properties in examples; without it none, since more people read a comment than a topic.
    #[arg(long, requires = "inputs")]
    show_values: bool,
    /// Config file (YAML), for brokers and registry of --preview.
    #[arg(long, short, env = "TIDEGATE_CONFIG")]
    config: Option<PathBuf>,
    /// Kafka brokers of --preview, host:port, comma separated.
    #[arg(long, env = "TIDEGATE_BROKERS")]
    brokers: Option<String>,
    /// Schema registry with Confluent's API, for --preview.
    #[arg(long, env = "TIDEGATE_REGISTRY")]
    registry: Option<String>,
    /// Folder of schema files, for --preview.
    #[arg(long, env = "TIDEGATE_SCHEMA_FILES")]
    schema_files: Option<String>,
}

/// Two sides by name.
pub(super) type Sides<'s> = [(&'s str, &'s [Arc<Contract>]); 2];

// === impl EventsArgs ===

impl EventsArgs {
    /// The step, and the preview where one was made; none when nobody asked. `diff` is none when contracts of the change do not load.
    pub(super) fn step(&self, sides: Sides<'_>, diff: Option<&Diff>, now: Option<i64>) -> Option<(Step, Option<Report>)> {
        if self.inputs.is_empty() {
            return None;
        }
        let told = |state, said: String| Step {
            name: "preview",
            state,
            said,
        };
        let Some(diff) = diff else {
            let said = "not made: contracts of this side do not load".to_owned();
            return Some((told(State::CouldNotTell, said), None));
        };
        if diff.contracts.is_empty() {
            return Some((told(State::Clean, "not needed: no contract changed".to_owned()), None));
        }
        Some(match self.judge(sides, now) {
            Ok(report) => {
                let (state, said) = concluded(&report);
                (told(state, said), Some(report))
            }
            // Whatever the other checks found is told all the same.
            Err(error) => (told(State::CouldNotTell, format!("{error:#}")), None),
        })
    }

    fn judge(&self, [old, new]: Sides<'_>, now: Option<i64>) -> anyhow::Result<Report> {
        let pair = Pair {
            old: compiled(old)?,
            new: compiled(new)?,
        };
        let request = Request {
            inputs: self.inputs.clone(),
            topic: self.preview_topic.clone(),
            last: None,
            since: self.since.clone(),
            max_events: self.max_events,
            max_time: self.max_time,
            max_newly_failing: self.max_newly_failing,
            now,
            asked: Asked {
                enforce: false,
                producer_header: self.producer_header.as_deref().map(Into::into),
                hide_values: !self.show_values,
            },
            threads: None,
            role: RoleArgs {
                config: self.config.clone(),
                brokers: self.brokers.clone(),
                registry: self.registry.clone(),
                schema_files: self.schema_files.clone(),
                ..RoleArgs::default()
            },
        };
        preview(&pair, &request)
    }
}

/// As a validator loads them.
fn compiled((name, contracts): (&str, &[Arc<Contract>])) -> anyhow::Result<Side> {
    let loaded: Vec<Arc<Contract>> = contracts
        .iter()
        .filter(|contract| contract.status != Status::Draft)
        .cloned()
        .collect();
    Side::new(name, &loaded).map_err(|problems| match problems.first() {
        Some(first) => anyhow::anyhow!("{name} does not compile: {} {}", first.location, first.problem),
        None => anyhow::anyhow!("{name} does not compile"),
    })
}

fn concluded(report: &Report) -> (State, String) {
    let total = report.total();
    let (failing, passing, undecided) = (
        total.of(Change::NewlyFailing),
        total.of(Change::NewlyPassing),
        total.of(Change::Undecided),
    );
    let mut said = format!(
        "{failing} of {} newly fail, {passing} newly pass",
        count(usize::try_from(total.events()).unwrap_or(usize::MAX), "event")
    );
    if undecided > 0 {
        said.push_str(&format!(", {undecided} could not be told"));
    }
    if let Some((_, freed, _)) = report.dead_letters() {
        said.push_str(&format!(
            "; {} would be freed",
            count(usize::try_from(freed).unwrap_or(usize::MAX), "open dead letter")
        ));
    }
    let is_interrupted = report.inputs.iter().any(|input| input.stopped == Some(Stopped::Asked));
    let state = match (report.conclusion(), report.limit) {
        (Some(Conclusion::Exceeded), Some(limit)) => {
            said.push_str(&format!("; more than {limit}"));
            State::Findings
        }
        (Some(Conclusion::CouldNotTell), Some(limit)) => {
            said.push_str(&format!("; it could not be told whether that is within {limit}"));
            State::CouldNotTell
        }
        _ if is_interrupted => State::CouldNotTell,
        // Without a limit nobody is stopped, and nobody may take silence for a check that was made.
        (None, _) if total.events() == 0 => {
            said.push_str("; there were no events to judge");
            State::Told
        }
        _ if failing + undecided > 0 => State::Told,
        _ => State::Clean,
    };
    for stopped in report.inputs.iter().filter_map(|input| Some((input, input.stopped?))) {
        said.push_str(&format!("; {}: {}", stopped.0.name, stopped.1.as_str()));
    }
    (state, said)
}
