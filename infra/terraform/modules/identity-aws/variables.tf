variable "name" {
  description = "Prefix of the roles' names."
  type        = string
  default     = "tidegate"

  validation {
    condition     = can(regex("^[a-zA-Z0-9_+=,.@-]{1,40}$", var.name))
    error_message = "At most 40 of the characters that IAM takes in a role's name; a suffix follows."
  }
}

variable "method" {
  description = "How pods get their role: `pod_identity` (EKS Pod Identity, the agent runs in the cluster) or `irsa` (an OpenID Connect provider)."
  type        = string
  default     = "pod_identity"

  validation {
    condition     = contains(["pod_identity", "irsa"], var.method)
    error_message = "pod_identity or irsa."
  }
}

variable "eks_cluster" {
  description = "The EKS cluster: name and ARN."
  type = object({
    name = string
    arn  = string
  })

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:eks:[a-z0-9-]+:[0-9]{12}:cluster/[a-zA-Z0-9_-]+$", var.eks_cluster.arn))
    error_message = "eks_cluster.arn must be the full ARN of a cluster: the roles trust that cluster and no other."
  }
}

variable "oidc_provider_arn" {
  description = "ARN of the cluster's OpenID Connect provider in IAM; needed by `irsa`."
  type        = string
  default     = null

  validation {
    condition     = (var.oidc_provider_arn != null) == (var.method == "irsa")
    error_message = "oidc_provider_arn belongs to method = \"irsa\": without it no pod could take a role, and with pod_identity nothing would use it."
  }
  validation {
    condition     = var.oidc_provider_arn == null ? true : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/[^*?]+$", var.oidc_provider_arn))
    error_message = "oidc_provider_arn must be arn:aws:iam::ACCOUNT:oidc-provider/ISSUER (`aws iam list-open-id-connect-providers`)."
  }
}

variable "namespace" {
  description = "Kubernetes namespace of Tidegate."
  type        = string
  default     = "tidegate"

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.namespace))
    error_message = "A namespace is up to 63 lower-case letters, digits and '-'. Stars are refused: every pod that matches would get the rights."
  }
}

variable "roles" {
  description = "Which roles there are, and the service account of each: validator, sink, sla, audit, registry, operator (`tidegate dlq`, `replay`), topics (`tidegate topics apply`), resume (`tidegate resume`: accepts a loss), lag (reads consumer lag for an autoscaler). `namespace` defaults to `namespace`."
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
    topics    = { service_account = "tidegate-topics" }
    resume    = { service_account = "tidegate-resume" }
  }
  nullable = false

  validation {
    condition     = length(setsubtract(keys(var.roles), ["validator", "sink", "sla", "audit", "registry", "operator", "topics", "resume", "lag"])) == 0
    error_message = "Roles are validator, sink, sla, audit, registry, operator, topics, resume and lag: the module knows the rights of those only."
  }
  validation {
    condition = alltrue(flatten([
      for role in values(var.roles) : [
        for name in compact([role.service_account, role.namespace]) : can(regex("^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$", name))
      ]
    ]))
    error_message = "Names of service accounts and namespaces are lower-case letters, digits, '-' and '.'. Stars are refused: every pod that matches would get the rights."
  }
  validation {
    condition     = length(distinct([for role in values(var.roles) : "${coalesce(role.namespace, "-")}/${role.service_account}"])) == length(var.roles)
    error_message = "Two roles share a service account: a pod would get the rights of only one of them, and with IRSA the choice would be the pod's."
  }
}

