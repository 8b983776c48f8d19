mock_provider "azurerm" {
  mock_resource "azurerm_monitor_action_group" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.Insights/actionGroups/tidegate-page" }
  }
}

variables {
  resource_group_name  = "tide"
  location             = "swedencentral"
  monitor_workspace_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.Monitor/accounts/metrics"
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

run "rules_speak_azures_language" {
  command = apply
  variables {
    receivers          = { on-call = { severity = "page", webhook = "https://pager.example/tidegate" } }
    eventhub_namespace = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.EventHub/namespaces/tide" }
  }
  assert {
    condition     = azurerm_monitor_alert_prometheus_rule_group.this["orders"].rule[1].for == "PT1H30M" && azurerm_monitor_alert_prometheus_rule_group.this["orders"].interval == "PT1M"
    error_message = "Durations are ISO 8601, and no group is evaluated more than once a minute."
  }
  assert {
    condition     = azurerm_monitor_alert_prometheus_rule_group.this["orders"].rule[1].severity == 1 && azurerm_monitor_alert_prometheus_rule_group.this["orders"].rule[2].severity == 3
    error_message = "page is 1, ticket is 3."
  }
  assert {
    condition     = length(azurerm_monitor_alert_prometheus_rule_group.this["orders"].rule[0].action) == 0 && length(azurerm_monitor_alert_prometheus_rule_group.this["orders"].rule[1].action) == 1
    error_message = "Alerts reach an action group, recordings do not."
  }
  assert {
    condition     = length(azurerm_monitor_metric_alert.eventhubs) == 3
    error_message = "The namespace is watched."
  }
}

run "logs_are_no_metrics" {
  command = plan
  variables {
    monitor_workspace_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.OperationalInsights/workspaces/logs"
  }
  expect_failures = [var.monitor_workspace_id]
}

run "neither_mail_nor_webhook" {
  command = plan
  variables {
    receivers = { on-call = { severity = "page" } }
  }
  expect_failures = [var.receivers]
}
