//! The SLA pass over the lake as it is at some instant: with a store in trouble it says what it says without, or that it cannot tell.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tidegate_contract::Snapshot;
use tidegate_flow::ports::{Created, ObjectFacts, Store};
use tidegate_flow::{Remedy, WorldError};
use tidegate_query::{Lake, Limits};
use tidegate_sim::MemoryStore;
use tidegate_sink::path::part;
use tidegate_sla::{Filter, Outcome, Report, run_once};

use crate::world::World;

/// One seed of so many has passes: a query engine costs more than all the rest of a seed.
const SEEDS: u64 = 8;
/// How often a call of the troubled store fails.
const LIKELY: u64 = 12;

/// What passes said.
#[derive(Debug, Clone, Copy, Default)]
pub struct Passes {
    /// Objectives that were judged.
    pub judged: u64,
    /// Those of which the pass in trouble said that it cannot tell, while it could without.
    pub untold: u64,
}

// === impl Passes ===

impl Passes {
    /// With those of another time or seed.
    pub fn add(&mut self, other: Passes) {
        self.judged += other.judged;
        self.untold += other.untold;
    }
}

/// Whether a seed has passes.
pub(crate) fn are_looked_at(seed: u64) -> bool {
    seed % SEEDS == 6
}

/// Two passes at this instant over the same objects, one of them in trouble. What they disagree on is a breach.
pub(crate) fn look(world: &World, seed: u64) -> Passes {
    let now = world.schedule.now();
    let snapshot = &world.library.at(now).snapshot;
    let objects = Arc::new(world.store.copied());
    let calm = pass(objects.clone(), snapshot, now);
    let troubled = pass(Arc::new(Troubled::new(objects, seed)), snapshot, now);
    let mut passes = Passes::default();
    let said = |report: &Report| -> BTreeMap<Arc<str>, (Outcome, Option<String>)> {
        let entries = report.entries.iter();
        entries
            .map(|entry| {
                let measured = entry.measured.as_ref().map(|measured| measured.value.clone());
                (entry.clause.id.clone(), (entry.outcome, measured))
            })
            .collect()
    };
    let (calm, troubled) = (said(&calm), said(&troubled));
    if calm.len() != troubled.len() {
        world.breach(format!(
            "{} objectives are judged without trouble, {} with",
            calm.len(),
            troubled.len()
        ));
    }
    for (clause, expected) in &calm {
        passes.judged += 1;
        match troubled.get(clause) {
            Some((Outcome::Error, _)) => passes.untold += u64::from(expected.0 != Outcome::Error),
            said if said == Some(expected) => {}
            said => world.breach(format!("{clause} is {expected:?}, and {said:?} over a store in trouble")),
        }
    }
    world.schedule.note(format_args!("SLA pass: {passes:?}"));
    passes
}

fn pass(store: Arc<dyn Store>, snapshot: &Snapshot, now: i64) -> Report {
    let limits = Limits {
        threads: 1,
        ..Limits::default()
    };
    let lake = Lake::new(store, limits).expect("threads can be started");
    // Where the sink puts them.
    let folder = |contract: &str, object: &str, major: u64| format!("lake/{}/{}/v{major}", part(contract), part(object));
    run_once(snapshot, &lake, &folder, now, &Filter::default())
}

/// A store whose reads fail, lie about what is there, or are cut off. What befalls a call depends on the seed, the call and how often it was
/// made, and not on the order of calls: the query engine has threads of its own.
struct Troubled {
    objects: Arc<MemoryStore>,
    seed: u64,
    calls: Mutex<HashMap<u64, u64>>,
}

/// What befalls a read.
enum Trouble {
    None,
    Refused,
    Gone,
    Cut,
    Garbage,
}

// === impl Troubled ===

impl Troubled {
    fn new(objects: Arc<MemoryStore>, seed: u64) -> Troubled {
        Troubled {
            objects,
            seed,
            calls: Mutex::default(),
        }
    }

    fn befalls(&self, call: &(impl Hash + ?Sized)) -> Trouble {
        let hash = |of: &dyn Fn(&mut DefaultHasher)| {
            let mut hasher = DefaultHasher::new();
            of(&mut hasher);
            hasher.finish()
        };
        let call = hash(&|hasher| call.hash(hasher));
        let mut calls = self.calls.lock().expect("not poisoned");
        let count = calls.entry(call).or_default();
        *count += 1;
        let drawn = hash(&|hasher| (self.seed, call, *count).hash(hasher));
        match (drawn % LIKELY, drawn / LIKELY % 4) {
            (0, 0) => Trouble::Refused,
            (0, 1) => Trouble::Gone,
            (0, 2) => Trouble::Cut,
            (0, _) => Trouble::Garbage,
            _ => Trouble::None,
        }
    }

    fn read(
        &self,
        call: &(impl Hash + ?Sized),
        read: impl FnOnce() -> Result<Option<Bytes>, WorldError>,
    ) -> Result<Option<Bytes>, WorldError> {
        let bytes = match self.befalls(call) {
            Trouble::Refused => return Err(refused()),
            Trouble::Gone => return Ok(None),
            Trouble::None => return read(),
            Trouble::Cut => read()?.map(|bytes| bytes.slice(..bytes.len() / 2)),
            Trouble::Garbage => {
                read()?.map(|bytes| Bytes::from(b"<Error><Code>SlowDown</Code></Error>".repeat(bytes.len() / 36 + 1)).slice(..bytes.len()))
            }
        };
        Ok(bytes)
    }
}

impl Store for Troubled {
    fn create(&self, _: &str, _: Bytes) -> Result<Created, WorldError> {
        unreachable!("a pass writes nothing")
    }

    fn put(&self, _: &str, _: Bytes) -> Result<(), WorldError> {
        unreachable!("a pass writes nothing")
    }

    fn get(&self, path: &str) -> Result<Option<Bytes>, WorldError> {
        self.read(path, || self.objects.get(path))
    }

    fn get_range(&self, path: &str, range: Range<u64>) -> Result<Option<Bytes>, WorldError> {
        self.read(&(path, &range), || self.objects.get_range(path, range.clone()))
    }

    fn exists(&self, path: &str) -> Result<bool, WorldError> {
        self.objects.exists(path)
    }

    /// Never cut short: nothing could tell.
    fn list(&self, prefix: &str) -> Result<Vec<ObjectFacts>, WorldError> {
        match self.befalls(&("list", prefix)) {
            Trouble::None => self.objects.list(prefix),
            _ => Err(refused()),
        }
    }
}

fn refused() -> WorldError {
    WorldError::new(Remedy::Retry, "503 slow down")
}
