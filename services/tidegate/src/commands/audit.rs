//! `tidegate audit`.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_audit::{Course, Earlier, Mode, Plan, Ports, Report, TopicPlan, audit_along, count};
use tidegate_flow::ports::{Cluster as _, Scan, Store};
use tidegate_flow::{NextOffset, TopicPartition};
use tidegate_kafka::{ClusterClient, PartitionScan, group_positions, offsets_at};
use tidegate_validator::{Settings, StartAt};

use crate::cli::{AuditArgs, Output};
use crate::config::Config;
use crate::exit::Exit;
use crate::screen::say;
use crate::signals::stop_flag;
use crate::table::table;
use crate::wiring::contracts::LiveContracts;

mod control;
mod progress;
mod range;
mod state_file;

pub(crate) use control::ControlRecords;
use progress::Progress;
use range::{Asked, Stretch};
use state_file::StateFile;

pub(crate) fn run(args: &AuditArgs) -> Exit {
    match report(args) {
        Ok(report) => {
            show(&report, args.output);
            Exit::of_report(report.exit_code())
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            Exit::CouldNotTell
        }
    }
}

fn report(args: &AuditArgs) -> anyhow::Result<Report> {
    let asked = Asked::of(args)?;
    let config = Config::load(&args.role)?;
    config.require_brokers()?;
    let file = args.state.as_deref().map(StateFile::new);
    let earlier = earlier(file.as_ref(), &asked)?;
    let contracts =
        LiveContracts::open_with(&config.contracts, &config.following.reach, config.following.poll_every).map_err(anyhow::Error::msg)?;
    let snapshot = contracts.current();
    let mut topics: Vec<Arc<str>> = match (&asked, args.topics.as_slice()) {
        (Asked::Offsets(stretches), _) => stretches.iter().map(|stretch| stretch.topic.clone()).collect(),
        (_, []) => snapshot.topics(),
        (_, named) => named.iter().map(|topic| Arc::from(topic.as_str())).collect(),
    };
    topics.sort();
    topics.dedup();
    let names_topics = !args.topics.is_empty() || matches!(asked, Asked::Offsets(_));
    let mut cluster = ClusterClient::connect(&config.kafka)?;
    // What was sent back is consumed from a topic of its own, and has outcomes of its own.
    let settings = config.validator.clone().with_retries_of(&snapshot.topics());
    let retries: Vec<Arc<str>> = topics.iter().filter_map(|topic| settings.retry(topic)).collect();
    topics.extend(cluster.topics(&retries)?.into_iter().map(|facts| facts.topic));
    topics.dedup();
    let mut plan = plan(&settings, &topics);
    for topic in &mut plan.topics {
        topic.landed = config.lake.is_some();
        topic.retry = settings.is_retry(&topic.source);
        topic.starts_late = config.validator.start_at == StartAt::Latest && !settings.is_retry(&topic.source);
        topic.others = names_topics;
        let facts = cluster.topics(std::slice::from_ref(&topic.validated))?;
        if facts.first().is_some_and(|facts| facts.id.is_none()) {
            // As the sink names what it lands where the brokers have no ids.
            topic.incarnation = config.sink.topic_epoch.map(|epoch| format!("epoch={epoch}").into());
        }
        // The group's positions first: what comes while the audit runs is pending, not missing.
        let bounds = cluster.offsets(&topic.source)?;
        let partitions: Vec<TopicPartition> = (0..i32::try_from(bounds.len())?)
            .map(|partition| TopicPartition {
                topic: topic.source.clone(),
                partition,
            })
            .collect();
        for (at, next) in group_positions(&config.kafka, &config.validator_group, &partitions)? {
            // Without a position nothing counts as pending: everything must have its outcome.
            if let Some(next) = next {
                topic.positions.insert(at.partition, next);
            }
        }
        topic.ranges = ranges(&asked, &config, &partitions, &bounds)?;
    }
    let store = config
        .lake
        .as_ref()
        .map(|lake| tidegate_lake::open(&lake.location, &lake.options))
        .transpose()?;
    let mut scan = PartitionScan::connect(&config.kafka)?;
    let mut uncommitted = PartitionScan::connect_uncommitted(&config.kafka)?;
    let explain = ControlRecords::new(&snapshot.snapshot, super::schemas(&config)?);
    let ports = Ports {
        cluster: &mut cluster,
        scan: &mut scan,
        store: store.as_deref().map(|store| store as &dyn Store),
    };
    let mut progress = Progress::new(stop_flag(), args.state.as_deref().map(StateFile::new));
    if args.quick {
        let report = count(&plan, ports, &mut progress);
        progress.end();
        return Ok(report);
    }
    let course = Course {
        uncommitted: Some(&mut uncommitted as &mut dyn Scan),
        earlier,
        lake: config.lake.as_ref().map_or_else(String::new, |lake| lake.location.clone()),
        range: asked.words(),
        ..Course::watched_by(&mut progress)
    };
    let report = audit_along(&plan, ports, &explain, course);
    progress.end();
    report.map_err(|why| match &file {
        Some(file) => file.refused(&why),
        None => anyhow::Error::msg(why),
    })
}

