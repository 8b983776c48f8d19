//! What a platform asks of the client: settings that are added where nothing was said, and settings that are refused, each with the
//! sentence that says why. Sources: `reliability.md` 1.6 and the pages named in [`crate::platform`].

use std::collections::BTreeMap;

use crate::platform::Platform;

/// What somebody has configured, as far as a platform has a say in it.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// `host:port`, comma separated; empty where a command needs no brokers.
    pub brokers: &'a str,
    /// librdkafka's properties, secrets included: values are looked at and never repeated, but for those of closed lists.
    pub client: &'a BTreeMap<String, String>,
    /// `kafka.auth.kind`, if tokens are used.
    pub tokens: Option<&'a str>,
    /// `validator.mode` is `exactly_once`.
    pub exactly_once: bool,
    /// Groups and prefixes of transactional ids.
    pub groups: &'a [&'a str],
}

/// What follows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// Properties to set, none of which was said.
    pub set: Vec<(&'static str, String)>,
    /// Bytes of the largest request that may be sent.
    pub request_bytes_max: Option<u32>,
    /// What cannot be meant.
    pub refused: Vec<Refusal>,
}

/// A setting that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The setting, by its key in the config file.
    pub setting: String,
    /// Why, and what to do instead.
    pub why: String,
}

/// How a connection signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SignIn {
    Token,
    Scram512,
    Scram256,
    Plain,
    Certificate,
    /// TLS and nobody signs in.
    Nobody,
    /// Something else that SASL knows.
    Other,
}

// === impl Said ===

impl<'a> Said<'a> {
    /// A property, whatever spelling of its name was used, without white space around it.
    fn property(&self, names: &[&str]) -> Option<&'a str> {
        let plain = names.iter().find_map(|name| self.client.get(*name));
        plain
            .or_else(|| names.iter().find_map(|name| self.client.get(&format!("topic.{name}"))))
            .map(|value| value.trim())
    }

    fn protocol(&self) -> String {
        let said = self.property(&["security.protocol"]).map(str::to_ascii_lowercase);
        said.unwrap_or_else(|| if self.tokens.is_some() { "sasl_ssl" } else { "plaintext" }.to_owned())
    }

    fn sign_in(&self, protocol: &str) -> SignIn {
        if self.tokens.is_some() {
            return SignIn::Token;
        }
        if !protocol.starts_with("sasl") {
            let has_own = ["ssl.certificate.location", "ssl.certificate.pem", "ssl.keystore.location"];
            return if self.property(&has_own).is_some() {
                SignIn::Certificate
            } else {
                SignIn::Nobody
            };
        }
        // librdkafka's default is GSSAPI.
        match self
            .property(&["sasl.mechanism", "sasl.mechanisms"])
            .unwrap_or("GSSAPI")
            .to_ascii_uppercase()
            .as_str()
        {
            "OAUTHBEARER" => SignIn::Token,
            "SCRAM-SHA-512" => SignIn::Scram512,
            "SCRAM-SHA-256" => SignIn::Scram256,
            "PLAIN" => SignIn::Plain,
            _ => SignIn::Other,
        }
    }

    /// Host and port of each broker; none for the port where there is none that can be read.
    fn brokers(&self) -> Vec<(&'a str, Option<u16>)> {
        let brokers = self.brokers.split(',').map(str::trim).filter(|broker| !broker.is_empty());
        brokers
            .map(|broker| {
                // librdkafka takes `protocol://host:port` as well.
                let address = broker.split_once("://").map_or(broker, |(_, rest)| rest);
                match address.rsplit_once(':') {
                    Some((host, port)) => (host, port.parse().ok()),
                    None => (address, None),
                }
            })
            .collect()
    }
}

/// Decides for a platform.
pub fn decide(platform: Platform, said: &Said<'_>) -> Decision {
    let mut decision = Decision {
        request_bytes_max: platform.limits().request_bytes_max,
        ..Decision::default()
    };
    if !said.client.contains_key("security.protocol") && platform != Platform::Kafka && said.tokens.is_none() {
        let has_mechanism = said.property(&["sasl.mechanism", "sasl.mechanisms"]).is_some();
        let protocol = if platform == Platform::Msk && !has_mechanism {
            "ssl"
        } else {
            "sasl_ssl"
        };
        decision.set.push(("security.protocol", protocol.to_owned()));
    }
    let protocol = decision
        .set
        .first()
        .map_or_else(|| said.protocol(), |(_, protocol)| protocol.clone());
    // A command that needs no brokers (rendering topics, say) need not know how one signs in.
    if !said.brokers.trim().is_empty() {
        hosts(platform, said, &mut decision);
        security(platform, said, &protocol, &mut decision);
        ports(platform, said, &protocol, &mut decision);
    }
    records(platform, said, &mut decision);
    times(platform, said, &mut decision);
    decision
}

fn refuse(decision: &mut Decision, setting: &str, why: impl Into<String>) {
    decision.refused.push(Refusal {
        setting: setting.to_owned(),
        why: why.into(),
    });
}

