//! What becomes of one dead letter in a replay.

use std::collections::HashMap;

use bytes::Bytes;
use tidegate_check::Input;
use tidegate_contract::ContractRef;
use tidegate_flow::{Header, Offset, Origin, Record, Remedy, TopicPartition, WorldError};
use tidegate_repair::{Bound, Repair, Repaired, Unrepairable};

use crate::done::Done;
use crate::filter::Filter;
use crate::fold::Memo;
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
}

/// What decides, with what it remembers.
#[derive(Debug)]
pub struct Decider<'r> {
    source: String,
    filter: Filter,
    attempts_max: u32,
    repair: Option<&'r Repair>,
    bound: HashMap<Option<(ContractRef, usize)>, Bound<'r>>,
    memo: Memo,
}

// === impl Decider ===

impl<'r> Decider<'r> {
    /// For the dead letters of a source topic.
    pub fn new(source: &str, filter: Filter, attempts_max: u32, repair: Option<&'r Repair>) -> Decider<'r> {
        Decider {
            source: source.to_owned(),
            filter,
            attempts_max,
            repair,
            bound: HashMap::new(),
            memo: Memo::default(),
        }
    }

    /// Whether a letter is meant and was not sent back before; what else becomes of it needs its value.
    pub fn look(&mut self, letter: &Letter<'_>, done: &Done) -> Option<Fate> {
        if !self.filter.takes(letter, &mut self.memo) || !self.is_repaired_here(letter) {
            return Some(Fate::NotMeant);
        }
        if done.holds(&letter.stamp.origin) {
            return Some(Fate::Before);
        }
        (letter.attempts >= self.attempts_max).then_some(Fate::Park)
    }

    fn is_repaired_here(&self, letter: &Letter<'_>) -> bool {
        let Some(only) = self.repair.and_then(|repair| repair.contract.as_ref()) else {
            return true;
        };
        letter.stamp.contract.as_ref().is_some_and(|contract| contract.id == *only)
    }

    /// What becomes of a letter that goes back with this value. An error is a bad world, or a condition that does not compile.
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
        let object = match repair.has_conditions() {
            true => contracts.object(&self.source, &consumed(letter, &self.source, value.clone()))?,
            false => None,
        };
        let name = object.as_ref().map(|(contract, object)| (contract.reference(), *object));
        if !self.bound.contains_key(&name) {
            let bound = repair
                .bind(object.as_ref().map(|(contract, object)| (&**contract, *object)))
                .map_err(|problems| WorldError::new(Remedy::Operator, tidegate_contract::render_lines(&problems).trim_end().to_owned()))?;
            self.bound.insert(name.clone(), bound);
        }
        let bound = self.bound.get_mut(&name).expect("it was put there");
        let headers: Vec<(&str, Option<&[u8]>)> = letter.own_headers().iter().map(named).collect();
        let input = Input {
            key: letter.record.key.as_deref(),
            value: value.as_deref(),
            headers: &headers,
            now,
        };
        Ok(match bound.apply(&input, &self.source) {
            Ok(repaired) => {
                let value = repaired.value.clone().map_or(value, |changed| Some(Bytes::from(changed)));
                Fate::Send(value, Some(repaired))
            }
            Err(why) => Fate::Stay(Why::Unrepairable(why)),
        })
    }
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
        }
    }
}
