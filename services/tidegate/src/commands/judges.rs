//! The objects of one contract that may judge an event, for tools that judge without a broker.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tidegate_check::{Choice, Chooser, Input, Judge, Plan, SchemaLookup, Verdict, Violation, compile};
use tidegate_contract::{Contract, Diagnostic, Severity};

use crate::commands::contract_file::{pick, shared_topic};

/// A contract with the plans that may judge.
pub(crate) struct Judges {
    pub(crate) contract: Arc<Contract>,
    topic: Arc<str>,
    pub(crate) plans: BTreeMap<usize, Plan>,
    /// There where the event itself says which object judges it.
    chooser: Option<Chooser>,
}

// === impl Judges ===

impl Judges {
    /// The object of that name, the only one, or all that share a topic. The error is a choice that is left open; what does not compile
    /// comes back as diagnostics.
    pub(crate) fn of(contract: Arc<Contract>, object: Option<&str>, path: &Path) -> anyhow::Result<Result<Judges, Vec<Diagnostic>>> {
        let binding = shared_topic(&contract).filter(|_| object.is_none());
        let objects = match &binding {
            Some(binding) => binding.objects().map(|bound| bound.object).collect(),
            None => vec![pick(&contract, object, path)?],
        };
        let mut plans = BTreeMap::new();
        for object in &objects {
            match compile(&contract, *object) {
                Ok(plan) => drop(plans.insert(*object, plan)),
                Err(problems) => return Ok(Err(problems)),
            }
        }
        let first = &contract.objects[objects[0]];
        Ok(Ok(Judges {
            topic: first.topic.clone().unwrap_or_else(|| first.name.clone()),
            plans,
            chooser: binding.map(Chooser::new),
            contract,
        }))
    }

    pub(crate) fn judge(&self, judge: &mut Judge, input: &Input<'_>, schemas: &dyn SchemaLookup) -> Verdict {
        let object = match &self.chooser {
            None => self.plans.keys().next().copied().unwrap_or_default(),
            Some(chooser) => match chooser.choose(input, schemas) {
                Choice::Bound { bound, .. } => bound.object,
                Choice::Refused { reason, detail, clause } => {
                    let violation = Violation {
                        reason,
                        detail,
                        rule: clause.into(),
                        severity: Severity::Error,
                        pointer: String::new(),
                        location: self.contract.location.clone(),
                    };
                    return Verdict::Invalid {
                        violations: vec![violation],
                        cut: false,
                    };
                }
                Choice::Need(need) => return Verdict::Need(need),
            },
        };
        judge.judge(&self.plans[&object], input, &self.topic, schemas, &mut ())
    }
}
