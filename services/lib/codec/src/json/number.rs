//! JSON numbers read exactly from their text. Every function takes text that the grammar of RFC 8259 allows ([`is_number`]).

use std::cmp::Ordering;

use wide::u8x16;

use crate::decimal::DecimalRead;
use crate::failure::Detail;
use crate::token::SmallNumber;

/// Whether the whole text is one number of RFC 8259.
pub fn is_number(text: &str) -> bool {
    scan(text.as_bytes(), 0) == Ok(text.len())
}

/// The integer, when the number is one: `10`, `10.0` and `1e3` are, `1.5` is not. None also outside of 128 bits.
#[inline]
pub fn to_i128(text: &str) -> Option<i128> {
    if let Some(small) = small_integer(text) {
        return Some(i128::from(small));
    }
    match to_decimal(text, 0) {
        DecimalRead::Exact(value) => Some(value),
        DecimalRead::Inexact | DecimalRead::TooLarge => None,
    }
}

/// As [`to_i128`], within 64 bits.
#[inline]
pub fn to_i64(text: &str) -> Option<i64> {
    small_integer(text).or_else(|| to_i128(text).and_then(|value| i64::try_from(value).ok()))
}

/// `number * 10^scale` when that is a whole number within 128 bits.
pub fn to_decimal(text: &str, scale: u8) -> DecimalRead {
    let parts = Parts::of(text);
    let count = parts.digits().count();
    if count == 0 {
        return DecimalRead::Exact(0);
    }
    let shift = parts.exponent.saturating_add(i64::from(scale));
    let Ok(zeros) = u32::try_from(shift) else {
        // Past 32 bits upwards too, which is far outside of 128 bits and no fraction.
        return if shift > 0 { DecimalRead::TooLarge } else { DecimalRead::Inexact };
    };
    if count as u64 + u64::from(zeros) > 39 {
        return DecimalRead::TooLarge;
    }
    let step = |value: i128, digit: u8| {
        let value = value.checked_mul(10)?;
        if parts.negative {
            value.checked_sub(i128::from(digit))
        } else {
            value.checked_add(i128::from(digit))
        }
    };
    let whole = parts.digits().chain(std::iter::repeat_n(0, zeros as usize)).try_fold(0, step);
    whole.map_or(DecimalRead::TooLarge, DecimalRead::Exact)
}

