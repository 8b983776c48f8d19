use std::borrow::Cow;

use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::{DataType, Decimal128Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use proptest::prelude::*;
use tidegate_check::plan::{Kind, LeafType};
use tidegate_check::verdict::Op;

use super::*;
use crate::schema::fixed;

const INT: Kind = Kind::Leaf(LeafType::Int { bits: 64, signed: true });
const TEXT: Kind = Kind::Leaf(LeafType::Str);

pub(crate) fn node(name: &str, kind: Kind) -> Node {
    Node {
        name: name.into(),
        wire_name: name.into(),
        kind,
    }
}

/// id int, price decimal(10,2), at timestamp, tags list of text, who {name text, age int}, scores map text to list of int, extra any.
fn wide() -> Vec<Node> {
    vec![
        node("row", Kind::Object(vec![1, 2, 3, 4, 6, 9, 13])),
        node("id", INT),
        node("price", Kind::Leaf(LeafType::Decimal { precision: 10, scale: 2 })),
        node("at", Kind::Leaf(LeafType::Timestamp { utc: true })),
        node("tags", Kind::Array(5)),
        node("item", TEXT),
        node("who", Kind::Object(vec![7, 8])),
        node("name", TEXT),
        node("age", INT),
        node("scores", Kind::Map(10, 11)),
        node("key", TEXT),
        node("value", Kind::Array(12)),
        node("item", INT),
        node("extra", Kind::Any),
    ]
}

pub(crate) fn meta(offset: i64) -> RowMeta<'static> {
    RowMeta {
        source_topic: "raw",
        source_partition: 3,
        source_offset: offset * 2,
        topic: "raw.validated",
        partition: 3,
        offset,
        timestamp_millis: Some(1_700_000_000_000 + offset),
        contract_version: "1.0.0",
        snapshot: "abc",
    }
}

fn text(value: &str) -> Scalar<'_> {
    Scalar::Str(Cow::Borrowed(value))
}

