# What each role may do in Kafka. Topics by full name; by prefix only what ends in a part that is made up at work: the transactional ids of
# validators, and the group of each replay.
locals {
  topic_arn       = replace(var.msk_cluster_arn, ":cluster/", ":topic/")
  group_arn       = replace(var.msk_cluster_arn, ":cluster/", ":group/")
  transaction_arn = replace(var.msk_cluster_arn, ":cluster/", ":transactional-id/")

  sources     = [for name in var.topics.sources : "${local.topic_arn}/${name}"]
  validated   = [for name in var.topics.validated : "${local.topic_arn}/${name}"]
  dead_letter = [for name in var.topics.dead_letter : "${local.topic_arn}/${name}"]
  retry       = [for name in var.topics.retry : "${local.topic_arn}/${name}"]
  parked      = [for name in var.topics.parked : "${local.topic_arn}/${name}"]
  probe       = [for name in compact([var.topics.probe]) : "${local.topic_arn}/${name}"]
  group_state = [for name in compact([var.topics.group_state]) : "${local.topic_arn}/${name}"]

  # librdkafka wants a group for reading partitions by hand and looks for its coordinator; nothing joins it.
  scan_group = "${local.group_arn}/tidegate-scan"

  topic_facts = ["kafka-cluster:DescribeTopic", "kafka-cluster:DescribeTopicDynamicConfiguration"]

  # Role → what it does; an empty list is left out.
  kafka_needs = merge(local.kafka_checks, {
    validator = {
      writes = true
      read   = concat(local.sources, local.retry)
      write  = []
      # Where its group has no position it looks whether outcome topics hold outcomes.
      read_write   = concat(local.validated, local.dead_letter, local.probe)
      join         = ["${local.group_arn}/${var.validator_group}"]
      look         = [local.scan_group]
      transactions = length(local.probe) == 0 ? [] : ["${local.transaction_arn}/${var.validator_group}-*", "${local.transaction_arn}/tidegate-probe-*"]
    }
    sink = {
      writes       = false
      read         = local.validated
      write        = []
      read_write   = []
      join         = ["${local.group_arn}/${var.sink_group}"]
      look         = []
      transactions = []
    }
    audit = {
      writes       = false
      read         = concat(local.sources, local.retry, local.validated, local.dead_letter)
      write        = []
      read_write   = []
      join         = []
      look         = [local.scan_group, "${local.group_arn}/${var.validator_group}"]
      transactions = []
    }
    operator = {
      writes = true
      # A source, since a dead letter may have left its value there.
      read  = concat(local.dead_letter, local.validated, length(local.retry) == 0 ? [] : local.sources)
      write = []
      # Replays send to the retry topic, put aside in the parked one, and look in both for what was sent before.
      read_write = concat(local.retry, local.parked, local.group_state)
      # A replay's group ends in its id.
      join = length(local.retry) == 0 ? [] : ["${local.group_arn}/${var.replay_prefix}-*"]
      # Whether the validators read the retry topic.
      look = concat([local.scan_group], length(local.retry) == 0 ? [] : ["${local.group_arn}/${var.validator_group}"])
      # One id for each dead-letter topic, so that one replay of it is at work.
      transactions = length(local.retry) == 0 ? [] : [for name in var.topics.dead_letter : "${local.transaction_arn}/${var.replay_prefix}-${name}"]
    }
    # Moves a position past what is gone, so nobody has it who only looks or sends back.
    resume = {
      writes       = false
      read         = concat(local.sources, local.retry)
      write        = []
      read_write   = []
      join         = ["${local.group_arn}/${var.validator_group}"]
      look         = []
      transactions = []
    }
    lag = {
      writes       = false
      read         = []
      write        = []
      read_write   = []
      join         = []
      look         = [for group in [var.validator_group, var.sink_group] : "${local.group_arn}/${group}"]
      transactions = []
    }
    dead_letter_reader = {
      writes       = false
      read         = local.dead_letter
      write        = []
      read_write   = []
      join         = ["${local.group_arn}/${var.name}-dead-letter-reader"]
      look         = []
      transactions = []
    }
  })

  # What SLA checks ask beside the lake: error rates, idle topics, whether every record has an outcome.
  kafka_checks = {
    for role in var.sla_topics ? ["sla"] : [] : role => {
      writes       = false
      read         = concat(local.sources, local.retry, local.validated, local.dead_letter)
      write        = []
      read_write   = []
      join         = []
      look         = [local.scan_group, "${local.group_arn}/${var.validator_group}"]
      transactions = []
    }
  }

  kafka_statements = merge(
    {
      for role, needs in local.kafka_needs : role => [
        for statement in [
          { Sid = "Cluster", Action = concat(["kafka-cluster:Connect", "kafka-cluster:DescribeCluster"], needs.writes ? ["kafka-cluster:WriteDataIdempotently"] : []), Resource = [var.msk_cluster_arn] },
          # A topic that is read and written is named once: names are what fills a policy.
          { Sid = "Read", Action = concat(local.topic_facts, ["kafka-cluster:ReadData"]), Resource = needs.read },
          { Sid = "ReadWrite", Action = concat(local.topic_facts, ["kafka-cluster:ReadData", "kafka-cluster:WriteData"]), Resource = needs.read_write },
          { Sid = "Write", Action = concat(local.topic_facts, ["kafka-cluster:WriteData"]), Resource = needs.write },
          { Sid = "Measure", Action = ["kafka-cluster:DescribeTopic"], Resource = role == "lag" ? concat(local.sources, local.validated) : [] },
          { Sid = "Facts", Action = local.topic_facts, Resource = role == "resume" ? local.validated : [] },
          { Sid = "JoinGroup", Action = ["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"], Resource = needs.join },
          { Sid = "LookAtGroup", Action = ["kafka-cluster:DescribeGroup"], Resource = needs.look },
          { Sid = "Transactions", Action = ["kafka-cluster:AlterTransactionalId", "kafka-cluster:DescribeTransactionalId"], Resource = needs.transactions },
        ] : merge({ Effect = "Allow" }, statement) if length(statement.Resource) > 0
      ]
    },
    {
      topics = [
        { Effect = "Allow", Sid = "Cluster", Action = ["kafka-cluster:Connect", "kafka-cluster:DescribeCluster"], Resource = [var.msk_cluster_arn] },
        {
          Effect = "Allow"
          Sid    = "MakeTopics"
          Action = [
            "kafka-cluster:AlterTopic", "kafka-cluster:AlterTopicDynamicConfiguration", "kafka-cluster:CreateTopic",
            "kafka-cluster:DescribeTopic", "kafka-cluster:DescribeTopicDynamicConfiguration",
          ]
          Resource = concat(local.sources, local.validated, local.dead_letter, local.retry, local.parked, local.probe, local.group_state)
        },
      ]
    }
  )
}
