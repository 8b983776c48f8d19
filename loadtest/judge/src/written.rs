//! Orders as bytes: JSON events, Confluent-framed Avro, rows and Debezium change events.

use std::io::Write as _;

use crate::orders::{CURRENCIES, EVENT_TYPES, Fault, Order, STATUSES, TIERS};
use crate::records::Records;

/// Id in the Avro frames.
pub const SCHEMA_ID: u32 = 1;

/// Change events: values with their keys.
#[derive(Debug, Default)]
pub struct Changes {
    /// Keys as `{"event_id":…}`.
    pub keys: Records,
    /// Envelopes without schema block.
    pub values: Records,
}

/// JSON events.
pub fn json(orders: &[Order]) -> Records {
    let mut records = Records::default();
    for order in orders {
        records.push(|out| truncated(order, out, json_order));
    }
    records
}

/// Avro datums behind Confluent's prefix. Faults that the Avro schema cannot hold are left out.
pub fn avro(orders: &[Order]) -> Records {
    let mut records = Records::default();
    for order in orders {
        records.push(|out| avro_order(order, out));
    }
    records
}

/// Rows of a table as JSON events, lines in array columns.
pub fn rows(orders: &[Order]) -> Records {
    let mut records = Records::default();
    for order in orders {
        records.push(|out| truncated(order, out, row));
    }
    records
}

/// The same rows inside Debezium envelopes as the PostgreSQL connector 3.7 writes them without schemas: of ten events four creates, five
/// updates, one delete. `full` says whether the table's replica identity is FULL: then updates carry the old row and deletes all of it;
/// else updates carry none, and of a deleted row only the key is true.
pub fn changes(orders: &[Order], full: bool) -> Changes {
    let mut changes = Changes::default();
    for (index, order) in orders.iter().enumerate() {
        changes.keys.push(|out| {
            let _ = write!(out, "{{\"event_id\":\"{}\"}}", order.event_id);
        });
        changes
            .values
            .push(|out| truncated(order, out, |order, out| envelope(order, index, full, out)));
    }
    changes
}

/// Cuts what `write` writes in the middle where that is the order's fault.
fn truncated(order: &Order, out: &mut Vec<u8>, write: impl FnOnce(&Order, &mut Vec<u8>)) {
    let start = out.len();
    write(order, out);
    if order.fault == Some(Fault::Truncated) {
        let mut middle = start + (out.len() - start) / 2;
        // In front of a character, never inside of it: the fault is the missing end.
        while out[middle] & 0xC0 == 0x80 {
            middle -= 1;
        }
        out.truncate(middle);
    }
}

/// Writes into memory; no write fails.
macro_rules! put {
    ($out:expr, $($form:tt)*) => { let _ = write!($out, $($form)*); };
}

fn head(order: &Order, out: &mut Vec<u8>) {
    let event_type = match order.fault {
        Some(Fault::BadEnum) => "order_teleported",
        _ => EVENT_TYPES[order.event_type],
    };
    put!(
        out,
        "{{\"event_id\":\"{}\",\"event_type\":\"{event_type}\",\"schema_version\":{},\"occurred_at\":\"{}\"",
        order.event_id,
        order.schema_version,
        order.occurred_at
    );
    if order.fault != Some(Fault::MissingField) {
        put!(out, ",\"order_id\":\"{}\"", order.order_id);
    }
    put!(
        out,
        ",\"status\":\"{}\",\"currency\":\"{}\"",
        STATUSES[order.status],
        CURRENCIES[order.currency]
    );
}

fn customer(order: &Order, out: &mut Vec<u8>) {
    put!(
        out,
        "\"customer_id\":\"{}\",\"email\":\"{}\",\"name\":\"{}\",\"country\":\"{}\",\"tier\":\"{}\",\"opt_in\":{}",
        order.customer_id,
        order.email,
        order.name,
        order.country,
        TIERS[order.tier],
        order.opt_in
    );
}

fn tail(order: &Order, out: &mut Vec<u8>) {
    if order.fault == Some(Fault::NullField) {
        put!(out, ",\"total\":null");
    } else {
        put!(out, ",\"total\":");
        money(order.total_cents, out);
    }
    put!(out, ",\"start\":\"{}\",\"end\":\"{}\",\"note\":", order.start, order.end);
    match order.note {
        Some(note) => {
            put!(out, "\"{}\"", note.replace('"', "\\\""));
        }
        None => {
            put!(out, "null");
        }
    }
    if order.fault == Some(Fault::ExtraField) {
        put!(out, ",\"debug\":true");
    }
    out.push(b'}');
}

fn json_order(order: &Order, out: &mut Vec<u8>) {
    head(order, out);
    put!(out, ",\"customer\":{{");
    customer(order, out);
    put!(out, "}},\"lines\":[");
    for (index, line) in order.lines.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        put!(out, "{comma}{{\"sku\":\"{}\",\"qty\":", line.sku);
        quantity(order, index, out);
        put!(out, ",\"price\":");
        money(line.cents, out);
        put!(out, ",\"gift\":{}}}", line.gift);
    }
    out.push(b']');
    tail(order, out);
}

fn row(order: &Order, out: &mut Vec<u8>) {
    head(order, out);
    out.push(b',');
    customer(order, out);
    put!(out, ",\"skus\":");
    list(order, out, |index, out| {
        put!(out, "\"{}\"", order.lines[index].sku);
    });
    put!(out, ",\"qtys\":");
    list(order, out, |index, out| quantity(order, index, out));
    put!(out, ",\"prices\":");
    list(order, out, |index, out| money(order.lines[index].cents, out));
    put!(out, ",\"gifts\":");
    list(order, out, |index, out| {
        put!(out, "{}", order.lines[index].gift);
    });
    tail(order, out);
}

