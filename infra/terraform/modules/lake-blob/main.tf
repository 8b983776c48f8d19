# One storage account with two containers: the lake, and what leaves the dead-letter topics. No keys, no public blobs, versions kept.
locals {
  below = var.prefix == "" ? "" : "${var.prefix}/"
}

resource "azurerm_storage_account" "this" {
  name                              = var.account
  resource_group_name               = var.resource_group_name
  location                          = var.location
  account_kind                      = "StorageV2"
  account_tier                      = "Standard"
  account_replication_type          = var.replication
  https_traffic_only_enabled        = true
  min_tls_version                   = "TLS1_2"
  allow_nested_items_to_be_public   = false
  cross_tenant_replication_enabled  = false
  default_to_oauth_authentication   = true
  shared_access_key_enabled         = false
  local_user_enabled                = false
  infrastructure_encryption_enabled = true
  public_network_access_enabled     = length(var.subnet_ids) + length(var.ip_rules) > 0
  tags                              = var.tags

  blob_properties {
    versioning_enabled = true

    delete_retention_policy {
      days = var.version_days
    }
    container_delete_retention_policy {
      days = var.version_days
    }
  }

  network_rules {
    default_action             = "Deny"
    bypass                     = ["None"]
    ip_rules                   = var.ip_rules
    virtual_network_subnet_ids = var.subnet_ids
  }

  dynamic "identity" {
    for_each = var.customer_managed_key == null ? [] : [var.customer_managed_key]

    content {
      type         = "UserAssigned"
      identity_ids = [identity.value.user_assigned_identity_id]
    }
  }

  dynamic "customer_managed_key" {
    for_each = var.customer_managed_key == null ? [] : [var.customer_managed_key]

    content {
      key_vault_key_id          = customer_managed_key.value.key_vault_key_id
      user_assigned_identity_id = customer_managed_key.value.user_assigned_identity_id
    }
  }
}

resource "azurerm_storage_container" "lake" {
  name                  = var.container
  storage_account_id    = azurerm_storage_account.this.id
  container_access_type = "private"
}

resource "azurerm_storage_container" "dead_letters" {
  name                  = var.dead_letter_container
  storage_account_id    = azurerm_storage_account.this.id
  container_access_type = "private"
}

resource "azurerm_storage_management_policy" "this" {
  storage_account_id = azurerm_storage_account.this.id

  # No rule ends a current blob of the lake: the chain is the memory of the sink, and readers trust the files.
  rule {
    name    = "old-versions"
    enabled = true

    filters {
      blob_types   = ["blockBlob"]
      prefix_match = ["${var.container}/"]
    }
    actions {
      version {
        delete_after_days_since_creation = var.version_days
      }
    }
  }

  rule {
    name    = "dead-letters-end"
    enabled = true

    filters {
      blob_types   = ["blockBlob"]
      prefix_match = ["${var.dead_letter_container}/"]
    }
    actions {
      base_blob {
        delete_after_days_since_modification_greater_than = var.dead_letter_days
      }
      version {
        delete_after_days_since_creation = var.version_days
      }
    }
  }

  dynamic "rule" {
    for_each = var.cool_after_days == null ? [] : [var.cool_after_days]

    content {
      name    = "parquet-grows-cool"
      enabled = true

      filters {
        blob_types   = ["blockBlob"]
        prefix_match = ["${var.container}/${local.below}lake/"]
      }
      actions {
        base_blob {
          tier_to_cool_after_days_since_modification_greater_than = rule.value
        }
      }
    }
  }
}

resource "azurerm_private_endpoint" "this" {
  count = var.private_endpoint == null ? 0 : 1

  name                = "${var.account}-blob"
  resource_group_name = var.resource_group_name
  location            = var.location
  subnet_id           = var.private_endpoint.subnet_id
  tags                = var.tags

  private_service_connection {
    name                           = "${var.account}-blob"
    private_connection_resource_id = azurerm_storage_account.this.id
    subresource_names              = ["blob"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "blob"
    private_dns_zone_ids = var.private_endpoint.private_dns_zone_ids
  }
}
