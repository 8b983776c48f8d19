//! A repair with its conditions compiled, and what it does to one value.

use tidegate_check::{Input, Judge};
use tidegate_contract::{Contract, Diagnostic, Location};

use crate::codes;
use crate::condition::{Answer, Condition};
use crate::edit::{self, NotJson, Outcome};
use crate::file::{Action, Repair, Step, diagnostic};

/// A frame of Confluent's in front of JSON text: a zero byte and four of a schema id. JSON itself never begins with a control character.
const FRAME_BYTES: usize = 5;

/// A repair for the events of one contract object.
#[derive(Debug)]
pub struct Bound<'r> {
    repair: &'r Repair,
    conditions: Vec<Option<Condition>>,
    judge: Judge,
}

/// What became of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// The new bytes; none where nothing was changed.
    pub value: Option<Vec<u8>>,
    /// What each step did, parallel to [`Repair::steps`].
    pub steps: Vec<Done>,
}

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Changed so many places.
    Changed(usize),
    /// Nothing, and why.
    Idle(Idle),
}

/// Why a step did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Idle {
    /// There is nothing at its place, or it is as it should be.
    NothingThere,
    /// Its condition is false.
    NotMeant,
    /// Its condition has no answer: it reads what is missing or of the wrong type.
    NoAnswer,
    /// The value cannot be cast without loss.
    NotCastable,
    /// The new name is taken.
    Occupied,
}

/// Why a value cannot be repaired at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unrepairable {
    /// There is none.
    NoValue,
    /// It is no JSON text (nor such text in Confluent's frame).
    NotJson,
}

// === impl Repair ===

impl Repair {
    /// Whether a step has a condition, so that an object is needed.
    pub fn has_conditions(&self) -> bool {
        self.steps.iter().any(|step| step.when.is_some())
    }

    /// Compiles the conditions against the object that will judge what comes out; all problems at once, with their places in the repair
    /// file. Without an object only a repair without conditions can be bound.
    pub fn bind(&self, object: Option<(&Contract, usize)>) -> Result<Bound<'_>, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let mut conditions = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let condition = match (&step.when, object) {
                (None, _) => None,
                (Some((_, at)), None) => {
                    problems.push(no_object(at));
                    None
                }
                (Some((expression, at)), Some((contract, object))) => match Condition::compile(contract, object, expression, at) {
                    Ok(condition) => Some(condition),
                    Err(found) => {
                        problems.extend(found);
                        None
                    }
                },
            };
            conditions.push(condition);
        }
        if problems.is_empty() {
            Ok(Bound {
                repair: self,
                conditions,
                judge: Judge::new(),
            })
        } else {
            Err(problems)
        }
    }
}

fn no_object(at: &Location) -> Diagnostic {
    let problem = "no contract object is known for these dead letters, so the condition cannot be compiled";
    diagnostic(
        &codes::CONDITION,
        at.clone(),
        problem,
        "leave `when` out, or bring the contract back first",
    )
}

// === impl Bound ===

impl Bound<'_> {
    /// Repairs one value; everything else of the record is only looked at by conditions.
    pub fn apply(&mut self, input: &Input<'_>, topic: &str) -> Result<Repaired, Unrepairable> {
        let value = input.value.ok_or(Unrepairable::NoValue)?;
        let frame = if value.first() == Some(&0) && value.len() > FRAME_BYTES {
            FRAME_BYTES
        } else {
            0
        };
        let mut text = value[frame..].to_vec();
        if !edit::is_json(&text) {
            return Err(Unrepairable::NotJson);
        }
        let mut steps = Vec::with_capacity(self.repair.steps.len());
        for (step, condition) in self.repair.steps.iter().zip(&self.conditions) {
            let done = match condition {
                None => act(step, &mut text)?,
                Some(condition) => {
                    let framed: Vec<u8>;
                    let now = match frame {
                        0 => &text[..],
                        _ => {
                            framed = [&value[..frame], &text].concat();
                            &framed
                        }
                    };
                    let input = Input {
                        value: Some(now),
                        ..*input
                    };
                    match condition.ask(&mut self.judge, &input, topic) {
                        Answer::Yes => act(step, &mut text)?,
                        Answer::No => Done::Idle(Idle::NotMeant),
                        Answer::None => Done::Idle(Idle::NoAnswer),
                    }
                }
            };
            steps.push(done);
        }
        let is_changed = text != value[frame..];
        let value = is_changed.then(|| [&value[..frame], &text].concat());
        Ok(Repaired { value, steps })
    }
}

fn act(step: &Step, text: &mut Vec<u8>) -> Result<Done, Unrepairable> {
    let outcome = match &step.action {
        Action::Set(place, json) => edit::set(text, place, json),
        Action::Remove(place) => edit::remove(text, place),
        Action::Rename(place, to) => edit::rename(text, place, to),
        Action::Cast(place, to) => edit::cast(text, place, *to),
    };
    match outcome {
        Ok(Outcome::Changed(0)) => Ok(Done::Idle(Idle::NothingThere)),
        Ok(Outcome::Changed(places)) => Ok(Done::Changed(places)),
        Ok(Outcome::NotCastable) => Ok(Done::Idle(Idle::NotCastable)),
        Ok(Outcome::Occupied) => Ok(Done::Idle(Idle::Occupied)),
        Err(NotJson) => Err(Unrepairable::NotJson),
    }
}

