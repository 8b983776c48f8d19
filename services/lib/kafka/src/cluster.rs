//! Questions about topics, and their creation.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic as KafkaNewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{ClientConfig, Offset as KafkaOffset, TopicPartitionList};
use tidegate_flow::ports::{Cluster, NewTopic, TopicFacts};
use tidegate_flow::{NextOffset, Remedy, TopicPartition, WorldError};

use crate::callbacks::QuestionCallbacks;
use crate::fault::{is_untold, needs_operator, world_error};
use crate::held::Held;
use crate::settings::Settings;
use crate::topic_id::topic_id;

const QUESTION_TIMEOUT: Duration = Duration::from_secs(10);
/// A question is asked for so long at first, then for twice as long: between two attempts the client tells what stands in the way.
const FIRST_ATTEMPT: Duration = Duration::from_secs(1);
const SETTLES_WITHIN: Duration = Duration::from_secs(20);

/// Answers questions about a cluster. Offsets are those of read_committed: the end is the last stable offset, where nothing else is said.
pub struct ClusterClient {
    reader: Held<BaseConsumer<QuestionCallbacks>>,
    admin: Held<AdminClient<DefaultClientContext>>,
}

// === impl ClusterClient ===

impl ClusterClient {
    /// Makes the clients; connecting happens at the first question.
    pub fn connect(settings: &Settings) -> Result<ClusterClient, WorldError> {
        ClusterClient::made(settings, &settings.reader("cluster"))
    }

    /// As [`ClusterClient::connect`], with offsets of read_uncommitted: the end is that of the log (the high watermark).
    pub fn connect_uncommitted(settings: &Settings) -> Result<ClusterClient, WorldError> {
        let mut config = settings.reader("cluster-uncommitted");
        config.set("isolation.level", "read_uncommitted");
        ClusterClient::made(settings, &config)
    }

    fn made(settings: &Settings, reader: &ClientConfig) -> Result<ClusterClient, WorldError> {
        let reader: BaseConsumer<QuestionCallbacks> = reader
            .create_with_context(QuestionCallbacks::default())
            .map_err(|error| world_error("making a client", error))?;
        let admin: AdminClient<DefaultClientContext> = settings
            .admin()
            .create()
            .map_err(|error| world_error("making an admin client", error))?;
        Ok(ClusterClient {
            reader: Held::new(settings, reader)?,
            admin: Held::new(settings, admin)?,
        })
    }

