# Kafka on AWS: a cluster with the settings that the guarantees need, or the door to one that is there.
locals {
  is_provisioned = var.cluster_type == "provisioned"
  is_serverless  = var.cluster_type == "serverless"
  is_new         = local.is_provisioned || local.is_serverless

  cluster_arn = (
    local.is_provisioned ? aws_msk_cluster.this[0].arn :
    local.is_serverless ? aws_msk_serverless_cluster.this[0].arn : var.existing.arn
  )
  bootstrap_brokers = (
    local.is_provisioned ? aws_msk_cluster.this[0].bootstrap_brokers_sasl_iam :
    local.is_serverless ? data.aws_msk_bootstrap_brokers.serverless[0].bootstrap_brokers_sasl_iam : var.existing.bootstrap_brokers
  )
  security_group_id = local.is_new ? aws_security_group.brokers[0].id : var.existing.security_group_id

  # A record counts when two of three replicas have it, in three zones; nobody becomes leader without having all of them.
  server_properties = merge(var.configuration_server_properties, {
    "auto.create.topics.enable"                = "false"
    "default.replication.factor"               = "3"
    "min.insync.replicas"                      = "2"
    "unclean.leader.election.enable"           = "false"
    "offsets.topic.replication.factor"         = "3"
    "transaction.state.log.replication.factor" = "3"
    "transaction.state.log.min.isr"            = "2"
  })

  ports = merge(
    { iam = 9098 },
    length(var.scram_secret_arns) > 0 ? { scram = 9096 } : {},
    length(var.certificate_authority_arns) > 0 || try(var.existing.bootstrap_brokers_tls, null) != null ? { tls = 9094 } : {},
    var.prometheus_exporters_enabled && local.is_provisioned ? { jmx = 11001, node = 11002 } : {},
  )
  doors = merge([
    for client, group in var.client_security_group_ids : { for name, port in local.ports : "${client}-${name}" => { group = group, port = port } }
  ]...)
}

module "topics" {
  source = "../topics"

  topics            = var.topics
  validated_topic   = var.validated_topic
  dead_letter_topic = var.dead_letter_topic
  retry_topic       = var.retry_topic
  parked_topic      = var.parked_topic
  probe_topic       = var.probe_topic
  group_state_topic = var.group_state_topic
}

resource "aws_kms_key" "brokers" {
  count = local.is_provisioned && var.kms_key == null ? 1 : 0

  description             = "Disks of the Kafka brokers of ${var.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  tags                    = var.tags
}

resource "aws_cloudwatch_log_group" "brokers" {
  count = local.is_provisioned ? 1 : 0

  name              = "/aws/msk/${var.name}"
  retention_in_days = var.log_retention_days
  tags              = var.tags
}

# No egress rule: brokers answer, they call nobody outside of the service's own network.
resource "aws_security_group" "brokers" {
  count = local.is_new ? 1 : 0

  name        = "${var.name}-brokers"
  description = "Kafka brokers of ${var.name}"
  vpc_id      = var.vpc_id
  tags        = merge(var.tags, { Name = "${var.name}-brokers" })
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each = local.doors

  security_group_id            = local.security_group_id
  referenced_security_group_id = each.value.group
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  tags                         = merge(var.tags, { Name = "${var.name} ${each.key}" })
}

resource "aws_msk_configuration" "this" {
  count = local.is_provisioned ? 1 : 0

  # A new version of Kafka replaces it, the new one is made first, and MSK lets no two have the same name.
  name              = "${var.name}-${replace(var.kafka_version, ".", "-")}"
  description       = "Broker settings that Tidegate's guarantees need"
  kafka_versions    = [var.kafka_version]
  server_properties = join("\n", [for property, value in local.server_properties : "${property}=${value}"])

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_msk_cluster" "this" {
  count = local.is_provisioned ? 1 : 0

  cluster_name           = var.name
  kafka_version          = var.kafka_version
  number_of_broker_nodes = var.broker_node_count
  enhanced_monitoring    = var.enhanced_monitoring
  tags                   = var.tags

  broker_node_group_info {
    instance_type   = var.broker_node_instance_type
    client_subnets  = var.subnet_ids
    security_groups = [local.security_group_id]

    storage_info {
      ebs_storage_info {
        volume_size = var.broker_node_volume_gb
      }
    }
  }

  client_authentication {
    unauthenticated = false

    sasl {
      iam   = true
      scram = length(var.scram_secret_arns) > 0
    }

    dynamic "tls" {
      for_each = length(var.certificate_authority_arns) > 0 ? [1] : []

      content {
        certificate_authority_arns = var.certificate_authority_arns
      }
    }
  }

  configuration_info {
    arn      = aws_msk_configuration.this[0].arn
    revision = aws_msk_configuration.this[0].latest_revision
  }

  encryption_info {
    encryption_at_rest_kms_key_arn = var.kms_key == null ? one(aws_kms_key.brokers[*].arn) : var.kms_key.arn

    encryption_in_transit {
      client_broker = "TLS"
      in_cluster    = true
    }
  }

  logging_info {
    broker_logs {
      cloudwatch_logs {
        enabled   = true
        log_group = aws_cloudwatch_log_group.brokers[0].name
      }
    }
  }

  open_monitoring {
    prometheus {
      jmx_exporter {
        enabled_in_broker = var.prometheus_exporters_enabled
      }
      node_exporter {
        enabled_in_broker = var.prometheus_exporters_enabled
      }
    }
  }

  lifecycle {
    # Storage that has grown by itself must not be planned back.
    ignore_changes = [broker_node_group_info[0].storage_info[0].ebs_storage_info[0].volume_size]
  }
}

resource "aws_msk_single_scram_secret_association" "this" {
  for_each = var.scram_secret_arns

  cluster_arn = aws_msk_cluster.this[0].arn
  secret_arn  = each.value
}

resource "aws_appautoscaling_target" "storage" {
  count = local.is_provisioned && var.broker_node_volume_max_gb != null ? 1 : 0

  service_namespace  = "kafka"
  scalable_dimension = "kafka:broker-storage:VolumeSize"
  resource_id        = aws_msk_cluster.this[0].arn
  min_capacity       = 1
  max_capacity       = var.broker_node_volume_max_gb
}

resource "aws_appautoscaling_policy" "storage" {
  count = local.is_provisioned && var.broker_node_volume_max_gb != null ? 1 : 0

  name               = "${var.name}-storage"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.storage[0].service_namespace
  scalable_dimension = aws_appautoscaling_target.storage[0].scalable_dimension
  resource_id        = aws_appautoscaling_target.storage[0].resource_id

  target_tracking_scaling_policy_configuration {
    target_value     = 70
    disable_scale_in = true

    predefined_metric_specification {
      predefined_metric_type = "KafkaBrokerStorageUtilization"
    }
  }
}

resource "aws_msk_serverless_cluster" "this" {
  count = local.is_serverless ? 1 : 0

  cluster_name = var.name
  tags         = var.tags

  vpc_config {
    subnet_ids         = var.subnet_ids
    security_group_ids = [local.security_group_id]
  }

  client_authentication {
    sasl {
      iam {
        enabled = true
      }
    }
  }
}

data "aws_msk_bootstrap_brokers" "serverless" {
  count = local.is_serverless ? 1 : 0

  cluster_arn = aws_msk_serverless_cluster.this[0].arn
}
