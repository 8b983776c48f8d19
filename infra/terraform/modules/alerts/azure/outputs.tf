output "action_group_ids" {
  description = "Action group of each severity."
  value       = { for severity, group in azurerm_monitor_action_group.this : severity => group.id }
}

output "alerts" {
  description = "Names of all alerts."
  value       = module.rules.alerts
}
