//! Reads partitions from front to back outside of any group.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, Message as _};
use tidegate_flow::ports::Scan;
use tidegate_flow::{NextOffset, Record, Remedy, TopicPartition, WorldError};

use crate::ahead::Ahead;
use crate::callbacks::QuestionCallbacks;
use crate::consumer::{RecordReader, list_of};
use crate::fault::world_error;
use crate::held::Held;
use crate::settings::Settings;

/// How long one call may go without a record before it counts as an outage.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// The same for partitions that are read together; each of them is then waited for by itself.
const SILENCE_AHEAD_MAX: Duration = Duration::from_secs(5);
/// How long a question for leaders may take, which only spares time.
const LEARN_TIMEOUT: Duration = Duration::from_secs(1);
/// How long its answer is relied on; well below the age at which the client drops it (`metadata.max.age.ms`).
const KNOWN_FOR: Duration = Duration::from_secs(60);
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
    /// What was announced.
    ahead: Option<Ahead>,
    /// Topics whose leaders the client was told, and when.
    known: HashMap<Arc<str>, Instant>,
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
            .set("fetch.message.max.bytes", FETCH_BYTES.to_string())
            // Of all partitions that are read together.
            .set("fetch.max.bytes", LEFT_BYTES_MAX.to_string());
        Ok(PartitionScan {
            client: client(settings, &config)?,
            at: None,
            reader: RecordReader::default(),
            settings: settings.clone(),
            config,
            under_way: 0,
            left: 0,
            ahead: None,
            known: HashMap::new(),
        })
    }

    /// Points the client at other places, of one topic. Now and then at the cost of a new one: else some thousand partitions with large
    /// records, of each of which a little is read, would be held in memory at once.
    fn point(&mut self, places: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        let Some((at, _)) = places.first() else { return Ok(()) };
        let ahead = self.ahead.take().map_or(0, |ahead| ahead.open() * FETCH_BYTES);
        self.left += std::mem::take(&mut self.under_way) + ahead;
        if self.left > LEFT_BYTES_MAX {
            self.client = client(&self.settings, &self.config)?;
            self.left = 0;
            self.known.clear();
        }
        self.learn(&at.topic);
        self.client
            .assign(&list_of(places)?)
            .map_err(|error| world_error(format!("reading {at}"), error))
    }

    /// The client asks for leaders that it does not know once a second. A question that names the topic spares it that wait.
    fn learn(&mut self, topic: &Arc<str>) {
        let is_known = self.known.get(topic).is_some_and(|asked| asked.elapsed() < KNOWN_FOR);
        // Without an answer the client finds out by itself, and says what is wrong.
        if !is_known && self.client.fetch_metadata(Some(topic), LEARN_TIMEOUT).is_ok() {
            self.known.insert(topic.clone(), Instant::now());
        }
    }

    /// Reads what was announced until a call about a partition can be answered. False: it cannot be read together.
    fn read_ahead(&mut self, partition: i32, records_max: usize) -> bool {
        let Some(ahead) = &mut self.ahead else { return false };
        let mut heard = Instant::now();
        while !ahead.is_ready(partition, records_max) {
            match self.client.poll(Duration::from_millis(200)) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    self.client.context().refusal.clear();
                    if !ahead.take(self.reader.read(&message)) {
                        return false;
                    }
                }
                Some(Err(KafkaError::PartitionEOF(ended))) => {
                    heard = Instant::now();
                    ahead.ends(ended);
                }
                // Which partition it is about is not said.
                Some(Err(_)) => return false,
                None if heard.elapsed() > SILENCE_AHEAD_MAX => return false,
                None => {}
            }
        }
        true
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
        let is_announced = self.ahead.as_ref().is_some_and(|ahead| ahead.is_about(partition, from, until));
        if is_announced && self.read_ahead(partition.partition, records_max) {
            let ahead = self.ahead.as_mut().expect("it was read just now");
            return Ok(ahead.give(partition.partition, records_max));
        }
        let here = (partition.clone(), from);
        if self.at.as_ref() != Some(&here) {
            self.point(std::slice::from_ref(&here))?;
            self.under_way = FETCH_BYTES;
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

    fn announce(&mut self, stretches: &[(TopicPartition, NextOffset, NextOffset)]) {
        let Some(ahead) = Ahead::of(stretches) else { return };
        self.at = None;
        // Whatever is wrong with it, reading one after the other finds it and tells it.
        self.ahead = self.point(&ahead.positions()).is_ok().then_some(ahead);
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
