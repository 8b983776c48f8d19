//! The order in which things are read.
//!
//! Sources' ends first, then the lake, then the ends of the outcome topics: so an outcome cannot be newer than what it is held against,
//! and the audit may run while everything moves.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_check::Skip;
use tidegate_flow::ports::{Cluster, Scan, Store, TopicFacts};
use tidegate_flow::{NextOffset, Record, TopicPartition, WorldError};

use crate::lake::{Lake, Landed, Reader};
use crate::likeness::Likeness;
use crate::outcomes::Outlet;
use crate::plan::{Plan, TopicPlan};
use crate::report::Report;
use crate::source::{SourcePlan, audit_source};
use crate::window::Class;

/// What the audit reads from.
#[expect(missing_debug_implementations, reason = "ports have none")]
pub struct Ports<'a> {
    /// Facts of topics.
    pub cluster: &'a mut dyn Cluster,
    /// Records, read_committed.
    pub scan: &'a mut dyn Scan,
    /// The lake; none leaves it out.
    pub store: Option<&'a dyn Store>,
}

type Bounds = Vec<(NextOffset, NextOffset)>;

/// Merges everything and says what is wrong. `explain` names the policy under which a source record has no outcome; it is asked only
/// about records without one, and must not ask anybody who was involved.
///
/// Nothing is written anywhere. What the world refuses to show is in [`Report::incomplete`]; call again later.
pub fn audit(plan: &Plan, ports: Ports<'_>, explain: &dyn Fn(&Record) -> Option<Skip>) -> Report {
    audit_with(plan, ports, explain, &tidegate_columnar::read_identities)
}

pub(crate) fn audit_with(plan: &Plan, ports: Ports<'_>, explain: &dyn Fn(&Record) -> Option<Skip>, read: Reader<'_>) -> Report {
    let mut run = Run {
        ports,
        report: Report::new(plan.mode),
    };
    let sources: Vec<Option<Bounds>> = plan.topics.iter().map(|topic| run.bounds(&topic.source)).collect();
    let landed = run.landed(plan);
    let lake = run.lake(&landed, read);
    let mut outlets: BTreeMap<Arc<str>, Option<Bounds>> = BTreeMap::new();
    for topic in plan.topics.iter().flat_map(|topic| [&topic.validated, &topic.dead_letters]) {
        if !outlets.contains_key(topic) {
            let bounds = run.bounds(topic);
            outlets.insert(topic.clone(), bounds);
        }
    }
    for (topic, bounds) in plan.topics.iter().zip(sources) {
        let bounds = bounds.unwrap_or_default();
        run.unknown_ranges(topic, bounds.len());
        for (partition, bounds) in (0..).zip(bounds) {
            run.source(plan, topic, partition, bounds, &outlets, explain);
        }
    }
    if let Some(mut lake) = lake {
        for each in &landed {
            for (partition, bounds) in (0..).zip(outlets.get(&each.topic).cloned().flatten().unwrap_or_default()) {
                run.landing(&mut lake, &TopicPartition::new(each.topic.clone(), partition), bounds);
            }
        }
        run.report.lake.extend(lake.left_over(&landed));
    }
    run.report
}

struct Run<'a> {
    ports: Ports<'a>,
    report: Report,
}

// === impl Run ===

