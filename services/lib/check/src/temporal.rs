//! Dates, times and instants as text, read strictly: RFC 3339 section 5.6 and ISO 8601 extended forms, nothing rounded.

use std::fmt::Write as _;

/// Microseconds of a day.
pub(crate) const DAY_MICROS: i64 = 86_400_000_000;

/// Text that is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Not the form, or a day that does not exist.
    Form,
    /// The form, finer than a microsecond or past the years that fit.
    Range,
}

/// Days since 1970-01-01 of a proleptic Gregorian date that exists.
pub(crate) fn days(year: i32, month: u32, day: u32) -> Option<i32> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if day == 0 || day > length {
        return None;
    }
    // March-based years put the leap day last, so that month lengths follow one formula.
    let shifted = i64::from(year) - i64::from(month <= 2);
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let month_index = (i64::from(month) + 9) % 12;
    let of_year = (153 * month_index + 2) / 5 + i64::from(day) - 1;
    let of_era_days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    i32::try_from(era * 146_097 + of_era_days - 719_468).ok()
}

/// `2026-11-21`.
pub(crate) fn date(text: &str) -> Result<i32, Unread> {
    let (value, rest) = date_prefix(text.as_bytes())?;
    if rest.is_empty() { Ok(value) } else { Err(Unread::Form) }
}

/// `08:15:30` or `08:15:30.123456`, seconds needed.
pub(crate) fn time(text: &str) -> Result<i64, Unread> {
    let (value, rest) = time_prefix(text.as_bytes())?;
    if rest.is_empty() { Ok(value) } else { Err(Unread::Form) }
}

/// RFC 3339 `2026-11-21T08:15:30.5+01:00`; without an offset only where one is assumed (seconds east of UTC).
pub(crate) fn instant(text: &str, assumed_offset: Option<i32>) -> Result<i64, Unread> {
    let (local, rest) = local_prefix(text.as_bytes())?;
    let offset = match rest {
        [b'Z' | b'z'] => 0,
        [] => i64::from(assumed_offset.ok_or(Unread::Form)?),
        [sign @ (b'+' | b'-'), hours @ .., b':', m1, m2] => {
            let [h1, h2] = hours else { return Err(Unread::Form) };
            let (hours, minutes) = (two(*h1, *h2)?, two(*m1, *m2)?);
            if hours > 23 || minutes > 59 {
                return Err(Unread::Form);
            }
            let seconds = i64::from(hours * 3600 + minutes * 60);
            if *sign == b'-' { -seconds } else { seconds }
        }
        _ => return Err(Unread::Form),
    };
    Ok(local - offset * 1_000_000)
}

/// As [`instant`] for the form that nearly every writer uses: in UTC, with `T` and `Z`, and at most six digits of a second. None for
/// everything else, valid or not.
#[inline]
pub(crate) fn plain_instant(text: &[u8]) -> Option<i64> {
    let (clock, rest) = text.split_first_chunk::<19>()?;
    // Digits become their values and marks zero; anything else has or gets its highest bit.
    let eight = |at: usize, form: &[u8; 8], most: &[u8; 8]| {
        let part = clock[at..at + 8].first_chunk().map_or(0, |part| u64::from_le_bytes(*part));
        let values = part ^ u64::from_le_bytes(*form);
        let wrong = (values.wrapping_add(u64::from_le_bytes(*most)) | values) & 0x8080_8080_8080_8080;
        (values, wrong)
    };
    let (date, wrong_date) = eight(0, b"0000-00-", b"vvvv\x7fvv\x7f");
    let (middle, wrong_middle) = eight(5, b"00-00T00", b"vv\x7fvv\x7fvv");
    let (time, wrong_time) = eight(11, b"00:00:00", b"vv\x7fvv\x7fvv");
    if wrong_date | wrong_middle | wrong_time != 0 {
        return None;
    }
    // Each byte with the one behind it as a number of two digits; at most 99, so nothing flows over.
    let pairs = |values: u64| values.wrapping_mul(10).wrapping_add(values >> 8);
    let at = |pairs: u64, byte: u32| (pairs >> (8 * byte)) as u32 & 0xff;
    let (date, middle, time) = (pairs(date), pairs(middle), pairs(time));
    let (year, month, day) = (at(date, 0) * 100 + at(date, 2), at(middle, 0), at(middle, 3));
    let (hour, minute, second) = (at(time, 0), at(time, 3), at(time, 6));
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let micros = match rest {
        [b'Z'] => 0,
        [b'.', a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', b'Z'] => {
            (u32::from(a - b'0') * 100 + u32::from(b - b'0') * 10 + u32::from(c - b'0')) * 1000
        }
        [b'.', fraction @ .., b'Z'] if (1..=6).contains(&fraction.len()) => {
            let mut micros = 0;
            let mut unit = 100_000;
            for byte in fraction {
                let digit = byte.wrapping_sub(b'0');
                if digit > 9 {
                    return None;
                }
                micros += u32::from(digit) * unit;
                unit /= 10;
            }
            micros
        }
        _ => return None,
    };
    let days = plain_days(year, month, day)?;
    let seconds = i64::from(days) * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    Some(seconds * 1_000_000 + i64::from(micros))
}

