//! Values written in a JDK `DateTimeFormatter` pattern, in the units of the lake.

use tidegate_contract::civil::Civil;
pub(crate) use tidegate_contract::jdk_date::DatePattern as JdkPattern;

use crate::temporal::Unread;

/// Compiles a pattern; the error is a sentence for the author.
pub(crate) fn pattern(text: &str) -> Result<JdkPattern, String> {
    JdkPattern::compile(text)
}

/// Days since the epoch.
pub(crate) fn date(pattern: &JdkPattern, text: &str) -> Result<i32, Unread> {
    pattern.parse(text).map(|civil| civil.epoch_days()).ok_or(Unread::Form)
}

/// Microseconds since midnight.
pub(crate) fn time(pattern: &JdkPattern, text: &str) -> Result<i64, Unread> {
    let civil = pattern.parse(text).ok_or(Unread::Form)?;
    micros(i128::from(civil.nanos_of_day()))
}

/// Microseconds since the epoch. An instant needs an offset in the text or an assumed one; a local date-time drops none.
pub(crate) fn timestamp(pattern: &JdkPattern, text: &str, utc: bool, assumed_offset: Option<i32>) -> Result<i64, Unread> {
    let civil: Civil = pattern.parse(text).ok_or(Unread::Form)?;
    match (utc, civil.offset_seconds) {
        // The pattern is the author's: one without an offset means UTC unless the contract says another zone.
        (true, None) => micros(civil.epoch_nanos(assumed_offset.unwrap_or(0))),
        (true, Some(_)) => micros(civil.epoch_nanos(0)),
        (false, None) => micros(civil.epoch_nanos(0)),
        (false, Some(_)) => Err(Unread::Form),
    }
}

fn micros(nanos: i128) -> Result<i64, Unread> {
    if nanos % 1000 == 0 {
        i64::try_from(nanos / 1000).map_err(|_| Unread::Range)
    } else {
        Err(Unread::Range)
    }
}
