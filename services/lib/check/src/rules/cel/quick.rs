//! Questions in one step: a field beside a constant, or beside another field.
//!
//! CEL compares a decimal as the nearest double. That rounding never turns an order around, so the numbers for which a comparison with a
//! constant holds are a range, and its ends are found once, by asking: for `value.total < 0.1` the unscaled integers up to some last one.
//! What then remains for an event is to compare two integers. Anything out of the ordinary (absent, null, past 64 bits) has no quick answer.

use super::expression::{Comparison, Constant, Expr, Place};
use super::value::{Instant, Val};
use crate::exact::Exact;
use crate::plan::{Kind, LeafType, Node};
use crate::tape::{Captured, Cell, DAYS, INSTANTS, Tape};
use crate::temporal::DAY_MICROS;

/// A question.
#[derive(Debug, Clone)]
pub(super) enum Quick {
    /// Whether a number or moment is in a range (or outside of it).
    Range {
        at: Place,
        raw: Raw,
        low: i64,
        high: i64,
        inside: bool,
    },
    /// Whether it is one of some numbers.
    Ranges {
        at: Place,
        raw: Raw,
        any: Box<[(i64, i64)]>,
    },
    /// A double beside a constant that is a number.
    Double {
        at: Place,
        question: Question,
        constant: f64,
    },
    /// Whether a text is this one (or is not).
    Text {
        at: Place,
        text: Text,
        equal: bool,
    },
    /// Whether it is one of these.
    Texts {
        at: Place,
        any: Box<[Text]>,
    },
    /// Whether it comes before or behind this one.
    TextOrder {
        at: Place,
        text: Box<[u8]>,
        comparison: Comparison,
    },
    /// Whether the answer for false and for true is yes.
    Flag {
        at: Place,
        wanted: [bool; 2],
    },
    Null {
        at: Place,
        equal: bool,
    },
    Has {
        at: Place,
    },
    /// Two fields of one type whose integers are ordered like their values.
    Pair {
        left: Place,
        right: Place,
        raw: Raw,
        question: Question,
    },
    /// Two numbers that meet as doubles.
    Doubles {
        left: Place,
        right: Place,
        question: Question,
    },
    TextPair {
        left: Place,
        right: Place,
        question: Question,
    },
}

/// The rows that questions are about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground<'v> {
    pub(super) row: Captured<'v>,
    pub(super) before: Option<Captured<'v>>,
}

/// A text to compare with. Most texts differ in their length or in their first eight bytes.
#[derive(Debug, Clone)]
pub(super) struct Text {
    len: u32,
    /// The first eight bytes, little-endian, zeros behind a shorter text.
    word: u64,
    /// What follows them.
    rest: Box<[u8]>,
}

/// A captured text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given<'v> {
    tape: &'v Tape,
    start: u32,
    len: u32,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    Equal,
    NotEqual,
    Order(Comparison),
}

/// What the integer of a cell means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Raw {
    Int,
    /// At this scale.
    Decimal(u8),
    Date,
    Time,
    Timestamp,
}

/// Two decimals of one scale whose integers are smaller than this are doubles in the same order: a double tells 15 digits apart.
const APART: i64 = 1_000_000_000_000_000;

// === impl Ground ===

impl<'v> Ground<'v> {
    /// The cell of a place; none where there is no object on the way.
    #[inline]
    pub(super) fn cell(self, place: &Place) -> Option<Cell> {
        let row = self.row_of(place)?;
        let mut cell = row.field(place.first);
        for ordinal in &place.rest {
            let Cell::Object { start, .. } = cell else { return None };
            cell = row.tape.at(start + ordinal);
        }
        Some(cell)
    }

    /// The row of a place.
    #[inline]
    pub(super) fn row_of(self, place: &Place) -> Option<Captured<'v>> {
        if place.before { self.before } else { Some(self.row) }
    }

    /// The text at a place, where it is one.
    #[inline]
    pub(super) fn text(self, place: &Place) -> Option<Given<'v>> {
        Given::of(self.row_of(place)?.tape, self.cell(place)?)
    }

    /// The answer of an expression that is made of questions which all have one.
    #[inline]
    pub(super) fn glance(self, expr: &Expr) -> Option<bool> {
        match expr {
            Expr::Quick(quick, _) => quick.ask(self),
            Expr::Not(operand) => self.glance(operand).map(|answer| !answer),
            Expr::And(left, right) => Some(self.glance(left)? && self.glance(right)?),
            Expr::Or(left, right) => Some(self.glance(left)? || self.glance(right)?),
            _ => None,
        }
    }
}

