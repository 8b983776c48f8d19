//! Secrets and content stay where they belong: planted everywhere, they appear in no log, metric, health page, diagnosis or report. Secrets of
//! stores and registries lie in the environment only: the lake is a folder here and no registry is asked, so no client carries them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidegate_flow::ports::{Cluster as _, NewTopic, Scan as _};
use tidegate_flow::record::Outgoing;
use tidegate_flow::{Header, NextOffset, Record, TopicPartition};
use tidegate_kafka::{ClusterClient, PartitionScan, RecordWriter, Settings};
use tidegate_tests::process::{Role, executable};
use tidegate_tests::stand::Stand;
use tidegate_tests::world::root;

use crate::refusals::{address, get};

/// In every planted value, followed by where it was planted. Shaped like a key of AWS, so that scanners of others would see it, too.
const CANARY: &str = "AKIAQ7CANARY2SECRET";

/// In the names of fields that the contract does not know. The diagnosis on a record names such a field, since nothing helps its producer
/// more and the record beside it holds the name anyway; nothing else may.
const FIELD: &str = "AKIAQ7FIELD3NAME";
const DIAGNOSES: &str = "diagnosis on";

fn field(place: &str) -> String {
    format!("{FIELD}{place}")
}

fn canary(place: &str) -> String {
    format!("{CANARY}{place}")
}

/// What was said where, to be searched at the end.
#[derive(Default)]
struct Said(Vec<(String, String)>);

impl Said {
    fn take(&mut self, place: impl Into<String>, text: impl Into<String>) {
        self.0.push((place.into(), text.into()));
    }

    fn assert_silent(&self, secrets: &[&str]) {
        let mut leaks = String::new();
        for (place, text) in &self.0 {
            let hidden = secrets.iter().chain((!place.starts_with(DIAGNOSES)).then_some(&FIELD));
            for secret in hidden {
                for (at, _) in text.match_indices(secret).take(3) {
                    let around = text
                        .get(at.saturating_sub(160)..(at + 60).min(text.len()))
                        .unwrap_or("(not at a border of characters)");
                    writeln!(leaks, "{place}: …{around}…").unwrap();
                }
            }
        }
        assert!(leaks.is_empty(), "leaked:\n{leaks}");
    }
}

struct Nest {
    folder: tempfile::TempDir,
    kafka: Settings,
    source: Arc<str>,
    env: Vec<(String, String)>,
}

impl Nest {
    /// Topics behind SASL, a contract with planted words, secrets in every variable that a role reads.
    fn new(stand: &Stand) -> Nest {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("canary-{}", std::process::id());
        let source: Arc<str> = format!("{name}.orders").into();
        let mut kafka = Settings::plain(stand.text("kafka", "sasl_bootstrap"));
        for (property, value) in [
            ("security.protocol", "sasl_ssl"),
            ("ssl.ca.location", stand.text("kafka", "ca")),
            ("sasl.mechanism", "SCRAM-SHA-512"),
        ] {
            kafka.client.insert(property.to_owned(), value.to_owned());
        }
        let mut config = "kafka:\n  client:\n".to_owned();
        for (property, value) in &kafka.client {
            writeln!(config, "    {property}: {value}").unwrap();
        }
        write!(
            config,
            "validator: {{group: {name}-validator, probe_topic: {name}.probe, batch_age_ms: 100}}\n\
             sink: {{group: {name}-sink, slot_age_ms: 500, slot_rows: 1000}}\n\
             registry: {{url: \"http://127.0.0.1:1\"}}\n",
        )
        .unwrap();
        std::fs::write(folder.path().join("tidegate.yaml"), config).unwrap();
        kafka.client.insert("sasl.username".into(), stand.text("kafka", "user").into());
        kafka.client.insert("sasl.password".into(), stand.text("kafka", "password").into());
        let ours = [
            ("TIDEGATE_BROKERS", kafka.brokers.clone()),
            ("TIDEGATE_KAFKA_USERNAME", stand.text("kafka", "user").to_owned()),
            ("TIDEGATE_KAFKA_PASSWORD", stand.text("kafka", "password").to_owned()),
            ("TIDEGATE_CONTRACTS", contracts(folder.path(), &source).to_str().unwrap().to_owned()),
            ("TIDEGATE_LAKE", folder.path().join("lake").to_str().unwrap().to_owned()),
            ("TIDEGATE_HTTP", "127.0.0.1:0".to_owned()),
            ("RUST_BACKTRACE", "full".to_owned()),
        ];
        let planted = [
            "TIDEGATE_KAFKA_KEY_PASSWORD",
            "TIDEGATE_KAFKA_CLIENT_SECRET",
            "TIDEGATE_REGISTRY_USER",
            "TIDEGATE_REGISTRY_PASSWORD",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AZURE_STORAGE_ACCOUNT_KEY",
            "AZURE_STORAGE_SAS_KEY",
            "AZURE_CLIENT_SECRET",
        ];
        let env = ours
            .into_iter()
            .chain(planted.map(|name| (name, canary(name))))
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let nest = Nest {
            folder,
            kafka,
            source,
            env,
        };
        let topics: Vec<NewTopic> = nest
            .topics()
            .iter()
            .map(|topic| NewTopic {
                topic: topic.to_string(),
                partitions: 1,
                config: Vec::new(),
            })
            .collect();
        ClusterClient::connect(&nest.kafka).unwrap().create(&topics).unwrap();
        nest
    }

