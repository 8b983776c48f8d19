output "region" {
  description = "AWS region."
  value       = var.region
}

output "bootstrap_brokers" {
  description = "Brokers of the IAM listener."
  value       = module.kafka.bootstrap_brokers
}

output "bootstrap_brokers_tls" {
  description = "Brokers of the mutual TLS listener; null where there is none."
  value       = module.kafka.bootstrap_brokers_tls
}

output "lake_url" {
  description = "Location of the lake."
  value       = module.lake.location
}

output "validator_role_arn" {
  description = "Role of the validator."
  value       = module.identity.role_arns["validator"]
}

output "sink_role_arn" {
  description = "Role of the sink."
  value       = module.identity.role_arns["sink"]
}

output "sla_role_arn" {
  description = "Role of the SLA checks."
  value       = module.identity.role_arns["sla"]
}

output "registry_role_arn" {
  description = "Role of the registry."
  value       = module.identity.role_arns["registry"]
}

output "operator_role_arn" {
  description = "Role of whoever looks at dead letters and sends them back."
  value       = module.identity.role_arns["operator"]
}

output "topics_role_arn" {
  description = "Role of whoever makes topics."
  value       = module.identity.role_arns["topics"]
}

output "audit_role_arn" {
  description = "Role of the audit."
  value       = module.identity.role_arns["audit"]
}

output "resume_role_arn" {
  description = "Role of whoever accepts a loss."
  value       = module.identity.role_arns["resume"]
}

output "service_accounts" {
  description = "Namespace, name and annotations of every role's service account."
  value       = module.identity.service_accounts
}

output "create_topics" {
  description = "The topics as commands, where `tidegate topics apply` is not used."
  value       = module.kafka.create_topics
}

output "config" {
  description = "tidegate.yaml: what Terraform knows of the config file."
  value = yamlencode({
    kafka     = { brokers = module.kafka.bootstrap_brokers, client = module.kafka.kafka_client, auth = { kind = "msk_iam" } }
    validator = { group = "tidegate-validator", mode = "exactly_once", probe_topic = module.kafka.topics.probe, retry_topic = local.retry_topic }
    sink      = { group = "tidegate-sink" }
    lake      = { location = module.lake.location, region = var.region }
  })
}
