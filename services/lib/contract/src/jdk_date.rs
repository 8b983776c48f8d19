//! Date patterns of the JDK's `DateTimeFormatter`, a listed subset, compiled and strict.
//!
//! Accepted: `yyyy`/`uuuu` (four digits), `yy`/`uu` (2000 to 2099), `M`/`MM`/`MMM`/`MMMM`, `d`/`dd`, `E`…`EEEE`, `H`/`HH`, `h`/`hh` with
//! `a`, `m`/`mm`, `s`/`ss`, `S`…`SSSSSSSSS`, `X`/`XX`/`XXX`, `x`/`xx`/`xxx`, `Z`, quoted text, punctuation, and `[optional]` sections.
//! Names are English. A single letter takes one or two digits. Unlike the JDK's default resolver, a day that the month does not have is
//! refused rather than moved to the last one.

use crate::civil::{self, Civil};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// From the day of 1970-01-01.
const WEEKDAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
const PATTERN_BYTES_MAX: usize = 200;

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatePattern {
    parts: Vec<Part>,
    has: Has,
}

/// What a text of the pattern tells (parts in optional sections do not count).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Has {
    year: bool,
    month: bool,
    day: bool,
    hour: bool,
    half_day: bool,
    clock_hour: bool,
    offset: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(Vec<u8>),
    Year4,
    Year2,
    Number(Field, Width),
    MonthName { short: bool },
    Weekday { short: bool },
    HalfDay,
    Fraction(usize),
    Offset { zulu: bool, style: OffsetStyle },
    Optional(Vec<Part>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Month,
    Day,
    Hour,
    ClockHour,
    Minute,
    Second,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    OneOrTwo,
    Two,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OffsetStyle {
    /// `+HH`, then `MM` if there are minutes.
    Hour,
    /// `+HHMM`.
    Basic,
    /// `+HH:MM`.
    Extended,
}

/// What a text has said so far.
#[derive(Debug, Clone, Copy)]
struct Reading {
    civil: Civil,
    clock_hour: Option<u8>,
    afternoon: Option<bool>,
    weekday: Option<usize>,
}

// === impl DatePattern ===

impl DatePattern {
    /// Compiles a pattern, or says in one sentence what is not accepted and what to write instead.
    pub fn compile(pattern: &str) -> Result<DatePattern, String> {
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(format!("the pattern has more than {PATTERN_BYTES_MAX} bytes"));
        }
        let chars: Vec<char> = pattern.chars().collect();
        let mut has = Has::default();
        let mut at = 0;
        let parts = compile_section(&chars, &mut at, 0, &mut has)?;
        if parts.is_empty() {
            return Err("the pattern is empty".to_owned());
        }
        refuse_numbers_that_run_together(&parts, false)?;
        if has.clock_hour != has.half_day {
            return Err("`h` (1 to 12) and `a` (AM or PM) need each other; write `HH` for 0 to 23".to_owned());
        }
        Ok(DatePattern { parts, has })
    }

    /// Reads a text; none when it does not have the form of the pattern or names a day or time that does not exist.
    pub fn parse(&self, text: &str) -> Option<Civil> {
        let mut rest = text.as_bytes();
        let mut reading = Reading {
            civil: Civil::EPOCH,
            clock_hour: None,
            afternoon: None,
            weekday: None,
        };
        read_all(&self.parts, &mut rest, &mut reading)?;
        if !rest.is_empty() {
            return None;
        }
        if let (Some(hour), Some(afternoon)) = (reading.clock_hour, reading.afternoon) {
            reading.civil.hour = hour % 12 + if afternoon { 12 } else { 0 };
        }
        let civil = reading.civil.checked()?;
        let weekday = WEEKDAYS.len();
        let true_weekday = usize::try_from(civil.epoch_days().rem_euclid(7)).unwrap_or(weekday);
        (reading.weekday.is_none_or(|said| said == true_weekday)).then_some(civil)
    }

    /// Whether every text of the pattern names a day.
    pub fn has_date(&self) -> bool {
        self.has.year && self.has.month && self.has.day
    }

    /// Whether every text of the pattern names an hour.
    pub fn has_time(&self) -> bool {
        self.has.hour || self.has.clock_hour
    }

    /// Whether every text of the pattern names its offset from UTC.
    pub fn has_offset(&self) -> bool {
        self.has.offset
    }
}

