//! One look at all groups: what was kept, what came since, and what was said.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::bail;
use tidegate_contract::Contract;
use tidegate_flow::ports::{Cluster as _, Scan as _};
use tidegate_flow::{NextOffset, Record, TopicPartition, stamp};
use tidegate_kafka::{ClusterClient, PartitionScan, RecordWriter};
use tidegate_replay::board::fold_record;
use tidegate_replay::survey::{Survey, survey, unseen};
use tidegate_replay::{Board, Contracts as _, Fold, Group, Mark, Standing, fold, mark};

use crate::cli::DlqLookArgs;
use crate::commands::replay::Progress;
use crate::config::Config;
use crate::signals::stop_flag;
use crate::wiring::clock::now_micros;
use crate::wiring::contracts::LiveContracts;
use crate::wiring::judging::SnapshotContracts;

/// More than this is worth a word before it is read.
const WORTH_A_WORD: i64 = 20_000;

/// What a look has found, with what it was found by.
pub(super) struct Look {
    pub(super) config: Config,
    pub(super) scan: PartitionScan,
    pub(super) contracts: SnapshotContracts,
    pub(super) board: Board,
    pub(super) has_state: bool,
    /// All that was counted now is in the state topic.
    pub(super) is_kept: bool,
    pub(super) survey: Survey,
    pub(super) groups: BTreeMap<String, Group>,
    pub(super) now: i64,
    owners: BTreeMap<String, Arc<Contract>>,
}

/// One group as it is shown.
pub(super) struct Entry<'l> {
    pub(super) fingerprint: &'l str,
    pub(super) group: &'l Group,
    pub(super) standing: Standing,
    pub(super) mark: Option<&'l Mark>,
    pub(super) owner: Option<&'l str>,
    pub(super) rate: f64,
}

// === impl Look ===

impl Look {
    pub(super) fn open(args: &DlqLookArgs) -> anyhow::Result<Look> {
        Look::opened(args, false)
    }

    /// The same for whoever looks only to keep what is counted: nothing is read where nothing can be kept.
    pub(super) fn open_to_keep(args: &DlqLookArgs) -> anyhow::Result<Look> {
        Look::opened(args, true)
    }

    fn opened(args: &DlqLookArgs, is_to_keep: bool) -> anyhow::Result<Look> {
        let config = Config::load(&args.role)?;
        config.require_brokers()?;
        let live = LiveContracts::open_with(&config.contracts, &config.following.reach, config.following.poll_every)
            .map_err(anyhow::Error::msg)?;
        let snapshot = live.current();
        let sources = snapshot.topics();
        let mut cluster = ClusterClient::connect(&config.kafka)?;
        let mut scan = PartitionScan::connect(&config.kafka)?;
        let found = super::board(&config, &mut cluster, &mut scan)?;
        let has_state = found.is_some();
        if is_to_keep && !has_state {
            bail!("{}", super::no_state_topic(&config));
        }
        let mut board = found.unwrap_or_default();
        let is_meant = |source: &&Arc<str>| args.topics.is_empty() || args.topics.iter().any(|topic| **topic == ***source);
        let mut topics: Vec<Arc<str>> = sources
            .iter()
            .filter(is_meant)
            .map(|source| config.validator.dead_letters(source))
            .collect();
        // A contract that is gone leaves its dead letters behind.
        let others = args
            .topics
            .iter()
            .filter(|topic| !sources.iter().any(|source| **source == ***topic));
        for topic in others {
            let dead = config.validator.dead_letters(topic);
            if cluster.topics(std::slice::from_ref(&dead))?.is_empty() {
                bail!(
                    "no contract binds topic {topic}, and there is no topic {dead}; bound are: {}",
                    sources.join(", ")
                );
            }
            topics.push(dead);
        }
        if args.topics.is_empty() {
            let mut known: Vec<Arc<str>> = board.folds.keys().map(|(topic, _)| topic.as_str().into()).collect();
            known.dedup();
            known.retain(|topic| !topics.contains(topic));
            topics.extend(cluster.topics(&known)?.into_iter().map(|facts| facts.topic));
        }
        topics.sort();
        topics.dedup();
        let now = now_micros();
        let owners = snapshot
            .snapshot
            .contracts
            .iter()
            .map(|contract| (contract.id.to_string(), contract.clone()))
            .collect();
        let contracts = SnapshotContracts::new(snapshot, crate::commands::schemas(&config)?, now);
        let waiting = unseen(&mut cluster, &topics, &board)?;
        if waiting > WORTH_A_WORD {
            let kept = if has_state {
                "what is found is kept"
            } else {
                "nothing is kept: there is no state topic"
            };
            eprintln!(
                "{waiting} offsets of dead-letter topics were not counted before; reading at most {} of them now, {kept}",
                args.max
            );
        }
        let mut progress = Progress::new(stop_flag());
        let has_field = |topic: &str, contract: Option<&_>, name: &str| contracts.has_field(topic, contract, name);
        let survey = survey(&mut cluster, &mut scan, &topics, &board, args.max, &has_field, &mut progress)?;
        let is_kept = has_state && keep(&config, &survey);
        board.marks.values_mut().for_each(|mark| mark.forget_remade(&survey.folds));
        let groups = fold::merged(&survey.folds);
        Ok(Look {
            config,
            scan,
            contracts,
            board,
            has_state,
            is_kept,
            survey,
            groups,
            now,
            owners,
        })
    }

