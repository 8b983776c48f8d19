use super::*;

/// What is configured, as a table's row says it.
struct Row {
    brokers: &'static str,
    client: &'static [(&'static str, &'static str)],
    tokens: Option<&'static str>,
    exactly_once: bool,
}

const MSK: &str = "b-1.orders.x1y2z3.c2.kafka.eu-north-1.amazonaws.com";
const HUBS: &str = "shop.servicebus.windows.net:9093";
const PLAIN: &[(&str, &str)] = &[("sasl.mechanism", "PLAIN"), ("security.protocol", "sasl_ssl")];
const SCRAM: &[(&str, &str)] = &[("sasl.mechanism", "SCRAM-SHA-512")];

fn decided(platform: Platform, row: &Row) -> Decision {
    let client = row
        .client
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let said = Said {
        brokers: row.brokers,
        client: &client,
        tokens: row.tokens,
        exactly_once: row.exactly_once,
        groups: &["tidegate-validator"],
    };
    decide(platform, &said)
}

fn row(brokers: &'static str, client: &'static [(&'static str, &'static str)], tokens: Option<&'static str>) -> Row {
    Row {
        brokers,
        client,
        tokens,
        exactly_once: false,
    }
}

#[test]
fn what_the_documentation_shows_is_taken() {
    let msk = |port: u16| Box::leak(format!("{MSK}:{port}").into_boxed_str()) as &'static str;
    for (platform, row) in [
        (Platform::Kafka, row("localhost:9092", &[], None)),
        (Platform::Kafka, row("kafka:9093", &[("security.protocol", "ssl")], None)),
        (Platform::Msk, row(msk(9098), &[], Some("msk_iam"))),
        (Platform::Msk, row(msk(9198), &[], Some("msk_iam"))),
        (Platform::Msk, row(msk(14007), &[], Some("msk_iam"))),
        (Platform::Msk, row(msk(9096), SCRAM, None)),
        (
            Platform::Msk,
            row(msk(9094), &[("ssl.certificate.location", "/x"), ("ssl.key.location", "/y")], None),
        ),
        (
            Platform::MskServerless,
            row("boot-a.c2.kafka-serverless.eu-north-1.amazonaws.com:9098", &[], Some("msk_iam")),
        ),
        (Platform::EventHubsStandard, row(HUBS, &[], Some("entra"))),
        (
            Platform::EventHubsPremium,
            row(HUBS, &[("sasl.mechanism", "PLAIN"), ("compression.type", "gzip")], None),
        ),
        (
            Platform::Confluent,
            row("pkc-1.europe-north1.gcp.confluent.cloud:9092", PLAIN, None),
        ),
        (
            Platform::Confluent,
            row("pkc-1.europe-north1.gcp.confluent.cloud:9092", &[], Some("oidc")),
        ),
        (Platform::EventHubsPremium, row("", &[], Some("entra"))),
    ] {
        assert_eq!(decided(platform, &row).refused, [], "{platform:?} {} {:?}", row.brokers, row.client);
    }
}

