//! The list of rights in docs/operate.md is enough: with these ACLs and no others each role does its work.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidegate_flow::TopicPartition;
use tidegate_flow::ports::{Cluster as _, NewTopic};
use tidegate_flow::record::Outgoing;
use tidegate_kafka::{ClusterClient, RecordWriter, Settings};
use tidegate_tests::process::{Role, executable};
use tidegate_tests::stand::Stand;
use tidegate_tests::world::root;

/// Operations on resources; a resource is an option of Kafka's tool with a name, which may end in `*`.
type Right = (&'static [&'static str], Vec<(&'static str, String)>);

pub(crate) struct Place {
    stand: Stand,
    folder: tempfile::TempDir,
    name: String,
}

impl Place {
    /// Topics, a contract, and a config that signs in by user and password.
    pub(crate) fn new(stand: Stand, name: &str) -> Place {
        let place = Place {
            stand,
            folder: tempfile::tempdir().unwrap(),
            name: format!("{name}-{}", std::process::id()),
        };
        let contract = std::fs::read_to_string(root().join("contracts/shop/orders/v1.odcs.yaml")).unwrap();
        let bound = contract.replace("physicalName: orders\n", &format!("physicalName: {}\n", place.topic("")));
        std::fs::create_dir(place.path("contracts")).unwrap();
        std::fs::write(place.path("contracts").join("orders.odcs.yaml"), bound).unwrap();
        let config = format!(
            "kafka:\n  brokers: {}\n  client:\n    security.protocol: sasl_ssl\n    ssl.ca.location: {}\n    sasl.mechanism: SCRAM-SHA-512\n\
             validator: {{group: {name}-validator, probe_topic: {name}.probe, batch_age_ms: 100}}\n\
             sink: {{group: {name}-sink, slot_age_ms: 500}}\n",
            place.stand.text("kafka", "sasl_bootstrap"),
            place.stand.text("kafka", "ca"),
            name = place.name,
        );
        std::fs::write(place.path("tidegate.yaml"), config).unwrap();
        let topic = |suffix: &str| NewTopic {
            topic: place.topic(suffix),
            partitions: 1,
            config: Vec::new(),
        };
        let topics = ["", ".validated", ".dlq"].map(topic);
        ClusterClient::connect(&place.everything()).unwrap().create(&topics).unwrap();
        place
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn topic(&self, suffix: &str) -> String {
        format!("{}.orders{suffix}", self.name)
    }

    /// Somebody who may do everything.
    fn everything(&self) -> Settings {
        Settings::plain(self.stand.text("kafka", "bootstrap"))
    }

    /// The list of docs/operate.md but for the transactional ids of the probe.
    fn rights(&self) -> Vec<(&'static str, Vec<Right>)> {
        let (source, validated, dead) = (self.topic(""), self.topic(".validated"), self.topic(".dlq"));
        let topic = |name: &String| ("--topic", name.clone());
        let (group, probe) = (format!("{}-validator", self.name), format!("{}.probe", self.name));
        let scan = ("--group", "tidegate-scan".to_owned());
        vec![
            (
                "validator",
                vec![
                    (&["Read", "DescribeConfigs"], vec![topic(&source)]),
                    (&["Write", "Read", "DescribeConfigs"], vec![topic(&validated), topic(&dead)]),
                    (&["Read"], vec![("--group", group.clone())]),
                    (&["Write"], vec![("--transactional-id", format!("{group}-*"))]),
                    (&["Read", "Write", "DescribeConfigs", "Create"], vec![topic(&probe)]),
                    (&["Describe"], vec![scan.clone()]),
                ],
            ),
            (
                "sink",
                vec![
                    (&["Read", "DescribeConfigs"], vec![topic(&validated)]),
                    (&["Read"], vec![("--group", format!("{}-sink", self.name))]),
                ],
            ),
            (
                "audit",
                vec![
                    (&["Read", "DescribeConfigs"], vec![topic(&source), topic(&validated), topic(&dead)]),
                    (&["Describe"], vec![("--group", group), scan]),
                ],
            ),
        ]
    }

    /// Kafka's own tool gives rights.
    fn give(&self, user: &str, (operations, resources): &Right) {
        let mut command = self.tool("org.apache.kafka.tools.AclCommand");
        command.args(["--add", "--allow-principal", &format!("User:{user}")]);
        for operation in *operations {
            command.args(["--operation", operation]);
        }
        for (option, name) in resources {
            match name.strip_suffix('*') {
                Some(prefix) => command.args([option, prefix, "--resource-pattern-type", "prefixed"]),
                None => command.args([*option, name]),
            };
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{user} {operations:?} {resources:?}: {said}");
    }

    /// What `offsets.retention.minutes` does to a group that nobody used for long.
    fn expire_positions(&self, group: &str) {
        let mut command = self.tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand");
        let output = command.args(["--delete", "--group", group]).output().unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        assert!(output.status.success() && said[0].contains("successful"), "{group}: {said:?}");
    }

    /// One of Kafka's own tools.
    fn tool(&self, main_class: &str) -> Command {
        let mut command = Command::new("java");
        command.args(["-XX:TieredStopAtLevel=1", "-Xmx128m", "-cp"]);
        command.arg(format!("{}/*", self.stand.text("kafka", "libs")));
        command.args([main_class, "--bootstrap-server", self.stand.text("kafka", "bootstrap")]);
        command
    }

    fn env(&self, user: &str) -> Vec<(String, String)> {
        [
            ("TIDEGATE_KAFKA_USERNAME", user.to_owned()),
            ("TIDEGATE_KAFKA_PASSWORD", self.stand.text("kafka", "password").to_owned()),
            ("TIDEGATE_CONTRACTS", self.path("contracts").to_str().unwrap().to_owned()),
            ("TIDEGATE_LAKE", self.path("lake").to_str().unwrap().to_owned()),
            ("TIDEGATE_HTTP", "127.0.0.1:0".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    fn start(&self, role: &str, user: &str) -> Role {
        let config = self.path("tidegate.yaml");
        Role::start(
            self.folder.path(),
            role,
            &[role, "--config", config.to_str().unwrap()],
            &self.env(user),
        )
    }

    /// Signed in by the config alone.
    pub(crate) fn start_with(&self, role: &str, more: &[(&str, &str)]) -> Role {
        let config = self.path("tidegate.yaml");
        let mut env = self.env("");
        env.retain(|(name, _)| !name.starts_with("TIDEGATE_KAFKA_"));
        env.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Role::start(self.folder.path(), role, &[role, "--config", config.to_str().unwrap()], &env)
    }

    fn run(&self, role: &str, user: &str) -> (i32, String) {
        let config = self.path("tidegate.yaml");
        let output = Command::new(executable())
            .args(role.split(' '))
            .args(["--config", config.to_str().unwrap()])
            .envs(self.env(user))
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        (output.status.code().unwrap_or(-1), said.concat())
    }

    /// The example's events, valid and not.
    pub(crate) fn fill(&self) {
        let valid = std::fs::read_dir(root().join("contracts/shop/orders/tests/valid")).unwrap();
        let invalid = std::fs::read_dir(root().join("contracts/shop/orders/tests/invalid")).unwrap();
        let topic: Arc<str> = self.topic("").into();
        let records: Vec<Outgoing> = valid
            .chain(invalid)
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .map(|path| Outgoing {
                to: TopicPartition::new(topic.clone(), 0),
                timestamp: None,
                key: None,
                value: Some(Bytes::from(std::fs::read(path).unwrap())),
                headers: Vec::new(),
            })
            .collect();
        let delivery = RecordWriter::connect(&self.everything()).unwrap().write(&records).unwrap();
        assert!(delivery.delivered > 3);
    }

    pub(crate) fn end(&self, suffix: &str) -> i64 {
        ClusterClient::connect(&self.everything())
            .unwrap()
            .offsets(&self.topic(suffix))
            .unwrap()[0]
            .1
            .0
    }
}

fn has_rows(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|entries| {
        entries
            .map(|entry| entry.unwrap().path())
            .any(|path| path.extension().is_some_and(|extension| extension == "parquet") || has_rows(&path))
    })
}

pub(crate) fn wait(role: &mut Role, what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        role.assert_running();
        assert!(Instant::now() < deadline, "{what}:\n{}", role.tail());
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn the_documented_rights_are_enough() {
    let Some(stand) = Stand::get() else { return };
    let place = Place::new(stand, "rights");
    place.fill();
    // One at a time would take the tool's start each time.
    std::thread::scope(|scope| {
        for (user, rights) in place.rights() {
            let place = &place;
            scope.spawn(move || rights.iter().for_each(|right| place.give(user, right)));
        }
    });
    // The one that is still missing: the mode is not called impossible for it.
    let (code, said) = place.run("validate", "validator");
    assert_eq!(code, 78, "{said}");
    assert!(
        said.contains("probing transactions") && said.contains("docs/operate.md#rights") && !said.contains("at_least_once"),
        "{said}"
    );
    place.give(
        "validator",
        &(&["Write"], vec![("--transactional-id", "tidegate-probe-*".to_owned())]),
    );

    let mut validator = place.start("validate", "validator");
    wait(&mut validator, "outcomes", || place.end(".validated") > 0 && place.end(".dlq") > 0);
    let mut sink = place.start("sink", "sink");
    wait(&mut sink, "rows", || has_rows(&place.path("lake")));
    assert!(validator.stop().success());
    assert!(sink.stop().success());
    let (code, said) = place.run("audit", "audit");
    assert_eq!(code, 0, "{said}");
    // Whoever checks service levels needs what an audit needs.
    let (code, said) = place.run("sla run --once --rule tidegate-completeness", "audit");
    assert!(code == 0 && said.contains("0 records"), "{code} {said}");
    for role in ["validate", "sink"] {
        let log = std::fs::read_to_string(place.path(&format!("{role}.log"))).unwrap();
        assert!(!log.contains("AuthorizationFailed") && !log.contains("TopicAuthorization"), "{log}");
    }
    // Outcome topics hold something by now, and are read where the group has no position: it is told what to do, and not that a right is
    // missing.
    place.expire_positions(&format!("{}-validator", place.name));
    let (code, said) = place.run("validate", "validator");
    assert!(
        code == 78 && said.contains("were judged before") && said.contains("set the group's offsets on purpose"),
        "{code} {said}"
    );
    assert!(!said.contains("no permission") && !said.contains("uthorization"), "{said}");
    // Each role's own credentials are enough for the doctor, which says what it was not let see.
    for (role, unseen) in [("validator", "tidegate.dead-letters".to_owned()), ("sink", place.topic(".dlq"))] {
        let (_, said) = place.run(
            &format!("doctor --role {role} --replication-factor 1 --min-insync-replicas 1"),
            role,
        );
        let told = said.lines().find(|line| line.contains("may not know of them"));
        assert!(told.is_some_and(|told| told.contains(&unseen)), "{said}");
        assert!(!said.contains("lacks") && said.contains("may do what the"), "{said}");
    }
    // And no more than that: who lands does not judge.
    let (code, said) = place.run("validate", "sink");
    assert!(code == 78 && said.contains("no permission"), "{code} {said}");
}

/// As Terraform's identity modules give them: the parked topic among them, a transactional id for each dead-letter topic, and no outcome topic
/// to write.
#[test]
fn an_operator_sends_dead_letters_back_with_no_more_rights_than_that() {
    let Some(stand) = Stand::get() else { return };
    let place = Place::new(stand, "operator");
    let config = std::fs::read_to_string(place.path("tidegate.yaml")).unwrap();
    let state = format!("{}.state", place.name);
    let config = config.replace("batch_age_ms: 100}", "batch_age_ms: 100, retry_topic: \"{topic}.retry\"}");
    std::fs::write(
        place.path("tidegate.yaml"),
        format!("{config}dead_letters: {{state_topic: {state}}}\n"),
    )
    .unwrap();
    let (source, retry, parked, dead) = (place.topic(""), place.topic(".retry"), place.topic(".parked"), place.topic(".dlq"));
    let topics = [(retry.clone(), "delete"), (parked.clone(), "delete"), (state.clone(), "compact")];
    let topics = topics.map(|(topic, policy)| NewTopic {
        topic,
        partitions: 1,
        config: vec![("cleanup.policy".to_owned(), policy.to_owned())],
    });
    ClusterClient::connect(&place.everything()).unwrap().create(&topics).unwrap();
    place.fill();

    let (group, replay) = (format!("{}-validator", place.name), "tidegate-replay");
    let topic = |name: &String| ("--topic", name.clone());
    let operator: Vec<Right> = vec![
        (&["Read", "DescribeConfigs"], vec![topic(&dead), topic(&place.topic(".validated"))]),
        (&["Read", "Write", "DescribeConfigs"], vec![topic(&retry)]),
        (&["Read", "DescribeConfigs"], vec![topic(&state)]),
        (&["Describe"], vec![("--group", group), ("--group", "tidegate-scan".to_owned())]),
        (&["Read"], vec![("--group", format!("{replay}-*"))]),
        (&["Write"], vec![("--transactional-id", format!("{replay}-{dead}"))]),
    ];
    operator.iter().for_each(|right| place.give("operator", right));
    // Rights of the other users are what the other test is about.
    let mut validator = place.start("validate", place.stand.text("kafka", "user"));
    wait(&mut validator, "dead letters", || {
        place.end(".validated") > 0 && place.end(".dlq") > 0
    });
    // Counts that cannot be kept are no success of whoever counts to keep them.
    let (code, said) = place.run("dlq count", "operator");
    assert!(code == 2 && said.contains("dead letters counted now"), "{code} {said}");
    place.give("operator", &(&["Write"], vec![topic(&state)]));
    let (code, said) = place.run("dlq count", "operator");
    assert!(code == 0 && said.contains("dead letters counted now"), "{code} {said}");
    let command = format!("replay --topic {source} --execute --reason rights");
    // What may not be put aside cannot be sent back either: the last right is missing.
    let (code, said) = place.run(&command, "operator");
    assert!(code != 0 && said.contains(&parked), "{code} {said}");
    assert_eq!(place.end(".retry"), 0, "{said}");
    place.give("operator", &(&["Read", "Write", "DescribeConfigs"], vec![topic(&parked)]));
    let mut told = String::new();
    // Refused until the validators have a position in the retry topic.
    wait(&mut validator, "a replay", || {
        let (code, said) = place.run(&command, "operator");
        told = said;
        assert!(!told.contains("no permission") && !told.contains("uthorization"), "{told}");
        code <= 1 && place.end(".retry") > 0
    });
    assert!(told.contains(" sent"), "{told}");
    assert!(validator.stop().success());
}
