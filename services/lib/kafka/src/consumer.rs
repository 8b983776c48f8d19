//! A member of a consumer group.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};
use tidegate_flow::ports::{Committed, Consumer, Polled, Scan as _};
use tidegate_flow::record::UNREADABLE_NAME;
use tidegate_flow::{Header, NextOffset, Offset, Origin, Position, Record, Remedy, TopicPartition, WorldError};

use crate::callbacks::{Change, ConsumerCallbacks, partitions_of};
use crate::fault::world_error;
use crate::held::Held;
use crate::raw_headers;
use crate::refused::Refused;
use crate::scan::PartitionScan;
use crate::settings::Settings;
use crate::stall::Stall;
use crate::tokens::Tokens;
use crate::topic_id::topic_id;

/// How long questions to the group coordinator may take.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(10);
/// A poll stops early when it holds this many bytes, so that one poll's memory is bounded whatever the records' size.
const POLL_BYTES_MAX: usize = 8 << 20;
/// How often brokers that seem to be gone are asked.
const ASK_BROKERS_EVERY: Duration = Duration::from_secs(2);

/// A group member over librdkafka's `BaseConsumer`, classic protocol, cooperative-sticky assignment.
pub struct GroupConsumer {
    pub(crate) client: Held<BaseConsumer<ConsumerCallbacks>>,
    tokens: Option<Tokens>,
    /// Next offset expected per started partition: tells duplicates of an earlier fetch from new records, and finds a stuck partition.
    expected: HashMap<TopicPartition, NextOffset>,
    /// Given by the group and not started yet; librdkafka's assignment knows only those that were started.
    given: HashSet<TopicPartition>,
    /// When the brokers were last asked whether they are there, while they seem not to be.
    asked: Instant,
    paused: HashSet<TopicPartition>,
    /// Restarted because they stood still, and not moved since.
    restarted: HashMap<TopicPartition, NextOffset>,
    /// Positions that were refused although they are in range.
    refused: Refused,
    settings: Settings,
    ready: VecDeque<Polled>,
    reader: RecordReader,
}

/// Copies librdkafka's messages into records that share one allocation per poll.
#[derive(Debug, Default)]
pub(crate) struct RecordReader {
    topics: Vec<Arc<str>>,
    arena: BytesMut,
}

// === impl GroupConsumer ===

impl GroupConsumer {
    /// Joins `group` for `topics`. Connecting goes on in the background; the first poll waits for it.
    pub fn join(settings: &Settings, role: &str, group: &str, topics: &[Arc<str>]) -> Result<GroupConsumer, WorldError> {
        let client: BaseConsumer<ConsumerCallbacks> = settings
            .member(role, group)
            .create_with_context(ConsumerCallbacks::default())
            .map_err(|error| world_error("making a consumer", error))?;
        let client = Held::new(settings, client)?;
        let names: Vec<&str> = topics.iter().map(|topic| &**topic).collect();
        client.subscribe(&names).map_err(|error| world_error("subscribing", error))?;
        Ok(GroupConsumer {
            client,
            tokens: settings.tokens.clone(),
            expected: HashMap::new(),
            given: HashSet::new(),
            asked: Instant::now(),
            paused: HashSet::new(),
            restarted: HashMap::new(),
            refused: Refused::default(),
            settings: settings.clone(),
            ready: VecDeque::new(),
            reader: RecordReader::default(),
        })
    }

    /// Moves rebalances into `ready`; their order among themselves is kept.
    fn take_changes(&mut self) {
        while let Some(change) = self.client.context().next_change() {
            let polled = match change {
                Change::Assigned(partitions) => {
                    self.given.extend(partitions.iter().cloned());
                    Polled::Assigned(partitions)
                }
                Change::Revoked(partitions) => {
                    self.forget(&partitions);
                    Polled::Revoked(partitions)
                }
                Change::Lost(partitions) => {
                    self.forget(&partitions);
                    Polled::Lost(partitions)
                }
            };
            self.ready.push_back(polled);
        }
    }

