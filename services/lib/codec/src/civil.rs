//! Dates and times as text, in the forms that Kafka Connect and Debezium write: ISO 8601 extended format in the proleptic Gregorian
//! calendar with an astronomical year (year 0 is 1 BC), a sign where the year has more or fewer than four digits.

/// Microseconds of a day.
pub const DAY_MICROS: i64 = 86_400_000_000;

/// A point on the time line without a limit of microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instant {
    /// Since 1970-01-01T00:00:00Z, rounded down.
    pub seconds: i64,
    /// Within the second.
    pub nanos: u32,
}

/// Days from 1970-01-01 to a date, which must exist.
pub fn days(year: i64, month: u32, day: u32) -> i64 {
    // Years begin in March here, so that the leap day is the last one.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * i64::from((month + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// `2024-02-29`, with an optional zone (`Z` or `+01:00`) that a date has no use for. Days since 1970-01-01.
pub fn parse_date(text: &str) -> Option<i64> {
    let mut at = Cursor { rest: text.as_bytes() };
    let days = at.date()?;
    if !at.rest.is_empty() {
        at.zone()?;
    }
    at.rest.is_empty().then_some(days)
}

/// `13:14:15`, `13:14:15.123456Z`, `13:14:15+05:30`. Nanoseconds since midnight; with a zone, of the time in UTC.
pub fn parse_time(text: &str) -> Option<i64> {
    let mut at = Cursor { rest: text.as_bytes() };
    let (seconds, nanos) = at.time()?;
    let offset = if at.rest.is_empty() { 0 } else { at.zone()? };
    at.rest
        .is_empty()
        .then_some((seconds - offset).rem_euclid(86_400) * 1_000_000_000 + i64::from(nanos))
}

/// `2024-02-29T13:14:15.123456Z`; a zone may be left out, which then means UTC.
pub fn parse_instant(text: &str) -> Option<Instant> {
    let mut at = Cursor { rest: text.as_bytes() };
    let days = at.date()?;
    at.one_of(b"Tt ")?;
    let (seconds, nanos) = at.time()?;
    let offset = if at.rest.is_empty() { 0 } else { at.zone()? };
    at.rest.is_empty().then_some(Instant {
        seconds: days * 86_400 + seconds - offset,
        nanos,
    })
}

struct Cursor<'t> {
    rest: &'t [u8],
}

// === impl Cursor ===

impl Cursor<'_> {
    fn one_of(&mut self, allowed: &[u8]) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        allowed.contains(first).then(|| self.rest = rest)?;
        Some(*first)
    }

    fn number(&mut self, fewest: usize, most: usize) -> Option<i64> {
        let count = self.rest.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
        if count < fewest {
            return None;
        }
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        Some(digits.iter().fold(0, |value, byte| value * 10 + i64::from(byte - b'0')))
    }

    fn date(&mut self) -> Option<i64> {
        let sign = self.one_of(b"+-");
        let year = self.number(4, if sign.is_some() { 9 } else { 4 })?;
        let year = if sign == Some(b'-') { -year } else { year };
        self.one_of(b"-")?;
        let month = self.number(2, 2)?;
        self.one_of(b"-")?;
        let day = self.number(2, 2)?;
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let last = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return None,
        };
        (1..=last).contains(&day).then(|| days(year, month as u32, day as u32))
    }

    /// Seconds may be left out, as Java does when they are zero.
    fn time(&mut self) -> Option<(i64, u32)> {
        let hour = self.number(2, 2)?;
        self.one_of(b":")?;
        let minute = self.number(2, 2)?;
        let mut second = 0;
        let mut nanos = 0;
        if self.one_of(b":").is_some() {
            second = self.number(2, 2)?;
            if self.one_of(b".").is_some() {
                let before = self.rest.len();
                let digits = self.number(1, 9)?;
                nanos = digits * 10_i64.pow(9 - (before - self.rest.len()) as u32);
            }
        }
        (hour < 24 && minute < 60 && second < 60).then_some((hour * 3600 + minute * 60 + second, nanos as u32))
    }

    /// Seconds east of UTC.
    fn zone(&mut self) -> Option<i64> {
        let sign = self.one_of(b"Zz+-")?;
        if matches!(sign, b'Z' | b'z') {
            return Some(0);
        }
        let hours = self.number(2, 2)?;
        let minutes = if self.one_of(b":").is_some() { self.number(2, 2)? } else { 0 };
        let size = (hours < 24 && minutes < 60).then_some(hours * 3600 + minutes * 60)?;
        Some(if sign == b'-' { -size } else { size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms_that_debezium_writes() {
        assert_eq!(parse_date("2024-02-29Z"), Some(19_782));
        assert_eq!(parse_date("1969-12-31Z"), Some(-1));
        assert_eq!(parse_date("0001-01-01Z"), Some(-719_162));
        assert_eq!(parse_date("+5877611-06-21Z"), Some(2_146_033_979));
        assert_eq!(parse_time("07:44:15.123456Z"), Some(27_855_123_456_000));
        assert_eq!(parse_time("01:00:00+05:30"), Some(70_200_000_000_000));
        assert_eq!(
            parse_instant("1969-12-31T23:59:59.999999Z"),
            Some(Instant {
                seconds: -1,
                nanos: 999_999_000
            })
        );
        assert_eq!(
            parse_instant("+292278994-08-16T23:00:00Z"),
            Some(Instant {
                seconds: 9_223_372_036_825_200,
                nanos: 0
            })
        );
        assert_eq!(
            parse_instant("-292275055-05-16T23:00:00Z"),
            Some(Instant {
                seconds: -9_223_372_036_832_400,
                nanos: 0
            })
        );
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2024-02-30",
            "2023-02-29",
            "24-01-01",
            "2024-1-01",
            "2024-13-01",
            "2024-01-01X",
            "20240101",
            "12024-01-01",
            "2024-00-00",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
        for text in [
            "24:00:00",
            "23:60:00",
            "23:59:60",
            "1:00:00",
            "12:00:00.",
            "12:00:00.1234567890",
            "12:00:00+24:00",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
        for text in ["2024-01-01", "2024-01-01T", "2024-01-01T00:00:00ZZ", "2024-01-01T25:00:00Z"] {
            assert_eq!(parse_instant(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn days_are_those_of_the_referee(year in -9000_i16..9000, month in 1_i8..=12, day in 1_i8..=28) {
            let date = jiff::civil::date(year, month, day);
            let epoch = jiff::civil::date(1970, 1, 1);
            let referee = i64::from((date - epoch).get_days());
            prop_assert_eq!(days(i64::from(year), month as u32, day as u32), referee);
        }

        #[test]
        fn instants_are_those_of_the_referee(seconds in -60_000_000_000_i64..200_000_000_000, nanos in 0_i32..1_000_000_000) {
            let stamp = jiff::Timestamp::new(seconds, nanos);
            prop_assume!(stamp.is_ok());
            let stamp = stamp.unwrap();
            let read = parse_instant(&stamp.to_string());
            let whole = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
            prop_assert_eq!(read.map(|at| i128::from(at.seconds) * 1_000_000_000 + i128::from(at.nanos)), Some(whole));
        }

        #[test]
        fn no_text_is_a_fault_of_ours(text in "\\PC{0,40}") {
            let _ = (parse_date(&text), parse_time(&text), parse_instant(&text));
        }
    }
}
