//! Verdicts before times: what is fast and wrong is not measured.
//!
//! Every event is judged by all sides that judge. On the generated events no difference is allowed at all. On mutated ones the jsonschema
//! crate and the contract may differ where a reason is known and checked ([`Known`]); any other difference ends the run.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::LazyLock;

use anyhow::ensure;
use fastrand::Rng;
use jsonschema::Validator;
use regex::Regex;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use tidegate_check::{Judge, Verdict, Violation};
use tidegate_codec::Detail;

use crate::contracts::Plans;
use crate::data::{Data, judge};
use crate::orders::Fault;
use crate::peers;

/// Why the judge and the jsonschema crate may disagree, each checked by code of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Known {
    /// A field twice in one object: the judge refuses, a tree keeps the last.
    DuplicateField,
    /// Text that RFC 3339 does not allow and jsonschema takes for a date-time.
    NoDateTime,
    /// A date-time finer than microseconds, which no timestamp column holds.
    FinerThanMicros,
    /// A space between date and time: RFC 3339 section 5.6 leaves it to the application, the judge reads it, jsonschema does not.
    SpaceForT,
    /// A `total` with more digits than `decimal(12,2)`; JSON Schema has no such type.
    DecimalDigits,
}

/// Events that an error shows.
const SHOWN: usize = 10;

/// Events of which the verdict with rules is compared too, which may take a hundred times as long.
const RULED: usize = 10_000;

/// What was compared.
#[derive(Debug, Default)]
pub struct Proof {
    /// Generated events.
    pub events: usize,
    /// Valid by the contract without rules.
    pub valid: usize,
    /// Mutated events.
    pub mutated: usize,
    /// Of those, valid on both sides.
    pub mutated_valid: usize,
    /// Of those, judged differently for a known reason.
    pub known: BTreeMap<Known, usize>,
}

/// Compares all verdicts without rules; the error shows the first event that nobody can explain. Events are made up, so they may be shown.
pub fn prove(data: &Data, plans: &Plans, seed: u64) -> anyhow::Result<Proof> {
    let validator = peers::validator()?;
    let mut proof = Proof::default();
    generated(data, plans, &validator, &mut proof)?;
    mutated(data, plans, &validator, seed, &mut proof)?;
    Ok(proof)
}

/// Compares the verdicts of the contract with rules with what was planted.
pub fn prove_rules(data: &Data, plans: &Plans) -> anyhow::Result<usize> {
    let (mut one, ruled) = (Judge::new(), plans.json_rules()?);
    let count = data.faults.len().min(RULED);
    for (index, fault) in data.faults[..count].iter().enumerate() {
        let event = data.json.get(index);
        let answer = matches!(judge(&mut one, ruled, &plans.schemas, None, event), Verdict::Valid { .. });
        // No rule sums up lines.
        ensure!(
            answer == matches!(fault, None | Some(Fault::RuleTotal)),
            "judge with rules says valid={answer} of event {index} with {fault:?}:\n{}",
            String::from_utf8_lossy(event)
        );
    }
    Ok(count)
}

fn generated(data: &Data, plans: &Plans, validator: &Validator, proof: &mut Proof) -> anyhow::Result<()> {
    let mut fresh = Judge::new();
    let mut valid = |plan, key, value: &[u8]| matches!(judge(&mut fresh, plan, &plans.schemas, key, value), Verdict::Valid { .. });
    for (index, fault) in data.faults.iter().enumerate() {
        let event = data.json.get(index);
        let of_schema = fault.is_some_and(Fault::is_of_schema);
        let expected = [
            ("judge", valid(&plans.json, None, event), !of_schema),
            ("jsonschema", peers::parses_and_validates(validator, event), !of_schema),
            (
                "judge of Avro",
                valid(&plans.avro, None, data.avro.get(index)),
                !(of_schema && fault.is_some_and(Fault::fits_avro)),
            ),
            ("judge of rows", valid(&plans.rows, None, data.rows.get(index)), !of_schema),
        ];
        for (side, answer, right) in expected {
            ensure!(
                answer == right,
                "{side} says valid={answer} of event {index} with {fault:?}:\n{}",
                String::from_utf8_lossy(event)
            );
        }
        for changes in [&data.changes, &data.full_changes] {
            let key = Some(changes.keys.get(index));
            let answer = valid(&plans.changes, key, changes.values.get(index));
            // Of a deleted row only the key is held to the contract, so most faults do not show there.
            let deleted = index % 10 == 9;
            ensure!(
                answer != of_schema || deleted,
                "judge of changes says valid={answer} of event {index} with {fault:?}:\n{}",
                String::from_utf8_lossy(changes.values.get(index))
            );
        }
        ensure!(
            !valid(&plans.json, None, data.poison.get(index)),
            "judge accepts the poisoned event {index}:\n{}",
            String::from_utf8_lossy(data.poison.get(index))
        );
        proof.events += 1;
        proof.valid += usize::from(!of_schema);
    }
    let rows = peers::decode(&mut peers::decoder()?, data.avro.joined(data.avro.len()));
    ensure!(rows == data.avro.len() as u64, "arrow-avro read {rows} rows of {}", data.avro.len());
    Ok(())
}

