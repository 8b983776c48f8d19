//! Real contracts, the real judge, and what DuckDB would read.

use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tidegate_check::input::Known;
use tidegate_check::{SchemaLookup, SchemaNeed};
use tidegate_columnar::arrow::array::{Array, AsArray};
use tidegate_columnar::arrow::datatypes::{Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use tidegate_columnar::arrow::record_batch::RecordBatch;
use tidegate_columnar::fixed;
use tidegate_contract::{ContractFile, Snapshot};
use tidegate_flow::WorldError;
use tidegate_flow::ports::Store;

use super::left_behind::*;
use super::world::*;
use crate::contracts::{Schemas, SnapshotRulings};

const CONTRACT: &str = r#"apiVersion: v3.2.0
kind: DataContract
id: orders
name: Orders
version: "VERSION"
status: STATUS
schema:
  - name: order
    physicalName: raw
    physicalType: topic
    customProperties:
      - {property: eventTime, vendor: tidegate, value: placed_at}
    properties:
      - {name: id, logicalType: integer, required: true}
      - {name: amount, logicalType: number, physicalType: "numeric(12,2)"}
      - {name: placed_at, logicalType: timestamp, required: true}
      - {name: day, logicalType: date}
      - name: lines
        logicalType: array
        items:
          name: line
          logicalType: object
          properties:
            - {name: sku, physicalName: s, logicalType: string}
            - {name: count, logicalType: integer}
MORE
    quality:
      - id: not-from-the-past
        type: custom
        engine: cel
        implementation: "now - placed_at < duration('1h')"
"#;

const MORE: &str = "      - {name: note, logicalType: string}\n";

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

fn file(version: &str, status: &str, more: &str) -> ContractFile {
    let text = CONTRACT
        .replace("VERSION", version)
        .replace("STATUS", status)
        .replace("MORE\n", more);
    ContractFile {
        path: format!("shop/orders/{version}.odcs.yaml").into(),
        text,
    }
}

fn snapshot(commit: &str, files: &[ContractFile]) -> Arc<Snapshot> {
    Arc::new(Snapshot::build(commit, files).unwrap().0)
}

fn rows(store: &MemoryStore) -> Vec<RecordBatch> {
    let (_, manifests) = lake(store, 0);
    let paths = manifests.iter().flat_map(|manifest| &manifest.files).map(|file| file.path.clone());
    let read = |path: String| {
        let bytes: Bytes = store.get(&path).unwrap().unwrap();
        ParquetRecordBatchReaderBuilder::try_new(bytes)
            .unwrap()
            .build()
            .unwrap()
            .map(Result::unwrap)
            .collect::<Vec<_>>()
    };
    paths.flat_map(read).collect()
}

#[test]
fn values_land_exactly_as_the_contract_types_them() {
    let mut topic = Topic::orders(1, 0);
    let full = r#"{"id":9007199254740993,"amount":0.10,"placed_at":"2020-02-29T23:59:59.123456+01:00","day":"2020-02-29",
        "lines":[{"s":"a","count":2},{"s":null}],"note":"hi","undeclared":[1]}"#;
    topic.push(
        0,
        0,
        0,
        "1.0.0",
        Some(r#"{"id":1,"placed_at":"2020-02-29T00:00:00Z","note":"not declared in 1.0.0"}"#),
    );
    topic.push(0, 1, 1, "1.1.0", Some(full));
    topic.push(0, 2, 2, "1.0.0", None);
    // 1.0.0 was retired after it passed these; the event times are long past, which the row rule would refuse today.
    let snapshot = snapshot("feed", &[file("1.0.0", "retired", ""), file("1.1.0", "active", MORE)]);
    let mut rulings = SnapshotRulings::new(|| snapshot.clone(), &NoSchemas);
    let store = MemoryStore::default();
    assert!(work(&topic, &store, &mut rulings, &settings(100)));
    assert_exact(&store, &topic, 0);
    let batches = rows(&store);
    assert_eq!(batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [2, 1]);
    let batch = &batches[0];
    assert_eq!(batch["id"].as_primitive::<Int64Type>().values(), &[1, 9_007_199_254_740_993]);
    assert_eq!(batch["amount"].as_primitive::<Decimal128Type>().value_as_string(1), "0.10");
    assert_eq!(
        batch["placed_at"].as_primitive::<TimestampMicrosecondType>().value(1),
        1_583_017_199_123_456
    );
    assert_eq!(batch["day"].as_primitive::<Date32Type>().value(1), 18_321);
    let lines = batch["lines"].as_list::<i32>().value(1);
    assert_eq!(
        lines.as_struct()["count"].as_primitive::<Int64Type>().iter().collect::<Vec<_>>(),
        [Some(2), None]
    );
    assert_eq!(
        lines.as_struct()["sku"].as_string::<i32>().iter().collect::<Vec<_>>(),
        [Some("a"), None]
    );
    assert!(batch["note"].is_null(0) && batch["note"].as_string::<i32>().value(1) == "hi");
    let tombstone = &batches[1];
    assert_eq!(tombstone[fixed::OP].as_string::<i32>().value(0), "tombstone");
    assert!(tombstone["id"].is_null(0));
}

#[test]
fn a_version_newer_than_the_snapshot_is_waited_for() {
    let mut topic = Topic::orders(1, 0);
    topic.push(0, 0, 0, "1.0.0", Some(r#"{"id":1,"placed_at":"2026-11-21T00:00:00Z"}"#));
    topic.push(0, 1, 1, "1.1.0", Some(r#"{"id":2,"placed_at":"2026-11-21T00:00:00Z","note":"n"}"#));
    let old = snapshot("old", &[file("1.0.0", "active", "")]);
    let new = snapshot("new", &[file("1.0.0", "deprecated", ""), file("1.1.0", "active", MORE)]);
    let asked = RefCell::new(0);
    let latest = || {
        *asked.borrow_mut() += 1;
        if *asked.borrow() < 6 { old.clone() } else { new.clone() }
    };
    let store = MemoryStore::default();
    assert!(work(&topic, &store, &mut SnapshotRulings::new(latest, &NoSchemas), &settings(100)));
    assert_exact(&store, &topic, 0);
    assert_eq!(lake(&store, 0).1[0].claim.snapshot, "new");
}

#[test]
fn a_record_that_breaks_a_type_halts_although_it_is_stamped() {
    let mut topic = Topic::orders(1, 0);
    topic.push(0, 0, 0, "1.0.0", Some(r#"{"id":1,"placed_at":"2026-11-21T00:00:00Z"}"#));
    topic.push(0, 1, 1, "1.0.0", Some(r#"{"id":"one","placed_at":"2026-11-21T00:00:00Z"}"#));
    let snapshot = snapshot("feed", &[file("1.0.0", "active", "")]);
    let store = MemoryStore::default();
    assert!(work(
        &topic,
        &store,
        &mut SnapshotRulings::new(|| snapshot.clone(), &NoSchemas),
        &settings(100)
    ));
    assert_eq!(lake(&store, 0).0.len(), 1);
}

/// Where several objects of one version share a topic, the stamp says which one has the columns.
#[test]
fn the_stamped_object_is_bound() {
    use crate::rulings::Rulings as _;
    let object = |name: &str| {
        format!(
            "  - name: {name}\n    physicalName: raw\n    physicalType: topic\n    customProperties:\n      \
             - {{vendor: tidegate, property: discriminator, value: {{from: header, name: kind, value: {name}}}}}\n    \
             properties: [{{name: {name}_id, logicalType: integer}}]\n"
        )
    };
    let text = format!(
        "apiVersion: v3.2.0\nkind: DataContract\nid: shop\nversion: 1.0.0\nstatus: active\nschema:\n{}{}",
        object("a"),
        object("b")
    );
    let files = [ContractFile {
        path: "shop.odcs.yaml".into(),
        text,
    }];
    let snapshot = snapshot("c0ffee", &files);
    let version = snapshot.contracts[0].reference();
    let mut rulings = SnapshotRulings::new(|| snapshot.clone(), &NoSchemas);
    for name in ["b", "a", "b"] {
        let bound = rulings.bind("raw", &version, Some(name)).unwrap().unwrap();
        assert_eq!((&*bound.object, &*bound.nodes[1].name), (name, &*format!("{name}_id")));
        // A topic that is bound no longer: the name still leaves no choice.
        assert_eq!(&*rulings.bind("retry", &version, Some(name)).unwrap().unwrap().object, name);
    }
    assert!(rulings.bind("raw", &version, Some("c")).unwrap().is_none());
}
