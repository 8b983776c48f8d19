//! What INPUT may be.

use anyhow::{Context as _, bail};

/// One input of a preview.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// A file with one event a line; `-` is standard input.
    Lines(String),
    Topic(Range),
    DeadLetters(Range),
}

/// Offsets of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Range {
    /// As the user wrote it.
    pub(crate) text: String,
    pub(crate) topic: String,
    /// All when none.
    pub(crate) partition: Option<i32>,
    /// First offset.
    pub(crate) from: Option<i64>,
    /// First offset that is not meant any more.
    pub(crate) until: Option<i64>,
}

// === impl Input ===

impl Input {
    pub(crate) fn parse(text: &str) -> anyhow::Result<Input> {
        let range = |rest: &str| Range::parse(text, rest);
        match text.split_once(':') {
            Some(("topic", rest)) => range(rest).map(Input::Topic),
            Some(("dead-letters", rest)) => range(rest).map(Input::DeadLetters),
            _ => Ok(Input::Lines(text.to_owned())),
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Input::Lines(file) => file,
            Input::Topic(range) | Input::DeadLetters(range) => &range.text,
        }
    }
}

// === impl Range ===

impl Range {
    /// `NAME[:PARTITION][=[FROM]..[UNTIL]]`.
    fn parse(text: &str, rest: &str) -> anyhow::Result<Range> {
        let usage = || format!("{text}: write topic:NAME, topic:NAME:PARTITION or topic:NAME:PARTITION=FROM..UNTIL");
        let (place, offsets) = match rest.split_once('=') {
            Some((place, offsets)) => (place, Some(offsets)),
            None => (rest, None),
        };
        let (topic, partition) = match place.split_once(':') {
            Some((topic, partition)) => (topic, Some(partition.parse::<i32>().with_context(usage)?)),
            None => (place, None),
        };
        if topic.is_empty() || partition.is_some_and(|partition| partition < 0) {
            bail!(usage());
        }
        let bound = |text: &str| match text {
            "" => Ok(None),
            digits => digits.parse::<i64>().map(Some).with_context(usage),
        };
        let (from, until) = match offsets {
            None => (None, None),
            Some(offsets) => {
                let (from, until) = offsets.split_once("..").with_context(usage)?;
                (bound(from)?, bound(until)?)
            }
        };
        if from.zip(until).is_some_and(|(from, until)| from > until) || from.is_some_and(|from| from < 0) {
            bail!("{text}: the range is empty or begins below 0");
        }
        Ok(Range {
            text: text.to_owned(),
            topic: topic.to_owned(),
            partition,
            from,
            until,
        })
    }

    /// Whether offsets are named, so that `--last` and `--since` say nothing.
    pub(crate) fn names_offsets(&self) -> bool {
        self.from.is_some() || self.until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs() {
        assert_eq!(Input::parse("events.jsonl").unwrap(), Input::Lines("events.jsonl".into()));
        let Input::Topic(range) = Input::parse("topic:orders:3=10..").unwrap() else {
            panic!("a topic")
        };
        assert_eq!(
            (range.topic.as_str(), range.partition, range.from, range.until),
            ("orders", Some(3), Some(10), None)
        );
        let Input::DeadLetters(range) = Input::parse("dead-letters:orders.dead").unwrap() else {
            panic!("dead letters")
        };
        assert!(range.topic == "orders.dead" && !range.names_offsets());
        for bad in ["topic:", "topic:a:x", "topic:a:-1", "topic:a=5", "topic:a=9..5", "topic:a=-2.."] {
            assert!(Input::parse(bad).is_err(), "{bad}");
        }
    }
}
