run "outcomes_follow_their_source" {
  command = plan

  variables {
    topics = {
      orders = { partitions = 12, dead_letter_retention_hours = 336 }
      small  = { partitions = 3 }
    }
    retry_topic = "{topic}.retry"
  }

  assert {
    condition     = alltrue([for name in ["orders", "orders.validated", "orders.dlq", "orders.retry", "orders.parked"] : output.all[name].partitions == 12])
    error_message = "Outcomes must have as many partitions as their source."
  }
  assert {
    condition     = output.all["orders.dlq"].retention_hours == 336 && output.all["orders.validated"].retention_hours == 168
    error_message = "Each kind has a retention of its own."
  }
  assert {
    condition     = output.all["orders.retry"].retention_hours == 336 && output.all["orders.parked"].retention_hours == 336 && join(" ", output.names.parked) == "orders.parked small.parked"
    error_message = "What is on its way back, and what came back too often, is kept as dead letters are."
  }
  assert {
    condition     = output.all["orders"].max_message_bytes == 1048588 && alltrue([for name in ["orders.validated", "orders.dlq"] : output.all[name].max_message_bytes > 1048588])
    error_message = "Outcomes need room for their headers."
  }
  assert {
    condition     = output.all["tidegate.dead-letters"].cleanup_policy == "compact" && output.all["orders.validated"].cleanup_policy == "delete"
    error_message = "Only the states of groups are compacted; the sink refuses a compacted validated topic."
  }
  assert {
    condition     = join(" ", output.names.dead_letter) == "orders.dlq small.dlq" && join(" ", output.names.sources) == "orders small" && join(" ", output.names.retry) == "orders.retry small.retry"
    error_message = "Names by kind."
  }
}

run "dead_letters_may_be_shared" {
  command = plan
  variables {
    topics = {
      small = { partitions = 3 }
      large = { partitions = 24, dead_letter_retention_hours = 336 }
    }
    dead_letter_topic = "tidegate.dlq"
  }
  assert {
    condition     = output.all["tidegate.dlq"].partitions == 24 && output.all["tidegate.dlq"].retention_hours == 336
    error_message = "A shared topic needs the partitions of its largest source and the longest retention."
  }
  assert {
    condition     = length(output.names.parked) == 0
    error_message = "Without replays nothing is parked."
  }
}

run "validated_topics_may_not" {
  command = plan
  variables {
    topics          = { orders = { partitions = 1 } }
    validated_topic = "all.validated"
  }
  expect_failures = [var.validated_topic]
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
  expect_failures = [var.dead_letter_topic]
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
    topics            = { orders = { partitions = 1 } }
    dead_letter_topic = "{topic}.validated"
  }
  expect_failures = [output.all]
}
