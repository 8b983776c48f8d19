//! What is known of an object beside its rows, from the brokers and the chain: dead letters, whether anything waits, the first files.
//!
//! Nothing is proved by what could not be asked: then it is none, with the reason, and promises that need it are unknown.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_contract::Snapshot;
use tidegate_flow::ports::{Cluster as _, Scan as _, Store};
use tidegate_flow::{NextOffset, TopicPartition, WorldError};
use tidegate_kafka::{ClusterClient, PartitionScan, group_positions};
use tidegate_objectives::{Completeness, DeadLetters, Traffic};
use tidegate_sink::chain::{ChainName, read_chain, read_manifest};

use crate::cli::CompletenessArgs;
use crate::config::Config;

mod complete;
mod letters;

use complete::{Cursor, Readers};
use letters::TopicLetters;

/// Looks when it is asked; dead letters that were counted once are not read again.
pub(super) struct Observer {
    config: Config,
    store: Arc<dyn Store>,
    links: RefCell<Option<Links>>,
    letters: RefCell<BTreeMap<Arc<str>, TopicLetters>>,
    completeness: CompletenessArgs,
    /// By contract, object and major version: each of them is told of everything that came since it was told last.
    cursors: RefCell<BTreeMap<Asker, Cursor>>,
}

/// Contract, object, major version.
type Asker = (String, String, u64);

struct Links {
    cluster: ClusterClient,
    scan: PartitionScan,
}

/// What is known of one source topic at one instant.
#[derive(Default)]
struct TopicFacts {
    waiting: Option<bool>,
    /// Contract, object, major of a file of a first slot, and whether it is there.
    first_files: Vec<((String, String, u64), bool)>,
    letters: bool,
    why: Option<String>,
}

/// Contract, object and major version, and whether a first file of theirs is there.
type FirstFile = ((String, String, u64), bool);

// === impl Observer ===

impl Observer {
    pub(super) fn new(config: &Config, store: Arc<dyn Store>, completeness: &CompletenessArgs) -> Observer {
        Observer {
            config: config.clone(),
            store,
            links: RefCell::new(None),
            letters: RefCell::default(),
            completeness: completeness.clone(),
            cursors: RefCell::default(),
        }
    }

    /// Answers for one pass at `now` (microseconds since the epoch); each topic is looked at once, when the first of its objects is asked about.
    pub(super) fn of<'a>(&'a self, snapshot: &'a Snapshot, now: i64) -> impl Fn(&str, &str, u64, bool) -> Traffic + 'a {
        let topics: RefCell<BTreeMap<Arc<str>, TopicFacts>> = RefCell::default();
        // Brokers that did not answer are not asked again in the same pass: it would cost their time limit for each topic.
        let away: RefCell<Option<String>> = RefCell::default();
        move |contract: &str, object: &str, major: u64, is_completeness_wanted: bool| {
            let found = snapshot
                .contracts
                .iter()
                .filter(|one| *one.id == *contract && one.version.major == major)
                .flat_map(|one| &one.objects)
                .find(|one| *one.name == *object);
            let Some(topic) = found.and_then(|one| one.topic.clone()) else {
                return Traffic::default();
            };
            let mut topics = topics.borrow_mut();
            let facts = topics
                .entry(topic.clone())
                .or_insert_with(|| self.look(&topic, now, &mut away.borrow_mut()));
            let first: Vec<bool> = facts
                .first_files
                .iter()
                .filter(|((of, name, version), _)| of == contract && name == object && *version == major)
                .map(|(_, there)| *there)
                .collect();
            let mut why = facts.why.clone();
            let asker = || (contract.to_owned(), object.to_owned(), major);
            let completeness = is_completeness_wanted
                .then(|| self.account(asker(), &topic, snapshot, now, &mut away.borrow_mut()))
                .and_then(|looked| looked.map_err(|told| why = why.take().or(Some(told))).ok());
            let letters = self.letters.borrow();
            Traffic {
                completeness,
                waiting: facts.waiting,
                first_files_kept: (!first.is_empty()).then(|| first.iter().all(|there| *there)),
                dead_letters: letters.get(&topic).filter(|_| facts.letters).map(|letters| DeadLetters {
                    since: letters.since(),
                    minutes: letters.of(contract, object, major),
                }),
                why,
            }
        }
    }

    /// What became of the topic's records since this asker was told last. An error says why that cannot be told.
    fn account(
        &self,
        asker: Asker,
        topic: &Arc<str>,
        snapshot: &Snapshot,
        now: i64,
        away: &mut Option<String>,
    ) -> Result<Completeness, String> {
        if let Some(why) = away {
            return Err(why.clone());
        }
        let mut links = self.links.borrow_mut();
        let mut cursors = self.cursors.borrow_mut();
        let looked = self.linked(&mut links).and_then(|links| {
            let readers = Readers {
                config: &self.config,
                asked: &self.completeness,
                snapshot,
                cluster: &mut links.cluster,
                scan: &mut links.scan,
            };
            cursors.entry(asker).or_default().look(topic, now, readers)
        });
        looked.map_err(|error| {
            tracing::warn!(%topic, %error, "whether every record is accounted for could not be told");
            *links = None;
            if error.remedy == tidegate_flow::Remedy::Retry {
                *away = Some(error.what.clone());
            }
            error.what
        })
    }