#[test]
fn each_wrong_setting_is_refused_by_its_key() {
    let msk9098: &'static str = "b-1.orders.x1y2z3.c2.kafka.eu-north-1.amazonaws.com:9098";
    let table: &[(Platform, Row, &str, &str)] = &[
        (
            Platform::Kafka,
            row("k:9092", &[("security.protocol", "SASL_PLAINTEXT")], None),
            "kafka.client.security.protocol",
            "readable",
        ),
        (
            Platform::Msk,
            row(msk9098, &[("security.protocol", "plaintext")], None),
            "kafka.client.security.protocol",
            "TLS only",
        ),
        (
            Platform::Msk,
            row("b-1.x.kafka.eu-north-1.amazonaws.com:9092", &[], Some("msk_iam")),
            "kafka.brokers",
            "9098",
        ),
        (
            Platform::Msk,
            row("b-1.x.kafka.eu-north-1.amazonaws.com:9098", SCRAM, None),
            "kafka.brokers",
            "SCRAM at 9096",
        ),
        (
            Platform::Msk,
            row("b-1.x.kafka.eu-north-1.amazonaws.com", &[], Some("msk_iam")),
            "kafka.brokers",
            "no port",
        ),
        (
            Platform::Msk,
            row(msk9098, PLAIN, None),
            "kafka.client.sasl.mechanism",
            "SCRAM-SHA-512",
        ),
        (
            Platform::Msk,
            row(
                "b-1.x.kafka.eu-north-1.amazonaws.com:9096",
                &[("sasl.mechanism", "SCRAM-SHA-256")],
                None,
            ),
            "kafka.client.sasl.mechanism",
            "SCRAM-SHA-512",
        ),
        (Platform::Msk, row(msk9098, &[], Some("entra")), "kafka.auth.kind", "msk_iam"),
        (
            Platform::Msk,
            row("b-1.x.kafka.eu-north-1.amazonaws.com:9094", &[], None),
            "kafka.auth.kind",
            "nobody signs in",
        ),
        (
            Platform::Msk,
            row(HUBS, &[], Some("msk_iam")),
            "kafka.brokers",
            "eventhubs-standard",
        ),
        (
            Platform::Msk,
            row("boot-a.c2.kafka-serverless.eu-north-1.amazonaws.com:9098", &[], Some("msk_iam")),
            "kafka.brokers",
            "msk-serverless",
        ),
        (
            Platform::MskServerless,
            row("boot-a.c2.kafka-serverless.eu-north-1.amazonaws.com:9096", SCRAM, None),
            "kafka.auth.kind",
            "nothing else",
        ),
        (
            Platform::MskServerless,
            row("boot-a.c2.kafka-serverless.eu-north-1.amazonaws.com:9096", &[], Some("msk_iam")),
            "kafka.brokers",
            "9098",
        ),
        (
            Platform::EventHubsStandard,
            row("shop.servicebus.windows.net:9092", &[], Some("entra")),
            "kafka.brokers",
            "9093",
        ),
        (
            Platform::EventHubsStandard,
            row(HUBS, &[("compression.type", "lz4")], Some("entra")),
            "kafka.client.compression.type",
            "none only",
        ),
        (
            Platform::EventHubsStandard,
            row(HUBS, &[("topic.compression.codec", "gzip")], Some("entra")),
            "kafka.client.compression.type",
            "none",
        ),
        (
            Platform::EventHubsPremium,
            row(HUBS, &[("compression.type", "zstd")], Some("entra")),
            "kafka.client.compression.type",
            "gzip",
        ),
        (
            Platform::EventHubsPremium,
            row(HUBS, &[("batch.size", "2000000")], Some("entra")),
            "kafka.client.batch.size",
            "1,046,528",
        ),
        (
            Platform::EventHubsPremium,
            row(HUBS, &[("sasl.mechanism", "SCRAM-SHA-512")], None),
            "kafka.client.sasl.mechanism",
            "Entra ID",
        ),
        (
            Platform::EventHubsPremium,
            row(HUBS, &[("sasl.mechanism", "PLAIN"), ("sasl.username", "RootManage")], None),
            "TIDEGATE_KAFKA_USERNAME",
            "$ConnectionString",
        ),
        (
            Platform::EventHubsPremium,
            row(HUBS, &[], Some("msk_iam")),
            "kafka.auth.kind",
            "entra",
        ),
        (
            Platform::EventHubsPremium,
            row(HUBS, &[("connections.max.idle.ms", "540000")], Some("entra")),
            "kafka.client.connections.max.idle.ms",
            "240 s",
        ),
        (
            Platform::EventHubsPremium,
            row(HUBS, &[("connections.max.idle.ms", "0")], Some("entra")),
            "kafka.client.connections.max.idle.ms",
            "240 s",
        ),
        (
            Platform::EventHubsPremium,
            row(HUBS, &[("metadata.max.age.ms", "900000")], Some("entra")),
            "kafka.client.metadata.max.age.ms",
            "240 s",
        ),
        (
            Platform::Msk,
            row(msk9098, &[("connections.max.idle.ms", "540000")], Some("msk_iam")),
            "kafka.client.connections.max.idle.ms",
            "350 s",
        ),
        (
            Platform::Msk,
            row(msk9098, &[("socket.keepalive.enable", "false")], Some("msk_iam")),
            "kafka.client.socket.keepalive.enable",
            "leave it on",
        ),
        (
            Platform::EventHubsPremium,
            row(HUBS, &[("socket.timeout.ms", "10000")], Some("entra")),
            "kafka.client.socket.timeout.ms",
            "rebalances",
        ),
        (
            Platform::EventHubsPremium,
            row(HUBS, &[("request.timeout.ms", "5000")], Some("entra")),
            "kafka.client.request.timeout.ms",
            "20 s",
        ),
        (
            Platform::Confluent,
            row("pkc-1.gcp.confluent.cloud:9092", SCRAM, None),
            "kafka.client.sasl.mechanism",
            "API key",
        ),
        (
            Platform::Confluent,
            row("pkc-1.gcp.confluent.cloud:9092", &[], Some("entra")),
            "kafka.auth.kind",
            "oidc",
        ),
        (
            Platform::Confluent,
            row("pkc-1.gcp.confluent.cloud:9093", PLAIN, None),
            "kafka.brokers",
            "9092",
        ),
    ];
    for (platform, row, setting, why) in table {
        let refused = decided(*platform, row).refused;
        assert!(
            refused
                .iter()
                .any(|refusal| refusal.setting == *setting && refusal.why.contains(why)),
            "{platform:?} {} {:?}: {setting} ({why}) is not in {refused:?}",
            row.brokers,
            row.client
        );
    }
}

