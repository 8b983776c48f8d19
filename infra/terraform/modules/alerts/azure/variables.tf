variable "name" {
  description = "Prefix of the names."
  type        = string
  default     = "tidegate"
}

variable "resource_group_name" {
  description = "Resource group of rules and action groups."
  type        = string
}

variable "location" {
  description = "Azure region; that of the monitor workspace."
  type        = string
}

variable "rules" {
  description = "Prometheus rule files by name; see [alerts](../README.md)."
  type        = map(string)
  nullable    = false
}

variable "monitor_workspace_id" {
  description = "Resource id of the Azure Monitor workspace that holds the metrics."
  type        = string

  validation {
    condition     = can(regex("/providers/[Mm]icrosoft\\.[Mm]onitor/accounts/[^/]+$", var.monitor_workspace_id))
    error_message = "monitor_workspace_id ends in /providers/Microsoft.Monitor/accounts/NAME; a Log Analytics workspace evaluates no Prometheus rules."
  }
}

variable "receivers" {
  description = "Who gets which severity, by a name of yours: an `email` address or a `webhook` address."
  type = map(object({
    severity = string
    email    = optional(string)
    webhook  = optional(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for receiver in values(var.receivers) : contains(["page", "ticket", "info"], receiver.severity)])
    error_message = "severity is page, ticket or info."
  }
  validation {
    condition     = alltrue([for receiver in values(var.receivers) : (receiver.email == null) != (receiver.webhook == null)])
    error_message = "A receiver has either email or webhook."
  }
  validation {
    condition     = alltrue([for receiver in values(var.receivers) : receiver.webhook == null ? true : startswith(receiver.webhook, "https://")])
    error_message = "A webhook is reached by https: alerts name contracts, topics and teams."
  }
}

variable "eventhub_namespace" {
  description = "The Event Hubs namespace that metric alerts watch: its resource id. Null: none."
  type = object({
    id = string
  })
  default = null
}

variable "tags" {
  description = "Tags of everything that can have some."
  type        = map(string)
  default     = {}
}
