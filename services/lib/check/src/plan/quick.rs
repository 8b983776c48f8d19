//! The shortest way to see that a leaf is valid, where its type and clauses allow one.
//!
//! A quick check only ever says "valid" or "look closer": what it declines is read again by the whole check, which alone reports.

use std::borrow::Cow;
use std::sync::Arc;

use tidegate_codec::json::ahead;
use tidegate_codec::{Scalar, Semantic, SmallNumber, Words, avro};

use super::{Body, Check, Kind, LeafType, Node};
use crate::change::Column;
use crate::exact::Exact;
use crate::rules::format;
use crate::rules::ranges::Ranges;
use crate::rules::text::TextLimits;
use crate::tape::{Cell, INSTANTS, Slot};
use crate::temporal;

/// What the short way asks at a node; parallel to [`super::Plan::nodes`], apart from the checks so that it lies close together.
#[derive(Debug, Clone)]
pub(crate) struct QuickCheck {
    /// How a valid value is seen.
    pub(crate) quick: Quick,
    /// Nobody wants the value but a row sink: no rule reads it, and it is not the event time.
    pub(crate) silent: bool,
    /// Null is as good, and counted by nobody.
    pub(crate) nullable: bool,
    /// Where its value goes when nobody but rules wants it.
    pub(crate) slot: Option<Slot>,
    /// What rules ask of it is asked here: where all of a row is seen at once, nobody wants the value.
    pub(crate) settled: bool,
}

/// The quick check of one node.
#[derive(Debug, Clone, Default)]
pub(crate) enum Quick {
    /// There is none.
    #[default]
    None,
    /// An object or a list of which only its parts ask something.
    Parts,
    /// A truth value without clauses.
    Bool,
    /// A text; what to do with it stands there.
    Text(Arc<QuickText>),
    /// One of the allowed texts.
    OneOf(Arc<Words>),
    /// A UUID.
    Uuid,
    /// A text of one length, each byte within a range.
    Ranges(Arc<Ranges>),
    /// One of the texts above, but not one of these.
    But(Arc<(Quick, Box<[Box<str>]>)>),
    /// A whole number within these limits, both allowed.
    Int {
        /// Least.
        min: i64,
        /// Greatest.
        max: i64,
    },
    /// A double within these limits, both allowed.
    Float {
        /// Least.
        min: f64,
        /// Greatest.
        max: f64,
    },
    /// A decimal, as unscaled values at the leaf's scale within these limits, both allowed.
    Decimal {
        /// Digits after the point.
        scale: u8,
        /// Least.
        min: i64,
        /// Greatest.
        max: i64,
    },
    /// RFC 3339 text of an instant.
    Instant {
        /// Least, in microseconds.
        min: i64,
        /// Greatest.
        max: i64,
    },
}

/// The most bytes that JSON takes for a byte of text: `\u0041` for `A`.
const BYTES_OF_ESCAPE: usize = 6;

/// Clauses of a text that are looked at quickly.
#[derive(Debug)]
pub(crate) struct QuickText {
    /// So many bytes are surely enough characters.
    pub(crate) bytes_min: usize,
    /// So many bytes are surely not too many characters.
    pub(crate) bytes_max: usize,
    /// An e-mail address.
    pub(crate) email: bool,
    /// Texts that stand for something else.
    pub(crate) but: Box<[Box<str>]>,
}

impl Default for QuickCheck {
    /// Takes nothing.
    fn default() -> QuickCheck {
        QuickCheck {
            quick: Quick::None,
            silent: false,
            nullable: false,
            slot: None,
            settled: false,
        }
    }
}

/// The most containers within one another that are taken as one, beside the row: what is declined is read again by each of them.
const PARTS_HEIGHT_MAX: usize = 3;

/// The quick checks of all nodes. `placeholders` are the texts that stand for a value which the source did not send.
pub(crate) fn quick_checks(nodes: &[Node], checks: &[Check], placeholders: &[&str]) -> Vec<QuickCheck> {
    let alone = |(node, check)| QuickCheck::compile(node, check, placeholders);
    let mut quick: Vec<QuickCheck> = nodes.iter().zip(checks).map(alone).collect();
    height(0, nodes, checks, &mut quick);
    quick
}

