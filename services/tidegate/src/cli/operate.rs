//! Topics, and what stands in the way.

use clap::{Args, Subcommand, ValueEnum};

use super::{Output, RoleArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum TopicsCommand {
    /// Write the topics that the contracts need as Terraform, Strimzi resources or a script.
    Render(TopicsRenderArgs),
    /// Make and widen topics through Kafka's admin API. Only says what it would do, unless --execute is given.
    Apply(TopicsApplyArgs),
    /// Hold the topics of a cluster against what the contracts need. Changes nothing.
    Check(TopicsCheckArgs),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TopicsFormat {
    /// Resources of the platform's Terraform provider.
    Terraform,
    /// The variable `topics` of the Terraform modules msk and eventhubs.
    Tfvars,
    /// KafkaTopic resources of Strimzi.
    Strimzi,
    /// A shell script over kafka-topics.sh, or over az for Event Hubs.
    Script,
}

/// What topics are to be like; each can stand in the section `topics` of the config file.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct TopicsArgs {
    /// Partitions of source topics about which the config says nothing and that are not there yet.
    #[arg(long, value_name = "N")]
    pub(crate) partitions: Option<u32>,
    /// Copies of each partition.
    #[arg(long, value_name = "N")]
    pub(crate) replication_factor: Option<u16>,
    /// Copies that must have a record before it counts.
    #[arg(long, value_name = "N")]
    pub(crate) min_insync_replicas: Option<u16>,
    /// How long records are kept, such as 7d or 36h.
    #[arg(long, value_name = "TIME")]
    pub(crate) retention: Option<String>,
    /// Leave out source topics: their producers make them.
    #[arg(long)]
    pub(crate) without_sources: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate topics render --to script --contracts contracts > topics.sh
  tidegate topics render --to terraform --profile eventhubs-premium --config tidegate.yaml > topics.tf
  tidegate topics render --to strimzi --cluster kafka --config tidegate.yaml | kubectl apply -f -

Asks no cluster. Exit 0: written; 1: the platform cannot hold these topics; 2: misuse, or the contracts do not load.")]
pub(crate) struct TopicsRenderArgs {
    /// What to write.
    #[arg(long)]
    pub(crate) to: TopicsFormat,
    /// Name of Strimzi's Kafka resource.
    #[arg(long, default_value = "kafka")]
    pub(crate) cluster: String,
    #[command(flatten)]
    pub(crate) topics: TopicsArgs,
    #[command(flatten)]
    pub(crate) role: RoleArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate topics apply --config tidegate.yaml              the plan: each change, before and after
  tidegate topics apply --config tidegate.yaml --execute    make it so

Never deletes and never lowers. Exit 0: nothing to do, or done; 1: changes are pending, or something is left that nobody
changes for you; 2: misuse, or the brokers cannot be asked.")]
pub(crate) struct TopicsApplyArgs {
    /// Make the changes.
    #[arg(long)]
    pub(crate) execute: bool,
    /// Add partitions to source topics that are there, where topics.sources says more. Keys then move to other partitions.
    #[arg(long)]
    pub(crate) widen_sources: bool,
    #[arg(long, default_value = "human")]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) topics: TopicsArgs,
    #[command(flatten)]
    pub(crate) role: RoleArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate topics check --config tidegate.yaml
  tidegate topics check --config tidegate.yaml --output json

One line a finding, with its fix. Exit 0: as they should be; 1: findings; 2: misuse, or the brokers cannot be asked.")]
pub(crate) struct TopicsCheckArgs {
    #[arg(long, default_value = "human")]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) topics: TopicsArgs,
    #[command(flatten)]
    pub(crate) role: RoleArgs,
}

/// Whose rights are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DoctorRole {
    Validator,
    Sink,
    Audit,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate doctor --config tidegate.yaml                     everything, with the credentials of this shell
  tidegate doctor --config tidegate.yaml --role validator    in the validator's pod: its rights only
  tidegate doctor --config tidegate.yaml --output json

Writes no record to your topics; it proves transactions on validator.probe_topic, opens a transactional id of its own, and puts
one object into the lake, which it removes. Exit 0: all well; 1: something is wrong; 2: misuse, or the config does not load.")]
pub(crate) struct DoctorArgs {
    /// Whose rights these credentials should have; may be repeated. Default: of every role that is configured.
    #[arg(long = "role", value_name = "ROLE")]
    pub(crate) roles: Vec<DoctorRole>,
    /// How many seconds one check may take.
    #[arg(long, default_value_t = 20, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) timeout: u64,
    #[arg(long, default_value = "human")]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) topics: TopicsArgs,
    #[command(flatten)]
    pub(crate) role: RoleArgs,
}