// === impl Idle ===

impl Idle {
    /// As tables say it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Idle::NothingThere => "nothing to change",
            Idle::NotMeant => "condition false",
            Idle::NoAnswer => "condition without an answer",
            Idle::NotCastable => "not castable",
            Idle::Occupied => "new name taken",
        }
    }
}

// === impl Unrepairable ===

impl Unrepairable {
    /// As tables say it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Unrepairable::NoValue => "no value",
            Unrepairable::NotJson => "not JSON text that a repair reads (also: a key twice, a byte order mark, half of a surrogate pair)",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTRACT: &str = "apiVersion: v3.1.0\nkind: DataContract\nid: orders\nversion: 1.0.0\nstatus: active\nschema:\n  - name: orders\n    physicalType: topic\n    properties:\n      - name: channel\n        logicalType: string\n      - name: amount\n        logicalType: number\n        required: true\n      - name: status\n        logicalType: string\n        required: true\n";

    fn contract() -> Contract {
        let (contract, problems) = tidegate_contract::parse("orders.odcs.yaml", CONTRACT);
        contract.unwrap_or_else(|| panic!("{problems:?}"))
    }

    fn repair(steps: &str) -> Repair {
        Repair::parse("r.yaml", &format!("tidegate: repair/v1\nsteps:\n{steps}")).unwrap()
    }

    fn apply(steps: &str, value: &[u8]) -> Result<(Vec<u8>, Vec<Done>), Unrepairable> {
        let (repair, contract) = (repair(steps), contract());
        let mut bound = repair.bind(Some((&contract, 0))).unwrap();
        let input = Input {
            key: None,
            value: Some(value),
            headers: &[],
            now: 0,
        };
        let repaired = bound.apply(&input, "orders")?;
        Ok((repaired.value.unwrap_or_else(|| value.to_vec()), repaired.steps))
    }

    #[test]
    fn a_step_under_a_condition_is_taken_only_where_that_is_true() {
        let steps = "  - cast: /amount\n    to: number\n    when: value.channel == 'web'\n";
        let web = br#"{"channel":"web","amount":"1.50"}"#;
        assert_eq!(apply(steps, web).unwrap().0, br#"{"channel":"web","amount":1.50}"#);
        let shop = br#"{"channel":"shop","amount":"1.50"}"#;
        assert_eq!(apply(steps, shop).unwrap(), (shop.to_vec(), vec![Done::Idle(Idle::NotMeant)]));
        let none = br#"{"amount":"1.50"}"#;
        assert_eq!(apply(steps, none).unwrap(), (none.to_vec(), vec![Done::Idle(Idle::NoAnswer)]));
        let broken = br#"{"channel":7,"amount":"1.50"}"#;
        assert_eq!(
            apply(steps, broken).unwrap(),
            (broken.to_vec(), vec![Done::Idle(Idle::NoAnswer)]),
            "a rule that is not asked says neither yes nor no"
        );
    }

    #[test]
    fn fields_that_no_contract_knows_do_not_take_the_answer_away() {
        let (repair, mut contract) = (repair("  - remove: /amount\n    when: value.channel == 'web'\n"), contract());
        contract.objects[0].settings.unknown_fields = tidegate_contract::model::UnknownFields::Fail;
        let mut bound = repair.bind(Some((&contract, 0))).unwrap();
        let unknown: String = (0..50).map(|number| format!("\"u{number}\":1,")).collect();
        let value = format!("{{{unknown}\"channel\":\"web\",\"amount\":1}}");
        let input = Input {
            key: None,
            value: Some(value.as_bytes()),
            headers: &[],
            now: 0,
        };
        assert_eq!(bound.apply(&input, "orders").unwrap().steps, [Done::Changed(1)]);
    }

    #[test]
    fn later_steps_see_what_earlier_ones_did() {
        let steps = "  - cast: /amount\n    to: number\n  - set: /status\n    value: PAID\n    when: value.amount > 1.0\n";
        let (text, done) = apply(steps, br#"{"amount":"1.50"}"#).unwrap();
        assert_eq!(text, br#"{"amount":1.50,"status":"PAID"}"#);
        assert_eq!(done, [Done::Changed(1), Done::Changed(1)]);
    }

    #[test]
    fn a_frame_stays_in_front() {
        let framed = [&[0, 0, 0, 0, 9][..], br#"{"a":1}"#].concat();
        let (value, _) = apply("  - remove: /a\n", &framed).unwrap();
        assert_eq!(value, [&[0, 0, 0, 0, 9][..], b"{}"].concat());
        assert_eq!(apply("  - remove: /a\n", &[0, 0, 0, 0, 9, 2]), Err(Unrepairable::NotJson));
    }

    #[test]
    fn a_condition_that_does_not_compile_is_told_at_its_place() {
        let (repair, contract) = (repair("  - remove: /a\n    when: value.chanel == 'web'\n"), contract());
        let problems = repair.bind(Some((&contract, 0))).unwrap_err();
        let at = &problems[0].location;
        assert_eq!((&*at.file, at.line, at.column), ("r.yaml", 4, 11), "{problems:?}");
        assert_eq!(repair.bind(None).unwrap_err()[0].code, "TG0402");
    }
}
