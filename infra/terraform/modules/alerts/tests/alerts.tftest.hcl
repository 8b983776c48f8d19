run "rules_are_read" {
  command = plan
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
  assert {
    condition     = join(" ", output.alerts) == "ContractErrorBudgetFastBurn RegistryStale" && output.groups["orders"].interval == "30s"
    error_message = "Groups and alerts are read."
  }
}

run "an_alert_without_a_runbook" {
  command = plan
  variables {
    rules = { contracts = "groups: [{name: g, rules: [{alert: A, expr: up == 0, labels: {severity: page}, annotations: {summary: down}}]}]" }
  }
  expect_failures = [var.rules]
}

run "an_alert_that_nobody_gets" {
  command = plan
  variables {
    rules = { contracts = "groups: [{name: g, rules: [{alert: A, expr: up == 0, labels: {severity: high}, annotations: {summary: down, runbook_url: 'https://x.example/A'}}]}]" }
  }
  expect_failures = [var.rules]
}

run "no_rules_at_all" {
  command = plan
  variables {
    rules = { contracts = "alerts: []" }
  }
  expect_failures = [var.rules]
}

run "two_groups_of_one_name" {
  command = plan
  variables {
    rules = {
      one = "groups: [{name: g, rules: [{record: a, expr: up}]}]"
      two = "groups: [{name: g, rules: [{record: b, expr: up}]}]"
    }
  }
  expect_failures = [var.rules]
}
