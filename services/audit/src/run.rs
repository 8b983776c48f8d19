//! The order in which things are read.
//!
//! Sources' ends first, then the ends of the outcome topics, then all of these; then the lake, the validated topics' ends anew, and the
//! validated topics. So an outcome cannot be newer than what it is held against, nor a row, and the audit may run while everything moves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tidegate_flow::ports::{Cluster, Scan, Store, TopicFacts};
use tidegate_flow::{NextOffset, TopicPartition, WorldError};

use crate::explain::Explain;
use crate::lake::{Extent, Lake, Landed, Reader};
use crate::landing::Landing;
use crate::likeness::Likeness;
use crate::outlet::Outlet;
use crate::plan::{Mode, Plan, TopicPlan};
use crate::report::Report;
use crate::source::{SourcePlan, SourceWork, Tools};
use crate::state::{Continuation, LakeState, SourceState, State, Subject, SubjectTopic};
use crate::stream::{Halt, Reading};
use crate::watch::{Unwatched, Watch};
use crate::window::{Class, WINDOW};

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

/// How an audit is gone about.
#[expect(missing_debug_implementations, reason = "ports have none")]
pub struct Course<'a> {
    /// Records, read_uncommitted: tells aborted records from ends of transactions. None leaves them together.
    pub uncommitted: Option<&'a mut dyn Scan>,
    /// Is told about progress and keeps it.
    pub watch: &'a mut dyn Watch,
    /// What an earlier run has kept.
    pub earlier: Earlier,
    /// Name of the lake for [`Subject::lake`].
    pub lake: String,
    /// Words for [`Subject::range`].
    pub range: String,
    /// Source offsets that are merged at a time; nine bytes each.
    pub window: i64,
}

/// What an earlier run has kept.
#[derive(Debug, Default)]
pub enum Earlier {
    /// There was none, or it does not count.
    #[default]
    Nothing,
    /// This one was interrupted: it goes on, with the ranges that it had.
    Unfinished(State),
    /// This one ended: what came since is audited, whatever ranges the plan names.
    Since(State),
}

type Bounds = Vec<(NextOffset, NextOffset)>;

/// Merges everything and says what is wrong. `explain` names the policy under which a source record has no outcome; it is asked only
/// about records without one, and must not ask anybody who was involved.
///
/// Nothing is written anywhere. What the world refuses to show is in [`Report::incomplete`]; call again later.
pub fn audit(plan: &Plan, ports: Ports<'_>, explain: &dyn Explain) -> Report {
    let mut watch = Unwatched;
    let course = Course::watched_by(&mut watch);
    audit_along(plan, ports, explain, course).expect("nothing earlier can be refused")
}

/// As [`audit`](fn@audit), step by step. An error says why what an earlier run has kept is of no use here.
pub fn audit_along(plan: &Plan, ports: Ports<'_>, explain: &dyn Explain, course: Course<'_>) -> Result<Report, String> {
    audit_with(plan, ports, explain, course, &tidegate_columnar::each_identity)
}

pub(crate) fn audit_with(
    plan: &Plan,
    ports: Ports<'_>,
    explain: &dyn Explain,
    course: Course<'_>,
    read: Reader<'_>,
) -> Result<Report, String> {
    let mut run = Run {
        plan,
        ports,
        uncommitted: course.uncommitted,
        watch: course.watch,
        explain,
        window: course.window,
        report: Report::new(plan.mode),
        facts: BTreeMap::new(),
    };
    run.ask_facts();
    let subject = run.subject(course.range, course.lake);
    let (mut state, since) = match course.earlier {
        Earlier::Nothing => (State::new(subject), None),
        Earlier::Unfinished(state) => match state.subject.refuses(&subject, true) {
            Some(why) => return Err(why),
            None => (state, None),
        },
        Earlier::Since(state) => match state.subject.refuses(&subject, false) {
            Some(why) => return Err(why),
            None => (State::new(subject), Some(state.continuation())),
        },
    };
    let outcome = run.all(&mut state, since.as_ref(), read);
    if let Err(halt) = outcome {
        run.halted("the audit", halt);
    }
    for done in &state.lake {
        run.report.files.merge(&done.files);
    }
    run.report
        .sources
        .extend(state.sources.iter().filter_map(|source| source.ledger.clone()));
    run.report.lake.splice(0..0, state.lake.iter().map(|done| done.ledger.clone()));
    run.report.is_partial = state.sources.iter().any(|source| source.partial);
    run.unproved();
    state.finished = !run.report.was_stopped;
    if let Err(error) = run.watch.keep(&state) {
        run.report.incomplete.push(format!("the state cannot be kept: {error}"));
    }
    Ok(run.report)
}

