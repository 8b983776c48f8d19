//! From contracts to objectives: which clauses are judged, which cannot be, which are not executed and why.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_contract::model::{LogicalType, Metric, Property, QualityRule, RuleKind, SchemaObject};
use tidegate_contract::{Contract, Location, Severity, Snapshot, Status};

use crate::column::{self, Column, ColumnKind};
use crate::objective::{Clause, Limit, Objective, Plan, Planned, Probe, RowSet};
use crate::{guard, sql};

mod promises;

/// Why rules below lists and maps are not executed.
const INSIDE: &str = "the property is inside of a list or a map; Tidegate's lake queries do not look into those";

/// Says where the sink puts the rows of an object (contract id, object name, major version), relative to the store's root, without a slash
/// at the end. The sink knows how ids become path parts, and this crate does not know the sink.
pub type Folder<'a> = &'a dyn Fn(&str, &str, u64) -> String;

/// One plan per contract version of the snapshot, in its order.
///
/// Versions of one major share a folder of the lake, so only the highest one that is enforced speaks about its rows.
pub fn snapshot(snapshot: &Snapshot, folder: Folder<'_>) -> Vec<Plan> {
    let mut speakers: BTreeMap<(&str, u64), &Contract> = BTreeMap::new();
    for contract in snapshot
        .contracts
        .iter()
        .filter(|contract| matches!(contract.status, Status::Active | Status::Deprecated))
    {
        let speaker = speakers.entry((&contract.id, contract.version.major)).or_insert(contract);
        if contract.version > speaker.version {
            *speaker = contract;
        }
    }
    let silent = |contract: &Contract| match contract.status {
        Status::Draft => Some("the contract is a draft".to_owned()),
        Status::Proposed => Some("the contract is proposed: events that only it judges do not reach the lake".to_owned()),
        Status::Retired => Some("the contract is retired".to_owned()),
        Status::Active | Status::Deprecated => {
            let speaker = speakers.get(&(&*contract.id, contract.version.major))?;
            (speaker.version != contract.version)
                .then(|| format!("version {} of the same major speaks about the same rows", speaker.version.text))
        }
    };
    snapshot
        .contracts
        .iter()
        .map(|contract| match silent(contract) {
            None => self::contract(contract, folder),
            Some(why) => not_judged(contract, why),
        })
        .collect()
}

/// The plan of one contract version that speaks about its major's rows.
pub fn contract(contract: &Contract, folder: Folder<'_>) -> Plan {
    let mut planner = Planner {
        contract,
        clauses: Vec::new(),
        per_record: 0,
    };
    let mut tables = Vec::new();
    for object in &contract.objects {
        if object.topic.is_some() {
            tables.extend(sql::tables(
                object,
                &row_set(object),
                folder(&contract.id, &object.name, contract.version.major),
            ));
        }
        for rule in &object.quality {
            planner.rule(object, None, None, rule);
        }
        planner.primary_key(object);
        planner.properties(object, &object.properties, &[], false);
    }
    for sla in &contract.sla {
        planner.sla(sla);
    }
    Plan {
        contract: contract.reference(),
        api_version: contract.api_version.clone(),
        clauses: planner.clauses,
        tables,
        per_record: planner.per_record,
    }
}

fn not_judged(contract: &Contract, why: String) -> Plan {
    let planner = Planner {
        contract,
        clauses: Vec::new(),
        per_record: 0,
    };
    let clause = planner.clause(None, None, "contract", "contract", Severity::Error, None, &contract.location);
    Plan {
        contract: contract.reference(),
        api_version: contract.api_version.clone(),
        clauses: vec![Planned::NotExecuted { clause, why }],
        tables: Vec::new(),
        per_record: 0,
    }
}

fn row_set(object: &SchemaObject) -> RowSet {
    match (object.settings.cdc, object.primary_key()) {
        (None, _) => RowSet::Events,
        (Some(_), keys) if keys.is_empty() => RowSet::Changes,
        (Some(_), keys) => RowSet::Current(keys.iter().map(|key| key.name.clone()).collect()),
    }
}

/// Why a clause is not judged.
enum Refusal {
    Undecidable(String),
    NotExecuted(String),
}

struct Planner<'a> {
    contract: &'a Contract,
    clauses: Vec<Planned>,
    per_record: usize,
}

// === impl Planner: quality rules ===

