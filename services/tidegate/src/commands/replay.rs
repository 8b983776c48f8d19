//! `tidegate replay`.

mod arguments;
mod show;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tidegate_flow::ports::{Clock as _, Cluster as _};
use tidegate_flow::{NextOffset, Remedy, TopicPartition, WorldError};
use tidegate_kafka::{ClusterClient, GroupRelay, PartitionScan};
use tidegate_repair::Repair;
use tidegate_replay::rehearse::{self, Bounds, Rehearsal, rehearse};
use tidegate_replay::run::{self, Ended, Pace, transactional_id};
use tidegate_replay::{Board, Counts, Job, Stretch, Watch};
use tidegate_validator::Mode;

use crate::cli::{Output, ReplayArgs};
use crate::config::Config;
use crate::exit::Exit;
use crate::screen::say;
use crate::signals::stop_flag;
use crate::wiring::clock::{SystemClock, now_micros};
use crate::wiring::contracts::LiveContracts;
use crate::wiring::judging::SnapshotContracts;

pub(crate) use arguments::time;

pub(crate) fn run(args: &ReplayArgs) -> Exit {
    match replay(args) {
        Ok(exit) => exit,
        Err(error) => {
            eprintln!("error: {error:#}");
            match error.downcast_ref::<WorldError>() {
                Some(world) if args.execute || args.resume.is_some() => Exit::of_role(world),
                _ => Exit::CouldNotTell,
            }
        }
    }
}

/// Says on standard error how far it is, twice a second at most, and hears the stop request.
pub(crate) struct Progress {
    said: Instant,
    stop: Arc<std::sync::atomic::AtomicBool>,
    read: u64,
}

// === impl Progress ===

impl Progress {
    pub(crate) fn new(stop: Arc<std::sync::atomic::AtomicBool>) -> Progress {
        Progress {
            said: Instant::now(),
            stop,
            read: 0,
        }
    }
}

impl Watch for Progress {
    fn read(&mut self, at: &TopicPartition, next: NextOffset, until: NextOffset, count: usize) -> bool {
        self.read += count as u64;
        if self.said.elapsed() > Duration::from_millis(500) {
            self.said = Instant::now();
            eprintln!("{at}: at offset {} of {}; {} records read", next.0, until.0, self.read);
        }
        !self.stop.load(std::sync::atomic::Ordering::Acquire)
    }
}

fn replay(args: &ReplayArgs) -> anyhow::Result<Exit> {
    let config = Config::load(&args.role)?;
    config.require_brokers()?;
    let contracts =
        LiveContracts::open_with(&config.contracts, &config.following.reach, config.following.poll_every).map_err(anyhow::Error::msg)?;
    let snapshot = contracts.current();
    let mut cluster = ClusterClient::connect(&config.kafka)?;
    let mut scan = PartitionScan::connect(&config.kafka)?;
    let now = now_micros();
    let mut judge = SnapshotContracts::new(snapshot.clone(), super::schemas(&config)?, now);
    let is_real = args.execute || args.resume.is_some();
    let board = super::dlq::board(&config, &mut cluster, &mut scan)?;
    if is_real && board.is_none() {
        bail!("{}", super::dlq::no_state_topic(&config));
    }
    let board = board.unwrap_or_default();
    let mut job = match &args.resume {
        Some(id) => resumed(&board, id)?,
        None => planned(args, &config, &mut cluster, &snapshot.topics(), snapshot.commit())?,
    };
    let repair = job.repair.clone().map(|text| parsed(&text.file, &text.text)).transpose()?;
    let stop = stop_flag();
    let mut progress = Progress::new(stop.clone());
    if !is_real {
        let bounds = Bounds {
            judged_max: args.judge_max,
            order_max: args.order_search,
            pairs_max: 10,
            values: args.values,
            now,
        };
        let ports = rehearse::Ports {
            cluster: &mut cluster,
            scan: &mut scan,
            contracts: &mut judge,
            watch: &mut progress,
        };
        let validated = config.validator.validated(&job.source);
        let rehearsal = rehearse(&job, repair.as_ref(), &validated, bounds, ports)?;
        match args.output {
            Output::Human => say(format_args!("{}", show::rehearsal(&job, repair.as_ref(), &rehearsal))),
            Output::Json => say(format_args!("{:#}", show::rehearsal_document(&job, &rehearsal))),
        }
        return Ok(verdict(&rehearsal));
    }
    if config.validator.mode == Mode::AtLeastOnce {
        bail!(
            "a replay needs transactions to send nothing twice, and this deployment runs at_least_once; where the brokers have them all the same, \
             run the replay with --mode exactly_once"
        );
    }
    eprintln!(
        "replay {}: dead letters of {} to {}; stopped, it goes on with: tidegate replay --resume {}",
        job.id, job.source, job.target, job.id
    );
    // This takes over from an earlier one, so it comes before anything is looked at.
    let mut relay = GroupRelay::open(&config.kafka, &job.group, &transactional_id(&job.dead_letters))?;
    let clock = SystemClock { stop: stop.clone() };
    let pace = Pace {
        rate: args.rate,
        accept_gone: args.accept_unknown,
    };
    let mut attempt = 0;
    let ended = loop {
        let ports = run::Ports {
            cluster: &mut cluster,
            scan: &mut scan,
            relay: &mut relay,
            contracts: &mut judge,
            clock: &clock,
            watch: &mut progress,
        };
        match run::replay(&mut job, repair.as_ref(), &config.state_topic, pace, ports, &stop) {
            Ok(ended) => break ended,
            // A read that timed out; a producer that was taken over stays so.
            Err(error) if error.remedy == Remedy::Retry && attempt < 3 && !error.what.contains("another replay") => {
                attempt += 1;
                tracing::warn!(%error, attempt, "waiting; it goes on by itself");
                clock.sleep(Duration::from_secs(2));
            }
            Err(error) => {
                eprintln!(
                    "stopped where it was committed last; go on with: tidegate replay --resume {}",
                    job.id
                );
                return Err(error.into());
            }
        }
    };
    match args.output {
        Output::Human => say(format_args!("{}", show::ended(&job, ended))),
        Output::Json => say(format_args!("{:#}", serde_json::to_value(&job)?)),
    }
    Ok(match ended {
        Ended::Stopped => Exit::TryAgain,
        Ended::Finished if job.counts.stayed > 0 => Exit::Findings,
        Ended::Finished => Exit::Clean,
    })
}

