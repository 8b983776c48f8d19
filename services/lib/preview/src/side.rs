//! The contracts of one side, compiled: what a validator that has loaded them would judge by.

use std::collections::HashMap;
use std::sync::Arc;

use tidegate_check::{Choice, Chooser, Input, Plan, Reason, SchemaLookup, SchemaNeed};
use tidegate_codec::Detail;
use tidegate_contract::snapshot::bind;
use tidegate_contract::{BoundObject, Contract, Diagnostic, Level, Status};

/// Every contract of one side.
#[derive(Debug)]
pub struct Side {
    name: String,
    topics: HashMap<Arc<str>, Topic>,
}

/// What judges the records of a topic.
#[derive(Debug)]
struct Topic {
    chooser: Chooser,
    objects: Vec<Object>,
}

/// One object of one contract, compiled.
#[derive(Debug)]
pub struct Object {
    /// Compiled.
    pub plan: Arc<Plan>,
    /// What it was compiled from.
    pub bound: BoundObject,
}

/// What judges a record.
#[derive(Debug)]
pub enum Chosen<'s> {
    /// This object; `shadow` is a proposed version beside it.
    Object {
        /// Decides.
        judge: &'s Object,
        /// Would decide, were it enforced.
        shadow: Option<&'s Object>,
    },
    /// Nothing: a dead letter for this reason.
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

// === impl Side ===

impl Side {
    /// Compiles the contracts of a side; all problems at once. Drafts among them count as proposed, so leave out those that nobody asked for.
    pub fn new(name: impl Into<String>, contracts: &[Arc<Contract>]) -> Result<Side, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let bindings = bind(contracts, &mut problems);
        problems.retain(|problem| problem.level == Level::Error);
        let mut topics = HashMap::new();
        for (topic, binding) in bindings {
            let mut objects = Vec::new();
            for bound in binding.objects() {
                match tidegate_check::compile(&bound.contract, bound.object) {
                    Ok(plan) => objects.push(Object {
                        plan: Arc::new(plan),
                        bound: bound.clone(),
                    }),
                    Err(found) => problems.extend(found),
                }
            }
            let chooser = Chooser::new(binding);
            topics.insert(topic, Topic { chooser, objects });
        }
        match problems.is_empty() {
            true => Ok(Side { name: name.into(), topics }),
            false => Err(problems),
        }
    }

    /// As the user called it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Every topic that a contract of the side binds, sorted.
    pub fn topics(&self) -> Vec<Arc<str>> {
        let mut topics: Vec<Arc<str>> = self.topics.keys().cloned().collect();
        topics.sort();
        topics
    }

    /// Whether a contract of the side binds the topic.
    pub fn binds(&self, topic: &str) -> bool {
        self.topics.contains_key(topic)
    }

    /// Every object that may judge records of a topic.
    pub fn objects(&self, topic: &str) -> impl Iterator<Item = &Object> {
        self.topics.get(topic).into_iter().flat_map(|topic| &topic.objects)
    }

    /// An object of the topic that halts it in front of a record which none of them judges, as the validator has it: nobody knows whose event that
    /// is, so the strictest contract speaks.
    pub(crate) fn halting(&self, topic: &str) -> Option<&Object> {
        self.objects(topic).find(|object| object.plan.halts_on_failure())
    }

    /// Whether it judges events that name no version.
    pub(crate) fn is_default(&self, object: &BoundObject) -> bool {
        let is_it = |other: &BoundObject| other.object == object.object && Arc::ptr_eq(&other.contract, &object.contract);
        let topics = self.topics.values().map(|topic| topic.chooser.binding());
        topics.flat_map(|binding| &binding.events).any(|event| is_it(&event.default))
    }

    /// What judges a record of a topic, as the validator chooses it.
    pub fn choose(&self, topic: &str, input: &Input<'_>, schemas: &dyn SchemaLookup) -> Chosen<'_> {
        let Some(topic) = self.topics.get(topic) else {
            return Chosen::Refused {
                reason: Reason::NoContract,
                detail: None,
                rule: "topic",
            };
        };
        match topic.chooser.choose(input, schemas) {
            Choice::Bound { bound, shadow } => Chosen::Object {
                judge: topic.of(bound),
                shadow: shadow.map(|shadow| topic.of(shadow)),
            },
            Choice::Refused { reason, detail, clause } => Chosen::Refused {
                reason,
                detail,
                rule: clause,
            },
            Choice::Need(need) => Chosen::Need(need),
        }
    }
}

// === impl Topic ===

impl Topic {
    fn of(&self, bound: &BoundObject) -> &Object {
        if let [only] = self.objects.as_slice() {
            return only;
        }
        let same = |object: &&Object| object.bound.object == bound.object && Arc::ptr_eq(&object.bound.contract, &bound.contract);
        self.objects.iter().find(same).expect("every object of the binding was compiled")
    }
}

// === impl Object ===

impl Object {
    /// What the contract's status makes of it.
    pub fn status(&self) -> Status {
        self.bound.contract.status
    }

    /// `orders@1.2.0`.
    pub fn reference(&self) -> String {
        self.bound.contract.reference().to_string()
    }
}
