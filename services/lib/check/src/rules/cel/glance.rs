//! Many questions about one value, answered together.
//!
//! Most rules compare a field with a constant, and several rules ask about the same field. What they allow together is a range of integers,
//! or a few texts that it must not be; so each field is looked at once, and only when something does not hold is each rule asked for itself.

use super::Rule;
use super::expression::{Expr, Place};
use super::quick::{Given, Ground, Question, Quick, Raw, Text};
use crate::tape::{Captured, Cell};

mod fold;

/// Rules of one object that are asked together.
#[derive(Debug, Default)]
pub(crate) struct Glance {
    /// Fields that are asked about, each looked up once.
    places: Vec<Place>,
    numbers: Vec<Numbers>,
    texts: Vec<Texts>,
    /// Two moments, or two whole numbers.
    pairs: Vec<(usize, usize, Raw, Question)>,
    /// Two texts, which are equal or not.
    text_pairs: Vec<(usize, usize, bool)>,
    /// Questions of other kinds.
    others: Vec<Quick>,
    /// Rules that are not among them.
    left: Vec<usize>,
}

/// What is allowed of a number or a moment.
#[derive(Debug, Clone)]
struct Numbers {
    at: usize,
    raw: Raw,
    low: i64,
    high: i64,
    /// Ranges that it must not be in.
    outside: Vec<(i64, i64)>,
    /// Of each list one that it must be in.
    among: Vec<Box<[(i64, i64)]>>,
}

/// What is allowed of a text.
#[derive(Debug, Clone)]
struct Texts {
    at: usize,
    not: Vec<Text>,
    among: Vec<Box<[Text]>>,
}

/// The most fields; rules about more are asked one by one.
const PLACES_MAX: usize = 32;

// === impl Glance ===

