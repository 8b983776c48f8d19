//! Orders: JSON.

use bytes::Bytes;
use fastrand::Rng;

use super::{Draft, Expected, rfc3339, uuid};

const FAULTS: [(&str, &str); 7] = [
    ("truncated", "undecodable"),
    ("duplicate", "undecodable"),
    ("no currency", "required_missing"),
    ("text quantity", "type_mismatch"),
    ("unknown currency", "constraint_violation"),
    ("no lines", "constraint_violation"),
    ("discount above total", "semantic_violation"),
];

pub(super) fn draft(rng: &mut Rng, now: i64, faulty: bool) -> Draft {
    let (fault, expected) = match faulty {
        true => {
            let (fault, reason) = FAULTS[rng.usize(..FAULTS.len())];
            (fault, Expected::DeadLetter(reason))
        }
        false => ("", Expected::Valid),
    };
    let id = uuid(rng);
    let mut value = text(rng, &id, now, fault);
    if fault == "truncated" {
        value.truncate(value.len() / 2);
    }
    Draft {
        key: Some(Bytes::from(id)),
        value: Some(Bytes::from(value)),
        expected,
        rowless: false,
    }
}

fn text(rng: &mut Rng, id: &str, now: i64, fault: &str) -> String {
    let mut total = 0;
    let count = if fault == "no lines" { 0 } else { rng.u32(1..=4) };
    let lines: Vec<String> = (0..count)
        .map(|_| {
            let (qty, cents) = (rng.i64(1..=9), rng.i64(99..=99_999));
            total += qty * cents;
            let qty = if fault == "text quantity" {
                format!("\"{qty}\"")
            } else {
                qty.to_string()
            };
            let sku = format!("{}{}{}-{:04}", rng.uppercase(), rng.uppercase(), rng.uppercase(), rng.u32(..10_000));
            format!(r#"{{"sku":"{sku}","qty":{qty},"price":{}.{:02}}}"#, cents / 100, cents % 100)
        })
        .collect();
    let currency = match fault {
        "no currency" => String::new(),
        "unknown currency" => r#""currency":"XXX","#.to_owned(),
        _ => format!(
            r#""currency":"{}","#,
            rng.choice(["EUR", "USD", "GBP", "NOK", "SEK"]).expect("not empty")
        ),
    };
    let discount = match (fault, rng.u8(..4)) {
        ("discount above total", _) => total + 1,
        (_, 0) => total / 10,
        _ => 0,
    };
    let discount = if discount == 0 {
        String::new()
    } else {
        format!(r#","discount":{}.{:02}"#, discount / 100, discount % 100)
    };
    let labels = match fault {
        "duplicate" => r#"{"gift":"a","\u0067ift":"b"}"#.to_owned(),
        _ if rng.u8(..8) == 0 => r#"{"note":"leave at the door, \u00fc\n"}"#.to_owned(),
        _ => format!(r#"{{"campaign":"c{}"}}"#, rng.u8(..50)),
    };
    let channel = rng.choice(["web", "ios", "android"]).expect("not empty");
    let customer = rng.u32(1..1_000_000);
    format!(
        r#"{{"order_id":"{id}","placed_at":"{}","channel":"{channel}","customer":{{"customer_id":{customer},"email":"c{customer}@example.com","country":"DE"}},{currency}"lines":[{}],"total":{}.{:02}{discount},"labels":{labels}}}"#,
        rfc3339(now),
        lines.join(","),
        total / 100,
        total % 100,
    )
}
