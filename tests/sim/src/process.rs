//! Starts processes and starts them again, as an orchestrator does.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidegate_flow::WorldError;
use tidegate_sim::Ended;
use tidegate_sink::{Limits, SnapshotRulings};
use tidegate_validator::Mode;

use crate::ports::consumer::ProcessConsumer;
use crate::ports::exchange::ProcessExchange;
use crate::ports::small::{ProcessClock, ProcessCluster, ProcessContracts, ProcessSchemas, Quiet};
use crate::ports::store::ProcessStore;
use crate::traffic::TOPICS;
use crate::world::{Process, World};

/// What a process is started as.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// Started again when it ends.
    pub(crate) stays: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Role {
    Validator { transactional_id: String },
    Sink,
}

/// The processes that live, by the name of their slot.
pub(crate) struct Fleet {
    world: Arc<World>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    living: BTreeMap<String, Arc<Process>>,
    started: u64,
    stopping: bool,
    /// Exits by what they said.
    exits: BTreeMap<String, u64>,
}

// === impl Slot ===

impl Slot {
    pub(crate) fn validator(name: &str, stays: bool) -> Slot {
        Slot {
            name: name.to_owned(),
            role: Role::Validator {
                transactional_id: format!("t-{name}"),
            },
            stays,
        }
    }

    pub(crate) fn sink(name: &str, stays: bool) -> Slot {
        Slot {
            name: name.to_owned(),
            role: Role::Sink,
            stays,
        }
    }
}

// === impl Fleet ===

impl Fleet {
    pub(crate) fn new(world: Arc<World>) -> Arc<Fleet> {
        Arc::new(Fleet {
            world,
            state: Mutex::default(),
        })
    }

    pub(crate) fn start(self: &Arc<Fleet>, slot: Slot) {
        let process = {
            let mut state = self.state.lock().expect("not poisoned");
            if state.stopping || state.living.contains_key(&slot.name) {
                return;
            }
            state.started += 1;
            let process = Arc::new(Process::new(self.world.clone(), format!("{}#{}", slot.name, state.started)));
            state.living.insert(slot.name.clone(), process.clone());
            process
        };
        let result = Arc::new(Mutex::new(None));
        let (fleet, told) = (self.clone(), result.clone());
        let (role, mine) = (slot.role.clone(), process.clone());
        let work = move || {
            let answer = match role {
                Role::Validator { transactional_id } => validate(&mine, &transactional_id),
                Role::Sink => sink(&mine),
            };
            *told.lock().expect("not poisoned") = Some(answer);
        };
        let name = process.name.clone();
        self.world.schedule.spawn(&name, work, move |ended| {
            let answer = result.lock().expect("not poisoned").take();
            fleet.ended(slot, &process, ended, answer);
        });
    }

    fn ended(self: &Arc<Fleet>, slot: Slot, process: &Process, ended: Ended, answer: Option<Result<(), WorldError>>) {
        let world = &self.world;
        process.note(format_args!("{ended:?} {answer:?}"));
        let was_asked = process.stop.load(Ordering::Relaxed);
        if ended == Ended::Returned && process.is_member() {
            world.breach(format!("{} ended and left its group in the dark", process.name));
        }
        match (ended, answer) {
            (Ended::Panicked, _) => world.breach(format!("{} panicked", process.name)),
            (Ended::Returned, Some(Ok(()))) if !was_asked => world.breach(format!("{} ended without being asked to", process.name)),
            (Ended::Returned, Some(Err(error))) => {
                let mut state = self.state.lock().expect("not poisoned");
                *state.exits.entry(format!("{:?} {error}", error.remedy)).or_default() += 1;
                if world.is_healed() && state.stopping {
                    drop(state);
                    world.breach(format!("{} was stopped in a healthy world and failed: {error}", process.name));
                }
            }
            _ => {}
        }
        let mut state = self.state.lock().expect("not poisoned");
        state.living.remove(&slot.name);
        if slot.stays && !state.stopping {
            drop(state);
            let fleet = self.clone();
            let delay = world.millis(500..15_000);
            world.schedule.after(delay, move || fleet.start(slot));
        }
    }

    /// SIGTERM.
    pub(crate) fn stop(&self, slot: &str) {
        if let Some(process) = self.state.lock().expect("not poisoned").living.get(slot) {
            process.note(format_args!("SIGTERM"));
            process.stop.store(true, Ordering::SeqCst);
        }
        self.world.schedule.changed();
    }

    /// Something that ends a process at its next call.
    pub(crate) fn doom(&self, slot: &str) {
        if let Some(process) = self.state.lock().expect("not poisoned").living.get(slot) {
            process.doomed.store(true, Ordering::SeqCst);
        }
    }

    pub(crate) fn living(&self) -> Vec<String> {
        self.state.lock().expect("not poisoned").living.keys().cloned().collect()
    }

    /// SIGTERM to all, and none is started again.
    pub(crate) fn stop_all(&self) {
        self.state.lock().expect("not poisoned").stopping = true;
        self.living().iter().for_each(|slot| self.stop(slot));
    }

    pub(crate) fn exits(&self) -> BTreeMap<String, u64> {
        self.state.lock().expect("not poisoned").exits.clone()
    }
}

fn validate(process: &Arc<Process>, transactional_id: &str) -> Result<(), WorldError> {
    let plan = &process.world.plan;
    let topics: Vec<Arc<str>> = TOPICS.map(Arc::from).to_vec();
    let settings = tidegate_validator::Settings {
        mode: plan.mode,
        batch_records_max: plan.batch_records,
        batch_age_max: plan.batch_age,
        ..tidegate_validator::Settings::default()
    };
    let id = (plan.mode == Mode::ExactlyOnce).then_some(transactional_id);
    let mut exchange = ProcessExchange::join(process, &topics, id);
    let mut contracts = ProcessContracts::new(process);
    let schemas = ProcessSchemas::new(process);
    let clock = ProcessClock(process.clone());
    let parts = tidegate_validator::Parts {
        exchange: &mut exchange,
        contracts: &mut contracts,
        schemas: &schemas,
        clock: &clock,
        meter: &Quiet,
    };
    tidegate_validator::run(&settings, parts, &process.stop)
}

fn sink(process: &Arc<Process>) -> Result<(), WorldError> {
    let plan = &process.world.plan;
    let topics: Vec<Arc<str>> = TOPICS.map(|topic| Arc::from(format!("{topic}.validated"))).to_vec();
    let settings = tidegate_sink::Settings {
        limits: Limits {
            rows_max: plan.slot_records,
            age_max: plan.slot_age,
            buckets_max: 4,
            ..Limits::default()
        },
        poll_wait: Duration::from_millis(200),
        ..tidegate_sink::Settings::default()
    };
    let mut consumer = ProcessConsumer::join(process, &topics);
    let mut cluster = ProcessCluster {
        process: process.clone(),
        inner: process.world.broker.cluster(),
    };
    let store = ProcessStore { process: process.clone() };
    let contracts = ProcessContracts::new(process);
    let schemas = ProcessSchemas::new(process);
    let mut rulings = SnapshotRulings::new(|| contracts.newest().snapshot.clone(), &schemas);
    let clock = ProcessClock(process.clone());
    let parts = tidegate_sink::Parts {
        consumer: &mut consumer,
        cluster: &mut cluster,
        store: &store,
        rulings: &mut rulings,
        clock: &clock,
        metrics: &(),
    };
    tidegate_sink::run(&settings, parts, &process.stop)
}