fn verdict(rehearsal: &Rehearsal) -> Exit {
    let is_valid = |ruling: &tidegate_replay::Ruling| *ruling == tidegate_replay::Ruling::Valid;
    if rehearsal.stopped {
        Exit::CouldNotTell
    } else if rehearsal.counts.stayed > 0 || !rehearsal.rulings.keys().all(is_valid) {
        Exit::Findings
    } else {
        Exit::Clean
    }
}

fn resumed(board: &Board, id: &str) -> anyhow::Result<Job> {
    let Some(job) = board.jobs.get(id) else {
        let known: Vec<&str> = board.jobs.keys().rev().take(5).map(String::as_str).collect();
        let known = if known.is_empty() {
            "there are none".to_owned()
        } else {
            known.join(", ")
        };
        bail!("there is no replay {id} in the state topic, or it had not committed anything yet; the latest: {known}");
    };
    Ok(job.clone())
}

fn parsed(file: &str, text: &str) -> anyhow::Result<Repair> {
    Repair::parse(file, text).map_err(|problems| {
        let sources = [(Arc::from(file), text.to_owned())].into();
        anyhow::anyhow!("{file} cannot be used\n{}", tidegate_contract::render(&problems, &sources, false))
    })
}

/// What was asked for, with everything fixed that may change while it runs.
fn planned(args: &ReplayArgs, config: &Config, cluster: &mut ClusterClient, topics: &[Arc<str>], snapshot: &str) -> anyhow::Result<Job> {
    let source: Arc<str> = args.topic.as_deref().expect("clap requires it").into();
    if !topics.contains(&source) {
        bail!("no contract binds topic {source}; bound are: {}", topics.join(", "));
    }
    let dead_letters = config.validator.dead_letters(&source);
    let target: Arc<str> = match (&args.target, config.validator.retry(&source)) {
        (Some(target), _) => target.as_str().into(),
        (None, Some(retry)) => retry,
        (None, None) => bail!(
            "there is no retry topic: set `validator.retry_topic: \"{{topic}}.retry\"` in the config of the validators and here, create {source}.retry \
             with as many partitions as {source}, and restart the validators; or name another topic with --target"
        ),
    };
    let ours = |topic: &Arc<str>| {
        let validator = &config.validator;
        topics
            .iter()
            .any(|source| [source.clone(), validator.validated(source), validator.dead_letters(source)].contains(topic))
    };
    if ours(&target) {
        bail!(
            "--target {target}: a replay never writes into source, validated or dead-letter topics; producers own the first, the validator the others"
        );
    }
    let parked: Arc<str> = config.parked_topic.replace("{topic}", &source).into();
    let facts = cluster.topics(&[dead_letters.clone(), target.clone(), parked.clone()])?;
    let partitions = |name: &Arc<str>| facts.iter().find(|fact| fact.topic == *name).map(|fact| fact.partitions);
    let wanted = partitions(&dead_letters).with_context(|| format!("topic {dead_letters} does not exist"))?;
    match partitions(&target) {
        None => bail!("topic {target} does not exist: create it with {wanted} partitions"),
        Some(found) if found < wanted => bail!("topic {target} has {found} partitions and {dead_letters} has {wanted}: give it as many"),
        Some(_) => {}
    }
    let bounds = cluster.offsets(&dead_letters)?;
    let stretches = (0..).zip(bounds).map(|(partition, (low, end))| Stretch {
        partition,
        from: low.0,
        until: end.0,
    });
    let repair = match &args.repair {
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
            let file = path.display().to_string();
            let sha256 = parsed(&file, &text)?.sha256.to_string();
            Some(tidegate_replay::job::RepairText { file, sha256, text })
        }
        None => None,
    };
    let now = now_micros();
    let id = format!("{}-{:06x}", arguments::day(now), now.unsigned_abs() & 0xff_ffff);
    Ok(Job {
        v: 1,
        group: run::group(&id),
        id,
        source: source.to_string(),
        dead_letters: dead_letters.to_string(),
        target: target.to_string(),
        parked: partitions(&parked).filter(|found| *found >= wanted).map(|_| parked.to_string()),
        attempts_max: args.attempts,
        filter: arguments::filter(args)?,
        repair,
        stretches: stretches.collect(),
        snapshot: snapshot.to_owned(),
        by: args.by.clone(),
        reason: args.reason.clone(),
        begun: now,
        at: now,
        finished: false,
        counts: Counts::default(),
    })
}
