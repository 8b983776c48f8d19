//! Civil dates and times as contracts write them, strictly: nothing is clamped or guessed.

/// A date and time of day as it was written. Parts that the text did not have are those of 1970-01-01T00:00:00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Civil {
    /// Year, proleptic Gregorian, -9999..=9999.
    pub year: i32,
    /// Month, 1..=12.
    pub month: u8,
    /// Day, 1..=31, one that the month has.
    pub day: u8,
    /// Hour, 0..=23.
    pub hour: u8,
    /// Minute, 0..=59.
    pub minute: u8,
    /// Second, 0..=59; a leap second is not a civil second.
    pub second: u8,
    /// Nanoseconds, 0..=999_999_999.
    pub nanos: u32,
    /// Seconds east of UTC, where the text said so.
    pub offset_seconds: Option<i32>,
}

// === impl Civil ===

impl Civil {
    /// The parts that a text leaves out.
    pub const EPOCH: Civil = Civil {
        year: 1970,
        month: 1,
        day: 1,
        hour: 0,
        minute: 0,
        second: 0,
        nanos: 0,
        offset_seconds: None,
    };

    /// The same value, if such a day and time exist.
    pub fn checked(self) -> Option<Civil> {
        let day_exists = (1..=12).contains(&self.month) && self.day >= 1 && self.day <= days_of_month(self.year, self.month);
        let time_exists = self.hour < 24 && self.minute < 60 && self.second < 60 && self.nanos < 1_000_000_000;
        let offset_exists = self.offset_seconds.is_none_or(|offset| offset.abs() <= 18 * 3600);
        let year_exists = (-9999..=9999).contains(&self.year);
        (day_exists && time_exists && offset_exists && year_exists).then_some(self)
    }

    /// Days since 1970-01-01.
    pub fn epoch_days(&self) -> i32 {
        // Years are counted from March, so that the leap day is the last of its year; 400 years have 146,097 days.
        let year = if self.month > 2 { self.year } else { self.year - 1 };
        let month = (i32::from(self.month) + 9) % 12;
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = (153 * month + 2) / 5 + i32::from(self.day) - 1;
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }

