//! A replay that sends nothing: what would become of each dead letter by the contracts of one named snapshot.

use std::collections::BTreeMap;

use tidegate_flow::ports::{Cluster, Scan};
use tidegate_flow::{NextOffset, TopicPartition, WorldError, stamp};
use tidegate_repair::{Done as StepDone, Repair};

use crate::decide::{Decider, Fate, consumed};
use crate::done::Done;
use crate::earlier::Earlier;
use crate::job::{Counts, Job};
use crate::letter::Letter;
use crate::mask;
use crate::order::{Keys, Newer};
use crate::ports::{Contracts, Ruling, Watch};
use crate::run::{missing, value_of};

/// Records that are read at once: a record may be large.
const CHUNK: usize = 64;
/// Kinds of rulings that are told apart.
const RULINGS_MAX: usize = 1_000;

/// The outside.
#[expect(missing_debug_implementations, reason = "ports have none")]
pub struct Ports<'a> {
    /// Facts of topics.
    pub cluster: &'a mut dyn Cluster,
    /// Dead letters and validated records, read_committed.
    pub scan: &'a mut dyn Scan,
    /// The snapshot.
    pub contracts: &'a mut dyn Contracts,
    /// Is told about progress.
    pub watch: &'a mut dyn Watch,
}

/// How much is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Dead letters that are judged; the others are counted.
    pub judged_max: u64,
    /// Offsets of each validated partition that are searched for newer events; 0 leaves that out.
    pub order_max: i64,
    /// Before/after pairs.
    pub pairs_max: usize,
    /// Pairs show values.
    pub values: bool,
    /// Takes also letters that an earlier replay may have sent.
    pub accept_gone: bool,
    /// The clock that rules see, microseconds since the epoch.
    pub now: i64,
}