fn list(order: &Order, out: &mut Vec<u8>, mut item: impl FnMut(usize, &mut Vec<u8>)) {
    out.push(b'[');
    for index in 0..order.lines.len() {
        if index > 0 {
            out.push(b',');
        }
        item(index, out);
    }
    out.push(b']');
}

fn quantity(order: &Order, index: usize, out: &mut Vec<u8>) {
    let qty = order.lines[index].qty;
    if order.fault == Some(Fault::WrongType) && index + 1 == order.lines.len() {
        put!(out, "\"{qty}\"");
    } else {
        put!(out, "{qty}");
    }
}

/// Two digits after the point, one where the amount is whole.
fn money(cents: i64, out: &mut Vec<u8>) {
    let sign = if cents < 0 { "-" } else { "" };
    let (whole, part) = (cents.unsigned_abs() / 100, cents.unsigned_abs() % 100);
    if part == 0 {
        put!(out, "{sign}{whole}.0");
    } else {
        put!(out, "{sign}{whole}.{part:02}");
    }
}

fn envelope(order: &Order, index: usize, full: bool, out: &mut Vec<u8>) {
    let op = match index % 10 {
        0 | 2 | 5 | 8 => 'c',
        9 => 'd',
        _ => 'u',
    };
    put!(out, "{{\"before\":");
    match (op, full) {
        ('u' | 'd', true) => row(order, out),
        ('d', false) => made_up_row(order, out),
        _ => {
            put!(out, "null");
        }
    }
    put!(out, ",\"after\":");
    if op == 'd' {
        put!(out, "null");
    } else {
        row(order, out);
    }
    let (transaction, lsn) = (840 + index, 27_551_712 + 312 * index);
    let (millis, micros) = (order.seconds * 1000 + 245, order.seconds * 1_000_000 + 245_085);
    put!(
        out,
        ",\"source\":{{\"version\":\"3.7.0.Final\",\"connector\":\"postgresql\",\"name\":\"pgplain\",\"ts_ms\":{millis},\
         \"snapshot\":\"false\",\"db\":\"shopdb\",\"sequence\":\"[\\\"{lsn}\\\",\\\"{lsn}\\\"]\",\"ts_us\":{micros},\"ts_ns\":{micros}000,\
         \"schema\":\"shop\",\"table\":\"orders\",\"txId\":{transaction},\"lsn\":{lsn},\"xmin\":null,\"origin\":null,\
         \"origin_lsn\":null}},\"transaction\":{{\"id\":\"{transaction}:{lsn}\",\"total_order\":1,\"data_collection_order\":1}},\
         \"op\":\"{op}\",\"ts_ms\":{},\"ts_us\":{},\"ts_ns\":{}716}}",
        millis + 1249,
        micros + 1_249_528,
        micros + 1_249_528
    );
}

/// What PostgreSQL's default replica identity makes of a deleted row: the key, and a default of the type wherever null is not allowed.
fn made_up_row(order: &Order, out: &mut Vec<u8>) {
    put!(
        out,
        "{{\"event_id\":\"{}\",\"event_type\":\"\",\"schema_version\":0,\"occurred_at\":\"1970-01-01T00:00:00Z\",\"order_id\":\"\",\
         \"status\":\"\",\"currency\":\"\",\"customer_id\":\"00000000-0000-0000-0000-000000000000\",\"email\":\"\",\"name\":null,\
         \"country\":\"\",\"tier\":null,\"opt_in\":null,\"skus\":[],\"qtys\":[],\"prices\":[],\"gifts\":null,\"total\":0.0,\
         \"start\":\"1970-01-01T00:00:00Z\",\"end\":\"1970-01-01T00:00:00Z\",\"note\":null}}",
        order.event_id
    );
}

fn avro_order(order: &Order, out: &mut Vec<u8>) {
    out.push(0);
    out.extend_from_slice(&SCHEMA_ID.to_be_bytes());
    text(&order.event_id, out);
    symbol(order.event_type, out);
    long(i64::from(order.schema_version), out);
    text(&order.occurred_at, out);
    text(&order.order_id, out);
    symbol(order.status, out);
    symbol(order.currency, out);
    text(&order.customer_id, out);
    text(&order.email, out);
    text(&order.name, out);
    text(order.country, out);
    symbol(order.tier, out);
    out.push(u8::from(order.opt_in));
    if !order.lines.is_empty() {
        symbol(order.lines.len(), out);
        for line in &order.lines {
            text(&line.sku, out);
            long(i64::from(line.qty), out);
            amount(line.cents, out);
            out.push(u8::from(line.gift));
        }
    }
    long(0, out);
    amount(order.total_cents, out);
    text(&order.start, out);
    text(&order.end, out);
    match order.note {
        None => long(0, out),
        Some(note) => {
            long(1, out);
            text(note, out);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "amounts stay far below 2^53 cents")]
fn amount(cents: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&(cents as f64 / 100.0).to_le_bytes());
}

fn symbol(index: usize, out: &mut Vec<u8>) {
    long(i64::try_from(index).expect("a small index"), out);
}

fn text(text: &str, out: &mut Vec<u8>) {
    symbol(text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

/// Zigzag and base 128, as Avro 1.12 writes `int` and `long`.
fn long(value: i64, out: &mut Vec<u8>) {
    let mut rest = (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned();
    while rest >= 0x80 {
        out.push(u8::try_from(rest & 0x7f).expect("seven bits") | 0x80);
        rest >>= 7;
    }
    out.push(u8::try_from(rest).expect("seven bits"));
}
