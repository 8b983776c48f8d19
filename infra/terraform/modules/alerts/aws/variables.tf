variable "name" {
  description = "Prefix of the names."
  type        = string
  default     = "tidegate"

  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]{1,64}$", var.name))
    error_message = "At most 64 letters, digits, '-' and '_'."
  }
}

variable "rules" {
  description = "Prometheus rule files by name; see [alerts](../README.md)."
  type        = map(string)
  nullable    = false
}

variable "workspace" {
  description = "Workspace of Amazon Managed Service for Prometheus. Null: one is made."
  type = object({
    arn = string
  })
  default = null

  validation {
    condition     = var.workspace == null ? true : can(regex("^arn:aws[a-z-]*:aps:[a-z0-9-]+:[0-9]{12}:workspace/[a-z0-9-]+$", var.workspace.arn))
    error_message = "workspace.arn must be arn:aws:aps:REGION:ACCOUNT:workspace/ID, in full."
  }
}

variable "alertmanager_config" {
  description = "Alertmanager configuration (YAML) for the workspace. Null: alerts go to the SNS topics by severity, grouped by contract and slo; a page mutes the tickets on the same promise."
  type        = string
  default     = null

  validation {
    condition     = var.alertmanager_config == null ? true : can(yamldecode(var.alertmanager_config).route.receiver)
    error_message = "alertmanager_config must be YAML with a route that names a receiver (`amtool check-config FILE` says more)."
  }
}

variable "subscriptions" {
  description = "Who gets which severity: `protocol` and `endpoint` as SNS takes them, by a name of yours."
  type = map(object({
    severity = string
    protocol = string
    endpoint = string
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for subscription in values(var.subscriptions) : contains(["page", "ticket", "info"], subscription.severity)])
    error_message = "severity is page, ticket or info."
  }
  validation {
    condition     = alltrue([for subscription in values(var.subscriptions) : contains(["email", "https", "sqs", "lambda"], subscription.protocol)])
    error_message = "protocol is email, https, sqs or lambda. Plain http is refused: alerts name contracts, topics and teams."
  }
}

variable "sns_kms_key_arn" {
  description = "Key of the SNS topics; its policy must let aps.amazonaws.com and cloudwatch.amazonaws.com use it. Null: the topics are not encrypted at rest; alerts hold no event content."
  type        = string
  default     = null
}

variable "msk" {
  description = "Cluster that CloudWatch alarms watch: name, and the number of brokers where they are known (provisioned). Null: no alarms."
  type = object({
    cluster_name      = string
    broker_node_count = optional(number)
  })
  default = null
}

variable "tags" {
  description = "Tags of everything that can have some."
  type        = map(string)
  default     = {}
}
