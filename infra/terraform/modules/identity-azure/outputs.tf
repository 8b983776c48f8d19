output "client_ids" {
  description = "Client id of each role's identity."
  value       = { for role, identity in azurerm_user_assigned_identity.this : role => identity.client_id }
}

output "principal_ids" {
  description = "Principal id of each role's identity, for further rights such as secrets of a Key Vault."
  value       = { for role, identity in azurerm_user_assigned_identity.this : role => identity.principal_id }
}

output "service_accounts" {
  description = "Namespace, name and annotations of each role's service account, for the Kubernetes overlay; `pod_labels` belong on the pods."
  value = {
    for role, account in var.roles : role => {
      namespace   = local.namespaces[role]
      name        = account.service_account
      annotations = { "azure.workload.identity/client-id" = azurerm_user_assigned_identity.this[role].client_id }
      labels      = {}
    }
  }
}

output "pod_labels" {
  description = "Labels that pods need, so that the workload identity webhook gives them a token."
  value       = { "azure.workload.identity/use" = "true" }
}