    fn forget(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.expected.remove(partition);
            self.given.remove(partition);
            self.restarted.remove(partition);
            self.refused.forget(partition);
            self.paused.remove(partition);
            self.client.context().positioned(partition);
        }
    }

    /// A poll error: which partitions is it about, and can they go on? Answers with those that cannot.
    fn judge_error(&mut self, error: KafkaError) -> Result<Vec<Polled>, WorldError> {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => Ok(self.examine_positions()),
            // The group takes care of these by itself; the next poll brings the rebalance.
            Some(RDKafkaErrorCode::PollExceeded | RDKafkaErrorCode::FencedInstanceId) => Ok(Vec::new()),
            _ if matches!(error, KafkaError::MessageConsumptionFatal(_)) => Err(world_error("reading", error)),
            Some(RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::GroupAuthorizationFailed) => {
                Err(world_error("reading", error))
            }
            code => {
                tracing::warn!(?code, "a fetch failed; it is tried again");
                Ok(Vec::new())
            }
        }
    }

    /// librdkafka does not say which partition is out of range, so the positions are compared with what the broker holds. Each partition
    /// has one such error, and its fetching has ended then; an error that finds more than its own partition, or another one, uses that up.
    /// So all that are outside are told at once, and whatever else may have stopped is started again.
    fn examine_positions(&mut self) -> Vec<Polled> {
        let mut behind = Vec::new();
        let mut stuck = Vec::new();
        // Those that are paused are known already, or nothing is asked for them.
        for (partition, expected) in self.expected.iter().filter(|(at, _)| !self.paused.contains(at)) {
            let is_told = |polled: &Polled| matches!(polled, Polled::Stuck(at, _) if at == partition);
            if self.ready.iter().any(is_told) {
                continue;
            }
            let Ok((low, end)) = self
                .client
                .fetch_watermarks(&partition.topic, partition.partition, QUESTION_TIMEOUT)
            else {
                continue;
            };
            if expected.0 < low || expected.0 > end {
                let what = format!(
                    "{partition}: position {} is outside of what the broker still holds ({low} to {end}); \
                     records were deleted or the topic was recreated",
                    expected.0
                );
                stuck.push(Polled::Stuck(partition.clone(), WorldError::new(Remedy::Operator, what)));
            } else if expected.0 < end {
                behind.push((partition.clone(), *expected, NextOffset(end)));
            }
        }
        // In range by now, or the brokers did not tell: whatever stopped is started again where it was.
        let now = Instant::now();
        self.refused.ask(now);
        let standing: Vec<_> = behind.iter().map(|(at, next, _)| (at.clone(), *next)).collect();
        let stood = self.refused.see(&standing, now);
        let unreadable_one = behind
            .into_iter()
            .filter(|(at, next, _)| stood.contains(&(at.clone(), *next)))
            .find(|(at, next, end)| self.cannot_be_read(at, *next, *end))
            .map(|(at, next, _)| Polled::Stuck(at.clone(), unreadable(&at, next)));
        stuck.extend(unreadable_one);
        stuck
    }

    /// Asks a reader that has nothing to do with this one.
    fn cannot_be_read(&self, at: &TopicPartition, next: NextOffset, end: NextOffset) -> bool {
        let read = PartitionScan::connect(&self.settings).and_then(|mut scan| scan.scan(at, next, end, 1));
        read.is_err_and(|error| error.remedy == Remedy::Operator)
    }

    fn read_anew(&mut self) -> Result<(), WorldError> {
        tracing::warn!("a position was refused: reading on from where each partition was");
        let read = self.expected.iter().filter(|(at, _)| !self.paused.contains(at));
        let positions: Vec<_> = read.map(|(at, next)| (at.clone(), *next)).collect();
        self.seek(&positions)
    }
}

