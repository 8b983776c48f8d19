# What a local server can really make: network, keys, buckets, roles, topics for alarms. Not MSK, not Pod Identity.
locals {
  account = "123456789012"
}

resource "aws_vpc" "this" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_security_group" "pods" {
  name        = "pods"
  description = "Pods of Tidegate"
  vpc_id      = aws_vpc.this.id
}

resource "aws_security_group" "brokers" {
  name        = "brokers"
  description = "Brokers that are there already"
  vpc_id      = aws_vpc.this.id
}

module "kafka" {
  source = "../../../modules/msk"

  name                      = "tide"
  cluster_type              = "existing"
  client_security_group_ids = { pods = aws_security_group.pods.id }
  retry_topic               = "{topic}.retry"
  existing = {
    arn               = "arn:aws:kafka:eu-north-1:${local.account}:cluster/tide/0d7a3c1e-1111-2222-3333-444455556666-1"
    bootstrap_brokers = "b-1.tide.example.com:9098"
    security_group_id = aws_security_group.brokers.id
  }
  # More than fit into a role's own policy.
  topics = { for number in range(40) : "events-${number}" => { partitions = 3 } }
}

# Made together with what uses it: whether a key is given must be known before its ARN is.
resource "aws_kms_key" "given" {
  description = "A key that is there for the lake"
}

module "lake" {
  source = "../../../modules/lake-s3"

  kms_key = { arn = aws_kms_key.given.arn }

  bucket          = "tide-lake"
  prefix          = "prod"
  transition_days = 90
  tags            = { app = "tidegate" }
}

module "identity" {
  source = "../../../modules/identity-aws"

  method                        = "irsa"
  eks_cluster                   = { name = "apps", arn = "arn:aws:eks:eu-north-1:${local.account}:cluster/apps" }
  oidc_provider_arn             = "arn:aws:iam::${local.account}:oidc-provider/oidc.eks.eu-north-1.amazonaws.com/id/ABCDEF"
  msk_cluster_arn               = module.kafka.cluster_arn
  topics                        = module.kafka.topics
  lake                          = module.lake.lake
  dead_letters                  = module.lake.dead_letters
  dead_letter_reader_principals = ["arn:aws:iam::${local.account}:role/on-call"]
}

output "lake_url" {
  value = module.lake.location
}

output "lake" {
  value = module.lake.lake
}

output "dead_letters" {
  value = module.lake.dead_letters
}