/// What would happen.
#[derive(Debug, Clone, Default)]
pub struct Rehearsal {
    /// As a real run would count.
    pub counts: Counts,
    /// Of those that go back: what a validator would say, and how often.
    pub rulings: BTreeMap<Ruling, u64>,
    /// Go back and were not judged, because there are too many.
    pub unjudged: u64,
    /// Why dead letters stay.
    pub stayed: BTreeMap<&'static str, u64>,
    /// For each step of the repair: so many letters changed, and why it did nothing to others.
    pub steps: Vec<(u64, BTreeMap<&'static str, u64>)>,
    /// Examples.
    pub pairs: Vec<Pair>,
    /// Letters that go back with a value that an earlier repair has changed, by its SHA-256.
    pub repaired_before: BTreeMap<String, u64>,
    /// Newer events of the same keys; none when it was not looked.
    pub newer: Option<Newer>,
    /// Topics of earlier replays of which something is gone.
    pub gone: Vec<String>,
    /// Of those, the ones about which the state topic knows too little: a real run refuses to begin.
    pub unexplained: Vec<String>,
    /// The watch asked to stop.
    pub stopped: bool,
}

/// One dead letter before and after.
#[derive(Debug, Clone)]
pub struct Pair {
    /// Its place.
    pub place: String,
    /// What changes, place by place; empty where the original bytes go back. None where that is not JSON.
    pub changes: Option<Vec<String>>,
    /// What a validator would say.
    pub ruling: Ruling,
}

/// Looks at everything that the job means. Writes nothing.
pub fn rehearse(
    job: &Job,
    repair: Option<&Repair>,
    validated: &str,
    bounds: Bounds,
    earlier: &Earlier,
    ports: Ports<'_>,
) -> Result<Rehearsal, WorldError> {
    let Ports {
        cluster,
        scan,
        contracts,
        watch,
    } = ports;
    let mut rehearsal = Rehearsal {
        steps: vec![Default::default(); repair.map_or(0, |repair| repair.steps.len())],
        ..Rehearsal::default()
    };
    let topics = (job.target.as_str(), job.parked.as_deref());
    let mut done = Done::of(job.again.then(|| job.id.clone()));
    rehearsal.stopped = !done.read_on(cluster, scan, topics, watch)?;
    rehearsal.unexplained = missing(&mut done, earlier, job, cluster)?;
    rehearsal.gone.clone_from(&done.gone);
    let mut decider = Decider::new(job, repair);
    if !bounds.accept_gone && !rehearsal.gone.is_empty() {
        decider.unsure = Some(earlier.clone());
    }
    let mut keys = Keys::default();
    let there = cluster.offsets(&job.dead_letters)?;
    let mut stretches = Vec::new();
    for stretch in &job.stretches {
        let at = TopicPartition::new(job.dead_letters.as_str(), stretch.partition);
        let low = usize::try_from(stretch.partition).ok().and_then(|index| there.get(index));
        let from = low.map_or(stretch.from, |(low, _)| stretch.from.max(low.0));
        rehearsal.counts.expired += (from.min(stretch.until) - stretch.from).unsigned_abs();
        stretches.push((at, NextOffset(from), NextOffset(stretch.until)));
    }
    scan.announce(&stretches);
    for (at, mut next, until) in stretches {
        while !rehearsal.stopped && next < until {
            let records = scan.scan(&at, next, until, CHUNK)?;
            let Some(last) = records.last() else { break };
            next = last.origin.offset.next();
            for record in &records {
                rehearsal.counts.seen += 1;
                let Some(letter) = Letter::read(record) else {
                    rehearsal.counts.unreadable += 1;
                    continue;
                };
                let fate = match decider.look(&letter, &done) {
                    Some(fate) => fate,
                    None => match value_of(&letter, scan)? {
                        Some(value) => decider.repaired(&letter, value, contracts, bounds.now)?,
                        None => Fate::Stay(crate::decide::Why::ValueGone),
                    },
                };
                rehearsal.take(job, &letter, fate, (&mut keys, &mut done), contracts, bounds)?;
            }
            rehearsal.stopped = !watch.read(&at, next, until, records.len());
        }
    }
    if bounds.order_max > 0 && !rehearsal.stopped {
        rehearsal.newer = keys.look(cluster, scan, (&job.source, validated), bounds.order_max, watch)?;
        rehearsal.stopped = rehearsal.newer.is_none();
    }
    Ok(rehearsal)
}

// === impl Rehearsal ===

impl Rehearsal {
    fn take(
        &mut self,
        job: &Job,
        letter: &Letter<'_>,
        fate: Fate,
        (keys, done): (&mut Keys, &mut Done),
        contracts: &mut dyn Contracts,
        bounds: Bounds,
    ) -> Result<(), WorldError> {
        if fate == Fate::NotMeant {
            return Ok(());
        }
        self.counts.meant += 1;
        let (value, repaired) = match fate {
            Fate::NotMeant => return Ok(()),
            Fate::Before => {
                self.counts.before += 1;
                return Ok(());
            }
            Fate::Park if job.parked.is_some() => {
                self.counts.parked += 1;
                done.parks(&letter.stamp.origin, letter.sum());
                return Ok(());
            }
            Fate::Park => {
                self.counts.stayed += 1;
                *self.stayed.entry("sent back too often, and there is no parked topic").or_default() += 1;
                return Ok(());
            }
            Fate::Stay(why) => {
                self.counts.stayed += 1;
                *self.stayed.entry(why.as_str()).or_default() += 1;
                return Ok(());
            }
            Fate::Send(value, repaired) => (value, repaired),
        };
        let now = || consumed(letter, &job.source, value.clone());
        // What is sent only if it is valid must be judged, whatever the bound.
        let judged = match job.only_valid || self.rulings.values().sum::<u64>() < bounds.judged_max {
            true => Some(contracts.judge(&job.source, &now())?),
            false => None,
        };
        let stays = job.only_valid && judged != Some(Ruling::Valid);
        if stays {
            self.counts.stayed += 1;
            *self.stayed.entry(crate::decide::Why::NotValid.as_str()).or_default() += 1;
        } else {
            self.counts.sent += 1;
            done.sends(&letter.stamp.origin, letter.sum());
            if bounds.order_max > 0 {
                keys.add(letter);
            }
            if let Some(sha256) = letter.text(stamp::REPAIR)
                && (self.repaired_before.len() < RULINGS_MAX || self.repaired_before.contains_key(sha256))
            {
                *self.repaired_before.entry(sha256.to_owned()).or_default() += 1;
            }
        }
        let is_changed = repaired.as_ref().is_some_and(|repaired| repaired.value.is_some());
        self.counts.repaired += u64::from(is_changed && !stays);
        for (step, done) in self.steps.iter_mut().zip(repaired.iter().flat_map(|repaired| &repaired.steps)) {
            match done {
                StepDone::Changed(_) => step.0 += 1,
                StepDone::Idle(why) => *step.1.entry(why.as_str()).or_default() += 1,
            }
        }
        let Some(mut ruling) = judged else {
            self.unjudged += 1;
            return Ok(());
        };
        // Places may be named by events.
        if self.rulings.len() >= RULINGS_MAX && !self.rulings.contains_key(&ruling) {
            ruling = Ruling::Invalid {
                reason: "of further kinds".to_owned(),
                rule: String::new(),
                pointer: String::new(),
            };
        }
        let seen = self.rulings.entry(ruling.clone()).or_default();
        *seen += 1;
        // A few of each kind rather than ten of the most common one.
        if *seen <= 3 && self.pairs.len() < bounds.pairs_max {
            let contract = letter.stamp.contract.clone();
            let has_field = |name: &str| contracts.has_field(&job.source, contract.as_ref(), name);
            let changes = match (is_changed, &letter.record.value, &value) {
                (false, ..) => Some(Vec::new()),
                (true, Some(before), Some(after)) => mask::differences(before, after, bounds.values, &has_field),
                _ => None,
            };
            self.pairs.push(Pair {
                place: letter.place(),
                changes,
                ruling,
            });
        }
        Ok(())
    }
}
