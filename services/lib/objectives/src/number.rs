//! Decimal numbers of any size, compared exactly: a sum of money must not meet its limit by a rounding error.

use std::cmp::Ordering;

/// Exponents past this are refused: no measured value has a million digits.
const EXPONENT_MAX: i64 = 1_000_000;

/// A finite decimal number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    negative: bool,
    /// Decimal point before the first digit, shifted by this: 0.digits × 10^exponent.
    exponent: i64,
    /// Without leading and trailing zeros; empty means zero.
    digits: Vec<u8>,
}

// === impl Number ===

impl Number {
    /// Reads `-12.50`, `+3`, `.5`, `1e3`. Nothing else: no spaces, no `NaN`, no hexadecimal.
    pub fn parse(text: &str) -> Option<Number> {
        let (negative, unsigned) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, shift) = match unsigned.split_once(['e', 'E']) {
            None => (unsigned, 0),
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok().filter(|shift| shift.abs() <= EXPONENT_MAX)?),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() && fraction.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let leading = all.iter().take_while(|digit| **digit == b'0').count();
        let trailing = all[leading..].iter().rev().take_while(|digit| **digit == b'0').count();
        let digits = all[leading..all.len() - trailing].to_vec();
        if digits.is_empty() {
            return Some(Number {
                negative: false,
                exponent: 0,
                digits,
            });
        }
        Some(Number {
            negative,
            exponent: whole.len() as i64 - leading as i64 + shift,
            digits,
        })
    }

    /// The shortest decimal that reads back as this double; none for NaN and infinities.
    pub fn from_f64(value: f64) -> Option<Number> {
        value.is_finite().then(|| Number::parse(&value.to_string())).flatten()
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |number: &Number| {
            if number.digits.is_empty() {
                0
            } else {
                1 - 2 * i8::from(number.negative)
            }
        };
        let magnitude = || self.exponent.cmp(&other.exponent).then_with(|| self.digits.cmp(&other.digits));
        sign(self).cmp(&sign(other)).then_with(|| match sign(self) {
            0 => Ordering::Equal,
            1 => magnitude(),
            _ => magnitude().reverse(),
        })
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    #[test]
    fn the_same_number_in_many_spellings() {
        for (left, right) in [
            ("10.50", "10.5"),
            ("0", "-0.00"),
            ("1e3", "1000"),
            ("0.001", "1e-3"),
            (".5", "+0.5"),
            ("00012", "12"),
        ] {
            assert_eq!(number(left), number(right), "{left} {right}");
        }
    }

    #[test]
    fn order_past_what_a_double_can_hold() {
        assert!(number("9007199254740993") > number("9007199254740992"));
        assert!(number("-9007199254740993") < number("-9007199254740992"));
        assert!(number("0.1000000000000000000001") > Number::from_f64(0.1).unwrap());
        assert!(number("-1") < number("0") && number("0") < number("1e-9"));
    }

    #[test]
    fn what_is_not_a_number() {
        for text in ["", "-", ".", "NaN", "inf", "0x10", "1 ", "1e", "1e99999999999", "1,5", "--1"] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
        assert_eq!(Number::from_f64(f64::NAN), None);
    }

    proptest! {
        #[test]
        fn integers_compare_as_integers(left: i64, right: i64) {
            prop_assert_eq!(number(&left.to_string()).cmp(&number(&right.to_string())), left.cmp(&right));
        }

        #[test]
        fn doubles_compare_as_doubles(left in -1e15f64..1e15, right in -1e15f64..1e15) {
            prop_assert_eq!(Number::from_f64(left).unwrap().partial_cmp(&Number::from_f64(right).unwrap()), left.partial_cmp(&right));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,12}") {
            let _ = Number::parse(&text);
        }
    }
}