/// What a judge would report of one document.
fn report(rows: &mut impl RowSink, id: i64, full: bool) {
    rows.begin(0);
    rows.scalar(1, &Scalar::Int(i128::from(id)));
    if full {
        rows.scalar(2, &Scalar::Decimal { unscaled: 1_234, scale: 2 });
        rows.scalar(3, &Scalar::Timestamp(5));
        rows.begin(4);
        rows.scalar(5, &text("a"));
        rows.null(5);
        rows.end(4);
        rows.begin(6);
        rows.scalar(8, &Scalar::Int(7));
        rows.end(6);
        rows.begin(9);
        rows.scalar(10, &text("k"));
        rows.begin(11);
        rows.scalar(12, &Scalar::Int(1));
        rows.scalar(12, &Scalar::Int(2));
        rows.end(11);
        rows.end(9);
        rows.any(13, r#"{"x":1}"#);
    }
    rows.end(0);
}

#[test]
fn values_land_in_their_columns_with_their_types() {
    let mut rows = RowBuilder::new(false);
    let plan = rows.admit(&wide()).unwrap();
    for (id, full) in [(1, true), (2, false), (3, true)] {
        rows.begin_row(plan);
        report(&mut rows, id, full);
        rows.commit_row(&meta(id), &Facts::default()).unwrap();
    }
    assert!(rows.bytes_estimate() > 300);
    let batch = rows.finish();
    assert_eq!(batch.num_rows(), 3);
    assert_eq!(
        batch.schema().field_with_name("price").unwrap().data_type(),
        &DataType::Decimal128(10, 2)
    );
    assert_eq!(
        batch.schema().field_with_name("at").unwrap().data_type(),
        &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
    );
    assert!(batch.schema().fields().iter().all(|field| field.is_nullable()));
    assert_eq!(batch["id"].as_primitive::<Int64Type>(), &Int64Array::from(vec![1, 2, 3]));
    assert_eq!(batch["price"].as_primitive::<Decimal128Type>().value_as_string(2), "12.34");
    assert!(batch["price"].is_null(1) && batch["who"].is_null(1) && batch["tags"].is_null(1) && batch["scores"].is_null(1));
    let tags = batch["tags"].as_list::<i32>().value(2);
    assert_eq!(tags.as_string::<i32>().iter().collect::<Vec<_>>(), [Some("a"), None]);
    let who = batch["who"].as_struct();
    assert!(who["name"].is_null(0));
    assert_eq!(who["age"].as_primitive::<Int64Type>().value(0), 7);
    let scores = batch["scores"].as_map().value(2);
    assert_eq!(
        scores["value"].as_list::<i32>().value(0).as_primitive::<Int64Type>().values(),
        &[1, 2]
    );
    assert_eq!(batch["extra"].as_string::<i32>().value(0), r#"{"x":1}"#);
    assert_eq!(
        batch[fixed::TIMESTAMP].as_primitive::<TimestampMicrosecondType>().value(0),
        1_700_000_000_001_000
    );
    assert!(batch[fixed::OP].is_null(0));
    assert!(batch.column_by_name(fixed::UNAVAILABLE).is_none());
}

#[test]
fn an_unavailable_column_is_null_and_named() {
    let mut rows = RowBuilder::new(true);
    let plan = rows.admit(&wide()).unwrap();
    for unavailable in [true, false] {
        rows.begin_row(plan);
        if unavailable {
            rows.unavailable(6);
            rows.unavailable(2);
        }
        let facts = Facts {
            op: Some(Op::Update),
            source_time: Some(9),
            source_position: Some("77".into()),
            ..Facts::default()
        };
        rows.commit_row(&meta(1), &facts).unwrap();
    }
    let batch = rows.finish();
    let names = batch[fixed::UNAVAILABLE].as_list::<i32>().value(0);
    assert_eq!(names.as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["who", "price"]);
    assert!(batch[fixed::UNAVAILABLE].is_null(1));
    assert_eq!(batch[fixed::OP].as_string::<i32>().value(0), "u");
    assert_eq!(batch[fixed::SOURCE_POSITION].as_string::<i32>().value(1), "77");
}

#[test]
fn an_older_row_gets_nulls_in_newer_columns_and_keeps_the_dropped_ones() {
    let old = vec![
        node("row", Kind::Object(vec![1, 2])),
        node("id", INT),
        node("who", Kind::Object(vec![3])),
        node("name", TEXT),
    ];
    let new = vec![
        node("row", Kind::Object(vec![1, 4, 5])),
        node("who", Kind::Object(vec![2, 3])),
        node("age", INT),
        node("name", TEXT),
        node("id", INT),
        node("list", Kind::Array(6)),
        node("item", INT),
    ];
    let mut rows = RowBuilder::new(false);
    let before = rows.admit(&old).unwrap();
    rows.begin_row(before);
    rows.begin(2);
    rows.scalar(3, &text("ann"));
    rows.end(2);
    rows.scalar(1, &Scalar::Int(1));
    rows.commit_row(&meta(1), &Facts::default()).unwrap();
    let after = rows.admit(&new).unwrap();
    rows.begin_row(after);
    rows.scalar(4, &Scalar::Int(2));
    rows.begin(1);
    rows.scalar(2, &Scalar::Int(33));
    rows.end(1);
    rows.begin(5);
    rows.scalar(6, &Scalar::Int(4));
    rows.end(5);
    rows.commit_row(&meta(2), &Facts::default()).unwrap();
    let batch = rows.finish();
    let who = batch["who"].as_struct();
    assert!(who["age"].is_null(0) && who["name"].is_null(1) && batch["list"].is_null(0));
    assert_eq!(who["name"].as_string::<i32>().value(0), "ann");
    assert_eq!(who["age"].as_primitive::<Int64Type>().value(1), 33);
    assert_eq!(batch["id"].as_primitive::<Int64Type>().values(), &[1, 2]);
}

#[test]
fn a_changed_type_within_a_major_is_refused_and_changes_nothing() {
    let decimal = |precision, scale| {
        vec![
            node("row", Kind::Object(vec![1])),
            node("n", Kind::Leaf(LeafType::Decimal { precision, scale })),
        ]
    };
    let mut rows = RowBuilder::new(false);
    rows.admit(&decimal(10, 2)).unwrap();
    rows.admit(&decimal(12, 2)).unwrap();
    assert_eq!(rows.admit(&decimal(12, 3)).unwrap_err(), LayoutError::TypeChanged("n".into()));
    assert_eq!(rows.finish().schema().field(0).data_type(), &DataType::Decimal128(12, 2));
}

#[test]
fn reserved_and_repeated_names_are_refused() {
    for name in ["_op", "_tidegate_offset", "_unavailable"] {
        let plan = vec![node("row", Kind::Object(vec![1])), node(name, INT)];
        assert_eq!(RowBuilder::new(false).admit(&plan).unwrap_err(), LayoutError::Reserved(name.into()));
    }
    let twice = vec![node("row", Kind::Object(vec![1, 2])), node("a", INT), node("a", TEXT)];
    assert_eq!(RowBuilder::new(false).admit(&twice).unwrap_err(), LayoutError::Twice("a".into()));
}

#[test]
fn a_value_that_does_not_fit_is_a_fault_and_no_row() {
    let plan = vec![
        node("row", Kind::Object(vec![1, 2])),
        node("n", INT),
        node("big", Kind::Leaf(LeafType::Int { bits: 64, signed: false })),
    ];
    let mut rows = RowBuilder::new(false);
    let admitted = rows.admit(&plan).unwrap();
    type Report = fn(&mut RowBuilder);
    let wrong: [(Report, RowFault); 4] = [
        (|rows| rows.scalar(1, &Scalar::Int(1 << 70)), RowFault::Type("n".into())),
        (|rows| rows.scalar(1, &text("1")), RowFault::Type("n".into())),
        (
            |rows| (0..2).for_each(|_| rows.scalar(1, &Scalar::Int(1))),
            RowFault::Step("n".into()),
        ),
        (|rows| rows.scalar(2, &Scalar::Int(10_i128.pow(38))), RowFault::Type("big".into())),
    ];
    for (report, fault) in wrong {
        rows.begin_row(admitted);
        report(&mut rows);
        assert_eq!(rows.commit_row(&meta(0), &Facts::default()).unwrap_err(), fault);
        assert_eq!((rows.rows(), rows.bytes_estimate()), (0, 0));
    }
    rows.begin_row(admitted);
    rows.scalar(2, &Scalar::Int(i128::from(u64::MAX)));
    rows.commit_row(&meta(0), &Facts::default()).unwrap();
    assert_eq!(rows.finish()["big"].as_primitive::<Decimal128Type>().value(0), i128::from(u64::MAX));
}

#[test]
fn an_object_without_properties_is_json_text() {
    let plan = vec![node("row", Kind::Object(vec![1])), node("blob", Kind::Object(vec![]))];
    let mut rows = RowBuilder::new(false);
    let admitted = rows.admit(&plan).unwrap();
    rows.begin_row(admitted);
    rows.begin(1);
    rows.end(1);
    rows.commit_row(&meta(0), &Facts::default()).unwrap();
    assert_eq!(rows.finish()["blob"].as_string::<i32>().value(0), "{}");
}

/// Stops reporting after some calls, as a judge does that finds a fault half-way.
struct Cut<'a> {
    rows: &'a mut RowBuilder,
    left: usize,
}

impl Cut<'_> {
    fn spend(&mut self) -> Option<&mut RowBuilder> {
        self.left = self.left.checked_sub(1)?;
        Some(self.rows)
    }
}

