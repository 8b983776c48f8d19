//! Every way to reach brokers other than in the clear, against a real Apache Kafka. Needs a stand (`tests/run` starts one); it makes
//! certificates, users and passwords for itself each time.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use tidegate_flow::ports::{Cluster, Consumer, Exchange, NewTopic, Polled, Scan};
use tidegate_flow::record::Outgoing;
use tidegate_flow::{NextOffset, Position, Remedy, TopicPartition, WorldError};
use tidegate_kafka::{ClusterClient, Delivering, GroupExchange, PartitionScan, RecordWriter, Settings, Token, TokenSource, Tokens};

/// The stand's broker, or none: then the test is skipped, which is a failure under CI.
struct Broker(serde_json::Value);

impl Broker {
    fn get() -> Option<Broker> {
        let Ok(stand) = std::env::var("TIDEGATE_STAND") else {
            assert!(
                std::env::var("CI").is_err(),
                "under CI the real broker must be there: run through tests/run"
            );
            println!("SKIPPED: no real broker (TIDEGATE_STAND is not set)");
            return None;
        };
        let stand: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(stand).unwrap()).unwrap();
        Some(Broker(stand["kafka"].clone()))
    }

    fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_else(|| panic!("the stand's broker has no {name}"))
    }

    /// A listener with these properties. A property's value that is a fact of the stand is given by its name.
    fn at(&self, listener: &str, properties: &[(&str, &str)]) -> Settings {
        let mut settings = Settings::plain(self.text(&format!("{listener}_bootstrap")));
        for (property, value) in properties {
            let value = self.0[*value].as_str().unwrap_or(value);
            settings.client.insert((*property).to_owned(), value.to_owned());
        }
        assert_eq!(settings.check(), Ok(()));
        settings
    }

    fn tls(&self) -> Settings {
        self.at("tls", &[("security.protocol", "ssl"), ("ssl.ca.location", "ca")])
    }

    fn password(&self, mechanism: &str, password: &str) -> Settings {
        self.at(
            "sasl",
            &[
                ("security.protocol", "sasl_ssl"),
                ("ssl.ca.location", "ca"),
                ("sasl.mechanism", mechanism),
                ("sasl.username", "user"),
                ("sasl.password", password),
            ],
        )
    }

    fn token(&self, source: impl TokenSource + 'static) -> Settings {
        let mut settings = self.at("oauth", &[("ssl.ca.location", "ca")]);
        settings.tokens = Some(Tokens::from_source(source).unwrap());
        settings
    }
}

/// Unsigned tokens (RFC 7519, section 6), which Kafka's own validator for tests takes; tells each time that it was asked.
struct Unsigned {
    life: Duration,
    /// So many tokens are given; then it fails until `healed`.
    gives: usize,
    healed: Arc<AtomicBool>,
    asked: Sender<()>,
}

impl Unsigned {
    fn new(life: Duration, gives: usize) -> (Unsigned, Receiver<()>) {
        let (asked, told) = channel();
        let healed = Arc::default();
        (
            Unsigned {
                life,
                gives,
                healed,
                asked,
            },
            told,
        )
    }
}

