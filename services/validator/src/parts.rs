//! What a validator is given to work with.

use std::collections::HashMap;
use std::sync::Arc;

use tidegate_check::plan::Plan;
use tidegate_check::{Reason, SchemaLookup, SchemaNeed, Skip};
use tidegate_contract::{ContractRef, Diagnostic, Severity, Snapshot, Status};
use tidegate_flow::ports::{Clock, Exchange};
use tidegate_flow::{TopicPartition, WorldError};

/// The shells of a validator.
pub struct Parts<'a> {
    /// Group member and producer.
    pub exchange: &'a mut dyn Exchange,
    /// Contracts.
    pub contracts: &'a mut dyn Contracts,
    /// Registry schemas.
    pub schemas: &'a dyn Schemas,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Numbers for people.
    pub meter: &'a dyn Meter,
}

/// Where compiled contracts come from.
pub trait Contracts {
    /// The newest good snapshot. Cheap: called between batches.
    fn latest(&mut self) -> Arc<JudgingSnapshot>;
    /// The snapshot of an earlier commit; none when it cannot be had any more (a plain directory keeps no history).
    fn at(&mut self, commit: &str) -> Option<Arc<JudgingSnapshot>>;
}

/// The cache of registry schemas and the way to fill it.
pub trait Schemas: SchemaLookup {
    /// Asks the registry. `Ok` means that a lookup now has an answer, also when the answer is that there is no such schema.
    fn fetch(&self, need: &SchemaNeed) -> Result<(), WorldError>;
}

/// What a validator counts. Labels are bounded; nothing of an event goes in here.
pub trait Meter: Send + Sync {
    /// Records of one topic that passed, in a committed batch.
    fn validated(&self, topic: &str, contract: &ContractRef, records: u64);
    /// Dead letters of one topic and reason, in a committed batch; no contract for `no_contract`.
    fn dead_letters(&self, topic: &str, contract: Option<&ContractRef>, reason: Reason, records: u64);
    /// A violation of severity warning or info on a record that passed.
    fn noted(&self, topic: &str, contract: &ContractRef, severity: Severity);
    /// What a proposed version beside the enforced one would have said, in a committed batch.
    fn shadowed(&self, topic: &str, contract: &ContractRef, valid: u64, invalid: u64);
    /// Records set aside by a policy, in a committed batch.
    fn skipped(&self, topic: &str, policy: Skip, records: u64);
    /// A batch was published; judging took so many microseconds.
    fn committed(&self, records: usize, judging_micros: i64);
    /// A batch was aborted; its records are read again.
    fn aborted(&self);
    /// A partition waits for a bad world to heal, or (`operator`) for somebody; it goes on when told so by [`Meter::released`].
    fn held(&self, at: &TopicPartition, operator: bool, why: &str);
    /// A partition goes on, or went to somebody else.
    fn released(&self, at: &TopicPartition);
    /// Partitions came; or went, in good order or `lost`.
    fn assigned(&self, partitions: usize);
    /// See [`Meter::assigned`].
    fn given_up(&self, partitions: usize, lost: bool);
    /// A call to the outside world failed and is tried again.
    fn trouble(&self, error: &WorldError);
    /// The loop turned; `ready` is false while something keeps all partitions from moving.
    fn turned(&self, ready: Result<(), &str>);
    /// The snapshot in force.
    fn snapshot(&self, commit: &str);
}

/// A snapshot with the plan of every binding.
#[derive(Debug)]
pub struct JudgingSnapshot {
    /// What it was compiled from.
    pub snapshot: Arc<Snapshot>,
    topics: HashMap<Arc<str>, TopicPlans>,
}

/// The plans that judge a topic.
#[derive(Debug, Clone)]
pub struct TopicPlans {
    /// The judge of the topic.
    pub enforced: Arc<Plan>,
    /// Stamp of it.
    pub contract: ContractRef,
    /// Its status.
    pub status: Status,
    /// A proposed version beside it, judged for the count only.
    pub shadow: Option<(Arc<Plan>, ContractRef)>,
}

// === impl JudgingSnapshot ===

impl JudgingSnapshot {
    /// Compiles every binding; all problems at once.
    pub fn compile(snapshot: Arc<Snapshot>) -> Result<JudgingSnapshot, Vec<Diagnostic>> {
        let mut topics = HashMap::new();
        let mut problems = Vec::new();
        let mut build = |bound: &tidegate_contract::snapshot::BoundObject| match tidegate_check::compile(&bound.contract, bound.object) {
            Ok(plan) => Some(Arc::new(plan)),
            Err(found) => {
                problems.extend(found);
                None
            }
        };
        for (topic, binding) in &snapshot.bindings {
            let enforced = build(&binding.default);
            let shadow = binding
                .shadow
                .as_ref()
                .and_then(|bound| Some((build(bound)?, bound.contract.reference())));
            if let Some(enforced) = enforced {
                let contract = &binding.default.contract;
                let plans = TopicPlans {
                    enforced,
                    contract: contract.reference(),
                    status: contract.status,
                    shadow,
                };
                topics.insert(topic.clone(), plans);
            }
        }
        if problems.is_empty() {
            Ok(JudgingSnapshot { snapshot, topics })
        } else {
            Err(problems)
        }
    }

    /// The commit.
    pub fn commit(&self) -> &Arc<str> {
        &self.snapshot.commit
    }

    /// The plans of a topic.
    pub fn topic(&self, topic: &str) -> Option<&TopicPlans> {
        self.topics.get(topic)
    }

    /// Every bound topic, sorted.
    pub fn topics(&self) -> Vec<Arc<str>> {
        self.snapshot.bindings.keys().cloned().collect()
    }
}

impl std::fmt::Debug for Parts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}
