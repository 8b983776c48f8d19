//! A group without a position begins at the first record, which is right only where nothing was judged before.
//!
//! Brokers delete a group's positions with the topic, and when nobody used the group for long. To begin anew then would give records
//! second outcomes under identities that are taken, and who reads behind us would pass over the new ones as repeats.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use tidegate_flow::ports::{Cluster, Scan};
use tidegate_flow::{NextOffset, Remedy, TopicPartition, WorldError, stamp};

use crate::settings::Settings;

/// So many offsets at the end of an outcome topic are looked at first; more, where none of them is stamped with the source.
const LAST: i64 = 64;
/// And no more than so many: a start that reads a shared topic for hours helps nobody.
const LAST_MAX: i64 = 65_536;
/// So many records are held at once.
const HELD_MAX: usize = 64;

/// What an outcome partition says of a source.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    /// Source offset of its last outcome.
    Judged(i64),
    /// It holds none.
    Nothing,
    /// The last so many offsets hold none, and there are more before them.
    NotSoFarBack(i64),
}

/// Refuses source partitions that the group has no position for, although their outcome topics hold outcomes of them, or so much of others
/// that nobody can say. Ask before the group is joined: whoever judges commits a position first.
pub fn check_first_time(
    cluster: &mut dyn Cluster,
    scan: &mut dyn Scan,
    settings: &Settings,
    group: &str,
    without_position: &[TopicPartition],
) -> Result<(), WorldError> {
    let (mut judged, mut untold) = (Vec::new(), Vec::new());
    let mut offsets: HashMap<Arc<str>, Vec<(NextOffset, NextOffset)>> = HashMap::new();
    for at in without_position {
        // A retry topic in which there never was a record: nothing can have been judged, and outcomes of its source fill the others.
        if settings.is_retry(&at.topic) && is_untouched(cluster, at)? {
            continue;
        }
        for topic in [settings.validated(&at.topic), settings.dead_letters(&at.topic)] {
            let ends = match offsets.entry(topic.clone()) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => unknown.insert(cluster.offsets(&topic)?),
            };
            let Some(&(low, end)) = usize::try_from(at.partition).ok().and_then(|index| ends.get(index)) else {
                continue;
            };
            let out = TopicPartition {
                topic: topic.clone(),
                partition: at.partition,
            };
            match last_outcome(scan, at, &out, low, end)? {
                Told::Judged(offset) => judged.push(format!("{at}: {out} holds its outcomes up to {offset}")),
                Told::NotSoFarBack(offsets) => untold.push(format!("{at}: none of the last {offsets} offsets of {out} is its")),
                Told::Nothing => {}
            }
        }
    }
    if judged.is_empty() && untold.is_empty() {
        return Ok(());
    }
    let mut what = Vec::new();
    if !judged.is_empty() {
        what.push(format!(
            "group {group} has no position for partitions that were judged before: {}. The source was deleted and created again, or the \
             group's positions are gone. Beginning anew would give records a second outcome: set the group's offsets on purpose; if the \
             source is another one, make its outcome topics anew, too",
            judged.join("; ")
        ));
    }
    if !untold.is_empty() {
        what.push(format!(
            "group {group} has no position for partitions of which nobody can say whether they were judged before: {}, and what lies \
             before them was not read. Set the group's offsets on purpose: to the earliest if the source is new, else to where it was",
            untold.join("; ")
        ));
    }
    Err(WorldError::new(Remedy::Operator, what.join(". ")))
}

fn is_untouched(cluster: &mut dyn Cluster, at: &TopicPartition) -> Result<bool, WorldError> {
    let ends = cluster.offsets(&at.topic)?;
    let end = usize::try_from(at.partition)
        .ok()
        .and_then(|index| ends.get(index))
        .map(|(_, end)| end.0);
    Ok(end == Some(0))
}