impl Planner<'_> {
    fn properties(&mut self, object: &SchemaObject, properties: &[Property], around: &[Arc<str>], inside: bool) {
        for property in properties {
            let path: Vec<Arc<str>> = around.iter().cloned().chain([property.name.clone()]).collect();
            let dotted = path.join(".");
            let column = (!inside).then(|| Column {
                path: path.clone(),
                kind: ColumnKind::of(&property.logical_type),
            });
            if property.unique {
                let rule = QualityRule {
                    operations: Vec::new(),
                    id: "unique".into(),
                    kind: RuleKind::Library(Metric::DuplicateValues(Vec::new())),
                    severity: Severity::Error,
                    threshold: Some(tidegate_contract::model::Threshold::Be(tidegate_contract::model::Literal::Number(
                        "0".into(),
                    ))),
                    percent: false,
                    schedule: None,
                    location: property.location.clone(),
                };
                self.rule(object, Some(&dotted), column.as_ref(), &rule);
            }
            for rule in &property.quality {
                self.rule(object, Some(&dotted), column.as_ref(), rule);
            }
            match &property.logical_type {
                LogicalType::Object { properties, .. } => self.properties(object, properties, &path, inside),
                LogicalType::Array { items: Some(items), .. } => self.properties(object, std::slice::from_ref(items), &path, true),
                LogicalType::Map { key, value } => {
                    self.properties(object, std::slice::from_ref(key), &path, true);
                    self.properties(object, std::slice::from_ref(value), &path, true);
                }
                _ => {}
            }
        }
    }

    /// No two events of one primary key. On change topics the key is what folds changes to rows, so it holds by itself there.
    fn primary_key(&mut self, object: &SchemaObject) {
        let key = object.primary_key();
        if key.is_empty() || object.settings.cdc.is_some() || object.topic.is_none() {
            return;
        }
        let rule = QualityRule {
            id: "primaryKey".into(),
            kind: RuleKind::Library(Metric::DuplicateValues(key.iter().map(|property| property.name.clone()).collect())),
            severity: Severity::Error,
            threshold: Some(tidegate_contract::model::Threshold::Be(tidegate_contract::model::Literal::Number(
                "0".into(),
            ))),
            percent: false,
            operations: Vec::new(),
            schedule: None,
            location: key[0].location.clone(),
        };
        self.rule(object, None, None, &rule);
    }

    /// `dotted` without `column` is a property that has no column of its own.
    fn rule(&mut self, object: &SchemaObject, dotted: Option<&str>, column: Option<&Column>, rule: &QualityRule) {
        let metric = match &rule.kind {
            RuleKind::Cel { .. } => {
                self.per_record += 1;
                return;
            }
            RuleKind::NotExecuted => "text",
            RuleKind::Sql { .. } => "sql",
            RuleKind::Library(Metric::NullValues) => "nullValues",
            RuleKind::Library(Metric::MissingValues(_)) => "missingValues",
            RuleKind::Library(Metric::InvalidValues { .. }) => "invalidValues",
            RuleKind::Library(Metric::DuplicateValues(_)) => "duplicateValues",
            RuleKind::Library(Metric::RowCount) => "rowCount",
        };
        let mut clause = self.clause(Some(object), dotted, &rule.id, metric, rule.severity, None, &rule.location);
        clause.schedule = rule.schedule.clone();
        let judged = if dotted.is_some() && column.is_none() && rule_is_ours(&rule.kind) {
            Err(Refusal::NotExecuted(INSIDE.into()))
        } else {
            probe(object, column, rule).and_then(|probe| match &rule.threshold {
                Some(threshold) => Ok((
                    probe,
                    Limit::Operator {
                        threshold: threshold.clone(),
                        percent: rule.percent,
                    },
                )),
                None => Err(Refusal::Undecidable(
                    "the rule has no operator, so there is nothing to compare the result with: add one such as `mustBe`".into(),
                )),
            })
        };
        self.clauses.push(match judged {
            Ok((probe, limit)) => {
                let cdc = object.settings.cdc.is_some();
                Planned::Judge(Objective {
                    clause,
                    table: object.name.clone(),
                    cdc,
                    probe,
                    limit,
                    notes: Vec::new(),
                })
            }
            Err(refusal) => refusal.of(clause),
        });
    }
}

fn rule_is_ours(kind: &RuleKind) -> bool {
    !matches!(kind, RuleKind::NotExecuted)
}