/// The nearest double; none where that would be infinite.
pub fn to_f64(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// Compares two numbers by value, exactly, whatever their size.
pub fn compare(left: &str, right: &str) -> Ordering {
    let (left, right) = (Parts::of(left), Parts::of(right));
    match (left.sign(), right.sign()) {
        (a, b) if a != b => a.cmp(&b),
        (0, _) => Ordering::Equal,
        (1, _) => left.compare_size(&right),
        _ => right.compare_size(&left),
    }
}

/// A number of at most 18 digits and without an exponent that `rest` begins with, and its length; what follows is no part of it.
#[inline(always)]
pub(super) fn small(rest: &[u8]) -> Option<(SmallNumber, usize)> {
    brief(rest).or_else(|| small_by_digits(rest))
}

/// The same for a number without a sign, of at most seven digits in front of the point and seven behind it, which is read at once. None for
/// all others.
#[inline(always)]
fn brief(rest: &[u8]) -> Option<(SmallNumber, usize)> {
    let head = u64::from_le_bytes(*rest.first_chunk()?);
    let (whole, count) = leading_digits(head)?;
    // A zero in front of other digits is no number.
    if count > 1 && head as u8 == b'0' {
        return None;
    }
    match (head >> (8 * count)) as u8 {
        b'.' => {
            let tail = u64::from_le_bytes(*rest.get(count + 1..)?.first_chunk()?);
            let (part, scale) = leading_digits(tail)?;
            let exponent = (tail >> (8 * scale)) as u8 | 0x20 == b'e';
            let mantissa = whole * TENS[scale & 7] + part;
            let number = SmallNumber {
                mantissa,
                scale: scale as u8,
            };
            (!exponent).then_some((number, count + 1 + scale))
        }
        b'e' | b'E' => None,
        _ => Some((SmallNumber { mantissa: whole, scale: 0 }, count)),
    }
}

const TENS: [i64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];

/// The decimal digits that eight bytes of text (the first one lowest) begin with, and how many they are: one to seven.
#[inline(always)]
fn leading_digits(eight: u64) -> Option<(i64, usize)> {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // A digit becomes its value; whatever else has or gets its highest bit.
    let values = eight ^ 0x3030_3030_3030_3030;
    let others = (values.wrapping_add(0x7676_7676_7676_7676) | values) & HIGH;
    let count = (others.trailing_zeros() / 8) as usize;
    if !(1..8).contains(&count) {
        return None;
    }
    // Left out digits become zeros in front; then pairs, fours and eights are added up side by side.
    Some((added_up(values << (64 - 8 * count)).cast_signed(), count))
}

/// The number that eight digits are, the first one in the lowest byte.
#[inline(always)]
fn added_up(digits: u64) -> u64 {
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let (even, odd) = (pairs & 0x0000_00ff_0000_00ff, pairs >> 16 & 0x0000_00ff_0000_00ff);
    even.wrapping_mul(100 + (1_000_000 << 32))
        .wrapping_add(odd.wrapping_mul(1 + (10_000 << 32)))
        >> 32
}

/// A whole number within 64 bits that `rest` begins with, and its length. None for all others, and for more than 19 digits.
#[inline]
pub(super) fn integer(rest: &[u8]) -> Option<(i64, usize)> {
    let start = usize::from(rest.first() == Some(&b'-'));
    let (mut value, mut at) = (0_u64, start);
    // Behind the end stands nothing that goes on with a number.
    let eight = |at: usize| match rest[at..].first_chunk() {
        Some(eight) => u64::from_le_bytes(*eight),
        None => rest[at..].iter().rev().fold(0, |eight, byte| eight << 8 | u64::from(*byte)),
    };
    let mut next = eight(at);
    while let Some(digits) = eight_digits(next) {
        // Three eights are more than 64 bits hold.
        if at == start + 16 {
            return None;
        }
        value = value * 100_000_000 + digits;
        at += 8;
        next = eight(at);
    }
    if let Some((digits, count)) = leading_digits(next) {
        if at == start + 16 && count > 3 {
            return None;
        }
        // At most 19 digits are a number of 64 bits, though not always a signed one.
        value = value * TENS[count & 7].unsigned_abs() + digits.unsigned_abs();
        at += count;
    }
    let count = at - start;
    let is_whole = count > 0 && (count == 1 || rest[start] != b'0') && !matches!(rest.get(at), Some(b'.' | b'e' | b'E'));
    let value = if start == 1 {
        0_i64.checked_sub_unsigned(value)
    } else {
        i64::try_from(value).ok()
    };
    value.filter(|_| is_whole).map(|value| (value, at))
}

/// How many bytes the whole number without a sign has that `rest` begins with, of whatever size; zero for all others, and for what is no
/// number.
#[inline]
pub(super) fn whole(rest: &[u8]) -> usize {
    let mut at = 0;
    while let Some(chunk) = rest.get(at..).and_then(|rest| rest.first_chunk::<16>()) {
        let digits = u8x16::new(*chunk) - u8x16::splat(b'0');
        let others = !digits.simd_eq(digits.min(u8x16::splat(9))).to_bitmask() & 0xffff;
        if others != 0 {
            at += others.trailing_zeros() as usize;
            return match rest[at] {
                b'.' | b'e' | b'E' => 0,
                _ if at > 1 && rest[0] == b'0' => 0,
                _ => at,
            };
        }
        at += 16;
    }
    match integer(rest) {
        Some((_, len)) if rest[0] != b'-' => len,
        _ => 0,
    }
}

/// The number that eight digits are.
#[inline(always)]
fn eight_digits(eight: u64) -> Option<u64> {
    let values = eight ^ 0x3030_3030_3030_3030;
    let others = (values.wrapping_add(0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080;
    (others == 0).then(|| added_up(values))
}

/// As [`small`], digit by digit.
#[inline(never)]
fn small_by_digits(rest: &[u8]) -> Option<(SmallNumber, usize)> {
    let start = usize::from(rest.first() == Some(&b'-'));
    let (mut value, mut at) = (0_u64, start);
    let digit = |at: usize| rest.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10);
    while let Some(digit) = digit(at) {
        // Wraps only past 18 digits, which are given up below.
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    let mut count = at - start;
    if count == 0 || (count > 1 && rest[start] == b'0') {
        return None;
    }
    let mut scale = 0;
    if rest.get(at) == Some(&b'.') {
        at += 1;
        let point = at;
        while let Some(digit) = digit(at) {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
            at += 1;
        }
        scale = at - point;
        count += scale;
        if scale == 0 {
            return None;
        }
    }
    let negative = start == 1;
    // Zero with a sign is a value of its own among doubles.
    if count > 18 || matches!(rest.get(at), Some(b'e' | b'E')) || (negative && value == 0) {
        return None;
    }
    let value = value.cast_signed();
    let mantissa = if negative { -value } else { value };
    let number = SmallNumber {
        mantissa,
        scale: scale as u8,
    };
    Some((number, at))
}

/// Reads one number from `at`; the index behind it, or what is wrong and where.
#[inline]
pub(super) fn scan(bytes: &[u8], mut at: usize) -> Result<usize, (Detail, usize)> {
    if bytes.get(at) == Some(&b'-') {
        at += 1;
    }
    at = match bytes.get(at) {
        Some(b'0') => at + 1,
        _ => digits(bytes, at)?,
    };
    if bytes.get(at) == Some(&b'.') {
        at = digits(bytes, at + 1)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        if matches!(bytes.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        at = digits(bytes, at)?;
    }
    match bytes.get(at) {
        Some(b'0'..=b'9') => Err((Detail::Syntax, at)),
        _ => Ok(at),
    }
}

/// At least one digit.
#[inline]
fn digits(bytes: &[u8], start: usize) -> Result<usize, (Detail, usize)> {
    let mut at = start;
    while matches!(bytes.get(at), Some(b'0'..=b'9')) {
        at += 1;
    }
    if at > start {
        Ok(at)
    } else if at == bytes.len() {
        Err((Detail::Truncated, at))
    } else {
        Err((Detail::Syntax, at))
    }
}

/// Plain integers of up to 18 digits, which are nearly all.
#[inline]
fn small_integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut value = 0;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(byte - b'0');
    }
    Some(if negative { -value } else { value })
}

/// A number as `digits * 10^exponent`, where the digits neither begin nor end with a zero.
struct Parts<'t> {
    negative: bool,
    whole: &'t [u8],
    fraction: &'t [u8],
    exponent: i64,
}

// === impl Parts ===

impl<'t> Parts<'t> {
    fn of(text: &'t str) -> Parts<'t> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], exponent(&text[at + 1..])),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let fraction = fraction.trim_end_matches('0');
        let mut exponent = exponent.saturating_sub(fraction.len() as i64);
        let mut whole = whole.trim_start_matches('0');
        let mut fraction = fraction;
        if whole.is_empty() {
            fraction = fraction.trim_start_matches('0');
        }
        if fraction.is_empty() {
            let trimmed = whole.trim_end_matches('0');
            exponent = exponent.saturating_add((whole.len() - trimmed.len()) as i64);
            whole = trimmed;
        }
        Parts {
            negative,
            whole: whole.as_bytes(),
            fraction: fraction.as_bytes(),
            exponent,
        }
    }

    fn digits(&self) -> impl Iterator<Item = u8> {
        self.whole.iter().chain(self.fraction).map(|byte| byte - b'0')
    }

    fn sign(&self) -> i8 {
        match (self.whole.is_empty() && self.fraction.is_empty(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }

    /// Compares sizes of two numbers that are not zero.
    fn compare_size(&self, other: &Parts<'_>) -> Ordering {
        let top = |parts: &Parts<'_>| parts.exponent.saturating_add((parts.whole.len() + parts.fraction.len()) as i64);
        top(self).cmp(&top(other)).then_with(|| self.digits().cmp(other.digits()))
    }
}

/// Saturates: no number that fits our types has an exponent past 64 bits.
fn exponent(text: &str) -> i64 {
    let (negative, digits) = match text.as_bytes() {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let size = digits.iter().fold(0_i64, |value, byte| {
        value.saturating_mul(10).saturating_add(i64::from(byte.saturating_sub(b'0')))
    });
    // Half of the range, so that sums with lengths of texts cannot pass its ends.
    let size = size.min(i64::MAX / 2);
    if negative { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn integers_are_exact_or_refused() {
        for (text, value) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("9007199254740993", Some(9_007_199_254_740_993)),
            ("10.0", Some(10)),
            ("1e3", Some(1000)),
            ("1500e-2", Some(15)),
            ("0.0e99999999999999999999", Some(0)),
            ("170141183460469231731687303715884105727", Some(i128::MAX)),
            ("-170141183460469231731687303715884105728", Some(i128::MIN)),
            ("170141183460469231731687303715884105728", None),
            ("1e39", None),
            ("1e-1", None),
            ("1.5", None),
            ("1e99999999999999999999", None),
            ("1e-99999999999999999999", None),
        ] {
            assert_eq!(to_i128(text), value, "{text}");
        }
    }

    #[test]
    fn decimals_say_why_they_do_not_fit() {
        assert_eq!(to_decimal("12.34", 2), DecimalRead::Exact(1234));
        assert_eq!(to_decimal("12.340", 2), DecimalRead::Exact(1234));
        assert_eq!(to_decimal("12.345", 2), DecimalRead::Inexact);
        assert_eq!(to_decimal("0.000", 0), DecimalRead::Exact(0));
        assert_eq!(to_decimal("1e38", 2), DecimalRead::TooLarge);
        assert_eq!(to_decimal("1e4294967296", 0), DecimalRead::TooLarge);
        assert_eq!(to_decimal("-1e99999999999999999999", 2), DecimalRead::TooLarge);
        assert_eq!(to_decimal("1e-99999999999999999999", 2), DecimalRead::Inexact);
        assert_eq!(to_decimal("-1.5E1", 1), DecimalRead::Exact(-150));
    }

    #[test]
    fn comparing_needs_no_common_size() {
        for (left, right, order) in [
            ("1", "1.000", Ordering::Equal),
            ("-0", "0e5", Ordering::Equal),
            ("1e400", "1e399", Ordering::Greater),
            ("-1e400", "-1e399", Ordering::Less),
            ("0.30000000000000000001", "0.3", Ordering::Greater),
            ("100", "99.99", Ordering::Greater),
            ("-5", "3", Ordering::Less),
            ("0.001", "0.01", Ordering::Less),
            ("120", "12e1", Ordering::Equal),
        ] {
            assert_eq!(compare(left, right), order, "{left} {right}");
            assert_eq!(compare(right, left), order.reverse(), "{right} {left}");
        }
    }

    proptest! {
        #[test]
        fn grammar_is_that_of_the_referee(text in "[-+0-9.eE]{0,8}") {
            let referee = serde_json::from_str::<serde_json::Number>(&text).is_ok();
            prop_assert_eq!(is_number(&text), referee);
        }

        #[test]
        fn integers_survive(value in any::<i128>()) {
            prop_assert_eq!(to_i128(&value.to_string()), Some(value));
        }

        #[test]
        fn whole_numbers_are_what_stands_there(text in "-?(0|[0-9]{1,21}|922337203685477580[5-9])(\\.[0-9])?([eE]1)?", behind in "[,} ]?[0-9x/:]{0,9}") {
            let bytes = [text.as_bytes(), behind.as_bytes()].concat();
            let end = scan(&bytes, 0);
            let plain = end.ok().filter(|end| bytes[..*end].iter().all(u8::is_ascii_digit));
            prop_assert!(whole(&bytes) == plain.unwrap_or(0) || (whole(&bytes) == 0 && plain.is_some_and(|len| len >= 19)), "near the end long ones are left alone");
            match integer(&bytes) {
                Some((value, len)) => {
                    prop_assert_eq!(Ok(len), end);
                    prop_assert_eq!(std::str::from_utf8(&bytes[..len]).unwrap().parse(), Ok(value));
                }
                None => {
                    let whole = end.ok().and_then(|end| std::str::from_utf8(&bytes[..end]).unwrap().parse::<i64>().ok());
                    prop_assert_eq!(whole, None);
                }
            }
        }

        /// Against the grammar and exact reading: what is taken is the whole number, and short plain numbers are taken.
        #[test]
        fn small_numbers_are_what_stands_there(text in "-?[0-9]{0,9}(\\.[0-9]{0,9})?([eE]1)?[,} ]?[0-9x/:]{0,12}", at in 0_usize..3) {
            let bytes = [&b"[, "[..at], text.as_bytes()].concat();
            let end = scan(&bytes, at);
            if let Some((number, len)) = small(&bytes[at..]) {
                prop_assert_eq!(Ok(at + len), end);
                let text = std::str::from_utf8(&bytes[at..at + len]).unwrap();
                let exact = to_decimal(text, number.scale);
                prop_assert_eq!(exact, DecimalRead::Exact(i128::from(number.mantissa)));
                let point = text.split_once('.').map_or(0, |(_, part)| part.len());
                prop_assert_eq!(usize::from(number.scale), point);
            } else if let Ok(end) = end {
                let text = std::str::from_utf8(&bytes[at..end]).unwrap();
                let (whole, part) = text.split_once('.').unwrap_or((text, ""));
                let short = whole.trim_start_matches('-').len() + part.len() <= 18;
                prop_assert!(!short || text.contains(['e', 'E']) || (text.starts_with('-') && to_i128(text) == Some(0)), "{}", text);
            }
        }

        #[test]
        fn order_of_integers_is_kept(left in any::<i128>(), right in any::<i128>(), zeros in 0_usize..4) {
            let (a, b) = (format!("{left}.{}", "0".repeat(zeros + 1)), format!("{right}e0"));
            prop_assert_eq!(compare(&a, &b), left.cmp(&right));
        }

        #[test]
        fn decimals_agree_with_shifted_integers(value in -1_000_000_000_i64..1_000_000_000, scale in 0_u8..10) {
            let text = format!("{value}e-{scale}");
            prop_assert_eq!(to_decimal(&text, scale), DecimalRead::Exact(i128::from(value)));
        }
    }
}
