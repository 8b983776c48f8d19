//! Payments: Avro binary (Avro 1.12 specification, "Binary Encoding") in Confluent framing, by `schemas/payments/payment.avsc`.

use bytes::Bytes;
use fastrand::Rng;

use super::{Draft, Expected, uuid};

const FAULTS: [(&str, &str); 5] = [
    ("json", "unknown_framing"),
    ("unknown schema", "registry_schema_unknown"),
    ("truncated", "undecodable"),
    ("small currency", "constraint_violation"),
    ("failed without a code", "semantic_violation"),
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
    let id = format!("pay_{:016x}", rng.u64(..));
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
    Draft {
        key: Some(Bytes::from(id)),
        value: Some(Bytes::from(value)),
        expected,
        rowless: false,
    }
}

fn frame(schema: u32) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend(schema.to_be_bytes());
    bytes
}

fn datum(rng: &mut Rng, out: &mut Vec<u8>, id: &str, now: i64, fault: &str) {
    string(out, id);
    string(out, &uuid(rng));
    bytes(out, &twos_complement(rng.i64(100..5_000_000)));
    string(out, if fault == "small currency" { "eur" } else { "EUR" });
    long(out, rng.i64(0..4));
    let failed = fault == "failed without a code" || rng.u8(..10) == 0;
    string(out, if failed { "failed" } else { "captured" });
    match failed && fault != "failed without a code" {
        true => {
            long(out, 1);
            string(out, "insufficient_funds");
        }
        false => long(out, 0),
    }
    long(out, now / 1000);
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
