//! `KafkaTopic` of Strimzi (`kafka.strimzi.io/v1`, the same fields as `v1beta2`).

use std::fmt::Write as _;

use super::preface;
use crate::platform::Platform;
use crate::topics::Topic;

pub(super) fn resources(topics: &[Topic], cluster: &str) -> String {
    let mut out = String::new();
    for line in preface(Platform::Kafka, topics) {
        let _ = writeln!(out, "# {line}");
    }
    out.push_str("# Strimzi before 0.49 has apiVersion kafka.strimzi.io/v1beta2 with the same fields.\n");
    for topic in topics {
        let name = resource_name(&topic.name);
        let _ = write!(
            out,
            "---\n# {}\napiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata:\n  name: {name}\n  labels:\n    strimzi.io/cluster: {cluster}\nspec:\n",
            topic.purpose()
        );
        if name != topic.name {
            let _ = writeln!(out, "  topicName: \"{}\"", topic.name);
        }
        let _ = writeln!(out, "  partitions: {}", topic.partitions);
        if let Some(copies) = topic.replication {
            let _ = writeln!(out, "  replicas: {copies}");
        }
        out.push_str("  config:\n");
        for setting in &topic.settings {
            // Text: the largest number is past what JSON readers keep exactly.
            let _ = writeln!(out, "    {}: \"{}\"", setting.key, setting.value);
        }
    }
    out
}

/// A name that Kubernetes takes (RFC 1123 subdomain): the topic's own where that is one, else with a hash of the topic, so that two topics
/// never meet.
fn resource_name(topic: &str) -> String {
    let is_plain = |text: &str| {
        text.len() <= 253
            && text.split('.').all(|label| {
                !label.is_empty()
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label
                        .bytes()
                        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            })
    };
    if is_plain(topic) {
        return topic.to_owned();
    }
    let lower: String = topic
        .to_ascii_lowercase()
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' })
        .take(200)
        .collect();
    let lower = lower.trim_matches('-');
    let hash = topic.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    match lower {
        "" => format!("topic-{hash:016x}"),
        lower => format!("{lower}-{hash:016x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_kubernetes_takes_and_never_meet() {
        assert_eq!(resource_name("orders.dlq"), "orders.dlq");
        let odd = ["Orders", "orders_eu", "orders-eu_", "ORDERS_EU", "_", "__", "a..b"];
        let names: std::collections::BTreeSet<String> = odd.iter().map(|name| resource_name(name)).collect();
        assert_eq!(names.len(), odd.len(), "{names:?}");
        for name in names {
            assert_eq!(resource_name(&name), name, "is plain itself");
        }
    }
}
