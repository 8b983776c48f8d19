variable "name" {
  description = "Name of a new namespace, unique in all of Azure."
  type        = string
  default     = null

  validation {
    condition     = (var.name == null) == (var.existing != null)
    error_message = "Either name (a namespace is made) or existing (one is used), not both and not neither."
  }
  validation {
    condition     = var.name == null ? true : can(regex("^[a-zA-Z][a-zA-Z0-9-]{4,48}[a-zA-Z0-9]$", var.name))
    error_message = "A namespace is named by 6 to 50 letters, digits and '-', a letter first."
  }
}

variable "existing" {
  description = "A namespace that is there: name, resource group and, because its tier cannot be trusted to a guess, `dedicated` when it lies in a dedicated cluster."
  type = object({
    name                = string
    resource_group_name = string
    dedicated           = optional(bool, false)
  })
  default = null
}

variable "resource_group_name" {
  description = "Resource group of a new namespace and of private endpoints."
  type        = string
}

variable "location" {
  description = "Azure region."
  type        = string
}

variable "delivery_mode" {
  description = "`validator.mode`: `exactly_once` or `at_least_once`. The tier must carry it."
  type        = string

  validation {
    condition     = contains(["exactly_once", "at_least_once"], var.delivery_mode)
    error_message = "delivery_mode is exactly_once or at_least_once."
  }
}

variable "sku" {
  description = "Tier of a new namespace: `Standard` or `Premium`; with `dedicated_cluster_id` it must be `Standard`, as Azure wants it."
  type        = string
  default     = "Standard"

  validation {
    condition     = contains(["Standard", "Premium"], var.sku)
    error_message = "Standard or Premium: Basic has no Kafka endpoint."
  }
  validation {
    condition     = var.dedicated_cluster_id == null || var.sku == "Standard"
    error_message = "A namespace in a dedicated cluster is made with sku = \"Standard\"; the cluster decides what it can do."
  }
  validation {
    condition     = var.existing != null || var.delivery_mode == "at_least_once" || var.sku == "Premium" || var.dedicated_cluster_id != null
    error_message = "exactly_once needs Kafka transactions, which Event Hubs has in Premium and Dedicated only (as a preview). Take sku = \"Premium\", or delivery_mode = \"at_least_once\": the lake stays exact in both, only the outcome topics may then repeat records after a crash."
  }
}

variable "dedicated_cluster_id" {
  description = "Dedicated Event Hubs cluster that a new namespace lies in. Null: none."
  type        = string
  default     = null
}

variable "capacity" {
  description = "Throughput units (Standard, 1 to 40; one takes in 1 MB/s and gives out 2 MB/s) or processing units (Premium: 1, 2, 4, 8, 16)."
  type        = number
  default     = 1

  validation {
    condition     = var.sku == "Premium" ? contains([1, 2, 4, 8, 16], var.capacity) : var.capacity >= 1 && var.capacity <= 40
    error_message = "Standard takes 1 to 40 throughput units, Premium 1, 2, 4, 8 or 16 processing units."
  }
}

variable "maximum_throughput_units" {
  description = "Up to which a Standard namespace grows by itself (auto-inflate). Null: it does not grow, and what is above `capacity` is throttled."
  type        = number
  default     = null

  validation {
    condition     = var.maximum_throughput_units == null ? true : var.sku == "Standard" && var.maximum_throughput_units >= var.capacity && var.maximum_throughput_units <= 40
    error_message = "maximum_throughput_units belongs to Standard, from capacity up to 40; it never shrinks by itself."
  }
}

variable "local_authentication_enabled" {
  description = "Whether connection strings (SAS) are accepted beside Entra ID. Off: only identities get in."
  type        = bool
  default     = false
}

variable "public_network_access_enabled" {
  description = "Whether the namespace is reached from outside of private endpoints at all."
  type        = bool
  default     = false
}

variable "network_rulesets" {
  description = "Who gets in when the public address is on: subnets and IPv4 ranges. Everybody else is refused."
  type = object({
    subnet_ids = optional(list(string), [])
    ip_masks   = optional(list(string), [])
  })
  default = null

  validation {
    condition     = (var.network_rulesets == null) != (var.public_network_access_enabled && var.existing == null)
    error_message = "A namespace with a public address needs network_rulesets, and one without has no use for them: nothing is open to everybody by being forgotten."
  }
  validation {
    condition     = var.network_rulesets == null ? true : alltrue([for mask in var.network_rulesets.ip_masks : can(cidrhost(mask, 0)) && !endswith(mask, "/0")])
    error_message = "ip_masks are IPv4 ranges such as 203.0.113.0/24; 0.0.0.0/0 would be everybody."
  }
}

variable "private_endpoint" {
  description = "Subnet of a private endpoint and the zone `privatelink.servicebus.windows.net` that it is named in. Null: none is made."
  type = object({
    subnet_id            = string
    private_dns_zone_ids = list(string)
  })
  default = null
}

variable "topics" {
  description = "Source topics; see [topics](../topics/README.md). Hubs are made for sources and outcomes alike, unless `make_sources` says otherwise."
  type = map(object({
    partitions                  = number
    retention_hours             = optional(number, 168)
    validated_retention_hours   = optional(number, 168)
    dead_letter_retention_hours = optional(number, 168)
  }))
  nullable = false
}

variable "make_sources" {
  description = "Whether the hubs of the sources are made, too. Off: they are there already, in the same namespace."
  type        = bool
  default     = true
}

variable "other_hubs" {
  description = "How many hubs the namespace holds beside those of this module; they count towards the limit of its tier."
  type        = number
  default     = 0

  validation {
    condition     = var.other_hubs >= 0
    error_message = "A number of hubs, 0 or more."
  }
}

variable "validated_topic" {
  description = "`validator.validated_topic` of Tidegate's config; see [topics](../topics/README.md)."
  type        = string
  default     = "{topic}.validated"
}

variable "dead_letter_topic" {
  description = "`validator.dead_letter_topic` of Tidegate's config; without `{topic}` all sources share one."
  type        = string
  default     = "{topic}.dlq"
}

variable "retry_topic" {
  description = "Name of the topic that replays are written to, `{topic}` is the source. Null: there is none."
  type        = string
  default     = null
}

variable "parked_topic" {
  description = "`dead_letters.parked_topic` of Tidegate's config: takes what was sent back too often. Only made with `retry_topic`; without `{topic}` all sources share one."
  type        = string
  default     = "{topic}.parked"
}

variable "probe_topic" {
  description = "Hub on which transactions are proved at the start. Only made in exactly_once."
  type        = string
  default     = "tidegate.probe"
}

variable "group_state_topic" {
  description = "`dead_letters.state_topic` of Tidegate's config: compacted, of one partition, holds counts, states and replays of dead letters."
  type        = string
  default     = "tidegate.dead-letters"
  nullable    = false
}

variable "tags" {
  description = "Tags of everything that can have some."
  type        = map(string)
  default     = {}
}
