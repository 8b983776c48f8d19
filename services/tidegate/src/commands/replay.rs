//! `tidegate replay`.

mod arguments;
mod show;
mod topics;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tidegate_flow::ports::{Clock as _, Cluster as _};
use tidegate_flow::{NextOffset, Remedy, TopicPartition, WorldError};
use tidegate_kafka::{ClusterClient, GroupRelay, PartitionScan, group_positions};
use tidegate_repair::Repair;
use tidegate_replay::rehearse::{self, Bounds, Rehearsal, rehearse};
use tidegate_replay::run::{self, Ended, Pace, transactional_id};
use tidegate_replay::{Board, Counts, Earlier, Effort, Job, Stretch, Watch};
use tidegate_validator::Mode;

use crate::cli::{Output, ReplayArgs};
use crate::config::Config;
use crate::exit::Exit;
use crate::screen::{harmless, say};
use crate::signals::stop_flag;
use crate::who::who;
use crate::wiring::clock::{SystemClock, now_micros};
use crate::wiring::contracts::LiveContracts;
use crate::wiring::judging::SnapshotContracts;

pub(crate) use arguments::time;

/// More than this is worth a word before it is read.
const WORTH_A_WORD: i64 = 20_000;
/// How often, a second apart, it is looked who has taken over.
const SUCCESSOR_LOOKS: u32 = 30;
/// The text of a repair file goes into the record that keeps the replay.
const REPAIR_BYTES_MAX: usize = 100_000;

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
    /// The replay can be gone on with.
    kept: bool,
}

// === impl Progress ===

impl Progress {
    pub(crate) fn new(stop: Arc<std::sync::atomic::AtomicBool>) -> Progress {
        Progress {
            said: Instant::now(),
            stop,
            read: 0,
            kept: false,
        }
    }
}

