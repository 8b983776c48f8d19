//! The short way through a value that is as it should be.

use std::borrow::Cow;

use tidegate_codec::{Ahead, Reader, Scalar, SmallNumber};

use super::Walk;
use crate::datum::Datum;
use crate::plan::{Quick, QuickText};
use crate::row::RowSink;
use crate::rules::format;
use crate::temporal;

/// Powers of ten that doubles hold exactly.
const TENS: [f64; 19] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
];

impl<R: RowSink> Walk<'_, R> {
    /// Takes a value if it is seen to be valid at once. Whatever is declined here is read again by the whole check.
    #[inline]
    pub(super) fn quick<'b>(&mut self, reader: &mut impl Reader<'b>, node: usize) -> bool {
        let plan = self.plan;
        match &plan.checks[node].quick {
            Quick::Inside => false,
            quick => self.quick_leaf(reader, node, quick) || self.quick_null(reader, node),
        }
    }

    #[inline]
    fn quick_leaf<'b>(&mut self, reader: &mut impl Reader<'b>, node: usize, quick: &Quick) -> bool {
        match quick {
            Quick::None | Quick::Inside => false,
            Quick::Bool => match reader.bool_ahead() {
                Some(ahead) => self.accept(reader, node, ahead.end, || Scalar::Bool(ahead.value)),
                None => false,
            },
            Quick::Uuid => match reader.ascii_ahead(36) {
                Some(ahead) if format::uuid(ahead.value) => self.accept_ascii(reader, node, ahead),
                _ => false,
            },
            Quick::Ranges(ranges) => match reader.ascii_ahead(ranges.len()) {
                Some(ahead) if ranges.holds(ahead.value) => self.accept_ascii(reader, node, ahead),
                _ => false,
            },
            Quick::OneOf(words) => match reader.word_ahead(words) {
                Some(ahead) => self.accept(reader, node, ahead.end, || Scalar::Str(Cow::Borrowed(ahead.value))),
                None => false,
            },
            Quick::Text(limits) => match reader.text_ahead() {
                Some(ahead) if self.fits(limits, ahead.value) => {
                    self.accept(reader, node, ahead.end, || Scalar::Str(Cow::Borrowed(ahead.value)))
                }
                _ => false,
            },
            Quick::Int { min, max } => match reader.number_ahead() {
                Some(Ahead {
                    value: SmallNumber { mantissa, scale: 0 },
                    end,
                }) if (min..=max).contains(&&mantissa) => self.accept(reader, node, end, || Scalar::Int(i128::from(mantissa))),
                _ => false,
            },
            Quick::Decimal { scale, min, max } => match reader.number_ahead() {
                Some(ahead) => match unscaled(ahead.value, *scale) {
                    Some(unscaled) if (min..=max).contains(&&unscaled) => {
                        let scalar = || Scalar::Decimal {
                            unscaled: i128::from(unscaled),
                            scale: *scale,
                        };
                        self.accept(reader, node, ahead.end, scalar)
                    }
                    _ => false,
                },
                None => false,
            },
            Quick::Float { min, max } => {
                let ahead = match reader.number_ahead() {
                    Some(ahead) => double(ahead.value).map(|value| Ahead { value, end: ahead.end }),
                    None => reader.float_ahead(),
                };
                match ahead {
                    Some(ahead) if (min..=max).contains(&&ahead.value) => {
                        self.accept(reader, node, ahead.end, || Scalar::Float(ahead.value))
                    }
                    _ => false,
                }
            }
            Quick::Instant { min, max } => {
                let Some(ahead) = reader.text_ahead() else { return false };
                match temporal::plain_instant(ahead.value) {
                    Some(micros) if (min..=max).contains(&&micros) => self.accept(reader, node, ahead.end, || Scalar::Timestamp(micros)),
                    _ => false,
                }
            }
        }
    }

    #[inline]
    fn fits(&self, limits: &QuickText, text: &str) -> bool {
        (limits.bytes_min..=limits.bytes_max).contains(&text.len())
            && (!limits.email || format::email(text))
            && !(self.placeholders && *text == *self.plan.change.placeholder.text())
    }

    /// `ascii` was proven to be printable ASCII by its check.
    #[inline]
    fn accept_ascii<'b>(&mut self, reader: &mut impl Reader<'b>, node: usize, ascii: Ahead<&[u8]>) -> bool {
        if !R::READS && !self.plan.checks[node].captured {
            reader.take(ascii.end);
            return true;
        }
        match std::str::from_utf8(ascii.value) {
            Ok(text) => self.accept(reader, node, ascii.end, || Scalar::Str(Cow::Borrowed(text))),
            Err(_) => false,
        }
    }

    #[inline(always)]
    fn accept<'b, 's>(&mut self, reader: &mut impl Reader<'b>, node: usize, end: usize, scalar: impl FnOnce() -> Scalar<'s>) -> bool {
        reader.take(end);
        let check = &self.plan.checks[node];
        if !(R::READS || check.event_time || check.captured) {
            return true;
        }
        let scalar = scalar();
        if check.event_time
            && let Scalar::Timestamp(micros) = scalar
        {
            self.event_time = Some(micros);
        }
        if R::READS {
            self.row.scalar(node, &scalar);
        }
        if check.captured {
            self.capture(node, || Datum::of(&scalar));
        }
        true
    }

    /// Takes a null that is allowed and counted by nobody.
    #[inline]
    fn quick_null<'b>(&mut self, reader: &mut impl Reader<'b>, node: usize) -> bool {
        let check = &self.plan.checks[node];
        if check.required || !check.library.is_empty() {
            return false;
        }
        let Some(ahead) = reader.null_ahead() else { return false };
        reader.take(ahead.end);
        if R::READS {
            self.row.null(node);
        }
        if check.captured {
            self.capture(node, || Datum::Null);
        }
        true
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

/// The nearest double. A whole number below 2^53 divided by a power of ten that a double holds is rounded once, so it is the nearest
/// (Clinger, "How to read floating point numbers accurately", 1990).
#[inline]
fn double(number: SmallNumber) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "below 2^53 nothing is lost")]
    let mantissa = number.mantissa as f64;
    (number.mantissa.unsigned_abs() < 1 << 53).then(|| mantissa / TENS[usize::from(number.scale)])
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
