//! What the state topic says of other replays of the same dead letters, for the time when the records that they sent are gone: retention
//! removes them, and a topic that is made anew holds none. A letter that lies outside of every earlier replay's stretches, or that none of
//! their filters means, cannot have been sent by one.

use std::collections::HashSet;

use crate::board::Board;
use crate::fold::Memo;
use crate::job::Job;
use crate::letter::Letter;

/// Other replays of the same dead letters that have sent or parked something.
#[derive(Debug, Clone, Default)]
pub struct Earlier {
    jobs: Vec<Job>,
    /// Every replay that the state topic knows.
    known: HashSet<String>,
}

// === impl Earlier ===

impl Earlier {
    /// All but `job` itself; those of dead letters that lay in an earlier topic of the same name are not about these.
    pub fn of(board: &Board, job: &Job) -> Earlier {
        let is_other = |other: &&Job| {
            let ids = [other, &job].map(|one| one.topic_ids.get(&job.dead_letters));
            other.id != job.id
                && other.dead_letters == job.dead_letters
                && other.counts.sent + other.counts.parked > 0
                && !matches!(ids, [Some(one), Some(two)] if one != two)
        };
        Earlier {
            jobs: board.jobs.values().filter(is_other).cloned().collect(),
            known: board.jobs.keys().cloned().collect(),
        }
    }

    /// Whether one of them may have sent back or parked a letter.
    pub fn may_have_taken(&self, letter: &Letter<'_>, memo: &mut Memo) -> bool {
        let (partition, offset) = (letter.record.origin.at.partition, letter.record.origin.offset.0);
        self.jobs.iter().any(|job| {
            let is_there = job.stretches.iter().any(|stretch| stretch.holds(partition, offset));
            is_there && job.filter.takes(letter, memo)
        })
    }

    /// Whether a topic they wrote to is not the same any more: it has another id, or holds fewer offsets than they sent records, which
    /// tells it where brokers have no ids. `end` is the sum of its partitions' ends.
    pub fn lost(&self, topic: &str, id: Option<&str>, end: i64) -> bool {
        let mut wrote = 0;
        for job in &self.jobs {
            let here = records_to(job, topic);
            let then = job.topic_ids.get(topic).map(String::as_str);
            if here > 0 && then.is_some() && id.is_some() && then != id {
                return true;
            }
            wrote += here;
        }
        wrote > u64::try_from(end).unwrap_or(0)
    }

    /// Whether what is missing of a topic can be told by them: somebody wrote there, and so did nobody that the state topic does not know.
    pub fn explain(&self, topic: &str, seen: &HashSet<String>) -> bool {
        self.jobs.iter().any(|job| records_to(job, topic) > 0) && seen.iter().all(|id| self.known.contains(id))
    }
}

fn records_to(job: &Job, topic: &str) -> u64 {
    let sent = if job.target == topic { job.counts.sent } else { 0 };
    let parked = if job.parked.as_deref() == Some(topic) {
        job.counts.parked
    } else {
        0
    };
    sent + parked
}
