//! Topics as an operator sees and makes them, rights, and groups. Roles need none of this.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use tidegate_flow::{Remedy, WorldError};

use crate::callbacks::QuestionCallbacks;
use crate::cluster::ask;
use crate::fault::{code_of, is_forbidden, world_error};
use crate::held::Held;
use crate::native;
use crate::settings::Settings;

const TIMEOUT: Duration = Duration::from_secs(10);
const SETTLES_WITHIN: Duration = Duration::from_secs(20);

/// What the brokers say of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicState {
    /// Name.
    pub topic: String,
    /// Partitions.
    pub partitions: u32,
    /// Copies of the partition that has the fewest.
    pub replication: u16,
    /// Partitions without a leader: nothing is read or written there.
    pub leaderless: u32,
    /// Partitions with fewer copies in sync than there are.
    pub under_replicated: u32,
    /// Effective settings, defaults of the brokers included; none where they do not tell (no right, Event Hubs).
    pub settings: Option<BTreeMap<String, String>>,
}

/// What was asked about topics, and answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenTopics {
    /// Those that exist; what does not is left out.
    pub found: Vec<TopicState>,
    /// Those that these credentials may not know of.
    pub hidden: Vec<String>,
}

/// A topic to make.
#[derive(Debug, Clone)]
pub struct TopicToMake {
    /// Name.
    pub topic: String,
    /// Partitions.
    pub partitions: u32,
    /// Copies; none: what the brokers take.
    pub replication: Option<u16>,
    /// Settings.
    pub settings: Vec<(String, String)>,
}

/// An operation of Kafka's ACLs, as far as our rights name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// READ.
    Read,
    /// WRITE.
    Write,
    /// CREATE.
    Create,
    /// DESCRIBE.
    Describe,
    /// DESCRIBE_CONFIGS.
    DescribeConfigs,
}

/// A consumer group from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupState {
    /// Kafka's word: Stable, Empty, Dead (it is not there), PreparingRebalance, CompletingRebalance.
    pub state: String,
    /// How many members.
    pub members: usize,
    /// How it shares partitions out; empty without members.
    pub assignor: String,
    /// What we may do to it; none where the brokers do not tell.
    pub allowed: Option<Vec<Operation>>,
}

/// What was answered about rights on one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicRights {
    /// These.
    Allowed(Vec<Operation>),
    /// The brokers do not tell.
    Untold,
    /// We may not even know of it.
    Forbidden,
    /// It is not there.
    Missing,
}

/// Asks and changes as an operator does.
pub struct TopicAdmin {
    reader: Held<BaseConsumer<QuestionCallbacks>>,
    admin: Held<AdminClient<DefaultClientContext>>,
}

// === impl Operation ===

impl Operation {
    /// The number in Kafka's protocol.
    pub(crate) const fn of(number: u32) -> Option<Operation> {
        match number {
            3 => Some(Operation::Read),
            4 => Some(Operation::Write),
            5 => Some(Operation::Create),
            8 => Some(Operation::Describe),
            10 => Some(Operation::DescribeConfigs),
            _ => None,
        }
    }

    /// Kafka's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Operation::Read => "READ",
            Operation::Write => "WRITE",
            Operation::Create => "CREATE",
            Operation::Describe => "DESCRIBE",
            Operation::DescribeConfigs => "DESCRIBE_CONFIGS",
        }
    }
}

// === impl TopicAdmin ===

impl TopicAdmin {
    /// Makes the clients; connecting happens at the first question.
    ///
    /// # Errors
    ///
    /// Settings that the client does not take, or no token.
    pub fn connect(settings: &Settings) -> Result<TopicAdmin, WorldError> {
        let reader: BaseConsumer<QuestionCallbacks> = settings
            .reader("admin")
            .create_with_context(QuestionCallbacks::default())
            .map_err(|error| world_error("making a client", error))?;
        let admin: AdminClient<DefaultClientContext> = settings
            .admin()
            .create()
            .map_err(|error| world_error("making an admin client", error))?;
        Ok(TopicAdmin {
            reader: Held::new(settings, reader)?,
            admin: Held::new(settings, admin)?,
        })
    }

    /// Host and port that each broker tells clients to connect to.
    ///
    /// # Errors
    ///
    /// The brokers do not answer, or keep us out; the text says which.
    pub fn brokers(&self) -> Result<Vec<(String, u16)>, WorldError> {
        // One topic is asked about, not all: a cluster may have very many.
        let metadata = ask(&self.reader, "asking for the brokers", |reader, patience| {
            use rdkafka::consumer::Consumer as _;
            reader.fetch_metadata(Some("tidegate-doctor"), patience)
        })?;
        let port = |port: i32| u16::try_from(port).unwrap_or(0);
        Ok(metadata
            .brokers()
            .iter()
            .map(|broker| (broker.host().to_owned(), port(broker.port())))
            .collect())
    }