/// How many containers there are within one another from this node on, if all of it can be seen quickly. Marks those that can.
fn height(node: usize, nodes: &[Node], checks: &[Check], quick: &mut [QuickCheck]) -> Option<usize> {
    let check = &checks[node];
    let asks_nothing = check.library.is_empty() && (check.rules.is_empty() || node == 0);
    let (children, plain) = match (&nodes[node].kind, &check.body) {
        (Kind::Leaf(_), _) => return (!matches!(quick[node].quick, Quick::None)).then_some(0),
        (Kind::Object(children), Body::Object { limits, .. }) => {
            let unlimited = limits.min.is_none() && limits.max.is_none();
            (children.as_slice(), unlimited && children.len() <= 64)
        }
        (Kind::Array(item), _) => (std::slice::from_ref(item), quick[node].silent),
        (Kind::Object(_) | Kind::Map(..) | Kind::Any, _) => return None,
    };
    let mut highest = Some(0);
    // Each child is looked at, whatever the others are.
    for child in children {
        let of_child = height(*child, nodes, checks, quick);
        highest = highest.zip(of_child).map(|(highest, child)| highest.max(child));
    }
    let height = highest
        .map(|height| height + 1)
        .filter(|height| plain && asks_nothing && *height <= PARTS_HEIGHT_MAX + usize::from(node == 0))?;
    quick[node].quick = Quick::Parts;
    Some(height)
}

// === impl QuickCheck ===

impl QuickCheck {
    /// Of a node. `placeholders` are the texts that stand for a value which the source did not send.
    pub(crate) fn compile(node: &Node, check: &Check, placeholders: &[&str]) -> QuickCheck {
        QuickCheck {
            quick: match node.kind {
                Kind::Leaf(leaf) => Quick::compile(leaf, check, placeholders),
                Kind::Object(_) | Kind::Array(_) | Kind::Map(..) | Kind::Any => Quick::None,
            },
            silent: !check.captured && !check.event_time,
            nullable: !check.required && check.library.is_empty(),
            slot: (check.captured && !check.event_time).then_some(check.slot),
            settled: false,
        }
    }
}

// === impl Quick ===

impl Quick {
    /// How many bytes the value takes that `rest` of a document begins with, if it is seen to be valid at once; zero if not. What it is goes to
    /// `number` where that is no text: the truth, the integer, the unscaled integer, the bits of the double, the microseconds.
    // The kinds stand apart from the loop over fields, whose few values then stay in registers.
    #[inline(always)]
    pub(crate) fn takes(&self, rest: &[u8], number: &mut i64) -> usize {
        match self {
            Quick::None | Quick::Parts => 0,
            Quick::Bool => {
                let len = ahead::truth(rest);
                *number = i64::from(len == 4);
                len
            }
            Quick::Uuid => uuid(rest),
            Quick::Ranges(ranges) => ranges.takes(rest),
            Quick::But(but) => takes_but(rest, &but.0, &but.1),
            Quick::OneOf(words) => ahead::word(rest, words),
            Quick::Text(limits) => limits.takes(rest),
            Quick::Int { min, max } => int(rest, *min, *max, number),
            Quick::Decimal { scale, min, max } => decimal(rest, *scale, *min, *max, number),
            Quick::Float { min, max } => float(rest, *min, *max, number),
            Quick::Instant { min, max } => instant(rest, *min, *max, number),
        }
    }

    /// The same for a value that nobody wants, only that it is valid: a text with escapes, which [`Quick::takes`] leaves alone.
    pub(crate) fn takes_unseen(&self, rest: &[u8]) -> usize {
        match self {
            Quick::Text(limits) => limits.takes_escaped(rest),
            _ => 0,
        }
    }

    /// Whether a text, which stands for itself and need not be UTF-8 yet, is seen to be valid at once.
    #[inline]
    pub(crate) fn takes_text(&self, text: &[u8]) -> bool {
        match self {
            Quick::Uuid => format::uuid(text),
            Quick::Ranges(ranges) => ranges.holds(text),
            Quick::But(but) => but.0.takes_text(text) && is_none_of(text, &but.1),
            Quick::OneOf(words) => words.has(text),
            Quick::Text(limits) => limits.holds(text) && avro::ahead::is_text(text),
            Quick::Instant { min, max } => temporal::plain_instant(text).is_some_and(|micros| *min <= micros && micros <= *max),
            _ => false,
        }
    }

