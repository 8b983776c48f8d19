//! Values of SLA properties other than plain lengths of time: shares, rates, times of the day, dates. What could mean two things is refused.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tidegate_contract::model::Literal;

use crate::duration;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// Percent, exactly as written: `0.1` with the unit `percent` or `%`, or the text `99.9%`.
pub(crate) fn percent(value: &Literal, unit: Option<&str>) -> Result<f64, String> {
    let (Literal::Number(text) | Literal::String(text)) = value else {
        return Err("the value must be a number of percent".into());
    };
    let (text, signed) = match text.trim().strip_suffix('%') {
        Some(number) => (number.trim(), true),
        None => (text.trim(), false),
    };
    let said = unit.is_some_and(|unit| matches!(unit.to_ascii_lowercase().as_str(), "percent" | "%" | "pct"));
    match unit {
        None if !signed => return Err("0.1 could be a tenth of a percent or ten percent: add `unit: percent`".into()),
        Some(unit) if !said => return Err(format!("the unit `{unit}` is not percent")),
        _ => {}
    }
    let number: f64 = text.parse().map_err(|_| format!("`{text}` is not a number"))?;
    (0.0..=100.0)
        .contains(&number)
        .then_some(number)
        .ok_or_else(|| format!("`{text}` percent is not between 0 and 100"))
}

/// Events in how many microseconds: `100` with the unit `records/s`, `events per minute`, `rows/h`, `1/d`.
pub(crate) fn rate(value: &Literal, unit: Option<&str>) -> Result<(f64, i64), String> {
    let (Literal::Number(text) | Literal::String(text)) = value else {
        return Err("the value must be a number of records".into());
    };
    let number: f64 = text
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite() && *number >= 0.0)
        .ok_or_else(|| format!("`{text}` is not a number of records"))?;
    let help = "write a unit such as `records/s`, `records/min` or `records/h`";
    let unit = unit.ok_or_else(|| format!("the unit is missing: {help}"))?.to_ascii_lowercase();
    let (what, per) = unit
        .split_once('/')
        .or_else(|| unit.split_once(" per "))
        .ok_or_else(|| format!("the unit `{unit}` does not say in what time: {help}"))?;
    if !matches!(
        what.trim(),
        "" | "1" | "record" | "records" | "event" | "events" | "row" | "rows" | "message" | "messages"
    ) {
        return Err(format!("`{}` are not counted in the lake, records are: {help}", what.trim()));
    }
    let per = match per.trim() {
        "s" | "sec" | "second" => SECOND,
        "min" | "minute" => 60 * SECOND,
        "h" | "hour" => 3600 * SECOND,
        "d" | "day" => DAY,
        other => return Err(format!("`{other}` is not one of s, min, h, d: {help}")),
    };
    Ok((number, per))
}

/// The window that `valueExt` names as an ISO 8601 duration, else the default.
pub(crate) fn window(value: Option<&Literal>, default: i64) -> Result<i64, String> {
    match value {
        None => Ok(default),
        Some(literal @ Literal::String(_)) => duration::limit_micros(literal, None)
            .ok()
            .filter(|micros| (60 * SECOND..=400 * DAY).contains(micros))
            .ok_or_else(|| "`valueExt` is the window: an ISO 8601 duration from PT1M to P400D, such as `P7D`".into()),
        Some(_) => Err("`valueExt` is the window: an ISO 8601 duration such as `P7D`".into()),
    }
}

/// A time of the day with its offset from UTC: microseconds after midnight there, microseconds to add to UTC. The standard's own example is
/// `09:00-08:00`.
pub(crate) fn time_of_day(value: &Literal) -> Result<(i64, i64), String> {
    let help = "write the time with its offset from UTC, such as `09:00-08:00` or `09:00Z`";
    let Literal::String(text) = value else { return Err(help.into()) };
    let text = text.trim();
    let clock = |text: &str, hours_max: i64| -> Option<i64> {
        let (hours, minutes) = text.split_once(':')?;
        let number = |text: &str| (text.len() == 2).then(|| text.parse::<i64>().ok()).flatten();
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        ((0..=hours_max).contains(&hours) && (0..60).contains(&minutes)).then_some((hours * 3600 + minutes * 60) * SECOND)
    };
    let refused = || format!("`{text}` is not a time of the day: {help}");
    let time = text.get(..5).and_then(|time| clock(time, 23)).ok_or_else(refused)?;
    let offset = match text.get(5..).ok_or_else(refused)? {
        "Z" | "z" => 0,
        offset if offset.starts_with('+') => clock(&offset[1..], 14).ok_or_else(refused)?,
        offset if offset.starts_with('-') => -clock(&offset[1..], 14).ok_or_else(refused)?,
        "" => return Err(format!("`{text}` is where? {help}")),
        _ => return Err(refused()),
    };
    Ok((time, offset))
}

