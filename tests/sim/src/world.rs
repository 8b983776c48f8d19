//! What all processes of one seed share, and what one process is.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidegate_flow::record::Outgoing;
use tidegate_sim::{Broker, MemoryStore, Schedule};

use crate::contracts::Library;
use crate::fault::{Fault, Faults};
use crate::mutation::Mutation;
use crate::plan::Plan;

/// Group of the validators, and of the sinks.
pub(crate) const VALIDATORS: &str = "validators";
pub(crate) const SINKS: &str = "sinks";

/// `session.timeout.ms` of the product.
const SESSION: Duration = Duration::from_secs(30);

/// Everything outside of the processes.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) schedule: Schedule,
    pub(crate) faults: Faults,
    /// Faults strike until here, microseconds since the epoch.
    pub(crate) heals_at: i64,
    pub(crate) broker: Broker,
    pub(crate) store: MemoryStore,
    pub(crate) library: Library,
    pub(crate) mutation: Option<Mutation>,
    /// Requests that were sent and have not arrived.
    pub(crate) wire: Mutex<Vec<Late>>,
    /// Transactions whose timeout is under way.
    pub(crate) timed: Mutex<BTreeMap<String, u64>>,
    pub(crate) forbidden_until: AtomicI64,
    pub(crate) expired_until: AtomicI64,
    /// When the last process that was frozen or slow goes on, microseconds since the epoch.
    pub(crate) awake_at: AtomicI64,
    /// What must not be, as it is found.
    pub(crate) breaches: Mutex<Vec<String>>,
}

/// A request on its way.
#[derive(Debug)]
pub(crate) struct Late {
    pub(crate) id: String,
    pub(crate) epoch: u64,
    pub(crate) what: Request,
}

#[derive(Debug)]
pub(crate) enum Request {
    End { commit: bool },
    Produce(Vec<Outgoing>),
}

/// One run of a process, from its start to its end or death.
pub(crate) struct Process {
    pub(crate) world: Arc<World>,
    pub(crate) name: String,
    /// SIGTERM.
    pub(crate) stop: AtomicBool,
    /// Microseconds that its clock is ahead.
    skew: AtomicI64,
    /// Group and id of its member, for whoever removes it when it is silent.
    member: Mutex<Option<(&'static str, u64)>>,
    /// When its client knows that it was removed, microseconds since the epoch.
    pub(crate) knows_loss_at: AtomicI64,
    /// Its client left by itself and joins again with the next poll only.
    pub(crate) left: AtomicBool,
    /// Killed by whoever is told to: a second SIGTERM.
    pub(crate) doomed: AtomicBool,
    pub(crate) calls: AtomicU64,
}

// === impl World ===

impl World {
    pub(crate) fn breach(&self, what: String) {
        self.schedule.note(format_args!("BREACH {what}"));
        self.breaches.lock().expect("not poisoned").push(what);
    }

    pub(crate) fn is_healed(&self) -> bool {
        self.schedule.now() >= self.heals_at
    }

    pub(crate) fn is_mutated(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    /// Whether a fault strikes here.
    pub(crate) fn strikes(&self, fault: Fault) -> bool {
        self.strikes_at(fault, 1.0)
    }

    /// As [`World::strikes`], this much more likely.
    pub(crate) fn strikes_at(&self, fault: Fault, factor: f64) -> bool {
        let likely = self.faults.likely(fault) * factor;
        let strikes = likely > 0.0 && !self.is_healed() && self.schedule.draw(|rng| rng.f64()) < likely;
        if strikes {
            self.faults.struck(fault);
            self.schedule.note(format_args!("    {fault:?} strikes"));
        }
        strikes
    }

    pub(crate) fn millis(&self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.schedule.draw(|rng| rng.u64(range)))
    }