impl GroupConsumer {
    /// After the client said that no broker is reachable, a quiet poll proves nothing: the brokers are asked until one answers.
    fn check_brokers(&mut self) -> Result<(), WorldError> {
        let down = &self.client.context().brokers_down;
        if !down.load(Ordering::Acquire) || self.asked.elapsed() < ASK_BROKERS_EVERY {
            return if down.load(Ordering::Acquire) {
                Err(self.unreachable())
            } else {
                Ok(())
            };
        }
        self.asked = Instant::now();
        match self.client.fetch_metadata(Some("tidegate.reachable"), Duration::from_secs(1)) {
            Ok(_) => {
                self.heard();
                Ok(())
            }
            Err(_) => Err(self.unreachable()),
        }
    }

    /// The brokers answer.
    fn heard(&self) {
        let callbacks = self.client.context();
        callbacks.brokers_down.store(false, Ordering::Release);
        callbacks.refusal.clear();
    }

    /// Always [`Remedy::Retry`]: who was let in once waits until it is again, and the text says what keeps it out.
    fn unreachable(&self) -> WorldError {
        let mut what = "no broker is reachable".to_owned();
        if let Some(why) = self.client.context().refusal.text() {
            what = format!("{what}: {why}");
        }
        if let Some(why) = self.tokens.as_ref().and_then(Tokens::failure) {
            what = format!("{what}; no new token: {why}");
        }
        WorldError::new(Remedy::Retry, what)
    }

    /// A partition that stands still is taken again once; if that does not help somebody must look. Nothing is ever passed over.
    fn take_stalled(&mut self) {
        for (at, stall) in self.client.context().take_stalled() {
            let Some(expected) = self.expected.get(&at).copied().filter(|_| !self.paused.contains(&at)) else {
                continue;
            };
            match stall {
                Stall::HeldUpstream => tracing::warn!(
                    partition = %at, position = expected.0,
                    "nothing can be read: a producer upstream has a transaction open; it goes on when that ends or times out"
                ),
                Stall::Unreadable if self.restarted.get(&at) != Some(&expected) => {
                    tracing::warn!(partition = %at, position = expected.0, "there are records and none comes; reading the partition anew");
                    self.restarted.insert(at.clone(), expected);
                    if let Err(error) = self.seek(&[(at, expected)]) {
                        tracing::warn!(%error, "reading anew failed");
                    }
                }
                Stall::Unreadable => {
                    let error = unreadable(&at, expected);
                    self.ready.push_back(Polled::Stuck(at, error));
                }
            }
        }
    }

    /// Gives one partition up and takes it again at a position: what a partition needs whose fetching has ended.
    fn restart(&self, element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>) -> Result<(), KafkaError> {
        let mut at = TopicPartitionList::new();
        at.add_partition_offset(element.topic(), element.partition(), element.offset())?;
        self.client.incremental_unassign(&at)?;
        self.client.incremental_assign(&at)
    }
}

fn unreadable(at: &TopicPartition, standing: NextOffset) -> WorldError {
    let what = format!(
        "{at}: there are records at {} and none can be read: probably a corrupt batch",
        standing.0
    );
    WorldError::new(Remedy::Operator, what)
}

impl std::fmt::Debug for GroupConsumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupConsumer")
            .field("started", &self.expected.len())
            .finish_non_exhaustive()
    }
}

