//! Notices partitions that stand still although there is more to read.
//!
//! librdkafka does not move past a corrupt batch: it fetches it again for ever, and in one case says nothing at all. An open transaction
//! of a producer upstream holds the last stable offset in the same quiet way. Both are told from the client's statistics: the offset
//! that it fetches next stays where it is while the log goes on (`reliability.md` P10).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rdkafka::Statistics;
use tidegate_flow::TopicPartition;

/// A partition that stands still for so long is stalled.
pub(crate) const STALLED_AFTER: Duration = Duration::from_secs(60);

/// Why a partition stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stall {
    /// There are stable records behind the fetch position and none of them comes.
    Unreadable,
    /// The last stable offset itself does not move: a transaction upstream is open.
    HeldUpstream,
}

/// What the client says about a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    /// The offset that is fetched next; passes control records.
    next: i64,
    /// Everything before it is decided.
    stable: i64,
    /// End of the log.
    high: i64,
    /// Records that were fetched and not handed out.
    queued: i64,
}

/// Remembers where each partition was.
#[derive(Debug, Default)]
pub(crate) struct StallDetector {
    since: HashMap<TopicPartition, (Seen, Instant)>,
}

// === impl StallDetector ===

impl StallDetector {
    /// Takes new statistics; answers with those that have just been found stalled. The same stall is told again after as long.
    pub(crate) fn observe(&mut self, statistics: &Statistics, now: Instant) -> Vec<(TopicPartition, Stall)> {
        let mut stalled = Vec::new();
        for topic in statistics.topics.values() {
            for partition in topic.partitions.values().filter(|partition| partition.fetch_state == "active") {
                let seen = Seen {
                    next: partition.next_offset,
                    stable: partition.ls_offset,
                    high: partition.hi_offset,
                    queued: partition.fetchq_cnt,
                };
                let at = TopicPartition::new(topic.topic.as_str(), partition.partition);
                if let Some(stall) = self.see(&at, seen, now) {
                    stalled.push((at, stall));
                }
            }
        }
        stalled
    }

    /// Begins anew with a partition, because its position was set.
    pub(crate) fn forget(&mut self, at: &TopicPartition) {
        self.since.remove(at);
    }

    fn see(&mut self, at: &TopicPartition, seen: Seen, now: Instant) -> Option<Stall> {
        let stall = stall(seen);
        match (stall, self.since.get(at)) {
            (None, _) => {
                self.since.remove(at);
                None
            }
            (Some(_), Some((before, since))) if before.next == seen.next => {
                if now.duration_since(*since) < STALLED_AFTER {
                    return None;
                }
                self.since.insert(at.clone(), (seen, now));
                stall
            }
            (Some(_), _) => {
                self.since.insert(at.clone(), (seen, now));
                None
            }
        }
    }
}

/// Whether there is more to read than comes, right now.
fn stall(seen: Seen) -> Option<Stall> {
    if seen.queued > 0 || seen.next < 0 || seen.stable < 0 {
        return None;
    }
    if seen.next < seen.stable {
        return Some(Stall::Unreadable);
    }
    (seen.stable < seen.high).then_some(Stall::HeldUpstream)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(next: i64, stable: i64, high: i64, queued: i64) -> Seen {
        Seen {
            next,
            stable,
            high,
            queued,
        }
    }

    #[test]
    fn standing_still_with_more_to_read_is_a_stall_and_waiting_at_the_end_is_not() {
        let at = TopicPartition::new("t", 0);
        let begin = Instant::now();
        let minutes = |n: u64| begin + STALLED_AFTER * u32::try_from(n).unwrap();
        let mut detector = StallDetector::default();
        assert_eq!(detector.see(&at, seen(5, 9, 9, 0), begin), None);
        assert_eq!(
            detector.see(&at, seen(5, 12, 12, 0), minutes(1)),
            Some(Stall::Unreadable),
            "the end may move meanwhile"
        );
        assert_eq!(
            detector.see(&at, seen(5, 12, 12, 0), minutes(1) + Duration::from_secs(1)),
            None,
            "told once a minute"
        );
        assert_eq!(detector.see(&at, seen(5, 12, 12, 0), minutes(2)), Some(Stall::Unreadable));
        assert_eq!(detector.see(&at, seen(6, 12, 12, 0), minutes(3)), None, "it moved");
        assert_eq!(detector.see(&at, seen(12, 12, 12, 0), minutes(4)), None);
        assert_eq!(detector.see(&at, seen(12, 12, 12, 0), minutes(9)), None, "everything is read");
        assert_eq!(detector.see(&at, seen(12, 12, 15, 0), minutes(10)), None);
        assert_eq!(detector.see(&at, seen(12, 12, 15, 0), minutes(11)), Some(Stall::HeldUpstream));
        assert_eq!(
            detector.see(&at, seen(12, 20, 20, 3), minutes(20)),
            None,
            "fetched, only not handed out: that is our own pause"
        );
    }
}
