//! Reads partitions from front to back outside of any group.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, Message as _};
use tidegate_flow::ports::Scan;
use tidegate_flow::{NextOffset, Record, Remedy, TopicPartition, WorldError};

use crate::callbacks::QuestionCallbacks;
use crate::consumer::{RecordReader, list_of};
use crate::fault::world_error;
use crate::held::Held;
use crate::settings::Settings;

/// How long one call may go without a record before it counts as an outage.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// What a broker answers with for one partition at once, bytes; a single batch may be larger.
const FETCH_BYTES: usize = 1 << 20;
/// How much may stay behind in a client for partitions that are not read any more, bytes.
const LEFT_BYTES_MAX: usize = 16 << 20;

/// One consumer that is pointed at one partition after another. Scanning on from where the last call ended costs no new fetch.
pub struct PartitionScan {
    client: Held<BaseConsumer<QuestionCallbacks>>,
    at: Option<(TopicPartition, NextOffset)>,
    reader: RecordReader,
    settings: Settings,
    config: ClientConfig,
    /// What may be under way for the partition that is read: nothing once its end was seen.
    under_way: usize,
    /// What may have come for partitions after they were given up. The client keeps it until it reads the same partition again.
    left: usize,
}

// === impl PartitionScan ===

impl PartitionScan {
    /// Makes the client; connecting happens at the first scan.
    pub fn connect(settings: &Settings) -> Result<PartitionScan, WorldError> {
        PartitionScan::made(settings, settings.reader("scan"))
    }

    /// As [`PartitionScan::connect`], seeing aborted records and those of open transactions, too. For telling what a gap in the offsets
    /// is; whoever judges or lands what this shows breaks the guarantees.
    pub fn connect_uncommitted(settings: &Settings) -> Result<PartitionScan, WorldError> {
        let mut config = settings.reader("scan-uncommitted");
        config.set("isolation.level", "read_uncommitted");
        PartitionScan::made(settings, config)
    }

    fn made(settings: &Settings, mut config: ClientConfig) -> Result<PartitionScan, WorldError> {
        // librdkafka wants a group to assign partitions by hand; it is never joined and nothing is committed to it.
        config.remove("max.partition.fetch.bytes");
        config
            .set("enable.partition.eof", "true")
            .set("group.id", "tidegate-scan")
            .set("fetch.message.max.bytes", FETCH_BYTES.to_string());
        Ok(PartitionScan {
            client: client(settings, &config)?,
            at: None,
            reader: RecordReader::default(),
            settings: settings.clone(),
            config,
            under_way: 0,
            left: 0,
        })
    }

    /// Points the client at another place. Now and then at the cost of a new one: else some thousand partitions with large records, of each
    /// of which a little is read, would be held in memory at once.
    fn point(&mut self, here: &(TopicPartition, NextOffset)) -> Result<(), WorldError> {
        self.left += std::mem::take(&mut self.under_way);
        if self.left > LEFT_BYTES_MAX {
            self.client = client(&self.settings, &self.config)?;
            self.left = 0;
        }
        let list = list_of(std::slice::from_ref(here))?;
        self.client
            .assign(&list)
            .map_err(|error| world_error(format!("reading {}", here.0), error))?;
        self.under_way = FETCH_BYTES;
        Ok(())
    }
}

fn client(settings: &Settings, config: &ClientConfig) -> Result<Held<BaseConsumer<QuestionCallbacks>>, WorldError> {
    let client: BaseConsumer<QuestionCallbacks> = config
        .create_with_context(QuestionCallbacks::default())
        .map_err(|error| world_error("making a client", error))?;
    Held::new(settings, client)
}

impl std::fmt::Debug for PartitionScan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartitionScan").field("at", &self.at).finish_non_exhaustive()
    }
}

impl Scan for PartitionScan {
    fn scan(
        &mut self,
        partition: &TopicPartition,
        from: NextOffset,
        until: NextOffset,
        records_max: usize,
    ) -> Result<Vec<Record>, WorldError> {
        if from >= until {
            return Ok(Vec::new());
        }
        let here = (partition.clone(), from);
        if self.at.as_ref() != Some(&here) {
            self.point(&here)?;
        }
        self.at = None;
        let mut records: Vec<Record> = Vec::new();
        let mut heard = Instant::now();
        while records.len() < records_max {
            match self.client.poll(Duration::from_millis(200)) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    self.client.context().refusal.clear();
                    self.under_way = self.under_way.max(message.payload_len());
                    if message_offset(&message) >= until.0 {
                        return Ok(records);
                    }
                    let record = self.reader.read(&message);
                    let next = record.origin.offset.next();
                    records.push(record);
                    if next >= until {
                        return Ok(records);
                    }
                }
                // The end of the partition: everything below `until` that exists has been seen.
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    self.under_way = 0;
                    return Ok(records);
                }
                Some(Err(error)) if error.rdkafka_error_code().is_some_and(is_gone) => {
                    return Err(WorldError::caused(
                        Remedy::Operator,
                        format!("reading {partition} from {}: {error}", from.0),
                        error,
                    ));
                }
                Some(Err(error)) => match self.client.context().refusal.error(&format!("reading {partition}")) {
                    Some(refused) => return Err(refused),
                    None => tracing::warn!(%partition, %error, "a read failed; it is tried again"),
                },
                None if heard.elapsed() > SILENCE_MAX => {
                    return Err(WorldError::new(
                        Remedy::Retry,
                        format!("reading {partition}: no answer for {SILENCE_MAX:?}"),
                    ));
                }
                None => {}
            }
        }
        let next = records.last().map_or(from, |record| record.origin.offset.next());
        self.at = Some((partition.clone(), next));
        Ok(records)
    }
}

fn message_offset(message: &rdkafka::message::BorrowedMessage<'_>) -> i64 {
    message.offset()
}

fn is_gone(code: rdkafka::error::RDKafkaErrorCode) -> bool {
    use rdkafka::error::RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::AutoOffsetReset | Code::OffsetOutOfRange | Code::UnknownTopicOrPartition | Code::TopicAuthorizationFailed
    )
}
