# Rules evaluated by Azure Monitor's managed Prometheus, alerts sent to one action group a severity, and metric alerts on Event Hubs.
locals {
  severities = { page = 1, ticket = 3, info = 4 }

  # Prometheus writes 1h30m, Azure PT1H30M.
  duration_parts = {
    for text in distinct(compact(flatten([for group in module.rules.groups : concat([group.interval], group.rules[*].for)]))) :
    text => regex("^(?:(?P<days>[0-9]+)d)?(?:(?P<hours>[0-9]+)h)?(?:(?P<minutes>[0-9]+)m)?(?:(?P<seconds>[0-9]+)s)?$", text)
  }
  durations = {
    for text, part in local.duration_parts : text => join("", compact([
      "P", part.days == null ? "" : "${part.days}D",
      part.hours == null && part.minutes == null && part.seconds == null ? "" : "T",
      part.hours == null ? "" : "${part.hours}H", part.minutes == null ? "" : "${part.minutes}M", part.seconds == null ? "" : "${part.seconds}S",
    ]))
  }
}

module "rules" {
  source = "../"

  rules = var.rules
}

resource "azurerm_monitor_action_group" "this" {
  for_each = local.severities

  name                = "${var.name}-${each.key}"
  resource_group_name = var.resource_group_name
  short_name          = "tide-${each.key}"
  tags                = var.tags

  dynamic "email_receiver" {
    for_each = { for name, receiver in var.receivers : name => receiver if receiver.severity == each.key && receiver.email != null }

    content {
      name                    = email_receiver.key
      email_address           = email_receiver.value.email
      use_common_alert_schema = true
    }
  }

  dynamic "webhook_receiver" {
    for_each = { for name, receiver in var.receivers : name => receiver if receiver.severity == each.key && receiver.webhook != null }

    content {
      name                    = webhook_receiver.key
      service_uri             = webhook_receiver.value.webhook
      use_common_alert_schema = true
    }
  }
}

resource "azurerm_monitor_alert_prometheus_rule_group" "this" {
  for_each = module.rules.groups

  name                = "${var.name}-${each.key}"
  resource_group_name = var.resource_group_name
  location            = var.location
  scopes              = [var.monitor_workspace_id]
  # Azure evaluates once a minute at most.
  interval           = endswith(each.value.interval, "s") ? "PT1M" : local.durations[each.value.interval]
  rule_group_enabled = true
  tags               = var.tags

  dynamic "rule" {
    for_each = each.value.rules

    content {
      enabled     = true
      alert       = rule.value.alert
      record      = rule.value.record
      expression  = rule.value.expr
      for         = rule.value.for == null ? null : local.durations[rule.value.for]
      labels      = rule.value.labels
      annotations = rule.value.alert == null ? null : rule.value.annotations
      severity    = rule.value.alert == null ? null : local.severities[rule.value.severity]

      dynamic "action" {
        for_each = rule.value.alert == null ? [] : [rule.value.severity]

        content {
          action_group_id = azurerm_monitor_action_group.this[action.value].id
        }
      }

      dynamic "alert_resolution" {
        for_each = rule.value.alert == null ? [] : [1]

        content {
          auto_resolved   = true
          time_to_resolve = "PT10M"
        }
      }
    }
  }

  lifecycle {
    precondition {
      condition     = length(each.value.rules) <= 20
      error_message = "The group ${each.key} has ${length(each.value.rules)} rules, and Azure takes 20 a group: split it."
    }
  }
}

resource "azurerm_monitor_metric_alert" "eventhubs" {
  for_each = var.eventhub_namespace == null ? {} : {
    ThrottledRequests   = { severity = "ticket", text = "requests are throttled: raise capacity, or lag grows" }
    QuotaExceededErrors = { severity = "page", text = "a quota of the namespace is exceeded: writes are refused" }
    ServerErrors        = { severity = "page", text = "the namespace answers with server errors" }
  }

  name                = "${var.name}-${each.key}"
  resource_group_name = var.resource_group_name
  scopes              = [var.eventhub_namespace.id]
  description         = "Event Hubs: ${each.value.text}"
  severity            = local.severities[each.value.severity]
  frequency           = "PT1M"
  window_size         = "PT5M"
  tags                = var.tags

  criteria {
    metric_namespace = "Microsoft.EventHub/namespaces"
    metric_name      = each.key
    aggregation      = "Total"
    operator         = "GreaterThan"
    threshold        = 0
  }

  action {
    action_group_id = azurerm_monitor_action_group.this[each.value.severity].id
  }
}
