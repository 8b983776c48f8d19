//! What a validator is given to work with.

use std::collections::HashMap;
use std::sync::Arc;

use tidegate_check::plan::Plan;
use tidegate_check::{Choice, Chooser, Input, Reason, SchemaLookup, SchemaNeed, Skip};
use tidegate_codec::Detail;
use tidegate_contract::{BoundObject, ContractRef, Diagnostic, Severity, Snapshot, Status};
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
    /// Records for which a quality rule was not asked because a kill switch is on, in a committed batch.
    fn switched_off(&self, _contract: &ContractRef, _rule: &str, _records: u64) {}
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
    /// The records of a partition go one by one, because processes died with some of them in hand; or no longer.
    fn quarantined(&self, _at: &TopicPartition, _is: bool) {}
    /// Bytes of records in the open batch.
    fn buffered(&self, _bytes: usize) {}
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

/// A snapshot with the plan of every object that is bound.
#[derive(Debug)]
pub struct JudgingSnapshot {
    /// What it was compiled from.
    pub snapshot: Arc<Snapshot>,
    topics: HashMap<Arc<str>, TopicPlans>,
}

/// The plans of a topic: of every version and every type of its events.
#[derive(Debug)]
struct TopicPlans {
    chooser: Chooser,
    plans: Vec<ObjectPlan>,
}

/// The plan of one object.
#[derive(Debug, Clone)]
pub struct ObjectPlan {
    /// Compiled.
    pub plan: Arc<Plan>,
    /// Stamp of its version.
    pub contract: ContractRef,
    /// Its status.
    pub status: Status,
    /// Its name where the version alone does not say which object of the topic is meant.
    pub object: Option<Arc<str>>,
    bound: BoundObject,
}

/// What judges a record.
#[derive(Debug)]
pub enum Chosen<'s> {
    /// This plan, and a proposed version beside it that is judged for the count only.
    Plans {
        /// The judge.
        judge: &'s ObjectPlan,
        /// Only counts.
        shadow: Option<&'s ObjectPlan>,
    },
    /// No contract: a dead letter for this reason. The rule names what was looked at.
    Refused {
        /// Reason.
        reason: Reason,
        /// Finer code.
        detail: Option<Detail>,
        /// What was looked at.
        rule: &'static str,
    },
    /// This schema must be fetched first.
    Need(SchemaNeed),
}

// === impl JudgingSnapshot ===

impl JudgingSnapshot {
    /// Compiles every object that a record could be judged by; all problems at once.
    pub fn compile(snapshot: Arc<Snapshot>) -> Result<JudgingSnapshot, Vec<Diagnostic>> {
        let mut topics = HashMap::new();
        let mut problems = Vec::new();
        for (topic, binding) in &snapshot.bindings {
            let mut plans = Vec::new();
            for bound in binding.objects() {
                match tidegate_check::compile(&bound.contract, bound.object) {
                    Ok(plan) => plans.push(ObjectPlan {
                        plan: Arc::new(plan),
                        contract: bound.contract.reference(),
                        status: bound.contract.status,
                        object: binding.shares_version(&bound.contract).then(|| bound.object().name.clone()),
                        bound: bound.clone(),
                    }),
                    Err(found) => problems.extend(found),
                }
            }
            let chooser = Chooser::new(binding.clone());
            topics.insert(topic.clone(), TopicPlans { chooser, plans });
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

    /// What judges a record of a topic.
    pub fn choose(&self, topic: &str, input: &Input<'_>, schemas: &dyn SchemaLookup) -> Chosen<'_> {
        let Some(plans) = self.topics.get(topic) else {
            return Chosen::Refused {
                reason: Reason::NoContract,
                detail: None,
                rule: "topic",
            };
        };
        match plans.chooser.choose(input, schemas) {
            Choice::Bound { bound, shadow } => Chosen::Plans {
                judge: plans.of(bound),
                shadow: shadow.map(|shadow| plans.of(shadow)),
            },
            Choice::Refused { reason, detail, clause } => Chosen::Refused {
                reason,
                detail,
                rule: clause,
            },
            Choice::Need(need) => Chosen::Need(need),
        }
    }

    /// A contract of the topic that halts it in front of a record which is refused.
    pub fn halting(&self, topic: &str) -> Option<&ContractRef> {
        let mut plans = self.topics.get(topic)?.plans.iter();
        plans.find(|plan| plan.plan.halts_on_failure()).map(|plan| &plan.contract)
    }

    /// Every bound topic, sorted.
    pub fn topics(&self) -> Vec<Arc<str>> {
        self.snapshot.bindings.keys().cloned().collect()
    }
}

// === impl TopicPlans ===

impl TopicPlans {
    fn of(&self, bound: &BoundObject) -> &ObjectPlan {
        let same = |plan: &&ObjectPlan| plan.bound.object == bound.object && Arc::ptr_eq(&plan.bound.contract, &bound.contract);
        self.plans.iter().find(same).expect("every object of the binding was compiled")
    }
}

impl std::fmt::Debug for Parts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}