struct Run<'a, 'p, 'c> {
    plan: &'a Plan,
    ports: Ports<'p>,
    uncommitted: Option<&'c mut dyn Scan>,
    watch: &'c mut dyn Watch,
    explain: &'a dyn Explain,
    window: i64,
    report: Report,
    facts: BTreeMap<Arc<str>, TopicFacts>,
}

// === impl Course ===

impl<'a> Course<'a> {
    /// In one go, from the start.
    pub fn watched_by(watch: &'a mut dyn Watch) -> Course<'a> {
        Course {
            uncommitted: None,
            watch,
            earlier: Earlier::Nothing,
            lake: "lake".to_owned(),
            range: "all".to_owned(),
            window: WINDOW,
        }
    }
}

// === impl Run ===

impl Run<'_, '_, '_> {
    fn all(&mut self, state: &mut State, since: Option<&Continuation>, read: Reader<'_>) -> Result<(), Halt> {
        if state.sources.is_empty() {
            state.sources = self.sources(since);
            self.watch.keep(state)?;
        }
        for number in 0..state.sources.len() {
            self.source(state, number)?;
        }
        self.lake(state, since, read)
    }

    fn told<T>(&mut self, what: &str, result: Result<T, WorldError>) -> Option<T> {
        result.map_err(|error| self.report.incomplete.push(format!("{what}: {error}"))).ok()
    }

    /// What cannot be read is told, and the audit goes on elsewhere; whoever wants it to end gets that.
    fn halted(&mut self, what: &str, halt: Halt) {
        match halt {
            Halt::World(error) => self.report.incomplete.push(format!("{what}: {error}")),
            Halt::Stopped => {
                self.report.was_stopped = true;
                self.report.incomplete.push("the audit was stopped before its end".to_owned());
            }
        }
    }

    fn ask_facts(&mut self) {
        for topic in self
            .plan
            .topics
            .iter()
            .flat_map(|topic| [&topic.source, &topic.validated, &topic.dead_letters])
        {
            if self.facts.contains_key(topic) {
                continue;
            }
            let found = self.ports.cluster.topics(std::slice::from_ref(topic));
            let Some(found) = self.told(topic, found) else { continue };
            match found.into_iter().next() {
                Some(facts) => drop(self.facts.insert(topic.clone(), facts)),
                None => self.report.incomplete.push(format!("{topic}: there is no such topic")),
            }
        }
    }

    fn subject(&self, range: String, lake: String) -> Subject {
        let topic = |name: &Arc<str>| SubjectTopic {
            name: name.to_string(),
            id: self.facts.get(name).and_then(|facts| facts.id.as_deref().map(str::to_owned)),
            partitions: self.facts.get(name).map_or(0, |facts| facts.partitions),
        };
        let topics = self.plan.topics.iter();
        Subject {
            mode: self.report.mode.to_owned(),
            range,
            lake: self.ports.store.map(|_| lake),
            topics: topics
                .map(|plan| [topic(&plan.source), topic(&plan.validated), topic(&plan.dead_letters)])
                .collect(),
        }
    }

    fn is_compacted(&self, topic: &Arc<str>) -> bool {
        let policy = self.facts.get(topic).and_then(|facts| facts.cleanup_policy.as_deref());
        policy.is_some_and(|policy| policy.split(',').any(|each| each.trim() == "compact"))
    }

    fn bounds(&mut self, topic: &Arc<str>) -> Option<Bounds> {
        let partitions = self.facts.get(topic)?.partitions;
        let bounds = self.ports.cluster.offsets(topic);
        let bounds = self.told(topic, bounds)?;
        if bounds.len() != usize::try_from(partitions).unwrap_or_default() {
            self.report
                .incomplete
                .push(format!("{topic}: its number of partitions is changing"));
            return None;
        }
        Some(bounds)
    }

