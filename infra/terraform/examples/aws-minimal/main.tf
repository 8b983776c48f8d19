# Tidegate on an MSK and an EKS cluster that are there: a lake, and one identity a role.
locals {
  # Replays send to it and validators read it; its name stands in Tidegate's config, too.
  retry_topic = "{topic}.retry"
}

module "kafka" {
  source = "../../modules/msk"

  name         = "tidegate"
  cluster_type = "existing"
  existing     = var.msk_cluster
  topics       = var.topics
  retry_topic  = local.retry_topic
}

module "lake" {
  source = "../../modules/lake-s3"

  bucket = var.lake_bucket
}

module "identity" {
  source = "../../modules/identity-aws"

  eks_cluster     = var.eks_cluster
  msk_cluster_arn = module.kafka.cluster_arn
  topics          = module.kafka.topics
  lake            = module.lake.lake
  dead_letters    = module.lake.dead_letters
  principals      = { for role in ["operator", "topics", "audit", "resume"] : role => var.operators }
}
