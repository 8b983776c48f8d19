//! What becomes of one dead letter in a replay.

use std::collections::HashMap;

use bytes::Bytes;
use tidegate_check::Input;
use tidegate_contract::ContractRef;
use tidegate_flow::{Header, Offset, Origin, Record, Remedy, TopicPartition, WorldError, stamp};
use tidegate_repair::{Bound, Repair, Repaired, Unrepairable};

use crate::done::Done;
use crate::earlier::Earlier;
use crate::fold::Memo;
use crate::job::Job;
use crate::letter::Letter;
use crate::ports::Contracts;

/// What becomes of a dead letter.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// The filter does not mean it.
    NotMeant,
    /// An earlier replay has sent it back or parked it.
    Before,
    /// It was sent back too often.
    Park,
    /// It goes back with this value; with what the repair did, where there is one.
    Send(Option<Bytes>, Option<Repaired>),
    /// It stays.
    Stay(Why),
}

/// Why a dead letter stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Why {
    /// The repair cannot read its value.
    Unrepairable(Unrepairable),
    /// Its value was left at its origin and is not there any more, or is another one.
    ValueGone,
    /// It is too large for the target with its headers.
    TooLarge,
    /// It does not say which record failed first.
    NoOrigin,
    /// No contract would judge it, so a condition of the repair means nothing.
    NoObject,
    /// The contract that would judge it does not have what a condition of the repair reads.
    OtherObject,
    /// What earlier replays have sent is gone, and one of them may have sent it.
    Unknown,
    /// It would not be valid, and only what would is sent.
    NotValid,
}

/// What decides, with what it remembers.
#[derive(Debug)]
pub struct Decider<'r> {
    asked: Asked,
    repair: Option<&'r Repair>,
    /// None: its conditions do not fit that object.
    bound: HashMap<(ContractRef, usize), Option<Bound<'r>>>,
    plain: Option<Bound<'r>>,
    memo: Memo,
    /// Replays of which not everything is known that they sent.
    pub unsure: Option<Earlier>,
}

/// What of a job decides.
#[derive(Debug)]
struct Asked {
    source: String,
    target: String,
    filter: crate::filter::Filter,
    attempts_max: u32,
    again: bool,
}

// === impl Decider ===

