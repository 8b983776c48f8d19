variable "name" {
  description = "Name of the cluster and of what belongs to it."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9-]{1,60}$", var.name))
    error_message = "MSK takes letters, digits and '-' only, and at most 64 of them together with our suffixes."
  }
}

variable "cluster_type" {
  description = "`provisioned` or `serverless` makes a cluster, `existing` uses one that is there (`existing`)."
  type        = string
  default     = "provisioned"

  validation {
    condition     = contains(["provisioned", "serverless", "existing"], var.cluster_type)
    error_message = "cluster_type is provisioned, serverless or existing."
  }
}

variable "existing" {
  description = "The cluster to use with `cluster_type = \"existing\"`: its ARN, the `host:port` list of its IAM listener (port 9098), that of its mutual TLS listener (port 9094) where clients sign in by certificate, and, for `client_security_group_ids`, its security group."
  type = object({
    arn               = string
    bootstrap_brokers = string
    security_group_id = optional(string)

    bootstrap_brokers_tls = optional(string)
  })
  default = null

  validation {
    condition     = (var.existing != null) == (var.cluster_type == "existing")
    error_message = "existing belongs to cluster_type = \"existing\" and to nothing else: else it would be unclear which cluster the roles get rights on."
  }
  validation {
    condition     = var.existing == null ? true : can(regex("^arn:aws[a-z-]*:kafka:[a-z0-9-]+:[0-9]{12}:cluster/[^/*?]+/[a-z0-9-]+$", var.existing.arn))
    error_message = "existing.arn must be the full ARN of a cluster, arn:aws:kafka:REGION:ACCOUNT:cluster/NAME/UUID: the rights on topics and groups are derived from it."
  }
  validation {
    condition     = var.existing == null ? true : alltrue([for broker in split(",", var.existing.bootstrap_brokers) : can(regex("^[a-zA-Z0-9.-]+:9098$", broker))])
    error_message = "existing.bootstrap_brokers must be the brokers of the IAM listener, host:9098, comma separated (`aws kafka get-bootstrap-brokers`, BootstrapBrokerStringSaslIam): the other ports know no IAM identity."
  }
  validation {
    condition     = try(var.existing.bootstrap_brokers_tls, null) == null ? true : alltrue([for broker in split(",", var.existing.bootstrap_brokers_tls) : can(regex("^[a-zA-Z0-9.-]+:9094$", broker))])
    error_message = "existing.bootstrap_brokers_tls must be the brokers of the mutual TLS listener, host:9094, comma separated (BootstrapBrokerStringTls)."
  }
}

variable "vpc_id" {
  description = "VPC of a new cluster."
  type        = string
  default     = null

  validation {
    condition     = (var.vpc_id == null) == (var.cluster_type == "existing")
    error_message = "A new cluster needs vpc_id; an existing one is in its VPC already."
  }
}

variable "subnet_ids" {
  description = "Subnets of a new cluster, one in each availability zone: three for `provisioned`, at least two for `serverless`."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = var.cluster_type != "provisioned" || length(var.subnet_ids) == 3
    error_message = "A provisioned cluster needs three subnets in three zones: with replication factor 3 and min.insync.replicas 2, two zones would stop all writes when the one with two replicas is lost."
  }
  validation {
    condition     = var.cluster_type != "serverless" || length(var.subnet_ids) >= 2
    error_message = "MSK Serverless needs subnets in at least two zones."
  }
}

variable "client_security_group_ids" {
  description = "Security groups of the pods or nodes that may reach the brokers, by a name of yours. Nobody else gets in."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(var.client_security_group_ids) == 0 || var.cluster_type != "existing" || try(var.existing.security_group_id, null) != null
    error_message = "client_security_group_ids of an existing cluster need existing.security_group_id: the rules are added to it."
  }
}

variable "kafka_version" {
  description = "Kafka version of a provisioned cluster, in MSK's spelling."
  type        = string
  default     = "3.9.x"

  validation {
    condition     = try(tonumber(split(".", var.kafka_version)[0]) > 3 || tonumber(split(".", var.kafka_version)[1]) >= 8, false)
    error_message = "Kafka 3.8 or newer: before it a hanging transaction cannot be ended over IAM, and it would hold back every read_committed reader for good."
  }
}

variable "broker_node_count" {
  description = "Brokers of a provisioned cluster; a multiple of the zones."
  type        = number
  default     = 3

  validation {
    condition     = var.broker_node_count >= 3 && var.broker_node_count % 3 == 0
    error_message = "broker_node_count must be 3, 6, 9, …: MSK puts the same number of brokers into each of the three zones."
  }
}