    /// Source, validated, dead letters.
    fn topics(&self) -> [Arc<str>; 3] {
        ["", ".validated", ".dlq"].map(|suffix| format!("{}{suffix}", self.source).into())
    }

    fn config(&self) -> String {
        self.folder.path().join("tidegate.yaml").to_str().unwrap().to_owned()
    }

    fn start(&self, role: &str, format: &str) -> Role {
        let config = self.config();
        let args = [role, "--config", &config, "--log-level", "trace", "--log-format", format];
        Role::start(self.folder.path(), role, &args, &self.env)
    }

    fn log(&self, role: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(format!("{role}.log"))).unwrap()
    }

    /// Runs a command to its end; both outputs are kept, and its exit code comes back.
    fn run(&self, said: &mut Said, args: &[&str], changed: &[(&str, String)]) -> i32 {
        let output = Command::new(executable())
            .args(args)
            .args(["--log-level", "trace"])
            .envs(self.env.iter().cloned())
            .envs(changed.iter().cloned())
            .output()
            .unwrap();
        for (name, bytes) in [("output", &output.stdout), ("errors", &output.stderr)] {
            said.take(format!("{name} of {args:?}"), String::from_utf8_lossy(bytes));
        }
        output.status.code().unwrap_or(-1)
    }

    fn read(&self, topic: &Arc<str>) -> Vec<Record> {
        let (low, end) = ClusterClient::connect(&self.kafka).unwrap().offsets(topic).unwrap()[0];
        let at = TopicPartition::new(topic.clone(), 0);
        PartitionScan::connect(&self.kafka)
            .unwrap()
            .scan(&at, low, end, usize::MAX)
            .unwrap()
    }

    fn end(&self, topic: &Arc<str>) -> NextOffset {
        ClusterClient::connect(&self.kafka).unwrap().offsets(topic).unwrap()[0].1
    }
}

/// The example's contract of orders, with words planted where authors write prose and values.
fn contracts(folder: &Path, topic: &str) -> PathBuf {
    let folder = folder.join("contracts");
    std::fs::create_dir(&folder).unwrap();
    let text = std::fs::read_to_string(root().join("contracts/shop/orders/v1.odcs.yaml")).unwrap();
    let mut planted = text.clone();
    for (from, to) in [
        ("physicalName: orders\n".to_owned(), format!("physicalName: {topic}\n")),
        ("Every order that".to_owned(), format!("{} that", canary("Purpose"))),
        ("Nobody orders nothing.".to_owned(), canary("RuleDescription")),
        ("- value: android".to_owned(), format!("- value: {}", canary("Enum"))),
        (
            "value.channel != 'store'".to_owned(),
            format!("value.channel != '{}'", canary("Rule")),
        ),
    ] {
        assert!(planted.contains(&from), "the example has no `{from}` any more");
        planted = planted.replace(&from, &to);
    }
    std::fs::write(folder.join("orders.odcs.yaml"), planted).unwrap();
    folder
}

