output "bootstrap_brokers" {
  description = "Address of the Kafka endpoint."
  value       = module.kafka.bootstrap_brokers
}

output "lake_url" {
  description = "Location of the lake."
  value       = module.lake.location
}

output "storage_account" {
  description = "Storage account of the lake."
  value       = module.lake.account
}

output "validator_client_id" {
  description = "Identity of the validator."
  value       = module.identity.client_ids["validator"]
}

output "sink_client_id" {
  description = "Identity of the sink."
  value       = module.identity.client_ids["sink"]
}

output "sla_client_id" {
  description = "Identity of the SLA checks."
  value       = module.identity.client_ids["sla"]
}

output "registry_client_id" {
  description = "Identity of the registry."
  value       = module.identity.client_ids["registry"]
}

output "operator_client_id" {
  description = "Identity of whoever looks at dead letters and sends them back."
  value       = module.identity.client_ids["operator"]
}

output "audit_client_id" {
  description = "Identity of the audit."
  value       = module.identity.client_ids["audit"]
}

output "resume_client_id" {
  description = "Identity of whoever accepts a loss."
  value       = module.identity.client_ids["resume"]
}

output "service_accounts" {
  description = "Namespace, name and annotations of every role's service account."
  value       = module.identity.service_accounts
}

output "config" {
  description = "tidegate.yaml: what Terraform knows of the config file."
  value = yamlencode({
    kafka     = { brokers = module.kafka.bootstrap_brokers, client = module.kafka.kafka_client, auth = { kind = "entra" } }
    validator = { group = "tidegate-validator", mode = module.kafka.delivery_mode }
    sink      = { group = "tidegate-sink", topic_epoch = 1 }
    lake      = { location = module.lake.location, account = module.lake.account }
  })
}
