//! One deployment's own corner of the servers: topics, groups, contracts, lake prefix.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tidegate_flow::ports::{Cluster as _, NewTopic, Scan as _, Store};
use tidegate_flow::{NextOffset, Record, TopicPartition};
use tidegate_kafka::{ClusterClient, PartitionScan, Settings, group_positions};
use tidegate_lake::LakeOptions;
use tidegate_schemas::{Auth, Registry};

use crate::process::Role;
use crate::stand::Stand;

/// The topics that the example contracts bind, with their contracts.
const CONTRACTS: [(&str, &str); 3] = [
    ("orders", "shop/orders/v1.odcs.yaml"),
    ("payments", "payments/payments/v2.odcs.yaml"),
    ("customers", "crm/customers/v1.odcs.yaml"),
];

/// What a deployment is made of.
#[derive(Debug, Clone)]
pub struct Shape {
    /// `s3` or `azure`.
    pub store: &'static str,
    /// `exactly_once` or `at_least_once`.
    pub mode: &'static str,
    /// Which of `orders`, `payments`, `customers`.
    pub topics: &'static [&'static str],
    /// Partitions of each topic.
    pub partitions: i32,
    /// Settings below `validator:`, indented by two.
    pub validator: &'static str,
    /// Settings below `sink:`, indented by two.
    pub sink: &'static str,
    /// Brokers other than the stand's.
    pub brokers: Option<Brokers>,
    /// The store as roles reach it, where that is not the store itself.
    pub store_endpoint: Option<String>,
}

/// Two ways to the same brokers: a fault between a role and its brokers must not blind those who look on.
#[derive(Debug, Clone)]
pub struct Brokers {
    /// For tests and audits.
    pub direct: String,
    /// For roles.
    pub of_roles: String,
}

/// First offset and end of each partition of some topics.
pub type Ends = Vec<(Arc<str>, Vec<(NextOffset, NextOffset)>)>;

/// One deployment; its servers are the stand's and perhaps a broker of its own.
#[derive(Debug)]
pub struct World {
    /// The servers.
    pub stand: Stand,
    /// Configuration, contracts, logs of roles.
    pub folder: tempfile::TempDir,
    /// Begins every topic.
    pub prefix: String,
    /// The brokers as tests reach them.
    pub kafka: Settings,
    /// Id of the payments' schema; 0 without payments.
    pub payment_schema: u32,
    shape: Shape,
    location: String,
    env: Vec<(String, String)>,
}

// === impl Shape ===

impl Shape {
    /// All three topics with six partitions on the stand's own servers.
    pub fn whole(store: &'static str, mode: &'static str) -> Shape {
        Shape {
            store,
            mode,
            topics: &["orders", "payments", "customers"],
            partitions: 6,
            validator: "",
            sink: "  slot_rows: 20000\n  slot_age_ms: 3000\n",
            brokers: None,
            store_endpoint: None,
        }
    }
}

// === impl World ===

