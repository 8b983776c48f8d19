variable "bucket" {
  description = "Bucket of the lake."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "3 to 63 lower-case letters, digits and '-': a dot in the name breaks TLS to the bucket."
  }
}

variable "dead_letter_bucket" {
  description = "Bucket for what leaves the dead-letter topics: exports and, where it is switched on, records that are too large for a topic. Null: `<bucket>-dead-letters`."
  type        = string
  default     = null

  validation {
    condition     = var.dead_letter_bucket == null ? true : can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.dead_letter_bucket))
    error_message = "3 to 63 lower-case letters, digits and '-': a dot in the name breaks TLS to the bucket."
  }
  validation {
    condition     = var.dead_letter_bucket != var.bucket
    error_message = "Dead letters need a bucket of their own: whoever may read the lake would read data outside of its contract there."
  }
}

variable "prefix" {
  description = "Path of the lake in its bucket, without slashes at the ends; empty: the whole bucket."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.prefix == "" || can(regex("^[a-zA-Z0-9_.-]+(/[a-zA-Z0-9_.-]+)*$", var.prefix))
    error_message = "Letters, digits, '_', '.', '-' and '/' between them: a '*' or '?' would widen the rights that are given on the prefix."
  }
}

variable "kms_key" {
  description = "Key of the lake. Null: a key is made."
  type = object({
    arn = string
  })
  default = null

  validation {
    condition     = var.kms_key == null ? true : can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+$", var.kms_key.arn))
    error_message = "The full ARN of a key: rights are given on it by name, and an alias may point elsewhere tomorrow."
  }
}

variable "dead_letter_kms_key" {
  description = "Key of the dead letters. Null: a key is made."
  type = object({
    arn = string
  })
  default = null

  validation {
    condition     = var.dead_letter_kms_key == null ? true : can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+$", var.dead_letter_kms_key.arn))
    error_message = "The full ARN of a key: rights are given on it by name, and an alias may point elsewhere tomorrow."
  }
  validation {
    condition     = var.dead_letter_kms_key == null || var.kms_key == null ? true : var.dead_letter_kms_key.arn != var.kms_key.arn
    error_message = "The key of the dead letters must not be the lake's: who may decrypt the lake could then decrypt dead letters."
  }
}

variable "noncurrent_days" {
  description = "How long a version that was overwritten or deleted is kept, in both buckets. Tidegate overwrites and deletes nothing in the lake; this is the time to undo what somebody else did."
  type        = number
  default     = 30

  validation {
    condition     = var.noncurrent_days >= 7
    error_message = "At least 7 days: a deletion by mistake must survive a weekend."
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

variable "transition_days" {
  description = "After how many days Parquet files move to `transition_storage_class`. Null: never. Chain objects stay where they are: the sink reads them at each start."
  type        = number
  default     = null

  validation {
    condition     = var.transition_days == null ? true : var.transition_days >= 30
    error_message = "S3 moves nothing to infrequent access before 30 days."
  }
}

variable "transition_storage_class" {
  description = "Where Parquet files move to; classes that must be restored before reading are not taken."
  type        = string
  default     = "STANDARD_IA"

  validation {
    condition     = contains(["STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER_IR"], var.transition_storage_class)
    error_message = "STANDARD_IA, INTELLIGENT_TIERING or GLACIER_IR: readers, SLA checks and the audit read every file directly, and the other classes would refuse them."
  }
}

variable "access_log_bucket" {
  description = "Bucket that takes the access logs of both buckets. Null: none are written."
  type        = string
  default     = null
}

variable "force_destroy" {
  description = "Whether `terraform destroy` may delete buckets with everything in them. For trials only."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of everything that can have some."
  type        = map(string)
  default     = {}
}