    /// Requests of a transactional id that were under way may arrive now.
    pub(crate) fn deliver_late(self: &Arc<World>, id: &str, likely: f64) {
        let mut wire = self.wire.lock().expect("not poisoned");
        let Some(at) = wire.iter().position(|late| late.id == id) else {
            return;
        };
        // It does more harm while a transaction is open.
        let likely = if self.broker.open_transaction(id).is_some() {
            likely
        } else {
            likely * likely
        };
        if self.schedule.draw(|rng| rng.f64()) >= likely {
            return;
        }
        let late = wire.remove(at);
        drop(wire);
        let done = match &late.what {
            Request::End { commit } => usize::from(self.broker.end_transaction_late(&late.id, late.epoch, *commit)),
            Request::Produce(batch) => self.broker.write_late(&late.id, late.epoch, batch),
        };
        self.schedule.note(format_args!(
            "    late {} of epoch {} arrives: {done}",
            late.what.name(),
            late.epoch
        ));
        self.schedule.changed();
    }

    /// Sends a request that arrives at an awkward time, within ten seconds.
    pub(crate) fn send_late(self: &Arc<World>, late: Late) {
        let id = late.id.clone();
        self.wire.lock().expect("not poisoned").push(late);
        let world = self.clone();
        let delay = self.millis(0..10_000);
        self.schedule.after(delay, move || world.deliver_late(&id, 1.0));
    }

    /// Where the seed has it so, markers of a transaction are written one by one, in any order.
    pub(crate) fn spread_markers(self: &Arc<World>) {
        if !self.faults.is_on(Fault::F34) {
            return;
        }
        let world = Arc::downgrade(self);
        self.broker.delay_markers(move |markers| {
            let Some(world) = world.upgrade() else { return };
            let is_slow = world.strikes(Fault::F34);
            for &marker in markers {
                if !is_slow {
                    world.broker.write_marker(marker);
                    continue;
                }
                let writing = world.clone();
                world.schedule.after(world.millis(1..8_000), move || {
                    writing.broker.write_marker(marker);
                    writing.schedule.note(format_args!("    marker {marker} is written"));
                    writing.schedule.changed();
                });
            }
        });
    }

    /// Until the last transaction of an id has its markers the coordinator answers CONCURRENT_TRANSACTIONS, and the client asks again.
    pub(crate) fn await_markers(&self, id: &str) {
        while self.broker.is_ending(id) {
            self.schedule.wait_for_change(Duration::from_secs(1));
        }
    }

    /// The coordinator ends the transaction that is open now when it grows too old.
    pub(crate) fn time_transaction(self: &Arc<World>, id: &str) {
        let Some(number) = self.broker.open_transaction(id) else { return };
        if self.timed.lock().expect("not poisoned").insert(id.to_owned(), number) == Some(number) {
            return;
        }
        let (world, id) = (self.clone(), id.to_owned());
        // `transaction.timeout.ms`, and the interval at which the coordinator looks.
        let delay = Duration::from_secs(20) + self.millis(0..10_000);
        self.schedule.after(delay, move || {
            if world.broker.expire_transaction(&id, number) {
                world.schedule.note(format_args!("    transaction of {id} timed out"));
                world.schedule.changed();
            }
        });
    }
}

impl Request {
    fn name(&self) -> &'static str {
        match self {
            Request::End { commit: true } => "commit",
            Request::End { commit: false } => "abort",
            Request::Produce(_) => "produce",
        }
    }
}

// === impl Process ===

impl Process {
    pub(crate) fn new(world: Arc<World>, name: String) -> Process {
        Process {
            world,
            name,
            stop: AtomicBool::new(false),
            skew: AtomicI64::new(0),
            member: Mutex::new(None),
            knows_loss_at: AtomicI64::new(i64::MAX),
            left: AtomicBool::new(false),
            doomed: AtomicBool::new(false),
            calls: AtomicU64::new(0),
        }
    }

    /// A call to the outside: time passes, and whatever the seed has in store for the process befalls it.
    pub(crate) fn call<T>(&self, site: &str, effect: impl FnOnce() -> T) -> T {
        self.enter(site);
        let answer = effect();
        self.leave(site);
        answer
    }

