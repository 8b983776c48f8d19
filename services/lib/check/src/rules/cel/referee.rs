//! The compiled form beside the `cel` crate: random expressions over random contracts, asked of random rows, get one answer.

use std::fmt::Write as _;

use proptest::prelude::*;
use tidegate_contract::{Location, Severity};

use super::{Glance, Outcome, Rule, Scope, SourceField};
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
    plan_of(&fields)
}

fn plan_of(fields: &[String]) -> Plan {
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
            if Glance::of([(0, &rule, true)]).left(row, &[0]).is_empty() && slow != Outcome::Holds {
                return Err(format!("{expression}\nholds at a glance, interpreted {slow:?}\nover {tape:?}"));
            }
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

/// A contract for the cases that chance seldom finds.
fn special_plan() -> Plan {
    let fields = [
        "{name: i, logicalType: integer}",
        "{name: j, logicalType: integer}",
        "{name: u, logicalType: integer, logicalTypeOptions: {format: u64}}",
        "{name: h, logicalType: integer, logicalTypeOptions: {format: i128}}",
        "{name: d, logicalType: number, physicalType: 'decimal(38,2)'}",
        "{name: e, logicalType: number, physicalType: 'decimal(38,2)'}",
        "{name: f, logicalType: number, logicalTypeOptions: {format: f64}}",
        "{name: s, logicalType: string}",
        "{name: b, logicalType: boolean}",
        "{name: at, logicalType: timestamp}",
        "{name: day, logicalType: date}",
        "{name: any}",
        "{name: l, logicalType: array, items: {name: x, logicalType: integer}}",
        "{name: o, logicalType: object, properties: [{name: i, logicalType: integer}]}",
    ];
    plan_of(&fields.map(String::from))
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn special_cases_are_what_the_interpreter_says() {
    use Outcome::{Broken, Failed, Holds, NotAsked};
    const TWO_53: i128 = 1 << 53;
    let plan = special_plan();
    type Row<'r> = &'r [(&'r str, Datum<'r>)];
    let cases: [(&str, Row<'_>, Outcome); 52] = [
        // Missing, null, broken, not sent, not expressible.
        ("value.i > 1", &[], Failed),
        ("value.i > 1", &[("i", Datum::Null)], Failed),
        ("value.i == null", &[("i", Datum::Null)], Holds),
        ("value.i != null", &[("i", Datum::Int(1))], Holds),
        ("value.i == null", &[], Failed),
        ("value.i == 1", &[("i", Datum::Null)], Broken),
        ("has(value.i)", &[], Broken),
        ("has(value.i)", &[("i", Datum::Null)], Holds),
        ("has(value.o.i)", &[], Failed),
        ("has(value.o.i)", &[("o", Datum::Null)], Failed),
        ("value.i > 1", &[("i", Datum::Broken)], NotAsked),
        ("value.i > 1", &[("i", Datum::Int(2)), ("j", Datum::Broken)], Holds),
        (
            "value.i > 1 || value.j > 1",
            &[("i", Datum::Int(2)), ("j", Datum::Broken)],
            NotAsked,
        ),
        ("value.i > 1", &[("i", Datum::Unavailable)], NotAsked),
        ("has(value.i)", &[("i", Datum::Unavailable)], NotAsked),
        ("value.any == 1", &[("any", Datum::Unknowable)], Failed),
        ("value.h > 1", &[("h", Datum::Int(1 << 70))], Failed),
        (
            "value.at > timestamp('2000-01-01T00:00:00Z')",
            &[("at", Datum::Timestamp(i64::MAX))],
            Failed,
        ),
        (
            "value.day > timestamp('2000-01-01T00:00:00Z')",
            &[("day", Datum::Date(i32::MAX))],
            Failed,
        ),
        (
            "value.day > timestamp('2000-01-01T00:00:00Z')",
            &[("day", Datum::Date(11_000))],
            Holds,
        ),
        // Overflow and division.
        ("value.i + 1 > 0", &[("i", Datum::Int(i64::MAX as i128))], Failed),
        ("value.i - 1 < 0", &[("i", Datum::Int(i64::MIN as i128))], Failed),
        ("-value.i > 0", &[("i", Datum::Int(i64::MIN as i128))], Failed),
        (
            "value.i / value.j >= 0",
            &[("i", Datum::Int(i64::MIN as i128)), ("j", Datum::Int(-1))],
            Failed,
        ),
        ("value.i % value.j == 0", &[("i", Datum::Int(1)), ("j", Datum::Int(0))], Failed),
        ("math.abs(value.i) > 0", &[("i", Datum::Int(i64::MIN as i128))], Failed),
        ("value.u + 1 > 0", &[("u", Datum::Int(u64::MAX as i128))], Failed),
        ("value.d / 0.0 > 1e300", &[("d", Datum::Decimal(1, 2))], Holds),
        (
            "value.at - value.at + duration('1ns') == duration('1ns')",
            &[("at", Datum::Timestamp(5))],
            Holds,
        ),
        (
            "value.at + duration('1s') > value.at",
            &[("at", Datum::Timestamp(253_402_300_799_500_000))],
            Failed,
        ),
        // Numbers of several kinds.
        ("value.i == 9007199254740992.0", &[("i", Datum::Int(TWO_53 + 1))], Holds),
        ("value.i > 9007199254740992.0", &[("i", Datum::Int(TWO_53 + 1))], Broken),
        ("value.i > 9007199254740992", &[("i", Datum::Int(TWO_53 + 1))], Holds),
        (
            "value.i == value.f",
            &[("i", Datum::Int(TWO_53 + 1)), ("f", Datum::Float(9_007_199_254_740_992.0))],
            Holds,
        ),
        (
            "double(value.i) == double(value.j)",
            &[("i", Datum::Int(TWO_53 + 1)), ("j", Datum::Int(TWO_53))],
            Holds,
        ),
        ("value.u > 9223372036854775807", &[("u", Datum::Int(u64::MAX as i128))], Holds),
        ("value.u == 18446744073709551615u", &[("u", Datum::Int(u64::MAX as i128))], Holds),
        ("value.i < 0u", &[("i", Datum::Int(-1))], Holds),
        (
            "value.d < value.e",
            &[
                ("d", Datum::Decimal(10_i128.pow(17), 2)),
                ("e", Datum::Decimal(10_i128.pow(17) + 1, 2)),
            ],
            Broken,
        ),
        (
            "value.d < value.e",
            &[
                ("d", Datum::Decimal(10_i128.pow(14), 2)),
                ("e", Datum::Decimal(10_i128.pow(14) + 1, 2)),
            ],
            Holds,
        ),
        (
            "value.d == value.e",
            &[
                ("d", Datum::Decimal(10_i128.pow(30), 2)),
                ("e", Datum::Decimal(10_i128.pow(30) + 1, 2)),
            ],
            Holds,
        ),
        ("value.d >= 0.1", &[("d", Datum::Decimal(10, 2))], Holds),
        ("value.d == 1", &[("d", Datum::Decimal(100, 2))], Holds),
        // NaN has no order and equals nothing.
        ("value.f < 1.0", &[("f", Datum::Float(f64::NAN))], Failed),
        ("value.f != value.f", &[("f", Datum::Float(f64::NAN))], Holds),
        ("value.f == 0.0", &[("f", Datum::Float(-0.0))], Holds),
        // Errors that the other side absorbs.
        ("value.i > 1 || value.b", &[("b", Datum::Bool(true))], Holds),
        ("value.b && value.i > 1", &[("b", Datum::Bool(false))], Broken),
        ("value.i > 1 && value.b", &[("b", Datum::Bool(false))], Broken),
        ("value.i > 1 && value.b", &[("b", Datum::Bool(true))], Failed),
        ("(value.i > 1 ? value.b : true) || true", &[], Holds),
        (
            "value.s.startsWith('a') || value.any",
            &[("s", Datum::Str("b")), ("any", Datum::Int(1))],
            Failed,
        ),
    ];
    for (expression, fields, expected) in cases {
        let rule = rule(&plan, expression).unwrap_or_else(|refusal| panic!("{expression}: {refusal}"));
        assert_eq!(rule.interpreted(), None, "{expression}");
        assert_eq!(
            both(&plan, &rule, fields, &[]),
            (expected, expected),
            "{expression} over {fields:?}"
        );
    }
}

#[test]
fn lists_are_what_the_interpreter_says() {
    use Outcome::{Broken, Failed, Holds, NotAsked, OverBudget};
    let plan = special_plan();
    let ints = |items: &[i64]| items.iter().map(|item| Datum::Int(i128::from(*item))).collect::<Vec<_>>();
    let long = vec![Datum::Int(1); 2000];
    for (expression, items, expected) in [
        ("value.l.all(x, x > 0)", ints(&[]), Holds),
        ("value.l.exists(x, x > 0)", ints(&[]), Broken),
        ("value.l.exists_one(x, x > 0)", ints(&[]), Broken),
        ("math.greatest(value.l) > 0", ints(&[]), Failed),
        ("size(value.l) == 0", ints(&[]), Holds),
        ("value.l[0] == 1", ints(&[]), Failed),
        ("value.l[1] == 2", ints(&[1, 2]), Holds),
        ("value.l[-1] == 2", ints(&[1, 2]), Failed),
        ("value.l.all(x, 1 / x > 0)", ints(&[0, 1]), Failed),
        ("value.l.all(x, 1 / x > 0)", ints(&[0, -1]), Broken),
        ("value.l.all(x, 1 / x > 0)", ints(&[-1, 0]), Broken),
        ("value.l.exists(x, 1 / x > 0)", ints(&[0, 1]), Holds),
        ("value.l.exists(x, 1 / x > 0)", ints(&[0, -1]), Failed),
        ("value.l.exists_one(x, 1 / x > 0)", ints(&[0, 1]), Failed),
        ("value.l.exists_one(x, x > 0)", ints(&[1, -1]), Holds),
        ("value.l.exists_one(x, x > 0)", ints(&[1, 1]), Broken),
        // What `map` cannot make is an error, even behind an item that decides.
        ("value.l.map(x, 1 / x).exists(y, y == 1)", ints(&[1, 0]), Failed),
        ("value.l.filter(x, 1 / x > 0).exists(y, y == 1)", ints(&[1, 0]), Failed),
        ("1 in value.l.map(x, 1 / x)", ints(&[1, 0]), Failed),
        ("value.l.filter(x, x > 1).map(x, x * 2).all(x, x > 2)", ints(&[1, 2, 3]), Holds),
        ("value.l.all(x, value.l.exists(y, y == x + 1) || x == 3)", ints(&[1, 2, 3]), Holds),
        ("size(value.l.map(x, x > 1, x)) == 2", ints(&[1, 2, 3]), Holds),
        ("3 in value.l && !(4 in value.l)", ints(&[1, 2, 3]), Holds),
        ("value.l.all(x, x > 0)", vec![Datum::Int(1), Datum::Null], Failed),
        ("value.l.all(x, x > 0)", vec![Datum::Int(-1), Datum::Broken], NotAsked),
        ("value.l.all(x, value.l.exists(y, y == x))", long.clone(), OverBudget),
        ("value.l.all(x, x == 1)", long, Holds),
    ] {
        let rule = rule(&plan, expression).unwrap_or_else(|refusal| panic!("{expression}: {refusal}"));
        assert_eq!(rule.interpreted(), None, "{expression}");
        assert_eq!(both(&plan, &rule, &[], &items), (expected, expected), "{expression} over {items:?}");
    }
}

/// The answers of the compiled form and of the interpreter over a row of some fields and the list `l`.
fn both(plan: &Plan, rule: &Rule, fields: &[(&str, Datum<'_>)], items: &[Datum<'_>]) -> (Outcome, Outcome) {
    let mut tape = Tape::default();
    tape.begin_object(plan.checks[0].captured_fields);
    for child in plan.nodes[0].kind.children() {
        let slot = plan.checks[child].slot;
        if *plan.nodes[child].name == *"l" {
            tape.begin_items();
            for item in items {
                tape.put(Slot::ITEM, *item);
            }
            let list = tape.end_list();
            tape.put_cell(slot, list);
        } else if let Some((_, datum)) = fields.iter().find(|(name, _)| **name == *plan.nodes[child].name) {
            tape.put(slot, *datum);
        }
    }
    let row = tape.end_object(0);
    let input = Input {
        key: None,
        value: None,
        headers: &[],
        now: 0,
    };
    let scope = Scope {
        plan,
        input: &input,
        topic: "t",
        op: "",
        source: &[],
        before: None,
    };
    let row = Captured::of(&tape, row).unwrap();
    (rule.evaluate(row, &scope), rule.interpret(row, &scope))
}
