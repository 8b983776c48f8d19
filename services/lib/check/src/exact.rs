//! Decimals compared and divided without rounding.

use std::cmp::Ordering;
use std::io::Write as _;

/// Powers of ten that a double holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// `unscaled * 10^-scale`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exact {
    /// Digits as an integer.
    pub(crate) unscaled: i128,
    /// Digits after the point, 0..=38.
    pub(crate) scale: u8,
}

// === impl Exact ===

impl Exact {
    /// A whole number.
    pub(crate) fn int(value: i128) -> Exact {
        Exact { unscaled: value, scale: 0 }
    }

    /// Reads a JSON or YAML number, such as `10.50`, `-3` or `1e3`; none when it is no number or does not fit 38 digits.
    pub(crate) fn parse(text: &str) -> Option<Exact> {
        let text = text.strip_prefix('+').unwrap_or(text);
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (negative, digits) = match mantissa.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, mantissa),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let fraction = fraction.trim_end_matches('0');
        let mut unscaled: i128 = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            if !digit.is_ascii_digit() {
                return None;
            }
            unscaled = unscaled.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
        }
        if negative {
            unscaled = -unscaled;
        }
        let mut scale = i64::try_from(fraction.len()).ok()? - i64::from(exponent);
        if unscaled == 0 {
            return Some(Exact::int(0));
        }
        while scale > 0 && unscaled % 10 == 0 {
            unscaled /= 10;
            scale -= 1;
        }
        while scale < 0 {
            unscaled = unscaled.checked_mul(10)?;
            scale += 1;
        }
        let scale = u8::try_from(scale).ok().filter(|scale| *scale <= 38)?;
        Some(Exact { unscaled, scale })
    }

    /// The same value with `scale` digits after the point; none when that would round or overflow.
    pub(crate) fn rescale(self, scale: u8) -> Option<i128> {
        if scale >= self.scale {
            self.unscaled.checked_mul(10_i128.checked_pow(u32::from(scale - self.scale))?)
        } else {
            let factor = 10_i128.checked_pow(u32::from(self.scale - scale))?;
            (self.unscaled % factor == 0).then(|| self.unscaled / factor)
        }
    }

    /// Orders by value.
    pub(crate) fn compare(self, other: Exact) -> Ordering {
        let scale = self.scale.max(other.scale);
        match (self.rescale(scale), other.rescale(scale)) {
            (Some(left), Some(right)) => left.cmp(&right),
            // Both sides have at most 38 digits, so the one that overflows at the finer scale is the larger in size.
            (None, Some(_)) => self.unscaled.cmp(&0),
            (Some(_), None) => 0.cmp(&other.unscaled),
            // The side with the coarser scale alone is scaled up; two overflows cannot be.
            (None, None) => Ordering::Equal,
        }
    }

    /// Whether the value is a whole multiple of `factor`, which is not zero.
    pub(crate) fn is_multiple_of(self, factor: Exact) -> bool {
        let scale = self.scale.max(factor.scale);
        match (self.rescale(scale), factor.rescale(scale)) {
            (Some(value), Some(factor)) => value % factor == 0,
            // A factor past 38 digits at the value's scale is larger than the value.
            (Some(value), None) => value == 0,
            // value * 10^k mod factor, one digit at a time.
            (None, Some(factor)) => {
                let mut rest = self.unscaled % factor;
                for _ in self.scale..scale {
                    let Some(next) = rest.checked_mul(10) else { return false };
                    rest = next % factor;
                }
                rest == 0
            }
            (None, None) => false,
        }
    }

    /// The nearest double, ties to even. Never allocates.
    pub(crate) fn to_f64(self) -> f64 {
        const WHOLE: i128 = 1 << 53;
        // Both sides of the division are exact, so its rounding is the only one.
        if (-WHOLE..=WHOLE).contains(&self.unscaled)
            && let Some(power) = POWERS.get(usize::from(self.scale))
        {
            #[expect(clippy::cast_precision_loss, reason = "at most 53 bits")]
            return self.unscaled as f64 / power;
        }
        let mut text = [0_u8; 48];
        let mut rest = &mut text[..];
        write!(rest, "{}e-{}", self.unscaled, self.scale).expect("40 digits, a sign and an exponent");
        let unused = rest.len();
        let text = std::str::from_utf8(&text[..text.len() - unused]).expect("digits are ASCII");
        text.parse().expect("digits with an exponent are a float")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(text: &str) -> Exact {
        Exact::parse(text).unwrap()
    }

    #[test]
    fn reads() {
        for (text, unscaled, scale) in [
            ("10.50", 105, 1),
            ("-3", -3, 0),
            ("1e3", 1000, 0),
            ("1.5E-2", 15, 3),
            ("0.0", 0, 0),
            (".5", 5, 1),
        ] {
            let read = exact(text);
            assert_eq!((read.unscaled, read.scale), (unscaled, scale), "{text}");
        }
        for text in ["", "-", ".", "x", "1e400", "1e-400", "1_0", "--1"] {
            assert!(Exact::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn orders_across_scales() {
        assert_eq!(exact("1.10").compare(exact("1.1")), Ordering::Equal);
        assert_eq!(
            exact("99999999999999999999999999999999999999").compare(exact("0.00000000000000000000000000000000000001")),
            Ordering::Greater
        );
        assert_eq!(
            exact("-99999999999999999999999999999999999999").compare(exact("0.00000000000000000000000000000000000001")),
            Ordering::Less
        );
        assert_eq!(
            exact("0.1").compare(exact("99999999999999999999999999999999999999")),
            Ordering::Less
        );
        assert_eq!(exact("-0.1").compare(exact("0.1")), Ordering::Less);
    }

    #[test]
    fn divides() {
        assert!(exact("0.3").is_multiple_of(exact("0.1")));
        assert!(!exact("0.35").is_multiple_of(exact("0.1")));
        assert!(exact("99999999999999999999999999999999999990").is_multiple_of(exact("0.05")));
        assert!(exact("0").is_multiple_of(exact("7")));
        assert!(!exact("7.5").is_multiple_of(exact("5")));
        assert_eq!(exact("10.5").to_f64(), 10.5);
    }
}
