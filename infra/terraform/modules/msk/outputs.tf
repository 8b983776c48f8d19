output "cluster_arn" {
  description = "ARN of the cluster; the identity module derives the rights on topics, groups and transactional ids from it."
  value       = local.cluster_arn
}

output "bootstrap_brokers" {
  description = "`host:port` list of the IAM listener (`kafka.brokers`)."
  value       = local.bootstrap_brokers
}

output "bootstrap_brokers_tls" {
  description = "`host:port` list of the mutual TLS listener; null where it is off."
  value = (
    local.is_provisioned && length(var.certificate_authority_arns) > 0 ? aws_msk_cluster.this[0].bootstrap_brokers_tls :
    local.is_new ? null : var.existing.bootstrap_brokers_tls
  )
}

output "bootstrap_brokers_scram" {
  description = "`host:port` list of the SCRAM listener; null where it is off."
  value       = local.is_provisioned && length(var.scram_secret_arns) > 0 ? aws_msk_cluster.this[0].bootstrap_brokers_sasl_scram : null
}

output "security_group_id" {
  description = "Security group of the brokers; null for an existing cluster whose group was not given."
  value       = local.security_group_id
}

output "kms_key_arn" {
  description = "Key of the brokers' disks; null where this module does not decide it."
  value       = !local.is_provisioned ? null : var.kms_key == null ? one(aws_kms_key.brokers[*].arn) : var.kms_key.arn
}

output "broker_node_count" {
  description = "Brokers of a provisioned cluster, which alarms are made for; null otherwise."
  value       = local.is_provisioned ? var.broker_node_count : null
}

output "cluster_name" {
  description = "Name of the cluster."
  value       = local.is_new ? var.name : split("/", var.existing.arn)[1]
}

output "topics" {
  description = "Topic names by kind, for the identity module."
  value       = module.topics.names
}

output "topic_settings" {
  description = "Every topic with partitions, retention and cleanup policy."
  value       = module.topics.all
}

output "create_topics" {
  description = "The topics as commands of Kafka's own `kafka-topics.sh`, for clusters on which `tidegate topics apply` is not used. `client.properties` holds the settings of an IAM client."
  value = join("\n", [
    for name, topic in module.topics.all : join(" ", compact([
      "kafka-topics.sh --bootstrap-server ${local.bootstrap_brokers} --command-config client.properties --create --if-not-exists --topic ${name}",
      "--partitions ${topic.partitions} --replication-factor 3 --config cleanup.policy=${topic.cleanup_policy} --config max.message.bytes=${topic.max_message_bytes}",
      local.is_serverless ? null : "--config min.insync.replicas=2",
      topic.retention_hours == null ? null : "--config retention.ms=${topic.retention_hours * 3600000}",
    ]))
  ])
}

output "kafka_client" {
  description = "`kafka.client` of Tidegate's config: how librdkafka reaches this cluster."
  value = {
    "security.protocol" = "sasl_ssl"
    "sasl.mechanism"    = "OAUTHBEARER"
  }
}
