output "namespace_id" {
  description = "Resource id of the namespace."
  value       = local.namespace_id
}

output "namespace_name" {
  description = "Name of the namespace."
  value       = local.namespace_name
}

output "tier" {
  description = "Standard, Premium or Dedicated."
  value       = local.tier
}

output "bootstrap_brokers" {
  description = "Address of the Kafka endpoint (`kafka.brokers`)."
  value       = "${local.namespace_name}.servicebus.windows.net:9093"
}

output "topics" {
  description = "Topic names by kind, for the identity module."
  value       = module.topics.names
}

output "topic_settings" {
  description = "Every topic with partitions, retention and cleanup policy."
  value       = module.topics.all
}

output "hub_ids" {
  description = "Resource id of each hub by name; rights are given on these, never on the namespace."
  value = merge(
    { for name in module.topics.names.sources : name => "${local.namespace_id}/eventhubs/${name}" },
    { for name, hub in azurerm_eventhub.this : name => hub.id },
  )
}

output "kafka_client" {
  description = "`kafka.client` of Tidegate's config: how librdkafka reaches this namespace. Compression is off because Event Hubs knows gzip only, and that not in Standard; idle connections are given up before Azure closes them."
  value = {
    "security.protocol"       = "sasl_ssl"
    "sasl.mechanism"          = "OAUTHBEARER"
    "compression.type"        = local.tier == "Standard" ? "none" : "gzip"
    "metadata.max.age.ms"     = "180000"
    "connections.max.idle.ms" = "180000"
  }
}

output "delivery_mode" {
  description = "`validator.mode`, checked against the tier."
  value       = var.delivery_mode
}
