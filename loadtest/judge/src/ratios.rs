//! What is compared with what.

use std::hint::black_box;

use tidegate_check::{Judge, Plan};

use crate::contracts::Plans;
use crate::data::{self, Data, Tally};
use crate::peers;
use crate::records::Records;

/// Two sides over the same events.
pub struct Ratio<'a> {
    /// `ours/theirs`.
    pub name: &'static str,
    /// What the median should not pass; none where nothing was promised.
    pub at_most: Option<f64>,
    /// Unit of the times that are divided.
    pub per: Per,
    /// Numerator and denominator.
    pub sides: [Side<'a>; 2],
}

/// What a time is divided by before two of them are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    /// Events; both sides see the same.
    Event,
    /// Bytes; the same rows take more of them on one side.
    Byte,
}

/// One side.
pub struct Side<'a> {
    /// Events that it has.
    pub events: usize,
    /// Bytes of that many.
    pub bytes: Box<dyn Fn(usize) -> usize + 'a>,
    /// Works through that many; answers something that depends on every one of them.
    pub run: Box<dyn FnMut(usize) -> u64 + 'a>,
}

/// The side whose contract has rules.
const RULED: &str = "json_check_50_rules";

/// Names and limits of all ratios; the last ones are not promised to anybody.
pub const RATIOS: [Entry; 9] = [
    ("json_check/ignored_any", Some(1.0), Per::Event),
    ("json_check/serde_jsonschema", Some(0.17), Per::Event),
    ("json_check_50_rules/json_check", Some(1.5), Per::Event),
    ("avro_check/arrow_avro", Some(1.1), Per::Event),
    ("cdc_check/row_check", Some(1.3), Per::Byte),
    ("poison/mixed", Some(3.0), Per::Event),
    ("cdc_full_check/row_check", None, Per::Byte),
    ("avro_check/json_check", None, Per::Event),
    ("ignored_any/serde_value", None, Per::Event),
];

/// Name, limit and unit of a ratio.
pub type Entry = (&'static str, Option<f64>, Per);

/// The entries that `wanted` names, all of them when it names none: those without rules, then those with. They are measured one behind the
/// other because compiling rules slows down the allocator ([`Plans::json_rules`]).
pub fn chosen(wanted: &[String]) -> anyhow::Result<[Vec<Entry>; 2]> {
    if let Some(name) = wanted.iter().find(|name| !RATIOS.iter().any(|(known, ..)| known == name)) {
        let names: Vec<&str> = RATIOS.iter().map(|(name, ..)| *name).collect();
        anyhow::bail!("no ratio `{name}`; there are {}", names.join(", "));
    }
    let chosen = RATIOS
        .into_iter()
        .filter(|(name, ..)| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name));
    let (ruled, plain) = chosen.partition(|(name, ..)| name.contains(RULED));
    Ok([plain, ruled])
}

/// Sets up both sides of each.
pub fn ratios<'a>(data: &'a Data, plans: &'a Plans, entries: &[Entry]) -> anyhow::Result<Vec<Ratio<'a>>> {
    entries
        .iter()
        .map(|(name, at_most, per)| {
            let (ours, theirs) = name.split_once('/').unwrap_or((name, ""));
            Ok(Ratio {
                name,
                at_most: *at_most,
                per: *per,
                sides: [side(ours, data, plans)?, side(theirs, data, plans)?],
            })
        })
        .collect()
}

fn side<'a>(name: &str, data: &'a Data, plans: &'a Plans) -> anyhow::Result<Side<'a>> {
    Ok(match name {
        "json_check" | "mixed" => judged(&plans.json, plans, None, &data.json),
        RULED => judged(plans.json_rules()?, plans, None, &data.json),
        "poison" => judged(&plans.json, plans, None, &data.poison),
        "avro_check" => judged(&plans.avro, plans, None, &data.avro),
        "row_check" => judged(&plans.rows, plans, None, &data.rows),
        "cdc_check" => judged(&plans.changes, plans, Some(&data.changes.keys), &data.changes.values),
        "cdc_full_check" => judged(&plans.changes, plans, Some(&data.full_changes.keys), &data.full_changes.values),
        "ignored_any" => over(&data.json, |count| count_of(&data.json, count, peers::is_json)),
        "serde_value" => over(&data.json, |count| {
            count_of(&data.json, count, |event| {
                black_box(serde_json::from_slice::<serde_json::Value>(event)).is_ok()
            })
        }),
        "serde_jsonschema" => {
            let validator = peers::validator()?;
            over(&data.json, move |count| {
                count_of(&data.json, count, |event| peers::parses_and_validates(&validator, event))
            })
        }
        "arrow_avro" => {
            let mut decoder = peers::decoder()?;
            over(&data.avro, move |count| peers::decode(&mut decoder, data.avro.joined(count)))
        }
        other => anyhow::bail!("no side `{other}`"),
    })
}

fn over<'a>(records: &'a Records, run: impl FnMut(usize) -> u64 + 'a) -> Side<'a> {
    Side {
        events: records.len(),
        bytes: Box::new(|count| records.joined(count).len()),
        run: Box::new(run),
    }
}

fn count_of(records: &Records, count: usize, holds: impl Fn(&[u8]) -> bool) -> u64 {
    records.iter(count).filter(|event| holds(event)).count() as u64
}

/// The judge with its buffers kept, violations collected, no row handed on.
fn judged<'a>(plan: &'a Plan, plans: &'a Plans, keys: Option<&'a Records>, values: &'a Records) -> Side<'a> {
    let mut judge = Judge::new();
    over(values, move |count| {
        let mut tally = Tally::default();
        match keys {
            None => {
                for value in values.iter(count) {
                    tally.count(&data::judge(&mut judge, plan, &plans.schemas, None, value));
                }
            }
            Some(keys) => {
                for (key, value) in keys.iter(count).zip(values.iter(count)) {
                    tally.count(&data::judge(&mut judge, plan, &plans.schemas, Some(key), value));
                }
            }
        }
        tally.valid << 32 | tally.violations
    })
}

impl std::fmt::Debug for Ratio<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ratio").field("name", &self.name).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Side<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Side").field("events", &self.events).finish_non_exhaustive()
    }
}