    /// The value of a text that [`Quick::takes_text`] took.
    pub(crate) fn text<'b>(&self, text: &'b [u8]) -> Option<Scalar<'b>> {
        match self {
            Quick::Instant { .. } => temporal::plain_instant(text).map(Scalar::Timestamp),
            _ => std::str::from_utf8(text).ok().map(|text| Scalar::Str(Cow::Borrowed(text))),
        }
    }

    /// Whether its values are texts that stand for themselves.
    #[inline]
    pub(crate) fn is_text(&self) -> bool {
        matches!(
            self,
            Quick::Uuid | Quick::Ranges(_) | Quick::But(_) | Quick::OneOf(_) | Quick::Text(_)
        )
    }

    /// The same, but none of these texts; none where that cannot be said.
    pub(crate) fn but<'t>(&self, texts: impl Iterator<Item = &'t str>) -> Option<Quick> {
        let but: Box<[Box<str>]> = texts.map(Box::from).collect();
        match self {
            quick if quick.is_text() && but.is_empty() => Some(quick.clone()),
            Quick::Uuid | Quick::Ranges(_) => Some(Quick::But(Arc::new((self.clone(), but)))),
            Quick::Text(limits) => Some(Quick::Text(Arc::new(QuickText {
                but: limits.but.iter().chain(&but).cloned().collect(),
                ..**limits
            }))),
            _ => None,
        }
    }

    /// The bytes of every text that it takes, where there is one number.
    pub(crate) fn text_len(&self) -> Option<usize> {
        match self {
            Quick::Uuid => Some(36),
            Quick::Ranges(ranges) => Some(ranges.ends().0.len()),
            Quick::But(but) => but.0.text_len(),
            _ => None,
        }
    }

    /// What a rule sees of a value that was taken, when that is no text and nothing is wrong with it.
    #[inline]
    pub(crate) fn cell(&self, number: i64) -> Option<Cell> {
        match self {
            Quick::Bool => Some(Cell::Bool(number == 1)),
            Quick::Int { .. } => Some(Cell::Int(number)),
            Quick::Decimal { scale, .. } => Some(Cell::Decimal {
                unscaled: number,
                scale: *scale,
            }),
            Quick::Instant { .. } if INSTANTS.contains(&number) => Some(Cell::Timestamp(number)),
            _ => None,
        }
    }

    /// The value that was taken, with the bytes of it.
    pub(crate) fn value<'b>(&self, taken: &'b [u8], number: i64) -> Option<Scalar<'b>> {
        match self {
            Quick::None | Quick::Parts => None,
            Quick::Bool => Some(Scalar::Bool(number == 1)),
            Quick::Uuid | Quick::Ranges(_) | Quick::But(_) | Quick::OneOf(_) | Quick::Text(_) => {
                let inside = std::str::from_utf8(taken.get(1..taken.len() - 1)?).ok()?;
                Some(Scalar::Str(Cow::Borrowed(inside)))
            }
            Quick::Int { .. } => Some(Scalar::Int(i128::from(number))),
            Quick::Decimal { scale, .. } => Some(Scalar::Decimal {
                unscaled: i128::from(number),
                scale: *scale,
            }),
            Quick::Float { .. } => Some(Scalar::Float(f64::from_bits(number.cast_unsigned()))),
            Quick::Instant { .. } => Some(Scalar::Timestamp(number)),
        }
    }

    /// The quick check of a leaf, if there is one.
    fn compile(leaf: LeafType, check: &Check, placeholders: &[&str]) -> Quick {
        let plain_column = match (&check.wire.column, leaf) {
            (None, _) => true,
            // What is a plain number stays one.
            (Some(Column::Whole { .. }), LeafType::Int { .. }) | (Some(Column::Plain(Semantic::Float)), LeafType::F64) => true,
            // And an instant with a zone is one.
            (
                Some(
                    Column::Plain(Semantic::Timestamp)
                    | Column::NumberOrText {
                        text: Semantic::Timestamp, ..
                    },
                ),
                LeafType::Timestamp { .. },
            ) => true,
            _ => false,
        };
        if !plain_column || !check.library.is_empty() {
            return Quick::None;
        }
        if let Some(allowed) = &check.allowed {
            return match (leaf, &check.body) {
                (LeafType::Str, Body::Text(limits)) if limits.is_empty() => {
                    if allowed.texts().any(|text| placeholders.contains(&text)) {
                        return Quick::None;
                    }
                    Quick::OneOf(Arc::new(Words::values(allowed.texts())))
                }
                _ => Quick::None,
            };
        }
        match (leaf, &check.body) {
            (LeafType::Bool, Body::Bare) => Quick::Bool,
            (LeafType::Str, Body::Text(limits)) => Quick::of_text(limits, placeholders),
            (LeafType::Int { bits, signed }, body) => {
                let (least, greatest) = match (bits, signed) {
                    (8..=64, true) => (i64::MIN >> (64 - bits), i64::MAX >> (64 - bits)),
                    (8..=32, false) => (0, (1 << bits) - 1),
                    (64, false) => (0, i64::MAX),
                    (_, true) => (i64::MIN, i64::MAX),
                    (_, false) => (0, i64::MAX),
                };
                match whole_limits(body, 0) {
                    Some((min, max)) => Quick::Int {
                        min: min.max(least),
                        max: max.min(greatest),
                    },
                    None => Quick::None,
                }
            }
            (LeafType::Decimal { precision, scale }, body) => {
                let most = 10_i64.checked_pow(u32::from(precision)).map_or(i64::MAX, |limit| limit - 1);
                match whole_limits(body, scale) {
                    Some((min, max)) => Quick::Decimal {
                        scale,
                        min: min.max(-most),
                        max: max.min(most),
                    },
                    None => Quick::None,
                }
            }
            (LeafType::F64, Body::Bare) => Quick::Float {
                min: f64::NEG_INFINITY,
                max: f64::INFINITY,
            },
            (LeafType::F64, Body::Number { limits, multiple_of: None }) => {
                let (min, max) = limits.doubles();
                Quick::Float { min, max }
            }
            (LeafType::Timestamp { utc: true }, body) if check.wire.pattern.is_none() => match body {
                Body::Bare => Quick::Instant {
                    min: i64::MIN,
                    max: i64::MAX,
                },
                Body::Temporal(limits) => {
                    let (min, max) = limits.inclusive();
                    Quick::Instant { min, max }
                }
                _ => Quick::None,
            },
            _ => Quick::None,
        }
    }

    fn of_text(limits: &TextLimits, placeholders: &[&str]) -> Quick {
        use crate::rules::format::TextFormat;
        let bare_length = limits.length.is_empty();
        match (&limits.pattern, limits.format) {
            (None, Some(TextFormat::Uuid)) if bare_length && !placeholders.iter().any(|text| format::uuid(text.as_bytes())) => Quick::Uuid,
            (Some(pattern), None) if bare_length => match pattern.ranges() {
                Some(ranges) if !placeholders.iter().any(|text| ranges.holds(text.as_bytes())) => Quick::Ranges(Arc::new(ranges.clone())),
                _ => Quick::None,
            },
            (None, format @ (None | Some(TextFormat::Email))) => {
                let (bytes_min, bytes_max) = limits.length.certain_bytes();
                Quick::Text(Arc::new(QuickText {
                    bytes_min,
                    bytes_max,
                    email: format.is_some(),
                    but: placeholders.iter().map(|text| Box::from(*text)).collect(),
                }))
            }
            _ => Quick::None,
        }
    }
}