fn hosts(platform: Platform, said: &Said<'_>, decision: &mut Decision) {
    for (host, _) in said.brokers() {
        let Some(owners) = Platform::of_host(host) else { continue };
        if !owners.contains(&platform) {
            refuse(
                decision,
                "kafka.brokers",
                format!(
                    "{host} is {}, and the profile is {}: take --profile {}",
                    owners[0].title(),
                    platform.as_str(),
                    owners[0].as_str()
                ),
            );
        }
    }
}

fn security(platform: Platform, said: &Said<'_>, protocol: &str, decision: &mut Decision) {
    let is_tls = protocol.ends_with("ssl");
    let sign_in = said.sign_in(protocol);
    let title = platform.title();
    if !is_tls && protocol.starts_with("sasl") {
        refuse(
            decision,
            "kafka.client.security.protocol",
            "SASL without TLS: passwords and events would travel readable for everyone on the way; set sasl_ssl",
        );
    } else if !is_tls && platform != Platform::Kafka {
        refuse(
            decision,
            "kafka.client.security.protocol",
            format!(
                "{title} is reached by TLS only with this profile: events would travel readable; set sasl_ssl, or ssl for certificates of MSK"
            ),
        );
    }
    let kind_is = |kinds: &[&str]| said.tokens.is_none_or(|kind| kinds.contains(&kind));
    match platform {
        Platform::Kafka => {}
        Platform::Msk => {
            if !kind_is(&["msk_iam"]) {
                refuse(decision, "kafka.auth.kind", "MSK takes tokens of IAM only: set msk_iam");
            }
            match sign_in {
                SignIn::Plain | SignIn::Scram256 | SignIn::Other => refuse(
                    decision,
                    "kafka.client.sasl.mechanism",
                    "MSK signs in by IAM (kafka.auth.kind: msk_iam), SCRAM-SHA-512 or certificates, and by nothing else",
                ),
                SignIn::Nobody if is_tls => refuse(
                    decision,
                    "kafka.auth.kind",
                    "nobody signs in: set msk_iam, or SCRAM-SHA-512 with user and password, or ssl.certificate.location with ssl.key.location",
                ),
                _ => {}
            }
        }
        Platform::MskServerless => {
            if said.tokens != Some("msk_iam") {
                refuse(
                    decision,
                    "kafka.auth.kind",
                    "MSK Serverless lets in by IAM and by nothing else: set msk_iam and take SCRAM or certificates out of kafka.client",
                );
            }
        }
        Platform::EventHubsStandard | Platform::EventHubsPremium => {
            if !kind_is(&["entra", "oidc"]) {
                refuse(decision, "kafka.auth.kind", "Event Hubs takes tokens of Entra ID: set entra");
            }
            match sign_in {
                SignIn::Token => {}
                SignIn::Plain => {
                    let user = said.property(&["sasl.username"]);
                    if user.is_some_and(|user| user != "$ConnectionString") {
                        refuse(
                            decision,
                            "TIDEGATE_KAFKA_USERNAME",
                            "with a connection string the user of Event Hubs is the word $ConnectionString, dollar sign included (single quotes in a shell)",
                        );
                    }
                }
                _ => refuse(
                    decision,
                    "kafka.client.sasl.mechanism",
                    "Event Hubs signs in by Entra ID (kafka.auth.kind: entra) or by a connection string (PLAIN), and by nothing else",
                ),
            }
        }
        Platform::Confluent => {
            if !kind_is(&["oidc"]) {
                refuse(
                    decision,
                    "kafka.auth.kind",
                    "Confluent Cloud takes tokens of your identity provider: set oidc, or an API key with PLAIN",
                );
            }
            if !matches!(sign_in, SignIn::Token | SignIn::Plain) {
                refuse(
                    decision,
                    "kafka.client.sasl.mechanism",
                    "Confluent Cloud signs in by an API key (PLAIN) or by a token (kafka.auth.kind: oidc), and by nothing else",
                );
            }
        }
    }
}

fn ports(platform: Platform, said: &Said<'_>, protocol: &str, decision: &mut Decision) {
    let sign_in = said.sign_in(protocol);
    // MSK: inside of the VPC, public, IPv6; and the block of multi-VPC connectivity.
    let (wanted, block, how): (&[u16], Option<(u16, u16)>, &str) = match (platform, sign_in) {
        (Platform::Kafka, _) => return,
        (Platform::MskServerless, _) => (&[9098], None, "IAM"),
        (Platform::Msk, SignIn::Token) => (&[9098, 9198, 20098], Some((14001, 14100)), "IAM"),
        (Platform::Msk, SignIn::Scram512) => (&[9096, 9196, 20096], Some((14101, 14200)), "SCRAM"),
        (Platform::Msk, SignIn::Certificate | SignIn::Nobody) => (&[9094, 9194, 20094], Some((14201, 14300)), "TLS"),
        // The way of signing in was refused already.
        (Platform::Msk, _) => return,
        (Platform::EventHubsStandard | Platform::EventHubsPremium, _) => (&[9093], None, "Kafka"),
        (Platform::Confluent, _) => (&[9092], None, "Kafka"),
    };
    for (host, port) in said.brokers() {
        let fits = port.is_some_and(|port| wanted.contains(&port) || block.is_some_and(|(first, last)| (first..=last).contains(&port)));
        if !fits {
            let found = port.map_or_else(|| "no port".to_owned(), |port| format!("port {port}"));
            refuse(
                decision,
                "kafka.brokers",
                format!("{host} has {found}, and {} listens for {how} at {}", platform.title(), wanted[0]),
            );
        }
    }
}

