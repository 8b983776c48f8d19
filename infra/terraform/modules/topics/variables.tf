variable "topics" {
  description = "Source topics by name, as the contracts bind them. `validated` and `dead_letter` default to `<source>.validated` and `<source>.dlq`; several sources may share them. `retry` is the topic that replays are written to; null: there is none. Retention counts from the timestamps of the source records."
  type = map(object({
    partitions                  = number
    validated                   = optional(string)
    dead_letter                 = optional(string)
    retry                       = optional(string)
    retention_hours             = optional(number, 168)
    validated_retention_hours   = optional(number, 168)
    dead_letter_retention_hours = optional(number, 168)
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
    condition = alltrue(flatten([
      for source, topic in var.topics : [
        for name in compact([source, topic.validated, topic.dead_letter, topic.retry]) : can(regex("^[a-zA-Z0-9._-]{1,200}$", name))
      ]
    ]))
    error_message = "A topic name holds letters, digits, '.', '_' and '-' only, 200 at most: Kafka refuses others, and rights are given by full name, so that a '*' here would open every topic."
  }
  validation {
    condition = alltrue(flatten([
      for source, topic in var.topics : [
        for name in [
          coalesce(topic.validated, "${source}.validated"), coalesce(topic.dead_letter, "${source}.dlq"), coalesce(topic.retry, "${source}.retry")
        ] : !contains(keys(var.topics), name)
      ]
    ]))
    error_message = "An outcome topic is a source, too: its records would be validated again and again. Give validated, dead_letter or retry another name."
  }
  validation {
    condition = alltrue(flatten([
      for topic in values(var.topics) : [
        for hours in [topic.retention_hours, topic.validated_retention_hours, topic.dead_letter_retention_hours] : hours >= 1
      ]
    ]))
    error_message = "A retention is at least one hour: what is deleted before it was read halts its partition."
  }
}

variable "probe_topic" {
  description = "Topic on which transactions are proved at the start (`validator.probe_topic`). Null in at_least_once, which needs none."
  type        = string
  default     = "tidegate.probe"
}

variable "group_state_topic" {
  description = "Compacted topic that holds the states of dead-letter groups. Null: there is none."
  type        = string
  default     = null
}

variable "summary_topic" {
  description = "Topic that holds one summary record for each transaction of the validator. Null: there is none."
  type        = string
  default     = null
}
