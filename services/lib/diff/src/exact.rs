//! Decimal numbers as they are written in contracts, without rounding.

use std::cmp::Ordering;

/// `unscaled * 10^-scale`, without zeros at the end of a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal {
    pub(crate) unscaled: i128,
    pub(crate) scale: u32,
}

// === impl Decimal ===

impl Decimal {
    /// Reads a number such as `10.50`, `-3` or `1e3`; none past 38 digits.
    pub(crate) fn parse(text: &str) -> Option<Decimal> {
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (negative, digits) = match mantissa.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, mantissa),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let fraction = fraction.trim_end_matches('0');
        let mut unscaled: i128 = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            if !digit.is_ascii_digit() {
                return None;
            }
            unscaled = unscaled.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
        }
        let mut scale = i64::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        if unscaled == 0 {
            scale = 0;
        }
        while scale > 0 && unscaled % 10 == 0 {
            unscaled /= 10;
            scale -= 1;
        }
        while scale < 0 {
            unscaled = unscaled.checked_mul(10)?;
            scale += 1;
        }
        let scale = u32::try_from(scale).ok().filter(|scale| *scale <= 38)?;
        Some(Decimal {
            unscaled: if negative { -unscaled } else { unscaled },
            scale,
        })
    }

    /// The largest whole number that is not above the value times `10^scale`, and whether it is equal; none on overflow.
    pub(crate) fn floor_at(self, scale: u32) -> Option<(i128, bool)> {
        if self.scale <= scale {
            let factor = 10_i128.checked_pow(scale - self.scale)?;
            return Some((self.unscaled.checked_mul(factor)?, true));
        }
        let step = 10_i128.checked_pow(self.scale - scale)?;
        Some((self.unscaled.div_euclid(step), self.unscaled.rem_euclid(step) == 0))
    }

    pub(crate) fn is_negative(self) -> bool {
        self.unscaled < 0
    }
}

/// Compares two numbers as written; none when one is not a number of reasonable size.
pub(crate) fn order(a: &str, b: &str) -> Option<Ordering> {
    tidegate_contract::decimal::compare(a, b)
}

/// Greatest common divisor of two numbers that are not both zero.
pub(crate) fn gcd(a: i128, b: i128) -> i128 {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    i128::try_from(a).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_rounds_down() {
        let read = |text| Decimal::parse(text).map(|number| (number.unscaled, number.scale));
        assert_eq!(read("10.50"), Some((105, 1)));
        assert_eq!(read("-1e3"), Some((-1000, 0)));
        assert_eq!(read("0.000"), Some((0, 0)));
        assert_eq!(read("1e-40"), None);
        assert_eq!(read("x"), None);
        let floor = |text, scale| Decimal::parse(text).unwrap().floor_at(scale);
        assert_eq!(floor("1.25", 1), Some((12, false)));
        assert_eq!(floor("-1.25", 1), Some((-13, false)));
        assert_eq!(floor("-1.25", 3), Some((-1250, true)));
        assert_eq!(gcd(12, 18), 6);
        assert_eq!(gcd(0, 5), 5);
    }
}
