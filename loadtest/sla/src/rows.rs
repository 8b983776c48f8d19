//! Orders as rows of the lake: several files, zstd, the system columns that rules ask for. The same seed gives the same rows.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

/// Rows of one file, and of one batch inside of it.
const FILE_ROWS: u64 = 1_000_000;
const BATCH_ROWS: u64 = 50_000;
const SECOND: i64 = 1_000_000;

/// Writes `rows` rows below `folder`/rows.
pub(crate) fn make(folder: &Path, rows: u64, now: i64) -> anyhow::Result<()> {
    let folder = folder.join("rows");
    std::fs::create_dir_all(&folder)?;
    let mut random = fastrand::Rng::with_seed(7);
    let mut next = 0;
    while next < rows {
        let until = rows.min(next + FILE_ROWS);
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
            .set_max_row_group_row_count(Some(250_000))
            .build();
        let path = folder.join(format!("{:03}.parquet", next / FILE_ROWS));
        let first = batch(&mut random, next, until.min(next + BATCH_ROWS), rows, now)?;
        let mut writer = ArrowWriter::try_new(std::fs::File::create(path)?, first.schema(), Some(properties))?;
        writer.write(&first)?;
        next += first.num_rows() as u64;
        while next < until {
            let more = batch(&mut random, next, until.min(next + BATCH_ROWS), rows, now)?;
            writer.write(&more)?;
            next += more.num_rows() as u64;
        }
        writer.close()?;
    }
    Ok(())
}

fn batch(random: &mut fastrand::Rng, from: u64, until: u64, rows: u64, now: i64) -> anyhow::Result<RecordBatch> {
    const CHANNELS: [&str; 4] = ["web", "store", "phone", "partner"];
    const COUNTRIES: [&str; 12] = ["DE", "FR", "GB", "NL", "BE", "IT", "ES", "PT", "PL", "AT", "CH", "SE"];
    let count = usize::try_from(until - from)?;
    let mut ids = Vec::with_capacity(count);
    let mut customers = Vec::with_capacity(count);
    let mut placed = Vec::with_capacity(count);
    let mut arrived = Vec::with_capacity(count);
    let mut channels = Vec::with_capacity(count);
    let mut countries = Vec::with_capacity(count);
    let mut skus = Vec::with_capacity(count);
    let mut emails = Vec::with_capacity(count);
    let mut totals = Vec::with_capacity(count);
    let mut lines = Vec::with_capacity(count);
    let mut discounts = Vec::with_capacity(count);
    for row in from..until {
        let ago = i64::try_from(rows - row)? * (86_400 * SECOND / i64::try_from(rows)?.max(1)).max(1);
        let lag = random.i64(0..2 * SECOND) + if random.u32(0..200) == 0 { 60 * SECOND } else { 0 };
        // Every thousandth order was sent twice.
        ids.push(i64::try_from(if row % 1000 == 999 { row - 1 } else { row })?);
        customers.push(random.i64(0..2_000_000));
        arrived.push(now - ago);
        placed.push(now - ago - lag);
        channels.push((random.u32(0..500) > 0).then(|| CHANNELS[random.usize(0..4)]));
        countries.push(COUNTRIES[random.usize(0..12)]);
        skus.push(format!(
            "{}-{:06}",
            if random.u32(0..1000) == 0 { "x" } else { "SKU" },
            random.u32(0..50_000)
        ));
        emails.push((random.u32(0..50) > 0).then(|| format!("user{}@example.com", random.u32(0..2_000_000))));
        totals.push(i128::from(random.i64(-5..200_000)));
        lines.push(random.i32(0..12));
        discounts.push((random.u32(0..3) == 0).then(|| random.i64(0..60)));
    }
    let instants = |values: Vec<i64>| -> ArrayRef { Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC")) };
    let positions: Vec<i64> = (i64::try_from(from)?..i64::try_from(until)?).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("order_id", Arc::new(Int64Array::from(ids))),
        ("customer_id", Arc::new(Int64Array::from(customers))),
        ("placed_at", instants(placed)),
        ("channel", Arc::new(StringArray::from(channels))),
        ("country", Arc::new(StringArray::from(countries))),
        ("sku", Arc::new(StringArray::from(skus))),
        ("email", Arc::new(StringArray::from(emails))),
        ("total", Arc::new(Decimal128Array::from(totals).with_precision_and_scale(12, 2)?)),
        ("lines", Arc::new(Int32Array::from(lines))),
        ("discount", Arc::new(Int64Array::from(discounts))),
        ("_op", Arc::new(StringArray::from(vec![None::<&str>; count]))),
        ("_tidegate_timestamp", instants(arrived)),
        ("_tidegate_partition", Arc::new(Int32Array::from(vec![0; count]))),
        ("_tidegate_offset", Arc::new(Int64Array::from(positions))),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    )?)
}
