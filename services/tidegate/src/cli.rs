//! The command line. Each flag can also come from the environment (`TIDEGATE_…`) or from the config file; the flag wins, then the
//! environment, then the file.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod alerts;
mod dead_letters;
mod sla;

pub(crate) use sla::{CompletenessArgs, SlaArgs, SlaCommand, SlaHistoryArgs, SlaOutput, SlaServeArgs};
mod operate;

pub(crate) use alerts::{AlertsArgs, AlertsCommand, RuleForm, SlaChecks};
pub(crate) use dead_letters::{
    DlqCommand, DlqCountArgs, DlqExportArgs, DlqLookArgs, DlqLsArgs, DlqMarkArgs, DlqShowArgs, ReplayArgs, SaidArg,
};

pub(crate) use operate::{
    DoctorArgs, DoctorRole, TopicsApplyArgs, TopicsArgs, TopicsCheckArgs, TopicsCommand, TopicsFormat, TopicsRenderArgs,
};

use crate::commands::infer::InferArgs;
use crate::commands::preview::PreviewArgs;
use crate::commands::resume::ResumeArgs;

/// Checks every event of Kafka topics against data contracts kept in Git, and lands the valid ones as exact Parquet.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version = crate::build::described(), arg_required_else_help = true, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: Common,
}

const EXAMPLES: &str = "Examples:
  tidegate demo                                     see the whole path run, without Kafka or an account
  tidegate check orders.odcs.yaml events.jsonl      judge events on your laptop
  tidegate try orders.odcs.yaml event.json          one event, with the place of everything that is wrong
  tidegate export orders.odcs.yaml --to sql         the contract as JSON Schema, Avro, SQL, …
  tidegate lint contracts                           what is wrong with contracts, and what nothing checks
  tidegate test contracts                           the examples beside contracts: what must pass, what must not and why
  tidegate diff --base origin/main contracts        what a change of contracts breaks, and the version it needs
  tidegate preview --old main:contracts --new contracts events.jsonl
                                                    what a change would do to real events
  tidegate infer events.jsonl                       a draft contract from events
  tidegate ci --base origin/main contracts          the whole review of a pull request
  tidegate validate --config tidegate.yaml          judge topics: validated and dead-letter topics
  tidegate sink --config tidegate.yaml              land validated topics as Parquet
  tidegate sla run --once --config tidegate.yaml    check the contracts' SLAs on the lake
  tidegate sla serve --config tidegate.yaml         the same by the contracts' schedules
  tidegate registry serve --contracts URL           serve the contracts of a Git repository
  tidegate bundle . --out contracts.tidegate        contracts as one file, for an object store
  tidegate dlq ls --config tidegate.yaml            dead letters, in groups
  tidegate replay --config tidegate.yaml --topic orders --fingerprint 3f2a   what sending a group back would do
  tidegate alerts render contracts --out alerts     Prometheus rules and Alertmanager routes from the contracts
  tidegate resume --config tidegate.yaml            what stands still because records were deleted too early
  tidegate audit --config tidegate.yaml             prove that nothing was lost or doubled
  tidegate topics apply --config tidegate.yaml      the topics that the contracts need: what would be made
  tidegate doctor --config tidegate.yaml            what stands in the way of running here, each with its fix