impl Watch for Progress {
    fn kept(&mut self, id: &str) {
        if !std::mem::replace(&mut self.kept, true) {
            eprintln!("replay {id} is kept; stopped, it goes on with: tidegate replay --resume {id}");
        }
    }

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
        return Err(config_fault(super::dlq::no_state_topic(&config)));
    }
    let board = board.unwrap_or_default();
    let mut job = match &args.resume {
        Some(id) => resumed(&board, id)?,
        None => planned(args, &config, &mut cluster, &snapshot.topics(), snapshot.commit())?,
    };
    let earlier = Earlier::of(&board, &job);
    let repair = job.repair.clone().map(|text| parsed(&text.file, &text.text)).transpose()?;
    // A replay that goes on has looked for newer events before.
    let order_search = if args.resume.is_none() { args.order_search } else { 0 };
    let validated = config.validator.validated(&job.source);
    refuse_endless(
        args,
        Effort::of(&mut cluster, &job, &validated, order_search)?,
        is_real && order_search > 0,
    )?;
    let stop = stop_flag();
    let mut progress = Progress::new(stop.clone());
    if !is_real {
        let bounds = Bounds {
            judged_max: args.judge_max,
            order_max: order_search,
            pairs_max: 10,
            values: args.values,
            accept_gone: args.accept_unknown,
            now,
        };
        let ports = rehearse::Ports {
            cluster: &mut cluster,
            scan: &mut scan,
            contracts: &mut judge,
            watch: &mut progress,
        };
        let rehearsal = rehearse(&job, repair.as_ref(), &validated, bounds, &earlier, ports)?;
        match args.output {
            Output::Human => say(format_args!("{}", harmless(&show::rehearsal(&job, repair.as_ref(), &rehearsal)))),
            Output::Json => say(format_args!("{:#}", show::rehearsal_document(&job, &rehearsal))),
        }
        return Ok(verdict(&job, &rehearsal));
    }
    if config.validator.mode == Mode::AtLeastOnce {
        return Err(config_fault(
            "a replay needs transactions to send nothing twice, and this deployment runs at_least_once; where the brokers have them all the same, \
             run the replay with --mode exactly_once",
        ));
    }
    if config.validator.retry(&job.source).as_deref() == Some(job.target.as_str()) {
        refuse_unread(&config, &job)?;
    }
    eprintln!("replay {}: dead letters of {} to {}", job.id, job.source, job.target);
    if order_search > 0 {
        // Told before anything is sent. What would become of each letter was for the dry run to tell.
        let mut plan = job.clone();
        plan.only_valid = false;
        if let Some(only) = repair.as_ref().and_then(|repair| repair.contract.as_ref()) {
            plan.filter.contract.get_or_insert_with(|| only.to_string());
        }
        let bounds = Bounds {
            judged_max: 0,
            order_max: order_search,
            pairs_max: 0,
            values: false,
            accept_gone: args.accept_unknown,
            now,
        };
        let ports = rehearse::Ports {
            cluster: &mut cluster,
            scan: &mut scan,
            contracts: &mut judge,
            watch: &mut progress,
        };
        let found = rehearse(&plan, None, &validated, bounds, &earlier, ports)?;
        if found.stopped {
            eprintln!("stopped before anything was sent");
            return Ok(Exit::TryAgain);
        }
        for warning in show::order_warnings(&found) {
            eprintln!("warning: {warning}");
        }
    }
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
        match run::replay(&mut job, repair.as_ref(), &config.state_topic, pace, &earlier, ports, &stop) {
            Ok(ended) => break ended,
            // A read that timed out.
            Err(error) if error.remedy == Remedy::Retry && attempt < 3 => {
                attempt += 1;
                tracing::warn!(%error, attempt, "waiting; it goes on by itself");
                clock.sleep(Duration::from_secs(2));
            }
            Err(error) => {
                match progress.kept || args.resume.is_some() {
                    true => eprintln!(
                        "stopped where it was committed last; go on with: tidegate replay --resume {}",
                        job.id
                    ),
                    false => eprintln!("nothing was sent, and nothing of it is kept"),
                }
                return Err(error.into());
            }
        }
    };
    match args.output {
        Output::Human => say(format_args!("{}", harmless(&show::ended(&job, ended)))),
        Output::Json => say(format_args!("{:#}", show::ended_document(&job, ended))),
    }
    Ok(match ended {
        Ended::Stopped => Exit::TryAgain,
        Ended::TakenOver => {
            // The other one reads what was sent before it says that it is there.
            let mut other = None;
            for _ in 0..SUCCESSOR_LOOKS {
                let now = super::dlq::board(&config, &mut cluster, &mut scan)?.unwrap_or_default();
                other = successor(&board, &now, &job);
                if other.is_some() || stop.load(std::sync::atomic::Ordering::Acquire) {
                    break;
                }
                clock.sleep(Duration::from_secs(1));
            }
            match other {
                // Whoever starts it again would take the work back from the other one.
                Some(other) => {
                    eprintln!("replay {other} of the same dead letters has taken over: do nothing, it passes over what this one has sent");
                    Exit::Config
                }
                None => {
                    eprintln!(
                        "the brokers have shut this replay's producer out: another one of the same dead letters has begun, or a transaction took too \
                         long. If no other one is at work, go on with: tidegate replay --resume {}",
                        job.id
                    );
                    Exit::TryAgain
                }
            }
        }
        Ended::Finished if job.counts.meant == 0 && !job.filter.is_empty() => Exit::CouldNotTell,
        Ended::Finished if leaves_some(&job.counts, &job) => Exit::Findings,
        Ended::Finished => Exit::Clean,
    })
}

/// For somebody to change before it can go on.
fn config_fault(what: impl Into<String>) -> anyhow::Error {
    WorldError::new(Remedy::Operator, what.into()).into()
}

