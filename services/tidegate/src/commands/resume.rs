//! `tidegate resume`: which partitions stand still because records were deleted too early, and the way on for whoever accepts the loss.
//!
//! Without `--execute` it only reads. What would be done is decided for all ranges before anything is done for one of them.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use tidegate_flow::loss::REASON_MAX;
use tidegate_flow::ports::{Cluster as _, Store};
use tidegate_flow::{Loss, NextOffset, TopicPartition};
use tidegate_kafka::{ClusterClient, IdleGroup};

use crate::cli::RoleArgs;
use crate::config::Config;
use crate::exit::Exit;
use crate::screen::{ending, say};
use crate::wiring::clock::now_micros;
use crate::wiring::contracts::LiveContracts;

mod judging;
mod landing;
mod range;

use range::Range;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate resume --config tidegate.yaml        what stands still, and the command for each gap
  tidegate resume --config tidegate.yaml --accept-loss orders/3:4200..4300 --reason 'INC-4711: retention passed'
                                                what that would do; changes nothing
  tidegate resume --config tidegate.yaml --accept-loss orders/3:4200..4300 --reason 'INC-4711: retention passed' --execute

A source topic moves the position of the validator's group, a validated topic the end of the lake. Exit 0: nothing stands still, or all of it
would be done, or is done; 1: something stands still; 2: misuse, refused, or it could not be told.")]
pub(crate) struct ResumeArgs {
    /// Give these offsets up, the end not counted in: FROM is where the role stands, TO the first offset that there is. May be repeated.
    #[arg(long, value_name = "TOPIC/PARTITION:FROM..TO", requires = "reason")]
    pub(crate) accept_loss: Vec<String>,
    /// Why; kept for good beside the gap, and shown by every audit.
    #[arg(long, value_name = "TEXT", requires = "accept_loss")]
    pub(crate) reason: Option<String>,
    /// Who accepts it.
    #[arg(long, value_name = "NAME", env = "USER", default_value = "unknown", hide_env_values = true)]
    pub(crate) by: String,
    /// Do it. Without this, only says what would be done.
    #[arg(long, requires = "accept_loss")]
    pub(crate) execute: bool,
    #[command(flatten)]
    pub(crate) role: RoleArgs,
}

/// What all questions are asked with.
struct World {
    config: Config,
    cluster: ClusterClient,
    group: IdleGroup,
    store: Option<Arc<dyn Store>>,
    /// Sources and retry topics that there are.
    sources: Vec<Arc<str>>,
    validated: Vec<Arc<str>>,
}

/// Who accepts a loss, and why.
struct Word {
    reason: String,
    by: String,
    at_micros: i64,
}

/// What stands still, for people.
struct Still {
    at: TopicPartition,
    who: &'static str,
    says: String,
    /// What would have to be accepted; none where nothing can be.
    range: Option<(i64, i64)>,
}

/// What is to be done for a range.
enum Deed {
    Land(landing::Deed),
    Judge(judging::Deed),
    /// It was done before.
    Done(Loss),
}

pub(crate) fn run(args: &ResumeArgs) -> Exit {
    ending(resume(args))
}

fn resume(args: &ResumeArgs) -> anyhow::Result<Exit> {
    let ranges: Vec<Range> = args.accept_loss.iter().map(|text| Range::parse(text)).collect::<Result<_, _>>()?;
    for (number, range) in ranges.iter().enumerate() {
        if ranges[..number].iter().any(|before| before.at == range.at) {
            bail!("--accept-loss names {} twice: a partition stands at one place only", range.at);
        }
    }
    let word = args.reason.as_deref().map(|reason| word(reason, &args.by)).transpose()?;
    let mut world = World::open(args)?;
    let Some(word) = word else {
        return survey(&mut world);
    };
    let mut deeds = Vec::with_capacity(ranges.len());
    for range in &ranges {
        let deed = match world.role_of(&range.at.topic)? {
            Role::Validator => judging::plan(&mut world, range, &word)?,
            Role::Sink => landing::plan(&mut world, range, &word)?,
        };
        deeds.push((range, deed));
    }
    for (range, deed) in &deeds {
        say(format_args!("{range}"));
        deed.lines().iter().for_each(|line| say(format_args!("  {line}")));
    }
    if !args.execute {
        say(format_args!("nothing was changed; --execute does it"));
        return Ok(Exit::Clean);
    }
    for (range, deed) in deeds {
        let told = match deed {
            Deed::Land(deed) => deed.execute(&world)?,
            Deed::Judge(deed) => deed.execute(&world)?,
            Deed::Done(_) => "was done before; nothing was changed".to_owned(),
        };
        say(format_args!("{range}: {told}"));
    }
    Ok(Exit::Clean)
}

/// Everything that stands still.
fn survey(world: &mut World) -> anyhow::Result<Exit> {
    let mut still = judging::survey(world)?;
    match world.store {
        Some(_) => still.extend(landing::survey(world)?),
        None => say(format_args!("no lake is named: only the validator's group is looked at")),
    }
    if still.is_empty() {
        say(format_args!("nothing stands still for records that are gone"));
        return Ok(Exit::Clean);
    }
    for one in &still {
        say(format_args!("{}, {}: {}", one.at, one.who, one.says));
        if let Some((from, to)) = one.range {
            say(format_args!(
                "  tidegate resume --accept-loss {}/{}:{from}..{to} --reason TEXT",
                one.at.topic, one.at.partition
            ));
        }
    }
    Ok(Exit::Findings)
}

