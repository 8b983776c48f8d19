//! Client configuration: what the user may say, and what is ours because a guarantee hangs on it.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;

use crate::security;
use crate::tokens::Tokens;

/// How long a group waits for a silent member. Above the transaction timeout, so that a hung commit cannot complete after the
/// member was removed (franz-go's analysis, `reliability.md` 1.1).
pub(crate) const SESSION_TIMEOUT: Duration = Duration::from_secs(30);
/// Transactions live at most this long.
pub(crate) const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(20);
/// A record is acknowledged or failed within this time; below the transaction timeout.
pub(crate) const DELIVERY_TIMEOUT: Duration = Duration::from_secs(15);

/// A producer sends a request again no sooner than this after it has failed, less a fifth (librdkafka's jitter). So a call that sent
/// something twice is told by its length.
pub(crate) const RESENT_AFTER: Duration = Duration::from_millis(500);

/// Connection settings of every client. `Debug` shows no value of a property.
#[derive(Clone, Default)]
pub struct Settings {
    /// `host:port`, comma separated.
    pub brokers: String,
    /// Further librdkafka properties, such as `security.protocol`. Those that we own are refused by [`Settings::check`].
    pub client: BTreeMap<String, String>,
    /// Who signs in by token; the connection is then TLS with OAUTHBEARER without further words.
    pub tokens: Option<Tokens>,
    /// Bytes of the largest request that the platform takes, where it closes the connection on a larger one (Event Hubs). A record that
    /// does not fit is then refused by the client as too large. None: only the brokers decide.
    pub request_bytes_max: Option<u32>,
}

/// A property that the user may not set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError {
    /// The property.
    pub property: String,
    /// Why it is ours.
    pub why: &'static str,
}

/// Properties that are ours, with the reason that a user reads.
const OWNED: &[(&str, &str)] = &[
    ("bootstrap.servers", "set it as `brokers`"),
    ("metadata.broker.list", "set it as `brokers`"),
    ("group.id", "set it as `group`"),
    ("transactional.id", "each worker makes its own"),
    (
        "enable.auto.commit",
        "a position is committed only with the outcomes of its records",
    ),
    (
        "enable.auto.offset.store",
        "a position is committed only with the outcomes of its records",
    ),
    ("isolation.level", "aborted records must never be judged"),
    ("auto.offset.reset", "a lost position must halt the partition, not skip records"),
    ("enable.idempotence", "without it a retry could double or reorder records"),
    ("acks", "a record counts only when all in-sync replicas have it"),
    ("request.required.acks", "a record counts only when all in-sync replicas have it"),
    ("partition.assignment.strategy", "the worker's rebalance protocol depends on it"),
    (
        "group.protocol",
        "librdkafka 2.12 loses commits under the new protocol; classic is used",
    ),
    ("statistics.interval.ms", "the stall detector lives on it"),
    ("heartbeat.interval.ms", "belongs to the session timeout"),
    ("max.poll.interval.ms", "bounds how long a batch may take"),
    ("enable.gapless.guarantee", "a failed batch must leave a prefix"),
    ("message.max.bytes", "only the brokers decide how large a record may be"),
    ("queue.buffering.max.messages", "bounds the producer's memory"),
    ("queue.buffering.max.kbytes", "bounds the producer's memory"),
    ("session.timeout.ms", "must stay above the transaction timeout"),
    ("transaction.timeout.ms", "must stay below the session timeout"),
    ("message.timeout.ms", "must stay below the transaction timeout"),
    ("delivery.timeout.ms", "must stay below the transaction timeout"),
    ("allow.auto.create.topics", "a misspelt topic must not come into being"),
    ("check.crcs", "corrupt batches must be noticed"),
    ("test.mock.num.brokers", "the client's own mock brokers keep no record"),
    ("enable.partition.eof", "used by scans"),
    ("retry.backoff.ms", "tells a commit that was asked for twice from one that was not"),
    (
        "retry.backoff.max.ms",
        "tells a commit that was asked for twice from one that was not",
    ),
];

// === impl Settings ===

impl Settings {
    /// Settings for brokers without further properties.
    pub fn plain(brokers: impl Into<String>) -> Self {
        Settings {
            brokers: brokers.into(),
            ..Settings::default()
        }
    }

    /// Refuses properties that are ours and those that would take the connection's security away, all at once.
    pub fn check(&self) -> Result<(), Vec<SettingsError>> {
        let owned = |property: &String| {
            let (_, why) = OWNED.iter().find(|(owned, _)| *owned == without_prefix(property))?;
            Some(SettingsError {
                property: property.clone(),
                why,
            })
        };
        let mut refused: Vec<SettingsError> = self.client.keys().filter_map(owned).collect();
        refused.extend(security::refusals(&self.client, self.tokens.is_some()));
        if refused.is_empty() { Ok(()) } else { Err(refused) }
    }

    fn base(&self, role: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("client.id", format!("tidegate-{role}"))
            .set("socket.keepalive.enable", "true")
            .set("metadata.max.age.ms", "180000")
            .set("connections.max.idle.ms", "180000")
            .set("reconnect.backoff.max.ms", "5000")
            .set("allow.auto.create.topics", "false");
        for (property, value) in &self.client {
            config.set(property, value);
        }
        let certificates = std::env::var("SSL_CERT_FILE").ok().filter(|path| !path.is_empty());
        for (property, value) in security::defaults(&self.client, self.tokens.is_some(), certificates) {
            config.set(property, value);
        }
        config.set("bootstrap.servers", &self.brokers);
        config
    }

