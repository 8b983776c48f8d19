//! One event under both sides.

use std::sync::Arc;

use tidegate_check::{Input, Judge, Plan, Reason, SchemaLookup, SchemaNeed, Verdict, Violation};
use tidegate_codec::Detail;
use tidegate_contract::{Location, Severity, Status};
use tidegate_flow::WorldError;
use tidegate_flow::record::UNREADABLE_NAME;

use crate::event::{Event, Position};
use crate::lake::{LakeView, Row};
use crate::mask::{self, Shows};
use crate::side::{Chosen, Object, Side};
use crate::tally::{Change, Example, RuleKey, Tally};

/// The old contracts and the new ones.
#[derive(Debug)]
pub struct Pair {
    /// In force now.
    pub old: Side,
    /// As proposed.
    pub new: Side,
}

/// How events are compared.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Judge proposed versions of the new side as if they were active.
    pub enforce: bool,
    /// Header whose text names the producer.
    pub producer_header: Option<Arc<str>>,
    /// Show no value at all in examples, also not of unclassified properties.
    pub hide_values: bool,
}

/// Where schemas of a registry come from while events are compared.
pub trait Schemas: SchemaLookup + Sync {
    /// Asks for a schema. `Err` is a world that does not answer, and ends the preview: nothing may be concluded from it.
    fn fetch(&self, need: &SchemaNeed) -> Result<Fetched, WorldError>;
}

/// What asking for a schema brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    /// A lookup has an answer now, also when the answer is that there is no such schema.
    Known,
    /// There is nobody to ask: what needs it is undecided.
    NoSource,
}

/// Compares events one after another, from one thread.
pub(crate) struct Comparing<'a> {
    pair: &'a Pair,
    asked: &'a Asked,
    schemas: &'a dyn Schemas,
    judge: Judge,
}

