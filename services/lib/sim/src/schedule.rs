//! Who goes on, and when: the heart of the simulator.
//!
//! Roles are blocking loops, so each runs on a thread of its own; but only one thread at a time holds the baton, and it gives the baton
//! away only by waiting here. Time stands still while somebody works and jumps to the next thing that is due when somebody waits. All
//! draws come from one generator, so one seed is one course of events, down to the last call.
//!
//! The thread that makes the schedule is its first actor. Whoever calls anything here must hold the baton.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use fastrand::Rng;

/// The schedule of one simulation. Clones share it.
#[derive(Clone)]
pub struct Schedule(Arc<Shared>);

/// How an actor ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Its work returned.
    Returned,
    /// [`Schedule::kill`] struck it.
    Killed,
    /// It panicked: a mistake of ours, whatever the faults were.
    Panicked,
}

/// What unwinds an actor that is killed.
struct Kill;

struct Shared {
    state: Mutex<State>,
}

struct State {
    /// Microseconds since the epoch.
    now: i64,
    rng: Rng,
    /// By time, then by lot.
    due: BTreeMap<(i64, u64), Due>,
    actors: Vec<Actor>,
    current: usize,
    /// Everybody is to go.
    over: bool,
    threads: Vec<JoinHandle<()>>,
    trace: Trace,
}

enum Due {
    Actor(usize),
    Event(Box<dyn FnOnce() + Send>),
}

struct Actor {
    gate: Arc<Condvar>,
    /// Its place among what is due, while it waits.
    waits: Option<(i64, u64)>,
    /// A change ends its wait early.
    for_change: bool,
}

struct Trace {
    // Fixed keys: the same lines have the same hash in every process.
    hash: std::hash::DefaultHasher,
    lines: u64,
    shown: bool,
}

// === impl Schedule ===

impl Schedule {
    /// A schedule that starts at these microseconds since the epoch. `shown` prints the trace to standard error.
    pub fn new(seed: u64, start: i64, shown: bool) -> Schedule {
        let state = State {
            now: start,
            rng: Rng::with_seed(seed),
            due: BTreeMap::new(),
            actors: vec![Actor::new()],
            current: 0,
            over: false,
            threads: Vec::new(),
            trace: Trace {
                hash: std::hash::DefaultHasher::new(),
                lines: 0,
                shown,
            },
        };
        Schedule(Arc::new(Shared { state: Mutex::new(state) }))
    }

    /// Microseconds since the epoch.
    pub fn now(&self) -> i64 {
        self.lock().now
    }

    /// Draws from the seed.
    pub fn draw<T>(&self, draw: impl FnOnce(&mut Rng) -> T) -> T {
        draw(&mut self.lock().rng)
    }

    /// Adds an actor; it begins within a millisecond. `after` is told how it ended, before anybody else goes on.
    pub fn spawn(&self, name: &str, work: impl FnOnce() + Send + 'static, after: impl FnOnce(Ended) + Send + 'static) {
        let mut state = self.lock();
        let me = state.actors.len();
        state.actors.push(Actor::new());
        let delay = Duration::from_micros(state.rng.u64(..1000));
        state.enqueue(me, delay, false);
        let schedule = self.clone();
        let body = move || {
            schedule.await_baton(schedule.lock(), me);
            let ended = match catch_unwind(AssertUnwindSafe(|| {
                schedule.leave_when_over();
                work();
            })) {
                Ok(()) => Ended::Returned,
                Err(payload) if payload.is::<Kill>() => Ended::Killed,
                Err(_) => Ended::Panicked,
            };
            if !schedule.lock().over {
                after(ended);
            }
            schedule.pass_on(me);
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(body);
        state.threads.push(thread.expect("the machine has room for a thread"));
    }

    /// Does something later, on whichever thread holds the baton then. Events must not wait.
    pub fn after(&self, delay: Duration, event: impl FnOnce() + Send + 'static) {
        let mut state = self.lock();
        let key = state.key(delay);
        state.due.insert(key, Due::Event(Box::new(event)));
    }

    /// Waits: others go on meanwhile.
    pub fn sleep(&self, duration: Duration) {
        self.give_way(duration, false);
    }

    /// Waits, but not longer than until something changes.
    pub fn wait_for_change(&self, at_most: Duration) {
        self.give_way(at_most, true);
    }

    /// Something changed: those who wait for that go on soon.
    pub fn changed(&self) {
        let mut state = self.lock();
        for id in 0..state.actors.len() {
            let Some(key) = state.actors[id].waits.filter(|_| state.actors[id].for_change) else {
                continue;
            };
            let soon = Duration::from_micros(state.rng.u64(..2000));
            let sooner = state.key(soon);
            if sooner < key {
                state.due.remove(&key);
                state.due.insert(sooner, Due::Actor(id));
                state.actors[id].waits = Some(sooner);
            }
        }
    }

    /// Ends the current actor on the spot, as a kill -9 does.
    pub fn kill(&self) -> ! {
        resume_unwind(Box::new(Kill))
    }

    /// Adds a line to the trace, with the time.
    pub fn note(&self, line: std::fmt::Arguments<'_>) {
        let mut state = self.lock();
        let line = format!("{:>14} {line}", state.now);
        state.trace.hash.write(line.as_bytes());
        state.trace.lines += 1;
        if state.trace.shown {
            drop(state);
            eprintln!("{line}");
        }
    }

    /// Hash and number of the lines so far. The same seed gives the same.
    pub fn trace(&self) -> (u64, u64) {
        let state = self.lock();
        (state.trace.hash.finish(), state.trace.lines)
    }

    /// Ends every other actor. The schedule is of no use afterwards.
    pub fn end(&self) {
        let threads = {
            let mut state = self.lock();
            state.over = true;
            let events: Vec<_> = state
                .due
                .iter()
                .filter(|(_, due)| matches!(due, Due::Event(_)))
                .map(|(key, _)| *key)
                .collect();
            events.into_iter().for_each(|key| drop(state.due.remove(&key)));
            std::mem::take(&mut state.threads)
        };
        // Everybody else is among what is due before this.
        self.give_way(Duration::from_secs(1 << 40), false);
        for thread in threads {
            // How each ended was told to its `after`, or nobody asks any more.
            let _ = thread.join();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("no panic happens while the schedule is locked")
    }

    fn leave_when_over(&self) {
        let state = self.lock();
        let leaves = state.over && state.current != 0;
        drop(state);
        if leaves {
            self.kill();
        }
    }

    fn give_way(&self, duration: Duration, for_change: bool) {
        // What is dropped while an actor dies does not hold up its death.
        if std::thread::panicking() {
            return;
        }
        self.leave_when_over();
        let me = {
            let mut state = self.lock();
            let me = state.current;
            state.enqueue(me, duration, for_change);
            me
        };
        self.pass_on(me);
        self.await_baton(self.lock(), me);
        self.leave_when_over();
    }

    /// Hands the baton to whoever is due next, running events on the way.
    fn pass_on(&self, me: usize) {
        loop {
            let mut state = self.lock();
            let Some(((time, _), due)) = state.due.pop_first() else {
                unreachable!("the first actor waits as long as there are others")
            };
            state.now = state.now.max(time);
            match due {
                Due::Event(event) => {
                    drop(state);
                    event();
                }
                Due::Actor(id) => {
                    state.actors[id].waits = None;
                    state.current = id;
                    if id != me {
                        state.actors[id].gate.notify_one();
                    }
                    return;
                }
            }
        }
    }

    fn await_baton(&self, mut state: MutexGuard<'_, State>, me: usize) {
        let gate = state.actors[me].gate.clone();
        while state.current != me {
            state = gate.wait(state).expect("no panic happens while the schedule is locked");
        }
    }
}

impl std::fmt::Debug for Schedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Schedule").field("now", &self.now()).finish_non_exhaustive()
    }
}

