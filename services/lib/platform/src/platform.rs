//! The platforms and their numbers. Sources: Amazon MSK Developer Guide ("Configuration properties for MSK Serverless clusters", "Port
//! information"), Azure Event Hubs ("Quotas and limits", "Recommended configurations for Apache Kafka clients"), Confluent Cloud
//! ("Configuration reference for topics").

/// A platform that speaks Kafka's protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// Apache Kafka run by oneself (also Strimzi, Redpanda and the like).
    Kafka,
    /// Amazon MSK with brokers of one's own.
    Msk,
    /// Amazon MSK Serverless.
    MskServerless,
    /// Azure Event Hubs, tier Standard.
    EventHubsStandard,
    /// Azure Event Hubs, tier Premium.
    EventHubsPremium,
    /// Confluent Cloud.
    Confluent,
}

/// What a platform can hold. None: nothing that we know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Topics in all.
    pub topics_max: Option<usize>,
    /// Partitions of one topic.
    pub partitions_max: Option<u32>,
    /// Retention in milliseconds.
    pub retention_max: Option<u64>,
    /// Bytes of one record with key and headers.
    pub record_bytes_max: Option<u64>,
    /// Bytes of one produce request.
    pub request_bytes_max: Option<u32>,
    /// Whether transactions exist.
    pub transactions: bool,
    /// Compression that producers may use.
    pub compression: &'static [&'static str],
    /// Settings of topics that may be set; empty: none by Kafka's own API.
    pub topic_settings: &'static [&'static str],
    /// Whether the replication factor is ours to say.
    pub says_replication: bool,
    /// Whether `cleanup.policy` is fixed once the topic is there.
    pub policy_is_final: bool,
}

const HOUR: u64 = 3_600_000;
const ALL_COMPRESSION: &[&str] = &["none", "gzip", "snappy", "lz4", "zstd"];
const KAFKA_SETTINGS: &[&str] = &[
    "cleanup.policy",
    "retention.ms",
    "max.message.bytes",
    "min.insync.replicas",
    "message.timestamp.type",
    "message.timestamp.before.max.ms",
    "message.timestamp.after.max.ms",
];
const SERVERLESS_SETTINGS: &[&str] = &[
    "cleanup.policy",
    "retention.ms",
    "max.message.bytes",
    "message.timestamp.type",
    "message.timestamp.difference.max.ms",
];

const KAFKA: Limits = Limits {
    topics_max: None,
    partitions_max: None,
    retention_max: None,
    record_bytes_max: None,
    request_bytes_max: None,
    transactions: true,
    compression: ALL_COMPRESSION,
    topic_settings: KAFKA_SETTINGS,
    says_replication: true,
    policy_is_final: false,
};
const SERVERLESS: Limits = Limits {
    record_bytes_max: Some(8_388_608),
    topic_settings: SERVERLESS_SETTINGS,
    says_replication: false,
    policy_is_final: true,
    ..KAFKA
};
const STANDARD: Limits = Limits {
    topics_max: Some(10),
    partitions_max: Some(32),
    retention_max: Some(168 * HOUR),
    record_bytes_max: Some(1_000_000),
    // The service closes a connection that sends more than 1,046,528 bytes.
    request_bytes_max: Some(1_000_000),
    transactions: false,
    compression: &["none"],
    topic_settings: &[],
    says_replication: false,
    policy_is_final: true,
};
const PREMIUM: Limits = Limits {
    topics_max: None,
    partitions_max: Some(100),
    retention_max: Some(2_160 * HOUR),
    transactions: true,
    compression: &["none", "gzip"],
    ..STANDARD
};
const CONFLUENT: Limits = Limits {
    record_bytes_max: Some(20_971_520),
    says_replication: false,
    ..KAFKA
};

// === impl Platform ===

impl Platform {
    /// Every platform, in the order of the documentation.
    pub const ALL: [Platform; 6] = [
        Platform::Kafka,
        Platform::Msk,
        Platform::MskServerless,
        Platform::EventHubsStandard,
        Platform::EventHubsPremium,
        Platform::Confluent,
    ];

    /// The name in flags and settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Platform::Kafka => "kafka",
            Platform::Msk => "msk",
            Platform::MskServerless => "msk-serverless",
            Platform::EventHubsStandard => "eventhubs-standard",
            Platform::EventHubsPremium => "eventhubs-premium",
            Platform::Confluent => "confluent",
        }
    }

    /// The platform of that name.
    pub fn named(name: &str) -> Option<Platform> {
        Platform::ALL.into_iter().find(|platform| platform.as_str() == name)
    }

    /// What people call it.
    pub const fn title(self) -> &'static str {
        match self {
            Platform::Kafka => "Apache Kafka",
            Platform::Msk => "Amazon MSK",
            Platform::MskServerless => "Amazon MSK Serverless",
            Platform::EventHubsStandard => "Event Hubs Standard",
            Platform::EventHubsPremium => "Event Hubs Premium",
            Platform::Confluent => "Confluent Cloud",
        }
    }

    /// What it can hold.
    pub const fn limits(self) -> &'static Limits {
        match self {
            Platform::Kafka | Platform::Msk => &KAFKA,
            Platform::MskServerless => &SERVERLESS,
            Platform::EventHubsStandard => &STANDARD,
            Platform::EventHubsPremium => &PREMIUM,
            Platform::Confluent => &CONFLUENT,
        }
    }

    /// Topics are Azure's event hubs, made and configured by its own API.
    pub const fn is_event_hubs(self) -> bool {
        matches!(self, Platform::EventHubsStandard | Platform::EventHubsPremium)
    }

    /// Whose names of hosts these are, if they are told by their end.
    pub fn of_host(host: &str) -> Option<&'static [Platform]> {
        const EVENT_HUBS: &[Platform] = &[Platform::EventHubsStandard, Platform::EventHubsPremium];
        let host = host.to_ascii_lowercase();
        let ends = |ends: &[&str]| ends.iter().any(|end| host.ends_with(end));
        if ends(&[
            ".servicebus.windows.net",
            ".servicebus.chinacloudapi.cn",
            ".servicebus.usgovcloudapi.net",
        ]) {
            Some(EVENT_HUBS)
        } else if ends(&[".amazonaws.com", ".amazonaws.com.cn"]) && host.contains(".kafka-serverless.") {
            Some(&[Platform::MskServerless])
        } else if ends(&[".amazonaws.com", ".amazonaws.com.cn"]) && host.contains(".kafka.") {
            Some(&[Platform::Msk])
        } else if ends(&[".confluent.cloud"]) {
            Some(&[Platform::Confluent])
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for platform in Platform::ALL {
            assert_eq!(Platform::named(platform.as_str()), Some(platform));
        }
        assert_eq!(Platform::named("MSK"), None);
    }

    #[test]
    fn hosts_tell_whose_they_are() {
        let of = |host| Platform::of_host(host).map(|platforms| platforms[0]);
        assert_eq!(of("shop.servicebus.windows.net"), Some(Platform::EventHubsStandard));
        assert_eq!(of("b-1.orders.x1y2z3.c2.kafka.eu-north-1.amazonaws.com"), Some(Platform::Msk));
        assert_eq!(
            of("boot-abc.c2.kafka-serverless.eu-north-1.amazonaws.com"),
            Some(Platform::MskServerless)
        );
        assert_eq!(of("pkc-12345.europe-north1.gcp.confluent.cloud"), Some(Platform::Confluent));
        assert_eq!(of("kafka.example.com"), None);
        assert_eq!(of("servicebus.windows.net.example.com"), None);
    }
}