    /// Every source partition with the bounds that hold for the whole audit.
    fn sources(&mut self, since: Option<&Continuation>) -> Vec<SourceState> {
        let bounds: Vec<Option<Bounds>> = self.plan.topics.iter().map(|topic| self.bounds(&topic.source)).collect();
        let mut ends: BTreeMap<Arc<str>, Option<Bounds>> = BTreeMap::new();
        for topic in self.plan.topics.iter().flat_map(|topic| [&topic.validated, &topic.dead_letters]) {
            if !ends.contains_key(topic) {
                let bounds = self.bounds(topic);
                ends.insert(topic.clone(), bounds);
            }
        }
        let mut sources = Vec::new();
        for (topic, bounds) in self.plan.topics.iter().zip(bounds) {
            let bounds = bounds.unwrap_or_default();
            self.unknown_ranges(topic, bounds.len());
            let outlets = ends[&topic.validated].as_ref().zip(ends[&topic.dead_letters].as_ref());
            let Some((valid, dead)) = outlets else {
                self.report
                    .incomplete
                    .push(format!("{}: not audited, its outcomes cannot be read", topic.source));
                continue;
            };
            for (partition, &(low, end)) in (0..).zip(&bounds) {
                let at = TopicPartition::new(topic.source.clone(), partition);
                let asked = match since.and_then(|since| since.sources.get(&at)) {
                    Some(&from) => Some((NextOffset(from), end)),
                    None => topic.ranges.get(&partition).copied(),
                };
                let (from, until) = asked.unwrap_or((low, end));
                if from < low || until > end {
                    self.report
                        .incomplete
                        .push(format!("{at}: only {} to {} of the range can be read", low.0, end.0));
                }
                let from = from.max(low).min(end);
                sources.push(SourceState {
                    topic: at.topic.to_string(),
                    partition,
                    from: from.0,
                    until: until.min(end).max(from).0,
                    position: topic.positions.get(&partition).map(|position| position.0),
                    partial: asked.is_some(),
                    // No partition, no outcomes: they will be missing.
                    outlet_ends: [valid, dead].map(|bounds| bounds_of(bounds, partition).1.0),
                    work: SourceWork::default(),
                    ledger: None,
                });
            }
        }
        sources
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

    /// One source partition, part by part; each part is kept.
    fn source(&mut self, state: &mut State, number: usize) -> Result<(), Halt> {
        if state.sources[number].ledger.is_some() {
            return Ok(());
        }
        let Some(mut plan) = self.source_plan(&state.sources[number]) else {
            return Ok(());
        };
        let mut lows = [plan.low, plan.outlets[0].low, plan.outlets[1].low];
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
                Ok(true) => self.watch.keep(state)?,
                Ok(false) => break,
                Err(Halt::Stopped) => return Err(Halt::Stopped),
                Err(Halt::World(error)) => {
                    // Retention may have gone on meanwhile: then there is less to read, and no error.
                    let Some(now) = self.source_plan(&state.sources[number]) else {
                        return Ok(());
                    };
                    let now_lows = [now.low, now.outlets[0].low, now.outlets[1].low];
                    if now_lows == lows {
                        self.halted(&plan.at.to_string(), Halt::World(error));
                        return Ok(());
                    }
                    (plan, lows) = (now, now_lows);
                }
            }
        }
        let mut ledger = state.sources[number].work.ledger(&plan);
        if let Some(highest) = state.sources[number]
            .work
            .highest()
            .filter(|&highest| highest >= plan.until.0 && !plan.partial)
        {
            // It may have come since the audit began; if it has not, nobody has written it.
            let end = self.bounds(&plan.at.topic).map(|bounds| bounds_of(&bounds, plan.at.partition).1);
            if end.is_some_and(|end| highest >= end.0) {
                ledger.invented.add(highest);
            }
        }
        state.sources[number].ledger = Some(ledger);
        Ok(self.watch.keep(state)?)
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
        for ((name, class, likeness), until) in [
            (&topic.validated, Class::Valid, Likeness::Whole),
            (&topic.dead_letters, Class::Dead, dead),
        ]
        .into_iter()
        .zip(source.outlet_ends)
        {
            outlets.push(Outlet {
                at: TopicPartition::new(name.clone(), source.partition),
                low: bounds_of(&self.bounds(name)?, source.partition).0,
                until: NextOffset(until),
                class,
                likeness,
                compacted: self.is_compacted(name),
                piece: usize::try_from(self.window / 64).unwrap_or(0).max(1),
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
            compacted: self.is_compacted(&topic.source),
            retry: topic.retry,
            starts_late: topic.starts_late,
            window: self.window,
        })
    }

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

