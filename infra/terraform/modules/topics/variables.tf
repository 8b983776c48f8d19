variable "topics" {
  description = "Source topics by name, as the contracts bind them, with the retention of the source, of its validated topic and of its dead letters, and the largest record (in bytes, `max.message.bytes`) of the source; outcomes carry headers and get 64 KiB more. Retention counts from the timestamps of the source records."
  type = map(object({
    partitions                  = number
    retention_hours             = optional(number, 168)
    validated_retention_hours   = optional(number, 168)
    dead_letter_retention_hours = optional(number, 168)
    max_message_bytes           = optional(number, 1048588)
  }))
  nullable = false

  validation {
    condition     = length(var.topics) > 0
    error_message = "There is no topic: without a source Tidegate has nothing to validate and stops at its start (exit 69)."
  }
  validation {
    condition     = alltrue([for topic in values(var.topics) : topic.partitions >= 1 && floor(topic.partitions) == topic.partitions])
    error_message = "partitions must be a whole number of at least 1: every outcome keeps the partition of its source record."
  }
  validation {
    condition     = alltrue([for source in keys(var.topics) : can(regex("^[a-zA-Z0-9._-]{1,200}$", source))])
    error_message = "A topic name holds letters, digits, '.', '_' and '-' only, 200 at most: Kafka refuses others, and rights are given by full name, so that a '*' here would open every topic."
  }
  validation {
    condition = alltrue(flatten([
      for topic in values(var.topics) : [
        for hours in [topic.retention_hours, topic.validated_retention_hours, topic.dead_letter_retention_hours] : hours >= 1
      ]
    ]))
    error_message = "A retention is at least one hour: what is deleted before it was read halts its partition."
  }
  validation {
    condition     = alltrue([for topic in values(var.topics) : topic.max_message_bytes >= 1024 && topic.max_message_bytes <= 104857600])
    error_message = "max_message_bytes is from 1 KiB to 100 MiB: a batch of the validator must fit into its memory."
  }
}

variable "validated_topic" {
  description = "`validator.validated_topic` of Tidegate's config: name of the validated topic, `{topic}` is the source."
  type        = string
  default     = "{topic}.validated"
  nullable    = false

  validation {
    condition     = strcontains(var.validated_topic, "{topic}") && can(regex("^[a-zA-Z0-9._-]{0,40}$", replace(var.validated_topic, "{topic}", "")))
    error_message = "validated_topic must hold {topic}, since one validated topic for several sources would mix their offsets; the rest is letters, digits, '.', '_' and '-'."
  }
  validation {
    condition     = length(setintersection(keys(var.topics), [for source in keys(var.topics) : replace(var.validated_topic, "{topic}", source)])) == 0
    error_message = "A validated topic is a source, too: its records would be validated again and again."
  }
}

variable "dead_letter_topic" {
  description = "`validator.dead_letter_topic` of Tidegate's config: name of the dead-letter topic, `{topic}` is the source. Without `{topic}` all sources share one."
  type        = string
  default     = "{topic}.dlq"
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9._-]{0,40}$", replace(var.dead_letter_topic, "{topic}", ""))) && var.dead_letter_topic != ""
    error_message = "dead_letter_topic is letters, digits, '.', '_' and '-', with or without {topic}."
  }
  validation {
    condition     = length(setintersection(keys(var.topics), [for source in keys(var.topics) : replace(var.dead_letter_topic, "{topic}", source)])) == 0
    error_message = "A dead-letter topic is a source, too: its records would be validated again and again."
  }
}

variable "retry_topic" {
  description = "Name of the topic that replays are written to, `{topic}` is the source. Only Tidegate may write there. Null: there is none."
  type        = string
  default     = null

  validation {
    condition     = var.retry_topic == null ? true : strcontains(var.retry_topic, "{topic}") && can(regex("^[a-zA-Z0-9._-]{0,40}$", replace(var.retry_topic, "{topic}", "")))
    error_message = "retry_topic must hold {topic}: a replayed record goes back to the partition it came from. The rest is letters, digits, '.', '_' and '-'."
  }
}

variable "parked_topic" {
  description = "`dead_letters.parked_topic` of Tidegate's config: takes dead letters that were sent back too often, `{topic}` is the source. Only made with `retry_topic`. Without `{topic}` all sources share one."
  type        = string
  default     = "{topic}.parked"
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9._-]{0,40}$", replace(var.parked_topic, "{topic}", ""))) && var.parked_topic != ""
    error_message = "parked_topic is letters, digits, '.', '_' and '-', with or without {topic}."
  }
}

variable "probe_topic" {
  description = "Topic on which transactions are proved at the start (`validator.probe_topic`). Null in at_least_once, which needs none."
  type        = string
  default     = "tidegate.probe"
}

variable "group_state_topic" {
  description = "`dead_letters.state_topic` of Tidegate's config: compacted, of one partition, holds counts, states and replays of dead letters."
  type        = string
  default     = "tidegate.dead-letters"
  nullable    = false
}