/// What the validator would do with an event.
enum Outcome {
    Passes,
    Fails(Vec<Violation>),
    Skipped,
    Undecided(&'static str),
}

/// An outcome, and what decided it.
struct Decided<'s> {
    outcome: Outcome,
    judge: Option<&'s Object>,
    /// What a version that is not enforced would refuse it for.
    unenforced: Option<(&'s Object, Vec<Violation>)>,
}

/// Why an event is undecided whose schema nobody could be asked for.
pub(crate) const NO_SCHEMA: &str = "needs a schema of a registry, and no registry is named (--registry, --schema-files)";

/// Why an event is undecided that nothing can be said about.
const UNBOUND: &str = "neither side binds the topic that the event came to";

/// Why a row is undecided.
const MAY_HAVE_NAMED: &str = "the version that judged the row stays, and whether the event named it is not in the row";
const OTHER_VERSION: &str = "the row was judged by a version that is not among the old contracts";
const GONE: &str = "rows of deletes and tombstones do not hold the event";

impl<'a> Comparing<'a> {
    pub(crate) fn new(pair: &'a Pair, asked: &'a Asked, schemas: &'a dyn Schemas) -> Comparing<'a> {
        Comparing {
            pair,
            asked,
            schemas,
            judge: Judge::new(),
        }
    }

    /// Judges an event under both sides and counts it.
    pub(crate) fn compare(&mut self, event: &Event<'_>, tally: &mut Tally) -> Result<(), WorldError> {
        let input = Input {
            key: event.key,
            value: event.value,
            headers: event.headers,
            now: event.now,
        };
        let pair = self.pair;
        // No contract under both would count as still failing, which reads like an answer.
        if !pair.old.binds(event.topic) && !pair.new.binds(event.topic) {
            tally.undecided(UNBOUND, event.position);
            self.producer(event, Change::Undecided, tally);
            return Ok(());
        }
        let (old, verdict) = self.decide(&pair.old, event, &input, false, None)?;
        let remembered = old.judge.zip(verdict.as_ref()).map(|(object, verdict)| (&*object.plan, verdict));
        let (new, _) = self.decide(&pair.new, event, &input, self.asked.enforce, remembered)?;
        let change = match (&old.outcome, &new.outcome) {
            (Outcome::Undecided(why), _) | (_, Outcome::Undecided(why)) => {
                tally.undecided(why, event.position);
                self.producer(event, Change::Undecided, tally);
                return Ok(());
            }
            (Outcome::Passes, Outcome::Passes) => Change::StillPassing,
            (Outcome::Skipped, Outcome::Skipped) => Change::StillSkipped,
            (Outcome::Fails(_), Outcome::Fails(_)) => Change::StillFailing,
            (_, Outcome::Fails(_)) => Change::NewlyFailing,
            (Outcome::Fails(_), _) => Change::NewlyPassing,
            (Outcome::Passes, Outcome::Skipped) => Change::NewlySkipped,
            (Outcome::Skipped, Outcome::Passes) => Change::NoLongerSkipped,
        };
        tally.count(change);
        self.producer(event, change, tally);
        match (change, &old.outcome, &new.outcome) {
            (Change::NewlyPassing, Outcome::Fails(violations), _) => {
                tally.add_reason(change, violations);
                each_rule(violations, &old, event.topic, |key, _, _| {
                    tally.add(change, key, || Example {
                        position: event.position.to_string(),
                        value: None,
                    });
                });
            }
            (Change::NewlyFailing | Change::StillFailing, _, Outcome::Fails(violations)) => {
                tally.add_reason(change, violations);
                let halting = match new.judge {
                    Some(object) => Some(object).filter(|object| object.plan.halts_on_failure()),
                    None => pair.new.halting(event.topic),
                };
                if let Some(object) = halting {
                    tally.halting(&object.reference(), object.plan.on_failure.as_str());
                }
                let (judge, asked, schemas) = (&self.judge, self.asked, self.schemas);
                let before = old
                    .judge
                    .filter(|before| new.judge.is_some_and(|object| before.plan.cdc == object.plan.cdc));
                each_rule(violations, &new, event.topic, |key, index, violation| {
                    tally.add(change, key, || Example {
                        position: event.position.to_string(),
                        value: new.judge.filter(|_| change == Change::NewlyFailing).and_then(|object| {
                            let may = Shows {
                                hide: asked.hide_values,
                                before: before.map(|before| before.bound.object()),
                            };
                            mask::shown(object, may, &input, schemas, violations, index, judge.starred())
                                .map(|shown| (violation.pointer.clone(), shown))
                        }),
                    });
                });
            }
            _ => {}
        }
        if let (Some((object, violations)), Outcome::Passes) = (&new.unenforced, &new.outcome) {
            tally.unenforced(&object.reference(), object.status());
            let keyed = Decided {
                outcome: Outcome::Passes,
                judge: Some(object),
                unenforced: None,
            };
            each_rule(violations, &keyed, event.topic, |key, _, _| tally.add_unenforced(key));
        }
        Ok(())
    }

    /// Judges a row that has landed by what of the new contract rows decide. It passed what is as it was.
    pub(crate) fn row(&mut self, view: &LakeView, row: &Row, now: i64, tally: &mut Tally) {
        let position = Position::Row(&row.origin);
        if !view.versions.contains(&row.version) {
            tally.undecided(OTHER_VERSION, position);
            return;
        }
        if row.is_gone {
            tally.undecided(GONE, position);
            return;
        }
        let input = LakeView::input(row, now);
        let object = &view.object;
        // What could not be told of this row alone.
        let mut open = None;
        let violations = match view.whole.contract.status {
            Status::Retired => match refused(None, Reason::ContractRetired, None, "status").outcome {
                Outcome::Fails(violations) => violations,
                _ => unreachable!("`refused` refuses"),
            },
            _ => {
                // The other reading first: where a value can be found is known of the last verdict.
                let unsure = view.other_readings(&row.json).into_iter().map(|(rule, other)| {
                    let input = Input {
                        value: Some(&other.json),
                        ..input
                    };
                    let breaks = breaks(&self.row_violations(view, &input, row), rule);
                    (rule, breaks, other.nulls)
                });
                let unsure: Vec<_> = unsure.collect();
                let mut found = self.row_violations(view, &input, row);
                for (rule, breaks_with_null, nulls) in unsure {
                    // With one null, the two readings are all there are.
                    if nulls > 1 || breaks(&found, rule) != breaks_with_null {
                        found.retain(|one| *one.rule != *rule);
                        open = Some(format!("rows do not tell null from missing, and rule `{rule}` may"));
                    }
                }
                found
            }
        };
        let decided = Decided {
            outcome: Outcome::Passes,
            judge: Some(object),
            unenforced: None,
        };
        let topic = &row.origin.at.topic;
        let is_enforced = view.whole.contract.status.is_enforced() || self.asked.enforce;
        let refuses = violations.iter().any(|one| one.severity == Severity::Error);
        if refuses && is_enforced && view.may_stay(&row.version) {
            tally.undecided(MAY_HAVE_NAMED, position);
            return;
        }
        if refuses && is_enforced {
            tally.count(Change::NewlyFailing);
            tally.add_reason(Change::NewlyFailing, &violations);
            let (judge, asked, schemas) = (&self.judge, self.asked, self.schemas);
            each_rule(&violations, &decided, topic, |key, index, violation| {
                tally.add(Change::NewlyFailing, key, || Example {
                    position: position.to_string(),
                    value: {
                        let may = Shows {
                            // What was left out of the violations is not left out of their places.
                            hide: asked.hide_values || open.is_some(),
                            before: Some(view.before.object()),
                        };
                        mask::shown(object, may, &input, schemas, &violations, index, judge.starred())
                            .map(|shown| (violation.pointer.clone(), shown))
                    },
                });
            });
            return;
        }
        if !violations.is_empty() {
            tally.unenforced(&view.whole.contract.reference().to_string(), view.whole.contract.status);
            each_rule(&violations, &decided, topic, |key, _, _| tally.add_unenforced(key));
        }
        match view.why_undecided().or(open).filter(|_| is_enforced) {
            Some(why) => tally.undecided(&why, position),
            None => tally.count(Change::StillPassing),
        }
    }

    fn row_violations(&mut self, view: &LakeView, input: &Input<'_>, row: &Row) -> Vec<Violation> {
        match self
            .judge
            .judge(&view.object.plan, input, &row.origin.at.topic, self.schemas, &mut ())
        {
            Verdict::Invalid { violations, .. } => violations,
            Verdict::Valid { .. } => Vec::new(),
            // Rows name no schema and no policy.
            Verdict::Skipped(_) | Verdict::Need(_) => unreachable!("a row is plain JSON"),
        }
    }

    fn producer(&self, event: &Event<'_>, change: Change, tally: &mut Tally) {
        let Some(wanted) = &self.asked.producer_header else { return };
        let value = event
            .headers
            .iter()
            .rev()
            .find(|(name, _)| **name == **wanted)
            .and_then(|(_, value)| *value);
        tally.producer(value.map(mask::producer).as_deref(), change);
    }

    /// What the validator would do under a side, in the order in which it asks; `before` is the verdict of another plan for this event. The verdict of the
    /// plan that decided comes back.
    fn decide<'s>(
        &mut self,
        side: &'s Side,
        event: &Event<'_>,
        input: &Input<'_>,
        enforce: bool,
        before: Option<(&Plan, &Verdict)>,
    ) -> Result<(Decided<'s>, Option<Verdict>), WorldError> {
        let undecided = || Decided {
            outcome: Outcome::Undecided(NO_SCHEMA),
            judge: None,
            unenforced: None,
        };
        let chosen = loop {
            match side.choose(event.topic, input, self.schemas) {
                Chosen::Need(need) if self.schemas.fetch(&need)? == Fetched::NoSource => return Ok((undecided(), None)),
                Chosen::Need(_) => {}
                chosen => break chosen,
            }
        };
        let (judge, shadow) = match chosen {
            Chosen::Object { shadow: Some(shadow), .. } if enforce => (shadow, None),
            Chosen::Object { judge, shadow } => (judge, shadow),
            Chosen::Refused { reason, detail, rule } => return Ok((refused(None, reason, detail, rule), None)),
            Chosen::Need(_) => unreachable!("the loop ends with another one"),
        };
        if judge.status() == Status::Retired {
            return Ok((refused(Some(judge), Reason::ContractRetired, None, "status"), None));
        }
        if input.headers.iter().any(|(name, _)| name.starts_with(UNREADABLE_NAME)) {
            return Ok((refused(Some(judge), Reason::Undecodable, Some(Detail::BadEncoding), "header"), None));
        }
        let shadowed = match shadow {
            Some(shadow) if !enforce => match self.verdict(&shadow.plan, event, input, None)? {
                Some(Verdict::Invalid { violations, .. }) => Some((shadow, violations)),
                _ => None,
            },
            _ => None,
        };
        let Some(verdict) = self.verdict(&judge.plan, event, input, before)? else {
            return Ok((undecided(), None));
        };
        let enforced = judge.status().is_enforced() || enforce;
        let (outcome, unenforced) = match &verdict {
            Verdict::Valid { .. } => (Outcome::Passes, shadowed),
            Verdict::Skipped(_) => (Outcome::Skipped, None),
            Verdict::Invalid { violations, .. } if enforced => (Outcome::Fails(violations.clone()), None),
            Verdict::Invalid { violations, .. } => (Outcome::Passes, Some((judge, violations.clone()))),
            Verdict::Need(_) => unreachable!("`verdict` ends with another one"),
        };
        let decided = Decided {
            outcome,
            judge: Some(judge),
            unenforced,
        };
        Ok((decided, Some(verdict)))
    }

