# Rules evaluated by Amazon Managed Prometheus, alerts sent to one SNS topic a severity, and CloudWatch alarms on the brokers.
locals {
  severities    = toset(["page", "ticket", "info"])
  workspace_arn = var.workspace == null ? aws_prometheus_workspace.this[0].arn : var.workspace.arn
  workspace_id  = split("/", local.workspace_arn)[1]
  partition     = split(":", local.workspace_arn)[1]
  region        = split(":", local.workspace_arn)[3]
  account       = split(":", local.workspace_arn)[4]

  # Said before the topics are there, so that a plan shows the whole policy.
  topic_arns = { for severity in local.severities : severity => "arn:${local.partition}:sns:${local.region}:${local.account}:${var.name}-${severity}" }

  routed = yamlencode({
    route = {
      receiver        = "ticket"
      group_by        = ["contract", "slo"]
      group_wait      = "30s"
      repeat_interval = "4h"
      routes          = [for severity in local.severities : { receiver = severity, matchers = ["severity=\"${severity}\""] }]
    }
    # Labels that neither alert has are equal for Alertmanager: without the matchers a page on Tidegate itself would mute every such ticket.
    inhibit_rules = [{
      source_matchers = ["severity=\"page\"", "contract=~\".+\"", "slo=~\".+\""]
      target_matchers = ["severity=\"ticket\"", "contract=~\".+\"", "slo=~\".+\""]
      equal           = ["contract", "major", "topic", "slo"]
    }]
    receivers = [
      for severity in local.severities : {
        name        = severity
        sns_configs = [{ topic_arn = local.topic_arns[severity], send_resolved = true, sigv4 = { region = local.region }, attributes = { severity = severity } }]
      }
    ]
  })

  brokers = try(var.msk.broker_node_count, null) == null ? [] : [for number in range(1, var.msk.broker_node_count + 1) : tostring(number)]

  # What stops writes or will soon. Of each broker, or of the cluster. Each broker says 0 or 1 of being the controller, so that an average
  # would be a fraction that falls with their number.
  cluster_alarms = var.msk == null || length(local.brokers) == 0 ? {} : {
    no-controller      = { metric = "ActiveControllerCount", statistic = "Maximum", operator = "LessThanThreshold", threshold = 1, text = "the cluster has no controller" }
    offline-partitions = { metric = "OfflinePartitionsCount", statistic = "Maximum", operator = "GreaterThanThreshold", threshold = 0, text = "partitions are offline: nothing can be read or written there" }
  }
  broker_alarms = merge([
    for broker in local.brokers : {
      "under-min-isr-${broker}" = { broker = broker, metric = "UnderMinIsrPartitionCount", threshold = 0, text = "partitions led by broker ${broker} have too few replicas in sync: writes stand still" }
      "disk-${broker}"          = { broker = broker, metric = "KafkaDataLogsDiskUsed", threshold = 85, text = "the disk of broker ${broker} is over 85 % full" }
    }
  ]...)
}

module "rules" {
  source = "../"

  rules = var.rules
}

resource "aws_prometheus_workspace" "this" {
  count = var.workspace == null ? 1 : 0

  alias = var.name
  tags  = var.tags
}

resource "aws_prometheus_rule_group_namespace" "this" {
  for_each = toset(distinct([for group in module.rules.groups : group.file]))

  name         = "${var.name}-${each.key}"
  workspace_id = local.workspace_id
  data         = var.rules[each.key]
}

resource "aws_prometheus_alert_manager_definition" "this" {
  workspace_id = local.workspace_id
  definition   = yamlencode({ alertmanager_config = coalesce(var.alertmanager_config, local.routed) })
}

resource "aws_sns_topic" "this" {
  for_each = local.severities

  name              = "${var.name}-${each.key}"
  kms_master_key_id = var.sns_kms_key_arn
  tags              = var.tags
}

resource "aws_sns_topic_policy" "this" {
  for_each = aws_sns_topic.this

  arn = each.value.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Prometheus"
        Effect    = "Allow"
        Principal = { Service = "aps.amazonaws.com" }
        Action    = ["sns:GetTopicAttributes", "sns:Publish"]
        Resource  = [local.topic_arns[each.key]]
        Condition = { ArnEquals = { "aws:SourceArn" = local.workspace_arn }, StringEquals = { "aws:SourceAccount" = local.account } }
      },
      {
        Sid       = "CloudWatch"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = ["sns:Publish"]
        Resource  = [local.topic_arns[each.key]]
        Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "this" {
  for_each = var.subscriptions

  topic_arn = aws_sns_topic.this[each.value.severity].arn
  protocol  = each.value.protocol
  endpoint  = each.value.endpoint
}

resource "aws_cloudwatch_metric_alarm" "cluster" {
  for_each = local.cluster_alarms

  alarm_name          = "${var.name}-msk-${each.key}"
  alarm_description   = "MSK ${var.msk.cluster_name}: ${each.value.text}"
  namespace           = "AWS/Kafka"
  metric_name         = each.value.metric
  dimensions          = { "Cluster Name" = var.msk.cluster_name }
  statistic           = each.value.statistic
  comparison_operator = each.value.operator
  threshold           = each.value.threshold
  period              = 60
  evaluation_periods  = 3
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.this["page"].arn]
  ok_actions          = [aws_sns_topic.this["page"].arn]
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "brokers" {
  for_each = local.broker_alarms

  alarm_name          = "${var.name}-msk-${each.key}"
  alarm_description   = "MSK ${var.msk.cluster_name}: ${each.value.text}"
  namespace           = "AWS/Kafka"
  metric_name         = each.value.metric
  dimensions          = { "Cluster Name" = var.msk.cluster_name, "Broker ID" = each.value.broker }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = 60
  evaluation_periods  = 5
  treat_missing_data  = "missing"
  alarm_actions       = [aws_sns_topic.this["page"].arn]
  ok_actions          = [aws_sns_topic.this["page"].arn]
  tags                = var.tags
}
