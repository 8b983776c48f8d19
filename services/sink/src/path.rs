//! Names in the store. Everything that comes from outside becomes one safe path part.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use tidegate_contract::model::LakeBucket;

/// The longest part; with partition, offset and suffix a file name stays below the 255 bytes of common file systems.
const PART_MAX: usize = 120;

/// Bucket of rows without a usable event time. The `date=` keeps the name visible to readers that skip `_*`.
pub const UNKNOWN_BUCKET: &str = "date=_unknown";

/// One path part for any text: letters, digits, `.`, `_` and `-` stay, everything else is percent-encoded (RFC 3986), and so is a leading
/// `.` or `_`, which readers take for hidden. A part past 120 bytes is cut and gets `~` and 128 bits of the text's SHA-256; since `~`
/// itself is encoded, two texts never share a part (short of a collision of the hash).
pub fn part(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for (index, byte) in text.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || byte == b'-' || (index > 0 && (byte == b'.' || byte == b'_'));
        match plain {
            true => encoded.push(char::from(byte)),
            false => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    if encoded.is_empty() {
        // Nothing else encodes to a lone percent sign.
        return "%".to_owned();
    }
    if encoded.len() <= PART_MAX {
        return encoded;
    }
    encoded.truncate(PART_MAX - 33);
    format!("{encoded}~{}", &hex(&Sha256::digest(text.as_bytes()))[..32])
}

/// Bucket of an event time in microseconds since the epoch. `latest` is the last instant that is believed.
pub fn bucket(event_time: Option<i64>, latest: i64, by: LakeBucket) -> String {
    let known = event_time
        .filter(|&micros| micros <= latest)
        .and_then(|micros| Timestamp::from_microsecond(micros).ok());
    let Some(civil) = known
        .map(|instant| instant.to_zoned(TimeZone::UTC).datetime())
        .filter(|civil| civil.year() >= 1)
    else {
        return UNKNOWN_BUCKET.to_owned();
    };
    let day = format!("date={:04}-{:02}-{:02}", civil.year(), civil.month(), civil.day());
    match by {
        LakeBucket::Day => day,
        LakeBucket::Hour => format!("{day}/hour={:02}", civil.hour()),
    }
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_safe_short_and_distinct() {
        let long = "x".repeat(300);
        let other = format!("{}y", "x".repeat(299));
        let texts = [
            "",
            "%",
            ".",
            "..",
            "a/b",
            "a%2Fb",
            "a=b",
            "_hidden",
            "%5Fhidden",
            "hidden",
            "Grüße",
            "🌊",
            "a b",
            "a~b",
            "\0",
            &long,
            &other,
        ];
        let parts: Vec<_> = texts.iter().map(|text| part(text)).collect();
        for (index, one) in parts.iter().enumerate() {
            assert!(
                !one.is_empty() && one.len() <= PART_MAX && !one.starts_with(['.', '_']) && !one.contains(['/', '=', ' ']),
                "{one}"
            );
            assert!(parts[..index].iter().all(|before| before != one), "{one}");
        }
        assert_eq!(part("orders.eu-1_a"), "orders.eu-1_a");
        assert_eq!(part("../x"), "%2E./x".replace('/', "%2F"));
    }

    #[test]
    fn buckets_are_valid_for_any_time() {
        let latest = 4_000_000_000_000_000;
        let noon = 1_795_262_400_000_000;
        assert_eq!(bucket(Some(noon), latest, LakeBucket::Day), "date=2026-11-21");
        assert_eq!(bucket(Some(noon), latest, LakeBucket::Hour), "date=2026-11-21/hour=12");
        assert_eq!(bucket(Some(-1), latest, LakeBucket::Hour), "date=1969-12-31/hour=23");
        assert_eq!(bucket(Some(latest + 1), latest, LakeBucket::Day), UNKNOWN_BUCKET);
        for none in [None, Some(i64::MIN), Some(i64::MAX), Some(-70_000_000_000_000_000)] {
            assert_eq!(bucket(none, i64::MAX, LakeBucket::Day), UNKNOWN_BUCKET);
        }
    }
}