// === impl Text ===

impl Text {
    fn new(text: &str) -> Text {
        let mut word = [0; 8];
        let first = text.len().min(8);
        word[..first].copy_from_slice(&text.as_bytes()[..first]);
        Text {
            len: u32::try_from(text.len()).expect("an expression is short"),
            word: u64::from_le_bytes(word),
            rest: text.as_bytes()[first..].into(),
        }
    }

    /// The text itself.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let first = (self.len as usize).min(8);
        [&self.word.to_le_bytes()[..first], &self.rest].concat()
    }

    #[inline]
    fn is(&self, given: Given<'_>) -> bool {
        given.len == self.len && self.is_with(given, given.word())
    }

    /// With the first word of the text, which is asked for once.
    #[inline]
    pub(super) fn is_with(&self, given: Given<'_>, word: u64) -> bool {
        given.len == self.len && word == self.word && (self.rest.is_empty() || given.bytes()[8..] == *self.rest)
    }
}

// === impl Given ===

impl<'v> Given<'v> {
    /// The text of a cell.
    #[inline]
    pub(super) fn of(tape: &'v Tape, cell: Cell) -> Option<Given<'v>> {
        match cell {
            Cell::Text { start, len } => Some(Given { tape, start, len }),
            _ => None,
        }
    }

    #[inline]
    fn bytes(self) -> &'v [u8] {
        self.tape.text_bytes(self.start, self.len)
    }

    #[inline]
    pub(super) fn word(self) -> u64 {
        self.tape.text_word(self.start, self.len)
    }

    #[inline]
    pub(super) fn is(self, other: Given<'_>) -> bool {
        self.len == other.len && self.word() == other.word() && (self.len <= 8 || self.bytes() == other.bytes())
    }
}

// === impl Question ===

impl Question {
    #[inline]
    pub(super) fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Question::Equal => order.is_eq(),
            Question::NotEqual => order.is_ne(),
            Question::Order(comparison) => comparison.holds(order),
        }
    }

    fn turned(self) -> Question {
        match self {
            Question::Order(comparison) => Question::Order(comparison.turned()),
            same => same,
        }
    }
}

// === impl Raw ===

impl Raw {
    fn of(leaf: LeafType) -> Option<Raw> {
        Some(match leaf {
            LeafType::Int { .. } => Raw::Int,
            LeafType::Decimal { scale, .. } => Raw::Decimal(scale),
            LeafType::Date => Raw::Date,
            LeafType::Time => Raw::Time,
            LeafType::Timestamp { .. } => Raw::Timestamp,
            LeafType::Bool | LeafType::F32 | LeafType::F64 | LeafType::Str | LeafType::Bytes => return None,
        })
    }

    #[inline]
    pub(super) fn read(self, cell: Cell) -> Option<i64> {
        match (cell, self) {
            (Cell::Int(value), Raw::Int)
            | (Cell::Decimal { unscaled: value, .. }, Raw::Decimal(_))
            | (Cell::Timestamp(value), Raw::Timestamp)
            | (Cell::Time(value), Raw::Time) => Some(value),
            (Cell::Date(days), Raw::Date) => Some(i64::from(days)),
            _ => None,
        }
    }

    /// The integers that a clean cell can hold.
    pub(super) fn domain(self) -> (i64, i64) {
        match self {
            Raw::Int | Raw::Decimal(_) => (i64::MIN, i64::MAX),
            Raw::Date => (DAYS.start, DAYS.end - 1),
            Raw::Time => (i64::MIN / 1000, i64::MAX / 1000),
            Raw::Timestamp => (INSTANTS.start, INSTANTS.end - 1),
        }
    }