impl Consumer for GroupConsumer {
    fn poll(&mut self, records_max: usize, wait: Duration) -> Result<Polled, WorldError> {
        self.take_changes();
        self.take_stalled();
        if let Some(polled) = self.ready.pop_front() {
            return Ok(polled);
        }
        // Only now: whoever was told of partitions that are outside has paused them.
        if self.refused.is_due(Instant::now()) {
            self.read_anew()?;
        }
        let deadline = Instant::now() + wait;
        let mut records = Vec::new();
        let mut bytes = 0;
        while records.len() < records_max && bytes < POLL_BYTES_MAX {
            let patience = if records.is_empty() {
                deadline.saturating_duration_since(Instant::now())
            } else {
                Duration::ZERO
            };
            match self.client.poll(patience) {
                None => {
                    self.take_changes();
                    if !records.is_empty() || !self.ready.is_empty() || Instant::now() >= deadline {
                        break;
                    }
                }
                Some(Ok(message)) => {
                    let record = self.reader.read(&message);
                    bytes += message.payload_len() + message.key_len();
                    bytes += record
                        .headers
                        .iter()
                        .map(|header| header.value.as_ref().map_or(0, |value| value.len()))
                        .sum::<usize>();
                    // A fetch that was under way when the partition was rewound may still bring what was already seen.
                    if let Some(expected) = self.expected.get_mut(&record.origin.at)
                        && record.origin.offset.0 >= expected.0
                    {
                        *expected = record.origin.offset.next();
                        records.push(record);
                    }
                }
                Some(Err(error)) => {
                    let stuck = self.judge_error(error)?;
                    self.ready.extend(stuck);
                    if Instant::now() >= deadline {
                        break;
                    }
                }
            }
        }
        self.take_changes();
        if self.ready.is_empty() {
            match records.is_empty() {
                true => self.check_brokers()?,
                false => self.heard(),
            }
            return Ok(Polled::Records(records));
        }
        // A rebalance came with them: the owner hears of that first, and records of partitions that are gone are dropped here.
        records.retain(|record| self.expected.contains_key(&record.origin.at));
        if !records.is_empty() {
            self.ready.push_back(Polled::Records(records));
        }
        Ok(self.ready.pop_front().expect("checked above that it is not empty"))
    }

    fn start(&mut self, positions: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        let list = list_of(positions)?;
        self.client
            .incremental_assign(&list)
            .map_err(|error| world_error("starting partitions", error))?;
        for (at, _) in positions {
            self.given.remove(at);
        }
        self.expected.extend(positions.iter().cloned());
        Ok(())
    }

    fn seek(&mut self, positions: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        if positions.is_empty() {
            return Ok(());
        }
        let answer = self
            .client
            .seek_partitions(list_of(positions)?, QUESTION_TIMEOUT)
            .map_err(|error| world_error("rewinding", error))?;
        for element in answer.elements() {
            let Err(error) = element.error() else { continue };
            tracing::debug!(topic = element.topic(), partition = element.partition(), %error, "cannot seek; taking the partition again");
            self.restart(&element)
                .map_err(|error| world_error(format!("rewinding {}-{}", element.topic(), element.partition()), error))?;
        }
        self.expected.extend(positions.iter().cloned());
        Ok(())
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), WorldError> {
        self.paused.extend(partitions.iter().cloned());
        self.client
            .pause(&names_of(partitions))
            .map_err(|error| world_error("pausing", error))
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), WorldError> {
        for at in partitions {
            self.paused.remove(at);
            self.client.context().positioned(at);
        }
        self.client
            .resume(&names_of(partitions))
            .map_err(|error| world_error("resuming", error))
    }

    fn assignment(&self) -> Vec<TopicPartition> {
        if self.client.assignment_lost() {
            return Vec::new();
        }
        let mut owned = self.client.assignment().map(|list| partitions_of(&list)).unwrap_or_default();
        owned.extend(self.given.iter().filter(|at| !self.expected.contains_key(at)).cloned());
        owned
    }

    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Committed>, WorldError> {
        let answer = self
            .client
            .committed_offsets(names_of(partitions), QUESTION_TIMEOUT)
            .map_err(|error| world_error("asking for committed positions", error))?;
        let mut committed = Vec::with_capacity(partitions.len());
        for element in answer.elements() {
            element
                .error()
                .map_err(|error| world_error("asking for committed positions", error))?;
            committed.push(Committed {
                at: TopicPartition::new(element.topic(), element.partition()),
                next: match element.offset() {
                    KafkaOffset::Offset(offset) => Some(NextOffset(offset)),
                    _ => None,
                },
                metadata: element.metadata().to_owned(),
            });
        }
        Ok(committed)
    }

