//! One seed, from the first record to the verdict.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use tidegate_sim::{Broker, MemoryStore, Schedule};

use crate::contracts::{Library, history};
use crate::fault::{Fault, Faults};
use crate::mutation::Mutation;
use crate::objectives::{self, Passes};
use crate::oracle::{self, Counts};
use crate::plan::Plan;
use crate::process::{Fleet, Slot};
use crate::world::World;
use crate::{traffic, trouble};

/// 2026-11-21T10:00:00Z in microseconds.
const START: i64 = 1_795_255_200_000_000;
/// After the last fault everything must be where it belongs within this time.
const PATIENCE: Duration = Duration::from_secs(1_800);
/// A worker that is told to stop must have stopped within this time.
const GRACE: Duration = Duration::from_secs(60);

/// How a seed is run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only these faults, each so many times as likely as its row says, instead of those that the seed draws.
    pub faults: Option<Vec<(Fault, f64)>>,
    /// A protection that is turned off.
    pub mutation: Option<Mutation>,
    /// Prints every call to standard error.
    pub trace: bool,
}

/// What a seed came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What must not be; empty when all is well.
    pub wrong: Vec<String>,
    /// How often each fault struck.
    pub struck: BTreeMap<Fault, u64>,
    /// Hash of the trace, and its lines.
    pub trace: (u64, u64),
    /// Records and rows.
    pub counts: Counts,
    /// Roles that ended with an error and were started again, by what they said.
    pub exits: BTreeMap<String, u64>,
    /// What SLA passes said, in seeds that have them.
    pub passes: Passes,
    /// Simulated time.
    pub took: Duration,
}

/// Runs one seed.
pub fn simulate(seed: u64, options: &Options) -> Outcome {
    let mut rng = Rng::with_seed(seed ^ 0x7469_6465_6761_7465);
    let plan = Plan::drawn(&mut rng);
    let faults = match &options.faults {
        Some(faults) => Faults::only(faults),
        None => Faults::drawn(seed, &mut rng),
    };
    let schedule = Schedule::new(seed, START, options.trace);
    schedule.note(format_args!("{plan:?} {:?}", faults.names()));
    let trouble = i64::try_from(plan.trouble.as_micros()).unwrap_or(i64::MAX);
    let world = Arc::new(World {
        heals_at: START + trouble,
        library: library(&faults, &plan, &mut rng),
        plan,
        schedule: schedule.clone(),
        faults,
        broker: Broker::incarnation(1),
        store: MemoryStore::new(),
        mutation: options.mutation,
        wire: Mutex::default(),
        timed: Mutex::default(),
        forbidden_until: AtomicI64::new(i64::MIN),
        expired_until: AtomicI64::new(i64::MIN),
        awake_at: AtomicI64::new(START),
        breaches: Mutex::default(),
    });
    if world.is_mutated(Mutation::IgnoresGenerations) {
        world.broker.ignore_generations();
    }
    world.spread_markers();
    traffic::create_topics(&world);
    traffic::schedule(&world, seed);
    let fleet = Fleet::new(world.clone());
    (0..world.plan.validators).for_each(|number| fleet.start(Slot::validator(&format!("v{number}"), true)));
    (0..world.plan.sinks).for_each(|number| fleet.start(Slot::sink(&format!("s{number}"), true)));
    trouble::schedule(&world, &fleet);
    let passes = run(&world, &fleet, objectives::are_looked_at(seed).then_some(seed));
    let trace = schedule.trace();
    let took = Duration::from_micros(u64::try_from(schedule.now() - START).unwrap_or(0));
    schedule.end();
    let mut wrong = std::mem::take(&mut *world.breaches.lock().expect("not poisoned"));
    let mut counts = Counts::default();
    if wrong.is_empty() {
        (wrong, counts) = oracle::judge(&world);
    }
    Outcome {
        seed,
        wrong,
        struck: world.faults.counts(),
        trace,
        counts,
        exits: fleet.exits(),
        passes,
        took,
    }
}

/// Contracts change under way where the seed says so.
fn library(faults: &Faults, plan: &Plan, rng: &mut Rng) -> Library {
    let mut commits = vec![(i64::MIN, history()[0].clone())];
    if faults.is_on(Fault::F22) {
        let mut from = START;
        for later in &history()[1..] {
            from += rng.i64(0..i64::try_from(plan.trouble.as_micros()).unwrap_or(1) / 2);
            commits.push((from, later.clone()));
        }
    }
    Library { commits }
}

/// Waits until all has come to rest, then stops everybody. `looks` at objectives, with this seed, in the middle of trouble and in the end.
fn run(world: &Arc<World>, fleet: &Arc<Fleet>, looks: Option<u64>) -> Passes {
    let step = Duration::from_secs(5);
    let mut passes = Passes::default();
    let trouble = world.plan.trouble.max(world.plan.load + Duration::from_secs(26));
    match looks {
        Some(seed) => {
            world.schedule.sleep(trouble / 2);
            passes.add(objectives::look(world, seed));
            world.schedule.sleep(trouble - trouble / 2);
        }
        None => world.schedule.sleep(trouble),
    }
    world.schedule.note(format_args!("everything heals"));
    let deadline = world.schedule.now() + i64::try_from(PATIENCE.as_micros()).unwrap_or(i64::MAX);
    while !oracle::is_drained(world) {
        if world.schedule.now() > deadline {
            world.breach(format!("not drained: {}", oracle::undrained(world)));
            return passes;
        }
        world.schedule.sleep(step);
    }
    // Whoever froze or was slow in time of trouble is back, who died has been removed, and what was late has arrived.
    let asleep = world.awake_at.load(Ordering::Relaxed) - world.schedule.now();
    world
        .schedule
        .sleep(Duration::from_secs(40) + Duration::from_micros(u64::try_from(asleep).unwrap_or(0)));
    if let Some(seed) = looks {
        passes.add(objectives::look(world, seed));
    }
    world.schedule.note(format_args!("stopping"));
    fleet.stop_all();
    world.schedule.sleep(GRACE);
    let living = fleet.living();
    if !living.is_empty() {
        world.breach(format!("{living:?} did not stop in time"));
    }
    passes
}
