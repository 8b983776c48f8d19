use std::sync::Arc;

use arrow::array::{Array, Int64Array, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Schema};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Type;
use tidegate_check::RowSink;
use tidegate_check::plan::{Kind, LeafType, Node};
use tidegate_check::verdict::Facts;
use tidegate_codec::Scalar;

use super::*;
use crate::{RowBuilder, RowMeta, read_identities, row_count};

fn node(name: &str, kind: Kind) -> Node {
    Node {
        name: name.into(),
        wire_name: name.into(),
        kind,
    }
}

fn rows(count: i64) -> RecordBatch {
    let plan = [
        node("row", Kind::Object(vec![1, 2, 3, 5])),
        node("id", Kind::Leaf(LeafType::Int { bits: 32, signed: true })),
        node("price", Kind::Leaf(LeafType::Decimal { precision: 9, scale: 2 })),
        node("tags", Kind::Array(4)),
        node("item", Kind::Leaf(LeafType::Str)),
        node("pairs", Kind::Map(6, 7)),
        node("key", Kind::Leaf(LeafType::Str)),
        node("value", Kind::Leaf(LeafType::Time)),
    ];
    let mut rows = RowBuilder::new(true);
    let admitted = rows.admit(&plan).unwrap();
    for offset in 0..count {
        rows.begin_row(admitted);
        rows.scalar(1, &Scalar::Int(i128::from(offset)));
        rows.scalar(
            2,
            &Scalar::Decimal {
                unscaled: i128::from(offset),
                scale: 2,
            },
        );
        rows.begin(3);
        (0..offset % 3).for_each(|_| rows.scalar(4, &Scalar::Str("tag".into())));
        rows.end(3);
        rows.begin(5);
        rows.scalar(6, &Scalar::Str("noon".into()));
        rows.scalar(7, &Scalar::Time(43_200_000_000));
        rows.end(5);
        let meta = RowMeta {
            source_topic: if offset < 5 { "raw" } else { "raw.retry" },
            source_partition: 1,
            source_offset: offset + 100,
            topic: "validated",
            partition: 2,
            offset: offset + 7,
            timestamp_millis: None,
            contract_version: "2.1.0",
            snapshot: "feed",
        };
        rows.commit_row(&meta, &Facts::default()).unwrap();
    }
    rows.finish()
}

fn read(bytes: Vec<u8>) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes))
        .unwrap()
        .build()
        .unwrap();
    let batches: Vec<_> = reader.map(Result::unwrap).collect();
    concat_batches(&batches[0].schema(), &batches).unwrap()
}

#[test]
fn what_is_written_is_read_back() {
    let batch = rows(3_000);
    let footer = Footer {
        entries: vec![("contract".into(), "orders".into())],
    };
    let settings = WriterSettings {
        row_group_rows: 1_000,
        ..WriterSettings::default()
    };
    let bytes = encode(&batch, &footer, &settings).unwrap();
    assert_eq!(
        bytes,
        encode(&batch, &footer, &settings).unwrap(),
        "the same rows give the same bytes"
    );
    assert_eq!(read(bytes.clone()), batch);
    let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
    let metadata = builder.metadata();
    assert_eq!(metadata.num_row_groups(), 3);
    let entries = metadata.file_metadata().key_value_metadata().unwrap();
    assert!(
        entries
            .iter()
            .any(|entry| entry.key == "tidegate.contract" && entry.value.as_deref() == Some("orders"))
    );
    let physical = |name: &str| {
        let columns = metadata.file_metadata().schema_descr();
        columns
            .columns()
            .iter()
            .find(|column| column.path().string() == name)
            .unwrap()
            .physical_type()
    };
    assert_eq!(
        (physical("id"), physical("price"), physical(fixed::TIMESTAMP)),
        (Type::INT64, Type::INT32, Type::INT64)
    );
    assert_eq!(
        (physical("tags.list.element"), physical("pairs.key_value.key")),
        (Type::BYTE_ARRAY, Type::BYTE_ARRAY)
    );
    assert!(metadata.row_group(0).column(0).statistics().is_some());
}

#[test]
fn identities_come_back_in_order() {
    let bytes = Bytes::from(encode(&rows(9), &Footer::default(), &WriterSettings::default()).unwrap());
    let identities = read_identities(bytes.clone()).unwrap();
    assert_eq!((identities.len(), row_count(bytes).unwrap()), (9, 9));
    assert_eq!((&*identities[4].source_topic, &*identities[5].source_topic), ("raw", "raw.retry"));
    assert_eq!(
        (identities[8].source_offset, identities[8].offset, identities[8].partition),
        (108, 15, 2)
    );
    assert_eq!((&*identities[8].contract_version, &*identities[8].snapshot), ("2.1.0", "feed"));
}

#[test]
fn what_is_not_a_file_of_the_lake_says_why() {
    assert!(
        read_identities(Bytes::from_static(b"PAR1 nothing"))
            .unwrap_err()
            .starts_with("not a parquet file")
    );
    let schema = Arc::new(Schema::new(vec![Field::new("x", arrow::datatypes::DataType::Int64, true)]));
    let foreign = RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(vec![1]))]).unwrap();
    let bytes = encode(&foreign, &Footer::default(), &WriterSettings::default()).unwrap();
    assert_eq!(
        read_identities(bytes.into()).unwrap_err(),
        "column _tidegate_source_topic is missing"
    );
}

#[test]
fn unique_columns_get_no_dictionary() {
    let unique: StringArray = (0..500).map(|number| Some(number.to_string())).collect();
    let few: StringArray = (0..500).map(|number| Some((number % 4).to_string())).collect();
    assert!(!repeats(&unique) && repeats(&few));
    assert_eq!(unique.len(), few.len());
}