/// As [`days`] for years of four digits.
#[inline]
fn plain_days(year: u32, month: u32, day: u32) -> Option<i32> {
    /// Days of a month and days in front of it, in a year that begins with March, so that the leap day is the last one.
    const MONTHS: [(u32, u32); 16] = [
        (0, 0),
        (31, 306),
        (29, 337),
        (31, 0),
        (30, 31),
        (31, 61),
        (30, 92),
        (31, 122),
        (31, 153),
        (30, 184),
        (31, 214),
        (30, 245),
        (31, 275),
        (0, 0),
        (0, 0),
        (0, 0),
    ];
    let (length, before) = MONTHS[month as usize & 15];
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    if month > 12 || day.wrapping_sub(1) >= length || (day == 29 && month == 2 && !leap) {
        return None;
    }
    // One era more, so that January of the year 0 stays above zero.
    let year = year + 400 - u32::from(month <= 2);
    let days = year * 365 + year / 4 - year / 100 + year / 400 + before + day - 1;
    Some(days.cast_signed() - 719_468 - 146_097)
}

/// `2026-11-21T08:15:30.5`, no offset allowed.
pub(crate) fn local(text: &str) -> Result<i64, Unread> {
    let (value, rest) = local_prefix(text.as_bytes())?;
    if rest.is_empty() { Ok(value) } else { Err(Unread::Form) }
}

/// Year, month, day of days since 1970-01-01.
fn civil(days: i32) -> (i64, i64, i64) {
    let shifted = i64::from(days) + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// ISO 8601; years past 9999 carry a sign.
pub(crate) fn write_date(out: &mut String, days: i32) {
    let (year, month, day) = civil(days);
    let _ = if (0..=9999).contains(&year) {
        write!(out, "{year:04}-{month:02}-{day:02}")
    } else {
        write!(out, "{year:+05}-{month:02}-{day:02}")
    };
}

/// ISO 8601 with six digits where there is a fraction.
pub(crate) fn write_time(out: &mut String, micros: i64) {
    let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let _ = write!(out, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction != 0 {
        let _ = write!(out, ".{fraction:06}");
    }
}

/// RFC 3339 in UTC.
pub(crate) fn write_timestamp(out: &mut String, micros: i64) {
    let day = micros.div_euclid(DAY_MICROS);
    write_date(out, i32::try_from(day).expect("an i64 of microseconds is at most 107 million days"));
    out.push('T');
    write_time(out, micros.rem_euclid(DAY_MICROS));
    out.push('Z');
}

fn local_prefix(text: &[u8]) -> Result<(i64, &[u8]), Unread> {
    let (day, rest) = date_prefix(text)?;
    let [b'T' | b't' | b' ', rest @ ..] = rest else {
        return Err(Unread::Form);
    };
    let (micros, rest) = time_prefix(rest)?;
    Ok((i64::from(day) * DAY_MICROS + micros, rest))
}

fn date_prefix(text: &[u8]) -> Result<(i32, &[u8]), Unread> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, rest @ ..] = text else {
        return Err(Unread::Form);
    };
    let year = two(*y1, *y2)? * 100 + two(*y3, *y4)?;
    let year = i32::try_from(year).map_err(|_| Unread::Form)?;
    let value = days(year, two(*m1, *m2)?, two(*d1, *d2)?).ok_or(Unread::Form)?;
    Ok((value, rest))
}

