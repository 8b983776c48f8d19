//! `tidegate sla`.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::{Output, RoleArgs};
use crate::commands::preview::duration;

#[derive(Debug, Subcommand)]
pub(crate) enum SlaCommand {
    /// Measure and evaluate every objective of the contracts in force.
    Run(SlaArgs),
    /// Measure and evaluate by the schedules of the contracts, until stopped.
    Serve(SlaServeArgs),
    /// Show what earlier runs found.
    History(SlaHistoryArgs),
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SlaOutput {
    #[value(alias = "table")]
    Human,
    Json,
    Junit,
    Html,
}

/// Whether every record is accounted for, where brokers are named.
#[derive(Debug, Clone, Args)]
pub(crate) struct CompletenessArgs {
    /// How far back the first look goes whether every record became an outcome (30m, 1h, 7d); later ones go on from there.
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
    pub(crate) completeness_window: Duration,
    /// Offsets of a partition that such a look reads at most. The first look begins so much later; a later one says what it left.
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) completeness_records: u64,
    /// Do not look whether every record became an outcome.
    #[arg(long)]
    pub(crate) no_completeness: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate sla run --once --contracts contracts --lake ./lake
  tidegate sla run --once --config tidegate.yaml --contract orders --output junit > sla.xml
  tidegate sla run --once --config tidegate.yaml --output html > sla.html

With brokers in the configuration, dead letters, idle topics and the first files of the lake are looked at, too (error rate and
availability need them), and whether every record of the last hour became an outcome. Exit 0: everything holds; 1: a promise of severity error is broken; 2: one could not be told, or misuse.")]
pub(crate) struct SlaArgs {
    /// Evaluate once and exit (the schedule is somebody else's; `sla serve` keeps the contracts' own).
    #[arg(long, required = true)]
    pub(crate) once: bool,
    /// A table, one JSON document a contract version, JUnit's XML, or one HTML page that needs nothing else.
    #[arg(long, default_value = "human")]
    pub(crate) output: SlaOutput,
    /// Only this contract id.
    #[arg(long, value_name = "ID")]
    pub(crate) contract: Option<String>,
    /// Only this rule or SLA property id.
    #[arg(long, value_name = "ID")]
    pub(crate) rule: Option<String>,
    /// Also write the run to the history table of the lake.
    #[arg(long)]
    pub(crate) history: bool,
    #[command(flatten)]
    pub(crate) completeness: CompletenessArgs,
    #[command(flatten)]
    pub(crate) role: RoleArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate sla serve --config tidegate.yaml
  tidegate sla serve --contracts contracts --lake ./lake --schedule '*/5 * * * *'
  tidegate sla serve --config tidegate.yaml --schedule 'CRON_TZ=Europe/Berlin 0 6 * * *'

Each clause goes by its own `schedule` with `scheduler: cron`; --schedule is for those without. Run one process: a second one does the same
work again. Ends with 0 when stopped; 69, 75 or 78 as other roles do.")]
pub(crate) struct SlaServeArgs {
    /// Schedule of clauses that have none: five fields, or @hourly and the like; CRON_TZ=ZONE in front names a time zone (default UTC).
    #[arg(long, value_name = "CRON", default_value = "*/15 * * * *", env = "TIDEGATE_SLA_SCHEDULE")]
    pub(crate) schedule: String,
    /// Seconds that runs may begin after their time, always the same for a contract, so that many contracts spread.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub(crate) jitter: u64,
    /// Do not write the history table: then runs that were missed while nobody was there are not known either.
    #[arg(long)]
    pub(crate) no_history: bool,
    #[command(flatten)]
    pub(crate) completeness: CompletenessArgs,
    #[command(flatten)]
    pub(crate) role: RoleArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate sla history --lake ./lake --contracts contracts
  tidegate sla history --config tidegate.yaml --contract orders --rule orders-fresh --limit 50

Reads every file of the table. Exit 0: shown; 2: misuse, or it could not be read.")]
pub(crate) struct SlaHistoryArgs {
    /// Only this contract id.
    #[arg(long, value_name = "ID")]
    pub(crate) contract: Option<String>,
    /// Only this rule or SLA property id.
    #[arg(long, value_name = "ID")]
    pub(crate) rule: Option<String>,
    /// Newest results, at most 1000.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) limit: u64,
    #[arg(long, default_value = "human")]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) role: RoleArgs,
}