variable "broker_node_instance_type" {
  description = "Instance type of the brokers."
  type        = string
  default     = "kafka.m7g.large"

  validation {
    condition     = can(regex("^kafka\\.[a-z0-9]+\\.[a-z0-9]+$", var.broker_node_instance_type))
    error_message = "A standard broker type, such as kafka.m7g.large. Express brokers (express.*) are refused: nobody has proved yet that Tidegate's guarantees hold on them."
  }
}

variable "broker_node_volume_gb" {
  description = "Storage of each broker at the start, in GiB."
  type        = number
  default     = 100

  validation {
    condition     = var.broker_node_volume_gb >= 1 && var.broker_node_volume_gb <= 16384
    error_message = "MSK takes 1 to 16384 GiB for each broker."
  }
}

variable "broker_node_volume_max_gb" {
  description = "Up to which the storage of each broker grows by itself at 70 % use, in GiB. Null: it does not grow, and a full disk stops all writes."
  type        = number
  default     = null

  validation {
    condition     = var.broker_node_volume_max_gb == null ? true : var.broker_node_volume_max_gb > var.broker_node_volume_gb && var.broker_node_volume_max_gb <= 16384
    error_message = "broker_node_volume_max_gb must be above broker_node_volume_gb and at most 16384; storage never shrinks."
  }
}

variable "configuration_server_properties" {
  description = "Further broker properties, on top of those that the guarantees need."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = length(setintersection(keys(var.configuration_server_properties), [
      "auto.create.topics.enable", "default.replication.factor", "min.insync.replicas", "unclean.leader.election.enable",
      "offsets.topic.replication.factor", "transaction.state.log.replication.factor", "transaction.state.log.min.isr",
    ])) == 0
    error_message = "auto.create.topics.enable, default.replication.factor, min.insync.replicas, unclean.leader.election.enable, offsets.topic.* and transaction.state.log.* are set by the module: other values lose acknowledged records or let a misspelt topic come into being."
  }
}

variable "enhanced_monitoring" {
  description = "Level of CloudWatch metrics of a provisioned cluster. `PER_BROKER` holds what the alerts module watches."
  type        = string
  default     = "PER_BROKER"

  validation {
    condition     = contains(["PER_BROKER", "PER_TOPIC_PER_BROKER", "PER_TOPIC_PER_PARTITION"], var.enhanced_monitoring)
    error_message = "PER_BROKER, PER_TOPIC_PER_BROKER or PER_TOPIC_PER_PARTITION. DEFAULT lacks UnderMinIsrPartitionCount, without which nobody sees that writes stand still."
  }
}

variable "prometheus_exporters_enabled" {
  description = "Whether the brokers of a provisioned cluster serve JMX and node metrics to Prometheus (ports 11001 and 11002, open to `client_security_group_ids`)."
  type        = bool
  default     = false
}

variable "scram_secret_arns" {
  description = "Secrets (names begin with `AmazonMSK_`, encrypted with an own key) of SCRAM users, by a name of yours, for producers that cannot use IAM; Tidegate itself uses IAM. Empty: SCRAM is off."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(var.scram_secret_arns) == 0 || var.cluster_type == "provisioned"
    error_message = "SCRAM can be set up for a provisioned cluster of this module only: MSK Serverless knows IAM and nothing else."
  }
}

variable "certificate_authority_arns" {
  description = "Private certificate authorities whose clients are let in by mutual TLS. Empty: mutual TLS is off."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.certificate_authority_arns) == 0 || var.cluster_type == "provisioned"
    error_message = "Mutual TLS can be set up for a provisioned cluster of this module only: MSK Serverless knows IAM and nothing else."
  }
}

variable "kms_key" {
  description = "Key for the brokers' disks. Null: a key is made."
  type = object({
    arn = string
  })
  default = null
}

variable "log_retention_days" {
  description = "How long the brokers' logs are kept in CloudWatch."
  type        = number
  default     = 30
}

variable "topics" {
  description = "Source topics; see [topics](../topics/README.md). The AWS provider makes none: `tidegate topics apply`, or the commands of the output `create_topics`."
  type = map(object({
    partitions                  = number
    retention_hours             = optional(number, 168)
    validated_retention_hours   = optional(number, 168)
    dead_letter_retention_hours = optional(number, 168)
    max_message_bytes           = optional(number, 1048588)
  }))
  nullable = false
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
  description = "Topic on which transactions are proved at the start (`validator.probe_topic`). Null in at_least_once."
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
