# What each role may do in the two buckets, after the calls that the code makes: create-only puts, gets, heads and lists; no delete, ever.
# Listing is not narrowed to the prefix: with such a condition S3 answers 403 instead of 404 for an object that is not there, and looking
# whether a claim exists is how the sink works.
locals {
  lake_objects = "${var.lake.bucket_arn}/${var.lake.prefix == "" ? "" : "${var.lake.prefix}/"}"

  sla_history = var.sla_history ? "sla/history" : null

  lake_read = {
    sink   = ["lake", "chain"]
    sla    = compact(["lake", var.sla_topics ? "chain" : null, local.sla_history])
    audit  = ["lake", "chain"]
    resume = ["chain"]
  }
  lake_write = { sink = ["lake", "chain"], sla = compact([local.sla_history]), audit = [], resume = ["chain"] }

  lake_statements = {
    for role, folders in local.lake_read : role => [
      for statement in [
        { Sid = "ListLake", Action = ["s3:ListBucket"], Resource = [var.lake.bucket_arn] },
        { Sid = "ReadLake", Action = ["s3:GetObject"], Resource = [for folder in folders : "${local.lake_objects}${folder}/*"] },
        { Sid = "WriteLake", Action = ["s3:PutObject"], Resource = [for folder in local.lake_write[role] : "${local.lake_objects}${folder}/*"] },
        { Sid = "LakeKey", Action = concat(["kms:Decrypt"], length(local.lake_write[role]) > 0 ? ["kms:GenerateDataKey"] : []), Resource = [var.lake.kms_key_arn] },
      ] : merge({ Effect = "Allow" }, statement) if length(statement.Resource) > 0
    ]
  }

  dead_letter_statements = {
    validator = var.oversize_prefix == null ? [] : [
      { Effect = "Allow", Sid = "ListDeadLetters", Action = ["s3:ListBucket"], Resource = [var.dead_letters.bucket_arn] },
      { Effect = "Allow", Sid = "SetAside", Action = ["s3:GetObject", "s3:PutObject"], Resource = ["${var.dead_letters.bucket_arn}/${var.oversize_prefix}/*"] },
      { Effect = "Allow", Sid = "DeadLetterKey", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = [var.dead_letters.kms_key_arn] },
    ]
    operator = [
      { Effect = "Allow", Sid = "ListDeadLetters", Action = ["s3:ListBucket"], Resource = [var.dead_letters.bucket_arn] },
      { Effect = "Allow", Sid = "ReadDeadLetters", Action = ["s3:GetObject"], Resource = ["${var.dead_letters.bucket_arn}/*"] },
      { Effect = "Allow", Sid = "Export", Action = ["s3:PutObject"], Resource = ["${var.dead_letters.bucket_arn}/export/*"] },
      { Effect = "Allow", Sid = "DeadLetterKey", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = [var.dead_letters.kms_key_arn] },
    ]
    dead_letter_reader = [
      { Effect = "Allow", Sid = "ListDeadLetters", Action = ["s3:ListBucket"], Resource = [var.dead_letters.bucket_arn] },
      { Effect = "Allow", Sid = "ReadDeadLetters", Action = ["s3:GetObject"], Resource = ["${var.dead_letters.bucket_arn}/*"] },
      { Effect = "Allow", Sid = "DeadLetterKey", Action = ["kms:Decrypt"], Resource = [var.dead_letters.kms_key_arn] },
    ]
  }

  secret_statements = {
    for role, arns in var.secret_arns : role => concat(
      [{ Effect = "Allow", Sid = "Secrets", Action = ["secretsmanager:GetSecretValue"], Resource = arns }],
      length(var.secret_kms_key_arns) == 0 ? [] : [{ Effect = "Allow", Sid = "SecretKeys", Action = ["kms:Decrypt"], Resource = var.secret_kms_key_arns }],
    ) if length(arns) > 0
  }
}