impl RowSink for Cut<'_> {
    fn scalar(&mut self, node: usize, value: &Scalar<'_>) {
        if let Some(rows) = self.spend() {
            rows.scalar(node, value);
        }
    }
    fn null(&mut self, node: usize) {
        if let Some(rows) = self.spend() {
            rows.null(node);
        }
    }
    fn begin(&mut self, node: usize) {
        if let Some(rows) = self.spend() {
            rows.begin(node);
        }
    }
    fn end(&mut self, node: usize) {
        if let Some(rows) = self.spend() {
            rows.end(node);
        }
    }
    fn any(&mut self, node: usize, json: &str) {
        if let Some(rows) = self.spend() {
            rows.any(node, json);
        }
    }
    fn unavailable(&mut self, node: usize) {
        if let Some(rows) = self.spend() {
            rows.unavailable(node);
        }
    }
}

proptest! {
    /// Rows given up after any number of reported values leave no trace in the rows around them.
    #[test]
    fn discarded_rows_leave_no_trace(cuts in proptest::collection::vec(0_usize..30, 1..12), cdc: bool) {
        let (mut clean, mut disturbed) = (RowBuilder::new(cdc), RowBuilder::new(cdc));
        let plans = [clean.admit(&wide()).unwrap(), disturbed.admit(&wide()).unwrap()];
        for (index, &cut) in cuts.iter().enumerate() {
            let id = i64::try_from(index).unwrap();
            disturbed.begin_row(plans[1]);
            report(&mut Cut { rows: &mut disturbed, left: cut }, 99, true);
            disturbed.discard_row();
            for (rows, plan) in [(&mut clean, plans[0]), (&mut disturbed, plans[1])] {
                rows.begin_row(plan);
                report(rows, id, index % 2 == 0);
                rows.commit_row(&meta(id), &Facts::default()).unwrap();
            }
            prop_assert_eq!(clean.bytes_estimate(), disturbed.bytes_estimate());
        }
        prop_assert_eq!(clean.finish(), disturbed.finish());
    }
}
