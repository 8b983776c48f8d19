//! One pass over all objectives.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tidegate_contract::Snapshot;
use tidegate_flow::Remedy;
use tidegate_objectives::plan::Folder;
use tidegate_objectives::{
    Clause, Objective, Observation, Plan, Planned, Probe, QueryEngine, Question, SlaVerdict, Traffic, completeness, evaluate, fuse, plan,
    sql,
};

use crate::report::{Entry, NotExecuted, Outcome, Report};

/// Which clauses to look at. The default looks at all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this contract id.
    pub contract: Option<Arc<str>>,
    /// Only this object.
    pub object: Option<Arc<str>>,
    /// Only this rule or SLA property id.
    pub rule: Option<Arc<str>>,
    /// Only clauses of these ids ([`Clause::id`]).
    pub clauses: Option<BTreeSet<Arc<str>>>,
    /// Also whether every record of the objects' topics is accounted for, which no clause has to ask for.
    pub completeness: bool,
}

/// Says what is known of an object beside its rows: contract id, object name, major version, and
/// whether it is to be told what became of all records of its topic. Asked once for each object and pass.
pub type TrafficOf<'a> = &'a dyn Fn(&str, &str, u64, bool) -> Traffic;

/// As [`run`], with nothing known beside the rows.
pub fn run_once(snapshot: &Snapshot, engine: &dyn QueryEngine, folder: Folder<'_>, now: i64, filter: &Filter) -> Report {
    run(snapshot, engine, folder, &|_, _, _, _| Traffic::default(), now, filter)
}

/// Judges every clause that the filter lets through, in the order of the snapshot and of the files.
///
/// `folder` says where the sink puts an object's rows. `now` is in microseconds since the epoch; all objectives are judged at the same
/// instant. Objectives about the same rows are asked together; where that fails, each is asked alone, so that a question that fails is an
/// entry of its own ([`Outcome::Error`]) and stops nothing. Nothing is retried: the report says what could not be told, and the caller runs
/// it again.
pub fn run(snapshot: &Snapshot, engine: &dyn QueryEngine, folder: Folder<'_>, traffic: TrafficOf<'_>, now: i64, filter: &Filter) -> Report {
    let mut report = Report {
        observed_at: now,
        commit: snapshot.commit.clone(),
        entries: Vec::new(),
        not_executed: Vec::new(),
        per_record: 0,
    };
    for plan in plans(snapshot, folder, filter.completeness)
        .iter()
        .filter(|plan| filter.contract.as_ref().is_none_or(|id| *id == plan.contract.id))
    {
        report.per_record += plan.per_record;
        let chosen: Vec<&Planned> = plan.clauses.iter().filter(|planned| filter.lets(planned.clause())).collect();
        let mut judged = judge_all(plan, &chosen, engine, traffic, now).into_iter();
        for planned in chosen {
            match planned {
                Planned::Judge(_) => report.entries.extend(judged.next()),
                Planned::Undecidable { clause, why } => {
                    report.entries.push(Entry {
                        clause: clause.clone(),
                        outcome: Outcome::Error,
                        measured: None,
                        says: why.clone(),
                        evidence: None,
                        completeness: None,
                    });
                }
                Planned::NotExecuted { clause, why } => report.not_executed.push(NotExecuted {
                    clause: clause.clone(),
                    why: why.clone(),
                }),
            }
        }
    }
    report
}

/// The plans of a snapshot, completeness among their clauses if that is wanted.
pub(crate) fn plans(snapshot: &Snapshot, folder: Folder<'_>, is_completeness_wanted: bool) -> Vec<Plan> {
    let mut plans = plan::snapshot(snapshot, folder);
    if is_completeness_wanted {
        completeness::promise(&mut plans, snapshot);
    }
    plans
}

/// One entry for each objective, in their order.
fn judge_all(plan: &Plan, chosen: &[&Planned], engine: &dyn QueryEngine, traffic: TrafficOf<'_>, now: i64) -> Vec<Entry> {
    let objectives: Vec<&Objective> = chosen
        .iter()
        .filter_map(|planned| match planned {
            Planned::Judge(objective) => Some(objective),
            _ => None,
        })
        .collect();
    let mut known: BTreeMap<&str, Traffic> = BTreeMap::new();
    for objective in &objectives {
        if let Some(object) = &objective.clause.object {
            let is_wanted = || {
                let mut of_object = objectives.iter().filter(|one| one.clause.object.as_ref() == Some(object));
                of_object.any(|one| matches!(one.probe, Probe::Completeness))
            };
            known
                .entry(object)
                .or_insert_with(|| traffic(&plan.contract.id, object, objective.clause.major, is_wanted()));
        }
    }
    let nothing = Traffic::default();
    let beside = |objective: &Objective| match &objective.clause.object {
        Some(object) => &known[&**object],
        None => &nothing,
    };
    let questions: Vec<Question> = objectives
        .iter()
        .map(|objective| sql::question(objective, now, beside(objective)))
        .collect();
    let observations = observe(plan, engine, &questions);
    objectives
        .iter()
        .zip(questions.iter().zip(&observations))
        .map(|(objective, (question, observation))| {
            let verdict = evaluate(objective, observation, beside(objective), now);
            let mut entry = entry(objective, verdict, question.sql());
            if matches!(objective.probe, Probe::Completeness) {
                entry.completeness.clone_from(&beside(objective).completeness);
            }
            entry
        })
        .collect()
}

/// What each question learned.
fn observe(plan: &Plan, engine: &dyn QueryEngine, questions: &[Question]) -> Vec<Observation> {
    let mut observations: Vec<Observation> = vec![Observation::NoRow; questions.len()];
    for asked in fuse(questions) {
        let answer = engine.query(&plan.tables, &asked.sql);
        // One that cannot be planned or computed must not take the others along. A store that is away is away for each.
        let is_refused = answer.as_ref().is_err_and(|error| error.remedy != Remedy::Retry);
        if is_refused && asked.answers.len() > 1 && asked.answers.iter().all(|(_, places)| places.is_some()) {
            for (index, _) in &asked.answers {
                if let Some(sql) = questions[*index].sql() {
                    observations[*index] = Observation::from(engine.query(&plan.tables, &sql));
                }
            }
            continue;
        }
        for (index, observation) in asked.hand_out(&Observation::from(answer)) {
            observations[index] = observation;
        }
    }
    observations
}

fn entry(objective: &Objective, verdict: SlaVerdict, evidence: Option<String>) -> Entry {
    let outcome = Outcome::of(&verdict, objective.clause.severity);
    let (measured, mut says) = match verdict {
        SlaVerdict::Met(measured) | SlaVerdict::Breached(measured) => {
            let says = measured.says.clone();
            (Some(measured), says)
        }
        SlaVerdict::Unknown { why } => (None, why),
    };
    for note in &objective.notes {
        says.push_str("; ");
        says.push_str(note);
    }
    Entry {
        clause: objective.clause.clone(),
        outcome,
        measured,
        says,
        evidence,
        completeness: None,
    }
}

// === impl Filter ===

impl Filter {
    fn lets(&self, clause: &Clause) -> bool {
        let object = self.object.as_ref().is_none_or(|wanted| clause.object.as_ref() == Some(wanted));
        let listed = self.clauses.as_ref().is_none_or(|wanted| wanted.contains(&clause.id));
        object && listed && self.rule.as_ref().is_none_or(|wanted| *wanted == clause.rule)
    }
}
