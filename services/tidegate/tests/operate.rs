//! `tidegate topics` and `tidegate doctor` on a real Apache Kafka and an S3 server.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "operate/documents.rs"]
mod documents;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

/// A deployment's own corner of the stand: contracts that bind one topic, and a config.
struct Place {
    stand: Value,
    folder: tempfile::TempDir,
    name: String,
}

fn stand() -> Option<Value> {
    let Ok(path) = std::env::var("TIDEGATE_STAND") else {
        assert!(
            std::env::var("CI").is_err(),
            "under CI the real servers must be there: run through tests/run"
        );
        eprintln!("SKIPPED: no real servers (TIDEGATE_STAND is not set); run through tests/run");
        return None;
    };
    Some(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

impl Place {
    fn new(stand: Value) -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let place = Place {
            stand,
            folder: tempfile::tempdir().unwrap(),
            name: format!("operate-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)),
        };
        place.bind("contracts", &place.topic(""));
        place.config("");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn topic(&self, suffix: &str) -> String {
        format!("{}.orders{suffix}", self.name)
    }

    fn kafka(&self, name: &str) -> &str {
        self.stand["kafka"][name].as_str().unwrap()
    }

    /// Contracts in a folder that bind this topic.
    fn bind(&self, folder: &str, topic: &str) {
        let contract = std::fs::read_to_string(root().join("contracts/shop/orders/v1.odcs.yaml")).unwrap();
        let bound = contract.replace("physicalName: orders\n", &format!("physicalName: {topic}\n"));
        assert_ne!(contract, bound);
        std::fs::create_dir_all(self.path(folder)).unwrap();
        std::fs::write(self.path(folder).join("orders.odcs.yaml"), bound).unwrap();
    }

    /// The config, with more of it.
    fn config(&self, more: &str) {
        let name = &self.name;
        let text = format!(
            "validator: {{group: {name}-validator, probe_topic: {name}.probe, retry_topic: \"{{topic}}.retry\"}}\nsink: {{group: {name}-sink}}\n\
             dead_letters: {{state_topic: {name}.state}}\n{more}"
        );
        std::fs::write(self.path("tidegate.yaml"), text).unwrap();
    }

    /// Runs a command to its end. Brokers are those in the clear unless the arguments or variables say others.
    fn run(&self, args: &[&str], env: &[(&str, &str)]) -> (i32, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .args(args)
            .arg("--config")
            .arg(self.path("tidegate.yaml"))
            .env_remove("TIDEGATE_PROFILE")
            .env("TIDEGATE_CONTRACTS", self.path("contracts"))
            .env("TIDEGATE_BROKERS", self.kafka("bootstrap"))
            .env("TIDEGATE_LOG_LEVEL", "error")
            .envs(env.iter().copied())
            .output()
            .unwrap();
        (output.status.code().unwrap_or(-1), text(&output))
    }

    /// The same on topics of one broker: one copy each.
    fn topics(&self, args: &[&str]) -> (i32, String) {
        let one = ["topics"].into_iter().chain(args.iter().copied());
        let args: Vec<&str> = one.chain(["--replication-factor", "1", "--min-insync-replicas", "1"]).collect();
        self.run(&args, &[])
    }

    fn doctor(&self, args: &[&str], env: &[(&str, &str)]) -> (i32, String) {
        let args: Vec<&str> = ["doctor", "--replication-factor", "1", "--min-insync-replicas", "1"]
            .into_iter()
            .chain(args.iter().copied())
            .collect();
        self.run(&args, env)
    }

    /// A lake on the stand's S3 server.
    fn lake(&self) -> Vec<(&str, String)> {
        let s3 = |name: &str| self.stand["s3"][name].as_str().unwrap().to_owned();
        vec![
            ("TIDEGATE_LAKE", format!("s3://{}/{}", s3("bucket"), self.name)),
            ("AWS_ENDPOINT_URL", s3("endpoint")),
            ("AWS_REGION", s3("region")),
            ("AWS_ACCESS_KEY_ID", s3("access_key")),
            ("AWS_SECRET_ACCESS_KEY", s3("secret_key")),
        ]
    }

    fn java(&self, main_class: &str) -> Command {
        let mut command = Command::new("java");
        command.args(["-XX:TieredStopAtLevel=1", "-Xmx128m", "-cp"]);
        command.arg(format!("{}/*", self.kafka("libs")));
        command.args([main_class, "--bootstrap-server", self.kafka("bootstrap")]);
        command
    }
}

#[test]
fn topics_are_planned_made_and_then_there_is_nothing_to_do() {
    let Some(stand) = stand() else { return };
    let place = Place::new(stand);
    let (code, said) = place.topics(&["check"]);
    assert!(
        code == 1 && said.contains(&format!("wrong: {}: does not exist", place.topic(".dlq"))),
        "{code} {said}"
    );
    let (code, plan) = place.topics(&["apply", "--partitions", "3"]);
    assert!(
        code == 1 && plan.contains("would: ") && plan.contains("7 changes; make them with --execute"),
        "{code} {plan}"
    );
    assert_eq!(place.topics(&["check"]).0, 1, "a plan changes nothing");
    let (code, said) = place.topics(&["apply", "--partitions", "3", "--execute"]);
    assert!(code == 0 && said.contains("7 changes made"), "{code} {said}");
    // What is there wins over what is only a default: no --partitions any more.
    for args in [&["apply", "--execute"][..], &["apply"]] {
        let (code, said) = place.topics(args);
        assert!(code == 0 && said.contains("nothing to do: 7 topics"), "{args:?}: {code} {said}");
    }
    let (code, said) = place.topics(&["check", "--output", "json"]);
    let document: Value = serde_json::from_str(&said).unwrap();
    assert!(code == 0 && document["clean"] == true && document["topics"] == 7, "{said}");

    // Raised, each change with before and after; and never lowered.
    let (code, said) = place.topics(&["check", "--retention", "8d"]);
    assert!(code == 1 && said.contains("retention.ms=604800000 and needs 691200000"), "{said}");
    let (code, said) = place.topics(&["apply", "--retention", "8d", "--execute", "--output", "json"]);
    let document: Value = serde_json::from_str(&said).unwrap();
    let raised = document["changes"].as_array().unwrap();
    assert!(
        code == 0 && raised.len() == 5 && raised.iter().all(|change| change["done"] == true),
        "{said}"
    );
    assert_eq!(
        raised[0]["step"]["set"],
        serde_json::json!({"key": "retention.ms", "before": "604800000", "after": "691200000"})
    );
    for lower in ["8d", "1d"] {
        let (code, said) = place.topics(&["apply", "--retention", lower, "--execute"]);
        assert!(code == 0 && said.contains("nothing to do"), "{lower}: {said}");
    }
    // Other settings are where they were: one that is set alone must not put the others back.
    assert_eq!(place.topics(&["check", "--retention", "8d"]).0, 0);
}

#[test]
fn partitions_of_a_source_are_added_only_on_purpose() {
    let Some(stand) = stand() else { return };
    let place = Place::new(stand);
    assert_eq!(place.topics(&["apply", "--partitions", "2", "--execute"]).0, 0);
    place.config(&format!("topics: {{sources: {{{}: {{partitions: 4}}}}}}\n", place.topic("")));
    let (code, said) = place.topics(&["apply", "--execute"]);
    assert!(
        code == 1 && said.contains("order of a key's events is lost") && said.contains("--widen-sources"),
        "{code} {said}"
    );
    assert!(!said.contains("done: "), "outcomes stay as many as the source has: {said}");
    let (code, said) = place.topics(&["apply", "--execute", "--widen-sources"]);
    assert!(code == 0 && said.matches("partitions 2 -> 4").count() == 5, "{code} {said}");
    assert_eq!(place.topics(&["check"]).0, 0);
    // Fewer cannot be.
    place.config(&format!("topics: {{sources: {{{}: {{partitions: 3}}}}}}\n", place.topic("")));
    let (code, said) = place.topics(&["apply", "--execute"]);
    assert!(
        code == 0 && said.contains("cannot be taken away") && said.contains("nothing to do"),
        "{code} {said}"
    );
}

#[test]
fn what_the_brokers_refuse_is_said_in_their_words_with_the_fix() {
    let Some(stand) = stand() else { return };
    let place = Place::new(stand);
    let (code, said) = place.run(&["topics", "apply", "--execute"], &[]);
    assert!(
        code == 2 && said.contains("fewer brokers than copies") && said.contains("0 of 7 changes"),
        "{code} {said}"
    );
    let (code, said) = place.run(&["topics", "check"], &[("TIDEGATE_BROKERS", "127.0.0.1:1")]);
    assert!(code == 2 && said.contains("error: "), "{code} {said}");
}

#[test]
fn the_script_makes_what_the_check_wants() {
    let Some(stand) = stand() else { return };
    let place = Place::new(stand);
    let (code, script) = place.topics(&["render", "--to", "script"]);
    assert_eq!(code, 0, "{script}");
    std::fs::write(place.path("topics.sh"), script).unwrap();
    let tool = format!(
        "#!/bin/sh\nexec java -XX:TieredStopAtLevel=1 -Xmx128m -cp '{}/*' org.apache.kafka.tools.TopicCommand \"$@\"\n",
        place.kafka("libs")
    );
    std::fs::write(place.path("kafka-topics.sh"), tool).unwrap();
    assert!(
        Command::new("chmod")
            .arg("+x")
            .arg(place.path("kafka-topics.sh"))
            .status()
            .unwrap()
            .success()
    );
    let made = Command::new("bash")
        .arg(place.path("topics.sh"))
        .env("BOOTSTRAP", place.kafka("bootstrap"))
        .env("KAFKA_TOPICS", place.path("kafka-topics.sh"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made));
    let (code, said) = place.topics(&["check"]);
    assert!(code == 0 && said.contains("7 topics are as they should be"), "{code} {said}");
}

/// Terraform with the provider that the machine has built, see `infra/terraform/tests/check.py`.
#[test]
fn terraform_takes_what_is_rendered() {
    let folder = tempfile::tempdir().unwrap();
    let cache = std::env::var("TIDEGATE_CACHE")
        .map(PathBuf::from)
        .unwrap_or_else(|_| PathBuf::from(std::env::var("HOME").unwrap()).join(".cache/tidegate"));
    let plugins = cache.join("terraform/plugins");
    let has_terraform = Command::new("terraform").arg("version").output().is_ok();
    for (profile, provider) in [
        ("eventhubs-standard", "hashicorp/azurerm"),
        ("eventhubs-premium", "hashicorp/azurerm"),
        ("msk", "hashicorp/aws"),
        ("msk-serverless", "hashicorp/aws"),
        ("kafka", "Mongey/kafka"),
        ("confluent", "confluentinc/confluent"),
    ] {
        let place = folder.path().join(profile);
        std::fs::create_dir_all(place.join("contracts")).unwrap();
        std::fs::copy(
            root().join("contracts/shop/orders/v1.odcs.yaml"),
            place.join("contracts/orders.odcs.yaml"),
        )
        .unwrap();
        let rendered = Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .args([
                "topics",
                "render",
                "--to",
                "terraform",
                "--profile",
                profile,
                "--mode",
                "at_least_once",
                "--contracts",
            ])
            .arg(place.join("contracts"))
            .env("TIDEGATE_LOG_LEVEL", "error")
            .output()
            .unwrap();
        assert!(rendered.status.success(), "{profile}: {}", text(&rendered));
        std::fs::write(place.join("topics.tf"), &rendered.stdout).unwrap();
        if !has_terraform {
            eprintln!("SKIPPED: terraform is not there");
            continue;
        }
        let formatted = Command::new("terraform")
            .args(["fmt", "-check", "-diff"])
            .current_dir(&place)
            .output()
            .unwrap();
        assert!(formatted.status.success(), "{profile}: {}", text(&formatted));
        // The AWS provider at hand is older than its resource of topics.
        if provider == "hashicorp/aws" || !plugins.join("registry.terraform.io").join(provider).exists() {
            eprintln!("SKIPPED: terraform validate of {profile}: no provider {provider} with such a resource on this machine");
            continue;
        }
        let terraform = |args: &[&str]| {
            let output = Command::new("terraform")
                .args(args)
                .env("TF_CLI_CONFIG_FILE", "/dev/null")
                .env("CHECKPOINT_DISABLE", "1")
                .current_dir(&place)
                .output()
                .unwrap();
            assert!(output.status.success(), "{profile} {args:?}: {}", text(&output));
        };
        terraform(&["init", "-input=false", &format!("-plugin-dir={}", plugins.display())]);
        terraform(&["validate"]);
    }
}

#[test]
fn what_a_platform_cannot_hold_is_refused_before_anybody_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let render = |more: &[&str], config: &str| {
        std::fs::write(folder.path().join("tidegate.yaml"), config).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .args(["topics", "render", "--to", "script", "--config"])
            .arg(folder.path().join("tidegate.yaml"))
            .arg("--contracts")
            .arg(root().join("contracts"))
            .args(more)
            .env("TIDEGATE_LOG_LEVEL", "error")
            .env_remove("TIDEGATE_BROKERS")
            .output()
            .unwrap();
        (output.status.code().unwrap(), text(&output))
    };
    let plain = "kafka: {client: {sasl.mechanism: PLAIN}}\nvalidator: {mode: at_least_once, retry_topic: \"{topic}.retry\"}\n";
    let (code, said) = render(&["--profile", "eventhubs-standard"], plain);
    assert!(
        code == 1 && said.contains("topics are needed and Event Hubs Standard takes 10"),
        "{code} {said}"
    );
    let (code, said) = render(&["--profile", "eventhubs-standard", "--mode", "exactly_once"], plain);
    assert!(
        code == 2 && said.contains("validator.mode: exactly_once needs Kafka transactions"),
        "{code} {said}"
    );
    let (code, said) = render(&["--profile", "kinesis"], plain);
    assert!(code == 2 && said.contains("msk-serverless"), "{code} {said}");
}

#[test]
fn a_deployment_that_is_well_is_told_so() {
    let Some(stand) = stand() else { return };
    let place = Place::new(stand);
    assert_eq!(place.topics(&["apply", "--partitions", "2", "--execute"]).0, 0);
    let lake = place.lake();
    let registry = place.stand["registry"]["url"].as_str().map(str::to_owned);
    let mut env: Vec<(&str, &str)> = lake.iter().map(|(name, value)| (*name, value.as_str())).collect();
    env.extend(registry.as_deref().map(|url| ("TIDEGATE_REGISTRY", url)));
    for _ in 0..2 {
        let (code, said) = place.doctor(&[], &env);
        assert!(code == 0 && said.contains("nothing is wrong"), "{code} {said}");
        for line in [
            "7 topics are as they should be",
            "transactions hold",
            "the lake lists, writes, creates only once, and reads",
            "clock agrees",
            "has not begun",
            "these credentials may do what the validator, the sink, the audit needs",
        ] {
            assert!(said.contains(line), "{line}: {said}");
        }
    }
    let (code, said) = place.doctor(&["--output", "json"], &env);
    let document: Value = serde_json::from_str(&said).unwrap();
    assert!(code == 0 && document["wrong"] == 0 && document["version"] == 1, "{said}");
    assert!(document["checks"].as_array().unwrap().iter().all(|check| check["state"] != "wrong"));
}

#[test]
fn each_breakage_gives_its_line() {
    let Some(stand) = stand() else { return };
    let place = Place::new(stand);
    let wrong = |said: &str, check: &str, part: &str| {
        let hit = said
            .lines()
            .find(|line| line.starts_with("wrong ") && line.split_whitespace().nth(1) == Some(check) && line.contains(part));
        let hit = hit.unwrap_or_else(|| panic!("no wrong line of {check} with {part}:\n{said}"));
        assert!(hit.contains("; fix: "), "{hit}");
    };
    // A dead-letter topic that somebody made with one partition; the others are missing.
    place.bind("odd", &place.topic(".dlq"));
    let odd = place.path("odd");
    let made = [
        "topics",
        "apply",
        "--execute",
        "--partitions",
        "1",
        "--replication-factor",
        "1",
        "--min-insync-replicas",
        "1",
    ];
    assert_eq!(place.run(&made, &[("TIDEGATE_CONTRACTS", odd.to_str().unwrap())]).0, 0);
    let (code, said) = place.doctor(&["--partitions", "3"], &[]);
    assert_eq!(code, 1, "{said}");
    wrong(&said, "topics", &format!("{} has 1 partitions and needs 3", place.topic(".dlq")));
    wrong(&said, "topics", &format!("{} does not exist", place.topic(".validated")));

    let (code, said) = place.doctor(&[], &[("TIDEGATE_BROKERS", "127.0.0.1:1")]);
    assert_eq!(code, 1, "{said}");
    wrong(&said, "network", "127.0.0.1:1 refuses connections");
    assert!(said.contains("not checked: no broker is reached"), "{said}");
    let (_, said) = place.doctor(&[], &[("TIDEGATE_BROKERS", "no-such-host.invalid:9092")]);
    wrong(&said, "network", "no-such-host.invalid leads to no address");

    // TLS where none is spoken, and the other way round.
    let tls = format!(
        "kafka: {{client: {{security.protocol: ssl, ssl.ca.location: {}}}}}\n",
        place.kafka("ca")
    );
    place.config(&tls);
    let (_, said) = place.doctor(&["--timeout", "15"], &[]);
    wrong(&said, "tls", "TLS is not spoken there");
    let (_, said) = place.doctor(&[], &[("TIDEGATE_BROKERS", place.kafka("tls_bootstrap"))]);
    assert!(
        said.contains("the certificate of") && said.contains("the brokers let us in"),
        "{said}"
    );

    // A user who is known, with another password.
    let sasl = format!(
        "kafka: {{client: {{security.protocol: sasl_ssl, ssl.ca.location: {}, sasl.mechanism: SCRAM-SHA-512}}}}\n",
        place.kafka("ca")
    );
    place.config(&sasl);
    let signed = |user: &'static str, password: &str| {
        vec![
            ("TIDEGATE_BROKERS", place.kafka("sasl_bootstrap").to_owned()),
            ("TIDEGATE_KAFKA_USERNAME", user.to_owned()),
            ("TIDEGATE_KAFKA_PASSWORD", password.to_owned()),
        ]
    };
    let env = signed("sink", "hunter2");
    let (code, said) = place.doctor(&[], &env.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>());
    assert_eq!(code, 1, "{said}");
    wrong(&said, "sign-in", "the brokers do not let us in");
    assert!(!said.contains("hunter2"), "{said}");

    // All topics are there, and the user may only read.
    place.config("");
    assert_eq!(place.topics(&["apply", "--execute", "--partitions", "1"]).0, 0);
    place.config(&sasl);
    let mut give = place.java("org.apache.kafka.tools.AclCommand");
    give.args([
        "--add",
        "--allow-principal",
        "User:sink",
        "--operation",
        "Read",
        "--operation",
        "DescribeConfigs",
    ]);
    give.args(["--topic", &place.name, "--resource-pattern-type", "prefixed"]);
    let given = give.output().unwrap();
    assert!(given.status.success(), "{}", text(&given));
    let env = signed("sink", place.kafka("password"));
    let (code, said) = place.doctor(
        &["--role", "validator"],
        &env.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>(),
    );
    assert_eq!(code, 1, "{said}");
    wrong(
        &said,
        "rights",
        &format!("the validator lacks WRITE on topic {}", place.topic(".validated")),
    );
    wrong(
        &said,
        "rights",
        &format!("the validator lacks READ on group {}-validator", place.name),
    );
    wrong(&said, "rights", "cannot open transactional ids");
    assert!(said.contains("--operation Write --topic"), "{said}");

    // A bucket that is not there.
    place.config("");
    let mut lake = place.lake();
    lake[0].1 = "s3://no-such-bucket/x".to_owned();
    let (code, said) = place.doctor(&[], &lake.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>());
    assert_eq!(code, 1, "{said}");
    wrong(&said, "store", "list fails");

    // Contracts that do not load; the rest is looked at all the same.
    std::fs::write(place.path("contracts/orders.odcs.yaml"), "kind: DataContract\n").unwrap();
    let (code, said) = place.doctor(&[], &[]);
    assert_eq!(code, 1, "{said}");
    wrong(&said, "contracts", "do not load");
    assert!(
        said.contains("the brokers let us in") && said.contains("nobody knows which topics"),
        "{said}"
    );
}
