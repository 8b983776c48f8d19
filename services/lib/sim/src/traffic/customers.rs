//! Customers: Debezium's change events of a PostgreSQL table, JSON without the schema block.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fastrand::Rng;

use super::payments::twos_complement;
use super::{Draft, Expected};

const FAULTS: [(&str, &str); 4] = [
    ("unknown operation", "cdc_malformed"),
    ("platinum", "constraint_violation"),
    ("no email", "required_missing"),
    ("garbage", "undecodable"),
];

/// The table as it is, so that updates and deletes are about rows that exist.
#[derive(Debug, Default)]
pub(super) struct Table {
    ids: Vec<u64>,
    next_id: u64,
    lsn: u64,
}

impl Table {
    /// One change; a delete is followed by its tombstone.
    pub(super) fn drafts(&mut self, rng: &mut Rng, now: i64, faulty: bool) -> Vec<Draft> {
        self.lsn += rng.u64(8..200);
        if faulty {
            return vec![self.faulty(rng, now)];
        }
        let pick = if self.ids.is_empty() { 0 } else { rng.u8(..10) };
        match pick {
            0..5 => {
                let id = self.fresh();
                self.ids.push(id);
                let row = row(rng, id, now, "");
                vec![self.change(id, "null", &row, "c", now, Expected::Valid)]
            }
            5..9 => {
                let id = self.ids[rng.usize(..self.ids.len())];
                let row = row(rng, id, now, "");
                vec![self.change(id, "null", &row, "u", now, Expected::Valid)]
            }
            _ => {
                let id = self.ids.swap_remove(rng.usize(..self.ids.len()));
                // Under the default replica identity only the key of `before` is true.
                let before = format!(r#"{{"id":{id},"email":"","name":null,"tier":"","balance":"AA==","vip":false,"updated_at":0}}"#);
                let delete = self.change(id, &before, "null", "d", now, Expected::Valid);
                let tombstone = Draft {
                    key: Some(key(id)),
                    value: None,
                    expected: Expected::Valid,
                    rowless: true,
                };
                vec![delete, tombstone]
            }
        }
    }

    fn faulty(&mut self, rng: &mut Rng, now: i64) -> Draft {
        if rng.u8(..5) == 0 {
            return Draft {
                key: None,
                value: None,
                expected: Expected::Skipped("tombstone_keyless"),
                rowless: true,
            };
        }
        let (fault, reason) = FAULTS[rng.usize(..FAULTS.len())];
        let expected = Expected::DeadLetter(reason);
        let id = self.fresh();
        let row = row(rng, id, now, fault);
        match fault {
            "unknown operation" => self.change(id, "null", &row, "x", now, expected),
            "garbage" => Draft {
                key: Some(key(id)),
                value: Some(Bytes::from_static(b"\xff\xfe not an event")),
                expected,
                rowless: false,
            },
            _ => self.change(id, "null", &row, "c", now, expected),
        }
    }

    fn fresh(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn change(&self, id: u64, before: &str, after: &str, op: &str, now: i64, expected: Expected) -> Draft {
        let millis = now / 1000;
        let mut value =
            format!(r#"{{"before":{before},"after":{after},"source":{{"version":"3.7.0.Final","connector":"postgresql","name":"crm","#);
        let _ = write!(
            value,
            r#""ts_ms":{millis},"snapshot":"false","db":"crm","sequence":"[null,\"{lsn}\"]","ts_us":{now},"ts_ns":{now}000,"schema":"public","table":"customers","txId":{},"lsn":{lsn},"xmin":null}},"transaction":null,"op":"{op}","ts_ms":{millis},"ts_us":{now},"ts_ns":{now}000}}"#,
            self.lsn / 100,
            lsn = self.lsn,
        );
        Draft {
            key: Some(key(id)),
            value: Some(Bytes::from(value)),
            expected,
            rowless: false,
        }
    }
}

fn key(id: u64) -> Bytes {
    Bytes::from(format!(r#"{{"id":{id}}}"#))
}

fn row(rng: &mut Rng, id: u64, now: i64, fault: &str) -> String {
    let email = if fault == "no email" {
        "null".to_owned()
    } else {
        format!(r#""customer{id}@example.com""#)
    };
    let tier = if fault == "platinum" {
        "platinum"
    } else {
        rng.choice(["basic", "silver", "gold"]).expect("not empty")
    };
    let balance = STANDARD.encode(twos_complement(rng.i64(0..1_000_000)));
    let vip = tier == "gold" && rng.bool();
    format!(r#"{{"id":{id},"email":{email},"name":"Customer {id}","tier":"{tier}","balance":"{balance}","vip":{vip},"updated_at":{now}}}"#)
}
