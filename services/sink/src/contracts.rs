//! [`Rulings`] over real snapshots and the real judge.

use std::collections::HashMap;
use std::sync::Arc;

use tidegate_check::{Input, Judge, Plan, SchemaLookup, SchemaNeed, Verdict, compile};
use tidegate_columnar::RowBuilder;
use tidegate_contract::model::CdcFormat;
use tidegate_contract::snapshot::BoundObject;
use tidegate_contract::{Contract, ContractRef, EventSchema, EventSchemaKind, LogicalType, Property, SchemaObject, Snapshot, Status};
use tidegate_flow::{Remedy, WorldError};

use crate::rulings::{Bound, Rulings};

/// The cache of registry schemas and the way to fill it.
pub trait Schemas: SchemaLookup {
    /// Asks the registry. `Ok` means that a lookup now has an answer, also when the answer is that there is no such schema.
    fn fetch(&self, need: &SchemaNeed) -> Result<(), WorldError>;
}

/// Plans of the versions that stamps name, compiled when the first record of a version comes and kept: a version never changes.
///
/// They are compiled without quality rules and as if enforced. The validator decided; the sink reads the columns. A rule that looks at
/// `now` would decide otherwise later, and a version that was retired since would refuse what it passed.
#[allow(missing_debug_implementations, reason = "a closure")]
pub struct SnapshotRulings<'a> {
    latest: Box<dyn FnMut() -> Arc<Snapshot> + 'a>,
    schemas: &'a dyn Schemas,
    current: Arc<Snapshot>,
    judge: Judge,
    plans: Vec<Plan>,
    bounds: HashMap<ContractRef, Vec<Known>>,
}

/// What a stamp of one version was bound to.
struct Known {
    /// The topic that the validator consumed.
    topic: Arc<str>,
    /// The object, where the stamp names one.
    object: Option<Arc<str>>,
    bound: Arc<Bound>,
}

// === impl SnapshotRulings ===

impl<'a> SnapshotRulings<'a> {
    /// Rulings by the snapshot that `latest` answers; it is asked between polls and must be cheap.
    pub fn new(mut latest: impl FnMut() -> Arc<Snapshot> + 'a, schemas: &'a dyn Schemas) -> Self {
        let current = latest();
        SnapshotRulings {
            latest: Box::new(latest),
            schemas,
            current,
            judge: Judge::new(),
            plans: Vec::new(),
            bounds: HashMap::new(),
        }
    }

    fn compile(&mut self, found: &BoundObject) -> Result<Arc<Bound>, WorldError> {
        let contract = reading_only(&found.contract, found.object);
        let plan = compile(&contract, found.object).map_err(|problems| {
            let first = problems
                .first()
                .map_or_else(String::new, |first| format!(": {} {}", first.code, first.problem));
            WorldError::new(Remedy::Operator, format!("{} does not compile{first}", contract.reference()))
        })?;
        let object = found.object();
        let bound = Arc::new(Bound {
            contract: contract.reference(),
            major: contract.version.major,
            object: object.name.clone(),
            cdc: plan.cdc.is_some(),
            tombstones_repeat: matches!(plan.cdc, Some(CdcFormat::Debezium | CdcFormat::DebeziumMongodb)),
            bucket: object.settings.lake_bucket,
            event_time: plan.event_time.is_some(),
            nodes: plan.nodes.clone().into(),
            number: self.plans.len(),
        });
        self.plans.push(plan);
        Ok(bound)
    }
}

impl Rulings for SnapshotRulings<'_> {
    fn refresh(&mut self) {
        self.current = (self.latest)();
    }

    fn commit(&self) -> Arc<str> {
        self.current.commit.clone()
    }

    fn bind(&mut self, topic: &str, contract: &ContractRef, object: Option<&str>) -> Result<Option<Arc<Bound>>, WorldError> {
        let mut known = self.bounds.get(contract).into_iter().flatten();
        if let Some(known) = known.find(|known| *known.topic == *topic && known.object.as_deref() == object) {
            return Ok(Some(known.bound.clone()));
        }
        let Some(found) = find(&self.current, topic, contract, object) else {
            return Ok(None);
        };
        let bound = self.compile(&found)?;
        let known = self.bounds.entry(contract.clone()).or_default();
        known.push(Known {
            topic: topic.into(),
            object: object.map(Arc::from),
            bound: bound.clone(),
        });
        Ok(Some(bound))
    }

    fn judge(&mut self, bound: &Bound, topic: &str, input: &Input<'_>, row: &mut RowBuilder) -> Verdict {
        self.judge.judge(&self.plans[bound.number], input, topic, self.schemas, row)
    }

    fn fetch(&mut self, need: &SchemaNeed) -> Result<(), WorldError> {
        self.schemas.fetch(need)
    }
}

/// The object by its topic. A topic that is bound no longer, or never was (a retry topic), is found by the version alone where that leaves
/// no choice.
fn find(snapshot: &Snapshot, topic: &str, reference: &ContractRef, name: Option<&str>) -> Option<BoundObject> {
    if let Some(bound) = snapshot.bindings.get(topic).and_then(|binding| binding.object(reference, name)) {
        return Some(bound.clone());
    }
    let contract = snapshot.contracts.iter().find(|contract| contract.reference() == *reference)?;
    let is_named = |object: &SchemaObject| name.is_none_or(|name| *object.name == *name);
    let mut objects = contract
        .objects
        .iter()
        .enumerate()
        .filter(|(_, object)| object.topic.is_some() && is_named(object));
    match (objects.next(), objects.next()) {
        (Some((object, _)), None) => Some(BoundObject {
            contract: contract.clone(),
            object,
        }),
        _ => None,
    }
}

/// The contract as far as types, shapes and clauses of the value go.
fn reading_only(contract: &Contract, object: usize) -> Contract {
    let mut contract = contract.clone();
    contract.status = Status::Active;
    let object = &mut contract.objects[object];
    object.quality.clear();
    // What a JSON Schema says of an event does not change with time: the validator's word is enough.
    let judged = |schema: &mut EventSchema| schema.kind == EventSchemaKind::JsonSchema;
    let _ = object.settings.event_schema.take_if(judged);
    object.settings.key = None;
    object.settings.required_headers.clear();
    object.settings.kill_switches.clear();
    object.properties.iter_mut().for_each(without_rules);
    contract
}

fn without_rules(property: &mut Property) {
    property.quality.clear();
    match &mut property.logical_type {
        LogicalType::Object { properties, .. } => properties.iter_mut().for_each(without_rules),
        LogicalType::Array { items: Some(item), .. } => without_rules(item),
        LogicalType::Map { key, value } => {
            without_rules(key);
            without_rules(value);
        }
        _ => {}
    }
}
