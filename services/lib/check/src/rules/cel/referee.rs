//! The compiled form beside the `cel` crate: random expressions over random contracts, asked of random rows, get one answer.

use std::fmt::Write as _;

use proptest::prelude::*;
use tidegate_contract::{Location, Severity};

use super::{Outcome, Rule, Scope, SourceField};
use crate::datum::Datum;
use crate::input::Input;
use crate::plan::{Kind, LeafType, Plan};
use crate::tape::{Captured, Cell, Slot, Tape};

mod grammar;

use grammar::Grammar;

/// A small generator of numbers, so that one seed tells a whole case.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn below(&mut self, end: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % end as u64).unwrap()
    }

    pub(super) fn pick<T: Clone>(&mut self, among: &[T]) -> T {
        among[self.below(among.len())].clone()
    }

    pub(super) fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }
}

const LEAVES: [&str; 12] = [
    "logicalType: integer",
    "logicalType: integer, logicalTypeOptions: {format: u64}",
    "logicalType: integer, logicalTypeOptions: {format: i128}",
    "logicalType: number, physicalType: 'decimal(10,2)'",
    "logicalType: number, physicalType: 'decimal(38,10)'",
    "logicalType: number, logicalTypeOptions: {format: f64}",
    "logicalType: string",
    "logicalType: string, logicalTypeOptions: {format: binary}",
    "logicalType: boolean",
    "logicalType: date",
    "logicalType: timestamp",
    "logicalType: time",
];

/// A property in YAML's flow style.
fn property(dice: &mut Dice, name: &str, depth: usize) -> String {
    match dice.below(if depth < 2 { 20 } else { 13 }) {
        kind @ 0..=11 => format!("{{name: {name}, {}}}", LEAVES[kind]),
        12 => format!("{{name: {name}}}"),
        13 | 14 => {
            let count = 1 + dice.below(3);
            let fields: Vec<String> = (0..count).map(|at| property(dice, &format!("{name}_{at}"), depth + 1)).collect();
            format!("{{name: {name}, logicalType: object, properties: [{}]}}", fields.join(", "))
        }
        15..=18 => {
            let item = property(dice, "item", depth + 1);
            format!("{{name: {name}, logicalType: array, items: {item}}}")
        }
        _ => {
            let value = property(dice, "v", depth + 1);
            format!("{{name: {name}, logicalType: map, map: {{key: {{name: k, logicalType: string}}, value: {value}}}}}")
        }
    }
}

fn plan(dice: &mut Dice) -> Plan {
    let count = 4 + dice.below(6);
    let fields: Vec<String> = (0..count).map(|at| property(dice, &format!("f{at}"), 0)).collect();
    let text = format!(
        "apiVersion: v3.2.0\nkind: DataContract\nid: referee\nversion: 1.0.0\nstatus: active\nschema:\n  - name: events\n    \
         logicalType: object\n    physicalType: topic\n    quality:\n      - {{id: all, type: custom, engine: cel, implementation: \
         'size(value) >= 0'}}\n    properties:\n{}",
        fields.iter().fold(String::new(), |mut text, field| {
            let _ = writeln!(text, "      - {field}");
            text
        })
    );
    let (contract, problems) = tidegate_contract::parse("referee.odcs.yaml", &text);
    let contract = contract.unwrap_or_else(|| panic!("{text}\n{problems:#?}"));
    crate::compile(&contract, 0).unwrap_or_else(|problems| panic!("{text}\n{problems:#?}"))
}

pub(super) const INTS: [i64; 12] = [
    0,
    1,
    -1,
    2,
    3,
    7,
    1 << 53,
    (1 << 53) + 1,
    i64::MAX,
    i64::MIN,
    253_402_300_799,
    -62_135_596_801,
];
pub(super) const DOUBLES: [f64; 10] = [
    0.0,
    -0.0,
    1.0,
    0.1,
    -2.5,
    9_007_199_254_740_992.0,
    1e300,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
];
pub(super) const TEXTS: [&str; 8] = ["", "a", "b", "ab", "é", "12", "2.5", "true"];
const MICROS: [i64; 8] = [
    0,
    -1,
    1_795_240_699_203_001,
    -62_135_596_800_000_000,
    -62_135_596_800_000_001,
    253_402_300_799_999_999,
    253_402_300_800_000_000,
    86_400_000_000,
];

