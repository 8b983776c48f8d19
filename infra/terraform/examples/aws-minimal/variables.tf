variable "region" {
  description = "AWS region."
  type        = string
}

variable "msk_cluster" {
  description = "The MSK cluster that is there: ARN and the brokers of its IAM listener (`aws kafka get-bootstrap-brokers`, BootstrapBrokerStringSaslIam); where clients sign in by certificate, those of its mutual TLS listener, too (BootstrapBrokerStringTls)."
  type = object({
    arn               = string
    bootstrap_brokers = string

    bootstrap_brokers_tls = optional(string)
  })
}

variable "eks_cluster" {
  description = "The EKS cluster that is there, with the Pod Identity agent: name and ARN."
  type = object({
    name = string
    arn  = string
  })
}

variable "operators" {
  description = "ARNs of roles or users of people who may take the roles operator, topics, audit and resume: on-call, and whoever sets this up. Pods take them without being named here."
  type        = list(string)
  default     = []
}

variable "lake_bucket" {
  description = "Name of the lake's bucket; that of dead letters gets `-dead-letters` behind it."
  type        = string
}

variable "topics" {
  description = "Source topics that contracts bind, with their partitions."
  type = map(object({
    partitions                  = number
    retention_hours             = optional(number, 168)
    validated_retention_hours   = optional(number, 168)
    dead_letter_retention_hours = optional(number, 168)
    max_message_bytes           = optional(number, 1048588)
  }))
}
