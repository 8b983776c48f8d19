mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/tidegate-x", id = "tidegate-x" }
  }
}

variables {
  eks_cluster     = { name = "apps", arn = "arn:aws:eks:eu-north-1:111122223333:cluster/apps" }
  msk_cluster_arn = "arn:aws:kafka:eu-north-1:111122223333:cluster/tide/0d7a3c1e-1111-2222-3333-444455556666-1"
  topics = {
    sources     = ["orders"]
    validated   = ["orders.validated"]
    dead_letter = ["orders.dlq"]
    retry       = ["orders.retry"]
    parked      = ["orders.parked"]
    probe       = "tidegate.probe"
    group_state = "tidegate.dead-letters"
  }
  lake         = { bucket_arn = "arn:aws:s3:::tide-lake", prefix = "prod", kms_key_arn = "arn:aws:kms:eu-north-1:111122223333:key/aaaa" }
  dead_letters = { bucket_arn = "arn:aws:s3:::tide-dead", kms_key_arn = "arn:aws:kms:eu-north-1:111122223333:key/dddd" }
}

run "each_role_has_what_it_does_and_no_more" {
  command = plan
  variables {
    dead_letter_reader_principals = ["arn:aws:iam::111122223333:role/on-call"]
  }

  assert {
    condition     = !strcontains(aws_iam_role_policy.this["validator"].policy, ":s3:") && !strcontains(aws_iam_role_policy.this["validator"].policy, "CreateTopic")
    error_message = "The validator opens no store and makes no topic."
  }
  assert {
    condition = length([
      for statement in jsondecode(aws_iam_role_policy.this["validator"].policy).Statement : statement
      if contains(statement.Action, "kafka-cluster:WriteData") && contains([for arn in statement.Resource : endswith(arn, "/orders")], true)
    ]) == 0
    error_message = "The validator must not write what it judges."
  }
  assert {
    condition = alltrue([
      for topic in ["orders", "orders.validated", "orders.dlq"] : anytrue([
        for statement in jsondecode(aws_iam_role_policy.this["validator"].policy).Statement :
        contains(statement.Action, "kafka-cluster:ReadData") && anytrue([for arn in statement.Resource : endswith(arn, "/${topic}")])
      ])
    ])
    error_message = "Where its group has no position the validator reads its outcome topics, too."
  }
  assert {
    condition     = strcontains(aws_iam_role_policy.this["validator"].policy, ":transactional-id/tide/0d7a3c1e-1111-2222-3333-444455556666-1/tidegate-validator-*")
    error_message = "The validator needs its transactional ids."
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.this["sink"].policy, "s3:DeleteObject") && strcontains(aws_iam_role_policy.this["sink"].policy, "arn:aws:s3:::tide-lake/prod/chain/*")
    error_message = "The sink writes its chain below the prefix and deletes nothing."
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.this["sink"].policy, "orders.dlq") && !strcontains(aws_iam_role_policy.this["sink"].policy, "tide-dead") && !strcontains(aws_iam_role_policy.this["sink"].policy, "kafka-cluster:WriteData")
    error_message = "The sink reads validated topics only, and knows no dead letter."
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.this["sla"].policy, "WriteData") && !strcontains(aws_iam_role_policy.this["sla"].policy, "AlterGroup") && !strcontains(aws_iam_role_policy.this["sla"].policy, "s3:PutObject")
    error_message = "SLA checks read, and write nothing where they keep no history."
  }
  assert {
    condition = alltrue([
      for topic in ["orders.retry", "orders.parked", "tidegate.dead-letters"] : anytrue([
        for statement in jsondecode(aws_iam_role_policy.this["operator"].policy).Statement :
        contains(statement.Action, "kafka-cluster:WriteData") && contains(statement.Action, "kafka-cluster:ReadData") && anytrue([for arn in statement.Resource : endswith(arn, "/${topic}")])
      ])
    ])
    error_message = "A replay writes and reads what it sends back, what it parks, and its state."
  }
  assert {
    condition = sort(flatten([
      for statement in jsondecode(aws_iam_role_policy.this["operator"].policy).Statement : [for arn in statement.Resource : basename(arn)] if contains(statement.Action, "kafka-cluster:WriteData")
    ])) == tolist(["orders.parked", "orders.retry", "tidegate.dead-letters"])
    error_message = "And nothing else: neither sources nor outcomes."
  }
  assert {
    condition     = strcontains(aws_iam_role_policy.this["operator"].policy, "/tidegate-replay-orders.dlq\"") && strcontains(aws_iam_role_policy.this["operator"].policy, ":group/tide/0d7a3c1e-1111-2222-3333-444455556666-1/tidegate-replay-*") && !strcontains(aws_iam_role_policy.this["operator"].policy, "1/tidegate-replay\"")
    error_message = "The transactional id of a replay is that of its dead letters, its group ends in its id."
  }
  assert {
    condition     = !strcontains(jsonencode([for role in ["validator", "sink", "audit", "sla"] : aws_iam_role_policy.this[role].policy]), "orders.parked")
    error_message = "Nobody but operators and whoever makes topics knows what is parked."
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.this["audit"].policy, "WriteData") && !strcontains(aws_iam_role_policy.this["audit"].policy, "s3:PutObject") && !strcontains(aws_iam_role_policy.this["audit"].policy, "AlterGroup")
    error_message = "The audit only reads, and joins no group."
  }
  assert {
    condition     = !contains(keys(aws_iam_role_policy.this), "registry")
    error_message = "The registry has no right until it is given a secret."
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.this["dead_letter_reader"].policy, "aaaa") && strcontains(aws_iam_role_policy.this["dead_letter_reader"].policy, "orders.dlq") && !strcontains(aws_iam_role_policy.this["dead_letter_reader"].policy, "Put")
    error_message = "The reader of dead letters reads them and not the lake."
  }
  assert {
    condition     = strcontains(aws_iam_role.this["validator"].assume_role_policy, "\"aws:RequestTag/kubernetes-service-account\":\"tidegate-validator\"") && strcontains(aws_iam_role.this["validator"].assume_role_policy, var.eks_cluster.arn)
    error_message = "One service account of one cluster may take the role."
  }
  assert {
    condition     = aws_eks_pod_identity_association.this["sink"].service_account == "tidegate-sink" && aws_eks_pod_identity_association.this["sink"].namespace == "tidegate"
    error_message = "Pod Identity ties the role to the service account."
  }
}