/// Puts a random value of a node.
fn put(dice: &mut Dice, plan: &Plan, tape: &mut Tape, node: usize, slot: Slot) {
    match dice.below(60) {
        0..=5 if slot != Slot::ITEM => return,
        6..=10 => return tape.put(slot, Datum::Null),
        11 => return tape.put(slot, Datum::Broken),
        12 => return tape.put(slot, Datum::Unavailable),
        _ => {}
    }
    match &plan.nodes[node].kind {
        Kind::Object(_) => {
            let object = object(dice, plan, tape, node);
            tape.put_cell(slot, object);
        }
        Kind::Array(item) => {
            tape.begin_items();
            for _ in 0..dice.pick(&[0, 1, 2, 3, 120]) {
                put(dice, plan, tape, *item, Slot::ITEM);
            }
            let list = tape.end_list();
            tape.put_cell(slot, list);
        }
        Kind::Map(_, value) => {
            tape.begin_items();
            for _ in 0..dice.below(4) {
                tape.name(dice.pick(&TEXTS));
                put(dice, plan, tape, *value, Slot::ITEM);
            }
            let map = tape.end_map();
            tape.put_cell(slot, map);
        }
        Kind::Any => any_value(dice, tape, slot, 0),
        Kind::Leaf(leaf) => leaf_value(dice, tape, slot, *leaf),
    }
}

fn object(dice: &mut Dice, plan: &Plan, tape: &mut Tape, node: usize) -> Cell {
    tape.begin_object(plan.checks[node].captured_fields);
    for child in plan.nodes[node].kind.children() {
        put(dice, plan, tape, child, plan.checks[child].slot);
    }
    tape.end_object(node)
}

fn any_value(dice: &mut Dice, tape: &mut Tape, slot: Slot, depth: usize) {
    match dice.below(if depth < 2 { 10 } else { 7 }) {
        0 => tape.put(slot, Datum::Int(i128::from(dice.pick(&INTS)))),
        1 => tape.put(slot, Datum::Float(dice.pick(&DOUBLES))),
        2 | 3 => tape.put(slot, Datum::Str(dice.pick(&TEXTS))),
        4 => tape.put(slot, Datum::decimal(i128::from(dice.pick(&INTS)), 3)),
        5 => tape.put(slot, Datum::Bool(dice.one_in(2))),
        6 => tape.put(
            slot,
            if dice.one_in(4) {
                Datum::Unknowable
            } else {
                Datum::Timestamp(dice.pick(&MICROS))
            },
        ),
        7 => {
            tape.begin_items();
            for _ in 0..dice.below(3) {
                any_value(dice, tape, Slot::ITEM, depth + 1);
            }
            let list = tape.end_list();
            tape.put_cell(slot, list);
        }
        _ => {
            tape.begin_items();
            for _ in 0..dice.below(4) {
                tape.name(dice.pick(&TEXTS));
                any_value(dice, tape, Slot::ITEM, depth + 1);
            }
            let map = tape.end_map();
            tape.put_cell(slot, map);
        }
    }
}

fn leaf_value(dice: &mut Dice, tape: &mut Tape, slot: Slot, leaf: LeafType) {
    let int = dice.pick(&INTS);
    tape.put(
        slot,
        match leaf {
            LeafType::Bool => Datum::Bool(dice.one_in(2)),
            LeafType::Int { bits: 128, .. } => Datum::Int(dice.pick(&[i128::from(int), i128::from(u64::MAX), 1 << 70, -(1 << 70)])),
            LeafType::Int { signed: false, .. } => Datum::Int(dice.pick(&[i128::from(int).max(0), i128::from(u64::MAX), 1 << 63])),
            LeafType::Int { .. } => Datum::Int(i128::from(int)),
            LeafType::Decimal { scale, .. } => {
                let unscaled = dice.pick(&[
                    i128::from(int),
                    10,
                    250,
                    -250,
                    10_i128.pow(15) + 1,
                    10_i128.pow(15),
                    10_i128.pow(30) + 7,
                ]);
                Datum::Decimal(unscaled, scale)
            }
            LeafType::F32 | LeafType::F64 => Datum::Float(dice.pick(&DOUBLES)),
            LeafType::Str => Datum::Str(dice.pick(&TEXTS)),
            LeafType::Bytes => Datum::Bytes(dice.pick(&TEXTS).as_bytes()),
            LeafType::Date => Datum::Date(dice.pick(&[0, 20_000, -719_162, -719_163, 2_932_896, 2_932_897, i32::MAX])),
            LeafType::Time => Datum::Time(dice.pick(&[0, 1, 3_600_000_000, 86_399_999_999])),
            LeafType::Timestamp { .. } => Datum::Timestamp(dice.pick(&MICROS)),
        },
    );
}

