//! What must be true in the end, told from the topics and the lake alone. Shares no code with the audit, and nothing with the workers but
//! the judge itself, which it asks about each record alone.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_check::judge::Judge;
use tidegate_check::{Input, Verdict};
use tidegate_flow::ports::{Cluster, Scan, Store};
use tidegate_flow::record::header_text;
use tidegate_flow::{NextOffset, Offset, Record, TopicPartition, stamp};
use tidegate_validator::Mode;
use tidegate_validator::parts::Chosen;

use crate::contracts::Registry;
use crate::ports::exchange::is_large;
use crate::traffic::{TOPICS, poison};
use crate::world::{VALIDATORS, World};

type Place = (TopicPartition, Offset);

/// Numbers of a run, for people.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counts {
    /// Records that a reader of the sources sees.
    pub sources: u64,
    /// Validated records.
    pub validated: u64,
    /// Dead letters.
    pub dead: u64,
    /// Rows in the lake.
    pub rows: u64,
}

/// Whether every record has its outcome and every validated record its row.
pub(crate) fn is_drained(world: &World) -> bool {
    is_judged(world) && is_landed(world)
}

fn is_judged(world: &World) -> bool {
    partitions(world, &TOPICS.map(String::from)).into_iter().all(|at| {
        let committed = world.broker.committed(VALIDATORS, &at).unwrap_or(NextOffset(0));
        visible(world, &at, committed, 1).is_empty()
    })
}

fn is_landed(world: &World) -> bool {
    let mut landed: BTreeMap<TopicPartition, i64> = BTreeMap::new();
    for object in world.store.list("chain/").unwrap_or_default() {
        if !object.path.ends_with(".manifest.json") {
            continue;
        }
        let bytes = world.store.get(&object.path).ok().flatten().unwrap_or_default();
        let document: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let claim = &document["claim"];
        let (topic, partition, end) = (claim["topic"].as_str(), claim["partition"].as_i64(), claim["end"].as_i64());
        let at = TopicPartition::new(
            topic.unwrap_or_default(),
            partition.and_then(|p| i32::try_from(p).ok()).unwrap_or(-1),
        );
        let known = landed.entry(at).or_default();
        *known = (*known).max(end.unwrap_or(0));
    }
    partitions(world, &TOPICS.map(|topic| format!("{topic}.validated")))
        .into_iter()
        .all(|at| {
            let from = landed.get(&at).copied().unwrap_or(0);
            visible(world, &at, NextOffset(from), 1).is_empty()
        })
}

/// What is not drained, in a sentence.
pub(crate) fn undrained(world: &World) -> String {
    let mut left = Vec::new();
    for at in partitions(world, &TOPICS.map(String::from)) {
        let committed = world.broker.committed(VALIDATORS, &at).unwrap_or(NextOffset(0));
        let records = visible(world, &at, committed, usize::MAX).len();
        if records > 0 {
            left.push(format!("{at} from {}: {records} records without outcome", committed.0));
        }
    }
    if left.is_empty() && !is_landed(world) {
        left.push("validated records are not in the lake".to_owned());
    }
    left.join("; ")
}

fn partitions(world: &World, topics: &[String]) -> Vec<TopicPartition> {
    let of = |topic: &String| {
        (0..world.plan.partitions)
            .map(|partition| TopicPartition::new(topic.as_str(), partition))
            .collect::<Vec<_>>()
    };
    topics.iter().flat_map(of).collect()
}

fn visible(world: &World, at: &TopicPartition, from: NextOffset, max: usize) -> Vec<Record> {
    world
        .broker
        .scan()
        .scan(at, from, NextOffset(i64::MAX), max)
        .expect("scanning in memory does not fail")
}

/// Everything that is wrong.
pub(crate) fn judge(world: &World) -> (Vec<String>, Counts) {
    let mut oracle = Oracle {
        world,
        judge: Judge::new(),
        wrong: Vec::new(),
        counts: Counts::default(),
    };
    for topic in TOPICS {
        oracle.topic(topic);
    }
    oracle.nothing_is_open();
    oracle.audit();
    (oracle.wrong, oracle.counts)
}

struct Oracle<'a> {
    world: &'a World,
    judge: Judge,
    wrong: Vec<String>,
    counts: Counts,
}

// === impl Oracle ===

