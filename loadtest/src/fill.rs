//! The source topic: seeded orders, some faulty, the same for everybody who reads it.

use std::fmt;

use anyhow::ensure;
use tidegate_flow::record::Outgoing;
use tidegate_kafka::{RecordWriter, Settings};
use tidegate_sim::traffic::{Expected, Route, Traffic};

use crate::tally::Tally;
use crate::topics;

/// When the first event happens (2026-01-01T00:00:00Z), microseconds since the epoch. Fixed, so that a seed names its events for good.
const FIRST_AT: i64 = 1_767_225_600_000_000;
/// Time between two events, microseconds.
const APART: i64 = 1_000;
const WRITE_RECORDS: usize = 10_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// host:port of the brokers.
    #[arg(long, env = "TIDEGATE_STAND_KAFKA_BOOTSTRAP")]
    pub(crate) brokers: String,
    /// Events to make.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) events: u64,
    /// One event in so many is faulty.
    #[arg(long, default_value_t = 33, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) fault_every: u32,
    /// The same seed gives the same events.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

/// What was written.
#[derive(Debug, Clone)]
pub(crate) struct Filled {
    pub(crate) topic: String,
    /// Events that must pass.
    pub(crate) valid: Tally,
    /// Events that must become dead letters.
    pub(crate) faulty: Tally,
    value_bytes: u64,
}

/// Makes the topic and writes the events. Refuses a topic that holds records.
pub(crate) fn run(args: &Args) -> anyhow::Result<Filled> {
    let settings = Settings::plain(&*args.brokers);
    let route = Route {
        prefix: String::new(),
        partitions: topics::PARTITIONS,
        payment_schema: 0,
        fault_every: args.fault_every,
    };
    let [topic, ..] = route.topics();
    ensure!(
        !topics::holds_records(&settings, &topic)?,
        "topic {topic} holds records already: use a broker of its own for the test"
    );
    topics::create(&settings, &[&topic])?;
    let mut filled = Filled {
        topic,
        valid: Tally::default(),
        faulty: Tally::default(),
        value_bytes: 0,
    };
    let mut traffic = Traffic::new(route, args.seed);
    let mut writer = RecordWriter::connect(&settings)?;
    let mut batch: Vec<Outgoing> = Vec::with_capacity(WRITE_RECORDS);
    for (number, now) in (1..=args.events).zip((FIRST_AT..).step_by(APART as usize)) {
        let planted = traffic.next_order(now);
        filled.note(&planted.record, planted.expected);
        batch.push(planted.record);
        if batch.len() == WRITE_RECORDS || number == args.events {
            let delivery = writer.write(&batch)?;
            ensure!(
                delivery.delivered == batch.len(),
                "only {} of {} records were acknowledged",
                delivery.delivered,
                batch.len()
            );
            batch.clear();
        }
    }
    Ok(filled)
}

// === impl Filled ===

impl Filled {
    /// Everything in the topic.
    pub(crate) fn all(&self) -> Tally {
        let mut all = self.valid;
        all += self.faulty;
        all
    }

    fn note(&mut self, record: &Outgoing, expected: Expected) {
        let tally = match expected {
            Expected::Valid => &mut self.valid,
            Expected::DeadLetter(_) | Expected::Skipped(_) => &mut self.faulty,
        };
        tally.add(
            record.to.partition,
            record.timestamp,
            record.key.as_deref(),
            record.value.as_deref(),
        );
        self.value_bytes += record.value.as_deref().map_or(0, |value| value.len() as u64);
    }
}

impl fmt::Display for Filled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.all().records;
        write!(
            f,
            "source {}: {all} orders as JSON, {} valid, {} faulty, {} bytes a value on average, {} partitions, lz4",
            self.topic,
            self.valid.records,
            self.faulty.records,
            self.value_bytes / all.max(1),
            topics::PARTITIONS
        )
    }
}
