//! One pass over all objectives.

use std::sync::Arc;

use tidegate_contract::Snapshot;
use tidegate_objectives::plan::Folder;
use tidegate_objectives::{Clause, Objective, Observation, Plan, Planned, QueryEngine, SlaVerdict, evaluate, plan, sql};

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
}

/// Judges every clause that the filter lets through, in the order of the snapshot and of the files.
///
/// `folder` says where the sink puts an object's rows. `now` is in microseconds since the epoch; all objectives are judged at the same instant. A question that fails is an entry of its own
/// ([`Outcome::Error`]) and stops nothing. Nothing is retried: the report says what could not be told, and the caller runs it again.
pub fn run_once(snapshot: &Snapshot, engine: &dyn QueryEngine, folder: Folder<'_>, now: i64, filter: &Filter) -> Report {
    let mut report = Report {
        observed_at: now,
        commit: snapshot.commit.clone(),
        entries: Vec::new(),
        not_executed: Vec::new(),
        per_record: 0,
    };
    for plan in plan::snapshot(snapshot, folder)
        .iter()
        .filter(|plan| filter.contract.as_ref().is_none_or(|id| *id == plan.contract.id))
    {
        report.per_record += plan.per_record;
        for planned in plan.clauses.iter().filter(|planned| filter.lets(planned.clause())) {
            match planned {
                Planned::Judge(objective) => report.entries.push(judge(plan, objective, engine, now)),
                Planned::Undecidable { clause, why } => {
                    report.entries.push(Entry {
                        clause: clause.clone(),
                        outcome: Outcome::Error,
                        measured: None,
                        says: why.clone(),
                        evidence: None,
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

fn judge(plan: &Plan, objective: &Objective, engine: &dyn QueryEngine, now: i64) -> Entry {
    let question = sql::question(objective, now);
    let observation = Observation::from(engine.query(&plan.tables, &question));
    let verdict = evaluate(objective, &observation, now);
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
        evidence: Some(question),
    }
}

// === impl Filter ===

impl Filter {
    fn lets(&self, clause: &Clause) -> bool {
        let object = self.object.as_ref().is_none_or(|wanted| clause.object.as_ref() == Some(wanted));
        object && self.rule.as_ref().is_none_or(|wanted| *wanted == clause.rule)
    }
}
