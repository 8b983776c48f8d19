output "groups" {
  description = "Groups by name: interval and rules (alert or record, expr, for, labels, annotations, severity)."
  value       = local.groups
}

output "alerts" {
  description = "Names of all alerts."
  value       = sort(distinct(flatten([for group in local.groups : [for rule in group.rules : rule.alert if rule.alert != null]])))
}