/// Validators that were started before there was a retry topic do not read it; and once restarted they would find records in it of which
/// nobody can say whether they have their outcome.
fn refuse_unread(config: &Config, job: &Job) -> anyhow::Result<()> {
    let partitions: Vec<TopicPartition> = job
        .stretches
        .iter()
        .map(|stretch| TopicPartition::new(job.target.as_str(), stretch.partition))
        .collect();
    let positions = match group_positions(&config.kafka, &config.validator_group, &partitions) {
        Ok(positions) => positions,
        Err(error) if error.remedy == Remedy::Operator => {
            eprintln!("warning: it cannot be told whether validators read {}: {error}", job.target);
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let unread: Vec<String> = positions
        .iter()
        .filter(|(_, next)| next.is_none())
        .map(|(at, _)| at.to_string())
        .collect();
    if unread.is_empty() {
        return Ok(());
    }
    Err(config_fault(format!(
        "group {} has no position in {}: its validators do not read the retry topic yet. Restart them with `validator.retry_topic` in their config \
         before anything is sent there (--group names another group)",
        config.validator_group,
        unread.join(", ")
    )))
}

/// A replay of the same dead letters that was at work since `then`, or this one in another process.
fn successor(then: &Board, now: &Board, job: &Job) -> Option<String> {
    let is_at_work = |other: &&Job| {
        let known = if other.id == job.id {
            Some(job.at)
        } else {
            then.jobs.get(&other.id).map(|job| job.at)
        };
        other.dead_letters == job.dead_letters && known != Some(other.at)
    };
    now.jobs
        .values()
        .filter(is_at_work)
        .max_by_key(|other| other.at)
        .map(|other| other.id.clone())
}

/// Whether something that was meant is not sent. A record that cannot be read belongs to no group; where everything is meant, so is it.
fn leaves_some(counts: &Counts, job: &Job) -> bool {
    counts.stayed + counts.expired > 0 || (counts.unreadable > 0 && job.filter.is_empty())
}

/// Says how much will be read, and refuses what is more than was allowed: half of what went before would be worse than none of it.
fn refuse_endless(args: &ReplayArgs, effort: Effort, twice: bool) -> anyhow::Result<()> {
    let total = effort.total();
    if total > args.read_max {
        bail!(
            "it would read {total} offsets, {effort}: more than --read-max {}. Look at less (--offsets, --order-search 0), or raise it",
            args.read_max
        );
    }
    if total > WORTH_A_WORD {
        let twice = if twice {
            "; once to look for newer events, and all but those again to send (--order-search 0 leaves the first out)"
        } else {
            ""
        };
        eprintln!("reading at most {total} offsets: {effort}{twice}");
    }
    Ok(())
}

fn verdict(job: &Job, rehearsal: &Rehearsal) -> Exit {
    let is_valid = |ruling: &tidegate_replay::Ruling| *ruling == tidegate_replay::Ruling::Valid;
    let is_of_none = rehearsal.counts.meant == 0 && !job.filter.is_empty();
    if rehearsal.stopped || is_of_none {
        Exit::CouldNotTell
    } else if leaves_some(&rehearsal.counts, job) || !rehearsal.rulings.keys().all(is_valid) {
        Exit::Findings
    } else {
        Exit::Clean
    }
}

fn resumed(board: &Board, id: &str) -> anyhow::Result<Job> {
    let Some(job) = board.jobs.get(id) else {
        let mut jobs: Vec<&Job> = board.jobs.values().collect();
        jobs.sort_by_key(|job| std::cmp::Reverse(job.begun));
        let known: Vec<&str> = jobs.iter().take(5).map(|job| job.id.as_str()).collect();
        let known = if known.is_empty() {
            "there are none".to_owned()
        } else {
            known.join(", ")
        };
        bail!("there is no replay {id} in the state topic; the latest: {known}");
    };
    if job.finished {
        bail!(
            "replay {id} is finished: {} were sent; begin a new one, which passes over what it has sent",
            job.counts.sent
        );
    }
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
    let is_bound = topics.contains(&source);
    let dead_letters = config.validator.dead_letters(&source);
    if !is_bound && cluster.topics(std::slice::from_ref(&dead_letters))?.is_empty() {
        bail!(
            "no contract binds topic {source}, and there is no topic {dead_letters}; bound are: {}",
            topics.join(", ")
        );
    }
    if !is_bound && args.execute && args.target.is_none() {
        return Err(config_fault(format!(
            "no contract binds topic {source}, so nobody reads its retry topic: bring a contract back first, or name another topic with --target"
        )));
    }
    if args.again && args.fingerprints.is_empty() && args.offsets.is_empty() {
        bail!("--again needs --fingerprint or --offsets: it sends what was sent before, and may do so for all dead letters");
    }
    let target: Arc<str> = match (&args.target, config.validator.retry(&source)) {
        (Some(target), _) => target.as_str().into(),
        (None, Some(retry)) => retry,
        (None, None) => {
            return Err(config_fault(format!(
                "there is no retry topic: set `validator.retry_topic: \"{{topic}}.retry\"` in the config of the validators and here, create {source}.retry \
             with as many partitions as {source}, and restart the validators; or name another topic with --target"
            )));
        }
    };
    let roles = topics::Roles {
        sources: topics,
        validator: &config.validator,
        parked: &config.parked_topic,
        state: &config.state_topic,
        probe: &config.probe_topic,
    };
    if let Some(role) = roles.refuse_target(&target, &source) {
        bail!("--target {target}: that is {role}; a replay never writes there");
    }
    let parked: Arc<str> = config.parked_topic.replace("{topic}", &source).into();
    if let Some(role) = roles.refuse_parked(&parked, &source, &target) {
        return Err(config_fault(format!(
            "dead_letters.parked_topic: {parked} is {role}; name another one, such as \"{{topic}}.parked\""
        )));
    }
    let facts = cluster.topics(&[dead_letters.clone(), target.clone(), parked.clone()])?;
    let fact = |name: &Arc<str>| facts.iter().find(|fact| fact.topic == *name);
    let partitions = |name: &Arc<str>| fact(name).map(|fact| fact.partitions);
    let wanted = partitions(&dead_letters).with_context(|| format!("topic {dead_letters} does not exist"))?;
    match partitions(&target) {
        None => {
            return Err(config_fault(format!(
                "topic {target} does not exist: create it with {wanted} partitions"
            )));
        }
        Some(found) if found < wanted => {
            let what = format!("topic {target} has {found} partitions and {dead_letters} has {wanted}: give it as many");
            return Err(config_fault(what));
        }
        Some(_) => {}
    }
    for topic in [&target, &parked] {
        let policy = fact(topic).and_then(|fact| fact.cleanup_policy.as_deref());
        if policy.is_some_and(|policy| policy != "delete") {
            return Err(config_fault(format!(
                "topic {topic} must have cleanup.policy=delete: compaction removes records that nobody has read yet, and with them what is known of \
                 what was sent"
            )));
        }
    }
    let ids = [&dead_letters, &target, &parked]
        .into_iter()
        .filter_map(|topic| Some((topic.to_string(), fact(topic)?.id.as_ref()?.to_string())));
    let topic_ids = ids.collect();
    let bounds = cluster.offsets(&dead_letters)?;
    let filter = arguments::filter(args)?;
    let stretches = (0..).zip(bounds).map(|(partition, (low, end))| {
        let whole = Stretch {
            partition,
            from: low.0,
            until: end.0,
        };
        arguments::narrowed(whole, &filter.offsets)
    });
    let stretches = stretches.collect();
    let repair = match &args.repair {
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
            if text.len() > REPAIR_BYTES_MAX {
                bail!(
                    "{}: {} bytes; a repair file may have {REPAIR_BYTES_MAX}, because it is kept with every transaction of the replay",
                    path.display(),
                    text.len()
                );
            }
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
        filter,
        repair,
        stretches,
        topic_ids,
        again: args.again,
        only_valid: args.only_valid,
        snapshot: snapshot.to_owned(),
        by: who(args.by.as_deref()),
        reason: args.reason.clone(),
        begun: now,
        at: now,
        finished: false,
        counts: Counts::default(),
    })
}