    fn lake(&mut self, state: &mut State, since: Option<&Continuation>, read: Reader<'_>) -> Result<(), Halt> {
        let landed = self.landed();
        let Some(store) = self.ports.store.filter(|_| !landed.is_empty()) else {
            return Ok(());
        };
        let opened = Lake::open(store, &landed).and_then(|mut lake| lake.read_strays(store, read).map(|()| lake));
        let Some(mut lake) = self.told("lake", opened) else { return Ok(()) };
        let mut asked = BTreeSet::new();
        for each in &landed {
            for (partition, bounds) in (0..).zip(self.bounds(&each.topic).unwrap_or_default()) {
                let at = TopicPartition::new(each.topic.clone(), partition);
                asked.insert(at.clone());
                if state
                    .lake
                    .iter()
                    .any(|done| *done.ledger.topic == *at.topic && done.ledger.partition == partition)
                {
                    continue;
                }
                let extent = self.extent(state, since, &at);
                match self.landing(&mut lake, store, &at, extent, bounds, read) {
                    Ok(done) => {
                        state.lake.push(done);
                        self.watch.keep(state)?;
                    }
                    Err(Halt::Stopped) => return Err(Halt::Stopped),
                    Err(halt) => self.halted(&at.to_string(), halt),
                }
            }
        }
        for at in lake.left_over(&asked, &landed) {
            let all = Extent { from: 0, until: i64::MAX };
            let (rows, files) = lake.rows(&at, all, store, read, &mut *self.watch)?;
            self.report.files.merge(&files);
            self.report.lake.push(crate::report::LakeLedger {
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
    fn extent(&self, state: &State, since: Option<&Continuation>, at: &TopicPartition) -> Extent {
        let topics: Vec<&TopicPlan> = self.plan.topics.iter().filter(|topic| topic.validated == at.topic).collect();
        let is_of = |source: &&SourceState| source.partition == at.partition && topics.iter().any(|topic| *topic.source == *source.topic);
        let sources: Vec<&SourceState> = state.sources.iter().filter(is_of).collect();
        if sources.iter().any(|source| !source.partial) || sources.is_empty() {
            return Extent { from: 0, until: i64::MAX };
        }
        if let Some(&from) = since.and_then(|since| since.landed.get(at)) {
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
        };
        let ledger = landing.audit(rows, &mut reading)?;
        Ok(LakeState { ledger, files })
    }

    /// Says what nothing was proved about.
    fn unproved(&mut self) {
        let mut lines = Vec::new();
        for source in &self.report.sources {
            let at = format!("{}-{}", source.topic, source.partition);
            for (why, count) in &source.unseen {
                let how = match why.as_str() {
                    "compaction" => "an outcome topic is compacted, and an outcome may have been replaced by a later one of its key",
                    _ => "retention has removed the early records of an outcome topic; audit a later range",
                };
                lines.push(format!("{at}: {count} offsets have no outcome any more: {how}"));
            }
            for (why, count) in &source.untold {
                lines.push(format!(
                    "{at}: {count} records have no outcome, and whether a policy says so cannot be told: {why}"
                ));
            }
        }
        for lake in &self.report.lake {
            // The end of the last transaction takes one offset and never lands.
            let markers = u64::from(self.plan.mode == Mode::ExactlyOnce);
            if lake.removed_before_landing > markers {
                lines.push(format!(
                    "{}-{}: {} offsets after the last committed slot were removed from the topic before they landed; they may have held records",
                    lake.topic, lake.partition, lake.removed_before_landing
                ));
            }
        }
        self.report.incomplete.extend(lines);
    }
}

fn bounds_of(bounds: &Bounds, partition: i32) -> (NextOffset, NextOffset) {
    let at = usize::try_from(partition).ok().and_then(|partition| bounds.get(partition).copied());
    at.unwrap_or((NextOffset(0), NextOffset(0)))
}