/// The first instant after a date (`2027-01-31`, to its end in UTC) or at an instant (RFC 3339).
pub(crate) fn end_of(value: &Literal) -> Result<i64, String> {
    let refused = || "the value must be a date such as `2027-01-31` or an instant of RFC 3339".to_owned();
    let Literal::String(text) = value else { return Err(refused()) };
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant.as_microsecond());
    }
    let date: Date = (text.len() == 10).then(|| text.parse().ok()).flatten().ok_or_else(refused)?;
    let next = date.tomorrow().map_err(|_| refused())?;
    Ok(next.to_zoned(TimeZone::UTC).map_err(|_| refused())?.timestamp().as_microsecond())
}

/// A day of the calendar, for people.
pub(crate) fn day(days_since_epoch: i64) -> String {
    Timestamp::from_microsecond(days_since_epoch.saturating_mul(DAY)).map_or_else(
        |_| format!("day {days_since_epoch}"),
        |instant| instant.to_zoned(TimeZone::UTC).date().to_string(),
    )
}

/// An instant, for people.
pub(crate) fn instant(micros: i64) -> String {
    Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |instant| instant.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Literal {
        Literal::String(text.into())
    }

    fn number(text: &str) -> Literal {
        Literal::Number(text.into())
    }

    #[test]
    fn percents_say_that_they_are() {
        assert_eq!(percent(&number("0.1"), Some("percent")), Ok(0.1));
        assert_eq!(percent(&text("99.9%"), None), Ok(99.9));
        for (value, unit) in [
            (number("0.1"), None),
            (number("101"), Some("%")),
            (number("1"), Some("per mille")),
            (text("many"), Some("%")),
        ] {
            assert!(percent(&value, unit).is_err(), "{value:?} {unit:?}");
        }
    }

    #[test]
    fn rates_say_what_and_in_what_time() {
        assert_eq!(rate(&number("100"), Some("records/s")), Ok((100.0, SECOND)));
        assert_eq!(rate(&number("2"), Some("Events per hour")), Ok((2.0, 3600 * SECOND)));
        for unit in [None, Some("records"), Some("MB/s"), Some("records/fortnight")] {
            assert!(rate(&number("1"), unit).is_err(), "{unit:?}");
        }
        assert!(rate(&number("-1"), Some("records/s")).is_err());
    }

    #[test]
    fn times_of_the_day_want_their_offset() {
        assert_eq!(time_of_day(&text("09:00-08:00")), Ok((9 * 3600 * SECOND, -8 * 3600 * SECOND)));
        assert_eq!(time_of_day(&text("23:59Z")), Ok((86_340 * SECOND, 0)));
        for wrong in ["09:00", "9:00Z", "24:00Z", "09:00+1", "09:00-15:00", "noon", ""] {
            assert!(time_of_day(&text(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_date_lasts_to_its_end() {
        assert_eq!(end_of(&text("1970-01-01")), Ok(DAY));
        assert_eq!(end_of(&text("1970-01-01T00:00:01Z")), Ok(SECOND));
        for wrong in ["1970-1-1", "1970-02-30", "soon", "1970-01-01T00:00:00"] {
            assert!(end_of(&text(wrong)).is_err(), "{wrong}");
        }
        assert_eq!((day(0).as_str(), day(20_000).as_str()), ("1970-01-01", "2024-10-04"));
    }

    #[test]
    fn windows_are_durations_within_reason() {
        assert_eq!(window(None, 7), Ok(7));
        assert_eq!(window(Some(&text("P1D")), 7), Ok(DAY));
        for wrong in [number("5"), text("PT1S"), text("P2Y"), text("P5000D")] {
            assert!(window(Some(&wrong), 7).is_err(), "{wrong:?}");
        }
    }
}
