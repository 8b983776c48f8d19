//! HCL. Names of topics are keys of one map, so that a topic that is added changes no other.

use std::fmt::Write as _;

use super::{hours, preface};
use crate::platform::Platform;
use crate::topics::{Kind, Topic};

pub(super) fn resources(platform: Platform, topics: &[Topic]) -> String {
    let mut out = comment(&preface(platform, topics));
    out.push('\n');
    out.push_str(provider(platform));
    out.push_str("\nlocals {\n  tidegate_topics = {\n");
    for topic in topics {
        let _ = writeln!(out, "    # {}", topic.purpose());
        let _ = writeln!(out, "    {} = {{", quoted(&topic.name));
        rows(&mut out, platform, topic);
        out.push_str("    }\n");
    }
    out.push_str("  }\n}\n\n");
    out.push_str(resource(platform));
    out
}

fn rows(out: &mut String, platform: Platform, topic: &Topic) {
    if platform.is_event_hubs() {
        let (policy, retention) = match topic.retention {
            Some(millis) => ("Delete", hours(millis).to_string()),
            None => ("Compact", "null".to_owned()),
        };
        let _ = writeln!(out, "      partitions = {}", topic.partitions);
        let _ = writeln!(out, "      policy     = {}", quoted(policy));
        let _ = writeln!(out, "      hours      = {retention}");
        return;
    }
    match topic.replication {
        Some(copies) => {
            let _ = writeln!(out, "      partitions = {}\n      copies     = {copies}", topic.partitions);
            out.push_str("      config = {\n");
        }
        None => {
            let _ = writeln!(out, "      partitions = {}", topic.partitions);
            out.push_str("      config = {\n");
        }
    }
    let width = topic.settings.iter().map(|setting| setting.key.len() + 2).max().unwrap_or(0);
    for setting in &topic.settings {
        let _ = writeln!(out, "        {:width$} = {}", quoted(setting.key), quoted(&setting.value));
    }
    out.push_str("      }\n");
}

fn provider(platform: Platform) -> &'static str {
    match platform {
        Platform::EventHubsStandard | Platform::EventHubsPremium => {
            r#"terraform {
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 5.2"
    }
  }
}

variable "namespace_id" {
  description = "Id of the Event Hubs namespace."
  type        = string
}
"#
        }
        Platform::Msk | Platform::MskServerless => {
            r#"terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.38"
    }
  }
}

variable "cluster_arn" {
  description = "ARN of the MSK cluster."
  type        = string
}
"#
        }
        Platform::Confluent => {
            r#"terraform {
  required_providers {
    confluent = {
      source  = "confluentinc/confluent"
      version = "~> 2.0"
    }
  }
}

variable "cluster_id" {
  description = "Id of the Kafka cluster, such as lkc-abc123. Its REST endpoint and key are those of the provider."
  type        = string
}
"#
        }
        Platform::Kafka => {
            r#"terraform {
  required_providers {
    kafka = {
      source  = "Mongey/kafka"
      version = ">= 0.7"
    }
  }
}
"#
        }
    }
}

fn resource(platform: Platform) -> &'static str {
    match platform {
        Platform::EventHubsStandard | Platform::EventHubsPremium => {
            r#"resource "azurerm_eventhub" "tidegate" {
  for_each = local.tidegate_topics

  name            = each.key
  namespace_id    = var.namespace_id
  partition_count = each.value.partitions

  retention_description {
    cleanup_policy                    = each.value.policy
    retention_time_in_hours           = each.value.hours
    tombstone_retention_time_in_hours = each.value.policy == "Compact" ? 24 : null
  }

  lifecycle {
    # A hub that is planned anew would take its records with it.
    prevent_destroy = true
  }
}
"#
        }
        Platform::Msk => {
            r#"resource "aws_msk_topic" "tidegate" {
  for_each = local.tidegate_topics

  name               = each.key
  cluster_arn        = var.cluster_arn
  partition_count    = each.value.partitions
  replication_factor = each.value.copies
  configs            = jsonencode(each.value.config)

  lifecycle {
    # A topic that is planned anew would take its records with it.
    prevent_destroy = true
  }
}
"#
        }
        Platform::MskServerless => {
            r#"resource "aws_msk_topic" "tidegate" {
  for_each = local.tidegate_topics

  name               = each.key
  cluster_arn        = var.cluster_arn
  partition_count    = each.value.partitions
  replication_factor = 3 # the service knows no other
  configs            = jsonencode(each.value.config)

  lifecycle {
    # A topic that is planned anew would take its records with it.
    prevent_destroy = true
  }
}
"#
        }
        Platform::Confluent => {
            r#"resource "confluent_kafka_topic" "tidegate" {
  for_each = local.tidegate_topics

  topic_name       = each.key
  partitions_count = each.value.partitions
  config           = each.value.config

  kafka_cluster {
    id = var.cluster_id
  }

  lifecycle {
    # A topic that is planned anew would take its records with it.
    prevent_destroy = true
  }
}
"#
        }
        Platform::Kafka => {
            r#"resource "kafka_topic" "tidegate" {
  for_each = local.tidegate_topics

  name               = each.key
  partitions         = each.value.partitions
  replication_factor = each.value.copies
  config             = each.value.config

  lifecycle {
    # A topic that is planned anew would take its records with it.
    prevent_destroy = true
  }
}
"#
        }
    }
}

/// The variable `topics` of the modules msk and eventhubs, which make outcome topics of it by themselves.
pub(super) fn variables(topics: &[Topic]) -> String {
    let mut out = comment(&[
        "Variable `topics` of the Terraform modules msk, eventhubs and topics, from Tidegate's contracts and config: `tidegate topics render --to tfvars`."
            .to_owned(),
        "The modules derive outcome topics by the same rules; give them the same templates of names.".to_owned(),
    ]);
    out.push_str("topics = {\n");
    for topic in topics.iter().filter(|topic| topic.kind == Kind::Source) {
        let of = |kind: Kind| topics.iter().find(|other| other.kind == kind && other.of.contains(&topic.name));
        let retention = |kind: Kind| hours(of(kind).and_then(|other| other.retention).unwrap_or(0));
        // A dead-letter topic that is shared keeps as long as the longest of its sources wants; a topic of retries is the source's own.
        let dead = of(Kind::Retry).map_or(Kind::DeadLetter, |_| Kind::Retry);
        let _ = writeln!(out, "  {} = {{", quoted(&topic.name));
        let _ = writeln!(out, "    partitions                  = {}", topic.partitions);
        let _ = writeln!(out, "    retention_hours             = {}", retention(Kind::Source));
        let _ = writeln!(out, "    validated_retention_hours   = {}", retention(Kind::Validated));
        let _ = writeln!(out, "    dead_letter_retention_hours = {}", retention(dead));
        let _ = writeln!(out, "    max_message_bytes           = {}", topic.record_bytes);
        out.push_str("  }\n");
    }
    out.push_str("}\n");
    out
}

fn comment(lines: &[String]) -> String {
    lines.iter().map(|line| format!("# {line}\n")).collect()
}

/// Names of topics hold nothing that HCL would read; values are our own.
fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}
