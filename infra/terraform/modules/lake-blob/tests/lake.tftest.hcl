mock_provider "azurerm" {
  mock_resource "azurerm_storage_account" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.Storage/storageAccounts/tidelake" }
  }
  mock_resource "azurerm_storage_container" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.Storage/storageAccounts/tidelake/blobServices/default/containers/lake" }
  }
}

variables {
  account             = "tidelake"
  resource_group_name = "tide"
  location            = "swedencentral"
}

run "closed_versioned_encrypted" {
  command = apply
  variables {
    prefix          = "prod"
    cool_after_days = 60
  }
  assert {
    condition     = azurerm_storage_account.this.blob_properties[0].versioning_enabled && azurerm_storage_account.this.blob_properties[0].delete_retention_policy[0].days == 30
    error_message = "Versions and deleted blobs are kept."
  }
  assert {
    condition     = azurerm_storage_account.this.infrastructure_encryption_enabled && !azurerm_storage_account.this.shared_access_key_enabled && !azurerm_storage_account.this.allow_nested_items_to_be_public && azurerm_storage_account.this.min_tls_version == "TLS1_2"
    error_message = "Encrypted, no keys, nothing public, TLS 1.2."
  }
  assert {
    condition     = azurerm_storage_account.this.network_rules[0].default_action == "Deny" && !azurerm_storage_account.this.public_network_access_enabled
    error_message = "Nobody gets in who is not named."
  }
  assert {
    condition     = alltrue([for container in [azurerm_storage_container.lake, azurerm_storage_container.dead_letters] : container.container_access_type == "private"])
    error_message = "Containers are private."
  }
  assert {
    condition = alltrue([
      for rule in azurerm_storage_management_policy.this.rule : coalesce(try(rule.actions[0].base_blob[0].delete_after_days_since_modification_greater_than, -1), -1) < 0
      if contains([for prefix in rule.filters[0].prefix_match : startswith(prefix, "lake/")], true)
    ])
    error_message = "No rule may end a current blob of the lake."
  }
  assert {
    condition     = [for rule in azurerm_storage_management_policy.this.rule : rule.filters[0].prefix_match if rule.name == "parquet-grows-cool"][0] == toset(["lake/prod/lake/"])
    error_message = "Only Parquet files grow cool; the chain is read at each start."
  }
  assert {
    condition     = output.location == "az://lake/prod"
    error_message = "The location feeds the config."
  }
}

run "one_container_is_refused" {
  command = plan
  variables {
    dead_letter_container = "lake"
  }
  expect_failures = [var.dead_letter_container]
}

run "everybody" {
  command = plan
  variables {
    ip_rules = ["0.0.0.0/0"]
  }
  expect_failures = [var.ip_rules]
}

run "a_key_that_cannot_rotate" {
  command = plan
  variables {
    customer_managed_key = {
      key_vault_key_id          = "https://v.vault.azure.net/keys/lake/0123456789abcdef"
      user_assigned_identity_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.ManagedIdentity/userAssignedIdentities/lake"
    }
  }
  expect_failures = [var.customer_managed_key]
}
