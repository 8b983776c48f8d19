//! A process's way to the object store: slow, refused, cut off before or after the store did what was asked, and lying.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tidegate_flow::ports::{Created, ObjectFacts, Store};
use tidegate_flow::{Remedy, WorldError};

use crate::fault::Fault;
use crate::mutation::Mutation;
use crate::world::Process;

/// As many as the shell tries (`lake/src/store.rs`).
const CONFLICTS_MAX: u32 = 6;

pub(crate) struct ProcessStore {
    pub(crate) process: Arc<Process>,
}

// === impl ProcessStore ===

impl ProcessStore {
    fn call<T>(&self, site: &str, path: &str, effect: impl FnOnce(&dyn Store) -> Result<T, WorldError>) -> Result<T, WorldError> {
        let process = &self.process;
        let world = &process.world;
        process.enter(&format!("{site} {path}"));
        if world.strikes(Fault::F27) {
            world.expired_until.store(world.schedule.now() + 60_000_000, Ordering::Relaxed);
        }
        if world.schedule.now() < world.expired_until.load(Ordering::Relaxed) {
            return Err(WorldError::new(Remedy::Operator, "the store refuses the credentials"));
        }
        if world.strikes(Fault::F23) {
            match world.schedule.draw(|rng| rng.u8(..4)) {
                0 => return Err(WorldError::new(Remedy::Retry, "503 slow down")),
                1 => {
                    world.schedule.sleep(world.millis(1_000..60_000));
                    return Err(WorldError::new(Remedy::Retry, "timeout; nothing was done"));
                }
                2 => {
                    let done = effect(&world.store);
                    process.leave(site);
                    done?;
                    world.schedule.sleep(world.millis(1_000..60_000));
                    return Err(WorldError::new(Remedy::Retry, "timeout; it was done"));
                }
                _ => world.schedule.sleep(world.millis(1_000..60_000)),
            }
        }
        let answer = effect(&world.store);
        process.leave(site);
        answer
    }

    fn is_chain(&self, path: &str) -> bool {
        path.starts_with("chain/") && self.process.world.is_mutated(Mutation::ForgetsChain)
    }
}

impl Store for ProcessStore {
    /// The shell's part is here too: a conflict is believed only with an object behind it.
    fn create(&self, path: &str, bytes: Bytes) -> Result<Created, WorldError> {
        let world = &self.process.world;
        if world.is_mutated(Mutation::Overwrites) || self.is_chain(path) {
            return self.call("create", path, |store| store.put(path, bytes).map(|()| Created::New));
        }
        let lies = world.strikes(Fault::F25).then(|| world.schedule.draw(|rng| rng.u32(1..10)));
        for attempt in 0..CONFLICTS_MAX {
            if lies.is_none_or(|lies| attempt >= lies) {
                return self.call("create", path, |store| store.create(path, bytes.clone()));
            }
            if world.is_mutated(Mutation::BelievesConflicts) {
                // As if what was put were what is there.
                return Ok(Created::New);
            }
            if self.call("look for", path, |store| store.exists(path))? {
                return Ok(Created::Exists);
            }
            world.schedule.sleep(Duration::from_millis(50) * 2u32.pow(attempt));
        }
        Err(WorldError::new(Remedy::Retry, "conflict after conflict, and nothing is there"))
    }

    fn put(&self, path: &str, bytes: Bytes) -> Result<(), WorldError> {
        self.call("put", path, |store| store.put(path, bytes))
    }

    fn get(&self, path: &str) -> Result<Option<Bytes>, WorldError> {
        if self.is_chain(path) {
            return Ok(None);
        }
        self.call("get", path, |store| store.get(path))
    }

    fn exists(&self, path: &str) -> Result<bool, WorldError> {
        if self.is_chain(path) {
            return Ok(false);
        }
        self.call("exists", path, |store| store.exists(path))
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectFacts>, WorldError> {
        self.call("list", prefix, |store| store.list(prefix))
    }
}