run "checks_that_look_at_topics" {
  command = plan
  variables {
    sla_history = true
  }
  assert {
    condition = alltrue([
      for topic in ["orders", "orders.retry", "orders.validated", "orders.dlq"] : anytrue([
        for statement in jsondecode(aws_iam_role_policy.this["sla"].policy).Statement :
        contains(statement.Action, "kafka-cluster:ReadData") && anytrue([for arn in statement.Resource : endswith(arn, "/${topic}")])
      ])
    ])
    error_message = "They read sources, retries and outcomes."
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.this["sla"].policy, "WriteData") && !strcontains(aws_iam_role_policy.this["sla"].policy, "AlterGroup") && !strcontains(aws_iam_role_policy.this["sla"].policy, "orders.parked")
    error_message = "They write no topic and join no group."
  }
  assert {
    condition = flatten([
      for statement in jsondecode(aws_iam_role_policy.this["sla"].policy).Statement : statement.Resource if contains(statement.Action, "s3:PutObject")
    ]) == ["arn:aws:s3:::tide-lake/prod/sla/history/*"]
    error_message = "They write their history and nothing else."
  }
}

run "without_replays_nothing_is_sent_back" {
  command = plan
  variables {
    topics = { sources = ["orders"], validated = ["orders.validated"], dead_letter = ["orders.dlq"], group_state = "tidegate.dead-letters" }
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.this["operator"].policy, "TransactionalId") && !strcontains(aws_iam_role_policy.this["operator"].policy, "AlterGroup")
    error_message = "There is no retry topic, so operators look and keep states only."
  }
}

run "irsa_trusts_one_service_account" {
  command = apply
  variables {
    method            = "irsa"
    oidc_provider_arn = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-north-1.amazonaws.com/id/ABCDEF"
  }
  assert {
    condition     = strcontains(aws_iam_role.this["sink"].assume_role_policy, "\"oidc.eks.eu-north-1.amazonaws.com/id/ABCDEF:sub\":\"system:serviceaccount:tidegate:tidegate-sink\"")
    error_message = "The subject is one service account."
  }
  assert {
    condition     = length(aws_eks_pod_identity_association.this) == 0 && output.service_accounts["sink"].annotations["eks.amazonaws.com/role-arn"] == aws_iam_role.this["sink"].arn
    error_message = "IRSA works by annotation."
  }
}

run "at_least_once_has_no_transactions" {
  command = plan
  variables {
    topics = { sources = ["orders"], validated = ["orders.validated"], dead_letter = ["orders.dlq"] }
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.this["validator"].policy, "TransactionalId")
    error_message = "Without a probe topic there are no transactions."
  }
  assert {
    condition     = strcontains(aws_iam_role_policy.this["validator"].policy, "/tidegate-scan")
    error_message = "It reads its outcome topics by hand in this mode, too."
  }
}

