//! The report as JSON: a list with one OORS document (draft v0.1.0, bitol-io/tsc RFC-0018) per contract version.
//!
//! What the draft has no place for stands under `tidegate`. `schemas/formats/sla-report.schema.json` describes all of it.

use serde_json::{Map, Value, json};
use tidegate_contract::ContractRef;
use tidegate_objectives::Clause;
use tidegate_objectives::completeness::{Completeness, Counts};

use crate::report::{Entry, NotExecuted, Outcome, Report};

/// Version of our additions; a reader of N reads N-1.
pub const FORMAT: u32 = 1;

// === impl Report ===

impl Report {
    /// The list of documents, in the report's order.
    pub fn to_json(&self) -> Value {
        let mut contracts: Vec<&Clause> = Vec::new();
        for clause in self
            .entries
            .iter()
            .map(|entry| &entry.clause)
            .chain(self.not_executed.iter().map(|skipped| &skipped.clause))
        {
            if !contracts.iter().any(|known| known.contract == clause.contract) {
                contracts.push(clause);
            }
        }
        Value::Array(contracts.into_iter().map(|clause| document(self, clause)).collect())
    }
}

fn document(report: &Report, of: &Clause) -> Value {
    let mine = |contract: &ContractRef| *contract == of.contract;
    let entries: Vec<&Entry> = report.entries.iter().filter(|entry| mine(&entry.clause.contract)).collect();
    let skipped: Vec<&NotExecuted> = report
        .not_executed
        .iter()
        .filter(|skipped| mine(&skipped.clause.contract))
        .collect();
    let count = |outcome| entries.iter().filter(|entry| entry.outcome == outcome).count();
    let run = format!("{}-{}", report.commit, report.observed_at);
    json!({
        "apiVersion": "v0.1.0",
        "kind": "ObservabilityResults",
        "id": format!("{}-{run}", of.contract),
        "observedAt": instant(report.observed_at),
        "source": { "process": "tidegate sla", "runID": run, "vendor": "tidegate" },
        "results": entries.iter().map(|entry| judged(entry)).chain(skipped.iter().map(|skipped| not_executed(skipped))).collect::<Vec<_>>(),
        "contract": { "contractID": *of.contract.id, "standard": format!("ODCS {}", of.api_version), "version": *of.contract.version },
        "tidegate": {
            "format": FORMAT,
            "snapshot": *report.commit,
            "counts": {
                "pass": count(Outcome::Pass),
                "warn": count(Outcome::Warn),
                "fail": count(Outcome::Fail),
                "error": count(Outcome::Error),
                "skip": skipped.len(),
            },
        },
    })
}

fn judged(entry: &Entry) -> Value {
    let mut result = head(&entry.clause, entry.outcome.as_str(), &entry.says);
    if let Some(measured) = &entry.measured {
        // A number keeps its digits; what is not one in JSON's eyes stays text.
        let value = match measured
            .numeric
            .then(|| serde_json::from_str::<serde_json::Number>(&measured.value).ok())
            .flatten()
        {
            Some(number) => Value::Number(number),
            None => Value::String(measured.value.clone()),
        };
        let mut measure = Map::new();
        measure.insert("metric".into(), json!(*entry.clause.metric));
        measure.insert("value".into(), value);
        measure.insert("threshold".into(), json!(measured.limit));
        if !measured.unit.is_empty() {
            measure.insert("unit".into(), json!(measured.unit));
        }
        result.insert("measure".into(), Value::Object(measure));
        if let Some(budget) = &measured.budget {
            let windows: Vec<Value> = budget
                .windows
                .iter()
                .map(|(name, good, bad)| json!({ "window": name, "good": good, "bad": bad, "burnRate": budget.burn(*good, *bad) }))
                .collect();
            result["tidegate"]["budget"] = json!({
                "allowed": budget.allowed,
                "good": budget.whole.0,
                "bad": budget.whole.1,
                "remaining": budget.remaining(),
                "windows": windows,
            });
        }
    }
    if let Some(known) = &entry.completeness {
        result["tidegate"]["completeness"] = completeness(known);
    }
    if let Some(query) = &entry.evidence {
        result["tidegate"]["query"] = json!(query);
    }
    Value::Object(result)
}

fn completeness(known: &Completeness) -> Value {
    let counts = |of: &Counts| -> Map<String, Value> {
        of.named()
            .into_iter()
            .map(|(name, count)| (name.to_owned(), json!(count)))
            .collect()
    };
    let partitions = known.partitions.iter().map(|one| {
        let mut partition = counts(&one.counts);
        partition.insert("topic".into(), json!(one.topic));
        partition.insert("partition".into(), json!(one.partition));
        partition.insert("from".into(), json!(one.from));
        partition.insert("until".into(), json!(one.until));
        partition.insert("missingFirst".into(), json!(one.missing_first));
        let amiss: Map<String, Value> = one.amiss.iter().map(|(what, count)| ((*what).to_owned(), json!(count))).collect();
        partition.insert("amiss".into(), amiss.into());
        if let Some(why) = &one.unknown {
            partition.insert("unknown".into(), json!(why));
        }
        Value::Object(partition)
    });
    let partitions: Vec<Value> = partitions.collect();
    let mut document = counts(&known.sum());
    document.insert("partitions".into(), partitions.into());
    Value::Object(document)
}

fn not_executed(skipped: &NotExecuted) -> Value {
    Value::Object(head(&skipped.clause, "skip", &skipped.why))
}

fn head(clause: &Clause, status: &str, says: &str) -> Map<String, Value> {
    let severity = crate::history::severity(clause.severity);
    let (kind, identifier) = match (&clause.object, &clause.element) {
        (Some(object), Some(element)) => ("property", format!("{object}.{element}")),
        (Some(object), None) => ("object", object.to_string()),
        (None, _) => ("contract", clause.contract.id.to_string()),
    };
    let mut own = Map::new();
    own.insert("rule".into(), json!(*clause.rule));
    own.insert("major".into(), json!(clause.major));
    if let Some(driver) = &clause.driver {
        own.insert("driver".into(), json!(**driver));
    }
    own.insert(
        "location".into(),
        json!({ "file": *clause.location.file, "line": clause.location.line, "column": clause.location.column, "pointer": *clause.location.pointer }),
    );
    let result = json!({
        "id": *clause.id,
        "type": "check",
        "name": format!("{} {}", clause.metric, clause.rule),
        "status": status,
        "severity": severity,
        "target": { "resourceType": kind, "resourceIdentifier": identifier },
        "message": says,
        "tidegate": own,
    });
    match result {
        Value::Object(result) => result,
        _ => unreachable!("the literal above is an object"),
    }
}

/// RFC 3339 in UTC. Instants past year 9999 cannot be written and come out as the epoch's number.
pub(crate) fn instant(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |instant| instant.to_string())
}
