mock_provider "aws" {
  mock_resource "aws_prometheus_workspace" {
    defaults = { arn = "arn:aws:aps:eu-north-1:111122223333:workspace/ws-0d7a3c1e" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-north-1:111122223333:tidegate-page" }
  }
}

variables {
  rules = { contracts = <<-EOT
      groups:
        - name: orders
          interval: 30s
          rules:
            - record: tidegate:orders:bad
              expr: sum(rate(tidegate_dead_letters_total{topic="orders"}[5m]))
            - alert: ContractErrorBudgetFastBurn
              expr: tidegate:orders:bad > 0.01
              for: 1h30m
              labels: {severity: page, team: shop-checkout}
              annotations: {summary: orders burn their budget, runbook_url: "https://runbooks.example/ContractErrorBudgetFastBurn"}
            - alert: RegistryStale
              expr: tidegate_snapshot_age_seconds > 900
              labels: {severity: ticket, team: platform}
              annotations: {summary: contracts are old, runbook_url: "https://runbooks.example/RegistryStale"}
      EOT
  }
}

run "rules_reach_the_workspace_and_severities_their_topics" {
  command = apply
  variables {
    msk           = { cluster_name = "tide", broker_node_count = 3 }
    subscriptions = { on-call = { severity = "page", protocol = "https", endpoint = "https://pager.example/tidegate" } }
  }
  assert {
    condition     = aws_prometheus_rule_group_namespace.this["contracts"].data == var.rules["contracts"] && aws_prometheus_rule_group_namespace.this["contracts"].workspace_id == "ws-0d7a3c1e"
    error_message = "The rules arrive as they were rendered."
  }
  assert {
    condition     = length(yamldecode(yamldecode(aws_prometheus_alert_manager_definition.this.definition).alertmanager_config).receivers) == 3
    error_message = "A receiver for each severity."
  }
  assert {
    condition = alltrue([
      for rule in yamldecode(yamldecode(aws_prometheus_alert_manager_definition.this.definition).alertmanager_config).inhibit_rules :
      toset(rule.equal) == toset(["contract", "major", "topic", "slo"]) && alltrue([
        for side in [rule.source_matchers, rule.target_matchers] : contains(side, "contract=~\".+\"") && contains(side, "slo=~\".+\"")
      ])
    ])
    error_message = "Only a page about a promise mutes a ticket: labels that both lack are equal, too."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.cluster["no-controller"].statistic == "Maximum" && aws_cloudwatch_metric_alarm.cluster["no-controller"].threshold == 1 && aws_cloudwatch_metric_alarm.cluster["no-controller"].comparison_operator == "LessThanThreshold"
    error_message = "One broker of them all says 1: the average of six or more is below any fraction that three have."
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.brokers) == 6 && aws_cloudwatch_metric_alarm.brokers["under-min-isr-3"].dimensions["Broker ID"] == "3"
    error_message = "Every broker is watched."
  }
  assert {
    condition     = length(aws_sns_topic_policy.this) == 3 && strcontains(aws_sns_topic_policy.this["page"].policy, "aps.amazonaws.com")
    error_message = "Prometheus may publish."
  }
}

run "plain_http_is_refused" {
  command = plan
  variables {
    subscriptions = { on-call = { severity = "page", protocol = "http", endpoint = "http://pager.example" } }
  }
  expect_failures = [var.subscriptions]
}

run "routes_without_a_receiver" {
  command = plan
  variables {
    alertmanager_config = "route: {}"
  }
  expect_failures = [var.alertmanager_config]
}
