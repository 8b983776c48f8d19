variable "name" {
  description = "Prefix of the identities' names and of the two role definitions."
  type        = string
  default     = "tidegate"

  validation {
    condition     = can(regex("^[a-zA-Z0-9][a-zA-Z0-9_-]{2,60}$", var.name))
    error_message = "3 to 61 letters, digits, '-' and '_'."
  }
}

variable "resource_group_name" {
  description = "Resource group of the identities."
  type        = string
}

variable "resource_group_id" {
  description = "Resource id of the resource group of the lake; the two role definitions can be assigned in it and nowhere else."
  type        = string

  validation {
    condition     = can(regex("^/subscriptions/[0-9a-fA-F-]{36}/resourceGroups/[^/]+$", var.resource_group_id))
    error_message = "resource_group_id is /subscriptions/ID/resourceGroups/NAME: a role definition for a whole subscription would reach other lakes."
  }
}

variable "location" {
  description = "Azure region."
  type        = string
}

variable "oidc_issuer_url" {
  description = "Issuer of the AKS cluster's service account tokens (`oidc_issuer_url` of the cluster, with the OIDC issuer and workload identity switched on)."
  type        = string

  validation {
    condition     = can(regex("^https://[^*?]+$", var.oidc_issuer_url))
    error_message = "oidc_issuer_url is the https address that the AKS cluster publishes its token keys under (`az aks show --query oidcIssuerProfile.issuerUrl`)."
  }
}

variable "namespace" {
  description = "Kubernetes namespace of Tidegate."
  type        = string
  default     = "tidegate"

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.namespace))
    error_message = "A namespace is up to 63 lower-case letters, digits and '-'."
  }
}

variable "roles" {
  description = "Which roles there are, and the service account of each: validator, sink, sla, audit, registry, operator (`tidegate dlq`, `replay`), resume (`tidegate resume`: accepts a loss). Topics are made by the eventhubs module, so no role makes them."
  type = map(object({
    service_account = string
    namespace       = optional(string)
  }))
  default = {
    validator = { service_account = "tidegate-validator" }
    sink      = { service_account = "tidegate-sink" }
    sla       = { service_account = "tidegate-sla" }
    audit     = { service_account = "tidegate-audit" }
    registry  = { service_account = "tidegate-registry" }
    operator  = { service_account = "tidegate-operator" }
    resume    = { service_account = "tidegate-resume" }
  }
  nullable = false

  validation {
    condition     = length(setsubtract(keys(var.roles), ["validator", "sink", "sla", "audit", "registry", "operator", "resume"])) == 0
    error_message = "Roles are validator, sink, sla, audit, registry, operator and resume: the module knows the rights of those only."
  }
  validation {
    condition = alltrue(flatten([
      for role in values(var.roles) : [
        for name in compact([role.service_account, role.namespace]) : can(regex("^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$", name))
      ]
    ]))
    error_message = "Names of service accounts and namespaces are lower-case letters, digits, '-' and '.'."
  }
  validation {
    condition     = length(distinct([for role in values(var.roles) : "${coalesce(role.namespace, "-")}/${role.service_account}"])) == length(var.roles)
    error_message = "Two roles share a service account: a pod could take the rights of both."
  }
}

variable "topics" {
  description = "Topic names by kind: the output `topics` of the eventhubs module."
  type = object({
    sources     = list(string)
    validated   = list(string)
    dead_letter = list(string)
    retry       = optional(list(string), [])
    parked      = optional(list(string), [])
    probe       = optional(string)
    group_state = optional(string)
  })

  validation {
    condition     = length(setintersection(concat(var.topics.validated, var.topics.dead_letter), var.topics.sources)) == 0
    error_message = "A source is an outcome topic, too: the validator would get the right to write what it judges."
  }
}

variable "hub_ids" {
  description = "Resource id of each hub by name: the output `hub_ids` of the eventhubs module."
  type        = map(string)

  validation {
    condition     = alltrue([for id in values(var.hub_ids) : can(regex("/providers/Microsoft\\.EventHub/namespaces/[^/]+/eventhubs/[^/]+$", id))])
    error_message = "Rights are given on single hubs: an id of a namespace or group would open every hub in it."
  }
}

variable "lake_container_id" {
  description = "Resource id of the lake's container: the output of the lake-blob module."
  type        = string

  validation {
    condition     = can(regex("/blobServices/default/containers/[^/]+$", var.lake_container_id))
    error_message = "Rights are given on the container: the id of the account would open its other containers, dead letters among them."
  }
}

variable "dead_letter_container_id" {
  description = "Resource id of the container of dead letters: the output of the lake-blob module."
  type        = string

  validation {
    condition     = can(regex("/blobServices/default/containers/[^/]+$", var.dead_letter_container_id)) && var.dead_letter_container_id != var.lake_container_id
    error_message = "Dead letters need a container of their own, and rights are given on it: readers of the lake must not read data outside of its contract."
  }
}

variable "set_aside_oversize" {
  description = "Whether the validator sets aside records that are too large for a hub in the container of dead letters. Off: it has no right on any container."
  type        = bool
  default     = false
}

variable "sla_topics" {
  description = "Whether SLA checks read hubs: without that errorRate, availability and idleness are unknown. Off: they read the lake only, and must be given no brokers."
  type        = bool
  default     = true
  nullable    = false
}

variable "sla_history" {
  description = "Whether SLA checks append their results to the lake's container. Off: they read only."
  type        = bool
  default     = false
}

variable "principal_ids" {
  description = "People who may do what a role does: object ids of Entra groups or users by a name of yours, by role, for `operator`, `audit` and `resume`, whose commands people run."
  type        = map(map(string))
  default     = {}
  nullable    = false

  validation {
    condition     = length(setsubtract(keys(var.principal_ids), ["operator", "audit", "resume"])) == 0 && length(setsubtract(keys(var.principal_ids), keys(var.roles))) == 0
    error_message = "People do what operator, audit and resume do, where those are in roles. The others work unattended: whoever had the rights of validator or sink could write outcomes or the lake by hand."
  }
  validation {
    condition     = alltrue([for id in flatten([for people in values(var.principal_ids) : values(people)]) : can(regex("^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$", id))])
    error_message = "Each is the object id (a UUID) of a group or user."
  }
  validation {
    condition = alltrue([
      for people in [merge(values(var.principal_ids)...)] : alltrue([for theirs in values(var.principal_ids) : alltrue([for person, id in theirs : people[person] == id])]) && length(distinct(values(people))) == length(people)
    ])
    error_message = "A name stands for one group or user in all roles, and nobody has two names: Azure refuses an assignment that is there already."
  }
  validation {
    condition     = length(setintersection(flatten([for role, people in var.principal_ids : values(people) if role != "resume"]), values(var.dead_letter_reader_principal_ids))) == 0
    error_message = "Who does what operator or audit do reads dead letters already, and Azure refuses an assignment that is there: take them out of dead_letter_reader_principal_ids."
  }
}

variable "dead_letter_reader_principal_ids" {
  description = "Object ids of Entra groups or users of people who may read dead-letter hubs and their container, by a name of yours."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for id in values(var.dead_letter_reader_principal_ids) : can(regex("^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$", id))])
    error_message = "Each reader is the object id (a UUID) of a group or user."
  }
}

variable "tags" {
  description = "Tags of everything that can have some."
  type        = map(string)
  default     = {}
}
