//! Decimals of binary encodings: big-endian two's complement with a scale.

use num_bigint::{BigInt, Sign};

/// Longest unscaled value that is computed with; beyond it nothing that our types hold can come out.
const BYTES_MAX: usize = 2048;

/// What reading a number at a scale gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecimalRead {
    /// Unscaled value at the wanted scale.
    Exact(i128),
    /// The number has digits below the wanted scale.
    Inexact,
    /// More than 128 bits.
    TooLarge,
}

/// The unscaled value as an integer; none past 128 bits. No bytes mean zero.
pub fn to_i128(unscaled: &[u8]) -> Option<i128> {
    let bytes = trimmed(unscaled);
    if bytes.len() > 16 {
        return None;
    }
    let negative = bytes.first().is_some_and(|byte| *byte >= 0x80);
    let mut wide = if negative { [0xff; 16] } else { [0; 16] };
    wide[16 - bytes.len()..].copy_from_slice(bytes);
    Some(i128::from_be_bytes(wide))
}

/// The decimal `unscaled * 10^-from` as an unscaled value at scale `to`.
pub fn rescale(unscaled: &[u8], from: i32, to: u8) -> DecimalRead {
    match to_i128(unscaled) {
        Some(0) => DecimalRead::Exact(0),
        Some(value) => rescale_small(value, i64::from(to) - i64::from(from)),
        None => rescale_large(trimmed(unscaled), i64::from(to) - i64::from(from)),
    }
}

/// Plain decimal text such as `-12.34`, exact; none where it would be longer than some thousand characters.
pub fn to_text(unscaled: &[u8], scale: i32) -> Option<String> {
    let bytes = trimmed(unscaled);
    if bytes.len() > BYTES_MAX || scale.unsigned_abs() as usize > 2 * BYTES_MAX {
        return None;
    }
    let (sign, digits) = match to_i128(bytes) {
        Some(value) => (value < 0, value.unsigned_abs().to_string()),
        None => {
            let value = BigInt::from_signed_bytes_be(bytes);
            (value.sign() == Sign::Minus, value.magnitude().to_string())
        }
    };
    let sign = if sign { "-" } else { "" };
    let Ok(scale) = usize::try_from(scale) else {
        let zeros = if digits == "0" { 0 } else { scale.unsigned_abs() as usize };
        return Some(format!("{sign}{digits}{}", "0".repeat(zeros)));
    };
    if scale == 0 {
        return Some(format!("{sign}{digits}"));
    }
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    Some(format!("{sign}{whole}.{fraction}"))
}

fn rescale_small(mut value: i128, mut shift: i64) -> DecimalRead {
    while shift < 0 {
        if value % 10 != 0 {
            return DecimalRead::Inexact;
        }
        value /= 10;
        shift += 1;
    }
    while shift > 0 {
        match value.checked_mul(10) {
            Some(larger) => value = larger,
            None => return DecimalRead::TooLarge,
        }
        shift -= 1;
    }
    DecimalRead::Exact(value)
}

/// For values past 128 bits, so never zero: only dividing can bring them back.
fn rescale_large(bytes: &[u8], shift: i64) -> DecimalRead {
    let Ok(places) = u32::try_from(-shift) else {
        return DecimalRead::TooLarge;
    };
    if bytes.len() > BYTES_MAX {
        return DecimalRead::TooLarge;
    }
    // 8 bits are fewer than 2.5 decimal digits, so past that the quotient cannot be whole.
    if u64::from(places) > bytes.len() as u64 * 5 / 2 {
        return DecimalRead::Inexact;
    }
    let value = BigInt::from_signed_bytes_be(bytes);
    let divisor = BigInt::from(10).pow(places);
    if (&value % &divisor).sign() != Sign::NoSign {
        return DecimalRead::Inexact;
    }
    i128::try_from(value / divisor).map_or(DecimalRead::TooLarge, DecimalRead::Exact)
}

/// Without bytes that only repeat the sign.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [first @ (0 | 0xff), second, ..] = rest
        && (*first ^ *second) & 0x80 == 0
    {
        rest = &rest[1..];
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_past_128_bits_come_back_when_zeros_go() {
        let large = (BigInt::from(12_345) * BigInt::from(10).pow(60)).to_signed_bytes_be();
        assert_eq!(rescale(&large, 62, 2), DecimalRead::Exact(12_345));
        assert_eq!(rescale(&large, 63, 1), DecimalRead::Inexact);
        assert_eq!(rescale(&large, 0, 0), DecimalRead::TooLarge);
        assert_eq!(rescale(&large, i32::MAX, 0), DecimalRead::Inexact);
        assert_eq!(rescale(&large, i32::MIN, 38), DecimalRead::TooLarge);
        assert_eq!(rescale(&[1], i32::MIN, 38), DecimalRead::TooLarge);
        assert_eq!(rescale(&[0, 0], i32::MIN, 38), DecimalRead::Exact(0));
    }

    #[test]
    fn text_is_plain() {
        assert_eq!(to_text(&[0xfb, 0x2e], 2).as_deref(), Some("-12.34"));
        assert_eq!(to_text(&[5], 3).as_deref(), Some("0.005"));
        assert_eq!(to_text(&[5], -3).as_deref(), Some("5000"));
        assert_eq!(to_text(&[0], -3).as_deref(), Some("0"));
        assert_eq!(to_text(&[1], i32::MAX), None);
    }

    proptest! {
        #[test]
        fn bytes_are_those_of_the_referee(value in any::<i128>(), extra in 0_usize..3) {
            let mut bytes = vec![if value < 0 { 0xff } else { 0 }; extra];
            bytes.extend(BigInt::from(value).to_signed_bytes_be());
            prop_assert_eq!(to_i128(&bytes), Some(value));
            prop_assert_eq!(rescale(&bytes, 4, 4), DecimalRead::Exact(value));
        }

        #[test]
        fn rescaling_is_exact_or_says_so(value in any::<i64>(), from in 0_i32..12, to in 0_u8..12) {
            let bytes = BigInt::from(value).to_signed_bytes_be();
            let shifted = i128::from(value) * 10_i128.pow(u32::from(to));
            let divisor = 10_i128.pow(from.unsigned_abs());
            let expected = if shifted % divisor == 0 { DecimalRead::Exact(shifted / divisor) } else { DecimalRead::Inexact };
            prop_assert_eq!(rescale(&bytes, from, to), expected);
        }
    }
}