// === impl QuickText ===

impl QuickText {
    #[inline(never)]
    fn takes(&self, rest: &[u8]) -> usize {
        match ahead::text(rest) {
            0 => 0,
            len if self.holds(&rest[1..len - 1]) => len,
            _ => 0,
        }
    }

    /// A text with escapes, as it is written.
    fn takes_escaped(&self, rest: &[u8]) -> usize {
        let len = ahead::escaped_text(rest);
        if len == 0 || self.email {
            return 0;
        }
        // So many bytes the text has at least and at most.
        let (least, most) = ((len - 2) / BYTES_OF_ESCAPE, len - 2);
        let other = |but: &str| but.len() < least || but.len() > most;
        let fits = least >= self.bytes_min && most <= self.bytes_max && self.but.iter().all(|but| other(but));
        if fits { len } else { 0 }
    }

    #[inline(always)]
    fn holds(&self, text: &[u8]) -> bool {
        (self.bytes_min..=self.bytes_max).contains(&text.len()) && (!self.email || format::email(text)) && is_none_of(text, &self.but)
    }
}

#[inline(always)]
fn is_none_of(text: &[u8], but: &[Box<str>]) -> bool {
    but.iter().all(|but| but.as_bytes() != text)
}

#[inline(never)]
fn takes_but(rest: &[u8], quick: &Quick, but: &[Box<str>]) -> usize {
    let len = match quick {
        Quick::Uuid => uuid(rest),
        Quick::Ranges(ranges) => ranges.takes(rest),
        _ => 0,
    };
    if len > 0 && is_none_of(&rest[1..len - 1], but) { len } else { 0 }
}

