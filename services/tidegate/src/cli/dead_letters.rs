//! Dead letters in groups, and their way back.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{Output, RoleArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum DlqCommand {
    /// List the groups: how many, since when, from whom, and how they stand.
    Ls(DlqLsArgs),
    /// Count what came since the last look and keep it, so that the next look is quick. For a schedule.
    Count(DlqCountArgs),
    /// One group: examples without values, where they lie, and how to put it right.
    Show(DlqShowArgs),
    /// Write the dead letters of a group as JSON lines; without --values no content leaves.
    Export(DlqExportArgs),
    /// Say how a group stands; it is kept in the state topic for everybody.
    Mark(DlqMarkArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate dlq ls --config tidegate.yaml                   open groups, largest first
  tidegate dlq ls --config tidegate.yaml --all             also those that are ignored or fixed
  tidegate dlq ls --config tidegate.yaml --output json     for scripts

Only what came since the last look is read; the counts so far are kept in the state topic.
Exit 0: no open group; 1: there are some, or dead letters of groups that are not told apart; 2: misuse, or something could not be looked at.")]
pub(crate) struct DlqLsArgs {
    /// Also groups that are ignored or fixed.
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) look: DlqLookArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate dlq count --config tidegate.yaml                every few minutes, by cron or a CronJob

Whoever looks afterwards (`dlq ls`, `show`, `export`, `mark`) reads only what came since.
Exit 0: everything is counted and kept, whatever was found; 2: misuse, no state topic to keep it in, or something was not counted or not kept.")]
pub(crate) struct DlqCountArgs {
    #[command(flatten)]
    pub(crate) look: DlqLookArgs,
}

/// What every look at dead letters needs.
#[derive(Debug, Args)]
pub(crate) struct DlqLookArgs {
    /// Only dead letters of these source topics; default: of every topic that a contract binds.
    #[arg(long = "topic")]
    pub(crate) topics: Vec<String>,
    /// Read at most so many dead letters that were not counted before; an export, at most so many at all.
    #[arg(long, default_value_t = 10_000_000, value_name = "N")]
    pub(crate) max: i64,
    #[arg(long, default_value = "human")]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) role: RoleArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DlqShowArgs {
    /// Fingerprint of the group, or its beginning.
    pub(crate) fingerprint: String,
    #[command(flatten)]
    pub(crate) look: DlqLookArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DlqExportArgs {
    /// Fingerprint of the group, or its beginning.
    pub(crate) fingerprint: String,
    /// With keys, values and headers of the events, which may be personal data.
    #[arg(long)]
    pub(crate) values: bool,
    /// Write at most so many.
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    pub(crate) limit: u64,
    #[command(flatten)]
    pub(crate) look: DlqLookArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate dlq mark 3f2a --state fixing --note 'producer rolls back' --config tidegate.yaml
  tidegate dlq mark 3f2a --state ignored --until 2026-12-01T00:00:00Z --config tidegate.yaml
  tidegate dlq mark 3f2a --state fixed --config tidegate.yaml     opens again by itself when it comes back")]
pub(crate) struct DlqMarkArgs {
    /// Fingerprint of the group, or its beginning.
    pub(crate) fingerprint: String,
    /// How it stands.
    #[arg(long)]
    pub(crate) state: SaidArg,
    /// With `ignored`: until when (RFC 3339).
    #[arg(long, value_name = "TIME", required_if_eq("state", "ignored"))]
    pub(crate) until: Option<String>,
    /// Why, or what is being done.
    #[arg(long)]
    pub(crate) note: Option<String>,
    /// Who says so; default: the user, or the host where there is none.
    #[arg(long, env = "USER")]
    pub(crate) by: Option<String>,
    #[command(flatten)]
    pub(crate) look: DlqLookArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SaidArg {
    New,
    Known,
    Fixing,
    Ignored,
    Fixed,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate replay --topic orders --fingerprint 3f2a                         what would happen, by the contracts of now
  tidegate replay --topic orders --fingerprint 3f2a --repair amounts.repair.yaml
  tidegate replay --topic orders --fingerprint 3f2a --repair amounts.repair.yaml --execute --rate 500 --reason 'INC-42'
  tidegate replay --resume 20261121-9f31c2                            go on with one that was stopped
  tidegate replay --contracts repo#fix-amounts --topic orders --fingerprint 3f2a   by the contracts of a branch

Without a repair the original bytes go back. Exit 0: all would be valid (or: all were sent); 1: some would be invalid or stay;
2: misuse, nothing is meant by the filter, or it could not be told. With --execute also 69 and 75: run it again with --resume; 78: somebody
must change something first, or another replay has taken over.")]
pub(crate) struct ReplayArgs {
    /// Source topic of the dead letters.
    #[arg(long, required_unless_present = "resume")]
    pub(crate) topic: Option<String>,
    /// Only this group: a fingerprint, or its beginning. May be repeated.
    #[arg(long = "fingerprint", value_name = "FINGERPRINT")]
    pub(crate) fingerprints: Vec<String>,
    /// Only of this contract id.
    #[arg(long)]
    pub(crate) contract: Option<String>,
    /// Only where this rule or clause comes first.
    #[arg(long)]
    pub(crate) rule: Option<String>,
    /// Only at this place or below, such as /items/*/sku.
    #[arg(long)]
    pub(crate) path: Option<String>,
    /// Only for this reason, such as type_mismatch.
    #[arg(long)]
    pub(crate) cause: Option<String>,
    /// Only what failed at this time or later (RFC 3339).
    #[arg(long, value_name = "TIME")]
    pub(crate) from_time: Option<String>,
    /// Only what failed before this time.
    #[arg(long, value_name = "TIME")]
    pub(crate) until_time: Option<String>,
    /// Only these offsets of the dead-letter topic, the end not counted in. May be repeated.
    #[arg(long, value_name = "PARTITION=FROM..UNTIL")]
    pub(crate) offsets: Vec<String>,
    /// Only of the producer that calls itself so in a header (`producer`, `ce_source`, `x-producer`).
    #[arg(long)]
    pub(crate) producer: Option<String>,
    /// Only with this key.
    #[arg(long)]
    pub(crate) key: Option<String>,
    /// Repair file; keep it in Git.
    #[arg(long, value_name = "FILE")]
    pub(crate) repair: Option<PathBuf>,
    /// Really send.
    #[arg(long)]
    pub(crate) execute: bool,
    /// Go on with a replay that was stopped; it really sends, and by what it was asked for when it began.
    #[arg(
        long,
        value_name = "ID",
        conflicts_with_all = [
            "topic", "fingerprints", "contract", "rule", "path", "cause", "from_time", "until_time", "offsets", "producer", "key", "repair", "target",
            "attempts", "again", "only_valid", "reason"
        ]
    )]
    pub(crate) resume: Option<String>,
    /// At most so many records a second.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rate: Option<u64>,
    /// Another topic than the retry topic, for example of a test environment; it needs as many partitions.
    #[arg(long, value_name = "TOPIC")]
    pub(crate) target: Option<String>,
    /// Sent back this often, a dead letter goes to the parked topic instead.
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) attempts: u32,
    /// Also dead letters that went back before, with the bytes that failed first; needs --fingerprint or --offsets.
    #[arg(long)]
    pub(crate) again: bool,
    /// Send only what would be valid by the contracts of now.
    #[arg(long)]
    pub(crate) only_valid: bool,
    /// Also dead letters that an earlier replay may have sent, where its records are gone.
    #[arg(long)]
    pub(crate) accept_unknown: bool,
    /// Search so many validated offsets of each partition for newer events of the same keys; 0: do not.
    #[arg(long, default_value_t = 200_000, value_name = "N")]
    pub(crate) order_search: i64,
    /// Refuse before anything is read where more offsets would be read than these, of dead letters, of what was sent and parked before, and
    /// of validated events together.
    #[arg(long, default_value_t = 20_000_000, value_name = "N")]
    pub(crate) read_max: i64,
    /// A dry run judges at most so many; the others are counted.
    #[arg(long, default_value_t = 1_000_000, value_name = "N")]
    pub(crate) judge_max: u64,
    /// Before/after pairs show values, which may be personal data.
    #[arg(long)]
    pub(crate) values: bool,
    /// Why; kept with the replay.
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// Who asks for it; kept with the replay. Default: the user, or the host where there is none.
    #[arg(long, env = "USER")]
    pub(crate) by: Option<String>,
    #[arg(long, default_value = "human")]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) role: RoleArgs,
}