/// Looks for the last outcome of `source` in an outcome partition.
fn last_outcome(
    scan: &mut dyn Scan,
    source: &TopicPartition,
    out: &TopicPartition,
    low: NextOffset,
    end: NextOffset,
) -> Result<Told, WorldError> {
    let mut back = LAST;
    loop {
        let from = NextOffset((end.0 - back).max(low.0));
        let (mut next, mut last) = (from, None);
        loop {
            let records = scan.scan(out, next, end, HELD_MAX)?;
            let Some(read) = records.last() else { break };
            next = NextOffset(read.origin.offset.0 + 1);
            let origins = records.iter().filter_map(|record| Some(stamp::read(&record.headers)?.origin));
            last = origins.filter(|origin| origin.at == *source).last().or(last);
        }
        if let Some(last) = last {
            return Ok(Told::Judged(last.offset.0));
        }
        if from == low {
            return Ok(Told::Nothing);
        }
        if back >= LAST_MAX {
            return Ok(Told::NotSoFarBack(back));
        }
        back *= 32;
    }
}

#[cfg(test)]
mod tests {
    use tidegate_flow::ports::{NewTopic, TopicFacts};
    use tidegate_flow::{Offset, Origin, Record};

    use super::*;

    /// One partition of each outcome topic; only the validated one may hold something.
    struct Outcomes(Vec<Record>);

    impl Cluster for Outcomes {
        fn topics(&mut self, _: &[Arc<str>]) -> Result<Vec<TopicFacts>, WorldError> {
            unreachable!("not asked")
        }

        fn offsets(&mut self, topic: &str) -> Result<Vec<(NextOffset, NextOffset)>, WorldError> {
            let end = if topic == "t.validated" { self.0.len() as i64 } else { 0 };
            Ok(vec![(NextOffset(0), NextOffset(end))])
        }

        fn create(&mut self, _: &[NewTopic]) -> Result<(), WorldError> {
            unreachable!("not asked")
        }
    }

    struct Reading(Vec<Record>);

    impl Scan for Reading {
        fn scan(&mut self, at: &TopicPartition, from: NextOffset, until: NextOffset, most: usize) -> Result<Vec<Record>, WorldError> {
            assert!(most <= HELD_MAX, "records may be large");
            let here = (0..until.0).zip(&self.0).skip(usize::try_from(from.0).unwrap()).take(most);
            Ok(here
                .map(|(offset, record)| Record {
                    origin: Origin {
                        at: at.clone(),
                        offset: Offset(offset),
                    },
                    ..record.clone()
                })
                .collect())
        }
    }

    fn outcome(of: &str, offset: i64) -> Record {
        let at = TopicPartition::new(of, 0);
        let origin = Origin {
            at,
            offset: Offset(offset),
        };
        let mut headers = Vec::new();
        stamp::JudgedBy::new(None, "commit", "1", 0).stamp(&mut headers, &origin);
        Record {
            origin,
            timestamp: None,
            key: None,
            value: None,
            headers,
        }
    }

    fn check(records: Vec<Record>) -> Result<(), String> {
        let settings = Settings::default();
        let without = [TopicPartition::new("t", 0)];
        check_first_time(&mut Outcomes(records.clone()), &mut Reading(records), &settings, "g", &without).map_err(|error| error.what)
    }

    #[test]
    fn a_group_without_a_position_begins_only_where_nothing_was_judged() {
        assert_eq!(check(Vec::new()), Ok(()));
        let others = |count: i64| (0..count).map(|offset| outcome("other", offset));
        assert_eq!(check(others(500).collect()), Ok(()), "a topic that several sources share");
        let mine_before = std::iter::once(outcome("t", 41)).chain(others(500)).collect();
        for found in [vec![outcome("t", 40), outcome("t", 41)], mine_before] {
            let what = check(found).unwrap_err();
            assert!(what.contains("t-0: t.validated-0 holds its outcomes up to 41"), "{what}");
        }
    }

    #[test]
    fn what_lies_too_far_back_is_not_nothing() {
        let max = usize::try_from(LAST_MAX).unwrap();
        let others = std::iter::repeat_n(outcome("other", 7), max);
        assert_eq!(check(others.clone().collect()), Ok(()), "read to its front");
        let far_back = check(std::iter::once(outcome("t", 41)).chain(others.clone()).collect()).unwrap_err();
        assert!(
            far_back.contains("t-0: none of the last 65536 offsets of t.validated-0 is its") && far_back.contains("to the earliest"),
            "{far_back}"
        );
        assert!(!far_back.contains("holds its outcomes"), "{far_back}");
        // Nobody has looked at what the one more holds.
        assert!(check(std::iter::once(outcome("other", 7)).chain(others).collect()).is_err());
    }
}