    fn value(self, raw: i64) -> Val<'static> {
        match self {
            Raw::Int => Val::Int(raw),
            Raw::Decimal(scale) => Val::Double(
                Exact {
                    unscaled: i128::from(raw),
                    scale,
                }
                .to_f64(),
            ),
            Raw::Date => Val::Timestamp(Instant::from_micros(raw.saturating_mul(DAY_MICROS))),
            Raw::Time => Val::Duration(raw * 1000),
            Raw::Timestamp => Val::Timestamp(Instant::from_micros(raw)),
        }
    }

    /// The integers whose value equals, is below, … a constant; none where the two do not compare.
    fn range(self, question: Question, constant: Val<'_>) -> Option<(i64, i64)> {
        let (low, high) = self.domain();
        self.value(0).compare(constant).ok()?;
        // The first that is not below the constant, and the first that is above it.
        let first = |above: fn(std::cmp::Ordering) -> bool| {
            let (mut from, mut to) = (i128::from(low), i128::from(high) + 1);
            while from < to {
                let middle = (from + to).div_euclid(2);
                let raw = i64::try_from(middle).expect("within the domain");
                if self.value(raw).compare(constant).is_ok_and(above) {
                    to = middle;
                } else {
                    from = middle + 1;
                }
            }
            from
        };
        let reaches = first(std::cmp::Ordering::is_ge);
        let passes = first(std::cmp::Ordering::is_gt);
        let (from, to) = match question {
            Question::Equal | Question::NotEqual => (reaches, passes - 1),
            Question::Order(Comparison::Less) => (i128::from(low), reaches - 1),
            Question::Order(Comparison::LessOrEqual) => (i128::from(low), passes - 1),
            Question::Order(Comparison::Greater) => (passes, i128::from(high)),
            Question::Order(Comparison::GreaterOrEqual) => (reaches, i128::from(high)),
        };
        if from > to {
            return Some((1, 0));
        }
        Some((i64::try_from(from).ok()?, i64::try_from(to).ok()?))
    }
}

// === impl Quick ===

impl Quick {
    /// A field beside a constant; `turned` when the constant stands first.
    pub(super) fn beside(nodes: &[Node], at: &Place, question: Question, constant: &Constant, turned: bool) -> Option<Quick> {
        let question = if turned { question.turned() } else { question };
        let equality = match question {
            Question::Equal => Some(true),
            Question::NotEqual => Some(false),
            Question::Order(_) => None,
        };
        let at = at.clone();
        if let (Constant::Null, Some(equal)) = (constant, equality) {
            return Some(Quick::Null { at, equal });
        }
        let Kind::Leaf(leaf) = nodes[at.node].kind else { return None };
        if let Some(raw) = Raw::of(leaf) {
            let (low, high) = raw.range(question, constant.value())?;
            let inside = question != Question::NotEqual;
            return Some(Quick::Range {
                at,
                raw,
                low,
                high,
                inside,
            });
        }
        match (leaf, constant, equality) {
            (LeafType::F32 | LeafType::F64, Constant::Double(constant), _) if !constant.is_nan() => Some(Quick::Double {
                at,
                question,
                constant: *constant,
            }),
            #[expect(clippy::cast_precision_loss, reason = "an int beside a double is compared as one, rounded")]
            (LeafType::F32 | LeafType::F64, Constant::Int(constant), _) => Some(Quick::Double {
                at,
                question,
                constant: *constant as f64,
            }),
            (LeafType::Str, Constant::Str(text), Some(equal)) => Some(Quick::Text {
                at,
                text: Text::new(text),
                equal,
            }),
            (LeafType::Bool, Constant::Bool(value), Some(equal)) => Some(Quick::Flag {
                at,
                wanted: [*value != equal, *value == equal],
            }),
            (LeafType::Str, Constant::Str(text), None) => match question {
                Question::Order(comparison) => Some(Quick::TextOrder {
                    at,
                    text: text.as_bytes().into(),
                    comparison,
                }),
                Question::Equal | Question::NotEqual => None,
            },
            _ => None,
        }
    }

    /// Two fields.
    pub(super) fn between(nodes: &[Node], left: &Place, question: Question, right: &Place) -> Option<Quick> {
        let (Kind::Leaf(one), Kind::Leaf(other)) = (&nodes[left.node].kind, &nodes[right.node].kind) else {
            return None;
        };
        let (left, right) = (left.clone(), right.clone());
        match (one, other) {
            (LeafType::Str, LeafType::Str) => Some(Quick::TextPair { left, right, question }),
            (LeafType::Decimal { .. } | LeafType::F32 | LeafType::F64, LeafType::F32 | LeafType::F64)
            | (LeafType::F32 | LeafType::F64, LeafType::Decimal { .. }) => Some(Quick::Doubles { left, right, question }),
            _ => match (Raw::of(*one)?, Raw::of(*other)?) {
                (raw, same) if raw == same => Some(Quick::Pair {
                    left,
                    right,
                    raw,
                    question,
                }),
                (Raw::Int | Raw::Decimal(_), Raw::Int | Raw::Decimal(_)) => Some(Quick::Doubles { left, right, question }),
                _ => None,
            },
        }
    }

