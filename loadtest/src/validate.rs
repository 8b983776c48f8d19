//! The validator's own loop in this process: the `run` that `tidegate validate` calls, on the same Kafka shell with its default settings.
//! Not there are the executable's metrics page and its probe of transactions at start; neither costs anything per record.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use tidegate_check::input::Known;
use tidegate_check::{Reason, SchemaLookup, SchemaNeed, Skip};
use tidegate_contract::{ContractFile, ContractRef, Diagnostic, Snapshot};
use tidegate_flow::ports::Clock;
use tidegate_flow::{Remedy, TopicPartition, WorldError};
use tidegate_kafka::{Delivering, GroupExchange};
use tidegate_validator::{Contracts, JudgingSnapshot, Meter, Mode, Parts, Schemas, Settings};

use crate::measure::{Measured, Stretch};
use crate::progress::Progress;
use crate::watched::Watched;

/// Delivery guarantee, by the names that the validator's config has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Delivery {
    /// Outcomes and positions in one transaction.
    ExactlyOnce,
    /// Outcomes acknowledged, then positions.
    AtLeastOnce,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// host:port of the brokers.
    #[arg(long, env = "TIDEGATE_STAND_KAFKA_BOOTSTRAP")]
    pub(crate) brokers: String,
    /// Topic to validate; the contract binds it.
    #[arg(long)]
    pub(crate) source: String,
    /// The contract.
    #[arg(long)]
    pub(crate) contract: PathBuf,
    /// Topic of valid events; it exists with as many partitions.
    #[arg(long)]
    pub(crate) validated: String,
    /// Topic of dead letters; it exists with as many partitions.
    #[arg(long)]
    pub(crate) dead_letters: String,
    /// Consumer group, a fresh one.
    #[arg(long)]
    pub(crate) group: String,
    /// Delivery guarantee.
    #[arg(long)]
    pub(crate) mode: Delivery,
}

/// One snapshot for good.
struct Fixed(Arc<JudgingSnapshot>);

/// Orders are JSON and need no registry.
struct NoRegistry;

struct SystemClock;

/// Counts batches and nothing else.
#[derive(Debug, Default)]
struct Batches {
    committed: AtomicU64,
    aborted: AtomicU64,
}

/// Validates until the group has committed the end of the source.
pub(crate) fn run(args: &Args) -> anyhow::Result<Measured> {
    let mut contracts = Fixed(compile(&args.contract)?);
    if !contracts.0.topics().iter().any(|topic| **topic == *args.source) {
        bail!("{} does not bind topic {}", args.contract.display(), args.source);
    }
    let kafka = tidegate_kafka::Settings::plain(&*args.brokers);
    let progress = Progress::over(&kafka, &args.source)?;
    let events = progress.records();
    let (mode, delivering) = match args.mode {
        Delivery::ExactlyOnce => (Mode::ExactlyOnce, Delivering::Transactional(args.group.clone())),
        Delivery::AtLeastOnce => (Mode::AtLeastOnce, Delivering::Acknowledged),
    };
    let settings = Settings {
        mode,
        validated_topic: args.validated.clone(),
        dead_letter_topic: args.dead_letters.clone(),
        ..Settings::default()
    };
    let inner = GroupExchange::join(&kafka, "validator", &args.group, &[args.source.as_str().into()], delivering)?;
    let stop = AtomicBool::new(false);
    let mut exchange = Watched {
        inner,
        progress,
        stretch: Stretch::default(),
        stop: &stop,
        pending: Vec::new(),
    };
    let meter = Batches::default();
    let parts = Parts {
        exchange: &mut exchange,
        contracts: &mut contracts,
        schemas: &NoRegistry,
        clock: &SystemClock,
        meter: &meter,
    };
    tidegate_validator::run(&settings, parts, &stop)?;
    exchange.stretch.measured(
        events,
        meter.committed.load(Ordering::Relaxed),
        meter.aborted.load(Ordering::Relaxed),
    )
}

fn compile(path: &Path) -> anyhow::Result<Arc<JudgingSnapshot>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let file = ContractFile {
        path: path.to_string_lossy().into(),
        text,
    };
    let refused = |problems: Vec<Diagnostic>| {
        let first = problems.first().map(|problem| problem.problem.clone()).unwrap_or_default();
        anyhow::anyhow!("{} does not compile ({} problems): {first}", path.display(), problems.len())
    };
    let (snapshot, _) = Snapshot::build("loadtest", &[file]).map_err(refused)?;
    Ok(Arc::new(JudgingSnapshot::compile(Arc::new(snapshot)).map_err(refused)?))
}

impl Contracts for Fixed {
    fn latest(&mut self) -> Arc<JudgingSnapshot> {
        self.0.clone()
    }

    fn at(&mut self, _: &str) -> Option<Arc<JudgingSnapshot>> {
        None
    }
}

impl SchemaLookup for NoRegistry {
    fn lookup(&self, _: &SchemaNeed) -> Known {
        Known::NotCached
    }
}

impl Schemas for NoRegistry {
    fn fetch(&self, need: &SchemaNeed) -> Result<(), WorldError> {
        Err(WorldError::new(
            Remedy::Operator,
            format!("schema {need:?} is asked for and this test has no registry"),
        ))
    }
}

impl Clock for SystemClock {
    fn now_micros(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

impl Meter for Batches {
    fn validated(&self, _: &str, _: &ContractRef, _: u64) {}
    fn dead_letters(&self, _: &str, _: Option<&ContractRef>, _: Reason, _: u64) {}
    fn noted(&self, _: &str, _: &ContractRef, _: tidegate_contract::Severity) {}
    fn shadowed(&self, _: &str, _: &ContractRef, _: u64, _: u64) {}
    fn skipped(&self, _: &str, _: Skip, _: u64) {}
    fn committed(&self, _: usize, _: i64) {
        self.committed.fetch_add(1, Ordering::Relaxed);
    }
    fn aborted(&self) {
        self.aborted.fetch_add(1, Ordering::Relaxed);
    }
    fn held(&self, _: &TopicPartition, _: bool, _: &str) {}
    fn released(&self, _: &TopicPartition) {}
    fn assigned(&self, _: usize) {}
    fn given_up(&self, _: usize, _: bool) {}
    fn trouble(&self, _: &tidegate_flow::WorldError) {}
    fn turned(&self, _: Result<(), &str>) {}
    fn snapshot(&self, _: &str) {}
}
