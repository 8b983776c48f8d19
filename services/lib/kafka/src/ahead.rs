//! Short stretches of several partitions of one topic, read together. Behind the last record of a partition a reader waits until the
//! brokers say that there is no more, a tenth of a second and longer; so many partitions with a few records each are waited for once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tidegate_flow::{NextOffset, Record, TopicPartition};

/// Offsets of all stretches together: with more the waiting is a small part of the time, and what is fetched ahead would fill memory.
const OFFSETS_MAX: i64 = 20_000;
/// Keys, values and headers that are held for later calls.
const HELD_BYTES_MAX: usize = 16 << 20;

/// What was announced and not given out yet.
#[derive(Debug)]
pub(crate) struct Ahead {
    topic: Arc<str>,
    stretches: BTreeMap<i32, Stretch>,
    bytes: usize,
}

/// One partition.
#[derive(Debug)]
struct Stretch {
    /// What is given out next.
    next: NextOffset,
    until: NextOffset,
    held: VecDeque<Record>,
    /// Nothing more comes.
    is_read: bool,
    /// The brokers said that there is no more of it.
    is_ended: bool,
}

// === impl Ahead ===

impl Ahead {
    /// None where reading together is not worth it, or would take too much.
    pub(crate) fn of(stretches: &[(TopicPartition, NextOffset, NextOffset)]) -> Option<Ahead> {
        let stretches: Vec<_> = stretches.iter().filter(|(_, from, until)| from < until).collect();
        let (first, ..) = stretches.first()?;
        let topic = first.topic.clone();
        let offsets = stretches
            .iter()
            .try_fold(0_i64, |sum, (_, from, until)| sum.checked_add(until.0.checked_sub(from.0)?));
        let is_short = offsets.is_some_and(|offsets| offsets <= OFFSETS_MAX);
        // The client tells the end of a partition by its number alone.
        if stretches.len() < 2 || !is_short || stretches.iter().any(|(at, ..)| at.topic != topic) {
            return None;
        }
        let stretch = |(at, from, until): &&(TopicPartition, NextOffset, NextOffset)| {
            let stretch = Stretch {
                next: *from,
                until: *until,
                held: VecDeque::new(),
                is_read: false,
                is_ended: false,
            };
            (at.partition, stretch)
        };
        let stretches = stretches.iter().map(stretch).collect();
        Some(Ahead {
            topic,
            stretches,
            bytes: 0,
        })
    }

    /// Where each partition begins.
    pub(crate) fn positions(&self) -> Vec<(TopicPartition, NextOffset)> {
        let position = |(partition, stretch): (&i32, &Stretch)| (TopicPartition::new(self.topic.clone(), *partition), stretch.next);
        self.stretches.iter().map(position).collect()
    }

    /// Whether this asks for what comes next of something that was announced.
    pub(crate) fn is_about(&self, at: &TopicPartition, from: NextOffset, until: NextOffset) -> bool {
        let stretch = self.stretches.get(&at.partition).filter(|_| at.topic == self.topic);
        stretch.is_some_and(|stretch| (stretch.next, stretch.until) == (from, until))
    }

    /// Takes a record that has come. False: too much is held.
    pub(crate) fn take(&mut self, record: Record) -> bool {
        let at = &record.origin.at;
        let Some(stretch) = self.stretches.get_mut(&at.partition).filter(|_| at.topic == self.topic) else {
            return true;
        };
        let next = record.origin.offset.next();
        stretch.is_read |= next >= stretch.until;
        if next <= stretch.until {
            self.bytes += size(&record);
            stretch.held.push_back(record);
        }
        self.bytes <= HELD_BYTES_MAX
    }

    /// The brokers have no more of a partition.
    pub(crate) fn ends(&mut self, partition: i32) {
        if let Some(stretch) = self.stretches.get_mut(&partition) {
            (stretch.is_read, stretch.is_ended) = (true, true);
        }
    }

    /// Of how many partitions something may be under way.
    pub(crate) fn open(&self) -> usize {
        self.stretches.values().filter(|stretch| !stretch.is_ended).count()
    }

    /// Whether a call can be answered without waiting.
    pub(crate) fn is_ready(&self, partition: i32, records_max: usize) -> bool {
        let stretch = self.stretches.get(&partition);
        stretch.is_none_or(|stretch| stretch.is_read || stretch.held.len() >= records_max)
    }

