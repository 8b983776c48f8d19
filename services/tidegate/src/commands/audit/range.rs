//! What part of a deployment is asked for.

use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};

use crate::cli::AuditArgs;

/// A part of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Everything that is there.
    All,
    /// These offsets of source topics, and nothing else.
    Offsets(Vec<Stretch>),
    /// Records with these timestamps, milliseconds since the epoch; the end does not count in.
    Times { from: Option<i64>, until: Option<i64> },
    /// What the audit before has not settled.
    SinceLast,
}

/// Offsets of a source topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) topic: Arc<str>,
    /// None is all of them.
    pub(crate) partition: Option<i32>,
    /// None is the first that there is.
    pub(crate) from: Option<i64>,
    /// None is the end.
    pub(crate) until: Option<i64>,
}

// === impl Asked ===

impl Asked {
    /// Reads the flags; the parser of the command line sees to it that they do not contradict each other.
    pub(crate) fn of(args: &AuditArgs) -> anyhow::Result<Asked> {
        if args.since_last {
            return Ok(Asked::SinceLast);
        }
        if !args.offsets.is_empty() {
            let stretches = args
                .offsets
                .iter()
                .map(|text| Stretch::parse(text).with_context(|| format!("--offsets {text}")));
            return Ok(Asked::Offsets(stretches.collect::<anyhow::Result<_>>()?));
        }
        if args.from_time.is_none() && args.until_time.is_none() {
            return Ok(Asked::All);
        }
        let from = args.from_time.as_deref().map(|text| millis("--from-time", text)).transpose()?;
        let until = args.until_time.as_deref().map(|text| millis("--until-time", text)).transpose()?;
        if from.zip(until).is_some_and(|(from, until)| from >= until) {
            bail!("--until-time must be later than --from-time");
        }
        Ok(Asked::Times { from, until })
    }

    /// In words that are the same for the same question.
    pub(crate) fn words(&self) -> String {
        let or_open = |end: &Option<i64>| end.map_or_else(String::new, |end| end.to_string());
        match self {
            Asked::All => "all".to_owned(),
            Asked::SinceLast => "since the last audit".to_owned(),
            Asked::Times { from, until } => format!("times {}..{}", or_open(from), or_open(until)),
            Asked::Offsets(stretches) => {
                let words = stretches.iter().map(|each| {
                    let partition = each.partition.map_or_else(String::new, |partition| format!(":{partition}"));
                    format!("{}{partition}={}..{}", each.topic, or_open(&each.from), or_open(&each.until))
                });
                format!("offsets {}", words.collect::<Vec<_>>().join(" "))
            }
        }
    }
}

// === impl Stretch ===

impl Stretch {
    /// `TOPIC=FROM..UNTIL` or `TOPIC:PARTITION=FROM..UNTIL`; either end may be left out.
    fn parse(text: &str) -> anyhow::Result<Stretch> {
        let shape = || anyhow!("write TOPIC:PARTITION=FROM..UNTIL, such as orders:0=100..200 or orders=100..");
        let (place, range) = text.split_once('=').ok_or_else(shape)?;
        let (from, until) = range.split_once("..").ok_or_else(shape)?;
        let (topic, partition) = match place.split_once(':') {
            Some((topic, partition)) => (topic, Some(partition.parse().map_err(|_| shape())?)),
            None => (place, None),
        };
        let offset = |text: &str| -> anyhow::Result<Option<i64>> {
            if text.is_empty() {
                return Ok(None);
            }
            let offset: i64 = text.parse().map_err(|_| shape())?;
            if offset < 0 { Err(shape()) } else { Ok(Some(offset)) }
        };
        let (from, until) = (offset(from)?, offset(until)?);
        if topic.is_empty() || partition.is_some_and(|partition: i32| partition < 0) {
            return Err(shape());
        }
        if from.zip(until).is_some_and(|(from, until)| from > until) {
            bail!("the range ends before it begins");
        }
        Ok(Stretch {
            topic: topic.into(),
            partition,
            from,
            until,
        })
    }
}

fn millis(flag: &str, text: &str) -> anyhow::Result<i64> {
    let time: jiff::Timestamp = text
        .parse()
        .map_err(|_| anyhow!("{flag}: `{text}` is not a time such as 2026-11-21T09:00:00Z"))?;
    Ok(time.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_read_and_said_again() {
        for text in ["orders:0=100..200", "orders=100..", "a.b-c_d:12=..5", "orders=.."] {
            let stretch = Stretch::parse(text).unwrap();
            assert_eq!(Asked::Offsets(vec![stretch]).words(), format!("offsets {text}"));
        }
    }

    #[test]
    fn what_is_no_stretch_is_refused() {
        for text in [
            "",
            "orders",
            "orders:0",
            "orders=5",
            "=1..2",
            "orders:x=1..2",
            "orders:-1=1..2",
            "orders=-1..2",
            "orders=2..1",
            "orders=a..b",
        ] {
            assert!(Stretch::parse(text).is_err(), "{text}");
        }
    }
}