fn word(reason: &str, by: &str) -> anyhow::Result<Word> {
    let one_line = |name: &str, text: &str| {
        let text = text.trim().to_owned();
        let length = text.chars().count();
        if text.is_empty() || length > REASON_MAX || text.chars().any(char::is_control) {
            bail!("{name}: must be one line of 1 to {REASON_MAX} characters");
        }
        Ok(text)
    };
    Ok(Word {
        reason: one_line("--reason", reason)?,
        by: one_line("--by", by)?,
        at_micros: now_micros(),
    })
}

enum Role {
    Validator,
    Sink,
}

/// Id of a topic, where brokers have one, and first offset and end of each of its partitions.
type Facts = (Option<Arc<str>>, Vec<(NextOffset, NextOffset)>);

// === impl World ===

impl World {
    fn open(args: &ResumeArgs) -> anyhow::Result<World> {
        let config = Config::load(&args.role)?;
        config.require_brokers()?;
        let contracts = LiveContracts::open_with(&config.contracts, &config.following.reach, config.following.poll_every)
            .map_err(anyhow::Error::msg)?;
        let bound = contracts.current().topics();
        let mut cluster = ClusterClient::connect(&config.kafka)?;
        let settings = config.validator.clone().with_retries_of(&bound);
        let retries: Vec<Arc<str>> = bound.iter().filter_map(|topic| settings.retry(topic)).collect();
        let present = cluster.topics(&retries)?.into_iter().map(|facts| facts.topic);
        let group = IdleGroup::connect(&config.kafka, &config.validator_group)?;
        let store = match &config.lake {
            Some(lake) => Some(tidegate_lake::open(&lake.location, &lake.options)?),
            None => None,
        };
        let validated = bound.iter().map(|topic| settings.validated(topic)).collect();
        let sources = bound.iter().cloned().chain(present).collect();
        Ok(World {
            config,
            cluster,
            group,
            store,
            sources,
            validated,
        })
    }

    fn role_of(&self, topic: &str) -> anyhow::Result<Role> {
        if self.sources.iter().any(|source| **source == *topic) {
            return Ok(Role::Validator);
        }
        if self.validated.iter().any(|validated| **validated == *topic) {
            return Ok(Role::Sink);
        }
        let known: Vec<&str> = self.sources.iter().chain(&self.validated).map(|topic| &**topic).collect();
        bail!(
            "no contract binds topic {topic}, and it is the validated topic of none; known are: {}",
            known.join(", ")
        )
    }

    /// Where losses are recorded.
    fn store(&self) -> anyhow::Result<&dyn Store> {
        self.store.as_deref().map(|store| store as &dyn Store).context(
            "no lake is named, and a loss is recorded there for audits: set `lake.location` in the config file, TIDEGATE_LAKE or --lake. \
             A deployment without a sink names a folder or bucket for it, here and for `tidegate audit`",
        )
    }

    fn lake(&self) -> &str {
        self.config.lake.as_ref().map_or("", |lake| &lake.location)
    }

    /// Kafka's id of a topic, the configured epoch where it has none, and its offsets.
    fn facts(&mut self, topic: &Arc<str>) -> anyhow::Result<Facts> {
        let facts = self.cluster.topics(std::slice::from_ref(topic))?;
        let facts = facts.into_iter().next().with_context(|| format!("topic {topic} does not exist"))?;
        let epoch = || self.config.sink.topic_epoch.map(|epoch| format!("epoch={epoch}").into());
        let id = facts.id.or_else(epoch);
        Ok((id, self.cluster.offsets(topic)?))
    }
}

// === impl Deed ===

impl Deed {
    fn lines(&self) -> Vec<String> {
        match self {
            Deed::Land(deed) => deed.lines(),
            Deed::Judge(deed) => deed.lines(),
            Deed::Done(loss) => vec![format!("is recorded already, accepted by {}: {}", loss.accepted_by, loss.reason)],
        }
    }
}

fn partition_of(bounds: &[(NextOffset, NextOffset)], at: &TopicPartition) -> anyhow::Result<(NextOffset, NextOffset)> {
    let found = usize::try_from(at.partition)
        .ok()
        .and_then(|partition| bounds.get(partition).copied());
    found.with_context(|| {
        format!(
            "{} has {} partitions, and none with the number {}",
            at.topic,
            bounds.len(),
            at.partition
        )
    })
}

/// An offset more or less is told apart from many: it may be no record at all.
fn how_many(from: i64, to: i64) -> String {
    match to - from {
        1 => "1 offset was deleted".to_owned(),
        many => format!("{many} offsets were deleted"),
    }
}

/// The range is the one that there is, or it is refused with the real one.
fn must_be(range: &Range, real: (i64, i64), why: &str) -> anyhow::Result<()> {
    if (range.from, range.to) == real {
        return Ok(());
    }
    bail!(
        "{range} is not what is lost: {why}. That would be --accept-loss {}/{}:{}..{}",
        range.at.topic,
        range.at.partition,
        real.0,
        real.1
    )
}
