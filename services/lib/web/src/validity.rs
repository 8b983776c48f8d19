//! The end of an X.509 certificate (RFC 5280, section 4.1), and nothing else of it.

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0]`, constructed: the version.
const VERSION: u8 = 0xa0;

/// `notAfter` in seconds since 1970. None: it is no certificate.
pub(crate) fn not_after(certificate: &[u8]) -> Option<i64> {
    let (SEQUENCE, whole, _) = element(certificate)? else { return None };
    let (SEQUENCE, mut rest, _) = element(whole)? else { return None };
    let (tag, _, after) = element(rest)?;
    if tag == VERSION {
        rest = after;
    }
    // serialNumber, signature, issuer, then validity.
    for expected in [INTEGER, SEQUENCE, SEQUENCE] {
        let (tag, _, after) = element(rest)?;
        if tag != expected {
            return None;
        }
        rest = after;
    }
    let (SEQUENCE, validity, _) = element(rest)? else { return None };
    let (_, _, rest) = element(validity)?;
    let (tag, text, _) = element(rest)?;
    time(tag, std::str::from_utf8(text).ok()?)
}

/// Tag, content and what follows (X.690, definite lengths).
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 || rest.len() < count {
            return None;
        }
        let (digits, rest) = rest.split_at(count);
        (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
    };
    (rest.len() >= length).then(|| (tag, &rest[..length], &rest[length..]))
}

/// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ`; the RFC allows no other forms.
fn time(tag: u8, text: &str) -> Option<i64> {
    let digits = text.strip_suffix('Z')?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match tag {
        UTC_TIME if digits.len() == 12 => {
            let year: i64 = digits[..2].parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, &digits[2..])
        }
        GENERALIZED_TIME if digits.len() == 14 => (digits[..4].parse().ok()?, &digits[4..]),
        _ => return None,
    };
    let part = |at: usize| rest[at..at + 2].parse::<i64>().ok();
    let (month, day, hour, minute, second) = (part(0)?, part(2)?, part(4)?, part(6)?, part(8)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days since 1970-01-01 in the Gregorian calendar, counted from March so that the leap day comes last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_the_rfc_writes_them() {
        assert_eq!(time(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(time(UTC_TIME, "261122003354Z"), Some(1_795_307_634));
        assert!(time(GENERALIZED_TIME, "20500228000000Z").is_some());
        assert_eq!(time(GENERALIZED_TIME, "20000301000000Z"), Some(951_868_800));
        assert_eq!(time(GENERALIZED_TIME, "20000229000000Z"), Some(951_782_400));
        for wrong in [
            "2611220033Z",
            "261122003354",
            "26112200335+Z",
            "261322003354Z",
            "2611220033540Z",
            "",
        ] {
            assert_eq!(time(UTC_TIME, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn no_bytes_are_a_certificate_by_accident() {
        for bytes in [
            &b""[..],
            b"\x30",
            b"\x30\x80",
            b"\x30\x02\x30\x00",
            b"\x30\x84\xff\xff\xff\xff",
            b"-----BEGIN",
        ] {
            assert_eq!(not_after(bytes), None);
        }
    }

    /// SEQUENCE { SEQUENCE { [0] version, INTEGER, SEQUENCE, SEQUENCE, SEQUENCE { UTCTime, UTCTime } } }, with and without version.
    #[test]
    fn the_end_is_found_behind_what_comes_before() {
        let wrap = |tag: u8, content: &[u8]| [&[tag, u8::try_from(content.len()).unwrap()], content].concat();
        let validity = wrap(
            SEQUENCE,
            &[wrap(UTC_TIME, b"250101000000Z"), wrap(UTC_TIME, b"261122003354Z")].concat(),
        );
        let parts = [wrap(INTEGER, &[1]), wrap(SEQUENCE, &[]), wrap(SEQUENCE, &[]), validity].concat();
        for version in [wrap(VERSION, &wrap(INTEGER, &[2])), Vec::new()] {
            let certificate = wrap(SEQUENCE, &wrap(SEQUENCE, &[version, parts.clone()].concat()));
            assert_eq!(not_after(&certificate), Some(1_795_307_634));
        }
    }
}