fn compile_section(chars: &[char], at: &mut usize, depth: usize, has: &mut Has) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    while let Some(&c) = chars.get(*at) {
        match c {
            '[' => {
                if depth == 4 {
                    return Err("optional sections are nested too deep".to_owned());
                }
                *at += 1;
                let inner = compile_section(chars, at, depth + 1, &mut Has::default())?;
                if chars.get(*at) != Some(&']') {
                    return Err("an optional section `[` is not closed".to_owned());
                }
                *at += 1;
                parts.push(Part::Optional(inner));
            }
            ']' if depth > 0 => return Ok(parts),
            ']' => return Err("`]` closes nothing; quote it as `']'`".to_owned()),
            '\'' => push_literal(&mut parts, &quoted_text(chars, at)?),
            'a'..='z' | 'A'..='Z' => {
                let count = chars[*at..].iter().take_while(|next| **next == c).count();
                *at += count;
                parts.push(letter(c, count, has)?);
            }
            '{' | '}' | '#' => return Err(format!("`{c}` is reserved; quote it")),
            _ => {
                push_literal(&mut parts, &c.to_string());
                *at += 1;
            }
        }
    }
    Ok(parts)
}

fn letter(c: char, count: usize, has: &mut Has) -> Result<Part, String> {
    let number = |field| Ok(Part::Number(field, if count == 1 { Width::OneOrTwo } else { Width::Two }));
    let written = || c.to_string().repeat(count);
    match (c, count) {
        ('y' | 'u', 4) => {
            has.year = true;
            Ok(Part::Year4)
        }
        ('y' | 'u', 2) => {
            has.year = true;
            Ok(Part::Year2)
        }
        ('M' | 'L', 1 | 2) => {
            has.month = true;
            number(Field::Month)
        }
        ('M', 3 | 4) => {
            has.month = true;
            Ok(Part::MonthName { short: count == 3 })
        }
        ('d', 1 | 2) => {
            has.day = true;
            number(Field::Day)
        }
        ('E', 1..=4) => Ok(Part::Weekday { short: count < 4 }),
        ('H', 1 | 2) => {
            has.hour = true;
            number(Field::Hour)
        }
        ('h', 1 | 2) => {
            has.clock_hour = true;
            number(Field::ClockHour)
        }
        ('a', 1) => {
            has.half_day = true;
            Ok(Part::HalfDay)
        }
        ('m', 1 | 2) => number(Field::Minute),
        ('s', 1 | 2) => number(Field::Second),
        ('S', 1..=9) => Ok(Part::Fraction(count)),
        ('X' | 'x', 1..=3) | ('Z', 1..=3) => {
            has.offset = true;
            let style = match (c, count) {
                ('Z', _) | (_, 2) => OffsetStyle::Basic,
                (_, 1) => OffsetStyle::Hour,
                _ => OffsetStyle::Extended,
            };
            Ok(Part::Offset { zulu: c == 'X', style })
        }
        ('Y', _) => Err(format!(
            "`{}` is the week year in the JDK; write `{}`",
            written(),
            "y".repeat(count)
        )),
        ('D', _) => Err(format!("`{}` is the day of the year in the JDK; write `dd`", written())),
        ('y' | 'u', _) => Err(format!("`{}` is not accepted; write `yyyy` or `yy`", written())),
        ('z' | 'V' | 'v' | 'O', _) => Err(format!("`{}` needs the time zone database; write an offset, `XXX`", written())),
        ('n' | 'N' | 'A', _) => Err(format!("`{}` is not accepted; write `SSS` (or more) for a fraction", written())),
        ('k' | 'K', _) => Err(format!("`{}` is not accepted; write `HH`, or `hh` with `a`", written())),
        ('T', 1) => Err("`T` is text; quote it as `'T'`".to_owned()),
        _ => Err(format!("`{}` is not in the accepted subset; quote it if it is text", written())),
    }
}

/// Reads a quoted text; `''` is a quote, inside and outside of one.
fn quoted_text(chars: &[char], at: &mut usize) -> Result<String, String> {
    *at += 1;
    if chars.get(*at) == Some(&'\'') {
        *at += 1;
        return Ok("'".to_owned());
    }
    let mut text = String::new();
    loop {
        match (chars.get(*at), chars.get(*at + 1)) {
            (Some('\''), Some('\'')) => {
                text.push('\'');
                *at += 2;
            }
            (Some('\''), _) => {
                *at += 1;
                return Ok(text);
            }
            (Some(c), _) => {
                text.push(*c);
                *at += 1;
            }
            (None, _) => return Err("a quote is not closed".to_owned()),
        }
    }
}

