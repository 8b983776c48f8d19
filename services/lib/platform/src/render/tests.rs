use std::collections::BTreeMap;

use super::*;
use crate::topics::{Source, Spec};

pub(crate) fn spec(platform: Platform, sources: &[&str]) -> Spec {
    let source = |name: &&str| Source {
        name: (*name).to_owned(),
        validated: format!("{name}.validated"),
        dead_letters: format!("{name}.dlq"),
        retry: Some(format!("{name}.retry")),
        parked: Some(format!("{name}.parked")),
        partitions: None,
        retention: 604_800_000,
        validated_retention: 604_800_000,
        dead_letter_retention: 604_800_000,
        record_bytes: 1_048_588,
    };
    Spec {
        platform,
        sources: sources.iter().map(source).collect(),
        with_sources: true,
        partitions: 6,
        replication: 3,
        in_sync: 2,
        ahead: None,
        probe: Some("tidegate.probe".to_owned()),
        state: "tidegate.dead-letters".to_owned(),
    }
}

fn rendered(format: Format, platform: Platform) -> String {
    render(format, platform, &spec(platform, &["orders"]).topics(&BTreeMap::new()), "kafka").unwrap()
}

#[test]
fn every_topic_is_in_every_format_with_the_reason_of_its_settings() {
    for platform in Platform::ALL {
        for format in [Format::Terraform, Format::Script, Format::Strimzi] {
            if format == Format::Strimzi && platform != Platform::Kafka {
                assert!(render(format, platform, &[], "kafka").unwrap_err().contains(platform.title()));
                continue;
            }
            let text = rendered(format, platform);
            for name in [
                "orders",
                "orders.validated",
                "orders.dlq",
                "orders.retry",
                "orders.parked",
                "tidegate.dead-letters",
            ] {
                assert!(text.contains(name), "{platform:?} {format:?}: {name}\n{text}");
            }
            for setting in platform.limits().topic_settings {
                assert!(
                    text.contains(&format!("# {setting}: ")),
                    "{platform:?} {format:?}: the reason of {setting}\n{text}"
                );
            }
        }
    }
}

#[test]
fn a_key_that_the_platform_does_not_know_is_not_written() {
    let serverless = rendered(Format::Script, Platform::MskServerless);
    assert!(serverless.contains("message.timestamp.difference.max.ms=9223372036854775807"));
    for unknown in ["before.max", "after.max", "min.insync", "--replication-factor"] {
        assert!(!serverless.contains(unknown), "{unknown}");
    }
    let kafka = rendered(Format::Script, Platform::Kafka);
    assert!(kafka.contains("message.timestamp.after.max.ms=9223372036854775807") && !kafka.contains("difference.max"));
    let hubs = rendered(Format::Terraform, Platform::EventHubsPremium);
    assert!(!hubs.contains("min.insync") && !hubs.contains("\"retention.ms\"") && hubs.contains("hours      = 168"));
}

#[test]
fn the_variable_of_the_modules_speaks_of_sources_only() {
    let text = rendered(Format::Tfvars, Platform::Msk);
    assert!(text.contains("\"orders\" = {") && !text.contains("orders.dlq") && text.contains("max_message_bytes           = 1048588"));
}

#[test]
fn a_shared_dead_letter_topic_lengthens_no_other_topic() {
    let mut spec = spec(Platform::Kafka, &["orders", "payments"]);
    spec.sources[0].dead_letter_retention = 8 * 86_400_000;
    for source in &mut spec.sources {
        source.dead_letters = "all.dlq".to_owned();
    }
    let text = render(Format::Tfvars, Platform::Kafka, &spec.topics(&BTreeMap::new()), "kafka").unwrap();
    let hours: Vec<&str> = text.lines().filter(|line| line.contains("dead_letter_retention_hours")).collect();
    assert!(hours[0].ends_with("= 192") && hours[1].ends_with("= 168"), "{text}");
}