impl World {
    /// Topics, a Git repository of contracts that bind them, the registered schema, a lake prefix.
    pub fn new(stand: Stand, shape: Shape) -> World {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("e2e-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let prefix = format!("{name}.");
        let folder = tempfile::tempdir().unwrap();
        let contracts = write_contracts(folder.path(), &prefix, shape.topics);
        let brokers = shape.brokers.clone().unwrap_or_else(|| {
            let bootstrap = stand.text("kafka", "bootstrap");
            Brokers {
                direct: bootstrap.to_owned(),
                of_roles: bootstrap.to_owned(),
            }
        });
        let kafka = Settings::plain(brokers.direct.as_str());
        let payment_schema = match shape.topics.contains(&"payments") {
            true => register_payments(&stand, &prefix),
            false => 0,
        };
        let endpoint = |part, name| shape.store_endpoint.clone().unwrap_or_else(|| stand.text(part, name).to_owned());
        let (location, lake) = match shape.store {
            "s3" => (
                format!("s3://{}/{name}", stand.text("s3", "bucket")),
                vec![
                    ("AWS_ENDPOINT_URL", endpoint("s3", "endpoint")),
                    ("AWS_REGION", stand.text("s3", "region").to_owned()),
                    ("AWS_ACCESS_KEY_ID", stand.text("s3", "access_key").to_owned()),
                    ("AWS_SECRET_ACCESS_KEY", stand.text("s3", "secret_key").to_owned()),
                ],
            ),
            _ => (
                format!("az://{}/{name}", stand.text("azure", "container")),
                vec![
                    ("AZURE_STORAGE_ENDPOINT", endpoint("azure", "blob_endpoint")),
                    ("AZURE_STORAGE_ACCOUNT_NAME", stand.text("azure", "account").to_owned()),
                    ("AZURE_STORAGE_ACCOUNT_KEY", stand.text("azure", "key").to_owned()),
                ],
            ),
        };
        let mut env: Vec<(String, String)> = [
            ("TIDEGATE_BROKERS", brokers.of_roles.as_str()),
            ("TIDEGATE_CONTRACTS", &contracts.to_string_lossy()),
            ("TIDEGATE_MODE", shape.mode),
            ("TIDEGATE_LAKE", &location),
            ("TIDEGATE_HTTP", "127.0.0.1:0"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        if payment_schema != 0 {
            env.push(("TIDEGATE_REGISTRY".to_owned(), stand.text("registry", "url").to_owned()));
        }
        env.extend(lake.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let config = format!(
            "validator:\n  group: {name}-validator\n  probe_topic: {prefix}probe\n{}sink:\n  group: {name}-sink\n{}",
            shape.validator, shape.sink
        );
        std::fs::write(folder.path().join("tidegate.yaml"), config).unwrap();
        let world = World {
            stand,
            folder,
            prefix,
            kafka,
            payment_schema,
            shape,
            location,
            env,
        };
        world.create_topics();
        world
    }

    fn create_topics(&self) {
        let topics: Vec<NewTopic> = self
            .sources()
            .iter()
            .flat_map(|source| [source.to_string(), format!("{source}.validated"), format!("{source}.dlq")])
            .map(|topic| NewTopic {
                topic,
                partitions: self.shape.partitions,
                config: Vec::new(),
            })
            .collect();
        self.cluster().create(&topics).unwrap();
    }

    /// Topic names of the sources.
    pub fn sources(&self) -> Vec<Arc<str>> {
        self.shape
            .topics
            .iter()
            .map(|name| format!("{}{name}", self.prefix).into())
            .collect()
    }

    /// Topic names of what is validated, in the order of the sources.
    pub fn validated(&self) -> Vec<Arc<str>> {
        self.sources().iter().map(|source| format!("{source}.validated").into()).collect()
    }

    /// Partitions of each topic.
    pub fn partitions(&self) -> i32 {
        self.shape.partitions
    }

    /// The delivery mode.
    pub fn mode(&self) -> &'static str {
        self.shape.mode
    }

    /// Answers about topics, past any fault.
    pub fn cluster(&self) -> ClusterClient {
        ClusterClient::connect(&self.kafka).unwrap()
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("tidegate.yaml")
    }

    /// Where the lake is; below it there is room for other things of a test.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// How the clients of a role introduce themselves to the brokers.
    pub fn client_id(&self, role: &str) -> String {
        format!("{}{role}", self.prefix)
    }

    /// Starts a role; its name is the name of its log and of its clients.
    pub fn start(&self, name: &str, command: &str) -> Role {
        self.start_in(self.folder.path(), name, command, &[])
    }

    /// Starts a role in another working directory, with further variables.
    pub fn start_in(&self, directory: &Path, name: &str, command: &str, further: &[(&str, &str)]) -> Role {
        let config = self.folder.path().join(format!("{name}.yaml"));
        let text = std::fs::read_to_string(self.config()).unwrap();
        std::fs::write(
            &config,
            format!("{text}kafka:\n  client:\n    client.id: {}\n", self.client_id(name)),
        )
        .unwrap();
        let further = further.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let env: Vec<(String, String)> = self.env.iter().cloned().chain(further).collect();
        let args = [command, "--config", config.to_str().unwrap()];
        Role::start_in(directory, self.folder.path(), name, &args, &env)
    }

    /// Runs a command to its end, past any fault: exit code, standard output, standard error.
    pub fn run(&self, args: &[&str]) -> (i32, String, String) {
        let output = Command::new(crate::process::executable())
            .args(args)
            .args(["--config", self.config().to_str().unwrap()])
            .envs(self.direct())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
    }

    /// How many records of these topics lie before what the group has committed.
    pub fn progress(&self, role: &str, topics: &[Arc<str>]) -> anyhow::Result<i64> {
        let positions = self.positions(role, topics)?;
        Ok(positions.into_iter().map(|(_, next)| next.map_or(0, |next| next.0)).sum())
    }

    /// Whether no record of these topics lies behind what the group has committed.
    pub fn is_settled(&self, role: &str, topics: &[Arc<str>]) -> anyhow::Result<bool> {
        Ok(self.behind(role, &self.ends(topics)?)?.is_empty())
    }

    /// First offset and end of every partition, now.
    pub fn ends(&self, topics: &[Arc<str>]) -> anyhow::Result<Ends> {
        let mut cluster = self.cluster();
        topics.iter().map(|topic| Ok((topic.clone(), cluster.offsets(topic)?))).collect()
    }

    /// Partitions with records before these ends and behind what the group has committed.
    pub fn behind(&self, role: &str, ends: &Ends) -> anyhow::Result<Vec<TopicPartition>> {
        let mut scan = PartitionScan::connect(&self.kafka)?;
        let mut behind = Vec::new();
        for (topic, ends) in ends {
            for (at, next) in self.positions(role, std::slice::from_ref(topic))? {
                let (low, end) = ends[usize::try_from(at.partition)?];
                let next = next.unwrap_or(low);
                // What is left may be nothing but marks of transactions.
                if next < end && !scan.scan(&at, next, end, 1)?.is_empty() {
                    behind.push(at);
                }
            }
        }
        Ok(behind)
    }

    /// The group of a role.
    pub fn group(&self, role: &str) -> String {
        format!("{}-{role}", self.prefix.trim_end_matches('.'))
    }

    /// What the group of a role has committed.
    pub fn positions(&self, role: &str, topics: &[Arc<str>]) -> anyhow::Result<Vec<(TopicPartition, Option<NextOffset>)>> {
        let partitions: Vec<TopicPartition> = topics
            .iter()
            .flat_map(|topic| {
                (0..self.shape.partitions).map(move |partition| TopicPartition {
                    topic: topic.clone(),
                    partition,
                })
            })
            .collect();
        Ok(group_positions(&self.kafka, &self.group(role), &partitions)?)
    }

    /// Every committed record of a topic that is still there.
    pub fn read(&self, topic: &str) -> Vec<Record> {
        let ends = self.cluster().offsets(topic).unwrap();
        let mut scan = PartitionScan::connect(&self.kafka).unwrap();
        (0..self.shape.partitions)
            .flat_map(|partition| {
                let (low, end) = ends[usize::try_from(partition).unwrap()];
                scan.scan(&TopicPartition::new(topic, partition), low, end, usize::MAX).unwrap()
            })
            .collect()
    }

    /// The lake, past any fault.
    pub fn lake(&self) -> Arc<dyn Store> {
        tidegate_lake::open(&self.location, &LakeOptions::from_variables(self.direct())).unwrap()
    }

    /// The environment of roles.
    pub fn variables(&self) -> Vec<(String, String)> {
        self.env.clone()
    }

    /// The environment of those who look on.
    fn direct(&self) -> impl Iterator<Item = (String, String)> {
        self.env.iter().cloned().map(|(name, value)| {
            let value = match name.as_str() {
                "TIDEGATE_BROKERS" => self.kafka.brokers.clone(),
                "AWS_ENDPOINT_URL" => self.stand.text("s3", "endpoint").to_owned(),
                "AZURE_STORAGE_ENDPOINT" => self.stand.text("azure", "blob_endpoint").to_owned(),
                _ => value,
            };
            (name, value)
        })
    }
}

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn register_payments(stand: &Stand, prefix: &str) -> u32 {
    let registry = Registry::connect(stand.text("registry", "url"), Auth::Nobody).unwrap();
    let schema = std::fs::read_to_string(root().join("schemas/payments/payment.avsc")).unwrap();
    registry.register(&format!("{prefix}payments-value"), &schema, &[]).unwrap().id
}

fn write_contracts(folder: &Path, prefix: &str, topics: &[&str]) -> PathBuf {
    let contracts = folder.join("contracts");
    std::fs::create_dir(&contracts).unwrap();
    for (name, path) in CONTRACTS.iter().filter(|(name, _)| topics.contains(name)) {
        let text = std::fs::read_to_string(root().join("contracts").join(path)).unwrap();
        let bound = text.replace(&format!("physicalName: {name}\n"), &format!("physicalName: {prefix}{name}\n"));
        assert_ne!(bound, text, "{name} binds another topic than this test thinks");
        std::fs::write(contracts.join(format!("{name}.odcs.yaml")), bound).unwrap();
    }
    for args in [&["init", "--quiet"][..], &["add", "."], &["commit", "--quiet", "-m", "Contracts"]] {
        let identity = [
            "-c",
            "user.name=test",
            "-c",
            "user.email=test@example.com",
            "-c",
            "commit.gpgsign=false",
        ];
        assert!(
            Command::new("git")
                .args(identity)
                .args(args)
                .current_dir(&contracts)
                .status()
                .unwrap()
                .success()
        );
    }
    contracts
}