fn probe(object: &SchemaObject, column: Option<&Column>, rule: &QualityRule) -> Result<Probe, Refusal> {
    let metric = match &rule.kind {
        RuleKind::NotExecuted => return Err(Refusal::NotExecuted("free text, or a rule for another tool's engine".into())),
        RuleKind::Cel { .. } => return Err(Refusal::NotExecuted("checked on every record by the validator".into())),
        _ if object.topic.is_none() => {
            return Err(Refusal::NotExecuted(format!(
                "object `{}` is bound to no topic, so it has no rows in the lake",
                object.name
            )));
        }
        RuleKind::Sql { query } => {
            guard::read_only(query).map_err(Refusal::Undecidable)?;
            let property = column.map(|column| (column.dotted(), sql::column(column)));
            let property = property.as_ref().map(|(dotted, sql)| (dotted.as_str(), sql.as_str()));
            return guard::fill(query, &object.name, property)
                .map(|query| Probe::Sql(query.into()))
                .map_err(Refusal::Undecidable);
        }
        RuleKind::Library(metric) => metric,
    };
    let unfolded = || match row_set(object) {
        RowSet::Changes => Err(Refusal::NotExecuted(
            "the object is a change log without a primary key: rows cannot be told from their changes".into(),
        )),
        RowSet::Events | RowSet::Current(_) => Ok(()),
    };
    let property = || {
        column
            .cloned()
            .ok_or_else(|| Refusal::Undecidable("the metric is about a property: move the rule to it".into()))
    };
    Ok(match metric {
        Metric::RowCount if rule.percent => return Err(Refusal::Undecidable("rowCount counts rows, it has no percent".into())),
        Metric::RowCount => {
            unfolded()?;
            Probe::RowCount
        }
        Metric::NullValues => Probe::NullValues(property()?),
        Metric::MissingValues(values) => Probe::MissingValues(property()?, values.clone()),
        Metric::InvalidValues { valid, pattern } => {
            let column = property()?;
            if valid.is_empty() && pattern.is_none() {
                return Err(Refusal::Undecidable("the rule names neither `validValues` nor `pattern`".into()));
            }
            if pattern.is_some() && column.kind != ColumnKind::Text {
                return Err(Refusal::Undecidable(format!(
                    "a pattern judges text, and `{}` is not text",
                    column.dotted()
                )));
            }
            // The engine matches with the same library as the validator, so the rewritten pattern means the same there.
            let rewritten = |pattern: &Arc<str>| {
                let compiled = tidegate_contract::pattern::compile(pattern)?;
                let portable = compiled.portable().map(Arc::from);
                portable.ok_or_else(|| "the lake's engine has no `\\B` of ECMA-262; write the pattern without it".to_owned())
            };
            let pattern = pattern.as_ref().map(rewritten).transpose().map_err(Refusal::Undecidable)?;
            Probe::InvalidValues {
                column,
                valid: valid.clone(),
                pattern,
            }
        }
        Metric::DuplicateValues(names) => {
            unfolded()?;
            let columns = match (names.as_slice(), column) {
                ([], Some(column)) => vec![column.clone()],
                ([], None) => return Err(Refusal::Undecidable("the rule names no properties (`arguments.properties`)".into())),
                (names, _) => names
                    .iter()
                    .map(|name| {
                        column::find(&object.properties, name)
                            .ok_or_else(|| Refusal::Undecidable(format!("`{}` has no property `{name}`", object.name)))
                    })
                    .collect::<Result<_, _>>()?,
            };
            Probe::DuplicateValues(columns)
        }
    })
}

// === impl Planner: clauses ===

impl Planner<'_> {
    #[expect(clippy::too_many_arguments, reason = "one constructor for rules and SLA properties, private")]
    fn clause(
        &self,
        object: Option<&SchemaObject>,
        dotted: Option<&str>,
        rule: &str,
        metric: &str,
        severity: Severity,
        driver: Option<Arc<str>>,
        location: &Location,
    ) -> Clause {
        let contract = self.contract.reference();
        let object = object.map(|object| object.name.clone());
        let place = match (&object, dotted) {
            (Some(object), Some(dotted)) => format!("/{object}.{dotted}"),
            (Some(object), None) => format!("/{object}"),
            (None, _) => String::new(),
        };
        Clause {
            id: format!("{contract}{place}#{rule}").into(),
            contract,
            major: self.contract.version.major,
            api_version: self.contract.api_version.clone(),
            object,
            element: dotted.map(Arc::from),
            rule: rule.into(),
            metric: metric.into(),
            severity,
            driver,
            location: location.clone(),
            schedule: None,
        }
    }
}

// === impl Refusal ===

impl Refusal {
    fn of(self, clause: Clause) -> Planned {
        match self {
            Refusal::Undecidable(why) => Planned::Undecidable { clause, why },
            Refusal::NotExecuted(why) => Planned::NotExecuted { clause, why },
        }
    }
}

#[cfg(test)]
mod tests;