fn push_literal(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        Some(Part::Literal(bytes)) => bytes.extend_from_slice(text.as_bytes()),
        _ => parts.push(Part::Literal(text.as_bytes().to_vec())),
    }
}

/// A number of one or two digits right before another number would leave open where it ends. Answers whether the parts end in such a one.
fn refuse_numbers_that_run_together(parts: &[Part], mut open: bool) -> Result<bool, String> {
    for part in parts {
        let is_number = matches!(part, Part::Year4 | Part::Year2 | Part::Number(..) | Part::Fraction(_));
        if open && is_number {
            return Err("a single letter is followed by another number, which leaves open where it ends; double the letter".to_owned());
        }
        open = match part {
            Part::Optional(inner) => refuse_numbers_that_run_together(inner, open)? || open,
            Part::Number(_, Width::OneOrTwo) => true,
            _ => false,
        };
    }
    Ok(open)
}

fn read_all(parts: &[Part], rest: &mut &[u8], reading: &mut Reading) -> Option<()> {
    for part in parts {
        if let Part::Optional(inner) = part {
            // As in the JDK: taken if it fits, never reconsidered.
            let (mut attempt, mut so_far) = (*rest, *reading);
            if read_all(inner, &mut attempt, &mut so_far).is_some() {
                (*rest, *reading) = (attempt, so_far);
            }
            continue;
        }
        read(part, rest, reading)?;
    }
    Some(())
}

fn read(part: &Part, rest: &mut &[u8], reading: &mut Reading) -> Option<()> {
    match part {
        Part::Literal(text) => *rest = rest.strip_prefix(text.as_slice())?,
        Part::Year4 => reading.civil.year = i32::try_from(civil::digits(rest, 4)?).ok()?,
        Part::Year2 => reading.civil.year = 2000 + i32::from(civil::two_digits(rest)?),
        Part::Number(field, width) => {
            let value = match width {
                Width::Two => civil::two_digits(rest)?,
                Width::OneOrTwo => one_or_two_digits(rest)?,
            };
            match field {
                Field::Month => reading.civil.month = value,
                Field::Day => reading.civil.day = value,
                Field::Hour => reading.civil.hour = value,
                Field::Minute => reading.civil.minute = value,
                Field::Second => reading.civil.second = value,
                Field::ClockHour if (1..=12).contains(&value) => reading.clock_hour = Some(value),
                Field::ClockHour => return None,
            }
        }
        Part::MonthName { short } => reading.civil.month = u8::try_from(name(rest, &MONTHS, *short)? + 1).ok()?,
        Part::Weekday { short } => reading.weekday = Some(name(rest, &WEEKDAYS, *short)?),
        Part::HalfDay => reading.afternoon = Some(name(rest, &["AM", "PM"], false)? == 1),
        Part::Fraction(count) => {
            let missing = u32::try_from(9 - count).ok()?;
            reading.civil.nanos = civil::digits(rest, *count)? * 10u32.pow(missing);
        }
        Part::Offset { zulu, style } => reading.civil.offset_seconds = Some(offset(rest, *zulu, *style)?),
        Part::Optional(_) => {}
    }
    Some(())
}

fn one_or_two_digits(rest: &mut &[u8]) -> Option<u8> {
    let count = rest.iter().take(2).take_while(|byte| byte.is_ascii_digit()).count();
    civil::digits(rest, count.max(1)).and_then(|value| u8::try_from(value).ok())
}

fn name(rest: &mut &[u8], names: &[&str], short: bool) -> Option<usize> {
    for (index, full) in names.iter().enumerate() {
        let wanted = if short { &full[..3] } else { full };
        if let Some(after) = rest.strip_prefix(wanted.as_bytes()) {
            *rest = after;
            return Some(index);
        }
    }
    None
}

