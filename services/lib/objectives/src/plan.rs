//! From contracts to objectives: which clauses are judged, which cannot be, which are not executed and why.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_contract::model::{LogicalType, Metric, Property, QualityRule, RuleKind, SchemaObject, SlaProperty};
use tidegate_contract::{Contract, Location, Severity, Snapshot, Status};

use crate::column::{self, Column, ColumnKind};
use crate::objective::{Clause, EventTime, Limit, Objective, Plan, Planned, Probe, RowSet};
use crate::{duration, guard, sql};

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
        let clause = self.clause(Some(object), dotted, &rule.id, metric, rule.severity, None, &rule.location);
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

// === impl Planner: SLA properties ===

impl Planner<'_> {
    fn sla(&mut self, sla: &SlaProperty) {
        let measured = matches!(&*sla.property, "freshness" | "latency");
        if !measured {
            let why = match sla.property.to_ascii_lowercase().as_str() {
                "errorrate" | "availability" | "throughput" | "frequency" | "retention" => "it is not measured from the lake yet",
                "generalavailability"
                | "endofsupport"
                | "endoflife"
                | "timetodetect"
                | "timetonotify"
                | "timetorepair"
                | "timeofavailability" => "it is a promise for people, not measured in rows",
                _ => "it is not a property that Tidegate measures",
            };
            let why = format!("`{}`: {why}", sla.property);
            self.push_sla(sla, None, None, Err(Refusal::NotExecuted(why)));
            return;
        }
        let contract = self.contract;
        if sla.elements.is_empty() {
            let bound: Vec<&SchemaObject> = contract.objects.iter().filter(|object| object.topic.is_some()).collect();
            for object in &bound {
                self.push_sla(sla, Some(object), None, sla_probe(sla, object, None));
            }
            if bound.is_empty() {
                self.push_sla(
                    sla,
                    None,
                    None,
                    Err(Refusal::NotExecuted(
                        "no object of the contract is bound to a topic, so there are no rows in the lake".into(),
                    )),
                );
            }
            return;
        }
        for element in &sla.elements {
            match element_of(contract, element) {
                Some((object, None)) => self.push_sla(sla, Some(object), None, sla_probe(sla, object, None)),
                Some((object, Some(dotted))) => match column::find(&object.properties, dotted) {
                    Some(column) => self.push_sla(sla, Some(object), Some(dotted), sla_probe(sla, object, Some(column))),
                    None => {
                        let why = format!(
                            "`element` names `{element}`, and `{}` has no such property outside of lists and maps",
                            object.name
                        );
                        self.push_sla(sla, Some(object), Some(dotted), Err(Refusal::Undecidable(why)));
                    }
                },
                None => {
                    let why =
                        format!("`element` names `{element}`, which is no object of the contract: write `object` or `object.property`");
                    self.push_sla(sla, None, None, Err(Refusal::Undecidable(why)));
                }
            }
        }
    }

    fn push_sla(
        &mut self,
        sla: &SlaProperty,
        object: Option<&SchemaObject>,
        dotted: Option<&str>,
        judged: Result<(Probe, i64, Vec<String>), Refusal>,
    ) {
        let clause = self.clause(
            object,
            dotted,
            &sla.id,
            &sla.property,
            Severity::Error,
            sla.driver.clone(),
            &sla.location,
        );
        self.clauses.push(match (judged, object) {
            (Ok((probe, micros, notes)), Some(object)) => {
                let (table, cdc) = (sql::log_table(&object.name).into(), object.settings.cdc.is_some());
                Planned::Judge(Objective {
                    clause,
                    table,
                    cdc,
                    probe,
                    limit: Limit::Within(micros),
                    notes,
                })
            }
            (Ok(_), None) => unreachable!("a probe is made for an object"),
            (Err(refusal), _) => refusal.of(clause),
        });
    }
}

/// The object that an element names, and what follows it. The longest name wins, so that `a.b` may be an object beside `a`.
fn element_of<'a, 'e>(contract: &'a Contract, element: &'e str) -> Option<(&'a SchemaObject, Option<&'e str>)> {
    let rest = |name: &str| match element.strip_prefix(name)? {
        "" => Some(None),
        rest => rest.strip_prefix('.').map(Some),
    };
    let candidates = contract.objects.iter().flat_map(|object| {
        let names = std::iter::once(&object.name).chain(object.topic.iter());
        names.filter_map(move |name| rest(name).map(|rest| (name.len(), object, rest)))
    });
    candidates
        .max_by_key(|(length, _, _)| *length)
        .map(|(_, object, rest)| (object, rest))
}

fn sla_probe(sla: &SlaProperty, object: &SchemaObject, column: Option<Column>) -> Result<(Probe, i64, Vec<String>), Refusal> {
    if object.topic.is_none() {
        return Err(Refusal::NotExecuted(format!(
            "object `{}` is bound to no topic, so it has no rows in the lake",
            object.name
        )));
    }
    let mut notes = Vec::new();
    if sla.value_ext.is_some() {
        notes.push("`valueExt` is not used".to_owned());
    }
    let event =
        match (column, &object.settings.event_time) {
            (Some(column), _) => EventTime::Property(column),
            (None, Some(path)) => EventTime::Property(column::find(&object.properties, path).ok_or_else(|| {
                Refusal::Undecidable(format!("the object's event time `{path}` is no property outside of lists and maps"))
            })?),
            (None, None) if object.settings.cdc.is_some() => EventTime::SourceTime,
            (None, None) => EventTime::RecordTimestamp,
        };
    let latency = &*sla.property == "latency";
    match &event {
        EventTime::RecordTimestamp if latency => {
            return Err(Refusal::Undecidable(
                "nothing says when an event happened: name a property in `element`, or set the object's event time".into(),
            ));
        }
        EventTime::RecordTimestamp => notes.push("no event time is named: the Kafka record's timestamp stands in".to_owned()),
        EventTime::SourceTime => {}
        EventTime::Property(column) => match column.kind {
            ColumnKind::Timestamp { zoned: true } => {}
            ColumnKind::Timestamp { zoned: false } => notes.push(format!("`{}` has no zone and is read as UTC", column.dotted())),
            ColumnKind::Date if latency => {
                return Err(Refusal::Undecidable(format!(
                    "`{}` is a date: without a time of day there is no latency",
                    column.dotted()
                )));
            }
            ColumnKind::Date => notes.push(format!("`{}` is a date and counts from its midnight in UTC", column.dotted())),
            _ => {
                return Err(Refusal::Undecidable(format!(
                    "`{}` is neither a timestamp nor a date",
                    column.dotted()
                )));
            }
        },
    }
    let micros = duration::limit_micros(&sla.value, sla.unit.as_deref()).map_err(Refusal::Undecidable)?;
    let probe = if latency { Probe::Latency(event) } else { Probe::Freshness(event) };
    Ok((probe, micros, notes))
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