    /// A created topic is known a moment later everywhere; who uses it before gets errors.
    fn wait_for_leaders(&self, topics: &[NewTopic]) -> Result<(), WorldError> {
        let deadline = Instant::now() + SETTLES_WITHIN;
        for new in topics {
            loop {
                let metadata = ask(&self.reader, &format!("asking about topic {}", new.topic), |reader, patience| {
                    reader.fetch_metadata(Some(&new.topic), patience)
                })?;
                let led = |topic: &rdkafka::metadata::MetadataTopic| topic.partitions().iter().filter(|p| p.leader() >= 0).count();
                if metadata
                    .topics()
                    .first()
                    .is_some_and(|topic| led(topic) >= usize::try_from(new.partitions).unwrap_or(0))
                {
                    break;
                }
                if Instant::now() > deadline {
                    return Err(WorldError::new(Remedy::Retry, format!("topic {} has no leaders yet", new.topic)));
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Ok(())
    }

    /// `cleanup.policy` of a topic; none where the broker does not tell (Event Hubs, missing permission). A question that fails for the
    /// moment is an error: taken for silence it would let a compacted topic pass.
    fn cleanup_policy(&self, topic: &str) -> Result<Option<String>, WorldError> {
        let doing = || format!("asking for the configuration of topic {topic}");
        let options = AdminOptions::new().request_timeout(Some(QUESTION_TIMEOUT));
        let answers = match block_on(self.admin.describe_configs([&ResourceSpecifier::Topic(topic)], &options)) {
            Ok(answers) => answers,
            Err(error) if is_untold(&error) => return Ok(None),
            Err(error) => return Err(world_error(doing(), error)),
        };
        match answers.into_iter().next() {
            Some(Ok(resource)) => Ok(resource.get("cleanup.policy").and_then(|entry| entry.value.clone())),
            Some(Err(code)) if needs_operator(code) => Ok(None),
            Some(Err(code)) => Err(WorldError::new(Remedy::Retry, format!("{}: {code}", doing()))),
            None => Err(WorldError::new(Remedy::Retry, format!("{}: no answer", doing()))),
        }
    }
}

impl std::fmt::Debug for ClusterClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterClient").finish_non_exhaustive()
    }
}

impl Cluster for ClusterClient {
    fn topics(&mut self, names: &[Arc<str>]) -> Result<Vec<TopicFacts>, WorldError> {
        let mut facts = Vec::with_capacity(names.len());
        for name in names {
            let metadata = ask(&self.reader, &format!("asking about topic {name}"), |reader, patience| {
                reader.fetch_metadata(Some(name), patience)
            })?;
            let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == &**name) else {
                continue;
            };
            match topic.error().map(RDKafkaErrorCode::from) {
                None => facts.push(TopicFacts {
                    topic: name.clone(),
                    id: topic_id(self.reader.client(), name, QUESTION_TIMEOUT).map(Into::into),
                    partitions: i32::try_from(topic.partitions().len()).expect("Kafka counts partitions in 32 bits"),
                    cleanup_policy: self.cleanup_policy(name)?,
                }),
                Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {}
                Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                    return Err(WorldError::new(Remedy::Operator, format!("no permission to describe topic {name}")));
                }
                Some(code) => return Err(WorldError::new(Remedy::Retry, format!("asking about topic {name}: {code}"))),
            }
        }
        Ok(facts)
    }

    fn offsets(&mut self, topic: &str) -> Result<Vec<(NextOffset, NextOffset)>, WorldError> {
        let asking = format!("asking for the offsets of {topic}");
        let metadata = ask(&self.reader, &asking, |reader, patience| {
            reader.fetch_metadata(Some(topic), patience)
        })?;
        let partitions = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
        let partitions = i32::try_from(partitions).expect("Kafka counts partitions in 32 bits");
        if partitions == 0 {
            return Ok(Vec::new());
        }
        let edges = |edge| {
            ask(&self.reader, &asking, |reader, patience| {
                settled(|| edges_of(reader, topic, partitions, edge, patience))
            })
        };
        // The ends are asked for last, so none lies in front of its beginning.
        let (lows, ends) = (edges(KafkaOffset::Beginning)?, edges(KafkaOffset::End)?);
        Ok(lows
            .into_iter()
            .zip(ends)
            .map(|(low, end)| (NextOffset(low), NextOffset(end.max(low))))
            .collect())
    }

    fn create(&mut self, topics: &[NewTopic]) -> Result<(), WorldError> {
        let wanted: Vec<KafkaNewTopic<'_>> = topics
            .iter()
            .map(|topic| {
                let new = KafkaNewTopic::new(&topic.topic, topic.partitions, TopicReplication::Fixed(-1));
                topic.config.iter().fold(new, |new, (key, value)| new.set(key, value))
            })
            .collect();
        let options = AdminOptions::new()
            .request_timeout(Some(QUESTION_TIMEOUT))
            .operation_timeout(Some(QUESTION_TIMEOUT));
        let answers = block_on(self.admin.create_topics(&wanted, &options)).map_err(|error| world_error("creating topics", error))?;
        for answer in answers {
            match answer {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => return Err(WorldError::new(Remedy::Operator, format!("creating topic {topic}: {code}"))),
            }
        }
        self.wait_for_leaders(topics)
    }
}

/// What a group has committed, without joining it. Waits for pending transactions, as members do.
pub fn group_positions(
    settings: &Settings,
    group: &str,
    partitions: &[TopicPartition],
) -> Result<Vec<(TopicPartition, Option<NextOffset>)>, WorldError> {
    let asking = |error| world_error(format!("asking what group {group} has committed"), error);
    let reader: BaseConsumer<QuestionCallbacks> = settings
        .member("positions", group)
        .create_with_context(QuestionCallbacks::default())
        .map_err(asking)?;
    let reader = Held::new(settings, reader)?;
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for at in partitions {
        list.add_partition(&at.topic, at.partition);
    }
    let doing = format!("asking what group {group} has committed");
    let answer = ask(&reader, &doing, |reader, patience| {
        settled(|| reader.committed_offsets(list.clone(), patience))
    })?;
    offsets_of(&answer).map_err(asking)
}