#[test]
fn the_mode_must_be_one_that_the_platform_holds() {
    for platform in Platform::ALL {
        let refused = decided(
            platform,
            &Row {
                brokers: "",
                client: &[],
                tokens: None,
                exactly_once: true,
            },
        )
        .refused;
        let says_mode = refused.iter().any(|refusal| refusal.setting == "validator.mode");
        assert_eq!(says_mode, platform == Platform::EventHubsStandard, "{platform:?}");
    }
}

#[test]
fn what_was_not_said_is_made_safe_and_what_was_said_stays() {
    let set = |platform, row: &Row| decided(platform, row).set.into_iter().collect::<BTreeMap<_, _>>();
    let hubs = set(Platform::EventHubsStandard, &row(HUBS, &[], Some("entra")));
    for (key, value) in [
        ("compression.type", "none"),
        ("batch.size", "1000000"),
        ("metadata.max.age.ms", "180000"),
        ("connections.max.idle.ms", "180000"),
        ("socket.timeout.ms", "60000"),
        ("socket.keepalive.enable", "true"),
    ] {
        assert_eq!(hubs.get(key).map(String::as_str), Some(value), "{key}");
    }
    assert!(!hubs.contains_key("security.protocol"), "follows from the token");
    let premium = decided(
        Platform::EventHubsPremium,
        &row(
            HUBS,
            &[("sasl.mechanism", "PLAIN"), ("compression.type", "gzip"), ("batch.size", "500000")],
            None,
        ),
    );
    assert_eq!(premium.request_bytes_max, Some(1_000_000));
    let premium: BTreeMap<_, _> = premium.set.into_iter().collect();
    assert!(!premium.contains_key("compression.type") && !premium.contains_key("batch.size"));
    assert_eq!(premium["security.protocol"], "sasl_ssl");
    assert!(
        set(Platform::Kafka, &row("k:9092", &[], None)).is_empty(),
        "one's own brokers stay as they are"
    );
}

#[test]
fn a_refusal_repeats_no_secret() {
    let client: &[(&str, &str)] = &[
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", "hunter1"),
        ("sasl.password", "hunter2"),
    ];
    for platform in Platform::ALL {
        let said = format!(
            "{:?}",
            decided(platform, &row("b-1.x.kafka.eu-north-1.amazonaws.com:1", client, None))
        );
        assert!(!said.contains("hunter"), "{said}");
    }
}
