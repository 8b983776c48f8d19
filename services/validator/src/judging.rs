//! Judges the records of a batch in order; no sending, no positions.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tidegate_check::judge::Judge;
use tidegate_check::plan::Plan;
use tidegate_check::{ENGINE_VERSION, Input, Reason, Verdict, Violation};
use tidegate_codec::Detail;
use tidegate_contract::{ContractRef, Location, Severity, Status};
use tidegate_flow::record::UNREADABLE_NAME;
use tidegate_flow::stamp::{self, JudgedBy};
use tidegate_flow::{Record, Remedy, TopicPartition, WorldError};

use crate::dead_letter::Diagnosis;
use crate::outcome::{Decided, Outcome};
use crate::parts::{Chosen, JudgingSnapshot, ObjectPlan, Schemas};

/// Judges, and remembers what is the same for every record of a topic and snapshot.
#[derive(Debug)]
pub(crate) struct Bench {
    judge: Judge,
    /// Retry topics and whose they are.
    retries: BTreeMap<Arc<str>, Arc<str>>,
    /// Emptied for each batch.
    stamps: HashMap<StampKey, JudgedBy>,
    /// Records of the batch for which a rule was switched off, by version and rule.
    off: HashMap<(ContractRef, Arc<str>), u64>,
}

/// Topic, version with its object, commit and time.
type StampKey = (Arc<str>, ContractRef, Option<Arc<str>>, Arc<str>, i64);

/// A record that cannot be judged now; its partition waits, everything before it goes on.
#[derive(Debug)]
pub(crate) struct Blocked {
    pub(crate) at: TopicPartition,
    pub(crate) error: WorldError,
    /// The record that is in the way, where its contract halts on a failure.
    pub(crate) refused: Option<Record>,
}

// === impl Bench ===

impl Bench {
    pub(crate) fn new(retries: BTreeMap<Arc<str>, Arc<str>>) -> Bench {
        Bench {
            judge: Judge::new(),
            retries,
            stamps: HashMap::new(),
            off: HashMap::new(),
        }
    }

    /// Forgets what was the same for the last batch.
    pub(crate) fn begin_batch(&mut self) {
        self.stamps.clear();
        self.off.clear();
    }

    /// For how many records of the batch which rules were switched off.
    pub(crate) fn switched_off(&self) -> impl Iterator<Item = (&ContractRef, &str, u64)> {
        self.off.iter().map(|((contract, rule), records)| (contract, &**rule, *records))
    }

    /// The outcome of one record under a snapshot. `Err` is a bad world, never bad data.
    pub(crate) fn decide(
        &mut self,
        record: Record,
        snapshot: &JudgingSnapshot,
        schemas: &dyn Schemas,
        now: i64,
    ) -> Result<Decided, Box<Blocked>> {
        // A retry topic is judged as its source; what we wrote beside the event is no part of it.
        let retry_of = self.retries.get(&record.origin.at.topic).cloned();
        let own = match retry_of {
            Some(_) => stamp::own_headers(&record.headers),
            None => &record.headers,
        };
        let topic = retry_of.clone().unwrap_or_else(|| record.origin.at.topic.clone());
        let blocked = |error: WorldError| {
            Box::new(Blocked {
                at: record.origin.at.clone(),
                error,
                refused: None,
            })
        };
        let headers: Vec<(&str, Option<&[u8]>)> = own.iter().map(|header| (&*header.name, header.value.as_deref())).collect();
        let input = Input {
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &headers,
            now,
        };
        let (judge, shadow) = match choose(&input, &topic, snapshot, schemas).map_err(blocked)? {
            Chosen::Plans { judge, shadow } => (judge, shadow),
            Chosen::Refused { reason, detail, rule } => {
                // Nobody knows whose event it is, so the strictest contract of the topic speaks.
                if let Some(contract) = snapshot.halting(&topic) {
                    return Err(halt(record, contract, reason, ""));
                }
                return Ok(Decided {
                    record,
                    outcome: outcome(reason, detail, rule),
                    contract: None,
                    judged: JudgedBy::new(None, snapshot.commit(), ENGINE_VERSION, now),
                    commit: snapshot.commit().clone(),
                    halts: false,
                    shadow: None,
                });
            }
            Chosen::Need(_) => unreachable!("`choose` ends with another one"),
        };
        let mut judged = self.stamp(&topic, judge, snapshot, now);
        if retry_of.is_some() {
            // Readers know which object a source topic is bound to; of a retry topic they know nothing.
            judged = judged.of_object(&judge.plan.object);
        }
        let outcome = self.outcome(&input, &topic, judge, schemas).map_err(blocked)?;
        let halts = judge.plan.halts_on_failure();
        if let Outcome::DeadLetter { violations, .. } = &outcome
            && halts
        {
            let leading = violations.iter().find(|one| one.severity == Severity::Error);
            let (reason, pointer) = leading.map_or((Reason::Undecodable, ""), |one| (one.reason, &one.pointer));
            return Err(halt(record, &judge.contract, reason, pointer));
        }
        // A proposed version decides nothing, so an outage that only it suffers from holds nothing up: it is then not counted.
        let shadow = shadow.and_then(|shadow| {
            let verdict = self.verdict(&input, &topic, &shadow.plan, schemas).ok()?;
            Some((shadow.contract.clone(), !matches!(verdict, Verdict::Invalid { .. })))
        });
        for rule in judge.plan.switched_off(now) {
            *self.off.entry((judge.contract.clone(), rule.clone())).or_default() += 1;
        }
        Ok(Decided {
            record,
            outcome,
            contract: Some(judge.contract.clone()),
            judged,
            commit: snapshot.commit().clone(),
            halts,
            shadow,
        })
    }

