# Everything on AWS: a Kafka cluster of its own, lake, identities by IRSA, alerts.
locals {
  # Replays send to it and validators read it; its name stands in Tidegate's config, too.
  retry_topic = "{topic}.retry"
}

module "kafka" {
  source = "../../modules/msk"

  name                         = "tidegate"
  cluster_type                 = "provisioned"
  vpc_id                       = var.vpc_id
  subnet_ids                   = var.subnet_ids
  client_security_group_ids    = var.pod_security_group_ids
  broker_node_count            = 3
  broker_node_instance_type    = "kafka.m7g.large"
  broker_node_volume_gb        = 500
  broker_node_volume_max_gb    = 2000
  enhanced_monitoring          = "PER_TOPIC_PER_BROKER"
  prometheus_exporters_enabled = true
  certificate_authority_arns   = var.certificate_authority_arns
  topics                       = var.topics
  retry_topic                  = local.retry_topic
}

module "lake" {
  source = "../../modules/lake-s3"

  bucket           = var.lake_bucket
  prefix           = "prod"
  noncurrent_days  = 60
  dead_letter_days = 30
  transition_days  = 90
}

module "identity" {
  source = "../../modules/identity-aws"

  method                        = "irsa"
  eks_cluster                   = var.eks_cluster
  oidc_provider_arn             = var.oidc_provider_arn
  msk_cluster_arn               = module.kafka.cluster_arn
  topics                        = module.kafka.topics
  lake                          = module.lake.lake
  dead_letters                  = module.lake.dead_letters
  dead_letter_reader_principals = var.dead_letter_readers
  secret_arns                   = { registry = var.registry_secret_arns }
  principals                    = { for role in ["operator", "topics", "audit", "resume"] : role => var.operators }
  sla_history                   = true

  roles = {
    validator = { service_account = "tidegate-validator" }
    sink      = { service_account = "tidegate-sink" }
    sla       = { service_account = "tidegate-sla" }
    audit     = { service_account = "tidegate-audit" }
    registry  = { service_account = "tidegate-registry" }
    operator  = { service_account = "tidegate-operator" }
    topics    = { service_account = "tidegate-topics" }
    resume    = { service_account = "tidegate-resume" }
    lag       = { service_account = "keda-operator", namespace = "keda" }
  }
}

module "alerts" {
  source = "../../modules/alerts/aws"

  rules = { for file in fileset(var.rules_folder, "*.yaml") : trimsuffix(file, ".yaml") => file("${var.rules_folder}/${file}") }
  msk   = { cluster_name = module.kafka.cluster_name, broker_node_count = module.kafka.broker_node_count }

  subscriptions = {
    pager   = { severity = "page", protocol = "https", endpoint = var.pager_url }
    tickets = { severity = "ticket", protocol = "email", endpoint = var.ticket_email }
  }
}
