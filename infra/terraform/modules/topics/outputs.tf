output "all" {
  description = "Every topic by name: kind (source, validated, dead_letter, retry, parked, probe, group_state), partitions, retention_hours (null: compacted), cleanup_policy, max_message_bytes."
  value       = local.all

  precondition {
    condition     = length(local.two_faced) == 0
    error_message = "These topics are meant to be two things at once: ${join(", ", local.two_faced)}. Validated records and dead letters, for example, must not share a topic: a reader could not tell them apart."
  }
}

output "names" {
  description = "Names by kind, as the identity modules take them."
  value = {
    sources     = sort(keys(var.topics))
    validated   = sort([for name, topic in local.all : name if topic.kind == "validated"])
    dead_letter = sort([for name, topic in local.all : name if topic.kind == "dead_letter"])
    retry       = sort([for name, topic in local.all : name if topic.kind == "retry"])
    parked      = sort([for name, topic in local.all : name if topic.kind == "parked"])
    probe       = var.probe_topic
    group_state = var.group_state_topic
  }
}