    fn linked<'l>(&self, links: &'l mut Option<Links>) -> Result<&'l mut Links, WorldError> {
        Ok(match links {
            Some(links) => links,
            none => none.insert(Links {
                cluster: ClusterClient::connect(&self.config.kafka)?,
                scan: PartitionScan::connect(&self.config.kafka)?,
            }),
        })
    }

    fn look(&self, topic: &Arc<str>, now: i64, away: &mut Option<String>) -> TopicFacts {
        if let Some(why) = away {
            return TopicFacts {
                why: Some(why.clone()),
                ..TopicFacts::default()
            };
        }
        if self.config.require_brokers().is_err() {
            return TopicFacts {
                why: Some("no brokers are named, so only the lake was looked at".to_owned()),
                ..TopicFacts::default()
            };
        }
        let mut facts = TopicFacts::default();
        match self.ask(topic, now, &mut facts) {
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(%topic, %error, "what is beside the lake could not be asked");
                // A client that failed is not asked again.
                *self.links.borrow_mut() = None;
                if error.remedy == tidegate_flow::Remedy::Retry {
                    *away = Some(error.what.clone());
                }
                facts.why = Some(error.what);
            }
        }
        facts
    }

    fn ask(&self, topic: &Arc<str>, now: i64, facts: &mut TopicFacts) -> Result<(), WorldError> {
        let mut links = self.links.borrow_mut();
        let links = self.linked(&mut links)?;
        let mut letters = self.letters.borrow_mut();
        let known = letters.entry(topic.clone()).or_default();
        let dead: Arc<str> = self.config.validator.dead_letters(topic);
        let bounds = links.cluster.offsets(&dead)?;
        known.follow(topic, &dead, &bounds, &self.config.kafka, &mut links.scan, now)?;
        facts.letters = true;
        facts.waiting = Some(self.waits(topic, links)?);
        facts.first_files = self.first_files(topic, links)?;
        Ok(())
    }

    /// Whether any record of the source or of its validated topic is not in the lake yet. The ends are asked first: what comes later does
    /// not count.
    fn waits(&self, topic: &Arc<str>, links: &mut Links) -> Result<bool, WorldError> {
        let source = links.cluster.offsets(topic)?;
        let judged: BTreeMap<i32, NextOffset> =
            group_positions(&self.config.kafka, &self.config.validator_group, &partitions(topic, source.len()))?
                .into_iter()
                .filter_map(|(at, next)| Some((at.partition, next?)))
                .collect();
        for (partition, (low, end)) in (0..).zip(&source) {
            let from = judged.get(&partition).copied().unwrap_or(*low).max(*low);
            if holds_a_record(links, topic, partition, from, *end)? {
                return Ok(true);
            }
        }
        let validated = self.config.validator.validated(topic);
        let ends = links.cluster.offsets(&validated)?;
        for (name, (low, end)) in self.chains(&validated, links, ends.len())?.into_iter().zip(ends) {
            let landed = read_chain(&*self.store, &name)?.end.unwrap_or(low).max(low);
            if holds_a_record(links, &validated, name.partition, landed, end)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn first_files(&self, topic: &Arc<str>, links: &mut Links) -> Result<Vec<FirstFile>, WorldError> {
        let validated = self.config.validator.validated(topic);
        let count = links.cluster.offsets(&validated)?.len();
        let mut found = Vec::new();
        for name in self.chains(&validated, links, count)? {
            for file in read_manifest(&*self.store, &name, 0)?
                .into_iter()
                .flat_map(|manifest| manifest.claim.files)
            {
                let there = self.store.exists(&file.path)?;
                found.push(((file.contract, file.object, file.major), there));
            }
        }
        Ok(found)
    }

    /// The chains of a validated topic, by partition.
    fn chains(&self, validated: &Arc<str>, links: &mut Links, count: usize) -> Result<Vec<ChainName>, WorldError> {
        let facts = links.cluster.topics(std::slice::from_ref(validated))?;
        let id = facts.into_iter().next().and_then(|facts| facts.id);
        let epoch = || self.config.sink.topic_epoch.map(|epoch| Arc::from(format!("epoch={epoch}")));
        let Some(topic_id) = id.or_else(epoch) else {
            return Err(WorldError::new(
                tidegate_flow::Remedy::Operator,
                format!("{validated} has no id here, and the sink names no epoch: its chain cannot be found"),
            ));
        };
        let names = partitions(validated, count).into_iter().map(|at| ChainName {
            topic: validated.clone(),
            topic_id: topic_id.clone(),
            partition: at.partition,
        });
        Ok(names.collect())
    }
}

fn partitions(topic: &Arc<str>, count: usize) -> Vec<TopicPartition> {
    (0..i32::try_from(count).unwrap_or(i32::MAX))
        .map(|partition| TopicPartition::new(topic.clone(), partition))
        .collect()
}

/// Whether between two offsets lies anything but ends of transactions.
fn holds_a_record(links: &mut Links, topic: &Arc<str>, partition: i32, from: NextOffset, end: NextOffset) -> Result<bool, WorldError> {
    if from >= end {
        return Ok(false);
    }
    let at = TopicPartition::new(topic.clone(), partition);
    Ok(!links.scan.scan(&at, from, end, 1)?.is_empty())
}
