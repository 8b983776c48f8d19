//! The shortest way to see that a leaf is valid, where its type and clauses allow one.
//!
//! A quick check only ever says "valid" or "look closer": what it declines is read again by the whole check, which alone reports.

use tidegate_codec::Words;

use super::{Body, Check, LeafType};
use crate::change::Column;
use crate::exact::Exact;
use crate::rules::ranges::Ranges;
use crate::rules::text::TextLimits;

/// The quick check of one node.
#[derive(Debug, Default)]
pub(crate) enum Quick {
    /// There is none.
    #[default]
    None,
    /// An object or a list: it is gone into.
    Inside,
    /// A truth value without clauses.
    Bool,
    /// A text; what to do with it is in the box.
    Text(Box<QuickText>),
    /// One of the allowed texts.
    OneOf(Box<Words>),
    /// A UUID.
    Uuid,
    /// A text of one length, each byte within a range.
    Ranges(Box<Ranges>),
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

/// Clauses of a text that are looked at quickly.
#[derive(Debug)]
pub(crate) struct QuickText {
    /// So many bytes are surely enough characters.
    pub(crate) bytes_min: usize,
    /// So many bytes are surely not too many characters.
    pub(crate) bytes_max: usize,
    /// An e-mail address.
    pub(crate) email: bool,
}

// === impl Quick ===

impl Quick {
    /// The quick check of a leaf, if there is one. `placeholder` is the text that stands for a value which the source did not send.
    pub(crate) fn compile(leaf: LeafType, check: &Check, placeholder: Option<&str>) -> Quick {
        let plain_column = match (&check.wire.column, leaf) {
            (None, _) => true,
            // What is a plain number stays one.
            (Some(Column::Whole { .. }), LeafType::Int { .. }) => true,
            _ => false,
        };
        if !plain_column || !check.library.is_empty() {
            return Quick::None;
        }
        if let Some(allowed) = &check.allowed {
            return match (leaf, &check.body) {
                (LeafType::Str, Body::Text(limits)) if limits.is_empty() => {
                    if allowed.texts().any(|text| Some(text) == placeholder) {
                        return Quick::None;
                    }
                    Quick::OneOf(Box::new(Words::values(allowed.texts())))
                }
                _ => Quick::None,
            };
        }
        match (leaf, &check.body) {
            (LeafType::Bool, Body::Bare) => Quick::Bool,
            (LeafType::Str, Body::Text(limits)) => Quick::text(limits, placeholder),
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

    fn text(limits: &TextLimits, placeholder: Option<&str>) -> Quick {
        use crate::rules::format::{self, TextFormat};
        let bare_length = limits.length.is_empty();
        match (&limits.pattern, limits.format) {
            (None, Some(TextFormat::Uuid)) if bare_length && placeholder.is_none_or(|text| !format::uuid(text.as_bytes())) => Quick::Uuid,
            (Some(pattern), None) if bare_length => match pattern.ranges() {
                Some(ranges) if placeholder.is_none_or(|text| !ranges.holds(text.as_bytes())) => Quick::Ranges(Box::new(ranges.clone())),
                _ => Quick::None,
            },
            (None, format @ (None | Some(TextFormat::Email))) => {
                let (bytes_min, bytes_max) = limits.length.certain_bytes();
                Quick::Text(Box::new(QuickText {
                    bytes_min,
                    bytes_max,
                    email: format.is_some(),
                }))
            }
            _ => Quick::None,
        }
    }
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