/// The first or last offsets of all partitions, in one request for each broker. The client's name for the question is one about times, of
/// which the protocol has two special ones (ListOffsets: -2 the first offset, -1 the end, with read_committed the last stable one).
fn edges_of(
    reader: &BaseConsumer<QuestionCallbacks>,
    topic: &str,
    partitions: i32,
    edge: KafkaOffset,
    patience: Duration,
) -> Result<Vec<i64>, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(usize::try_from(partitions).unwrap_or(0));
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, edge)?;
    }
    let answer = reader.offsets_for_times(list, patience)?;
    (0..partitions)
        .map(|partition| {
            let element = answer
                .find_partition(topic, partition)
                .ok_or(KafkaError::OffsetFetch(RDKafkaErrorCode::BadMessage))?;
            element.error()?;
            match element.offset() {
                KafkaOffset::Offset(offset) => Ok(offset),
                // It was not answered for.
                _ => Err(KafkaError::OffsetFetch(RDKafkaErrorCode::LeaderNotAvailable)),
            }
        })
        .collect()
}

/// What an answer says of each partition: an offset, or none.
pub(crate) fn offsets_of(answer: &TopicPartitionList) -> Result<Vec<(TopicPartition, Option<NextOffset>)>, KafkaError> {
    let elements = answer.elements();
    let offset = elements.iter().map(|element| {
        element.error()?;
        let next = match element.offset() {
            KafkaOffset::Offset(offset) => Some(NextOffset(offset)),
            _ => None,
        };
        Ok((TopicPartition::new(element.topic(), element.partition()), next))
    });
    offset.collect()
}

/// Asks until there is an answer, a refusal by the brokers, or no time left. While the brokers keep a client out, its questions only
/// time out; what it tells beside them is read here.
pub(crate) fn ask<T>(
    reader: &BaseConsumer<QuestionCallbacks>,
    doing: &str,
    question: impl Fn(&BaseConsumer<QuestionCallbacks>, Duration) -> Result<T, KafkaError>,
) -> Result<T, WorldError> {
    use RDKafkaErrorCode as Code;
    let deadline = Instant::now() + QUESTION_TIMEOUT;
    let mut patience = FIRST_ATTEMPT;
    loop {
        let error = match question(reader, patience.min(QUESTION_TIMEOUT)) {
            Ok(answer) => {
                reader.context().refusal.clear();
                return Ok(answer);
            }
            Err(error) => error,
        };
        // Events only; nothing is assigned to this client.
        let mut wait = Duration::from_millis(100);
        while reader.poll(wait).is_some() {
            wait = Duration::ZERO;
        }
        if let Some(refused) = reader.context().refusal.error(doing) {
            return Err(refused);
        }
        let is_silence = matches!(
            error.rdkafka_error_code(),
            Some(Code::OperationTimedOut | Code::BrokerTransportFailure | Code::AllBrokersDown)
        );
        if !is_silence || Instant::now() + patience > deadline {
            return Err(world_error(doing, error));
        }
        patience *= 2;
    }
}

/// Asks again while a leader or coordinator moves or loads, which is so for a moment after a broker's start or a topic's creation.
pub(crate) fn settled<T>(mut ask: impl FnMut() -> Result<T, KafkaError>) -> Result<T, KafkaError> {
    use RDKafkaErrorCode as Code;
    let is_moving = |code| {
        matches!(
            code,
            Code::NotCoordinator
                | Code::CoordinatorNotAvailable
                | Code::CoordinatorLoadInProgress
                | Code::NotLeaderForPartition
                | Code::LeaderNotAvailable
                | Code::OffsetNotAvailable
        )
    };
    let deadline = Instant::now() + SETTLES_WITHIN;
    loop {
        match ask() {
            Err(error) if error.rdkafka_error_code().is_some_and(is_moving) && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(100));
            }
            answer => return answer,
        }
    }
}

/// The admin client answers with futures that its own thread completes; this thread waits for them.
fn block_on<F: Future>(future: F) -> F::Output {
    futures::executor::block_on(future)
}
