terraform {
  required_version = ">= 1.9.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

# Keys of nobody: the server is on this machine (AWS_ENDPOINT_URL), which answers for STS, too.
provider "aws" {
  region                      = "eu-north-1"
  access_key                  = "nobody"
  secret_key                  = "nothing"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
}