impl<'r> Decider<'r> {
    /// As a job asks for it.
    pub fn new(job: &Job, repair: Option<&'r Repair>) -> Decider<'r> {
        Decider {
            asked: Asked {
                source: job.source.clone(),
                target: job.target.clone(),
                filter: job.filter.clone(),
                attempts_max: job.attempts_max,
                again: job.again,
            },
            repair,
            bound: HashMap::new(),
            plain: None,
            memo: Memo::default(),
            unsure: None,
        }
    }

    /// Whether a letter is meant and was not sent back before; what else becomes of it needs its value.
    pub fn look(&mut self, letter: &Letter<'_>, done: &Done) -> Option<Fate> {
        if !self.asked.filter.takes(letter, &mut self.memo) || !self.is_repaired_here(letter) {
            return Some(Fate::NotMeant);
        }
        match self.is_of_source(letter) {
            Some(true) => {}
            // Several sources may share a dead-letter topic.
            Some(false) => return Some(Fate::NotMeant),
            None => return Some(Fate::Stay(Why::NoOrigin)),
        }
        // The bytes that failed first, and not those of a later attempt.
        if self.asked.again && letter.attempts > 0 {
            return Some(Fate::NotMeant);
        }
        if done.was_sent(letter) {
            return Some(Fate::Before);
        }
        let is_worn = letter.attempts >= self.asked.attempts_max;
        if is_worn && done.was_parked(letter) {
            return Some(Fate::Before);
        }
        if let Some(earlier) = &self.unsure
            && !self.asked.again
            && earlier.may_have_taken(letter, &mut self.memo)
        {
            return Some(Fate::Stay(Why::Unknown));
        }
        is_worn.then_some(Fate::Park)
    }

    /// Whether the record that failed first came from the source. None: it does not say.
    fn is_of_source(&self, letter: &Letter<'_>) -> Option<bool> {
        let Some(first) = letter.text(stamp::FIRST_ORIGIN) else {
            let topic = &*letter.stamp.origin.at.topic;
            return Some(topic == self.asked.source || topic == self.asked.target);
        };
        let origin = stamp::parse_origin(first)?;
        Some(*origin.at.topic == *self.asked.source)
    }

    fn is_repaired_here(&self, letter: &Letter<'_>) -> bool {
        let Some(only) = self.repair.and_then(|repair| repair.contract.as_ref()) else {
            return true;
        };
        letter.stamp.contract.as_ref().is_some_and(|contract| contract.id == *only)
    }

    /// What becomes of a letter that goes back with this value. An error is a bad world, or a condition that compiles for no object of the
    /// topic.
    pub fn repaired(
        &mut self,
        letter: &Letter<'_>,
        value: Option<Bytes>,
        contracts: &mut dyn Contracts,
        now: i64,
    ) -> Result<Fate, WorldError> {
        let Some(repair) = self.repair else {
            return Ok(Fate::Send(value, None));
        };
        let source = self.asked.source.clone();
        let bound = match repair.has_conditions() {
            false => {
                if self.plain.is_none() {
                    self.plain = Some(repair.bind(None).map_err(refused)?);
                }
                self.plain.as_mut()
            }
            true => {
                let Some((contract, object)) = contracts.object(&source, &consumed(letter, &source, value.clone()))? else {
                    return Ok(Fate::Stay(Why::NoObject));
                };
                let name = (contract.reference(), object);
                if !self.bound.contains_key(&name) {
                    let bound = match repair.bind(Some((&contract, object))) {
                        Ok(bound) => Some(bound),
                        // A mistake in the file, unless another object of the topic has what it reads.
                        Err(problems) => {
                            let others = contracts.objects(&source);
                            let fits = others
                                .iter()
                                .any(|(contract, object)| repair.bind(Some((contract, *object))).is_ok());
                            if !fits {
                                return Err(refused(problems));
                            }
                            None
                        }
                    };
                    self.bound.insert(name.clone(), bound);
                }
                self.bound.get_mut(&name).and_then(Option::as_mut)
            }
        };
        let Some(bound) = bound else {
            return Ok(Fate::Stay(Why::OtherObject));
        };
        let headers: Vec<(&str, Option<&[u8]>)> = letter.own_headers().iter().map(named).collect();
        let input = Input {
            key: letter.record.key.as_deref(),
            value: value.as_deref(),
            headers: &headers,
            now,
        };
        Ok(match bound.apply(&input, &source) {
            Ok(repaired) => {
                let value = repaired.value.clone().map_or(value, |changed| Some(Bytes::from(changed)));
                Fate::Send(value, Some(repaired))
            }
            Err(why) => Fate::Stay(Why::Unrepairable(why)),
        })
    }
}

fn refused(problems: Vec<tidegate_contract::Diagnostic>) -> WorldError {
    WorldError::new(Remedy::Operator, tidegate_contract::render_lines(&problems).trim_end().to_owned())
}

fn named(header: &Header) -> (&str, Option<&[u8]>) {
    (&header.name, header.value.as_deref())
}

/// The record as a validator would consume it, for judging. Its offset is that of the dead letter: nobody knows the next one.
pub fn consumed(letter: &Letter<'_>, source: &str, value: Option<Bytes>) -> Record {
    Record {
        origin: Origin {
            at: TopicPartition::new(source, letter.record.origin.at.partition),
            offset: Offset(letter.record.origin.offset.0),
        },
        timestamp: letter.record.timestamp,
        key: letter.record.key.clone(),
        value,
        headers: letter.own_headers().to_vec(),
    }
}

// === impl Why ===

impl Why {
    /// As tables say it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Why::Unrepairable(why) => why.as_str(),
            Why::ValueGone => "value is gone from its origin",
            Why::TooLarge => "too large for the target",
            Why::NoOrigin => "its headers do not say which record failed first",
            Why::NoObject => "no contract would judge it, which a condition of the repair needs",
            Why::OtherObject => "its contract does not have what a condition of the repair reads",
            Why::Unknown => "not known whether it was sent back before; --accept-unknown sends it",
            Why::NotValid => "would not be valid, and --only-valid is said",
        }
    }
}