    /// The outcome of a record that processes died of: set aside unread. `Err`: a contract of its topic halts in front of a dead letter, and
    /// nobody knows whose event it is.
    pub(crate) fn crash_suspect(&mut self, record: Record, snapshot: &JudgingSnapshot, now: i64) -> Result<Decided, Box<Blocked>> {
        let topic = self.retries.get(&record.origin.at.topic).unwrap_or(&record.origin.at.topic);
        if let Some(contract) = snapshot.halting(topic) {
            return Err(halt(record, contract, Reason::CrashSuspect, ""));
        }
        Ok(Decided {
            record,
            outcome: refused(Reason::CrashSuspect, "crash"),
            contract: None,
            judged: JudgedBy::new(None, snapshot.commit(), ENGINE_VERSION, now),
            commit: snapshot.commit().clone(),
            halts: false,
            shadow: None,
        })
    }

    fn stamp(&mut self, topic: &Arc<str>, judge: &ObjectPlan, snapshot: &JudgingSnapshot, now: i64) -> JudgedBy {
        let commit = snapshot.commit();
        let key = (topic.clone(), judge.contract.clone(), judge.object.clone(), commit.clone(), now);
        self.stamps
            .entry(key)
            .or_insert_with(|| {
                let judged = JudgedBy::new(Some(&judge.contract), commit, ENGINE_VERSION, now);
                match &judge.object {
                    Some(object) => judged.of_object(object),
                    None => judged,
                }
            })
            .clone()
    }

    /// The verdict of one plan; schemas that it needs are fetched on the way. `Err` is a registry that does not answer.
    fn verdict(&mut self, input: &Input<'_>, topic: &str, plan: &Plan, schemas: &dyn Schemas) -> Result<Verdict, WorldError> {
        loop {
            match self.judge.judge(plan, input, topic, schemas, &mut ()) {
                Verdict::Need(need) => schemas.fetch(&need)?,
                verdict => return Ok(verdict),
            }
        }
    }

    fn outcome(&mut self, input: &Input<'_>, topic: &str, judge: &ObjectPlan, schemas: &dyn Schemas) -> Result<Outcome, WorldError> {
        if judge.status == Status::Retired {
            return Ok(refused(Reason::ContractRetired, "status"));
        }
        if input.headers.iter().any(|(name, _)| name.starts_with(UNREADABLE_NAME)) {
            return Ok(undecodable("header", Detail::BadEncoding));
        }
        let verdict = self.verdict(input, topic, &judge.plan, schemas)?;
        let proposed = judge.status == Status::Proposed;
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

/// A record in front of which its partition halts. Only somebody can help: whoever is responsible for the contract, or for the data.
fn halt(record: Record, contract: &ContractRef, reason: Reason, pointer: &str) -> Box<Blocked> {
    let at = record.origin.at.clone();
    let place = if pointer.is_empty() {
        String::new()
    } else {
        format!(" at {pointer}")
    };
    let what = format!(
        "{at}: record {} is refused by {contract} ({}{place}), whose `onFailure` halts the partition in front of it; load contracts that take it, \
         switch its rule off (`killSwitches`), or let it become a dead letter with `onFailure: continue`",
        record.origin.offset.0,
        reason.as_str()
    );
    Box::new(Blocked {
        at,
        error: WorldError::new(Remedy::Operator, what),
        refused: Some(record),
    })
}

/// What judges a record; schemas that the choice needs are fetched on the way. `Err` is a registry that does not answer.
fn choose<'s>(input: &Input<'_>, topic: &str, snapshot: &'s JudgingSnapshot, schemas: &dyn Schemas) -> Result<Chosen<'s>, WorldError> {
    loop {
        match snapshot.choose(topic, input, schemas) {
            Chosen::Need(need) => schemas.fetch(&need)?,
            chosen => return Ok(chosen),
        }
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

#[cfg(test)]
mod tests;
