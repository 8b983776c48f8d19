output "location" {
  description = "`lake.location` of Tidegate's config."
  value       = var.prefix == "" ? "s3://${aws_s3_bucket.this["lake"].bucket}" : "s3://${aws_s3_bucket.this["lake"].bucket}/${var.prefix}"
}

output "lake" {
  description = "The lake, as the identity module takes it: bucket ARN, prefix, key."
  value = {
    bucket_arn  = aws_s3_bucket.this["lake"].arn
    prefix      = var.prefix
    kms_key_arn = local.keys.lake
  }

  # Whoever reads this may write: not before the bucket is closed.
  depends_on = [aws_s3_bucket_policy.this, aws_s3_bucket_server_side_encryption_configuration.this, aws_s3_bucket_versioning.this]
}

output "dead_letters" {
  description = "The bucket of dead letters, as the identity module takes it: bucket ARN, key."
  value = {
    bucket_arn  = aws_s3_bucket.this["dead_letters"].arn
    kms_key_arn = local.keys.dead_letters
  }

  depends_on = [aws_s3_bucket_policy.this, aws_s3_bucket_server_side_encryption_configuration.this, aws_s3_bucket_versioning.this]
}

output "dead_letter_location" {
  description = "Where dead letters are exported to."
  value       = "s3://${aws_s3_bucket.this["dead_letters"].bucket}"
}
