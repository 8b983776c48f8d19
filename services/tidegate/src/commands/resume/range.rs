//! `TOPIC/PARTITION:FROM..TO`.

use anyhow::bail;
use tidegate_flow::TopicPartition;

/// Offsets that are to be given up; the end is not counted in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) at: TopicPartition,
    pub(super) from: i64,
    pub(super) to: i64,
}

// === impl Range ===

impl Range {
    pub(super) fn parse(text: &str) -> anyhow::Result<Range> {
        let parts = || {
            let (at, offsets) = text.rsplit_once(':')?;
            let (topic, partition) = at.rsplit_once('/')?;
            let (from, to) = offsets.split_once("..")?;
            let number = |text: &str| text.parse::<i64>().ok().filter(|number| *number >= 0);
            let partition: i32 = partition.parse().ok().filter(|number| *number >= 0)?;
            (!topic.is_empty()).then_some((topic, partition, number(from)?, number(to)?))
        };
        let Some((topic, partition, from, to)) = parts() else {
            bail!("--accept-loss {text}: write it as TOPIC/PARTITION:FROM..TO, such as orders/3:4200..4300");
        };
        if from >= to {
            bail!("--accept-loss {text}: {from} is not before {to}; the end is not counted in");
        }
        Ok(Range {
            at: TopicPartition::new(topic, partition),
            from,
            to,
        })
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}:{}..{}", self.at.topic, self.at.partition, self.from, self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_as_it_is_written() {
        let range = Range::parse("shop.orders-v2/3:4200..4300").unwrap();
        assert_eq!((range.from, range.to), (4200, 4300));
        assert_eq!(range.at, TopicPartition::new("shop.orders-v2", 3));
        assert_eq!(range.to_string(), "shop.orders-v2/3:4200..4300");
        for wrong in [
            "",
            "orders",
            "orders/3",
            "orders/3:4200",
            "orders:3=1..2",
            "/3:1..2",
            "orders/x:1..2",
            "orders/-1:1..2",
            "orders/3:-1..2",
            "orders/3:..2",
            "orders/3:1..",
            "orders/3:2..2",
            "orders/3:3..2",
        ] {
            assert!(Range::parse(wrong).is_err(), "{wrong}");
        }
    }
}
