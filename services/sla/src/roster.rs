//! What is due when: the clauses of all contracts by their schedules. Decides, and neither waits nor asks a clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tidegate_objectives::{Plan, Planned};

use crate::schedule::Schedule;

/// Clauses of one contract version that share a schedule.
#[derive(Debug, Clone)]
pub struct Job {
    /// Contract id.
    pub contract: Arc<str>,
    /// Major version.
    pub major: u64,
    /// When.
    pub schedule: Schedule,
    /// What: ids of clauses.
    pub clauses: BTreeSet<Arc<str>>,
    /// The time up to and with which occurrences are settled, in microseconds since the epoch.
    settled: i64,
    /// Later than its time by so many microseconds, always the same for a contract.
    jitter: i64,
}

/// A run that is due: everything of one contract version whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Contract id.
    pub contract: Arc<str>,
    /// Major version.
    pub major: u64,
    /// The latest of the times that it is for, in microseconds since the epoch.
    pub scheduled: i64,
    /// What: ids of clauses.
    pub clauses: BTreeSet<Arc<str>>,
    /// Earlier times that this run stands for as well.
    pub missed: u64,
    /// Texts of the schedules.
    pub schedules: BTreeSet<Arc<str>>,
}

/// All jobs.
#[derive(Debug, Clone, Default)]
pub struct Roster {
    jobs: Vec<Job>,
    /// Contract id and label ([`Clause::label`](tidegate_objectives::Clause::label)) of everything that is promised.
    promises: BTreeSet<(String, String)>,
}

/// A schedule that nobody can keep; its clauses go by the default one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unkept {
    /// Clause.
    pub clause: Arc<str>,
    /// Why.
    pub why: String,
}

// === impl Roster ===

impl Roster {
    /// The jobs of these plans. `settled` says for a contract, major and schedule up to when it was looked at; a job that was never looked at
    /// is due at once. `jitter_max` is in microseconds.
    pub fn new(
        plans: &[Plan],
        default: &Schedule,
        jitter_max: i64,
        settled: &mut dyn FnMut(&str, u64, &str) -> Option<i64>,
    ) -> (Roster, Vec<Unkept>) {
        let mut unkept = Vec::new();
        let mut promises = BTreeSet::new();
        type Group = (Arc<str>, u64, Arc<str>);
        let mut grouped: BTreeMap<Group, (Schedule, BTreeSet<Arc<str>>)> = BTreeMap::new();
        for planned in plans.iter().flat_map(|plan| &plan.clauses) {
            if matches!(planned, Planned::NotExecuted { .. }) {
                continue;
            }
            let clause = planned.clause();
            promises.insert((clause.contract.id.to_string(), clause.label()));
            let schedule = match clause.schedule.as_deref().map(Schedule::parse) {
                None => default.clone(),
                Some(Ok(schedule)) => schedule,
                Some(Err(why)) => {
                    unkept.push(Unkept {
                        clause: clause.id.clone(),
                        why,
                    });
                    default.clone()
                }
            };
            let key = (clause.contract.id.clone(), clause.major, schedule.text().clone());
            grouped
                .entry(key)
                .or_insert_with(|| (schedule, BTreeSet::new()))
                .1
                .insert(clause.id.clone());
        }
        let jobs = grouped
            .into_iter()
            .map(|((contract, major, text), (schedule, clauses))| Job {
                settled: settled(&contract, major, &text).unwrap_or(i64::MIN),
                jitter: jitter(&contract, jitter_max),
                contract,
                major,
                schedule,
                clauses,
            })
            .collect();
        (Roster { jobs, promises }, unkept)
    }

    /// The same jobs under newer contracts: what both know stays settled as it was.
    pub fn follow(&mut self, newer: Roster) {
        let before = std::mem::replace(self, newer);
        for job in &mut self.jobs {
            let known = before
                .jobs
                .iter()
                .find(|known| known.contract == job.contract && known.major == job.major && known.schedule.text() == job.schedule.text());
            if let Some(known) = known {
                job.settled = known.settled;
            }
        }
    }

    /// Takes what is due at `now`, one run for each contract version; earlier times of the same job are missed. Taken is settled: whoever
    /// takes it runs it.
    pub fn take_due(&mut self, now: i64) -> Vec<Due> {
        let mut due: BTreeMap<(Arc<str>, u64), Due> = BTreeMap::new();
        for job in &mut self.jobs {
            let Some((scheduled, missed)) = job.due(now) else { continue };
            job.settled = scheduled;
            let run = due.entry((job.contract.clone(), job.major)).or_insert_with(|| Due {
                contract: job.contract.clone(),
                major: job.major,
                scheduled,
                clauses: BTreeSet::new(),
                missed: 0,
                schedules: BTreeSet::new(),
            });
            run.scheduled = run.scheduled.max(scheduled);
            run.missed += missed;
            run.clauses.extend(job.clauses.iter().cloned());
            run.schedules.insert(job.schedule.text().clone());
        }
        due.into_values().collect()
    }

    /// When the next thing is due (its jitter in it); none when nothing ever is.
    pub fn next(&self) -> Option<i64> {
        self.jobs.iter().filter_map(Job::next).min()
    }

    /// For each contract: when it is looked at next, and the shortest time between two looks in seconds.
    pub fn plans(&self, now: i64) -> BTreeMap<Arc<str>, (i64, f64)> {
        let mut plans: BTreeMap<Arc<str>, (i64, f64)> = BTreeMap::new();
        for job in &self.jobs {
            let (Some(next), Some(interval)) = (job.next(), job.schedule.interval(now)) else {
                continue;
            };
            let known = plans.entry(job.contract.clone()).or_insert((next, interval));
            *known = (known.0.min(next), known.1.min(interval));
        }
        plans
    }

    /// Contract id and label of everything that is promised.
    pub fn promises(&self) -> &BTreeSet<(String, String)> {
        &self.promises
    }

    /// The jobs.
    pub fn jobs(&self) -> &[Job] {
        &self.jobs
    }
}

// === impl Job ===

impl Job {
    fn next(&self) -> Option<i64> {
        match self.settled {
            i64::MIN => Some(i64::MIN),
            settled => Some(self.schedule.next_after(settled)?.saturating_add(self.jitter)),
        }
    }

    /// The latest time that is due, and how many earlier ones were missed.
    fn due(&self, now: i64) -> Option<(i64, u64)> {
        if self.settled == i64::MIN {
            // Never looked at: now, for no time of the schedule.
            return Some((now, 0));
        }
        let found = self.schedule.within(self.settled, now.saturating_sub(self.jitter))?;
        Some((found.last, found.count - 1))
    }
}

/// The same for a contract on every machine and start (FNV-1a), so that runs of many contracts spread.
fn jitter(contract: &str, most: i64) -> i64 {
    let hash = contract.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    match u64::try_from(most) {
        Ok(most @ 1..) => i64::try_from(hash % most).unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
