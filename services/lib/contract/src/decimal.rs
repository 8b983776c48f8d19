//! Exact comparison of decimal numbers as text.

use std::cmp::Ordering;

/// The most digits that an exponent may add; a limit of `1e999999999` is a mistake.
const EXPONENT_MAX: i64 = 5_000;

/// Digits of the absolute value without zeros at either end, the power of ten of the last digit, and the sign.
struct Parts {
    negative: bool,
    digits: Vec<u8>,
    /// The value is `0.digits * 10^exponent`.
    exponent: i64,
}

/// Compares two JSON numbers exactly; none when one is not a number or has an absurd exponent.
pub fn compare(a: &str, b: &str) -> Option<Ordering> {
    let (a, b) = (parts(a)?, parts(b)?);
    let sign = |parts: &Parts| {
        if parts.digits.is_empty() {
            0
        } else if parts.negative {
            -1
        } else {
            1
        }
    };
    let (sign_a, sign_b) = (sign(&a), sign(&b));
    if sign_a != sign_b || sign_a == 0 {
        return Some(sign_a.cmp(&sign_b));
    }
    let magnitude = a.exponent.cmp(&b.exponent).then_with(|| a.digits.cmp(&b.digits));
    Some(if sign_a < 0 { magnitude.reverse() } else { magnitude })
}

fn parts(text: &str) -> Option<Parts> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok().filter(|e| e.abs() <= EXPONENT_MAX)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    if all.is_empty() || !all.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let leading = all.iter().take_while(|digit| **digit == b'0').count();
    let trailing = all.iter().rev().take_while(|digit| **digit == b'0').count();
    let digits = if leading == all.len() {
        Vec::new()
    } else {
        all[leading..all.len() - trailing].to_vec()
    };
    let exponent = exponent + i64::try_from(whole.len()).ok()? - i64::try_from(leading).ok()?;
    Some(Parts {
        negative,
        digits,
        exponent,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_exact() {
        use Ordering::{Equal, Greater, Less};
        for (a, b, order) in [
            ("1.10", "1.1", Equal),
            ("-0.0", "0", Equal),
            ("9007199254740993", "9007199254740992", Greater),
            ("1e3", "1000.000", Equal),
            ("-2", "-1", Less),
            ("0.001", "0.01", Less),
            ("12", "1.2e1", Equal),
            ("-5", "3", Less),
            ("99", "100", Less),
        ] {
            assert_eq!(compare(a, b), Some(order), "{a} {b}");
            assert_eq!(compare(b, a), Some(order.reverse()), "{b} {a}");
        }
        assert_eq!(compare("1e99999", "1"), None);
        assert_eq!(compare("x", "1"), None);
    }
}