// === impl State ===

impl State {
    fn key(&mut self, delay: Duration) -> (i64, u64) {
        let micros = i64::try_from(delay.as_micros()).unwrap_or(i64::MAX);
        (self.now.saturating_add(micros), self.rng.u64(..))
    }

    fn enqueue(&mut self, actor: usize, delay: Duration, for_change: bool) {
        let key = self.key(delay);
        self.due.insert(key, Due::Actor(actor));
        self.actors[actor].waits = Some(key);
        self.actors[actor].for_change = for_change;
    }
}

// === impl Actor ===

impl Actor {
    fn new() -> Actor {
        Actor {
            gate: Arc::new(Condvar::new()),
            waits: None,
            for_change: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    fn run(seed: u64) -> (Vec<String>, (u64, u64), Vec<Ended>) {
        let schedule = Schedule::new(seed, 0, false);
        let (log, ends) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        for name in ["a", "b", "c"] {
            let (mine, log, ends) = (schedule.clone(), log.clone(), ends.clone());
            let work = move || {
                for turn in 0..4 {
                    mine.note(format_args!("{name}{turn}"));
                    log.lock().expect("not poisoned").push(format!("{name}{turn}@{}", mine.now()));
                    if (name, turn) == ("c", 2) {
                        mine.kill();
                    }
                    let wait = mine.draw(|rng| rng.u64(..50));
                    mine.sleep(Duration::from_micros(wait));
                }
            };
            schedule.spawn(name, work, move |ended| ends.lock().expect("not poisoned").push(ended));
        }
        let seen = Arc::new(Mutex::new(false));
        let at = seen.clone();
        schedule.after(Duration::from_secs(1), move || *at.lock().expect("not poisoned") = true);
        schedule.sleep(Duration::from_secs(2));
        assert!(*seen.lock().expect("not poisoned"));
        assert_eq!(schedule.now(), 2_000_000, "time jumps");
        let trace = schedule.trace();
        schedule.end();
        let log = log.lock().expect("not poisoned").clone();
        let ends = ends.lock().expect("not poisoned").clone();
        (log, trace, ends)
    }

    #[test]
    fn one_seed_is_one_course_of_events() {
        assert_eq!(run(1), run(1));
        assert_ne!(run(1).0, run(2).0);
        assert!(run(1).2.contains(&Ended::Killed));
    }

    #[test]
    fn the_end_takes_everybody_along() {
        let schedule = Schedule::new(1, 0, false);
        let forever = schedule.clone();
        schedule.spawn(
            "forever",
            move || loop {
                forever.sleep(Duration::from_secs(3600))
            },
            |_| {},
        );
        schedule.sleep(Duration::from_secs(10));
        schedule.end();
    }
}