#[inline(never)]
fn uuid(rest: &[u8]) -> usize {
    match ahead::ascii(rest, 36) {
        Some(text) if format::uuid(text) => 38,
        _ => 0,
    }
}

#[inline(never)]
fn int(rest: &[u8], min: i64, max: i64, number: &mut i64) -> usize {
    match ahead::number(rest) {
        Some((SmallNumber { mantissa, scale: 0 }, len)) if min <= mantissa && mantissa <= max => {
            *number = mantissa;
            len
        }
        _ => 0,
    }
}

#[inline(never)]
fn decimal(rest: &[u8], scale: u8, min: i64, max: i64, number: &mut i64) -> usize {
    match ahead::number(rest).map(|(number, len)| (unscaled(number, scale), len)) {
        Some((Some(unscaled), len)) if min <= unscaled && unscaled <= max => {
            *number = unscaled;
            len
        }
        _ => 0,
    }
}

#[inline(never)]
fn float(rest: &[u8], min: f64, max: f64, number: &mut i64) -> usize {
    match ahead::number(rest).map(|(number, len)| (double(number), len)) {
        Some((Some(value), len)) if min <= value && value <= max => {
            *number = value.to_bits().cast_signed();
            len
        }
        _ => 0,
    }
}

/// Nearly all instants have no fraction or one of three or six digits.
#[inline(never)]
fn instant(rest: &[u8], min: i64, max: i64, number: &mut i64) -> usize {
    let text = ahead::ascii(rest, 20)
        .or_else(|| ahead::ascii(rest, 24))
        .or_else(|| ahead::ascii(rest, 27));
    match text.and_then(|text| Some((temporal::plain_instant(text)?, text.len()))) {
        Some((micros, len)) if min <= micros && micros <= max => {
            *number = micros;
            len + 2
        }
        _ => 0,
    }
}

/// The number at a scale, when that is exact.
#[inline]
fn unscaled(number: SmallNumber, scale: u8) -> Option<i64> {
    match scale.checked_sub(number.scale) {
        Some(zeros) => number.mantissa.checked_mul(10_i64.checked_pow(u32::from(zeros))?),
        // Zeros behind the last digit that counts are the whole check's business.
        None => None,
    }
}

/// Powers of ten that doubles hold exactly.
const TENS: [f64; 19] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
];

/// The nearest double. A whole number below 2^53 divided by a power of ten that a double holds is rounded once, so it is the nearest
/// (Clinger, "How to read floating point numbers accurately", 1990).
#[inline]
fn double(number: SmallNumber) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "below 2^53 nothing is lost")]
    let mantissa = number.mantissa as f64;
    (number.mantissa.unsigned_abs() < 1 << 53).then(|| mantissa / TENS[usize::from(number.scale)])
}

/// Limits of whole numbers at a scale; none where they cannot be told in 64 bits.
fn whole_limits(body: &Body, scale: u8) -> Option<(i64, i64)> {
    match body {
        Body::Bare => Some((i64::MIN, i64::MAX)),
        Body::Number { limits, multiple_of } => {
            // At this scale every value is a multiple of a power of ten that is not finer.
            let needless = multiple_of.is_none_or(|factor| Exact { unscaled: 1, scale }.is_multiple_of(factor.factor()));
            if needless { limits.whole(scale) } else { None }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimals_are_exact_or_declined() {
        let number = |mantissa, scale| SmallNumber { mantissa, scale };
        assert_eq!(unscaled(number(1234, 2), 2), Some(1234));
        assert_eq!(unscaled(number(1234, 0), 2), Some(123_400));
        assert_eq!(unscaled(number(1234, 3), 2), None);
        assert_eq!(unscaled(number(999_999_999_999_999_999, 0), 2), None);
    }

    proptest! {
        #[test]
        fn doubles_are_the_nearest(mantissa in any::<i64>(), scale in 0_u8..=18) {
            if let Some(value) = double(SmallNumber { mantissa, scale }) {
                let text = format!("{mantissa}e-{scale}");
                prop_assert_eq!(value, text.parse::<f64>().unwrap());
            }
        }
    }
}
