# The values of terraform.tfvars.example, as a user would begin.
mock_provider "aws" {}

variables {
  region = "eu-north-1"
  msk_cluster = {
    arn               = "arn:aws:kafka:eu-north-1:111122223333:cluster/events/0d7a3c1e-1111-2222-3333-444455556666-1"
    bootstrap_brokers = "b-1.events.example.com:9098,b-2.events.example.com:9098,b-3.events.example.com:9098"
  }
  eks_cluster = {
    name = "apps"
    arn  = "arn:aws:eks:eu-north-1:111122223333:cluster/apps"
  }
  lake_bucket = "example-tidegate-lake"
  topics = {
    orders    = { partitions = 12 }
    customers = { partitions = 6 }
  }
}

run "the_example_plans" {
  command = plan

  assert {
    condition     = yamldecode(output.config).lake.location == "s3://example-tidegate-lake" && yamldecode(output.config).kafka.brokers == var.msk_cluster.bootstrap_brokers && yamldecode(output.config).validator.mode == "exactly_once"
    error_message = "The config that Terraform writes is the one that Tidegate reads."
  }
  assert {
    condition     = yamldecode(output.config).validator.retry_topic == "{topic}.retry" && module.kafka.topics.group_state == "tidegate.dead-letters" && contains(module.kafka.topics.parked, "orders.parked")
    error_message = "Dead letters can be sent back: their topics are made, and the config names them."
  }
}