impl Run<'_> {
    fn told<T>(&mut self, what: &str, result: Result<T, WorldError>) -> Option<T> {
        result.map_err(|error| self.report.incomplete.push(format!("{what}: {error}"))).ok()
    }

    fn facts(&mut self, topic: &Arc<str>) -> Option<TopicFacts> {
        let found = self.ports.cluster.topics(std::slice::from_ref(topic));
        let found = self.told(topic, found)?.into_iter().next();
        if found.is_none() {
            self.report.incomplete.push(format!("{topic}: there is no such topic"));
        }
        found
    }

    fn bounds(&mut self, topic: &Arc<str>) -> Option<Bounds> {
        let facts = self.facts(topic)?;
        let bounds = self.ports.cluster.offsets(topic);
        let bounds = self.told(topic, bounds)?;
        if bounds.len() != usize::try_from(facts.partitions).unwrap_or_default() {
            self.report
                .incomplete
                .push(format!("{topic}: its number of partitions is changing"));
            return None;
        }
        Some(bounds)
    }

    fn landed(&mut self, plan: &Plan) -> Vec<Landed> {
        let mut landed = Vec::new();
        if self.ports.store.is_none() {
            return landed;
        }
        for topic in plan.topics.iter().filter(|topic| topic.landed) {
            let id = match &topic.incarnation {
                Some(id) => Some(id.clone()),
                None => self.facts(&topic.validated).and_then(|facts| facts.id),
            };
            landed.push(Landed {
                topic: topic.validated.clone(),
                incarnation: id,
            });
        }
        landed.sort();
        landed.dedup();
        landed
    }

    fn lake(&mut self, landed: &[Landed], read: Reader<'_>) -> Option<Lake> {
        let store = self.ports.store.filter(|_| !landed.is_empty())?;
        let lake = Lake::read(store, landed, read, &mut self.report.files);
        self.told("lake", lake)
    }

    fn unknown_ranges(&mut self, topic: &TopicPlan, partitions: usize) {
        let there = |partition: i32| usize::try_from(partition).is_ok_and(|partition| partition < partitions);
        for partition in topic.ranges.keys().filter(|&&partition| !there(partition)) {
            self.report.incomplete.push(format!(
                "{}-{partition}: a range is given for it, and it does not exist",
                topic.source
            ));
        }
    }

    fn source(
        &mut self,
        plan: &Plan,
        topic: &TopicPlan,
        partition: i32,
        (low, end): (NextOffset, NextOffset),
        outlets: &BTreeMap<Arc<str>, Option<Bounds>>,
        explain: &dyn Fn(&Record) -> Option<Skip>,
    ) {
        let at = TopicPartition::new(topic.source.clone(), partition);
        let (from, until) = topic.ranges.get(&partition).copied().unwrap_or((low, end));
        if from < low || until > end {
            self.report
                .incomplete
                .push(format!("{at}: only {} to {} of the range can be read", low.0, end.0));
        }
        let from = from.max(low);
        let until = until.min(end).max(from);
        let dead = if topic.dead_letters_full {
            Likeness::Content
        } else {
            Likeness::Nothing
        };
        let outlet = |topic: &Arc<str>, class, likeness| {
            let bounds = outlets.get(topic)?.as_ref()?;
            // No partition, no outcomes: they will be missing.
            let (from, until) = bounds
                .get(usize::try_from(partition).ok()?)
                .copied()
                .unwrap_or((NextOffset(0), NextOffset(0)));
            Some(Outlet {
                at: TopicPartition::new(topic.clone(), partition),
                from,
                until,
                class,
                likeness,
            })
        };
        let valid = outlet(&topic.validated, Class::Valid, Likeness::Whole);
        let Some((valid, dead)) = valid.zip(outlet(&topic.dead_letters, Class::Dead, dead)) else {
            self.report
                .incomplete
                .push(format!("{at}: not audited, its outcomes cannot be read"));
            return;
        };
        if valid.from.0 > 0 || dead.from.0 > 0 {
            self.report.incomplete.push(format!(
                "{at}: retention has removed outcomes, so early offsets may look missing; audit a later range"
            ));
        }
        let position = topic.positions.get(&partition).copied();
        let source = SourcePlan {
            at,
            from,
            until,
            position,
            outlets: [valid, dead],
            mode: plan.mode,
        };
        let ledger = audit_source(&source, self.ports.scan, explain);
        if let Some(ledger) = self.told(&source.at.to_string(), ledger) {
            self.report.sources.push(ledger);
        }
    }

    fn landing(&mut self, lake: &mut Lake, at: &TopicPartition, (from, until): (NextOffset, NextOffset)) {
        let ledger = lake.audit(at, from, until, self.ports.scan);
        if let Some(ledger) = self.told(&at.to_string(), ledger) {
            self.report.lake.push(ledger);
        }
    }
}