    fn commit(&mut self, positions: &[Position]) -> Result<(), WorldError> {
        let list = commit_list(positions)?;
        self.client
            .commit(&list, CommitMode::Sync)
            .map_err(|error| world_error("committing positions", error))
    }

    fn watermarks(&mut self, partition: &TopicPartition) -> Result<(NextOffset, NextOffset), WorldError> {
        let (low, end) = self
            .client
            .fetch_watermarks(&partition.topic, partition.partition, QUESTION_TIMEOUT)
            .map_err(|error| world_error(format!("asking for the offsets of {partition}"), error))?;
        Ok((NextOffset(low), NextOffset(end)))
    }

    fn topic_id(&mut self, topic: &str) -> Option<Arc<str>> {
        topic_id(self.client.client(), topic, QUESTION_TIMEOUT).map(Into::into)
    }

    fn close(&mut self) {
        self.client.unsubscribe();
        // Leaving needs polls: the last revocation is answered from there.
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline && self.client.assignment().is_ok_and(|list| list.count() > 0) {
            let _ = self.client.poll(Duration::from_millis(50));
        }
    }
}

// === impl RecordReader ===

impl RecordReader {
    pub(crate) fn read(&mut self, message: &BorrowedMessage<'_>) -> Record {
        let topic = self.topic(message.topic());
        let mut headers = Vec::new();
        raw_headers::each(message, |name, value| {
            headers.push(Header {
                name: header_name(name),
                value: value.map(|value| self.copy(value)),
            });
        });
        Record {
            origin: Origin {
                at: TopicPartition {
                    topic,
                    partition: message.partition(),
                },
                offset: Offset(message.offset()),
            },
            timestamp: message.timestamp().to_millis(),
            key: message.key().map(|key| self.copy(key)),
            value: message.payload().map(|value| self.copy(value)),
            headers,
        }
    }

    fn copy(&mut self, bytes: &[u8]) -> bytes::Bytes {
        if self.arena.capacity() < bytes.len() {
            self.arena = BytesMut::with_capacity(bytes.len().max(256 << 10));
        }
        self.arena.extend_from_slice(bytes);
        self.arena.split().freeze()
    }

    fn topic(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.topics.iter().find(|topic| &***topic == name) {
            return known.clone();
        }
        let topic: Arc<str> = name.into();
        self.topics.push(topic.clone());
        topic
    }
}

/// A name that is not UTF-8 (Kafka does not forbid it, the client's own accessor panics on it) is kept in a form that can be undone.
fn header_name(name: &[u8]) -> Arc<str> {
    match std::str::from_utf8(name) {
        Ok(name) => name.into(),
        Err(_) => {
            let hex: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{UNREADABLE_NAME}{hex}").into()
        }
    }
}

fn names_of(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition);
    }
    list
}

pub(crate) fn list_of(positions: &[(TopicPartition, NextOffset)]) -> Result<TopicPartitionList, WorldError> {
    let mut list = TopicPartitionList::with_capacity(positions.len());
    for (partition, next) in positions {
        list.add_partition_offset(&partition.topic, partition.partition, KafkaOffset::Offset(next.0))
            .map_err(|error| WorldError::caused(Remedy::Bug, format!("position {} of {partition}", next.0), error))?;
    }
    Ok(list)
}

pub(crate) fn commit_list(positions: &[Position]) -> Result<TopicPartitionList, WorldError> {
    let mut list = TopicPartitionList::with_capacity(positions.len());
    for position in positions {
        let mut element = list.add_partition(&position.at.topic, position.at.partition);
        element
            .set_offset(KafkaOffset::Offset(position.next.0))
            .map_err(|error| WorldError::caused(Remedy::Bug, format!("position {} of {}", position.next.0, position.at), error))?;
        element.set_metadata(&position.metadata);
    }
    Ok(list)
}
