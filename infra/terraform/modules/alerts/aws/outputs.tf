output "workspace_arn" {
  description = "Workspace that evaluates the rules; Prometheus or an agent writes metrics to it."
  value       = local.workspace_arn
}

output "sns_topic_arns" {
  description = "SNS topic of each severity."
  value       = { for severity, topic in aws_sns_topic.this : severity => topic.arn }
}

output "alerts" {
  description = "Names of all alerts."
  value       = module.rules.alerts
}
