//! Numbers as JSON text and as bytes of a decimal, against big integers.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};
use tidegate_codec::decimal::{self, DecimalRead};
use tidegate_codec::json::number;

use crate::input::Parts;

/// Exponents past this are left to the code: the referee writes them out.
const EXPONENT_MAX: i64 = 1500;

/// `digits * 10^exponent`.
struct Exact {
    digits: BigInt,
    exponent: i64,
}

pub(crate) fn run(data: &[u8]) {
    let mut parts = Parts::of(data);
    let scale = parts.byte() % 40;
    let bytes_scale = i32::from(parts.short().cast_signed());
    let (left, right) = (parts.text(), parts.text());
    text(left, scale);
    text(right, scale);
    if number::is_number(left) && number::is_number(right) {
        let order = number::compare(left, right);
        assert_eq!(number::compare(right, left), order.reverse());
        if let (Some(left), Some(right)) = (Exact::read(left), Exact::read(right)) {
            assert_eq!(order, left.compare(&right));
        }
    }
    bytes(parts.rest(), bytes_scale, scale);
}

fn text(text: &str, scale: u8) {
    let is_number = serde_json::from_str::<serde_json::Number>(text).is_ok()
        && !text.starts_with([' ', '\n', '\t', '\r'])
        && !text.ends_with([' ', '\n', '\t', '\r']);
    assert_eq!(number::is_number(text), is_number, "what a number is");
    if !is_number {
        return;
    }
    let (whole, small, scaled) = (number::to_i128(text), number::to_i64(text), number::to_decimal(text, scale));
    assert_eq!(small, whole.and_then(|value| i64::try_from(value).ok()));
    assert_eq!(whole, whole_of(number::to_decimal(text, 0)));
    assert_eq!(number::to_f64(text), text.parse::<f64>().ok().filter(|value| value.is_finite()));
    assert_eq!(number::compare(text, text), Ordering::Equal);
    if let Some(exact) = Exact::read(text) {
        assert_eq!(scaled, exact.at(i64::from(scale)));
    } else if let Some((mantissa, exponent)) = text.split_once(['e', 'E']) {
        // Too large to be written out; the digits of a text of this size cannot make up for it.
        let expected = match (
            mantissa.bytes().any(|byte| (b'1'..=b'9').contains(&byte)),
            exponent.starts_with('-'),
        ) {
            (false, _) => DecimalRead::Exact(0),
            (true, true) => DecimalRead::Inexact,
            (true, false) => DecimalRead::TooLarge,
        };
        assert_eq!(scaled, expected);
    }
}

fn bytes(unscaled: &[u8], from: i32, to: u8) {
    let value = BigInt::from_signed_bytes_be(unscaled);
    let whole = decimal::to_i128(unscaled);
    assert_eq!(whole, i128::try_from(&value).ok());
    let scaled = decimal::rescale(unscaled, from, to);
    let spelled = decimal::to_text(unscaled, from);
    // The limits of what is computed with lie beyond this.
    if unscaled.len() > 1000 || i64::from(from).abs() > EXPONENT_MAX {
        return;
    }
    let exact = Exact {
        digits: value.clone(),
        exponent: -i64::from(from),
    };
    assert_eq!(scaled, exact.at(i64::from(to)));
    let spelled = spelled.unwrap_or_else(|| panic!("{} bytes at scale {from} have no text", unscaled.len()));
    let read = Exact::read(&spelled).unwrap_or_else(|| panic!("{spelled} is no number"));
    assert_eq!(read.compare(&exact), Ordering::Equal, "{spelled}");
    assert!(number::is_number(&spelled), "{spelled}");
}

fn whole_of(read: DecimalRead) -> Option<i128> {
    match read {
        DecimalRead::Exact(value) => Some(value),
        DecimalRead::Inexact | DecimalRead::TooLarge => None,
    }
}

fn ten_to(exponent: i64) -> BigInt {
    BigInt::from(10).pow(u32::try_from(exponent).unwrap_or_default())
}

// === impl Exact ===

impl Exact {
    /// Reads a number of RFC 8259; none where its exponent is too large to be written out.
    fn read(text: &str) -> Option<Exact> {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent: i64 = exponent.parse().ok().filter(|exponent: &i64| exponent.abs() <= EXPONENT_MAX)?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        Some(Exact {
            digits: format!("{whole}{fraction}").parse().ok()?,
            exponent: exponent - i64::try_from(fraction.len()).ok()?,
        })
    }

    fn at(&self, scale: i64) -> DecimalRead {
        let shift = self.exponent + scale;
        let value = if shift >= 0 {
            &self.digits * ten_to(shift)
        } else {
            let divisor = ten_to(-shift);
            if (&self.digits % &divisor).sign() != Sign::NoSign {
                return DecimalRead::Inexact;
            }
            &self.digits / divisor
        };
        i128::try_from(value).map_or(DecimalRead::TooLarge, DecimalRead::Exact)
    }

    fn compare(&self, other: &Exact) -> Ordering {
        let least = self.exponent.min(other.exponent);
        let lifted = |exact: &Exact| &exact.digits * ten_to(exact.exponent - least);
        lifted(self).cmp(&lifted(other))
    }
}
