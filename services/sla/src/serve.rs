//! The scheduled check: what is due is looked at, one contract after another; nothing of one contract ever runs twice at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidegate_contract::Snapshot;
use tidegate_flow::ports::{Clock, Created, Store};
use tidegate_objectives::QueryEngine;
use tidegate_objectives::plan::Folder;

use crate::history::{self, RunName};
use crate::report::Report;
use crate::roster::{Due, Roster};
use crate::run::{Filter, TrafficOf, plans, run};
use crate::schedule::Schedule;
use crate::watch::{Missed, Watch};

/// Most runs whose history waits for a store that is away; past it the oldest is given up, and said.
const WAITING_MAX: usize = 1_000;
/// The loop turns at least so often: contracts may have changed.
const TURN: Duration = Duration::from_secs(5);
/// A run that begins later than this after its time did not take place at its time.
const LATE: i64 = 60_000_000;

/// How the check is scheduled.
#[derive(Debug, Clone)]
pub struct Settings {
    /// For clauses without a schedule of their own.
    pub schedule: Schedule,
    /// Runs begin up to so much later than their time, always the same for a contract, so that many contracts spread.
    pub jitter: Duration,
    /// Whether runs are written to the history table.
    pub history: bool,
    /// Whether it is looked at, too, that every record of the topics is accounted for.
    pub completeness: bool,
}

/// Observes the traffic of a snapshot's topics at a time (microseconds since the epoch), and gives it to whoever asks.
pub type Observe<'a> = dyn Fn(&Snapshot, i64, &mut dyn FnMut(TrafficOf<'_>)) + 'a;

/// What the check works with.
#[expect(missing_debug_implementations, reason = "ports have none")]
pub struct Parts<'a> {
    /// The contracts in force.
    pub snapshot: &'a dyn Fn() -> Arc<Snapshot>,
    /// The lake's engine.
    pub engine: &'a dyn QueryEngine,
    /// Where the sink puts the rows.
    pub folder: Folder<'a>,
    /// A contract's folder of the history: id, major.
    pub history_folder: &'a dyn Fn(&str, u64) -> String,
    /// What is known beside the rows, made anew for each run.
    pub traffic: &'a Observe<'a>,
    /// The lake's store.
    pub store: &'a dyn Store,
    /// The clock.
    pub clock: &'a dyn Clock,
    /// Told what happens.
    pub watch: &'a mut dyn Watch,
}

/// Runs what is due until it is asked to stop; a run that is under way is finished first. Nothing that the world does ends it: what cannot be
/// told is in the results, and a history that cannot be written waits.
pub fn serve(settings: &Settings, mut parts: Parts<'_>, stop: &AtomicBool) {
    let mut snapshot = (parts.snapshot)();
    let mut waiting: VecDeque<(RunName, Report)> = VecDeque::new();
    let began = parts.clock.now_micros();
    let mut roster = roster(settings, &mut parts, &snapshot);
    parts.watch.follows(&roster);
    while !stop.load(Ordering::Acquire) {
        parts.watch.beat();
        let newest = (parts.snapshot)();
        if newest.commit != snapshot.commit {
            snapshot = newest;
            roster.follow(self::roster(settings, &mut parts, &snapshot));
            parts.watch.follows(&roster);
        }
        let now = parts.clock.now_micros();
        for due in roster.take_due(now) {
            if stop.load(Ordering::Acquire) {
                break;
            }
            missed(&mut parts, &due, began, now);
            let (report, seconds) = look(settings, &parts, &snapshot, &due);
            parts.watch.ended(&due, &report, seconds);
            if settings.history {
                keep(&mut waiting, &parts, &due, report);
            }
            parts.watch.beat();
        }
        write_waiting(&mut waiting, &mut parts);
        let now = parts.clock.now_micros();
        for (contract, (next, interval)) in roster.plans(now) {
            parts.watch.planned(&contract, next.max(now), interval);
        }
        let until = roster.next().unwrap_or(i64::MAX).saturating_sub(now).max(0);
        let wait = Duration::from_micros(u64::try_from(until).unwrap_or(0)).min(TURN);
        if !wait.is_zero() && !stop.load(Ordering::Acquire) {
            parts.clock.sleep(wait);
        }
    }
    write_waiting(&mut waiting, &mut parts);
    if !waiting.is_empty() {
        tracing::error!(
            runs = waiting.len(),
            "the history of these runs could not be written; metrics and log have shown them"
        );
    }
}