    /// Nanoseconds since midnight.
    pub fn nanos_of_day(&self) -> u64 {
        let seconds = u64::from(self.hour) * 3600 + u64::from(self.minute) * 60 + u64::from(self.second);
        seconds * 1_000_000_000 + u64::from(self.nanos)
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z; a value without an offset is taken at `default_offset` seconds east of UTC.
    pub fn epoch_nanos(&self, default_offset: i32) -> i128 {
        let offset = self.offset_seconds.unwrap_or(default_offset);
        let seconds = i128::from(self.epoch_days()) * 86_400 - i128::from(offset);
        seconds * 1_000_000_000 + i128::from(self.nanos_of_day())
    }

    /// ISO 8601 calendar date in extended form, `2026-11-21`.
    pub fn from_iso_date(text: &str) -> Option<Civil> {
        let mut rest = text.as_bytes();
        let civil = iso_date(&mut rest, Civil::EPOCH)?;
        if rest.is_empty() { civil.checked() } else { None }
    }

    /// ISO 8601 time of day, `08:15`, `08:15:30`, `08:15:30.123456789`, with or without an offset.
    pub fn from_iso_time(text: &str) -> Option<Civil> {
        let mut rest = text.as_bytes();
        let civil = iso_time(&mut rest, Civil::EPOCH)?;
        if rest.is_empty() { civil.checked() } else { None }
    }

    /// RFC 3339 date-time; the offset may be missing (`offset_seconds` says so), a blank may stand for the `T`.
    pub fn from_iso_timestamp(text: &str) -> Option<Civil> {
        let mut rest = text.as_bytes();
        let civil = iso_date(&mut rest, Civil::EPOCH)?;
        let [b'T' | b't' | b' ', after @ ..] = rest else { return None };
        rest = after;
        let civil = iso_time(&mut rest, civil)?;
        if rest.is_empty() { civil.checked() } else { None }
    }
}

/// Seconds east of UTC of a zone that never changes: UTC and its names, `±HH[:MM]` (with or without `UTC` or `GMT` before it), and
/// `Etc/GMT±H`, whose sign is turned around as in the time zone database. None for zones with daylight saving or a history.
pub fn fixed_offset(zone: &str) -> Option<i32> {
    if matches!(
        zone.to_ascii_uppercase().as_str(),
        "Z" | "UTC" | "GMT" | "UCT" | "ETC/UTC" | "ETC/GMT" | "ETC/UCT" | "ETC/ZULU" | "ZULU"
    ) {
        return Some(0);
    }
    if let Some(hours) = zone.strip_prefix("Etc/GMT") {
        let (sign, digits) = hours.split_at_checked(1)?;
        let hours: i32 = digits.parse().ok().filter(|hours| (0..=14).contains(hours))?;
        let starts_with_digit = digits.starts_with(|c: char| c.is_ascii_digit());
        return match sign {
            "+" if starts_with_digit && hours <= 12 => Some(-hours * 3600),
            "-" if starts_with_digit => Some(hours * 3600),
            _ => None,
        };
    }
    let offset = zone.strip_prefix("UTC").or_else(|| zone.strip_prefix("GMT")).unwrap_or(zone);
    let mut rest = offset.as_bytes();
    let seconds = iso_offset(&mut rest)?;
    (rest.is_empty() && !matches!(offset, "Z" | "z")).then_some(seconds)
}

fn days_of_month(year: i32, month: u8) -> u8 {
    let leap = year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Exactly `count` digits.
pub(crate) fn digits(rest: &mut &[u8], count: usize) -> Option<u32> {
    let (number, after) = rest.split_at_checked(count)?;
    let mut value = 0u32;
    for byte in number {
        value = value
            .checked_mul(10)?
            .checked_add(u32::from(byte.is_ascii_digit().then(|| byte - b'0')?))?;
    }
    *rest = after;
    Some(value)
}

/// Exactly two digits.
pub(crate) fn two_digits(rest: &mut &[u8]) -> Option<u8> {
    digits(rest, 2).and_then(|value| u8::try_from(value).ok())
}

/// Takes `byte` if it comes next.
pub(crate) fn skip(rest: &mut &[u8], byte: u8) -> Option<()> {
    let (first, after) = rest.split_first()?;
    if *first != byte {
        return None;
    }
    *rest = after;
    Some(())
}

fn iso_date(rest: &mut &[u8], civil: Civil) -> Option<Civil> {
    let year = i32::try_from(digits(rest, 4)?).ok()?;
    skip(rest, b'-')?;
    let month = two_digits(rest)?;
    skip(rest, b'-')?;
    Some(Civil {
        year,
        month,
        day: two_digits(rest)?,
        ..civil
    })
}

fn iso_time(rest: &mut &[u8], civil: Civil) -> Option<Civil> {
    let hour = two_digits(rest)?;
    skip(rest, b':')?;
    let mut civil = Civil {
        hour,
        minute: two_digits(rest)?,
        ..civil
    };
    if skip(rest, b':').is_some() {
        civil.second = two_digits(rest)?;
        if skip(rest, b'.').is_some() {
            let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if !(1..=9).contains(&count) {
                return None;
            }
            let missing = u32::try_from(9 - count).ok()?;
            civil.nanos = digits(rest, count)? * 10u32.pow(missing);
        }
    }
    if !rest.is_empty() {
        civil.offset_seconds = Some(iso_offset(rest)?);
    }
    Some(civil)
}

/// `Z`, `±HH:MM`, `±HHMM` or `±HH`.
fn iso_offset(rest: &mut &[u8]) -> Option<i32> {
    if skip(rest, b'Z').is_some() || skip(rest, b'z').is_some() {
        return Some(0);
    }
    let sign = offset_sign(rest)?;
    let hours = two_digits(rest)?;
    let mut minutes = 0;
    if skip(rest, b':').is_some() || !rest.is_empty() {
        minutes = two_digits(rest)?;
    }
    offset_seconds(sign, hours, minutes)
}

pub(crate) fn offset_sign(rest: &mut &[u8]) -> Option<i32> {
    if skip(rest, b'+').is_some() {
        Some(1)
    } else {
        skip(rest, b'-').map(|()| -1)
    }
}

pub(crate) fn offset_seconds(sign: i32, hours: u8, minutes: u8) -> Option<i32> {
    let seconds = i32::from(hours) * 3600 + i32::from(minutes) * 60;
    (minutes < 60 && seconds <= 18 * 3600).then_some(sign * seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_agree_with_jiff_over_eight_centuries() {
        let mut day = jiff::civil::date(1600, 1, 1);
        let epoch = jiff::civil::date(1970, 1, 1);
        while day.year() < 2400 {
            let civil = Civil::from_iso_date(&day.to_string()).unwrap();
            assert_eq!(i64::from(civil.epoch_days()), (day - epoch).get_days() as i64, "{day}");
            day = day.tomorrow().unwrap();
        }
    }

    #[test]
    fn timestamps_are_strict() {
        let instant = |text| Civil::from_iso_timestamp(text).map(|civil| civil.epoch_nanos(0));
        assert_eq!(instant("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(instant("1970-01-01T02:00:00+02:00"), Some(0));
        assert_eq!(instant("1969-12-31 23:59:59.999999999Z"), Some(-1));
        assert_eq!(instant("2026-11-21T08:15:30.5"), Some(1_795_248_930_500_000_000));
        for bad in [
            "2026-02-29T00:00:00Z",
            "2026-01-01",
            "2026-01-01T24:00:00Z",
            "2026-01-01T23:59:60Z",
            "2026-1-1T00:00:00Z",
            "2026-01-01T00:00:00+19:00",
        ] {
            assert_eq!(instant(bad), None, "{bad}");
        }
        assert!(Civil::from_iso_date("2024-02-29").is_some() && Civil::from_iso_date("1900-02-29").is_none());
        assert_eq!(
            Civil::from_iso_time("08:15:30.001").map(|civil| civil.nanos_of_day()),
            Some(29_730_001_000_000)
        );
    }

    #[test]
    fn fixed_zones() {
        for (zone, offset) in [
            ("Etc/UTC", 0),
            ("UTC", 0),
            ("Z", 0),
            ("+02:00", 7200),
            ("-0330", -12_600),
            ("UTC+1", -1),
            ("Etc/GMT-2", 7200),
            ("GMT+02", 7200),
        ] {
            let expected = if zone == "UTC+1" { None } else { Some(offset) };
            assert_eq!(fixed_offset(zone), expected, "{zone}");
        }
        for zone in ["Europe/Berlin", "", "Etc/GMT", "Etc/GMT++2", "Etc/GMT+13", "EST"] {
            assert_eq!(fixed_offset(zone), (zone == "Etc/GMT").then_some(0), "{zone}");
        }
    }
}