Exit codes: offline tools 0 clean, 1 findings, 2 misuse or could not tell; roles 69 unreachable, 75 try again, 78 config.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Judge events of a file against a contract, without Kafka.
    Check(CheckArgs),
    /// Judge one event and show where in it and in the contract something is wrong.
    Try(TryArgs),
    /// Write the contract as JSON Schema, Avro, Arrow, Parquet, SQL or a readable page.
    Export(ExportArgs),
    /// Say everything about contracts: errors, warnings, and what is not executed, each with its place and fix.
    Lint(LintArgs),
    /// Say what a change of contracts means for producers and consumers, and which version it needs.
    Diff(DiffArgs),
    /// Say what a change of contracts would do to real events: a topic, dead letters, a file.
    Preview(PreviewArgs),
    /// Draft a contract from events or from a schema, with the evidence for each guess.
    Infer(InferArgs),
    /// Judge the examples beside contracts: what must pass passes, what must not fails for the reason that is named.
    Test(TestArgs),
    /// Review a pull request on contracts: lint, tests, changes against the base, versions, consumers, owners.
    Ci(CiArgs),
    /// Make a repository of contracts: an example with tests, a consumer, owners, the pipeline.
    Init(InitArgs),
    /// Print a JSON Schema of contract files, for editors: the standard's own and Tidegate's settings.
    Schema,
    /// Explain a diagnostic code, such as TG0117.
    Explain(ExplainArgs),
    /// Judge topics: valid records go to validated topics, the others to dead-letter topics with all reasons.
    Validate(RoleArgs),
    /// Land validated topics as Parquet on local disk, S3 or Azure Blob.
    Sink(RoleArgs),
    /// Check the contracts' SLAs and lake rules.
    Sla {
        #[command(subcommand)]
        command: SlaCommand,
    },
    /// Serve the contracts of a Git repository, and give event schemas their ids.
    Registry {
        #[command(subcommand)]
        command: RegistryCommand,
    },
    /// Write a snapshot of contracts as one file that is addressed by its content.
    Bundle(BundleArgs),
    /// Dead letters in groups: list, count on a schedule, look at one, write them out, say how a group stands.
    Dlq {
        #[command(subcommand)]
        command: DlqCommand,
    },
    /// Send dead letters back, perhaps repaired. Only says what would happen, unless --execute is given.
    Replay(Box<ReplayArgs>),
    /// Alerts from contracts, for Prometheus and Alertmanager.
    Alerts {
        #[command(subcommand)]
        command: AlertsCommand,
    },
    /// Say which partitions stand still because records were deleted too early; record such a loss and go on behind it.
    Resume(ResumeArgs),
    /// Prove from topics and lake that every source offset has exactly one outcome. Reads only.
    Audit(AuditArgs),
    /// The topics that contracts need: written for other tools, made, checked.
    Topics {
        #[command(subcommand)]
        command: TopicsCommand,
    },
    /// Check what fails in practice before a role does: reach, certificates, rights, topics, transactions, store, clocks.
    Doctor(Box<DoctorArgs>),
    /// Run everything in one process on an embedded broker, with planted faults that must be found again.
    Demo(DemoArgs),
    /// Say which build this is, and the version of its judge.
    Version(VersionArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum RegistryCommand {
    /// Follow a Git repository and serve its snapshot, its contracts, and the read API of Confluent's Schema Registry.
    Serve(Box<ServeArgs>),
    /// Record an id for every event schema that a contract names, in schemas/registered of the repository.
    Ids(IdsArgs),
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// Log level.
    #[arg(long, global = true, env = "TIDEGATE_LOG_LEVEL", default_value = "info", value_parser = ["error", "warn", "info", "debug", "trace"])]
    pub(crate) log_level: String,
    /// Log format.
    #[arg(long, global = true, env = "TIDEGATE_LOG_FORMAT", default_value = "human")]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Human,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Human,
    Json,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate check contracts/shop/orders/v1.odcs.yaml events.jsonl
  kcat -C -t orders -e | tidegate check orders.odcs.yaml -

Each line is the value of one event. A line that begins with @ is followed by a JSON object with
key, value (text or null) and headers (list of [name, text or null]).
Exit 0: every event is valid; 1: some are not; 2: misuse, or the contract does not load.")]
pub(crate) struct CheckArgs {
    /// Contract file (ODCS YAML).
    pub(crate) contract: PathBuf,
    /// Events, one a line; `-` reads standard input.
    pub(crate) events: PathBuf,
    /// Which object of the contract judges; needed when it has several that no discriminator tells apart.
    #[arg(long)]
    pub(crate) object: Option<String>,
    /// The clock that rules see (RFC 3339); default: now.
    #[arg(long)]
    pub(crate) now: Option<String>,
    #[arg(long, default_value = "human")]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate try contracts/shop/orders/v1.odcs.yaml event.json
  pbpaste | tidegate try contracts --object orders -
  tidegate try orders.odcs.yaml event.bin --avro-schema order.avsc
  tidegate try customers.odcs.yaml change.json --key '{\"id\":7}' --header source=crm

The event is shown, values included: it is meant for the laptop of whoever wrote it. --redact hides what is classified.
Exit 0: valid; 1: invalid; 2: could not tell (misuse, a contract that does not load, a schema that is not there).")]
pub(crate) struct TryArgs {
    /// Contract file (ODCS YAML), or a directory of contracts together with --object.
    pub(crate) contract: PathBuf,
    /// The value of one record, byte for byte; `-` reads standard input.
    pub(crate) event: PathBuf,
    /// Which object of the contract judges; needed when there are several, unless they share a topic: then the event says it.
    #[arg(long)]
    pub(crate) object: Option<String>,
    /// Key of the record: a file that exists, else the text itself. Without it the key is null.
    #[arg(long, value_name = "FILE|TEXT")]
    pub(crate) key: Option<String>,
    /// A header of the record; may be repeated.
    #[arg(long = "header", value_name = "NAME=VALUE")]
    pub(crate) headers: Vec<String>,
    /// Topic of the record; default: the one that the contract binds.
    #[arg(long)]
    pub(crate) topic: Option<String>,
    /// The clock that rules see (RFC 3339); default: now.
    #[arg(long)]
    pub(crate) now: Option<String>,
    /// Avro schema of every record, whatever id it names: stands for the registry.
    #[arg(long, value_name = "FILE", conflicts_with = "schema_dir")]
    pub(crate) avro_schema: Option<PathBuf>,
    /// Schemas by id, in files such as `5.avsc`, `5.proto`, `<uuid>.proto`, `global-5.avsc`: stands for the registry.
    #[arg(long, value_name = "DIR")]
    pub(crate) schema_dir: Option<PathBuf>,
    /// Show no value of a property that has a classification other than `public`.
    #[arg(long)]
    pub(crate) redact: bool,
    #[arg(long, default_value = "human")]
    pub(crate) output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    JsonSchema,
    Avro,
    Arrow,
    Parquet,
    Markdown,
    Sql,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SqlDialect {
    Snowflake,
    Duckdb,
    Spark,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate export orders.odcs.yaml --to json-schema
  tidegate export orders.odcs.yaml --to sql --dialect snowflake --out orders.sql
  tidegate export contracts --object orders --to markdown

What the format cannot say is listed on standard error, one line each; the export is still written.
Exit 0: written; 2: misuse, or the contract does not load.")]
pub(crate) struct ExportArgs {
    /// Contract file (ODCS YAML), or a directory of contracts together with --object.
    pub(crate) contract: PathBuf,
    /// What to write.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) to: ExportFormat,
    /// Dialect of --to sql.
    #[arg(long, default_value = "duckdb")]
    pub(crate) dialect: SqlDialect,
    /// Which object; needed when there are several.
    #[arg(long)]
    pub(crate) object: Option<String>,
    /// File to write; default: standard output.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate lint                                  every *.odcs.yaml below the current folder
  tidegate lint contracts/shop --deny warnings   for CI: warnings fail, too
  tidegate lint contracts --output sarif > lint.sarif
  tidegate lint contracts --base origin/main     what stands on changed lines first

In a Git repository, versions that its default branch ever published must say today what they said then.
Exit 0: no error (with --deny warnings: no warning either); 1: some; 2: misuse, or no contract file was found.")]
pub(crate) struct LintArgs {
    /// Contract files, or folders that are searched for *.odcs.yaml; default: the current folder.
    pub(crate) paths: Vec<PathBuf>,
    /// How findings are written: text with the lines they are about, one JSON document, annotations of GitHub or Azure Pipelines, GitLab's
    /// code quality report, JUnit's XML, or SARIF 2.1.0.
    #[arg(long, default_value = "text")]
    pub(crate) output: LintOutput,
    /// What else makes the exit code 1.
    #[arg(long, value_parser = ["warnings"])]
    pub(crate) deny: Option<String>,
    /// The day (or RFC 3339 moment) by which kill switches are told; default: now.
    #[arg(long)]
    pub(crate) today: Option<String>,
    /// Leave notes out of the findings.
    #[arg(long)]
    pub(crate) no_notes: bool,
    /// Branch, tag or commit that was published; findings on lines that are new since it come first. Default: the default branch of the
    /// remote `origin`, else HEAD.
    #[arg(long, value_name = "REF", conflicts_with = "no_history")]
    pub(crate) base: Option<String>,
    /// Do not ask Git whether published versions have changed.
    #[arg(long)]
    pub(crate) no_history: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LintOutput {
    Text,
    Json,
    Github,
    Gitlab,
    Azure,
    Junit,
    Sarif,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate diff old.odcs.yaml new.odcs.yaml                 two files, whatever their names
  tidegate diff main:contracts contracts                    a folder of a Git commit and the working tree
  tidegate diff v1.2.0:contracts v1.3.0:contracts           two commits
  tidegate diff --base origin/main contracts                for CI: the folder where the branch parted from the base, and here
  tidegate diff main...feature contracts                    the same for two commits
  tidegate diff --base origin/main --output markdown        the comment of a pull request, at most 40 lines

A side is a file, a folder, or REF:PATH as Git writes it (the path counts from the root of the repository). OLD...NEW are two
commits, compared from where their histories parted; the path behind them counts from the root, too.
Producers: which events pass. Consumers: what may be relied on.
Exit 0: every version rises as much as its changes demand; 1: one does not, or an enforced contract is gone, or a published
version has another content; 2: misuse, or a contract does not load.")]
pub(crate) struct DiffArgs {
    /// OLD and NEW; with --base only what to compare (default: the current folder).
    #[arg(value_name = "SIDE", num_args = 0..=2)]
    pub(crate) sides: Vec<String>,
    /// Branch, tag or commit; the old side is where this branch parted from it.
    #[arg(long, value_name = "REF")]
    pub(crate) base: Option<String>,
    /// How the comparison is written: for a terminal, one JSON document, a comment of a pull request, or the standard's own draft of a
    /// difference (MetadataDifference, a list of documents).
    #[arg(long, default_value = "human")]
    pub(crate) output: DiffOutput,
    /// The part of the version that an undetermined change demands, such as another text of a rule.
    #[arg(long, default_value = "major")]
    pub(crate) undetermined: Undetermined,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffOutput {
    Human,
    Json,
    Markdown,
    Odcs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Undetermined {
    Major,
    Minor,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate test                                  every contract below the current folder
  tidegate test contracts/shop/orders            one of them
  tidegate test contracts --output junit > tests.xml

Beside a contract: tests/valid/*, tests/invalid/* (.json, .jsonl, .bin) and tests/expected.yaml, which names for each event of
invalid/ the rules that it trips, as `rule` or `rule at /pointer`.
Exit 0: every event does what is expected; 1: some do not; 2: misuse, no tests, or a contract does not load.")]
pub(crate) struct TestArgs {
    /// Contract file, or a folder that is searched for *.odcs.yaml; default: the current folder.
    pub(crate) path: Option<PathBuf>,
    /// The clock that rules see (RFC 3339) where expected.yaml says no time; default: one fixed moment.
    #[arg(long)]
    pub(crate) now: Option<String>,
    /// How results are written: for a terminal, one JSON document, JUnit's XML, or annotations of GitHub.
    #[arg(long, default_value = "human")]
    pub(crate) output: TestOutput,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TestOutput {
    Human,
    Json,
    Junit,
    Github,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate ci --base origin/main contracts                          on your laptop, before you push
  tidegate ci --base origin/main contracts --comment comment.md     for CI: the comment, found again by its first line
  tidegate ci --base origin/main contracts --preview topic:orders --brokers kafka:9092 --since 24h --max-newly-failing 0.1%

Needs the whole history (fetch-depth: 0). Under GitHub Actions and Azure Pipelines findings become annotations, and GitHub's step
summary is written.
Exit 0: clean; 1: findings; 2: misuse, or it could not be told.")]
pub(crate) struct CiArgs {
    /// Folder of the contracts; default: the current one.
    pub(crate) path: Option<PathBuf>,
    /// Branch, tag or commit that the change is to be merged into.
    #[arg(long, value_name = "REF")]
    pub(crate) base: String,
    /// How the review is written; default: what the service that runs this shows best, else text.
    #[arg(long)]
    pub(crate) output: Option<CiOutput>,
    /// Write the comment of the pull request to this file: Markdown, about 40 lines and what is folded.
    #[arg(long, value_name = "FILE")]
    pub(crate) comment: Option<PathBuf>,
    /// Write JUnit's XML to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Write GitLab's code quality report to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) code_quality: Option<PathBuf>,
    /// Write SARIF 2.1.0 to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) sarif: Option<PathBuf>,
    /// What else makes the exit code 1.
    #[arg(long, value_parser = ["warnings"])]
    pub(crate) deny: Option<String>,
    /// The part of the version that an undetermined change demands.
    #[arg(long, default_value = "major")]
    pub(crate) undetermined: Undetermined,
    /// The clock that kill switches, tests that say no time, and previewed events see (RFC 3339).
    #[arg(long)]
    pub(crate) now: Option<String>,
    #[command(flatten)]
    pub(crate) events: crate::commands::ci::events::EventsArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CiOutput {
    Text,
    Json,
    Markdown,
    Github,
    Azure,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate init contracts-of-acme
  tidegate init . --ci gitlab          in a fresh clone

Exit 0: made; 2: the folder holds something else than .git, or cannot be written.")]
pub(crate) struct InitArgs {
    /// Folder to make; one that is there must be empty, or a fresh clone.
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// Service whose pipeline file is written.
    #[arg(long, default_value = "github")]
    pub(crate) ci: CiService,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CiService {
    Github,
    Gitlab,
    Azure,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The code between the brackets of `error[TG0117]`; left out: a list of all codes.
    pub(crate) code: Option<String>,
}

/// Flags of roles; all of them can stand in the config file.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct RoleArgs {
    /// Config file (YAML).
    #[arg(long, short, env = "TIDEGATE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Kafka brokers, host:port, comma separated.
    #[arg(long, env = "TIDEGATE_BROKERS")]
    pub(crate) brokers: Option<String>,
    /// Where the brokers are: kafka, msk, msk-serverless, eventhubs-standard, eventhubs-premium or confluent. Sets what is safe there and
    /// refuses what is not.
    #[arg(long, env = "TIDEGATE_PROFILE")]
    pub(crate) profile: Option<String>,
    /// Contracts: a directory, a Git repository (path or URL, with an optional #REF or #REF:FOLDER), the URL of a registry, or a bundle
    /// (*.tidegate on disk, s3:// or az://).
    #[arg(long, env = "TIDEGATE_CONTRACTS")]
    pub(crate) contracts: Option<String>,
    /// Consumer group of the role (of the validator, for `audit`).
    #[arg(long)]
    pub(crate) group: Option<String>,
    /// Delivery mode: exactly_once or at_least_once.
    #[arg(long, env = "TIDEGATE_MODE")]
    pub(crate) mode: Option<String>,
    /// Schema registry with Confluent's API.
    #[arg(long, env = "TIDEGATE_REGISTRY")]
    pub(crate) registry: Option<String>,
    /// Folder of schema files: AWS Glue's by UUID, and those that contracts name.
    #[arg(long, env = "TIDEGATE_SCHEMA_FILES")]
    pub(crate) schema_files: Option<String>,
    /// The lake: a folder, s3://bucket/prefix or az://container/prefix.
    #[arg(long, env = "TIDEGATE_LAKE")]
    pub(crate) lake: Option<String>,
    /// Address of /livez, /readyz and /metrics.
    #[arg(long, env = "TIDEGATE_HTTP")]
    pub(crate) http: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate registry serve --contracts https://git.example.com/shop/contracts.git#main
  tidegate registry serve --contracts ./contracts --listen 127.0.0.1:8080
  tidegate validate --contracts http://127.0.0.1:8080 --config tidegate.yaml

Ends with 69, 75 or 78 as other roles do. What a newer commit is refused for stands in the log and at /v1/health.")]
pub(crate) struct ServeArgs {
    /// Address of the API.
    #[arg(long, env = "TIDEGATE_CONTRACT_REGISTRY_LISTEN")]
    pub(crate) listen: Option<String>,
    /// File of tokens that are let in: `NAME sha256:HEX` a line.
    #[arg(long, value_name = "FILE", env = "TIDEGATE_CONTRACT_REGISTRY_TOKENS_FILE")]
    pub(crate) tokens: Option<PathBuf>,
    /// File with the secret of webhooks at /hooks/git.
    #[arg(long, value_name = "FILE", env = "TIDEGATE_CONTRACT_REGISTRY_WEBHOOK_SECRET_FILE")]
    pub(crate) webhook_secret: Option<PathBuf>,
    /// Certificate chain (PEM); the API then speaks TLS only.
    #[arg(long, value_name = "FILE", env = "TIDEGATE_CONTRACT_REGISTRY_CERTIFICATE_FILE")]
    pub(crate) certificate: Option<PathBuf>,
    /// Private key of the certificate (PEM).
    #[arg(long, value_name = "FILE", env = "TIDEGATE_CONTRACT_REGISTRY_KEY_FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Everybody who can reach the address may read.
    #[arg(long)]
    pub(crate) open: bool,
    #[command(flatten)]
    pub(crate) role: RoleArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate registry ids .            write what is missing
  tidegate registry ids . --check    for CI: exit 1 when something is missing or damaged

Exit 0: every event schema has its id; 1 (--check): one has none; 2: misuse, or contracts do not load.")]
pub(crate) struct IdsArgs {
    /// Root of the contract repository, or the folder that workers load.
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,
    /// Write nothing.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate bundle . --out contracts.tidegate
  tidegate bundle .#v1.4.0 --out s3://contracts/prod/contracts.tidegate
  tidegate validate --contracts s3://contracts/prod/contracts.tidegate --config tidegate.yaml

The same commit gives the same bytes on every machine. Exit 0: written; 1: the contracts do not load; 2: misuse.")]
pub(crate) struct BundleArgs {
    /// Contracts: a directory, or a Git repository (path or URL, with an optional #REF or #REF:FOLDER).
    pub(crate) source: String,
    /// File, s3://bucket/path or az://container/path to write; its name ends in .tidegate.
    #[arg(long)]
    pub(crate) out: String,
    /// Config file (YAML), for how source and store are reached.
    #[arg(long, short, env = "TIDEGATE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate audit --config tidegate.yaml                                    everything that is there
  tidegate audit --config tidegate.yaml --state audit.state                the same; interrupted, it goes on where it was
  tidegate audit --config tidegate.yaml --state audit.state --since-last   what came since, for a schedule
  tidegate audit --config tidegate.yaml --quick                            a count by the lake's manifests, not a proof
  tidegate audit --config tidegate.yaml --offsets orders:0=100..200
  tidegate audit --config tidegate.yaml --from-time 2026-11-21T09:00:00Z --until-time 2026-11-21T10:00:00Z

Reads only (--state aside). Exit 0: clean; 1: a breach; 2: misuse, or something could not be looked at.")]
pub(crate) struct AuditArgs {
    /// Only these source topics; default: every topic that a contract binds.
    #[arg(long = "topic")]
    pub(crate) topics: Vec<String>,
    /// Only these source offsets, the end not counted in; either end may be left out. May be repeated.
    #[arg(long, value_name = "TOPIC[:PARTITION]=FROM..UNTIL", conflicts_with_all = ["topics", "from_time", "until_time", "since_last"])]
    pub(crate) offsets: Vec<String>,
    /// Only source records from this time on (RFC 3339), by the timestamps that Kafka has indexed.
    #[arg(long, value_name = "TIME", conflicts_with = "since_last")]
    pub(crate) from_time: Option<String>,
    /// Only source records before the first one of this time or later.
    #[arg(long, value_name = "TIME", conflicts_with = "since_last")]
    pub(crate) until_time: Option<String>,
    /// Keeps progress in this file: an audit that was interrupted goes on from it.
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// Only what the last audit of this --state has not settled; the first one looks at everything.
    #[arg(long, requires = "state")]
    pub(crate) since_last: bool,
    /// Counts by the lake's manifests and the dead letters instead of reading all records: cheap, and believes the manifests.
    #[arg(long, conflicts_with_all = ["offsets", "from_time", "until_time", "state"])]
    pub(crate) quick: bool,
    #[arg(long, default_value = "human")]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) role: RoleArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate demo
  tidegate demo --seconds 20 --check          for scripts: exit 1 when planted and found differ or the audit is not clean
  tidegate demo --brokers localhost:9092      the same on a real Kafka
  tidegate demo --drill broken-producer       plant a fault to practise on; Ctrl-C ends it

A drill lets all be well for three seconds, plants its fault, and says what to look at and which runbook ends it.")]
pub(crate) struct DemoArgs {
    /// Stop after this long; without it, Ctrl-C stops.
    #[arg(long)]
    pub(crate) seconds: Option<u64>,
    /// Exit 1 when planted faults and found ones differ, or the audit is not clean.
    #[arg(long)]
    pub(crate) check: bool,
    /// Plant a fault to practise on. With --check: exit 1 when the metrics do not show it.
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) drill: Option<crate::commands::demo::Drill>,
    /// Use a real Kafka instead of the embedded broker; topics get the prefix `tidegate-demo.`.
    #[arg(long)]
    pub(crate) brokers: Option<String>,
    /// Events per second.
    #[arg(long, default_value_t = 500)]
    pub(crate) rate: u64,
    /// Where the lake goes.
    #[arg(long, default_value = "./demo-lake")]
    pub(crate) lake: PathBuf,
    /// Address of /livez, /readyz and /metrics.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) http: String,
    /// Seed of the events.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct VersionArgs {
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Output::Human)]
    pub(crate) output: Output,
}
