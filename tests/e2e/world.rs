//! One story's own corner of the shared servers: topics, groups, contracts, lake prefix.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tidegate_flow::ports::{Cluster as _, NewTopic, Scan as _, Store};
use tidegate_flow::{NextOffset, Record, TopicPartition};
use tidegate_kafka::{ClusterClient, PartitionScan, Settings, group_positions};
use tidegate_lake::LakeOptions;
use tidegate_schemas::{Auth, Registry};
use tidegate_tests::process::Role;
use tidegate_tests::stand::Stand;

pub(crate) const PARTITIONS: i32 = 6;
const NAMES: [&str; 3] = ["orders", "payments", "customers"];

pub(crate) struct World {
    pub(crate) stand: Stand,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) prefix: String,
    pub(crate) kafka: Settings,
    pub(crate) payment_schema: u32,
    location: String,
    env: Vec<(String, String)>,
}

impl World {
    /// Topics, a Git repository of contracts that bind them, the registered schema, a lake prefix.
    pub(crate) fn new(stand: Stand, store: &str, mode: &str) -> World {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("e2e-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let prefix = format!("{name}.");
        let folder = tempfile::tempdir().unwrap();
        let contracts = write_contracts(folder.path(), &prefix);
        let kafka = Settings::plain(stand.text("kafka", "bootstrap"));
        let registry = Registry::connect(stand.text("registry", "url"), Auth::Nobody).unwrap();
        let schema = std::fs::read_to_string(root().join("schemas/payments/payment.avsc")).unwrap();
        let payment_schema = registry.register(&format!("{prefix}payments-value"), &schema, &[]).unwrap().id;

        let (location, lake) = match store {
            "s3" => (
                format!("s3://{}/{name}", stand.text("s3", "bucket")),
                vec![
                    ("AWS_ENDPOINT_URL", stand.text("s3", "endpoint")),
                    ("AWS_REGION", stand.text("s3", "region")),
                    ("AWS_ACCESS_KEY_ID", stand.text("s3", "access_key")),
                    ("AWS_SECRET_ACCESS_KEY", stand.text("s3", "secret_key")),
                ],
            ),
            _ => (
                format!("az://{}/{name}", stand.text("azure", "container")),
                vec![
                    ("AZURE_STORAGE_ENDPOINT", stand.text("azure", "blob_endpoint")),
                    ("AZURE_STORAGE_ACCOUNT_NAME", stand.text("azure", "account")),
                    ("AZURE_STORAGE_ACCOUNT_KEY", stand.text("azure", "key")),
                ],
            ),
        };
        let ours = [
            ("TIDEGATE_BROKERS", kafka.brokers.as_str()),
            ("TIDEGATE_CONTRACTS", contracts.to_str().unwrap()),
            ("TIDEGATE_REGISTRY", stand.text("registry", "url")),
            ("TIDEGATE_MODE", mode),
            ("TIDEGATE_LAKE", &location),
            ("TIDEGATE_HTTP", "127.0.0.1:0"),
        ];
        let env = ours
            .into_iter()
            .chain(lake)
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let config = format!(
            "validator:\n  group: {name}-validator\n  probe_topic: {prefix}probe\nsink:\n  group: {name}-sink\n  slot_rows: 20000\n  slot_age_ms: 3000\n"
        );
        std::fs::write(folder.path().join("tidegate.yaml"), config).unwrap();
        let world = World {
            stand,
            folder,
            prefix,
            kafka,
            payment_schema,
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
                partitions: PARTITIONS,
                config: Vec::new(),
            })
            .collect();
        ClusterClient::connect(&self.kafka).unwrap().create(&topics).unwrap();
    }

    pub(crate) fn sources(&self) -> Vec<Arc<str>> {
        NAMES.iter().map(|name| format!("{}{name}", self.prefix).into()).collect()
    }

    pub(crate) fn validated(&self) -> Vec<Arc<str>> {
        self.sources().iter().map(|source| format!("{source}.validated").into()).collect()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("tidegate.yaml")
    }

    pub(crate) fn start(&self, name: &str, command: &str) -> Role {
        Role::start(
            self.folder.path(),
            name,
            &[command, "--config", self.config().to_str().unwrap()],
            &self.env,
        )
    }

    /// Runs a command to its end: exit code, standard output, standard error.
    pub(crate) fn run(&self, args: &[&str]) -> (i32, String, String) {
        let output = Command::new(tidegate_tests::process::executable())
            .args(args)
            .args(["--config", self.config().to_str().unwrap()])
            .envs(self.env.iter().cloned())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
    }

    /// How many records of these topics lie before what the group has committed.
    pub(crate) fn progress(&self, role: &str, topics: &[Arc<str>]) -> i64 {
        self.positions(role, topics)
            .into_iter()
            .map(|(_, next)| next.map_or(0, |next| next.0))
            .sum()
    }

    /// Whether no record of these topics lies behind what the group has committed.
    pub(crate) fn is_settled(&self, role: &str, topics: &[Arc<str>]) -> bool {
        let mut scan = PartitionScan::connect(&self.kafka).unwrap();
        let mut cluster = ClusterClient::connect(&self.kafka).unwrap();
        let ends: Vec<Vec<(NextOffset, NextOffset)>> = topics.iter().map(|topic| cluster.offsets(topic).unwrap()).collect();
        self.positions(role, topics).into_iter().all(|(at, next)| {
            let topic = topics.iter().position(|topic| *topic == at.topic).unwrap();
            let (low, end) = ends[topic][usize::try_from(at.partition).unwrap()];
            scan.scan(&at, next.unwrap_or(low), end, 1).unwrap().is_empty()
        })
    }

    fn positions(&self, role: &str, topics: &[Arc<str>]) -> Vec<(TopicPartition, Option<NextOffset>)> {
        let partitions: Vec<TopicPartition> = topics
            .iter()
            .flat_map(|topic| {
                (0..PARTITIONS).map(move |partition| TopicPartition {
                    topic: topic.clone(),
                    partition,
                })
            })
            .collect();
        let group = format!("{}-{role}", self.prefix.trim_end_matches('.'));
        group_positions(&self.kafka, &group, &partitions).unwrap()
    }

    /// Every committed record of a topic.
    pub(crate) fn read(&self, topic: &str) -> Vec<Record> {
        let ends = ClusterClient::connect(&self.kafka).unwrap().offsets(topic).unwrap();
        let mut scan = PartitionScan::connect(&self.kafka).unwrap();
        (0..PARTITIONS)
            .flat_map(|partition| {
                let (low, end) = ends[usize::try_from(partition).unwrap()];
                scan.scan(&TopicPartition::new(topic, partition), low, end, usize::MAX).unwrap()
            })
            .collect()
    }

    pub(crate) fn lake(&self) -> Arc<dyn Store> {
        tidegate_lake::open(&self.location, &LakeOptions::from_variables(self.env.iter().cloned())).unwrap()
    }
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn write_contracts(folder: &Path, prefix: &str) -> PathBuf {
    let contracts = folder.join("contracts");
    std::fs::create_dir(&contracts).unwrap();
    for (name, path) in [
        ("orders", "shop/orders"),
        ("payments", "payments/payments"),
        ("customers", "crm/customers"),
    ] {
        let text = std::fs::read_to_string(root().join("contracts").join(path).join("v1.odcs.yaml")).unwrap();
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
