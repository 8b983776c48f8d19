use std::sync::Arc;

use bytes::Bytes;
use tidegate_check::input::Known;
use tidegate_check::{SchemaLookup, SchemaNeed};
use tidegate_contract::{ContractFile, Snapshot};
use tidegate_flow::{Header, Offset, Origin, stamp};

use super::*;

struct NoSchemas;

impl SchemaLookup for NoSchemas {
    fn lookup(&self, _: &SchemaNeed) -> Known {
        Known::NotCached
    }
}

impl Schemas for NoSchemas {
    fn fetch(&self, _: &SchemaNeed) -> Result<(), WorldError> {
        unreachable!("the contracts of this test accept JSON only")
    }
}

const HEAD: &str = "apiVersion: v3.2.0\nkind: DataContract\n";

/// Version 1 holds two types of events and a rule that is switched off until the third day; version 2 is proposed.
fn snapshot() -> JudgingSnapshot {
    let object = |name: &str, field: &str| {
        format!(
            "  - name: {name}\n    physicalName: t\n    physicalType: topic\n    customProperties:\n      \
             - {{vendor: tidegate, property: discriminator, value: {{from: header, name: kind, value: {name}}}}}\n    \
             properties: [{{name: {field}, logicalType: integer, required: true}}]\n    \
             quality: [{{id: {name}-positive, type: custom, engine: cel, implementation: value.{field} > 0}}]\n"
        )
    };
    let off = "customProperties:\n  - {vendor: tidegate, property: killSwitches, value: [{rule: placed-positive, until: '1970-01-03', reason: r}]}\n";
    let one = format!(
        "{HEAD}id: shop\nversion: 1.0.0\nstatus: active\n{off}schema:\n{}{}",
        object("placed", "a"),
        object("sent", "b")
    );
    let two = format!(
        "{HEAD}id: shop\nversion: 2.0.0\nstatus: proposed\nschema:\n{}",
        object("placed", "c")
    );
    let files = [("1", one), ("2", two)].map(|(name, text)| ContractFile {
        path: format!("{name}.odcs.yaml").into(),
        text,
    });
    let (snapshot, _) = Snapshot::build("c0ffee", &files).unwrap_or_else(|errors| panic!("{}", tidegate_contract::render_lines(&errors)));
    JudgingSnapshot::compile(Arc::new(snapshot)).unwrap()
}

fn record(headers: &[(&str, &str)], value: &str) -> Record {
    let headers = headers.iter().map(|(name, text)| Header {
        name: (*name).into(),
        value: Some(Bytes::copy_from_slice(text.as_bytes())),
    });
    Record {
        origin: Origin {
            at: TopicPartition::new("t", 0),
            offset: Offset(0),
        },
        key: Some(Bytes::from_static(b"k")),
        value: Some(Bytes::copy_from_slice(value.as_bytes())),
        headers: headers.collect(),
        timestamp: Some(1),
    }
}

/// Reason or `valid`, contract and object of the stamp, and what the proposed version says.
fn decide(bench: &mut Bench, headers: &[(&str, &str)], value: &str, now: i64) -> (String, String, Option<bool>) {
    let decided = bench.decide(record(headers, value), &snapshot(), &NoSchemas, now).unwrap();
    let outcome = match &decided.outcome {
        Outcome::Validated { .. } => "valid".to_owned(),
        Outcome::DeadLetter { violations, .. } => format!("{} {}", violations[0].reason.as_str(), violations[0].rule),
        Outcome::Skipped(skip) => skip.as_str().to_owned(),
    };
    let mut headers = Vec::new();
    decided.judged.stamp(&mut headers, &decided.record.origin);
    let stamp = stamp::read(&headers).unwrap();
    let version = stamp.contract.map(|contract| contract.to_string()).unwrap_or_default();
    let judge = format!("{version}/{}", stamp.object.unwrap_or_default());
    (outcome, judge, decided.shadow.map(|(_, valid)| valid))
}

#[test]
fn each_type_of_event_has_its_judge_and_its_stamp() {
    let mut bench = Bench::new(std::collections::BTreeMap::new());
    let mut by = |headers: &[(&str, &str)], value: &str| decide(&mut bench, headers, value, i64::MAX);
    let valid = |judge: &str, shadow| ("valid".to_owned(), judge.to_owned(), shadow);
    assert_eq!(by(&[("kind", "placed")], r#"{"a": 1}"#), valid("shop@1.0.0/placed", Some(false)));
    assert_eq!(
        by(&[("kind", "placed")], r#"{"a": 1, "c": 1}"#),
        valid("shop@1.0.0/placed", Some(true))
    );
    assert_eq!(by(&[("kind", "sent")], r#"{"b": 1}"#), valid("shop@1.0.0/sent", None));
    assert_eq!(by(&[("kind", "sent")], r#"{"a": 1}"#).0, "required_missing required");
    assert_eq!(by(&[], r#"{"a": 1}"#), ("unplanned_event discriminator".into(), "/".into(), None));
    assert_eq!(by(&[("kind", "lost")], r#"{"a": 1}"#).0, "unplanned_event discriminator");
}

#[test]
fn a_declared_version_is_asked_for_and_a_proposed_one_decides_nothing() {
    let mut bench = Bench::new(std::collections::BTreeMap::new());
    let mut by = |claim: &str, value: &str| decide(&mut bench, &[("kind", "placed"), ("data-contract", claim)], value, i64::MAX);
    assert_eq!(
        by("shop@2.0.0", r#"{"c": 1}"#),
        ("required_missing required".into(), "shop@1.0.0/placed".into(), Some(true))
    );
    assert_eq!(by("shop@1.0.0", r#"{"a": 1}"#).0, "valid");
    assert_eq!(by("shop@1.5.0", r#"{"a": 1}"#).0, "unplanned_event data-contract");
}

#[test]
fn a_rule_that_is_switched_off_is_counted_and_asked_again() {
    const DAY: i64 = 86_400_000_000;
    let mut bench = Bench::new(std::collections::BTreeMap::new());
    bench.begin_batch();
    let placed = [("kind", "placed")];
    assert_eq!(decide(&mut bench, &placed, r#"{"a": -1}"#, 2 * DAY - 1).0, "valid");
    assert_eq!(decide(&mut bench, &placed, r#"{"a": 1}"#, 0).0, "valid");
    assert_eq!(
        decide(&mut bench, &placed, r#"{"a": -1}"#, 2 * DAY).0,
        "semantic_violation placed-positive"
    );
    let counted: Vec<(String, String, u64)> = bench
        .switched_off()
        .map(|(contract, rule, records)| (contract.to_string(), rule.to_owned(), records))
        .collect();
    assert_eq!(counted, [("shop@1.0.0".to_owned(), "placed-positive".to_owned(), 2)]);
    bench.begin_batch();
    assert_eq!(bench.switched_off().count(), 0);
}