    /// What is there of the topics, in the order in which they were asked for.
    ///
    /// # Errors
    ///
    /// The brokers do not answer.
    pub fn topics(&self, names: &[String]) -> Result<SeenTopics, WorldError> {
        let mut found = Vec::with_capacity(names.len());
        let mut hidden = Vec::new();
        for name in names {
            let metadata = ask(&self.reader, &format!("asking about topic {name}"), |reader, patience| {
                use rdkafka::consumer::Consumer as _;
                reader.fetch_metadata(Some(name), patience)
            })?;
            let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == name) else {
                continue;
            };
            match topic.error().map(Code::from) {
                None | Some(Code::LeaderNotAvailable) => {}
                Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => continue,
                Some(Code::TopicAuthorizationFailed) => {
                    hidden.push(name.clone());
                    continue;
                }
                Some(code) => return Err(WorldError::new(Remedy::Retry, format!("asking about topic {name}: {code}"))),
            }
            let partitions = topic.partitions();
            let count = |test: &dyn Fn(&rdkafka::metadata::MetadataPartition) -> bool| {
                u32::try_from(partitions.iter().filter(|partition| test(partition)).count()).expect("Kafka counts partitions in 32 bits")
            };
            let copies = partitions.iter().map(|partition| partition.replicas().len()).min().unwrap_or(0);
            found.push(TopicState {
                topic: name.clone(),
                partitions: count(&|_| true),
                replication: u16::try_from(copies).unwrap_or(u16::MAX),
                leaderless: count(&|partition| partition.leader() < 0),
                under_replicated: count(&|partition| partition.isr().len() < partition.replicas().len()),
                settings: None,
            });
        }
        self.read_settings(&mut found)?;
        Ok(SeenTopics { found, hidden })
    }

    fn read_settings(&self, topics: &mut [TopicState]) -> Result<(), WorldError> {
        const DOING: &str = "asking for the settings of topics";
        if topics.is_empty() {
            return Ok(());
        }
        let resources: Vec<ResourceSpecifier<'_>> = topics.iter().map(|topic| ResourceSpecifier::Topic(&topic.topic)).collect();
        let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
        let answers = match futures::executor::block_on(self.admin.describe_configs(&resources, &options)) {
            Ok(answers) => answers,
            // Event Hubs, or a right that is missing.
            Err(error) if code_of(&error).is_some_and(tells_nothing) => return Ok(()),
            Err(error) => return Err(world_error(DOING, error)),
        };
        for answer in answers {
            match answer {
                Ok(resource) => {
                    let rdkafka::admin::OwnedResourceSpecifier::Topic(name) = &resource.specifier else {
                        continue;
                    };
                    let settings = resource.entries.iter().filter(|entry| !entry.is_sensitive);
                    let settings = settings
                        .filter_map(|entry| Some((entry.name.clone(), entry.value.clone()?)))
                        .collect();
                    if let Some(topic) = topics.iter_mut().find(|topic| topic.topic == *name) {
                        topic.settings = Some(settings);
                    }
                }
                Err(code) if tells_nothing(code) => {}
                Err(code) => return Err(WorldError::new(Remedy::Retry, format!("{DOING}: {code}"))),
            }
        }
        Ok(())
    }

    /// Makes a topic and waits until all of its partitions have a leader.
    ///
    /// # Errors
    ///
    /// [`Remedy::Operator`] with the brokers' words for what they refuse; also when the topic came into being meanwhile.
    pub fn create(&self, topic: &TopicToMake) -> Result<(), WorldError> {
        let doing = || format!("creating topic {}", topic.topic);
        let partitions = i32::try_from(topic.partitions).unwrap_or(i32::MAX);
        let copies = TopicReplication::Fixed(topic.replication.map_or(-1, i32::from));
        let new = NewTopic::new(&topic.topic, partitions, copies);
        let new = topic.settings.iter().fold(new, |new, (key, value)| new.set(key, value));
        self.settle(doing, |admin, options| {
            futures::executor::block_on(admin.create_topics([&new], options))
        })?;
        self.wait_for(&topic.topic, topic.partitions)
    }

    /// Gives a topic so many partitions in all.
    ///
    /// # Errors
    ///
    /// As [`TopicAdmin::create`].
    pub fn add_partitions(&self, topic: &str, total: u32) -> Result<(), WorldError> {
        let new = NewPartitions::new(topic, usize::try_from(total).unwrap_or(usize::MAX));
        self.settle(
            || format!("adding partitions to topic {topic}"),
            |admin, options| futures::executor::block_on(admin.create_partitions([&new], options)),
        )?;
        self.wait_for(topic, total)
    }

    /// Sets these settings of a topic and leaves all others as they are.
    ///
    /// # Errors
    ///
    /// As [`TopicAdmin::create`].
    pub fn set(&self, topic: &str, settings: &[(String, String)]) -> Result<(), WorldError> {
        native::set_topic(self.admin.inner(), topic, settings, TIMEOUT).map_err(|(code, said)| {
            let remedy = if is_silence(code) { Remedy::Retry } else { Remedy::Operator };
            WorldError::new(remedy, format!("setting {topic}: {code}: {said}{}", advice(code)))
        })
    }

    fn settle(
        &self,
        doing: impl Fn() -> String,
        call: impl FnOnce(&AdminClient<DefaultClientContext>, &AdminOptions) -> Result<Vec<rdkafka::admin::TopicResult>, KafkaError>,
    ) -> Result<(), WorldError> {
        let options = AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT));
        for answer in call(&self.admin, &options).map_err(|error| world_error(doing(), error))? {
            if let Err((_, code)) = answer {
                let remedy = if is_silence(code) { Remedy::Retry } else { Remedy::Operator };
                return Err(WorldError::new(remedy, format!("{}: {code}{}", doing(), advice(code))));
            }
        }
        Ok(())
    }

    fn wait_for(&self, topic: &str, partitions: u32) -> Result<(), WorldError> {
        let deadline = Instant::now() + SETTLES_WITHIN;
        loop {
            let metadata = ask(&self.reader, &format!("asking about topic {topic}"), |reader, patience| {
                use rdkafka::consumer::Consumer as _;
                reader.fetch_metadata(Some(topic), patience)
            })?;
            let led = metadata.topics().first().map_or(0, |topic| {
                topic.partitions().iter().filter(|partition| partition.leader() >= 0).count()
            });
            if u32::try_from(led).is_ok_and(|led| led >= partitions) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(WorldError::new(Remedy::Retry, format!("topic {topic} has no leaders yet")));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What we may do to each of these topics, in their order.
    ///
    /// # Errors
    ///
    /// The brokers do not answer.
    pub fn rights(&self, topics: &[String]) -> Result<Vec<TopicRights>, WorldError> {
        // The client takes no name twice.
        let mut names = topics.to_vec();
        names.sort();
        names.dedup();
        let answers = native::allowed_on_topics(self.admin.inner(), &names, TIMEOUT);
        let answers = match answers {
            Ok(answers) => answers,
            // Brokers that do not know the question.
            Err(error) if code_of(&error).is_some_and(tells_nothing) => return Ok(vec![TopicRights::Untold; topics.len()]),
            Err(error) => return Err(world_error("asking for rights on topics", error)),
        };
        let of = |topic: &String| match answers.iter().find(|(name, _)| name == topic).map(|(_, answer)| answer) {
            Some(Ok(Some(allowed))) => TopicRights::Allowed(allowed.clone()),
            Some(Err(Code::TopicAuthorizationFailed)) => TopicRights::Forbidden,
            Some(Err(Code::UnknownTopicOrPartition | Code::UnknownTopic)) => TopicRights::Missing,
            _ => TopicRights::Untold,
        };
        Ok(topics.iter().map(of).collect())
    }

    /// State of a group, and what we may do to it. None: we may not know of it.
    ///
    /// # Errors
    ///
    /// The brokers do not answer.
    pub fn group(&self, group: &str) -> Result<Option<GroupState>, WorldError> {
        match native::group_state(self.admin.inner(), group, TIMEOUT) {
            Ok(state) => Ok(Some(state)),
            Err(error) if code_of(&error).is_some_and(is_forbidden) => Ok(None),
            Err(error) => Err(world_error(format!("asking about group {group}"), error)),
        }
    }
}

impl std::fmt::Debug for TopicAdmin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TopicAdmin").finish_non_exhaustive()
    }
}

fn is_silence(code: Code) -> bool {
    matches!(
        code,
        Code::OperationTimedOut | Code::RequestTimedOut | Code::BrokerTransportFailure | Code::AllBrokersDown | Code::NotController
    )
}

/// Codes after which settings and rights are simply not known.
fn tells_nothing(code: Code) -> bool {
    is_forbidden(code) || matches!(code, Code::UnsupportedVersion | Code::UnsupportedFeature | Code::InvalidRequest)
}

/// What usually lies behind a refusal.
fn advice(code: Code) -> &'static str {
    match code {
        Code::InvalidReplicationFactor => "; there are fewer brokers than copies: lower topics.replication_factor",
        Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed => "; these credentials may not make or change topics",
        Code::TopicAlreadyExists => "; somebody made it meanwhile: run it again",
        Code::PolicyViolation => "; a policy of the brokers forbids it",
        _ => "",
    }
}
