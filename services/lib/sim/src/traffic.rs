//! Seeded events for the example contracts (`contracts/`), with faults planted on purpose, so that whoever judges them can be checked:
//! what was planted must be found, and nothing else.

mod customers;
mod orders;
mod payments;

use bytes::Bytes;
use fastrand::Rng;
use tidegate_flow::TopicPartition;
use tidegate_flow::record::{Header, Outgoing};

/// What must become of an event. Names are those of the closed lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Expected {
    /// Passes.
    Valid,
    /// Is set aside for this reason.
    DeadLetter(&'static str),
    /// Is skipped by this policy.
    Skipped(&'static str),
}

/// One event and what must become of it.
#[derive(Debug, Clone)]
pub struct Planted {
    /// The record to produce.
    pub record: Outgoing,
    /// What must become of it.
    pub expected: Expected,
    /// A valid event that makes no row of its own in the lake: the tombstone after a delete.
    pub rowless: bool,
}

/// Where the events go and what they need to know.
#[derive(Debug, Clone)]
pub struct Route {
    /// Prefix of the three topics `orders`, `payments`, `customers`.
    pub prefix: String,
    /// Partitions of each topic.
    pub partitions: i32,
    /// The id under which `schemas/payments/payment.avsc` is registered.
    pub payment_schema: u32,
    /// One event in so many is faulty.
    pub fault_every: u32,
}

/// The generator. The same seed and times give the same events.
#[derive(Debug)]
pub struct Traffic {
    route: Route,
    rng: Rng,
    customers: customers::Table,
    /// Events that must follow the last one, such as the tombstone after a delete.
    due: Vec<Planted>,
    sequence: u64,
}

/// An event before it is addressed.
struct Draft {
    key: Option<Bytes>,
    value: Option<Bytes>,
    expected: Expected,
    rowless: bool,
}

// === impl Route ===

impl Route {
    /// The three topics.
    pub fn topics(&self) -> [String; 3] {
        ["orders", "payments", "customers"].map(|name| format!("{}{name}", self.prefix))
    }
}

// === impl Traffic ===

impl Traffic {
    /// A generator.
    pub fn new(route: Route, seed: u64) -> Traffic {
        Traffic {
            route,
            rng: Rng::with_seed(seed),
            customers: customers::Table::default(),
            due: Vec::new(),
            sequence: 0,
        }
    }

    /// The next event, happening at `now` (microseconds since the epoch).
    pub fn next(&mut self, now: i64) -> Planted {
        if let Some(due) = self.due.pop() {
            return due;
        }
        self.sequence += 1;
        let faulty = self.rng.u32(0..self.route.fault_every) == 0;
        let kind = self.sequence % 3;
        let drafts = match kind {
            0 => vec![orders::draft(&mut self.rng, now, faulty)],
            1 => vec![payments::draft(&mut self.rng, now, faulty, self.route.payment_schema)],
            _ => self.customers.drafts(&mut self.rng, now, faulty),
        };
        let topic = self.route.topics()[kind as usize].clone();
        let partition = self.partition(drafts[0].key.as_deref());
        let mut planted: Vec<Planted> = drafts
            .into_iter()
            .map(|draft| self.address(draft, &topic, partition, now))
            .collect();
        planted.reverse();
        let first = planted.pop().expect("a draft was made");
        self.due = planted;
        first
    }

    /// The next event of the orders topic alone, happening at `now`; for loads of one kind. Its faults are those of [`Traffic::next`].
    pub fn next_order(&mut self, now: i64) -> Planted {
        let faulty = self.rng.u32(0..self.route.fault_every) == 0;
        let draft = orders::draft(&mut self.rng, now, faulty);
        let [topic, ..] = self.route.topics();
        let partition = self.partition(draft.key.as_deref());
        self.address(draft, &topic, partition, now)
    }

    fn address(&mut self, draft: Draft, topic: &str, partition: i32, now: i64) -> Planted {
        let mut headers = vec![Header::text("producer", "traffic")];
        if self.rng.u8(..) < 16 {
            headers.push(Header {
                name: "trace".into(),
                value: Some(Bytes::from(self.rng.u64(..).to_be_bytes().to_vec())),
            });
        }
        let to = TopicPartition::new(topic, partition);
        let record = Outgoing {
            to,
            timestamp: Some(now / 1000),
            key: draft.key,
            value: draft.value,
            headers,
        };
        Planted {
            record,
            expected: draft.expected,
            rowless: draft.rowless,
        }
    }

    fn partition(&mut self, key: Option<&[u8]>) -> i32 {
        match key {
            Some(key) => {
                let hash = key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                    (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
                });
                i32::try_from(hash % u64::from(self.route.partitions.unsigned_abs())).expect("smaller than the partition count")
            }
            None => self.rng.i32(0..self.route.partitions),
        }
    }
}

/// A version 4 UUID from the seed.
fn uuid(rng: &mut Rng) -> String {
    let bits = rng.u128(..);
    let hex = format!("{bits:032x}");
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// RFC 3339 with milliseconds, in UTC.
fn rfc3339(micros: i64) -> String {
    let (days, of_day) = (micros.div_euclid(86_400_000_000), micros.rem_euclid(86_400_000_000));
    let (year, month, day) = civil(days);
    let (seconds, millis) = (of_day / 1_000_000, of_day / 1000 % 1000);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{millis:03}Z",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// Days since 1970-01-01 to a date of the Gregorian calendar, by whole 400-year cycles from 0000-03-01.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (cycle, day_of_cycle) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (cycle * 400 + year_of_cycle + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_events() {
        let route = Route {
            prefix: String::new(),
            partitions: 6,
            payment_schema: 1,
            fault_every: 10,
        };
        let run = |seed| {
            let mut traffic = Traffic::new(route.clone(), seed);
            (0..2000)
                .map(|i| traffic.next(1_000_000 * i))
                .map(|planted| (planted.record, planted.expected))
                .collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        let reasons: std::collections::BTreeSet<Expected> = run(7).into_iter().map(|(_, expected)| expected).collect();
        assert!(reasons.len() >= 10, "{reasons:?}");
    }

    #[test]
    fn orders_alone_go_to_their_topic_with_every_fault_of_theirs() {
        let route = Route {
            prefix: "a.".to_owned(),
            partitions: 6,
            payment_schema: 1,
            fault_every: 10,
        };
        let mut traffic = Traffic::new(route, 7);
        let orders: Vec<Planted> = (0..2000).map(|i| traffic.next_order(1_000_000 * i)).collect();
        assert!(
            orders
                .iter()
                .all(|order| &*order.record.to.topic == "a.orders" && (0..6).contains(&order.record.to.partition))
        );
        let found: std::collections::BTreeSet<Expected> = orders.into_iter().map(|order| order.expected).collect();
        let reasons = [
            "constraint_violation",
            "required_missing",
            "semantic_violation",
            "type_mismatch",
            "undecodable",
        ];
        assert_eq!(
            found,
            reasons.map(Expected::DeadLetter).into_iter().chain([Expected::Valid]).collect()
        );
    }

    #[test]
    fn dates_are_right() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(951_782_399_999_000), "2000-02-28T23:59:59.999Z");
        assert_eq!(rfc3339(951_782_400_000_000), "2000-02-29T00:00:00.000Z");
    }
}
