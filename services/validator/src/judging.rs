//! Judges the records of a batch in order; no sending, no positions.

use std::collections::HashMap;
use std::sync::Arc;

use tidegate_check::judge::Judge;
use tidegate_check::plan::Plan;
use tidegate_check::{Input, Reason, Verdict, Violation};
use tidegate_codec::Detail;
use tidegate_contract::{Location, Severity, Status};
use tidegate_flow::record::UNREADABLE_NAME;
use tidegate_flow::stamp::JudgedBy;
use tidegate_flow::{Record, TopicPartition, WorldError};

use crate::dead_letter::Diagnosis;
use crate::outcome::{Decided, Outcome};
use crate::parts::{JudgingSnapshot, Schemas, TopicPlans};

/// Judges, and remembers what is the same for every record of a topic and snapshot.
#[derive(Debug)]
pub(crate) struct Bench {
    judge: Judge,
    /// By topic, commit and time; emptied for each batch.
    stamps: HashMap<(Arc<str>, Arc<str>, i64), JudgedBy>,
}

/// A record that cannot be judged now; its partition waits, everything before it goes on.
#[derive(Debug)]
pub(crate) struct Blocked {
    pub(crate) at: TopicPartition,
    pub(crate) error: WorldError,
}

// === impl Bench ===

impl Bench {
    pub(crate) fn new() -> Bench {
        Bench {
            judge: Judge::new(),
            stamps: HashMap::new(),
        }
    }

    /// Forgets what was the same for the last batch.
    pub(crate) fn begin_batch(&mut self) {
        self.stamps.clear();
    }

    /// The outcome of one record under a snapshot. `Err` is a bad world, never bad data.
    pub(crate) fn decide(
        &mut self,
        record: Record,
        snapshot: &JudgingSnapshot,
        schemas: &dyn Schemas,
        now: i64,
    ) -> Result<Decided, Box<Blocked>> {
        let topic = record.origin.at.topic.clone();
        let Some(plans) = snapshot.topic(&topic) else {
            let outcome = refused(Reason::NoContract, "topic");
            return Ok(Decided {
                record,
                outcome,
                contract: None,
                judged: JudgedBy::new(None, snapshot.commit(), now),
                commit: snapshot.commit().clone(),
                shadow: None,
            });
        };
        let judged = self.stamp(&topic, plans, snapshot, now);
        let outcome = self.outcome(&record, plans, schemas, now);
        // A proposed version decides nothing, so an outage that only it suffers from holds nothing up: it is then not counted.
        let shadow = plans.shadow.as_ref().and_then(|(plan, contract)| {
            let verdict = self.verdict(&record, plan, schemas, now).ok()?;
            Some((contract.clone(), !matches!(verdict, Verdict::Invalid { .. })))
        });
        match outcome {
            Ok(outcome) => Ok(Decided {
                record,
                outcome,
                contract: Some(plans.contract.clone()),
                judged,
                commit: snapshot.commit().clone(),
                shadow,
            }),
            Err(error) => Err(Box::new(Blocked {
                at: record.origin.at.clone(),
                error,
            })),
        }
    }

    fn stamp(&mut self, topic: &Arc<str>, plans: &TopicPlans, snapshot: &JudgingSnapshot, now: i64) -> JudgedBy {
        let key = (topic.clone(), snapshot.commit().clone(), now);
        self.stamps
            .entry(key)
            .or_insert_with(|| JudgedBy::new(Some(&plans.contract), snapshot.commit(), now))
            .clone()
    }

    /// The verdict of one plan; schemas that it needs are fetched on the way. `Err` is a registry that does not answer.
    fn verdict(&mut self, record: &Record, plan: &Plan, schemas: &dyn Schemas, now: i64) -> Result<Verdict, WorldError> {
        let headers: Vec<(&str, Option<&[u8]>)> = record
            .headers
            .iter()
            .map(|header| (&*header.name, header.value.as_deref()))
            .collect();
        let input = Input {
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &headers,
            now,
        };
        loop {
            match self.judge.judge(plan, &input, &record.origin.at.topic, schemas, &mut ()) {
                Verdict::Need(need) => schemas.fetch(&need)?,
                verdict => return Ok(verdict),
            }
        }
    }

    fn outcome(&mut self, record: &Record, plans: &TopicPlans, schemas: &dyn Schemas, now: i64) -> Result<Outcome, WorldError> {
        if plans.status == Status::Retired {
            return Ok(refused(Reason::ContractRetired, "status"));
        }
        if record.headers.iter().any(|header| header.name.starts_with(UNREADABLE_NAME)) {
            return Ok(undecodable("header", Detail::BadEncoding));
        }
        let verdict = self.verdict(record, &plans.enforced, schemas, now)?;
        let proposed = plans.status == Status::Proposed;
        Ok(match verdict {
            Verdict::Valid { notes, .. } => Outcome::Validated {
                notes,
                enforced: !proposed,
            },
            // A proposed contract alone only counts: the record passes, marked, with what would have stopped it.
            Verdict::Invalid { violations, .. } if proposed => Outcome::Validated {
                notes: violations,
                enforced: false,
            },
            Verdict::Invalid { violations, cut } => Outcome::DeadLetter {
                violations,
                cut,
                diagnosis: Diagnosis::Full,
            },
            Verdict::Skipped(skip) => Outcome::Skipped(skip),
            Verdict::Need(_) => unreachable!("`verdict` ends with another one"),
        })
    }
}

fn refused(reason: Reason, rule: &str) -> Outcome {
    outcome(reason, None, rule)
}

fn undecodable(rule: &str, detail: Detail) -> Outcome {
    outcome(Reason::Undecodable, Some(detail), rule)
}

fn outcome(reason: Reason, detail: Option<Detail>, rule: &str) -> Outcome {
    let violation = Violation {
        reason,
        detail,
        rule: rule.into(),
        severity: Severity::Error,
        pointer: String::new(),
        location: Location::default(),
    };
    Outcome::DeadLetter {
        violations: vec![violation],
        cut: false,
        diagnosis: Diagnosis::Full,
    }
}