    /// A field in a list of constants.
    pub(super) fn among(nodes: &[Node], at: &Place, list: &[&Constant]) -> Option<Quick> {
        let at = at.clone();
        let Kind::Leaf(leaf) = nodes[at.node].kind else { return None };
        if let Some(raw) = Raw::of(leaf) {
            let ranges: Option<Box<[(i64, i64)]>> = list.iter().map(|one| raw.range(Question::Equal, one.value())).collect();
            return ranges.map(|any| Quick::Ranges { at, raw, any });
        }
        if leaf == LeafType::Bool {
            let has = |wanted: bool| list.iter().any(|one| matches!(one, Constant::Bool(value) if *value == wanted));
            let wanted = [has(false), has(true)];
            return Some(Quick::Flag { at, wanted });
        }
        if leaf != LeafType::Str {
            return None;
        }
        let texts: Option<Box<[Text]>> = list
            .iter()
            .map(|one| match one {
                Constant::Str(text) => Some(Text::new(text)),
                _ => None,
            })
            .collect();
        texts.map(|any| Quick::Texts { at, any })
    }

    /// The fields that it is about.
    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        let (one, other) = match self {
            Quick::Range { at, .. }
            | Quick::Ranges { at, .. }
            | Quick::Double { at, .. }
            | Quick::Text { at, .. }
            | Quick::Texts { at, .. }
            | Quick::TextOrder { at, .. }
            | Quick::Flag { at, .. }
            | Quick::Null { at, .. }
            | Quick::Has { at } => (at, None),
            Quick::Pair { left, right, .. } | Quick::Doubles { left, right, .. } | Quick::TextPair { left, right, .. } => {
                (left, Some(right))
            }
        };
        std::iter::once(one).chain(other)
    }

    /// The answer, where there is a quick one.
    #[inline]
    pub(super) fn ask(&self, ground: Ground<'_>) -> Option<bool> {
        match self {
            Quick::Range {
                at,
                raw,
                low,
                high,
                inside,
            } => {
                let value = raw.read(ground.cell(at)?)?;
                Some((*low <= value && value <= *high) == *inside)
            }
            Quick::Text { at, text, equal } => Some(text.is(ground.text(at)?) == *equal),
            Quick::Pair {
                left,
                right,
                raw,
                question,
            } => {
                let (left, right) = (raw.read(ground.cell(left)?)?, raw.read(ground.cell(right)?)?);
                if let Raw::Decimal(_) = raw
                    && !((-APART..=APART).contains(&left) && (-APART..=APART).contains(&right))
                {
                    return None;
                }
                Some(question.holds(left.cmp(&right)))
            }
            Quick::Flag { at, wanted } => match ground.cell(at)? {
                Cell::Bool(value) => Some(wanted[usize::from(value)]),
                _ => None,
            },
            Quick::Has { at } => Some(!matches!(ground.cell(at)?, Cell::Absent)),
            Quick::Null { at, equal } => match ground.cell(at)? {
                Cell::Absent => None,
                cell => Some(matches!(cell, Cell::Null) == *equal),
            },
            Quick::Double { at, question, constant } => match ground.cell(at)? {
                Cell::Float(value) => value.partial_cmp(constant).map(|order| question.holds(order)),
                _ => None,
            },
            Quick::Texts { at, any } => {
                let text = ground.text(at)?;
                let word = text.word();
                Some(any.iter().any(|one| one.is_with(text, word)))
            }
            Quick::TextOrder { at, text, comparison } => Some(comparison.holds(ground.text(at)?.bytes().cmp(text))),
            Quick::Ranges { at, raw, any } => {
                let value = raw.read(ground.cell(at)?)?;
                Some(any.iter().any(|(low, high)| (*low..=*high).contains(&value)))
            }
            Quick::Doubles { left, right, question } => {
                let (left, right) = (double(ground.cell(left)?)?, double(ground.cell(right)?)?);
                left.partial_cmp(&right).map(|order| question.holds(order))
            }
            Quick::TextPair { left, right, question } => {
                let (left, right) = (ground.text(left)?, ground.text(right)?);
                Some(match question {
                    Question::Equal => left.is(right),
                    Question::NotEqual => !left.is(right),
                    Question::Order(comparison) => comparison.holds(left.bytes().cmp(right.bytes())),
                })
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "an int beside a double is compared as one, rounded")]
fn double(cell: Cell) -> Option<f64> {
    match cell {
        Cell::Int(value) => Some(value as f64),
        Cell::Float(value) => Some(value),
        Cell::Decimal { scale, unscaled } => Some(
            Exact {
                unscaled: i128::from(unscaled),
                scale,
            }
            .to_f64(),
        ),
        _ => None,
    }
}
