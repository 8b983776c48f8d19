//! Clock, topic facts, contracts, registry and meter of a process.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidegate_check::input::Known;
use tidegate_check::{Reason, SchemaLookup, SchemaNeed, Skip};
use tidegate_contract::{ContractRef, Severity};
use tidegate_flow::ports::{Clock, Cluster, NewTopic, TopicFacts};
use tidegate_flow::{NextOffset, Remedy, TopicPartition, WorldError};
use tidegate_sim::BrokerCluster;
use tidegate_validator::{Contracts, JudgingSnapshot, Meter};

use crate::contracts::{POISON, Registry};
use crate::fault::Fault;
use crate::mutation::Mutation;
use crate::world::Process;

/// `max.poll.interval.ms` of the product.
const POLL_INTERVAL: Duration = Duration::from_secs(300);

pub(crate) struct ProcessClock(pub(crate) Arc<Process>);

pub(crate) struct ProcessCluster {
    pub(crate) process: Arc<Process>,
    pub(crate) inner: BrokerCluster,
}

/// Contracts as this process knows them: a moment late, and never anything but a good snapshot.
pub(crate) struct ProcessContracts {
    process: Arc<Process>,
    late: Duration,
}

/// The cache of registry schemas.
pub(crate) struct ProcessSchemas {
    process: Arc<Process>,
    asked: Mutex<BTreeSet<String>>,
}

pub(crate) struct Quiet;

// === impl ProcessClock ===

impl Clock for ProcessClock {
    fn now_micros(&self) -> i64 {
        self.0.now()
    }

    fn sleep(&self, duration: Duration) {
        self.0.enter("sleep");
        self.0.world.schedule.sleep(duration);
    }
}

// === impl ProcessCluster ===

impl Cluster for ProcessCluster {
    fn topics(&mut self, names: &[Arc<str>]) -> Result<Vec<TopicFacts>, WorldError> {
        if self.process.world.strikes(Fault::F12) {
            return Err(WorldError::new(Remedy::Retry, "no broker is reachable"));
        }
        let process = self.process.clone();
        process.call("topics", || self.inner.topics(names))
    }

    fn offsets(&mut self, topic: &str) -> Result<Vec<(NextOffset, NextOffset)>, WorldError> {
        self.inner.offsets(topic)
    }

    fn create(&mut self, topics: &[NewTopic]) -> Result<(), WorldError> {
        self.inner.create(topics)
    }
}

// === impl ProcessContracts ===

impl ProcessContracts {
    pub(crate) fn new(process: &Arc<Process>) -> ProcessContracts {
        let late = match process.world.faults.is_on(Fault::F22) {
            true => process.world.millis(0..30_000),
            false => Duration::ZERO,
        };
        ProcessContracts {
            process: process.clone(),
            late,
        }
    }

    pub(crate) fn newest(&self) -> Arc<JudgingSnapshot> {
        let late = i64::try_from(self.late.as_micros()).unwrap_or(0);
        self.process.world.library.at(self.process.world.schedule.now() - late)
    }
}

impl Contracts for ProcessContracts {
    fn latest(&mut self) -> Arc<JudgingSnapshot> {
        if self.process.world.strikes(Fault::F10) {
            let duration = self.process.world.millis(250_000..400_000);
            self.process.dawdle(duration, POLL_INTERVAL);
        }
        self.newest()
    }

    fn at(&mut self, commit: &str) -> Option<Arc<JudgingSnapshot>> {
        let world = &self.process.world;
        world.library.named(commit).filter(|_| !world.is_mutated(Mutation::ForgetsCommits))
    }
}

// === impl ProcessSchemas ===

impl ProcessSchemas {
    pub(crate) fn new(process: &Arc<Process>) -> ProcessSchemas {
        ProcessSchemas {
            process: process.clone(),
            asked: Mutex::default(),
        }
    }

    fn ask(&self, need: &SchemaNeed) -> Result<(), WorldError> {
        if self.process.world.strikes(Fault::F22) {
            return Err(WorldError::new(Remedy::Retry, "the registry is down"));
        }
        let key = format!("{need:?}");
        self.process
            .call("fetch schema", || self.asked.lock().expect("not poisoned").insert(key));
        Ok(())
    }
}

impl SchemaLookup for ProcessSchemas {
    fn lookup(&self, need: &SchemaNeed) -> Known {
        if *need == SchemaNeed::Id(POISON) {
            self.process.note(format_args!("    judges what kills it"));
            self.process.world.faults.struck(Fault::I20);
            self.process.die();
        }
        match self.asked.lock().expect("not poisoned").contains(&format!("{need:?}")) {
            true => Registry.lookup(need),
            false => Known::NotCached,
        }
    }
}

impl tidegate_validator::Schemas for ProcessSchemas {
    fn fetch(&self, need: &SchemaNeed) -> Result<(), WorldError> {
        self.ask(need)
    }
}

impl tidegate_sink::Schemas for ProcessSchemas {
    fn fetch(&self, need: &SchemaNeed) -> Result<(), WorldError> {
        self.ask(need)
    }
}

// === impl Quiet ===

impl Meter for Quiet {
    fn validated(&self, _: &str, _: &ContractRef, _: u64) {}
    fn dead_letters(&self, _: &str, _: Option<&ContractRef>, _: Reason, _: u64) {}
    fn noted(&self, _: &str, _: &ContractRef, _: Severity) {}
    fn shadowed(&self, _: &str, _: &ContractRef, _: u64, _: u64) {}
    fn skipped(&self, _: &str, _: Skip, _: u64) {}
    fn committed(&self, _: usize, _: i64) {}
    fn aborted(&self) {}
    fn held(&self, _: &TopicPartition, _: bool, _: &str) {}
    fn released(&self, _: &TopicPartition) {}
    fn assigned(&self, _: usize) {}
    fn given_up(&self, _: usize, _: bool) {}
    fn trouble(&self, _: &WorldError) {}
    fn turned(&self, _: Result<(), &str>) {}
    fn snapshot(&self, _: &str) {}
}