fn rule(plan: &Plan, expression: &str) -> Result<Rule, super::Refusal> {
    let slots: Vec<Slot> = plan.checks.iter().map(|check| check.slot).collect();
    let mut rule = Rule::compile(&"r".into(), Severity::Error, &Location::default(), expression, &plan.nodes, 0, true)?;
    rule.lower(&plan.nodes, &slots)?;
    Ok(rule)
}

/// What one seed came to.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    refused: usize,
    interpreted: usize,
    compiled: usize,
    answered: usize,
}

fn case(seed: u64) -> Result<Tally, String> {
    let mut dice = Dice(seed);
    let plan = plan(&mut dice);
    let mut tally = Tally::default();
    for _ in 0..4 {
        let expression = Grammar::new(&mut dice, &plan).rule();
        let rule = match rule(&plan, &expression) {
            Ok(rule) => rule,
            Err(refusal) => {
                // Only what is too large may be refused: everything here has a type.
                if !refusal.text.contains("nested deeper") && !refusal.text.contains("more than") && !refusal.text.contains("longer than") {
                    return Err(format!("{expression}\nis refused: {refusal}"));
                }
                tally.refused += 1;
                continue;
            }
        };
        if rule.interpreted().is_some() {
            tally.interpreted += 1;
        } else {
            tally.compiled += 1;
        }
        for _ in 0..8 {
            let (mut tape, mut old) = (Tape::default(), Tape::default());
            let row = object(&mut dice, &plan, &mut tape, 0);
            let before = object(&mut dice, &plan, &mut old, 0);
            let headers: [(&str, Option<&[u8]>); 4] = [("a", Some(b"first")), ("a", Some(b"a")), ("b", None), ("c", Some(&[0xFF]))];
            let input = Input {
                key: dice.pick(&[None, Some(b"a".as_slice()), Some(&[0xFF])]),
                value: None,
                headers: &headers,
                now: dice.pick(&MICROS),
            };
            let source = [("table", SourceField::Text("a")), ("ts", SourceField::Time(dice.pick(&MICROS)))];
            let scope = Scope {
                plan: &plan,
                input: &input,
                topic: "a",
                op: dice.pick(&["c", "u", ""]),
                source: &source[..dice.below(3)],
                before: Captured::of(&old, before).filter(|_| !dice.one_in(4)),
            };
            let row = Captured::of(&tape, row).unwrap();
            let (fast, slow) = (rule.evaluate(row, &scope), rule.interpret(row, &scope));
            if fast != slow {
                return Err(format!(
                    "{expression}\ncompiled {fast:?}, interpreted {slow:?}\n{:?}\nover {tape:?}\nbefore {old:?}",
                    rule
                ));
            }
            tally.answered += usize::from(matches!(fast, Outcome::Holds | Outcome::Broken));
        }
    }
    Ok(tally)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn the_compiled_form_answers_as_the_interpreter(seed in any::<u64>()) {
        let outcome = case(seed);
        prop_assert!(outcome.is_ok(), "seed {}: {}", seed, outcome.unwrap_err());
    }
}

/// The comparison above would hold of a grammar that says nothing, too.
#[test]
fn the_grammar_says_something() {
    let mut sum = Tally::default();
    for seed in 0..60 {
        let tally = case(seed).unwrap_or_else(|text| panic!("{text}"));
        sum.refused += tally.refused;
        sum.interpreted += tally.interpreted;
        sum.compiled += tally.compiled;
        sum.answered += tally.answered;
    }
    assert!(
        sum.compiled > 150 && sum.interpreted > 0 && sum.refused < 60 && sum.answered > 400,
        "{sum:?}"
    );
}