    /// The full fingerprint of a group.
    pub(super) fn find(&self, start: &str) -> anyhow::Result<String> {
        let start = start.to_ascii_lowercase();
        let found: Vec<&String> = self.groups.keys().filter(|fingerprint| fingerprint.starts_with(&start)).collect();
        match found.as_slice() {
            [only] => Ok((*only).clone()),
            [] => bail!("no group of dead letters begins with {start}; `tidegate dlq ls --all` lists them"),
            several => bail!("{start} may mean {} groups; write more of the fingerprint", several.len()),
        }
    }

    pub(super) fn entry<'l>(&'l self, fingerprint: &'l str) -> Entry<'l> {
        let (fingerprint, group) = self.groups.get_key_value(fingerprint).expect("it was found");
        let mark = self.board.marks.get(fingerprint);
        let contract = group.class.contract.as_ref().and_then(|id| self.owners.get(id));
        Entry {
            fingerprint,
            group,
            standing: mark::standing(mark, group, self.now),
            mark,
            owner: contract.and_then(|contract| contract.team.as_deref()),
            rate: group.rate(self.now),
        }
    }

    /// Groups, the largest first.
    pub(super) fn entries(&self, all: bool) -> Vec<Entry<'_>> {
        let mut entries: Vec<Entry<'_>> = self
            .groups
            .keys()
            .map(|fingerprint| self.entry(fingerprint))
            .filter(|entry| all || entry.standing.is_open())
            .collect();
        entries.sort_by(|left, right| (right.group.count, left.fingerprint).cmp(&(left.group.count, right.fingerprint)));
        entries
    }

    /// The newest dead letters of a group that are still there.
    pub(super) fn samples(&mut self, fingerprint: &str) -> anyhow::Result<Vec<Record>> {
        let mut found = Vec::new();
        for place in &self.groups[fingerprint].samples {
            let Some(origin) = stamp::parse_origin(place) else { continue };
            let from = NextOffset(origin.offset.0);
            let at = TopicPartition::new(origin.at.topic.clone(), origin.at.partition);
            // Retention may have removed it.
            if let Ok(records) = self.scan.scan(&at, from, origin.offset.next(), 1) {
                found.extend(records);
            }
        }
        Ok(found)
    }
}

/// Whether all of it is kept now. Counting again is all that is lost where it is not.
fn keep(config: &Config, survey: &Survey) -> bool {
    let fresh = survey.fresh.iter().map(|place| &survey.folds[*place]);
    let record = |fold: &Fold| {
        let record = fold_record(&config.state_topic, fold);
        if record.is_none() {
            eprintln!(
                "the counts of {}:{} are too large to be kept; each look reads that partition again",
                fold.topic, fold.partition
            );
        }
        record
    };
    let records: Vec<_> = fresh.filter_map(record).collect();
    let is_whole = records.len() == survey.fresh.len();
    if records.is_empty() {
        return is_whole;
    }
    let written = RecordWriter::connect_repeating(&config.kafka)
        .map_err(|error| error.to_string())
        .and_then(|mut writer| writer.write(&records).map_err(|fault| fault.to_string()));
    let why = match written {
        Ok(delivery) if delivery.delivered == records.len() => return is_whole,
        Ok(delivery) => delivery.refused.into_iter().next().map(|(_, _, what)| what).unwrap_or_default(),
        Err(why) => why,
    };
    tracing::warn!(
        topic = config.state_topic,
        why,
        "the counts could not be kept; the next look reads the same again"
    );
    false
}