    /// The verdict of a plan; none where nobody can be asked for the schema. Equal fingerprints give equal verdicts, so an event is judged
    /// once where the object did not change.
    fn verdict(
        &mut self,
        plan: &Plan,
        event: &Event<'_>,
        input: &Input<'_>,
        before: Option<(&Plan, &Verdict)>,
    ) -> Result<Option<Verdict>, WorldError> {
        if let Some((_, verdict)) = before.filter(|(other, _)| other.fingerprint == plan.fingerprint) {
            return Ok(Some(verdict.clone()));
        }
        loop {
            match self.judge.judge(plan, input, event.topic, self.schemas, &mut ()) {
                Verdict::Need(need) => {
                    if self.schemas.fetch(&need)? == Fetched::NoSource {
                        return Ok(None);
                    }
                }
                verdict => return Ok(Some(verdict)),
            }
        }
    }
}

fn breaks(violations: &[Violation], rule: &str) -> bool {
    violations.iter().any(|one| *one.rule == *rule && one.severity == Severity::Error)
}

fn refused<'s>(judge: Option<&'s Object>, reason: Reason, detail: Option<Detail>, rule: &str) -> Decided<'s> {
    let violation = Violation {
        reason,
        detail,
        rule: rule.into(),
        severity: Severity::Error,
        pointer: String::new(),
        location: Location::default(),
    };
    Decided {
        outcome: Outcome::Fails(vec![violation]),
        judge,
        unenforced: None,
    }
}

