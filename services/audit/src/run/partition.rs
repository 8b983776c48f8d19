//! One source partition after another, and outcome partitions that belong to none.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_flow::ports::Scan;
use tidegate_flow::{NextOffset, TopicPartition, stamp};

use super::{Run, bounds_of};
use crate::likeness::Likeness;
use crate::losses::{Document, book_judging};
use crate::outlet::{Feeders, Outlet, outcomes_within};
use crate::plan::{Mode, TopicPlan};
use crate::report::SourceLedger;
use crate::source::{SourcePlan, SourceWork, Tools};
use crate::state::{SourceState, State};
use crate::stream::{Halt, Reading};
use crate::window::Class;

// === impl Run ===

impl Run<'_, '_, '_> {
    /// One source partition, part by part; each part is kept.
    pub(super) fn source(&mut self, state: &mut State, number: usize) -> Result<(), Halt> {
        if state.sources[number].ledger.is_some() {
            return Ok(());
        }
        let Some(mut plan) = self.source_plan(&state.sources[number]) else {
            return Ok(());
        };
        loop {
            let mut reading = Reading {
                scan: &mut *self.ports.scan,
                watch: &mut *self.watch,
            };
            let mut tools = Tools {
                reading: &mut reading,
                uncommitted: self.uncommitted.as_mut().map(|scan| &mut **scan as &mut dyn Scan),
                explain: self.explain,
            };
            match state.sources[number].work.step(&plan, &mut tools) {
                Ok(true) => {
                    self.watch.keep(state)?;
                    // Retention goes on while a window is read; where there is only one, an error tells.
                    if plan.windows() > 1 {
                        let Some(now) = self.source_plan(&state.sources[number]) else {
                            return Ok(());
                        };
                        plan = now;
                    }
                }
                Ok(false) if widen(&mut state.sources[number], &plan) => {
                    let Some(now) = self.source_plan(&state.sources[number]) else {
                        return Ok(());
                    };
                    plan = now;
                }
                Ok(false) => break,
                Err(Halt::Stopped) => return Err(Halt::Stopped),
                Err(Halt::World(error)) => {
                    // Retention may have gone on meanwhile: then there is less to read, and no error.
                    let Some(now) = self.source_plan(&state.sources[number]) else {
                        return Ok(());
                    };
                    if now.lows() == plan.lows() {
                        self.halted(&plan.at.to_string(), Halt::World(error));
                        return Ok(());
                    }
                    plan = now;
                }
            }
        }
        let source = &mut state.sources[number];
        let mut ledger = source.work.ledger(&plan);
        ledger.removed_before_judging += source.removed_before_judging;
        let reads_all = !plan.partial || plan.is_rest;
        if let Some(highest) = source.work.highest().filter(|&highest| highest >= plan.until.0 && reads_all) {
            // It may have come since the audit began; if it has not, nobody has written it.
            let end = self.bounds(&plan.at.topic).map(|bounds| bounds_of(&bounds, plan.at.partition).1);
            if end.is_some_and(|end| highest >= end.0) {
                ledger.invented.add(highest);
            }
        }
        match self.book_losses(&plan, &mut ledger) {
            Err(Halt::Stopped) => return Err(Halt::Stopped),
            Err(halt) => self.halted(&plan.at.to_string(), halt),
            Ok(()) => {}
        }
        let source = &mut state.sources[number];
        source.ledger = Some(ledger);
        source.work.close();
        Ok(self.watch.keep(state)?)
    }

    /// Losses that somebody has accepted explain why offsets before the first one have no outcome; they lie before every range.
    fn book_losses(&mut self, plan: &SourcePlan, ledger: &mut SourceLedger) -> Result<(), Halt> {
        let id = self.facts.get(&plan.at.topic).and_then(|facts| facts.id.clone());
        let documents: Vec<&Document> = self
            .losses
            .iter()
            .filter(|document| document.is_judging_of(&plan.at, id.as_deref()))
            .collect();
        let mut reading = Reading {
            scan: &mut *self.ports.scan,
            watch: &mut *self.watch,
        };
        let position = plan.position.map(|position| position.0);
        let may_have = plan.mode == Mode::AtLeastOnce;
        let booked = book_judging(&documents, position, plan.low.0, may_have, |from, to| {
            let mut found = 0;
            for outlet in &plan.outlets {
                found += outcomes_within(outlet, &plan.at, (from, to), plan.mode, &mut reading)?.len();
            }
            Ok::<u64, Halt>(found)
        })?;
        ledger.book(booked);
        Ok(())
    }

    fn source_plan(&mut self, source: &SourceState) -> Option<SourcePlan> {
        let topic = self.plan.topics.iter().find(|topic| *topic.source == *source.topic)?;
        let dead = if topic.dead_letters_full {
            Likeness::Content
        } else {
            Likeness::Nothing
        };
        let low = bounds_of(&self.bounds(&topic.source)?, source.partition).0;
        let mut outlets = Vec::with_capacity(2);
        for (which, (name, class, likeness)) in [
            (&topic.validated, Class::Valid, Likeness::Whole),
            (&topic.dead_letters, Class::Dead, dead),
        ]
        .into_iter()
        .enumerate()
        {
            outlets.push(Outlet {
                at: TopicPartition::new(name.clone(), source.partition),
                low: bounds_of(&self.bounds(name)?, source.partition).0,
                until: NextOffset(source.outlet_ends[which]),
                class,
                likeness,
                compacted: self.is_compacted(name),
                piece: usize::try_from(self.window / 64).unwrap_or(0).max(1),
                settled: source.settled.map_or(i64::MAX, |settled| settled[which]),
                feeders: self.feeders(name, source),
            });
        }
        Some(SourcePlan {
            at: TopicPartition::new(topic.source.clone(), source.partition),
            from: NextOffset(source.from),
            until: NextOffset(source.until),
            low,
            position: source.position.map(NextOffset),
            outlets: outlets.try_into().ok()?,
            mode: self.plan.mode,
            partial: source.partial,
            is_rest: source.settled.is_some(),
            compacted: self.is_compacted(&topic.source),
            retry: topic.retry,
            starts_late: topic.starts_late,
            window: self.window,
        })
    }

    fn feeding(&self, outlet: &str) -> impl Iterator<Item = &TopicPlan> {
        let topics = self.plan.topics.iter();
        topics.filter(move |topic| [&topic.validated, &topic.dead_letters].iter().any(|name| ***name == *outlet))
    }

    fn partitions(&self, topic: &str) -> i32 {
        self.facts.get(topic).map_or(0, |facts| facts.partitions)
    }

    fn feeders(&self, outlet: &str, source: &SourceState) -> Feeders {
        let first = self.feeding(outlet).find(|topic| self.partitions(&topic.source) > source.partition);
        Feeders {
            topics: self.feeding(outlet).map(|topic| topic.source.clone()).collect(),
            others: self.feeding(outlet).any(|topic| topic.others),
            answers: first.is_some_and(|first| *first.source == *source.topic),
        }
    }

    /// Outcome partitions that none of their sources has: what lies there has no business there.
    pub(super) fn unowned(&mut self) -> Result<(), Halt> {
        let topics = self.plan.topics.iter().flat_map(|topic| [&topic.validated, &topic.dead_letters]);
        let outlets: BTreeMap<Arc<str>, i32> = topics
            .map(|outlet| {
                let counts = self.feeding(outlet).map(|topic| self.partitions(&topic.source));
                (outlet.clone(), counts.max().unwrap_or(0))
            })
            .collect();
        for (outlet, owned) in outlets {
            // Of a source that is not known anything might be there; it is told as incomplete.
            if owned == 0 || self.partitions(&outlet) <= owned {
                continue;
            }
            for (partition, (low, end)) in (0..).zip(self.bounds(&outlet).unwrap_or_default()) {
                if partition >= owned && low < end {
                    self.unowned_partition(&TopicPartition::new(outlet.clone(), partition), low, end)?;
                }
            }
        }
        Ok(())
    }

    fn unowned_partition(&mut self, at: &TopicPartition, low: NextOffset, end: NextOffset) -> Result<(), Halt> {
        let Some(topic) = self.feeding(&at.topic).next() else {
            return Ok(());
        };
        let mut ledger = SourceLedger::new(
            &TopicPartition::new(topic.source.clone(), at.partition),
            NextOffset(0),
            NextOffset(0),
        );
        let feeders = Feeders {
            topics: self.feeding(&at.topic).map(|topic| topic.source.clone()).collect(),
            others: self.feeding(&at.topic).any(|topic| topic.others),
            answers: true,
        };
        let mut reading = Reading {
            scan: &mut *self.ports.scan,
            watch: &mut *self.watch,
        };
        let read = reading.stream(at, low, end, |record| match stamp::read(&record.headers) {
            None => ledger.unstamped.add(record.origin.offset.0),
            // Its source has no such partition, whatever the stamp says.
            Some(stamp) if !feeders.others || feeders.topics.contains(&stamp.origin.at.topic) => {
                ledger.misplaced.add(record.origin.offset.0);
            }
            Some(_) => {}
        });
        match read {
            Ok(()) => {}
            Err(Halt::Stopped) => return Err(Halt::Stopped),
            Err(halt) => self.halted(&at.to_string(), halt),
        }
        if !ledger.clean() {
            self.report.sources.push(ledger);
        }
        Ok(())
    }
}

/// Whoever went back has judged again what an audit before had settled: the part begins there, and all outcomes of it are read.
fn widen(source: &mut SourceState, plan: &SourcePlan) -> bool {
    let back = source
        .work
        .rewound()
        .map(|lowest| lowest.max(plan.low.0))
        .filter(|&from| from < source.from);
    if let Some(from) = back {
        source.from = from;
        source.work = SourceWork::default();
    }
    back.is_some()
}
