//! Questions about one field that its quick check answers, once it takes only what the rules allow.
//!
//! The integers that clauses and rules allow together are found once; so are the texts of an enumeration that are left. What no text of a
//! field can be need not be asked. A question that cannot be folded stays what it was.

use std::sync::Arc;

use tidegate_codec::Words;

use super::super::quick::{Question, Quick, Raw};
use super::{Glance, Numbers, Texts};
use crate::plan::{Quick as Seen, QuickCheck};

/// Ranges of integers, both ends in them, in order and apart.
type Ranges = Vec<(i64, i64)>;

// === impl Glance ===

impl Glance {
    /// Folds what can be into the quick checks of all nodes; answers what is left to ask of a row whose fields they all took. Fields whose
    /// questions were folded are marked in `wanted`: they must be there and not be null.
    pub(crate) fn fold(&self, checks: &mut [QuickCheck], wanted: &mut [bool]) -> Glance {
        let mut left = Glance::default();
        let mut take = |checks: &mut [QuickCheck], node: usize, narrowed: Option<Seen>| {
            if let Some(narrowed) = narrowed {
                checks[node].quick = narrowed;
            }
            wanted[node] = true;
        };
        for numbers in &self.numbers {
            let place = &self.places[numbers.at];
            match numbers.folded(&checks[place.node].quick) {
                Some(narrowed) => take(checks, place.node, Some(narrowed)),
                None => {
                    let at = left.place(place);
                    left.numbers.push(Numbers { at, ..numbers.clone() });
                }
            }
        }
        for texts in &self.texts {
            let place = &self.places[texts.at];
            match texts.folded(&checks[place.node].quick) {
                Some(narrowed) => take(checks, place.node, Some(narrowed)),
                None => {
                    let at = left.place(place);
                    left.texts.push(Texts { at, ..texts.clone() });
                }
            }
        }
        for other in &self.others {
            match other.folded(checks) {
                Some((node, narrowed)) => take(checks, node, narrowed),
                None => left.others.push(other.clone()),
            }
        }
        for (one, other, equal) in &self.text_pairs {
            let (one, other) = (&self.places[*one], &self.places[*other]);
            if !equal && never_equal(&checks[one.node].quick, &checks[other.node].quick) {
                take(checks, one.node, None);
                take(checks, other.node, None);
                continue;
            }
            let pair = (left.place(one), left.place(other), *equal);
            left.text_pairs.push(pair);
        }
        for (one, other, raw, question) in &self.pairs {
            let pair = (left.place(&self.places[*one]), left.place(&self.places[*other]), *raw, *question);
            left.pairs.push(pair);
        }
        left
    }
}

// === impl Numbers ===

impl Numbers {
    /// The quick check that takes what it took and these rules allow.
    fn folded(&self, seen: &Seen) -> Option<Seen> {
        let (min, max) = match (seen, self.raw) {
            (Seen::Int { min, max }, Raw::Int) | (Seen::Instant { min, max }, Raw::Timestamp) => (*min, *max),
            (Seen::Decimal { scale, min, max }, Raw::Decimal(same)) if *scale == same => (*min, *max),
            _ => return None,
        };
        let (low, high) = self.raw.domain();
        let mut allowed = vec![(min.max(low).max(self.low), max.min(high).min(self.high))];
        for (low, high) in &self.outside {
            allowed = allowed.iter().flat_map(|range| without(*range, (*low, *high))).collect();
        }
        for any in &self.among {
            allowed = allowed.iter().flat_map(|range| any.iter().map(|one| both(*range, *one))).collect();
            allowed = joined(allowed);
        }
        allowed.retain(|(low, high)| low <= high);
        let [(min, max)] = allowed[..] else { return None };
        Some(match seen {
            Seen::Int { .. } => Seen::Int { min, max },
            Seen::Decimal { scale, .. } => Seen::Decimal { scale: *scale, min, max },
            _ => Seen::Instant { min, max },
        })
    }
}

// === impl Texts ===

