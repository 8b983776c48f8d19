//! Lengths of time in SLA properties: a number with a unit, or an ISO 8601 duration. What could mean two things is refused.

use tidegate_contract::model::Literal;

const SECOND: i128 = 1_000_000;
const MINUTE: i128 = 60 * SECOND;
const HOUR: i128 = 60 * MINUTE;
const DAY: i128 = 24 * HOUR;

/// Microseconds of an SLA property's `value` and `unit`. The error says what to write instead.
///
/// A number wants a unit: `w`, `d`, `h`, `m` or `min`, `s`, `ms`, or their English words. A text such as `PT1H30M` (ISO 8601) wants none, or
/// `iso8601`. Years and months have no fixed length and are refused; a day is 24 hours.
pub fn limit_micros(value: &Literal, unit: Option<&str>) -> Result<i64, String> {
    let text = match value {
        Literal::Number(text) => text,
        Literal::String(text) if text.starts_with(['P', '-']) || unit.is_none() => {
            return match unit {
                None => iso8601(text),
                Some(unit) if unit.eq_ignore_ascii_case("iso8601") => iso8601(text),
                Some(unit) => Err(format!("`{text}` is a whole duration: leave the unit `{unit}` out")),
            };
        }
        Literal::String(text) => text,
        Literal::Bool(_) | Literal::Null => {
            return Err("the value must be a number with a unit, or an ISO 8601 duration such as `PT1H`".into());
        }
    };
    let unit = unit.ok_or("the unit is missing: say w, d, h, min, s or ms, or write an ISO 8601 duration such as `PT1H`")?;
    scaled(text, micros_of(unit)?)
        .ok_or_else(|| format!("`{text}` {unit} is not a length of time of whole microseconds, at most 292,000 years"))
}

/// `PnW`, `PnD`, `PTnHnMn[.n]S` and their sums.
fn iso8601(text: &str) -> Result<i64, String> {
    let refused = || format!("`{text}` is not an ISO 8601 duration of days, hours, minutes and seconds, such as `P1DT12H`");
    let body = text.strip_prefix('P').ok_or_else(refused)?;
    let (days, time) = match body.split_once('T') {
        Some((_, "")) => return Err(refused()),
        Some((days, time)) => (days, time),
        None => (body, ""),
    };
    if days.contains(['Y', 'M']) {
        return Err(format!(
            "`{text}` counts calendar years or months, which have no fixed length: say it in days"
        ));
    }
    let mut total: i64 = 0;
    let mut seen = false;
    for (mut rest, units) in [
        (days, &[('W', 7 * DAY), ('D', DAY)][..]),
        (time, &[('H', HOUR), ('M', MINUTE), ('S', SECOND)][..]),
    ] {
        for (letter, micros) in units {
            if let Some((digits, after)) = rest.split_once(*letter) {
                total = scaled(digits, *micros)
                    .and_then(|part| total.checked_add(part))
                    .ok_or_else(refused)?;
                rest = after;
                seen = true;
            }
        }
        if !rest.is_empty() {
            return Err(refused());
        }
    }
    if seen { Ok(total) } else { Err(refused()) }
}

fn micros_of(unit: &str) -> Result<i128, String> {
    // Single letters are taken as written: `M` is months in half the world's formats.
    let word = if unit.chars().count() > 1 {
        unit.to_lowercase()
    } else {
        unit.to_owned()
    };
    Ok(match word.as_str() {
        "w" | "W" | "week" | "weeks" => 7 * DAY,
        "d" | "D" | "day" | "days" => DAY,
        "h" | "H" | "hr" | "hrs" | "hour" | "hours" => HOUR,
        "m" | "min" | "mins" | "minute" | "minutes" => MINUTE,
        "s" | "S" | "sec" | "secs" | "second" | "seconds" => SECOND,
        "ms" | "millisecond" | "milliseconds" => 1000,
        _ => return Err(format!("the unit `{unit}` is not one of w, d, h, min, s, ms")),
    })
}

/// `text` × `unit`, exactly; none when negative, not a plain decimal, not whole or too large.
fn scaled(text: &str, unit: i128) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() || fraction.len() > 12 || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
    let product = mantissa.checked_mul(unit)?;
    let divisor = 10i128.pow(u32::try_from(fraction.len()).ok()?);
    (product % divisor == 0).then(|| i64::try_from(product / divisor).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str, unit: &str) -> Result<i64, String> {
        limit_micros(&Literal::Number(text.into()), Some(unit))
    }

    #[test]
    fn units() {
        assert_eq!(number("2", "d"), Ok(172_800_000_000));
        assert_eq!(number("1", "Days"), Ok(86_400_000_000));
        assert_eq!(number("1.5", "h"), Ok(5_400_000_000));
        assert_eq!(number("15", "m"), Ok(900_000_000));
        assert_eq!(number("15", "minutes"), Ok(900_000_000));
        assert_eq!(number("250", "ms"), Ok(250_000));
        assert_eq!(limit_micros(&Literal::String("4".into()), Some("s")), Ok(4_000_000));
    }

    #[test]
    fn ambiguous_or_wrong_units_are_refused() {
        for (text, unit) in [
            ("1", "M"),
            ("1", "month"),
            ("1", "y"),
            ("1", "fortnight"),
            ("-1", "h"),
            ("1e3", "s"),
            ("0.0000001", "s"),
        ] {
            assert!(number(text, unit).is_err(), "{text} {unit}");
        }
        assert!(
            limit_micros(&Literal::Number("5".into()), None)
                .unwrap_err()
                .contains("unit is missing")
        );
        assert!(limit_micros(&Literal::Bool(true), Some("h")).is_err());
        assert!(number("99999999999999", "d").is_err(), "does not fit");
    }

    #[test]
    fn iso_8601() {
        let iso = |text: &str| limit_micros(&Literal::String(text.into()), None);
        assert_eq!(iso("PT1H"), Ok(3_600_000_000));
        assert_eq!(iso("P1DT12H"), Ok(129_600_000_000));
        assert_eq!(iso("PT0.5S"), Ok(500_000));
        assert_eq!(iso("P1W"), Ok(604_800_000_000));
        assert_eq!(limit_micros(&Literal::String("PT1H".into()), Some("ISO8601")), Ok(3_600_000_000));
        for text in ["P", "PT", "P1Y", "P1M", "P1DT", "PT1S1H", "1H", "PT1HX", "-PT1H", "", "PT-1S"] {
            assert!(iso(text).is_err(), "{text}");
        }
        assert!(
            limit_micros(&Literal::String("PT1H".into()), Some("h"))
                .unwrap_err()
                .contains("leave the unit")
        );
    }
}
