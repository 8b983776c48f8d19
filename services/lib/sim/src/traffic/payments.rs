//! Payments: Avro binary (Avro 1.12 specification, "Binary Encoding") in Confluent framing, by `schemas/payments/payment.avsc`.

use bytes::Bytes;
use fastrand::Rng;

use super::{Draft, Expected, uuid};

const FAULTS: [(&str, &str); 5] = [
    ("json", "unknown_framing"),
    ("unknown schema", "registry_schema_unknown"),
    ("truncated", "undecodable"),
    ("cheque", "constraint_violation"),
    ("refund above zero", "semantic_violation"),
];

/// A schema id that no registry of a test or demo gives out.
const UNREGISTERED: u32 = 999_999;

pub(super) fn draft(rng: &mut Rng, now: i64, faulty: bool, schema: u32) -> Draft {
    let (fault, expected) = match faulty {
        true => {
            let (fault, reason) = FAULTS[rng.usize(..FAULTS.len())];
            (fault, Expected::DeadLetter(reason))
        }
        false => ("", Expected::Valid),
    };
    let id = uuid(rng);
    let mut value = match fault {
        "unknown schema" => frame(UNREGISTERED),
        _ => frame(schema),
    };
    datum(rng, &mut value, &id, now, fault);
    match fault {
        "json" => value = format!(r#"{{"payment_id":"{id}"}}"#).into_bytes(),
        "truncated" => value.truncate(value.len() - 3),
        _ => {}
    }
    Draft { key: Some(Bytes::from(id)), value: Some(Bytes::from(value)), expected, rowless: false }
}

fn frame(schema: u32) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend(schema.to_be_bytes());
    bytes
}

fn datum(rng: &mut Rng, out: &mut Vec<u8>, id: &str, now: i64, fault: &str) {
    string(out, id);
    string(out, &uuid(rng));
    let refund = fault == "refund above zero" || rng.u8(..10) == 0;
    let cents = rng.i64(100..5_000_000);
    let cents = if refund && fault != "refund above zero" { -cents } else { cents };
    bytes(out, &twos_complement(cents));
    long(out, if fault == "cheque" { 3 } else { rng.i64(0..3) });
    string(out, if refund { "refunded" } else { "booked" });
    long(out, now / 1000);
    match rng.bool() {
        true => long(out, 0),
        false => {
            long(out, 1);
            out.extend(rng.f64().to_le_bytes());
        }
    }
}

fn long(out: &mut Vec<u8>, value: i64) {
    let mut zigzag = ((value << 1) ^ (value >> 63)) as u64;
    while zigzag > 0x7f {
        out.push((zigzag & 0x7f) as u8 | 0x80);
        zigzag >>= 7;
    }
    out.push(zigzag as u8);
}

fn bytes(out: &mut Vec<u8>, value: &[u8]) {
    long(out, value.len() as i64);
    out.extend(value);
}

fn string(out: &mut Vec<u8>, value: &str) {
    bytes(out, value.as_bytes());
}

/// The shortest big-endian two's complement.
pub(super) fn twos_complement(value: i64) -> Vec<u8> {
    let full = value.to_be_bytes();
    let redundant = |i: usize| {
        let (this, next) = (full[i], full[i + 1]);
        (this == 0 && next < 0x80) || (this == 0xff && next >= 0x80)
    };
    let start = (0..7).find(|&i| !redundant(i)).unwrap_or(7);
    full[start..].to_vec()
}
