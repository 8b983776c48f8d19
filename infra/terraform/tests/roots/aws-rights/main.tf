# Every right that the modules can give, with all switches on and all names known, so that the plan shows each policy in full.
locals {
  account = "123456789012"
  common = {
    eks_cluster     = { name = "apps", arn = "arn:aws:eks:eu-north-1:${local.account}:cluster/apps" }
    msk_cluster_arn = "arn:aws:kafka:eu-north-1:${local.account}:cluster/tide/0d7a3c1e-1111-2222-3333-444455556666-1"
    lake            = { bucket_arn = "arn:aws:s3:::tide-lake", prefix = "prod", kms_key_arn = "arn:aws:kms:eu-north-1:${local.account}:key/aaaa" }
    dead_letters    = { bucket_arn = "arn:aws:s3:::tide-dead", kms_key_arn = "arn:aws:kms:eu-north-1:${local.account}:key/dddd" }
    topics = {
      sources     = ["customers", "orders"]
      validated   = ["customers.validated", "orders.validated"]
      dead_letter = ["tidegate.dlq"]
      retry       = ["customers.retry", "orders.retry"]
      parked      = ["customers.parked", "orders.parked"]
      probe       = "tidegate.probe"
      group_state = "tidegate.dead-letters"
    }
  }
}

module "by_pod_identity" {
  source = "../../../modules/identity-aws"

  eks_cluster                   = local.common.eks_cluster
  msk_cluster_arn               = local.common.msk_cluster_arn
  lake                          = local.common.lake
  dead_letters                  = local.common.dead_letters
  topics                        = local.common.topics
  oversize_prefix               = "oversize"
  sla_history                   = true
  principals                    = { for role in ["operator", "topics", "audit", "resume"] : role => ["arn:aws:iam::${local.account}:role/on-call"] }
  secret_arns                   = { registry = ["arn:aws:secretsmanager:eu-north-1:${local.account}:secret:tidegate/git-0a1b2c"] }
  secret_kms_key_arns           = ["arn:aws:kms:eu-north-1:${local.account}:key/ssss"]
  dead_letter_reader_principals = ["arn:aws:iam::${local.account}:role/on-call"]

  roles = {
    validator = { service_account = "tidegate-validator" }
    sink      = { service_account = "tidegate-sink" }
    sla       = { service_account = "tidegate-sla" }
    audit     = { service_account = "tidegate-audit" }
    registry  = { service_account = "tidegate-registry" }
    operator  = { service_account = "tidegate-operator" }
    topics    = { service_account = "tidegate-topics" }
    resume    = { service_account = "tidegate-resume" }
    lag       = { service_account = "keda-operator", namespace = "keda" }
  }
}

module "by_irsa" {
  source = "../../../modules/identity-aws"

  name              = "irsa"
  method            = "irsa"
  oidc_provider_arn = "arn:aws:iam::${local.account}:oidc-provider/oidc.eks.eu-north-1.amazonaws.com/id/ABCDEF"
  eks_cluster       = local.common.eks_cluster
  msk_cluster_arn   = local.common.msk_cluster_arn
  lake              = merge(local.common.lake, { prefix = "" })
  dead_letters      = local.common.dead_letters
  topics            = local.common.topics
}

module "with_many_topics" {
  source = "../../../modules/identity-aws"

  name            = "many"
  eks_cluster     = local.common.eks_cluster
  msk_cluster_arn = local.common.msk_cluster_arn
  lake            = local.common.lake
  dead_letters    = local.common.dead_letters
  topics = {
    sources     = [for number in range(60) : "events-${number}"]
    validated   = [for number in range(60) : "events-${number}.validated"]
    dead_letter = ["tidegate.dlq"]
    probe       = "tidegate.probe"
  }
}

module "alerts" {
  source = "../../../modules/alerts/aws"

  workspace     = { arn = "arn:aws:aps:eu-north-1:${local.account}:workspace/ws-0d7a3c1e" }
  rules         = { orders = file("${path.module}/../../rules/orders.yaml") }
  subscriptions = { pager = { severity = "page", protocol = "https", endpoint = "https://pager.example.com" } }
}
