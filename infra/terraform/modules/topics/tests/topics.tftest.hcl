run "outcomes_follow_their_source" {
  command = plan

  variables {
    topics = {
      orders = { partitions = 12, retry = "orders.retry" }
      small  = { partitions = 3, validated = "shared.validated", dead_letter = "shared.dlq" }
      large  = { partitions = 24, validated = "shared.validated", dead_letter = "shared.dlq", dead_letter_retention_hours = 336 }
    }
    group_state_topic = "tidegate.groups"
  }

  assert {
    condition     = alltrue([for name in ["orders", "orders.validated", "orders.dlq", "orders.retry"] : output.all[name].partitions == 12])
    error_message = "Outcomes must have as many partitions as their source."
  }
  assert {
    condition     = output.all["shared.validated"].partitions == 24 && output.all["shared.dlq"].retention_hours == 336
    error_message = "A shared outcome topic needs the partitions of its largest source and the longest retention."
  }
  assert {
    condition     = output.all["tidegate.groups"].cleanup_policy == "compact" && output.all["orders.validated"].cleanup_policy == "delete"
    error_message = "Only the states of groups are compacted; the sink refuses a compacted validated topic."
  }
  assert {
    condition     = join(" ", output.names.dead_letter) == "orders.dlq shared.dlq" && join(" ", output.names.sources) == "large orders small" && join(" ", output.names.retry) == "orders.retry"
    error_message = "Names by kind."
  }
}

run "a_star_is_no_topic" {
  command = plan
  variables {
    topics = { "orders-*" = { partitions = 1 } }
  }
  expect_failures = [var.topics]
}

run "an_outcome_is_no_source" {
  command = plan
  variables {
    topics = { orders = { partitions = 1 }, "orders.dlq" = { partitions = 1 } }
  }
  expect_failures = [var.topics]
}

run "nothing_to_validate" {
  command = plan
  variables {
    topics = {}
  }
  expect_failures = [var.topics]
}

run "half_a_partition" {
  command = plan
  variables {
    topics = { orders = { partitions = 1.5 } }
  }
  expect_failures = [var.topics]
}

run "a_topic_is_one_thing" {
  command = plan
  variables {
    topics = { orders = { partitions = 1, validated = "out", dead_letter = "out" } }
  }
  expect_failures = [output.all]
}
