output "role_arns" {
  description = "ARN of each role."
  value       = { for role, made in aws_iam_role.this : role => made.arn }
}

output "dead_letter_reader_role_arn" {
  description = "ARN of the role of dead-letter readers; null where there is none."
  value       = one(aws_iam_role.dead_letter_reader[*].arn)
}

output "service_accounts" {
  description = "Namespace, name and annotations of each role's service account, for the Kubernetes overlay. Pod Identity needs no annotation."
  value = {
    for role, account in var.roles : role => {
      namespace   = local.namespaces[role]
      name        = account.service_account
      annotations = var.method == "irsa" ? { "eks.amazonaws.com/role-arn" = aws_iam_role.this[role].arn } : {}
      labels      = {}
    }
  }
}
