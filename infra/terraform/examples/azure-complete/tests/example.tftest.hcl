# The values of terraform.tfvars.example, as a user would begin.
mock_provider "azurerm" {
  mock_resource "azurerm_resource_group" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tidegate" }
  }
  mock_resource "azurerm_eventhub_namespace" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tidegate/providers/Microsoft.EventHub/namespaces/example-tidegate" }
  }
  mock_resource "azurerm_eventhub" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tidegate/providers/Microsoft.EventHub/namespaces/example-tidegate/eventhubs/x" }
  }
  mock_resource "azurerm_storage_account" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tidegate/providers/Microsoft.Storage/storageAccounts/exampletidegate" }
  }
  mock_resource "azurerm_user_assigned_identity" {
    defaults = {
      id           = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tidegate/providers/Microsoft.ManagedIdentity/userAssignedIdentities/x"
      client_id    = "11111111-1111-1111-1111-111111111111"
      principal_id = "22222222-2222-2222-2222-222222222222"
    }
  }
}

variables {
  subscription_id      = "00000000-0000-0000-0000-000000000000"
  location             = "swedencentral"
  resource_group_name  = "tidegate"
  oidc_issuer_url      = "https://swedencentral.oic.prod-aks.azure.com/00000000-0000-0000-0000-000000000000/11111111-1111-1111-1111-111111111111/"
  eventhub_namespace   = "example-tidegate"
  storage_account      = "exampletidegate"
  endpoint_subnet_id   = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/network/providers/Microsoft.Network/virtualNetworks/main/subnets/endpoints"
  virtual_network_id   = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/network/providers/Microsoft.Network/virtualNetworks/main"
  dead_letter_readers  = { on-call = "44444444-4444-4444-4444-444444444444" }
  monitor_workspace_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/monitoring/providers/Microsoft.Monitor/accounts/metrics"
  pager_url            = "https://pager.example.com/tidegate"
  ticket_email         = "data-platform@example.com"
  rules_folder         = "../../tests/rules"
  topics = {
    orders    = { partitions = 12, dead_letter_retention_hours = 336 }
    customers = { partitions = 6 }
  }
}

run "the_example_plans" {
  command = plan

  assert {
    condition     = yamldecode(output.config).validator.mode == "exactly_once" && yamldecode(output.config).validator.probe_topic == "tidegate.probe" && yamldecode(output.config).kafka.client["compression.type"] == "gzip"
    error_message = "The config that Terraform writes is the one that Tidegate reads."
  }
  assert {
    condition     = yamldecode(output.config).validator.retry_topic == "{topic}.retry" && module.kafka.topics.group_state == "tidegate.dead-letters" && contains(module.kafka.topics.parked, "orders.parked")
    error_message = "Dead letters can be sent back: their topics are made, and the config names them."
  }
}
