terraform {
  required_version = ">= 1.9.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

# Keys of nobody: a plan of nothing but new resources asks no server.
provider "aws" {
  region                      = "eu-north-1"
  access_key                  = "nobody"
  secret_key                  = "nothing"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  skip_region_validation      = true
}
