mock_provider "aws" {
  mock_resource "aws_msk_cluster" {
    defaults = {
      arn                        = "arn:aws:kafka:eu-north-1:111122223333:cluster/tide/0d7a3c1e-1111-2222-3333-444455556666-1"
      bootstrap_brokers_sasl_iam = "b-1.tide.example:9098,b-2.tide.example:9098,b-3.tide.example:9098"
    }
  }
  mock_resource "aws_msk_serverless_cluster" {
    defaults = { arn = "arn:aws:kafka:eu-north-1:111122223333:cluster/tide/0d7a3c1e-1111-2222-3333-444455556666-s1" }
  }
  mock_resource "aws_msk_configuration" {
    defaults = { arn = "arn:aws:kafka:eu-north-1:111122223333:configuration/tide/0d7a3c1e-1111-2222-3333-444455556666-1" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-north-1:111122223333:key/0d7a3c1e-1111-2222-3333-444455556666" }
  }
  mock_data "aws_msk_bootstrap_brokers" {
    defaults = { bootstrap_brokers_sasl_iam = "boot.tide.example:9098" }
  }
}

variables {
  name                      = "tide"
  vpc_id                    = "vpc-1"
  subnet_ids                = ["subnet-a", "subnet-b", "subnet-c"]
  client_security_group_ids = { pods = "sg-pods" }
  topics                    = { orders = { partitions = 12 } }
}

run "a_new_cluster_keeps_what_it_acknowledged" {
  command = apply

  assert {
    condition = alltrue([
      for line in ["min.insync.replicas=2", "default.replication.factor=3", "unclean.leader.election.enable=false", "auto.create.topics.enable=false"] :
      contains(split("\n", aws_msk_configuration.this[0].server_properties), line)
    ])
    error_message = "The guarantees rest on these broker settings."
  }
  assert {
    condition     = aws_msk_cluster.this[0].client_authentication[0].sasl[0].iam && !aws_msk_cluster.this[0].client_authentication[0].unauthenticated
    error_message = "IAM, and nobody without a name."
  }
  assert {
    condition     = aws_msk_cluster.this[0].encryption_info[0].encryption_in_transit[0].client_broker == "TLS" && aws_msk_cluster.this[0].encryption_info[0].encryption_in_transit[0].in_cluster
    error_message = "TLS everywhere."
  }
  assert {
    condition     = aws_msk_cluster.this[0].encryption_info[0].encryption_at_rest_kms_key_arn == aws_kms_key.brokers[0].arn && aws_kms_key.brokers[0].enable_key_rotation
    error_message = "Disks are encrypted with a key that rotates."
  }
  assert {
    condition     = join(" ", [for rule in aws_vpc_security_group_ingress_rule.clients : "${rule.referenced_security_group_id}:${rule.from_port}-${rule.to_port}"]) == "sg-pods:9098-9098"
    error_message = "Only the named clients reach the IAM listener, and nothing else."
  }
  assert {
    condition     = output.bootstrap_brokers == "b-1.tide.example:9098,b-2.tide.example:9098,b-3.tide.example:9098" && output.kafka_client["security.protocol"] == "sasl_ssl"
    error_message = "The IAM listener feeds the config."
  }
  assert {
    condition     = strcontains(output.create_topics, "--topic orders.dlq --partitions 12") && strcontains(output.create_topics, "--topic tidegate.probe --partitions 1")
    error_message = "Outcome topics have the partitions of their source, and the probe topic is there."
  }
}

run "a_configuration_for_each_version" {
  command = plan
  variables {
    kafka_version = "4.0.x.kraft"
  }
  assert {
    condition     = aws_msk_configuration.this[0].name == "${var.name}-4-0-x-kraft"
    error_message = "A newer Kafka makes another configuration before the old one goes: with the same name MSK refuses it."
  }
}

run "doors_for_producers_without_iam" {
  command = plan
  variables {
    scram_secret_arns            = { till = "arn:aws:secretsmanager:eu-north-1:111122223333:secret:AmazonMSK_till-0a1b2c" }
    certificate_authority_arns   = ["arn:aws:acm-pca:eu-north-1:111122223333:certificate-authority/0d7a3c1e"]
    prometheus_exporters_enabled = true
    broker_node_volume_max_gb    = 500
    kms_key                      = { arn = "arn:aws:kms:eu-north-1:111122223333:key/0d7a3c1e" }
  }
  assert {
    condition     = join(" ", sort([for rule in aws_vpc_security_group_ingress_rule.clients : tostring(rule.from_port)])) == "11001 11002 9094 9096 9098"
    error_message = "A port for each way in, and two for metrics."
  }
  assert {
    condition     = length(aws_msk_single_scram_secret_association.this) == 1 && length(aws_kms_key.brokers) == 0 && aws_appautoscaling_target.storage[0].max_capacity == 500
    error_message = "SCRAM users, the given key, growing storage."
  }
}

run "a_disk_that_shrinks" {
  command = plan
  variables {
    broker_node_volume_max_gb = 50
  }
  expect_failures = [var.broker_node_volume_max_gb]
}

run "serverless_knows_iam_only" {
  command = plan
  variables {
    cluster_type               = "serverless"
    certificate_authority_arns = ["arn:aws:acm-pca:eu-north-1:111122223333:certificate-authority/0d7a3c1e"]
  }
  expect_failures = [var.certificate_authority_arns]
}

run "serverless" {
  command = apply
  variables {
    cluster_type = "serverless"
  }
  assert {
    condition     = length(aws_msk_cluster.this) == 0 && output.bootstrap_brokers == "boot.tide.example:9098"
    error_message = "Only the serverless cluster is made, and its address is asked for."
  }
}

run "an_existing_cluster_only_opens_its_door" {
  command = plan
  variables {
    cluster_type = "existing"
    vpc_id       = null
    subnet_ids   = []
    existing = {
      arn               = "arn:aws:kafka:eu-north-1:111122223333:cluster/old/0d7a3c1e-1111-2222-3333-444455556666-2"
      bootstrap_brokers = "b-1.old.example:9098"
      security_group_id = "sg-old"

      bootstrap_brokers_tls = "b-1.old.example:9094"
    }
  }
  assert {
    condition     = output.bootstrap_brokers_tls == "b-1.old.example:9094" && aws_vpc_security_group_ingress_rule.clients["pods-tls"].from_port == 9094
    error_message = "Clients may sign in by certificate."
  }
  assert {
    condition     = length(aws_msk_cluster.this) + length(aws_msk_serverless_cluster.this) + length(aws_kms_key.brokers) + length(aws_security_group.brokers) == 0
    error_message = "Nothing of the cluster is made."
  }
  assert {
    condition     = aws_vpc_security_group_ingress_rule.clients["pods-iam"].security_group_id == "sg-old" && output.cluster_name == "old"
    error_message = "The rule goes to the cluster's own group."
  }
}

run "two_zones_are_too_few" {
  command = plan
  variables {
    subnet_ids = ["subnet-a", "subnet-b"]
  }
  expect_failures = [var.subnet_ids]
}

run "old_kafka_is_refused" {
  command = plan
  variables {
    kafka_version = "3.6.0"
  }
  expect_failures = [var.kafka_version]
}

run "guarantees_are_no_options" {
  command = plan
  variables {
    configuration_server_properties = { "min.insync.replicas" = "1" }
  }
  expect_failures = [var.configuration_server_properties]
}

run "brokers_come_in_threes" {
  command = plan
  variables {
    broker_node_count = 4
  }
  expect_failures = [var.broker_node_count]
}

run "express_is_not_proved" {
  command = plan
  variables {
    broker_node_instance_type = "express.m7g.large"
  }
  expect_failures = [var.broker_node_instance_type]
}

run "a_cluster_without_its_arn" {
  command = plan
  variables {
    cluster_type = "existing"
    vpc_id       = null
    subnet_ids   = []
  }
  expect_failures = [var.existing]
}

run "a_door_without_a_wall" {
  command = plan
  variables {
    cluster_type = "existing"
    vpc_id       = null
    subnet_ids   = []
    existing = {
      arn               = "arn:aws:kafka:eu-north-1:111122223333:cluster/old/0d7a3c1e-1111-2222-3333-444455556666-2"
      bootstrap_brokers = "b-1.old.example:9098"
    }
  }
  expect_failures = [var.client_security_group_ids]
}

run "the_wrong_port" {
  command = plan
  variables {
    cluster_type              = "existing"
    vpc_id                    = null
    subnet_ids                = []
    client_security_group_ids = {}
    existing = {
      arn               = "arn:aws:kafka:eu-north-1:111122223333:cluster/old/0d7a3c1e-1111-2222-3333-444455556666-2"
      bootstrap_brokers = "b-1.old.example:9092"
    }
  }
  expect_failures = [var.existing]
}