    /// What there is of a partition; empty when nothing more comes.
    pub(crate) fn give(&mut self, partition: i32, records_max: usize) -> Vec<Record> {
        let Some(stretch) = self.stretches.get_mut(&partition) else {
            return Vec::new();
        };
        let count = stretch.held.len().min(records_max);
        let records: Vec<Record> = stretch.held.drain(..count).collect();
        self.bytes -= records.iter().map(size).sum::<usize>();
        stretch.next = records.last().map_or(stretch.next, |last| last.origin.offset.next());
        records
    }
}

fn size(record: &Record) -> usize {
    let length = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or(0, bytes::Bytes::len);
    let headers: usize = record.headers.iter().map(|header| header.name.len() + length(&header.value)).sum();
    length(&record.key) + length(&record.value) + headers
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tidegate_flow::{Offset, Origin};

    use super::*;

    fn at(partition: i32) -> TopicPartition {
        TopicPartition::new("t", partition)
    }

    fn stretch(partition: i32, from: i64, until: i64) -> (TopicPartition, NextOffset, NextOffset) {
        (at(partition), NextOffset(from), NextOffset(until))
    }

    fn record(partition: i32, offset: i64, bytes: usize) -> Record {
        Record {
            origin: Origin {
                at: at(partition),
                offset: Offset(offset),
            },
            timestamp: None,
            key: None,
            value: Some(Bytes::from(vec![0; bytes])),
            headers: Vec::new(),
        }
    }

    fn offsets(records: &[Record]) -> Vec<i64> {
        records.iter().map(|record| record.origin.offset.0).collect()
    }

    #[test]
    fn what_comes_mixed_is_given_out_by_partition_and_up_to_its_end() {
        let mut ahead = Ahead::of(&[stretch(0, 5, 9), stretch(1, 0, 3), stretch(2, 4, 4)]).unwrap();
        assert_eq!(
            ahead.positions(),
            [(at(0), NextOffset(5)), (at(1), NextOffset(0))],
            "nothing of an empty stretch"
        );
        for (partition, offset) in [(1, 0), (0, 5), (1, 1), (0, 6), (0, 7)] {
            assert!(ahead.take(record(partition, offset, 1)));
        }
        assert!(ahead.is_ready(0, 2) && !ahead.is_ready(0, 4));
        assert!(ahead.is_about(&at(0), NextOffset(5), NextOffset(9)));
        assert_eq!(offsets(&ahead.give(0, 2)), [5, 6]);
        for other in [(0, 5, 9), (0, 7, 8), (3, 0, 1)] {
            let (at, from, until) = stretch(other.0, other.1, other.2);
            assert!(!ahead.is_about(&at, from, until), "{other:?}");
        }
        assert!(ahead.is_about(&at(0), NextOffset(7), NextOffset(9)));
        assert_eq!(ahead.open(), 2);
        ahead.ends(0);
        assert_eq!(ahead.open(), 1);
        assert!(ahead.is_ready(0, 4), "8 is the mark of a transaction");
        assert_eq!(offsets(&ahead.give(0, 4)), [7]);
        assert!(ahead.is_about(&at(0), NextOffset(8), NextOffset(9)) && ahead.give(0, 4).is_empty());
        // What came after it was announced is not part of it.
        assert!(ahead.take(record(1, 2, 1)) && ahead.take(record(1, 3, 1)));
        assert!(ahead.is_ready(1, 9));
        assert_eq!(offsets(&ahead.give(1, 9)), [0, 1, 2]);
        assert_eq!(ahead.bytes, 0);
    }

    #[test]
    fn what_would_take_too_much_is_not_read_together() {
        assert!(Ahead::of(&[]).is_none());
        assert!(Ahead::of(&[stretch(0, 0, 3), stretch(1, 3, 3)]).is_none(), "one partition alone");
        assert!(Ahead::of(&[stretch(0, 0, OFFSETS_MAX), stretch(1, 0, 1)]).is_none());
        assert!(Ahead::of(&[stretch(0, 0, i64::MAX), stretch(1, 0, i64::MAX)]).is_none());
        let mut other = stretch(1, 0, 1);
        other.0.topic = "u".into();
        assert!(Ahead::of(&[stretch(0, 0, 1), other]).is_none(), "several topics");
        let mut ahead = Ahead::of(&[stretch(0, 0, 9), stretch(1, 0, 9)]).unwrap();
        assert!(ahead.take(record(0, 0, HELD_BYTES_MAX)));
        assert!(!ahead.take(record(1, 0, 1)));
    }
}
