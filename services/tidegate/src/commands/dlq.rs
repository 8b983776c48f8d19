//! `tidegate dlq`: dead letters in groups.

mod export;
mod look;
mod show;

use std::io::Write as _;

use anyhow::{Context as _, bail};
use tidegate_flow::TopicPartition;
use tidegate_flow::ports::{Cluster as _, Scan};
use tidegate_kafka::{ClusterClient, RecordWriter};
use tidegate_replay::board::mark_record;
use tidegate_replay::fold::partition_text;
use tidegate_replay::{Board, Mark, Said};

use crate::cli::{DlqCountArgs, DlqExportArgs, DlqLsArgs, DlqMarkArgs, DlqShowArgs, Output, SaidArg};
use crate::config::Config;
use crate::exit::Exit;
use crate::screen::{ending, harmless, say};
use crate::who::who;
use crate::wiring::clock::now_micros;

use look::Look;

pub(crate) use show::time;

/// Characters of a note.
const NOTE_MAX: usize = 2_000;

/// `dlq ls`.
pub(crate) fn ls(args: &DlqLsArgs) -> Exit {
    ending(Look::open(&args.look).map(|look| {
        let shown = look.entries(args.all);
        match args.look.output {
            Output::Human => say(format_args!("{}", harmless(&show::list(&look, &shown, args.all)))),
            Output::Json => say(format_args!("{:#}", show::list_document(&look, &shown))),
        }
        // Nobody has said anything about groups that are not told apart.
        let has_others = look.survey.folds.iter().any(tidegate_replay::Fold::holds_others);
        match has_others || shown.iter().any(|entry| entry.standing.is_open()) {
            _ if look.survey.unread > 0 => Exit::CouldNotTell,
            true => Exit::Findings,
            false => Exit::Clean,
        }
    }))
}

/// `dlq count`. Groups that are there are no finding: a schedule would call each of its runs failed.
pub(crate) fn count(args: &DlqCountArgs) -> Exit {
    ending(Look::open_to_keep(&args.look).map(|look| {
        match args.look.output {
            Output::Human => say(format_args!("{}", harmless(&show::counted(&look)))),
            Output::Json => say(format_args!("{}", show::counted_document(&look))),
        }
        match look.is_kept && look.survey.unread == 0 {
            true => Exit::Clean,
            false => Exit::CouldNotTell,
        }
    }))
}

/// `dlq show`.
pub(crate) fn show(args: &DlqShowArgs) -> Exit {
    ending(Look::open(&args.look).and_then(|mut look| {
        let fingerprint = look.find(&args.fingerprint)?;
        let samples = look.samples(&fingerprint)?;
        let entry = look.entry(&fingerprint);
        match args.look.output {
            Output::Human => say(format_args!("{}", harmless(&show::group(&look, &entry, &samples)))),
            Output::Json => say(format_args!("{:#}", show::group_document(&entry, &samples))),
        }
        Ok(Exit::Clean)
    }))
}

/// `dlq export`.
pub(crate) fn export(args: &DlqExportArgs) -> Exit {
    ending(Look::open(&args.look).and_then(|mut look| {
        let fingerprint = look.find(&args.fingerprint)?;
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        let (written, is_whole) = export::write(&mut look, &fingerprint, args, &mut out)?;
        out.flush()?;
        eprintln!("{written} dead letters written");
        Ok(if is_whole { Exit::Clean } else { Exit::CouldNotTell })
    }))
}

/// `dlq mark`.
pub(crate) fn mark(args: &DlqMarkArgs) -> Exit {
    ending(Look::open(&args.look).and_then(|mut look| {
        if !look.has_state {
            bail!("{}", no_state_topic(&look.config));
        }
        if !args.look.topics.is_empty() || look.survey.unread > 0 {
            bail!("what is said is about all dead letters of a group: leave --topic out, and raise --max if not everything was looked at");
        }
        let fingerprint = look.find(&args.fingerprint)?;
        if args.note.as_ref().is_some_and(|note| note.chars().count() > NOTE_MAX) {
            bail!("--note: {NOTE_MAX} characters at most; say where the rest is to be read");
        }
        let until = args.until.as_deref().map(|text| super::replay::time("--until", text)).transpose()?;
        let now = now_micros();
        if until.is_some_and(|until| until <= now) {
            bail!("--until lies in the past");
        }
        let mut mark = Mark {
            v: 1,
            fingerprint: fingerprint.clone(),
            state: said(args.state),
            until,
            note: args.note.clone(),
            by: who(args.by.as_deref()),
            at: now,
            ends: std::collections::BTreeMap::new(),
            ids: std::collections::BTreeMap::new(),
            earlier: look.board.marks.get(&fingerprint).map(Mark::history).unwrap_or_default(),
        };
        // What this look has seen is what the statement is about; what came meanwhile is a return.
        for fold in &look.survey.folds {
            let at = TopicPartition::new(fold.topic.as_str(), fold.partition);
            mark.ends.insert(partition_text(&at), fold.next);
            if let Some(id) = &fold.topic_id {
                mark.ids.insert(fold.topic.clone(), id.clone());
            }
        }
        let mut writer = RecordWriter::connect(&look.config.kafka)?;
        let record = mark_record(&look.config.state_topic, &mark);
        let delivery = writer
            .write(std::slice::from_ref(&record))
            .map_err(|fault| anyhow::anyhow!("{fault}"))?;
        if delivery.delivered != 1 {
            let why = delivery.refused.into_iter().next().map(|(_, _, what)| what).unwrap_or_default();
            bail!("{}: what was said could not be kept: {why}", look.config.state_topic);
        }
        look.board.marks.insert(fingerprint.clone(), mark);
        let entry = look.entry(&fingerprint);
        say(format_args!("{fingerprint} is {}", entry.standing.as_str()));
        Ok(Exit::Clean)
    }))
}

fn said(state: SaidArg) -> Said {
    match state {
        SaidArg::New => Said::New,
        SaidArg::Known => Said::Known,
        SaidArg::Fixing => Said::Fixing,
        SaidArg::Ignored => Said::Ignored,
        SaidArg::Fixed => Said::Fixed,
    }
}

/// What the state topic says; none where there is no such topic.
pub(crate) fn board(config: &Config, cluster: &mut ClusterClient, scan: &mut dyn Scan) -> anyhow::Result<Option<Board>> {
    let topic: std::sync::Arc<str> = config.state_topic.as_str().into();
    let facts = cluster.topics(std::slice::from_ref(&topic))?;
    let Some(facts) = facts.first() else { return Ok(None) };
    if facts.partitions != 1 {
        bail!("topic {topic} has {} partitions: the state topic must have one", facts.partitions);
    }
    if facts.cleanup_policy.as_deref().is_some_and(|policy| policy != "compact") {
        bail!("topic {topic} must have cleanup.policy=compact alone: what is deleted by age would be forgotten");
    }
    let bounds = cluster
        .offsets(&topic)?
        .first()
        .copied()
        .context("the state topic has no partition")?;
    Ok(Some(Board::read(scan, &topic, bounds)?))
}

/// What to do about it.
pub(crate) fn no_state_topic(config: &Config) -> String {
    format!(
        "topic {} does not exist, which keeps states of groups and replays: create it with one partition and cleanup.policy=compact (kafka-topics.sh \
         --create --topic {0} --partitions 1 --config cleanup.policy=compact), or name another one with `dead_letters.state_topic`",
        config.state_topic
    )
}