fn records(platform: Platform, said: &Said<'_>, decision: &mut Decision) {
    let limits = platform.limits();
    if said.exactly_once && !limits.transactions {
        refuse(
            decision,
            "validator.mode",
            format!(
                "exactly_once needs Kafka transactions, which {} does not have: set at_least_once (the lake stays exact; outcome topics may repeat \
                 records after a crash), or take Event Hubs Premium",
                platform.title()
            ),
        );
    }
    match said.property(&["compression.type", "compression.codec"]) {
        Some(codec) if !limits.compression.contains(&codec.to_ascii_lowercase().as_str()) => refuse(
            decision,
            "kafka.client.compression.type",
            format!(
                "{} takes {} only, other batches are rejected",
                platform.title(),
                limits.compression.join(" or ")
            ),
        ),
        Some(_) => {}
        None if !limits.compression.contains(&"lz4") => decision.set.push(("compression.type", "none".to_owned())),
        None => {}
    }
    if let Some(max) = limits.request_bytes_max {
        match said.property(&["batch.size"]) {
            Some(bytes) if bytes.parse::<u64>().is_ok_and(|bytes| bytes <= u64::from(max)) => {}
            Some(_) => refuse(
                decision,
                "kafka.client.batch.size",
                format!(
                    "{} closes a connection that sends more than 1,046,528 bytes at once: {max} at most",
                    platform.title()
                ),
            ),
            None => decision.set.push(("batch.size", max.to_string())),
        }
    }
    if platform.is_event_hubs() {
        for group in said.groups.iter().filter(|group| group.len() > 256) {
            refuse(
                decision,
                "group",
                format!("Event Hubs takes names of groups of 256 bytes, and this one has {}", group.len()),
            );
        }
    }
}

/// Who closes idle connections, and after how many milliseconds.
const fn closes_idle_after(platform: Platform) -> Option<(u64, &'static str)> {
    match platform {
        Platform::EventHubsStandard | Platform::EventHubsPremium => Some((240_000, "Azure closes connections that are idle for 240 s")),
        Platform::Msk | Platform::MskServerless => Some((350_000, "load balancers of AWS forget connections that are idle for 350 s")),
        Platform::Kafka | Platform::Confluent => None,
    }
}

fn times(platform: Platform, said: &Said<'_>, decision: &mut Decision) {
    let Some((idle, who)) = closes_idle_after(platform) else { return };
    for key in [
        "metadata.max.age.ms",
        "connections.max.idle.ms",
        "topic.metadata.refresh.interval.ms",
    ] {
        if let Some(value) = said.client.get(key) {
            // 0 turns the client's own closing off, and -1 its refreshing: then nothing keeps the connection fresh.
            let fits = value
                .trim()
                .parse::<i64>()
                .is_ok_and(|value| value > 0 && value.unsigned_abs() < idle);
            if !fits {
                refuse(
                    decision,
                    &format!("kafka.client.{key}"),
                    format!(
                        "{who}, and a request on a dead one is lost time: 1 to {} ms, 180000 is safe",
                        idle - 1
                    ),
                );
            }
        } else if key != "topic.metadata.refresh.interval.ms" {
            decision.set.push((key, "180000".to_owned()));
        }
    }
    match said.property(&["socket.keepalive.enable"]) {
        Some(value) if !matches!(value.to_ascii_lowercase().as_str(), "true" | "t" | "1") => {
            refuse(decision, "kafka.client.socket.keepalive.enable", format!("{who}: leave it on"));
        }
        Some(_) => {}
        None => decision.set.push(("socket.keepalive.enable", "true".to_owned())),
    }
    if platform.is_event_hubs() {
        match said.property(&["socket.timeout.ms"]) {
            Some(value) if value.parse::<u64>().is_ok_and(|value| value >= 60_000) => {}
            Some(_) => refuse(
                decision,
                "kafka.client.socket.timeout.ms",
                "Event Hubs holds requests for 20 s by itself and asks for 60000 at least: shorter ones end in rebalances",
            ),
            None => decision.set.push(("socket.timeout.ms", "60000".to_owned())),
        }
        match said.property(&["request.timeout.ms"]) {
            Some(value) if value.parse::<u64>().is_ok_and(|value| value > 20_000) => {}
            Some(_) => refuse(
                decision,
                "kafka.client.request.timeout.ms",
                "Event Hubs waits 20 s at least whatever is asked: 30000 to 60000",
            ),
            None => decision.set.push(("request.timeout.ms", "30000".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests;