/// Records of every kind of verdict, each with something planted. The first ones are valid.
fn records(topic: &Arc<str>) -> Vec<Outgoing> {
    let valid = |id: u32| {
        serde_json::json!({
            "order_id": format!("7d3c1d8e-1a2b-4c3d-8e9f-{id:012}"), "placed_at": "2026-11-21T10:00:00Z", "channel": "web",
            "customer": {"customer_id": 1, "email": format!("{}@example.com", canary("Email")), "country": "SE"},
            "currency": "EUR", "lines": [{"sku": "ABC-1234", "qty": 1, "price": 1.5}], "total": 1.5,
            "labels": {canary("MapKey"): canary("MapValue")}
        })
    };
    let changed = |pointer: &str, value: serde_json::Value| {
        let mut event = valid(9);
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        event.pointer_mut(parent).unwrap()[name] = value;
        event.to_string()
    };
    let text = |place: &str| serde_json::Value::String(canary(place));
    let mut values: Vec<Vec<u8>> = (0..3).map(|id| valid(id).to_string().into_bytes()).collect();
    for value in [
        changed("/order_id", text("Format")),
        changed("/placed_at", text("Timestamp")),
        changed("/channel", text("NotInEnum")),
        changed("/currency", text("Currency")),
        changed("/customer/country", text("Pattern")),
        changed("/customer/customer_id", text("Type")),
        changed("/customer/email", text("EmailFormat")),
        changed("/total", text("Decimal")),
        changed("/discount", serde_json::json!(99)),
        changed("/labels", text("NotAMap")),
        changed("/lines", serde_json::json!([{"sku": canary("Sku"), "qty": 0, "price": -1}])),
        changed(&format!("/{}", field("Outer")), serde_json::json!(1)),
        changed(&format!("/customer/{}", field("Inner")), serde_json::json!({"a": 1})),
        format!("{{\"{0}\":1,\"{0}\":2}}", field("Double")),
        format!("{{\"customer\":{{\"{}\":1e99999}}}}", field("HugeNumber")),
        format!("{{\"labels\":{{\"{}\":1}}}}", canary("FieldOfMap")),
        format!("{{\"order_id\": \"{}", canary("Cut")),
        format!("{}{{}}", canary("Garbage")),
        format!("{{\"order_id\":\"a\",\"order_id\":\"{}\"}}", canary("Duplicate")),
        format!("[\"{}\"]", canary("NotAnObject")),
        format!("\"{}\"", canary("Scalar")),
        valid(10)
            .to_string()
            .replace("1.5}", &format!("1.5e99999,\"x\":\"{}\"}}", canary("Huge"))),
        format!("{}\"{}\"{}", "[".repeat(300), canary("Deep"), "]".repeat(300)),
        String::new(),
    ] {
        values.push(value.into_bytes());
    }
    let with = |before: &[u8], place: &str, after: &[u8]| [before, canary(place).as_bytes(), after].concat();
    values.push(with(b"{\"order_id\":\"", "NotUtf8", b"\xff\"}"));
    let outgoing = |(number, value): (usize, Vec<u8>)| Outgoing {
        to: TopicPartition::new(topic.clone(), 0),
        timestamp: None,
        key: Some(Bytes::from(canary("Key"))),
        value: Some(Bytes::from(value)),
        headers: vec![
            Header::text("trace", canary("HeaderValue")),
            Header::text(canary("HeaderName"), "x"),
            Header::text("tidegate.reason", canary("Forged")),
            if number % 2 == 0 {
                Header::text("x", "y")
            } else {
                Header::text("content-type", canary("ContentType"))
            },
        ],
    };
    let mut records: Vec<Outgoing> = values.into_iter().enumerate().map(outgoing).collect();
    let mut bound = outgoing((0, valid(11).to_string().into_bytes()));
    bound
        .headers
        .push(Header::text("data-contract", format!("{}@1.0.0", canary("Contract"))));
    records.push(bound);
    records
}

/// What we add to a record, as one text: headers by name and value.
fn ours(record: &Record) -> String {
    let mut text = String::new();
    for header in &record.headers {
        let is_forged = header.name.starts_with("forged.");
        if !is_forged && (header.name.starts_with("tidegate.") || header.name.starts_with("__connect.errors.")) {
            let value = header.value.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
            writeln!(text, "{}: {value}", header.name).unwrap();
        }
    }
    text
}