/// Each broken rule once, whatever number of places in the event break it: those that refuse.
fn each_rule(violations: &[Violation], decided: &Decided<'_>, topic: &str, mut each: impl FnMut(RuleKey, usize, &Violation)) {
    let mut seen: Vec<RuleKey> = Vec::new();
    for (index, violation) in violations.iter().enumerate().filter(|(_, one)| one.severity == Severity::Error) {
        let key = RuleKey {
            subject: decided.judge.map_or_else(|| topic.into(), |object| object.plan.object.clone()),
            reason: violation.reason,
            rule: violation.rule.clone(),
            path: path(&violation.pointer),
        };
        if !seen.contains(&key) {
            seen.push(key.clone());
            each(key, index, violation);
        }
    }
}

/// A pointer with positions in lists starred, so that places can be counted.
fn path(pointer: &str) -> String {
    let mut path = String::with_capacity(pointer.len());
    for step in pointer.split('/').skip(1) {
        path.push('/');
        let is_position = !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
        path.push_str(if is_position { "*" } else { step });
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_starred_and_names_stay() {
        assert_eq!(path("/lines/12/qty"), "/lines/*/qty");
        assert_eq!(path("/a1/b~1c"), "/a1/b~1c");
        assert_eq!(path(""), "");
    }
}
