//! All groups of some dead-letter topics: what was folded before, and what came since.

use std::sync::Arc;

use tidegate_flow::ports::{Cluster, Scan};
use tidegate_flow::{NextOffset, Remedy, TopicPartition, WorldError};

use crate::board::Board;
use crate::fold::{Fold, HasField, Memo};
use crate::ports::Watch;

/// Records that are read at once: a record may be large.
const CHUNK: usize = 64;

/// What there is.
#[derive(Debug, Default)]
pub struct Survey {
    /// One for each partition.
    pub folds: Vec<Fold>,
    /// Dead letters that were read now.
    pub read: u64,
    /// Offsets that were left out, because the bound was reached or it was asked to stop.
    pub unread: i64,
    /// Offsets that were counted once and have been removed since.
    pub removed: i64,
    /// Places in `folds` of those worth keeping.
    pub fresh: Vec<usize>,
}

/// How many offsets [`survey`] would have to read.
pub fn unseen(cluster: &mut dyn Cluster, topics: &[Arc<str>], board: &Board) -> Result<i64, WorldError> {
    let mut unseen = 0;
    for topic in topics {
        let id = topic_id(cluster, topic)?;
        for (partition, (low, end)) in (0..).zip(cluster.offsets(topic)?) {
            let at = TopicPartition::new(topic.clone(), partition);
            let fold = known(board, &at, id.as_deref(), end);
            unseen += end.0 - fold.map_or(low.0, |fold| fold.next.max(low.0));
        }
    }
    Ok(unseen)
}

/// Reads at most `read_max` offsets.
pub fn survey(
    cluster: &mut dyn Cluster,
    scan: &mut dyn Scan,
    topics: &[Arc<str>],
    board: &Board,
    read_max: i64,
    has_field: HasField<'_>,
    watch: &mut dyn Watch,
) -> Result<Survey, WorldError> {
    let mut survey = Survey::default();
    let (mut memo, mut left) = (Memo::default(), read_max);
    let mut is_stopped = false;
    for topic in topics {
        let id = topic_id(cluster, topic)?;
        let mut found = Vec::new();
        for (partition, (low, end)) in (0..).zip(cluster.offsets(topic)?) {
            let at = TopicPartition::new(topic.clone(), partition);
            let earlier = known(board, &at, id.as_deref(), end);
            let seen = earlier.map_or(low.0, |fold| fold.next);
            let mut fold = earlier.cloned().unwrap_or_else(|| Fold::new(&at, id.as_deref(), low));
            survey.removed += (low.0.min(fold.next) - fold.from).max(0);
            // What came and went while nobody looked.
            fold.skipped += (low.0 - fold.next).max(0);
            fold.next = fold.next.max(low.0);
            fold.low = low.0;
            let until = match is_stopped {
                true => fold.next,
                false => end.0.min(fold.next.saturating_add(left.max(0))),
            };
            left -= until - fold.next;
            found.push((at, fold, seen, NextOffset(until), end));
        }
        let stretches: Vec<_> = found
            .iter()
            .map(|(at, fold, _, until, _)| (at.clone(), NextOffset(fold.next), *until))
            .collect();
        scan.announce(&stretches);
        for (at, mut fold, seen, until, end) in found {
            while !is_stopped && fold.next < until.0 {
                let records = scan.scan(&at, NextOffset(fold.next), until, CHUNK)?;
                if records.is_empty() {
                    // Marks of transactions.
                    fold.next = until.0;
                    break;
                }
                for record in &records {
                    fold.add(record, &mut memo, has_field);
                }
                survey.read += records.len() as u64;
                is_stopped = !watch.read(&at, NextOffset(fold.next), until, records.len());
            }
            survey.unread += end.0 - fold.next;
            // What is counted and not kept is forgotten when retention removes it.
            if fold.next > seen {
                survey.fresh.push(survey.folds.len());
            }
            survey.folds.push(fold);
        }
    }
    Ok(survey)
}

fn known<'b>(board: &'b Board, at: &TopicPartition, id: Option<&str>, end: NextOffset) -> Option<&'b Fold> {
    let fold = board.folds.get(&(at.topic.to_string(), at.partition))?;
    fold.is_of(at, id, end).then_some(fold)
}

fn topic_id(cluster: &mut dyn Cluster, topic: &Arc<str>) -> Result<Option<Arc<str>>, WorldError> {
    match cluster.topics(std::slice::from_ref(topic))?.pop() {
        Some(facts) => Ok(facts.id),
        None => Err(WorldError::new(
            Remedy::Operator,
            format!("topic {topic} does not exist; `tidegate topics apply` makes what the contracts need"),
        )),
    }
}
