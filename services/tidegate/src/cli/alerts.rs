//! The command line of `alerts`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum AlertsCommand {
    /// Write Prometheus rules and Alertmanager routes from contracts.
    Render(Box<AlertsArgs>),
}

/// Form of the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RuleForm {
    /// A rule file.
    Prometheus,
    /// An object of the Prometheus operator.
    PrometheusRule,
}

/// Who checks SLAs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SlaChecks {
    /// `tidegate sla serve`: it serves metrics.
    Serve,
    /// A Job for each check: it serves none, so that broken promises are not alerted on here.
    Job,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate alerts render contracts --out alerts --webhook http://hub:9000/
  tidegate alerts render contracts --out alerts --slack-url-file /etc/alertmanager/slack-url --platform-slack '#tidegate'
  tidegate alerts render contracts --form prometheus-rule --namespace tidegate --sla job --kubernetes | kubectl apply -f -
  tidegate alerts render --form prometheus-rule --kubernetes      Tidegate's own trouble alone, without contracts
  tidegate alerts render contracts --out prod --webhook http://hub:9000/ --match namespace=prod
  tidegate alerts render contracts --out drill --webhook http://127.0.0.1:9000/ --speed 60

With --out: rules.yaml, and alertmanager.yaml when contracts are named. Without it: the rules on standard output.
Exit 0: written; 1: a team has nobody who is told (the files are written); 2: misuse, or the contracts do not load.")]
pub(crate) struct AlertsArgs {
    /// Contracts: a directory, or a Git repository (path or URL, with an optional #REF or #REF:FOLDER), or a bundle. Without them only what is
    /// wrong with Tidegate itself is alerted on.
    pub(crate) contracts: Option<String>,
    /// Folder for the files; made when it is not there.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Form of the rules.
    #[arg(long, value_enum, default_value_t = RuleForm::Prometheus)]
    pub(crate) form: RuleForm,
    /// Where Kubernetes runs Tidegate (`tidegate` if it is left out), and the namespace of the PrometheusRule; without it that has the one that
    /// it is applied to.
    #[arg(long)]
    pub(crate) namespace: Option<String>,
    /// Put into every selector, such as namespace=prod, where one Prometheus knows several deployments. Can be given again.
    #[arg(long = "match", value_name = "LABEL=VALUE")]
    pub(crate) matches: Vec<String>,
    /// Name of the PrometheusRule.
    #[arg(long, default_value = "tidegate")]
    pub(crate) name: String,
    /// Where the runbooks are; a link is this and /ALERT.md. Give the address of your copy of infra/runbooks, at the tag that you run.
    #[arg(long, value_name = "URL", default_value = "infra/runbooks")]
    pub(crate) runbooks: String,
    /// Address of Grafana, for links to the dashboards of infra/grafana.
    #[arg(long, value_name = "URL")]
    pub(crate) dashboards: Option<String>,
    /// Share of dead letters that a contract without `errorRate` may have, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 0.1)]
    pub(crate) error_rate: f64,
    /// A reason that was not seen for 14 days is told of from so many dead letters on.
    #[arg(long, value_name = "RECORDS", default_value_t = 3)]
    pub(crate) new_group: u64,
    /// How long dead-letter topics keep their records, such as 7d or 36h; without it what `topics.dead_letter_retention` of the config says, or
    /// 7d.
    #[arg(long, value_name = "LENGTH")]
    pub(crate) dead_letter_retention: Option<String>,
    /// Who checks SLAs.
    #[arg(long, value_enum, default_value_t = SlaChecks::Serve)]
    pub(crate) sla: SlaChecks,
    /// How often SLAs are checked, such as 15m.
    #[arg(long, value_name = "LENGTH", default_value = "15m")]
    pub(crate) sla_every: String,
    /// Alerts on the CronJob of SLA checks and the sidecar that fetches contracts, too.
    #[arg(long)]
    pub(crate) kubernetes: bool,
    /// The team that runs Tidegate.
    #[arg(long, value_name = "TEAM", default_value = "platform")]
    pub(crate) platform_team: String,
    /// Told of every alert, beside the channels of the contracts.
    #[arg(long, value_name = "URL")]
    pub(crate) webhook: Option<String>,
    /// File on Alertmanager's machine with the address of Slack's incoming webhook; Slack channels of contracts are told with it.
    #[arg(long, value_name = "FILE")]
    pub(crate) slack_url_file: Option<String>,
    /// Slack channel of the platform team.
    #[arg(long, value_name = "CHANNEL", requires = "slack_url_file")]
    pub(crate) platform_slack: Option<String>,
    /// Mail server, host:port; mail addresses of contracts are told with it.
    #[arg(long, value_name = "HOST:PORT", requires = "mail_from")]
    pub(crate) smtp: Option<String>,
    /// Sender of mails.
    #[arg(long, value_name = "ADDRESS", requires = "smtp")]
    pub(crate) mail_from: Option<String>,
    /// Divides every window, wait and interval, for tests and drills.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    pub(crate) speed: f64,
    /// Config file (YAML), for names and retention of topics, the age of slots, and how the contracts are reached.
    #[arg(long, short, env = "TIDEGATE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// json: rules, routes, notes and silent teams in one document on standard output.
    #[arg(long, default_value = "human")]
    pub(crate) output: Output,
}
