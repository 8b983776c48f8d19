variable "account" {
  description = "Name of the storage account, unique in all of Azure."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]{3,24}$", var.account))
    error_message = "A storage account is named by 3 to 24 lower-case letters and digits."
  }
}

variable "resource_group_name" {
  description = "Resource group of the account."
  type        = string
}

variable "location" {
  description = "Azure region."
  type        = string
}

variable "container" {
  description = "Container of the lake."
  type        = string
  default     = "lake"

  validation {
    condition     = can(regex("^[a-z0-9](-?[a-z0-9]){2,62}$", var.container))
    error_message = "A container is named by 3 to 63 lower-case letters, digits and single '-'."
  }
}

variable "dead_letter_container" {
  description = "Container for what leaves the dead-letter topics: exports and, where it is switched on, records that are too large for a hub."
  type        = string
  default     = "dead-letters"

  validation {
    condition     = can(regex("^[a-z0-9](-?[a-z0-9]){2,62}$", var.dead_letter_container))
    error_message = "A container is named by 3 to 63 lower-case letters, digits and single '-'."
  }
  validation {
    condition     = var.dead_letter_container != var.container
    error_message = "Dead letters need a container of their own: whoever may read the lake would read data outside of its contract there, and the rule that ends dead letters would end the lake."
  }
}

variable "prefix" {
  description = "Path of the lake in its container, without slashes at the ends; empty: the whole container."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.prefix == "" || can(regex("^[a-zA-Z0-9_.-]+(/[a-zA-Z0-9_.-]+)*$", var.prefix))
    error_message = "Letters, digits, '_', '.', '-' and '/' between them."
  }
}

variable "replication" {
  description = "How the account is replicated."
  type        = string
  default     = "ZRS"

  validation {
    condition     = contains(["LRS", "ZRS", "GRS", "GZRS", "RAGRS", "RAGZRS"], var.replication)
    error_message = "LRS, ZRS, GRS, GZRS, RAGRS or RAGZRS. LRS loses the lake with one data centre: for trials only."
  }
}

variable "version_days" {
  description = "How long a version or blob that was overwritten or deleted is kept. Tidegate overwrites and deletes nothing in the lake; this is the time to undo what somebody else did."
  type        = number
  default     = 30

  validation {
    condition     = var.version_days >= 7 && var.version_days <= 365
    error_message = "7 to 365 days: a deletion by mistake must survive a weekend."
  }
}

variable "dead_letter_days" {
  description = "After how many days exported dead letters are deleted."
  type        = number
  default     = 90

  validation {
    condition     = var.dead_letter_days >= 1
    error_message = "At least a day. Dead letters hold data outside of its contract; they must end some time."
  }
}

variable "cool_after_days" {
  description = "After how many days Parquet files move to the cool tier. Null: never. Chain objects stay where they are: the sink reads them at each start."
  type        = number
  default     = null

  validation {
    condition     = var.cool_after_days == null ? true : var.cool_after_days >= 30
    error_message = "Moving a blob that is younger than 30 days costs more than it saves."
  }
}

variable "customer_managed_key" {
  description = "Key of a Key Vault (its versionless id, so that it may rotate) and the identity that may use it. Null: a key of Microsoft's encrypts the account, twice."
  type = object({
    key_vault_key_id          = string
    user_assigned_identity_id = string
  })
  default = null

  validation {
    condition     = var.customer_managed_key == null ? true : can(regex("^https://[a-zA-Z0-9-]+\\.vault\\.azure\\.net/keys/[a-zA-Z0-9-]+$", var.customer_managed_key.key_vault_key_id))
    error_message = "key_vault_key_id is the versionless id, https://VAULT.vault.azure.net/keys/NAME: with a version the account would stay on an old key."
  }
}

variable "subnet_ids" {
  description = "Subnets (with the service endpoint Microsoft.Storage) that get in beside private endpoints. Nobody else does."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "ip_rules" {
  description = "IPv4 addresses or ranges that get in, for example of people who read the lake."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for rule in var.ip_rules : !endswith(rule, "/0")])
    error_message = "0.0.0.0/0 would be everybody."
  }
}

variable "private_endpoint" {
  description = "Subnet of a private endpoint and the zone `privatelink.blob.core.windows.net` that it is named in. Null: none is made."
  type = object({
    subnet_id            = string
    private_dns_zone_ids = list(string)
  })
  default = null
}

variable "tags" {
  description = "Tags of everything that can have some."
  type        = map(string)
  default     = {}
}
