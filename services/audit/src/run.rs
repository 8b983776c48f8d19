//! The order in which things are read.
//!
//! Sources' ends first, then the ends of the outcome topics, then all of these; then the lake, the validated topics' ends anew, and the
//! validated topics. So an outcome cannot be newer than what it is held against, nor a row, and the audit may run while everything moves.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_flow::ports::{Cluster, Scan, Store, TopicFacts};
use tidegate_flow::{NextOffset, WorldError};

use crate::continuation::Continuation;
use crate::explain::Explain;
use crate::lake::Reader;
use crate::losses::{self, Document};
use crate::plan::Plan;
use crate::report::Report;
use crate::state::{State, Subject, SubjectTopic};
use crate::stream::Halt;
use crate::watch::{Unwatched, Watch};
use crate::window::WINDOW;

mod lake;
mod partition;
mod parts;
mod unproved;

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
        losses: Vec::new(),
    };
    run.ask_facts();
    run.read_losses();
    let subject = run.subject(course.range, course.lake);
    let mut state = match course.earlier {
        Earlier::Nothing => {
            let mut state = State::new(subject);
            state.whole = plan.topics.iter().all(|topic| topic.ranges.is_empty());
            state
        }
        Earlier::Unfinished(state) => match state.subject.refuses(&subject, true) {
            Some(why) => return Err(why),
            None => state,
        },
        Earlier::Since(mut state) => match state.refuses_next(&subject) {
            Some(why) => return Err(why),
            None => {
                let since = Some(Continuation::of(&state));
                state = State::new(subject);
                state.since = since;
                state
            }
        },
    };
    let outcome = run.all(&mut state, read);
    if let Err(halt) = outcome {
        run.halted("the audit", halt);
    }
    for done in &state.lake {
        run.report.files.merge(&done.files);
    }
    let ledgers = state.sources.iter().filter_map(|source| source.ledger.clone());
    run.report.sources.splice(0..0, ledgers);
    run.report.lake.splice(0..0, state.lake.iter().map(|done| done.ledger.clone()));
    run.report.is_partial = state.sources.iter().any(|source| source.partial);
    run.report.incomplete.splice(0..0, state.incomplete.iter().cloned());
    run.unproved(&state);
    run.name_losses();
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
    /// Of what was never judged.
    losses: Vec<Document>,
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
    fn all(&mut self, state: &mut State, read: Reader<'_>) -> Result<(), Halt> {
        self.plan_parts(state);
        self.watch.keep(state)?;
        for number in 0..state.sources.len() {
            self.source(state, number)?;
        }
        if !state.sources.iter().any(|source| source.partial && source.settled.is_none()) {
            self.unowned()?;
        }
        self.lake(state, read)
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

    fn read_losses(&mut self) {
        let Some(store) = self.ports.store else { return };
        if let Some((losses, unreadable)) = self.told("accepted losses", losses::read_judging(store)) {
            self.losses = losses;
            self.report.files.manifests_unreadable.extend(unreadable);
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
}

fn bounds_of(bounds: &Bounds, partition: i32) -> (NextOffset, NextOffset) {
    let at = usize::try_from(partition).ok().and_then(|partition| bounds.get(partition).copied());
    at.unwrap_or((NextOffset(0), NextOffset(0)))
}