/// What the file says about how to go on.
fn earlier(file: Option<&StateFile>, asked: &Asked) -> anyhow::Result<Earlier> {
    let Some(state) = file.map(StateFile::read).transpose()?.flatten() else {
        return Ok(Earlier::Nothing);
    };
    Ok(match (state.finished, asked) {
        (false, _) => {
            tracing::info!("going on with the audit that was interrupted");
            Earlier::Unfinished(state)
        }
        (true, Asked::SinceLast) => Earlier::Since(state),
        (true, _) => Earlier::Nothing,
    })
}

/// The source offsets that are asked for, where it is not all of them.
fn ranges(
    asked: &Asked,
    config: &Config,
    partitions: &[TopicPartition],
    bounds: &[(NextOffset, NextOffset)],
) -> anyhow::Result<BTreeMap<i32, (NextOffset, NextOffset)>> {
    let all = partitions.iter().zip(bounds);
    match asked {
        Asked::All | Asked::SinceLast => Ok(BTreeMap::new()),
        Asked::Offsets(stretches) => {
            let range = |(at, bounds): (&TopicPartition, &(NextOffset, NextOffset))| {
                let stretch = stretches.iter().find(|stretch| is_about(stretch, at));
                let range = match stretch {
                    Some(stretch) => (
                        stretch.from.map_or(bounds.0, NextOffset),
                        stretch.until.map_or(bounds.1, NextOffset),
                    ),
                    None => (bounds.1, bounds.1),
                };
                (at.partition, range)
            };
            let mut ranges: BTreeMap<_, _> = all.map(range).collect();
            // One that does not exist is told by the audit.
            let ours = stretches
                .iter()
                .filter(|stretch| partitions.first().is_none_or(|at| at.topic == stretch.topic));
            for partition in ours.filter_map(|stretch| stretch.partition) {
                ranges.entry(partition).or_insert((NextOffset(0), NextOffset(0)));
            }
            Ok(ranges)
        }
        Asked::Times { from, until } => {
            let at_time = |millis: Option<i64>| match millis {
                Some(millis) => Ok(Some(
                    offsets_at(&config.kafka, partitions, millis)?
                        .into_iter()
                        .collect::<BTreeMap<_, _>>(),
                )),
                None => anyhow::Ok(None),
            };
            let (starts, ends) = (at_time(*from)?, at_time(*until)?);
            let range = |(at, bounds): (&TopicPartition, &(NextOffset, NextOffset))| {
                // Nothing of that time or later: the range is at the end.
                let offset =
                    |of: &BTreeMap<_, Option<NextOffset>>| of.get(at).copied().flatten().unwrap_or(bounds.1).clamp(bounds.0, bounds.1);
                let start = starts.as_ref().map_or(bounds.0, offset);
                (at.partition, (start, ends.as_ref().map_or(bounds.1, offset).max(start)))
            };
            Ok(all.map(range).collect())
        }
    }
}

fn is_about(stretch: &Stretch, at: &TopicPartition) -> bool {
    stretch.topic == at.topic && stretch.partition.is_none_or(|partition| partition == at.partition)
}

/// The topics of a deployment, audited in full.
pub(crate) fn plan(settings: &Settings, topics: &[Arc<str>]) -> Plan {
    let mode = match settings.mode {
        tidegate_validator::Mode::ExactlyOnce => Mode::ExactlyOnce,
        tidegate_validator::Mode::AtLeastOnce => Mode::AtLeastOnce,
    };
    let topics = topics
        .iter()
        .map(|topic| TopicPlan::new(topic.clone(), settings.validated(topic), settings.dead_letters(topic)))
        .collect();
    Plan { mode, topics }
}

/// Prints a report.
pub(crate) fn show(report: &Report, output: Output) {
    if output == Output::Json {
        say(format_args!("{}", report.to_json()));
        return;
    }
    // Of a range that names a few partitions the others have nothing to say.
    let is_worth_a_line = |row: &tidegate_audit::Row| !row.clean || row.cells.iter().any(|(_, count)| *count > 0) || !report.is_partial;
    let rows = report.rows().into_iter().filter(is_worth_a_line).map(|row| {
        let cells: Vec<String> = row
            .cells
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        [
            if row.clean { "ok" } else { "NOT CLEAN" }.to_owned(),
            row.at,
            row.what.to_owned(),
            cells.join(", "),
        ]
    });
    say(format_args!("{}", table(["", "partition", "what", "ledger"], rows)));
    for finding in report.findings() {
        say(format_args!("{finding}"));
    }
    for note in &report.notes {
        say(format_args!("note: {note}"));
    }
    for why in &report.incomplete {
        say(format_args!("incomplete: {why}"));
    }
    say(format_args!(
        "audit: {}",
        match report.exit_code() {
            0 => "clean",
            1 => "NOT CLEAN",
            _ => "INCOMPLETE: not everything could be looked at",
        }
    ));
}