run "irsa_without_a_provider" {
  command = plan
  variables {
    method = "irsa"
  }
  expect_failures = [var.oidc_provider_arn]
}

run "a_starred_topic" {
  command = plan
  variables {
    topics = { sources = ["orders*"], validated = ["orders.validated"], dead_letter = ["orders.dlq"] }
  }
  expect_failures = [var.topics]
}

run "a_starred_service_account" {
  command = plan
  variables {
    roles = { sink = { service_account = "*" } }
  }
  expect_failures = [var.roles]
}

run "an_unknown_role" {
  command = plan
  variables {
    roles = { admin = { service_account = "admin" } }
  }
  expect_failures = [var.roles]
}

run "two_roles_in_one_account" {
  command = plan
  variables {
    roles = { sink = { service_account = "tidegate" }, validator = { service_account = "tidegate" } }
  }
  expect_failures = [var.roles]
}

run "everybody_reads_dead_letters" {
  command = plan
  variables {
    dead_letter_reader_principals = ["arn:aws:iam::111122223333:root"]
  }
  expect_failures = [var.dead_letter_reader_principals]
}

run "one_bucket_for_all" {
  command = plan
  variables {
    dead_letters = { bucket_arn = "arn:aws:s3:::tide-lake", kms_key_arn = "arn:aws:kms:eu-north-1:111122223333:key/dddd" }
  }
  expect_failures = [var.dead_letters]
}

run "a_hundred_topics_go_into_policies_of_their_own" {
  command = plan
  variables {
    topics = {
      sources     = [for number in range(100) : "events-of-a-team-${number}"]
      validated   = [for number in range(100) : "events-of-a-team-${number}.validated"]
      dead_letter = [for number in range(100) : "events-of-a-team-${number}.dlq"]
      probe       = "tidegate.probe"
    }
  }
  assert {
    condition = length(distinct(flatten([
      for key, made in aws_iam_policy.this : [for statement in jsondecode(made.policy).Statement : statement.Resource if contains(statement.Action, "kafka-cluster:WriteData")]
      if startswith(key, "validator-")
    ]))) == 201
    error_message = "Every outcome topic and the probe must be among the pieces."
  }
  assert {
    condition     = length(aws_iam_role_policy_attachment.this) == length(aws_iam_policy.this) && length([for key in keys(aws_iam_policy.this) : key if startswith(key, "validator-")]) <= 10
    error_message = "Each piece is attached, ten at most."
  }
}

run "more_topics_than_a_role_holds" {
  command = plan
  variables {
    topics = {
      sources     = [for number in range(200) : "events-of-a-team-${number}"]
      validated   = [for number in range(200) : "events-of-a-team-${number}.validated"]
      dead_letter = [for number in range(200) : "events-of-a-team-${number}.dlq"]
      probe       = "tidegate.probe"
    }
  }
  expect_failures = [aws_iam_role_policy.this]
}

run "checks_that_look_at_the_lake_alone" {
  command = plan
  variables {
    sla_topics = false
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.this["sla"].policy, "kafka-cluster") && !strcontains(aws_iam_role_policy.this["sla"].policy, "chain")
    error_message = "They read Parquet files and nothing else."
  }
}

run "people_take_the_roles_whose_commands_they_run" {
  command = plan
  variables {
    principals = { operator = ["arn:aws:iam::111122223333:role/on-call"] }
  }
  assert {
    condition     = jsondecode(aws_iam_role.this["operator"].assume_role_policy).Statement[1].Principal.AWS == ["arn:aws:iam::111122223333:role/on-call"] && jsondecode(aws_iam_role.this["operator"].assume_role_policy).Statement[1].Action == ["sts:AssumeRole"]
    error_message = "On-call takes the role operator."
  }
  assert {
    condition     = alltrue([for role in keys(var.roles) : length(jsondecode(aws_iam_role.this[role].assume_role_policy).Statement) == (role == "operator" ? 2 : 1)])
    error_message = "And no other one."
  }
}

run "nobody_takes_over_the_validator" {
  command = plan
  variables {
    principals = { validator = ["arn:aws:iam::111122223333:role/me"] }
  }
  expect_failures = [var.principals]
}

run "a_whole_account_is_no_person" {
  command = plan
  variables {
    principals = { operator = ["arn:aws:iam::111122223333:root"] }
  }
  expect_failures = [var.principals]
}
