//! How long partitions have stood undecided: since when the last stable offset does not move although the log goes on behind it.
//!
//! Whoever reads committed records sees nothing behind that offset, and no lag either: it is the end that he knows. A transaction that is open
//! is undecided until it ends or times out; one that its coordinator holds for ended and whose mark never came stays so for good (KIP-664
//! calls it hanging), and brokers have no metric of their own for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_flow::ports::Cluster;
use tidegate_flow::{NextOffset, TopicPartition, WorldError};
use tidegate_telemetry::Metrics;

/// What earlier looks saw.
#[derive(Default)]
pub(crate) struct Undecided {
    /// Where partitions stand, and since when. Survives looks that failed: a hanging transaction outlives a broker.
    standing: BTreeMap<TopicPartition, (NextOffset, Instant)>,
    shown: BTreeSet<TopicPartition>,
}

// === impl Undecided ===

impl Undecided {
    /// One look at what is owned and at the same partitions of the topics that are written for it; answers how many partitions the brokers were
    /// asked for. After an error nothing is shown.
    pub(crate) fn turn(
        &mut self,
        owned: &BTreeMap<TopicPartition, NextOffset>,
        written: &impl Fn(&Arc<str>) -> Vec<Arc<str>>,
        stable: &mut dyn Cluster,
        logs: &mut dyn Cluster,
        metrics: &Metrics,
    ) -> Result<u32, WorldError> {
        let mut watched: BTreeMap<Arc<str>, BTreeSet<i32>> = BTreeMap::new();
        for at in owned.keys() {
            for topic in std::iter::once(at.topic.clone()).chain(written(&at.topic)) {
                watched.entry(topic).or_default().insert(at.partition);
            }
        }
        let seen = self.look(&watched, stable, logs);
        let (seconds, asked) = seen.inspect_err(|_| self.forget(metrics))?;
        self.shown.retain(|at| {
            seconds.contains_key(at) || {
                metrics.partition_undecided_unknown(at);
                false
            }
        });
        for (at, undecided) in seconds {
            metrics.partition_undecided(&at, undecided);
            self.shown.insert(at);
        }
        Ok(asked)
    }

    /// Shows nothing: an old number would look like a new one.
    pub(crate) fn forget(&mut self, metrics: &Metrics) {
        for at in std::mem::take(&mut self.shown) {
            metrics.partition_undecided_unknown(&at);
        }
    }

    fn look(
        &mut self,
        watched: &BTreeMap<Arc<str>, BTreeSet<i32>>,
        stable: &mut dyn Cluster,
        logs: &mut dyn Cluster,
    ) -> Result<(BTreeMap<TopicPartition, Duration>, u32), WorldError> {
        self.standing
            .retain(|at, _| watched.get(&at.topic).is_some_and(|partitions| partitions.contains(&at.partition)));
        let mut seconds = BTreeMap::new();
        let mut asked = 0;
        for (topic, partitions) in watched {
            // In this order what is written in between seems undecided once, and never the other way round.
            let (decided, ends) = (stable.offsets(topic)?, logs.offsets(topic)?);
            asked += u32::try_from(ends.len()).unwrap_or(u32::MAX);
            let now = Instant::now();
            for (partition, ((_, decided), (_, end))) in (0..).zip(decided.into_iter().zip(ends)) {
                if partitions.contains(&partition) {
                    let at = TopicPartition::new(topic.clone(), partition);
                    let undecided = self.see(&at, decided, end, now);
                    seconds.insert(at, undecided);
                }
            }
        }
        Ok((seconds, asked))
    }

    /// For how long nothing has been decided although there is something to decide; zero where there is not.
    fn see(&mut self, at: &TopicPartition, decided: NextOffset, end: NextOffset, now: Instant) -> Duration {
        if end <= decided {
            self.standing.remove(at);
            return Duration::ZERO;
        }
        match self.standing.get(at) {
            Some((before, since)) if *before == decided => now.duration_since(*since),
            _ => {
                self.standing.insert(at.clone(), (decided, now));
                Duration::ZERO
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tidegate_flow::Remedy;
    use tidegate_flow::ports::{NewTopic, TopicFacts};

    use super::*;

    /// The end of the one partition of each topic; no answer at all without ends.
    #[derive(Default)]
    struct Ends(BTreeMap<&'static str, i64>);

    impl Cluster for Ends {
        fn topics(&mut self, _: &[Arc<str>]) -> Result<Vec<TopicFacts>, WorldError> {
            unreachable!("only offsets are asked for")
        }

        fn offsets(&mut self, topic: &str) -> Result<Vec<(NextOffset, NextOffset)>, WorldError> {
            match self.0.get(topic) {
                Some(end) => Ok(vec![(NextOffset(0), NextOffset(*end))]),
                None => Err(WorldError::new(Remedy::Retry, "no broker answers")),
            }
        }

        fn create(&mut self, _: &[NewTopic]) -> Result<(), WorldError> {
            unreachable!("only offsets are asked for")
        }
    }

    #[test]
    fn what_stands_counts_and_what_moves_or_is_decided_does_not() {
        let (mut undecided, at, begin) = (Undecided::default(), TopicPartition::new("t", 0), Instant::now());
        let mut see = |decided: i64, end: i64, after: u64| {
            let now = begin + Duration::from_secs(after);
            undecided.see(&at, NextOffset(decided), NextOffset(end), now).as_secs()
        };
        assert_eq!(see(5, 5, 0), 0, "nothing to decide");
        assert_eq!(see(5, 9, 10), 0, "it may be decided in a moment");
        assert_eq!(see(5, 12, 70), 60, "the log goes on");
        assert_eq!(see(9, 12, 75), 0, "the next transaction is open");
        assert_eq!(see(9, 12, 80), 5);
        assert_eq!(see(12, 12, 85), 0);
        assert_eq!(see(12, 13, 90), 0, "counts from anew");
    }

    #[test]
    fn outcome_topics_are_looked_at_and_nothing_old_is_shown() {
        let (mut undecided, metrics) = (Undecided::default(), Metrics::new("0.1.0", ""));
        let owned = BTreeMap::from([(TopicPartition::new("orders", 0), NextOffset(0))]);
        let written = |topic: &Arc<str>| vec![Arc::from(format!("{topic}.dlq"))];
        let mut turn = |stable: &mut Ends, logs: &mut Ends, owned: &BTreeMap<TopicPartition, NextOffset>| {
            let asked = undecided.turn(owned, &written, stable, logs, &metrics).map_err(|_| ());
            (asked, metrics.render(0).matches("tidegate_partition_undecided_seconds{").count())
        };
        let mut stable = Ends(BTreeMap::from([("orders", 7), ("orders.dlq", 3)]));
        let mut logs = Ends(BTreeMap::from([("orders", 7), ("orders.dlq", 4)]));
        assert_eq!(turn(&mut stable, &mut logs, &owned), (Ok(2), 2));
        assert_eq!(turn(&mut stable, &mut Ends::default(), &owned), (Err(()), 0));
        assert_eq!(turn(&mut stable, &mut logs, &owned), (Ok(2), 2));
        assert_eq!(turn(&mut stable, &mut logs, &BTreeMap::new()), (Ok(0), 0), "others have it now");
    }
}
