//! The config file, merged with flags and environment, proven before any connection is made.

mod following;
mod kafka;
mod topics;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use serde::Deserialize;
use tidegate_platform::{Platform, Said, decide};
use tidegate_validator::{Mode, StartAt};

use crate::cli::{RoleArgs, ServeArgs};
pub(crate) use crate::config::following::{Following, Serving};
use crate::config::kafka::KafkaSection;
use crate::memory::Shares;

/// As written; every key is described in docs/config.md. Unknown keys are refused.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    kafka: KafkaSection,
    contracts: Option<String>,
    validator: ValidatorSection,
    dead_letters: DeadLettersSection,
    sink: SinkSection,
    lake: LakeSection,
    registry: RegistrySection,
    contracts_source: following::SourceSection,
    contract_registry: following::ServingSection,
    memory: MemorySection,
    topics: topics::TopicsSection,
    http: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ValidatorSection {
    group: Option<String>,
    mode: Option<String>,
    start_at: Option<String>,
    validated_topic: Option<String>,
    dead_letter_topic: Option<String>,
    retry_topic: Option<String>,
    probe_topic: Option<String>,
    batch_records: Option<usize>,
    batch_age_ms: Option<u64>,
    crash_restarts: Option<u32>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DeadLettersSection {
    state_topic: Option<String>,
    parked_topic: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SinkSection {
    group: Option<String>,
    slot_rows: Option<u64>,
    slot_bytes: Option<u64>,
    slot_age_ms: Option<u64>,
    topic_epoch: Option<u64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LakeSection {
    location: Option<String>,
    endpoint: Option<String>,
    region: Option<String>,
    account: Option<String>,
    allow_http: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RegistrySection {
    url: Option<String>,
    files: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct MemorySection {
    budget_mib: Option<u64>,
}

/// Proven configuration.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) kafka: tidegate_kafka::Settings,
    pub(crate) contracts: String,
    pub(crate) validator: tidegate_validator::Settings,
    pub(crate) validator_group: String,
    pub(crate) probe_topic: String,
    /// Topic that keeps counts and states of groups of dead letters, and replays.
    pub(crate) state_topic: String,
    /// Name of the topic of dead letters that were sent back too often; `{topic}` stands for the source.
    pub(crate) parked_topic: String,
    pub(crate) sink: tidegate_sink::Settings,
    pub(crate) sink_group: String,
    pub(crate) lake: Option<LakeConfig>,
    pub(crate) registry: Option<String>,
    pub(crate) schema_files: Option<String>,
    pub(crate) http: String,
    /// How the source of contracts is followed.
    pub(crate) following: Following,
    /// Where the brokers are, if somebody said so.
    pub(crate) profile: Option<Platform>,
    /// What topics are to be like.
    pub(crate) topics: topics::TopicsSection,
    serving: following::ServingSection,
}

/// Where the lake is.
#[derive(Debug, Clone)]
pub(crate) struct LakeConfig {
    pub(crate) location: String,
    pub(crate) options: tidegate_lake::LakeOptions,
}

// === impl Config ===

impl Config {
    /// Reads file, environment and flags. Nothing is connected to.
    pub(crate) fn load(args: &RoleArgs) -> anyhow::Result<Config> {
        let file = match &args.config {
            Some(path) => read(path)?,
            None => File::default(),
        };
        Config::merge(file, args)
    }

    fn merge(file: File, args: &RoleArgs) -> anyhow::Result<Config> {
        let brokers = args.brokers.clone().or(file.kafka.brokers.clone()).unwrap_or_default();
        let shares = Shares::of(file.memory.budget_mib)?;
        let profile = profile(args.profile.as_deref().or(file.kafka.profile.as_deref()))?;
        let tokens = file.kafka.token_kind();
        let mut kafka = file.kafka.settings(brokers, &tidegate_identity::Variables::from_env())?;
        for (property, value) in shares.client() {
            kafka.client.entry(property.to_owned()).or_insert(value);
        }
        let contracts = args.contracts.clone().or(file.contracts).context(
            "no contracts are named: set `contracts` in the config file, TIDEGATE_CONTRACTS or --contracts to a directory, a Git repository (path or URL), a registry or a bundle",
        )?;
        let mut store = tidegate_lake::LakeOptions::from_env();
        store.endpoint = file.lake.endpoint.clone().or(store.endpoint);
        store.region = file.lake.region.clone().or(store.region);
        store.account = file.lake.account.clone().or(store.account);
        store.allow_http = file.lake.allow_http;
        let following = file
            .contracts_source
            .following(&tidegate_identity::Variables::from_env(), store.clone())?;
        let validator = validator(&file.validator, &shares, args)?;
        let validator_group = args
            .group
            .clone()
            .or_else(|| file.validator.group.clone())
            .unwrap_or_else(|| "tidegate-validator".to_owned());
        let sink_group = args
            .group
            .clone()
            .or_else(|| file.sink.group.clone())
            .unwrap_or_else(|| "tidegate-sink".to_owned());
        if let Some(platform) = profile {
            let said = Said {
                brokers: &kafka.brokers,
                client: &kafka.client,
                tokens: tokens.as_deref(),
                exactly_once: validator.mode == Mode::ExactlyOnce,
                groups: &[&validator_group, &sink_group],
            };
            let decision = decide(platform, &said);
            if !decision.refused.is_empty() {
                let lines = decision
                    .refused
                    .iter()
                    .map(|refusal| format!("\n  {}: {}", refusal.setting, refusal.why));
                bail!(
                    "the profile {} refuses this config:{}",
                    platform.as_str(),
                    lines.collect::<String>()
                );
            }
            kafka.request_bytes_max = decision.request_bytes_max;
            for (property, value) in decision.set {
                kafka.client.entry(property.to_owned()).or_insert(value);
            }
        }
        Ok(Config {
            kafka,
            contracts,
            validator,
            validator_group,
            probe_topic: file.validator.probe_topic.clone().unwrap_or_else(|| "tidegate.probe".to_owned()),
            state_topic: file.dead_letters.state_topic.unwrap_or_else(|| "tidegate.dead-letters".to_owned()),
            parked_topic: file.dead_letters.parked_topic.unwrap_or_else(|| "{topic}.parked".to_owned()),
            sink: sink(&file.sink, &shares)?,
            sink_group,
            lake: args
                .lake
                .clone()
                .or(file.lake.location)
                .map(|location| LakeConfig { location, options: store }),
            registry: args.registry.clone().or(file.registry.url),
            schema_files: args.schema_files.clone().or(file.registry.files),
            http: args.http.clone().or(file.http).unwrap_or_else(|| "127.0.0.1:9464".to_owned()),
            following,
            profile,
            topics: file.topics,
            serving: file.contract_registry,
        })
    }

    /// Where the topics are; without a word about it, Kafka's own API and settings.
    pub(crate) fn platform(&self) -> Platform {
        self.profile.unwrap_or(Platform::Kafka)
    }

    /// How the registry serves: the file's section, and what flags and environment say instead.
    pub(crate) fn serving(&self, args: &ServeArgs) -> anyhow::Result<Serving> {
        let mut section = self.serving.clone();
        section.listen = args.listen.clone().or(section.listen);
        section.tokens = args.tokens.clone().or(section.tokens);
        section.webhook_secret = args.webhook_secret.clone().or(section.webhook_secret);
        section.certificate = args.certificate.clone().or(section.certificate);
        section.key = args.key.clone().or(section.key);
        section.open |= args.open;
        section.serving()
    }

    /// The brokers, for commands that need them.
    pub(crate) fn require_brokers(&self) -> anyhow::Result<()> {
        if self.kafka.brokers.is_empty() {
            bail!("no Kafka brokers are named: set `kafka.brokers` in the config file, TIDEGATE_BROKERS or --brokers");
        }
        Ok(())
    }

    /// The lake, for commands that need it.
    pub(crate) fn require_lake(&self) -> anyhow::Result<&LakeConfig> {
        self.lake
            .as_ref()
            .context("no lake is named: set `lake.location` in the config file, TIDEGATE_LAKE or --lake")
    }
}

fn profile(name: Option<&str>) -> anyhow::Result<Option<Platform>> {
    name.map(|name| {
        Platform::named(name).ok_or_else(|| {
            let known: Vec<&str> = Platform::ALL.iter().map(|platform| platform.as_str()).collect();
            anyhow!("kafka.profile: `{name}` is none of {}", known.join(", "))
        })
    })
    .transpose()
}

fn read(path: &Path) -> anyhow::Result<File> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    parse(&text).map_err(|problem| anyhow!("{}:{problem}", path.display()))
}

/// `line:column: problem`.
fn parse(text: &str) -> Result<File, String> {
    if text.trim().is_empty() {
        return Ok(File::default());
    }
    serde_saphyr::from_str(text).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
        // The library says the place again, shows the source, and names options of its own.
        let said = error.to_string();
        let first = said.lines().next().unwrap_or_default();
        let first = first.strip_prefix("error: ").unwrap_or(first);
        let first = first.strip_prefix(&format!("line {line} column {column}: ")).unwrap_or(first);
        let first = first.split(", set ").next().unwrap_or(first);
        format!("{line}:{column}: {first}")
    })
}

fn validator(section: &ValidatorSection, shares: &Shares, args: &RoleArgs) -> anyhow::Result<tidegate_validator::Settings> {
    let mode = match args.mode.as_deref().or(section.mode.as_deref()) {
        None | Some("exactly_once") => Mode::ExactlyOnce,
        Some("at_least_once") => Mode::AtLeastOnce,
        Some(other) => bail!("validator.mode: `{other}` is neither exactly_once nor at_least_once"),
    };
    let start_at = match section.start_at.as_deref() {
        None | Some("earliest") => StartAt::Earliest,
        Some("latest") => StartAt::Latest,
        Some(other) => bail!("validator.start_at: `{other}` is neither earliest nor latest"),
    };
    let mut settings = tidegate_validator::Settings {
        mode,
        start_at,
        batch_bytes_max: shares.batch,
        ..tidegate_validator::Settings::default()
    };
    if let Some(template) = &section.validated_topic {
        settings.validated_topic.clone_from(template);
    }
    if let Some(template) = &section.dead_letter_topic {
        settings.dead_letter_topic.clone_from(template);
    }
    if !settings.validated_topic.contains("{topic}") {
        bail!("validator.validated_topic: must hold {{topic}}; one topic for several sources would mix their offsets");
    }
    if settings.validated("x") == settings.dead_letters("x")
        || settings.validated("x").as_ref() == "x"
        || settings.dead_letters("x").as_ref() == "x"
    {
        bail!("validator: source, validated and dead-letter topic must be three different topics");
    }
    if let Some(template) = &section.retry_topic {
        if !template.contains("{topic}")
            || [settings.validated("x"), settings.dead_letters("x"), "x".into()].contains(&template.replace("{topic}", "x").into())
        {
            bail!("validator.retry_topic: must hold {{topic}} and be another topic than source, validated and dead-letter topic");
        }
        settings.retry_topic = Some(template.clone());
    }
    if let Some(records) = section.batch_records {
        if records == 0 {
            bail!("validator.batch_records: must be at least 1");
        }
        settings.batch_records_max = records;
    }
    if let Some(age) = section.batch_age_ms {
        if !(10..=5_000).contains(&age) {
            bail!("validator.batch_age_ms: must be 10 to 5000 (a batch must end well within the transaction timeout)");
        }
        settings.batch_age_max = Duration::from_millis(age);
    }
    if let Some(restarts) = section.crash_restarts {
        if restarts == 0 {
            bail!("validator.crash_restarts: must be at least 1");
        }
        settings.crash_restarts_max = restarts;
    }
    Ok(settings)
}

fn sink(section: &SinkSection, shares: &Shares) -> anyhow::Result<tidegate_sink::Settings> {
    for (key, value) in [
        ("slot_rows", section.slot_rows),
        ("slot_bytes", section.slot_bytes),
        ("slot_age_ms", section.slot_age_ms),
    ] {
        if value == Some(0) {
            bail!("sink.{key}: must be at least 1");
        }
    }
    let mut settings = tidegate_sink::Settings {
        topic_epoch: section.topic_epoch,
        ..tidegate_sink::Settings::default()
    };
    settings.limits.bytes_total_max = shares.slots;
    settings.limits.bytes_max = shares.slot;
    if let Some(rows) = section.slot_rows {
        settings.limits.rows_max = rows as _;
    }
    if let Some(bytes) = section.slot_bytes {
        if bytes > shares.slot as u64 {
            bail!(
                "sink.slot_bytes: {bytes} is more than an eighth of memory.budget_mib ({} bytes); lower it, or raise memory.budget_mib",
                shares.slot
            );
        }
        settings.limits.bytes_max = bytes as _;
    }
    if let Some(age) = section.slot_age_ms {
        settings.limits.age_max = Duration::from_millis(age);
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_refused_with_its_place() {
        let problem = parse("kafka:\n  brokers: a:1\nvalidatr:\n  mode: exactly_once\n").unwrap_err();
        assert!(problem.starts_with("3:1:") && problem.contains("validatr"), "{problem}");
    }

    #[test]
    fn flags_win_over_the_file() {
        let file = parse("kafka:\n  brokers: file:1\ncontracts: ./c\n").unwrap();
        let args = RoleArgs {
            brokers: Some("flag:1".into()),
            ..RoleArgs::default()
        };
        let config = Config::merge(file, &args).unwrap();
        assert_eq!((config.kafka.brokers.as_str(), config.contracts.as_str()), ("flag:1", "./c"));
    }

    #[test]
    fn properties_that_guarantees_hang_on_cannot_be_set() {
        let file = parse("kafka:\n  brokers: a:1\n  client:\n    enable.auto.commit: \"true\"\ncontracts: ./c\n").unwrap();
        let problem = Config::merge(file, &RoleArgs::default()).unwrap_err().to_string();
        assert!(problem.contains("enable.auto.commit"), "{problem}");
    }

    #[test]
    fn a_profile_makes_safe_and_refuses() {
        let of = |text: &str, profile: Option<&str>| {
            let args = RoleArgs {
                profile: profile.map(str::to_owned),
                ..RoleArgs::default()
            };
            Config::merge(parse(text).unwrap(), &args)
        };
        let hubs = "contracts: ./c\nkafka:\n  brokers: shop.servicebus.windows.net:9093\n  client: {sasl.mechanism: PLAIN}\n";
        let config = of(&format!("{hubs}validator: {{mode: at_least_once}}\n"), Some("eventhubs-standard")).unwrap();
        assert_eq!(config.kafka.client["compression.type"], "none");
        assert_eq!(config.kafka.client["security.protocol"], "sasl_ssl");
        assert_eq!(config.kafka.request_bytes_max, Some(1_000_000));
        let refused = of(&format!("{hubs}  profile: eventhubs-standard\n"), None).unwrap_err().to_string();
        assert!(
            refused.contains("validator.mode: exactly_once needs Kafka transactions"),
            "{refused}"
        );
        let unknown = of("contracts: ./c\n", Some("kinesis")).unwrap_err().to_string();
        assert!(unknown.contains("kinesis") && unknown.contains("msk-serverless"), "{unknown}");
        let none = of(hubs, None).unwrap();
        assert!(none.profile.is_none() && !none.kafka.client.contains_key("compression.type"));
    }

    #[test]
    fn topics_are_what_the_section_says_and_the_flags_win() {
        let file = parse(
            "contracts: ./c\nvalidator: {retry_topic: \"{topic}.retry\"}\ntopics:\n  partitions: 4\n  dead_letter_retention: 14d\n  sources:\n    orders: {partitions: 12, retention: 1h}\n",
        )
        .unwrap();
        let config = Config::merge(file, &RoleArgs::default()).unwrap();
        let args = crate::cli::TopicsArgs {
            replication_factor: Some(1),
            ..crate::cli::TopicsArgs::default()
        };
        let (spec, said) = config.topics.spec(&config, &["orders".into(), "customers".into()], &args).unwrap();
        let orders = &spec.sources[0];
        assert_eq!((orders.partitions, spec.partitions, spec.replication), (Some(12), 4, 1));
        assert_eq!((orders.retention, orders.validated_retention), (3_600_000, 604_800_000));
        assert_eq!(orders.dead_letter_retention, 14 * 86_400_000);
        assert_eq!(config.topics.dead_letters_kept("orders").unwrap(), 14 * 86_400_000);
        assert_eq!(said.len(), 1);
        assert_eq!(
            (orders.retry.as_deref(), orders.parked.as_deref()),
            (Some("orders.retry"), Some("orders.parked"))
        );
        let unbound = config.topics.spec(&config, &["customers".into()], &args).unwrap_err().to_string();
        assert!(
            unbound.contains("topics.sources.orders") && unbound.contains("customers"),
            "{unbound}"
        );
        let odd = crate::cli::TopicsArgs {
            retention: Some("a week".to_owned()),
            ..crate::cli::TopicsArgs::default()
        };
        assert!(
            config
                .topics
                .spec(&config, &["orders".into()], &odd)
                .unwrap_err()
                .to_string()
                .contains("a week")
        );
    }

    #[test]
    fn a_retry_topic_is_one_of_its_own() {
        let of = |template: &str| {
            let file = parse(&format!("contracts: ./c\nvalidator:\n  retry_topic: \"{template}\"\n")).unwrap();
            Config::merge(file, &RoleArgs::default()).map(|config| config.validator.retry("orders"))
        };
        assert_eq!(of("{topic}.retry").unwrap().as_deref(), Some("orders.retry"));
        for wrong in ["{topic}", "{topic}.dlq", "retries"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn outcome_topics_must_differ() {
        let file = parse("contracts: ./c\nvalidator:\n  dead_letter_topic: \"{topic}.validated\"\n").unwrap();
        assert!(Config::merge(file, &RoleArgs::default()).is_err());
    }
}
