variable "region" {
  description = "AWS region."
  type        = string
}

variable "vpc_id" {
  description = "VPC of the brokers and the pods."
  type        = string
}

variable "subnet_ids" {
  description = "Three private subnets in three zones."
  type        = list(string)
}

variable "pod_security_group_ids" {
  description = "Security groups of the EKS nodes or pods, by a name of yours."
  type        = map(string)
}

variable "certificate_authority_arns" {
  description = "Private certificate authorities whose clients are let in by mutual TLS, beside IAM. Empty: IAM only."
  type        = list(string)
  default     = []
}

variable "eks_cluster" {
  description = "The EKS cluster: name and ARN."
  type = object({
    name = string
    arn  = string
  })
}

variable "oidc_provider_arn" {
  description = "OpenID Connect provider of the EKS cluster, for IRSA."
  type        = string
}

variable "operators" {
  description = "ARNs of roles or users of people who may take the roles operator, topics, audit and resume: on-call, and whoever sets this up. Pods take them without being named here."
  type        = list(string)
  default     = []
}

variable "lake_bucket" {
  description = "Name of the lake's bucket."
  type        = string
}

variable "dead_letter_readers" {
  description = "ARNs of roles of people who may read dead letters."
  type        = list(string)
}

variable "registry_secret_arns" {
  description = "Secrets that the registry reads: the Git credentials of the contracts' repository."
  type        = list(string)
  default     = []
}

variable "pager_url" {
  description = "Address (https) that pages go to."
  type        = string
}

variable "ticket_email" {
  description = "Address that tickets go to."
  type        = string
}

variable "rules_folder" {
  description = "Folder of Prometheus rule files (*.yaml), as `tidegate alerts render` writes them."
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