fn roster(settings: &Settings, parts: &mut Parts<'_>, snapshot: &Snapshot) -> Roster {
    let plans = plans(snapshot, parts.folder, settings.completeness);
    let jitter = i64::try_from(settings.jitter.as_micros()).unwrap_or(i64::MAX);
    let mut settled = |contract: &str, major: u64, schedule: &str| {
        if !settings.history {
            return None;
        }
        let found = history::last(parts.store, &(parts.history_folder)(contract, major), schedule);
        found.unwrap_or_else(|error| {
            parts.watch.history_away(&error);
            tracing::warn!(contract, %error, "whether runs were missed is not known: the history cannot be listed");
            None
        })
    };
    let (roster, unkept) = Roster::new(&plans, &settings.schedule, jitter, &mut settled);
    for unkept in unkept {
        tracing::warn!(clause = %unkept.clause, "its schedule cannot be kept, it goes by the default: {}", unkept.why);
    }
    roster
}

/// Counts and says the times that this run comes too late for.
fn missed(parts: &mut Parts<'_>, due: &Due, began: i64, now: i64) {
    let (cause, runs) = match due.scheduled < began {
        true => (Missed::Away, due.missed + u64::from(now - due.scheduled > LATE)),
        false => (Missed::Busy, due.missed),
    };
    if runs > 0 {
        parts.watch.missed(&due.contract, cause, runs);
        tracing::warn!(contract = %due.contract, runs, ?cause, "runs did not take place at their time; one run stands for them");
    }
}

/// The run, and how many seconds it took.
fn look(settings: &Settings, parts: &Parts<'_>, snapshot: &Snapshot, due: &Due) -> (Report, f64) {
    let now = parts.clock.now_micros();
    let filter = Filter {
        contract: Some(due.contract.clone()),
        clauses: Some(due.clauses.clone()),
        completeness: settings.completeness,
        ..Filter::default()
    };
    let mut report = None;
    (parts.traffic)(snapshot, now, &mut |traffic| {
        report = Some(run(snapshot, parts.engine, parts.folder, traffic, now, &filter));
    });
    let report = report.unwrap_or_else(|| crate::run::run_once(snapshot, parts.engine, parts.folder, now, &filter));
    let seconds = (parts.clock.now_micros() - now).max(0) as f64 / 1e6;
    (report, seconds)
}

fn keep(waiting: &mut VecDeque<(RunName, Report)>, parts: &Parts<'_>, due: &Due, report: Report) {
    let name = RunName {
        folder: (parts.history_folder)(&due.contract, due.major),
        scheduled: due.scheduled,
        mark: history::mark(due.schedules.iter().map(|schedule| &**schedule)),
    };
    waiting.push_back((name, report));
    if waiting.len() > WAITING_MAX
        && let Some((name, _)) = waiting.pop_front()
    {
        tracing::error!(
            path = name.path(),
            "too many runs wait for the store: the history of this one is given up"
        );
    }
}

fn write_waiting(waiting: &mut VecDeque<(RunName, Report)>, parts: &mut Parts<'_>) {
    while let Some((name, report)) = waiting.front() {
        match history::write(parts.store, name, report) {
            Ok(Created::New) => {}
            Ok(Created::Exists) => tracing::info!(path = name.path(), "this run is in the history already; does a second check run?"),
            Err(error) => {
                parts.watch.history_away(&error);
                tracing::warn!(%error, "the history cannot be written now; it goes on by itself");
                return;
            }
        }
        parts.watch.history_well();
        waiting.pop_front();
    }
}

#[cfg(test)]
mod tests;
