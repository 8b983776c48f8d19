//! What the flags of a replay mean.

use anyhow::{Context as _, bail};
use tidegate_replay::{Filter, Stretch};

use crate::cli::ReplayArgs;

/// The filter; what is malformed is told with an example.
pub(crate) fn filter(args: &ReplayArgs) -> anyhow::Result<Filter> {
    for fingerprint in &args.fingerprints {
        if fingerprint.len() < 4 || fingerprint.len() > 12 || !fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            bail!("--fingerprint {fingerprint}: a fingerprint is 4 to 12 hex digits, as `tidegate dlq ls` shows them");
        }
    }
    Ok(Filter {
        fingerprints: args
            .fingerprints
            .iter()
            .map(|fingerprint| fingerprint.to_ascii_lowercase())
            .collect(),
        contract: args.contract.clone(),
        rule: args.rule.clone(),
        path: args.path.clone(),
        reason: args.cause.clone(),
        from: args.from_time.as_deref().map(|text| time("--from-time", text)).transpose()?,
        until: args.until_time.as_deref().map(|text| time("--until-time", text)).transpose()?,
        offsets: args.offsets.iter().map(|text| stretch(text)).collect::<anyhow::Result<_>>()?,
        producer: args.producer.clone(),
        key: args.key.clone(),
    })
}

/// Microseconds since the epoch.
pub(crate) fn time(flag: &str, text: &str) -> anyhow::Result<i64> {
    let time: jiff::Timestamp = text
        .parse()
        .with_context(|| format!("{flag}: `{text}` is not an RFC 3339 time such as 2026-11-21T09:00:00Z"))?;
    Ok(time.as_microsecond())
}

fn stretch(text: &str) -> anyhow::Result<Stretch> {
    let read = || {
        let (partition, range) = text.split_once('=')?;
        let (from, until) = range.split_once("..")?;
        let or = |text: &str, default: i64| if text.is_empty() { Some(default) } else { text.parse().ok() };
        Some(Stretch {
            partition: partition.parse().ok()?,
            from: or(from, 0)?,
            until: or(until, i64::MAX)?,
        })
    };
    read().with_context(|| format!("--offsets: `{text}` is not PARTITION=FROM..UNTIL, such as 0=100..200"))
}

/// What of a partition has to be looked at where offsets were named: from the first one to the last one.
pub(crate) fn narrowed(whole: Stretch, named: &[Stretch]) -> Stretch {
    let here = || named.iter().filter(|stretch| stretch.partition == whole.partition);
    if named.is_empty() {
        return whole;
    }
    let from = here()
        .map(|stretch| stretch.from)
        .min()
        .unwrap_or(whole.until)
        .clamp(whole.from, whole.until);
    let until = here().map(|stretch| stretch.until).max().unwrap_or(from).clamp(from, whole.until);
    Stretch { from, until, ..whole }
}

/// `20261121`.
pub(crate) fn day(micros: i64) -> String {
    let text = jiff::Timestamp::from_microsecond(micros).map_or_else(|_| "00000000".to_owned(), |time| time.to_string());
    text.chars().take(10).filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_may_leave_an_end_out() {
        let of = |text: &str| stretch(text).map(|found| (found.partition, found.from, found.until)).ok();
        assert_eq!(of("0=100..200"), Some((0, 100, 200)));
        assert_eq!(of("3=..7"), Some((3, 0, 7)));
        assert_eq!(of("3=7.."), Some((3, 7, i64::MAX)));
        for wrong in ["3", "3=7", "x=1..2", "3=a..b"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        let whole = Stretch {
            partition: 3,
            from: 10,
            until: 90,
        };
        let of = |named: &[&str]| {
            let named: Vec<Stretch> = named.iter().map(|text| stretch(text).unwrap()).collect();
            let found = narrowed(whole, &named);
            (found.partition, found.from, found.until)
        };
        assert_eq!(of(&[]), (3, 10, 90));
        assert_eq!(of(&["3=70..80", "3=20..30", "0=0..5"]), (3, 20, 80));
        assert_eq!(of(&["3=..20"]), (3, 10, 20));
        assert_eq!(of(&["3=40.."]), (3, 40, 90));
        for nothing in ["0=0..99", "3=0..5", "3=95..99", "3=50..40"] {
            let (_, from, until) = of(&[nothing]);
            assert_eq!(from, until, "{nothing}");
        }
        assert_eq!(day(1_700_000_000_000_000), "20231114");
    }
}
