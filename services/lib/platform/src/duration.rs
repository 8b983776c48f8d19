//! Spans of time as people write them: `90m`, `36h`, `7d`.

const UNITS: [(char, u64); 4] = [('s', 1_000), ('m', 60_000), ('h', 3_600_000), ('d', 86_400_000)];

/// Milliseconds of a text such as `36h`. None: it is no whole number with a unit of `s`, `m`, `h`, `d`, or too long to count.
pub fn millis(text: &str) -> Option<u64> {
    let text = text.trim();
    let unit = text.chars().last()?;
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let number = &text[..text.len() - unit.len_utf8()];
    let is_plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| number.parse::<u64>().ok()?.checked_mul(*factor)).flatten()
}

/// The text of so many milliseconds, in the largest unit that says it exactly.
pub fn text(millis: u64) -> String {
    match UNITS.iter().rev().find(|(_, factor)| millis > 0 && millis.is_multiple_of(*factor)) {
        Some((unit, factor)) => format!("{}{unit}", millis / factor),
        None => format!("{millis}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for (written, read) in [("7d", 604_800_000), ("36h", 129_600_000), ("90m", 5_400_000), ("1s", 1_000)] {
            assert_eq!(millis(written), Some(read));
            assert_eq!(millis(&text(read)), Some(read));
        }
        assert_eq!((text(604_800_000), text(1_500)), ("7d".to_owned(), "1500ms".to_owned()));
        for wrong in [
            "",
            "d",
            "7",
            "-1d",
            "1.5d",
            "7 d",
            "7w",
            "99999999999999999999d",
            "999999999999999999d",
            "7µ",
        ] {
            assert_eq!(millis(wrong), None, "{wrong}");
        }
    }
}