fn mutated(data: &Data, plans: &Plans, validator: &Validator, seed: u64, proof: &mut Proof) -> anyhow::Result<()> {
    let mut rng = Rng::with_seed(seed ^ 0x5EED);
    let mut fresh = Judge::new();
    let mut event = Vec::new();
    let mut unexplained = Vec::new();
    for index in 0..data.json.len() {
        event.clear();
        event.extend_from_slice(data.json.get(index));
        mutate(&mut event, &mut rng);
        let ours = judge(&mut fresh, &plans.json, &plans.schemas, None, &event);
        let we_accept = matches!(ours, Verdict::Valid { .. });
        let they_accept = peers::parses_and_validates(validator, &event);
        proof.mutated += 1;
        proof.mutated_valid += usize::from(we_accept && they_accept);
        if we_accept == they_accept {
            continue;
        }
        match explain(&ours, &event, validator) {
            Some(known) => *proof.known.entry(known).or_default() += 1,
            None => unexplained.push(format!("{ours:?}\n{}", String::from_utf8_lossy(&event))),
        }
    }
    ensure!(
        unexplained.is_empty(),
        "the judge and jsonschema disagree for no known reason about {} mutated events of {}; the judge says of the first ones:\n{}",
        unexplained.len(),
        proof.mutated,
        unexplained[..unexplained.len().min(SHOWN)].join("\n")
    );
    Ok(())
}

/// One to three small changes, of bytes or of whole fields.
fn mutate(event: &mut Vec<u8>, rng: &mut Rng) {
    const BYTES: &[u8] = b"0123456789-+.:TZtz\"{}[],eE\\/ @#_aAuX\n\x00\x7f\xc3\xff";
    for _ in 0..rng.usize(1..=3) {
        if event.len() < 2 {
            return;
        }
        let at = rng.usize(0..event.len());
        let byte = BYTES[rng.usize(0..BYTES.len())];
        match rng.u32(0..10) {
            0..4 => event[at] = byte,
            4..6 => event.insert(at, byte),
            6..8 => drop(event.remove(at)),
            8 => {
                let other = rng.usize(0..event.len());
                event.swap(at, other);
            }
            // A piece from one comma to the next once more: often a field twice, or a line.
            _ => {
                let commas: Vec<usize> = (0..event.len()).filter(|at| event[*at] == b',').collect();
                if commas.len() >= 2 {
                    let first = rng.usize(0..commas.len() - 1);
                    let piece = event[commas[first]..commas[first + 1]].to_vec();
                    event.splice(commas[first]..commas[first], piece);
                }
            }
        }
    }
}

/// The reason of a difference: the judge refuses for nothing but known reasons that hold, or accepts what jsonschema accepts too once it is
/// written in its own way.
fn explain(ours: &Verdict, event: &[u8], validator: &Validator) -> Option<Known> {
    let value = serde_json::from_slice::<Value>(event).ok();
    let Verdict::Invalid { violations, .. } = ours else {
        return with_t(value?)
            .is_some_and(|value| validator.is_valid(&value))
            .then_some(Known::SpaceForT);
    };
    let reasons: Option<Vec<Known>> = violations
        .iter()
        .map(|violation| reason(violation, value.as_ref(), event))
        .collect();
    reasons?.into_iter().max()
}

/// The event with a `T` wherever a date and a time have a space between them; none where there is no such place.
fn with_t(mut event: Value) -> Option<Value> {
    let mut found = false;
    for field in ["occurred_at", "start", "end"] {
        if let Some(Value::String(text)) = event.get_mut(field)
            && text.as_bytes().get(10) == Some(&b' ')
        {
            text.replace_range(10..11, "T");
            found = true;
        }
    }
    found.then_some(event)
}

fn reason(violation: &Violation, value: Option<&Value>, event: &[u8]) -> Option<Known> {
    /// RFC 3339 section 5.6, a leap second left out; days of months are not looked at.
    static DATE_TIME: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$",
        )
        .expect("written to compile")
    });
    if violation.detail == Some(Detail::DuplicateKey) {
        return serde_json::from_slice::<Duplicates>(event)
            .is_ok_and(|found| found.0)
            .then_some(Known::DuplicateField);
    }
    let value = value?.pointer(&violation.pointer)?;
    match (&*violation.pointer, value) {
        ("/occurred_at" | "/start" | "/end", Value::String(text)) => {
            if !DATE_TIME.is_match(text) {
                return Some(Known::NoDateTime);
            }
            let fraction = text.split_once('.').map_or("", |(_, rest)| rest);
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            (digits > 6).then_some(Known::FinerThanMicros)
        }
        ("/total", Value::Number(number)) => {
            let number = number.as_f64()?;
            let cents = number * 100.0;
            (number >= 1e10 || (cents - cents.round()).abs() > 1e-6).then_some(Known::DecimalDigits)
        }
        _ => None,
    }
}

/// Whether any object of a document has a field twice.
struct Duplicates(bool);

impl<'de> Deserialize<'de> for Duplicates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DuplicatesVisitor).map(Duplicates)
    }
}

struct DuplicatesVisitor;

impl<'de> Visitor<'de> for DuplicatesVisitor {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E>(self, _: &str) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some(item) = items.next_element::<Duplicates>()? {
            found |= item.0;
        }
        Ok(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<bool, A::Error> {
        let (mut found, mut names) = (false, HashSet::new());
        while let Some((name, value)) = fields.next_entry::<String, Duplicates>()? {
            found |= value.0 | !names.insert(name);
        }
        Ok(found)
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Known::DuplicateField => "a field twice in one object: refused by the judge, the last one kept by a tree",
            Known::NoDateTime => "no RFC 3339 date-time, accepted by jsonschema",
            Known::FinerThanMicros => "a date-time finer than microseconds, which no timestamp of the lake holds",
            Known::SpaceForT => "a space between date and time, which RFC 3339 leaves to the application: read by the judge",
            Known::DecimalDigits => "more digits than decimal(12,2), a type that JSON Schema does not have",
        })
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "verdicts agree on {} events ({} valid by the schema) in every encoding, and on {} mutated ones ({} valid) but for:",
            self.events, self.valid, self.mutated, self.mutated_valid
        )?;
        for (known, count) in &self.known {
            write!(f, "\n  {count} x {known}")?;
        }
        Ok(())
    }
}
