//! The lake, a validated partition after another.

use std::collections::BTreeSet;

use tidegate_flow::ports::Store;
use tidegate_flow::{NextOffset, TopicPartition};

use super::Run;
use crate::lake::{Extent, Lake, Landed, Reader};
use crate::landing::Landing;
use crate::plan::TopicPlan;
use crate::report::LakeLedger;
use crate::state::{LakeState, SourceState, State};
use crate::stream::{Halt, Reading};

// === impl Run ===

impl Run<'_, '_, '_> {
    fn landed(&self) -> Vec<Landed> {
        let topics = self.plan.topics.iter().filter(|topic| topic.landed && self.ports.store.is_some());
        let landed = topics.map(|topic| Landed {
            topic: topic.validated.clone(),
            incarnation: topic
                .incarnation
                .clone()
                .or_else(|| self.facts.get(&topic.validated).and_then(|facts| facts.id.clone())),
        });
        landed.collect::<BTreeSet<_>>().into_iter().collect()
    }

    pub(super) fn lake(&mut self, state: &mut State, read: Reader<'_>) -> Result<(), Halt> {
        let landed = self.landed();
        let Some(store) = self.ports.store.filter(|_| !landed.is_empty()) else {
            return Ok(());
        };
        let opened = Lake::open(store, &landed).and_then(|mut lake| lake.read_strays(store, read).map(|()| lake));
        let Some(mut lake) = self.told("lake", opened) else { return Ok(()) };
        // Of topics whose partitions nobody tells no row is called invented.
        let (mut asked, mut untold) = (BTreeSet::new(), BTreeSet::new());
        for each in &landed {
            let Some(bounds) = self.bounds(&each.topic) else {
                untold.insert(each.topic.clone());
                continue;
            };
            for (partition, bounds) in (0..).zip(bounds) {
                let at = TopicPartition::new(each.topic.clone(), partition);
                asked.insert(at.clone());
                if state
                    .lake
                    .iter()
                    .any(|done| *done.ledger.topic == *at.topic && done.ledger.partition == partition)
                {
                    continue;
                }
                let extent = self.extent(state, &at);
                match self.landing(&mut lake, store, &at, extent, bounds, read) {
                    Ok(mut done) => {
                        let before = state.since.as_ref().and_then(|since| since.landed(&at)?.landed_until);
                        went_back(before, &mut done.ledger);
                        state.lake.push(done);
                        self.watch.keep(state)?;
                    }
                    Err(Halt::Stopped) => return Err(Halt::Stopped),
                    Err(halt) => self.halted(&at.to_string(), halt),
                }
            }
        }
        for at in lake.left_over(&asked, &landed) {
            if untold.contains(&at.topic) {
                continue;
            }
            let all = Extent { from: 0, until: i64::MAX };
            let (rows, files) = lake.rows(&at, all, store, read, &mut *self.watch)?;
            self.report.files.merge(&files);
            self.report.lake.push(LakeLedger {
                topic: at.topic.to_string(),
                partition: at.partition,
                invented: rows.len(),
                ..Default::default()
            });
        }
        self.report.files.merge(&lake.files);
        Ok(())
    }

    /// What part of a validated partition belongs to the audited part of its source; all of it where that is audited in full.
    fn extent(&self, state: &State, at: &TopicPartition) -> Extent {
        let topics: Vec<&TopicPlan> = self.plan.topics.iter().filter(|topic| topic.validated == at.topic).collect();
        let is_of = |source: &&SourceState| source.partition == at.partition && topics.iter().any(|topic| *topic.source == *source.topic);
        let sources: Vec<&SourceState> = state.sources.iter().filter(is_of).collect();
        if sources.iter().any(|source| !source.partial) || sources.is_empty() {
            return Extent { from: 0, until: i64::MAX };
        }
        if let Some(since) = &state.since {
            // What could not be looked at before is where it was: at the front.
            let from = since.landed(at).map_or(0, |start| start.from);
            return Extent { from, until: i64::MAX };
        }
        let hulls = sources.iter().filter_map(|source| source.work.tracks[0].hull);
        let hull = hulls.reduce(|left, right| (left.0.min(right.0), left.1.max(right.1)));
        let (from, until) = hull.unwrap_or((0, 0));
        Extent { from, until }
    }

    fn landing(
        &mut self,
        lake: &mut Lake,
        store: &dyn Store,
        at: &TopicPartition,
        extent: Extent,
        (low, end): (NextOffset, NextOffset),
        read: Reader<'_>,
    ) -> Result<LakeState, Halt> {
        let (rows, files) = lake.rows(at, extent, store, read, &mut *self.watch)?;
        let slots = lake.slots(at);
        let mut reading = Reading {
            scan: &mut *self.ports.scan,
            watch: &mut *self.watch,
        };
        let landing = Landing {
            at,
            low,
            end,
            extent,
            slots,
            losses: lake.losses(at),
        };
        let ledger = landing.audit(rows, &mut reading)?;
        Ok(LakeState { ledger, files })
    }
}

/// A chain only grows: one that ends before where it ended has lost slots.
fn went_back(before: Option<i64>, ledger: &mut LakeLedger) {
    let now = ledger.landed_until.unwrap_or(0);
    if before.is_some_and(|before| now < before) {
        ledger.chain_breaks.add(now);
    }
}