    pub(crate) fn admin(&self) -> ClientConfig {
        self.base("admin")
    }

    /// A consumer that never skips: committed records only, no automatic positions, CRCs checked.
    pub(crate) fn reader(&self, role: &str) -> ClientConfig {
        let mut config = self.base(role);
        config
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("check.crcs", "true");
        for (property, value) in [
            ("fetch.wait.max.ms", "100"),
            // A small queue keeps memory bounded; without the short backoff an exhausted queue would wait a whole second.
            ("queued.min.messages", "10000"),
            ("queued.max.messages.kbytes", "16384"),
            ("fetch.queue.backoff.ms", "5"),
        ] {
            if !self.client.contains_key(property) {
                config.set(property, value);
            }
        }
        config
    }

    pub(crate) fn member(&self, role: &str, group: &str) -> ClientConfig {
        let mut config = self.reader(role);
        config
            .set("group.id", group)
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", SESSION_TIMEOUT.as_millis().to_string())
            .set("heartbeat.interval.ms", "3000")
            // What the stall detector looks at.
            .set("statistics.interval.ms", "10000")
            .set("max.poll.interval.ms", "300000");
        config
    }

    pub(crate) fn producer(&self, transactional_id: Option<&str>) -> ClientConfig {
        let mut config = self.base("producer");
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            // Only the brokers know what a topic takes; librdkafka's own 1,000,000 bytes would refuse records that they accept.
            .set("message.max.bytes", self.request_bytes_max.unwrap_or(1_000_000_000).to_string())
            .set("queue.buffering.max.messages", "200000")
            .set("queue.buffering.max.kbytes", "262144")
            .set("retry.backoff.ms", RESENT_AFTER.as_millis().to_string())
            .set("retry.backoff.max.ms", "1000");
        for (property, value) in [("linger.ms", "5"), ("compression.type", "lz4")] {
            if !self.client.contains_key(property) {
                config.set(property, value);
            }
        }
        match transactional_id {
            Some(id) => config
                .set("transactional.id", id)
                .set("transaction.timeout.ms", TRANSACTION_TIMEOUT.as_millis().to_string())
                .set("message.timeout.ms", DELIVERY_TIMEOUT.as_millis().to_string()),
            // Without a transaction what was delivered of a failed batch must be a prefix of it in each partition: who reads behind us
            // tells repeats from new records by the last source offset. So nothing times out by itself (the whole flush does), and a
            // record that fails for good stops all that follow.
            None => config.set("message.timeout.ms", "0").set("enable.gapless.guarantee", "true"),
        };
        config
    }

    /// For records of which a repeat or another order does no harm. An idempotent producer waits half a second and longer before it sends
    /// anything: it asks for its id when it is made, finds no connection yet, and asks again by a timer.
    pub(crate) fn repeating_producer(&self) -> ClientConfig {
        let mut config = self.producer(None);
        config.remove("enable.gapless.guarantee");
        config
            .set("enable.idempotence", "false")
            .set("message.timeout.ms", DELIVERY_TIMEOUT.as_millis().to_string());
        config
    }
}

/// librdkafka takes a topic's property with `topic.` before it as well, and which of the two then wins is not said.
fn without_prefix(property: &str) -> &str {
    property.strip_prefix("topic.").unwrap_or(property)
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("brokers", &self.brokers)
            .field("client", &self.client.keys().collect::<Vec<_>>())
            .field("tokens", &self.tokens)
            .finish()
    }
}

impl std::fmt::Display for SettingsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` cannot be set: {}", self.property, self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_every_owned_property_and_names_it() {
        let mut settings = Settings::plain("localhost:9092");
        for harmless in ["security.protocol", "topic.metadata.refresh.interval.ms", "topic.compression.type"] {
            settings.client.insert(harmless.into(), "any".into());
        }
        assert_eq!(settings.check(), Ok(()));
        for (property, why) in OWNED {
            for name in [(*property).to_owned(), format!("topic.{property}")] {
                let mut settings = settings.clone();
                settings.client.insert(name.clone(), "any".into());
                let refused = settings.check().unwrap_err();
                assert_eq!(refused, [SettingsError { property: name, why }]);
            }
        }
    }

    /// An idempotent producer would wait for its id by a timer; outcomes never go without it.
    #[test]
    fn summaries_alone_are_written_without_idempotence() {
        let settings = Settings::plain("localhost:9092");
        assert_eq!(settings.repeating_producer().get("enable.idempotence"), Some("false"));
        assert_eq!(settings.producer(None).get("enable.idempotence"), Some("true"));
        assert_eq!(settings.producer(Some("id")).get("enable.idempotence"), Some("true"));
    }

    /// Were it not so, the prefix would be no way around anything.
    #[test]
    fn the_client_takes_a_property_of_topics_with_its_prefix() {
        let mut config = ClientConfig::new();
        config.set("topic.auto.offset.reset", "earliest");
        assert_eq!(config.create_native_config().unwrap().get("auto.offset.reset").unwrap(), "smallest");
    }

    #[test]
    fn debug_shows_names_and_no_values() {
        let mut settings = Settings::plain("localhost:9092");
        settings.client.insert("sasl.password".into(), "hunter2".into());
        let shown = format!("{settings:?}");
        assert!(shown.contains("sasl.password") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_hung_commit_ends_before_its_member_is_removed() {
        assert!(DELIVERY_TIMEOUT < TRANSACTION_TIMEOUT && TRANSACTION_TIMEOUT < SESSION_TIMEOUT);
    }
}
