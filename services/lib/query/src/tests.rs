//! Real Parquet files in a folder, read through the store port.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arrow::array::{ArrayRef, BooleanArray, Decimal128Array, Int64Array, RecordBatch, StringArray, StructArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use tidegate_flow::ports::{Created, ObjectFacts, Store};
use tidegate_flow::{Remedy, WorldError};
use tidegate_objectives::{Cell, QueryEngine, TableSource, TableSpec};

use crate::{Lake, Limits};

/// A folder as a store. Writing is not needed here.
struct Folder {
    root: PathBuf,
    /// Requests that fail from now on.
    down: AtomicUsize,
    bytes_read: AtomicUsize,
}

impl Folder {
    fn check(&self) -> Result<(), WorldError> {
        match self.down.load(Ordering::Relaxed) {
            0 => Ok(()),
            _ => Err(WorldError::new(Remedy::Retry, "the folder is away")),
        }
    }
}

impl Store for Folder {
    fn create(&self, _: &str, _: Bytes) -> Result<Created, WorldError> {
        unreachable!("queries only read")
    }
    fn put(&self, _: &str, _: Bytes) -> Result<(), WorldError> {
        unreachable!("queries only read")
    }
    fn get(&self, path: &str) -> Result<Option<Bytes>, WorldError> {
        self.check()?;
        Ok(std::fs::read(self.root.join(path)).ok().map(Bytes::from))
    }
    fn get_range(&self, path: &str, range: std::ops::Range<u64>) -> Result<Option<Bytes>, WorldError> {
        let part = self
            .get(path)?
            .map(|bytes| bytes.slice(range.start as usize..(range.end as usize).min(bytes.len())));
        self.bytes_read.fetch_add(part.as_ref().map_or(0, Bytes::len), Ordering::Relaxed);
        Ok(part)
    }
    fn exists(&self, path: &str) -> Result<bool, WorldError> {
        Ok(self.root.join(path).exists())
    }
    fn list(&self, prefix: &str) -> Result<Vec<ObjectFacts>, WorldError> {
        self.check()?;
        let mut found = Vec::new();
        let mut folders = vec![self.root.join(prefix)];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            for entry in entries.flatten() {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else {
                    let path = entry.path().strip_prefix(&self.root).unwrap().to_str().unwrap().to_owned();
                    found.push(ObjectFacts {
                        path,
                        size: entry.metadata().unwrap().len(),
                    });
                }
            }
        }
        found.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(found)
    }
}

struct Stand {
    folder: tempfile::TempDir,
    store: Arc<Folder>,
    lake: Lake,
}

impl Stand {
    fn new() -> Stand {
        Stand::with(Limits {
            threads: 2,
            ..Limits::default()
        })
    }

    fn with(limits: Limits) -> Stand {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Folder {
            root: folder.path().to_owned(),
            down: AtomicUsize::new(0),
            bytes_read: AtomicUsize::new(0),
        });
        let lake = Lake::new(store.clone(), limits).unwrap();
        Stand { folder, store, lake }
    }

    fn write(&self, path: &str, columns: Vec<(&str, ArrayRef)>) {
        write(&self.folder.path().join(path), columns);
    }

    /// Two files of different minors, one of them in the bucket of unknown dates.
    fn orders(&self) {
        let amounts = Decimal128Array::from(vec![Some(1050), None, Some(-1)])
            .with_precision_and_scale(38, 2)
            .unwrap();
        let times = TimestampMicrosecondArray::from(vec![1_000_000, 2_000_000, 3_000_000]).with_timezone("UTC");
        self.write(
            "lake/orders/orders/v1/date=2026-11-21/one.parquet",
            vec![
                ("orderId", Arc::new(Int64Array::from(vec![1, 2, 3]))),
                ("amount", Arc::new(amounts)),
                ("at", Arc::new(times)),
                ("ship", ship(&[("city", &["Bonn", "Kiel", "Ulm"])])),
            ],
        );
        self.write(
            "lake/orders/orders/v1/date=_unknown/two.parquet",
            vec![
                ("note", Arc::new(StringArray::from(vec![Some("secret-note"), None]))),
                ("orderId", Arc::new(Int64Array::from(vec![Some(4), None]))),
                ("ship", ship(&[("zip", &["1", "2"]), ("city", &["Jena", "Hof"])])),
            ],
        );
    }

    fn first(&self, sql: &str) -> Vec<Cell> {
        let rows = self.lake.query(&tables(), sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert!(rows.without_files.is_empty(), "{rows:?}");
        rows.rows.into_iter().next().unwrap()
    }

    fn refused(&self, sql: &str) -> WorldError {
        self.lake.query(&tables(), sql).unwrap_err()
    }
}

fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(std::fs::File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn ship(fields: &[(&str, &[&str])]) -> ArrayRef {
    let columns = fields.iter().map(|(name, values)| {
        (
            Arc::new(Field::new(*name, DataType::Utf8, true)),
            Arc::new(StringArray::from(values.to_vec())) as ArrayRef,
        )
    });
    Arc::new(StructArray::from(columns.collect::<Vec<_>>()))
}

fn files(name: &str, prefix: &str) -> TableSpec {
    let columns = ["orderId", "later", "_op"].map(str::to_owned).to_vec();
    TableSpec {
        name: name.into(),
        source: TableSource::Files {
            prefix: prefix.into(),
            columns,
        },
    }
}

fn view(name: &str, sql: &str) -> TableSpec {
    TableSpec {
        name: name.into(),
        source: TableSource::View { sql: sql.into() },
    }
}

fn tables() -> Vec<TableSpec> {
    vec![
        files("orders.log", "lake/orders/orders/v1"),
        view(
            "orders",
            "SELECT * FROM \"orders.log\" WHERE \"_op\" IS NULL OR \"_op\" <> 'tombstone'",
        ),
        view("big", "SELECT * FROM orders WHERE \"orderId\" > 2"),
        files("refunds", "lake/orders/refunds/v1"),
    ]
}

fn number(text: &str) -> Cell {
    Cell::Number(text.into())
}

#[test]
fn columns_are_united_by_name_and_missing_ones_are_null() {
    let stand = Stand::new();
    stand.orders();
    assert_eq!(
        stand.first("SELECT count(*), count(\"orderId\"), count(amount), count(note), count(later) FROM orders"),
        [5, 4, 3 - 1, 1, 0].map(|count| number(&count.to_string()))
    );
}

#[test]
fn fields_of_structs_are_united_too() {
    let stand = Stand::new();
    stand.orders();
    let sql = "SELECT count(get_field(ship, 'city')), count(get_field(ship, 'zip')), max(get_field(ship, 'zip')) FROM orders";
    assert_eq!(stand.first(sql), [number("5"), number("2"), Cell::Text("2".into())]);
}

#[test]
fn a_decimal_may_grow() {
    let stand = Stand::new();
    for (name, precision, value) in [("one", 12, 1_050), ("two", 20, 9_999_999_999_999)] {
        let amounts = Decimal128Array::from(vec![value]).with_precision_and_scale(precision, 2).unwrap();
        stand.write(
            &format!("lake/orders/orders/v1/date=2026-11-21/{name}.parquet"),
            vec![("amount", Arc::new(amounts))],
        );
    }
    assert_eq!(stand.first("SELECT sum(amount) FROM orders"), [number("100000000010.49")]);
}

#[test]
fn values_keep_their_digits() {
    let stand = Stand::new();
    stand.orders();
    let sql = "SELECT sum(amount), max(amount) = 10.50, CAST(0.1 AS DOUBLE), min(later), arrow_cast(arrow_cast(max(at), 'Timestamp(Microsecond, None)'), 'Int64') FROM orders";
    assert_eq!(
        stand.first(sql),
        [number("10.49"), Cell::Bool(true), number("0.1"), Cell::Null, number("3000000")]
    );
}

#[test]
fn views_stand_on_views_and_only_what_is_named_is_opened() {
    let stand = Stand::new();
    stand.orders();
    assert_eq!(stand.first("SELECT count(*) FROM big"), [number("2")]);
    assert_eq!(stand.first("WITH big AS (SELECT 1) SELECT count(*) FROM big"), [number("1")]);
    assert_eq!(
        stand.first("SELECT count(*) FROM \"orders.log\" a JOIN orders b ON a.\"orderId\" = b.\"orderId\""),
        [number("4")]
    );
}

#[test]
fn no_file_is_not_no_row() {
    let stand = Stand::new();
    let rows = stand.lake.query(&tables(), "SELECT count(*) FROM big").unwrap();
    assert_eq!((rows.without_files, rows.rows), (vec!["orders.log".to_owned()], vec![]));
    stand.orders();
    let rows = stand.lake.query(&tables(), "SELECT count(*) FROM orders, refunds").unwrap();
    assert_eq!((rows.without_files, rows.rows), (vec!["refunds".to_owned()], vec![]));
    stand.write(
        "lake/orders/refunds/v1/date=2026-11-21/none.parquet",
        vec![("orderId", Arc::new(Int64Array::from(Vec::<i64>::new())))],
    );
    assert_eq!(stand.first("SELECT count(*) FROM refunds"), [number("0")]);
    let rows = stand.lake.query(&tables(), "SELECT * FROM refunds").unwrap();
    assert_eq!(
        (rows.columns.as_slice(), rows.rows.len()),
        (&["orderId".to_owned(), "later".to_owned(), "_op".to_owned()][..], 0)
    );
}

#[test]
fn other_files_and_neighbouring_folders_are_left_alone() {
    let stand = Stand::new();
    stand.orders();
    std::fs::write(
        stand.folder.path().join("lake/orders/orders/v1/date=_unknown/notes.txt"),
        "not Parquet",
    )
    .unwrap();
    stand.write(
        "lake/orders/orders/v10/date=2026-11-21/one.parquet",
        vec![("orderId", Arc::new(Int64Array::from(vec![9])))],
    );
    assert_eq!(stand.first("SELECT max(\"orderId\") FROM orders"), [number("4")]);
}

#[test]
fn a_column_of_two_types_names_both_files() {
    let stand = Stand::new();
    stand.orders();
    stand.write(
        "lake/orders/orders/v1/date=_unknown/three.parquet",
        vec![("amount", Arc::new(BooleanArray::from(vec![true])))],
    );
    let error = stand.refused("SELECT count(*) FROM orders");
    assert!(
        error.what.contains("`amount`") && error.what.contains("one.parquet") && error.what.contains("three.parquet"),
        "{error}"
    );
}

#[test]
fn everything_but_a_query_is_refused() {
    let stand = Stand::new();
    stand.orders();
    let out = stand.folder.path().join("out.parquet");
    for sql in [
        "CREATE TABLE x AS SELECT * FROM orders",
        "INSERT INTO orders SELECT * FROM orders",
        "DELETE FROM orders",
        "UPDATE orders SET amount = 0",
        "DROP TABLE orders",
        "SELECT * INTO copied FROM orders",
        &format!("COPY (SELECT 1) TO '{}'", out.display()),
        "SET datafusion.execution.batch_size = 1",
        "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '/'",
        "SELECT 1; SELECT 2",
        "EXPLAIN SELECT 1",
        "",
    ] {
        let error = stand.refused(sql);
        assert_eq!(error.remedy, Remedy::Operator, "{sql}: {error}");
    }
    assert!(!out.exists());
    assert_eq!(stand.first("SELECT count(*) FROM orders"), [number("5")]);
}

#[test]
fn bad_sql_says_what_is_wrong_with_it() {
    let stand = Stand::new();
    stand.orders();
    assert!(stand.refused("SELECT count(*) FROM nowhere").what.contains("nowhere"));
    assert!(stand.refused("SELECT nothing FROM orders").what.contains("nothing"));
    assert!(stand.refused("SELEC 1").what.contains("SELEC"));
}

#[test]
fn errors_of_running_do_not_quote_the_data() {
    let stand = Stand::new();
    stand.orders();
    let error = stand.refused("SELECT sum(CAST(note AS BIGINT)) FROM orders");
    assert!(
        !error.to_string().contains("secret-note") && error.what.contains("casts a value"),
        "{error}"
    );
    assert!(error.source.is_none());
}

#[test]
fn a_store_that_is_away_is_said_and_can_be_tried_again() {
    let stand = Stand::new();
    stand.orders();
    stand.store.down.store(1, Ordering::Relaxed);
    let error = stand.refused("SELECT count(*) FROM orders");
    assert_eq!((error.remedy, error.what.as_str()), (Remedy::Retry, "the folder is away"));
    stand.store.down.store(0, Ordering::Relaxed);
    assert_eq!(stand.first("SELECT count(*) FROM orders"), [number("5")]);
}

#[test]
fn a_file_that_is_no_parquet_is_no_empty_table() {
    let stand = Stand::new();
    stand.orders();
    std::fs::write(
        stand.folder.path().join("lake/orders/orders/v1/date=_unknown/torn.parquet"),
        b"PAR1 torn",
    )
    .unwrap();
    assert_eq!(stand.refused("SELECT count(*) FROM orders").remedy, Remedy::Operator);
}

#[test]
fn limits_hold() {
    let stand = Stand::with(Limits {
        rows_max: 2,
        ..Limits::default()
    });
    stand.orders();
    let rows = stand.lake.query(&tables(), "SELECT * FROM orders").unwrap();
    assert_eq!((rows.rows.len(), rows.truncated), (2, true));

    let stand = Stand::with(Limits {
        memory_bytes: 1 << 20,
        threads: 1,
        ..Limits::default()
    });
    let sql =
        "SELECT count(*) FROM (SELECT value * 7919 % 3000017, count(*) FROM generate_series(1, 3000000) GROUP BY value * 7919 % 3000017)";
    assert!(stand.refused(sql).what.contains("more memory"), "{}", stand.refused(sql));

    let stand = Stand::with(Limits {
        time: Duration::from_millis(20),
        ..Limits::default()
    });
    let error =
        stand.refused("SELECT count(*) FROM generate_series(1, 300000) a, generate_series(1, 300000) b WHERE a.value % 7 = b.value % 11");
    assert_eq!(error.remedy, Remedy::Retry, "{error}");
}

#[test]
fn a_query_of_one_column_does_not_read_the_others() {
    let stand = Stand::new();
    let mut state = 1u64;
    let noise: Vec<i64> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state as i64
    })
    .take(400_000)
    .collect();
    let path = "lake/orders/orders/v1/date=2026-11-21/wide.parquet";
    stand.write(
        path,
        vec![
            ("orderId", Arc::new(Int64Array::from(vec![7; noise.len()]))),
            ("noise", Arc::new(Int64Array::from(noise))),
        ],
    );
    let size = std::fs::metadata(stand.folder.path().join(path)).unwrap().len() as usize;
    assert_eq!(stand.first("SELECT sum(\"orderId\") FROM orders"), [number("2800000")]);
    let read = stand.store.bytes_read.swap(0, Ordering::Relaxed);
    assert!(read < size / 2, "{read} of {size}");
    // The footer is known by now.
    assert_eq!(stand.first("SELECT max(\"orderId\") FROM orders"), [number("7")]);
    let again = stand.store.bytes_read.load(Ordering::Relaxed);
    assert!(again < read, "{again} after {read}");
}
