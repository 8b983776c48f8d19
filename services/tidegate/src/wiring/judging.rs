//! The contracts of one snapshot, for tools that ask what would become of a record.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tidegate_check::{Input, Judge, Reason, Verdict};
use tidegate_codec::Detail;
use tidegate_contract::{Contract, ContractRef, LogicalType, Property, Severity, Status};
use tidegate_flow::record::UNREADABLE_NAME;
use tidegate_flow::{Record, WorldError};
use tidegate_replay::{Contracts, Ruling};
use tidegate_validator::parts::Chosen;
use tidegate_validator::{JudgingSnapshot, Schemas as _};

use crate::wiring::schemas::SchemaSource;

/// Judges as a validator would that begins now with this snapshot.
pub(crate) struct SnapshotContracts {
    snapshot: Arc<JudgingSnapshot>,
    schemas: SchemaSource,
    judge: Judge,
    now: i64,
    /// Names of fields, by contract id.
    fields: HashMap<Arc<str>, HashSet<Arc<str>>>,
}

// === impl SnapshotContracts ===

impl SnapshotContracts {
    /// `now` is the clock that rules see, microseconds since the epoch.
    pub(crate) fn new(snapshot: Arc<JudgingSnapshot>, schemas: SchemaSource, now: i64) -> SnapshotContracts {
        let mut fields: HashMap<Arc<str>, HashSet<Arc<str>>> = HashMap::new();
        for contract in &snapshot.snapshot.contracts {
            let of = fields.entry(contract.id.clone()).or_default();
            for property in contract.objects.iter().flat_map(|object| &object.properties) {
                names(property, of);
            }
        }
        SnapshotContracts {
            snapshot,
            schemas,
            judge: Judge::new(),
            now,
            fields,
        }
    }

    fn ruling(&mut self, topic: &str, input: &Input<'_>) -> Result<Ruling, WorldError> {
        let snapshot = self.snapshot.clone();
        let (plan, status) = loop {
            match snapshot.choose(topic, input, &self.schemas) {
                Chosen::Need(need) => self.schemas.fetch(&need)?,
                Chosen::Refused { reason, .. } if snapshot.halting(topic).is_some() => {
                    return Ok(Ruling::Halts {
                        reason: reason.as_str().to_owned(),
                        pointer: String::new(),
                    });
                }
                Chosen::Refused { reason, detail, rule } => {
                    return Ok(invalid(reason.as_str(), detail.map(|detail| detail.as_str()), rule, ""));
                }
                Chosen::Plans { judge, .. } => break (judge.plan.clone(), judge.status),
            }
        };
        let halts = plan.halts_on_failure();
        let or_halts = |ruling| match ruling {
            Ruling::Invalid { reason, pointer, .. } if halts => Ruling::Halts { reason, pointer },
            ruling => ruling,
        };
        if status == Status::Retired {
            return Ok(or_halts(invalid("contract_retired", None, "status", "")));
        }
        if input.headers.iter().any(|(name, _)| name.starts_with(UNREADABLE_NAME)) {
            return Ok(or_halts(invalid(
                Reason::Undecodable.as_str(),
                Some(Detail::BadEncoding.as_str()),
                "header",
                "",
            )));
        }
        let verdict = loop {
            match self.judge.judge(&plan, input, topic, &self.schemas, &mut ()) {
                Verdict::Need(need) => self.schemas.fetch(&need)?,
                verdict => break verdict,
            }
        };
        Ok(match verdict {
            // A proposed contract alone only counts.
            Verdict::Invalid { .. } if status == Status::Proposed => Ruling::Valid,
            Verdict::Valid { .. } => Ruling::Valid,
            Verdict::Skipped(skip) => Ruling::Skipped(skip.as_str()),
            Verdict::Invalid { violations, .. } => {
                let leading = violations.iter().find(|one| one.severity == Severity::Error).or(violations.first());
                let leading = leading.expect("an invalid verdict has a violation");
                let pointer = tidegate_replay::letter::starred(&leading.pointer);
                or_halts(invalid(
                    leading.reason.as_str(),
                    leading.detail.map(|detail| detail.as_str()),
                    &leading.rule,
                    &pointer,
                ))
            }
            Verdict::Need(_) => unreachable!("the loop ends with another one"),
        })
    }
}

impl Contracts for SnapshotContracts {
    fn judge(&mut self, topic: &str, record: &Record) -> Result<Ruling, WorldError> {
        let headers = headers(record);
        let input = input(record, &headers, self.now);
        self.ruling(topic, &input)
    }

    fn object(&mut self, topic: &str, record: &Record) -> Result<Option<(Arc<Contract>, usize)>, WorldError> {
        let headers = headers(record);
        let input = input(record, &headers, self.now);
        let snapshot = self.snapshot.clone();
        loop {
            match snapshot.choose(topic, &input, &self.schemas) {
                Chosen::Need(need) => self.schemas.fetch(&need)?,
                Chosen::Refused { .. } => return Ok(None),
                Chosen::Plans { judge, .. } => {
                    let contracts = &snapshot.snapshot.contracts;
                    let contract = contracts.iter().find(|contract| contract.reference() == judge.contract);
                    return Ok(contract.and_then(|contract| {
                        let object = contract.objects.iter().position(|object| object.name == judge.plan.object)?;
                        Some((contract.clone(), object))
                    }));
                }
            }
        }
    }

    fn objects(&mut self, topic: &str) -> Vec<(Arc<Contract>, usize)> {
        let events = self
            .snapshot
            .snapshot
            .bindings
            .get(topic)
            .into_iter()
            .flat_map(|binding| &binding.events);
        events
            .flat_map(|event| &event.versions)
            .map(|bound| (bound.contract.clone(), bound.object))
            .collect()
    }

    fn has_field(&self, _: &str, contract: Option<&ContractRef>, name: &str) -> bool {
        let fields = contract.and_then(|contract| self.fields.get(&contract.id));
        fields.is_some_and(|fields| fields.contains(name))
    }
}

fn headers(record: &Record) -> Vec<(&str, Option<&[u8]>)> {
    let named = record.headers.iter().map(|header| (&*header.name, header.value.as_deref()));
    named.collect()
}

fn input<'a>(record: &'a Record, headers: &'a [(&'a str, Option<&'a [u8]>)], now: i64) -> Input<'a> {
    Input {
        key: record.key.as_deref(),
        value: record.value.as_deref(),
        headers,
        now,
    }
}

fn invalid(reason: &str, detail: Option<&str>, rule: &str, pointer: &str) -> Ruling {
    Ruling::Invalid {
        reason: detail.map_or_else(|| reason.to_owned(), |detail| format!("{reason}/{detail}")),
        rule: rule.to_owned(),
        pointer: pointer.to_owned(),
    }
}

fn names(property: &Property, into: &mut HashSet<Arc<str>>) {
    into.insert(property.wire_name.clone());
    match &property.logical_type {
        LogicalType::Object { properties, .. } => properties.iter().for_each(|inner| names(inner, into)),
        LogicalType::Array { items: Some(item), .. } => names(item, into),
        LogicalType::Map { value, .. } => names(value, into),
        _ => {}
    }
}
