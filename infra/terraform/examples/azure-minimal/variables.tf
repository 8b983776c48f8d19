variable "subscription_id" {
  description = "Azure subscription."
  type        = string
}

variable "location" {
  description = "Azure region."
  type        = string
}

variable "resource_group_name" {
  description = "Resource group that is made for Tidegate."
  type        = string
}

variable "oidc_issuer_url" {
  description = "Issuer of the AKS cluster that is there (`az aks show --query oidcIssuerProfile.issuerUrl -o tsv`)."
  type        = string
}

variable "eventhub_namespace" {
  description = "Name of the Event Hubs namespace."
  type        = string
}

variable "operators" {
  description = "Entra groups or users (object ids by a name of yours) who may do what operator, audit and resume do: on-call, and whoever sets this up. Pods may without being named here."
  type        = map(string)
  default     = {}
}

variable "storage_account" {
  description = "Name of the storage account of the lake."
  type        = string
}

variable "subnet_id" {
  description = "Subnet of the AKS nodes, with the service endpoints Microsoft.EventHub and Microsoft.Storage."
  type        = string
}

variable "topics" {
  description = "Source topics that contracts bind, with their partitions."
  type = map(object({
    partitions                  = number
    retention_hours             = optional(number, 168)
    validated_retention_hours   = optional(number, 168)
    dead_letter_retention_hours = optional(number, 168)
  }))
}
