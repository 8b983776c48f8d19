//! The loop that people write when they move records with rdkafka: `BaseConsumer::poll` and `ThreadedProducer::send`, one record at a
//! time, client defaults but for what correctness needs. It looks at nothing and adds nothing: what any service on rdkafka pays anyway.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tidegate_kafka::Settings;

use crate::measure::{Measured, Stretch};
use crate::progress::Progress;

/// A batch ends with so many records, as the validator's does by default.
const BATCH_RECORDS: u64 = 10_000;
/// A batch ends this long after its first record, as the validator's does by default.
const BATCH_AGE: Duration = Duration::from_millis(500);
/// The clock is read once in so many records, so that reading it costs this side nothing.
const CLOCK_EVERY: u64 = 100;
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// A run without progress for so long has failed.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Whether outputs and positions commit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Transactions {
    /// One transaction a batch: records, positions, commit.
    On,
    /// Flush, then commit the positions.
    Off,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// host:port of the brokers.
    #[arg(long, env = "TIDEGATE_STAND_KAFKA_BOOTSTRAP")]
    pub(crate) brokers: String,
    /// Topic to copy.
    #[arg(long)]
    pub(crate) source: String,
    /// Topic to copy to; it exists with as many partitions.
    #[arg(long)]
    pub(crate) out: String,
    /// Consumer group, a fresh one.
    #[arg(long)]
    pub(crate) group: String,
    /// With or without transactions.
    #[arg(long)]
    pub(crate) transactions: Transactions,
}

struct Copier<'a> {
    args: &'a Args,
    consumer: BaseConsumer,
    producer: ThreadedProducer<DefaultProducerContext>,
    progress: Progress,
    /// Partition to next position, of the open batch.
    positions: BTreeMap<i32, i64>,
    open: u64,
    since: Instant,
    batches: u64,
}

/// Copies until the group has committed the end of the source.
pub(crate) fn run(args: &Args) -> anyhow::Result<Measured> {
    let progress = Progress::over(&Settings::plain(&*args.brokers), &args.source)?;
    let events = progress.records();
    let mut copier = Copier::join(args, progress)?;
    let mut stretch = Stretch::default();
    let mut heard = Instant::now();
    while !copier.progress.is_done() {
        match copier.consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                stretch.begin();
                // Fields apart: the message borrows the consumer.
                if copier.open == 0 {
                    copier.since = Instant::now();
                    heard = copier.since;
                    if args.transactions == Transactions::On {
                        copier.producer.begin_transaction().context("beginning a transaction")?;
                    }
                }
                send(&copier.producer, &args.out, &message)?;
                copier.positions.insert(message.partition(), message.offset() + 1);
                copier.open += 1;
                if copier.open == BATCH_RECORDS || (copier.open % CLOCK_EVERY == 0 && copier.since.elapsed() >= BATCH_AGE) {
                    drop(message);
                    copier.commit()?;
                }
            }
            Some(Err(error)) => return Err(error).context("reading"),
            None if copier.open > 0 && copier.since.elapsed() >= BATCH_AGE => copier.commit()?,
            None => ensure!(heard.elapsed() < SILENCE_MAX, "no record for {SILENCE_MAX:?}"),
        }
    }
    stretch.end();
    stretch.measured(events, copier.batches, 0)
}

// === impl Copier ===

impl Copier<'_> {
    fn join(args: &Args, progress: Progress) -> anyhow::Result<Copier<'_>> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &args.brokers)
            .set("enable.idempotence", "true")
            .set("compression.type", "lz4");
        if args.transactions == Transactions::On {
            config.set("transactional.id", &args.group);
        }
        let producer: ThreadedProducer<DefaultProducerContext> = config.create().context("making the producer")?;
        if args.transactions == Transactions::On {
            producer
                .init_transactions(CALL_TIMEOUT)
                .context("opening the transactional producer")?;
        }
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &args.brokers)
            .set("group.id", &args.group)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("isolation.level", "read_committed")
            .create()
            .context("making the consumer")?;
        consumer.subscribe(&[&args.source]).context("subscribing")?;
        Ok(Copier {
            args,
            consumer,
            producer,
            progress,
            positions: BTreeMap::new(),
            open: 0,
            since: Instant::now(),
            batches: 0,
        })
    }

    fn commit(&mut self) -> anyhow::Result<()> {
        let mut list = TopicPartitionList::new();
        for (partition, next) in &self.positions {
            list.add_partition_offset(&self.args.source, *partition, Offset::Offset(*next))?;
        }
        match self.args.transactions {
            Transactions::On => {
                let group = self.consumer.group_metadata().context("the consumer is in no group")?;
                self.producer
                    .send_offsets_to_transaction(&list, &group, CALL_TIMEOUT)
                    .context("adding positions")?;
                self.producer.commit_transaction(CALL_TIMEOUT).context("committing")?;
            }
            Transactions::Off => {
                self.producer.flush(CALL_TIMEOUT).context("waiting for acknowledgements")?;
                self.consumer.commit(&list, CommitMode::Sync).context("committing positions")?;
            }
        }
        for (partition, next) in std::mem::take(&mut self.positions) {
            self.progress.committed(partition, next);
        }
        self.open = 0;
        self.batches += 1;
        Ok(())
    }
}

/// Same partition, same time, key, value and headers.
fn send(producer: &ThreadedProducer<DefaultProducerContext>, out: &str, message: &BorrowedMessage<'_>) -> anyhow::Result<()> {
    let mut record = BaseRecord::<[u8], [u8]>::to(out).partition(message.partition());
    if let Some(key) = message.key() {
        record = record.key(key);
    }
    if let Some(value) = message.payload() {
        record = record.payload(value);
    }
    if let Some(timestamp) = message.timestamp().to_millis() {
        record = record.timestamp(timestamp);
    }
    if let Some(headers) = message.headers().filter(|headers| headers.count() > 0) {
        record = record.headers(headers.detach());
    }
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((error, returned)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                producer.poll(Duration::from_millis(5));
                record = returned;
            }
            Err((error, _)) => bail!("sending: {error}"),
        }
    }
}
