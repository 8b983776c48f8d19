//! Positions that are refused although they are in range.
//!
//! After a corrupt batch librdkafka may take its bytes for offsets, ask for one of those, and stop with "offset out of range", which says
//! neither partition nor batch. Reading on from where each partition was heals what was a mistake of a moment; a corrupt batch it does
//! not, and the two are told apart by time. The fetch itself has stopped, so the client's statistics do not show this as a stall.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tidegate_flow::{NextOffset, TopicPartition};

use crate::stall::STALLED_AFTER;

/// Every partition is read anew at most this often: what the others have fetched is dropped by it.
const READ_ANEW_EVERY: Duration = Duration::from_secs(2);

/// Remembers where partitions stood when a position was refused.
#[derive(Debug, Default)]
pub(crate) struct Refused {
    since: HashMap<TopicPartition, (NextOffset, Instant)>,
    /// When partitions are to be read anew.
    due: Option<Instant>,
    read_anew: Option<Instant>,
}

// === impl Refused ===

impl Refused {
    /// A position was refused and all are in range. `behind` are the partitions whose end is further on, where they stand. Answers with
    /// those that have stood there for too long: one of them cannot be read, others may only have marks of transactions before them.
    pub(crate) fn see(&mut self, behind: &[(TopicPartition, NextOffset)], now: Instant) -> Vec<(TopicPartition, NextOffset)> {
        self.since
            .retain(|at, (next, _)| behind.iter().any(|(other, standing)| other == at && standing == next));
        for (at, next) in behind {
            self.since.entry(at.clone()).or_insert((*next, now));
        }
        let stands = |at: &TopicPartition| now.duration_since(self.since[at].1) >= STALLED_AFTER;
        behind.iter().filter(|(at, _)| stands(at)).cloned().collect()
    }

    /// Partitions are to be read anew as soon as that may be.
    pub(crate) fn ask(&mut self, now: Instant) {
        let soonest = self.read_anew.map_or(now, |last| (last + READ_ANEW_EVERY).max(now));
        self.due.get_or_insert(soonest);
    }

    /// Whether that is now; says so once.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        if self.due.is_none_or(|due| now < due) {
            return false;
        }
        self.due = None;
        self.read_anew = Some(now);
        true
    }

    /// A partition is no longer read.
    pub(crate) fn forget(&mut self, at: &TopicPartition) {
        self.since.remove(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stands_still_for_a_minute_is_told_and_who_moves_is_not() {
        let (still, moving) = (TopicPartition::new("t", 0), TopicPartition::new("t", 1));
        let begin = Instant::now();
        let mut refused = Refused::default();
        for second in 0..60 {
            let behind = [(still.clone(), NextOffset(5)), (moving.clone(), NextOffset(i64::from(second)))];
            assert_eq!(refused.see(&behind, begin + Duration::from_secs(1) * second), []);
        }
        let behind = [(still.clone(), NextOffset(5)), (moving.clone(), NextOffset(60))];
        let minute = begin + STALLED_AFTER;
        assert_eq!(refused.see(&behind, minute), [(still.clone(), NextOffset(5))]);
        assert_eq!(refused.see(&[], minute), [], "who has read everything stands rightly");
        assert_eq!(refused.see(&behind[..1], minute), [], "and begins anew");
    }

    #[test]
    fn reading_anew_is_asked_for_at_once_and_then_no_more_often_than_it_may() {
        let begin = Instant::now();
        let mut refused = Refused::default();
        assert!(!refused.is_due(begin));
        refused.ask(begin);
        assert!(refused.is_due(begin));
        refused.ask(begin);
        refused.ask(begin + READ_ANEW_EVERY / 2);
        assert!(!refused.is_due(begin + READ_ANEW_EVERY / 2));
        assert!(refused.is_due(begin + READ_ANEW_EVERY));
        assert!(!refused.is_due(begin + READ_ANEW_EVERY * 2), "once asked, once done");
    }
}