variable "msk_cluster_arn" {
  description = "ARN of the MSK cluster; rights on topics, groups and transactional ids are derived from it."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kafka:[a-z0-9-]+:[0-9]{12}:cluster/[^/*?]+/[a-z0-9-]+$", var.msk_cluster_arn))
    error_message = "msk_cluster_arn must be arn:aws:kafka:REGION:ACCOUNT:cluster/NAME/UUID, in full."
  }
}

variable "topics" {
  description = "Topic names by kind: the output `topics` of the msk module."
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
    condition = alltrue([
      for name in compact(concat(var.topics.sources, var.topics.validated, var.topics.dead_letter, var.topics.retry, var.topics.parked, [var.topics.probe, var.topics.group_state])) :
      can(regex("^[a-zA-Z0-9._-]{1,249}$", name))
    ])
    error_message = "Topics are given by full name: a '*' or '?' would open topics that nobody meant."
  }
  validation {
    condition     = length(setintersection(concat(var.topics.validated, var.topics.dead_letter), var.topics.sources)) == 0
    error_message = "A source is an outcome topic, too: the validator would get the right to write what it judges."
  }
}

variable "validator_group" {
  description = "Consumer group of the validator (`validator.group`), and the prefix of its transactional ids."
  type        = string
  default     = "tidegate-validator"

  validation {
    condition     = can(regex("^[a-zA-Z0-9._-]{3,200}$", var.validator_group))
    error_message = "At least three letters, digits, '.', '_' and '-': it is the prefix of the transactional ids that the validator may use, and a short or starred one would reach those of others."
  }
}

variable "sink_group" {
  description = "Consumer group of the sink (`sink.group`)."
  type        = string
  default     = "tidegate-sink"

  validation {
    condition     = can(regex("^[a-zA-Z0-9._-]{3,200}$", var.sink_group))
    error_message = "A group is given by full name: letters, digits, '.', '_' and '-'."
  }
}

variable "replay_prefix" {
  description = "Prefix of the transactional ids and groups of replays: what the executable has."
  type        = string
  default     = "tidegate-replay"

  validation {
    condition     = can(regex("^[a-zA-Z0-9._-]{8,200}$", var.replay_prefix))
    error_message = "At least eight letters, digits, '.', '_' and '-': a shorter prefix would reach ids and groups of others."
  }
}

variable "lake" {
  description = "The lake: the output `lake` of the lake-s3 module."
  type = object({
    bucket_arn  = string
    prefix      = string
    kms_key_arn = string
  })

  validation {
    condition     = can(regex("^[a-zA-Z0-9_./-]*$", var.lake.prefix)) && can(regex("^arn:aws[a-z-]*:s3:::[a-z0-9.-]+$", var.lake.bucket_arn))
    error_message = "The ARN of one bucket, and a prefix without '*' and '?'."
  }
}

variable "dead_letters" {
  description = "The bucket of dead letters: the output `dead_letters` of the lake-s3 module."
  type = object({
    bucket_arn  = string
    kms_key_arn = string
  })

  validation {
    condition     = var.dead_letters.bucket_arn != var.lake.bucket_arn && var.dead_letters.kms_key_arn != var.lake.kms_key_arn
    error_message = "Dead letters need a bucket and a key of their own: else readers of the lake could read data outside of its contract."
  }
  validation {
    condition     = can(regex("^arn:aws[a-z-]*:s3:::[a-z0-9.-]+$", var.dead_letters.bucket_arn))
    error_message = "The ARN of one bucket."
  }
}

variable "oversize_prefix" {
  description = "Folder in the bucket of dead letters where the validator sets aside records that are too large for a topic. Null: it has no right on any bucket."
  type        = string
  default     = null

  validation {
    condition     = var.oversize_prefix == null ? true : can(regex("^[a-zA-Z0-9_-]+$", var.oversize_prefix))
    error_message = "One folder name of letters, digits, '_' and '-'."
  }
}

variable "sla_topics" {
  description = "Whether SLA checks read topics, the validator's group and the lake's chain: without that errorRate, availability and idleness are unknown. Off: they read Parquet files and nothing else, and must be given no brokers."
  type        = bool
  default     = true
  nullable    = false
}

variable "sla_history" {
  description = "Whether SLA checks append their results below `sla/history/` of the lake (`sla serve`, `sla run --history`). Off: they write nothing."
  type        = bool
  default     = false
  nullable    = false
}

variable "secret_arns" {
  description = "Secrets in Secrets Manager that a role may read, for example Git or schema registry credentials. Pods that get secrets from Kubernetes need none."
  type        = map(list(string))
  default     = {}
  nullable    = false

  validation {
    condition     = length(setsubtract(keys(var.secret_arns), keys(var.roles))) == 0
    error_message = "secret_arns names a role that is not in roles."
  }
  validation {
    condition     = alltrue([for arn in flatten(values(var.secret_arns)) : can(regex("^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[a-zA-Z0-9/_+=.@-]+$", arn))])
    error_message = "Secrets are given by full ARN, without '*' and '?'."
  }
}

variable "secret_kms_key_arns" {
  description = "Keys of those secrets that are not encrypted with Secrets Manager's own key."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.secret_kms_key_arns : can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+$", arn))])
    error_message = "Keys are given by full ARN."
  }
}

variable "dead_letter_reader_principals" {
  description = "ARNs of roles or users of people who may take the role `<name>-dead-letter-reader`, which reads dead-letter topics and their bucket. Empty: the role is not made."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.dead_letter_reader_principals : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[a-zA-Z0-9/_+=,.@-]+$", arn))])
    error_message = "Each reader is a role or user by full ARN. A whole account (:root) or '*' is refused: dead letters hold the data that nobody checked."
  }
}

variable "principals" {
  description = "Who may take a role beside its service account: ARNs of roles or users of people, by role, for `operator`, `topics`, `audit` and `resume`, whose commands people run."
  type        = map(list(string))
  default     = {}
  nullable    = false

  validation {
    condition     = length(setsubtract(keys(var.principals), ["operator", "topics", "audit", "resume"])) == 0 && length(setsubtract(keys(var.principals), keys(var.roles))) == 0
    error_message = "People take operator, topics, audit and resume, where those are in roles. The others work unattended: whoever could take validator or sink could write outcomes or the lake by hand."
  }
  validation {
    condition     = alltrue([for arn in flatten(values(var.principals)) : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[a-zA-Z0-9/_+=,.@-]+$", arn))])
    error_message = "Each is a role or user by full ARN. A whole account (:root) or '*' is refused: anybody in it could send dead letters back."
  }
}

variable "permissions_boundary" {
  description = "ARN of a permissions boundary of all roles."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of everything that can have some."
  type        = map(string)
  default     = {}
}