fn offset(rest: &mut &[u8], zulu: bool, style: OffsetStyle) -> Option<i32> {
    if zulu && civil::skip(rest, b'Z').is_some() {
        return Some(0);
    }
    let sign = civil::offset_sign(rest)?;
    let hours = civil::two_digits(rest)?;
    let minutes = match style {
        OffsetStyle::Hour if !rest.first().is_some_and(u8::is_ascii_digit) => 0,
        OffsetStyle::Hour | OffsetStyle::Basic => civil::two_digits(rest)?,
        OffsetStyle::Extended => {
            civil::skip(rest, b':')?;
            civil::two_digits(rest)?
        }
    };
    civil::offset_seconds(sign, hours, minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iso(pattern: &str, text: &str) -> Option<String> {
        let c = DatePattern::compile(pattern).unwrap().parse(text)?;
        let offset = c.offset_seconds.map(|offset| format!(" {offset}")).unwrap_or_default();
        Some(format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{}{offset}",
            c.year, c.month, c.day, c.hour, c.minute, c.second, c.nanos
        ))
    }

    #[test]
    fn reads_what_people_write() {
        for (pattern, text, expected) in [
            ("yyyy-MM-dd", "2026-11-21", "2026-11-21T00:00:00.0"),
            ("yyyyMMdd", "20261121", "2026-11-21T00:00:00.0"),
            ("dd.MM.yy", "21.11.26", "2026-11-21T00:00:00.0"),
            ("d/M/uuuu", "1/2/2026", "2026-02-01T00:00:00.0"),
            ("d/M/uuuu", "31/12/2026", "2026-12-31T00:00:00.0"),
            ("dd MMM yyyy", "05 Feb 2026", "2026-02-05T00:00:00.0"),
            ("EEEE, d MMMM yyyy", "Saturday, 21 November 2026", "2026-11-21T00:00:00.0"),
            (
                "yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
                "2026-11-21T08:15:30.123+02:00",
                "2026-11-21T08:15:30.123000000 7200",
            ),
            ("yyyy-MM-dd'T'HH:mm:ssX", "2026-11-21T08:15:30Z", "2026-11-21T08:15:30.0 0"),
            ("yyyy-MM-dd HH:mm:ss Z", "2026-11-21 08:15:30 -0330", "2026-11-21T08:15:30.0 -12600"),
            ("yyyy-MM-dd'T'HH:mm[:ss[.SSS]]", "2026-11-21T08:15", "2026-11-21T08:15:00.0"),
            (
                "yyyy-MM-dd'T'HH:mm[:ss[.SSS]]",
                "2026-11-21T08:15:30.250",
                "2026-11-21T08:15:30.250000000",
            ),
            ("hh:mm a", "12:05 AM", "1970-01-01T00:05:00.0"),
            ("h:mm a", "1:05 PM", "1970-01-01T13:05:00.0"),
            ("HH 'o''clock'", "07 o'clock", "1970-01-01T07:00:00.0"),
        ] {
            assert_eq!(iso(pattern, text).as_deref(), Some(expected), "{pattern} {text}");
        }
    }

    #[test]
    fn refuses_what_does_not_exist() {
        for (pattern, text) in [
            ("yyyy-MM-dd", "2026-02-29"),
            ("yyyy-MM-dd", "2026-13-01"),
            ("yyyy-MM-dd", "2026-11-21 "),
            ("yyyy-MM-dd", "26-11-21"),
            ("HH:mm", "24:00"),
            ("hh:mm a", "13:00 AM"),
            ("EEE dd.MM.yyyy", "Sun 21.11.2026"),
            ("yyyy-MM-ddXXX", "2026-11-21+0200"),
            ("ss.SSS", "10.12"),
        ] {
            assert_eq!(iso(pattern, text), None, "{pattern} {text}");
        }
    }

    #[test]
    fn says_what_to_write_instead() {
        for (pattern, sentence) in [
            ("YYYY-MM-dd", "week year"),
            ("yyyy-MM-DD", "day of the year"),
            ("yyyy-MM-ddTHH:mm", "quote"),
            ("hh:mm", "need each other"),
            ("yMMdd", "yyyy"),
            ("yyyyMd", "double the letter"),
            ("HH:mm z", "XXX"),
            ("yyyy [", "not closed"),
            ("yyyy ]", "closes nothing"),
            ("'abc", "not closed"),
            ("", "empty"),
        ] {
            let error = DatePattern::compile(pattern).unwrap_err();
            assert!(error.contains(sentence), "{pattern}: {error}");
        }
        let pattern = DatePattern::compile("yyyy-MM-dd[ HH:mm]").unwrap();
        assert!(pattern.has_date() && !pattern.has_time() && !pattern.has_offset());
    }

    proptest::proptest! {
        #[test]
        fn never_panics(pattern in "[yuMdEHhmsSaXxZ'\\[\\]:. Té-]{0,12}", text in "[0-9A-Za-zé:+. -]{0,24}") {
            if let Ok(pattern) = DatePattern::compile(&pattern) {
                let _ = pattern.parse(&text);
            }
        }
    }
}
