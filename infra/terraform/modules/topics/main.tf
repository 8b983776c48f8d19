# Which topics there must be, from the sources. Names, partition counts and retention are decided here and nowhere else.
locals {
  wanted = flatten([
    for source, topic in var.topics : [
      for row in [
        { name = source, kind = "source", retention_hours = topic.retention_hours },
        { name = replace(var.validated_topic, "{topic}", source), kind = "validated", retention_hours = topic.validated_retention_hours },
        { name = replace(var.dead_letter_topic, "{topic}", source), kind = "dead_letter", retention_hours = topic.dead_letter_retention_hours },
        # What is on its way back is kept as long as the dead letter that it was.
        { name = try(replace(var.retry_topic, "{topic}", source), null), kind = "retry", retention_hours = topic.dead_letter_retention_hours },
        { name = var.retry_topic == null ? null : replace(var.parked_topic, "{topic}", source), kind = "parked", retention_hours = topic.dead_letter_retention_hours },
      ] : merge(row, { partitions = topic.partitions, max_message_bytes = topic.max_message_bytes + (row.kind == "source" ? 0 : 65536) }) if row.name != null
    ]
  ])

  internal = [
    for row in [
      { name = var.probe_topic, kind = "probe", partitions = 1, retention_hours = 1, max_message_bytes = 1048588 },
      { name = var.group_state_topic, kind = "group_state", partitions = 1, retention_hours = null, max_message_bytes = 1048588 },
    ] : row if row.name != null
  ]

  rows = { for row in concat(local.wanted, local.internal) : row.name => row... }

  # A shared dead-letter topic needs the partitions of its largest source: an outcome keeps the partition of its source record.
  all = {
    for name, rows in local.rows : name => {
      kind            = rows[0].kind
      partitions      = max(rows[*].partitions...)
      retention_hours = rows[0].kind == "group_state" ? null : max(rows[*].retention_hours...)
      cleanup_policy  = rows[0].kind == "group_state" ? "compact" : "delete"
      # Outcomes carry headers beside the record: with the source's own limit a record near it could not be dead-lettered.
      max_message_bytes = max(rows[*].max_message_bytes...)
    }
  }

  two_faced = sort([for name, rows in local.rows : name if length(distinct(rows[*].kind)) > 1])
}