impl Oracle<'_> {
    fn topic(&mut self, topic: &str) {
        let mut sources: BTreeMap<Place, Record> = BTreeMap::new();
        for at in partitions(self.world, &[topic.to_owned()]) {
            for record in visible(self.world, &at, NextOffset(0), usize::MAX) {
                sources.insert((at.clone(), record.origin.offset), record);
            }
        }
        self.counts.sources += sources.len() as u64;
        let mut classes: BTreeMap<Place, BTreeSet<String>> = BTreeMap::new();
        let mut landing: BTreeSet<Place> = BTreeSet::new();
        for (suffix, is_valid) in [("validated", true), ("dlq", false)] {
            for at in partitions(self.world, &[format!("{topic}.{suffix}")]) {
                let mut last = -1;
                for record in visible(self.world, &at, NextOffset(0), usize::MAX) {
                    let Some((place, class)) = self.outcome(&record, &sources, is_valid) else {
                        continue;
                    };
                    let is_first = !classes.contains_key(&place);
                    if is_first && place.1.0 <= last {
                        self.wrong.push(format!("{} {} comes after {last} in {at}", place.0, place.1.0));
                    }
                    last = last.max(place.1.0);
                    if !is_first && self.world.plan.mode == Mode::ExactlyOnce {
                        self.wrong.push(format!("{} {} has two outcomes", place.0, place.1.0));
                    }
                    if is_valid && record.value.is_some() {
                        landing.insert(place.clone());
                    }
                    *(if is_valid {
                        &mut self.counts.validated
                    } else {
                        &mut self.counts.dead
                    }) += 1;
                    classes.entry(place).or_default().insert(class);
                }
            }
        }
        for ((at, offset), record) in &sources {
            match classes.get(&(at.clone(), *offset)) {
                None if self.is_skipped(record) => {}
                None => self.wrong.push(format!("{at} {} has no outcome", offset.0)),
                Some(classes) if classes.len() > 1 => self.wrong.push(format!("{at} {} has several classes: {classes:?}", offset.0)),
                Some(_) => {}
            }
        }
        self.lake(topic, &landing);
    }

    /// Checks one outcome record, and says whose it is and of which class.
    fn outcome(&mut self, record: &Record, sources: &BTreeMap<Place, Record>, is_valid: bool) -> Option<(Place, String)> {
        let here = format!("{} {}", record.origin.at, record.origin.offset.0);
        let Some(stamp) = stamp::read(&record.headers) else {
            self.wrong.push(format!("{here} has no stamp"));
            return None;
        };
        let place = (stamp.origin.at.clone(), stamp.origin.offset);
        let Some(source) = sources.get(&place) else {
            self.wrong
                .push(format!("{here} is of a record that nobody can see: {} {}", place.0, place.1.0));
            return None;
        };
        if record.origin.at.partition != place.0.partition {
            self.wrong.push(format!("{here} came from partition {}", place.0.partition));
        }
        if (&record.key, &record.value, record.timestamp) != (&source.key, &source.value, source.timestamp) {
            self.wrong.push(format!("{here} is not what {} {} is", place.0, place.1.0));
        }
        let reason = header_text(&record.headers, stamp::REASON).unwrap_or_default();
        let now = header_text(&record.headers, stamp::JUDGE).and_then(|judge| judge.rsplit('/').next()?.parse().ok());
        let alone = now.and_then(|now| self.alone(source, &stamp.commit, now));
        let is_right = match (&alone, is_valid) {
            // Nobody can judge it and live, and nothing else is given up.
            _ if source.value == Some(poison()) => !is_valid && reason == "crash_suspect",
            (Some(Ok(())), true) => true,
            (Some(Ok(())), false) => reason == "size_violation" && is_large(&self.world.faults, place.1.0),
            (Some(Err(reasons)), false) => reasons.contains(reason),
            _ => false,
        };
        if !is_right {
            self.wrong.push(format!(
                "{here} of {} {} says {is_valid} `{reason}`, alone it is {alone:?}",
                place.0, place.1.0
            ));
        }
        Some((place, format!("{is_valid} {reason}")))
    }

    /// Judges a record alone by a commit: valid, or its reasons. None when the policy is to skip it, or the commit is unknown.
    fn alone(&mut self, source: &Record, commit: &str, now: i64) -> Option<Result<(), BTreeSet<String>>> {
        let snapshot = self.world.library.named(commit)?;
        let headers: Vec<_> = source
            .headers
            .iter()
            .map(|header| (&*header.name, header.value.as_deref()))
            .collect();
        let input = Input {
            key: source.key.as_deref(),
            value: source.value.as_deref(),
            headers: &headers,
            now,
        };
        let topic = &source.origin.at.topic;
        match snapshot.choose(topic, &input, &Registry) {
            Chosen::Plans { judge, .. } => match self.judge.judge(&judge.plan, &input, topic, &Registry, &mut ()) {
                Verdict::Valid { .. } => Some(Ok(())),
                Verdict::Invalid { violations, .. } => Some(Err(violations.iter().map(|v| v.reason.as_str().to_owned()).collect())),
                Verdict::Skipped(_) | Verdict::Need(_) => None,
            },
            Chosen::Refused { reason, .. } => Some(Err(BTreeSet::from([reason.as_str().to_owned()]))),
            Chosen::Need(_) => None,
        }
    }

    fn is_skipped(&mut self, source: &Record) -> bool {
        source.key.is_none() && source.value.is_none() && &*source.origin.at.topic == "customers"
    }

    /// Every validated record has one row, and nothing else has.
    fn lake(&mut self, topic: &str, landing: &BTreeSet<Place>) {
        let mut rows: BTreeSet<Place> = BTreeSet::new();
        for object in self.world.store.list("lake/").unwrap_or_default() {
            let bytes = self.world.store.get(&object.path).ok().flatten().unwrap_or_default();
            match tidegate_columnar::read_identities(bytes) {
                Ok(identities) => {
                    for row in identities.into_iter().filter(|row| *row.source_topic == *topic) {
                        self.counts.rows += 1;
                        let place = (TopicPartition::new(topic, row.source_partition), Offset(row.source_offset));
                        if !rows.insert(place.clone()) {
                            self.wrong.push(format!("{} {} has two rows", place.0, place.1.0));
                        }
                    }
                }
                Err(why) => self.wrong.push(format!("{}: {why}", object.path)),
            }
        }
        for (at, offset) in landing.difference(&rows) {
            self.wrong.push(format!("{at} {} is validated and has no row", offset.0));
        }
        for (at, offset) in rows.difference(landing) {
            self.wrong.push(format!("{at} {} has a row and was not validated", offset.0));
        }
    }

    /// Everybody was stopped in a healthy world: nothing of theirs may hold up anybody.
    fn nothing_is_open(&mut self) {
        for group in [VALIDATORS, crate::world::SINKS] {
            let members = self.world.broker.members(group);
            if members > 0 {
                self.wrong.push(format!("{members} members are left in {group}"));
            }
        }
    }

    fn audit(&mut self) {
        let mode = match self.world.plan.mode {
            Mode::ExactlyOnce => tidegate_audit::Mode::ExactlyOnce,
            Mode::AtLeastOnce => tidegate_audit::Mode::AtLeastOnce,
        };
        let topics = TOPICS.map(|topic| tidegate_audit::TopicPlan::new(topic, format!("{topic}.validated"), format!("{topic}.dlq")));
        let plan = tidegate_audit::Plan {
            mode,
            topics: topics.to_vec(),
        };
        let mut cluster = self.world.broker.cluster();
        let mut scan = self.world.broker.scan();
        debug_assert!(cluster.topics(&[]).is_ok());
        let ports = tidegate_audit::Ports {
            cluster: &mut cluster,
            scan: &mut scan,
            store: Some(&self.world.store),
        };
        let report = tidegate_audit::audit(&plan, ports, &tidegate_audit::keyless_tombstone);
        if !report.clean() {
            let bad = report.rows().into_iter().filter(|row| !row.clean).map(|row| {
                let cells: Vec<String> = row
                    .cells
                    .iter()
                    .filter(|(_, n)| *n > 0)
                    .map(|(name, n)| format!("{name} {n}"))
                    .collect();
                format!("{} {}: {}", row.what, row.at, cells.join(", "))
            });
            let bad: Vec<String> = bad.chain(report.incomplete.clone()).collect();
            self.wrong
                .push(format!("the audit says: {}; files {:?}", bad.join("; "), report.files));
        }
        let pending: u64 =
            report.sources.iter().map(|ledger| ledger.pending).sum::<u64>() + report.lake.iter().map(|ledger| ledger.pending).sum::<u64>();
        if pending > 0 {
            self.wrong.push(format!("the audit says that {pending} records are pending"));
        }
    }
}