fn wait(role: &mut Role, what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(90);
    while !done() {
        role.assert_running();
        assert!(Instant::now() < deadline, "{what}:\n{}", role.tail());
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn documents(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found
}

#[test]
fn planted_secrets_appear_nowhere() {
    let Some(stand) = Stand::get() else { return };
    let nest = Nest::new(&stand);
    let mut said = Said::default();
    let planted = records(&nest.source);
    let delivery = RecordWriter::connect(&nest.kafka).unwrap().write(&planted).unwrap();
    assert_eq!(delivery.delivered, planted.len());

    let [_, validated, dead] = nest.topics();
    let mut validator = nest.start("validate", "json");
    let mut outcomes = Vec::new();
    wait(&mut validator, "outcomes", || {
        outcomes = nest.read(&validated);
        outcomes.extend(nest.read(&dead));
        outcomes.len() == planted.len()
    });
    assert!(
        outcomes.iter().filter(|record| ours(record).contains("tidegate.reason")).count() > 15,
        "too few dead letters to prove anything"
    );
    for record in &outcomes {
        let value = record.value.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        assert!(
            value.is_empty() || value.contains(CANARY) || value.contains(FIELD),
            "the search would find nothing where it must"
        );
        said.take(format!("{DIAGNOSES} {}", record.origin.at.topic), ours(record));
    }
    let mut sink = nest.start("sink", "human");
    let manifests = || {
        let all = documents(&nest.folder.path().join("lake"));
        all.iter()
            .any(|path| path.to_str().unwrap().contains("manifest") || path.extension().is_some_and(|e| e == "parquet"))
    };
    wait(&mut sink, "a file in the lake", manifests);
    for role in ["validate", "sink"] {
        let http = address(&plain(&nest.log(role)));
        for page in ["/metrics", "/livez", "/readyz", "/debug"] {
            said.take(format!("{page} of {role}"), get(&http, page).1);
        }
    }
    assert!(validator.stop().success());
    assert!(sink.stop().success());
    for role in ["validate", "sink"] {
        said.take(format!("log of {role}"), nest.log(role));
    }
    for path in documents(&nest.folder.path().join("lake")) {
        let name = path.to_str().unwrap().to_owned();
        if path.extension().is_some_and(|extension| extension == "json") {
            said.take(format!("document {name}"), std::fs::read_to_string(&path).unwrap());
        }
        said.take("name of a file", name);
    }
    let config = nest.config();
    for output in ["human", "json"] {
        nest.run(&mut said, &["sla", "run", "--once", "--config", &config, "--output", output], &[]);
        assert_eq!(
            nest.run(&mut said, &["audit", "--config", &config, "--output", output], &[]),
            0,
            "{}",
            said.0.last().unwrap().1
        );
    }
    refusals(&nest, &mut said);
    assert!(
        said.0.iter().map(|(_, text)| text.len()).sum::<usize>() > 20_000,
        "too little was said to prove anything"
    );
    said.assert_silent(&[CANARY, stand.text("kafka", "password")]);
    assert!(nest.end(&dead).0 > 0);
}

/// Whatever goes wrong with secrets is told without them.
fn refusals(nest: &Nest, said: &mut Said) {
    let config = nest.config();
    let wrong = [("TIDEGATE_KAFKA_PASSWORD", canary("WrongPassword"))];
    for role in ["validate", "sink", "audit"] {
        let code = nest.run(said, &[role, "--config", &config], &wrong);
        let told = &said.0.last().unwrap().1;
        assert!(code != 0 && told.contains("the brokers do not let us in"), "{role}: {code}\n{told}");
    }
    let url = format!("http://user:{}@127.0.0.1:1", canary("RegistryUrl"));
    let code = nest.run(said, &["validate", "--config", &config, "--registry", &url], &[]);
    let told = &said.0.last().unwrap().1;
    assert!(code == 78 && told.contains("must not hold credentials"), "{code}\n{told}");
    let brokers = nest.kafka.brokers.clone();
    let lake = |endpoint: String| format!("lake: {{location: \"s3://bucket/x\", endpoint: \"{endpoint}\"}}");
    for (name, text, told) in [
        ("lake", lake(format!("http://user:{}@127.0.0.1:1", canary("LakeUrl"))), ""),
        (
            "twice",
            format!("kafka: {{client: {{sasl.password: {}}}}}", canary("Twice")),
            "sasl.password",
        ),
        (
            "misspelt",
            format!("kafka: {{client: {{sasl.pasword: {}}}}}", canary("Misspelt")),
            "sasl.pasword",
        ),
        (
            "list",
            format!("kafka: {{client: {{sasl.password: [{}]}}}}", canary("List")),
            "list.yaml:1:",
        ),
        ("scalar", format!("kafka: {}", canary("Section")), "scalar.yaml:1:"),
        ("mode", "validator: {mode: sometimes}".to_owned(), "sometimes"),
        (
            "unchecked",
            "kafka: {client: {enable.ssl.certificate.verification: \"false\"}}".to_owned(),
            "enable.ssl",
        ),
        (
            "oidc",
            "kafka: {auth: {kind: oidc, client_id: x, token_endpoint: \"https://127.0.0.1:1/token\"}}".to_owned(),
            "cannot be reached",
        ),
    ] {
        let path = nest.folder.path().join(format!("{name}.yaml"));
        std::fs::write(&path, text).unwrap();
        let code = nest.run(said, &["audit", "--config", path.to_str().unwrap(), "--brokers", &brokers], &[]);
        let error = &said.0.last().unwrap().1;
        assert!(code != 0 && error.contains(told), "{name}: {code}\n{error}");
    }
}

/// Without the colours of the log.
fn plain(log: &str) -> String {
    log.replace("\"address\":\"", "address=").replace('"', " ")
}
