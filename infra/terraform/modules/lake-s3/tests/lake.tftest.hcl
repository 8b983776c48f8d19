mock_provider "aws" {
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::tide-lake" }
  }
}

override_resource {
  target = aws_kms_key.lake
  values = { arn = "arn:aws:kms:eu-north-1:111122223333:key/aaaa" }
}

override_resource {
  target = aws_kms_key.dead_letters
  values = { arn = "arn:aws:kms:eu-north-1:111122223333:key/dddd" }
}

variables {
  bucket = "tide-lake"
}

run "closed_versioned_encrypted" {
  command = apply
  variables {
    prefix          = "prod"
    transition_days = 90
  }

  assert {
    condition     = alltrue([for versioning in aws_s3_bucket_versioning.this : versioning.versioning_configuration[0].status == "Enabled"]) && length(aws_s3_bucket_versioning.this) == 2
    error_message = "Both buckets are versioned."
  }
  assert {
    condition = alltrue([
      for bucket, key in { lake = "aaaa", dead_letters = "dddd" } :
      one(one(aws_s3_bucket_server_side_encryption_configuration.this[bucket].rule).apply_server_side_encryption_by_default).kms_master_key_id == "arn:aws:kms:eu-north-1:111122223333:key/${key}"
    ])
    error_message = "Each bucket is encrypted with a key of its own."
  }
  assert {
    condition     = alltrue([for block in aws_s3_bucket_public_access_block.this : block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets])
    error_message = "Nothing is public."
  }
  assert {
    condition     = alltrue([for policy in aws_s3_bucket_policy.this : alltrue([for statement in jsondecode(policy.policy).Statement : statement.Effect == "Deny"])])
    error_message = "Bucket policies give no rights."
  }
  assert {
    condition     = alltrue([for rule in aws_s3_bucket_lifecycle_configuration.lake.rule : length(rule.expiration) == 0])
    error_message = "No rule may end a current object of the lake."
  }
  assert {
    condition     = alltrue([for rule in aws_s3_bucket_lifecycle_configuration.lake.rule : rule.filter[0].prefix == "prod/lake/" if length(rule.transition) > 0])
    error_message = "Only Parquet files grow cold; the chain is read at each start."
  }
  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.dead_letters.rule[0].expiration[0].days == 90
    error_message = "Dead letters end."
  }
  assert {
    condition     = output.location == "s3://tide-lake/prod" && output.lake.prefix == "prod"
    error_message = "The location feeds the config."
  }
  assert {
    condition     = alltrue([for key in concat(aws_kms_key.lake, aws_kms_key.dead_letters) : key.enable_key_rotation])
    error_message = "Keys rotate."
  }
}

run "one_bucket_is_refused" {
  command = plan
  variables {
    dead_letter_bucket = "tide-lake"
  }
  expect_failures = [var.dead_letter_bucket]
}

run "one_key_is_refused" {
  command = plan
  variables {
    kms_key             = { arn = "arn:aws:kms:eu-north-1:111122223333:key/0d7a3c1e" }
    dead_letter_kms_key = { arn = "arn:aws:kms:eu-north-1:111122223333:key/0d7a3c1e" }
  }
  expect_failures = [var.dead_letter_kms_key]
}

run "a_star_in_the_prefix" {
  command = plan
  variables {
    prefix = "prod*"
  }
  expect_failures = [var.prefix]
}

run "a_class_that_must_be_restored" {
  command = plan
  variables {
    transition_days          = 90
    transition_storage_class = "DEEP_ARCHIVE"
  }
  expect_failures = [var.transition_storage_class]
}