    pub(crate) fn enter(&self, site: &str) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let latency = match self.world.strikes(Fault::F32) {
            true => self.world.millis(100..5_000),
            false => Duration::from_micros(self.world.schedule.draw(|rng| rng.u64(50..3_000))),
        };
        self.world.schedule.sleep(latency);
        self.note(format_args!("{site}"));
        self.befall(site);
    }

    pub(crate) fn leave(&self, site: &str) {
        self.world.schedule.changed();
        self.befall(site);
    }

    pub(crate) fn note(&self, what: std::fmt::Arguments<'_>) {
        self.world.schedule.note(format_args!("{} {what}", self.name));
    }

    /// Its clock, microseconds since the epoch.
    pub(crate) fn now(&self) -> i64 {
        self.world.schedule.now() + self.skew.load(Ordering::Relaxed)
    }

    pub(crate) fn joined(&self, group: &'static str, member: u64) {
        *self.member.lock().expect("not poisoned") = Some((group, member));
    }

    fn befall(&self, _site: &str) {
        if std::thread::panicking() {
            return;
        }
        let world = &self.world;
        if self.doomed.load(Ordering::Relaxed) || world.strikes(Fault::F1) {
            self.die();
        }
        if world.strikes(Fault::F8) {
            self.freeze(world.millis(31_000..90_000));
        }
        if world.strikes(Fault::F9) {
            self.freeze(world.millis(20_000..29_000));
        }
        if world.strikes(Fault::F29) {
            let jump = world.schedule.draw(|rng| rng.i64(-3_600_000_000..3_600_000_000));
            self.skew.store(jump, Ordering::Relaxed);
            self.note(format_args!("    clock is off by {} s", jump / 1_000_000));
        }
    }

    /// Kill -9. Its group hears of it when the session times out.
    pub(crate) fn die(&self) -> ! {
        self.note(format_args!("    dies"));
        self.expires(SESSION);
        self.world.schedule.kill()
    }

    fn lie_still(&self, duration: Duration) {
        let until = self.world.schedule.now() + i64::try_from(duration.as_micros()).unwrap_or(0);
        self.world.awake_at.fetch_max(until, Ordering::Relaxed);
        self.world.schedule.sleep(duration);
    }

    /// SIGSTOP and SIGCONT. Heartbeats stop, so that the group removes the member after its session; on waking the client still
    /// believes in its assignment, until it has heard from the coordinator.
    pub(crate) fn freeze(&self, duration: Duration) {
        self.note(format_args!("    freezes for {} ms", duration.as_millis()));
        if duration > SESSION {
            self.expires(SESSION - self.world.millis(0..3_000));
        }
        self.lie_still(duration);
        let heartbeat = self.world.schedule.draw(|rng| rng.i64(50_000..500_000));
        self.knows_loss_at.store(self.world.schedule.now() + heartbeat, Ordering::Relaxed);
        self.note(format_args!("    wakes"));
    }

    /// Slow work of its own while the client's heartbeats go on: past `max.poll.interval.ms` the client leaves the group and knows.
    pub(crate) fn dawdle(&self, duration: Duration, interval: Duration) {
        self.note(format_args!("    dawdles for {} ms", duration.as_millis()));
        if duration > interval {
            self.expires(interval);
            let known = self.world.schedule.now() + i64::try_from(interval.as_micros()).unwrap_or(i64::MAX);
            self.knows_loss_at.store(known, Ordering::Relaxed);
            self.left.store(true, Ordering::Relaxed);
        }
        self.lie_still(duration);
    }

    /// Whether the client has heard by now that it was removed, if it was.
    pub(crate) fn knows_loss(&self) -> bool {
        self.world.schedule.now() >= self.knows_loss_at.load(Ordering::Relaxed)
    }

    /// Its member goes without a word.
    pub(crate) fn leaves_silently(&self) {
        self.expires(SESSION);
    }

    /// Whether the coordinator still counts its member in.
    pub(crate) fn is_member(&self) -> bool {
        self.member
            .lock()
            .expect("not poisoned")
            .is_some_and(|(group, member)| self.world.broker.is_member(group, member))
    }

    fn expires(&self, after: Duration) {
        let Some((group, member)) = *self.member.lock().expect("not poisoned") else {
            return;
        };
        let world = self.world.clone();
        self.world.schedule.after(after, move || {
            if world.broker.evict(group, member) {
                world.schedule.note(format_args!("    {group} removes member {member}"));
                world.schedule.changed();
            }
        });
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("plan", &self.plan).finish_non_exhaustive()
    }
}
