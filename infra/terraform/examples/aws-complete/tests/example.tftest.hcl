# The values of terraform.tfvars.example, as a user would begin.
mock_provider "aws" {}

variables {
  region                 = "eu-north-1"
  vpc_id                 = "vpc-0123456789abcdef0"
  subnet_ids             = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1", "subnet-0123456789abcdef2"]
  pod_security_group_ids = { nodes = "sg-0123456789abcdef0" }
  eks_cluster = {
    name = "apps"
    arn  = "arn:aws:eks:eu-north-1:111122223333:cluster/apps"
  }
  oidc_provider_arn    = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-north-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
  lake_bucket          = "example-tidegate-lake"
  dead_letter_readers  = ["arn:aws:iam::111122223333:role/on-call"]
  registry_secret_arns = ["arn:aws:secretsmanager:eu-north-1:111122223333:secret:tidegate/git-0a1b2c"]
  pager_url            = "https://pager.example.com/tidegate"
  ticket_email         = "data-platform@example.com"
  rules_folder         = "../../tests/rules"
  topics = {
    orders    = { partitions = 12, dead_letter_retention_hours = 336 }
    customers = { partitions = 6 }
  }
}

run "the_example_plans" {
  command = plan

  assert {
    condition     = strcontains(output.lake_url, "/prod") && length(output.service_accounts) == 9 && output.service_accounts["lag"].namespace == "keda"
    error_message = "Nine roles, and the lake below its prefix."
  }
  assert {
    condition     = module.kafka.topics.group_state == "tidegate.dead-letters" && contains(module.kafka.topics.parked, "orders.parked")
    error_message = "Dead letters can be sent back: their topics are made."
  }
}
