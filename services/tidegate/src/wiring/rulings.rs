//! Contracts, judge and schemas for the sink.

use std::collections::HashMap;
use std::sync::Arc;

use tidegate_check::judge::Judge;
use tidegate_check::plan::Plan;
use tidegate_check::{Input, SchemaNeed, Verdict};
use tidegate_columnar::RowBuilder;
use tidegate_contract::ContractRef;
use tidegate_flow::{Remedy, WorldError};
use tidegate_sink::{Bound, Rulings};
use tidegate_validator::Schemas as _;

use super::contracts::LiveContracts;
use super::schemas::SchemaSource;

/// Plans by topic and version, compiled once: a published version never changes.
pub(crate) struct LiveRulings {
    contracts: LiveContracts,
    schemas: SchemaSource,
    judge: Judge,
    plans: Vec<Plan>,
    bound: HashMap<(Arc<str>, ContractRef), Arc<Bound>>,
}

// === impl LiveRulings ===

impl LiveRulings {
    pub(crate) fn new(contracts: LiveContracts, schemas: SchemaSource) -> Self {
        LiveRulings { contracts, schemas, judge: Judge::new(), plans: Vec::new(), bound: HashMap::new() }
    }
}

impl Rulings for LiveRulings {
    fn commit(&mut self) -> Arc<str> {
        self.contracts.current().commit().clone()
    }

    fn bind(&mut self, topic: &str, contract: &ContractRef) -> Result<Option<Arc<Bound>>, WorldError> {
        let key = (Arc::<str>::from(topic), contract.clone());
        if let Some(known) = self.bound.get(&key) {
            return Ok(Some(known.clone()));
        }
        let current = self.contracts.current();
        let Some(version) = current.snapshot.bindings.get(topic).and_then(|binding| binding.versions.get(contract)) else {
            return Ok(None);
        };
        let plan = tidegate_check::compile(&version.contract, version.object).map_err(|problems| {
            let what = format!("{contract} does not compile: {}", super::contracts::lines(&problems));
            WorldError::new(Remedy::Operator, what)
        })?;
        let object = version.object();
        let bound = Arc::new(Bound {
            contract: contract.clone(),
            major: version.contract.version.major,
            object: object.name.clone(),
            cdc: object.settings.cdc.is_some(),
            bucket: object.settings.lake_bucket,
            event_time: object.settings.event_time.is_some(),
            nodes: plan.nodes.clone().into(),
            number: self.plans.len(),
        });
        self.plans.push(plan);
        self.bound.insert(key, bound.clone());
        Ok(Some(bound))
    }

    fn judge(&mut self, bound: &Bound, topic: &str, input: &Input<'_>, row: &mut RowBuilder) -> Verdict {
        self.judge.judge(&self.plans[bound.number], input, topic, &self.schemas, row)
    }

    fn fetch(&mut self, need: &SchemaNeed) -> Result<(), WorldError> {
        self.schemas.fetch(need)
    }
}