impl Texts {
    /// As [`Numbers::folded`].
    fn folded(&self, seen: &Seen) -> Option<Seen> {
        let not: Vec<Vec<u8>> = self.not.iter().map(super::Text::bytes).collect();
        let among: Vec<Vec<Vec<u8>>> = self.among.iter().map(|any| any.iter().map(super::Text::bytes).collect()).collect();
        let allowed = |text: &[u8]| {
            let refused = not.iter().any(|not| *not == text);
            !refused && among.iter().all(|any| any.iter().any(|one| *one == text))
        };
        match (seen, among.first()) {
            (Seen::OneOf(words), _) => only(words.texts(), &allowed),
            (seen, Some(any)) if seen.is_text() => {
                let texts = any.iter().filter_map(|text| std::str::from_utf8(text).ok());
                only(texts, &|text| seen.takes_text(text) && allowed(text))
            }
            (seen, _) => seen.but(
                not.iter()
                    .filter(|not| seen.takes_text(not))
                    .filter_map(|not| std::str::from_utf8(not).ok()),
            ),
        }
    }
}

// === impl Quick ===

impl Quick {
    /// The node that it is about, when its quick check answers it, and what it is then if it changes.
    fn folded(&self, checks: &[QuickCheck]) -> Option<(usize, Option<Seen>)> {
        match self {
            Quick::Flag { at, wanted: [true, true] } if matches!(checks[at.node].quick, Seen::Bool) => Some((at.node, None)),
            Quick::Has { at } if !matches!(checks[at.node].quick, Seen::None) => Some((at.node, None)),
            Quick::TextOrder { at, text, comparison } => {
                let holds = |one: &[u8]| comparison.holds(one.cmp(text));
                match &checks[at.node].quick {
                    Seen::OneOf(words) => only(words.texts(), &holds).map(|narrowed| (at.node, Some(narrowed))),
                    // What lies between two texts for which it holds is before or behind the constant as they are.
                    Seen::Ranges(ranges) => {
                        let (least, greatest) = ranges.ends();
                        (holds(least) && holds(greatest)).then_some((at.node, None))
                    }
                    _ => None,
                }
            }
            Quick::Double {
                at,
                question: Question::Order(comparison),
                constant,
            } if constant.is_finite() => match checks[at.node].quick {
                Seen::Float { min, max } => {
                    use super::super::expression::Comparison::{Greater, GreaterOrEqual, Less, LessOrEqual};
                    let (min, max) = match comparison {
                        Less => (min, max.min(constant.next_down())),
                        LessOrEqual => (min, max.min(*constant)),
                        Greater => (min.max(constant.next_up()), max),
                        GreaterOrEqual => (min.max(*constant), max),
                    };
                    Some((at.node, Some(Seen::Float { min, max })))
                }
                _ => None,
            },
            _ => None,
        }
    }
}

/// One of these texts of which this holds; none where it holds of none.
fn only<'t>(texts: impl Iterator<Item = &'t str>, holds: &dyn Fn(&[u8]) -> bool) -> Option<Seen> {
    let kept: Vec<&str> = texts.filter(|text| holds(text.as_bytes())).collect();
    (!kept.is_empty()).then(|| Seen::OneOf(Arc::new(Words::values(kept))))
}

/// Whether no text that one takes is one that the other takes, too.
fn never_equal(one: &Seen, other: &Seen) -> bool {
    match (one, other) {
        (Seen::OneOf(words), other) | (other, Seen::OneOf(words)) if other.is_text() => {
            words.texts().all(|text| !other.takes_text(text.as_bytes()))
        }
        _ => matches!((one.text_len(), other.text_len()), (Some(one), Some(other)) if one != other),
    }
}

fn both(one: (i64, i64), other: (i64, i64)) -> (i64, i64) {
    (one.0.max(other.0), one.1.min(other.1))
}

/// What is left of a range beside a hole.
fn without((low, high): (i64, i64), hole: (i64, i64)) -> Ranges {
    if hole.0 > hole.1 || hole.1 < low || high < hole.0 {
        return vec![(low, high)];
    }
    let before = hole.0.checked_sub(1).map(|end| (low, end));
    let behind = hole.1.checked_add(1).map(|start| (start, high));
    before.into_iter().chain(behind).filter(|(low, high)| low <= high).collect()
}

/// The same integers in as few ranges as can be.
fn joined(mut ranges: Ranges) -> Ranges {
    ranges.retain(|(low, high)| low <= high);
    ranges.sort_unstable();
    let mut joined: Ranges = Vec::new();
    for (low, high) in ranges {
        match joined.last_mut() {
            Some((_, end)) if low <= end.saturating_add(1) => *end = high.max(*end),
            _ => joined.push((low, high)),
        }
    }
    joined
}