fn time_prefix(text: &[u8]) -> Result<(i64, &[u8]), Unread> {
    let [h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] = text else {
        return Err(Unread::Form);
    };
    let (hour, minute, second) = (two(*h1, *h2)?, two(*m1, *m2)?, two(*s1, *s2)?);
    if hour > 23 || minute > 59 || second > 59 {
        return Err(Unread::Form);
    }
    let mut micros = i64::from(hour * 3600 + minute * 60 + second) * 1_000_000;
    let [b'.', fraction @ ..] = rest else { return Ok((micros, rest)) };
    let length = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return Err(Unread::Form);
    }
    let mut unit = 100_000;
    for (at, digit) in fraction[..length].iter().enumerate() {
        let digit = i64::from(digit - b'0');
        if at >= 6 && digit != 0 {
            return Err(Unread::Range);
        }
        micros += digit * unit;
        unit /= 10;
    }
    Ok((micros, &fraction[length..]))
}

fn two(tens: u8, ones: u8) -> Result<u32, Unread> {
    if tens.is_ascii_digit() && ones.is_ascii_digit() {
        Ok(u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
    } else {
        Err(Unread::Form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(date("1970-01-01"), Ok(0));
        assert_eq!(date("1969-12-31"), Ok(-1));
        assert_eq!(date("2000-02-29"), Ok(11_016));
        assert_eq!(date("0001-01-01"), Ok(-719_162));
        for text in [
            "1900-02-29",
            "2024-13-01",
            "2024-00-01",
            "2024-1-1",
            "2024-01-01x",
            "20240101",
            "",
            "+2024-01-01",
            "2024-04-31",
        ] {
            assert_eq!(date(text), Err(Unread::Form), "{text}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        let mut out = String::new();
        for day in (-719_528..2_932_896).step_by(97) {
            out.clear();
            write_date(&mut out, day);
            assert_eq!(date(&out), Ok(day), "{out}");
        }
        for micros in [0, -1, 1_795_240_699_203_001, i64::from(i32::MAX) * 1_000_000] {
            out.clear();
            write_timestamp(&mut out, micros);
            assert_eq!(instant(&out, None), Ok(micros), "{out}");
        }
    }

    #[test]
    fn days_of_plain_years() {
        for year in (0..10_000).filter(|year| year % 7 == 0 || year % 100 < 5) {
            for month in 0..15 {
                for day in 0..33 {
                    assert_eq!(
                        plain_days(year, month, day),
                        days(year.cast_signed(), month, day),
                        "{year}-{month}-{day}"
                    );
                }
            }
        }
    }

    #[test]
    fn instants() {
        assert_eq!(instant("1970-01-01T00:00:00Z", None), Ok(0));
        assert_eq!(instant("1970-01-01T01:00:00.000001+01:00", None), Ok(1));
        assert_eq!(instant("1969-12-31T23:59:59.5z", None), Ok(-500_000));
        assert_eq!(instant("1970-01-01T00:00:00", Some(0)), Ok(0));
        assert_eq!(instant("1970-01-01T00:00:00", None), Err(Unread::Form));
        assert_eq!(instant("1970-01-01T00:00:00.0000001Z", None), Err(Unread::Range));
        assert_eq!(instant("1970-01-01T00:00:00.123456000Z", None), Ok(123_456));
        for text in [
            "1970-01-01",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:00:60Z",
            "1970-01-01T00:00Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00+0100",
            "20.6-04-23T04:17:30.501Z",
            "1970-01-01T00:00:00+24:00",
        ] {
            assert_eq!(instant(text, None), Err(Unread::Form), "{text}");
        }
        for text in [
            "2026-11-21T08:15:30Z",
            "2024-02-29T23:59:59.5Z",
            "0000-01-01T00:00:00.000001Z",
            "9999-12-31T23:59:59.999999Z",
        ] {
            assert_eq!(plain_instant(text.as_bytes()), instant(text, None).ok(), "{text}");
        }
        for text in [
            "2023-02-29T00:00:00Z",
            "2026-11-21T08:15:30",
            "2026-11-21T08:15:30.Z",
            "2026-11-21T08:15:30.1x3Z",
            "2026-11-21T24:15:30Z",
            "2026-11-2/T08:15:30Z",
        ] {
            assert_eq!(plain_instant(text.as_bytes()), None, "{text}");
            assert!(instant(text, None).is_err(), "{text}");
        }
        assert_eq!(local("1970-01-01T00:00:01"), Ok(1_000_000));
        assert_eq!(local("1970-01-01T00:00:01Z"), Err(Unread::Form));
        assert_eq!(time("23:59:59.999999"), Ok(DAY_MICROS - 1));
        assert_eq!(time("24:00:00"), Err(Unread::Form));
    }
}