impl TokenSource for Unsigned {
    fn token(&mut self) -> Result<Token, WorldError> {
        let _ = self.asked.send(());
        if self.gives == 0 && !self.healed.load(Ordering::Acquire) {
            return Err(WorldError::new(Remedy::Retry, "the identity service is away"));
        }
        self.gives = self.gives.saturating_sub(1);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let end = now + self.life;
        let claims = format!(r#"{{"sub":"tidegate","iat":{},"exp":{}}}"#, now.as_secs_f64(), end.as_secs_f64());
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        Ok(Token {
            value: format!("{}.{}.", part(r#"{"alg":"none"}"#), part(&claims)),
            principal: "tidegate".to_owned(),
            expires_at: UNIX_EPOCH + end,
            extensions: BTreeMap::from([("logicalCluster".to_owned(), "lkc-1".to_owned())]),
        })
    }
}

fn unique(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn topic(settings: &Settings, name: &str) -> Arc<str> {
    let topic = unique(name);
    let new = NewTopic {
        topic: topic.clone(),
        partitions: 1,
        config: Vec::new(),
    };
    ClusterClient::connect(settings).unwrap().create(&[new]).unwrap();
    topic.into()
}

fn outgoing(topic: &Arc<str>, text: &'static str) -> Outgoing {
    Outgoing {
        to: TopicPartition {
            topic: topic.clone(),
            partition: 0,
        },
        timestamp: None,
        key: None,
        value: Some(Bytes::from_static(text.as_bytes())),
        headers: Vec::new(),
    }
}

/// A worker that has read one record, with its transaction still to come.
fn read_one(settings: &Settings, source: &Arc<str>) -> GroupExchange {
    let delivery = RecordWriter::connect(settings).unwrap().write(&[outgoing(source, "in")]).unwrap();
    assert_eq!(delivery.delivered, 1);
    let transactional = Delivering::Transactional(unique("worker"));
    let mut exchange = GroupExchange::join(settings, "test", &unique("group"), std::slice::from_ref(source), transactional).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        assert!(Instant::now() < deadline, "the record does not come");
        match exchange.poll(10, Duration::from_millis(100)).unwrap() {
            Polled::Assigned(partitions) => {
                let front: Vec<_> = partitions.into_iter().map(|at| (at, NextOffset(0))).collect();
                exchange.start(&front).unwrap();
            }
            Polled::Records(records) if records.len() == 1 => return exchange,
            Polled::Records(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Publishes an outcome together with the source position, and reads both back.
fn publish(settings: &Settings, mut exchange: GroupExchange, source: &Arc<str>) {
    let out = topic(settings, "secure-out");
    let position = Position {
        at: TopicPartition::new(source.clone(), 0),
        next: NextOffset(1),
        metadata: String::new(),
    };
    exchange.begin().unwrap();
    assert_eq!(exchange.send(vec![outgoing(&out, "out")]).unwrap().delivered, 1);
    exchange.send_offsets(std::slice::from_ref(&position)).unwrap();
    exchange.commit_transaction().unwrap();
    let committed = exchange.committed(std::slice::from_ref(&position.at)).unwrap();
    assert_eq!(committed[0].next, Some(NextOffset(1)));
    let end = ClusterClient::connect(settings).unwrap().offsets(&out).unwrap()[0].1;
    let records = PartitionScan::connect(settings)
        .unwrap()
        .scan(&TopicPartition::new(out.clone(), 0), NextOffset(0), end, 10)
        .unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].value.as_deref(), Some(&b"out"[..]));
    exchange.close();
}

/// Topics, producing, consuming, a transaction with positions, reading back.
fn assert_works(settings: &Settings) {
    let source = topic(settings, "secure-source");
    publish(settings, read_one(settings, &source), &source);
}

/// Neither question nor producer gets through, soon, with an error for somebody to mend that says all of `named`.
fn assert_kept_out(settings: &Settings, named: &[&str]) {
    let begun = Instant::now();
    let mut cluster = ClusterClient::connect(settings).unwrap();
    let asked = cluster.topics(&["any".into()]).unwrap_err();
    let transactional = Delivering::Transactional(unique("kept-out"));
    let joined = GroupExchange::join(settings, "test", &unique("group"), &["any".into()], transactional).unwrap_err();
    for error in [asked, joined] {
        println!("{error}");
        assert_eq!(error.remedy, Remedy::Operator, "{error}");
        for part in named {
            assert!(error.what.contains(part), "`{part}` is not in: {error}");
        }
        for secret in ["hunter2", "sasl.password"] {
            assert!(!error.what.contains(secret), "{error}");
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[test]
fn tls() {
    let Some(broker) = Broker::get() else { return };
    assert_works(&broker.tls());
}

#[test]
fn mutual_tls() {
    let Some(broker) = Broker::get() else { return };
    let mut settings = broker.at(
        "mtls",
        &[
            ("security.protocol", "ssl"),
            ("ssl.ca.location", "ca"),
            ("ssl.certificate.location", "client_certificate"),
            ("ssl.key.location", "client_key"),
        ],
    );
    assert_works(&settings);
    for (property, fact) in [
        ("ssl.certificate.location", "intruder_certificate"),
        ("ssl.key.location", "intruder_key"),
    ] {
        settings.client.insert(property.into(), broker.text(fact).into());
    }
    assert_kept_out(&settings, &["no trusted connection to the brokers", "ssl.certificate.location"]);
    settings.client.remove("ssl.certificate.location");
    settings.client.remove("ssl.key.location");
    assert_kept_out(&settings, &["no trusted connection to the brokers", "ssl.certificate.location"]);
}

#[test]
fn sasl_plain() {
    let Some(broker) = Broker::get() else { return };
    assert_works(&broker.password("PLAIN", "password"));
    assert_kept_out(
        &broker.password("PLAIN", "hunter2"),
        &["do not let us in", "TIDEGATE_KAFKA_PASSWORD"],
    );
}

#[test]
fn sasl_scram_256() {
    let Some(broker) = Broker::get() else { return };
    assert_works(&broker.password("SCRAM-SHA-256", "password"));
    assert_kept_out(
        &broker.password("SCRAM-SHA-256", "hunter2"),
        &["do not let us in", "TIDEGATE_KAFKA_PASSWORD"],
    );
}

#[test]
fn sasl_scram_512() {
    let Some(broker) = Broker::get() else { return };
    assert_works(&broker.password("SCRAM-SHA-512", "password"));
    assert_kept_out(
        &broker.password("SCRAM-SHA-512", "hunter2"),
        &["do not let us in", "TIDEGATE_KAFKA_PASSWORD"],
    );
}

#[test]
fn a_mechanism_that_the_brokers_do_not_have() {
    let Some(broker) = Broker::get() else { return };
    let mut settings = broker.password("PLAIN", "password");
    settings.brokers = broker.text("oauth_bootstrap").to_owned();
    assert_kept_out(&settings, &["the brokers sign in differently", "`sasl.mechanism`"]);
}

#[test]
fn a_certificate_of_an_unknown_authority() {
    let Some(broker) = Broker::get() else { return };
    let mut settings = broker.tls();
    settings.client.insert("ssl.ca.location".into(), broker.text("stranger_ca").into());
    assert_kept_out(&settings, &["no trusted connection to the brokers", "ssl.ca.location"]);
    settings.client.remove("ssl.ca.location");
    assert_kept_out(&settings, &["no trusted connection to the brokers", "ssl.ca.location"]);
}

#[test]
fn a_certificate_for_another_name() {
    let Some(broker) = Broker::get() else { return };
    let mut settings = broker.tls();
    // The certificate is for the address only.
    settings.brokers = settings.brokers.replace("127.0.0.1", "localhost");
    assert_kept_out(&settings, &["no trusted connection to the brokers", "the names in `kafka.brokers`"]);
}

/// OpenSSL's own configuration allows everything, in a process of its own since it is read once: only our suites stand between.
#[test]
fn tls_before_1_2_is_not_spoken_whatever_openssl_is_told() {
    const CHILD: &str = "TIDEGATE_TEST_LAX_OPENSSL";
    let Some(broker) = Broker::get() else { return };
    if std::env::var(CHILD).is_ok() {
        let settings = broker.at("oldtls", &[("security.protocol", "ssl"), ("ssl.ca.location", "ca")]);
        assert_kept_out(&settings, &["no trusted connection to the brokers", "TLS 1.2 or newer"]);
        // The listener is there, and a client without our suites gets in.
        let lax: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &settings.brokers)
            .set("security.protocol", "ssl")
            .set("ssl.ca.location", broker.text("ca"))
            .create()
            .unwrap();
        lax.fetch_metadata(None, Duration::from_secs(10))
            .expect("the listener speaks TLS 1.1");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("openssl.cnf");
    let text = "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nMinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n";
    std::fs::write(&config, text).unwrap();
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tls_before_1_2_is_not_spoken_whatever_openssl_is_told", "--nocapture"])
        .env(CHILD, "1")
        .env("OPENSSL_CONF", &config)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr]
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .concat();
    assert!(output.status.success(), "{said}");
}

#[test]
fn sasl_oauthbearer() {
    let Some(broker) = Broker::get() else { return };
    let (source, _) = Unsigned::new(Duration::from_secs(600), usize::MAX);
    assert_works(&broker.token(source));
}

#[test]
fn a_token_service_that_refuses_is_told_before_anything_is_asked() {
    let Some(broker) = Broker::get() else { return };
    let (source, _) = Unsigned::new(Duration::from_secs(600), 0);
    let error = ClusterClient::connect(&broker.token(source)).unwrap_err();
    assert_eq!(error.remedy, Remedy::Retry);
    assert!(error.what.contains("the identity service is away"), "{error}");
}

/// Nobody polls while tokens end one after another and the brokers want to see a new one every three seconds.
#[test]
fn an_idle_client_stays_signed_in() {
    let Some(broker) = Broker::get() else { return };
    let life = Duration::from_secs(4);
    let (source, asked) = Unsigned::new(life, usize::MAX);
    let settings = broker.token(source);
    let topic = topic(&settings, "secure-idle");
    let exchange = read_one(&settings, &topic);
    let mut cluster = ClusterClient::connect(&settings).unwrap();
    let begun = Instant::now();
    while begun.elapsed() < 2 * life {
        asked
            .recv_timeout(life)
            .expect("it is asked for the next token before this one ends");
    }
    assert_eq!(cluster.topics(std::slice::from_ref(&topic)).unwrap().len(), 1);
    publish(&settings, exchange, &topic);
}

/// The same without new tokens: the brokers end the session, and the client says why.
#[test]
fn without_a_new_token_the_session_ends() {
    let Some(broker) = Broker::get() else { return };
    let life = Duration::from_secs(4);
    let (source, asked) = Unsigned::new(life, 1);
    let settings = broker.token(source);
    let mut cluster = ClusterClient::connect(&settings).unwrap();
    assert!(cluster.topics(&["any".into()]).unwrap().is_empty());
    let begun = Instant::now();
    while begun.elapsed() < life {
        asked.recv_timeout(2 * life).expect("it is asked again after a failure");
    }
    let error = cluster.topics(&["any".into()]).unwrap_err();
    assert!(error.what.contains("do not let us in"), "{error}");
    assert!(
        ClusterClient::connect(&settings).is_err(),
        "a new client must not begin with a token that has ended"
    );
}

/// A running member is kept out while there are no tokens, says so, and goes on by itself.
#[test]
fn a_member_waits_out_an_identity_service_that_is_away() {
    let Some(broker) = Broker::get() else { return };
    let (source, _asked) = Unsigned::new(Duration::from_secs(8), 1);
    let healed = source.healed.clone();
    let settings = broker.token(source);
    let clear = Settings::plain(broker.text("bootstrap"));
    let topic = topic(&clear, "secure-away");
    let mut member = read_one(&settings, &topic);
    let deadline = Instant::now() + Duration::from_secs(60);
    let (mut told, mut seen) = (None, 0);
    while seen == 0 {
        assert!(Instant::now() < deadline, "told: {told:?}");
        match member.poll(10, Duration::from_millis(100)) {
            Ok(Polled::Records(records)) => seen += records.len(),
            Ok(other) => panic!("it keeps its partition, the session is longer than this: {other:?}"),
            Err(error) if told.is_none() && error.what.contains("do not let us in") => {
                assert_eq!(error.remedy, Remedy::Retry, "{error}");
                assert!(error.what.contains("no new token: the identity service is away"), "{error}");
                RecordWriter::connect(&clear).unwrap().write(&[outgoing(&topic, "later")]).unwrap();
                healed.store(true, Ordering::Release);
                told = Some(error.what);
            }
            Err(error) => assert_eq!(error.remedy, Remedy::Retry, "{error}"),
        }
    }
    assert!(told.is_some(), "it was never kept out");
    publish(&settings, member, &topic);
}