impl Glance {
    /// Of rules with their numbers, and whether they are asked of every value.
    pub(crate) fn of<'r>(rules: impl IntoIterator<Item = (usize, &'r Rule, bool)>) -> Glance {
        let mut glance = Glance::default();
        for (number, rule, always) in rules {
            match rule.plain_expression() {
                Some(expr) if always && glance.add(expr) => {}
                _ => glance.left.push(number),
            }
        }
        glance
    }

    /// Rules that were not asked, or all of `rules` when one of those that were asked does not hold, or has no quick answer.
    #[inline]
    pub(crate) fn left<'r>(&'r self, value: Captured<'_>, rules: &'r [usize]) -> &'r [usize] {
        if self.holds_of(value) { &self.left } else { rules }
    }

    /// Whether every rule is one of those that are asked together.
    pub(crate) fn asks_all(&self) -> bool {
        self.left.is_empty()
    }

    /// Rules that are not.
    #[inline]
    pub(crate) fn rest(&self) -> &[usize] {
        &self.left
    }

    /// Nodes that are asked about.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = usize> {
        let others = self.others.iter().flat_map(Quick::places);
        self.places.iter().chain(others).map(|place| place.node)
    }

    /// Whether those that are asked together hold.
    #[inline]
    pub(crate) fn holds_of(&self, value: Captured<'_>) -> bool {
        value.state.is_clean() && self.holds(Ground { row: value, before: None }) == Some(true)
    }

    /// Yes, or no answer.
    fn holds(&self, ground: Ground<'_>) -> Option<bool> {
        let mut cells = [Cell::Absent; PLACES_MAX];
        for (cell, place) in cells.iter_mut().zip(&self.places) {
            *cell = ground.cell(place)?;
        }
        let cell = |at: usize| cells[at % PLACES_MAX];
        for numbers in &self.numbers {
            let value = numbers.raw.read(cell(numbers.at))?;
            let within = |(low, high): &(i64, i64)| *low <= value && value <= *high;
            let holds = within(&(numbers.low, numbers.high))
                && !numbers.outside.iter().any(within)
                && numbers.among.iter().all(|ranges| ranges.iter().any(within));
            if !holds {
                return None;
            }
        }
        let text = |at: usize| Given::of(ground.row.tape, cell(at));
        for texts in &self.texts {
            let text = text(texts.at)?;
            let word = text.word();
            let same = |one: &Text| one.is_with(text, word);
            if texts.not.iter().any(same) || !texts.among.iter().all(|any| any.iter().any(same)) {
                return None;
            }
        }
        for (left, right, raw, question) in &self.pairs {
            if !question.holds(raw.read(cell(*left))?.cmp(&raw.read(cell(*right))?)) {
                return None;
            }
        }
        for (left, right, equal) in &self.text_pairs {
            if text(*left)?.is(text(*right)?) != *equal {
                return None;
            }
        }
        self.others.iter().all(|other| other.ask(ground) == Some(true)).then_some(true)
    }

    /// Whether the question is one of those that are asked together.
    fn add(&mut self, expr: &Expr) -> bool {
        match expr {
            Expr::Quick(quick, _) => self.add_question(quick, true),
            Expr::Not(operand) => match &**operand {
                Expr::Quick(quick, _) => self.add_question(quick, false),
                _ => false,
            },
            _ => false,
        }
    }

    fn add_question(&mut self, quick: &Quick, yes: bool) -> bool {
        if self.places.len() + 2 > PLACES_MAX {
            return false;
        }
        match quick {
            Quick::Range {
                at,
                raw,
                low,
                high,
                inside,
            } => {
                let numbers = self.numbers(at, *raw);
                if *inside == yes {
                    numbers.low = numbers.low.max(*low);
                    numbers.high = numbers.high.min(*high);
                } else {
                    numbers.outside.push((*low, *high));
                }
            }
            Quick::Ranges { at, raw, any } if yes => self.numbers(at, *raw).among.push(any.clone()),
            Quick::Ranges { at, raw, any } => self.numbers(at, *raw).outside.extend(any),
            Quick::Text { at, text, equal } => {
                let texts = self.texts(at);
                if *equal == yes {
                    texts.among.push(Box::new([text.clone()]));
                } else {
                    texts.not.push(text.clone());
                }
            }
            Quick::Texts { at, any } if yes => self.texts(at).among.push(any.clone()),
            Quick::Texts { at, any } => self.texts(at).not.extend(any.iter().cloned()),
            // Integers of decimals are not always in the order of their doubles.
            Quick::Pair {
                left,
                right,
                raw,
                question,
            } if yes && !matches!(raw, Raw::Decimal(_)) => {
                let (left, right) = (self.place(left), self.place(right));
                self.pairs.push((left, right, *raw, *question));
            }
            Quick::TextPair {
                left,
                right,
                question: question @ (Question::Equal | Question::NotEqual),
            } => {
                let (left, right) = (self.place(left), self.place(right));
                self.text_pairs.push((left, right, (*question == Question::Equal) == yes));
            }
            other if yes => self.others.push(other.clone()),
            _ => return false,
        }
        true
    }

    fn place(&mut self, place: &Place) -> usize {
        let known = self.places.iter().position(|known| known == place);
        known.unwrap_or_else(|| {
            self.places.push(place.clone());
            self.places.len() - 1
        })
    }

    fn numbers(&mut self, at: &Place, raw: Raw) -> &mut Numbers {
        let at = self.place(at);
        let known = self.numbers.iter().position(|numbers| numbers.at == at && numbers.raw == raw);
        let number = known.unwrap_or_else(|| {
            self.numbers.push(Numbers {
                at,
                raw,
                low: i64::MIN,
                high: i64::MAX,
                outside: Vec::new(),
                among: Vec::new(),
            });
            self.numbers.len() - 1
        });
        &mut self.numbers[number]
    }

    fn texts(&mut self, at: &Place) -> &mut Texts {
        let at = self.place(at);
        let known = self.texts.iter().position(|texts| texts.at == at);
        let number = known.unwrap_or_else(|| {
            self.texts.push(Texts {
                at,
                not: Vec::new(),
                among: Vec::new(),
            });
            self.texts.len() - 1
        });
        &mut self.texts[number]
    }
}
