//! What is to be audited of which source partition.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_flow::{NextOffset, TopicPartition};

use super::{Bounds, Run, bounds_of};
use crate::plan::TopicPlan;
use crate::source::SourceWork;
use crate::state::{SourceState, State};

/// Ends of the two outcome topics of a source.
type Outlets<'a> = [&'a Bounds; 2];

// === impl Run ===

impl Run<'_, '_, '_> {
    /// Every partition of the sources that the state does not know yet, with the bounds that hold for the whole audit. A topic whose bounds
    /// cannot be had stays out of the state, so that whoever goes on asks again.
    pub(super) fn plan_parts(&mut self, state: &mut State) {
        let is_open = |topic: &&TopicPlan| !state.sources.iter().any(|source| *source.topic == *topic.source);
        let topics: Vec<&TopicPlan> = self.plan.topics.iter().filter(is_open).collect();
        let bounds: Vec<Option<Bounds>> = topics.iter().map(|topic| self.bounds(&topic.source)).collect();
        let mut ends: BTreeMap<Arc<str>, Option<Bounds>> = BTreeMap::new();
        for topic in topics.iter().flat_map(|topic| [&topic.validated, &topic.dead_letters]) {
            if !ends.contains_key(topic) {
                let bounds = self.bounds(topic);
                ends.insert(topic.clone(), bounds);
            }
        }
        for (topic, bounds) in topics.into_iter().zip(bounds) {
            let Some(bounds) = bounds else { continue };
            let outlets = ends[&topic.validated].as_ref().zip(ends[&topic.dead_letters].as_ref());
            let Some((valid, dead)) = outlets else {
                self.report
                    .incomplete
                    .push(format!("{}: not audited, its outcomes cannot be read", topic.source));
                continue;
            };
            let there = |partition: i32| usize::try_from(partition).is_ok_and(|partition| partition < bounds.len());
            for partition in topic.ranges.keys().filter(|&&partition| !there(partition)) {
                state.incomplete.push(format!(
                    "{}-{partition}: a range is given for it, and it does not exist",
                    topic.source
                ));
            }
            for (partition, &bounds) in (0..).zip(&bounds) {
                plan_part(state, topic, partition, bounds, [valid, dead]);
            }
        }
    }
}

fn plan_part(state: &mut State, topic: &TopicPlan, partition: i32, (low, end): (NextOffset, NextOffset), outlets: Outlets<'_>) {
    let at = TopicPartition::new(topic.source.clone(), partition);
    // No partition, no outcomes: they will be missing.
    let outlet_ends = outlets.map(|bounds| bounds_of(bounds, partition).1.0);
    let start = state.since.as_ref().and_then(|since| since.source(&at)).cloned();
    let asked = match (&start, &state.since) {
        (Some(start), _) => Some((NextOffset(start.from), end)),
        (None, Some(_)) => None,
        (None, None) => topic.ranges.get(&partition).copied(),
    };
    let (from, until) = asked.unwrap_or((low, end));
    let mut lines = Vec::new();
    if from < low || until > end || from > end {
        lines.push(format!(
            "{at}: only {} to {} of the range {} to {} can be read",
            low.0, end.0, from.0, until.0
        ));
    }
    let names = [&topic.validated, &topic.dead_letters];
    for ((name, end), settled) in names.iter().zip(outlet_ends).zip(start.iter().flat_map(|start| start.outlet_ends)) {
        if end < settled {
            lines.push(format!(
                "{name}-{partition}: it ends at {end}, and the audit before read it up to {settled}"
            ));
        }
    }
    let position = topic.positions.get(&partition).copied();
    // Of a part that somebody names, nothing before it is asked for.
    let is_everything = asked.is_none() || start.is_some();
    let removed = position.filter(|_| is_everything).map_or(0, |position| low.0 - position.0);
    let from = from.max(low).min(end);
    state.incomplete.append(&mut lines);
    state.sources.push(SourceState {
        topic: at.topic.to_string(),
        partition,
        from: from.0,
        until: until.min(end).max(from).0,
        position: position.map(|position| position.0),
        removed_before_judging: u64::try_from(removed).unwrap_or(0),
        partial: asked.is_some(),
        settled: start.map(|start| start.outlet_ends),
        outlet_ends,
        work: SourceWork::default(),
        ledger: None,
    });
}
